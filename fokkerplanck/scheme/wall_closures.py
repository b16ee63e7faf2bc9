r"""Slopes along the normal of a reflecting wall, from the vanishing of the current through it.

In the cross terms of a linear flux, the slope of :math:`u=kT\,D_{kt}\rho` along axis t is needed at
the cells of a wall across t. By :math:`J_t=0` it is, on the wall, with :math:`c=D_{kt}/D_{tt}`,

.. math:: \partial_tu = c\Big(b_t\rho-\sum_{s\ne t}\partial_s(kT\,D_{ts}\rho)\Big)
          + kT\,D_{tt}\rho\,\partial_tc,

and at the centre of the cell the mean of that and of the difference to the next cell.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.scheme.cells import cells_along

#: Cells that an axis needs between its walls: three are read next to each.
LEAST_CELLS = 3


def closed_cross_terms(
    grid: Grid, b: Array, a: Array, lower: Integers, upper: Integers, axis: Integers
) -> sparse.csr_array | None:
    """What the closure takes from the currents (n_faces, n) of one-sided differences, or None.

    Parameters
    ----------
    grid : Grid
        With uniform axes.
    b, a : arrays (d, n), (d, d, n)
        Ito drift and kT D.
    lower, upper, axis : int arrays (n_faces,)
    """
    d, n, m = grid.dim, grid.size, lower.size
    total, faces = sparse.csr_array((m, n)), np.arange(m)
    for side in grid.sides_of("reflecting"):
        t = side.axis
        for k in range(d):
            if k == t or not a[k, t].any() or grid.shape[t] < LEAST_CELLS:
                continue
            change = _slope_change(grid, b, a, k, side)
            mine = faces[axis == k]
            where = np.concatenate([mine, mine]), np.concatenate([lower[mine], upper[mine]])
            scale = np.full(2 * mine.size, 0.5 / grid.h[k])
            mean = sparse.csr_array((scale, where), shape=(m, n))
            total = total + mean @ change
    return sparse.csr_array(total) if total.nnz else None


def _slope_change(grid: Grid, b: Array, a: Array, k: int, side: Side) -> sparse.csr_array:
    """Slope (n, n) of u along the normal at wall cells, less its one-sided difference; per mass."""
    n, t = grid.size, side.axis
    cells = np.arange(n).reshape(grid.shape)
    wall, sign = cells_along(side)
    inward = -int(sign)
    first = cells[wall].ravel()
    step = int(np.prod(grid.shape[t + 1 :])) * inward
    rows = [first, first + step, first + 2 * step]
    noisy = np.all([a[t, t, r] > 0 for r in rows], axis=0)
    first, second, third = (r[noisy] for r in rows)
    c = [a[k, t, r] / a[t, t, r] for r in (first, second, third)]
    h = grid.h[t]
    c_slope = inward * (-2 * c[0] + 3 * c[1] - c[2]) / h
    slope = sparse.csr_array((n, n))
    for row, ratio, weight in ((first, c[0], 1.5), (second, c[1], -0.5)):  # taken to the wall
        own = weight * (ratio * b[t, row] + a[t, t, row] * c_slope)
        slope = slope + sparse.csr_array((own, (first, row)), shape=(n, n))
        pick = sparse.csr_array((weight * ratio, (first, row)), shape=(n, n))
        for s in range(grid.dim):
            if s != t and a[t, s].any():
                along = _difference(grid, s) @ sparse.diags_array(a[t, s])
                slope = slope - pick @ along
    inner = np.concatenate([-a[k, t, first], a[k, t, second]]) * inward / h
    where = np.concatenate([first, first]), np.concatenate([first, second])
    one_sided = sparse.csr_array((inner, where), shape=(n, n))
    return sparse.csr_array(0.5 * (slope - one_sided))


def _difference(grid: Grid, s: int) -> sparse.csr_array:
    """Slopes at cells (n, n) along axis s: central, one-sided next to walls."""
    n = grid.shape[s]
    cells = np.arange(n)
    before, after = cells - 1, cells + 1
    if grid.periodic[s]:
        before, after = before % n, after % n
    else:
        before, after = np.maximum(before, 0), np.minimum(after, n - 1)
    width = np.where((after - before) % n == 1, 1.0, 2.0) if n > 2 else np.ones(n)
    values = np.concatenate([1 / width, -1 / width]) / grid.h[s]
    where = np.concatenate([cells, cells]), np.concatenate([after, before])
    line = sparse.csr_array((values, where), shape=(n, n))
    outer = int(np.prod(grid.shape[:s])), int(np.prod(grid.shape[s + 1 :]))
    left, right = (sparse.eye_array(m) for m in outer)
    return sparse.csr_array(sparse.kron(sparse.kron(left, line), right))
