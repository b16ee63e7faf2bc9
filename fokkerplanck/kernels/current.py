"""Edge currents to faces and stream functions, and potentials from tilts."""

import math

import numpy as np
from numba import njit


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
