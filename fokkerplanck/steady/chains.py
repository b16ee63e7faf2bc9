"""Markov chains with a guess of their stationary log masses, ready for multigrid.

A `GraphChain` is any chain, a `GridChain` one of nearest neighbours, without index arrays and
several times faster. The multilevel driver asks of both what `GuessedChain` lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import aggregation as kernels
from fokkerplanck.kernels.linalg import grid_chain, grid_multigrid
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.grid_multigrid import GridMultigrid
from fokkerplanck.linalg.null_vector import chain_log_mass
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.wells import deep_wells

#: Shift of the diagonal that holds the densest cell of a well, in exit rates of the cell.
HELD = 1.0


class GuessedChain(Protocol):
    """What the multilevel driver asks of a chain A with a guess of its log masses.

    Its equations are those of the ratio u to the guess: L u = 0 with L = - e^-phi A e^phi.
    """

    #: Guess of the log masses (n,), changed in place; then call ``refresh``.
    phi: Array
    #: Total rate out of each cell (n,), 1/time.
    exits: Array
    #: Weight of residuals (n,), one over the diagonal of L; made by ``rebuild``.
    weight: Array
    #: Whether the preconditioner changes from call to call.
    flexible: bool
    #: Whether the preconditioner still serves after a small change of the guess.
    is_reusable: bool
    _solver: Aggregation | GridMultigrid

    def apply(self, u: Array) -> Array:
        """Product L u."""
        return self._solver.apply(u)

    def precondition(self, r: Array) -> Array:
        """Approximate solution of L u = r."""
        return self._solver.precondition(r)

    def refresh(self) -> None:
        """Take note of a change of phi."""

    def sweep(self, count: int) -> None:
        """Balance cell by cell, ``count`` times."""

    def imbalance(self) -> Array:
        """Net inflow of every cell over its own mass (n,)."""

    def rebuild(self, pins: Integers) -> None:
        """Make the preconditioner for the present phi, with the cells ``pins`` held."""

    def lumps(self) -> Lumps:
        """Lumped chain of at most about ``sizes.STEADY_LUMPS`` cells."""


class GraphChain(GuessedChain):
    """Any chain, as rows of its graph, with multigrid by aggregation.

    Parameters
    ----------
    flows : Flows
    shape : tuple of int
        Cells along every axis; says which cells are near each other.
    start : array (n,)
        Log masses to start from.
    """

    flexible = True
    is_reusable = False

    def __init__(self, flows: Flows, shape: tuple[int, ...], start: Array):
        self.shape = shape
        self._rows = flows.indptr, flows.indices, flows.outflow, flows.inflow
        self._level = Level(*self._rows, np.array(start), np.zeros(len(start)))
        self.phi = self._level.phi  # changed in place; then refresh
        self.exits = self._level.diagonal.copy()

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
        self._solver = Aggregation(level)
        self.weight = 1 / level.diagonal

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
        return Lumps(rates, level.phi, np.stack(np.unravel_index(place, self.shape), 1), label)


class GridChain(GuessedChain):
    """Chain of nearest neighbours on a grid, with multigrid on structured arrays.

    Parameters
    ----------
    generator : Generator
        With edges of kind "isotropic" or "diagonal", in two or three dimensions.
    start : array (n,)
    """

    flexible = False
    is_reusable = True
    _solver: GridMultigrid

    def __init__(self, generator: Generator, start: Array):
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
        self._inflow, self._is_stale = np.empty((2 * d, *self._full)), True
        self._is_singular = False  # whether there is a solver with no cell held

    def refresh(self):
        """Take note of a change of phi."""
        self._is_stale = True

    def sweep(self, count):
        """Balance the cells of a checkerboard, ``count`` times both colours."""
        phi = self.phi.reshape(self._full)
        other = np.empty_like(phi)
        for _ in range(count):
            for before, colour, after in ((phi, 0, other), (other, 1, phi)):
                rates = self._up, self._down, before
                threads.call(grid_chain.balance_sweep, phi.size, *rates, colour, after)
        self.refresh()

    def _inflows(self):
        """Inflows over the mass of each cell, up to date with phi."""
        if self._is_stale:
            phi = self.phi.reshape(self._full)
            arrays = self._up, self._down, phi, self._inflow
            threads.call(grid_multigrid.inflows, phi.size, *arrays)
            self._is_stale = False
        return self._inflow

    def imbalance(self):
        """Net inflow of every cell over its own mass (n,)."""
        r = self._inflows().sum(axis=0).ravel()
        r -= self.exits
        return r

    def rebuild(self, pins):
        """Hierarchy for the present phi, with the cells ``pins`` held."""
        phi, shift = self.phi.reshape(self.shape), np.zeros(self.shape if len(pins) else ())
        if len(pins):
            shift.ravel()[pins] = HELD * self.exits[pins]
        self.weight = 1 / (self.exits + shift.ravel())
        if self._is_singular and not len(pins):
            self._solver.refresh(phi)
        else:
            up, down = (a.reshape(len(self.shape), *self.shape) for a in (self._up, self._down))
            self._solver = GridMultigrid(up, down, self.periodic, phi, shift)
            self._is_singular = self._solver.is_singular
        self._inflow, self._is_stale = self._solver.inflow, False

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
            fine = [up, down, inflow, phi, shift, np.empty(phi.shape)]
            arrays = [*starts, *fine, *lumped, *masses, np.zeros((d, *coarse))]
            threads.call(grid_multigrid.aggregate, fine[3].size, *arrays)
            own = [
                np.repeat(np.arange(len(s) - 1), np.diff(s))[i]
                for s, i in zip(starts, own, strict=True)
            ]
            (up, down, inflow), (phi, shift) = lumped, masses
        label = np.ravel_multi_index(np.ix_(*own), phi.shape).ravel()
        rates = _grid_rates(up, down, phi.shape)
        places = np.stack(np.unravel_index(np.arange(phi.size), phi.shape), axis=1)
        return Lumps(rates, phi.ravel(), places, label)


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


@dataclass(frozen=True, eq=False)
class Lumps:
    """A lumped chain: rates j -> i, log masses, places on the grid; and the lump of every cell."""

    rates: sparse.csr_array
    phi: Array
    places: Integers
    label: Integers

    def change(self):
        """Change of log mass (n,) that puts the lumps in balance, by elimination.

        Only sums, products and quotients of rates: the weights of wells come out right whatever the
        barrier between them, if the masses inside every lump are.
        """
        return (chain_log_mass(self.rates, self.places) - self.phi)[self.label]

    def wells(self, phi):
        """Densest cells of the wells behind high barriers, none if there is one well only."""
        deep = chain_wells(self.rates, self.phi)
        if deep.size < 2:
            return np.empty(0, np.int64)
        cells = np.flatnonzero(np.isin(self.label, deep))
        cells = cells[np.lexsort((-phi[cells], self.label[cells]))]
        return cells[np.unique(self.label[cells], return_index=True)[1]]


def chain_wells(rates, phi):
    """Densest cells of the wells behind high barriers of a chain with log masses phi."""
    return deep_wells((rates + rates.T).tocsr(), phi)
