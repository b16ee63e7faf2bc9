"""Steady states of large Markov generators: nested iteration, multigrid, well weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fokkerplanck import fields
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.generator import Generator
from fokkerplanck.linalg.chains import GraphChain, GridChain
from fokkerplanck.linalg.krylov import fgmres
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.problem import Problem

#: Cells of the grid on which nested iteration starts, by elimination.
DIRECT = {1: 4096, 2: 4096, 3: 2744}
#: Corrections of a grid, and Krylov steps of one of them, before it counts as failed.
MAX_CORRECTIONS, MAX_STEPS = 60, 80
#: Error of log rho on grids that only give the next one its start.
START_TOLERANCE = 1e-3
#: Relative residual of a correction while corrections are large, and when they are small.
ROUGH, FINE = 1e-2, 1e-6
#: A correction of log rho that is large, and the most that one correction may change.
LARGE, MAX_CHANGE = 0.1, 3.0
#: Balance of the cells that a result must have.
TRUSTED = 1e-8
#: Krylov directions kept at a time, and cells up to which it may be more of them.
RESTART, RESTART_SMALL, SMALL = 12, 40, 300_000
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
    """

    log_mass: np.ndarray
    history: tuple[float, ...]
    steps: tuple[int, ...]
    error: float
    shapes: tuple[tuple[int, ...], ...]


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
    >>> from fokkerplanck.linalg.multilevel import multilevel_log_mass
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 96)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x))
    >>> result = multilevel_log_mass(problem)
    >>> result.shapes, result.error < 1e-10
    (((48, 48), (96, 96)), True)
    """
    generator = Generator(problem) if generator is None else generator
    return _nested(problem, generator, tol)


def _nested(problem, generator, tol) -> MultilevelResult:
    """Solution on the grid of a problem, from that on a coarser one."""
    grid = problem.grid
    if grid.size <= DIRECT[grid.dim] or grid.coarsened().size == grid.size:
        log_mass = null_vector(generator.matrix, grid.shape).log_mass
        return MultilevelResult(np.array(log_mass), (), (), 0.0, (grid.shape,))
    start, shapes = _start(problem)
    result = _corrected(generator, start, tol)
    return replace(result, shapes=(*shapes, grid.shape))


def _start(problem):
    """Log masses (n,) to start from, and the shapes of the coarser grids."""
    grid = problem.grid
    coarse = grid.coarsened()
    try:
        try:
            halved = problem.on(coarse)
        except ValueError:
            halved = _sampled(problem, coarse)
        result = _nested(halved, Generator(halved), START_TOLERANCE)
    except (ValueError, ConvergenceError):  # not unique there, say: any start will do
        return np.log(_volumes(grid)), ()
    log_rho = result.log_mass - np.log(_volumes(coarse))
    if not np.isfinite(log_rho).all():
        return np.log(_volumes(grid)), ()
    log_rho = fields.interpolate(log_rho.reshape(coarse.shape), coarse, grid)
    return log_rho.ravel() + np.log(_volumes(grid)), result.shapes


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
    return np.broadcast_to(grid.volume, grid.shape).ravel()


class _Correction:
    """One grid: its chain with the guess, held cells of wells, and what happened."""

    def __init__(self, generator, start):
        self.chain = chain_of(generator, start)
        self.chain.sweep(2)
        self.pins = None
        self.weighings: list = []
        self.history, self.steps = [], []

    @property
    def floor(self) -> float:
        """Imbalance that is rounding."""
        return ROUNDING * (8 + float(np.ptp(self.chain.phi)))

    def imbalance(self):
        """Residual of u = 1 and the largest over the outflow."""
        r = self.chain.imbalance()
        balance = float(np.abs(r / self.chain.exits).max())
        self.history.append(balance)
        return r, balance

    def rebuild(self):
        """Hierarchy of the present guess, with one cell of every well held."""
        pins = self.chain.lumps().wells(self.chain.phi)
        if self.pins is None or not np.array_equal(pins, self.pins):
            self.pins, self.weighings = pins, []
        self.chain.rebuild(self.pins)

    def correct(self, r, reduction, is_new):
        """Correct log mass; returns the largest change and the relative residual."""
        chain = self.chain
        if is_new or self.pins is None:
            self.rebuild()
        result = fgmres(
            chain.apply, chain.precondition, r, chain.weight, reduction, MAX_STEPS,
            RESTART_SMALL if r.size < SMALL else RESTART, 0.5 * self.floor * np.sqrt(r.size),
            chain.flexible,
        )  # fmt: skip
        self.steps.append(result.iterations)
        change = float(np.ptp(result.x))
        u = np.maximum(1 + result.x, 0.1)
        phi = chain.phi
        phi += np.clip(np.log(u), -MAX_CHANGE, MAX_CHANGE)
        if change > LARGE:
            chain.sweep(1)
        chain.refresh()
        return change, result.history[-1]

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


def chain_of(generator, start):
    """Chain for multigrid: on structured arrays if only nearest neighbours are joined."""
    if generator.edges.kind == "tensor" or generator.grid.dim == 1:
        return GraphChain(generator, start)
    return GridChain(generator, start)


def _corrected(generator, start, tol) -> MultilevelResult:
    """Corrections on one grid until the error estimate is below tol."""
    run = _Correction(generator, start)
    r, balance = run.imbalance()
    change, error, is_done = np.inf, np.inf, False
    for _ in range(MAX_CORRECTIONS):
        if balance <= run.floor or (change < LARGE and error <= tol):
            moved = run.weigh()
            r, balance = run.imbalance()
            is_done = moved <= tol
            if is_done:
                break
        reduction = ROUGH if change > LARGE and balance > 1e-3 else max(FINE, 0.1 * tol)
        change, left = run.correct(r, reduction, is_new=change > LARGE)
        error = left * change
        r, balance = run.imbalance()
    phi = run.chain.phi - run.chain.phi.max()
    phi -= np.log(np.exp(phi).sum())
    if not (is_done and balance <= max(TRUSTED, tol)):
        raise ConvergenceError(
            f"the multilevel solver stopped at an imbalance of {balance:.1e} and an estimated "
            f"error of {error:.1e} after {len(run.steps)} corrections, tol = {tol:g}; refine the "
            'grid where log rho is steep, loosen tol, or use solver="direct"',
            iterate=phi, residual=balance,
        )  # fmt: skip
    return MultilevelResult(phi, tuple(run.history), tuple(run.steps), error, ())
