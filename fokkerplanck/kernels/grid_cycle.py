"""Multigrid cycle on a structured grid: red-black relaxation and the way between two levels.

Layout as in :mod:`fokkerplanck.kernels.grid_multigrid`: inflow (2 d, n0, n1, n2), inverse of the
diagonal, residuals and corrections (n0, n1, n2), n0 = 1 in two dimensions.
"""

import numpy as np
from numba import njit, prange

SERIAL = 8192  # smaller levels are not worth the start of threads


@njit(cache=True)
def _lower(i, n):
    """Index below i, periodic."""
    return i - 1 if i > 0 else n - 1


@njit(cache=True)
def _upper(i, n):
    """Index above i, periodic."""
    return i + 1 if i < n - 1 else 0


@njit(cache=True)
def _relax_row2(c0, c1, c2, c3, inverse, r, left, own, right, first):
    """Gauss-Seidel on every second cell of a row, from cell first on; four neighbours."""
    n = own.size
    if first == 0:
        own[0] = inverse[0] * (
            r[0] + c0[0] * left[0] + c1[0] * right[0]
            + c2[0] * own[n - 1] + c3[0] * own[1 if n > 1 else 0]
        )  # fmt: skip
        first = 2
    for j in range(first, n - 1, 2):
        own[j] = inverse[j] * (
            r[j] + c0[j] * left[j] + c1[j] * right[j] + c2[j] * own[j - 1] + c3[j] * own[j + 1]
        )
    j = n - 1
    if j >= first and (j - first) % 2 == 0:
        own[j] = inverse[j] * (
            r[j] + c0[j] * left[j] + c1[j] * right[j] + c2[j] * own[j - 1] + c3[j] * own[0]
        )


@njit(cache=True)
def _relax_row3(c0, c1, c2, c3, c4, c5, inverse, r, front, back, left, own, right, first):
    """Gauss-Seidel on every second cell of a row, from cell first on; six neighbours."""
    n = own.size
    if first == 0:
        own[0] = inverse[0] * (
            r[0] + c0[0] * front[0] + c1[0] * back[0] + c2[0] * left[0] + c3[0] * right[0]
            + c4[0] * own[n - 1] + c5[0] * own[1 if n > 1 else 0]
        )  # fmt: skip
        first = 2
    for j in range(first, n - 1, 2):
        own[j] = inverse[j] * (
            r[j] + c0[j] * front[j] + c1[j] * back[j] + c2[j] * left[j] + c3[j] * right[j]
            + c4[j] * own[j - 1] + c5[j] * own[j + 1]
        )  # fmt: skip
    j = n - 1
    if j >= first and (j - first) % 2 == 0:
        own[j] = inverse[j] * (
            r[j] + c0[j] * front[j] + c1[j] * back[j] + c2[j] * left[j] + c3[j] * right[j]
            + c4[j] * own[j - 1] + c5[j] * own[0]
        )  # fmt: skip


@njit(cache=True)
def _relax_row(c, inverse, r, u, i0, i1, colour):
    """Gauss-Seidel on the cells of one colour in the row (i0, i1)."""
    n0, n1, _ = u.shape
    first = (i0 + i1 + colour) & 1
    left, own, right = u[i0, _lower(i1, n1)], u[i0, i1], u[i0, _upper(i1, n1)]
    if c.shape[0] == 4:
        _relax_row2(
            c[0, i0, i1], c[1, i0, i1], c[2, i0, i1], c[3, i0, i1],
            inverse[i0, i1], r[i0, i1], left, own, right, first,
        )  # fmt: skip
    else:
        _relax_row3(
            c[0, i0, i1], c[1, i0, i1], c[2, i0, i1], c[3, i0, i1], c[4, i0, i1], c[5, i0, i1],
            inverse[i0, i1], r[i0, i1], u[_lower(i0, n0), i1], u[_upper(i0, n0), i1],
            left, own, right, first,
        )  # fmt: skip


