"""JKO steps on a line with the exact Wasserstein distance: Newton's method on face masses.

Old and new density are constant in cells, so the monotone map T from new to old is piecewise
linear with knots at the images of all faces. What Newton's method needs of it are three moments
per new cell, with s in [0, 1] the place in the cell: the integrals of 1, s and s^2 over dT. Empty
old cells are jumps of T and need no care, since only lengths of T enter, no old densities.
Sums of masses run from both ends to the median: tails are accurate relative to themselves.
The linear systems have positive row sums; they are solved from both ends by elimination that keeps
these instead of the diagonal and never subtracts (Grassmann, Taksar and Heyman, Oper. Res. 33,
1985), since neighbouring entries may differ by a hundred orders of magnitude.
"""

import math

import numpy as np
from numba import njit

#: Smallest mass of a cell, the total being 1.
TINY = 1e-130
#: Masses that are smaller than this before and after a step may change as they like.
SEEN = 1e-30
#: Relative change of a mass from which on a step is checked for going too far.
LONG = 0.5
#: A step went too far if the derivative along it has changed sign and is larger than this part of
#: the one at its start.
OVERSHOOT = 0.9
#: Smallest part of a step that is tried.
SHORTEST = 1e-3
#: Newton's method is slow if the mass that moves is more than this part of what moved before.
SLOW = 0.7
#: Steps that move less mass than this are not checked: their slopes are rounding.
NOISE = 1e-11
#: Rise of the relative entropy that is rounding.
LOSS = 1e-12
#: If no more mass than this moves, only far tails have not converged yet,
SETTLED = 1e-13
#: and the method ends after this many iterations.
PATIENCE = 12


@njit(cache=True)
def tail_sums(p, left, right):
    """Fill the sums of p left of face k and right of it, (n + 1,) each."""
    n = p.size
    left[0] = 0.0
    for k in range(n):
        left[k + 1] = left[k] + p[k]
    right[n] = 0.0
    for k in range(n - 1, -1, -1):
        right[k] = right[k + 1] + p[k]


@njit(cache=True)
def _from_left(faces, left, slowness, m, inverse, t, first, second):
    """Moments of the cells left of the median; the next cell, old cell, T and mass there."""
    n = m.size
    half = 0.5 * left[n]
    # T(x) is where the old density has as much mass on its left as the new one at x.
    j, k, G = 0, 0, 0.0
    while k < n - 1 and left[k + 1] <= 0.0:
        k += 1
    at = faces[k]
    t[0] = at
    while j < n - 1 and G + m[j] <= half:
        mass = G + m[j]
        s, one, two = 0.0, 0.0, 0.0
        while k < n - 1 and left[k + 1] <= mass:
            k += 1
            u = min((left[k] - G) * inverse[j], 1.0)
            d = faces[k] - at
            one += d * (s + u)
            two += d * (s * (s + u) + u * u)
            s, at = u, faces[k]
        new = faces[k] + (mass - left[k]) * slowness[k]
        d = new - at
        first[j] = 0.5 * (one + d * (s + 1.0))
        second[j] = (two + d * (s * (s + 1.0) + 1.0)) / 3.0
        at, G = new, mass
        j += 1
        t[j] = at
    return j, k, at, G


@njit(cache=True)
def _from_right(faces, right, slowness, m, inverse, t, first, second, low):
    """Moments of the cells right of cell low, by 1 - s; old cell and T at its right face."""
    n = m.size
    k, G = n - 1, 0.0
    while k > 0 and right[k] <= 0.0:
        k -= 1
    at = faces[k + 1]
    t[n] = at
    for j in range(n - 1, low, -1):
        mass = G + m[j]
        s, one, two = 0.0, 0.0, 0.0
        while k > 0 and right[k] <= mass:
            u = min((right[k] - G) * inverse[j], 1.0)
            d = at - faces[k]
            one += d * (s + u)
            two += d * (s * (s + u) + u * u)
            s, at = u, faces[k]
            k -= 1
        new = faces[k + 1] - (mass - right[k + 1]) * slowness[k]
        d = at - new
        one = 0.5 * (one + d * (s + 1.0))
        two = (two + d * (s * (s + 1.0) + 1.0)) / 3.0
        zero = t[j + 1] - new
        first[j] = zero - one
        second[j] = zero - 2.0 * one + two
        at, G = new, mass
        t[j] = at
    return k, at


