"""Edges between nearest neighbours, and the rows of the generator from any edge list.

Every kernel works on a range of cells that it owns and gathers what belongs to them, in the order
of the edges; so the results do not depend on how many parts the cells are cut into. Edges of one
chunk touch few cells where the list is in the order of the cells: ``chunk_bounds`` says which, and
parts pass over the chunks of others.
"""

import math

import numpy as np
from numba import njit, prange

#: Edges of one chunk, of which the least and the largest cell are known.
CHUNK = 2048


@njit(cache=True)
def _rates(weight, tilt):
    """Rates w B(-z), w B(z), the larger from the smaller, so that their ratio is e^z."""
    z = abs(tilt)
    if z == 0.0:
        return weight, weight
    b = z / math.expm1(z) if z < 700.0 else z * math.exp(-z)
    if tilt > 0.0:
        return weight * (b + z), weight * b
    return weight * b, weight * (b + z)


@njit(cache=True)
def rates(part, parts, weight, tilt, forward, backward):
    """Fill forward = w B(-z), backward = w B(z)."""
    for e in range(part * weight.size // parts, (part + 1) * weight.size // parts):
        forward[e], backward[e] = _rates(weight[e], tilt[e])


@njit(cache=True, parallel=True)
def rates_threads(parts, weight, tilt, forward, backward):
    """``rates`` in threads."""
    for part in prange(parts):
        rates(part, parts, weight, tilt, forward, backward)


@njit(cache=True)
def line_starts(shape, wraps, starts):
    """Fill starts (lines + 1): number of the first edge of every line along the last axis."""
    d, n = shape.size, shape[-1]
    starts[0] = 0
    for line in range(starts.size - 1):
        across, rest = 0, line
        for k in range(d - 2, -1, -1):
            if wraps[k] or rest % shape[k] + 1 < shape[k]:
                across += 1
            rest //= shape[k]
        starts[line + 1] = starts[line] + n * across + (n if wraps[d - 1] else n - 1)


# Divisions by zero are wanted here: what is not finite is found and replaced.
@njit(cache=True, error_model="numpy")
def _face_tilt(k, x, y, cut, Dx, Dy, beta, share, metric, U, drift):
    """Difference of equilibrium log density from x to y, distance cut; not finite where unknown."""
    Rx, Ry = 1.0 / Dx, 1.0 / Dy
    tilt = 0.0
    if U.size:
        tilt += beta * (U[x] - U[y]) * (0.5 * (Rx + Ry) if metric else 1.0)
    if drift.shape[1]:
        tilt += beta * cut * 0.5 * (drift[k, x] * Rx + drift[k, y] * Ry)
    if share != 0.0 and Dx != Dy:
        tilt -= share * math.log(Dy / Dx) if Dy / Dx > 0.0 else math.inf
    return tilt


@njit(cache=True, error_model="numpy")
def axis_edges(
    part, parts, shape, wraps, starts, widths, D, kT, share, metric, fixed, known, U, drift, v,
    upwind, tail, head, weight, tilt, open_faces,
):  # fmt: skip
    """Fill the edges of diagonal D, cell by cell, each with its upper neighbours in axis order.

    widths (d, max n); D (d d, n or 1); share of the logarithm of D in the tilt; metric: tilts of U
    are over D; fixed (n_edges or 0) tilts known beforehand but for the share; known: where D has
    no inverse the tilt is 0, not v over D; U (n or 0), drift (d, n or 0), v (d, n or 0); upwind the
    tilt of faces without noise. open_faces[part] counts faces that need v where it is not given.
    """
    d, n = shape.size, shape[-1]
    lines = starts.size - 1
    first, last = part * lines // parts, (part + 1) * lines // parts
    index, stride = np.zeros(d, np.int64), np.ones(d, np.int64)
    for k in range(d - 2, -1, -1):
        stride[k] = stride[k + 1] * shape[k + 1]
    constant, beta, missing = D.shape[1] == 1, 1.0 / kT, 0
    for line in range(first, last):
        e, rest = starts[line], line
        for k in range(d - 2, -1, -1):
            index[k] = rest % shape[k]
            rest //= shape[k]
        for i in range(n):
            index[d - 1] = i
            x = line * n + i
            for k in range(d):
                j, y = index[k] + 1, x + stride[k]
                if j == shape[k]:
                    if not wraps[k]:
                        continue
                    j, y = 0, x - (shape[k] - 1) * stride[k]
                a, b, area = widths[k, index[k]], widths[k, j], 1.0
                for t in range(d):
                    if t != k:
                        area *= widths[t, index[t]]
                cut = 0.5 * (a + b)
                Dx = D[k * (d + 1), 0 if constant else x]
                Dy = D[k * (d + 1), 0 if constant else y]
                face = (Dx * b + Dy * a) / (2.0 * cut)
                z = _face_tilt(k, x, y, cut, Dx, Dy, beta, share, metric, U, drift)
                if fixed.size:
                    z += fixed[e]
                w = area * kT * face / cut
                if not (face > 0.0) or not math.isfinite(z):
                    v_face = 0.0
                    if v.shape[1]:
                        v_face = 0.5 * (v[k, x] + v[k, y])
                    else:
                        missing += 1
                    if not (face > 0.0):
                        w = abs(area * v_face) / upwind
                        z = upwind * np.sign(v_face)
                    else:  # one of the two cells has no noise: v / (kT D) of the means at the face
                        z = 0.0 if known else 2.0 * beta * cut * v_face / (Dx + Dy)
                        z = z if math.isfinite(z) else 0.0
                tail[e], head[e], weight[e], tilt[e] = x, y, w, z
                e += 1
    open_faces[part] = missing


@njit(cache=True, parallel=True)
def axis_edges_threads(
    parts, shape, wraps, starts, widths, D, kT, share, metric, fixed, known, U, drift, v,
    upwind, tail, head, weight, tilt, open_faces,
):  # fmt: skip
    """``axis_edges`` in threads."""
    for part in prange(parts):
        axis_edges(
            part, parts, shape, wraps, starts, widths, D, kT, share, metric, fixed, known, U, drift,
            v, upwind, tail, head, weight, tilt, open_faces,
        )  # fmt: skip


@njit(cache=True)
def chunk_bounds(part, parts, tail, head, bounds):
    """Fill bounds (chunks, 2): least and largest cell of the edges of every chunk."""
    chunks = bounds.shape[0]
    for c in range(part * chunks // parts, (part + 1) * chunks // parts):
        low, high = tail[c * CHUNK], tail[c * CHUNK]
        for e in range(c * CHUNK, min((c + 1) * CHUNK, tail.size)):
            low = min(low, tail[e], head[e])
            high = max(high, tail[e], head[e])
        bounds[c, 0], bounds[c, 1] = low, high


@njit(cache=True, parallel=True)
def chunk_bounds_threads(parts, tail, head, bounds):
    """``chunk_bounds`` in threads."""
    for part in prange(parts):
        chunk_bounds(part, parts, tail, head, bounds)


@njit(cache=True)
def count_rows(part, parts, tail, head, bounds, indptr):
    """Fill indptr[x + 1] with the number of entries of row x: its edges and the diagonal."""
    n = indptr.size - 1
    low, high = part * n // parts, (part + 1) * n // parts
    for x in range(low, high):
        indptr[x + 1] = 1
    for c in range(bounds.shape[0]):
        if bounds[c, 1] < low or bounds[c, 0] >= high:
            continue
        inside = bounds[c, 0] >= low and bounds[c, 1] < high
        for e in range(c * CHUNK, min((c + 1) * CHUNK, tail.size)):
            x, y = tail[e], head[e]
            if inside or low <= x < high:
                indptr[x + 1] += 1
            if inside or low <= y < high:
                indptr[y + 1] += 1


@njit(cache=True, parallel=True)
def count_rows_threads(parts, tail, head, bounds, indptr):
    """``count_rows`` in threads."""
    for part in prange(parts):
        count_rows(part, parts, tail, head, bounds, indptr)


@njit(cache=True)
def _sort_row(start, stop, indices, data):
    """Sort a short row by column, the diagonal last; True if a column comes twice.

    Cells of lower numbers have come in order, so that little is left to move.
    """
    clash = False
    for k in range(start + 2, stop):
        column, value = indices[k], data[k]
        m = k
        while m > start + 1 and indices[m - 1] > column:
            indices[m], data[m] = indices[m - 1], data[m - 1]
            m -= 1
        indices[m], data[m] = column, value
        clash = clash or (m > start + 1 and indices[m - 1] == column)
    column, value, m = indices[start], data[start], start
    while m + 1 < stop and indices[m + 1] < column:
        indices[m], data[m] = indices[m + 1], data[m + 1]
        m += 1
    indices[m], data[m] = column, value
    return clash


@njit(cache=True)
def fill_rows(
    part, parts, tail, head, weight, tilt, volume, exits, bounds, indptr, cursor, indices, data,
    clash,
):  # fmt: skip
    """Fill the rows of the generator on masses: rates in, and minus the rate out on the diagonal.

    volume (n or 1), exits (n or 0) the volume per time that leaves through walls, cursor (n) is
    written over. clash[part] says whether two edges join the same two cells.
    """
    n = indptr.size - 1
    low, high = part * n // parts, (part + 1) * n // parts
    even = volume.size == 1
    for x in range(low, high):
        k = indptr[x]
        cursor[x] = k + 1
        indices[k] = x
        data[k] = exits[x] if exits.size else 0.0
    for c in range(bounds.shape[0]):
        if bounds[c, 1] < low or bounds[c, 0] >= high:
            continue
        inside = bounds[c, 0] >= low and bounds[c, 1] < high
        for e in range(c * CHUNK, min((c + 1) * CHUNK, tail.size)):
            x, y = tail[e], head[e]
            here, there = inside or low <= x < high, inside or low <= y < high
            if not (here or there):
                continue
            forward, backward = _rates(weight[e], tilt[e])
            if here:
                k = cursor[x]
                cursor[x] = k + 1
                indices[k], data[k] = y, backward / volume[0 if even else y]
                data[indptr[x]] += forward
            if there:
                k = cursor[y]
                cursor[y] = k + 1
                indices[k], data[k] = x, forward / volume[0 if even else x]
                data[indptr[y]] += backward
    twice = False
    for x in range(low, high):
        data[indptr[x]] /= -volume[0 if even else x]
        twice = _sort_row(indptr[x], indptr[x + 1], indices, data) or twice
    clash[part] = twice


@njit(cache=True, parallel=True)
def fill_rows_threads(
    parts, tail, head, weight, tilt, volume, exits, bounds, indptr, cursor, indices, data, clash
):
    """``fill_rows`` in threads."""
    for part in prange(parts):
        fill_rows(
            part, parts, tail, head, weight, tilt, volume, exits, bounds, indptr, cursor, indices,
            data, clash,
        )  # fmt: skip
