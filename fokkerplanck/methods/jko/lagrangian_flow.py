"""The Lagrangian hp scheme on a line: where mass goes, by polynomials on the initial density."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, solveh_banded

from fokkerplanck.domain.arguments import describe, positive_number, real_array, whole_number
from fokkerplanck.domain.fields import takes
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko.stages import advance, check_integrator

#: Function of positions, array in and array out.
OnLine: TypeAlias = Callable[..., Array]

# Newton's method ends when it moves nothing by more than this part of the interval.
TOLERANCE = 1e-13
# Newton's iterations in one movement.
MAX_ITERATIONS = 80
# Points of the rule for masses between two points of one element.
MASS_POINTS = 24


class LagrangianFlow:
    r"""JKO steps on the line by the positions X(y) of mass that began at y, polynomial in elements.

    .. math:: \min_X \int\rho_0(y)\Bigl[\frac{(X-X_k)^2}{2\tau}+f(X)-\beta^{-1}\log X'\Bigr]dy

    Spectrally accurate for smooth data: the reference for other schemes in one dimension, and
    trajectories of mass. An object of its own, without a grid; ``Lagrangian`` is for ``solve``.

    Parameters
    ----------
    f : callable ``f(x)``
        Loss, energy.
    rho0 : callable ``rho0(x)``
        Initial density, > 0 on the interval; divided by its integral there.
    beta : float, default 1
    interval : (float, float)
        What is kept of rho0, about 7 to 8 standard deviations to each side. Its ends are free:
        there are no walls.
    elements, degree : int, default 32 and 8
    grad_f : callable, optional
        f'; by default from f at complex arguments, exact to rounding for analytic functions.
    integrator : {"jko", "zeg2"}
        Order one: JKO. Order two: three JKO steps from sums of earlier positions.

    Attributes
    ----------
    t : float
        Time.
    y, X : arrays
        Nodes of the elements: initial and present positions.
    particles : array
        Present positions of a few particles per element, those of the quadrature.
    newton_iterations : int

    Raises
    ------
    ValueError
        If an argument does not fit, rho0 is not positive, or grad_f is needed.
    ConvergenceError
        If Newton's method does not converge.

    Notes
    -----
    The mesh moves with the mass: where mass has spread by a large factor it is coarse, and there is
    no adding of elements.

    References
    ----------
    Blanchet, Calvez and Carrillo, SIAM J. Numer. Anal. 46 (2008), section 4, with polynomials of
    degree one; Zaitzeff, Esedoglu and Garikipati, SIAM J. Numer. Anal. 58 (2020), for "zeg2".

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.methods.jko import LagrangianFlow
    >>> start = lambda x: np.exp(-((x - 1) ** 2) / 0.18)
    >>> flow = LagrangianFlow(lambda x: x**2, start, beta=4.0, interval=(-1.4, 3.4))
    >>> round(flow.step(0.1).std, 12)
    0.315940653956
    """

    def __init__(
        self,
        f: OnLine,
        rho0: OnLine,
        beta: float = 1.0,
        *,
        interval: ArrayLike,
        elements: int = 32,
        degree: int = 8,
        grad_f: OnLine | None = None,
        integrator: str = "jko",
    ) -> None:
        for name, value in (("f", f), ("rho0", rho0)):
            if not callable(value):
                raise ValueError(f"{name} is {describe(value)}; give a function of x")
            if not takes(value, 1):
                raise ValueError(f"{name} does not take one array; give a function {name}(x)")
        self.f, self.kT = f, 1 / positive_number(beta, "beta")
        lo, hi = _check_interval(interval)
        elements = whole_number(elements, "elements", 1)
        degree = whole_number(degree, "degree", 1)
        self._weights = check_integrator(integrator)
        self.t, self.newton_iterations = 0.0, 0
        self._ends = np.linspace(lo, hi, elements + 1)
        self._half = 0.5 * (hi - lo) / elements
        self._degree = degree
        nodes = _lobatto(degree)
        points, weights = legendre.leggauss(degree + 3)
        V = legendre.legvander(nodes, degree)
        self._coefficients = np.linalg.inv(V)  # nodal values to Legendre coefficients
        derivative = legendre.legder(np.eye(degree + 1)).T
        self._derivative = derivative
        self._value = legendre.legvander(points, degree) @ self._coefficients
        slopes = legendre.legvander(points, degree - 1) @ derivative.T @ self._coefficients
        self._slope = slopes / self._half
        y = (self._ends[:-1, None] + self._half) + self._half * points
        self.y = _joined((self._ends[:-1, None] + self._half) + self._half * nodes)
        self._rho0, self._mass = rho0, 1.0
        density = self._density0(y)
        self._mass = float(np.sum(density * weights) * self._half)
        self._weight = density * weights * (self._half / self._mass)
        self._grad = _gradient(f, grad_f, np.linspace(lo, hi, 23))
        self.X = self.y.copy()

    def step(self, tau: float) -> LagrangianFlow:
        """Advance by one step tau > 0; returns the flow itself."""
        tau = positive_number(tau, "tau")
        self.X = advance(self._weights, self._movement, self.X, tau)
        self.t += tau
        return self

    @property
    def particles(self) -> Array:
        """Positions of the quadrature points, increasing."""
        return (self._local(self.X) @ self._value.T).ravel()

    @property
    def mean(self) -> float:
        """Mean position."""
        return float(np.sum(self._weight.ravel() * self.particles))

    @property
    def std(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(np.sum(self._weight.ravel() * (self.particles - self.mean) ** 2)))

    @property
    def energy(self) -> float:
        r"""Free energy less that of the start's entropy, int rho0 (f(X) - kT log X')."""
        X, slope = self._points(self.X)
        return float(np.sum(self._weight * (self.f(X) - self.kT * np.log(slope))))

    def density(self, x: ArrayLike) -> Array:
        """Present density at points x, zero beyond the ends."""
        x = real_array(x, "x", "points")
        flat = x.ravel()
        inside = (flat >= self.X[0]) & (flat <= self.X[-1])
        e, s = self._locate(flat[inside])
        y = self._ends[e] + self._half * (1 + s)
        out = np.zeros(flat.shape)
        out[inside] = self._density0(y) / self._mass / self._along(e, s)[1]
        return out.reshape(x.shape)

    def cdf(self, x: ArrayLike) -> Array:
        """Mass left of points x."""
        x = real_array(x, "x", "points")
        flat = np.clip(x.ravel(), self.X[0], self.X[-1])
        e, s = self._locate(flat)
        return (self._sums[e] + self._mass_to(e, s)).reshape(x.shape)

    def quantiles(self, levels: ArrayLike) -> Array:
        """Positions with the given masses on their left: trajectories, level by level."""
        u = real_array(levels, "levels", "numbers between 0 and 1")
        if not ((u > 0) & (u < 1)).all():
            raise ValueError(f"levels are {levels!r:.60}; give numbers between 0 and 1")
        flat = u.ravel()
        sums = self._sums
        e = np.clip(np.searchsorted(sums, flat, side="right") - 1, 0, self._ends.size - 2)
        s = _bisect(lambda s: sums[e] + self._mass_to(e, s) - flat, flat.size)
        return self._along(e, s)[0].reshape(u.shape)

    def masses(self, faces: ArrayLike) -> Array:
        """Masses between increasing faces, from whichever end is nearer."""
        faces = real_array(faces, "faces", "increasing positions")
        return np.diff(self.cdf(faces))

    # --- the functional -------------------------------------------------------------------------

    def _local(self, X: Array) -> Array:
        """Nodal values by element (elements, degree + 1)."""
        p = self._degree
        return X[np.arange(self._ends.size - 1)[:, None] * p + np.arange(p + 1)]

    def _points(self, X: Array) -> tuple[Array, Array]:
        """X and X' at the quadrature points."""
        local = self._local(X)
        return local @ self._value.T, local @ self._slope.T

    def _movement(self, Z: Array, sigma: float) -> Array:
        """Minimise the energy plus |X - Z|^2 / (2 sigma) by damped Newton steps."""
        X, target = self.X.copy(), self._points(Z)[0]
        value, best = self._functional(X, target, sigma), np.inf
        size = self._ends[-1] - self._ends[0]
        for _ in range(MAX_ITERATIONS):
            self.newton_iterations += 1
            g, dX = self._newton(X, target, sigma)
            slope, moved = float(g @ dX), float(np.abs(dX).max())
            part = 1.0
            while part > 1e-8:
                new = X + part * dX
                new_value = self._functional(new, target, sigma)
                # Near the minimum values differ by rounding only.
                slack = 1e-13 * (1 + abs(value))
                if new_value <= value + 1e-4 * part * slope + slack:
                    break
                part *= 0.5
            X, value = new, new_value
            if moved <= TOLERANCE * size or (moved <= 1e-9 * size and moved >= 0.5 * best):
                return X
            best = min(best, moved)
        raise ConvergenceError(
            f"Newton's method still moves mass by {moved:.1e}; take a smaller tau or more elements",
            iterate=X,
            residual=moved,
        )

    def _functional(self, X: Array, target: Array, sigma: float) -> float:
        """Energy plus squared distance; infinite if X does not increase."""
        x, slope = self._points(X)
        if not (slope > 0).all():
            return np.inf
        density = (x - target) ** 2 / (2 * sigma) + self.f(x) - self.kT * np.log(slope)
        return float(np.sum(self._weight * density))

    def _newton(self, X: Array, target: Array, sigma: float) -> tuple[Array, Array]:
        """Gradient and Newton step."""
        x, slope = self._points(X)
        p, w = self._degree, self._weight
        step = 1e-5 * (1 + np.abs(x))
        curvature = (self._grad(x + step) - self._grad(x - step)) / (2 * step)
        force = w * ((x - target) / sigma + self._grad(x))
        g = force @ self._value - (w * self.kT / slope) @ self._slope
        for stiffness in (curvature, np.maximum(curvature, 0.0)):
            a = w * (1 / sigma + stiffness)
            b = w * self.kT / slope**2
            H = np.einsum("eq,qi,qj->eij", a, self._value, self._value)
            H += np.einsum("eq,qi,qj->eij", b, self._slope, self._slope)
            n = X.size
            band, gradient = np.zeros((p + 1, n)), np.zeros(n)
            start = np.arange(self._ends.size - 1) * p
            for i in range(p + 1):
                np.add.at(gradient, start + i, g[:, i])
                for j in range(i, p + 1):
                    np.add.at(band[p - (j - i)], start + j, H[:, i, j])
            scale = 1 / np.sqrt(np.maximum(band[p], 1e-300))
            for k in range(p + 1):  # unit diagonal: weights span many orders of magnitude
                band[p - k, k:] *= scale[k:] * scale[: n - k]
            try:
                return gradient, -scale * solveh_banded(band, scale * gradient)
            except LinAlgError:
                continue
        raise ConvergenceError("the Newton matrix is not positive; take a smaller tau", iterate=X)

    # --- from positions to densities ------------------------------------------------------------

    def _density0(self, y: Array) -> Array:
        """Initial density, checked."""
        rho = np.asarray(self._rho0(y), float)
        if rho.shape != np.shape(y) or not np.isfinite(rho).all() or not (rho > 0).all():
            raise ValueError(
                "rho0 is not a positive finite array of the shape of its argument; give a density "
                "> 0 on the interval, or a shorter interval"
            )
        return rho

    @property
    def _sums(self) -> Array:
        """Masses left of the elements' ends."""
        e = np.arange(self._ends.size - 1)
        return np.append(0.0, np.cumsum(self._mass_to(e, np.ones(e.size))))

    def _mass_to(self, e: Integers, s: Array) -> Array:
        """Mass of element e up to its point s in [-1, 1]."""
        points, weights = legendre.leggauss(MASS_POINTS)
        y = self._ends[e][:, None] + 0.5 * self._half * (1 + s)[:, None] * (1 + points)
        rho = self._density0(y) @ weights
        return rho * (0.5 * self._half * (1 + s)) / self._mass

    def _along(self, e: Integers, s: Array) -> tuple[Array, Array]:
        """X and X' at points s of elements e."""
        c = self._local(self.X)[e] @ self._coefficients.T
        P = legendre.legvander(s, self._degree)
        dP = P[:, : self._degree] @ self._derivative.T if self._degree else 0 * P
        return np.sum(P * c, axis=1), np.sum(dP * c, axis=1) / self._half

    def _locate(self, x: Array) -> tuple[Integers, Array]:
        """Element and point in it where X = x."""
        ends = self.X[:: self._degree]
        e = np.clip(np.searchsorted(ends, x, side="right") - 1, 0, ends.size - 2)
        return e, _bisect(lambda s: self._along(e, s)[0] - x, x.size)


