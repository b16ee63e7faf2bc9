"""Tridiagonal solves along all lines of one axis of a box, for directional splitting.

A rational function of the part of the generator along the axis, sum_j b_j (I - c A)^-j, is applied
to every line: blocks of lines are copied side by side, factorised by elimination without any
subtraction (pivots are sums of rates: Grassmann, Taksar and Heyman, Oper. Res. 33, 1985), so that
mass is kept to rounding for any c, and solved once for every power.
"""

import numpy as np
from numba import njit, prange


@njit(cache=True)
def _factor(c, ring, u, d, e, f, g, w, h, k, scratch):
    """Fill the factors of I - c A, (n, lines) each, from rates up, down and out, likewise.

    f and h are the chances to be passed on to the next cell and, on a ring, to the last one; g are
    inverse pivots; w and k bring back the next and the last value. scratch (4, lines).
    """
    n, lines = u.shape
    rest, to, frm, closing = scratch
    for j in range(lines):
        rest[j] = 1.0 + c * e[0, j]
        closing[j] = 1.0 + c * e[n - 1, j]
        to[j] = c * d[n - 1, j]
        frm[j] = c * u[n - 1, j]
    for i in range(n - 1):
        if i > 0:  # what flows back to the eliminated cell i - 1 leaves as its mass does
            for j in range(lines):
                rest[j] = 1.0 + c * e[i, j] + c * d[i - 1, j] * (rest[j] * g[i - 1, j])
        if i > 0 and ring:
            for j in range(lines):
                to[j] = c * d[i - 1, j] * h[i - 1, j]
                frm[j] = frm[j] * f[i - 1, j]
        for j in range(lines):
            pivot = 1.0 / (rest[j] + c * u[i, j] + to[j])
            g[i, j] = pivot
            f[i, j] = c * u[i, j] * pivot
            w[i, j] = c * d[i, j] * pivot
        if ring:
            for j in range(lines):
                h[i, j] = to[j] * g[i, j]
                k[i, j] = frm[j] * g[i, j]
                closing[j] += frm[j] * (rest[j] * g[i, j])
    for j in range(lines):
        if n > 1:
            closing[j] += c * d[n - 2, j] * (rest[j] * g[n - 2, j])
        g[n - 1, j] = 1.0 / closing[j]


@njit(cache=True)
def _solve(ring, f, g, w, h, k, x):
    """Overwrite the right sides x (n, lines) by the solutions."""
    n, lines = x.shape
    for i in range(1, n):
        for j in range(lines):
            x[i, j] += f[i - 1, j] * x[i - 1, j]
    if ring:
        for i in range(n - 1):
            for j in range(lines):
                x[n - 1, j] += h[i, j] * x[i, j]
    for j in range(lines):
        x[n - 1, j] *= g[n - 1, j]
    for i in range(n - 2, -1, -1):
        for j in range(lines):
            x[i, j] = x[i, j] * g[i, j] + w[i, j] * x[i + 1, j]
        if ring:
            for j in range(lines):
                x[i, j] += k[i, j] * x[n - 1, j]


@njit(cache=True)
def _load(n, inner, start, a, block):
    """Copy the lines from a flat index on into the columns of a block (n, lines)."""
    lines = block.shape[1]
    if inner == 1:
        for j in range(lines):
            line = a[start + j * n : start + (j + 1) * n]
            for i in range(n):
                block[i, j] = line[i]
    else:
        for i in range(n):
            block[i] = a[start + i * inner : start + i * inner + lines]


@njit(cache=True)
def _store(n, inner, start, block, a):
    """Copy the columns of a block back."""
    lines = block.shape[1]
    if inner == 1:
        for j in range(lines):
            line = a[start + j * n : start + (j + 1) * n]
            for i in range(n):
                line[i] = block[i, j]
    else:
        for i in range(n):
            a[start + i * inner : start + i * inner + lines] = block[i]


@njit(cache=True, parallel=True)
def along_lines(width, n, inner, ring, c, weights, up, down, exits, p):
    """Overwrite p by sum_j weights[j] (I - c A)^-(j + 1) p, A the generator along one axis.

    All arrays are flat; cells of a line are ``inner`` apart, n of them. up, down: rates from a cell
    to the next and back, on a ring from the last to the first, else zero there. exits: rates out,
    or of size zero. ``width`` lines are worked on side by side.
    """
    # Lines whose cells lie side by side in memory: all of them for the last axis, else ``inner``.
    group = p.size // n if inner == 1 else inner
    parts = (group + width - 1) // width
    for b in prange(p.size // (n * group) * parts):
        at = b % parts * width
        start = at * n if inner == 1 else b // parts * n * inner + at
        count = min(width, group - at)
        work = np.empty((10, n, count))
        u, d, e, f, g, w, h, k, x, total = work
        _load(n, inner, start, up, u)
        _load(n, inner, start, down, d)
        if exits.size:
            _load(n, inner, start, exits, e)
        else:
            e[:] = 0.0
        _load(n, inner, start, p, x)
        _factor(c, ring, u, d, e, f, g, w, h, k, np.empty((4, count)))
        total[:] = 0.0
        for weight in weights:
            _solve(ring, f, g, w, h, k, x)
            for i in range(n):
                for j in range(count):
                    total[i, j] += weight * x[i, j]
        _store(n, inner, start, total, p)
