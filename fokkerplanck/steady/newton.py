"""Newton's method for the nine-point scheme, made global by pseudo-transient continuation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from fokkerplanck.kernels.linalg import basins
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.steady.newton_steps import Factorised, Preconditioned

#: Largest change of a difference of log rho between neighbours in one step.
MAX_CHANGE = 3.0
#: First pseudo-time step, in exchange times of a cell, and its least and largest growth.
FIRST_STEP, LEAST_GROWTH, MOST_GROWTH = 10.0, 2.0, 10.0
#: Pseudo-time step beyond which a step is Newton's own.
INFINITE_STEP = 1e6
#: Part of the tolerance that is asked for where steps are no exact solutions.
SAFETY = 1e-2
#: Steps after which the iteration gives up.
MAX_ITERATIONS = 100
#: Balance on the way from high temperature, and steps after which that is given up.
PATH_TOLERANCE, MAX_PATH = 1e-5, 250
#: Barrier in kT above which the weights of wells are found by elimination.
WELL_DEPTH = 8.0
#: Change of a log weight that counts as none, and how often weights are updated.
WEIGHT_TOLERANCE, MAX_WEIGHT_UPDATES = 1e-9, 60


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Last iterate, its relative balance, whether it met the tolerance, and what solved steps."""

    log_rho: np.ndarray
    balance: float
    iterations: int
    converged: bool
    history: tuple[float, ...]
    how: str = ""


def solve_nine_point(scheme, start, tol, generator=None) -> NewtonResult:
    r"""Steady log density of the nine-point scheme, well by well.

    The weights of wells behind barriers of many kT are an almost free mode of the linearised
    equations, in which rounding errors swamp the solution. So the densest cell of every such well
    is held in the iteration, and the weights follow by subtraction-free elimination.

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
    NewtonResult
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
    previous = None
    for _ in range(MAX_WEIGHT_UPDATES):
        wells = _wells(scheme, result.log_rho)
        if not result.converged or len(wells) == 1:
            return result
        phi = null_vector(scheme.chain(result.log_rho), scheme.grid.shape).log_mass
        phi = phi - np.log(scheme.grid.volumes).ravel()
        change = phi - phi.max() - result.log_rho
        shift = change[wells]
        # Weights approach their fixed point geometrically: Aitken's extrapolation.
        if previous is not None and previous.size == shift.size and np.any(previous):
            ratio = float(np.clip(shift @ previous / (previous @ previous), 0.0, 0.9))
            phi = result.log_rho + change / (1 - ratio)
            previous = None
        else:
            previous = shift
        again = _iterate(scheme, phi, tol, linear)
        result = replace(
            again,
            iterations=result.iterations + again.iterations,
            history=result.history + again.history,
        )
        if np.ptp(shift) < WEIGHT_TOLERANCE:
            return result
    return replace(result, converged=False)


def _cooled(scheme, tol, failed, linear) -> NewtonResult:
    """Follow the solution from a temperature at which log rho is flat down to that of the problem.

    Temperature times log rho hardly depends on temperature (exactly not for linear drift and
    constant D), which predicts the next solution from the last.
    """
    heat, factor, path = max(1.0, scheme.tilt / 4), 4.0, None
    total, history = failed.iterations, failed.history
    while total < MAX_PATH and factor > 1.03:
        start = np.zeros(scheme.grid.size) if path is None else path[1] * path[0] / heat
        hot = scheme if heat == 1.0 else scheme.heated(heat)
        result = _iterate(hot, start, tol if heat == 1.0 else PATH_TOLERANCE, linear)
        total, history = total + result.iterations, history + result.history
        if result.converged and heat == 1.0:
            return replace(result, iterations=total, history=history)
        if result.converged:
            path, factor = (heat, result.log_rho), min(4.0, 1.3 * factor)
        elif path is None:
            break
        else:
            factor = factor**0.5
        heat = max(1.0, path[0] / factor)
    return replace(failed, iterations=total, history=history)


def _iterate(scheme, phi, tol, linear) -> NewtonResult:
    """Newton's method by pseudo-transient continuation, with the densest cell of every well held.

    Each step is an implicit step of d log rho/dt = - balance / exchange rate, every cell in its own
    time, with steps that grow as the balance falls (Kelley and Keyes, SIAM J. Numer. Anal. 35,
    1998). That flow is the Fokker-Planck dynamics up to the clocks, and so finds its way where
    plain Newton steps do not.
    """
    scaled, rate, wells = _balance(scheme, phi)
    history = [float(np.abs(scaled).max())]
    time_step = FIRST_STEP / np.clip(history[0], 1e-6, 1.0) ** 2
    while history[-1] > tol and len(history) <= MAX_ITERATIONS and time_step > 1e-3:
        step = _step(scheme, phi, wells, scaled, rate, time_step, linear)
        if step is None:  # closer to the diagonal
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
    return NewtonResult(
        phi - phi.max(), history[-1], len(history) - 1, converged, tuple(history), linear.name
    )


def _balance(scheme, phi):
    """Balance over exchange rate with zeros at the held cells, the rates, and the held cells."""
    balance, rate = scheme.residual(phi)
    wells = _wells(scheme, phi)
    with np.errstate(invalid="ignore"):
        scaled = balance / rate
    if len(wells) > 1:  # their balance is that of the weights, not of this iteration
        scaled[wells] = 0.0
    return scaled, rate, wells


def _wells(scheme, phi):
    """Densest cells of the wells that are separated by barriers of ``WELL_DEPTH`` kT or more."""
    flags = basins.deep_maxima(
        np.argsort(-phi, kind="stable"), scheme.graph.indptr, scheme.graph.indices, phi, WELL_DEPTH
    )
    return np.flatnonzero(flags)


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
