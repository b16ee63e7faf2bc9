"""Force fields with their zeros."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.streamplot import StreamplotSet
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.zeros import CriticalPoint
from fokkerplanck.plot.axes import Place, current_axes
from fokkerplanck.plot.fields import streamlines

#: Marker of every kind of zero; filled where trajectories end.
MARKERS: dict[str, dict[str, str]] = {
    "stable node": {"marker": "o"},
    "stable spiral": {"marker": "p"},
    "centre": {"marker": "o", "markerfacecolor": "w"},
    "saddle": {"marker": "X"},
    "unstable node": {"marker": "s", "markerfacecolor": "w"},
    "unstable spiral": {"marker": "p", "markerfacecolor": "w"},
    "degenerate": {"marker": "D", "markerfacecolor": "w"},
}

#: Of the legend: always the same corner, since streamlines are everywhere.
LEGEND: dict[str, Any] = {"loc": "upper right", "fontsize": "small", "framealpha": 0.9}


class ForceField(NamedTuple):
    """Artists of `force_field`: the streamlines, one marker for each zero, the legend or None."""

    streams: StreamplotSet
    zeros: tuple[Line2D, ...]
    legend: Legend | None


def force_field(
    grid: Grid,
    v: ArrayLike,
    ax: Place = None,
    *,
    zeros: Iterable[CriticalPoint] = (),
    thickness: float = 2.5,
    legend: bool = True,
    **style: Any,
) -> ForceField:
    r"""Streamlines of a field, as wide as it is strong, and its zeros, marked by their kind.

    Parameters
    ----------
    grid : Grid
        Of dimension 2.
    v : array, shape ``(2, *grid.shape)``
        Velocity: for the drift of a problem give ``-problem.g``.
    ax : matplotlib Axes, optional
        Default: the current ones.
    zeros : sequence of CriticalPoint
        ``critical_points(g, grid)`` gives those of v = -g, with the kinds of dx/dt = -g = v.
    thickness : float
        Width of the lines, in points, where the field is strongest.
    legend : bool
        Say which marker is which.
    **style
        For `streamlines`: ``color="k"`` for one colour, ``where``, ``spacing``.

    Raises
    ------
    ValueError
        If the grid is not 2D, a shape does not fit, or a zero is none of a plane field.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> exact = fp.zoo.example_19(0.5)
    >>> grid = exact.boxed([(-1.5, 1.5)] * 2).build(48).grid
    >>> picture = plot.force_field(
    ...     grid, -exact.g(*grid.x), zeros=fp.critical_points(exact.g, grid), color="0.4"
    ... )
    >>> [text.get_text() for text in picture.legend.get_texts()]
    ['stable node', 'saddle']
    """
    points = _check_zeros(zeros)
    ax = current_axes(ax)
    streams = streamlines(grid, v, ax, thickness=thickness, **style)
    look: dict[str, Any] = {
        "linestyle": "none",
        "color": "C3",
        "markersize": 8,
        "markeredgewidth": 1.5,
    }
    marks = tuple(
        ax.plot(*point.x, label=point.kind, zorder=5, **(look | MARKERS[point.kind]))[0]
        for point in points
    )
    kinds = {mark.get_label(): mark for mark in marks}
    shown = [kinds[kind] for kind in MARKERS if kind in kinds]
    key = ax.legend(handles=shown, **LEGEND) if legend and shown else None
    return ForceField(streams, marks, key)


def _check_zeros(zeros: Iterable[CriticalPoint]) -> tuple[CriticalPoint, ...]:
    """Tuple of critical points in the plane."""
    expected = "give what critical_points(v, grid) returned on a 2D grid"
    try:
        points = tuple(zeros)
    except TypeError:
        raise ValueError(f"zeros is {describe(zeros)}; {expected}") from None
    for point in points:
        if getattr(point, "kind", None) not in MARKERS or len(point.x) != 2:
            raise ValueError(f"zeros holds {point!r:.60}; {expected}")
    return points
