"""Pictures of transition paths: committors and reactive currents."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.lines import Line2D
from matplotlib.streamplot import StreamplotSet

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.plot.axes import Place, check_result, check_scalar, current_axes, frame, scale
from fokkerplanck.plot.fields import CUTOFF, density, streamlines
from fokkerplanck.plot.meshes import color_mesh
from fokkerplanck.rates import Committor

#: What the committors are, by name.
CHANCES = {"forward": "chance to reach B before A", "backward": "chance to come from A, not B"}


def committor(
    paths: Committor,
    ax: Place = None,
    *,
    which: str = "forward",
    levels: int = 10,
    cmap: str = "coolwarm",
    colorbar: bool | str | None = None,
    **style: Any,
) -> QuadContourSet | Line2D:
    """Committor in 2D: bands of equal chance, the two sets in grey; on a line its graph.

    Parameters
    ----------
    paths : Committor
        In one or two dimensions.
    ax : matplotlib Axes, optional
        Default: the current ones.
    which : {"forward", "backward"}
    levels : int
        Number of bands.
    cmap : str
        A diverging colour map: its middle is a chance of one half.
    colorbar : bool or str, optional
        Draw a colour bar, with this name if one is given; False: none. Default: where the axes are
        alone in their figure and have none; graphs over a line have no colours.
    **style
        For ``Axes.contourf`` or ``Axes.plot``.

    Returns
    -------
    matplotlib QuadContourSet (2D) or Line2D

    Raises
    ------
    ValueError
        For another name, or in three dimensions.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot, sets
    >>> problem = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 32), f=lambda x, y: x**2 + y**2)
    >>> paths = fp.committor(problem, sets.ball((-1, 0), 0.4), sets.ball((1, 0), 0.4))
    >>> bands = plot.committor(paths)
    """
    check_result(paths, "paths", "committor(problem, A, B)", "grid", "forward", "backward")
    one_of(which, "which", ("forward", "backward"))
    grid = paths.grid
    chance = check_scalar(grid, getattr(paths, which), which, dims=(1, 2))
    ax = current_axes(ax)
    if grid.dim == 1:
        (graph,) = ax.plot(grid.centers[0], chance, **style)
        ax.set_ylim(-0.03, 1.03)
        frame(grid, ax)
        return graph
    options: dict[str, Any] = {"levels": np.linspace(0, 1, levels + 1), "cmap": cmap} | style
    artist = ax.contourf(*grid.centers, chance.T, **options)
    scale(artist, CHANCES[which], colorbar, ax)
    _sets(paths, ax)
    frame(grid, ax)
    return artist


def reactive(
    paths: Committor,
    ax: Place = None,
    *,
    cutoff: float = 1e-2,
    cmap: str = "Greens",
    colorbar: bool | str | None = None,
    **style: Any,
) -> StreamplotSet:
    """Reactive density with the streamlines of the reactive current, in 2D.

    Parameters
    ----------
    paths : Committor
    ax : matplotlib Axes, optional
        Default: the current ones.
    cutoff : float
        Streamlines are drawn where the current exceeds this part of its largest value.
    cmap : str
        Of the density.
    colorbar : bool or str, optional
        Of the density, as for `density`.
    **style
        For `streamlines`.

    Raises
    ------
    ValueError
        If the problem is not 2D.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot, sets
    >>> problem = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 32), f=lambda x, y: x**2 + y**2)
    >>> paths = fp.committor(problem, sets.ball((-1, 0), 0.4), sets.ball((1, 0), 0.4))
    >>> lines = plot.reactive(paths)
    """
    check_result(paths, "paths", "committor(problem, A, B)", "grid", "density", "current")
    grid = paths.grid
    if grid.dim != 2:
        raise ValueError(f"the streamlines of a {grid.dim}D current cannot be drawn, only in 2D")
    ax = current_axes(ax)
    cloud = density(grid, paths.density, ax, cmap=cmap, colorbar=False)
    scale(cloud, "reactive density, 1/area", colorbar, ax)
    speed = np.hypot(*paths.current)
    artist = streamlines(
        grid,
        paths.current,
        ax,
        where=speed > max(cutoff, CUTOFF) * speed.max(),
        colorbar=False,
        **style,
    )
    _sets(paths, ax)
    frame(grid, ax)
    return artist


def _sets(paths: Committor, ax: Axes) -> None:
    """Both sets in grey, with their names; they are made of cells and drawn so."""
    grid = paths.grid
    for name, mask in (("A", paths.A), ("B", paths.B)):
        shade = np.ma.masked_array(np.full(grid.shape, 0.45), ~mask)
        color_mesh(grid, shade, ax, smooth=False, cmap="Greys", vmin=0, vmax=1, zorder=3)
        x, y = (float(np.mean(u[mask])) for u in grid.x)
        ax.text(x, y, name, ha="center", va="center", color="white", weight="bold", zorder=4)
