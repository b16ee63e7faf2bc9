r"""Zeros of a vector field in the box, with their kinds: :math:`v(x)=0`, flow :math:`\dot x=-v`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import NdBSpline, make_interp_spline
from scipy.spatial import cKDTree

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array, Field

#: Cells an axis needs for cubic splines.
LEAST_CELLS = 4
#: Most iterations from one cell; those that need more jump between zeros.
MOST_STEPS = 40
#: Distance to a zero, in cells, at which iterations have arrived.
ARRIVED = 1e-9
#: Distance, in cells, within which two zeros are one.
SAME = 0.05
#: Largest distance to a zero, in cells, of a point that counts as one of a curve of zeros: along
#: such a curve the spline of an array is not zero everywhere.
NEAR = 0.02
#: Eigenvalues of callables below this part of the largest are zero.
ROUNDING = 1e-6
#: Step of difference quotients of fourth order, in cells: their relative error is 1e-8, and so is
#: that of rounding.
STEP = 0.01
#: Cells by which the nodes of a spline are continued beyond both ends of a periodic axis. A spline
#: depends on its end conditions by a factor that falls by 0.27 a cell: 0.27^26 is below rounding.
MARGIN = 26


@dataclass(frozen=True, eq=False)
class CriticalPoint(Portable):
    """Zero of a vector field v.

    Attributes
    ----------
    x : array (d,)
    eigenvalues : array (d,), complex
        Of the linearised flow dx/dt = -v, that is of minus the Jacobian, by increasing real part.
    kind : str
        Of the flow dx/dt = -v: ``"stable node"``, ``"unstable node"``, ``"saddle"``, ``"stable
        spiral"``, ``"unstable spiral"``, ``"spiral saddle"`` (three dimensions), ``"centre"``, or
        ``"degenerate"`` where an eigenvalue is zero: a curve of zeros comes as a row of such
        points, about one per cell.
    """

    x: Array
    eigenvalues: NDArray[np.complex128]
    kind: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", frozen(self.x))
        object.__setattr__(self, "eigenvalues", frozen(self.eigenvalues))

    @property
    def is_stable(self) -> bool:
        """True if trajectories of dx/dt = -v end here."""
        return self.kind.startswith("stable")

    def __repr__(self) -> str:
        """Kind and place."""
        where = ", ".join(f"{round(float(u), 12) + 0.0:.6g}" for u in self.x)
        return f"CriticalPoint({self.kind} at ({where}))"


def critical_points(v: Field, grid: Grid) -> tuple[CriticalPoint, ...]:
    r"""Zeros :math:`v(x)=0` in the box, and the kind of the flow :math:`\dot x=-v` there.

    Parameters
    ----------
    v : array (d, \*shape) or callable ``v(x, y)``
        Vector field: for instance ``problem.g``, or the gradient of ``steady.Phi``. Arrays are
        interpolated by cubic splines through the cell centres.
    grid : Grid
        At least 4 cells per axis.

    Returns
    -------
    tuple of CriticalPoint
        In the order of x, then y, then z. Empty if there is none.

    Raises
    ------
    ValueError
        If the field has the wrong shape, is not finite, or is zero everywhere.

    Notes
    -----
    Cells in which every component changes sign, up to the curvature of the component within the
    cell, start a Levenberg-Marquardt iteration. Two zeros in one cell may be taken for one. Real
    parts and eigenvalues are zero if below 1e-6 of the largest eigenvalue, of arrays below the
    squared cell width over the length of the box.

    Examples
    --------
    Example 19 of Chaudhari and Soatto: beyond lambda = 0.78 only the origin is left of three.

    >>> import fokkerplanck as fp
    >>> for lam in (0.5, 1.5):
    ...     exact = fp.zoo.example_19(lam)
    ...     print(fp.critical_points(exact.g, exact.build(32).grid))
    (CriticalPoint(stable node at (-0.902428, -0.388802)), CriticalPoint(saddle at (0, 0)),
     CriticalPoint(stable node at (0.902428, 0.388802)))
    (CriticalPoint(centre at (0, 0)),)
    """
    check_grid(grid)
    if min(grid.shape) < LEAST_CELLS:
        raise ValueError(f"the grid has shape {grid.shape}; give at least {LEAST_CELLS} cells")
    field = _Function(v, grid) if callable(v) else Spline(fields.vector_field(v, grid, "v"), grid)
    starts = _starts(field, grid)
    x, step = _iterate(field, grid, starts)
    values, jacobian = field.value(x), field.jacobian(x)
    rates = np.linalg.eigvals(-jacobian).astype(complex).reshape(-1, grid.dim)
    largest = np.abs(rates).max(axis=1, initial=0.0)
    flat = np.abs(rates).min(axis=1, initial=np.inf) <= field.tolerance * largest
    scale = largest * _local_widths(grid, x).min(axis=0)
    remaining = np.linalg.norm(values, axis=0) / np.where(scale > 0, scale, np.inf)
    found = (step <= 100 * ARRIVED) & (remaining <= 1e-6) | flat & (remaining <= NEAR)
    kept = _distinct(grid, x[:, found], remaining[found])
    points = [
        CriticalPoint(x[:, found][:, k].copy(), *_kind(rates[found][k], field.tolerance))
        for k in kept
    ]
    return tuple(sorted(points, key=lambda point: tuple(np.round(point.x, 9))))


class _Function:
    """A user's function at points (d, m), with difference quotients."""

    tolerance = ROUNDING

    def __init__(self, v: Field, grid: Grid) -> None:
        self.v, self.grid = v, grid
        self.step = STEP * np.array([w.min() for w in grid.widths])[:, None]

    def value(self, x: Array) -> Array:
        """Field (d, m)."""
        return fields.vector_field(self.v, self.grid, "v", np.ascontiguousarray(x))

    def jacobian(self, x: Array) -> Array:
        """Derivatives dv_i/dx_k, shape (m, d, d)."""
        lo, hi = np.array(self.grid.box).T[..., None]
        # Nothing is known of the function beyond the walls.
        margin = 2 * self.step
        walls = [not wraps for wraps in self.grid.periodic]
        x = np.where(np.array(walls)[:, None], np.clip(x, lo + margin, hi - margin), x)
        columns = [fields.quotient(self.value, x, k, self.step[k]) for k in range(len(x))]
        return np.moveaxis(np.array(columns), (0, 1, 2), (2, 1, 0))


