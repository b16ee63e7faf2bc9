"""Drift and noise that are known at cell centres only, between these and up to the walls."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags, Integers

#: Exponents this close to a whole number are taken for it.
SNAP = 0.1
#: Least exponent of noise that vanishes at a wall, and the one from which values alone say so.
LEAST, CLEAR = 0.8, 1.9
#: Largest value at the wall, over that in the first cell, that counts as zero.
VANISHES = 0.02
#: Largest exponent; and how far D/d^q may change, and bend, from one cell to the next.
MOST, STEP, BEND = 8.0, 0.35, 0.1
#: Cells that tell what happens at a wall.
CELLS = 4
#: Interpolated noise keeps this part of the nearest value at least.
FLOOR = 0.1


class Table:
    r"""One component of a field, an array over the grid, along the lines of an axis.

    Noise that vanishes at a wall like :math:`d^q` is interpolated as :math:`D/d^q`, linearly; a
    drift that grows like 1/d as :math:`b\,d`.
    """

    def __init__(self, grid: Grid, values: Array, axis: int) -> None:
        self.grid, self.values, self.axis = grid, values, axis
        self.centers, (self.lo, self.hi) = grid.centers[axis], grid.box[axis]

    def noise(self, index: tuple[Integers, ...], across: Array, y: Array) -> Array:
        """Noise (L, N) at coordinates y of lines."""
        rows = self._rows(index, across, positive=True)
        x, d, D = self.centers, self._distances(y), np.ones((len(rows), y.size))
        for side, depth in enumerate(self._distances(x)):
            q = self._vanishing(rows, side)[:, None]
            rows = rows / depth**q
            D = D * d[side] ** q
        nearest = np.abs(x[:, None] - y).argmin(axis=0)
        return D * np.maximum(self._linear(rows, y), FLOOR * rows[:, nearest])

    def drift(self, index: tuple[Integers, ...], across: Array, y: Array) -> Array:
        """Drift (L, N) at coordinates y of lines."""
        rows = self._rows(index, across, positive=False)
        d, scale = self._distances(y), np.ones((len(rows), y.size))
        for side, depth in enumerate(self._distances(self.centers)):
            singular = self._singular(rows, side)[:, None]
            rows = np.where(singular, rows * depth, rows)
            scale = np.where(singular, scale / d[side], scale)
        return scale * self._linear(rows, y)

    def _distances(self, y: Array) -> tuple[Array, Array]:
        """Distances from both walls."""
        return y - self.lo, self.hi - y

    def _nearest(self, rows: Array, side: int) -> tuple[Array, Array]:
        """Values (4, L) in the first cells of a wall, and their distances (4,)."""
        order = slice(None, CELLS) if side == 0 else slice(None, -CELLS - 1, -1)
        return rows[:, order].T, self._distances(self.centers)[side][order]

    def _has_walls(self, rows: Array) -> bool:
        """Whether there are walls, and cells enough to tell what happens at them."""
        return not self.grid.periodic[self.axis] and rows.shape[1] >= CELLS

    @cached_property
    def _all_rows(self) -> Array:
        """Values (all lines, n), for what has to hold everywhere along a wall."""
        return np.moveaxis(self.values, self.axis, -1).reshape(-1, self.centers.size)

    def _vanishing(self, rows: Array, side: int) -> Array:
        """Exponents (L,) with which noise vanishes at a wall, all along it; 0 if it does not."""
        if not self._has_walls(rows) or not self._exponents(self._all_rows, side).all():
            return np.zeros(len(rows))
        return self._exponents(rows, side)

    def _exponents(self, rows: Array, side: int) -> Array:
        """Exponents (L,) of lines by themselves: three values give one, four have to agree."""
        D, d = self._nearest(rows, side)
        if not (D > 0).all():
            return np.zeros(len(rows))
        slope = np.diff(np.log(D), axis=0) / np.diff(np.log(d))[:, None]
        middle = np.sqrt(d[1:] * d[:-1])
        q = slope[0] + (slope[0] - slope[1]) * middle[0] / (middle[1] - middle[0])
        q = np.where(np.abs(q - np.round(q)) <= SNAP, np.round(q), q)
        # The parabola through three values, at the wall.
        at_wall = np.zeros(len(rows))
        for i in range(3):
            at_wall += D[i] * np.prod([d[j] / (d[j] - d[i]) for j in range(3) if j != i])
        vanishes = (slope[0] >= CLEAR) | (at_wall <= VANISHES * D[0])
        rest = D / d[:, None] ** np.clip(q, 0, MOST)
        change = np.diff(rest, axis=0)
        smooth = (np.abs(change) <= STEP * rest[1:]).all(axis=0)
        smooth &= (np.abs(np.diff(change, axis=0)) <= BEND * rest[1:-1]).all(axis=0)
        return np.where(vanishes & smooth & (q >= LEAST) & (q <= MOST), q, 0.0)

    def _singular(self, rows: Array, side: int) -> Flags:
        """Flags (L,) of drifts that grow like one over the distance to a wall, all along it."""
        if not self._has_walls(rows):
            return np.zeros(len(rows), bool)
        b, d = self._nearest(self._all_rows, side)
        product = b * d[:, None]
        flat = (np.abs(np.diff(product, axis=0)) <= BEND * np.abs(product[1:])).all()
        return np.full(len(rows), bool(flat and (b != 0).all()))

    def _linear(self, rows: Array, y: Array) -> Array:
        """Values (L, N) between centres by straight lines, which go on to the walls."""
        x = self.centers
        if self.grid.periodic[self.axis]:
            length = self.hi - self.lo
            x = np.concatenate([x[-1:] - length, x, x[:1] + length])
            rows = np.concatenate([rows[:, -1:], rows, rows[:, :1]], axis=1)
        i = np.clip(np.searchsorted(x, y) - 1, 0, x.size - 2)
        t = (y - x[i]) / (x[i + 1] - x[i])
        return rows[:, i] * (1 - t) + rows[:, i + 1] * t

    def _rows(self, index: tuple[Integers, ...], across: Array, positive: bool) -> Array:
        """Values (L, n) along lines, at the places of their cells across the other axes."""
        turned = np.moveaxis(self.values, self.axis, -1)
        others = [k for k in range(self.grid.dim) if k != self.axis]
        rows = turned[tuple(index[k] for k in others)].reshape(len(index[0]), -1)
        for place, k in enumerate(others):
            x, i = self.grid.centers[k], index[k]
            away = across[k] - x[i][:, None]
            if not away.any():
                continue
            beside = np.where(i == 0, 1, i - 1)
            neighbour = turned[
                tuple(beside if p == place else index[j] for p, j in enumerate(others))
            ]
            lo, hi = self.grid.box[k]
            below = 2 * i < x.size  # the lower wall is nearer
            depth = np.where(below, x[i] - lo, hi - x[i])
            other = np.where(below, x[beside] - lo, hi - x[beside])
            here = np.where(below[:, None], across[k] - lo, hi - across[k])
            if positive and (rows > 0).all() and (neighbour > 0).all():
                power = np.log(neighbour / rows) / np.log(other / depth)[:, None]
                rows = rows * (here / depth[:, None]) ** power
            else:
                rows = rows + (neighbour - rows) * away / (x[beside] - x[i])[:, None]
        return rows
