"""Pictures of scalar and vector fields on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.lines import Line2D
from matplotlib.streamplot import StreamplotSet
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from fokkerplanck.domain.arguments import finite_number, real_array
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.plot.axes import Place, check_scalar, current_axes, frame, scale
from fokkerplanck.plot.meshes import color_mesh

# Below this fraction of the largest density nothing is drawn by default.
CUTOFF = 1e-6
# Least width of a line, in points.
HAIRLINE = 0.3


def line(grid: Grid, u: ArrayLike, ax: Place = None, **style: Any) -> Line2D:
    """Graph of a function u(x) on a 1D grid.

    Parameters
    ----------
    grid : Grid
        Of dimension 1.
    u : array, shape ``grid.shape``
    ax : matplotlib Axes, optional
        Default: the current ones.
    **style
        For ``Axes.plot``.

    Raises
    ------
    ValueError
        If the grid is not 1D or the shape does not fit.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> curve = plot.line(grid, fp.gaussian(grid, 0, 1), color="C3")
    >>> curve.get_color()
    'C3'
    """
    u = check_scalar(grid, u, "u", dims=(1,))
    ax = current_axes(ax)
    (artist,) = ax.plot(grid.centers[0], u, **style)
    frame(grid, ax)
    return artist


def density(
    grid: Grid,
    rho: ArrayLike,
    ax: Place = None,
    *,
    top: float | None = None,
    log: bool = False,
    floor: float = CUTOFF,
    cmap: str = "Blues",
    smooth: bool | None = None,
    colorbar: bool | str | None = None,
    **style: Any,
) -> QuadMesh | PolyCollection:
    """Density as a map of colours (2D) or a filled graph (1D).

    Parameters
    ----------
    grid : Grid
        Of dimension 1 or 2.
    rho : array, shape ``grid.shape``
    ax : matplotlib Axes, optional
        Default: the current ones.
    top : float, optional
        Value of the darkest colour, to compare pictures; default the maximum of rho.
    log : bool
        Logarithmic scale. Values below `floor` times the top get the colour of that floor, so that
        zeros and underflow do no harm.
    floor : float
    cmap : str
        A sequential colour map.
    smooth : bool, optional
        Interpolate the colours between cell centres, within the values of the neighbouring cells;
        False shows the cells. Default: unless `style` asks for ``edgecolors`` or ``shading``.
    colorbar : bool or str, optional
        Draw a colour bar, with this name if one is given; False: none. Default: where the axes are
        alone in their figure and have none; graphs over a line have no colours.
    **style
        For ``Axes.pcolormesh`` (``norm``, ``vmin`` and ``vmax`` too, before `top`, `log` and
        `floor`) or ``Axes.fill_between``.

    Returns
    -------
    matplotlib QuadMesh (2D) or PolyCollection (1D)

    Raises
    ------
    ValueError
        If the grid is 3D or the shape does not fit.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> mesh = plot.density(grid, fp.gaussian(grid, (0, 0), 1), log=True)
    >>> mesh.get_array().shape
    (32, 32)
    """
    rho = check_scalar(grid, rho, "rho", dims=(1, 2))
    ax = current_axes(ax)
    top = (float(rho.max()) or 1.0) if top is None else top
    if grid.dim == 1:
        low = floor * top if log else 0.0
        artist: QuadMesh | PolyCollection = ax.fill_between(
            grid.centers[0], low, np.maximum(rho, low), alpha=0.5, **style
        )
        if log:
            ax.set_yscale("log")
    else:
        norm = _norm(style, LogNorm(floor * top, top) if log else Normalize(0, top))
        shown = np.maximum(rho, norm.vmin) if log and norm.vmin is not None else rho
        artist = color_mesh(grid, shown, ax, smooth=smooth, norm=norm, cmap=cmap, **style)
        scale(artist, "ρ, 1/area", colorbar, ax)
    frame(grid, ax)
    return artist


def potential(
    grid: Grid,
    Phi: ArrayLike,
    ax: Place = None,
    *,
    top: float | None = None,
    levels: int = 12,
    filled: bool = False,
    **style: Any,
) -> QuadContourSet | Line2D:
    """Potential as contour lines (2D) or as a graph (1D), from its minimum up to `top` above it.

    Parameters
    ----------
    grid : Grid
        Of dimension 1 or 2.
    Phi : array, shape ``grid.shape``
        Any potential: Phi, f. Infinite values are left out.
    ax : matplotlib Axes, optional
        Default: the current ones.
    top : float, optional
        Height above the minimum at which the picture ends; default the largest finite value.
    levels : int
        Number of contours, at equal distances.
    filled : bool
        Fill between the contours.
    **style
        For ``Axes.contour``, ``Axes.contourf`` or ``Axes.plot``.

    Returns
    -------
    matplotlib QuadContourSet (2D) or Line2D (1D)

    Raises
    ------
    ValueError
        If the grid is 3D, the shape does not fit, or `top` is not positive.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> x, y = grid.x
    >>> lines = plot.potential(grid, (x**2 + y**2) / 2, top=2.0, levels=4)
    >>> lines.levels.tolist()
    [0.5, 1.0, 1.5, 2.0]
    """
    u = check_scalar(grid, Phi, "Phi", dims=(1, 2))
    ax = current_axes(ax)
    finite = np.isfinite(u)
    if not finite.any():
        raise ValueError("Phi has no finite value: there is nothing to draw")
    u = np.where(finite, u, np.nan) - u[finite].min()
    highest = float(np.nanmax(u))
    top = highest or 1.0 if top is None else top
    if not top > 0:
        raise ValueError(f"top is {top!r}, expected a height > 0 above the minimum")
    if grid.dim == 1:
        artist: QuadContourSet | Line2D
        (artist,) = ax.plot(grid.centers[0], np.where(u <= top, u, np.nan), **style)
    else:
        heights = top * np.arange(0 if filled else 1, levels + 1) / levels
        if not {"cmap", "colors"} & style.keys():
            style["cmap"] = "viridis"
        draw = ax.contourf if filled else ax.contour
        artist = draw(*grid.centers, np.ma.masked_invalid(u).T, levels=heights, **style)
    frame(grid, ax)
    return artist


def signed(
    grid: Grid,
    u: ArrayLike,
    ax: Place = None,
    *,
    limit: float | None = None,
    cmap: str = "RdBu_r",
    smooth: bool | None = None,
    colorbar: bool | str | None = None,
    **style: Any,
) -> QuadMesh:
    """Signed field as a map of colours that is white at zero, such as div j.

    Parameters
    ----------
    grid : Grid
        Of dimension 2.
    u : array, shape ``grid.shape``
    ax : matplotlib Axes, optional
        Default: the current ones.
    limit : float, optional
        Value of the darkest colours; default the largest finite modulus.
    cmap : str
        A diverging colour map.
    smooth : bool, optional
        Interpolate the colours between cell centres, within the values of the neighbouring cells;
        False shows the cells. Default: unless `style` asks for ``edgecolors`` or ``shading``.
    colorbar : bool or str, optional
        Draw a colour bar, with this name if one is given; False: none. Default: where the axes are
        alone in their figure and have none.
    **style
        For ``Axes.pcolormesh``; ``norm``, ``vmin`` and ``vmax`` too, before `limit`.

    Raises
    ------
    ValueError
        If the grid is not 2D or the shape does not fit.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-1, 1), (-1, 1)], 8)
    >>> plot.signed(grid, grid.x[0], limit=1).get_clim()
    (-1.0, 1.0)
    """
    u = np.ma.masked_invalid(check_scalar(grid, u, "u"))
    ax = current_axes(ax)
    limit = (float(np.abs(u).max()) or 1.0) if limit is None else limit
    norm = _norm(style, Normalize(-float(limit), float(limit)))
    artist = color_mesh(grid, u, ax, smooth=smooth, norm=norm, cmap=cmap, **style)
    scale(artist, "", colorbar, ax)
    frame(grid, ax)
    return artist


def _norm(style: dict[str, Any], usual: Normalize) -> Normalize:
    """Take the scale of colours out of the style: a norm, or limits that change the usual one."""
    given, low, high = (style.pop(name, None) for name in ("norm", "vmin", "vmax"))
    if given is not None and (low is not None or high is not None):
        raise ValueError("norm and vmin or vmax are both given; give the limits to the norm")
    if given is not None:
        return given
    for name, value in (("vmin", low), ("vmax", high)):
        if value is not None:
            setattr(usual, name, finite_number(value, name))
    if usual.vmin is not None and usual.vmax is not None and not usual.vmin < usual.vmax:
        raise ValueError(f"the colours go from {usual.vmin:g} to {usual.vmax:g}; give vmin < vmax")
    return usual


def streamlines(
    grid: Grid,
    v: ArrayLike,
    ax: Place = None,
    *,
    where: ArrayLike | None = None,
    cmap: str = "plasma",
    spacing: float = 1.0,
    thickness: float | None = None,
    colorbar: bool | str | None = None,
    **style: Any,
) -> StreamplotSet:
    """Streamlines of a vector field on a 2D grid, coloured by its modulus.

    Parameters
    ----------
    grid : Grid
        Of dimension 2. Graded axes are interpolated to equal steps.
    v : array, shape ``(2, *grid.shape)``
    ax : matplotlib Axes, optional
        Default: the current ones.
    where : boolean array, shape ``grid.shape``, optional
        Draw only there.
    cmap : str
    spacing : float
        Distance of the lines, relative to matplotlib's default.
    thickness : float, optional
        Width of the lines, in points, where the field is strongest; elsewhere in proportion, with
        a hairline where it is weak. Default: one width.
    colorbar : bool or str, optional
        Draw a colour bar, with this name if one is given; False: none. Default: where the axes are
        alone in their figure and have none.
    **style
        For ``Axes.streamplot``.

    Returns
    -------
    matplotlib StreamplotSet
        Its ``lines`` carry the colours, for a colour bar.

    Raises
    ------
    ValueError
        If the grid is not 2D or a shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-1, 1), (-1, 1)], 16)
    >>> x, y = grid.x
    >>> streams = plot.streamlines(grid, np.stack([-y, x]))
    >>> round(float(streams.lines.get_clim()[1]), 1)
    1.3
    """
    check_grid(grid)
    v = real_array(v, "v", "a vector field, an array (2, nx, ny)")
    if grid.dim != 2 or v.shape != (2, *grid.shape):
        raise ValueError(f"v has shape {v.shape} on a {grid.dim}D grid, expected (2, nx, ny)")
    ax = current_axes(ax)
    hidden: Flags = ~np.all(np.isfinite(v), axis=0)
    if where is not None:
        hidden |= ~np.asarray(where, dtype=bool)
    centers, v, hidden = _on_equal_steps(grid, np.where(hidden, 0.0, v), hidden)
    speed = np.ma.masked_array(np.hypot(*v), hidden)
    norm = Normalize(0, float(speed.max()) if speed.count() else 1.0)
    u, w = (np.ma.masked_array(c, hidden).T for c in v)
    if not speed.any():
        # streamplot divides by the speed: where nothing moves there is nothing to draw.
        u, w = (np.ma.masked_array(np.zeros(c.shape), True) for c in (u, w))
    options = {"density": 1 / spacing, "linewidth": 0.9, "arrowsize": 0.8} | style
    if thickness is not None:
        options["linewidth"] = np.maximum(HAIRLINE, thickness * norm(speed.T.filled(0)))
    if "color" not in options:
        options |= {"color": speed.T, "cmap": cmap, "norm": norm}
    x, y = centers
    artist = ax.streamplot(x, y, u, w, **options)
    if artist.lines.get_segments() and artist.lines.get_array() is not None:
        scale(artist.lines, "|v|", colorbar, ax)
    frame(grid, ax)
    return artist


def _on_equal_steps(grid: Grid, v: Array, hidden: Flags) -> tuple[Sequence[Array], Array, Flags]:
    """Centres, field and mask on equal steps, which is what streamplot needs."""
    if grid.is_uniform:
        return grid.centers, v, hidden
    centers = [np.linspace(c[0], c[-1], len(c)) for c in grid.centers]
    points = np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1)
    values = np.moveaxis(np.stack([*v, hidden.astype(float)]), 0, -1)
    values = RegularGridInterpolator(grid.centers, values)(points)
    return centers, np.moveaxis(values[..., :2], -1, 0), values[..., 2] > 0
