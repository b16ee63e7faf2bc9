"""Monotone transport between two densities that are constant in the cells of a line.

Both distribution functions are piecewise linear, so the map between them is, with knots wherever
either has one. Masses are added up from both ends to the median: tails are accurate relative to
themselves, however small.
"""

from numba import njit


@njit(cache=True)
def match(faces, p, q, x0, x1, y0, y1, mass):
    """Fill the pieces of mass that go from [x0, x1] to [y0, y1], from left to right; their number.

    p, q: masses (n,) of one total; every output has room for 2 n + 2 pieces.
    """
    n = p.size
    half = 0.5 * min(p.sum(), q.sum())
    pieces = 0
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
    start = pieces
    i, j, G, P, Q = n - 1, n - 1, 0.0, 0.0, 0.0
    while half > G and i >= 0 and j >= 0:
        if p[i] == 0.0 or P + p[i] <= G:
            P += p[i]
            i -= 1
        elif q[j] == 0.0 or Q + q[j] <= G:
            Q += q[j]
            j -= 1
        else:
            new = min(P + p[i], Q + q[j], half)
            x1[pieces] = faces[i + 1] - (faces[i + 1] - faces[i]) * ((G - P) / p[i])
            y1[pieces] = faces[j + 1] - (faces[j + 1] - faces[j]) * ((G - Q) / q[j])
            x0[pieces] = faces[i + 1] - (faces[i + 1] - faces[i]) * min((new - P) / p[i], 1.0)
            y0[pieces] = faces[j + 1] - (faces[j + 1] - faces[j]) * min((new - Q) / q[j], 1.0)
            mass[pieces] = new - G
            G = new
            pieces += 1
    for array in (x0, x1, y0, y1, mass):
        array[start:pieces] = array[start:pieces][::-1].copy()
    return pieces
