"""Points as a person gives them, and values of a field there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from fokkerplanck.domain.arguments import real_array
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array


def points_of(grid: Grid, *x: ArrayLike, name: str = "the point") -> Array:
    r"""Points (..., d) inside of the box, from one argument or from one per axis.

    Parameters
    ----------
    grid : Grid
    *x : number, sequence or array
        One argument: a point (d,), or an array of points (..., d); on a line also a number, or
        numbers (n,), n > 1, that are n points. Or d arguments, one for each axis, numbers or
        arrays of one shape.
    name : str
        How messages call it.

    Returns
    -------
    array, shape (..., d)
        Positions on a periodic axis are wrapped into the box.

    Raises
    ------
    ValueError
        For other shapes, for numbers that are not finite, and outside of the box.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.domain.points import points_of
    >>> line, plane = fp.Grid([(0, 1)], 4), fp.Grid([(0, 1), (0, 1)], 4)
    >>> points_of(line, 0.1), points_of(line, [0.1]), points_of(line, [0.1, 0.2]).shape
    (array([0.1]), array([0.1]), (2, 1))
    >>> points_of(plane, 0.1, 0.2), points_of(plane, [[0.1, 0.2], [0.3, 0.4]]).shape
    (array([0.1, 0.2]), (2, 2))
    """
    d = grid.dim
    if len(x) == 1:
        points = real_array(x[0], name, _wanted(d))
        if d == 1 and (points.ndim == 0 or points.shape[-1] != 1):
            points = points[..., None]
    elif len(x) == d:
        axes = [real_array(u, f"axis {k} of {name}", "numbers") for k, u in enumerate(x)]
        if len({u.shape for u in axes if u.ndim}) > 1:
            raise ValueError(
                f"{name} has axes of shapes {', '.join(str(u.shape) for u in axes)}; give arrays "
                "of one shape, or numbers"
            )
        points = np.stack(np.broadcast_arrays(*axes), axis=-1)
    else:
        raise ValueError(f"{name} has {len(x)} coordinates, expected {d}; give {_wanted(d)}")
    if points.ndim == 0 or points.shape[-1] != d:
        came = f"has {points.size} coordinates" if points.ndim < 2 else f"has shape {points.shape}"
        raise ValueError(f"{name} {came}, expected {d}; give {_wanted(d)}")
    return _inside(grid, points, name)


def one_point(grid: Grid, x: ArrayLike, name: str = "the point") -> Array:
    """One point (d,) of the box, as a sequence, or as a number on a line.

    Raises
    ------
    ValueError
        As ``points_of``, and for several points.
    """
    point = points_of(grid, x, name=name)
    if point.ndim != 1:
        raise ValueError(f"{name} has shape {np.shape(x)}; give one point, {_wanted(grid.dim)}")
    return point


def _wanted(d: int) -> str:
    """What a point is, for messages."""
    return "a number" if d == 1 else f"{d} numbers"


def _inside(grid: Grid, points: Array, name: str) -> Array:
    """Points in the box, those on periodic axes wrapped; ValueError for the first one outside."""
    points = np.array(points)
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        u = points[..., k]
        wrong = ~np.isfinite(u) if wraps else ~((u >= lo) & (u <= hi))
        if wrong.any():
            first = points[np.unravel_index(np.argmax(wrong), wrong.shape)]
            at = f"{name} {tuple(first.tolist()) if first.size > 1 else first.item()}"
            if not np.isfinite(first).all():
                raise ValueError(f"{at} is not finite; give numbers inside of the box")
            raise ValueError(f"{at} is outside of the box; its axis {k} runs from {lo:g} to {hi:g}")
        if wraps:
            around = np.clip(lo + np.mod(u - lo, hi - lo), lo, hi)
            points[..., k] = np.where((u >= lo) & (u <= hi), u, around)
    return points


def values_at(grid: Grid, u: Array, points: Array) -> Array:
    r"""Values (...) of a field (\*shape) at points (..., d), linear between cell centres.

    Constant in the outer half cells, but on periodic axes, which go on at the other end.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.domain.points import values_at
    >>> line = fp.Grid([(0, 1)], 4)
    >>> values_at(line, line.x[0], np.array([[0.0], [0.3]]))
    array([0.125, 0.3  ])
    """
    axes, inner = [], np.array(points)
    for k, c in enumerate(grid.centers):
        lo, hi = grid.box[k]
        if grid.periodic[k]:
            ring = [(1, 1) if i == k else (0, 0) for i in range(grid.dim)]
            u, c = np.pad(u, ring, mode="wrap"), np.r_[c[-1] - (hi - lo), c, c[0] + (hi - lo)]
        else:
            inner[..., k] = np.clip(inner[..., k], c[0], c[-1])
        axes.append(c)
    return np.asarray(RegularGridInterpolator(axes, u)(inner)).reshape(inner.shape[:-1])
