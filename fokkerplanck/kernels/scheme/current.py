"""Edge currents to faces and stream functions, and potentials from tilts."""

import math

import numpy as np
from numba import njit, prange

#: Edges whose moments are added up before those of others, whatever the number of threads.
CHUNK = 2048


@njit(cache=True)
def _bernoulli(z):
    """B(z) = z / (e^z - 1) (a cached kernel calls only kernels of its own file)."""
    if z == 0.0:
        return 1.0
    return z / math.expm1(z) if z < 700.0 else z * math.exp(-z)


@njit(cache=True)
def edge_currents(
    part, parts, tail, head, weight, tilt, log_rho, volume, least, velocity, affinity, over_denser
):
    """Fill velocity J/m, affinity z - g and J over the density of the denser cell of every edge.

    g is the difference of log rho; volume (n or 1) of cells; least value of m over that density.
    J / rho_x = w (B(-z) - B(z) e^g); near equilibrium, g = z, as -w B(-z) expm1(g - z), which
    vanishes to rounding. Neither form over- or underflows with rho.
    """
    m = tail.size
    for e in range(part * m // parts, (part + 1) * m // parts):
        x, y = tail[e], head[e]
        z, g, sign = tilt[e], log_rho[y] - log_rho[x], 1.0
        affinity[e] = z - g
        if g > 0.0:  # seen from the head, the denser cell: both signs turn
            z, g, sign = -z, -g, -1.0
        small = _bernoulli(abs(z))
        out = small + z if z > 0.0 else small
        if abs(g - z) < 1.0:
            flow = -sign * out * math.expm1(g - z)
        else:
            flow = sign * (out - (out - z) * math.exp(g))
        cell = volume[0] if volume.size == 1 else 0.5 * (volume[x] + volume[y])
        flow *= weight[e] / cell
        over_denser[e] = flow
        velocity[e] = flow / max(_bernoulli(-g), least)


@njit(cache=True, parallel=True)
def edge_currents_threads(
    parts, tail, head, weight, tilt, log_rho, volume, least, velocity, affinity, over_denser
):
    """``edge_currents`` in threads."""
    for part in prange(parts):
        edge_currents(
            part, parts, tail, head, weight, tilt, log_rho, volume, least, velocity, affinity,
            over_denser,
        )  # fmt: skip


@njit(cache=True)
def at_cells(part, parts, tail, head, bounds, value, sign, out):
    """Fill out (n) with the sums of edge values at their tails and sign times those at their heads.

    bounds (chunks, 2): least and largest cell of every chunk of edges.
    """
    low, high = part * out.size // parts, (part + 1) * out.size // parts
    out[low:high] = 0.0
    for c in range(bounds.shape[0]):
        if bounds[c, 1] < low or bounds[c, 0] >= high:
            continue
        for e in range(c * CHUNK, min((c + 1) * CHUNK, tail.size)):
            x, y = tail[e], head[e]
            if low <= x < high:
                out[x] += value[e]
            if low <= y < high:
                out[y] += sign * value[e]


@njit(cache=True, parallel=True)
def at_cells_threads(parts, tail, head, bounds, value, sign, out):
    """``at_cells`` in threads."""
    for part in prange(parts):
        at_cells(part, parts, tail, head, bounds, value, sign, out)


@njit(cache=True)
def offsets(part, parts, shape, periodic, tail, head, out):
    """Fill out (n_edges, d): head minus tail in cells, the shorter way round on periodic axes."""
    m, d = tail.size, shape.size
    for e in range(part * m // parts, (part + 1) * m // parts):
        x, y = np.int64(tail[e]), np.int64(head[e])
        for k in range(d - 1, -1, -1):
            n = shape[k]
            step = y % n - x % n
            if periodic[k] and n > 2:
                if step >= n - n // 2:
                    step -= n
                elif step < -(n // 2):
                    step += n
            out[e, k] = step
            x, y = x // n, y // n


@njit(cache=True, parallel=True)
def offsets_threads(parts, shape, periodic, tail, head, out):
    """``offsets`` in threads."""
    for part in prange(parts):
        offsets(part, parts, shape, periodic, tail, head, out)


@njit(cache=True)
def moments(part, parts, tail, head, offset, x, width, current, out):
    """Fill out (chunks, d d): sums of (x_tail + s/2)_i s_k J over chunks, s the step of an edge.

    x (d, n) and width (d, n or 1) of the cells.
    """
    d, chunks = offset.shape[1], out.shape[0]
    s, middle = np.empty(d), np.empty(d)
    for c in range(part * chunks // parts, (part + 1) * chunks // parts):
        out[c] = 0.0
        for e in range(c * CHUNK, min((c + 1) * CHUNK, tail.size)):
            a, b = tail[e], head[e]
            for k in range(d):
                w = width[k, 0] if width.shape[1] == 1 else 0.5 * (width[k, a] + width[k, b])
                s[k] = offset[e, k] * w
                middle[k] = x[k, a] + 0.5 * s[k]
            for i in range(d):
                for k in range(d):
                    out[c, i * d + k] += middle[i] * s[k] * current[e]


@njit(cache=True, parallel=True)
def moments_threads(parts, tail, head, offset, x, width, current, out):
    """``moments`` in threads."""
    for part in prange(parts):
        moments(part, parts, tail, head, offset, x, width, current, out)


@njit(cache=True)
def unit_faces(tail, offset, current, log_current, faces, log_faces):
    """Put currents between nearest neighbours on their faces; False if an edge is longer."""
    for e in range(tail.size):
        axis = -1
        for k in range(offset.shape[1]):
            if offset[e, k] != 0:
                if axis >= 0 or abs(offset[e, k]) > 1:
                    return False
                axis = k
        faces[axis, tail[e]] = current[e]
        log_faces[axis, tail[e]] = log_current[e]
    return True


@njit(cache=True)
def _move(x, axis, sign, shape, periodic):
    """Cell next to x along an axis; -1 outside."""
    stride = 1
    for k in range(axis + 1, shape.size):
        stride *= shape[k]
    i = (x // stride) % shape[axis]
    j = i + sign
    if j < 0 or j >= shape[axis]:
        if not periodic[axis]:
            return -1
        return x + stride * ((j % shape[axis]) - i)
    return x + stride * sign


@njit(cache=True)
def staircase_fluxes(shape, periodic, tail, offset, current, log_current, log_rho, faces):
    """Send each oblique current along its two axis-parallel routes, half along each.

    faces (d, n): faces[k, x] e^(log_rho[x]) is the current from x to its upper neighbour along axis
    k; that of edge e is current[e] e^(log_current[e]). In every cell the sum of face currents is
    the sum of edge currents. In three dimensions the routes are the axis order and its reverse.
    """
    d = shape.size
    for e in range(tail.size):
        for route in range(2):
            x = tail[e]
            for m in range(d):
                axis = m if route == 0 else d - 1 - m
                steps = offset[e, axis]
                sign = 1 if steps > 0 else -1
                for _ in range(abs(steps)):
                    y = _move(x, axis, sign, shape, periodic)
                    lower = x if sign == 1 else y
                    share = math.exp(min(log_current[e] - log_rho[lower], 700.0))
                    faces[axis, lower] += 0.5 * sign * current[e] * share
                    x = y


@njit(cache=True)
def stream_ratio(flux, log_flux, log_corner, out):
    """Fill out = psi / e^log_corner from psi_(i, j+1) - psi_ij = flux_ij e^(log_flux_ij).

    psi vanishes at both ends of every row. Rows are swept from both ends up to the densest corner,
    so that the ratio is accurate where the density underflows.
    """
    rows, n = flux.shape
    for i in range(rows):
        top = 0
        for j in range(n + 1):
            if log_corner[i, j] > log_corner[i, top]:
                top = j
        out[i, 0] = 0.0
        out[i, n] = 0.0
        value = 0.0
        for j in range(top):
            value *= math.exp(log_corner[i, j] - log_corner[i, j + 1])
            value += flux[i, j] * math.exp(log_flux[i, j] - log_corner[i, j + 1])
            out[i, j + 1] = value
        value = 0.0
        for j in range(n - 1, top, -1):
            value *= math.exp(log_corner[i, j + 1] - log_corner[i, j])
            value -= flux[i, j] * math.exp(log_flux[i, j] - log_corner[i, j])
            out[i, j] = value


@njit(cache=True)
def integrate_tilts(indptr, neighbour, tilt, phi):
    """Fill phi with sums of tilts along a breadth-first tree; returns the number of components."""
    n = phi.size
    seen = np.zeros(n, np.bool_)
    queue = np.empty(n, np.int64)
    components = 0
    for root in range(n):
        if seen[root]:
            continue
        components += 1
        seen[root] = True
        phi[root] = 0.0
        queue[0] = root
        first, last = 0, 1
        while first < last:
            x = queue[first]
            first += 1
            for k in range(indptr[x], indptr[x + 1]):
                y = neighbour[k]
                if not seen[y]:
                    seen[y] = True
                    phi[y] = phi[x] + tilt[k]
                    queue[last] = y
                    last += 1
    return components
