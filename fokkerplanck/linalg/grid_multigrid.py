"""Multigrid preconditioner for nearest-neighbour Markov generators on structured grids."""

from dataclasses import dataclass

import numpy as np

from fokkerplanck.kernels import grid_cycle, grid_multigrid

#: Levels of at most this many cells are solved directly.
COARSEST = {2: 256, 3: 512}
#: An axis with less than this part of the strongest mean coupling is not coarsened.
WEAK = 0.3
#: Smaller levels are not worth the start of threads.
SERIAL = 8192
#: Blocks of sheets of a level; half of them are relaxed at the same time.
BLOCKS = 8
#: Smallest pivot of a line over its diagonal.
PIVOT = 1e-7
#: Relative shift of the coarsest level; modes slower than this are not amplified.
FLOOR = 1e-8


@dataclass(eq=False)
class _Level:
    """One level: operator, weights of the way to the next level, work arrays."""

    inflow: np.ndarray
    diagonal: np.ndarray
    pivot: np.ndarray
    n_blocks: int
    r: np.ndarray
    u: np.ndarray
    starts: tuple = ()
    omega: np.ndarray | None = None
    weights: np.ndarray | None = None


def blocks(n, is_coarsened):
    """Bounds of blocks of two cells (the last of three if n is odd), or of single cells."""
    if not is_coarsened or n == 1:
        return np.arange(n + 1)
    return np.append(np.arange(0, 2 * (n // 2), 2), n)


class GridMultigrid:
    def __init__(self, up, down, periodic, log_mass, shift=0.0, *, dtype=np.float32, cycle=2,
                 sweeps=1):  # fmt: skip
        self.dtype, self.cycle, self.sweeps = dtype, cycle, sweeps
        self.grid_shape = np.shape(log_mass)
        dim = len(self.grid_shape)
        self.shape = (1,) * (3 - dim) + self.grid_shape
        d = max(dim, 2)
        if dim == 1:
            up, down = (np.concatenate([np.zeros_like(a), a]) for a in (up, down))
        self.up = np.ascontiguousarray(up, dtype=float).reshape(d, *self.shape)
        self.down = np.ascontiguousarray(down, dtype=float).reshape(d, *self.shape)
        self.periodic = np.array((False,) * (3 - dim) + tuple(periodic))
        self.shift = np.empty(self.shape)
        self.shift[...] = np.reshape(shift, self.shape) if np.ndim(shift) else shift
        self.inflow = np.empty((2 * d, *self.shape))
        self.diagonal = np.empty(self.shape)
        self.levels = []
        self.refresh(log_mass)

    def refresh(self, log_mass):
        log_mass = np.array(log_mass, dtype=float).reshape(self.shape)
        up, down, shift, inflow = self.up, self.down, self.shift, self.inflow
        grid_multigrid.inflows(up, down, log_mass, inflow)
        grid_multigrid.diagonals(up, down, shift, self.diagonal)
        self.levels = []
        d = len(up)
        diagonal = self.diagonal
        while True:
            level = _Level(
                inflow.astype(self.dtype), diagonal.astype(self.dtype),
                np.empty(log_mass.shape, self.dtype), self._n_blocks(log_mass.shape),
                np.zeros(log_mass.shape, self.dtype), np.zeros(log_mass.shape, self.dtype),
            )  # fmt: skip
            self.levels.append(level)
            grid_cycle.pivots(inflow, diagonal, level.pivot, PIVOT)
            if log_mass.size <= COARSEST[d]:
                break
            shape = log_mass.shape
            coupling = [
                (up[k].mean() + down[k].mean()) * (shape[k + 3 - d] > 1) for k in range(d)
            ]
            chosen = [False] * (3 - d) + [
                bool(c >= WEAK * max(coupling) and c > 0) for c in coupling
            ]
            starts = tuple(blocks(n, c) for n, c in zip(shape, chosen, strict=True))
            coarse = tuple(len(s) - 1 for s in starts)
            if coarse == shape:
                break
            c_up, c_down = np.empty((d, *coarse)), np.empty((d, *coarse))
            c_inflow, centre = np.empty((2 * d, *coarse)), np.empty((d, *coarse))
            c_log_mass, c_shift = np.empty(coarse), np.empty(coarse)
            level.omega = np.empty(shape, self.dtype)
            level.weights = np.empty((d, *shape), self.dtype)
            level.starts = starts
            grid_multigrid.aggregate(
                *starts, up, down, inflow, log_mass, shift, level.omega,
                c_up, c_down, c_inflow, c_log_mass, c_shift, centre,
            )  # fmt: skip
            grid_multigrid.correct(np.array(shape), centre, c_up, c_down, c_inflow)
            grid_multigrid.interpolation(*starts, self.periodic, centre, level.weights)
            up, down, inflow, log_mass, shift = c_up, c_down, c_inflow, c_log_mass, c_shift
            diagonal = np.empty(coarse)
            grid_multigrid.diagonals(up, down, shift, diagonal)
        self._factorise(inflow, diagonal, log_mass, shift)

    def _n_blocks(self, shape):
        """Blocks of sheets that can be relaxed at the same time."""
        sheets = shape[0] if shape[0] > 1 else shape[1]
        if np.prod(shape) < SERIAL or sheets < 4 * BLOCKS:
            return 1
        return BLOCKS

    def _factorise(self, inflow, diagonal, log_mass, shift):
        """Inverse of the coarsest level, rows divided by their diagonal."""
        n = diagonal.size
        cells = np.arange(n).reshape(diagonal.shape)
        A = np.zeros((n, n))
        d = len(inflow) // 2
        for k in range(d):
            axis = k + 3 - d
            for side, step in ((0, 1), (1, -1)):
                np.subtract.at(
                    A,
                    (cells.ravel(), np.roll(cells, step, axis).ravel()),
                    inflow[2 * k + side].ravel(),
                )
        scale = diagonal.ravel()
        A /= scale[:, None]
        A[np.arange(n), np.arange(n)] += 1 + FLOOR
        self.inverse = np.linalg.inv(A) / scale
        self.mass = np.exp(log_mass - log_mass.max()).ravel()
        self.is_singular = not shift.any()

    def _solve_coarsest(self, level):
        r = level.r.ravel().astype(float)
        if self.is_singular:
            r -= self.mass @ r / self.mass.sum()
        z = self.inverse @ r
        if self.is_singular:
            z -= self.mass @ z / self.mass.sum()
        level.u[...] = z.reshape(level.u.shape)

    def _cycle(self, number):
        level = self.levels[number]
        if number == len(self.levels) - 1:
            self._solve_coarsest(level)
            return
        below = self.levels[number + 1]
        c, r, u, n_blocks = level.inflow, level.r, level.u, level.n_blocks
        u[...] = 0
        for _ in range(self.cycle if number else 1):
            for _ in range(self.sweeps):
                grid_cycle.relax(c, level.pivot, r, u, True, n_blocks)
            grid_cycle.restrict(
                *level.starts, level.omega, c, level.diagonal, r, u, below.r, n_blocks
            )
            self._cycle(number + 1)
            grid_cycle.prolong(*level.starts, level.weights, below.u, u, n_blocks)
            for _ in range(self.sweeps):
                grid_cycle.relax(c, level.pivot, r, u, False, n_blocks)

    def precondition(self, r):
        size = np.abs(r).max()
        if size == 0:
            return np.zeros_like(r)
        self.levels[0].r[...] = (r / size).reshape(self.shape)
        self._cycle(0)
        return (self.levels[0].u.astype(float) * size).reshape(r.shape)

    def apply(self, u):
        out = np.empty(self.shape)
        grid_multigrid.apply(self.inflow, self.diagonal, np.ascontiguousarray(u).reshape(self.shape), out)
        return out.reshape(u.shape)

    @property
    def n_levels(self):
        return len(self.levels)

    @property
    def operator_complexity(self):
        return sum(level.u.size for level in self.levels) / self.levels[0].u.size
