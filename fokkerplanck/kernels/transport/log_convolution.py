r"""Gaussian convolution of logarithms along one axis, the hot loop of entropic transport.

.. math:: (Kg)_x = \log\sum_y \exp\Big(g_y - \frac{(x-y)^2}{2 r^2}\Big) - \log(r\sqrt{2\pi})

x and y run over the cells of a line, r is the width in cells. Entries are accurate relative to
themselves, however far down: terms within e^-CUT of the largest are kept, whatever their distance.

A line is worked on in blocks of BLOCK cells. The terms that matter for a block lie in a window: for
quadratic cost its ends never move left as x moves right (the largest term does not, by Monge's
condition, and what e^-CUT below it on the left stays so), so pointers find all windows of a line in
one pass. In the frame of the two centres X, Y the kernel splits,

    (x - y)^2 = (X - Y)^2 + 2 (X - Y)(i - j) + (i - j)^2,    x = X + i, y = Y + j,

so that the window is tilted by (X - Y) j / r^2, exponentiated once, and multiplied by a short
table e^(-(i - j)^2 / 2 r^2) in plain numbers. Windows too wide for doubles go term by term.
"""

import math

import numpy as np
from numba import njit, prange

#: Cells of a block.
BLOCK = 16
#: Lines gathered side by side where cells of a line are not neighbours in memory.
SIDE = 8
#: Terms below e^-CUT of the largest are left out; e^-40 is 4e-18, below rounding.
CUT = 40.0
#: Largest exponent of the table; doubles hold 745.
RANGE = 600.0
#: What stands for the logarithm of zero.
LEAST = -1e30

LOG2E = 1.4426950408889634
#: log 2 in two parts: products of the first with whole numbers below 2^20 are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
#: 1.5 * 2^52: adding it rounds to a whole number, which stands in the low bits.
SHIFT = 6755399441055744.0
#: The upper bits of SHIFT.
SHIFT_BITS = 0x4338000000000000
#: The number 1.0 in bits.
ONE_BITS = 1023 << 52
#: The bits of a double that hold its fraction.
FRACTION_BITS = (1 << 52) - 1


@njit(cache=True)
def _exponentials(x, t, bits, n):
    """Overwrite x[:n] <= 0 by its exponentials; bits is t seen as integers. Runs in vectors.

    In whole blocks, so up to BLOCK - 1 entries beyond n too: what is left over would not.
    """
    n = (n + BLOCK - 1) // BLOCK * BLOCK
    for j in range(n):
        v = x[j]
        v = v if v > -708.0 else -708.0
        x[j] = v
        t[j] = v * LOG2E + SHIFT
    for j in range(n):
        k = t[j] - SHIFT
        v = (x[j] - k * LN2_HIGH) - k * LN2_LOW
        p = 1.0 / 479001600.0
        p = p * v + 1.0 / 39916800.0
        p = p * v + 1.0 / 3628800.0
        p = p * v + 1.0 / 362880.0
        p = p * v + 1.0 / 40320.0
        p = p * v + 1.0 / 5040.0
        p = p * v + 1.0 / 720.0
        p = p * v + 1.0 / 120.0
        p = p * v + 1.0 / 24.0
        p = p * v + 1.0 / 6.0
        p = p * v + 0.5
        p = p * v + 1.0
        x[j] = p * v + 1.0
    for j in range(n):
        bits[j] = (bits[j] << 52) + ONE_BITS
    for j in range(n):
        x[j] *= t[j]


# The numpy model of errors: the check for division by zero would keep the loop out of vectors.
@njit(cache=True, error_model="numpy")
def _logarithms(s, t, bits, u, v_bits, n):
    """Overwrite s[:n], positive and normal, by its logarithms; bits is t as integers, v_bits u.

    n is a multiple of BLOCK.
    """
    for i in range(n):
        t[i] = s[i]
    for i in range(n):
        k = bits[i]
        bits[i] = (k & FRACTION_BITS) | ONE_BITS
        v_bits[i] = (k >> 52) + SHIFT_BITS
    for i in range(n):
        m, k = t[i], u[i] - SHIFT - 1023.0
        large = m > 1.4142135623730951
        m = 0.5 * m if large else m
        k = k + 1.0 if large else k
        v = (m - 1.0) / (m + 1.0)
        q = v * v
        p = 1.0 / 21.0
        p = p * q + 1.0 / 19.0
        p = p * q + 1.0 / 17.0
        p = p * q + 1.0 / 15.0
        p = p * q + 1.0 / 13.0
        p = p * q + 1.0 / 11.0
        p = p * q + 1.0 / 9.0
        p = p * q + 1.0 / 7.0
        p = p * q + 1.0 / 5.0
        p = p * q + 1.0 / 3.0
        s[i] = k * LN2_HIGH + (2.0 * v + (2.0 * v * (q * p) + k * LN2_LOW))


