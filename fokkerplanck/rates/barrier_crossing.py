"""Rates of escape over a saddle for low noise: the formula of Eyring and Kramers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import finite_number, positive_number, real_array
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.points import one_point
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.steady import SteadyState

#: Cells per axis around a point to which the polynomial that stands for a field is fitted.
CELLS = 7
#: Degree of that polynomial.
DEGREE = 4
#: Steps of Newton's method after which the search for a critical point is given up.
STEPS = 20
#: Last step, in cell widths, at which a critical point counts as found.
FOUND = 1e-10


@dataclass(frozen=True, eq=False)
class Kramers(Portable):
    r"""Rate of escape over one saddle, and what it is made of.

    Attributes
    ----------
    rate : float
        1/time.
    barrier : float
        Height of the saddle in :math:`\Phi`.
    minimum, saddle : arrays (d,)
        Critical points of :math:`\Phi`, as located.
    hessian_minimum, hessian_saddle : arrays (d, d)
    jacobian : array (d, d)
        :math:`\partial_kg_i` at the saddle.
    unstable : float
        :math:`\lambda_-`, the positive eigenvalue of :math:`-\nabla g` there.
    """

    rate: float
    barrier: float
    minimum: Array
    saddle: Array
    hessian_minimum: Array
    hessian_saddle: Array
    jacobian: Array
    unstable: float


def eyring_kramers(
    hessian_minimum: ArrayLike,
    hessian_saddle: ArrayLike,
    jacobian: ArrayLike,
    barrier: float,
    beta: float,
) -> float:
    r"""Rate :math:`k=\frac{\lambda_-}{2\pi}\sqrt{\frac{\det\Phi''_{min}}{|\det\Phi''_{sad}|}}e^{-\beta\Delta\Phi}`.

    Parameters
    ----------
    hessian_minimum, hessian_saddle : arrays (d, d), or numbers for d = 1
        Second derivatives of the potential :math:`\Phi`.
    jacobian : array (d, d), or number
        Of g at the saddle, :math:`\lambda_-` being the eigenvalue of :math:`-\nabla g` in the right
        half-plane.
    barrier : float
        :math:`\Delta\Phi`.
    beta : float

    Returns
    -------
    float
        Rate over this saddle, 1/time; the mean time to the next well is its inverse, to the ridge
        half of that.

    Raises
    ------
    ValueError
        If the matrices do not belong to a minimum and a saddle with one unstable direction, or
        the barrier is not positive.

    Notes
    -----
    Exact in the limit of low noise where :math:`\nabla\cdot j=0` on the optimal path; in general the
    exponential of its integral along that path is a further factor.

    References
    ----------
    F. Bouchet, J. Reygner, Ann. Henri Poincare 17 (2016), 3499, equations (1.3) and (1.10).

    Examples
    --------
    The double well :math:`(x^2-1)^2/4`: :math:`\sqrt2/2\pi\,e^{-\beta/4}`.

    >>> import fokkerplanck as fp
    >>> round(fp.rates.eyring_kramers(2.0, -1.0, -1.0, 0.25, 20.0), 8)
    0.00151658
    """  # noqa: E501
    low = _square(hessian_minimum, "hessian_minimum")
    high = _square(hessian_saddle, "hessian_saddle")
    slope = _square(jacobian, "jacobian")
    if not low.shape == high.shape == slope.shape:
        raise ValueError(
            f"the matrices have shapes {low.shape}, {high.shape} and {slope.shape}; give three of "
            "one dimension"
        )
    beta = positive_number(beta, "beta")
    barrier = finite_number(barrier, "barrier", "the height of the saddle above the minimum")
    if not barrier > 0:
        raise ValueError(f"barrier is {barrier:g}; give the height of the saddle, above 0")
    if not np.linalg.eigvalsh(low).min() > 0:
        raise ValueError("hessian_minimum is not positive definite; give a minimum of Phi")
    if np.count_nonzero(np.linalg.eigvalsh(high) < 0) != 1:
        raise ValueError("hessian_saddle has not one negative eigenvalue; give a saddle of Phi")
    ratio = np.linalg.det(low) / abs(np.linalg.det(high))
    return float(unstable_rate(slope) / (2 * np.pi) * np.sqrt(ratio) * np.exp(-beta * barrier))


def unstable_rate(jacobian: ArrayLike) -> float:
    """Positive real eigenvalue of minus a Jacobian (d, d); ValueError unless there is one."""
    values = np.linalg.eigvals(-_square(jacobian, "jacobian"))
    unstable = values[values.real > 0]
    if unstable.size != 1 or abs(unstable[0].imag) > 0:
        raise ValueError(
            f"-jacobian has {unstable.size} eigenvalues with positive real part; a saddle of the "
            "drift has one, and it is real"
        )
    return float(unstable[0].real)


def kramers(steady: SteadyState, minimum: ArrayLike, saddle: ArrayLike) -> Kramers:
    r"""Eyring-Kramers rate from the potential :math:`\Phi` of a computed steady state.

    Parameters
    ----------
    steady : SteadyState
        At the temperature in question: :math:`\Phi` may depend on it.
    minimum, saddle : sequences (d,), or numbers on a line
        About where they are; the critical points of :math:`\Phi` are located from there.

    Returns
    -------
    Kramers

    Raises
    ------
    ValueError
        If a point is not inside the box, or no minimum or saddle.
    ConvergenceError
        If there is no critical point within two cells.

    Notes
    -----
    Derivatives are those of polynomials of degree four, fitted to seven cells per axis. The formula
    is that of ``rates.eyring_kramers``; the mean passage time from well to well approaches 1/rate
    as the noise falls, and the spectral gap of two equal wells twice the rate.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(-2, 2)], 200), f=lambda x: (x**2 - 1) ** 2 / 4, beta=20)
    >>> escape = fp.rates.kramers(fp.steady_state(problem), [-1], [0])
    >>> round(escape.barrier, 4), round(escape.rate, 6)
    (0.25, 0.001517)
    """
    if not isinstance(steady, SteadyState):
        raise ValueError(f"kramers received {type(steady).__name__}; give steady_state(problem)")
    grid, Phi = steady.grid, steady.Phi
    low, bottom, curvature = critical_point(grid, Phi, minimum, "minimum")
    high, top, ridge = critical_point(grid, Phi, saddle, "saddle")
    g = steady.problem.g
    jacobian = np.stack([_fit(grid, component, high, "saddle").slope for component in g])
    barrier = top - bottom
    return Kramers(
        rate=eyring_kramers(curvature, ridge, jacobian, barrier, steady.problem.beta),
        barrier=float(barrier),
        minimum=low,
        saddle=high,
        hessian_minimum=curvature,
        hessian_saddle=ridge,
        jacobian=jacobian,
        unstable=unstable_rate(jacobian),
    )


def critical_point(
    grid: Grid, u: Array, near: ArrayLike, name: str = "point"
) -> tuple[Array, float, Array]:
    """Critical point (d,) of u (*shape) within two cells of a point, value and Hessian there."""
    x = one_point(grid, near, name)
    widths = _widths(grid, x, name)
    for _ in range(STEPS):
        here = _fit(grid, u, x, name)
        try:
            step = np.linalg.solve(here.hessian, here.slope)
        except np.linalg.LinAlgError:
            break
        x = x - np.clip(step, -widths, widths)
        if np.abs(step / widths).max() < FOUND:
            there = _fit(grid, u, x, name)
            return x, there.value, there.hessian
    raise ConvergenceError(
        f"{name}: no critical point of Phi near {np.asarray(near).tolist()}; give a point closer "
        "to it",
        iterate=x,
    )


def _widths(grid: Grid, x: Array, name: str) -> Array:
    """Widths (d,) of the cell that holds a point."""
    for k, (lo, hi) in enumerate(grid.box):
        if not lo < x[k] < hi:
            raise ValueError(f"{name} {x.tolist()} is outside of the box")
    at = [int(np.searchsorted(F, c)) - 1 for F, c in zip(grid.faces, x, strict=True)]
    return np.array([w[i] for w, i in zip(grid.widths, at, strict=True)])


class Fit(NamedTuple):
    """Value, gradient (d,) and Hessian (d, d) of a field at a point."""

    value: float
    slope: Array
    hessian: Array


def _fit(grid: Grid, u: Array, x: Array, name: str) -> Fit:
    """Value and derivatives at x of the polynomial through the cells around."""
    d, windows = grid.dim, []
    _widths(grid, x, name)
    for k, n in enumerate(grid.shape):
        if n < CELLS:
            raise ValueError(f"axis {k} has {n} cells; derivatives need at least {CELLS}")
        nearest = int(np.argmin(np.abs(grid.centers[k] - x[k])))
        first = min(max(nearest - CELLS // 2, 0), n - CELLS)
        windows.append(slice(first, first + CELLS))
    axes = [grid.centers[k][w] - x[k] for k, w in enumerate(windows)]
    scale = np.array([np.ptp(a) / 2 for a in axes])
    points = np.meshgrid(*(a / s for a, s in zip(axes, scale, strict=True)), indexing="ij")
    powers = [m for m in product(range(DEGREE + 1), repeat=d) if sum(m) <= DEGREE]
    basis = np.stack(
        [np.prod([p**k for p, k in zip(points, m, strict=True)], axis=0).ravel() for m in powers],
        axis=1,
    )
    fitted = np.linalg.lstsq(basis, u[tuple(windows)].ravel(), rcond=None)[0]
    c, one = dict(zip(powers, fitted, strict=True)), np.eye(d, dtype=int)
    slope = np.array([c[tuple(e)] for e in one])
    second = np.array([[c[tuple(a + b)] for b in one] for a in one]) * (1 + np.eye(d))
    return Fit(float(c[(0,) * d]), slope / scale, second / np.multiply.outer(scale, scale))


def _square(a: ArrayLike, name: str) -> Array:
    """Square matrix of a number or array."""
    matrix = np.atleast_2d(real_array(a, name, "a square matrix"))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(f"{name} has shape {matrix.shape}; give a finite square matrix")
    return matrix
