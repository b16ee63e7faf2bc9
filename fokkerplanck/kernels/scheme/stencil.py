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


@njit(cache=True, inline="always")
def _offset(offsets, x, t, d):
    """Offset t of row x as three numbers, the first of them 0 in the plane.

    Numbers, not slices: slices of shared arrays are counted, and the threads wait for the counter.
    """
    if d == 2:
        return 0, np.int64(offsets[x, t, 0]), np.int64(offsets[x, t, 1])
    return np.int64(offsets[x, t, 0]), np.int64(offsets[x, t, 1]), np.int64(offsets[x, t, 2])


@njit(cache=True)
def _axes(shape, periodic):
    """Shape and periodicity as numbers, with a first axis of one cell in the plane."""
    if shape.size == 2:
        return 1, shape[0], shape[1], False, periodic[0], periodic[1]
    return shape[0], shape[1], shape[2], periodic[0], periodic[1], periodic[2]


@njit(cache=True, inline="always")
def _place_of(x, axes):
    """Three indices of cell x."""
    line = x // axes[2]
    return line // axes[1], line % axes[1], x % axes[2]


@njit(cache=True, inline="always")
def _step(place, e, sign, axes):
    """Cell reached from a place by sign * e, or -1 outside."""
    n0, n1, n2, wrap0, wrap1, wrap2 = axes
    i, j, k = place[0] + sign * e[0], place[1] + sign * e[1], place[2] + sign * e[2]
    if i < 0 or i >= n0:
        if not wrap0:
            return -1
        i %= n0
    if j < 0 or j >= n1:
        if not wrap1:
            return -1
        j %= n1
    if k < 0 or k >= n2:
        if not wrap2:
            return -1
        k %= n2
    return (i * n1 + j) * n2 + k


@njit(cache=True)
def _first_walls(index, offsets, x, t, sign, shape, periodic, absorbing):
    """Part of the way along sign * offset t up to the first wall, and which share of it absorbs.

    At an edge or corner of the box several walls are met at once, and share alike.
    """
    nearest, met, open_ones = 2.0, 0, 0
    for k in range(shape.size):
        step = sign * offsets[x, t, k]
        i = index[k] + step
        if not periodic[k] and (i < 0 or i >= shape[k]):
            room = (index[k] + 0.5 if i < 0 else shape[k] - index[k] - 0.5) / abs(step)
            if room < nearest:
                nearest, met, open_ones = room, 0, 0
            if room == nearest:
                met += 1
                open_ones += absorbing[2 * k + (1 if i >= shape[k] else 0)]
    return nearest, open_ones / met


@njit(cache=True, inline="always")
def _weight_of(y, key, weights, keys, slot, more_weights, more_keys):
    """Weight of an offset in cell y, 0 if it has none."""
    w = 0.0
    for t in range(weights.shape[1]):  # one of them at most: no branch to guess
        w += weights[y, t] if keys[y, t] == key else 0.0
    if w == 0.0 and slot.size and slot[y] >= 0:
        s = slot[y]
        for t in range(more_weights.shape[1]):
            w += more_weights[s, t] if more_keys[s, t] == key else 0.0
    return w


@njit(cache=True, inline="always")
def _tilt(x, y, e, W, U):
    """Difference of log density from x to y that carries no current."""
    z = 0.0
    if W.shape[0]:
        first = W.shape[1] - 2
        if first:
            z = e[0] * 0.5 * (W[x, 0] + W[y, 0])
        z += e[1] * 0.5 * (W[x, first] + W[y, first])
        z += e[2] * 0.5 * (W[x, first + 1] + W[y, first + 1])
    return z + (U[x] - U[y]) if U.size else z


