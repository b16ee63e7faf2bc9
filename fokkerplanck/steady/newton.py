"""Newton's method for the nine-point scheme: every way to its solution, in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fokkerplanck.linalg import sizes
from fokkerplanck.steady.active_set import from_above
from fokkerplanck.steady.continuation import Patience, iterate, no_tick
from fokkerplanck.steady.newton_steps import Factorised, Preconditioned
from fokkerplanck.steady.wells import Iteration, deep_wells, with_weights

#: Part of the tolerance that is asked for where steps are no exact solutions.
SAFETY = 1e-2
#: Balance that is asked for at temperatures above that of the problem.
PATH_TOLERANCE = 1e-5
#: Steps after which the way down from high temperature is given up.
MAX_PATH = 250
#: When the whole box is given up: in lines and planes soon, as there are levels to come, in space,
#: where there are none, later; on small grids later still, and then cooling is tried too.
PATIENCE = Patience(((1, 0.98, 0.0), (2, 0.9, 0.0), (2, 0.75, 0.6)), window=0.5, tails=0.8, every=4)
PATIENCE_IN_SPACE = Patience(((4, 0.6, 0.0),), window=0.5, tails=0.8)
SMALL_PATIENCE = Patience(((8, 0.5, 0.0),), window=0.9)


def solve_nine_point(
    scheme, start, tol, generator=None, thrifty=False, tick=no_tick, levels=True
) -> Iteration:
    r"""Steady log density of the nine-point scheme; for the weights of wells see `steady.wells`.

    Parameters
    ----------
    scheme : NinePoint
    start : array (n,)
        Log density to start from; that of the Markov scheme.
    tol : float
        On the net outflow of a cell over its total exchange rate, the largest over the box.
    generator : Generator, optional
        Markov generator of the same problem: linear equations are then solved by GMRES with its
        aggregation multigrid, in place of a factorisation.
    thrifty : bool
        Give the whole box up where the mass does not move, and solve from above for as deep as is
        cheap (`steady.active_set`; not in space, where a step is dear). By default every way that
        leads to the whole box is tried to its end.
    tick : callable
        Called without arguments before every step.
    levels : bool
        Whether thrift ends with the solution from above, or without one.

    Returns
    -------
    Iteration
        ``converged`` says whether the tolerance was met, ``log_down_to`` how far down; nothing is
        raised.
    """
    start, size, d = np.array(start), scheme.grid.size, scheme.grid.dim
    is_small = size <= sizes.NEWTON_PATIENT
    linear: Factorised | Preconditioned = Factorised()
    if generator is not None:
        linear, tol = Preconditioned(generator, start), SAFETY * tol
    rules: dict[str, Any] = {"tick": tick}
    if thrifty:
        usual = PATIENCE if d < 3 else PATIENCE_IN_SPACE
        rules["patience"] = SMALL_PATIENCE if is_small else usual
    result = iterate(scheme, start, tol, linear, **rules)
    is_affordable = size <= sizes.NEWTON_FACTORISED[d]
    if not result.converged and is_affordable and generator and (linear.failures or not thrifty):
        linear = Factorised("factorisations, as multigrid failed")
        result = iterate(scheme, start, tol, linear, **rules)
    # An iteration that moves no mass from the start is not cured by cooling.
    is_hopeless = thrifty and not (is_small and result.iterations > SMALL_PATIENCE.last_trial)
    if not result.converged and is_affordable and not is_hopeless:
        result = _cooled(scheme, tol, result, linear, tick)
    result = with_weights(
        scheme,
        result,
        lambda phi: deep_wells(scheme.graph, phi),
        lambda phi: iterate(scheme, phi, tol, linear, tick=tick),
    )
    if thrifty and levels and not result.converged and d < 3:
        result = from_above(scheme, start, result, tol, linear, tick)
    return result


def _cooled(scheme, tol, failed, linear, tick) -> Iteration:
    """Follow the solution from a temperature at which log rho is flat down to that of the problem.

    Temperature times log rho hardly depends on temperature (exactly not for linear drift and
    constant D), which predicts the next solution from the last.
    """
    heat, factor = max(1.0, scheme.tilt / 4), 4.0
    hotter: float | None = None  # the last temperature that was solved, over that of the problem
    log_rho, run = np.zeros(scheme.grid.size), failed
    while run.iterations < MAX_PATH and factor > 1.03:
        start = log_rho if hotter is None else log_rho * hotter / heat
        hot = scheme if heat == 1.0 else scheme.heated(heat)
        demand = tol if heat == 1.0 else PATH_TOLERANCE
        result = iterate(hot, start, demand, linear, tick=tick)
        run = result.after(run)
        if result.converged and heat == 1.0:
            return run
        if result.converged:
            hotter, log_rho, factor = heat, result.log_rho, min(4.0, 1.3 * factor)
        elif hotter is None:
            break
        else:
            factor = factor**0.5
        heat = max(1.0, hotter / factor)
    return replace(failed, iterations=run.iterations, history=run.history)
