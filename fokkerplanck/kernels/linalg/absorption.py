"""Solves for masses with the factors of a chain that ends.

With the factors of ``elimination.eliminate_ending``, rows l_ik and q_kj and exits s_k,

    z_k = (b_k + sum_{j < k} q_jk z_j) / s_k,    p_j = z_j + sum_{i > j} l_ij p_i

solve sum_j (q_ij p_i - q_ji p_j) + c_i p_i = b_i: the equations of ``elimination.solve_ending``,
transposed, and again sums of non-negative numbers alone.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def solve_masses(starts, bound_ptr, bound, L, U, exits, x):
    """Overwrite b >= 0 with the masses p, both by position."""
    side = 0
    for t in range(starts.size - 1):
        side = max(side, starts[t + 1] - starts[t] + bound_ptr[t + 1] - bound_ptr[t])
    y, at = np.empty(side), 0
    for t in range(starts.size - 1):
        start, p, q = starts[t], starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        for i in range(q):
            y[p + i] = 0.0
        for k in range(p):
            y[k] = x[start + k]
        for k in range(p):
            y[k] /= exits[start + k]
            x[start + k] = y[k]
            for j in range(k + 1, p + q):
                y[j] += U[at + j - k - 1] * y[k]
            at += p + q - k - 1
        for i in range(q):
            x[bound[bound_ptr[t] + i]] += y[p + i]
    at = L.size
    for t in range(starts.size - 2, -1, -1):
        start, p, q = starts[t], starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        for k in range(p):
            y[k] = x[start + k]
        for i in range(q):
            y[p + i] = x[bound[bound_ptr[t] + i]]
        for i in range(p + q - 1, -1, -1):
            width = min(i, p)
            at -= width
            for k in range(width):
                y[k] += L[at + k] * y[i]
        for k in range(p):
            x[start + k] = y[k]
