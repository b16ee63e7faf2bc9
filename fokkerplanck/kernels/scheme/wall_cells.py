"""Masses of cells and resistances between them, on lines that end at singular walls.

On a line with potential B (the integral of b/a), speed m = e^B/a and scale s = e^-B, all in logs:
mass M = int m of a cell, r+ = int s mu and r- = int s (1 - mu) with mu(y) = M(<y)/M. At a wall the
quadrature ends at a distance d, and powers m ~ d^(al-1), s ~ d^(sg-1) take over.
"""

import math

import numpy as np
from numba import njit

#: What a wall is: none of interest, plain, with u linear in int s M, absorbing, without density.
ORDINARY, PLAIN, SHAPED, ABSORBING, CLOSED = 0, 1, 2, 3, 4
#: Range of log m within a panel up to which polynomials tell its mass below a node.
SMOOTH = 3.0
#: Power laws beyond the last panel of a cell that has no wall: no mass.
NOTHING = (0.0, 0.0, math.inf, 0.0, 0.0, 0.0, 0.0)


@njit(cache=True)
def log_add(a, b):
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf or a == math.inf else a + math.log1p(math.exp(b - a))


@njit(cache=True)
def potential(ratio, width, inner, gauss, origin, B, ends):
    """Fill B (P, g) at the nodes and ends (P + 1) of panels; zero at the start of one of them."""
    panels, g = ratio.shape
    ends[origin] = 0.0
    for step in range(panels):
        p = origin + step if step < panels - origin else panels - 1 - step
        total = 0.0
        for j in range(g):
            total += gauss[j] * ratio[p, j]
        total *= width[p]
        if p >= origin:
            ends[p + 1] = ends[p] + total
        else:
            ends[p] = ends[p + 1] - total
        for j in range(g):
            part = 0.0
            for k in range(g):
                part += inner[j, k] * ratio[p, k]
            B[p, j] = ends[p] + width[p] * part


@njit(cache=True)
def shares(log_m, rule, cell, log_mass, ends, below, above):
    """Fill below and above: shares of a cell's mass on both sides of its nodes.

    ends: shares beyond the first and the last panel. Sums of positive numbers throughout.
    """
    width, inner, gauss = rule
    first, last = cell
    g = gauss.size
    m, q = np.empty(g), np.empty(last - first)
    for p in range(first, last):
        total, least, most = 0.0, math.inf, -math.inf
        for j in range(g):
            m[j] = width[p] * math.exp(log_m[p, j] - log_mass)
            total += gauss[j] * m[j]
            least, most = min(least, log_m[p, j]), max(most, log_m[p, j])
        q[p - first] = total
        done = 0.0
        for j in range(g):
            part = 0.0
            for k in range(g):
                part += inner[j, k] * m[k]
            half = 0.5 * gauss[j] * m[j]
            if most - least > SMOOTH or not 0.0 < part < total:
                below[p, j], above[p, j] = done + half, max(total - done - half, half)
            else:
                below[p, j], above[p, j] = part, total - part
            done += 2 * half
    left, right = ends
    for p in range(first, last):
        for j in range(g):
            below[p, j] += left
        left += q[p - first]
    for p in range(last - 1, first - 1, -1):
        for j in range(g):
            above[p, j] += right
        right += q[p - first]


@njit(cache=True)
def absorbed(log_m, log_s, x, rule, cell, is_lower, tail):
    """Logs of N, N2 and of the scale across, and the centroid, for u ~ S - S_w in a wall cell.

    N = int m (S - S_w) and N2 = int m (S - S_w)^2.
    """
    width, inner, gauss = rule
    tail_m, tail_s, al, sg, depth, wall, _ = tail
    log_w = tail_s - math.log(sg)
    top_m, top_s = tail_m, log_w
    for p in range(cell[0], cell[1]):
        for j in range(gauss.size):
            top_m = max(top_m, log_m[p, j])
            top_s = max(top_s, log_s[p, j])
    S, inside = math.exp(log_w - top_s), np.empty(gauss.size)
    m, side = math.exp(tail_m - top_m), 1.0 if is_lower else -1.0
    n1, n2 = m * S / (sg + al), m * S * S / (2 * sg + al)
    first = n1 * (wall + side * depth * (al + sg) / (al + sg + 1))
    for step in range(cell[1] - cell[0]):
        p = cell[0] + step if is_lower else cell[1] - 1 - step
        total = 0.0
        for j in range(gauss.size):
            total += gauss[j] * math.exp(log_s[p, j] - top_s)
        for j in range(gauss.size):
            part = 0.0
            for k in range(gauss.size):
                part += inner[j, k] * math.exp(log_s[p, k] - top_s)
            part = min(max(part, 0.0), total)
            inside[j] = part if is_lower else total - part
        for j in range(gauss.size):
            reach = S + width[p] * inside[j]
            m = width[p] * gauss[j] * math.exp(log_m[p, j] - top_m)
            n1 += m * reach
            n2 += m * reach * reach
            first += m * reach * x[p, j]
        S += width[p] * total
    top = top_m + top_s
    return math.log(n1) + top, math.log(n2) + top + top_s, math.log(S) + top_s, first / n1


