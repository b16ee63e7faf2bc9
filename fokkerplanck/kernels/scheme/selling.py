"""Selling's decomposition of symmetric positive definite matrices, in two and three dimensions.

D = sum_k lambda_k e_k e_k^T with lambda_k >= 0 and integer offsets e_k: three terms in two
dimensions, six in three. Conway and Sloane, Low-dimensional lattices VI, Proc. R. Soc. A 436
(1992); Fehrenbach and Mirebeau, Sparse non-negative stencils for anisotropic diffusion, J. Math.
Imaging Vis. 49 (2014).
"""

import numpy as np
from numba import njit, prange

#: Rows that share a superbase. Fixed, so that results do not depend on the number of threads.
BLOCK = 256
#: Largest entry of an offset, in cells: offsets are stored as int16.
WIDEST = 32_767
#: Changes of the superbase after which a tensor counts as too anisotropic to decompose.
MAX_STEPS = 10_000


@njit(cache=True)
def _reset2(b):
    """Canonical superbase of the plane."""
    b[0, 0], b[0, 1] = 1, 0
    b[1, 0], b[1, 1] = 0, 1
    b[2, 0], b[2, 1] = -1, -1


@njit(cache=True)
def _dot2(u, v, a, c, d):
    """u.D v for D = [[a, c], [c, d]]."""
    return u[0] * (a * v[0] + c * v[1]) + u[1] * (c * v[0] + d * v[1])


@njit(cache=True)
def _reduce2(b, a, c, d):
    """Make the superbase D-obtuse: u.Dv <= 0 for every pair. False if it takes too long."""
    for _ in range(MAX_STEPS):
        changed = False
        for i in range(2):
            for j in range(i + 1, 3):
                if _dot2(b[i], b[j], a, c, d) > 0.0 and not changed:
                    k = 3 - i - j
                    for m in range(2):
                        u, v = b[i, m], b[j, m]
                        b[k, m] = u - v
                        b[i, m] = -u
                    changed = True
        if not changed:
            return True
    return False


@njit(cache=True)
def _terms2(b, a, c, d, weights, offsets):
    """Weights and offsets of an obtuse superbase; returns the largest reconstruction error."""
    r0, r1, r2 = a, c, d
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        w = max(-_dot2(b[i], b[j], a, c, d), 0.0)
        e0, e1 = -b[k, 1], b[k, 0]
        if e0 < 0 or (e0 == 0 and e1 < 0):  # one sign for the pair +e, -e
            e0, e1 = -e0, -e1
        if max(abs(e0), abs(e1)) > WIDEST:
            return np.inf
        weights[k] = w
        offsets[k, 0], offsets[k, 1] = e0, e1
        r0 -= w * e0 * e0
        r1 -= w * e0 * e1
        r2 -= w * e1 * e1
    return max(abs(r0), abs(r1), abs(r2))


@njit(cache=True)
def selling2(part, parts, D, weights, offsets, failed):
    """Decompose tensors in the plane.

    D (n, 3) holds D00, D01, D11; weights (n, 3) and offsets (n, 3, 2) are filled. Within a block of
    rows the superbase is carried from row to row, and started afresh wherever the sum does not give
    D back. failed[part] is the first row of the part that could not be decomposed, or -1.
    """
    b = np.empty((3, 2), np.int64)
    blocks = (D.shape[0] + BLOCK - 1) // BLOCK
    failed[part] = -1
    for x in range(
        part * blocks // parts * BLOCK, min((part + 1) * blocks // parts * BLOCK, D.shape[0])
    ):
        if x % BLOCK == 0:
            _reset2(b)
        a, c, d = D[x, 0], D[x, 1], D[x, 2]
        tolerance = 1e-11 * (a + d)
        done = False
        for attempt in range(2):
            if not done and attempt == 1:
                _reset2(b)
                tolerance *= 1e3
            if not done and _reduce2(b, a, c, d):
                done = _terms2(b, a, c, d, weights[x], offsets[x]) <= tolerance
        if not done:
            failed[part] = x
            return


