"""Quasi-stationary states: what the mass that has not left yet looks like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from fokkerplanck.distributions.methods import DensityMethods
from fokkerplanck.domain.arguments import frozen, is_whole, positive_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import ErrorReport
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.run_stats import RunStats
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question, Repeatable
from fokkerplanck.linalg.killed import KilledChain
from fokkerplanck.modes.linear_decay import linear_decay
from fokkerplanck.modes.slowest_decay import slowest_decay
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.operator_choice import LinearOperator, choose_operator


@dataclass(frozen=True, eq=False)
class QuasiStationary(Repeatable, Saved, DensityMethods):
    r"""Slowest decaying density: :math:`A\rho=-\lambda\rho`, :math:`\rho>0`, :math:`\int\rho=1`.

    Attributes
    ----------
    grid : Grid
    rho : array (\*shape)
        Density in 1/volume given that no mass has left.
    decay_rate : float
        Rate :math:`\lambda` (1/time) at which mass leaves through the absorbing sides.
    residual : float
        Width of ``decay_rate_bounds`` over the decay rate; of a linear flux
        :math:`\|A\rho+\lambda\rho\|_1/\lambda`.
    exit_law : array (\*shape)
        Chance that the last cell before leaving is this one, started from ``rho``: time and place
        of the exit are then independent, and the time is exponential. Sum 1, zero off the sides.
        Linear fluxes read up to three cells at a side; negative entries of theirs are set to zero.
    decay_rate_bounds : (float, float)
        Least and largest :math:`-(A^Tu)_i/u_i` and :math:`-(Ap)_i/p_i` over the cells, without a
        subtraction: the rate of the chain on this grid lies between them. They say nothing of the
        error of the grid. nan for linear fluxes, which have no such bounds.
    centroids : array (d, \*shape) or None
        Mean places of the mass of the cells, where singular walls move them off the centres.
    stats : dict
        ``scheme``, ``solver``, ``steps``, ``message``; of linear fluxes ``negative_mass``,
        which rho had and does not show.
    error_estimate, error_report : float, ErrorReport
        Of ``decay_rate``, 1/time, by observed order on three grids; see ``error_of``.
    """

    grid: Grid
    rho: Array
    decay_rate: float
    residual: float
    exit_law: Array
    decay_rate_bounds: tuple[float, float]
    centroids: Array | None = field(default=None, repr=False)
    stats: RunStats = field(default_factory=lambda: RunStats({}))
    _asked: Question | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stats", RunStats(self.stats))

    @property
    def error_estimate(self) -> float:
        """Error of ``decay_rate``, 1/time; nan where coarser grids have no answer."""
        return float(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the order it rests on, and what speaks against it."""
        return self.error_of(lambda state: state.decay_rate)

    @property
    def _places(self) -> Array | None:
        """Means and moments are taken at the centroids."""
        return self.centroids

    @property
    def mean_exit_time(self) -> float:
        """Mean time until a path that starts from ``rho`` leaves, 1 / decay_rate."""
        return 1 / self.decay_rate


def quasi_stationary(
    problem: Problem | Generator,
    tol: float = 1e-12,
    max_iterations: int = 1000,
    *,
    scheme: str = "auto",
) -> QuasiStationary:
    r"""Quasi-stationary state of a problem with absorbing sides, by powers of :math:`-A^{-1}`.

    Of the Markov chain that matrix is non-negative, so its dominant vector is positive. It is
    applied by elimination without subtractions: rates are accurate relative to themselves, however
    high the barrier.

    Parameters
    ----------
    problem : Problem or Generator
        With at least one absorbing side.
    tol : float
        Width of the bounds of the decay rate, relative.
    max_iterations : int
        Steps of inverse iteration, or solves of Krylov spaces for left or right modes.
    scheme : {"auto", "markov", "upwind5"}
        As in ``mfpt``: the chain, or the linear flux of fifth order where upwinding would add to
        the noise, as for motion with inertia. Its rates hold to 1e4 roundings of its largest one.

    Returns
    -------
    QuasiStationary

    Raises
    ------
    ValueError
        If no side is absorbing: then ``steady_state`` is what to ask for.
    ConvergenceError
        If the steps are used up, or rates are below 1e-280; if the grid does not resolve the
        problem for the linear flux and the chain is no substitute (``scheme="markov"`` answers
        all the same).

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
    if not generator.leaks:
        raise ValueError(f"{generator.why_closed}, so no mass leaves; use steady_state(problem)")
    choice = choose_operator(generator, scheme, "quasi_stationary", kind="passage")
    found, message = choice.answer(lambda f: _linear(f, tol, max_iterations))
    again = partial(quasi_stationary, tol=tol, max_iterations=max_iterations)
    if found is None:
        found = _of_chain(generator, tol, max_iterations, message)
    asked = Question.of(generator.problem, partial(again, scheme=found.stats["scheme"]))
    return replace(found, _asked=asked)


def _of_chain(
    generator: Generator, tol: float, max_iterations: int, message: str
) -> QuasiStationary:
    """The state of the Markov chain."""
    grid, flows = generator.grid, Flows.from_generator(generator)
    chain = KilledChain(flows, np.stack(np.unravel_index(np.arange(grid.size), grid.shape), axis=1))
    found = slowest_decay(chain, tol, max_iterations)
    leaving = found.masses * flows.exits
    return QuasiStationary(
        grid=grid,
        rho=frozen((found.masses / grid.volumes.ravel()).reshape(grid.shape)),
        decay_rate=found.rate,
        residual=(found.high - found.low) / found.rate,
        exit_law=frozen((leaving / leaving.sum()).reshape(grid.shape)),
        decay_rate_bounds=(found.low, found.high),
        stats=RunStats(
            {"scheme": "markov", "solver": "direct", "steps": found.steps, "message": message}
        ),
        centroids=_centroids(generator),
    )


def _linear(linear: LinearOperator, tol: float, max_iterations: int) -> QuasiStationary:
    """The state of a linear flux."""
    grid, found = linear.flux.grid, linear_decay(linear, tol, max_iterations)
    return QuasiStationary(
        grid=grid,
        rho=frozen((found.masses / grid.volumes.ravel()).reshape(grid.shape)),
        decay_rate=found.rate,
        residual=found.residual,
        exit_law=frozen(found.exit_law.reshape(grid.shape)),
        decay_rate_bounds=(float("nan"), float("nan")),
        stats=RunStats(
            {
                "scheme": linear.scheme,
                "solver": "direct",
                "steps": found.steps,
                "negative_mass": found.negative,
                "message": found.message,
            }
        ),
        centroids=_centroids(linear.generator),
    )


def _centroids(generator: Generator) -> Array | None:
    """Mean places of the mass of the cells; None for their centres."""
    edges = generator.edges
    return edges.centroids if edges.knows_walls else None
