"""Orthogonalisation against a set of functions, in one sweep over them for two jobs."""

import numpy as np
from numba import njit

#: Cells treated at a time: what they need stays in the fastest cache.
CHUNK = 2048


@njit(cache=True)
def project(basis, m, weight, vector, functional, part, x, dots):
    """Subtract part from x, then measure what is left; returns the square of its weighted norm.

    x (n,) loses sum_k part[k] basis[k] + part[m] vector; then dots[k] = sum_i weight_i basis[k, i]
    x_i for k < m and dots[m] = sum_i functional_i x_i. Sums run in a fixed order.
    """
    n = x.size
    weighted = np.empty(CHUNK)
    dots[: m + 1] = 0.0
    norm2 = 0.0
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        for k in range(m):
            c = part[k]
            if c != 0.0:
                for i in range(size):
                    x[start + i] -= c * basis[k, start + i]
        c = part[m]
        if c != 0.0:
            for i in range(size):
                x[start + i] -= c * vector[start + i]
        square, through = 0.0, 0.0
        for i in range(size):
            y = weight[start + i] * x[start + i]
            weighted[i] = y
            square += y * x[start + i]
            through += functional[start + i] * x[start + i]
        norm2 += square
        dots[m] += through
        k = 0
        while k + 4 <= m:  # four sums at a time: one alone waits for itself
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for i in range(size):
                y = weighted[i]
                a += y * basis[k, start + i]
                b += y * basis[k + 1, start + i]
                c += y * basis[k + 2, start + i]
                d += y * basis[k + 3, start + i]
            dots[k] += a
            dots[k + 1] += b
            dots[k + 2] += c
            dots[k + 3] += d
            k += 4
        while k < m:
            a = 0.0
            for i in range(size):
                a += weighted[i] * basis[k, start + i]
            dots[k] += a
            k += 1
    return norm2
