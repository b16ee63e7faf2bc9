"""Nearest-neighbour Markov chains as arrays over the grid: rates up and down along every axis.

Arrays have the shape (n0, n1, n2), n0 = 1 in two dimensions; ``up`` and ``down`` (d, n0, n1, n2) as
in :mod:`fokkerplanck.kernels.linalg.grid_multigrid`.
"""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True)
def from_edges(shape, tail, head, forward, backward, volume, up, down):
    """Add the rates of edges to up and down (d, n), flat over the cells.

    forward and backward (n_edges,) are volume rates; volume (n,) of the cells, or (1,).
    """
    d = shape.size
    stride = np.ones(d, np.int64)
    for k in range(d - 2, -1, -1):
        stride[k] = stride[k + 1] * shape[k + 1]
    same = volume.size == 1
    for e in range(tail.size):
        x, y = np.int64(tail[e]), np.int64(head[e])
        there = forward[e] / volume[0 if same else x]
        back = backward[e] / volume[0 if same else y]
        k, step = 0, abs(y - x)
        while k < d - 1 and step < stride[k]:
            k += 1
        # Along axis k: to the next cell, or across the seam of a ring.
        if (y > x) == (step == stride[k]):
            up[k, x] += there
            down[k, y] += back
        else:
            down[k, x] += there
            up[k, y] += back


@njit(cache=True)
def _ratio(step):
    """e^step within the range of doubles."""
    return math.exp(min(max(step, -600.0), 600.0))


@njit(cache=True)
def _balance_row(up, down, phi, i0, i1, first, out):
    """Balance every other cell of a row with its neighbours, from the cell ``first`` on."""
    n0, n1, n2 = phi.shape
    d = up.shape[0]
    own = phi[i0, i1]
    for j in range(first, n2, 2):
        a, b = (j - 1 if j else n2 - 1), (j + 1 if j < n2 - 1 else 0)
        flow = up[d - 1, i0, i1, a] * _ratio(own[a] - own[j])
        flow += down[d - 1, i0, i1, b] * _ratio(own[b] - own[j])
        rate = up[d - 1, i0, i1, j] + down[d - 1, i0, i1, j]
        for k in range(d - 1):
            a0, b0, a1, b1 = i0, i0, i1, i1
            if k + 3 - d == 0:
                a0, b0 = (i0 - 1 if i0 else n0 - 1), (i0 + 1 if i0 < n0 - 1 else 0)
            else:
                a1, b1 = (i1 - 1 if i1 else n1 - 1), (i1 + 1 if i1 < n1 - 1 else 0)
            flow += up[k, a0, a1, j] * _ratio(phi[a0, a1, j] - own[j])
            flow += down[k, b0, b1, j] * _ratio(phi[b0, b1, j] - own[j])
            rate += up[k, i0, i1, j] + down[k, i0, i1, j]
        if flow > 0.0 and rate > 0.0:
            out[i0, i1, j] += math.log(flow / rate)


@njit(cache=True, parallel=True)
def balance_sweep(up, down, phi, colour, out):
    """Fill out with phi, its cells of one colour of a checkerboard balanced with their neighbours.

    e^phi_x = inflow / rate out, subtraction-free: puts cells right whose ratio to the solution is
    astronomical.
    """
    n0, n1, _ = phi.shape
    for row in prange(n0 * n1):
        i0, i1 = row // n1, row % n1
        out[i0, i1] = phi[i0, i1]
        _balance_row(up, down, phi, i0, i1, (i0 + i1 + colour) % 2, out)
