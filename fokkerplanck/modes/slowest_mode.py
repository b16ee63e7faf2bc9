"""Quasi-stationary states: what the mass that has not left yet looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from fokkerplanck.domain.arguments import frozen, is_whole, positive_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.scheme.generator import Generator


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
    exit_law : array (\*shape)
        Chance that the last cell before leaving is this one, started from ``rho``: time and place
        of the exit are then independent, and the time is exponential. Sum 1, zero off the sides.
    """

    grid: Grid
    rho: Array
    decay_rate: float
    residual: float
    exit_law: Array

    @property
    def mean_exit_time(self) -> float:
        """Mean time until a path that starts from ``rho`` leaves, 1 / decay_rate."""
        return 1 / self.decay_rate


def quasi_stationary(
    problem: Problem | Generator, tol: float = 1e-12, max_iterations: int = 1000
) -> QuasiStationary:
    r"""Quasi-stationary state of a problem with absorbing sides, by Arnoldi on :math:`A^{-1}`.

    The matrix :math:`-A^{-1}` is non-negative, so its dominant vector is positive.

    Parameters
    ----------
    problem : Problem or Generator
        With at least one absorbing side.
    tol : float
        Of the eigenvalue, relative.
    max_iterations : int
        Arnoldi restarts.

    Returns
    -------
    QuasiStationary

    Raises
    ------
    ValueError
        If no side is absorbing: then ``steady_state`` is what to ask for.
    ConvergenceError
        If the restarts are used up.

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
    generator = Generator.of(problem, "quasi_stationary")
    positive_number(tol, "tol")
    if not is_whole(max_iterations) or max_iterations < 1:
        raise ValueError(f"max_iterations is {max_iterations!r}; give a whole number, at least 1")
    exit_rate = generator.edges.exit_rate
    if exit_rate is None or not generator.leaks:
        raise ValueError(
            "no side of the grid is absorbing, or none is ever reached, so no mass leaves; use "
            "steady_state(problem)"
        )
    A, grid = generator.matrix, generator.grid
    volume = grid.volumes.ravel()
    # Columns scaled by the exit rates: an M-matrix with unit diagonal, safe without pivoting.
    factor = sparse_lu(-A @ diags_array(1 / generator.exit_rates))

    def inverse(p: Array) -> Array:
        return factor.solve(np.ravel(p)) / generator.exit_rates

    n = grid.size
    operator = LinearOperator((n, n), matvec=inverse, dtype=float)
    try:
        _, vectors = eigs(operator, k=1, v0=volume, tol=tol, maxiter=max_iterations)
        p = np.abs(vectors[:, 0].real)
    except ArpackNoConvergence as error:
        raise ConvergenceError(
            f"the slowest mode was not found in {max_iterations} restarts (two slow modes may be "
            "close); raise max_iterations or tol",
            iterate=None,
        ) from error
    # Two steps of inverse iteration, a non-negative matrix, leave rounding errors positive.
    for _ in range(2):
        new = inverse(p)
        rate = p.sum() / new.sum()
        p = new / new.sum()
    residual = float(np.abs(A @ p + rate * p).sum() / generator.exit_rates.max())
    rho = (p / volume).reshape(grid.shape)
    leaving = p * exit_rate / volume
    law = (leaving / leaving.sum()).reshape(grid.shape)
    return QuasiStationary(grid, frozen(rho), float(rate), residual, frozen(law))