@njit(cache=True)
def moments(faces, left, right, slowness, m, inverse, t, first, second):
    """Images t (n + 1,) of the faces of new cells of masses m, and moments (n,) of s, s^2 over dT.

    left, right: sums of the old masses at the faces; slowness: 1/density of old cells; inverse:
    1/m.
    """
    low, k, at, G = _from_left(faces, left, slowness, m, inverse, t, first, second)
    last, end = _from_right(faces, right, slowness, m, inverse, t, first, second, low)
    # The cell that holds the median, from the left.
    s, one, two = 0.0, 0.0, 0.0
    for i in range(k + 1, last + 1):
        u = min(max((left[i] - G) * inverse[low], s), 1.0)
        d = faces[i] - at
        one += d * (s + u)
        two += d * (s * (s + u) + u * u)
        s, at = u, faces[i]
    d = end - at
    first[low] = 0.5 * (one + d * (s + 1.0))
    second[low] = (two + d * (s * (s + 1.0) + 1.0)) / 3.0


@njit(cache=True)
def gradient(faces, t, first, second, mu, kappa, r):
    """Fill r (n + 1,), at inner faces minus the derivative by the mass on the left of the face.

    That is the step of mu across the face plus kappa times the integral of x - T times a hat.
    """
    n = mu.size
    for j in range(1, n):
        a = faces[j] - faces[j - 1]
        b = faces[j + 1] - faces[j]
        d = faces[j] - t[j]
        lower = 0.5 * a * (d - (a / 3.0 - second[j - 1]))
        # Each bracket is zero if T = x, so that nothing moves then, to rounding.
        upper = (
            0.5
            * b
            * (d + (b - (t[j + 1] - t[j])) - 2.0 * (0.5 * b - first[j]) + (b / 3.0 - second[j]))
        )
        r[j] = mu[j] - mu[j - 1] + kappa * (lower + upper)


@njit(cache=True)
def direction(faces, t, first, second, inverse, kappa, r, rest, pivot, dG, dm):
    """Fill the Newton step dG (n + 1,) of face masses and dm (n,) of cell masses; return r dG.

    inverse: 1/m, the derivative of mu too. rest: row sums; rest, pivot, (n + 1,), and r are
    overwritten by the elimination.
    """
    n = inverse.size
    c = dm  # the couplings of the two faces of a cell, each read before its mass is written
    hang = 0.0
    for j in range(n):
        factor = kappa * (faces[j + 1] - faces[j]) * inverse[j]
        c[j] = inverse[j] - factor * (first[j] - second[j])
        rest[j] = hang + factor * (t[j + 1] - t[j] - first[j])
        hang = factor * first[j]
    rest[1] += c[0]
    rest[n - 1] += c[n - 1]
    dG[0], dG[n] = 0.0, 0.0
    if n == 2:
        dG[1] = r[1] / rest[1]
        dm[0], dm[1] = dG[1], -dG[1]
        return r[1] * dG[1]
    q, slope = n // 2, 0.0
    for j in range(1, q):
        pivot[j] = 1.0 / (c[j] + rest[j])
        f = c[j] * pivot[j]
        rest[j + 1] += f * rest[j]
        r[j + 1] += f * r[j]
        slope += r[j] * r[j] * pivot[j]
    for j in range(n - 1, q + 1, -1):
        pivot[j] = 1.0 / (c[j - 1] + rest[j])
        f = c[j - 1] * pivot[j]
        rest[j - 1] += f * rest[j]
        r[j - 1] += f * r[j]
        slope += r[j] * r[j] * pivot[j]
    a, b = rest[q], rest[q + 1]
    scale = 1.0 / (a * b + c[q] * (a + b))
    dG[q] = (r[q] * (c[q] + b) + c[q] * r[q + 1]) * scale
    dG[q + 1] = (r[q + 1] * (c[q] + a) + c[q] * r[q]) * scale
    dm[q] = (a * r[q + 1] - b * r[q]) * scale
    for j in range(q - 1, 0, -1):
        dG[j] = (r[j] + c[j] * dG[j + 1]) * pivot[j]
        dm[j] = (rest[j] * dG[j + 1] - r[j]) * pivot[j]
    for j in range(q + 1, n - 1):
        dG[j + 1] = (r[j + 1] + c[j] * dG[j]) * pivot[j + 1]
        dm[j] = (r[j + 1] - rest[j + 1] * dG[j]) * pivot[j + 1]
    dm[0], dm[n - 1] = dG[1], -dG[n - 1]
    return slope + r[q] * dG[q] + r[q + 1] * dG[q + 1]


