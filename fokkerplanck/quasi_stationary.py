"""Quasi-stationary states: what the mass that has not left yet looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.generator import Generator
from fokkerplanck.grid import Grid


@dataclass(frozen=True, eq=False)
class QuasiStationary:
    r"""Slowest decaying density: :math:`A\rho=-\lambda\rho`, :math:`\rho>0`, :math:`\int\rho=1`.

    Attributes
    ----------
    grid : Grid
    rho : array (\*shape)
        Density in 1/volume given that no mass has left.
    decay_rate : float
        Rate :math:`\lambda` (1/time) at which mass leaves through the absorbing sides.
    residual : float
        :math:`\|A p+\lambda p\|_1` over the largest exit rate.
    iterations : int
    """

    grid: Grid
    rho: np.ndarray
    decay_rate: float
    residual: float
    iterations: int


def quasi_stationary(problem, tol=1e-12, max_iterations=200) -> QuasiStationary:
    r"""Quasi-stationary state of a problem with absorbing sides, by inverse iteration.

    Each step :math:`p\leftarrow-A^{-1}p/\|A^{-1}p\|_1` multiplies by a non-negative matrix, so p stays
    positive; the decay rate is :math:`1/\|A^{-1}p\|_1`.

    Parameters
    ----------
    problem : Problem
        With at least one absorbing side.
    tol : float
        Of the residual.
    max_iterations : int

    Returns
    -------
    QuasiStationary

    Raises
    ------
    ValueError
        If no side is absorbing: then ``steady_state`` is what to ask for.
    ConvergenceError
        If the residual stays above tol; ``.iterate`` holds the last density.

    References
    ----------
    P. Collet, S. Martinez, J. San Martin, Quasi-Stationary Distributions, Springer (2013).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(0, 1)], 200, sides="absorbing"))
    >>> round(fp.quasi_stationary(problem).decay_rate / 3.141592653589793**2, 4)
    1.0
    """
    if not problem.grid.has_absorbing_sides:
        raise ValueError(
            "no side of the grid is absorbing, so no mass leaves; use steady_state(problem)"
        )
    generator = Generator(problem)
    A, grid = generator.matrix, problem.grid
    volume = np.broadcast_to(grid.volume, grid.shape).ravel()
    # Columns scaled by the exit rates: an M-matrix with unit diagonal, safe without pivoting.
    factor = splu(
        (-A @ diags_array(1 / generator.exit_rates)).tocsc(),
        permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    p = volume / volume.sum()
    residual, previous = np.inf, np.inf
    for iteration in range(1, max_iterations + 1):
        new = factor.solve(p) / generator.exit_rates
        rate = 1 / new.sum()
        p = rate * new
        residual = float(np.abs(A @ p + rate * p).sum() / generator.exit_rates.max())
        if residual <= tol or (iteration > 5 and residual < 1e3 * tol and residual >= 0.5 * previous):
            rho = (p / volume).reshape(grid.shape)
            rho.flags.writeable = False
            return QuasiStationary(grid, rho, float(rate), residual, iteration)
        previous = residual
    raise ConvergenceError(
        f"inverse iteration stopped at residual {residual:.1e} after {max_iterations} steps, tol = "
        f"{tol:g}; raise max_iterations (two slow modes may be close) or tol",
        iterate=(p / volume).reshape(grid.shape),
        residual=residual,
    )
