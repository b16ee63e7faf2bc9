"""Products with a generator that joins nearest neighbours of a box, without indices.

A level is one product; several levels go through the box in one sweep, each a row behind the one
before, so that rates and masses come from memory once for all of them. Every cell gathers the
currents of its faces, and both cells of a face compute the same two rounded products: mass moves
without being made. The bits do not depend on the number of tiles or levels a sweep.
Wavefront and trapezoids: Wellein et al., COMPSAC (2009); Wonnacott, IPDPS (2000).

Layout: cells (n0, m), rows of m = n1 n2 cells; up[k] and down[k], (axes, n0, m), are the rates from
a cell to the next one along an axis and back, zero where there is no face (the last cell of an axis
that is not periodic). exits (n0, m), or of size zero, are rates out of the box.
"""

import numpy as np
from numba import njit, prange

#: Numbers between the scratch rows of two threads: no cache line is shared.
PADDING = 64


@njit(cache=True)
def _across(up_before, down_before, up, down, before, p, after, gain):
    """Add the currents through the faces to the lines before and after a line."""
    for j in range(p.size):
        gain[j] += (up_before[j] * before[j] - down_before[j] * p[j]) - (
            up[j] * p[j] - down[j] * after[j]
        )


@njit(cache=True)
def _along(up, down, p, gain):
    """Add the currents along one line, closed to a ring."""
    n = p.size
    if n == 1:
        return
    wrap = up[n - 1] * p[n - 1] - down[n - 1] * p[0]
    gain[0] += wrap - (up[0] * p[0] - down[0] * p[1])
    for j in range(1, n - 1):
        gain[j] += (up[j - 1] * p[j - 1] - down[j - 1] * p[j]) - (up[j] * p[j] - down[j] * p[j + 1])
    gain[n - 1] += (up[n - 2] * p[n - 2] - down[n - 2] * p[n - 1]) - wrap


@njit(cache=True)
def _gain(i, ring, n1, up, down, exits, p, gain):
    """Fill gain (m,) with the net currents into row i of p (n0, m)."""
    n0, m = p.shape
    last = up.shape[0] - 1
    row = p[i]
    if exits.size:
        for j in range(m):
            gain[j] = -exits[i, j] * row[j]
    else:
        gain[:] = 0.0
    if n0 > 1:
        b, a = (i - 1) % n0, (i + 1) % n0
        # Beyond a wall the rates are zero, so that any row will do: this one, since another thread
        # may be writing to the row at that index.
        before = p[b] if ring or i > 0 else row
        after = p[a] if ring or i < n0 - 1 else row
        _across(up[0, b], down[0, b], up[0, i], down[0, i], before, row, after, gain)
    n2 = m // n1
    for line in range(n1):
        lo, hi = line * n2, (line + 1) * n2
        _along(up[last, i, lo:hi], down[last, i, lo:hi], row[lo:hi], gain[lo:hi])
        if n1 > 1:
            b, a = (line - 1) % n1 * n2, (line + 1) % n1 * n2
            _across(
                up[1, i, b : b + n2], down[1, i, b : b + n2], up[1, i, lo:hi], down[1, i, lo:hi],
                row[b : b + n2], row[lo:hi], row[a : a + n2], gain[lo:hi],
            )  # fmt: skip


@njit(cache=True)
def _row(i, level, ring, n1, up, down, exits, masses, rest, total, weight, gain):
    """Fill row i of a level, from the two levels before, and add weight times it to total."""
    p, q = masses[(level - 1) % 2], masses[level % 2]
    _gain(i, ring, n1, up, down, exits, p, gain)
    row, new, sums = p[i], q[i], total[i]
    if rest.size:
        # Two-sum (Knuth): s + remainder is row + y without any rounding.
        old_rest, new_rest = rest[(level - 1) % 2, i], rest[level % 2, i]
        for j in range(row.size):
            y = old_rest[j] + gain[j]
            s = row[j] + y
            v = s - row[j]
            new_rest[j] = (row[j] - (s - v)) + (y - v)
            gain[j] = s
        new[:] = gain
    else:
        # T' = 2 T - T'' + gain, in the order that loses nothing where T and T'' are close.
        for j in range(row.size):
            new[j] = row[j] + ((row[j] - new[j]) + gain[j])
    for j in range(row.size):
        sums[j] += weight * new[j]


@njit(cache=True)
def _tile(t, tiles, level, ring, n1, up, down, exits, masses, rest, total, weights, gain):
    """Levels in one sweep through a tile of rows, which loses a row a level at inner ends."""
    n0, depth = masses.shape[1], weights.size
    lo, hi = t * n0 // tiles, (t + 1) * n0 // tiles
    from_lo, from_hi = int(ring or t > 0), int(ring or t < tiles - 1)
    for front in range(lo, hi + depth):
        for s in range(depth):
            if lo + s * from_lo <= front - s < hi - s * from_hi:
                _row(
                    front - s, level + s + 1, ring, n1, up, down, exits,
                    masses, rest, total, weights[s], gain,
                )  # fmt: skip


@njit(cache=True)
def _gap(t, tiles, level, ring, n1, up, down, exits, masses, rest, total, weights, gain):
    """Rows on both sides of the start of tile t that the tiles left out, level by level."""
    n0 = masses.shape[1]
    start = t * n0 // tiles
    for s in range(1, weights.size):
        for i in range(start - s, start + s):
            _row(
                i % n0, level + s + 1, ring, n1, up, down, exits,
                masses, rest, total, weights[s], gain,
            )  # fmt: skip


@njit(cache=True, parallel=True)
def sweeps(tiles, depth, level, ring, n1, up, down, exits, masses, rest, total, weights):
    """Advance masses (2, n0, m) by a level for every weight and add the weighted levels to total.

    Level l lies in masses[l % 2]; the last one known is ``level``. With rest (2, n0, m), what
    rounding left of each level, a level is p + gain, the uniformised chain; with rest of size zero
    it is 2 p - (the one before) + gain, the recurrence of Chebyshev polynomials. depth levels make
    a sweep and tiles run in parallel; 2 depth tiles rows are needed on a ring or in several tiles.
    """
    m = masses.shape[2]
    gains = np.empty((tiles, m + PADDING))
    for k in range((weights.size + depth - 1) // depth):
        done = k * depth
        part = weights[done : done + depth]
        for t in prange(tiles):
            _tile(
                t, tiles, level + done, ring, n1, up, down, exits,
                masses, rest, total, part, gains[t, :m],
            )  # fmt: skip
        for t in prange(0 if ring else 1, tiles):
            _gap(
                t, tiles, level + done, ring, n1, up, down, exits,
                masses, rest, total, part, gains[t, :m],
            )  # fmt: skip