@njit(cache=True)
def count_edges(
    part, parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets,
    more_keys, counts,
):  # fmt: skip
    """Fill counts[part] with the number of edges that the cells of a part write.

    keys (n, m) and more_keys are offsets and more_offsets as one integer each.
    """
    n, own, d = weights.shape[0], weights.shape[1], shape.size
    axes, count = _axes(shape, periodic), 0
    for x in range(part * n // parts, (part + 1) * n // parts):
        place = _place_of(x, axes)
        s = slot[x] if slot.size else -1
        for t in range(own + (more_weights.shape[1] if s >= 0 else 0)):
            if t < own:
                w, e, key = weights[x, t], _offset(offsets, x, t, d), keys[x, t]
            else:
                w, e = more_weights[s, t - own], _offset(more_offsets, s, t - own, d)
                key = more_keys[s, t - own]
            if w == 0.0:
                continue
            y = _step(place, e, 1, axes)
            if y >= 0 and y != x:
                count += 1
            y = _step(place, e, -1, axes)
            if y < 0 or y == x:
                continue
            if _weight_of(y, key, weights, keys, slot, more_weights, more_keys) == 0.0:
                count += 1
    counts[part] = count


@njit(cache=True, parallel=True)
def count_edges_threads(
    parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets, more_keys,
    counts,
):  # fmt: skip
    """``count_edges`` in threads."""
    for part in prange(parts):
        count_edges(
            part, parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets,
            more_keys, counts,
        )  # fmt: skip


@njit(cache=True)
def fill_edges(
    part, parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets,
    more_keys, counts, volume, W, U, tail, head, weight, tilt,
):  # fmt: skip
    """Fill the edges of a part, from number counts[:part].sum() on.

    volume of a cell, which multiplies weights; W (n, d), or empty, the preferred gradient of log
    rho in index units; U (n), or empty, minus log rho.
    """
    n, own, d = weights.shape[0], weights.shape[1], shape.size
    axes, i = _axes(shape, periodic), 0
    for before in range(part):
        i += counts[before]
    for x in range(part * n // parts, (part + 1) * n // parts):
        place = _place_of(x, axes)
        s = slot[x] if slot.size else -1
        for t in range(own + (more_weights.shape[1] if s >= 0 else 0)):
            if t < own:
                w, e, key = weights[x, t], _offset(offsets, x, t, d), keys[x, t]
            else:
                w, e = more_weights[s, t - own], _offset(more_offsets, s, t - own, d)
                key = more_keys[s, t - own]
            if w == 0.0:
                continue
            y = _step(place, e, 1, axes)
            if y >= 0 and y != x:
                other = _weight_of(y, key, weights, keys, slot, more_weights, more_keys)
                tail[i], head[i], weight[i] = x, y, volume * 0.5 * (w + other)
                tilt[i] = _tilt(x, y, e, W, U)
                i += 1
            y = _step(place, e, -1, axes)
            if y < 0 or y == x:
                continue
            # Where y has e too it writes this edge itself.
            if _weight_of(y, key, weights, keys, slot, more_weights, more_keys) == 0.0:
                tail[i], head[i], weight[i] = y, x, volume * 0.5 * w
                tilt[i] = _tilt(y, x, e, W, U)
                i += 1


@njit(cache=True, parallel=True)
def fill_edges_threads(
    parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets, more_keys,
    counts, volume, W, U, tail, head, weight, tilt,
):  # fmt: skip
    """``fill_edges`` in threads."""
    for part in prange(parts):
        fill_edges(
            part, parts, shape, periodic, weights, offsets, keys, slot, more_weights, more_offsets,
            more_keys, counts, volume, W, U, tail, head, weight, tilt,
        )  # fmt: skip


@njit(cache=True)
def wall_exits(part, parts, shape, periodic, absorbing, weights, offsets, volume, W, exits):
    """Fill exits (n) with the volume per time that leaves through absorbing sides.

    absorbing (2 d) flags per side; weights and offsets are those of D alone.
    """
    n, d = weights.shape[0], shape.size
    axes, index = _axes(shape, periodic), np.empty(d, np.int64)
    for x in range(part * n // parts, (part + 1) * n // parts):
        exits[x] = 0.0
        for t in range(weights.shape[1]):
            e, w = _offset(offsets, x, t, d), weights[x, t]
            for sign in (1, -1):
                if w == 0.0 or _step(_place_of(x, axes), e, sign, axes) >= 0:
                    continue
                _unravel(x, shape, index)
                room, share = _first_walls(index, offsets, x, t, sign, shape, periodic, absorbing)
                if share > 0.0:
                    z = 0.0
                    for k in range(d):
                        z += sign * offsets[x, t, k] * W[x, k] if W.shape[0] else 0.0
                    exits[x] += share * volume * w * _bernoulli(-room * z) / room


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
    n, d = weights.shape[0], reach.shape[1]
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
def add_terms(cells, w, e, new_keys, weights, keys, slot, more_weights, more_offsets, more_keys):
    """Add terms w (cells, m) of offsets e (cells, m, d) to those that the cells have."""
    for c in range(cells.size):
        x = cells[c]
        for t in range(w.shape[1]):
            if w[c, t] == 0.0:
                continue
            found = False
            for own in range(weights.shape[1]):
                if not found and keys[x, own] == new_keys[c, t]:
                    weights[x, own] += w[c, t]
                    found = True
            s = slot[x]
            for k in range(more_weights.shape[1]):
                if found:
                    break
                if more_weights[s, k] == 0.0 or more_keys[s, k] == new_keys[c, t]:
                    more_weights[s, k] += w[c, t]
                    for i in range(e.shape[2]):
                        more_offsets[s, k, i] = e[c, t, i]
                    found = True