@njit(cache=True)
def tail_terms(log_mass, tail, k):
    """Logs of what the last bit of a cell at a wall adds to r inwards, and to r to the wall.

    k: how many powers of the mass beyond a point the first of them has.
    """
    tail_m, tail_s, al, sg, _, _, tol = tail
    if math.isinf(al):
        return -math.inf, math.inf
    share, power = tail_m - math.log(al) - log_mass, sg + k * al
    near = tail_s + k * share - math.log(power) if power > tol else math.inf
    if sg <= tol:
        return near, math.inf
    return near, tail_s + math.log(1 / sg - math.exp(share) / (sg + al))


@njit(cache=True)
def resistances(log_s, rule, cell, below, above, base_lower, base_upper):
    """Logs of r+ and r- of a cell from its nodes.

    base_lower, base_upper: mass between a wall and the cell, over that of the cell, where u is
    linear in the integral of s M from that wall; -1 where it is not.
    """
    width, _, gauss = rule
    up = down = -math.inf
    for p in range(cell[0], cell[1]):
        for j in range(gauss.size):
            s = log_s[p, j] + math.log(width[p] * gauss[j])
            plus, minus = below[p, j], above[p, j]
            if base_lower >= 0:
                far = base_lower + below[p, j]
                plus *= far / (base_lower + 1)
                minus *= far / base_lower if base_lower > 0 else 1.0
            elif base_upper >= 0:
                far = base_upper + above[p, j]
                minus *= far / (base_upper + 1)
                plus *= far / base_upper if base_upper > 0 else 1.0
            if plus > 0:
                up = log_add(up, s + math.log(plus))
            if minus > 0:
                down = log_add(down, s + math.log(minus))
    return up, down


@njit(cache=True)
def centroid(log_m, x, rule, cell, log_mass, is_lower, tail):
    """Mean place of the mass of a cell, with what lies beyond its last panel at a wall."""
    width, _, gauss = rule
    tail_m, _, al, _, depth, wall, _ = tail
    total = 0.0
    for p in range(cell[0], cell[1]):
        for j in range(gauss.size):
            total += width[p] * gauss[j] * math.exp(log_m[p, j] - log_mass) * x[p, j]
    if not math.isinf(al):
        side = 1.0 if is_lower else -1.0
        share = math.exp(tail_m - math.log(al) - log_mass)
        total += share * (wall + side * depth * al / (al + 1))
    return total


@njit(cache=True)
def masses(log_m, rule, first, log_mass):
    """Fill the log masses of cells without what lies beyond the last panels at walls."""
    width, _, gauss = rule
    for c in range(log_mass.size):
        log_mass[c] = -math.inf
        for p in range(first[c], first[c + 1]):
            for j in range(gauss.size):
                log_mass[c] = log_add(log_mass[c], log_m[p, j] + math.log(width[p] * gauss[j]))


@njit(cache=True)
def wall_tail(w, ends, powers, i, depth, walls, tol):
    """Numbers of the power laws at wall w of line i: logs of m d and s d, al, sg, d, wall, tol."""
    al, sg, log_noise = powers
    end = ends[0] if w == 0 else ends[-1]
    step = math.log(depth[w])
    tail_m, tail_s = end - log_noise[i, w] + step, -end + step
    return tail_m, tail_s, al[i, w], sg[i, w], depth[w], walls[w], tol


