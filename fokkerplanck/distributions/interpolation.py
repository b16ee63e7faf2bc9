r"""Densities between cell centres: positive, continuous, and of the masses that the cells have.

Along one axis: a parabola in every cell, of mean :math:`\rho_i` and of values at both faces that
neighbours share. These are the derivative of the polynomial through the cumulative mass at the five
nearest faces (fourth order), held between half of the smaller of both cells and 2.5 times it:
a parabola of mean m with ends in [m/2, 5m/2], or a lower one, is positive if m is. The parabolas
are those of the piecewise parabolic method (P. Colella, P. R. Woodward, J. Comput. Phys. 54, 1984),
limited for the sign and not for monotonicity, so that smooth maxima are kept.

In more dimensions one axis after the other, from the last to the first: rows of means over cells
are parabolas in the last coordinate, positive; at one value of it they are means of cells again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import frames
from fokkerplanck.domain.densities import check_densities
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.points import points_of
from fokkerplanck.domain.types import Array, Integers

#: Faces whose cumulative mass gives the value at one of them.
FACES = 5
#: Bounds of a face's value, over the smaller of the two cells.
LEAST, MOST = 0.5, 2.5
#: Numbers that are gathered at once.
CHUNK = 2**21


def at(rho: ArrayLike, grid: Grid, points: ArrayLike) -> Any:
    r"""Density at points, positive, continuous, with :math:`\int_i\rho\,dx=\rho_iV_i` in each cell.

    Parabolas in every cell, of third order where the density is smooth; see
    :mod:`fokkerplanck.distributions.interpolation`.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
        Density >= 0: means over the cells.
    grid : Grid
    points : array (..., d)
        Inside of the box, on periodic axes anywhere; one point (d,), and on a line numbers (n,).

    Returns
    -------
    array, shape (..., ...)
        1/volume; leading axes of rho come before those of the points.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative or not finite, or a point is outside of the box.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 100)
    >>> fp.at(fp.gaussian(grid, 0, 1), grid, [0.0, 0.5, 1.0]).round(3)
    array([0.399, 0.352, 0.242])
    """
    return _interpolated(rho, grid, points, False)


def gradient_at(rho: ArrayLike, grid: Grid, points: ArrayLike) -> Any:
    r"""Gradient :math:`\nabla\rho` of what `at` returns, at points.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    points : array (..., d)
        As for `at`. On the faces of cells, where it jumps, it is that of the upper cell.

    Returns
    -------
    array, shape (..., ..., d)
        1/volume/length.

    Raises
    ------
    ValueError
        As for `at`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 200)
    >>> fp.gradient_at(fp.gaussian(grid, 0, 1), grid, 1.0).round(3)
    array([-0.242])
    """
    return _interpolated(rho, grid, points, True)


def _interpolated(rho: ArrayLike, grid: Grid, points: ArrayLike, wants_gradient: bool) -> Any:
    """Densities, or gradients with one axis more, at points."""
    rho = check_densities(rho, grid)
    given = points_of(grid, points, name="points")
    flat = given.reshape(-1, grid.dim)
    stencil = Stencil.of(grid)
    cells, parts = stencil.locate(flat)
    tail = (grid.dim,) if wants_gradient else ()
    out = np.empty((len(frames(rho, grid)), len(flat), *tail))
    step = max(1, CHUNK // stencil.size)
    for frame, values in zip(frames(rho, grid), out, strict=True):
        for k in range(0, len(flat), step):
            part = slice(k, k + step)
            value, gradient = stencil.values(frame, cells[part], parts[part], wants_gradient)
            values[part] = gradient if wants_gradient else value
    return out.reshape(rho.shape[: rho.ndim - grid.dim] + given.shape[:-1] + tail)[()]


@dataclass(frozen=True, eq=False)
class Line:
    """Parabolas of the cells of one axis.

    Attributes
    ----------
    faces, widths : arrays (n + 1,), (n,)
    window : array (n, w)
        Cells that the parabola of each cell depends on.
    lower, upper : arrays (n, w)
        Weights of these cells in the values at both faces.
    own, before, after : arrays (n,)
        Places in the window of the cell and of its neighbours; at a wall the cell itself.
    """

    faces: Array
    widths: Array
    window: Integers
    lower: Array
    upper: Array
    own: Integers
    before: Integers
    after: Integers

    @classmethod
    def of(cls, grid: Grid, k: int) -> Line:
        """Parabolas along axis k."""
        n, F, wraps = grid.shape[k], grid.faces[k], grid.periodic[k]
        count = FACES if wraps else min(FACES, n + 1)
        face, cell = np.arange(n + 1), np.arange(n)
        first = face - count // 2
        start, w = cell - count // 2, count
        if not wraps:
            first = np.clip(first, 0, n + 1 - count)
            w = min(count, n)
            start = np.clip(start, 0, n - w)
        around = first[:, None] + np.arange(count)
        x = F[around % n] + (around // n) * (F[-1] - F[0]) if wraps else F[around]
        weights = _slopes(x, face - first)
        lower, upper = np.zeros((n, w)), np.zeros((n, w))
        for j in range(count - 1):
            lower[cell, first[:-1] + j - start] = weights[:-1, j]
            upper[cell, first[1:] + j - start] = weights[1:, j]
        own = cell - start
        ends = (own - 1, own + 1)
        before, after = ends if wraps else (np.maximum(ends[0], 0), np.minimum(ends[1], w - 1))
        window = start[:, None] + np.arange(w)
        return cls(F, grid.widths[k], window % n, lower, upper, own, before, after)

    def parabolas(self, v: Array, i: Integers) -> tuple[Array, Array, Array]:
        """Values at the lower face, mean and at the upper face (m, r) from windows (m, r, w)."""
        mean = _pick(v, self.own[i])
        ends = [
            np.clip(_weighted(v, weight[i]), LEAST * least, MOST * least)
            for weight, near in ((self.lower, self.before), (self.upper, self.after))
            for least in [np.minimum(mean, _pick(v, near[i]))]
        ]
        return ends[0], mean, ends[1]

    def slopes(self, v: Array, dv: Array, i: Integers) -> tuple[Array, Array, Array]:
        """Change of ``parabolas`` for a change dv of the windows."""
        mean, change = _pick(v, self.own[i]), _pick(dv, self.own[i])
        out = [change]
        for weight, near in ((self.lower, self.before), (self.upper, self.after)):
            other, its = _pick(v, near[i]), _pick(dv, near[i])
            least, d_least = np.minimum(mean, other), np.where(mean <= other, change, its)
            raw, d_raw = _weighted(v, weight[i]), _weighted(dv, weight[i])
            high = np.where(raw > MOST * least, MOST * d_least, d_raw)
            out.append(np.where(raw < LEAST * least, LEAST * d_least, high))
        return out[1], out[0], out[2]


@dataclass(frozen=True, eq=False)
class Stencil:
    """Parabolas along all axes of a grid."""

    lines: tuple[Line, ...]

    @classmethod
    def of(cls, grid: Grid) -> Stencil:
        """Parabolas of a grid."""
        return cls(tuple(Line.of(grid, k) for k in range(grid.dim)))

    @property
    def size(self) -> int:
        """Cells that a value depends on."""
        return int(np.prod([line.window.shape[1] for line in self.lines]))

    def locate(self, points: Array) -> tuple[Integers, Array]:
        """Cells (m, d) of points (m, d) and places in them, from 0 to 1."""
        cells, parts = np.empty(points.shape, np.int64), np.empty(points.shape)
        for k, line in enumerate(self.lines):
            i = np.searchsorted(line.faces, points[:, k], side="right") - 1
            cells[:, k] = i = np.clip(i, 0, len(line.widths) - 1)
            parts[:, k] = np.clip((points[:, k] - line.faces[i]) / line.widths[i], 0.0, 1.0)
        return cells, parts

    def windows(self, rho: Array, cells: Integers) -> Array:
        """Values (m, w, w, ...) of the cells around each cell."""
        m, d = cells.shape
        index = tuple(
            line.window[cells[:, k]].reshape([m] + [-1 if j == k else 1 for j in range(d)])
            for k, line in enumerate(self.lines)
        )
        return rho[index]

    def values(
        self, rho: Array, cells: Integers, parts: Array, wants_gradient: bool
    ) -> tuple[Array, Array]:
        """Values (m,) at places in cells, and gradients (m, d) if they are wanted."""
        v = self.windows(rho, cells)
        changes: list[Array] = []
        m = len(cells)
        for k in reversed(range(len(self.lines))):
            line, i, s = self.lines[k], cells[:, k], parts[:, k, None]
            rows = v.reshape(m, -1, v.shape[-1])
            knots = line.parabolas(rows, i)
            if wants_gradient:
                moved = [line.slopes(rows, dv.reshape(rows.shape), i) for dv in changes]
                changes = [parabola(*slopes, s) for slopes in moved]
                changes.append(steepness(*knots, s) / line.widths[i, None])
                changes = [dv.reshape(v.shape[:-1]) for dv in changes]
            v = parabola(*knots, s).reshape(v.shape[:-1])
        return v, np.stack(changes[::-1], axis=-1) if wants_gradient else v[:, None]


def parabola(lower: Array, mean: Array, upper: Array, s: Array) -> Array:
    """Parabola of given ends and mean at s in [0, 1]."""
    return lower + s * (upper - lower) + 6 * (mean - 0.5 * (lower + upper)) * s * (1 - s)


def steepness(lower: Array, mean: Array, upper: Array, s: Array) -> Array:
    """Its derivative."""
    return upper - lower + 6 * (mean - 0.5 * (lower + upper)) * (1 - 2 * s)


def _pick(v: Array, place: Integers) -> Array:
    """Values (m, r) at one place of windows (m, r, w)."""
    return np.take_along_axis(v, place[:, None, None], axis=-1)[..., 0]


def _weighted(v: Array, weights: Array) -> Array:
    """Weighted sums (m, r) of windows (m, r, w)."""
    return np.einsum("mrw,mw->mr", v, weights)


def _slopes(x: Array, node: Integers) -> Array:
    """Weights (m, q - 1) of cell means in the density at one of the faces x (m, q) of these cells.

    The density is the derivative of the polynomial through the cumulative mass at the faces.
    """
    # The weights have no unit, products of four widths do, and overflow; powers of two are exact.
    x = np.ldexp(x, -np.frexp(np.diff(x, axis=1).max())[1])
    m, q = x.shape
    here = np.take_along_axis(x, node[:, None], axis=1)
    # Derivatives of Lagrange's polynomials at a node.
    slope = np.empty((m, q))
    for j in range(q):
        others = [k for k in range(q) if k != j]
        for r in range(q):
            rows = node == r
            u, z = x[rows], here[rows, 0]
            if r == j:
                slope[rows, j] = sum(1 / (z - u[:, k]) for k in others)
            else:
                top = np.prod([z - u[:, k] for k in others if k != r], axis=0)
                slope[rows, j] = top / np.prod([u[:, j] - u[:, k] for k in others], axis=0)
    # The cumulative mass at a face is the sum over the cells below it.
    above = np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]
    return above[:, 1:] * np.diff(x, axis=1)
