"""Masses at points, shared among the nearest cells."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array


def spread(mass: Array, places: Array, grid: Grid) -> Array:
    r"""Masses (m,) shared among the nearest cells by products of linear weights, (\*shape).

    The mean stays, but what lies within half a cell of a wall belongs to the wall's cell.

    Parameters
    ----------
    mass : array (m,)
    places : array (d, m)
        Counted in cells from the first centre; :func:`places_of` finds them.
    grid : Grid
    """
    d, total = grid.dim, np.zeros(grid.size)
    low, upper = [], []
    for k, n in enumerate(grid.shape):
        at = places[k] if grid.periodic[k] else np.clip(places[k], 0, n - 1)
        base = np.floor(at)
        low.append(base.astype(np.int64))
        upper.append(at - base)
    for corner in np.ndindex(*(2,) * d):
        weight, index = mass, np.zeros(mass.size, np.int64)
        for k, bit in enumerate(corner):
            n = grid.shape[k]
            cell = low[k] + bit
            cell = cell % n if grid.periodic[k] else np.minimum(cell, n - 1)
            index = index * n + cell
            weight = weight * (upper[k] if bit else 1 - upper[k])
        total += np.bincount(index, weight, grid.size)
    return total.reshape(grid.shape)


def places_of(points: Array, grid: Grid) -> Array:
    """Places (d, m) of points (d, m), counted in cells from the first centre of each axis."""
    places = np.empty(points.shape)
    for k, (n, c) in enumerate(zip(grid.shape, grid.centers, strict=True)):
        if not grid.graded[k]:
            lo, hi = grid.box[k]
            places[k] = (points[k] - lo) * (n / (hi - lo)) - 0.5
        elif grid.periodic[k]:
            lo, length = grid.box[k][0], grid.box[k][1] - grid.box[k][0]
            ring = np.concatenate([c[-1:] - length, c, c[:1] + length])
            places[k] = np.interp(lo + np.mod(points[k] - lo, length), ring, np.arange(-1, n + 1))
        else:
            places[k] = np.interp(points[k], c, np.arange(n))
    return places
