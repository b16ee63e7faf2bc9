"""Multigrid cycle on a structured grid: line relaxation and the way between two levels.

Layout as in ``kernels.linalg.grid_multigrid``: inflow c (2 d, n0, n1, n2), diagonal, residuals and
corrections (n0, n1, n2), n0 = 1 in two dimensions. A line runs along the last axis, a
sheet is what one index of the first axis longer than one selects: a line or a plane.
"""

import numpy as np
from numba import njit, prange


@njit(cache=True)
def _lower(i, n):
    """Index below i, periodic."""
    return i - 1 if i > 0 else n - 1


@njit(cache=True)
def _upper(i, n):
    """Index above i, periodic."""
    return i + 1 if i < n - 1 else 0


@njit(cache=True, parallel=True)
def largest(values, by_row):
    """Fill by_row (n0 n1,) with the largest absolute value of each row."""
    n0, n1, n2 = values.shape
    for row in prange(n0 * n1):
        top = 0.0
        for j in range(n2):
            top = max(top, abs(values[row // n1, row % n1, j]))
        by_row[row] = top


@njit(cache=True, parallel=True)
def load(values, factor, target):
    """Fill target = factor values."""
    n0, n1, n2 = values.shape
    for row in prange(n0 * n1):
        for j in range(n2):
            target[row // n1, row % n1, j] = factor * values[row // n1, row % n1, j]


@njit(cache=True)
def _solve_line(below, above, p, y, own):
    """Solve along one line for the right-hand side y: elimination, then back into own.

    Around a periodic axis the closing coupling takes its old value. Two cells at a time, because
    each waits for the one before.
    """
    n = own.size
    y[0] += below[0] * own[n - 1]
    y[n - 1] += above[n - 1] * own[0]
    for j in range(n):
        y[j] *= p[j]
    last = y[0]
    j = 1
    while j < n - 1:
        a, b = p[j] * below[j], p[j + 1] * below[j + 1]
        middle = y[j] + a * last
        last = (y[j + 1] + b * y[j]) + (b * a) * last
        y[j], y[j + 1] = middle, last
        j += 2
    if j < n:
        last = y[j] + p[j] * below[j] * last
        y[j] = last
    own[n - 1] = last
    j = n - 2
    while j > 0:
        a, b = p[j] * above[j], p[j - 1] * above[j - 1]
        middle = y[j] + a * last
        last = (y[j - 1] + b * y[j]) + (b * a) * last
        own[j], own[j - 1] = middle, last
        j -= 2
    if j == 0:
        own[0] = y[0] + p[0] * above[0] * last


@njit(cache=True)
def _relax_line(c, pivot, r, u, i0, i1, y):
    """Solve the line (i0, i1) exactly for the present values around it."""
    n0, n1, n2 = u.shape
    o = c.shape[0] - 4
    own, given = u[i0, i1], r[i0, i1]
    left, right = u[i0, _lower(i1, n1)], u[i0, _upper(i1, n1)]
    from_left, from_right = c[o, i0, i1], c[o + 1, i0, i1]
    for j in range(n2):
        y[j] = given[j] + from_left[j] * left[j] + from_right[j] * right[j]
    if o == 2:
        front, back = u[_lower(i0, n0), i1], u[_upper(i0, n0), i1]
        from_front, from_back = c[0, i0, i1], c[1, i0, i1]
        for j in range(n2):
            y[j] += from_front[j] * front[j] + from_back[j] * back[j]
    _solve_line(c[o + 2, i0, i1], c[o + 3, i0, i1], pivot[i0, i1], y, own)


@njit(cache=True)
def _relax_sheets(c, pivot, r, u, start, stop, is_forward):
    """Relax the lines of the sheets start <= i < stop one after the other."""
    n0, n1, n2 = u.shape
    lines = n1 if n0 > 1 else 1
    y = np.empty(n2, u.dtype)
    for step in range((stop - start) * lines):
        line = start * lines + step if is_forward else stop * lines - 1 - step
        _relax_line(c, pivot, r, u, line // n1, line % n1, y)


@njit(cache=True, parallel=True)
def relax(c, pivot, r, u, is_forward, n_blocks):
    """Gauss-Seidel by lines, in the order of the cells or against it.

    With n_blocks > 1 (an even number) the sheets are cut into blocks, and every second block is
    done before the others: blocks at work at the same time do not touch, and the result does not
    depend on the number of threads.
    """
    n0, n1, _ = u.shape
    sheets = n0 if n0 > 1 else n1
    if n_blocks == 1:
        _relax_sheets(c, pivot, r, u, 0, sheets, is_forward)
        return
    for half in range(2):
        colour = half if is_forward else 1 - half
        for pair in prange(n_blocks // 2):
            b = 2 * pair + colour
            start, stop = b * sheets // n_blocks, (b + 1) * sheets // n_blocks
            _relax_sheets(c, pivot, r, u, start, stop, is_forward)


@njit(cache=True)
def _residual_row(c, diagonal, r, u, i0, i1, out):
    """Fill out = r - L u of the row (i0, i1)."""
    n0, n1, n2 = u.shape
    left, own, right = u[i0, _lower(i1, n1)], u[i0, i1], u[i0, _upper(i1, n1)]
    last = c.shape[0] - 4
    c0, c1, c2, c3 = (
        c[last, i0, i1], c[last + 1, i0, i1], c[last + 2, i0, i1], c[last + 3, i0, i1]
    )  # fmt: skip
    centre, given = diagonal[i0, i1], r[i0, i1]
    for j in range(1, n2 - 1):
        out[j] = (
            given[j]
            - centre[j] * own[j]
            + (c0[j] * left[j] + c1[j] * right[j] + c2[j] * own[j - 1] + c3[j] * own[j + 1])
        )
    for j in (0, n2 - 1):
        out[j] = given[j] - centre[j] * own[j] + (
            c0[j] * left[j] + c1[j] * right[j]
            + c2[j] * own[_lower(j, n2)] + c3[j] * own[_upper(j, n2)]
        )  # fmt: skip
    if last == 2:
        front, back = u[_lower(i0, n0), i1], u[_upper(i0, n0), i1]
        c4, c5 = c[0, i0, i1], c[1, i0, i1]
        for j in range(n2):
            out[j] += c4[j] * front[j] + c5[j] * back[j]


@njit(cache=True)
def _restrict_row(starts0, starts1, starts2, omega, c, diagonal, r, u, I0, I1, coarse):
    """Fill coarse = sum of omega (r - L u) over the blocks of one row."""
    residual = np.empty(u.shape[2], u.dtype)
    for I2 in range(coarse.size):
        coarse[I2] = 0.0
    for i0 in range(starts0[I0], starts0[I0 + 1]):
        for i1 in range(starts1[I1], starts1[I1 + 1]):
            _residual_row(c, diagonal, r, u, i0, i1, residual)
            weight = omega[i0, i1]
            for I2 in range(coarse.size):
                for j in range(starts2[I2], starts2[I2 + 1]):
                    coarse[I2] += weight[j] * residual[j]


@njit(cache=True, parallel=True)
def restrict(starts0, starts1, starts2, omega, c, diagonal, r, u, coarse, n_blocks):
    """Fill coarse_I = sum over block I of omega_x (r - L u)_x."""
    N0, N1, _ = coarse.shape
    if n_blocks == 1:
        for row in range(N0 * N1):
            _restrict_row(
                starts0, starts1, starts2, omega, c, diagonal, r, u,
                row // N1, row % N1, coarse[row // N1, row % N1],
            )  # fmt: skip
    else:
        for row in prange(N0 * N1):
            _restrict_row(
                starts0, starts1, starts2, omega, c, diagonal, r, u,
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
def prolong(starts0, starts1, starts2, weights, e, u, n_blocks):
    """Add the (multi)linear interpolation of the coarse correction e to u."""
    N0, N1, _ = e.shape
    if n_blocks == 1:
        for row in range(N0 * N1):
            _prolong_block(starts0, starts1, starts2, weights, e, row // N1, row % N1, u)
    else:
        for row in prange(N0 * N1):
            _prolong_block(starts0, starts1, starts2, weights, e, row // N1, row % N1, u)


@njit(cache=True)
def invert(A):
    """Replace a diagonally dominant matrix by its inverse (Gauss-Jordan, no pivoting).

    Not by BLAS, whose threads would go on waiting for work beside those of these kernels.
    """
    n = A.shape[0]
    for k in range(n):
        scale = 1.0 / A[k, k]
        A[k, k] = 1.0
        for j in range(n):
            A[k, j] *= scale
        for i in range(n):
            if i == k:
                continue
            factor = A[i, k]
            if factor == 0.0:
                continue
            A[i, k] = 0.0
            for j in range(n):
                A[i, j] -= factor * A[k, j]
