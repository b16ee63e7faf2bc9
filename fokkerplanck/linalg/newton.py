"""Newton's method for the nine-point scheme, with continuation in isotropic diffusion."""

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
#: First and last isotropic diffusion of the continuation, in mean eigenvalues of D.
FIRST_EXTRA, LAST_EXTRA = 4.0, 1e-4
#: Newton steps after which the continuation gives up.
MAX_ITERATIONS = 300
#: Barrier in kT above which the weights of wells are found by elimination.
WELL_DEPTH = 8.0
#: Change of a log weight that counts as none, and how often weights are updated.
WEIGHT_TOLERANCE, MAX_WEIGHT_UPDATES = 1e-9, 12
#: Cells per axis below which no coarser grid is tried first.
COARSEST = 64


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
    last, total, history = _nested(problem.grid, D, v, tol, on_step)
    return NewtonResult(
        last.log_rho, last.balance, first.iterations + total, last.converged,
        first.history + history, "Newton after continuation in isotropic diffusion",
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
    """Start from the log density of a coarser grid; on the coarsest, from continuation."""
    if grid.is_uniform and all(n % 2 == 0 and n >= COARSEST for n in grid.shape):
        coarse = Grid(grid.box, tuple(n // 2 for n in grid.shape), grid.sides)
        guess, total, history = _nested(
            coarse, _averaged(D, grid) / 4, _averaged(v, grid) / 2, 1e-6, on_step
        )
        if guess.converged:
            start = _prolonged(guess.log_rho, coarse, grid)
            trial = newton(NinePoint(grid, D, v), start, tol, 25, on_step)
            total, history = total + trial.iterations, history + trial.history
            if trial.converged:
                return trial, total, history
    else:
        total, history = 0, ()
    last, more, rest = _continuation(grid, D, v, tol, on_step)
    return last, total + more, history + rest


def _averaged(a, grid):
    """Mean of a field (..., n) over blocks of two cells along every axis."""
    blocks = a.reshape(*a.shape[:-1], *(m for n in grid.shape for m in (n // 2, 2)))
    d = grid.dim
    return blocks.mean(axis=tuple(range(blocks.ndim - 2 * d + 1, blocks.ndim, 2))).reshape(
        *a.shape[:-1], -1
    )


def _prolonged(phi, coarse, grid):
    """Cubic interpolation of log density to a grid of twice as many cells per axis."""
    phi = phi.reshape(coarse.shape)
    for k, periodic in enumerate(coarse.periodic):
        at = (np.arange(grid.shape[k]) - 0.5) / 2
        n = coarse.shape[k]
        nodes = np.arange(-3, n + 3) if periodic else np.arange(n)
        wide = np.take(phi, nodes % n, axis=k)
        phi = make_interp_spline(nodes, wide, k=3, axis=k)(at)
    return phi.ravel()


def _continuation(grid, D, v, tol, on_step):
    """Follow the solution from strong isotropic diffusion, log rho nearly flat, to none."""
    path: list[tuple[float, np.ndarray]] = []
    total, history, extra, factor = 0, (), FIRST_EXTRA, 4.0
    while extra > LAST_EXTRA and total < MAX_ITERATIONS:
        start = _predicted(path, extra, grid.size)
        trial = newton(NinePoint(grid, D, v, extra), start, 1e-6, 12, on_step)
        total, history = total + trial.iterations, history + trial.history
        if trial.converged:
            path.append((extra, trial.log_rho))
            factor = min(4.0, factor * 1.5) if trial.iterations <= 5 else factor
            extra /= factor
        elif not path:
            extra *= 8
        else:
            factor = float(np.sqrt(factor))
            if factor < 1.02:
                break
            extra = path[-1][0] / factor
    last = newton(NinePoint(grid, D, v), _predicted(path, 0.0, grid.size), tol, 25, on_step)
    return last, total + last.iterations, history + last.history


def _predicted(path, extra, n):
    """Linear extrapolation of log density in the logarithm of the added diffusion."""
    if not path:
        return np.zeros(n)
    if len(path) == 1 or extra == 0.0:
        return path[-1][1]
    (a, old), (b, new) = path[-2:]
    return new + (new - old) * np.log(extra / b) / np.log(b / a)