@njit(cache=True)
def _term(g, x, y, steep):
    """Exponent of the term y of the sum for x; steep = 1 / (2 r^2)."""
    return g[y] - (x - y) * (x - y) * steep


@njit(cache=True)
def _windows(g, first, n, steep, lo, hi, top):
    """Fill the first and last cell that matter for each block of the n cells from first on.

    Nodes are the first cells of the blocks, and one cell more. A lower bound of the largest term
    is enough; it is found by climbing from the last node's, from both sides.
    """
    size = g.size
    nodes = (n + BLOCK - 1) // BLOCK + 1
    y = size - 1
    for b in range(nodes - 1, -1, -1):
        x = first + min(b * BLOCK, n - 1)
        while y > 0 and _term(g, x, y - 1, steep) >= _term(g, x, y, steep):
            y -= 1
        top[b] = _term(g, x, y, steep)
    y, left = 0, 0
    for b in range(nodes):
        x = first + min(b * BLOCK, n - 1)
        while y < size - 1 and _term(g, x, y + 1, steep) >= _term(g, x, y, steep):
            y += 1
        top[b] = max(top[b], _term(g, x, y, steep), _term(g, x, x, steep))
        while left < size - 1 and _term(g, x, left, steep) < top[b] - CUT:
            left += 1
        lo[b] = left
    right = size - 1
    for b in range(nodes - 1, 0, -1):
        x = first + min(b * BLOCK, n - 1)
        while right > 0 and _term(g, x, right, steep) < top[b] - CUT:
            right -= 1
        hi[b - 1] = right


@njit(cache=True)
def _one_by_one(g, x, lo, hi, steep, e, t, bits):
    """Logarithm of the sum for one x, term by term."""
    top = -np.inf
    for y in range(lo, hi + 1):
        top = max(top, _term(g, x, y, steep))
    for y in range(lo, hi + 1):
        e[y - lo] = _term(g, x, y, steep) - top
    _exponentials(e, t, bits, hi + 1 - lo)
    total = 0.0
    for y in range(hi + 1 - lo):
        total += e[y]
    return top + math.log(total)


@njit(cache=True)
def _largest(e, n):
    """Largest of e[:n]; four at a time, because each comparison waits for the one before."""
    a = b = c = d = e[0]
    j = 0
    while j + 4 <= n:
        a = e[j] if e[j] > a else a
        b = e[j + 1] if e[j + 1] > b else b
        c = e[j + 2] if e[j + 2] > c else c
        d = e[j + 3] if e[j + 3] > d else d
        j += 4
    while j < n:
        a = e[j] if e[j] > a else a
        j += 1
    return max(max(a, b), max(c, d))


@njit(cache=True)
def _tilt(window, first, tilt, steps, e):
    """Fill e with the tilted window less its largest value, which is returned.

    ``steps`` holds 0.0, 1.0, ...: whole numbers are not turned into floats in vectors.
    """
    size = window.size
    for j in range(size):
        e[j] = window[j] + (first + tilt * steps[j])
    top = _largest(e, size)
    for j in range(size):
        e[j] -= top
    return top


@njit(cache=True)
def _multiply(e, at, table, s):
    """Fill s[i] = sum_j e[j] table[at - j + i], i < BLOCK, four terms at a time."""
    for i in range(BLOCK):
        s[i] = 0.0
    size, j = e.size, 0
    while j + 4 <= size:
        a, b, c, d = e[j], e[j + 1], e[j + 2], e[j + 3]
        k0, k1 = table[at - j : at - j + BLOCK], table[at - j - 1 : at - j - 1 + BLOCK]
        k2, k3 = table[at - j - 2 : at - j - 2 + BLOCK], table[at - j - 3 : at - j - 3 + BLOCK]
        for i in range(BLOCK):
            s[i] += (a * k0[i] + b * k1[i]) + (c * k2[i] + d * k3[i])
        j += 4
    while j < size:
        k0 = table[at - j : at - j + BLOCK]
        for i in range(BLOCK):
            s[i] += e[j] * k0[i]
        j += 1


