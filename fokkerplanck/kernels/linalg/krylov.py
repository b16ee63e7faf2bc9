"""Orthogonalisation of long vectors: fixed blocks, the same bits with any number of threads."""

import math

import numpy as np
from numba import njit, prange

#: Blocks of a vector; their sums are added in order.
BLOCKS = 32


@njit(cache=True)
def _project_block(V, k, w, q, lo, hi, first, h):
    """Add up V_i.(w q) over a block into h; with ``first`` q becomes w q."""
    for i in range(k):
        h[i] = 0.0
    h[k] = 0.0
    if first:
        for x in range(lo, hi):
            q[x] *= w[x]
    for i in range(k):
        total = 0.0
        for x in range(lo, hi):
            total += V[i, x] * q[x]
        h[i] = total
    total = 0.0
    for x in range(lo, hi):
        total += q[x] * q[x]
    h[k] = total


@njit(cache=True)
def _subtract_block(V, k, h, q, lo, hi):
    """Subtract sum_i h_i V_i from q over a block; returns the squares left."""
    for i in range(k):
        a = h[i]
        for x in range(lo, hi):
            q[x] -= a * V[i, x]
    total = 0.0
    for x in range(lo, hi):
        total += q[x] * q[x]
    return total


@njit(cache=True)
def _sum_of_blocks(parts):
    """Sums over the blocks, in order."""
    sums = parts[0].copy()
    for b in range(1, BLOCKS):
        sums += parts[b]
    return sums


@njit(cache=True)
def _finish(sums, left, h):
    """Add the coefficients to h; the lengths of the vector before and after."""
    after = 0.0
    for b in range(BLOCKS):
        after += left[b]
    k = sums.size - 1
    for i in range(k):
        h[i] += sums[i]
    return math.sqrt(sums[k]), math.sqrt(after)


@njit(cache=True)
def orthogonalise(V, k, w, q, first, h):
    """Make q, or w q if first, orthogonal to V[:k]; adds to h (k); returns both lengths of q."""
    n = q.size
    parts, left = np.empty((BLOCKS, k + 1)), np.empty(BLOCKS)
    for b in range(BLOCKS):
        _project_block(V, k, w, q, b * n // BLOCKS, (b + 1) * n // BLOCKS, first, parts[b])
    sums = _sum_of_blocks(parts)
    for b in range(BLOCKS):
        left[b] = _subtract_block(V, k, sums, q, b * n // BLOCKS, (b + 1) * n // BLOCKS)
    return _finish(sums, left, h)


@njit(cache=True, parallel=True)
def orthogonalise_threads(V, k, w, q, first, h):
    """Same as orthogonalise, for long vectors."""
    n = q.size
    parts, left = np.empty((BLOCKS, k + 1)), np.empty(BLOCKS)
    for b in prange(BLOCKS):
        _project_block(V, k, w, q, b * n // BLOCKS, (b + 1) * n // BLOCKS, first, parts[b])
    sums = _sum_of_blocks(parts)
    for b in prange(BLOCKS):
        left[b] = _subtract_block(V, k, sums, q, b * n // BLOCKS, (b + 1) * n // BLOCKS)
    return _finish(sums, left, h)


@njit(cache=True)
def combine(y, Z, x):
    """Add sum_i y_i Z_i to x."""
    n = x.size
    for b in range(BLOCKS):
        for i in range(y.size):
            for k in range(b * n // BLOCKS, (b + 1) * n // BLOCKS):
                x[k] += y[i] * Z[i, k]


@njit(cache=True)
def weighted_norm(w, r):
    """Length of w r."""
    n = r.size
    total = 0.0
    for b in range(BLOCKS):
        part = 0.0
        for x in range(b * n // BLOCKS, (b + 1) * n // BLOCKS):
            part += (w[x] * r[x]) ** 2
        total += part
    return math.sqrt(total)
