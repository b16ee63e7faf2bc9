"""Sums over long vectors for Anderson acceleration, in chunks that do not depend on threads."""

import numpy as np
from numba import njit, prange

CHUNK = 4096


@njit(cache=True)
def _dot(w, a, b, start, stop):
    """Weighted product of two pieces, four sums at a time."""
    s0 = s1 = s2 = s3 = 0.0
    i = start
    while i + 4 <= stop:
        s0 += w[i] * a[i] * b[i]
        s1 += w[i + 1] * a[i + 1] * b[i + 1]
        s2 += w[i + 2] * a[i + 2] * b[i + 2]
        s3 += w[i + 3] * a[i + 3] * b[i + 3]
        i += 4
    while i < stop:
        s0 += w[i] * a[i] * b[i]
        i += 1
    return (s0 + s1) + (s2 + s3)


@njit(cache=True)
def products(part, parts, used, new, weight, rows, g, sums):
    """Fill sums (chunks, 2, m): weighted products of rows[j] with rows[new] and with g, j < used.

    To be added up over the chunks, of CHUNK entries each.
    """
    n = g.size
    chunks = (n + CHUNK - 1) // CHUNK
    for chunk in range(part * chunks // parts, (part + 1) * chunks // parts):
        start, stop = chunk * CHUNK, min(n, (chunk + 1) * CHUNK)
        for j in range(used):
            sums[chunk, 0, j] = _dot(weight, rows[j], rows[new], start, stop)
            sums[chunk, 1, j] = _dot(weight, rows[j], g, start, stop)


@njit(cache=True, parallel=True)
def products_threads(parts, used, new, weight, rows, g, sums):
    """Fill the products in parallel."""
    for part in prange(parts):
        products(part, parts, used, new, weight, rows, g, sums)


@njit(cache=True)
def subtract(part, parts, used, factors, rows, x):
    """Subtract sum_j factors[j] rows[j], j < used, from x."""
    n = x.size
    for start in range(part * n // parts, (part + 1) * n // parts, CHUNK):
        stop = min(start + CHUNK, (part + 1) * n // parts)
        for j in range(used):
            f, row = factors[j], rows[j]
            for i in range(start, stop):
                x[i] -= f * row[i]


@njit(cache=True, parallel=True)
def subtract_threads(parts, used, factors, rows, x):
    """Subtract the combination in parallel."""
    for part in prange(parts):
        subtract(part, parts, used, factors, rows, x)


def chunks(n):
    """How many chunks there are in n entries."""
    return int(np.ceil(n / CHUNK))
