"""Steady states of large Markov generators: nested iteration, multigrid, well weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import along
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.chains import GraphChain, GridChain, GuessedChain, chain_wells

#: Corrections of log mass on one grid after which it has failed.
MAX_CORRECTIONS = 100
#: Krylov steps of one correction.
MAX_STEPS = 80
#: Error of log rho on coarse grids, whose solution is only a start for the next grid.
START_TOLERANCE = 1e-3
#: Relative residual that is asked of a correction while the guess is poor.
ROUGH = 1e-2
#: Least relative residual that is asked of a correction.
FINE = 1e-6
#: Smallest ratio u of new to old mass in a cell; the largest is one over it. Others are cut.
LEAST_U = 0.01
#: Change of log mass after which wells are looked for again.
VERY_LARGE = 3.0
#: Relative residual of a correction above which it has failed.
STALLED = 0.5
#: Failed corrections after which the iteration gives up.
MAX_STALLS = 8
#: Sweeps over all cells after a failed correction.
SWEEPS = 20
#: Part of the cells whose u may be cut without a new preconditioner.
FEW = 1e-3
#: Imbalance over outflow of a cell above which a result is not trusted.
TRUSTED = 1e-8
#: Krylov directions that are kept at a time on large grids; each takes up to 16 bytes a cell.
RESTART = 12
#: Krylov directions that are kept at a time on small grids.
RESTART_SMALL = 40
#: Results of weighing that are combined.
MEMORY = 4
#: Largest coefficient of such a combination.
BOLDEST = 20.0
#: Rounding of the imbalance of a cell over its outflow, per 1 + range of log mass.
ROUNDING = 4e-16


@dataclass(frozen=True, eq=False)
class MultilevelResult:
    """Stationary log masses and how they were found.

    Attributes
    ----------
    log_mass : array (n,)
    history : tuple of float
        Largest imbalance of a cell, over its outflow, after every correction on the finest grid.
    steps : tuple of int
        Krylov steps of these corrections.
    error : float
        Estimated error of log mass left by the iteration.
    shapes : tuple
        Grids of the nested iteration, coarsest first.
    message : str
        What was done, in words.
    n_wells : int
        Wells behind high barriers whose weights were kept apart; 1 if there are none, 0 if
        nobody has looked.
    """

    log_mass: Array
    history: tuple[float, ...]
    steps: tuple[int, ...]
    error: float
    shapes: tuple[tuple[int, ...], ...] = ()
    message: str = ""
    n_wells: int = 0


def multilevel_log_mass(given: Problem | Generator, tol: float = 1e-10) -> MultilevelResult:
    r"""Stationary vector of the generator of a problem by multigrid, as log masses.

    Nested iteration: the solution on half as many cells along every axis, interpolated in
    :math:`\log\rho`, starts the next grid. There the unknown is the ratio u to the guess, Lu = 0
    with L the generator over the guess, solved by GMRES with a K-cycle of aggregation multigrid;
    :math:`\log\rho` is corrected by log u until what is left is below tol. The weights of wells
    come from elimination on the coarsest lumped chain, without a subtraction.

    Parameters
    ----------
    given : Problem, or the Generator of one
    tol : float
        Estimated error of log mass at which the iteration stops.

    Returns
    -------
    MultilevelResult

    Raises
    ------
    ConvergenceError
        If corrections do not become small; ``iterate`` holds the last log masses.

    References
    ----------
    Horton and Leutenegger, Perform. Eval. Rev. 22 (1994); De Sterck et al., SIAM J. Sci. Comput.
    30 (2008) and 32 (2010): multilevel methods for Markov chains.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.steady.multilevel import multilevel_log_mass
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 96)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x))
    >>> result = multilevel_log_mass(problem)
    >>> result.shapes, result.error < 1e-10
    (((48, 48), (96, 96)), True)
    """
    return _nested(Generator.of(given, "multilevel_log_mass"), tol)


def _nested(generator, tol, is_start=False) -> MultilevelResult:
    """Solution on the grid of a generator, from that on a coarser one."""
    grid = generator.grid
    if grid.size <= sizes.STEADY_COARSEST[grid.dim] or grid.coarsened().size == grid.size:
        log_mass = np.array(null_vector(generator.matrix, grid.shape).log_mass)
        n_wells = chain_wells(generator.matrix, log_mass).size
        return MultilevelResult(log_mass, (), (), 0.0, (grid.shape,), "elimination", n_wells)
    start = _start(Generator.problem_of(generator, "multilevel_log_mass"))
    with threads.Suited(grid.size):
        result = _solved(generator, start, tol, is_start)
    shapes, note = (*start.shapes, grid.shape), start.message + result.message
    steps = f"{sum(result.steps)} Krylov steps on the finest"
    if result.n_wells > 1:
        note = f"; weights of {result.n_wells} wells by elimination{note}"
    message = f"{len(shapes)} nested grids, {len(result.steps)} corrections and {steps}{note}"
    return replace(result, shapes=shapes, message=message)


def _solved(generator, start, tol, is_start) -> MultilevelResult:
    """Solution on one grid; its message is a note if structured multigrid failed."""
    chain = chain_of(generator, start.log_mass)
    try:
        return stationary(chain, tol, is_start, has_one_well=start.n_wells == 1)
    except ConvergenceError as error:
        if isinstance(chain, GraphChain):
            raise
        # Wall layers much thinner than a cell, say: aggregation is slower, but solves these too.
        note = f"; structured multigrid failed ({error.residual:.0e}), aggregation took over"
        iterate = error.iterate
    del chain
    result = stationary(chain_of(generator, iterate, structured=False), tol, is_start)
    return replace(result, message=note)


def _start(problem) -> MultilevelResult:
    """Log masses to start from, by interpolation from half as many cells; the message is a note."""
    grid, coarse = problem.grid, problem.grid.coarsened()
    try:
        try:
            halved = problem.on(coarse)
        except ValueError:
            halved = _sampled(problem, coarse)
        result = _nested(Generator(halved), START_TOLERANCE, is_start=True)
        log_rho = result.log_mass - np.log(coarse.volumes.ravel())
        if not np.isfinite(log_rho).all():
            raise ValueError("there are cells without mass")
    except (ValueError, ConvergenceError) as error:  # not unique there, say: any start will do
        note = f"; uniform start, half as many cells failed: {error}"
        return MultilevelResult(np.log(grid.volumes.ravel()), (), (), np.inf, message=note)
    log_rho = fields.interpolate(log_rho.reshape(coarse.shape), coarse, grid)
    log_mass = log_rho.ravel() + np.log(grid.volumes.ravel())
    return replace(result, log_mass=log_mass, message="")


def _sampled(problem, grid):
    """Problem on a coarser grid from arrays: linear interpolation keeps D positive."""
    source = problem.grid
    return Problem(
        grid,
        drift=_linear(problem.drift, source, grid),
        D=_linear(problem.D, source, grid),
        beta=problem.beta,
    )


def _linear(u, source, target):
    """Linear interpolation of an array (..., *shape) to the cells of another grid on its box."""
    for k in range(source.dim):
        axis = u.ndim - source.dim + k
        x, at = source.centers[k], target.centers[k]
        upper = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
        t = np.clip((at - x[upper - 1]) / (x[upper] - x[upper - 1]), 0.0, 1.0)
        t = along(t, axis, u.ndim)
        u = (1 - t) * np.take(u, upper - 1, axis=axis) + t * np.take(u, upper, axis=axis)
    return u


class _Correction:
    """One grid: its chain with the guess, the cells held in wells, and what happened."""

    def __init__(self, chain: GuessedChain, has_one_well: bool):
        self.chain = chain
        #: Densest cells of the wells, none if there is one well only; None if they are unknown.
        self.pins: Integers | None = np.empty(0, np.int64) if has_one_well else None
        #: The last changes of the weights of wells, with the log masses that they led to.
        self.weighings: list[tuple[Array, Array]] = []
        #: Largest imbalance of a cell over its outflow, and Krylov steps, of every correction.
        self.history: list[float] = []
        self.steps: list[int] = []
        chain.sweep(2)

    @property
    def n_wells(self) -> int:
        """Number of wells, 0 if it is unknown."""
        return 0 if self.pins is None else max(1, self.pins.size)

    @property
    def floor(self) -> float:
        """Imbalance that is rounding."""
        return ROUNDING * (8 + float(np.ptp(self.chain.phi)))

    def imbalance(self):
        """Residual of u = 1 and the largest over the outflow."""
        r = self.chain.imbalance()
        balance = float(np.max(np.abs(r) / self.chain.exits))
        self.history.append(balance)
        return r, balance

    def rebuild(self):
        """Hierarchy of the present guess, with one cell of every well held."""
        if self.pins is None:  # wells are to be looked for
            self.pins, self.weighings = self.chain.lumps().wells(self.chain.phi), []
        self.chain.rebuild(self.pins)

    def correct(self, r, reduction):
        """Correct log mass; returns estimated error, relative residual, part of the cells cut.

        The equation is linear: however large, a correction is as good as it was solved, unless it
        is cut because u is no density (the error is infinite then).
        """
        chain, problem = self.chain, (self.chain.apply, self.chain.precondition, r)
        is_small = r.size < sizes.STEADY_MANY_DIRECTIONS_BELOW
        restart = RESTART_SMALL if is_small else RESTART
        floor = 0.5 * self.floor * np.sqrt(r.size)
        steps = reduction, MAX_STEPS, restart
        result = fgmres(*problem, chain.weight, *steps, floor, chain.flexible)
        self.steps.append(result.iterations)
        u, left = result.x, result.history[-1]
        cut = np.count_nonzero((u < LEAST_U - 1) | (u > 1 / LEAST_U)) / u.size
        error = left * float(np.ptp(u)) / max(1 + float(u.min()), LEAST_U)
        if error > VERY_LARGE:
            self.pins = None
        u += 1
        np.clip(u, LEAST_U, 1 / LEAST_U, out=u)
        phi = chain.phi
        phi += np.log(u, out=u)
        if cut:
            chain.sweep(2)
        chain.refresh()
        return np.inf if cut else error, left, cut

    def weigh(self) -> float:
        """Set the weights of the lumps by elimination; returns the largest change of log mass.

        Weights and the shape of the mass on the saddles depend on each other: a contraction, which
        is accelerated by minimising the change of weights over combinations of the last ones
        (Anderson, J. ACM 12, 1965).
        """
        phi = self.chain.phi
        change = self.chain.lumps().change()
        change -= change[np.argmax(phi)]
        moved = float(np.abs(change).max())
        if self.pins is not None and self.pins.size:  # several wells
            self.weighings = [*self.weighings[1 - MEMORY :], (change[self.pins], phi + change)]
        phi += change
        if len(self.weighings) > 1:
            shifts = np.stack([shift for shift, _ in self.weighings], axis=1)
            mix = np.linalg.lstsq(np.diff(shifts, axis=1), shifts[:, -1], rcond=1e-12)[0]
            if np.abs(mix).max() < BOLDEST:
                for theta, (one, other) in zip(mix, pairwise(self.weighings), strict=True):
                    phi -= theta * (other[1] - one[1])
        self.chain.refresh()
        return moved


def chain_of(generator, start, structured=True):
    """Chain for multigrid: on structured arrays if only nearest neighbours are joined."""
    if structured and generator.edges.kind != "tensor" and generator.grid.dim > 1:
        return GridChain(generator, start)
    return GraphChain(Flows.from_generator(generator), generator.grid.shape, start)


def stationary(chain: GuessedChain, tol, is_start=False, has_one_well=False) -> MultilevelResult:
    """Corrections of the log masses of a chain until the error estimate is below tol.

    ``is_start`` says that the result is only a start for another grid: with one well, whose weight
    is right if all the rest is, weights are not checked then. ``has_one_well`` says that there are
    no high barriers, as a coarser grid has shown.
    """
    run = _Correction(chain, has_one_well)
    r, balance = run.imbalance()
    error, is_done, is_new, cut, stalls = np.inf, False, True, 1.0, 0
    for _ in range(MAX_CORRECTIONS):
        if balance <= run.floor or error <= tol:
            if is_start and run.n_wells == 1:
                is_done = True
                break
            moved = run.weigh()
            r, balance = run.imbalance()
            is_done = moved <= tol
            if is_done:
                error = max(moved, error if np.isfinite(error) else 0.0)
                break
            if run.n_wells == 1:  # there may be more
                run.pins = None
            is_new = moved > VERY_LARGE or run.pins is None
        if is_new or not chain.is_reusable:
            run.rebuild()
        rough = cut and not is_start and balance > 1e-3
        error, left, cut = run.correct(r, ROUGH if rough else max(FINE, 0.3 * tol))
        if left > STALLED and error > tol:
            if stalls == MAX_STALLS:
                break
            stalls += 1
            chain.sweep(SWEEPS)
        is_new = cut > FEW or VERY_LARGE < error < np.inf
        r, balance = run.imbalance()
    phi = chain.phi - chain.phi.max()
    phi -= np.log(np.exp(phi).sum())
    if not (is_done and balance <= max(TRUSTED, tol)):
        raise ConvergenceError(
            f"the multilevel solver stopped at an imbalance of {balance:.1e} and an estimated "
            f"error of {error:.1e} after {len(run.steps)} corrections, tol = {tol:g}; refine the "
            'grid where log rho is steep, loosen tol, or use solver="direct"',
            iterate=phi,
            residual=balance,
        )
    history, steps = tuple(run.history), tuple(run.steps)
    return MultilevelResult(phi, history, steps, error, n_wells=max(1, run.n_wells))
