"""Multigrid preconditioner for nearest-neighbour Markov generators on structured grids."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import grid_cycle, grid_multigrid
from fokkerplanck.linalg import sizes

#: An axis whose mean coupling is less than this part of the strongest one is not coarsened.
WEAK = 0.3
#: Blocks of sheets of a level; every second of them is relaxed at the same time.
BLOCKS = 8
#: Smallest pivot of a line, in units of its diagonal.
PIVOT = 1e-4
#: Smallest exit rate of a coarse cell, in units of the mean, and shift of the coarsest level:
#: slower modes are lost in single precision and must not be amplified.
FLOOR = 1e-8


class _Blocks(NamedTuple):
    """First cell of every block along each axis, and the number of cells at the end."""

    axis0: np.ndarray
    axis1: np.ndarray
    axis2: np.ndarray


@dataclass(eq=False)
class _Level:
    """One level: operator in working precision, the way to the next level, work arrays."""

    inflow: np.ndarray
    diagonal: np.ndarray
    pivot: np.ndarray
    r: np.ndarray
    u: np.ndarray
    n_blocks: int
    blocks: _Blocks | None = None  # cells of the next level; none on the coarsest one
    omega: np.ndarray | None = None
    weights: np.ndarray | None = None

    @classmethod
    def empty(cls, shape, n_inflows, n_blocks, dtype) -> _Level:
        """Level of a shape, its arrays still to be filled."""
        inflow = np.empty((n_inflows, *shape), dtype)
        diagonal, pivot, r, u = (np.empty(shape, dtype) for _ in range(4))
        return cls(inflow, diagonal, pivot, r, u, n_blocks)


@dataclass(eq=False)
class _Chain:
    """The Markov chain of one level in double precision, needed while levels are made."""

    up: np.ndarray
    down: np.ndarray
    inflow: np.ndarray
    diagonal: np.ndarray
    log_mass: np.ndarray
    shift: np.ndarray
    coupling: np.ndarray = field(init=False)  # mean by axis


class GridMultigrid:
    r"""Multigrid, z ≈ L⁻¹ r, :math:`(Lu)_x=\sum_y(q_{xy}u_x-q_{yx}e^{φ_y-φ_x}u_y)+s_xu_x`.

    L is the generator of a nearest-neighbour Markov chain for masses :math:`p=e^φu`, each row over
    the mass :math:`e^{φ_x}` of its cell; only differences of φ between neighbours enter. Coarse
    levels are Markov chains between blocks of cells, with all balances kept, so that the constant
    stays in the kernel where φ is stationary. A V- or F-cycle with one line Gauss-Seidel sweep in
    the order of the cells before, and one against it after the coarse correction.

    Parameters
    ----------
    up, down : arrays (d, \*grid), 1/time
        Rates from a cell to its upper and lower neighbour along each axis, d = 1, 2, 3; zero where
        there is none.
    periodic : sequence of d bools
        Axes along which the last cell is the lower neighbour of the first.
    log_mass : array (\*grid)
        Guess φ of the stationary log mass, in any normalisation; any range.
    shift : number or array (\*grid), 1/time
        s ≥ 0; zero for steady states.
    cycle : {2, 1}
        Coarse problems are visited twice (F-cycle: the second time by a V-cycle) or once (V-cycle).
    dtype : float32 or float64
        Precision of the levels; single precision needs as many iterations.

    Attributes
    ----------
    levels : list
        The grid itself first.
    nbytes : int
        Memory of the levels, without ``up``, ``down`` and the operator of :meth:`apply`.

    Raises
    ------
    ValueError
        For shapes that do not fit, rates or shift that are negative or not finite, cells that
        nothing leaves.
    ConvergenceError
        From :meth:`precondition`, if the correction overflows.

    Notes
    -----
    Horton, Leutenegger, SIGMETRICS (1994), multi-level solution of Markov chains; Braess, Computing
    55 (1995), over-correction of aggregation; Wesseling, An Introduction to Multigrid Methods
    (1992), cell-centred transfer. The guess is good enough where the imbalance \|L 1\| of each
    cell is below its exit rate; beyond about twice that coarse corrections do not help. Modes
    slower than 1e-8 of the exit rates are not resolved.

    Examples
    --------
    A random walk on 64 x 64 cells; the residual of the equation after one cycle:

    >>> import numpy as np
    >>> from fokkerplanck.linalg.grid_multigrid import GridMultigrid
    >>> up, down = np.ones((2, 64, 64)), np.ones((2, 64, 64))
    >>> up[0, -1] = up[1, :, -1] = down[0, 0] = down[1, :, 0] = 0
    >>> levels = GridMultigrid(up, down, (False, False), np.zeros((64, 64)))
    >>> r = levels.apply(np.cos(np.arange(64.0))[:, None] * np.ones(64))
    >>> z = levels.precondition(r)
    >>> bool(np.linalg.norm(r - levels.apply(z)) < 0.2 * np.linalg.norm(r))
    True
    """

    def __init__(self, up, down, periodic, log_mass, shift=0.0, *, cycle=2, dtype=np.float32):
        if cycle not in (1, 2):
            raise ValueError(f"cycle is {cycle!r}; give 1 (V) or 2 (F)")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype is {dtype!r}; give float32 or float64")
        self.dtype, self.cycle = np.dtype(dtype).type, cycle
        self.grid_shape = np.shape(log_mass)
        dim = len(self.grid_shape)
        up, down = np.asarray(up, dtype=float), np.asarray(down, dtype=float)
        _check_shapes(up, down, periodic, self.grid_shape)
        self.shape = (1,) * (3 - dim) + self.grid_shape
        d = max(dim, 2)
        if dim == 1:  # a grid with one row
            up, down = np.stack([0 * up[0], up[0]]), np.stack([0 * down[0], down[0]])
        self.up = np.ascontiguousarray(up).reshape(d, *self.shape)
        self.down = np.ascontiguousarray(down).reshape(d, *self.shape)
        self.periodic = np.array((False,) * (3 - dim) + tuple(bool(p) for p in periodic))
        self.shift = np.zeros(self.shape)
        if np.ndim(shift) or shift != 0:
            self.shift[...] = np.reshape(shift, self.shape) if np.ndim(shift) else shift
            if not (np.isfinite(self.shift).all() and self.shift.min() >= 0):
                raise ValueError("shift has entries that are negative or not finite; give s >= 0")
        self.is_singular = not self.shift.any()
        self.inflow, self.diagonal = np.empty((2 * d, *self.shape)), np.empty(self.shape)
        self.levels: list[_Level] = []
        self.refresh(log_mass)

    def refresh(self, log_mass):
        r"""Make the levels for another guess of the log mass (\*grid), in the same memory."""
        log_mass = np.array(log_mass, dtype=float)
        if log_mass.shape != self.grid_shape or not np.isfinite(log_mass).all():
            raise ValueError(
                f"log_mass has shape {log_mass.shape} or entries that are not finite; expected "
                f"finite values on the grid {self.grid_shape}"
            )
        log_mass = log_mass.reshape(self.shape)
        rates, inflows = (self.up, self.down), grid_multigrid.inflows
        threads.call(inflows, log_mass.size, *rates, log_mass, self.inflow)
        chain = _Chain(self.up, self.down, self.inflow, self.diagonal, log_mass, self.shift)
        old, self.levels = self.levels, []
        while True:
            number = len(self.levels)
            level = self._make_level(chain, old[number] if number < len(old) else None)
            self.levels.append(level)
            level.blocks = _blocks(chain)
            if level.blocks is None:
                break
            chain = self._coarsen(chain, level, level.blocks)
        self._factorise(chain)

    def _make_level(self, chain: _Chain, old: _Level | None) -> _Level:
        """Level of a chain, in the memory of an old level of the same shape."""
        _fill_diagonal(chain, is_finest=not self.levels)
        shape = chain.log_mass.shape
        if old is None or old.u.shape != shape:
            sheets = shape[0] if shape[0] > 1 else shape[1]
            is_small = chain.log_mass.size < sizes.GRID_SERIAL or sheets < 4 * BLOCKS
            old = _Level.empty(shape, len(chain.inflow), 1 if is_small else BLOCKS, self.dtype)
        least = FLOOR * chain.coupling.sum() if self.levels else 0.0
        arrays = chain.inflow, chain.diagonal, old.inflow, old.diagonal, old.pivot
        threads.call(grid_multigrid.fill_level, chain.log_mass.size, *arrays, PIVOT, least)
        return old

    def _coarsen(self, chain: _Chain, level: _Level, blocks: _Blocks) -> _Chain:
        """Markov chain between the blocks of a level; fills the weights of the way there."""
        shape, d = chain.log_mass.shape, len(chain.up)
        coarse = tuple(len(starts) - 1 for starts in blocks)
        if level.omega is None:
            level.omega = np.empty(shape, self.dtype)
            level.weights = np.empty((d, *shape), self.dtype)
        up, down, centre = (np.zeros((d, *coarse)) for _ in range(3))
        inflow = np.zeros((2 * d, *coarse))
        diagonal, log_mass, shift = (np.zeros(coarse) for _ in range(3))
        threads.call(
            grid_multigrid.aggregate, level.u.size, *blocks, chain.up, chain.down, chain.inflow,
            chain.log_mass, chain.shift, level.omega, up, down, inflow, log_mass, shift, centre,
        )  # fmt: skip
        rest = self.periodic, centre, up, down, inflow, level.weights
        threads.call(grid_multigrid.connect, level.u.size, *blocks, *rest)
        return _Chain(up, down, inflow, diagonal, log_mass, shift)

    def _factorise(self, chain):
        """Inverse of the coarsest level, slightly shifted."""
        n, d = chain.diagonal.size, len(chain.up)
        cells = np.arange(n).reshape(chain.diagonal.shape)
        total = np.maximum(chain.inflow.sum(axis=0), chain.diagonal)
        inflow = chain.inflow * np.minimum(1, grid_multigrid.UNBALANCED * chain.diagonal / total)
        A = np.zeros((n, n))
        for k in range(d):
            for side, step in ((0, 1), (1, -1)):
                neighbour = np.roll(cells, step, k + 3 - d).ravel()
                np.subtract.at(A, (cells.ravel(), neighbour), inflow[2 * k + side].ravel())
        scale = chain.diagonal.ravel()
        A /= scale[:, None]
        A[np.arange(n), np.arange(n)] += 1 + FLOOR
        grid_cycle.invert(A)
        self._inverse = A / scale
        mass = np.exp(chain.log_mass - chain.log_mass.max()).ravel()
        self._coarse_mass = mass / mass.sum()

    def _solve_coarsest(self, level):
        """Direct solution; without shift r and z have mean zero."""
        r = level.r.ravel().astype(float)
        if self.is_singular:
            r -= self._coarse_mass @ r
        z = self._inverse @ r
        if self.is_singular:
            z -= self._coarse_mass @ z
        level.u[...] = z.reshape(level.u.shape)

    def _cycle(self, number: int, visits: int) -> None:
        """Correction u of level number for its residual r, by that many visits of coarser levels.

        With two of them the first goes on in the same way and the second is a V-cycle.
        """
        level = self.levels[number]
        if level.blocks is None:
            self._solve_coarsest(level)
            return
        below = self.levels[number + 1]
        c, r, u, n_blocks = level.inflow, level.r, level.u, level.n_blocks
        u.fill(0)
        for visit in range(visits if number else 1):
            threads.call(grid_cycle.relax, u.size, c, level.pivot, r, u, True, n_blocks)
            rest = level.omega, c, level.diagonal, r, u, below.r, n_blocks
            threads.call(grid_cycle.restrict, u.size, *level.blocks, *rest)
            self._cycle(number + 1, 1 if visit else visits)
            way = level.weights, below.u, u, n_blocks
            threads.call(grid_cycle.prolong, u.size, *level.blocks, *way)
            threads.call(grid_cycle.relax, u.size, c, level.pivot, r, u, False, n_blocks)

    def precondition(self, r):
        r"""Approximate solution z of L z = r by one cycle from zero, in the shape of r.

        Parameters
        ----------
        r : array (n,) or (\*grid)
            Without shift, sum of e^φ r should vanish; its mean is ignored on the coarsest level.

        Returns
        -------
        array, float64, in the shape of r
        """
        values = np.ascontiguousarray(r, dtype=float).reshape(self.shape)
        z = np.zeros(self.shape)
        by_row = np.empty(self.shape[0] * self.shape[1])
        threads.call(grid_cycle.largest, values.size, values, by_row)
        size = by_row.max()
        if not np.isfinite(size):
            raise ValueError("r has entries that are not finite")
        if size > 0:
            threads.call(grid_cycle.load, values.size, values, 1 / size, self.levels[0].r)
            self._cycle(0, self.cycle)
            self._check_correction()
            threads.call(grid_cycle.load, values.size, self.levels[0].u, size, z)
        return z.reshape(np.shape(r))

    def _check_correction(self):
        """ConvergenceError if the correction left the range of its precision."""
        u = self.levels[0].u
        with np.errstate(invalid="ignore", over="ignore"):
            is_finite = np.isfinite(u.sum(dtype=float))
        if not is_finite:
            raise ConvergenceError(
                "the multigrid correction is not finite: the guess log_mass is too far from "
                "stationary (L 1 should be below the exit rates); improve it on a coarser grid or "
                "at a higher temperature",
                iterate=u.reshape(self.grid_shape).astype(float),
                residual=np.inf,
            )

    def apply(self, u):
        r"""Product L u in double precision, u (n,) or (\*grid)."""
        out = np.empty(self.shape)
        values = np.ascontiguousarray(u, dtype=float).reshape(self.shape)
        threads.call(grid_multigrid.apply, out.size, self.inflow, self.diagonal, values, out)
        return out.reshape(np.shape(u))

    @property
    def nbytes(self):
        """Bytes of the levels in working precision."""
        arrays = [getattr(level, f.name) for level in self.levels for f in fields(level)]
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))


def _check_shapes(up, down, periodic, shape):
    """ValueError unless the rates fit a grid."""
    if not 1 <= len(shape) <= 3 or min(shape) < 1 or max(shape) < 2:
        raise ValueError(f"log_mass has shape {shape}; grids have one to three axes and two cells")
    for name, a in (("up", up), ("down", down)):
        if a.shape != (len(shape), *shape):
            raise ValueError(f"{name} has shape {a.shape}, expected {(len(shape), *shape)}")
    if len(tuple(periodic)) != len(shape):
        raise ValueError(f"periodic has {len(tuple(periodic))} entries, expected {len(shape)}")


def _fill_diagonal(chain, is_finest):
    """Diagonal and mean coupling by axis of a chain; on the finest level its rates are checked."""
    n0, n1, _ = chain.log_mass.shape
    sums = np.empty((n0 * n1, len(chain.up) + 1))
    rates = chain.up, chain.down, chain.shift
    diagonals = grid_multigrid.diagonals
    threads.call(diagonals, chain.log_mass.size, *rates, chain.diagonal, sums)
    chain.coupling = sums[:, :-1].sum(axis=0) / chain.log_mass.size
    if not is_finest:
        return
    if not (np.isfinite(chain.coupling).all() and sums[:, -1].min() >= 0):
        raise ValueError("up or down has entries that are negative or not finite; give rates >= 0")
    if not chain.diagonal.min() > 0:
        cell = np.unravel_index(np.argmin(chain.diagonal), chain.diagonal.shape)
        raise ValueError(
            f"nothing leaves cell {tuple(int(i) for i in cell)[-len(chain.up) :]}; "
            "give a connected chain, or a shift"
        )


def _blocks(chain):
    """Blocks of cells along every axis, or None if the level is solved directly.

    Two cells along axes with strong coupling, the last block three if their number is odd; single
    cells along others.
    """
    shape, d = chain.log_mass.shape, len(chain.up)
    if chain.log_mass.size <= sizes.GRID_COARSEST[d]:
        return None
    coupling = np.append(np.zeros(3 - d), chain.coupling) * (np.array(shape) > 1)
    strong = WEAK * coupling.max()
    starts = []
    for n, c in zip(shape, coupling, strict=True):
        is_coarsened = n > 1 and c >= strong
        pairs = np.append(np.arange(0, 2 * (n // 2), 2), n)
        starts.append(pairs if is_coarsened else np.arange(n + 1))
    return _Blocks(starts[0], starts[1], starts[2].astype(np.uint64))  # unsigned: see aggregate
