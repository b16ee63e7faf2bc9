r"""Data as weights of cells: :math:`\sum_s\log\rho(x_s)=\sum_iw_i\log\rho_i`.

Between cell centres log rho is a cubic polynomial along each axis, so that what is linear in log
rho stays so, and a Gaussian, whose logarithm is quadratic, is itself to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import one_of, real_array
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.points import points_of
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.problem import Problem

#: What data are.
KINDS = ("samples", "counts")
#: Cells along an axis that the polynomial at a sample goes through.
NODES = 4


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights (n,) of the logarithm of the density in every cell, and their sum."""

    cells: Array
    total: float

    @classmethod
    def of(cls, data: Any, kind: str, problem: Problem) -> Weights:
        """Weights of samples or counts on the grid of a problem."""
        grid = problem.grid
        one_of(kind, "kind", KINDS)
        if kind == "counts":
            counts = _checked_counts(data, grid)
            return cls(counts, float(counts.sum()))
        if grid.dim == 1 and np.ndim(data) > 1 and np.shape(data)[1:] != (1,):
            raise ValueError(
                f"data has shape {np.shape(data)}, expected (m,) or (m, 1) on a line; choose one "
                "column, or .ravel() what are samples of one density"
            )
        points = points_of(grid, data, name="data").reshape(-1, grid.dim)
        if not len(points):
            raise ValueError(f"data has no samples; give an array of shape (n, {grid.dim})")
        # Where log rho is singular no polynomial will do, and rho is the mean over the cell.
        nodes = 1 if problem.walls or problem.inner_zeros else NODES
        return cls(_shared(points, grid, nodes), float(len(points)))


def _checked_counts(data: Any, grid: Grid) -> Array:
    """Counts of the cells (n,)."""
    expected = f"counts of the cells, an array of shape {grid.shape}"
    counts = real_array(data, "data", expected)
    if counts.shape != grid.shape:
        raise ValueError(f"data has shape {counts.shape}; give {expected}, or kind='samples'")
    if not np.isfinite(counts).all() or counts.min() < 0 or not counts.any():
        raise ValueError(f"data has entries that are no counts; give {expected}, >= 0, not all 0")
    return counts.ravel()


def _shared(points: Array, grid: Grid, nodes: int) -> Array:
    """Weights (n,) of samples (m, d), shared among the nearest cells."""
    axes = [_on_axis(points[:, k], grid, k, nodes) for k in range(grid.dim)]
    total = np.zeros(grid.size)
    for corner in product(*(range(len(cells)) for cells, _ in axes)):
        index = [cells[i] for (cells, _), i in zip(axes, corner, strict=True)]
        share = np.prod([w[i] for (_, w), i in zip(axes, corner, strict=True)], axis=0)
        place = np.ravel_multi_index(index, grid.shape)
        total += np.bincount(place, share, grid.size)
    return total


def _on_axis(x: Array, grid: Grid, k: int, nodes: int) -> tuple[Integers, Array]:
    """Cells (nodes, m) around positions on an axis, and Lagrange's weights of them."""
    centres, faces, n = grid.centers[k], grid.faces[k], grid.shape[k]
    if nodes == 1:
        cells = np.clip(np.searchsorted(faces, x, side="right") - 1, 0, n - 1)
        return cells[None], np.ones((1, x.size))
    number = np.arange(n)
    if grid.periodic[k]:
        length, pad = grid.box[k][1] - grid.box[k][0], min(nodes, n)
        centres = np.r_[centres[-pad:] - length, centres, centres[:pad] + length]
        number = np.r_[number[-pad:], number, number[:pad]]
    m = min(nodes, centres.size)
    first = np.clip(np.searchsorted(centres, x) - m // 2, 0, centres.size - m)
    at = first + np.arange(m)[:, None]
    weights = np.ones((m, x.size))
    for i in range(m):
        for j in range(m):
            if i != j:
                weights[i] *= (x - centres[at[j]]) / (centres[at[i]] - centres[at[j]])
    return number[at], weights
