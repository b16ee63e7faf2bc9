"""Colour maps of fields on cells: drawn smoothly at the pixels of the picture, or cell by cell."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.transforms import TransformedPath
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter
from scipy.sparse import csr_array

from fokkerplanck.domain.arguments import true_or_false
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array

#: What in a style can only be drawn cell by cell.
OF_CELLS = {"shading", "edgecolors", "edgecolor", "ec", "hatch"}


def color_mesh(
    grid: Grid,
    u: Array,
    ax: Axes,
    *,
    smooth: bool | None = None,
    axes: tuple[int, int] = (0, 1),
    **style: Any,
) -> QuadMesh:
    """Draw u (n_right, n_up) over two axes of a grid; every map of colours comes from here.

    Between cell centres the colours follow a cubic interpolant that stays within the values of the
    neighbouring cells: nothing negative, no rings; at walls they go straight on.
    ``smooth=False`` shows the cells; so do styles that need them, edges and ``shading``. The mesh
    holds the values of the cells in both cases.
    """
    right, up = axes
    if smooth is None:
        smooth = not OF_CELLS & style.keys() and np.ndim(style.get("alpha", 0)) == 0
    options = {"rasterized": True} | style
    if not true_or_false(smooth, "smooth"):
        return ax.pcolormesh(grid.faces[right], grid.faces[up], u.T, **options)
    periodic = (bool(grid.periodic[right]), bool(grid.periodic[up]))
    mesh = SmoothMesh(grid.faces[right], grid.faces[up], periodic, array=u.T, **options)
    ax.add_collection(mesh, autolim=False)
    ax.update_datalim(
        [(grid.box[right][0], grid.box[up][0]), (grid.box[right][1], grid.box[up][1])]
    )
    ax.autoscale_view()
    return mesh


class SmoothMesh(QuadMesh):
    """Mesh of cells whose picture is interpolated; its array (ny, nx) is that of the cells."""

    def __init__(self, x: Array, y: Array, periodic: tuple[bool, bool], **style: Any) -> None:
        """Take the faces along both axes, and which of these are periodic."""
        self._faces, self._wraps = (np.asarray(x), np.asarray(y)), periodic
        corners = np.stack(np.meshgrid(x, y), axis=-1)
        super().__init__(corners, antialiased=False, shading="flat", **style)

    @allow_rasterization
    def draw(self, renderer: RendererBase) -> None:
        """Draw the values at the pixels that are in view."""
        ax = cast(Axes | None, self.axes)
        if ax is None or not self.get_visible():
            return
        renderer.open_group("smooth mesh", self.get_gid())
        size = renderer.get_image_magnification()
        left, low = np.floor(ax.bbox.min)
        x, in_x = self._pixels(ax, 0, left, size)
        y, in_y = self._pixels(ax, 1, low, size)
        seen = np.ma.masked_array(self.at(x, y), ~(in_y[:, None] & in_x))
        colors = self.to_rgba(seen, alpha=self.get_alpha(), bytes=True)
        # Outside of the box there is paper, not the colour of bad values.
        colors[~(in_y[:, None] & in_x)] = 0
        gc = renderer.new_gc()
        if self.get_clip_on():
            gc.set_clip_rectangle(self.get_clip_box())
            gc.set_clip_path(cast(TransformedPath | None, self.get_clip_path()))
        renderer.draw_image(gc, left, low, colors)
        gc.restore()
        renderer.close_group("smooth mesh")
        self.stale = False

    def _pixels(
        self, ax: Axes, k: int, start: float, size: float
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Places of the pixels along an axis, and which of them touch the box."""
        count = int(np.ceil((ax.bbox.max[k] - start) * size))
        edges = np.tile(ax.bbox.min, (2 * count + 1, 1))
        edges[:, k] = start + np.arange(2 * count + 1) / (2 * size)
        places = ax.transData.inverted().transform(edges)[:, k]
        lo, hi = self._faces[k][[0, -1]]
        ends = np.sort(np.stack([places[:-2:2], places[2::2]]), axis=0)
        return np.clip(places[1::2], lo, hi), (ends[1] > lo) & (ends[0] < hi)

    def at(self, x: Array, y: Array) -> np.ma.MaskedArray[Any, Any]:
        """Values (len(y), len(x)) that are drawn at places x, y of the box."""
        u: np.ma.MaskedArray[Any, Any] = np.ma.masked_invalid(np.ma.asarray(self.get_array()))
        logs = isinstance(self.norm, LogNorm)
        if logs:
            u = np.ma.masked_less_equal(u, 0)
        hidden = np.ma.getmaskarray(u)
        i, j = (_cells(F, p) for F, p in zip(self._faces, (x, y), strict=True))
        if hidden.all():
            return np.ma.masked_all((len(y), len(x)))
        values = np.asarray(u.data, dtype=float)
        if hidden.any():
            # A hidden cell stays hidden; its neighbours see what is nearest to it.
            near = distance_transform_edt(hidden, return_distances=False, return_indices=True)
            values = values[tuple(near)]
        values = np.log(values) if logs else values
        scale = float(np.abs(values).max()) or 1.0
        values = values / scale
        for axis, k in ((0, 1), (1, 0)):
            values = _with_ghosts(values, axis, self._faces[k], self._wraps[k])
        rows, columns = (_weights(self._faces[k], p, self._wraps[k]) for k, p in ((1, y), (0, x)))
        drawn = (columns @ (rows @ values).T).T
        around = np.ix_(j + 1, i + 1)
        drawn = np.clip(drawn, minimum_filter(values, 3)[around], maximum_filter(values, 3)[around])
        drawn = np.exp(drawn * scale) if logs else drawn * scale
        return np.ma.masked_array(np.clip(drawn, u.min(), u.max()), hidden[np.ix_(j, i)])


