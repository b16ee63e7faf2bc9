r"""Aggregation multigrid for Markov chains, in the log domain.

A level is a chain with a guess of its stationary masses e^phi, as rows of a symmetric pattern
without diagonal: ``out[e]`` is the rate from the cell of the row to its neighbour, ``back[e]`` the
rate in return. Three matrices share the diagonal sum_e out_e + shift and differ in what stands
outside of it (with a minus sign):

    back                          on masses p           p' = A p
    out                           on functions v        v' = A^T v
    inn = back e^(phi_y - phi_x)  on ratios u = p / e^phi

All are M-matrices; on ratios, rows sum to the imbalance of the guess. Only ratios of the masses of
neighbours enter, never the masses. Lumping cells gives a chain again: a coarse level.

Napov and Notay, SIAM J. Sci. Comput. 34 (2012); Notay, SIAM J. Sci. Comput. 34 (2012).
"""

import math

import numpy as np
from numba import njit, prange

#: Largest difference of log mass between neighbours that is formed.
MAX_STEP = 600.0
#: Blocks of rows that threads share.
BLOCKS = 16


@njit(cache=True)
def ratio_rows(indptr, indices, back, phi, inn):
    """Fill inn = back e^(phi_y - phi_x)."""
    for x in range(phi.size):
        for e in range(indptr[x], indptr[x + 1]):
            step = min(max(phi[indices[e]] - phi[x], -MAX_STEP), MAX_STEP)
            inn[e] = back[e] * math.exp(step)


@njit(cache=True)
def diagonals(indptr, out, shift, diagonal):
    """Fill diagonal = sum_e out_e + shift."""
    for x in range(diagonal.size):
        total = shift[x]
        for e in range(indptr[x], indptr[x + 1]):
            total += out[e]
        diagonal[x] = total


@njit(cache=True)
def _residual_rows(first, last, indptr, indices, value, diagonal, r, u, result):
    """Fill result = r - M u in the rows from first to last."""
    for x in range(first, last):
        total = r[x] - diagonal[x] * u[x]
        for e in range(np.uint32(indptr[x]), np.uint32(indptr[x + 1])):
            total += value[e] * u[np.uint32(indices[e])]
        result[x] = total


@njit(cache=True)
def residual(indptr, indices, value, diagonal, r, u, result):
    """Fill result = r - M u."""
    _residual_rows(0, diagonal.size, indptr, indices, value, diagonal, r, u, result)


@njit(cache=True, parallel=True)
def residual_threads(indptr, indices, value, diagonal, r, u, result):
    """Same as residual, for many rows."""
    n = diagonal.size
    for b in prange(BLOCKS):
        _residual_rows(
            b * n // BLOCKS, (b + 1) * n // BLOCKS, indptr, indices, value, diagonal, r, u, result
        )


@njit(cache=True)
def _sweep_rows(first, last, is_forward, indptr, indices, value, diagonal, r, old, u):
    """Gauss-Seidel in the rows from first to last; cells elsewhere are taken from old."""
    for k in range(last - first):
        x = first + k if is_forward else last - 1 - k
        total = r[x]
        for e in range(np.uint32(indptr[x]), np.uint32(indptr[x + 1])):
            y = np.uint32(indices[e])
            total += value[e] * (u[y] if first <= y < last else old[y])
        u[x] = total / diagonal[x]


@njit(cache=True)
def sweep(is_forward, indptr, indices, value, diagonal, r, u):
    """Gauss-Seidel from the first cell to the last, or back."""
    _sweep_rows(0, diagonal.size, is_forward, indptr, indices, value, diagonal, r, u, u)


@njit(cache=True, parallel=True)
def sweep_threads(is_forward, indptr, indices, value, diagonal, r, u):
    """Gauss-Seidel in every block of rows, Jacobi between the blocks: for many rows."""
    n, old = diagonal.size, u.copy()
    for b in prange(BLOCKS):
        first, last = b * n // BLOCKS, (b + 1) * n // BLOCKS
        _sweep_rows(first, last, is_forward, indptr, indices, value, diagonal, r, old, u)


@njit(cache=True)
def log_sweep(indptr, indices, out, back, phi, count):
    """Balance cell by cell in the log domain, ``count`` times there and back: no subtractions.

    e^phi_x = (inflow from the neighbours) / (rate out). Puts cells right that the linearised
    equation cannot reach because their ratio to the solution is astronomical.
    """
    n = phi.size
    for sweep in range(2 * count):
        for k in range(n):
            x = k if sweep % 2 == 0 else n - 1 - k
            rate, top = 0.0, -np.inf
            for e in range(indptr[x], indptr[x + 1]):
                rate += out[e]
                if back[e] > 0.0:
                    top = max(top, phi[indices[e]])
            inflow = 0.0
            for e in range(indptr[x], indptr[x + 1]):
                if back[e] > 0.0:
                    inflow += back[e] * math.exp(phi[indices[e]] - top)
            if inflow > 0.0 and rate > 0.0:
                phi[x] = top + math.log(inflow / rate)


