"""Newton's method for the nine-point scheme, with continuation in the drift."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.interpolate import make_interp_spline
from scipy.sparse.linalg import splu

from fokkerplanck.grid import Grid
from fokkerplanck.kernels import basins
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.nine_point import NinePoint, index_units

#: Largest change of a difference of log rho between neighbours in one Newton step.
MAX_CHANGE = 2.0
#: First share of the drift in the continuation.
FIRST_SHARE = 1 / 64
#: Balance on the way, and Newton steps after which the continuation on one grid gives up.
PATH_TOLERANCE, MAX_ITERATIONS = 1e-6, 300
#: Barrier in kT above which the weights of wells are found by elimination.
WELL_DEPTH = 8.0
#: Change of a log weight that counts as none, and how often weights are updated.
WEIGHT_TOLERANCE, MAX_WEIGHT_UPDATES = 1e-9, 12
#: Cells per axis, by dimension, below which no coarser grid is tried first.
COARSEST = {1: 64, 2: 64, 3: 16}


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Last iterate of Newton's method, its relative balance and how it was reached."""

    log_rho: np.ndarray
    balance: float
    iterations: int
    converged: bool
    history: tuple[float, ...]
    how: str = "Newton from the Markov solution"


def solve_nine_point(problem, start, tol, on_step=None) -> NewtonResult:
    """Steady log density of the nine-point scheme.

    Parameters
    ----------
    problem : Problem
    start : array (n,)
        Log density to start from; that of the Markov scheme.
    tol : float
        On the net outflow of a cell over its total exchange rate, the largest over the box.
    on_step : callable, optional
        Called with (iterations, balance).

    Returns
    -------
    NewtonResult
        ``converged`` says whether the tolerance was met; nothing is raised.
    """
    D, v = index_units(problem)
    first = newton(NinePoint(problem.grid, D, v), start, tol, 25, on_step)
    if first.converged:
        return first
    last, _, total, history = _nested(problem.grid, D, v, tol, on_step)
    return NewtonResult(
        last.log_rho, last.balance, first.iterations + total, last.converged,
        first.history + history, "Newton after continuation in the drift",
    )  # fmt: skip


def newton(scheme, start, tol, max_iterations, on_step=None) -> NewtonResult:
    """Newton's method on the balance of every cell over its own mass, well by well.

    The weights of wells behind barriers of many kT are an almost free mode of the linearised
    equations, in which rounding errors swamp the solution. So the densest cell of every such well
    is held in the Newton steps, and the weights follow by subtraction-free elimination.
    """
    result = _local_newton(scheme, np.array(start), tol, max_iterations, on_step)
    for _ in range(MAX_WEIGHT_UPDATES):
        wells = _wells(scheme, result.log_rho)
        if not result.converged or len(wells) == 1:
            return result
        phi = null_vector(scheme.chain(result.log_rho), scheme.grid.shape).log_mass
        shift = (phi - result.log_rho)[wells]
        again = _local_newton(scheme, phi, tol, max_iterations, on_step)
        result = replace(
            again,
            iterations=result.iterations + again.iterations,
            history=result.history + again.history,
        )
        if np.ptp(shift) < WEIGHT_TOLERANCE:
            return result
    return replace(result, converged=False)


def _local_newton(scheme, phi, tol, max_iterations, on_step) -> NewtonResult:
    """Damped Newton iteration with the densest cell of every well held."""
    history: list[float] = []
    for iteration in range(max_iterations + 1):
        balance, rate = scheme.residual(phi)
        wells = _wells(scheme, phi)
        scaled = balance / rate
        if len(wells) > 1:  # their balance is that of the weights, not of this iteration
            scaled[wells] = 0.0
        worst = float(np.abs(scaled).max())
        history.append(worst)
        if on_step is not None:
            on_step(iteration, worst)
        if worst <= tol or not np.isfinite(worst) or iteration == max_iterations:
            break
        step = _newton_step(scheme, phi, wells, scaled, rate)
        if step is None:
            break
        phi, reduced = _damped(scheme, phi, step, wells, float(np.linalg.norm(scaled)))
        if not reduced and worst > 1e3 * tol and iteration > 12:
            break
    good = bool(np.isfinite(worst) and worst <= tol)
    return NewtonResult(phi - phi.max(), worst, len(history) - 1, good, tuple(history))


def _wells(scheme, phi):
    """Densest cells of the wells that are separated by barriers of ``WELL_DEPTH`` kT or more."""
    flags = basins.deep_maxima(
        np.argsort(-phi, kind="stable"), scheme.graph.indptr, scheme.graph.indices, phi, WELL_DEPTH
    )
    return np.flatnonzero(flags)


