r"""A generator with ends: sets and sides where a path is over.

A set begins at its boundary, not at the centres of its cells. An edge from a free cell i to a cell
of the set, of conductance w and tilt z, is cut where it crosses, at the part s of its length: the
rate into the set is :math:`(w/s)B(-sz)/V_i`. Cutting an edge in two and eliminating the new node
gives the edge back, so this is the same chain, watched at the boundary as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.fields import cell_text
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field, Integers
from fokkerplanck.linalg.killed import KilledChain, restricted
from fokkerplanck.scheme.bernoulli import both_sides
from fokkerplanck.scheme.currents import edge_offsets
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.sets import Side, fractions, mask_of

#: A set as a person gives it: a boolean array, a function, a region or an absorbing side.
Target: TypeAlias = Field | Side
#: Ends of a chain with the names that messages give them.
Named: TypeAlias = Sequence[tuple[str, Target]]


@dataclass(frozen=True, eq=False)
class Crossings:
    """Edges between free cells and cells of a set.

    Attributes
    ----------
    edge, free, other, end : int arrays (m,)
        Number of the edge, its free cell, its cell in the set, and the number of the set.
    sign : float array (m,)
        1 where the free cell is the tail.
    weight, tilt : float arrays (m,)
        Of the whole edge, seen from the free cell.
    part : float array (m,)
        Share s of the edge outside of the set.
    rate : float array (m,)
        From the free cell into the set, 1/time.
    """

    edge: Integers
    free: Integers
    other: Integers
    end: Integers
    sign: Array
    weight: Array
    tilt: Array
    part: Array
    rate: Array


@dataclass(frozen=True, eq=False)
class Ended:
    """Chain on the free cells of a grid.

    Attributes
    ----------
    label : int array (n,)
        Number of the set that a cell belongs to; -1 for free cells.
    cells : int array (n_free,)
    kills : array (n_ends + 1, n_free)
        Rates into each end; in the last row through absorbing sides that are no end of their own.
    crossings : Crossings
    flows : Flows
        Of the whole generator, without ends.
    chain : KilledChain
    """

    grid: Grid
    label: Integers
    cells: Integers
    kills: Array
    crossings: Crossings
    flows: Flows
    chain: KilledChain

    def on_grid(self, x: Array, elsewhere: ArrayLike = 0.0) -> Array:
        r"""Values of free cells and of the ends (number, or one per end) on the grid (\*shape)."""
        values = np.append(np.broadcast_to(elsewhere, self.kills.shape[0] - 1), 0.0)[self.label]
        values[self.cells] = x
        return frozen(values.reshape(self.grid.shape))


def ended(generator: Generator, ends: Named) -> Ended:
    """Chain of a generator that ends in sets or at sides, given as pairs (name, set).

    Raises
    ------
    ValueError
        If sets overlap or touch each other, or no end can be reached from some cell.
    """
    grid, edges = generator.grid, generator.edges
    label = np.full(grid.size, -1)
    for k, (name, region) in enumerate(ends):
        if isinstance(region, Side):
            _check_side(region, grid, name, [other for _, other in ends[:k]])
            continue
        mask = mask_of(region, grid, name).ravel()
        clash = mask & (label >= 0)
        if clash.any():
            first = int(np.argmax(clash))
            where = cell_text(grid, np.unravel_index(first, grid.shape))
            raise ValueError(
                f"{ends[label[first]][0]} and {name} overlap at {where}; give disjoint sets"
            )
        label[mask] = k
    if (label >= 0).all():
        raise ValueError("the sets fill the whole box; leave some cells to start from")
    _check_apart(grid, edges, label, ends)
    cells = np.flatnonzero(label < 0)
    crossings = _crossings(grid, edges, label, ends)
    kills = np.zeros((len(ends) + 1, grid.size))
    np.add.at(kills, (crossings.end, crossings.free), crossings.rate)
    named = {side: k for k, (_, side) in enumerate(ends) if isinstance(side, Side)}
    for side, rate in edges.exits.items():
        kills[named.get(side, -1)] += rate / grid.volumes.ravel()
    kills = kills[:, cells]
    flows = Flows.from_generator(generator)
    chain = KilledChain(
        restricted(flows, cells, kills.sum(axis=0)),
        np.stack(np.unravel_index(cells, grid.shape), axis=1),
    )
    _check_reached(grid, cells, chain)
    return Ended(grid, label, cells, kills, crossings, flows, chain)


def steps_of(edges: Edges, chosen: Integers | slice) -> Array:
    """Displacements (d, m) from tail to head of chosen edges."""
    grid = edges.grid
    offset = edge_offsets(edges)[chosen].T.astype(float)
    tail, head = (np.unravel_index(a[chosen], grid.shape) for a in (edges.tail, edges.head))
    for k, w in enumerate(grid.widths):
        offset[k] *= 0.5 * (w[tail[k]] + w[head[k]])
    return offset


def _crossings(grid: Grid, edges: Edges, label: Integers, ends: Named) -> Crossings:
    """Edges that lead from free cells into sets, cut at the boundaries."""
    tail_in, head_in = label[edges.tail] >= 0, label[edges.head] >= 0
    edge = np.flatnonzero(tail_in != head_in)
    from_tail = head_in[edge]
    free = np.where(from_tail, edges.tail[edge], edges.head[edge])
    other = np.where(from_tail, edges.head[edge], edges.tail[edge])
    sign = np.where(from_tail, 1.0, -1.0)
    step, start = sign * steps_of(edges, edge), grid.x.reshape(grid.dim, -1)[:, free]
    part, end = np.ones(edge.size), label[other]
    for k, (_, region) in enumerate(ends):
        here = end == k
        if here.any() and not isinstance(region, Side):  # sides have no cells
            mask = (label == k).reshape(grid.shape)
            part[here] = fractions(region, mask, grid, start[:, here], step[:, here])
    weight, tilt = edges.weight[edge], sign * edges.tilt[edge]
    volume = grid.volumes.ravel()
    rate = weight / part * both_sides(part * tilt)[1] / volume[free]
    return Crossings(edge, free, other, end, sign, weight, tilt, part, rate)


def _check_side(region: Side, grid: Grid, name: str, before: Sequence[Target]) -> None:
    """Raise unless a side is absorbing, and new."""
    if region.axis >= grid.dim:
        raise ValueError(f"{name} is {region!r}, but the grid has {grid.dim} axes")
    word = grid.sides[region.axis][region.end == "upper"]
    if word != "absorbing":
        raise ValueError(
            f"{name} is {region!r}, which is {word}; only absorbing sides are ends, make it so in "
            "Grid(sides=...)"
        )
    if region in [other for other in before if isinstance(other, Side)]:
        raise ValueError(f"{name} is {region!r} a second time; give disjoint sets")


def _check_apart(grid: Grid, edges: Edges, label: Integers, ends: Named) -> None:
    """Raise if an edge joins two sets."""
    a, b = label[edges.tail], label[edges.head]
    touch = (a >= 0) & (b >= 0) & (a != b)
    if touch.any():
        e = int(np.argmax(touch))
        cell = np.unravel_index(edges.tail[e], grid.shape)
        raise ValueError(
            f"{ends[a[e]][0]} and {ends[b[e]][0]} touch at {cell_text(grid, cell)}; leave at least "
            f"{edges.width} free cells between them, or refine the grid"
        )


def _check_reached(grid: Grid, cells: Integers, chain: KilledChain) -> None:
    """Raise if from some cell no path leads to an end."""
    flows, n = chain.flows, cells.size
    rows, columns = chain.rows[flows.outflow > 0], flows.indices[flows.outflow > 0]
    last = np.flatnonzero(flows.exits > 0)
    # Backwards from a node n, the end.
    graph = csr_array(
        (
            np.ones(rows.size + last.size),
            (np.append(columns, np.full(last.size, n)), np.append(rows, last)),
        ),
        shape=(n + 1, n + 1),
    )
    found = breadth_first_order(graph, n, return_predecessors=False)
    if found.size < n + 1:
        lost = np.ones(n + 1, bool)
        lost[found] = False
        cell = np.unravel_index(cells[np.argmax(lost)], grid.shape)
        raise ValueError(
            f"from {int(lost.sum())} cells no path leads to any end, the first is "
            f"{cell_text(grid, cell)}; D vanishes on the way, or rates underflow: add a little "
            "diffusion, lower beta, or make these cells part of a set"
        )
