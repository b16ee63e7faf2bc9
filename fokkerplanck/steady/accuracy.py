"""Steady states of fourth order from those of second order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import describe, is_whole
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.fourth_order import RUNGS, FourthOrder, gridded
from fokkerplanck.scheme.nine_point import NinePoint
from fokkerplanck.scheme.stencils import LEAST_CELLS
from fokkerplanck.steady.deferred import NarrowFactors, solve_deferred
from fokkerplanck.steady.state import Found, normalised
from fokkerplanck.steady.wells import Iteration, deep_wells

#: Share of the mass that may lie in cells at which the nine-point flux stays.
UNRESOLVED_MASS = 0.05
#: Share of the mass that counts as none. The tightest limits of RUNGS with no more are tried first.
NEGLIGIBLE = 1e-20
#: Change of the density (L1) above which the grid is too coarse for a correction.
LARGEST_CORRECTION = 0.2
#: What to do where a grid is too coarse.
REMEDY = "refine the grid, shrink the box to where the density is, or use accuracy=2"


def check_accuracy(problem: Problem, scheme: str, accuracy: int | None) -> None:
    """Raise ValueError unless a steady state of this accuracy exists for the problem."""
    if accuracy is None:
        return
    if not is_whole(accuracy) or accuracy not in (2, 4):
        raise ValueError(f"accuracy is {describe(accuracy)}; choose from None, 2, 4")
    if accuracy == 2:
        return
    if scheme in ("markov", "upwind5"):
        raise ValueError(
            f"accuracy=4 with scheme={scheme!r}: no linear scheme of that order keeps signs; use "
            'scheme="auto" or "log", or accuracy=2'
        )
    check_fourth_order(problem)


def has_fourth_order(problem: Problem) -> bool:
    """Whether a steady state of fourth order exists for the problem, if the grid resolves it."""
    try:
        check_fourth_order(problem)
    except ValueError:
        return False
    return True


def check_fourth_order(problem: Problem) -> None:
    """Raise ValueError unless a steady state of fourth order exists for the problem."""
    grid = problem.grid
    if not grid.is_uniform:
        raise ValueError(
            "accuracy=4 on a graded axis: its formulas need cells of one width; give (lo, hi) for "
            "every axis, or use accuracy=2"
        )
    if min(grid.shape) < LEAST_CELLS:
        raise ValueError(
            f"accuracy=4 on a grid of shape {grid.shape}; give at least {LEAST_CELLS} cells per "
            "axis"
        )
    if problem.walls:
        raise ValueError(
            "accuracy=4 needs D > 0 and a smooth drift up to the walls, but "
            f"{'; '.join(wall.words for wall in problem.walls)}; use accuracy=2"
        )
    singular = currents.is_singular(problem)
    if singular.any():
        cell = fields.first_cell(singular.reshape(grid.shape))
        raise ValueError(
            f"accuracy=4 needs noise in every direction, and D is singular at "
            f"{fields.cell_text(grid, cell)}; use accuracy=2"
        )
    arrays, designed = gridded(problem), problem.potential is not None
    if arrays and (designed or problem.calculus == "stratonovich"):
        where = "Problem.from_potential" if designed else "Stratonovich calculus"
        raise ValueError(
            f"accuracy=4 with {where} and {' and '.join(arrays)} given as arrays: their "
            "derivatives are of second order; give callables, or use accuracy=2"
        )


def fourth_order(
    problem: Problem, second: Found, tol: float, nine_point: Callable[[], NinePoint]
) -> Found:
    r"""Steady state of fourth order by deferred correction of one of second order.

    Parameters
    ----------
    problem : Problem
    second : Found
        By the default scheme.
    tol : float
        Net flow of a cell over its exchange rate.
    nine_point : callable
        Makes the nine-point scheme of the problem, or has it.

    Raises
    ------
    ConvergenceError
        If the grid does not resolve the problem, or the corrections do not converge; ``.iterate``
        holds the last log density.
    """
    stats, shape = second.stats, problem.grid.shape
    if stats.has_known_potential:
        message = f"{stats.message}; exact at cell centres, whatever the accuracy"
        return replace(second, stats=replace(stats, message=message))
    if stats.scheme == "markov":
        raise ConvergenceError(
            f"accuracy=4 starts from the nine-point scheme, but: {stats.message}; {REMEDY}",
            iterate=second.log_rho.reshape(shape),
            residual=second.residual,
        )
    kept = second.kept
    scheme, result = _corrected(problem, second, tol, nine_point())
    log_rho = normalised(result.log_rho, problem.grid).ravel()
    share = _share(scheme, log_rho)
    change = float(np.sum(np.abs(np.exp(log_rho) - np.exp(second.log_rho))) * problem.grid.volume)
    if share > UNRESOLVED_MASS:
        reason = f"{share:.1%} of the mass lies where log rho is not smooth from cell to cell"
        raise _failed(problem, log_rho, result.balance, reason)
    if change > LARGEST_CORRECTION:
        reason = f"the correction changes rho by {change:.2g} (L1)"
        raise _failed(problem, log_rho, result.balance, reason)
    message = (
        f"fourth-order flux by {result.iterations} deferred corrections of the {stats.scheme} "
        f"state ({stats.message})"
    )
    if scheme.unresolved().any():
        message += f"; nine-point flux where log rho is not smooth, {share:.1e} of the mass"
    balance, rate = scheme.residual(log_rho)
    stats = replace(
        stats,
        scheme="log4",
        solver="deferred",
        message=message,
        iterations=stats.iterations + result.iterations,
        history=result.history,
    )
    scaled = np.abs(balance / rate)
    residual = float((scaled if kept is None else scaled[~kept]).max())
    return Found(log_rho, residual, stats, scheme.currents(log_rho), kept)


def _corrected(
    problem: Problem, second: Found, tol: float, nine: NinePoint
) -> tuple[FourthOrder, Iteration]:
    """Fourth-order scheme and its solution, by the loosest limits of RUNGS that converge."""
    start = second.log_rho
    whole = FourthOrder(problem, nine, start)
    rungs = [whole.on_rung(limits) for limits in RUNGS]
    negligible = [k for k, rung in enumerate(rungs) if _share(rung, start) < NEGLIGIBLE]
    earlier = None
    if second.kept is not None and np.sum(~second.kept[deep_wells(nine.graph, start)]) > 1:
        reason = f"several wells behind barriers, and {second.stats.message}"
        raise _failed(problem, start, second.residual, reason)
    for scheme in rungs[max(negligible, default=0) :]:
        try:
            factors = NarrowFactors(scheme, start, second.kept)
        except RuntimeError as error:
            raise _failed(problem, start, second.residual, f"no factors ({error})") from error
        result = solve_deferred(scheme, factors, start, tol)
        earlier = result if earlier is None else result.after(earlier)
        if result.converged:
            return scheme, earlier
    reason = f"the corrections stopped at balance {result.balance:.1e}, tol = {tol:g}"
    raise _failed(problem, result.log_rho, result.balance, reason)


def _share(scheme: FourthOrder, log_rho: Array) -> float:
    """Share of the mass in cells at which the nine-point flux stays."""
    rho = np.exp(log_rho - log_rho.max())
    return float(np.sum(rho[scheme.unresolved()]) / np.sum(rho))


def _failed(problem: Problem, log_rho: Array, balance: float, reason: str) -> ConvergenceError:
    """ConvergenceError with the last iterate."""
    shape = problem.grid.shape
    return ConvergenceError(
        f"accuracy=4 on {'x'.join(map(str, shape))} cells: {reason}; {REMEDY}",
        iterate=log_rho.reshape(shape),
        residual=float(balance),
    )