def _newton_step(scheme, phi, wells, scaled, rate):
    """Solve the Newton equation with the wells' densest cells held; None if it is singular."""
    held = np.zeros(phi.size, bool)
    held[wells] = True
    keep = np.flatnonzero(~held)
    J = (sparse.diags_array(1 / rate) @ scheme.jacobian(phi)).tocsr()[keep][:, keep].tocsc()
    try:
        factor = splu(
            J, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=1e-3, options={"SymmetricMode": True}
        )
    except RuntimeError:
        return None
    step = np.zeros_like(phi)
    step[keep] = factor.solve(-scaled[keep])
    return step if np.isfinite(step).all() else None


def _damped(scheme, phi, step, wells, size):
    """Largest of a few halved steps that reduces the scaled balance, else the smallest."""
    with np.errstate(over="ignore"):
        change = float(np.abs(scheme.step @ step).max())
    t = min(1.0, MAX_CHANGE / change) if change > 0 else 1.0
    for _ in range(6):
        new = phi + t * step
        balance, rate = scheme.residual(new)
        scaled = balance / rate
        if len(wells) > 1:
            scaled[wells] = 0.0
        if np.linalg.norm(scaled) < (1 - 0.1 * t) * size:
            return new, True
        t *= 0.5
    return new, False


def _nested(grid, D, v, tol, on_step):
    """Continuation in the drift, on a coarser grid first.

    Returns the last Newton result, the path [(share of drift, log density), ...] to it, the
    number of Newton steps and the history of balances.
    """
    path, total, history = [], 0, ()
    if grid.is_uniform and min(grid.shape) >= COARSEST[grid.dim]:
        coarse = Grid(grid.box, tuple((n + 1) // 2 for n in grid.shape), grid.sides)
        ratio = np.array(coarse.shape) / np.array(grid.shape)
        coarse_D = _resampled(D, grid, coarse, 1) * np.multiply.outer(ratio, ratio)[..., None]
        coarse_v = _resampled(v, grid, coarse, 1) * ratio[:, None]
        _, path, total, history = _nested(coarse, coarse_D, coarse_v, 1e-6, on_step)
        path = [(share, _resampled(phi, coarse, grid, 3)) for share, phi in path]
    last, path, more, rest = _continuation(grid, D, v, tol, path, on_step)
    return last, path, total + more, history + rest


def _resampled(a, source, target, degree):
    """Spline interpolation of a field (..., n) to the cell centres of another grid on the box."""
    a = a.reshape(*a.shape[:-1], *source.shape)
    for k, periodic in enumerate(source.periodic):
        n, m = source.shape[k], target.shape[k]
        axis = a.ndim - source.dim + k
        nodes = np.arange(-3, n + 3) if periodic else np.arange(n)
        at = (np.arange(m) + 0.5) * n / m - 0.5
        a = make_interp_spline(nodes, np.take(a, nodes % n, axis=axis), k=degree, axis=axis)(at)
    return a.reshape(*a.shape[: a.ndim - source.dim], -1)


def _continuation(grid, D, v, tol, guesses, on_step):
    """Follow the solution from no drift, where log rho is flat, to the whole drift.

    The path starts at the largest share of the drift for which the guess from a coarser grid
    converges.
    """
    path, total, history = [(0.0, np.zeros(grid.size))], 0, ()
    for share, guess in reversed(guesses[1:]):
        last = newton(NinePoint(grid, D, share * v), guess, tol, 8, on_step)
        total, history = total + last.iterations, history + last.history
        if last.converged:
            path.append((share, last.log_rho))
            break
    share, factor = min(1.0, 2 * path[-1][0]) or FIRST_SHARE, 4.0
    while path[-1][0] < 1.0 and total < MAX_ITERATIONS and factor > 1.01:
        goal = tol if share == 1.0 else PATH_TOLERANCE
        start = _predicted(path, share)
        last = newton(NinePoint(grid, D, share * v), start, goal, 15, on_step)
        total, history = total + last.iterations, history + last.history
        if last.converged:
            path.append((share, last.log_rho))
            factor = min(8.0, factor * 2) if last.iterations <= 6 else factor
        else:
            factor = float(np.sqrt(factor))
        share = min(1.0, factor * path[-1][0]) or share / 8
    return last, path, total, history


def _predicted(path, share):
    """Log density extrapolated along the path, linearly in the share of the drift."""
    (a, old), (b, new) = path[-2:] if len(path) > 1 else (path[0], path[0])
    return new + (new - old) * ((share - b) / (b - a)) if b > a else new
