"""Quasi-stationary states: what the mass that has not left yet looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.arguments import frozen, is_whole, positive_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.linalg.killed import KilledChain
from fokkerplanck.modes.slowest_decay import slowest_decay
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator


@dataclass(frozen=True, eq=False)
class QuasiStationary(Portable):
    r"""Slowest decaying density: :math:`A\rho=-\lambda\rho`, :math:`\rho>0`, :math:`\int\rho=1`.

    Attributes
    ----------
    grid : Grid
    rho : array (\*shape)
        Density in 1/volume given that no mass has left.
    decay_rate : float
        Rate :math:`\lambda` (1/time) at which mass leaves through the absorbing sides.
    residual : float
        Width of ``decay_rate_bounds`` over the decay rate.
    exit_law : array (\*shape)
        Chance that the last cell before leaving is this one, started from ``rho``: time and place
        of the exit are then independent, and the time is exponential. Sum 1, zero off the sides.
    decay_rate_bounds : (float, float)
        Least and largest :math:`-(A^Tu)_i/u_i` and :math:`-(Ap)_i/p_i` over the cells, without a
        subtraction: the rate of the chain on this grid lies between them. They say nothing of the
        error of the grid.
    """

    grid: Grid
    rho: Array
    decay_rate: float
    residual: float
    exit_law: Array
    decay_rate_bounds: tuple[float, float]

    @property
    def mean_exit_time(self) -> float:
        """Mean time until a path that starts from ``rho`` leaves, 1 / decay_rate."""
        return 1 / self.decay_rate


def quasi_stationary(
    problem: Problem | Generator, tol: float = 1e-12, max_iterations: int = 1000
) -> QuasiStationary:
    r"""Quasi-stationary state of a problem with absorbing sides, by powers of :math:`-A^{-1}`.

    That matrix is non-negative, so its dominant vector is positive. It is applied by elimination
    without subtractions: rates are accurate relative to themselves, however high the barrier.

    Parameters
    ----------
    problem : Problem or Generator
        With at least one absorbing side.
    tol : float
        Width of the bounds of the decay rate, relative.
    max_iterations : int
        Steps of inverse iteration.

    Returns
    -------
    QuasiStationary

    Raises
    ------
    ValueError
        If no side is absorbing: then ``steady_state`` is what to ask for.
    ConvergenceError
        If the steps are used up, or rates are below 1e-280.

    References
    ----------
    P. Collet, S. Martinez, J. San Martin, Quasi-Stationary Distributions, Springer (2013). A. Alfa,
    J. Xue, Q. Ye, Math. Comp. 71 (2002), 217. J. Xue, SIAM J. Matrix Anal. Appl. 17 (1996), 748.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(0, 1)], 200, sides="absorbing"))
    >>> round(fp.quasi_stationary(problem).decay_rate / 3.141592653589793**2, 4)
    1.0

    Over a barrier of 40 kT.

    >>> grid = fp.Grid([(-1, 1)], 50, sides="absorbing")
    >>> slow = fp.quasi_stationary(fp.Problem(grid, f=lambda x: 40 * x**2))
    >>> low, high = slow.decay_rate_bounds
    >>> f"{slow.decay_rate:.3e}", high / low - 1 < 1e-12
    ('2.404e-15', True)
    """
    generator = Generator.of(problem, "quasi_stationary")
    positive_number(tol, "tol")
    if not is_whole(max_iterations) or max_iterations < 1:
        raise ValueError(f"max_iterations is {max_iterations!r}; give a whole number, at least 1")
    exit_rate = generator.edges.exit_rate
    known = generator.problem
    if exit_rate is None or (known is not None and not known.has_open_sides):
        raise ValueError(
            "no side of the grid is absorbing, or none is ever reached, so no mass leaves; use "
            "steady_state(problem)"
        )
    if not generator.leaks:
        raise ValueError(
            "sides absorb, but all rates towards them are zero in doubles: D vanishes there, or "
            "the drift holds the mass back by e^700 and more; lower beta or refine the grid"
        )
    grid, flows = generator.grid, Flows.from_generator(generator)
    chain = KilledChain(flows, np.stack(np.unravel_index(np.arange(grid.size), grid.shape), axis=1))
    found = slowest_decay(chain, tol, max_iterations)
    volume = grid.volumes.ravel()
    leaving = found.masses * exit_rate / volume
    return QuasiStationary(
        grid=grid,
        rho=frozen((found.masses / volume).reshape(grid.shape)),
        decay_rate=found.rate,
        residual=(found.high - found.low) / found.rate,
        exit_law=frozen((leaving / leaving.sum()).reshape(grid.shape)),
        decay_rate_bounds=(found.low, found.high),
    )