@njit(cache=True)
def implicit_euler(up, down, span, p, q):
    """Fill q with the masses after an implicit Euler step from p, for rates up and down (n,).

    The elimination of ``kernels.linalg.lines`` for one line without exits: about 5 times as fast
    there (100 cells), and without threads, which small problems must not start.
    """
    n = p.size
    pivot = np.empty(n)
    rest, brought = 1.0, 0.0
    for i in range(n):
        q[i] = p[i] + brought
        out = span * up[i] if i < n - 1 else 0.0
        pivot[i] = 1.0 / (rest + out)
        brought = q[i] * (out * pivot[i])
        rest = 1.0 + span * down[i] * (rest * pivot[i])
    q[n - 1] *= pivot[n - 1]
    for i in range(n - 2, -1, -1):
        q[i] = (q[i] + span * down[i] * q[i + 1]) * pivot[i]


@njit(cache=True)
def logarithms(log_pi, m, w, inverse):
    """Fill w = log(m/pi) and inverse = 1/m."""
    for j in range(m.size):
        inverse[j] = 1.0 / m[j]
        w[j] = math.log(m[j]) - log_pi[j]


@njit(cache=True)
def moved(dm, part, log_pi, w, m, inverse):
    """Move masses m by relative steps part * dm / m, logarithms w = log(m/pi) with them.

    Down by exponentials, so that masses stay positive, up by sums: Newton's method overshoots where
    T is flat in log m. The total is kept.
    """
    before = after = 0.0
    for j in range(m.size):
        z = part * dm[j] * inverse[j]
        before += m[j]
        if abs(z) < 1e-4:
            m[j] *= 1.0 + z if z > 0.0 else 1.0 + z * (1.0 + z * (0.5 + z / 6.0))
            w[j] += z * (1.0 - z * (0.5 - z / 3.0)) if z > 0.0 else z
        elif z > 0.0:
            m[j] *= 1.0 + z
            w[j] += math.log1p(z)
        else:
            m[j] *= math.exp(z)
            w[j] += z
        if m[j] < TINY:
            m[j], w[j] = TINY, math.log(TINY) - log_pi[j]
        after += m[j]
    factor = before / after
    shift = math.log(factor)
    for j in range(m.size):
        m[j] *= factor
        w[j] += shift
        inverse[j] = 1.0 / m[j]


@njit(cache=True)
def slope_after(dm, part, r, before, m):
    """Derivative of minus the functional along the step that led from masses before to m."""
    total = pulled = 0.0
    for j in range(m.size):
        z = dm[j] / before[j]
        total += m[j]
        pulled += m[j] * z / (1.0 + max(part * z, 0.0))
    mean, G, slope = pulled / total, 0.0, 0.0
    for j in range(m.size - 1):
        z = dm[j] / before[j]
        G += m[j] * (z / (1.0 + max(part * z, 0.0)) - mean)
        slope += r[j + 1] * G
    return slope


@njit(cache=True)
def step_size(dm, inverse, m):
    """Largest relative change of a mass that counts before or after, and mass moved in all."""
    longest = shift = 0.0
    for j in range(m.size):
        shift += abs(dm[j])
        if m[j] > SEEN or m[j] + dm[j] > SEEN:
            longest = max(longest, abs(dm[j] * inverse[j]))
    return longest, shift


