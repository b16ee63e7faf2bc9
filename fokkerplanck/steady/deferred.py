"""Deferred correction: a wide scheme solved by factors of the Jacobian of a narrow one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.kernels.linalg import basins
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.steady.newton import MAX_WEIGHT_UPDATES, WEIGHT_TOLERANCE, WELL_DEPTH

#: Largest change of a difference of log rho between neighbours in one correction.
MAX_CHANGE = 1.0
#: Part of the tolerance at which to stop: convergence is linear, and rounding is to be near.
SAFETY = 0.01
#: Corrections kept by Anderson's acceleration, and most corrections of one solve.
MEMORY, MAX_CORRECTIONS = 20, 80
#: Corrections within which the balance has to fall below a tenth of what it was.
PATIENCE = 20


@dataclass(frozen=True, eq=False)
class DeferredResult:
    """Last iterate, its relative balance, corrections taken, and whether the tolerance was met."""

    log_rho: np.ndarray
    balance: float
    iterations: int
    converged: bool
    history: tuple[float, ...]


class HeldFactors:
    """Sparse LU of the scaled Jacobian of a scheme at log_rho, with one cell of each well held.

    Attributes
    ----------
    rate : array (n,)
        Exchange rates by which the rows are divided.
    held : int array
        Densest cells of the wells behind barriers of ``WELL_DEPTH`` kT.
    """

    def __init__(self, scheme, log_rho):
        self.rate = scheme.residual(log_rho)[1]
        self.held = deep_wells(scheme, log_rho)
        keep = np.ones(log_rho.size, bool)
        keep[self.held] = False
        self._keep = np.flatnonzero(keep)
        J = (sparse.diags_array(1 / self.rate) @ scheme.jacobian(log_rho)).tocsr()
        self._lu = splu(
            J[self._keep][:, self._keep].tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-3,
            options={"SymmetricMode": True},
        )

    def solve(self, balance):
        """Change of log rho (n,) that the narrow scheme wants for a balance; 0 at held cells."""
        out = np.zeros_like(balance)
        out[self._keep] = self._lu.solve((balance / self.rate)[self._keep])
        return out


def deep_wells(scheme, log_rho):
    """Densest cells of the wells that are parted by barriers of ``WELL_DEPTH`` kT or more."""
    order = np.argsort(-log_rho, kind="stable")
    graph = scheme.graph
    return np.flatnonzero(
        basins.deep_maxima(order, graph.indptr, graph.indices, log_rho, WELL_DEPTH)
    )


def solve_deferred(scheme, factors, start, tol) -> DeferredResult:
    r"""Log density at which the balance of a scheme vanishes, by factors of another's Jacobian.

    Corrections :math:`\varphi \to \varphi - A^{-1}R(\varphi)`, A the narrow Jacobian and R the wide
    balance, with Anderson's acceleration: on a linear problem GMRES preconditioned by A. Weights of
    deep wells follow by subtraction-free elimination on a chain with the same currents, as for the
    nine-point scheme.

    Parameters
    ----------
    scheme : object with ``residual``, ``chain``, ``step``, ``graph``, ``grid``
    factors : object with ``solve`` and ``held``, e.g. HeldFactors
    start : array (n,)
    tol : float
        On the net outflow of a cell over its exchange rate, the largest over the box.

    Returns
    -------
    DeferredResult
        ``converged`` says whether the tolerance was met; nothing is raised.

    References
    ----------
    Stetter, Numer. Math. 29 (1978); Walker and Ni, SIAM J. Numer. Anal. 49 (2011).
    """
    result = _accelerated(scheme, factors, np.array(start), tol)
    if len(factors.held) == 1:
        return result
    previous = None
    for _ in range(MAX_WEIGHT_UPDATES):
        if not result.converged:
            return result
        phi = null_vector(scheme.chain(result.log_rho), scheme.grid.shape).log_mass
        phi = phi - np.log(scheme.grid.volumes).ravel()
        change = phi - phi.max() - result.log_rho
        shift = change[factors.held]
        # Weights approach their fixed point geometrically: Aitken's extrapolation.
        if previous is not None and np.any(previous):
            ratio = float(np.clip(shift @ previous / (previous @ previous), 0.0, 0.9))
            phi, previous = result.log_rho + change / (1 - ratio), None
        else:
            previous = shift
        again = _accelerated(scheme, factors, phi, tol)
        result = replace(
            again,
            iterations=result.iterations + again.iterations,
            history=result.history + again.history,
        )
        if np.ptp(shift) < WEIGHT_TOLERANCE:
            return result
    return replace(result, converged=False)


def _accelerated(scheme, factors, phi, tol) -> DeferredResult:
    """Anderson's acceleration of the corrections, until they stop helping."""
    iterates, corrections, history = [], [], []
    last = phi
    while True:
        balance, size = _balance(scheme, factors, phi)
        history.append(size)
        last = phi if np.isfinite(size) else last
        if not np.isfinite(size) or size <= SAFETY * tol or len(history) > MAX_CORRECTIONS:
            break
        if len(history) > PATIENCE and min(history[-PATIENCE:]) > 0.1 * history[-PATIENCE - 1]:
            break
        iterates.append(phi)
        corrections.append(-factors.solve(balance))
        if not np.isfinite(corrections[-1]).all():
            break
        del iterates[: -MEMORY - 1], corrections[: -MEMORY - 1]
        step = _anderson(iterates, corrections)
        change = float(np.abs(scheme.step @ step).max())
        phi = phi + step * min(1.0, MAX_CHANGE / max(change, 1e-300))
    size = next((s for s in reversed(history) if np.isfinite(s)), np.inf)
    return DeferredResult(last - last.max(), size, len(history) - 1, size <= tol, tuple(history))


def _balance(scheme, factors, phi):
    """Balance with zeros at the held cells of several wells, and its largest relative size."""
    balance, rate = scheme.residual(phi)
    if len(factors.held) > 1:  # their balance is that of the weights, not of this iteration
        balance[factors.held] = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return balance, float(np.abs(balance / rate).max())


def _anderson(iterates, corrections):
    """Step of least correction in the span of the last ones."""
    f = corrections[-1]
    if len(corrections) == 1:
        return f
    dF = np.stack([b - a for a, b in pairwise(corrections)], axis=1)
    dX = np.stack([b - a for a, b in pairwise(iterates)], axis=1)
    Q, R = np.linalg.qr(dF)
    weights = np.linalg.lstsq(R, Q.T @ f, rcond=1e-12)[0]
    return f - (dX + dF) @ weights
