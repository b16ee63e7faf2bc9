"""The steady state of a problem: which scheme and which solver, and what happens if one fails."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

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
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady.accuracy import check_accuracy, fourth_order
from fokkerplanck.steady.markov import SOLVERS, Stationary, stationary_log_mass
from fokkerplanck.steady.newton import solve_nine_point
from fokkerplanck.steady.state import Found, SteadyState, SteadyStats, normalised
from fokkerplanck.steady.wells import Iteration

SCHEMES = ("auto", "markov", "log")
#: Log density of cells without mass, below the least that has some.
EMPTY = 800.0


def steady_state(
    problem: Problem | Generator,
    scheme: str = "auto",
    solver: str | None = None,
    tol: float = 1e-10,
    accuracy: int = 2,
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
        closed form where the edge list is in detailed balance, else ``"log"``, and ``"markov"``
        where Newton's method fails; ``stats.scheme`` and ``stats.message`` say which and why.
    solver : {None, "direct", "multilevel"}
        ``"direct"``: sparse elimination. ``"multilevel"``: nested grids and multigrid, cost and
        memory proportional to the cells. None: by size and dimension; ``stats.reason``.
    tol : float
        Of Newton's method: net flow of a cell over its exchange rate. Of the multilevel solver:
        estimated error of log rho.
    accuracy : {2, 4}
        Order. 4: smooth problems on uniform grids with D > 0, by deferred correction of the
        ``"log"`` state with a conservative flux of fourth order ((30a) in docs/theory.md).

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
    found = _second_order(question, Generator.of(problem, "steady_state"), scheme, solver, tol)
    if accuracy == 4:
        found = fourth_order(question, found, tol)
    same = found.stats.scheme if found.stats.scheme in SCHEMES else "auto"
    again = partial(steady_state, scheme=same, accuracy=found.stats.order)
    log_rho = frozen(found.log_rho.reshape(question.grid.shape))
    return SteadyState(question, log_rho, found.residual, found.stats, found.currents, again)


def _second_order(
    problem: Problem, generator: Generator, scheme: str, solver: str | None, tol: float
) -> Found:
    """Closed form, else the nine-point scheme, else the null vector; see ``steady_state``."""
    reached = closed_class(generator.matrix, problem.grid.shape)  # raises if not unique
    has_empty_cells = reached.size < problem.grid.size
    if scheme != "log" and not has_empty_cells:
        exact = exact_log_density(problem, generator.edges)
        if exact is not None:
            return _closed_form(generator, *exact)
    markov = stationary_log_mass(generator, solver, tol, reached)
    if scheme == "markov" or (scheme == "auto" and has_empty_cells):
        return _markov(generator, markov)  # Newton's method needs a finite log rho in all cells
    nine = NinePoint(problem.grid, *index_units(problem))
    start = normalised(_log_density(generator, markov), problem.grid).ravel()
    # Newton's steps are solved as the null vector was, but full tensors in the plane keep
    # factorisations while these are affordable.
    is_plane_tensor = generator.edges.kind == "tensor" and problem.grid.dim == 2
    is_affordable = is_plane_tensor and problem.grid.size <= sizes.NEWTON_FACTORISED[2]
    multigrid = markov.stats.solver == "multilevel" and not (solver is None and is_affordable)
    result = solve_nine_point(nine, start, tol, generator if multigrid else None)
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
    found = _markov(generator, markov)
    message = f"{failure}; fell back to {found.stats.message}"
    stats = replace(found.stats, iterations=result.iterations, history=result.history)
    return replace(found, stats=replace(stats, message=message))


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
    """Nine-point scheme."""
    message = f"nine-point scheme by Newton's method, {result.iterations} steps with {result.how}"
    stats = SteadyStats("log", "newton", message, result.iterations, result.history, reason)
    balance, rate = nine.residual(result.log_rho)
    edges = EdgeCurrents.from_faces(nine, result.log_rho)
    return _found(result.log_rho, stats, edges, np.abs(balance / rate).max())
