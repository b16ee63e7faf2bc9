"""Markov chains with a guess of their stationary log masses, ready for multigrid.

Both classes offer the same: ``phi`` (n,), ``imbalance``, ``sweep``, ``rebuild``, ``apply``,
``precondition``, ``weight``, ``refresh``, ``weighed`` and ``wells``. A `GraphChain` is any chain, a
`GridChain` one of nearest neighbours, without index arrays and several times faster.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Integers
from fokkerplanck.kernels.linalg import aggregation as kernels
from fokkerplanck.kernels.linalg import basins, grid_chain, grid_multigrid
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.grid_multigrid import GridMultigrid
from fokkerplanck.linalg.null_vector import chain_log_mass

#: Barrier in kT behind which a well is held, and the shift that holds its cell, in exit rates.
WELL_DEPTH, HELD = 8.0, 1.0


class GraphChain:
    """Any chain, as rows of its graph, with multigrid by aggregation.

    Parameters
    ----------
    flows : Flows
    shape : tuple of int
        Cells along every axis; says which cells are near each other.
    start : array (n,)
        Log masses to start from.
    """

    #: Whether the preconditioner changes from call to call, and serves another guess too.
    flexible, is_reusable = True, False

    def __init__(self, flows, shape, start):
        self.shape = shape
        self._rows = flows.indptr, flows.indices, flows.outflow, flows.inflow
        self._level = Level(*self._rows, np.array(start), np.zeros(len(start)))
        self.phi = self._level.phi  # changed in place; then refresh
        self.exits = self._level.diagonal.copy()
        self._hierarchy = None

    def refresh(self):
        """Bring what depends on phi up to date."""
        self._level.refresh()

    def sweep(self, count):
        """Balance cell by cell, ``count`` times there and back."""
        kernels.log_sweep(*self._rows, self._level.phi, count)
        self.refresh()

    def imbalance(self):
        """Net inflow of every cell over its own mass (n,)."""
        indptr, indices, *_ = self._rows
        r = np.empty_like(self.exits)
        zero, ones = (np.broadcast_to(a, r.shape) for a in (0.0, 1.0))
        kernels.residual(indptr, indices, self._level.inn, self.exits, zero, ones, r)
        return r

    def rebuild(self, pins):
        """Hierarchy for the present phi, with the cells ``pins`` held."""
        level = self._level
        level.shift[:] = 0.0
        level.shift[pins] = HELD * self.exits[pins]
        level.diagonal[:] = self.exits + level.shift
        self._hierarchy = Aggregation(level)
        self.weight = 1 / level.diagonal

    def apply(self, u):
        """Product with the matrix on ratios to e^phi."""
        return self._hierarchy.apply(u)

    def precondition(self, r):
        """Approximate solution."""
        return self._hierarchy.precondition(r)

    def lumps(self):
        """Lumped chain (rates, log masses, places) and the lump of every cell."""
        hierarchy = Aggregation(self._level)
        label: Integers = np.arange(self.exits.size, dtype=np.int32)
        level = self._level
        for lumps, coarser in zip(hierarchy.lumps, hierarchy.levels[1:], strict=True):
            if level.size <= sizes.STEADY_LUMPS:
                break
            label, level = lumps.number[label], coarser
        rates = sparse.csr_array((level.back, level.indices, level.indptr), (level.size,) * 2)
        place = np.empty(level.size, np.int64)
        place[label] = np.arange(label.size)
        return _Lumps(rates, level.phi, np.stack(np.unravel_index(place, self.shape), 1), label)


class GridChain:
    """Chain of nearest neighbours on a grid, with multigrid on structured arrays.

    Parameters
    ----------
    generator : Generator
        With edges of kind "isotropic" or "diagonal", in two or three dimensions.
    start : array (n,)
    """

    flexible, is_reusable = False, True

    def __init__(self, generator, start):
        grid = generator.grid
        self.shape, self.periodic = grid.shape, grid.periodic
        self._full = (1,) * (3 - grid.dim) + grid.shape
        d, n = grid.dim, grid.size
        up, down = np.zeros((2, d, n))
        edges = generator.edges
        volume = np.array(np.ravel(grid.volume))
        grid_chain.from_edges(
            np.array(grid.shape), edges.tail, edges.head, *generator.edge_rates, volume, up, down
        )
        self._up, self._down = (a.reshape(d, *self._full) for a in (up, down))
        self.phi = np.array(start)
        self.exits = (up.sum(axis=0) + down.sum(axis=0)).ravel()
        self._inflow, self._solver = np.empty((2 * d, *self._full)), None
        self._is_stale = True

    def refresh(self):
        """Take note of a change of phi."""
        self._is_stale = True

    def sweep(self, count):
        """Balance the cells of a checkerboard, ``count`` times both colours."""
        phi = self.phi.reshape(self._full)
        other = np.empty_like(phi)
        for _ in range(count):
            grid_chain.balance_sweep(self._up, self._down, phi, 0, other)
            grid_chain.balance_sweep(self._up, self._down, other, 1, phi)
        self.refresh()

    def _inflows(self):
        """Inflows over the mass of each cell, up to date with phi."""
        if self._is_stale:
            phi = self.phi.reshape(self._full)
            grid_multigrid.inflows(self._up, self._down, phi, self._inflow)
            self._is_stale = False
        return self._inflow

    def imbalance(self):
        """Net inflow of every cell over its own mass (n,)."""
        r = self._inflows().sum(axis=0).ravel()
        r -= self.exits
        return r

    def rebuild(self, pins):
        """Hierarchy for the present phi, with the cells ``pins`` held."""
        d = len(self.shape)
        shift = 0.0
        if len(pins):
            shift = np.zeros(self.phi.size)
            shift[pins] = HELD * self.exits[pins]
        self.weight = 1 / (self.exits + shift)
        if self._solver is not None and not len(pins) and self._solver.is_singular:
            self._solver.refresh(self.phi.reshape(self.shape))
        else:
            self._solver = GridMultigrid(
                *(a.reshape(d, *self.shape) for a in (self._up, self._down)), self.periodic,
                self.phi.reshape(self.shape), np.reshape(shift, self.shape if len(pins) else ()),
            )  # fmt: skip
        self._inflow, self._is_stale = self._solver.inflow, False

    def apply(self, u):
        """Product with the matrix on ratios to e^phi."""
        return self._solver.apply(u)

    def precondition(self, r):
        """Approximate solution."""
        return self._solver.precondition(r)

    def lumps(self):
        """Lumped chain of blocks of cells and the block of every cell."""
        d = len(self.shape)
        up, down, inflow = self._up, self._down, self._inflows()
        phi, shift = self.phi.reshape(self._full), np.broadcast_to(0.0, self._full)
        label = np.arange(phi.size).reshape(phi.shape)
        own = [np.arange(n) for n in phi.shape]
        while phi.size > sizes.STEADY_LUMPS:
            starts = [_blocks(n) for n in phi.shape]
            coarse = tuple(len(s) - 1 for s in starts)
            lumped = [np.zeros((m, *coarse)) for m in (d, d, 2 * d)]
            masses = [np.zeros(coarse), np.zeros(coarse)]
            grid_multigrid.aggregate(
                *starts, up, down, inflow, phi, shift, np.empty(phi.shape),
                *lumped, *masses, np.zeros((d, *coarse)),
            )  # fmt: skip
            own = [
                np.repeat(np.arange(len(s) - 1), np.diff(s))[i]
                for s, i in zip(starts, own, strict=True)
            ]
            (up, down, inflow), (phi, shift) = lumped, masses
        label = np.ravel_multi_index(np.ix_(*own), phi.shape).ravel()
        rates = _grid_rates(up, down, phi.shape)
        places = np.stack(np.unravel_index(np.arange(phi.size), phi.shape), axis=1)
        return _Lumps(rates, phi.ravel(), places, label)


def _blocks(n):
    """Bounds of blocks of two cells, the last one of three if n is odd."""
    return np.append(np.arange(0, 2 * (n // 2), 2), n) if n > 1 else np.array([0, 1])


def _grid_rates(up, down, shape):
    """Sparse rates j -> i of a chain of nearest neighbours."""
    d, cells = len(up), np.arange(np.prod(shape)).reshape(shape)
    rows, columns, values = [], [], []
    for k in range(d):
        axis = k + 3 - d
        for rate, step in ((up, -1), (down, 1)):
            to = np.roll(cells, step, axis).ravel()
            some = (rate[k].ravel() > 0) & (to != cells.ravel())
            rows.append(to[some])
            columns.append(cells.ravel()[some])
            values.append(rate[k].ravel()[some])
    where = np.concatenate(rows), np.concatenate(columns)
    return sparse.coo_array((np.concatenate(values), where), shape=(cells.size,) * 2).tocsr()


class _Lumps:
    """A lumped chain: rates j -> i, log masses, places on the grid; and the lump of every cell."""

    def __init__(self, rates, phi, places, label):
        self.rates, self.phi, self.places, self.label = rates, phi, places, label

    def change(self):
        """Change of log mass (n,) that puts the lumps in balance, by elimination.

        Only sums, products and quotients of rates: the weights of wells come out right whatever the
        barrier between them, if the masses inside every lump are.
        """
        return (chain_log_mass(self.rates, self.places) - self.phi)[self.label]

    def wells(self, phi):
        """Densest cells of the wells behind high barriers, none if there is one well only."""
        deep = _deep(self.rates, self.phi)
        if np.count_nonzero(deep) < 2:
            return np.empty(0, np.int64)
        cells = np.flatnonzero(deep[self.label])
        cells = cells[np.lexsort((-phi[cells], self.label[cells]))]
        return cells[np.unique(self.label[cells], return_index=True)[1]]


def count_wells(rates, phi):
    """Number of wells behind high barriers of a chain with log masses phi."""
    return int(np.count_nonzero(_deep(rates, phi)))


def _deep(rates, phi):
    """Flags (n,) of the densest cells of wells behind high barriers."""
    graph = (rates + rates.T).tocsr()
    order = np.argsort(-phi, kind="stable")
    return basins.deep_maxima(order, graph.indptr, graph.indices, phi, WELL_DEPTH)