@njit(cache=True)
def pair(indptr, indices, out, inn, diagonal, strength, aggregate):
    """Fill aggregate (n,) with numbers of pairs along the strongest edges; returns how many.

    With the conductance c_xy = (flow there + flow back)/2 of absolute flows, an edge has strength
    c_xy (1/d_x + 1/d_y), d the absolute diagonals, in [0, 2]; 2 over it bounds the condition number
    of the pair (Napov and Notay, equation (3.8) for rows that sum to zero). A cell without a free
    neighbour of at least ``strength`` stays alone.
    """
    aggregate[:] = -1
    count = 0
    for x in range(diagonal.size):
        if aggregate[x] >= 0:
            continue
        best, chosen = strength, -1
        for e in range(indptr[x], indptr[x + 1]):
            y = indices[e]
            if aggregate[y] >= 0:
                continue
            near = 0.5 * (out[e] + inn[e]) / diagonal[x]
            far = 0.0
            for k in range(indptr[y], indptr[y + 1]):
                if indices[k] == x:
                    far = 0.5 * (out[k] + inn[k]) / diagonal[y]
                    break
            if near + far > best:
                best, chosen = near + far, y
        aggregate[x] = count
        if chosen >= 0:
            aggregate[chosen] = count
        count += 1
    return count


@njit(cache=True)
def members(aggregate, start, cells):
    """Fill the cells of every aggregate: cells[start[i]:start[i + 1]], in order."""
    start[:] = 0
    for x in range(aggregate.size):
        start[aggregate[x] + 1] += 1
    for i in range(start.size - 1):
        start[i + 1] += start[i]
    place = start[:-1].copy()
    for x in range(aggregate.size):
        cells[place[aggregate[x]]] = x
        place[aggregate[x]] += 1


@njit(cache=True)
def shares(start, cells, phi, shift, share, coarse_phi, coarse_shift):
    """Fill share_x = e^phi_x / e^Phi_i, the log masses Phi of the aggregates and their shifts."""
    for i in range(start.size - 1):
        top = -np.inf
        for k in range(start[i], start[i + 1]):
            top = max(top, phi[cells[k]])
        mass, total = 0.0, 0.0
        for k in range(start[i], start[i + 1]):
            mass += math.exp(phi[cells[k]] - top)
        for k in range(start[i], start[i + 1]):
            share[cells[k]] = math.exp(phi[cells[k]] - top) / mass
            total += share[cells[k]] * shift[cells[k]]
        coarse_phi[i] = top + math.log(mass)
        coarse_shift[i] = total


@njit(cache=True)
def lump(
    start, cells, share, aggregate, indptr, indices, out, back,
    coarse_ptr, coarse_indices, coarse_out, coarse_back,
):  # fmt: skip
    """Fill the rows of the lumped chain; returns its number of entries."""
    n_coarse = start.size - 1
    where = np.full(n_coarse, -1, np.int64)
    count = 0
    coarse_ptr[0] = 0
    for i in range(n_coarse):
        first = count
        for k in range(start[i], start[i + 1]):
            x = cells[k]
            for e in range(indptr[x], indptr[x + 1]):
                y = indices[e]
                j = aggregate[y]
                if j == i:
                    continue
                at = where[j]
                if at < first:
                    at = count
                    where[j] = at
                    coarse_indices[at] = j
                    coarse_out[at] = 0.0
                    coarse_back[at] = 0.0
                    count += 1
                coarse_out[at] += share[x] * out[e]
                coarse_back[at] += share[y] * back[e]
        coarse_ptr[i + 1] = count
    return count


@njit(cache=True)
def _restrict_rows(first, last, start, cells, weight, r, coarse_r):
    """Fill coarse_r = sum over the aggregate of weight r, for the aggregates first to last."""
    for i in range(first, last):
        total = 0.0
        for k in range(start[i], start[i + 1]):
            total += weight[cells[k]] * r[cells[k]]
        coarse_r[i] = total


@njit(cache=True)
def restrict(start, cells, weight, r, coarse_r):
    """Fill coarse_r = sum over the aggregate of weight r."""
    _restrict_rows(0, coarse_r.size, start, cells, weight, r, coarse_r)


@njit(cache=True, parallel=True)
def restrict_threads(start, cells, weight, r, coarse_r):
    """Same as restrict, for many aggregates."""
    n = coarse_r.size
    for b in prange(BLOCKS):
        first, last = b * n // BLOCKS, (b + 1) * n // BLOCKS
        _restrict_rows(first, last, start, cells, weight, r, coarse_r)


@njit(cache=True)
def prolong_add(aggregate, weight, coarse_u, u):
    """Add weight times the correction of its aggregate to every cell."""
    for x in range(u.size):
        u[x] += weight[x] * coarse_u[aggregate[x]]


@njit(cache=True)
def two_step(w, v, q, r, rest):
    """Weighted sums over cells that a minimal residual of two directions needs.

    v, q are the images of the two directions, r the first residual, rest the one after the first.
    """
    vv, vr, vq, qq, qs = 0.0, 0.0, 0.0, 0.0, 0.0
    for x in range(w.size):
        s = 1.0 / (w[x] * w[x])
        vv += s * v[x] * v[x]
        vr += s * v[x] * r[x]
        vq += s * v[x] * q[x]
        qq += s * q[x] * q[x]
        qs += s * q[x] * rest[x]
    return vv, vr, vq, qq, qs


@njit(cache=True)
def one_step(w, v, r):
    """Weighted sums v.v, v.r and r.r."""
    vv, vr, rr = 0.0, 0.0, 0.0
    for x in range(w.size):
        s = 1.0 / (w[x] * w[x])
        vv += s * v[x] * v[x]
        vr += s * v[x] * r[x]
        rr += s * r[x] * r[x]
    return vv, vr, rr