@njit(cache=True)
def _line(g, first, n, r, table, lo, hi, top, steps, e, t, bits, s, u, v_bits, out):
    """Fill out[:n] with the convolution at the cells first <= x < first + n of the line g.

    All windows of the line are exponentiated at once, and so are the logarithms of its sums.
    """
    steep, constant = 0.5 / (r * r), math.log(r * math.sqrt(2 * math.pi))
    _windows(g, first, n, steep, lo, hi, top)
    blocks, half, middle = (n + BLOCK - 1) // BLOCK, BLOCK // 2, table.size // 2
    widest = min(math.floor(math.sqrt(RANGE / steep)), middle - BLOCK) - half - 1
    at = 0
    for b in range(blocks):
        size = hi[b] + 1 - lo[b]
        if size // 2 <= widest:
            Y = lo[b] + size // 2
            tilt = 2.0 * steep * (first + b * BLOCK + half - Y)
            window = g[lo[b] : hi[b] + 1]
            top[b] = _tilt(window, tilt * (lo[b] - Y), tilt, steps, e[at : at + size])
            at += size
    _exponentials(e, t, bits, at)
    at = 0
    for b in range(blocks):
        size, sums = hi[b] + 1 - lo[b], s[b * BLOCK : (b + 1) * BLOCK]
        if size // 2 <= widest:  # the table's index for the first x and y: (x - X) - (y - Y)
            _multiply(e[at : at + size], middle - half + size // 2, table, sums)
            at += size
        else:
            sums[:] = 1.0
    _logarithms(s, t, bits, u, v_bits, blocks * BLOCK)
    for b in range(blocks):
        size, x0 = hi[b] + 1 - lo[b], first + b * BLOCK
        count = min(BLOCK, n - b * BLOCK)
        results, sums = out[b * BLOCK : b * BLOCK + count], s[b * BLOCK : b * BLOCK + count]
        if size // 2 <= widest:
            shift = x0 + half - lo[b] - size // 2
            tilt = 2.0 * steep * shift
            offset = top[b] - shift * shift * steep - constant + tilt * half
            for i in range(count):
                results[i] = sums[i] + (offset - tilt * steps[i])
        else:
            for i in range(count):
                value = _one_by_one(g, x0 + i, lo[b], hi[b], steep, e, t, bits)
                results[i] = value - constant


@njit(cache=True)
def _gather(values, o, i0, side, ring, lines):
    """Copy lines (o, i0), (o, i0 + 1), ... next to each other, three times along a ring."""
    n = values.shape[1]
    for x in range(n):
        for k in range(side):
            v = values[o, x, i0 + k]
            lines[k, x] = v if v > LEAST else LEAST
    if ring:
        for k in range(side):
            for x in range(n):
                lines[k, n + x] = lines[k, x]
                lines[k, 2 * n + x] = lines[k, x]


@njit(cache=True)
def convolve(part, parts, r, ring, table, values, out):
    """Fill out = K values along the middle axis of (outer, n, inner), for one part of the lines.

    ``ring``: the axis is periodic, distances go around. ``table`` is from :func:`gaussian_table`.
    """
    outer, n, inner = values.shape
    groups = (inner + SIDE - 1) // SIDE
    size = 3 * n if ring else n
    blocks = (n + BLOCK - 1) // BLOCK
    lo, hi, top = np.empty(blocks + 1, np.int64), np.empty(blocks, np.int64), np.empty(blocks + 1)
    lines, results = np.empty((SIDE, size)), np.empty((SIDE, n))
    # Windows of all blocks of a line, each less wide than the table.
    room = max(blocks * min(size, table.size), blocks * BLOCK, size) + BLOCK
    steps, s, e = np.arange(room).astype(np.float64), np.empty(blocks * BLOCK), np.zeros(room)
    t, u = np.empty(room), np.empty(blocks * BLOCK)
    bits, v_bits = t.view(np.int64), u.view(np.int64)
    total = outer * groups
    for group in range(part * total // parts, (part + 1) * total // parts):
        o, i0 = group // groups, group % groups * SIDE
        side = min(SIDE, inner - i0)
        _gather(values, o, i0, side, ring, lines)
        for k in range(side):
            g, start = lines[k], n if ring else 0
            _line(g, start, n, r, table, lo, hi, top, steps, e, t, bits, s, u, v_bits, results[k])
        for x in range(n):
            for k in range(side):
                out[o, x, i0 + k] = results[k, x]


@njit(cache=True, parallel=True)
def convolve_threads(parts, r, ring, table, values, out):
    """Fill out = K values along the middle axis, in parallel."""
    for part in prange(parts):
        convolve(part, parts, r, ring, table, values, out)


def gaussian_table(r):
    """Numbers e^(-k^2 / 2 r^2) for whole k, k = 0 in the middle, as far as doubles go."""
    reach = int(r * math.sqrt(2 * RANGE)) + BLOCK + 1
    k = np.arange(-reach, reach + 1)
    return np.exp(-np.minimum(k**2 / (2 * r * r), 740.0))
