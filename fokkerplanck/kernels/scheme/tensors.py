"""Fields of small symmetric matrices: are they positive, and what do they solve."""

import numpy as np
from numba import njit, prange


@njit(cache=True)
def _factor(A, l, p):
    """Pivots p (d) and factors l of A = L diag(p) L^T, A a packed upper triangle; least pivot."""
    p[0] = A[0]
    if p.size == 1 or not p[0] > 0.0:
        return p[0]
    l[0] = A[1] / p[0]
    if p.size == 2:
        p[1] = A[2] - l[0] * A[1]
        return min(p[0], p[1])
    l[1] = A[2] / p[0]
    p[1] = A[3] - l[0] * A[1]
    if not p[1] > 0.0:
        return p[1]
    rest = A[4] - l[0] * A[2]
    l[2] = rest / p[1]
    p[2] = A[5] - l[1] * A[2] - l[2] * rest
    return min(p[0], p[1], p[2])


@njit(cache=True)
def suspects(part, parts, D, scale, floor, margin, flags):
    """Flag matrices A_ik = D_ik scale_ik, D (d d, n), unless A - floor max|A| I is positive.

    Its pivots have to exceed margin max|A|. What is flagged may be positive all the same.
    """
    d = scale.shape[0]
    A, l, p = np.empty(d * (d + 1) // 2), np.empty(3), np.empty(d)
    for x in range(part * D.shape[1] // parts, (part + 1) * D.shape[1] // parts):
        largest, m = 0.0, 0
        for i in range(d):
            for k in range(i, d):
                A[m] = D[i * d + k, x] * scale[i, k]
                largest = max(largest, abs(A[m]))
                m += 1
        m = 0
        for i in range(d):
            A[m] -= floor * largest
            m += d - i
        flags[x] = not _factor(A, l, p) > margin * largest


@njit(cache=True, parallel=True)
def suspects_threads(parts, D, scale, floor, margin, flags):
    """``suspects`` in threads."""
    for part in prange(parts):
        suspects(part, parts, D, scale, floor, margin, flags)


@njit(cache=True)
def pack(part, parts, D, scale, out):
    """Fill out (n, m) with the upper triangles of D_ik scale_ik, D (d d, n)."""
    d = scale.shape[0]
    for x in range(part * D.shape[1] // parts, (part + 1) * D.shape[1] // parts):
        m = 0
        for i in range(d):
            for k in range(i, d):
                out[x, m] = D[i * d + k, x] * scale[i, k]
                m += 1


@njit(cache=True, parallel=True)
def pack_threads(parts, D, scale, out):
    """``pack`` in threads."""
    for part in prange(parts):
        pack(part, parts, D, scale, out)


@njit(cache=True)
def solve(part, parts, D, v, h, minus, out):
    """Fill out (n, d) with D^-1 (v / h - minus): D (n or 1, m) packed, v (d, n), minus (n or 0, d).

    By Cholesky's elimination without roots.
    """
    d, n = v.shape
    l, p, r = np.empty(3), np.empty(d), np.empty(d)
    constant = D.shape[0] == 1
    if constant:
        _factor(D[0], l, p)
    for x in range(part * n // parts, (part + 1) * n // parts):
        if not constant:
            _factor(D[x], l, p)
        for k in range(d):
            r[k] = v[k, x] / h[k]
            if minus.shape[0]:
                r[k] -= minus[x, k]
        if d == 2:
            r[1] -= l[0] * r[0]
            r[1] /= p[1]
            r[0] = r[0] / p[0] - l[0] * r[1]
        elif d == 3:
            r[1] -= l[0] * r[0]
            r[2] -= l[1] * r[0] + l[2] * r[1]
            r[2] /= p[2]
            r[1] = r[1] / p[1] - l[2] * r[2]
            r[0] = r[0] / p[0] - l[0] * r[1] - l[1] * r[2]
        else:
            r[0] /= p[0]
        for k in range(d):
            out[x, k] = r[k]


@njit(cache=True, parallel=True)
def solve_threads(parts, D, v, h, minus, out):
    """``solve`` in threads."""
    for part in prange(parts):
        solve(part, parts, D, v, h, minus, out)
