"""JKO steps in the metric of Fisher and Rao: mass fades out and in, nothing is transported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp, wrightomega

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run

#: Newton steps to the multiplier.
MAX_STEPS = 60
#: Relative error of the mass at which the multiplier is found; the rest is corrected by a factor.
TOLERANCE = 1e-14
#: Relative error of the mass beyond which a step has failed.
FAILED = 1e-10
#: Logarithm that stands for that of an empty cell, about that of the least double.
LEAST = -745.0


@dataclass(frozen=True)
class FisherRao(MinimisingMovement):
    r"""Minimising movement of the free energy in the Hellinger (Fisher-Rao) distance.

    .. math:: \rho_{k+1}=\arg\min_\rho\; F(\rho)
              +\frac2\tau\int\bigl(\sqrt\rho-\sqrt{\rho_k}\bigr)^2dx,\qquad \int\rho\,dx=1

    for contrast: as :math:`\tau\to0` it follows
    :math:`\rho_t=-\beta^{-1}\rho\,(\log\frac\rho{\rho_\infty}-\langle\log\frac\rho{\rho_\infty}
    \rangle)`, whose solution is :math:`\rho(t)\propto\rho_\infty^{1-e^{-t/\beta}}\rho_0^{
    e^{-t/\beta}}`. It is *not* the Fokker-Planck equation: the same energy falls, in time
    :math:`\beta` whatever the barriers, because nothing has to cross them. D plays no role.

    Parameters
    ----------
    tau : float
        Longest step, time.

    Raises
    ------
    ValueError
        If an energy other than the free energy is given.
    ConvergenceError
        If the multiplier of the mass is not found.

    Notes
    -----
    Order one in tau. The functional is strictly convex and minimised to rounding, so that free
    energy never rises at any tau; positive, mass exact, the density at rest fixed. Every cell has
    :math:`s+\tau\beta^{-1}\log s=d`, :math:`s=\sqrt{\rho_k/\rho}`, solved by Wright's omega
    function; one multiplier, in d, makes the mass.

    References
    ----------
    Gallouët and Monsaingeon, SIAM J. Math. Anal. 49 (2017), for the splitting with transport.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> start = fp.gaussian(grid, 1, 0.2)
    >>> solution = fp.solve(problem, start, [0, 1], fp.jko.FisherRao(tau=0.01))
    >>> exact = start**0.36788 * fp.gaussian(grid, 0, 1) ** 0.63212
    >>> bool(grid.integrate(abs(solution[-1] - exact / grid.integrate(exact))) < 5e-3)
    True
    """

    def prepare(self, run: Run) -> Array:
        """Log masses at rest."""
        if run.log_rho_inf is None:
            raise ValueError(
                "FisherRao is for the free energy of the problem; leave energy out, or use "
                "Lagrangian or Entropic"
            )
        return (run.log_rho_inf + np.log(run.volume)).ravel()

    def snapshot_scheme(self, scheme: Array) -> Any:
        """Nothing: the log masses at rest stay."""
        return {}

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """One step: Newton's method for the multiplier, formulas for the cells."""
        log_pi, b = run.scheme, tau * run.kT
        with np.errstate(divide="ignore"):
            log_p = np.maximum(np.log(p), LEAST)
        ratio = log_p - log_pi
        # The multiplier over kT lies between the least and the largest log(p / pi). Newton's method
        # for it does not overshoot from above, because the log of the mass is concave in it.
        low, high = float(ratio.min()), float(ratio.max())
        multiplier, goal = float(np.average(ratio, weights=p)), np.log(p.sum())
        for _ in range(MAX_STEPS):
            run.add(newton_iterations=1)
            log_q, s = _cells(log_p, ratio, multiplier, b)
            log_mass = logsumexp(log_q)
            off = log_mass - goal
            if abs(off) <= TOLERANCE:
                break
            low, high = (multiplier, high) if off < 0 else (low, multiplier)
            slope = float(np.sum(np.exp(log_q - log_mass) * b / (s + b)))
            new = multiplier - off / slope
            new = new if low < new < high else 0.5 * (low + high)
            if new == multiplier:
                break
            multiplier = new
        if not abs(off) <= FAILED:
            raise ConvergenceError(
                f"the multiplier of a Fisher-Rao step leaves a mass of {abs(off):.1e}; take a "
                "smaller tau",
                iterate=np.exp(log_q),
                residual=abs(off),
            )
        return np.exp(log_q)

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        return {"positivity": "by construction (exponential of a potential)"}


def _cells(log_p: Array, ratio: Array, multiplier: float, b: float) -> tuple[Array, Array]:
    """Log masses (n,) at a multiplier, and s."""
    d = 1 / b - 0.5 * (multiplier - ratio)  # over b
    omega = wrightomega(d - np.log(b)).real
    return log_p - 2 * (d - omega), b * omega
