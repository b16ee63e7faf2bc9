r"""Debiased entropic potentials on a box: one solver for JKO steps and for distances.

With :math:`K` the logarithmic Gaussian sum of width s (:class:`GaussianKernel`) and log masses
r, q of the two ends, the unknowns are :math:`\varphi` and :math:`d`:

.. math:: d+\varphi+K(b)=r,\qquad b=q-K(d+\varphi),\qquad d+K(d)=r,

the coupling :math:`e^{d+\varphi}k\,e^{b}` of the ends and the coupling :math:`e^dk\,e^d` of the
first with itself, whose potential is subtracted. For a step in an energy r depends on the
potential, :math:`r=-\beta V-c\varphi-\log Z`, :math:`c=\beta s^2/\tau`; for a distance it is given.

An error of wave number k shrinks by :math:`e^{-s^2k^2}/(1+c)` in a plain iteration, so that smooth
errors stay. Two things remove them at a price that does not grow with the grid. The residual goes
through :math:`\alpha+(1-\alpha c)(c+A)^{-1}`, with A the backward generator
:math:`-s^2\rho^{-1}\nabla\cdot(\rho\,(\nabla T)^{-1}\nabla)` of the coupling to leading order,
inverted by one multigrid cycle. And because that is a Newton step, which needs a start, widths go
down from where the plain iteration converges by itself, a ladder of rungs on coarser grids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.linalg.grid_multigrid import GridMultigrid
from fokkerplanck.transport import ladder
from fokkerplanck.transport.anderson import Anderson
from fokkerplanck.transport.gaussian_kernel import WORK, GaussianKernel, SkewKernel

MEMORY = 6
#: What to do if an iteration does not end.
IN_GENERAL = "raise tolerance or take more cells"
IN_SHORT_STEPS = (
    "steps this short move mass by less than a cell, and the kernel blurs rough densities more "
    "than that: take longer steps, more cells or smoother data, or raise tolerance"
)
#: The plain iteration converges by itself from here on: c, or widths over the size of the box.
PLAIN, WIDE = 0.3, 0.25
SHORT = 1.0
#: Cells along an axis of the coarsest grid.
COARSEST = 24
#: Cells above which multigrid cycles take threads.
THREADED = 100_000
#: Bounds of the slope of the map in the preconditioner.
SLOPES = 0.05, 20.0
#: L1 error at which a rung is good enough a start for the next one.
ROUGH = 1e-5
LEAST = -1e30
#: Errors below this are rounding.
ROUNDING = 2e-14
#: Floor of the weights of the mixing, over the largest mass: far tails count a little.
FLOOR = 1e-12
#: Error over the least so far at which the acceleration starts anew.
FAR = 30.0
#: Plain iterations after the first failure of Newton corrections.
PATIENCE = 10
#: Errors of d are multiplied by 1 - RELAXATION (1 + p), 0 < p < 1, in a plain iteration.
RELAXATION = 0.6


@dataclass(eq=False)
class Rung:
    """One width on one grid: what is given, and the unknowns."""

    shape: tuple
    widths: np.ndarray  # in cells of this grid
    c: float
    q: np.ndarray
    given: np.ndarray  # beta V of a step, or the log masses r
    plain: bool
    phi: np.ndarray | None = None
    excess: np.ndarray | None = None  # d - r/2
    r: np.ndarray | None = None
    mass: np.ndarray | None = None

    @property
    def unit(self):
        """Change of log density per change of the potential; of a distance, over the box."""
        return self.c if self.c > 0 else float(np.min(self.widths / self.shape)) ** 2


def _bernoulli(z):
    """z/(e^z - 1)."""
    small = np.abs(z) < 1e-6
    z = np.clip(np.where(small, 1.0, z), -600.0, 600.0)
    return np.where(small, 1.0, z / np.expm1(z))


class Potentials:
    r"""Solver for one box, kernel width and coupling constant.

    Parameters
    ----------
    shape, periodic : the box
    widths : array (d,)
        Kernel widths in cells on the finest rung.
    c : float
        :math:`\beta s^2/\tau` of a step; 0 for a distance between given densities.
    tolerance : float
        Estimate of the L1 error at which the last rung stops.
    max_iterations : int
        Of the last rung.
    correlation : float
        Of the kernel's two axes, in the plane; no axis may be periodic then.
    """

    def __init__(
        self, shape, periodic, widths, c, tolerance=1e-9, max_iterations=400, correlation=0.0
    ):  # fmt: skip
        self.shape, self.periodic = tuple(shape), tuple(periodic)
        self.widths, self.c = np.asarray(widths, float), float(c)
        self.tolerance, self.max_iterations = tolerance, max_iterations
        self.correlation = float(correlation)
        self.plan = self._plan()
        self.count = {"iterations": 0, "coarse_iterations": 0, "convolutions": 0, "restarts": 0}
        self._kernels: dict = {}
        self.trace: list | None = None
        self._at_rest: np.ndarray | None = None

    def _plan(self):
        """From fine to coarse: halvings, widths, c of each rung."""
        shape, widths, c, halvings = self.shape, self.widths, self.c, 0
        plan = [(halvings, shape, widths, c)]
        # Widths over the size of the box: along the axis where that is least.
        while c < PLAIN and (widths / shape).min() < WIDE:
            if ladder.can_halve(shape, self.periodic, COARSEST):
                shape, halvings = tuple((n + 1) // 2 for n in shape), halvings + 1
            else:
                widths = 2 * widths
            c = 4 * c
            plan.append((halvings, shape, widths, c))
        return plan

    def solve(self, q, given, start=None):
        """Rung with the solution, from log masses q and beta V (c > 0) or log masses r (c = 0).

        ``start``: the solution for another width on the same grid, which spares the ladder.
        """
        if start is not None:
            return self._from(start, q, given)
        views = [(q, given)]
        for _ in range(self.plan[-1][0]):
            q_, g_ = views[-1]
            coarse = ladder.halved(np.maximum(q_, q_.max() - 800.0), self.periodic, LEAST)
            is_step = self.c > 0
            g_ = ladder.halved(
                g_ if is_step else np.maximum(g_, g_.max() - 800.0), self.periodic,
                None if is_step else LEAST,
            )  # fmt: skip
            views.append((coarse - logsumexp(coarse), g_ if is_step else g_ - logsumexp(g_)))
        done: list[Rung] = []
        for k, (halvings, shape, widths, c) in enumerate(reversed(self.plan)):
            rung = Rung(shape, widths, c, *views[halvings], plain=k == 0)
            self._start(rung, done)
            last = k == len(self.plan) - 1
            self._iterate(rung, self.tolerance if last else max(ROUGH, self.tolerance), last)
            done = [*done[-1:], rung]
        return done[-1]

    def _from(self, start, q, given):
        """Rung with the solution, from that for another width."""
        _, shape, widths, c = self.plan[0]
        rung = Rung(shape, widths, c, q, given, plain=c >= PLAIN)
        ratio = float(start.widths[0] / widths[0]) ** 2
        rung.phi, rung.excess = start.phi * ratio, start.excess / ratio
        self._iterate(rung, self.tolerance, True)
        return rung

    def second(self, rung):
        """Debiased potential of the other end, b - d for q (to what the iteration left)."""
        a = rung.excess + 0.5 * rung.r + rung.phi
        b = rung.q - self._kernel(rung)(a)
        return b - self.self_potential(rung.q, rung) - 0.5 * rung.q

    def solve_near(self, q, given, at_rest, tolerance):
        """Rung with the solution for q close to the density at rest, found from there."""
        _, shape, widths, c = self.plan[0]
        rung = Rung(shape, widths, c, q, given, plain=c >= PLAIN)
        rung.phi = np.zeros(shape)
        if self._at_rest is None:
            self._at_rest = self.self_potential(at_rest, rung)
        rung.excess = self._at_rest
        self._iterate(rung, max(tolerance, ROUNDING), True)
        return rung

    def _start(self, rung, done):
        """First guess of a rung from the ones before; their error is of fourth order in s."""
        if not done:
            # At rest; in steps so short that little changes, as before, but smoothed, so that empty
            # cells next to others are awake.
            rung.phi = np.zeros(rung.shape)
            if rung.c >= SHORT:
                rung.phi = -(rung.given + self._kernel(rung)(rung.q)) / rung.c
            return
        last = done[-1]
        phi = self._raised(last.phi, last.shape, rung.shape)
        if len(done) > 1:
            before = self._raised(done[0].phi, done[0].shape, last.shape)
            phi = phi + (phi - 4 * self._raised(before, last.shape, rung.shape)) / 16
        rung.phi = 4 * phi  # in units of s^2, a quarter of what they were
        rung.excess = self._raised(last.excess, last.shape, rung.shape) / 4

    def _raised(self, values, shape, target):
        """Values of one rung on the grid of the next one."""
        return values if shape == target else ladder.doubled(values, target, self.periodic)

    def _kernel(self, rung) -> GaussianKernel:
        """Kernel of a rung, kept."""
        key = rung.shape, tuple(rung.widths)
        if key not in self._kernels:
            self._kernels[key] = (
                SkewKernel(rung.shape, rung.widths, self.correlation)
                if self.correlation
                else GaussianKernel(rung.shape, rung.widths, self.periodic)
            )
        return self._kernels[key]

    def _density(self, rung, phi):
        """Log masses r that belong to a potential, and masses; both kept by the rung."""
        if rung.c > 0 or rung.mass is None:
            r = -rung.given - rung.c * phi if rung.c > 0 else rung.given
            top = r.max()
            mass = np.exp(r - top)
            total = float(mass.sum())
            rung.r, rung.mass = r - (top + np.log(total)), mass * (1 / total)
        return rung.r

    def self_potential(self, r, rung):
        """Excess d - r/2 of the coupling of r with itself, to rounding."""
        K, d = self._kernel(rung), 0.5 * r
        w = np.exp(r)
        mix = Anderson(np.concatenate([w.ravel()]), MEMORY)
        best = np.inf
        for _ in range(60):
            defect = r - d - K(d)
            size = float(np.sum(w * np.abs(defect)))
            if size > 0.5 * best and size < 1e-12:
                break
            best = min(best, size)
            d = mix(d.ravel(), 0.5 * defect.ravel()).reshape(rung.shape)
        return d - 0.5 * r

    def _iterate(self, rung, tolerance, is_last):
        """Fixed-point iteration of one rung, with threads if it is large."""
        with threads.Suited(WORK * rung.q.size):
            self._converge(rung, tolerance, is_last)

    def _converge(self, rung, tolerance, is_last):
        """Fixed-point iteration of one rung, accelerated, with Newton corrections if not plain."""
        r = self._density(rung, rung.phi)
        excess = 0.0 if rung.excess is None else rung.excess
        start = x = np.concatenate([rung.phi.ravel(), (0.5 * r + excess).ravel()])
        w = rung.mass.ravel()
        w = w + FLOOR * w.max()
        mix = Anderson(np.concatenate([rung.unit**2 * w, w]), MEMORY)
        newton, best, after, failures, plain_until = None, np.inf, x, 0, 0
        for k in range(self.max_iterations):
            defect, own = self._residual(rung, x)
            if not rung.plain and newton is None and k >= plain_until:
                newton, best = Newton(rung, self.periodic), np.inf
                mix.reset()
            g, error = self._correction(rung, newton, defect, own)
            self.count["iterations" if is_last else "coarse_iterations"] += 1
            if self.trace is not None:
                self.trace.append((rung.shape, k, error, rung.unit * float(np.abs(g).max())))
            if error <= tolerance:
                break
            if error < best:
                best, after = error, x + g
            if error < FAR * best:
                x = mix(x, g)
                continue
            self.count["restarts"] += 1
            best, x = np.inf, after
            mix.reset()
            if newton is not None:  # no way from here: plainly from the start, for a while
                newton, failures, x = None, failures + 1, start
                plain_until = k + PATIENCE if failures == 1 else self.max_iterations
        else:
            if is_last:
                raise ConvergenceError(
                    f"the potentials are off by {best:.1e} after {self.max_iterations} iterations; "
                    + (IN_SHORT_STEPS if rung.c >= SHORT else IN_GENERAL),
                    iterate=after, residual=best,
                )  # fmt: skip
        self.count["convolutions"] += 3 * (k + 1) if is_last else 0

    def _residual(self, rung, x):
        """Residuals of the two equations at (phi, d), which the rung keeps."""
        K, N = self._kernel(rung), rung.q.size
        rung.phi, d = x[:N].reshape(rung.shape), x[N:].reshape(rung.shape)
        r = self._density(rung, rung.phi)
        rung.excess = d - 0.5 * r
        a = d + rung.phi
        defect = a + K(rung.q - K(a)) - r
        return defect - np.sum(rung.mass * defect), r - d - K(d)

    def _correction(self, rung, newton, defect, own):
        """Corrections of (phi, d) and the L1 error they stand for."""
        phi = -defect / (1 + rung.c) if newton is None else -newton(defect)
        # Plain corrections of smooth errors are too small, but residuals bound the error. An error
        # e of d moves phi by (1 - p^2) e/(1 - p^2 + c), p <= 1 the symbol of the kernel, and log
        # densities by c times that: by less than min(1, c) e.
        sizes = [own if rung.c == 0 else min(1.0, rung.c) * own]
        if newton is None or rung.c == 0:
            sizes.append(defect)
        if newton is not None:
            sizes.append(rung.unit * phi)
        error = max(float(np.sum(rung.mass * np.abs(u))) for u in sizes)
        d = RELAXATION * own - 0.5 * rung.c * phi
        return np.concatenate([phi.ravel(), d.ravel()]), error


class Newton:
    """Approximate inverse of the linearised iteration: one multigrid cycle, and the rest as is."""

    def __init__(self, rung, periodic):
        up, down, r = [], [], rung.r
        for k, (n, width) in enumerate(zip(rung.shape, rung.widths, strict=True)):
            jump = np.roll(r, -1, k) - r
            bend = np.roll(rung.phi, -1, k) - 2 * rung.phi + np.roll(rung.phi, 1, k)
            if not periodic[k]:
                edge = np.moveaxis(bend, k, 0)
                edge[0], edge[-1] = edge[1], edge[-2]
            bend = 0.5 * (bend + np.roll(bend, -1, k))
            slope = np.clip(1 / np.maximum(1 - width**2 * bend, SLOPES[0]), *SLOPES)
            rate = width**2 * slope
            u, v = rate * _bernoulli(-jump), rate * _bernoulli(jump)
            if not periodic[k] or n < 3:
                np.moveaxis(u, k, 0)[-1] = np.moveaxis(v, k, 0)[-1] = 0.0
            up.append(u)
            down.append(np.roll(v, 1, k))
        shift = max(rung.c, 1e-3 * float(np.min(np.pi * rung.widths / rung.shape)) ** 2)
        self.c, self.alpha = shift, min(1.0, 0.65 + 0.35 * shift)
        # Convolutions are most of the work. The many short loops of a cycle would wait for each
        # other at every turn if another process takes a core.
        self.context = threads.Suited(r.size if r.size > THREADED else 0)
        with self.context:
            self.levels = GridMultigrid(np.stack(up), np.stack(down), periodic, r, shift)

    def __call__(self, defect):
        """Correction of the potential."""
        with self.context:
            smooth = self.levels.precondition(defect).reshape(defect.shape)
        return self.alpha * defect + (1 - self.alpha * self.c) * smooth
