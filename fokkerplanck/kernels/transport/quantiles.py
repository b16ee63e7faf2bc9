"""Monotone transport between two densities that are constant in the cells of a line.

Both distribution functions are piecewise linear, so the map between them is, with knots wherever
either has one. Masses are added up from both ends to the median: tails are accurate relative to
themselves, however small.
"""

from numba import njit


@njit(cache=True)
def _from_left(faces, half, p, q, x0, x1, y0, y1, mass):
    """Fill the pieces of the mass half on the left, from left to right; their number."""
    n, pieces = p.size, 0
    i, j, G, P, Q = 0, 0, 0.0, 0.0, 0.0  # cells, mass matched, masses left of the cells
    while half > G and i < n and j < n:
        if p[i] == 0.0 or P + p[i] <= G:
            P += p[i]
            i += 1
        elif q[j] == 0.0 or Q + q[j] <= G:
            Q += q[j]
            j += 1
        else:
            new = min(P + p[i], Q + q[j], half)
            x0[pieces] = faces[i] + (faces[i + 1] - faces[i]) * ((G - P) / p[i])
            y0[pieces] = faces[j] + (faces[j + 1] - faces[j]) * ((G - Q) / q[j])
            x1[pieces] = faces[i] + (faces[i + 1] - faces[i]) * min((new - P) / p[i], 1.0)
            y1[pieces] = faces[j] + (faces[j + 1] - faces[j]) * min((new - Q) / q[j], 1.0)
            mass[pieces] = new - G
            G = new
            pieces += 1
    return pieces


@njit(cache=True)
def match(faces, p, q, x0, x1, y0, y1, mass):
    """Fill the pieces of mass that go from [x0, x1] to [y0, y1], from left to right; their number.

    p, q: masses (n,) of one total; every output has room for 2 n + 2 pieces.
    """
    half = 0.5 * min(p.sum(), q.sum())
    start = _from_left(faces, half, p, q, x0, x1, y0, y1, mass)
    # The right half is the left one in a mirror.
    there, a, b = -faces[::-1].copy(), p[::-1].copy(), q[::-1].copy()
    end = start + _from_left(
        there, half, a, b, x1[start:], x0[start:], y1[start:], y0[start:], mass[start:]
    )
    for array in (x0, x1, y0, y1):
        array[start:end] = -array[start:end][::-1].copy()
    mass[start:end] = mass[start:end][::-1].copy()
    return end
