"""Newton's method for the nine-point scheme, made global by pseudo-transient continuation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from fokkerplanck.linalg import sizes
from fokkerplanck.steady.newton_steps import Factorised, Preconditioned
from fokkerplanck.steady.wells import Iteration, deep_wells, with_weights

#: Largest change of a difference of log rho between neighbours in one step.
MAX_CHANGE = 3.0
#: First pseudo-time step, in exchange times of a cell.
FIRST_STEP = 10.0
#: Least factor by which pseudo-time steps grow after a full step.
LEAST_GROWTH = 2.0
#: Largest such factor.
MOST_GROWTH = 10.0
#: Pseudo-time step beyond which a step is Newton's own.
INFINITE_STEP = 1e6
#: Part of the tolerance that is asked for where steps are no exact solutions.
SAFETY = 1e-2
#: Steps after which the iteration gives up.
MAX_ITERATIONS = 100
#: Balance that is asked for at temperatures above that of the problem.
PATH_TOLERANCE = 1e-5
#: Steps after which the way down from high temperature is given up.
MAX_PATH = 250


def solve_nine_point(scheme, start, tol, generator=None) -> Iteration:
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

    Returns
    -------
    Iteration
        ``converged`` says whether the tolerance was met; nothing is raised.
    """
    linear: Factorised | Preconditioned = Factorised()
    if generator is not None:
        linear, tol = Preconditioned(generator, start), SAFETY * tol
    result = _iterate(scheme, np.array(start), tol, linear)
    if not result.converged and scheme.grid.size <= sizes.NEWTON_FACTORISED[scheme.grid.dim]:
        if generator is not None:
            linear = Factorised("factorisations, as multigrid failed")
            result = _iterate(scheme, np.array(start), tol, linear)
        if not result.converged:
            result = _cooled(scheme, tol, result, linear)
    return with_weights(
        scheme,
        result,
        lambda phi: deep_wells(scheme.graph, phi),
        lambda phi: _iterate(scheme, phi, tol, linear),
    )


def _cooled(scheme, tol, failed, linear) -> Iteration:
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
        result = _iterate(hot, start, tol if heat == 1.0 else PATH_TOLERANCE, linear)
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


def _iterate(scheme, phi, tol, linear) -> Iteration:
    """Newton's method by pseudo-transient continuation, with the densest cell of every well held.

    Each step is an implicit step of d log rho/dt = - balance / exchange rate, every cell in its own
    time, with steps that grow as the balance falls (Kelley and Keyes, SIAM J. Numer. Anal. 35,
    1998). But for the times of cells that is the Fokker-Planck dynamics, which reaches the steady
    state from anywhere; plain Newton steps do not.
    """
    scaled, rate, wells = _balance(scheme, phi)
    history = [float(np.abs(scaled).max())]
    time_step = FIRST_STEP / np.clip(history[0], 1e-6, 1.0) ** 2
    while history[-1] > tol and len(history) <= MAX_ITERATIONS and time_step > 1e-3:
        step = _step(scheme, phi, wells, scaled, rate, time_step, linear)
        if step is None:  # a shorter time step makes the diagonal larger
            time_step = min(time_step, INFINITE_STEP) / 5
            history.append(history[-1])
            continue
        change = float(np.abs(scheme.step @ step).max())
        t = min(1.0, MAX_CHANGE / change) if change > 0 else 1.0
        trial = phi + t * step
        new, new_rate, new_wells = _balance(scheme, trial)
        with np.errstate(invalid="ignore"):
            ratio = float(np.linalg.norm(scaled)) / max(float(np.linalg.norm(new)), 1e-300)
        if np.isfinite(ratio) and ratio > 0.5:
            phi, scaled, rate, wells = trial, new, new_rate, new_wells
            if t == 1.0:
                time_step *= min(MOST_GROWTH, max(LEAST_GROWTH, ratio))
            elif t < 0.3:
                time_step /= 2
        else:
            time_step /= 5
        history.append(float(np.abs(scaled).max()))
    converged = history[-1] <= tol
    return Iteration(
        phi - phi.max(), history[-1], len(history) - 1, converged, tuple(history), linear.name
    )


def _balance(scheme, phi):
    """Balance over exchange rate with zeros at the held cells, the rates, and the held cells."""
    balance, rate = scheme.residual(phi)
    wells = deep_wells(scheme.graph, phi)
    with np.errstate(invalid="ignore"):
        scaled = balance / rate
    if len(wells) > 1:  # held cells come into balance by their weights, later
        scaled[wells] = 0.0
    return scaled, rate, wells


def _step(scheme, phi, wells, scaled, rate, time_step, linear):
    """Solve the linearised equation with the wells' densest cells held; None if it is singular."""
    held = np.zeros(phi.size, bool)
    held[wells] = True
    J = sparse.diags_array(1 / rate) @ scheme.jacobian(phi)
    if time_step < INFINITE_STEP:
        J = J + sparse.eye_array(phi.size) / time_step
    else:
        time_step = np.inf
    step = linear.solve(J.tocsr(), -scaled, held, phi, rate, time_step)
    return step if step is not None and np.isfinite(step).all() else None
