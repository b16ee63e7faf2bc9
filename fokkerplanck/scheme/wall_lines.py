"""Exact masses of cells and resistances between them, on lines along an axis, up to the walls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from fokkerplanck.domain.grid import AXES, ENDS, Side
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.medium import Lines, Medium
from fokkerplanck.equation.walls import (
    KINDS,
    LEVELS,
    Powers,
    carried_out,
    levels,
    nothing_to_reflect,
    on_lines,
    powers,
)
from fokkerplanck.kernels.scheme import wall_cells as kernels

#: Gauss points of a panel.
POINTS = 6
#: Cells from a singular wall with small panels.
NEAR = 12
#: Cells from it within which the solution is taken as a wall without flux shapes it: so many, or
#: this share of all if that is more. A fixed number alone would spoil the second order.
SHAPED, SHARE = 12, 0.25
#: Panels of a cell there, and of other cells.
PANELS_NEAR, PANELS_FAR = 8, 2
#: Largest change of B over a panel; those with a larger one are cut, into so many parts at most.
CHANGE, PARTS = 1.0, 32
#: Numbers held at a time.
BATCH = 2_000_000


@dataclass(frozen=True)
class Panels:
    """Panels of a line: nodes x (P, g), widths (P,), first panel (n + 1) and cell (P,) of each."""

    x: Array
    width: Array
    first: Integers
    cell: Integers


@dataclass(frozen=True)
class LineMasses:
    """Masses and resistances of L lines of n cells; all but the last two in logs.

    Attributes
    ----------
    mass, up, down : arrays (L, n)
        Mass of the cells, resistances r+ and r- to their faces.
    leave : array (L, 2)
        Rate out through absorbing walls.
    place : array (L, n)
        Centroids of the cells from singular walls within ``reach``; centres elsewhere.
    turn : array (L,)
        B across the box.
    """

    mass: Array
    up: Array
    down: Array
    leave: Array
    place: Array
    turn: Array


def reach(n: int) -> int:
    """Cells from a singular wall, of n along the axis, that are shaped by it."""
    return min(max(SHAPED, int(SHARE * n)), n // 2)


@cache
def gauss() -> tuple[Array, Array, Array]:
    """Nodes and weights on (0, 1), and the matrix of integrals from 0 to each node."""
    x, w = np.polynomial.legendre.leggauss(POINTS)
    x, w = (x + 1) / 2, w / 2
    k = np.arange(POINTS)
    powers_of_x = x[:, None] ** k
    inner = np.linalg.solve(powers_of_x.T, (x[:, None] ** (k + 1) / (k + 1)).T).T
    return x, w, np.ascontiguousarray(inner)


def panels(
    faces: Array, depths: tuple[int, int], walls: tuple[bool, bool], parts: Integers | None = None
) -> Panels:
    """Panels of the cells between faces, graded to the walls, each cut into equal parts."""
    n = faces.size - 1
    anchors, starts, widths, cells = [], [], [], []
    for c in range(n):
        h = faces[c + 1] - faces[c]
        w = 0 if c == 0 else 1
        if walls[w] and c in (0, n - 1):
            away = h * 0.5 ** np.arange(depths[w] + 1)  # from the wall, falling
            start = away[:0:-1] if w == 0 else -away[:-1]
            width = away[1:][::-1] if w == 0 else away[1:]
            anchor = faces[0] if w == 0 else faces[-1]
        else:
            near = (walls[0] and c < NEAR) or (walls[1] and c >= n - NEAR)
            count = PANELS_NEAR if near else PANELS_FAR
            start, width = h * np.arange(count) / count, np.full(count, h / count)
            anchor = faces[c]
        anchors.append(np.full(start.size, anchor))
        starts.append(start)
        widths.append(width)
        cells.append(np.full(start.size, c))
    anchor, start, width, cell = (np.concatenate(a) for a in (anchors, starts, widths, cells))
    if parts is not None:
        within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        anchor, start, width, cell, cut = (
            np.repeat(a, parts) for a in (anchor, start, width, cell, parts)
        )
        width = width / cut
        start = start + within * width
    x = anchor[:, None] + (start[:, None] + width[:, None] * gauss()[0])
    first = np.searchsorted(cell, np.arange(n + 1))
    return Panels(x, width, first, cell)


def line_masses(
    medium: Medium, lines: Lines, walls: tuple[bool, bool], span: slice | None = None
) -> LineMasses:
    """Masses and resistances of lines, which end at singular walls where ``walls`` says so.

    Parameters
    ----------
    medium : Medium
    lines : Lines
    walls : pair of bool
    span : slice, optional
        Only some neighbouring cells of the lines.

    Raises
    ------
    ValueError
        If a wall is to reflect at which what arrives stays.
    """
    span = slice(0, medium.grid.shape[lines.axis]) if span is None else span
    count = max(1, BATCH // (POINTS * (2 * LEVELS + PANELS_FAR * (span.stop - span.start))))
    chunks = [
        _batch(medium, lines.part(slice(i, i + count)), walls, span)
        for i in range(0, lines.across.shape[1], count)
    ]
    names = LineMasses.__dataclass_fields__
    return LineMasses(**{k: np.concatenate([getattr(c, k) for c in chunks]) for k in names})


def _batch(medium: Medium, lines: Lines, walls: tuple[bool, bool], span: slice) -> LineMasses:
    """``line_masses`` of lines that fit into memory together."""
    grid, axis = medium.grid, lines.axis
    faces = grid.faces[axis][span.start : span.stop + 1]
    sides = [Side(axis, end) for end in ENDS]
    depths = (levels(grid, sides[0]), levels(grid, sides[1]))
    at = [
        powers(medium, lines, side) if on else None for side, on in zip(sides, walls, strict=True)
    ]
    walls = (at[0] is not None, at[1] is not None)
    mode, exponents, depth, tol = _modes(medium, lines, at)
    ratio, log_a, grids = _sampled(medium, lines, faces, depths, walls, span.start)
    L, n = log_a.shape[0], faces.size - 1
    mass, up, down = np.empty((3, L, n))
    leave, turn = np.full((L, 2), -np.inf), np.empty(L)
    place = np.tile(grid.centers[axis][span], (L, 1))
    rule, where = (grids.width, gauss()[2], gauss()[1]), (depth, faces[[0, -1]], tol)
    filled = (mass, up, down, leave, place, turn)
    near = min(reach(grid.shape[axis]), n)
    kernels.walled_lines(
        ratio, log_a, grids.x, rule, grids.first, near, mode, exponents, *where, filled
    )
    out = LineMasses(mass=mass, up=up, down=down, leave=leave, place=place, turn=turn)
    for w, (word, cell, r) in enumerate(
        zip(grid.sides[axis], (0, -1), (out.down, out.up), strict=True)
    ):
        if word == "absorbing" and not walls[w]:
            out.leave[:, w] = -out.mass[:, cell] - r[:, cell]
    return out


def _modes(
    medium: Medium, lines: Lines, at: list[Powers | None]
) -> tuple[Integers, tuple[Array, Array, Array], Array, float]:
    """What the kernel is told of both walls: modes, exponents and log a (L, 2), depths (2,)."""
    L, axis = lines.across.shape[1], lines.axis
    mode = np.full((L, 2), kernels.ORDINARY)
    al, sg, log_noise = np.ones((L, 2)), np.ones((L, 2)), np.zeros((L, 2))
    depth, tol = np.ones(2), 0.0
    for w, found in enumerate(at):
        if found is None:
            continue
        word, kinds = medium.grid.sides[axis][w], found.kinds()
        names = np.array(KINDS)[kinds]
        stuck = (names == "exit") & (word == "reflecting")
        if stuck.any():
            vanishing = bool(found.vanishing[np.argmax(stuck)])
            where = on_lines(medium.grid, axis, lines.index, stuck)
            side, at_wall = Side(axis, ENDS[w]), medium.grid.box[axis][w]
            raise ValueError(nothing_to_reflect(side, at_wall, vanishing, where))
        carried = (names == "exit") & np.isneginf(found.al)
        if carried.any():
            where = on_lines(medium.grid, axis, lines.index, carried)
            raise ValueError(carried_out(Side(axis, ENDS[w]), medium.grid.box[axis][w], where))
        reached = (names == "regular") | (names == "exit")
        closed = (names == "natural") & ~(found.al > found.tolerance)
        mode[:, w] = np.where(found.special, kernels.SHAPED, kernels.PLAIN)
        if word == "absorbing":
            mode[reached, w] = kernels.ABSORBING
        mode[closed, w] = kernels.CLOSED
        al[:, w], sg[:, w], log_noise[:, w] = found.al, found.sg, found.log_noise
        depth[w], tol = found.depth, max(tol, found.tolerance)
    return mode, (al, sg, log_noise), depth, tol


def _sampled(
    medium: Medium,
    lines: Lines,
    faces: Array,
    depths: tuple[int, int],
    walls: tuple[bool, bool],
    offset: int,
) -> tuple[Array, Array, Panels]:
    """b/a and log a (L, P, g) on panels over which B changes by little."""
    weights = gauss()[1]
    parts = None
    while True:
        grids = panels(faces, depths, walls, parts)
        b, a = medium.along(lines, grids.x.ravel(), offset + np.repeat(grids.cell, POINTS))
        _check(lines.axis, grids.x.ravel(), a)
        ratio = (b / a).reshape(-1, *grids.x.shape)
        log_a = np.log(a).reshape(ratio.shape)
        if parts is not None:
            return ratio, log_a, grids
        change = np.abs((ratio @ weights) * grids.width).max(axis=0) / CHANGE
        if not (change > 1).any():
            return ratio, log_a, grids
        parts = (2 ** np.ceil(np.log2(np.clip(change, 1, PARTS)))).astype(int)


def _check(axis: int, y: Array, a: Array) -> None:
    """Raise if the noise vanishes inside of the box, where no formula for walls helps."""
    if not (a > 0).all():
        k = int(np.argmin((a > 0).all(axis=0)))
        raise ValueError(
            f"D vanishes at a wall and at {AXES[axis]}={y[k]:.6g} inside too; give D > 0 between "
            "the walls, or cut the box there"
        )