def _cells(faces: Array, places: Array) -> NDArray[np.intp]:
    """Number of the cell that holds each place."""
    return np.clip(np.searchsorted(faces, places, side="right") - 1, 0, len(faces) - 2)


def _with_ghosts(u: Array, axis: int, faces: Array, periodic: bool) -> Array:
    """One more cell at each end, as wide as the last: around the circle, or straight on."""
    u = np.moveaxis(u, axis, 0)
    if periodic:
        wide = np.concatenate([u[-1:], u, u[:1]])
    else:
        w = np.diff(faces / (faces[-1] - faces[0]))
        low = u[0] + (u[0] - u[1]) * 2 * w[0] / (w[0] + w[1])
        high = u[-1] + (u[-1] - u[-2]) * 2 * w[-1] / (w[-1] + w[-2])
        wide = np.concatenate([low[None], u, high[None]])
    return np.moveaxis(wide, 0, axis)


def _weights(faces: Array, places: Array, periodic: bool) -> csr_array:
    """Weights (n_places, n + 2) of cubic pieces between centres, with slopes of second order."""
    length = faces[-1] - faces[0]
    edges, p = (faces - faces[0]) / length, (places - faces[0]) / length
    widths = np.diff(edges)
    ends = widths[[-1, 0]] if periodic else widths[[0, -1]]
    centers = np.concatenate([[-ends[0] / 2], (edges[1:] + edges[:-1]) / 2, [1 + ends[1] / 2]])
    n, h = len(centers), np.diff(centers)
    before, after = h[:-1], h[1:]
    inner = np.arange(1, n - 1)
    slopes = np.zeros((n, n))
    slopes[inner, inner - 1] = -after / (before * (before + after))
    slopes[inner, inner] = (after - before) / (before * after)
    slopes[inner, inner + 1] = before / (after * (before + after))
    if periodic:
        # The ghosts are the cells at the other end, and so are their slopes.
        slopes[0], slopes[-1] = slopes[-2], slopes[1]
    else:
        slopes[0, :2] = np.array([-1, 1]) / h[0]
        slopes[-1, -2:] = np.array([-1, 1]) / h[-1]
    k = np.clip(np.searchsorted(centers, p, side="right") - 1, 0, n - 2)
    s, step, each = (p - centers[k]) / h[k], h[k], np.arange(len(p))
    tangents = csr_array(slopes)
    blend = csr_array(
        (
            np.concatenate([1 - s**2 * (3 - 2 * s), s**2 * (3 - 2 * s)]),
            (np.tile(each, 2), np.concatenate([k, k + 1])),
        ),
        shape=(len(p), n),
    )
    turn = csr_array(
        (
            np.concatenate([step * s * (1 - s) ** 2, step * s**2 * (s - 1)]),
            (np.tile(each, 2), np.concatenate([k, k + 1])),
        ),
        shape=(len(p), n),
    )
    return csr_array(blend + turn @ tangents)
