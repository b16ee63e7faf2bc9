r"""Edges and exits along lines that touch walls where D vanishes or the drift is singular.

Between neighbours of masses :math:`M_i`, rates :math:`1/(M_iR)` with the resistance R between them:
as an edge :math:`z=\log(M_{i+1}/V_{i+1})-\log(M_i/V_i)`, weight :math:`V_i/(M_iR\,B(-z))`. Steady
values are cell means, :math:`\rho=M/V`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import ENDS, Grid, Side, along
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.medium import Lines, Medium
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.walls import lines_along
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.wall_lines import LineMasses, line_masses, reach


@dataclass(frozen=True, eq=False)
class WallEdges:
    r"""What walls change in an edge list.

    Attributes
    ----------
    faces : list over axes of (known, weight, tilt) arrays (\*shape), or None
        Of the face above each cell.
    exits : dict of (known, rate) arrays, by Side
        Of the cells along absorbing sides.
    centroids : array (d, \*shape)
        Mean places of the mass in the cells near such walls, centres elsewhere.
    """

    grid: Grid
    centroids: Array
    faces: list[tuple[Flags, Array, Array] | None] = field(default_factory=list)
    exits: dict[Side, tuple[Flags, Array]] = field(default_factory=dict)

    def replace(self, tail: Integers, head: Integers, weight: Array, tilt: Array) -> None:
        """Write weights and tilts of the edges that are known better."""
        shape = self.grid.shape
        for k, known in enumerate(self.faces):
            if known is None:
                continue
            flags, better_weight, better_tilt = (a.ravel() for a in known)
            stride = int(np.prod(shape[k + 1 :]))
            step = head.astype(np.int64) - tail
            jumps = (
                (stride, 1.0, tail),
                (-stride, -1.0, head),
                (-(shape[k] - 1) * stride, 1.0, tail),
                ((shape[k] - 1) * stride, -1.0, head),
            )
            for jump, sign, lower in jumps:
                if abs(jump) != stride and not (self.grid.periodic[k] and shape[k] > 2):
                    continue
                mine = np.flatnonzero((step == jump) & flags[lower])
                mine = mine[self._same_line(tail[mine], head[mine], k)]
                weight[mine] = better_weight[lower[mine]]
                tilt[mine] = sign * better_tilt[lower[mine]]

    def _same_line(self, tail: Integers, head: Integers, k: int) -> Flags:
        """Flags of pairs of cells that differ along axis k only."""
        shape = self.grid.shape
        stride = int(np.prod(shape[k + 1 :]))
        outer = stride * shape[k]
        return (tail // outer == head // outer) & (tail % stride == head % stride)

    def exit(self, side: Side, rate: Array) -> Array:
        """Rates (n,) out of an absorbing side, where they are known better."""
        if side not in self.exits:
            return rate
        known, better = self.exits[side]
        return frozen(np.where(known, better, rate.reshape(self.grid.shape)).ravel())


def wall_note(problem: Problem) -> str:
    """What walls and points without noise do, or why they are as any, in words; empty without."""
    inside = [zero.words for zero in problem.inner_zeros]
    if not problem.walls or problem.knows_walls:
        return "; ".join([wall.words for wall in problem.walls] + inside)
    why = (
        "full tensors take it" if problem.D_kind == "tensor" else "D vanishes inside too, so taken"
    )
    return "; ".join([f"{wall.words}: {why} as any wall" for wall in problem.walls] + inside)


def centroids(problem: Problem) -> Array:
    r"""Mean places (d, \*shape) of the mass in cells near singular walls; centres elsewhere."""
    if not problem.knows_walls:
        return problem.grid.x
    return _centroids(Medium(problem), _singular(problem))


def wall_edges(problem: Problem) -> WallEdges | None:
    """Edges and exits along lines that touch a singular wall; None if there is none.

    Raises
    ------
    ValueError
        If a wall is to reflect at which what arrives stays.
    """
    if not problem.knows_walls:
        return None
    grid, medium = problem.grid, Medium(problem)
    singular = _singular(problem)
    places = _centroids(medium, singular)
    found = WallEdges(grid, places)
    for k in range(grid.dim):
        if any(singular[k]):
            lines = lines_along(grid, k, [np.arange(n) for n in grid.shape], places)
        else:
            lines = lines_along(grid, k, [np.arange(n) for n in grid.shape], places)
            lines = _touching(lines, grid, singular)
        masses = line_masses(medium, lines, singular[k])
        found.faces.append(_faces(grid, lines, masses))
        for w, end in enumerate(ENDS):
            if grid.sides[k][w] == "absorbing":
                found.exits[Side(k, end)] = _exits(grid, lines, masses, w)
    return found


def coefficients_at_centroids(
    problem: Problem, places: Array, drift: Array, noise: Array
) -> tuple[Array, Array]:
    r"""Ito drift (d, n) and kT D (d, d, n) with those along plain axes taken where the mass is.

    Parameters
    ----------
    problem : Problem
        That knows its walls.
    places : array (d, \*shape)
        Centroids.
    drift, noise : arrays (d, n), (d, d, n)
        At the centres.
    """
    grid, medium, singular = problem.grid, Medium(problem), _singular(problem)
    drift, noise = np.array(drift), np.array(noise)
    for k in (k for k in range(grid.dim) if not any(singular[k])):
        lines = lines_along(grid, k, [np.arange(n) for n in grid.shape], places)
        lines = _touching(lines, grid, singular)
        b, a = medium.along(lines, grid.centers[k], np.arange(grid.shape[k]))
        known = _on_grid(grid, lines, np.ones_like(b), 0.0).ravel() > 0
        drift[k] = np.where(known, _on_grid(grid, lines, b, 0.0).ravel(), drift[k])
        noise[k, k] = np.where(known, _on_grid(grid, lines, a, 0.0).ravel(), noise[k, k])
    return drift, noise


def _singular(problem: Problem) -> list[tuple[bool, bool]]:
    """For each axis whether its lower and its upper wall are singular."""
    singular = [(False, False)] * problem.grid.dim
    for wall in problem.walls:
        k, upper = wall.side.axis, wall.side.end == "upper"
        singular[k] = (singular[k][0] or not upper, singular[k][1] or upper)
    return singular


def _touching(lines: Lines, grid: Grid, singular: list[tuple[bool, bool]]) -> Lines:
    """Lines that run along a singular wall, in the cells whose centroids are told."""
    kept = np.zeros(lines.across.shape[1], bool)
    for k, (lower, upper) in enumerate(singular):
        n, i = grid.shape[k], lines.index[k]
        kept |= (lower & (i < reach(n))) | (upper & (i >= n - reach(n)))
    return Lines(lines.axis, tuple(i[kept] for i in lines.index), lines.across[:, kept])


def _centroids(medium: Medium, singular: list[tuple[bool, bool]]) -> Array:
    """Centroids of the cells near singular walls along their normals, centres elsewhere."""
    grid = medium.grid
    places = np.array(grid.x)
    for k, pair in enumerate(singular):
        lines = lines_along(grid, k, [np.arange(n) for n in grid.shape], grid.x)
        n = grid.shape[k]
        near = reach(n)
        for w, on in enumerate(pair):
            if on:
                span = slice(0, max(near, 2)) if w == 0 else slice(n - max(near, 2), n)
                mine = slice(0, near) if w == 0 else slice(-near, None)
                walls = pair if n == 2 else (w == 0, w == 1)
                found = line_masses(medium, lines, walls, span).place[:, mine]
                turned = np.moveaxis(places[k], k, -1)[..., mine]
                turned[...] = found.reshape(turned.shape)
    return frozen(places)


def _on_grid(grid: Grid, lines: Lines, values: Array, empty: float) -> Array:
    r"""Values (L, n) of lines on the grid (\*shape)."""
    out = np.full(grid.shape, empty)
    others = [i for j, i in enumerate(lines.index) if j != lines.axis]
    np.moveaxis(out, lines.axis, -1)[tuple(others)] = values
    return out


def _faces(grid: Grid, lines: Lines, masses: LineMasses) -> tuple[Flags, Array, Array]:
    """Flags, weights and tilts of the faces above the cells of lines."""
    k = lines.axis
    width = grid.widths[k]
    log_rho = masses.mass - np.log(width)
    turned = np.concatenate([log_rho[:, 1:], log_rho[:, :1] + masses.turn[:, None]], axis=1)
    back = np.concatenate([masses.down[:, 1:], masses.down[:, :1] - masses.turn[:, None]], axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        R, tilt = np.logaddexp(masses.up, back), turned - log_rho
        known = np.isfinite(R) & np.isfinite(tilt)
        if not grid.periodic[k] or grid.shape[k] == 2:
            known[:, -1] = False
        size = np.where(known, np.abs(tilt), 0.0)
        weight = np.exp(-R - np.minimum(turned, log_rho)) / bernoulli(-size)
    area = grid.volumes / along(width, k, grid.dim)
    return (
        _on_grid(grid, lines, known.astype(float), 0.0) > 0,
        _on_grid(grid, lines, np.where(known, weight, 0.0), 0.0) * area,
        _on_grid(grid, lines, np.where(known, tilt, 0.0), 0.0),
    )


def _exits(grid: Grid, lines: Lines, masses: LineMasses, w: int) -> tuple[Flags, Array]:
    """Flags of the cells of lines at an absorbing side, and their rates out, volume/time."""
    rate, known = np.zeros(masses.mass.shape), np.zeros(masses.mass.shape)
    cell = (0, -1)[w]
    rate[:, cell], known[:, cell] = np.exp(masses.leave[:, w]), 1.0
    volume = grid.volumes
    return _on_grid(grid, lines, known, 0.0) > 0, _on_grid(grid, lines, rate, 0.0) * volume
