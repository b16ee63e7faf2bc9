r"""Debiased entropic potentials on a box: one solver for JKO steps and for distances.

With :math:`K` the logarithmic Gaussian sum of width s (:class:`GaussianKernel`) and log masses
r, q of the two ends, the unknowns are :math:`\varphi` and :math:`d`:

.. math:: d+\varphi+K(b)=r,\qquad b=q-K(d+\varphi),\qquad d+K(d)=r,

the coupling :math:`e^{d+\varphi}k\,e^{b}` of the ends and the coupling :math:`e^dk\,e^d` of the
first with itself, whose potential is subtracted. For a step in an energy r depends on the
potential, :math:`r=-\beta V-c\varphi-\log Z`, :math:`c=\beta s^2/\tau`; for a distance it is given
and c is 0.

An error of wave number k shrinks by :math:`e^{-s^2k^2}/(1+c)` in a plain iteration, so that smooth
errors stay. Two things remove them at a price that does not grow with the grid. The residual goes
through :math:`\alpha+(1-\alpha c)(c+A)^{-1}`, with A the backward generator
:math:`-s^2\rho^{-1}\nabla\cdot(\rho\,(\nabla T)^{-1}\nabla)` of the coupling to leading order,
inverted by one multigrid cycle. And because that is a Newton step, which needs a start, widths go
down from where the plain iteration converges by itself, a ladder of rungs on coarser grids.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.transport.log_convolution import LEAST
from fokkerplanck.linalg.anderson import Anderson
from fokkerplanck.linalg.grid_multigrid import GridMultigrid
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.transport import ladder
from fokkerplanck.transport.gaussian_kernel import WORK, GaussianKernel, SkewKernel

#: Differences that the acceleration keeps.
MEMORY = 6
#: What to do if an iteration does not end.
IN_GENERAL = "raise tolerance or take more cells"
IN_SHORT_STEPS = (
    "steps this short move mass by less than a cell, and the kernel blurs rough densities more "
    "than that: take longer steps, more cells or smoother data, or raise tolerance"
)
#: The plain iteration converges by itself from this c on,
PLAIN = 0.3
#: or from this width of the kernel on, over the size of the box.
WIDE = 0.25
#: From this c on a step is so short that the density hardly changes.
SHORT = 1.0
#: Cells along an axis of the coarsest grid.
COARSEST = 24
#: Cells above which multigrid cycles take threads.
THREADED = 100_000
#: Bounds of the slope of the map in the preconditioner.
SLOPES = 0.05, 20.0
#: Largest step of the log density between neighbours in the preconditioner.
STEEPEST = 600.0
#: Log masses are cut this far below the largest before a grid is halved.
DEPTH = 800.0
#: L1 error at which a rung is good enough a start for the next one.
ROUGH = 1e-5
#: Errors below this are rounding.
ROUNDING = 2e-14
#: Iterations for the coupling of a density with itself.
MAX_SELF = 60
#: Its error below which it may end, when an iteration does not halve it any more.
SELF_SMALL = 1e-12
#: Floor of the weights of the acceleration, over the largest mass: far tails count a little.
FLOOR = 1e-12
#: Error over the least so far at which the acceleration starts anew.
FAR = 30.0
#: Plain iterations after the first failure of Newton corrections.
PATIENCE = 10
#: Errors of d are multiplied by 1 - RELAXATION (1 + p), 0 < p < 1, in a plain iteration.
RELAXATION = 0.6


@dataclass(frozen=True, eq=False)
class Ends:
    r"""What is known of the two ends: q, and one of the others. Arrays (\*shape).

    Attributes
    ----------
    q : array
        Log masses of the old density of a step, or of the second one of a distance.
    beta_V : array, optional
        Of a step: the potential over kT.
    r : array, optional
        Of a distance: log masses of the first density.
    """

    q: Array
    beta_V: Array | None = None
    r: Array | None = None

    def halved(self, periodic: tuple[bool, ...]) -> Ends:
        """Return the same on half as many cells along each axis."""
        return Ends(
            _halved(self.q, periodic),
            None if self.beta_V is None else ladder.halved(self.beta_V, periodic),
            None if self.r is None else _halved(self.r, periodic),
        )


def _halved(q: Array, periodic: tuple[bool, ...]) -> Array:
    """Log masses on half as many cells along each axis."""
    coarse = ladder.halved(np.maximum(q, q.max() - DEPTH), periodic, LEAST)
    return coarse - logsumexp(coarse)


@dataclass(frozen=True, eq=False)
class Scale:
    """One width of the kernel on one grid."""

    halvings: int  # of the finest grid
    shape: tuple[int, ...]
    widths: Array  # in cells of this grid
    c: float


@dataclass(eq=False)
class Rung:
    """One scale with what is given and the unknowns, arrays of its shape."""

    scale: Scale
    ends: Ends
    plain: bool  # whether the plain iteration will do
    phi: Array = field(init=False)
    excess: Array = field(init=False)  # d - r/2
    r: Array = field(init=False)
    mass: Array = field(init=False)

    def __post_init__(self) -> None:
        if self.ends.r is not None:
            self._set_density(self.ends.r)

    @property
    def is_step(self) -> bool:
        """Whether this is a step, and not a distance: r depends on phi."""
        return self.ends.beta_V is not None

    @property
    def unit(self) -> float:
        """Change of log density per change of the potential; of a distance, over the box."""
        scale = self.scale
        return scale.c if self.is_step else float(np.min(scale.widths / scale.shape)) ** 2

    def set_potential(self, phi: Array) -> None:
        """Take phi, and for a step the density that belongs to it."""
        self.phi = phi
        if self.ends.beta_V is not None:
            self._set_density(-self.ends.beta_V - self.scale.c * phi)

    def _set_density(self, r: Array) -> None:
        """Take log masses up to a constant."""
        top = r.max()
        mass = np.exp(r - top)
        total = float(mass.sum())
        self.r, self.mass = r - (top + np.log(total)), mass * (1 / total)


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

    Attributes
    ----------
    count : dict
        ``iterations`` of the last rung, ``coarse_iterations`` of all others, ``convolutions`` of
        the last rung, ``restarts`` of the acceleration; all solves together.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        periodic: tuple[bool, ...],
        widths: Array,
        c: float,
        tolerance: float = 1e-9,
        max_iterations: int = 400,
        correlation: float = 0.0,
    ) -> None:
        self.periodic = tuple(periodic)
        self.tolerance, self.max_iterations = tolerance, max_iterations
        self.correlation = float(correlation)
        self.plan = self._plan(Scale(0, tuple(shape), np.asarray(widths, float), float(c)))
        self.count = {"iterations": 0, "coarse_iterations": 0, "convolutions": 0, "restarts": 0}
        self._kernels: dict[tuple[tuple[int, ...], tuple[float, ...]], GaussianKernel] = {}
        self._at_rest: Array | None = None

    def _plan(self, scale: Scale) -> list[Scale]:
        """Scales of the rungs, from fine to coarse."""
        plan = [scale]
        # Widths over the size of the box: along the axis where that is least.
        while scale.c < PLAIN and (scale.widths / scale.shape).min() < WIDE:
            if ladder.can_halve(scale.shape, self.periodic, COARSEST):
                shape = tuple((n + 1) // 2 for n in scale.shape)
                scale = Scale(scale.halvings + 1, shape, scale.widths, 4 * scale.c)
            else:
                scale = replace(scale, widths=2 * scale.widths, c=4 * scale.c)
            plan.append(scale)
        return plan

    def solve(self, ends: Ends, start: Rung | None = None) -> Rung:
        """Rung with the solution.

        ``start``: the solution for another width on the same grid, which spares the ladder.
        """
        if start is not None:
            ratio = float(start.scale.widths[0] / self.plan[0].widths[0]) ** 2
            return self._finest(ends, start.phi * ratio, start.excess / ratio, self.tolerance)
        views = [ends]
        for _ in range(self.plan[-1].halvings):
            views.append(views[-1].halved(self.periodic))
        done: list[Rung] = []
        for scale in reversed(self.plan):
            rung = Rung(scale, views[scale.halvings], plain=not done)
            self._start(rung, done)
            last = scale is self.plan[0]
            self._iterate(rung, self.tolerance if last else max(ROUGH, self.tolerance), last)
            done = [*done[-1:], rung]
        return done[-1]

    def _finest(self, ends: Ends, phi: Array, excess: Array, tolerance: float) -> Rung:
        """Last rung with the solution, from a first guess."""
        rung = Rung(self.plan[0], ends, plain=self.plan[0].c >= PLAIN)
        rung.phi, rung.excess = phi, excess
        self._iterate(rung, tolerance, True)
        return rung

    def second(self, rung: Rung) -> Array:
        """Debiased potential of the other end, b - d for q (to what the iteration left)."""
        q, a = rung.ends.q, rung.excess + 0.5 * rung.r + rung.phi
        b = q - self._kernel(rung.scale)(a)
        return b - self.self_potential(q, rung.scale) - 0.5 * q

    def solve_near(self, ends: Ends, at_rest: Array, tolerance: float) -> Rung:
        """Rung with the solution for q close to the density at rest, found from there."""
        if self._at_rest is None:
            self._at_rest = self.self_potential(at_rest, self.plan[0])
        start = np.zeros(self.plan[0].shape)
        return self._finest(ends, start, self._at_rest, max(tolerance, ROUNDING))

    def _start(self, rung: Rung, done: list[Rung]) -> None:
        """First guess of a rung from the one or two before; their error is of order s^4."""
        shape, ends = rung.scale.shape, rung.ends
        if not done:
            rung.phi, rung.excess = np.zeros(shape), np.zeros(shape)  # at rest
            if ends.beta_V is not None and rung.scale.c >= SHORT:
                # Little changes: the old density, smoothed, so that empty cells next to others have
                # some mass.
                rung.phi = -(ends.beta_V + self._kernel(rung.scale)(ends.q)) / rung.scale.c
            return
        last = done[-1]
        phi = self._raised(last.phi, last, rung)
        if len(done) > 1:
            before = self._raised(done[0].phi, done[0], last)
            phi = phi + (phi - 4 * self._raised(before, last, rung)) / 16
        rung.phi = 4 * phi  # in units of s^2, a quarter of what they were
        rung.excess = self._raised(last.excess, last, rung) / 4

    def _raised(self, values: Array, low: Rung, high: Rung) -> Array:
        """Values on the grid of one rung, on that of the next one."""
        shape = high.scale.shape
        same = low.scale.shape == shape
        return values if same else ladder.doubled(values, shape, self.periodic)

    def _kernel(self, scale: Scale) -> GaussianKernel:
        """Kernel of a scale, kept."""
        shape, widths = scale.shape, tuple(scale.widths)
        if (shape, widths) not in self._kernels:
            self._kernels[shape, widths] = (
                SkewKernel(shape, widths, self.correlation)
                if self.correlation
                else GaussianKernel(shape, widths, self.periodic)
            )
        return self._kernels[shape, widths]

    def self_potential(self, r: Array, scale: Scale) -> Array:
        """Excess d - r/2 of the coupling of r with itself, to rounding."""
        K, d = self._kernel(scale), 0.5 * r
        w = np.exp(r)
        mix = Anderson(w.ravel(), MEMORY)
        best = np.inf
        for _ in range(MAX_SELF):
            defect = r - d - K(d)
            size = float(np.sum(w * np.abs(defect)))
            if size > 0.5 * best and size < SELF_SMALL:
                break
            best = min(best, size)
            d = mix(d.ravel(), 0.5 * defect.ravel()).reshape(r.shape)
        return d - 0.5 * r

    def _iterate(self, rung: Rung, tolerance: float, is_last: bool) -> None:
        """Fixed-point iteration of one rung, with threads if it is large."""
        with threads.Suited(WORK * rung.phi.size):
            self._converge(rung, tolerance, is_last)

    def _converge(self, rung: Rung, tolerance: float, is_last: bool) -> None:
        """Fixed-point iteration of one rung, accelerated, with Newton corrections if not plain."""
        rung.set_potential(rung.phi)
        start = x = np.concatenate([rung.phi.ravel(), (0.5 * rung.r + rung.excess).ravel()])
        w = rung.mass.ravel()
        w = w + FLOOR * w.max()
        mix = Anderson(np.concatenate([rung.unit**2 * w, w]), MEMORY)
        newton: Newton | None = None
        best, after, failures, plain_until = np.inf, x, 0, 0
        for k in range(self.max_iterations):
            defect, own = self._residual(rung, x)
            if not rung.plain and newton is None and k >= plain_until:
                newton, best = Newton(rung, self.periodic), np.inf
                mix.reset()
            g, error = self._correction(rung, newton, defect, own)
            self.count["iterations" if is_last else "coarse_iterations"] += 1
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
            if newton is not None:
                # Newton corrections lead nowhere from here: back to the start, plainly for a while,
                # and for good after a second failure.
                newton, failures, x = None, failures + 1, start
                plain_until = k + PATIENCE if failures == 1 else self.max_iterations
        else:
            if is_last:
                advice = IN_SHORT_STEPS if rung.scale.c >= SHORT else IN_GENERAL
                raise ConvergenceError(
                    f"the potentials are off by {best:.1e} after {self.max_iterations} iterations; "
                    f"{advice}",
                    iterate=after,
                    residual=best,
                )
        self.count["convolutions"] += 3 * (k + 1) if is_last else 0

    def _residual(self, rung: Rung, x: Array) -> tuple[Array, Array]:
        """Residuals of the two equations at x = (phi, d), which the rung keeps."""
        K = self._kernel(rung.scale)
        phi, d = x.reshape(2, *rung.scale.shape)
        rung.set_potential(phi)
        r = rung.r
        rung.excess = d - 0.5 * r
        a = d + phi
        defect = a + K(rung.ends.q - K(a)) - r
        return defect - np.sum(rung.mass * defect), r - d - K(d)

    def _correction(
        self, rung: Rung, newton: Newton | None, defect: Array, own: Array
    ) -> tuple[Array, float]:
        """Corrections of (phi, d) and the L1 error they stand for."""
        c = rung.scale.c
        phi = -defect / (1 + c) if newton is None else -newton(defect)
        # Plain corrections of smooth errors are too small, but residuals bound the error. An error
        # e of d moves phi by (1 - p^2) e/(1 - p^2 + c), p <= 1 the symbol of the kernel, and log
        # densities by c times that: by less than min(1, c) e.
        sizes = [min(1.0, c) * own if rung.is_step else own]
        if newton is None or not rung.is_step:
            sizes.append(defect)
        if newton is not None:
            sizes.append(rung.unit * phi)
        error = max(float(np.sum(rung.mass * np.abs(u))) for u in sizes)
        d = RELAXATION * own - 0.5 * c * phi
        return np.concatenate([phi.ravel(), d.ravel()]), error


class Newton:
    """Approximate inverse of the linearised iteration: one multigrid cycle, and the rest as is."""

    def __init__(self, rung: Rung, periodic: tuple[bool, ...]) -> None:
        up, down, r, scale = [], [], rung.r, rung.scale
        for k, (n, width) in enumerate(zip(scale.shape, scale.widths, strict=True)):
            jump = np.clip(np.roll(r, -1, k) - r, -STEEPEST, STEEPEST)
            bend = np.roll(rung.phi, -1, k) - 2 * rung.phi + np.roll(rung.phi, 1, k)
            if not periodic[k]:
                edge = np.moveaxis(bend, k, 0)
                edge[0], edge[-1] = edge[1], edge[-2]
            bend = 0.5 * (bend + np.roll(bend, -1, k))
            slope = np.clip(1 / np.maximum(1 - width**2 * bend, SLOPES[0]), *SLOPES)
            rate = width**2 * slope
            u, v = rate * bernoulli(-jump), rate * bernoulli(jump)
            if not periodic[k] or n < 3:
                np.moveaxis(u, k, 0)[-1] = np.moveaxis(v, k, 0)[-1] = 0.0
            up.append(u)
            down.append(np.roll(v, 1, k))
        slowest = float(np.min(np.pi * scale.widths / scale.shape)) ** 2  # mode of the box
        self.c = max(scale.c, 1e-3 * slowest)
        self.alpha = min(1.0, 0.65 + 0.35 * self.c)
        # Convolutions are most of the work. The many short loops of a cycle would wait for each
        # other at every turn if another process takes a core.
        self.context = threads.Suited(r.size if r.size > THREADED else 0)
        with self.context:
            self.levels = GridMultigrid(np.stack(up), np.stack(down), periodic, r, self.c)

    def __call__(self, defect: Array) -> Array:
        """Correction of the potential."""
        with self.context:
            smooth = self.levels.precondition(defect).reshape(defect.shape)
        return self.alpha * defect + (1 - self.alpha * self.c) * smooth
