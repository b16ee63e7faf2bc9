"""Axes to draw on: the current ones of pyplot, or a fresh figure without pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.axes3d import Axes3D
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.domain.arguments import describe, positive_number, real_array
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.types import Array

#: Several axes, as ``Figure.subplots`` returns them.
Row: TypeAlias = Sequence[Axes] | NDArray[np.object_]
#: Where to draw: None stands for the current axes of pyplot.
Place: TypeAlias = Axes | None
Result = TypeVar("Result")
#: Marks of axes that hold a colour bar: one that was asked for, one that a picture brought itself.
BAR, AUTOMATIC = "colour bar", "colour bar of its own accord"


def current_axes(ax: Place = None) -> Axes:
    """Return ax, or pyplot's current axes."""
    if ax is None:
        return plt.gca()
    if not callable(getattr(ax, "plot", None)):
        raise ValueError(f"ax is {describe(ax)}; give matplotlib Axes, e.g. canvas().subplots()")
    return ax


def space_axes(ax: Place = None) -> Axes3D:
    """Return ax, or pyplot's current axes, or fresh ones: with three dimensions."""
    if ax is None:
        sheet = plt.gcf()
        if sheet.axes and sheet.gca().name != "3d":
            sheet = plt.figure()
        return sheet.gca() if sheet.axes else sheet.add_subplot(projection="3d")
    if getattr(ax, "name", None) != "3d":
        raise ValueError(
            f"ax is {describe(ax)}; give axes with three dimensions, e.g. "
            'canvas().add_subplot(projection="3d")'
        )
    return ax


def panels(axes: Row | None, count: int, width: float = 4.2, height: float = 3.6) -> list[Axes]:
    """Return `count` axes: those given, or a row of a new figure of pyplot."""
    if axes is None:
        size = (count * width, height)
        axes = plt.figure(figsize=size, layout="constrained").subplots(1, count, squeeze=False)
    try:
        flat = [current_axes(ax) for ax in np.asarray(axes, dtype=object).ravel()]
    except ValueError:
        flat = []
    if len(flat) != count or None in np.asarray(axes, dtype=object).ravel():
        raise ValueError(
            f"axes is {describe(axes)}; give {count} matplotlib Axes, e.g. "
            f"canvas().subplots(1, {count})"
        )
    return flat


def check_result(value: Result, name: str, maker: str, *needed: str) -> Result:
    """Return value if it has the attributes of what `maker` returns, else say what to give."""
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in needed):
        raise ValueError(f"{name} is {describe(value)}; give what {maker} returned")
    return value


def canvas(width: float = 6.4, height: float = 4.8) -> Figure:
    """Figure of the given size in inches, outside of pyplot: nothing has to be closed or shown.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Its panels keep clear of each other (constrained layout).

    Raises
    ------
    ValueError
        If a length is not positive.

    Examples
    --------
    >>> from fokkerplanck import plot
    >>> plot.canvas(8, 3).get_size_inches().tolist()
    [8.0, 3.0]
    """
    size = positive_number(width, "width"), positive_number(height, "height")
    return Figure(figsize=size, layout="constrained")


def colorbar(artist: Any, label: str, ax: Place = None, **options: Any) -> Colorbar:
    """Colour bar at the right of the axes of an artist, exactly as tall as they are.

    It takes the place of the one that a picture alone in its figure gets by itself.

    Parameters
    ----------
    artist : matplotlib artist with a colour map
        Such as `density` returns; of `streamlines` its ``lines``.
    label : str
    ax : matplotlib Axes, optional
        Default: the artist's.
    **options
        For ``Figure.colorbar``.

    Raises
    ------
    ValueError
        If the artist has no colour map.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(0, 1), (0, 1)], 4)
    >>> bar = plot.colorbar(plot.density(grid, fp.uniform(grid)), "density")
    >>> bar.ax.get_ylabel()
    'density'
    """
    if not callable(getattr(artist, "get_cmap", None)):
        raise ValueError(
            f"artist is {describe(artist)}; give one with a colour map, such as density returns"
        )
    ax = artist.axes if ax is None else current_axes(ax)
    for other in [child for child in ax.child_axes if child.get_label() == AUTOMATIC]:
        other.remove()
    # Inset axes follow their parents when the aspect changes; a usual colour bar does not.
    beside = ax.inset_axes((1.02, 0, 0.035, 1), label=BAR)
    return ax.figure.colorbar(artist, cax=beside, label=label, **options)


def scale(artist: Any, name: str, wanted: bool | str | None, ax: Axes) -> None:
    """Colour bar of a picture: wanted or not, with a name of its own, or None for where it fits.

    It fits where the axes are alone in their figure, not one of several panels, and have none yet.
    """
    if wanted is None:
        spec = ax.get_subplotspec()
        alone = len(ax.figure.axes) == 1 and (spec is None or spec.get_geometry()[:2] == (1, 1))
        wanted = alone and not any(c.get_label() in (AUTOMATIC, BAR) for c in ax.child_axes)
    elif not isinstance(wanted, bool | np.bool_ | str):
        raise ValueError(
            f"colorbar is {describe(wanted)}; give True, False, a name for the bar, or None for a "
            "bar where there is room"
        )
    if wanted is False or (not isinstance(wanted, str) and not wanted):
        return
    bar = colorbar(artist, wanted if isinstance(wanted, str) else name, ax)
    bar.ax.set_label(AUTOMATIC)
    if isinstance(ax.figure, Figure) and ax.figure.get_layout_engine() is None:
        # Figures of pyplot leave no room at the right of wide boxes.
        ax.figure.set_layout_engine("constrained")


def frame(grid: Grid, ax: Axes) -> None:
    """Limit the axes to the box and name them; equal scales in both directions of a 2D grid."""
    names = ("x", "y")[: grid.dim]
    ax.set_xlim(*grid.box[0])
    if not ax.get_xlabel():
        ax.set_xlabel(names[0])
    if grid.dim == 2:
        ax.set_ylim(*grid.box[1])
        ax.set_aspect("equal")
        if not ax.get_ylabel():
            ax.set_ylabel(names[1])


def check_scalar(grid: Grid, u: ArrayLike, name: str, dims: tuple[int, ...] = (2,)) -> Array:
    """Float array of the grid's shape, or a ValueError that says what can be drawn."""
    if check_grid(grid).dim not in dims:
        allowed = " or ".join(f"{d}D" for d in dims)
        raise ValueError(
            f"{name} lives on a {grid.dim}D grid, this picture is of {allowed} fields; "
            "integrate or slice the other axes away"
        )
    u = real_array(u, name, f"an array of shape {grid.shape}")
    if u.shape != grid.shape:
        raise ValueError(f"{name} has shape {u.shape}, expected the grid's {grid.shape}")
    return u