class Spline:
    r"""Cubic splines of a field (..., \*shape) through the cell centres, at points (d, m).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.equation.zeros import Spline
    >>> grid = fp.Grid([(-1, 1)], 16)
    >>> Spline(grid.x**3, grid).value([[0.5]]).round(12).tolist()
    [[0.125]]
    """

    def __init__(self, u: ArrayLike, grid: Grid) -> None:
        self.tolerance = max(ROUNDING, max(1 / n for n in grid.shape) ** 2)
        u = np.asarray(u, dtype=float)
        leading = u.ndim - grid.dim
        c, knots = np.moveaxis(u, range(leading), range(-leading, 0)), []
        for k, periodic in enumerate(grid.periodic):
            nodes, length = grid.centers[k], grid.box[k][1] - grid.box[k][0]
            if periodic:
                turns = np.arange(-MARGIN, len(nodes) + MARGIN)
                c = c.take(turns, axis=k, mode="wrap")
                nodes = nodes[turns % len(nodes)] + length * (turns // len(nodes))
            spline = make_interp_spline(nodes, c, k=3, axis=k)
            knots.append(spline.t)
            c = np.moveaxis(spline.c, 0, k)
        self.spline = NdBSpline(tuple(knots), np.ascontiguousarray(c), 3)

    def value(self, x: ArrayLike) -> Array:
        """Field (..., m) at points (d, m)."""
        return np.moveaxis(self.spline(np.asarray(x).T), 0, -1)

    def jacobian(self, x: ArrayLike) -> Array:
        """Derivatives du_i/dx_k (m, ..., d) at points (d, m)."""
        x = np.asarray(x)
        units = np.eye(len(x), dtype=int)
        return np.stack([self.spline(x.T, nu=tuple(e)) for e in units], axis=-1)


def _starts(field: _Function | Spline, grid: Grid) -> Array:
    """Centres (d, m) of the cells in which every component may vanish."""
    corners = np.stack(np.meshgrid(*grid.faces, indexing="ij"))
    at_corners = field.value(corners.reshape(grid.dim, -1)).reshape(corners.shape)
    if not at_corners.any():
        raise ValueError("v is zero everywhere, so that every point is critical; give another")
    at_centres = field.value(grid.x.reshape(grid.dim, -1)).reshape(grid.x.shape)
    around = np.stack(
        [
            at_corners[fields.at([slice(1, None) if up else slice(-1) for up in corner])]
            for corner in product((False, True), repeat=grid.dim)
        ]
    )
    # A component that is not linear within the cell may be zero there though it has one sign at all
    # corners: allow for twice its deviation at the centre. At a seam, both sides may round to
    # different signs.
    bend = 2 * np.abs(at_centres - around.mean(axis=0))
    bend += 1e-12 * np.abs(at_corners).max()
    least = np.minimum(around.min(axis=0), at_centres) - bend
    most = np.maximum(around.max(axis=0), at_centres) + bend
    here = ((least <= 0) & (most >= 0)).all(axis=0)
    return grid.x[:, here]


def _iterate(field: _Function | Spline, grid: Grid, x: Array) -> tuple[Array, Array]:
    """Points (d, m) where the iterations end, and their last steps in cells (m,)."""
    d = grid.dim
    lo, hi = np.array(grid.box).T[..., None]
    wraps = np.array(grid.periodic)[:, None]
    last = np.full(x.shape[1], np.inf)
    moving = np.arange(x.shape[1])
    x = x.copy()
    for _ in range(MOST_STEPS):
        if not moving.size:
            break
        at = x[:, moving]
        h = _local_widths(grid, at)
        value = field.value(at).T[..., None]
        J = field.jacobian(at) * h.T[:, None, :]  # by steps in cells
        squared = np.swapaxes(J, 1, 2) @ J
        # A multiple of |v|^2 keeps the order of Newton's method, and bounds steps along a curve of
        # zeros, where J is singular.
        damping = np.sum(value**2, axis=1)[..., None] + np.finfo(float).tiny
        damping = damping + 1e-14 * np.trace(squared, axis1=1, axis2=2)[:, None, None]
        step = -np.linalg.solve(squared + damping * np.eye(d), np.swapaxes(J, 1, 2) @ value)[..., 0]
        size = np.linalg.norm(step, axis=1)
        step *= np.minimum(1.0, 1.0 / np.maximum(size, 1e-300))[:, None]  # one cell at most
        new = at + h * step.T
        new = np.where(wraps, lo + np.mod(new - lo, hi - lo), np.clip(new, lo, hi))
        x[:, moving], last[moving] = new, size
        moving = moving[size > ARRIVED]
    seam = wraps & (hi - x < ARRIVED * _local_widths(grid, x))
    return np.where(seam, lo, x), last


def _local_widths(grid: Grid, x: Array) -> Array:
    """Widths (d, m) of the cells of points (d, m)."""
    cells = [
        np.clip(np.searchsorted(F, u, side="right") - 1, 0, n - 1)
        for F, u, n in zip(grid.faces, x, grid.shape, strict=True)
    ]
    return np.stack([w[k] for w, k in zip(grid.widths, cells, strict=True)])


def _distinct(grid: Grid, x: Array, remaining: Array) -> list[int]:
    """Indices of the points that are left when those closer than SAME cells are one."""
    cells = np.stack(
        [np.interp(u, F, np.arange(len(F))) for u, F in zip(x, grid.faces, strict=True)], axis=1
    )
    sizes = np.array(
        [n if wraps else 4.0 * n for n, wraps in zip(grid.shape, grid.periodic, strict=True)]
    )
    if not len(cells):
        return []
    near = cKDTree(np.mod(cells, sizes), boxsize=sizes).query_ball_point(np.mod(cells, sizes), SAME)
    kept: list[int] = []
    gone = np.zeros(len(cells), bool)
    for k in np.argsort(remaining, kind="stable"):
        if not gone[k]:
            kept.append(int(k))
            gone[near[k]] = True
    return kept


def _kind(rates: NDArray[np.complex128], tolerance: float) -> tuple[NDArray, str]:
    """Eigenvalues in order, and the name of a zero with these eigenvalues of dx/dt = -v."""
    rates = rates[np.lexsort((rates.imag, rates.real))]
    size = np.abs(rates).max()
    small = tolerance * size
    if size == 0 or np.abs(rates).min() <= small:
        return rates, "degenerate"
    still = np.abs(rates.real) <= small
    if still.all():
        return rates, "centre"
    if still.any():
        return rates, "degenerate"
    turns = bool((np.abs(rates.imag) > small).any())
    falls, climbs = (rates.real < 0).any(), (rates.real > 0).any()
    if falls and climbs:
        return rates, "spiral saddle" if turns else "saddle"
    return rates, f"{'stable' if falls else 'unstable'} {'spiral' if turns else 'node'}"
