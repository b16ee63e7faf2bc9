"""The steady state of a problem: which scheme and which solver, and what happens if one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import frozen, one_of, one_of_or_none, positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import balance_residual, closed_class
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.grid_noise import added_noise
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady.accuracy import check_accuracy, fourth_order
from fokkerplanck.steady.markov import SOLVERS, Stationary, stationary_log_mass
from fokkerplanck.steady.newton import solve_nine_point
from fokkerplanck.steady.progress import Steps
from fokkerplanck.steady.state import (
    Found,
    SteadyInterrupt,
    SteadyState,
    SteadyStats,
    normalised,
)
from fokkerplanck.steady.wells import Iteration

SCHEMES = ("auto", "markov", "log")
#: Log density of cells without mass, below the least that has some.
EMPTY = 800.0
#: Noise by upwinding, over that of the problem, from which on the Markov state is no start for
#: Newton's method.
MOST_NOISE = 3.0


def steady_state(
    problem: Problem | Generator,
    scheme: str = "auto",
    solver: str | None = None,
    tol: float = 1e-10,
    accuracy: int = 2,
    progress: Any = None,
) -> SteadyState:
    r"""Steady state :math:`\nabla\cdot(g\rho+\beta^{-1}\nabla\cdot(D\rho))=0`, :math:`\int\rho=1`.

    Parameters
    ----------
    problem : Problem, or the Generator of one
        Without absorbing sides.
    scheme : {"auto", "markov", "log"}
        ``"markov"``: null vector of the generator, positive and entry-wise accurate for any D and
        drift, the state that ``solve`` relaxes to; second order with a constant that grows with
        the circulation along the weak direction of D. ``"log"``: nine-point flux for log rho by
        Newton's method, whose error hardly depends on anisotropy and circulation. ``"auto"``:
        closed form where the edge list is in detailed balance, else ``"log"``: in the whole box,
        or, where far tails keep Newton's method from that, above e^-c of the maximum with the
        Markov shape below (``stats.log_down_to``); and ``"markov"`` where that fails too or
        upwinding makes three times the noise of the problem. Newton's method stops after a few
        steps unless it gets somewhere. ``stats.scheme`` and ``stats.message`` say which and why.
        With ``"log"`` asked for it is the whole box or an error.
    solver : {None, "direct", "multilevel"}
        ``"direct"``: sparse elimination. ``"multilevel"``: nested grids and multigrid, cost and
        memory proportional to the cells. None: by size and dimension; ``stats.reason``.
    tol : float
        Of Newton's method: net flow of a cell over its exchange rate. Of the multilevel solver:
        estimated error of log rho.
    accuracy : {2, 4}
        Order. 4: smooth problems on uniform grids with D > 0, by deferred correction of the
        ``"log"`` state with a conservative flux of fourth order ((30a) in docs/theory.md).
    progress : None, bool, tqdm or tqdm-like, optional
        None: on a terminal the Newton steps are counted if they take longer than a second. True:
        from the start. A class like ``tqdm`` is called, an object has its ``update`` called.

    Returns
    -------
    SteadyState

    Raises
    ------
    ValueError
        If a side is absorbing (there is no steady state), if the steady state is not unique, a
        name is unknown, or ``accuracy=4`` does not exist for the problem.
    ConvergenceError
        If ``scheme="log"`` was asked for and Newton's method failed, if the multilevel solver did
        not converge, or if the grid does not resolve the problem to fourth order; ``.iterate``
        holds the last log density.
    SteadyInterrupt
        A KeyboardInterrupt, at Ctrl-C once the Markov state is there, with that as ``.state``.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=(1, 0.5))
    >>> ss = fp.steady_state(problem)
    >>> ss.stats.scheme, round(float(ss.mean_Q[0, 1]), 2)
    ('log', -0.74)
    """
    question = Generator.problem_of(problem, "steady_state")
    _check_arguments(question, scheme, solver, tol)
    check_accuracy(question, scheme, accuracy)
    generator, at_hand = Generator.of(problem, "steady_state"), _AtHand()
    with Steps(progress) as steps:
        try:
            found = _second_order(generator, scheme, solver, tol, steps.tick, at_hand)
            if accuracy == 4:
                at_hand.make = lambda: found
                found = fourth_order(question, found, tol)
        except KeyboardInterrupt as interrupt:
            if at_hand.make is None:
                raise
            raise SteadyInterrupt(_state(question, at_hand.make())) from interrupt
    return _state(question, found)


@dataclass(eq=False)
class _AtHand:
    """Makes what an interrupted computation leaves; nothing yet at first."""

    make: Callable[[], Found] | None = None


def _state(problem: Problem, found: Found) -> SteadyState:
    """Result with read-only log density."""
    same = "markov" if found.stats.scheme == "markov" else "auto"
    again = partial(steady_state, scheme=same, accuracy=found.stats.order)
    log_rho = frozen(found.log_rho.reshape(problem.grid.shape))
    return SteadyState(problem, log_rho, found.residual, found.stats, found.currents, again)


def _second_order(
    generator: Generator,
    scheme: str,
    solver: str | None,
    tol: float,
    tick: Callable[[], None],
    at_hand: _AtHand,
) -> Found:
    """Closed form, else the nine-point scheme, else the null vector; see ``steady_state``."""
    problem = Generator.problem_of(generator, "steady_state")
    reached = closed_class(generator.matrix, problem.grid.shape)  # raises if not unique
    has_empty_cells = reached.size < problem.grid.size
    if scheme != "log" and not has_empty_cells:
        exact = exact_log_density(problem, generator.edges)
        if exact is not None:
            return _closed_form(generator, *exact)
    markov = stationary_log_mass(generator, solver, tol, reached)
    at_hand.make = partial(_markov, generator, markov)
    if scheme == "markov" or (scheme == "auto" and has_empty_cells):
        return at_hand.make()  # Newton's method needs a finite log rho in all cells
    start = normalised(_log_density(generator, markov), problem.grid).ravel()
    if scheme == "auto":
        noise = added_noise(generator.edges, start)
        if noise > MOST_NOISE:
            return _instead(
                at_hand.make(), f"upwinding makes {noise:.2g} times the noise of the problem"
            )
    nine = NinePoint(problem.grid, *index_units(problem))
    # Newton's steps are solved as the null vector was, but full tensors in the plane keep
    # factorisations while these are affordable.
    is_plane_tensor = generator.edges.kind == "tensor" and problem.grid.dim == 2
    is_affordable = is_plane_tensor and problem.grid.size <= sizes.NEWTON_FACTORISED[2]
    multigrid = markov.stats.solver == "multilevel" and not (solver is None and is_affordable)
    result = solve_nine_point(
        nine, start, tol, generator if multigrid else None, scheme == "auto", tick
    )
    if result.converged:
        return _log(nine, result, markov.stats.reason)
    failure = (
        f"Newton's method for the nine-point scheme stopped at balance {result.balance:.1e} "
        f"after {result.iterations} steps"
    )
    if scheme == "log":
        raise ConvergenceError(
            f"{failure}, tol = {tol:g}; refine the grid, shrink the box to where the density is, "
            'or use scheme="markov"',
            iterate=result.log_rho.reshape(problem.grid.shape),
            residual=result.balance,
        )
    found = _instead(at_hand.make(), failure)
    stats = replace(found.stats, iterations=result.iterations, history=result.history)
    return replace(found, stats=stats)


def _instead(markov: Found, failure: str) -> Found:
    """What is returned where the nine-point scheme failed, with the reason in its message.

    Whatever else there is to try goes here, before the Markov state.
    """
    message = f"{failure}; fell back to {markov.stats.message}"
    return replace(markov, stats=replace(markov.stats, message=message))


def _check_arguments(problem: Problem, scheme: str, solver: str | None, tol: float) -> None:
    """Raise ValueError for what cannot be solved."""
    one_of(scheme, "scheme", SCHEMES)
    one_of_or_none(solver, "solver", SOLVERS)
    positive_number(tol, "tol")
    if problem.grid.has_absorbing_sides:
        raise ValueError(
            "the problem has absorbing sides: all mass leaves and there is no steady state; use "
            "reflecting or periodic sides, or quasi_stationary(problem) for the slowest mode"
        )


def _found(phi: Array, stats: SteadyStats, edges: EdgeCurrents, residual: float) -> Found:
    """Result from log density (n,), up to a constant."""
    log_rho = normalised(phi, edges.grid).ravel()
    return Found(log_rho, float(residual), stats, replace(edges, log_rho=log_rho))


def _closed_form(generator: Generator, phi: Array, source: str) -> Found:
    """No current on any edge."""
    message = f"detailed balance on every edge; log density from {source}"
    phi = phi - phi.max()
    residual = balance_residual(generator.matrix, phi + np.log(generator.grid.volumes.ravel()))
    edges = EdgeCurrents.from_edges(generator.edges, phi)
    return _found(phi, SteadyStats("exact", "none", message, source=source), edges, residual)


def _log_density(generator: Generator, markov: Stationary) -> Array:
    """Log density (n,) up to a constant, finite in cells without mass too."""
    log_mass, empty = markov.log_mass, markov.is_empty
    if empty.any():
        # The density of these cells is zero in double precision.
        log_mass = np.where(empty, log_mass[~empty].min() - EMPTY, log_mass)
    return log_mass - np.log(generator.grid.volumes.ravel())


def _markov(generator: Generator, markov: Stationary) -> Found:
    """Null vector of the generator."""
    stats, empty = markov.stats, markov.is_empty
    if empty.any():
        note = f"; {np.count_nonzero(empty)} cells are left for good: no mass, and j is 0 there"
        stats = replace(stats, message=stats.message + note)
    phi = _log_density(generator, markov)
    edges = EdgeCurrents.from_edges(generator.edges, phi).without(empty)
    return _found(phi, stats, edges, markov.residual)


def _log(nine: NinePoint, result: Iteration, reason: str) -> Found:
    """Nine-point scheme, in the whole box or down to a level."""
    message = f"nine-point scheme by Newton's method, {result.iterations} steps with {result.how}"
    depth = result.log_down_to
    if depth < np.inf:
        message += f"; log rho below e^-{depth:g} of its maximum is Markov's"
    stats = SteadyStats(
        "log",
        "newton",
        message,
        result.iterations,
        result.history,
        reason,
        log_down_to=depth,
    )
    balance, rate = nine.residual(result.log_rho)
    scaled = np.abs(balance / rate)
    residual = scaled.max() if result.kept is None else scaled[~result.kept].max()
    edges = EdgeCurrents.from_faces(nine, result.log_rho)
    return replace(_found(result.log_rho, stats, edges, residual), kept=result.kept)
