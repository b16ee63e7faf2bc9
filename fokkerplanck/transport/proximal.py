"""Debiased entropic steps of any energy with a proximal map, by the plain iteration."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Energy
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.anderson import Anderson
from fokkerplanck.transport.gaussian_kernel import GaussianKernel

#: Iterations of a step.
MAX_ITERATIONS = 500
#: Differences that the acceleration keeps.
MEMORY = 8
#: Error over the least so far at which the acceleration starts anew.
FAR = 30.0
#: Floor of the weights, over the largest mass: what is near a front counts a little.
FLOOR = 1e-10
#: Steps to the level of the right mass.
MAX_LEVELS = 100
#: Error of the log of the mass that is rounding.
ROUNDING = 1e-13
#: Share of the mass that follows the level from which on Newton's method is of use for it.
ENOUGH = 1e-3
#: Distance of a log density from its limit within which it is held there.
AT_LIMIT = 1e-12


class ProximalStep:
    r"""Solver for :math:`\min_\rho E(\rho)+S_\gamma(\rho,\rho_k)`.

    .. math:: \gamma\log\rho+U'(\rho)+V+W*\rho=\gamma(d+K b)+\lambda,\qquad
              b=\log\rho_k-K a,\qquad a=\log\rho-Kb,\qquad d+Kd=\log\rho

    The interaction is taken at the present iterate, inside of the iteration; the number
    :math:`\lambda` fixes the mass.

    Parameters
    ----------
    energy : Energy
    grid : Grid
        Uniform.
    widths : array (d,)
        Kernel widths in cells.
    gamma : float
        Weight of the entropy of the coupling, energy.
    tolerance : float

    Attributes
    ----------
    spent : dict
        Iterations, convolutions and restarts of the last step.
    """

    def __init__(
        self, energy: Energy, grid: Grid, widths: Array, gamma: float, tolerance: float
    ) -> None:
        self.energy, self.grid, self.gamma = energy, grid, float(gamma)
        self.K = GaussianKernel(grid.shape, widths, grid.periodic)
        self.tolerance, self.V = tolerance, energy.potential(grid)
        self.log_volume = float(np.log(grid.volume))
        self.spent: dict[str, int] = {}
        self._warm: Array | None = None  # (a, d) at the end of the last step
        self._level = 0.0

    def __call__(self, q: Array) -> Array:
        """Log masses after a step from log masses q."""
        K, N, calls = self.K, q.size, self.K.calls
        if self._warm is None:  # smoothed, so that cells just outside of a front have some mass
            d = 0.5 * K(q).ravel()
            self._warm = np.concatenate([d, d])
        x = self._warm
        w = np.exp(q).ravel()
        w = w + FLOOR * w.max()
        mix, best, restarts = Anderson(np.concatenate([w, w]), MEMORY), np.inf, 0
        r = K(q)
        for n in range(1, MAX_ITERATIONS + 1):  # noqa: B007
            a, d = x[:N].reshape(q.shape), x[N:].reshape(q.shape)
            kb = K(q - K(a))
            r = self._proximal(d + kb, np.exp(r))
            own = 0.5 * (r - d - K(d))
            g = np.concatenate([(r - kb - a).ravel(), own.ravel()])
            rho = np.exp(r).ravel()
            error = float(np.sum(rho * (np.abs(g[:N]) + np.abs(g[N:]))))
            if error <= self.tolerance:
                break
            if error < best:
                best, after = error, x + g
            if error < FAR * best:
                x = mix(x, g)
            else:  # back to the best iterate, and plainly on from there
                restarts, x = restarts + 1, after
                mix.reset()
        else:
            raise ConvergenceError(
                f"a step of {self.energy!r} is off by {best:.1e} after {MAX_ITERATIONS} "
                "iterations; raise tolerance, shorten tau or take wider kernels",
                iterate=r,
                residual=best,
            )
        self._warm = x
        self.spent = {"iterations": n, "convolutions": K.calls - calls, "restarts": restarts}
        return r

    def _proximal(self, log_q: Array, rho: Array) -> Array:
        """Log masses of sum one: proximal map at the level where their mass is one."""
        energy, weight = self.energy, 1 / self.gamma
        V = self.V + energy.interaction(rho * np.exp(-self.log_volume), self.grid)
        log_q, level = log_q - self.log_volume, self._level
        low, high, step = -np.inf, np.inf, 1.0
        for _ in range(MAX_LEVELS):
            y = energy.proximal(log_q + level, weight, V)
            top = float(y.max())
            u = np.exp(y - top)
            mass = float(np.log(np.sum(u))) + top + self.log_volume
            if abs(mass) <= ROUNDING:
                break
            low, high = (level, high) if mass < 0 else (low, level)
            # Share of the mass that answers to the level; none where a limit holds it.
            free = u / (1 + weight * energy.dd_internal(np.exp(y)) * np.exp(y))
            share = float(np.sum(free * (y < np.log(energy.limit) - AT_LIMIT)) / np.sum(u))
            plain = level - np.sign(mass) * step
            new = level - mass / share if share > ENOUGH else plain
            if not low < new < high:
                new = 0.5 * (low + high) if np.isfinite(high - low) else plain
            step *= 2
            level = new
        self._level = level
        return y + self.log_volume
