"""Nearest-neighbour Markov chains as arrays over the grid: rates up and down along every axis.

Arrays have the shape (n0, n1, n2), n0 = 1 in two dimensions; ``up`` and ``down`` (d, n0, n1, n2) as
in :mod:`fokkerplanck.kernels.grid_multigrid`.
"""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True)
def from_edges(shape, tail, head, forward, backward, volume, up, down):
    """Add the rates of edges to up and down (d, n), flat over the cells.

    forward and backward (n_edges,) are volume rates; volume (n,) of the cells.
    """
    d = shape.size
    stride = np.ones(d, np.int64)
    for k in range(d - 2, -1, -1):
        stride[k] = stride[k + 1] * shape[k + 1]
    for e in range(tail.size):
        x, y = np.int64(tail[e]), np.int64(head[e])
        there, back = forward[e] / volume[x], backward[e] / volume[y]
        for k in range(d):
            i, j = (x // stride[k]) % shape[k], (y // stride[k]) % shape[k]
            if i == j:
                continue
            if j == i + 1 or (j == 0 and i == shape[k] - 1 and shape[k] > 2):
                up[k, x] += there
                down[k, y] += back
            else:
                down[k, x] += there
                up[k, y] += back
            break


@njit(cache=True)
def _balanced(up, down, phi, i0, i1, i2):
    """Log of inflow over outflow rate of a cell, relative to its own mass."""
    n0, n1, n2 = phi.shape
    d = up.shape[0]
    own, rate, top = phi[i0, i1, i2], 0.0, -np.inf
    log_flow = np.empty(6)
    for k in range(d):
        axis = k + 3 - d
        a0, a1, a2, b0, b1, b2 = i0, i1, i2, i0, i1, i2
        if axis == 0:
            a0, b0 = (i0 - 1) % n0, (i0 + 1) % n0
        elif axis == 1:
            a1, b1 = (i1 - 1) % n1, (i1 + 1) % n1
        else:
            a2, b2 = (i2 - 1) % n2, (i2 + 1) % n2
        rate += up[k, i0, i1, i2] + down[k, i0, i1, i2]
        below, above = up[k, a0, a1, a2], down[k, b0, b1, b2]
        log_flow[2 * k] = math.log(below) + phi[a0, a1, a2] if below > 0.0 else -np.inf
        log_flow[2 * k + 1] = math.log(above) + phi[b0, b1, b2] if above > 0.0 else -np.inf
        top = max(top, log_flow[2 * k], log_flow[2 * k + 1])
    if not rate > 0.0 or top == -np.inf:
        return own
    flow = 0.0
    for m in range(2 * d):
        flow += math.exp(log_flow[m] - top)
    return top + math.log(flow / rate)


@njit(cache=True, parallel=True)
def balance_sweep(up, down, phi, colour, out):
    """Fill out with phi, its cells of one colour of a checkerboard balanced with their neighbours.

    Subtraction-free: puts cells right whose ratio to the solution is astronomical.
    """
    n0, n1, n2 = phi.shape
    for row in prange(n0 * n1):
        i0, i1 = row // n1, row % n1
        for i2 in range(n2):
            if (i0 + i1 + i2) % 2 == colour:
                out[i0, i1, i2] = _balanced(up, down, phi, i0, i1, i2)
            else:
                out[i0, i1, i2] = phi[i0, i1, i2]