@njit(cache=True)
def cell_resistances(log_m, log_s, rule, cell, M, what, is_lower, tail, bases, below, above):
    """Logs of r+ and r- of a cell, with what lies beyond its last panel; bases as above."""
    beyond = 0.0
    if what != ORDINARY and not math.isinf(tail[2]):
        beyond = math.exp(tail[0] - math.log(tail[2]) - M)
    ends = (beyond, 0.0) if is_lower else (0.0, beyond)
    shares(log_m, rule, cell, M, ends, below, above)
    plus, minus = resistances(log_s, rule, cell, below, above, bases[0], bases[1])
    if what != ORDINARY:
        inwards, reach = tail_terms(M, tail, 2 if what == SHAPED else 1)
        more = (inwards, reach) if is_lower else (reach, inwards)
        plus, minus = log_add(plus, more[0]), log_add(minus, more[1])
    return plus, minus


@njit(cache=True)
def walled_lines(ratio, log_a, x, rule, first, near, mode, powers, depth, walls, tol, out):
    """Fill masses, resistances, rates out and centroids of lines.

    ratio, log_a (L, P, g): b/a and log a at nodes x (P, g) of panels; cell c has the panels
    first[c]:first[c + 1]. rule: widths (P,), matrix of inner integrals (g, g), weights (g,).
    mode (L, 2) of both walls (2,), with powers (al, sg, log a, each (L, 2)) below the depths (2,).
    near: cells with u linear in int s M, and whose centroids are told. out: logs of M, r+, r-
    (L, n) and of rates out (L, 2), centroids (L, n), B across the box (L,).
    """
    log_mass, up, down, leave, place, turn = out
    lines, panels, g = ratio.shape
    n = first.size - 1
    log_s, log_m, ends = np.empty((panels, g)), np.empty((panels, g)), np.empty(panels + 1)
    below, above = np.empty((panels, g)), np.empty((panels, g))
    bases, mass_from = np.empty(2), np.empty(2)
    for i in range(lines):
        potential(ratio[i], rule[0], rule[1], rule[2], first[1], log_s, ends)
        turn[i] = ends[panels] - ends[0]
        log_m[:] = log_s - log_a[i]
        log_s[:] = -log_s
        M = log_mass[i]
        masses(log_m, rule, first, M)
        tails = (
            wall_tail(0, ends, powers, i, depth, walls, tol),
            wall_tail(1, ends, powers, i, depth, walls, tol),
        )
        for w, c in ((0, 0), (1, n - 1)):
            tail, cell = tails[w], (first[c], first[c + 1])
            if mode[i, w] == CLOSED:
                M[c] = math.inf
            elif mode[i, w] == ABSORBING:
                N, N2, far, place[i, c] = absorbed(log_m, log_s, x, rule, cell, w == 0, tail)
                M[c], leave[i, w] = 2 * N - N2, -N
                up[i, c] = down[i, c] = far + math.log1p(-math.exp(N2 - N - far))
            elif mode[i, w] != ORDINARY:
                if not math.isinf(tail[2]):
                    M[c] = log_add(M[c], tail[0] - math.log(tail[2]))
                for step in range(near):
                    p = c + step if w == 0 else c - step
                    end, cell = tail if step == 0 else NOTHING, (first[p], first[p + 1])
                    if M[p] > -math.inf:
                        place[i, p] = centroid(log_m, x, rule, cell, M[p], w == 0, end)
        mass_from[:] = -math.inf
        for step in range(2 * n):  # upwards for what leans on the lower wall, then downwards
            c = step if step < n else 2 * n - 1 - step
            shaped = mode[i, 0] == SHAPED and c < near, mode[i, 1] == SHAPED and c >= n - near
            w = 0 if c == 0 else 1
            what = mode[i, w] if c == 0 or c == n - 1 else ORDINARY
            if (step < n) == shaped[1] or what in (ABSORBING, CLOSED):
                continue
            cell = first[c], first[c + 1]
            for v in range(2):
                bases[v] = math.exp(mass_from[v] - M[c]) if shaped[v] else -1.0
                if shaped[v]:
                    mass_from[v] = log_add(mass_from[v], M[c])
            up[i, c], down[i, c] = cell_resistances(
                log_m, log_s, rule, cell, M[c], what, w == 0, tails[w], bases, below, above
            )
            if what == ORDINARY and shaped[0] and c == near - 1:
                up[i, c] = resistances(log_s, rule, cell, below, above, -1.0, -1.0)[0]
            elif what == ORDINARY and shaped[1] and c == n - near:
                down[i, c] = resistances(log_s, rule, cell, below, above, -1.0, -1.0)[1]
