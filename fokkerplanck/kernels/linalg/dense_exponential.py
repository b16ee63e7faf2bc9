"""Exponential of a small generator by scaling and squaring, of non-negative numbers alone.

Numbers are unevaluated sums of two doubles, high and low part: 106 bits, so that doubling the error
at every squaring leaves all digits of a double after 2^40 squared steps and more. Nothing is
subtracted but rounding from itself, so that small entries are as accurate as large ones.

T. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971);
D. Knuth, The Art of Computer Programming 2, 4.2.2.
"""

import numpy as np
from numba import njit

#: 2^27 + 1, which splits a double into two halves.
SPLIT = 134217729.0


@njit(cache=True)
def _two_sum(a, b):
    """Sum of two doubles and what rounding left of it."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


@njit(cache=True)
def _two_product(a, b):
    """Product of two doubles and what rounding left of it."""
    p = a * b
    t = SPLIT * a
    a_high = t - (t - a)
    t = SPLIT * b
    b_high = t - (t - b)
    a_low, b_low = a - a_high, b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@njit(cache=True)
def _added(h, low, p, e):
    """(h + low) + (p + e)."""
    s, r = _two_sum(h, p)
    r += low + e
    return s + r, r - ((s + r) - s)


@njit(cache=True)
def _multiplied(a, a_low, b, b_low):
    """(a + a_low) (b + b_low)."""
    p, e = _two_product(a, b)
    e += a * b_low + a_low * b
    return p + e, e - ((p + e) - p)


@njit(cache=True)
def product(A, B, C):
    """Fill C = A B, pairs (2, n, m) of high and low parts."""
    n, m = C.shape[1], C.shape[2]
    C[:] = 0.0
    for i in range(n):
        for k in range(A.shape[2]):
            if A[0, i, k] == 0.0:
                continue
            for j in range(m):
                p, e = _multiplied(A[0, i, k], A[1, i, k], B[0, k, j], B[1, k, j])
                C[0, i, j], C[1, i, j] = _added(C[0, i, j], C[1, i, j], p, e)


@njit(cache=True)
def _normalise(P):
    """Divide every column by its sum, which is 1 but for rounding and the scale of a series."""
    n = P.shape[1]
    for j in range(n):
        s, low = 0.0, 0.0
        for i in range(n):
            s, low = _added(s, low, P[0, i, j], P[1, i, j])
        # 1 / (s + low) to two-fold precision by one step of Newton's method.
        r = 1.0 / s
        p, e = _two_product(s, r)
        rest = ((1.0 - p) - e - low * r) * r
        for i in range(n):
            P[0, i, j], P[1, i, j] = _multiplied(P[0, i, j], P[1, i, j], r, rest)


@njit(cache=True)
def _overlap(P):
    """Mass that all columns share, sum_i min_j P_ij: 1 minus this bounds the contraction."""
    total = 0.0
    for i in range(P.shape[1]):
        least = P[0, i, 0]
        for j in range(1, P.shape[1]):
            least = min(least, P[0, i, j])
        total += least
    return total


@njit(cache=True)
def exponential(rates, step, squarings, terms, unit, P):
    """Fill P (2, n, n) = e^(2^squarings step A), columns of sum 1; an L1 bound of its error.

    rates (n, n): rates[i, j] >= 0 is the rate j -> i; the diagonal is not used. step is short:
    times the largest rate out of a state at most 1/16. terms of the series, and ``unit`` the
    relative error of one sum or product of pairs. What two stochastic matrices differ by is
    multiplied by 1 + (1 - overlap) at a squaring at most; where two squarings in a row change no
    entry, however small, squaring ends.
    """
    n = rates.shape[0]
    Q, next_P = np.zeros((2, n, n)), np.empty((2, n, n))
    out = np.zeros((2, n))
    top, top_low = 0.0, 0.0
    for j in range(n):
        for i in range(n):
            if i != j:
                p, e = _two_product(rates[i, j], step)
                Q[0, i, j], Q[1, i, j] = p, e
                out[0, j], out[1, j] = _added(out[0, j], out[1, j], p, e)
        if out[0, j] > top:
            top, top_low = out[0, j], out[1, j]
    for j in range(n):
        # What stays in place: the one difference, of numbers that are exact to 100 bits.
        Q[0, j, j], Q[1, j, j] = _added(top, top_low, -out[0, j], -out[1, j])
    P[:] = 0.0
    for j in range(n):
        P[0, j, j] = 1.0
    for k in range(terms, 0, -1):  # I + Q (I + Q / 2 (I + Q / 3 (...)))
        product(Q, P, next_P)
        for i in range(n):
            for j in range(n):
                one = 1.0 if i == j else 0.0
                # Division by k to two-fold precision.
                h = next_P[0, i, j] / k
                p, e = _two_product(h, float(k))
                low = ((next_P[0, i, j] - p) - e + next_P[1, i, j]) / k
                P[0, i, j], P[1, i, j] = _added(one, 0.0, h, low)
    _normalise(P)
    error, left = (n + 2.0) * terms * unit, 2
    for _ in range(squarings):
        overlap = min(_overlap(P), 1.0)
        error = min((2.0 - overlap) * error + (2.0 * n + 4.0) * unit, 2.0)
        product(P, P, next_P)
        _normalise(next_P)
        left = left - 1 if (next_P[0] == P[0]).all() else 2
        P[:] = next_P
        if left == 0:
            break
    return error
