r"""What happens to particles at the walls of the box within one step.

Reflecting: the equation has no flux, J.n = 0, whose particles are pushed back along the conormal
Dn, not along n. A particle that jumped out by a depth delta is put back by 2 delta Dn / (n.Dn), the
symmetrised scheme of Bossy, Gobet and Talay (2004), of weak order 1. Where D does not tilt at the
wall that is folding. Absorbing: a particle may have left and come back within the step, with the
probability exp(-2ab / (n.ss^T n dt)) of a Brownian bridge between the distances a and b; Gobet
(2000), of weak order 1, where looking at the ends alone is of order 1/2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.domain.grid import ENDS, Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.particles import paths
from fokkerplanck.sde.steps import Coefficients

#: Reflections of one particle within one step; more mean that steps are as long as the box.
PASSES = 64


class Wall(NamedTuple):
    """One side of the box; inside is sign (x - position) > 0 along its axis."""

    axis: int
    end: int  # 0 lower, 1 upper
    position: float
    sign: int


def sides_of(grid: Grid, word: str) -> list[Wall]:
    """Sides of one kind."""
    sides = [(side.axis, ENDS.index(side.end)) for side in grid.sides_of(word)]
    return [Wall(k, end, grid.box[k][end], 1 - 2 * end) for k, end in sides]


def wrapped(grid: Grid, x: Array) -> Array:
    """Positions (..., d) with those along periodic axes put into the box."""
    if not any(grid.periodic):
        return x
    x = np.array(x)
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        if wraps:
            # Rounding may give hi itself.
            x[..., k] = np.minimum(lo + np.mod(x[..., k] - lo, hi - lo), hi)
    return x


def reflect(field: Coefficients, sides: list[Wall], y: Array, dt: float) -> Array:
    """Positions y (d, n) put back into the box along the conormal; works in place."""
    for _ in range(PASSES):
        moved = False
        for k, _end, wall, sign in sides:
            depth = sign * (wall - y[k])
            out = depth > 0
            if not out.any():
                continue
            moved, depth = True, depth[out]
            points = y[:, out]
            way = np.zeros_like(points)
            way[k] = 1.0
            if len(y) > 1:
                # The conormal belongs to the point where it meets the wall: one correction.
                for _ in range(1 if field.constant_noise else 2):
                    way = _conormal(field.root(points + sign * depth * way), k, points.shape[1])
            y[:, out] = points + 2 * sign * depth * way
            y[k, out] = wall + sign * depth
        if not moved:
            return y
    raise endless(dt, y.T)


def endless(dt: float, x: Array) -> ConvergenceError:
    """Error for particles x (n, d) that do not come to rest between the walls."""
    return ConvergenceError(
        f"a particle was reflected {PASSES} times within one step dt = {dt:g}; take a smaller dt",
        iterate=x,
    )


def _conormal(s: Array, k: int, n: int) -> Array:
    """D e_k / D_kk from the noise matrix s; e_k itself where D_kk = 0."""
    column = np.einsum("ijn,jn->in", s, s[k])
    length = column[k].copy()
    flat = length == 0
    column[k, flat] = length[flat] = 1.0
    return np.broadcast_to(column / length, (len(s), n))


def crossings(
    sides: list[Wall], x: Array, y: Array, s: Array, dt: float, states: NDArray[np.uint64]
) -> tuple[Array, Array]:
    """First exits of particles between x and y (d, n) through absorbing sides.

    Returns
    -------
    time : array, shape (n,)
        Of exit within the step; infinite for those that stay.
    side : array of int, shape (n,)
        2 axis + end; -1 for those that stay.
    """
    n = x.shape[1]
    time, side = np.full(n, np.inf), np.full(n, -1)
    u = np.empty((n, len(sides)))
    paths.draw_uniforms(states, u)
    for i, (k, end, wall, sign) in enumerate(sides):
        a, b = sign * (x[k] - wall), sign * (y[k] - wall)
        spread = dt * np.broadcast_to((s[k] ** 2).sum(axis=0), n)
        out = np.flatnonzero((b <= 0) | (u[:, i] < _bridge(a, b, spread)))
        if out.size:
            streams = states[out]
            when = dt * _passage(a[out], np.abs(b[out]), spread[out], streams)
            states[out] = streams
            earlier = when < time[out]
            time[out[earlier]], side[out[earlier]] = when[earlier], 2 * k + end
    return time, side


def _bridge(a: Array, b: Array, spread: Array) -> Array:
    """Probability that a bridge between the distances a and b met the wall; 0 without noise."""
    safe = np.where(spread > 0, spread, 1.0)
    return np.where(spread > 0, np.exp(-2 * np.maximum(a * b, 0) / safe), 0.0)


def _passage(a: Array, b: Array, spread: Array, states: NDArray[np.uint64]) -> Array:
    """Share of the step after which a bridge from distance a to -b first meets the wall.

    tau/(dt - tau) is inverse Gaussian of mean a/b and shape a^2/spread; drawn by Michael, Schucany
    and Haas (1976).
    """
    z, u = np.empty((len(a), 1)), np.empty((len(a), 1))
    paths.draw_normals(states, z)
    paths.draw_uniforms(states, u)
    least = 1e-8 * np.sqrt(spread) + 1e-150  # keeps the ratios finite
    a, b = np.maximum(a, least), np.maximum(b, least)
    mean = a / b
    w = z[:, 0] ** 2 * spread / (2 * a * b)
    ratio = mean / (1 + w + np.sqrt(w * (w + 2)))
    ratio = np.where(u[:, 0] * (mean + ratio) <= mean, ratio, mean**2 / ratio)
    return 1 / (1 + 1 / ratio)