@njit(cache=True, parallel=True)
def relax(c, inverse, r, u, colour):
    """Gauss-Seidel on one colour of the chessboard, (i0 + i1 + i2 + colour) even.

    Around a periodic axis of odd length the first and the last cell have one colour: within a row
    they are taken one after the other, and the last row or plane is kept until the others are done.
    """
    n0, n1, _ = u.shape
    rows0 = n0 - n0 % 2 if n0 > 1 else 1
    rows1 = n1 - n1 % 2 if n1 > 1 else 1
    if u.size < SERIAL:
        for row in range(rows0 * rows1):
            _relax_row(c, inverse, r, u, row // rows1, row % rows1, colour)
    else:
        for row in prange(rows0 * rows1):
            _relax_row(c, inverse, r, u, row // rows1, row % rows1, colour)
    if rows1 < n1:
        for i0 in range(rows0):
            _relax_row(c, inverse, r, u, i0, n1 - 1, colour)
    if rows0 < n0:
        for i1 in range(n1):
            _relax_row(c, inverse, r, u, n0 - 1, i1, colour)


@njit(cache=True)
def _residual_row(c, diagonal, r, u, i0, i1, out):
    """Fill out = r - L u of the row (i0, i1)."""
    n0, n1, n2 = u.shape
    left, own, right = u[i0, _lower(i1, n1)], u[i0, i1], u[i0, _upper(i1, n1)]
    last = c.shape[0] - 4
    c0, c1, c2, c3 = (
        c[last, i0, i1], c[last + 1, i0, i1], c[last + 2, i0, i1], c[last + 3, i0, i1]
    )  # fmt: skip
    inverse, given = diagonal[i0, i1], r[i0, i1]
    for j in range(1, n2 - 1):
        out[j] = given[j] - own[j] / inverse[j] + (
            c0[j] * left[j] + c1[j] * right[j] + c2[j] * own[j - 1] + c3[j] * own[j + 1]
        )
    for j in (0, n2 - 1):
        out[j] = given[j] - own[j] / inverse[j] + (
            c0[j] * left[j] + c1[j] * right[j]
            + c2[j] * own[_lower(j, n2)] + c3[j] * own[_upper(j, n2)]
        )  # fmt: skip
    if last == 2:
        front, back = u[_lower(i0, n0), i1], u[_upper(i0, n0), i1]
        c4, c5 = c[0, i0, i1], c[1, i0, i1]
        for j in range(n2):
            out[j] += c4[j] * front[j] + c5[j] * back[j]


@njit(cache=True)
def _restrict_row(starts0, starts1, starts2, omega, c, inverse, r, u, I0, I1, coarse):
    """Fill coarse = sum of omega (r - L u) over the blocks of one row."""
    residual = np.empty(u.shape[2], u.dtype)
    for I2 in range(coarse.size):
        coarse[I2] = 0.0
    for i0 in range(starts0[I0], starts0[I0 + 1]):
        for i1 in range(starts1[I1], starts1[I1 + 1]):
            _residual_row(c, inverse, r, u, i0, i1, residual)
            weight = omega[i0, i1]
            for I2 in range(coarse.size):
                for j in range(starts2[I2], starts2[I2 + 1]):
                    coarse[I2] += weight[j] * residual[j]


@njit(cache=True, parallel=True)
def restrict(starts0, starts1, starts2, omega, c, inverse, r, u, coarse):
    """Fill coarse_I = sum over block I of omega_x (r - L u)_x."""
    N0, N1, _ = coarse.shape
    if u.size < SERIAL:
        for row in range(N0 * N1):
            _restrict_row(
                starts0, starts1, starts2, omega, c, inverse, r, u,
                row // N1, row % N1, coarse[row // N1, row % N1],
            )  # fmt: skip
    else:
        for row in prange(N0 * N1):
            _restrict_row(
                starts0, starts1, starts2, omega, c, inverse, r, u,
                row // N1, row % N1, coarse[row // N1, row % N1],
            )  # fmt: skip


@njit(cache=True)
def _line(starts2, weight, own, I2, j, N2):
    """Linear interpolation in a coarse row at cell j of block I2."""
    w = weight[j]
    if w >= 0.0:
        return own[I2] + w * (own[_upper(I2, N2)] - own[I2])
    return own[I2] - w * (own[_lower(I2, N2)] - own[I2])


@njit(cache=True)
def _prolong_row(starts2, weights, e, i0, i1, I0, I1, u):
    """Add the interpolated correction e to u in the fine row (i0, i1) of blocks (I0, I1)."""
    N0, N1, N2 = e.shape
    last = weights.shape[0] - 1
    along, across = weights[last, i0, i1], weights[last - 1, i0, i1]
    own, left, right = e[I0, I1], e[I0, _lower(I1, N1)], e[I0, _upper(I1, N1)]
    for I2 in range(N2):
        for j in range(starts2[I2], starts2[I2 + 1]):
            w = across[j]
            here = _line(starts2, along, own, I2, j, N2)
            there = _line(starts2, along, right if w >= 0.0 else left, I2, j, N2)
            value = here + abs(w) * (there - here)
            if last == 2:
                w0 = weights[0, i0, i1, j]
                J0 = _upper(I0, N0) if w0 >= 0.0 else _lower(I0, N0)
                here = _line(starts2, along, e[J0, I1], I2, j, N2)
                J1 = _upper(I1, N1) if w >= 0.0 else _lower(I1, N1)
                there = _line(starts2, along, e[J0, J1], I2, j, N2)
                value += abs(w0) * (here + abs(w) * (there - here) - value)
            u[j] += value


@njit(cache=True)
def _prolong_block(starts0, starts1, starts2, weights, e, I0, I1, u):
    """Add the interpolated correction in all fine rows of the blocks (I0, I1)."""
    for i0 in range(starts0[I0], starts0[I0 + 1]):
        for i1 in range(starts1[I1], starts1[I1 + 1]):
            _prolong_row(starts2, weights, e, i0, i1, I0, I1, u[i0, i1])


@njit(cache=True, parallel=True)
def prolong(starts0, starts1, starts2, weights, e, u):
    """Add the (multi)linear interpolation of the coarse correction e to u."""
    N0, N1, _ = e.shape
    if u.size < SERIAL:
        for row in range(N0 * N1):
            _prolong_block(starts0, starts1, starts2, weights, e, row // N1, row % N1, u)
    else:
        for row in prange(N0 * N1):
            _prolong_block(starts0, starts1, starts2, weights, e, row // N1, row % N1, u)