@njit(cache=True)
def smoothed(k, t, first, second, sums, lengths):
    """Replace moments by those of T with its slope averaged over 2 k + 1 cells: t, halves, thirds.

    Where the old density has a gap T is steep, and Newton's method would see this only in the cell
    where it is steep now. sums (n + 1,), lengths (n,): work space.
    """
    n = first.size
    sums[0] = 0.0
    for j in range(n):
        sums[j + 1] = sums[j] + (t[j + 1] - t[j])
    for j in range(n):
        lengths[j] = (sums[min(j + k + 1, n)] - sums[max(j - k, 0)]) / (2 * k + 1)
    for j in range(n):
        t[j + 1] = t[j] + lengths[j]
        first[j] = 0.5 * lengths[j]
        second[j] = lengths[j] / 3.0


@njit(cache=True)
def next_window(n, k, is_bad):
    """Cells over which slopes of T are averaged next: more after a step that did not work."""
    return min(max(2 * k, n // 32, 2), n // 4) if is_bad else k // 4


@njit(cache=True)
def gain(p, log_pi, w, m):
    """KL(p | pi) - KL(m | pi), w = log(m/pi)."""
    total = 0.0
    for j in range(p.size):
        if p[j] > 0.0:
            total += p[j] * (math.log(p[j]) - log_pi[j])
        total -= m[j] * w[j]
    return total


@njit(cache=True)
def minimise(faces, p, log_pi, kappa, tolerance, max_iterations, most, m, work):
    """Overwrite the start m by the masses that minimise KL(m | pi) + kappa/2 W2(m, p)^2.

    Returns iterations, steps shortened, largest relative change of a mass and mass moved in the
    last iteration; it has failed if the former is above the tolerance and the latter above SETTLED.
    It gives up when steps have been shortened more than ``most`` times. ``work`` is (14, n + 1).
    """
    n = p.size
    left, right, t, r, rest, pivot, dG = work[:7]
    first, second, inverse, slowness, w, dm, old_m = work[7:14, :n]
    tail_sums(p, left, right)
    for j in range(n):
        slowness[j] = (faces[j + 1] - faces[j]) / max(p[j], 1e-300)
        m[j] = max(m[j], TINY)
    logarithms(log_pi, m, w, inverse)
    shortened, window, shift = 0, 0, np.inf
    moments(faces, left, right, slowness, m, inverse, t, first, second)
    gradient(faces, t, first, second, w, kappa, r)
    for iteration in range(max_iterations):
        if window > 0:
            smoothed(window, t, first, second, pivot, dm)
        slope = direction(faces, t, first, second, inverse, kappa, r, rest, pivot, dG, dm)
        before = shift
        longest, shift = step_size(dm, inverse, m)
        old_m[:] = m
        part, is_bad = 1.0, iteration > 2 and shift > max(SLOW * before, NOISE) and longest > LONG
        moved(dm, part, log_pi, w, m, inverse)
        is_last = window == 0 and (
            longest <= tolerance or (iteration >= PATIENCE and shift <= SETTLED)
        )
        if is_last:
            # A mass that fell below SEEN may be why nothing seems to move, away from the minimum.
            if gain(p, log_pi, w, m) < -LOSS:
                return iteration + 1, shortened, 1.0, 1.0
            return iteration + 1, shortened, longest, shift
        moments(faces, left, right, slowness, m, inverse, t, first, second)
        gradient(faces, t, first, second, w, kappa, r)
        while longest > LONG and shift > NOISE and part > SHORTEST:
            after = slope_after(dm, part, r, old_m, m)
            if after > -OVERSHOOT * slope:
                break
            part *= max(0.1, slope / (slope - after))
            shortened, is_bad = shortened + 1, True
            if shortened > most:
                return iteration + 1, shortened, 1.0, 1.0
            m[:] = old_m
            logarithms(log_pi, m, w, inverse)
            moved(dm, part, log_pi, w, m, inverse)
            moments(faces, left, right, slowness, m, inverse, t, first, second)
            gradient(faces, t, first, second, w, kappa, r)
        window = next_window(n, window, is_bad)
    return max_iterations, shortened, max(longest, 1.0), max(shift, 1.0)
