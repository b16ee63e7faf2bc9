"""Steady states of large Markov generators: nested iteration, multigrid, well weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.chains import GraphChain, GridChain, count_wells

#: Corrections of a grid, and Krylov steps of one of them, before it counts as failed.
MAX_CORRECTIONS, MAX_STEPS = 100, 80
#: Error of log rho on grids that only give the next one its start.
START_TOLERANCE = 1e-3
#: Relative residual of a correction while the guess is poor, and the least that is asked for.
ROUGH, FINE = 1e-2, 1e-6
#: Least (and over it largest) u that is believed; an error after which wells are looked for again;
#: a relative residual that is a failure.
LEAST_U, VERY_LARGE, STALLED = 0.01, 3.0, 0.5
#: Failures after which the iteration gives up, and sweeps after each of them.
MAX_STALLS, SWEEPS = 8, 20
#: Part of the cells whose corrections may be cut and the hierarchy serve on.
FEW = 1e-3
#: Balance of the cells that a result must have.
TRUSTED = 1e-8
#: Krylov directions kept at a time, and on small grids.
RESTART, RESTART_SMALL = 12, 40
#: Weighings that are combined, and the largest coefficient of a combination.
MEMORY, BOLDEST = 4, 20.0
#: Rounding of a cell's balance, in units of 1 + range of log mass.
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
        Wells behind high barriers whose weights were kept apart; 1 if there are none.
    """

    log_mass: np.ndarray
    history: tuple[float, ...]
    steps: tuple[int, ...]
    error: float
    shapes: tuple[tuple[int, ...], ...] = ()
    message: str = ""
    n_wells: int = 0


def multilevel_log_mass(problem, generator=None, tol=1e-10) -> MultilevelResult:
    r"""Stationary vector of the generator of a problem by multigrid, as log masses.

    Nested iteration: the solution on half as many cells along every axis, interpolated in
    :math:`\log\rho`, starts the next grid. There the unknown is the ratio u to the guess, Lu = 0
    with L the generator over the guess, solved by GMRES with a K-cycle of aggregation multigrid;
    :math:`\log\rho` is corrected by log u until what is left is below tol. The weights of wells
    come from elimination on the coarsest lumped chain, without a subtraction.

    Parameters
    ----------
    problem : Problem
    generator : Generator, optional
        That of the problem, if at hand.
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
    generator = Generator(problem) if generator is None else generator
    return _nested(problem, generator, tol)


def _nested(problem, generator, tol, is_start=False) -> MultilevelResult:
    """Solution on the grid of a problem, from that on a coarser one."""
    grid = problem.grid
    if grid.size <= sizes.STEADY_COARSEST[grid.dim] or grid.coarsened().size == grid.size:
        log_mass = np.array(null_vector(generator.matrix, grid.shape).log_mass)
        n_wells = count_wells(generator.matrix, log_mass)
        return MultilevelResult(log_mass, (), (), 0.0, (grid.shape,), "elimination", n_wells)
    start, shapes, note, n_wells = _start(problem)
    with threads.Suited(grid.size):
        result, failed = _solved(generator, start, tol, is_start, n_wells)
    words, note = f"{len(shapes) + 1} nested grids", note + failed
    steps = f"{sum(result.steps)} Krylov steps on the finest"
    if result.n_wells > 1:
        note = f"; weights of {result.n_wells} wells by elimination{note}"
    message = f"{words}, {len(result.steps)} corrections and {steps}{note}"
    return replace(result, shapes=(*shapes, grid.shape), message=message)


def _solved(generator, start, tol, is_start, n_wells):
    """Solution on one grid, and a note if structured multigrid failed."""
    chain = chain_of(generator, start)
    try:
        return stationary(chain, tol, is_start, n_wells), ""
    except ConvergenceError as error:
        if isinstance(chain, GraphChain):
            raise
        # Wall layers much thinner than a cell, say: aggregation is slower, and takes everything.
        note = f"; structured multigrid failed ({error.residual:.0e}), aggregation took over"
        start = error.iterate
    del chain
    return stationary(chain_of(generator, start, structured=False), tol, is_start), note


def _start(problem):
    """Log masses (n,) to start from, shapes of the coarser grids, a note, number of wells or 0."""
    grid = problem.grid
    coarse = grid.coarsened()
    try:
        try:
            halved = problem.on(coarse)
        except ValueError:
            halved = _sampled(problem, coarse)
        result = _nested(halved, Generator(halved), START_TOLERANCE, is_start=True)
        log_rho = result.log_mass - np.log(_volumes(coarse))
        if not np.isfinite(log_rho).all():
            raise ValueError("there are cells without mass")
    except (ValueError, ConvergenceError) as error:  # not unique there, say: any start will do
        return np.log(_volumes(grid)), (), f"; uniform start, half as many cells failed: {error}", 0
    log_rho = fields.interpolate(log_rho.reshape(coarse.shape), coarse, grid)
    return log_rho.ravel() + np.log(_volumes(grid)), result.shapes, "", result.n_wells


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
        t = t.reshape([-1 if i == axis else 1 for i in range(u.ndim)])
        u = (1 - t) * np.take(u, upper - 1, axis=axis) + t * np.take(u, upper, axis=axis)
    return u


def _volumes(grid):
    """Cell volumes (n,)."""
    return grid.volumes.ravel()


class _Correction:
    """One grid: its chain with the guess, held cells of wells, and what happened."""

    def __init__(self, chain, n_wells):
        self.chain, self.pins = chain, np.empty(0, np.int64) if n_wells == 1 else None
        chain.sweep(2)
        self.weighings: list = []
        self.history, self.steps = [], []

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
        if self.pins is None:
            self.pins, self.weighings = self.chain.lumps().wells(self.chain.phi), []
        self.chain.rebuild(self.pins)

    def correct(self, r, reduction):
        """Correct log mass; returns estimated error, relative residual, part of the cells cut.

        The equation is linear: however large, a correction is as good as it was solved, unless it
        is cut because u is no density (the error is infinite then).
        """
        chain = self.chain
        is_small = r.size < sizes.STEADY_MANY_DIRECTIONS_BELOW
        restart = RESTART_SMALL if is_small else RESTART
        result = fgmres(
            chain.apply, chain.precondition, r, chain.weight, reduction, MAX_STEPS,
            restart, 0.5 * self.floor * np.sqrt(r.size), chain.flexible,
        )  # fmt: skip
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
        if self.pins is not None and self.pins.size:
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


def stationary(chain, tol, is_start=False, n_wells=0) -> MultilevelResult:
    """Corrections of the log masses of a chain until the error estimate is below tol.

    ``is_start`` says that the result only starts another grid: the weights of one well, which are
    right if all the rest is, are not checked. ``n_wells`` is 1 if there are no high barriers.
    """
    run = _Correction(chain, n_wells)
    r, balance = run.imbalance()
    error, is_done, is_new, cut, stalls = np.inf, False, True, 1.0, 0
    for _ in range(MAX_CORRECTIONS):
        if balance <= run.floor or error <= tol:
            if is_start and run.pins is not None and not run.pins.size:
                is_done = True
                break
            moved = run.weigh()
            r, balance = run.imbalance()
            is_done = moved <= tol
            if is_done:
                error = max(moved, error if np.isfinite(error) else 0.0)
                break
            if run.pins is not None and not run.pins.size:
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
            iterate=phi, residual=balance,
        )  # fmt: skip
    n_wells = 1 if run.pins is None else max(1, run.pins.size)
    return MultilevelResult(phi, tuple(run.history), tuple(run.steps), error, n_wells=n_wells)
