"""Deferred correction: a wide scheme solved by factors of the Jacobian of a narrow one."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg.anderson import anderson_step
from fokkerplanck.steady.newton_steps import HeldFactors
from fokkerplanck.steady.wells import Iteration, deep_wells, with_weights

#: Largest change of a difference of log rho between neighbours in one correction.
MAX_CHANGE = 1.0
#: Part of the tolerance at which to stop: convergence is linear, and what is left is to be small.
SAFETY = 0.01
#: Corrections kept by Anderson's acceleration.
MEMORY = 20
#: Most corrections of one solve.
MAX_CORRECTIONS = 80
#: Corrections within which the balance has to fall below a tenth of what it was.
PATIENCE = 20


class NarrowFactors:
    """Sparse LU of the scaled Jacobian of a scheme at log_rho, with one cell of each well held.

    Parameters
    ----------
    scheme : NinePoint or FourthOrder
    log_rho : array (n,)
    kept : flags (n,), optional
        Cells that are held besides, at whatever log density they have.

    Attributes
    ----------
    rate : array (n,)
        Exchange rates by which the rows are divided.
    wells : int array
        Densest cells of the wells behind barriers of ``WELL_DEPTH`` kT, of those not kept.
    held : int array
        These and the cells kept.
    """

    def __init__(self, scheme, log_rho, kept=None):
        self.rate = scheme.residual(log_rho)[1]
        self.wells = self.held = deep_wells(scheme.graph, log_rho)
        if kept is not None:
            self.wells = self.wells[~kept[self.wells]]
            self.held = np.union1d(self.wells, np.flatnonzero(kept))
        J = scheme.jacobian(log_rho)
        J.data *= np.repeat(1 / self.rate, np.diff(J.indptr))
        self._factors = HeldFactors(J, self.held)

    def solve(self, balance):
        """Change of log rho (n,) that the narrow scheme wants for a balance; 0 at held cells."""
        return self._factors.solve(balance / self.rate)


def solve_deferred(scheme, factors, start, tol) -> Iteration:
    r"""Log density at which the balance of a scheme vanishes, by factors of another's Jacobian.

    Corrections :math:`\varphi \to \varphi - A^{-1}R(\varphi)`, A the narrow Jacobian and R the wide
    balance, with Anderson's acceleration: on a linear problem GMRES preconditioned by A. Weights of
    deep wells follow as for the nine-point scheme; see `steady.wells`.

    Parameters
    ----------
    scheme : object with ``residual``, ``chain``, ``step``, ``graph``, ``grid``
    factors : object with ``solve``, ``held`` and ``wells``, e.g. NarrowFactors
    start : array (n,)
    tol : float
        On the net outflow of a cell over its exchange rate, the largest over the box.

    Returns
    -------
    Iteration
        ``converged`` says whether the tolerance was met; nothing is raised.

    References
    ----------
    Stetter, Numer. Math. 29 (1978); Walker and Ni, SIAM J. Numer. Anal. 49 (2011).
    """
    return with_weights(
        scheme,
        _accelerated(scheme, factors, np.array(start), tol),
        lambda _: factors.wells,
        lambda phi: _accelerated(scheme, factors, phi, tol),
    )


def _accelerated(scheme, factors, phi, tol) -> Iteration:
    """Anderson's acceleration of the corrections, until they stop helping."""
    iterates: list[Array] = []
    corrections: list[Array] = []
    history: list[float] = []
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
        step = anderson_step(iterates, corrections)
        change = float(np.abs(scheme.step @ step).max())
        phi = phi + step * min(1.0, MAX_CHANGE / max(change, 1e-300))
    size = next((s for s in reversed(history) if np.isfinite(s)), np.inf)
    return Iteration(last - last.max(), size, len(history) - 1, size <= tol, tuple(history))


def _balance(scheme, factors, phi):
    """Balance with zeros at several held cells, and its largest relative size."""
    balance, rate = scheme.residual(phi)
    if len(factors.held) > 1:  # held cells come into balance by their weights, later
        balance[factors.held] = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return balance, float(np.abs(balance / rate).max())
