"""Edges of a full-tensor stencil: every cell gives half of each of its weights to x + e and x - e.

Edges that leave through a reflecting wall are dropped, and the energy they carried near the wall is
given back along the wall: there n.J = 0, so the force is parallel to q = t - n D_nt / D_nn and the
missing energy is sum_e lambda_e (e.q)^2 over the strip of |e.n|/2 rows. Edges that leave through an
absorbing wall end there.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def _bernoulli(z):
    """B(z) = z / (e^z - 1) (a cached kernel calls only kernels of its own file)."""
    if z == 0.0:
        return 1.0
    return z / math.expm1(z) if z < 700.0 else z * math.exp(-z)


@njit(cache=True)
def _unravel(x, shape, index):
    """Multi-index of cell x, C order."""
    for k in range(shape.size - 1, -1, -1):
        index[k] = x % shape[k]
        x //= shape[k]


@njit(cache=True)
def _step(index, offset, sign, shape, periodic):
    """Cell reached from index by sign * offset, or -1 - (first wall met: 2 axis + side)."""
    target = 0
    wall, nearest = -1, 2.0
    for k in range(shape.size):
        step = sign * offset[k]
        i = index[k] + step
        if periodic[k]:
            i = i % shape[k]
        elif i < 0 or i >= shape[k]:
            room = index[k] + 0.5 if i < 0 else shape[k] - index[k] - 0.5
            if room / abs(step) < nearest:
                nearest = room / abs(step)
                wall = 2 * k + (1 if i >= shape[k] else 0)
        target = target * shape[k] + i
    return (target, nearest) if wall < 0 else (-1 - wall, nearest)


@njit(cache=True)
def tensor_edges(
    shape, periodic, absorbing, weights, offsets, W, tail, head, weight, tilt, exit_rate
):
    """Fill the edge arrays; returns how many edges were written.

    weights (n, m), offsets (n, m, d), W (n, d) the preferred gradient of log rho in index units;
    absorbing (2 d) flags per side; exit_rate (n,) is added to.
    """
    d = shape.size
    index = np.empty(d, np.int64)
    count = 0
    for x in range(weights.shape[0]):
        _unravel(x, shape, index)
        for t in range(weights.shape[1]):
            w = weights[x, t]
            if w == 0.0:
                continue
            for sign in (1, -1):
                y, room = _step(index, offsets[x, t], sign, shape, periodic)
                if y == x:
                    continue
                z = 0.0
                if y >= 0:
                    for k in range(d):
                        z += offsets[x, t, k] * 0.5 * (W[x, k] + W[y, k])
                    tail[count] = x if sign == 1 else y
                    head[count] = y if sign == 1 else x
                    weight[count] = 0.5 * w
                    tilt[count] = z
                    count += 1
                elif absorbing[-1 - y]:
                    for k in range(d):
                        z += sign * offsets[x, t, k] * W[x, k]
                    exit_rate[x] += w * _bernoulli(-room * z) / room
    return count


@njit(cache=True)
def wall_tensors(shape, reflecting, axis, weights, offsets, D, out):
    """Fill out (n, (d-1)^2) with the tangential tensor lost at the two walls of one axis.

    D (n, d, d) in index units. In row r off the wall: sum_e clip(|e.n|/2 - r, 0, 1) lambda_e w w^T
    with w = e_t - e_n D_nt / D_nn.
    """
    d = shape.size
    index = np.empty(d, np.int64)
    w = np.empty(max(d - 1, 1))
    for x in range(weights.shape[0]):
        _unravel(x, shape, index)
        for side in range(2):
            if not reflecting[2 * axis + side]:
                continue
            row = index[axis] if side == 0 else shape[axis] - 1 - index[axis]
            for t in range(weights.shape[1]):
                en = offsets[x, t, axis]
                share = min(max(0.5 * abs(en) - row, 0.0), 1.0) * weights[x, t]
                if share == 0.0:
                    continue
                m = 0
                for k in range(d):
                    if k != axis:
                        w[m] = offsets[x, t, k] - en * D[x, axis, k] / D[x, axis, axis]
                        m += 1
                for i in range(d - 1):
                    for k in range(d - 1):
                        out[x, i * (d - 1) + k] += share * w[i] * w[k]