@njit(cache=True, parallel=True)
def selling2_threads(parts, D, weights, offsets, failed):
    """``selling2`` in threads."""
    for part in prange(parts):
        selling2(part, parts, D, weights, offsets, failed)


@njit(cache=True)
def _reset3(b):
    """Canonical superbase of space."""
    b[:] = 0
    for i in range(3):
        b[i, i] = 1
        b[3, i] = -1


@njit(cache=True)
def _dot3(u, v, D):
    """u.D v for D = (D00, D01, D02, D11, D12, D22)."""
    return (
        u[0] * (D[0] * v[0] + D[1] * v[1] + D[2] * v[2])
        + u[1] * (D[1] * v[0] + D[3] * v[1] + D[4] * v[2])
        + u[2] * (D[2] * v[0] + D[4] * v[1] + D[5] * v[2])
    )


@njit(cache=True)
def _reduce3(b, D):
    """Make the superbase D-obtuse. False if it takes too long."""
    for _ in range(MAX_STEPS):
        changed = False
        for i in range(3):
            for j in range(i + 1, 4):
                if not changed and _dot3(b[i], b[j], D) > 0.0:
                    for k in range(4):
                        if k not in (i, j):
                            for m in range(3):
                                b[k, m] += b[i, m]
                    for m in range(3):
                        b[i, m] = -b[i, m]
                    changed = True
        if not changed:
            return True
    return False


@njit(cache=True)
def _terms3(b, D, rest, weights, offsets):
    """Weights and offsets of an obtuse superbase; returns the largest reconstruction error."""
    rest[:] = D
    t = 0
    for i in range(3):
        for j in range(i + 1, 4):
            k = -1
            for m in range(4):
                if m not in (i, j):
                    k, last = (m, k) if k < 0 else (k, m)
            u, v = b[k], b[last]
            w = max(-_dot3(b[i], b[j], D), 0.0)
            e0 = u[1] * v[2] - u[2] * v[1]
            e1 = u[2] * v[0] - u[0] * v[2]
            e2 = u[0] * v[1] - u[1] * v[0]
            if e0 < 0 or (e0 == 0 and (e1 < 0 or (e1 == 0 and e2 < 0))):
                e0, e1, e2 = -e0, -e1, -e2
            if max(abs(e0), abs(e1), abs(e2)) > WIDEST:
                return np.inf
            weights[t] = w
            offsets[t, 0], offsets[t, 1], offsets[t, 2] = e0, e1, e2
            rest[0] -= w * e0 * e0
            rest[1] -= w * e0 * e1
            rest[2] -= w * e0 * e2
            rest[3] -= w * e1 * e1
            rest[4] -= w * e1 * e2
            rest[5] -= w * e2 * e2
            t += 1
    return np.max(np.abs(rest))


@njit(cache=True)
def selling3(part, parts, D, weights, offsets, failed):
    """Decompose tensors in space: D (n, 6), weights (n, 6), offsets (n, 6, 3). See ``selling2``."""
    b, rest = np.empty((4, 3), np.int64), np.empty(6)
    blocks = (D.shape[0] + BLOCK - 1) // BLOCK
    failed[part] = -1
    for x in range(
        part * blocks // parts * BLOCK, min((part + 1) * blocks // parts * BLOCK, D.shape[0])
    ):
        if x % BLOCK == 0:
            _reset3(b)
        tolerance = 1e-11 * (D[x, 0] + D[x, 3] + D[x, 5])
        done = False
        for attempt in range(2):
            if not done and attempt == 1:
                _reset3(b)
                tolerance *= 1e3
            if not done and _reduce3(b, D[x]):
                done = _terms3(b, D[x], rest, weights[x], offsets[x]) <= tolerance
        if not done:
            failed[part] = x
            return


@njit(cache=True, parallel=True)
def selling3_threads(parts, D, weights, offsets, failed):
    """``selling3`` in threads."""
    for part in prange(parts):
        selling3(part, parts, D, weights, offsets, failed)