def _bisect(function: OnLine, n: int) -> Array:
    """Roots in [-1, 1] of n increasing functions."""
    low, high = -np.ones(n), np.ones(n)
    for _ in range(56):
        middle = 0.5 * (low + high)
        below = function(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def _lobatto(degree: int) -> Array:
    """Gauss-Lobatto points of [-1, 1]."""
    if degree == 1:
        return np.array([-1.0, 1.0])
    inner = legendre.Legendre.basis(degree).deriv().roots()
    return np.concatenate([[-1.0], np.sort(inner.real), [1.0]])


def _joined(local: Array) -> Array:
    """Values (elements, degree + 1) without those that neighbours share."""
    return np.append(local[:, :-1].ravel(), local[-1, -1])


def _check_interval(interval: ArrayLike) -> tuple[float, float]:
    """Two finite numbers, the smaller first."""
    ends = real_array(interval, "interval", "(lo, hi)")
    if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
        raise ValueError(
            f"interval is {' '.join(repr(interval).split())!s:.60}; give (lo, hi) with lo < hi"
        )
    return float(ends[0]), float(ends[1])


def _gradient(f: OnLine, grad_f: OnLine | None, x: Array) -> OnLine:
    """f', given or from complex arguments."""
    h = 1e-5 * (1 + np.abs(x))
    numeric = (f(x + h) - f(x - h)) / (2 * h)
    if grad_f is not None and not callable(grad_f):
        raise ValueError(f"grad_f is {describe(grad_f)}; give a function of x")
    name = "grad_f" if grad_f is not None else "the derivative of f at complex arguments"

    def analytic(x: Array) -> Array:
        return np.imag(f(x + 1e-30j)) / 1e-30

    chosen = analytic if grad_f is None else grad_f
    try:
        got = np.asarray(chosen(x), float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} failed ({error}); give grad_f, the derivative of f") from None
    if got.shape != x.shape or not np.allclose(got, numeric, rtol=1e-4, atol=1e-4):
        raise ValueError(f"{name} does not agree with differences of f; give grad_f = f'")
    return chosen
