"""Pictures of what lives in three dimensions: slices, projections, level surfaces, orbits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LightSource, Normalize, to_rgb
from matplotlib.typing import ColorType
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from fokkerplanck.domain.arguments import describe, finite_number, real_array
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.types import Array
from fokkerplanck.plot.axes import (
    Place,
    Row,
    check_scalar,
    colorbar,
    current_axes,
    panels,
    scale,
    space_axes,
)
from fokkerplanck.plot.meshes import color_mesh
from fokkerplanck.plot.tetrahedra import level_triangles

NAMES = "xyz"
#: Pairs of axes (right, up) of three panels, and the axis that is cut or integrated away.
VIEWS = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
#: Colour of surfaces.
SURFACE = "C0"
#: Brightness of a surface that faces away from the light; 1 where it faces the light.
SHADE = 0.3


class Panels(NamedTuple):
    """Artists of `slices` and `projections`: maps over (x, y), (x, z), (y, z), one colour bar."""

    maps: tuple[QuadMesh, ...]
    bar: Colorbar


def slices(
    grid: Grid,
    u: ArrayLike,
    at: ArrayLike | None = None,
    axes: Row | None = None,
    *,
    limit: float | None = None,
    cmap: str | None = None,
    label: str = "",
    smooth: bool = True,
) -> Panels:
    r"""Three orthogonal slices of a function on a 3D grid, in one scale of colours.

    Parameters
    ----------
    grid : Grid
        Of dimension 3.
    u : array, shape ``grid.shape``
        Sequential colours from zero if nowhere negative, else diverging ones, white at zero.
    at : (x, y, z), optional
        Where the slices meet: the layer of cells that holds the point is drawn. Default: the
        middle of the box.
    axes : three matplotlib Axes, optional
        Default: a new figure of pyplot.
    limit : float, optional
        Value of the darkest colour; default the largest modulus in the box, not in the slices.
    cmap : str, optional
    label : str
        Of the colour bar.
    smooth : bool
        Interpolate the colours between cell centres, as `density` does; False shows the cells.

    Raises
    ------
    ValueError
        If the grid is not 3D, the shape does not fit, or the point is outside of the box.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-3, 3)] * 3, 16)
    >>> rho, axes = fp.gaussian(grid, (1, 0, 0), 1), plot.canvas(12, 3.6).subplots(1, 3)
    >>> picture = plot.slices(grid, rho, at=(1, 0, 0), axes=axes)
    >>> picture.maps[0].axes.get_title()
    'z = 0.188'
    """
    u = check_scalar(grid, u, "u", dims=(3,))
    cells = _cell(grid, at)
    layers = [np.moveaxis(u, gone, 0)[cells[gone]] for *_, gone in VIEWS]
    titles = [f"{NAMES[gone]} = {grid.centers[gone][cells[gone]]:.3g}" for *_, gone in VIEWS]
    limit = float(np.nanmax(np.abs(u))) if limit is None else float(limit)
    return _three_maps(
        grid, layers, titles, axes, bool(np.nanmin(u) < 0), limit, cmap, label, smooth
    )


def projections(
    grid: Grid,
    rho: ArrayLike,
    axes: Row | None = None,
    *,
    top: float | None = None,
    cmap: str = "Blues",
    label: str = "density",
    smooth: bool = True,
) -> Panels:
    r"""Marginal densities of two coordinates, such as :math:`\int\rho\,dz`, in one scale.

    Parameters
    ----------
    grid : Grid
        Of dimension 3.
    rho : array, shape ``grid.shape``
    axes : three matplotlib Axes, optional
        Default: a new figure of pyplot.
    top : float, optional
        Value of the darkest colour, to compare pictures; default the largest of the three.
    cmap, label : str
        A sequential colour map; title of the colour bar.
    smooth : bool
        Interpolate the colours between cell centres, as `density` does; False shows the cells.

    Raises
    ------
    ValueError
        If the grid is not 3D or the shape does not fit.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-3, 3)] * 3, 16)
    >>> rho, axes = fp.gaussian(grid, (1, 0, 0), 0.5), plot.canvas(12, 3.6).subplots(1, 3)
    >>> picture = plot.projections(grid, rho, axes)
    >>> round(float(picture.maps[1].get_array().max()), 2)
    0.31
    """
    rho = check_scalar(grid, rho, "rho", dims=(3,))
    marginals: list[Array] = [
        np.moveaxis(rho, gone, -1) @ np.asarray(grid.widths[gone], dtype=float)
        for *_, gone in VIEWS
    ]
    titles = [f"∫ρ d{NAMES[gone]}" for *_, gone in VIEWS]
    if top is None:
        top = max(float(m.max()) for m in marginals)
    return _three_maps(grid, marginals, titles, axes, False, top, cmap, label, smooth)


def _three_maps(
    grid: Grid,
    layers: list[Array],
    titles: list[str],
    axes: Row | None,
    signed: bool,
    limit: float,
    cmap: str | None,
    label: str,
    smooth: bool,
) -> Panels:
    """Three colour maps in one scale."""
    axes = panels(axes, 3)
    limit = limit or 1.0
    norm = Normalize(-limit if signed else 0, limit)
    cmap = cmap or ("RdBu_r" if signed else "Blues")
    maps = []
    for ax, layer, title, (right, up, _) in zip(axes, layers, titles, VIEWS, strict=True):
        mesh = color_mesh(grid, layer, ax, smooth=smooth, axes=(right, up), norm=norm, cmap=cmap)
        ax.set(xlabel=NAMES[right], ylabel=NAMES[up], title=title, aspect="equal")
        ax.set(xlim=grid.box[right], ylim=grid.box[up])
        maps.append(mesh)
    return Panels(tuple(maps), colorbar(maps[-1], label))


def _cell(grid: Grid, at: ArrayLike | None) -> list[int]:
    """Indices of the cell that holds a point, by default the middle of the box."""
    if at is None:
        at = [(lo + hi) / 2 for lo, hi in grid.box]
    at = real_array(at, "at", "a point (x, y, z)")
    inside = at.shape == (3,) and all(
        lo <= u <= hi for u, (lo, hi) in zip(at, grid.box, strict=True)
    )
    if not inside:
        raise ValueError(f"at is {at.tolist()}; give a point (x, y, z) in the box {grid.box}")
    return [
        min(int(np.searchsorted(F, u, side="right")) - 1, len(F) - 2)
        for F, u in zip(grid.faces, at, strict=True)
    ]


def isosurface(
    grid: Grid,
    u: ArrayLike,
    level: float,
    ax: Axes3D | None = None,
    *,
    color: ColorType = SURFACE,
    alpha: float = 1.0,
    **style: Any,
) -> Poly3DCollection:
    r"""Surface :math:`u(x,y,z)` = level, lit from one side.

    Parameters
    ----------
    grid : Grid
        Of dimension 3.
    u : array, shape ``grid.shape``
    level : float
    ax : matplotlib 3D Axes, optional
        Default: the current ones, or new ones if these are flat.
    color : matplotlib colour
    alpha : float
        Below 1 one surface can be seen through another.
    **style
        For ``Poly3DCollection``.

    Raises
    ------
    ValueError
        If the grid is not 3D, the shape does not fit, the axes are flat, or u never takes the
        value.

    Notes
    -----
    Marching tetrahedra between cell centres: closed surfaces without cracks, at a distance of
    second order from the true ones. The picture takes half a second at 64 cells a side.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-2, 2)] * 3, 16)
    >>> x, y, z = grid.x
    >>> ax = plot.canvas().add_subplot(projection="3d")
    >>> ball = plot.isosurface(grid, x**2 + y**2 + z**2, 1.0, ax)
    >>> ball.axes.get_zlabel()
    'z'
    """
    u = check_scalar(grid, u, "u", dims=(3,))
    level = finite_number(level, "level", "a number")
    least, most = float(np.nanmin(u)), float(np.nanmax(u))
    if not least < level < most:
        raise ValueError(f"level is {level:g}, but u goes from {least:g} to {most:g}")
    ax = space_axes(ax)
    if not np.isfinite(u).all():
        raise ValueError(
            f"u has {np.count_nonzero(~np.isfinite(u))} entries that are not finite; a surface "
            "needs finite ones"
        )
    triangles = level_triangles(grid.centers, u, level)
    light = _light(grid, u, triangles.mean(axis=1))
    colors = np.array(to_rgb(color)) * (SHADE + (1 - SHADE) * light)[:, None]
    faces = Poly3DCollection(triangles, facecolors=colors, edgecolors="none", alpha=alpha, **style)
    ax.add_collection3d(faces)
    _space_frame(ax, grid.box)
    return faces


def _light(grid: Grid, u: Array, points: Array) -> Array:
    """Light (m,) from 0 to 1 on surfaces that face down the slope of u, smooth across triangles."""
    slopes = np.stack([*np.gradient(u, *grid.centers)], axis=-1)
    normals = -RegularGridInterpolator(grid.centers, slopes)(points)
    size = np.linalg.norm(normals, axis=1)
    facing = normals @ LightSource(azdeg=225, altdeg=45).direction / np.where(size > 0, size, 1.0)
    return (1 + facing) / 2


def _space_frame(ax: Axes3D, box: Sequence[tuple[float, float]]) -> None:
    """Limits, names and true proportions."""
    ax.set(xlim=box[0], ylim=box[1], zlim=box[2], xlabel="x", ylabel="y", zlabel="z")
    ax.set_box_aspect([hi - lo for lo, hi in box])


def orbit(
    t: ArrayLike,
    positions: ArrayLike,
    ax: Place = None,
    *,
    grid: Grid | None = None,
    cmap: str = "viridis",
    colorbar: bool | str | None = None,
    **style: Any,
) -> LineCollection:
    r"""Trajectory in the plane or in space, coloured by time.

    Parameters
    ----------
    t : array (n_t,)
    positions : array (n_t, d)
        d = 2 or 3.
    ax : matplotlib Axes, optional
        In space, 3D ones. Default: the current ones, or new ones.
    grid : Grid, optional
        Its box limits the axes; positions are wrapped along its periodic axes, and pieces that
        jump from side to side are left out.
    cmap : str
        A sequential colour map.
    colorbar : bool or str, optional
        Draw a colour bar, with this name if one is given; False: none. Default: where the axes are
        alone in their figure and have none.
        In space: none by default, the box takes the room; give one to `colorbar`.
    **style
        For ``LineCollection``.

    Returns
    -------
    matplotlib LineCollection or Line3DCollection
        Carries the times, for a colour bar.

    Raises
    ------
    ValueError
        If the shapes do not fit, or those of the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import plot
    >>> t = np.linspace(0, 10, 200)
    >>> ax = plot.canvas().add_subplot(projection="3d")
    >>> spiral = plot.orbit(t, np.stack([np.cos(t), np.sin(t), t / 10], axis=1), ax)
    >>> spiral.get_array().shape
    (199,)
    """
    t, x = _check_orbit(t, positions, grid)
    d = x.shape[1]
    box = grid.box if grid is not None else tuple(zip(x.min(axis=0), x.max(axis=0), strict=True))
    jumps = np.zeros(len(t) - 1, dtype=bool)
    if grid is not None:
        for k in np.flatnonzero(grid.periodic):
            lo, hi = box[k]
            x[:, k] = lo + np.mod(x[:, k] - lo, hi - lo)
            jumps |= np.abs(np.diff(x[:, k])) > (hi - lo) / 2
    pieces = list(np.stack([x[:-1], x[1:]], axis=1)[~jumps])
    look: dict[str, Any] = {"cmap": cmap, "linewidths": 0.7}
    if d == 3:
        space = space_axes(ax)
        where: Axes = space
        artist: LineCollection = Line3DCollection(pieces, **(look | style))
        space.add_collection3d(artist)
        _space_frame(space, box)
    else:
        where = current_axes(ax)
        artist = LineCollection(pieces, **(look | style))
        where.add_collection(artist)
        where.set(xlabel="x", ylabel="y", aspect="equal")
        if grid is None:
            where.autoscale_view()
        else:
            where.set(xlim=box[0], ylim=box[1])
    artist.set_array(((t[:-1] + t[1:]) / 2)[~jumps])
    if d == 2 or colorbar is not None:
        scale(artist, "time", colorbar, where)
    return artist


def _check_orbit(t: ArrayLike, positions: ArrayLike, grid: Grid | None) -> tuple[Array, Array]:
    """Times and positions, or a ValueError."""
    t = real_array(t, "t", "times (n_t,)")
    x = np.array(real_array(positions, "positions", "an array (n_t, 2) or (n_t, 3)"))
    if x.ndim != 2 or x.shape[1] not in (2, 3) or t.shape != x.shape[:1] or len(t) < 2:
        raise ValueError(
            f"t has shape {t.shape} and positions {x.shape}, expected (n_t,) and (n_t, 2) or "
            "(n_t, 3), n_t > 1"
        )
    if not (np.isfinite(t).all() and np.isfinite(x).all()):
        raise ValueError("t or positions are not finite; end the orbit before")
    if grid is not None and check_grid(grid).dim != x.shape[1]:
        raise ValueError(
            f"positions are {x.shape[1]}D, but grid is {grid.dim}D ({describe(grid)}); give a grid "
            "of their dimension"
        )
    return t, x
