"""Edges of a full-tensor stencil: every cell gives half of each of its weights to x + e and x - e.

Two cells that share an offset share an edge, so a cell writes the edges to its x + e, with the half
of the other cell added, and those from x - e that do not have e themselves: each edge once, in the
order of the cells, whatever the number of parts the cells are cut into.

Edges that leave through a reflecting wall are dropped, and the energy they carried near the wall is
given back along the wall: there n.J = 0, so the force is parallel to q = t - n D_nt / D_nn and the
missing energy is sum_e lambda_e (e.q)^2 over the strip of |e.n|/2 rows. Edges that leave through an
absorbing wall end there.

Cells near walls may have further offsets: slot (n, or empty) numbers their rows in more_weights
(cells, slots) and more_offsets (cells, slots, d), -1 for all others. Offsets of one cell differ;
the first entry of each that is not zero is positive.
"""

import math

import numpy as np
from numba import njit, prange


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
    """Cell reached from index by sign * offset, or -1 outside."""
    target = 0
    for k in range(shape.size):
        i = index[k] + sign * offset[k]
        if i < 0 or i >= shape[k]:
            if not periodic[k]:
                return -1
            i %= shape[k]
        target = target * shape[k] + i
    return target


@njit(cache=True)
def _first_wall(index, offset, sign, shape, periodic):
    """Wall (2 axis + side) that sign * offset meets first, and the part of the way up to it."""
    wall, nearest = -1, 2.0
    for k in range(shape.size):
        step = sign * offset[k]
        i = index[k] + step
        if not periodic[k] and (i < 0 or i >= shape[k]):
            room = index[k] + 0.5 if i < 0 else shape[k] - index[k] - 0.5
            if room / abs(step) < nearest:
                nearest = room / abs(step)
                wall = 2 * k + (1 if i >= shape[k] else 0)
    return wall, nearest


@njit(cache=True)
def _same(u, v):
    """True if two offsets agree."""
    equal = True
    for k in range(u.size):
        equal = equal and u[k] == v[k]
    return equal


@njit(cache=True)
def _weight_of(y, e, weights, offsets, slot, more_weights, more_offsets):
    """Weight of offset e in cell y, 0 if it has none."""
    for t in range(weights.shape[1]):
        if weights[y, t] > 0.0 and _same(offsets[y, t], e):
            return weights[y, t]
    if slot.size and slot[y] >= 0:
        for t in range(more_weights.shape[1]):
            if more_weights[slot[y], t] > 0.0 and _same(more_offsets[slot[y], t], e):
                return more_weights[slot[y], t]
    return 0.0


@njit(cache=True)
def _tilt(x, y, e, W, U):
    """Difference of log density from x to y that carries no current."""
    z = 0.0
    if W.shape[0]:
        for k in range(e.size):
            z += e[k] * 0.5 * (W[x, k] + W[y, k])
    return z + (U[x] - U[y]) if U.size else z


