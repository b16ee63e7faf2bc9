"""Steady states of fourth order from those of second order, and estimates of their errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain import fields
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.detailed_balance import SUMMED
from fokkerplanck.scheme.fourth_order import RUNGS, FourthOrder, gridded
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.scheme.stencils import LEAST_CELLS, quadrature_weights
from fokkerplanck.steady.deferred import HeldFactors, solve_deferred

#: Share of the mass that may lie in cells at which the nine-point flux stays.
UNRESOLVED_MASS = 0.05
#: Share that is taken for none: the tightest limits of RUNGS that leave no more are tried first.
NEGLIGIBLE = 1e-20
#: Largest correction of the density (L1) of what counts as a correction.
LARGEST_CORRECTION = 0.2
#: What to do where a grid is too coarse.
REMEDY = "refine the grid, shrink the box to where the density is, or use accuracy=2"


def check_accuracy(problem, scheme, accuracy):
    """Raise ValueError unless a steady state of this accuracy exists for the problem."""
    if isinstance(accuracy, bool) or not isinstance(accuracy, (int, np.integer)):
        raise ValueError(f"accuracy is {accuracy!r:.60}; choose from 2, 4")
    if accuracy not in (2, 4):
        raise ValueError(f"accuracy is {accuracy}; choose from 2, 4")
    if accuracy == 2:
        return
    if scheme == "markov":
        raise ValueError(
            'accuracy=4 with scheme="markov": no linear scheme that is a Markov generator is of '
            'more than second order; use scheme="auto" or "log", or accuracy=2'
        )
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


def fourth_order_state(second, tol):
    r"""Steady state of fourth order by deferred correction of one of second order.

    Parameters
    ----------
    second : SteadyState
        By the default scheme.
    tol : float
        Net flow of a cell over its exchange rate.

    Returns
    -------
    SteadyState

    Raises
    ------
    ConvergenceError
        If the grid does not resolve the problem, or the corrections do not converge; ``.iterate``
        holds the last log density.
    """
    problem, stats = second.problem, second.stats
    if stats.scheme == "exact" and not stats.message.endswith(SUMMED):
        message = f"{stats.message}; exact at cell centres, whatever the accuracy"
        return replace(second, stats=replace(stats, message=message))
    if stats.scheme == "markov":
        raise ConvergenceError(
            f"accuracy=4 starts from the nine-point scheme, but: {stats.message}; {REMEDY}",
            iterate=second.log_rho, residual=second.residual,
        )  # fmt: skip
    nine = NinePoint(problem.grid, *index_units(problem))
    start = second.log_rho.ravel()
    whole = FourthOrder(problem, nine, start)
    rungs = [whole.on_rung(limits) for limits in RUNGS]
    negligible = [k for k, rung in enumerate(rungs) if _share(rung, start) < NEGLIGIBLE]
    history, steps = (), 0
    for scheme in rungs[max(negligible, default=0) :]:
        try:
            factors = HeldFactors(scheme, start)
        except RuntimeError as error:
            raise _failed(second, start, second.residual, f"no factors ({error})") from error
        result = solve_deferred(scheme, factors, start, tol)
        history, steps = history + result.history, steps + result.iterations
        if result.converged:
            break
    if not result.converged:
        reason = f"the corrections stopped at balance {result.balance:.1e}, tol = {tol:g}"
        raise _failed(second, result.log_rho, result.balance, reason)
    volume = problem.grid.volume
    log_rho = result.log_rho - logsumexp(result.log_rho, b=volume)
    share = _share(scheme, log_rho)
    change = float(np.sum(np.abs(np.exp(log_rho) - np.exp(start))) * volume)
    if share > UNRESOLVED_MASS or change > LARGEST_CORRECTION:
        reason = f"the correction changes rho by {change:.2g} (L1)"
        if share > UNRESOLVED_MASS:
            reason = f"{share:.1%} of the mass lies where log rho is not smooth from cell to cell"
        raise _failed(second, log_rho, result.balance, reason)
    balance, rate = scheme.residual(log_rho)
    message = (
        f"fourth-order flux by {steps} deferred corrections of the {stats.scheme} state "
        f"({stats.message})"
    )
    if scheme.unresolved().any():
        message += f"; nine-point flux where log rho is not smooth, {share:.1e} of the mass"
    frozen = log_rho.reshape(problem.grid.shape)
    frozen.flags.writeable = False
    return replace(
        second,
        log_rho=frozen,
        residual=float(np.abs(balance / rate).max()),
        stats=replace(
            stats, scheme="log4", solver="deferred", message=message,
            iterations=stats.iterations + steps,
            history=history,
        ),
        currents=scheme.currents(log_rho),
    )  # fmt: skip


def _share(scheme, log_rho):
    """Share of the mass in cells at which the nine-point flux stays."""
    rho = np.exp(log_rho - log_rho.max())
    return float(np.sum(rho[scheme.unresolved()]) / np.sum(rho))


def _failed(second, log_rho, balance, reason):
    """ConvergenceError with the last iterate."""
    shape = second.grid.shape
    return ConvergenceError(
        f"accuracy=4 on {'x'.join(map(str, shape))} cells: {reason}; {REMEDY}",
        iterate=log_rho.reshape(shape), residual=float(balance),
    )  # fmt: skip


def estimated_error(state, solve) -> float:
    r"""Error :math:`\int|\rho_h-\rho|dx` from half as many cells; see ``SteadyState``.

    ``solve(problem, accuracy)`` gives the state of the coarse grid.
    """
    if state.stats.scheme == "exact" and not state.stats.message.endswith(SUMMED):
        return 0.0
    order = 4 if state.stats.scheme == "log4" else 2
    grid = state.grid.coarsened()
    try:
        coarse = solve(state.problem.on(grid), order)
    except (ValueError, ConvergenceError):
        return float("nan")
    if coarse.stats.scheme != state.stats.scheme:
        return float("nan")
    guess = np.exp(fields.interpolate(coarse.log_rho, grid, state.grid, degree=order + 1))
    ratio = min(n / m for n, m in zip(state.grid.shape, grid.shape, strict=True))
    if order == 2:
        return float(state.grid.integrate(np.abs(state.rho - guess)) / (ratio**2 - 1))
    # The midpoint rule that makes the mass one is of second order at walls, and known better.
    off = abs(float(state.grid.integrate(quadrature_weights(state.grid) * state.rho)) - 1)
    fine, guess = (state.currents.quadrature(rho) for rho in (state.rho, guess))
    return off + float(state.grid.integrate(np.abs(fine - guess)) / (ratio**4 - 1))