@njit(cache=True)
def count_edges(
    part, parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets, counts
):
    """Fill counts[part] with the number of edges that the cells of a part write."""
    n, own, d = weights.shape[0], weights.shape[1], shape.size
    index = np.empty(d, np.int64)
    count = 0
    for x in range(part * n // parts, (part + 1) * n // parts):
        _unravel(x, shape, index)
        s = slot[x] if slot.size else -1
        for t in range(own + (more_weights.shape[1] if s >= 0 else 0)):
            if t < own:
                w, e = weights[x, t], offsets[x, t]
            else:
                w, e = more_weights[s, t - own], more_offsets[s, t - own]
            if w == 0.0:
                continue
            y = _step(index, e, 1, shape, periodic)
            if y >= 0 and y != x:
                count += 1
            y = _step(index, e, -1, shape, periodic)
            if y < 0 or y == x:
                continue
            if _weight_of(y, e, weights, offsets, slot, more_weights, more_offsets) == 0.0:
                count += 1
    counts[part] = count


@njit(cache=True, parallel=True)
def count_edges_threads(
    parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets, counts
):
    """``count_edges`` in threads."""
    for part in prange(parts):
        count_edges(
            part, parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets, counts
        )


@njit(cache=True)
def fill_edges(
    part, parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets, counts,
    volume, W, U, tail, head, weight, tilt,
):  # fmt: skip
    """Fill the edges of a part, from number counts[:part].sum() on.

    volume of a cell, which multiplies weights; W (n, d), or empty, the preferred gradient of log
    rho in index units; U (n), or empty, minus log rho.
    """
    n, own, d = weights.shape[0], weights.shape[1], shape.size
    index = np.empty(d, np.int64)
    i = counts[:part].sum()
    for x in range(part * n // parts, (part + 1) * n // parts):
        _unravel(x, shape, index)
        s = slot[x] if slot.size else -1
        for t in range(own + (more_weights.shape[1] if s >= 0 else 0)):
            if t < own:
                w, e = weights[x, t], offsets[x, t]
            else:
                w, e = more_weights[s, t - own], more_offsets[s, t - own]
            if w == 0.0:
                continue
            for sign in (1, -1):
                y = _step(index, e, sign, shape, periodic)
                if y < 0 or y == x:
                    continue
                other = _weight_of(y, e, weights, offsets, slot, more_weights, more_offsets)
                if sign == 1:
                    tail[i], head[i] = x, y
                    tilt[i] = _tilt(x, y, e, W, U)
                elif other == 0.0:
                    tail[i], head[i] = y, x
                    tilt[i] = _tilt(y, x, e, W, U)
                else:
                    continue  # y writes this one
                weight[i] = volume * 0.5 * (w + other)
                i += 1


@njit(cache=True, parallel=True)
def fill_edges_threads(
    parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets, counts,
    volume, W, U, tail, head, weight, tilt,
):  # fmt: skip
    """``fill_edges`` in threads."""
    for part in prange(parts):
        fill_edges(
            part, parts, shape, periodic, weights, offsets, slot, more_weights, more_offsets,
            counts, volume, W, U, tail, head, weight, tilt,
        )  # fmt: skip


@njit(cache=True)
def wall_exits(part, parts, shape, periodic, absorbing, weights, offsets, volume, W, exits):
    """Fill exits (n) with the volume per time that leaves through absorbing sides.

    absorbing (2 d) flags per side; weights and offsets are those of D alone.
    """
    n, d = weights.shape[0], shape.size
    index = np.empty(d, np.int64)
    for x in range(part * n // parts, (part + 1) * n // parts):
        _unravel(x, shape, index)
        exits[x] = 0.0
        for t in range(weights.shape[1]):
            e, w = offsets[x, t], weights[x, t]
            for sign in (1, -1):
                if w == 0.0 or _step(index, e, sign, shape, periodic) >= 0:
                    continue
                wall, room = _first_wall(index, e, sign, shape, periodic)
                if absorbing[wall]:
                    z = 0.0
                    for k in range(d):
                        z += sign * e[k] * W[x, k] if W.shape[0] else 0.0
                    exits[x] += volume * w * _bernoulli(-room * z) / room


@njit(cache=True, parallel=True)
def wall_exits_threads(parts, shape, periodic, absorbing, weights, offsets, volume, W, exits):
    """``wall_exits`` in threads."""
    for part in prange(parts):
        wall_exits(part, parts, shape, periodic, absorbing, weights, offsets, volume, W, exits)


@njit(cache=True)
def trim(part, parts, D, diagonal, small, weights, offsets, reach):
    """Drop weights below small times the trace of D (n or 1, m), and find how far offsets reach.

    diagonal holds the places of the diagonal in a row of D; reach[part] (d) is filled.
    """
    n, d = weights.shape[0], offsets.shape[2]
    reach[part] = 0
    for x in range(part * n // parts, (part + 1) * n // parts):
        trace = 0.0
        for k in diagonal:
            trace += D[x, k]
        for t in range(weights.shape[1]):
            if weights[x, t] < small * trace:
                weights[x, t] = 0.0
            else:
                for k in range(d):
                    reach[part, k] = max(reach[part, k], abs(offsets[x, t, k]))


@njit(cache=True, parallel=True)
def trim_threads(parts, D, diagonal, small, weights, offsets, reach):
    """``trim`` in threads."""
    for part in prange(parts):
        trim(part, parts, D, diagonal, small, weights, offsets, reach)


@njit(cache=True)
def _place(i, k, d):
    """Place of entry (i, k) in the upper triangle of a symmetric matrix, row by row."""
    if i > k:
        i, k = k, i
    return i * d - i * (i - 1) // 2 + k - i


@njit(cache=True)
def wall_tensors(shape, reflecting, axis, cells, weights, offsets, D, out):
    """Fill out (cells, (d-1)^2) with the tangential tensor lost at the two walls of one axis.

    D (n or 1, m) upper triangles in index units. In row r off the wall: sum_e clip(|e.n|/2 - r, 0,
    1) lambda_e w w^T with w = e_t - e_n D_nt / D_nn.
    """
    d = shape.size
    index = np.empty(d, np.int64)
    w = np.empty(max(d - 1, 1))
    for c in range(cells.size):
        x = cells[c]
        at = 0 if D.shape[0] == 1 else x
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
                        slope = D[at, _place(axis, k, d)] / D[at, _place(axis, axis, d)]
                        w[m] = offsets[x, t, k] - en * slope
                        m += 1
                for i in range(d - 1):
                    for k in range(d - 1):
                        out[c, i * (d - 1) + k] += share * w[i] * w[k]


@njit(cache=True)
def add_terms(cells, w, e, weights, offsets, slot, more_weights, more_offsets):
    """Add terms w (cells, m) of offsets e (cells, m, d) to those that the cells have."""
    for c in range(cells.size):
        x = cells[c]
        for t in range(w.shape[1]):
            if w[c, t] == 0.0:
                continue
            found = False
            for own in range(weights.shape[1]):
                if not found and weights[x, own] > 0.0 and _same(offsets[x, own], e[c, t]):
                    weights[x, own] += w[c, t]
                    found = True
            s = slot[x]
            for k in range(more_weights.shape[1]):
                free = more_weights[s, k] == 0.0
                if not found and (free or _same(more_offsets[s, k], e[c, t])):
                    more_weights[s, k] += w[c, t]
                    more_offsets[s, k] = e[c, t]
                    found = True
