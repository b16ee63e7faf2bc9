r"""A generator with ends: sets and sides where a path is over.

A set begins at its boundary, not at the centres of its cells. An edge from a free cell i to a cell
of the set, of conductance w and tilt z, is cut where it crosses, at the part s of its length: the
rate into the set is :math:`(w/s)B(-sz)/V_i`. Cutting an edge in two and eliminating the new node
gives the edge back, so this is the same chain, watched at the boundary as well.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from fokkerplanck.domain.fields import cell_text
from fokkerplanck.domain.grid import Grid
from fokkerplanck.kernels.scheme import assembly
from fokkerplanck.rates.killed import KilledChain
from fokkerplanck.scheme.currents import edge_offsets
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.sets import Side, fractions, mask_of


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

    edge: np.ndarray
    free: np.ndarray
    other: np.ndarray
    end: np.ndarray
    sign: np.ndarray
    weight: np.ndarray
    tilt: np.ndarray
    part: np.ndarray
    rate: np.ndarray


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
    chain : KilledChain
    """

    grid: Grid
    label: np.ndarray
    cells: np.ndarray
    kills: np.ndarray
    crossings: Crossings
    chain: KilledChain

    def on_grid(self, x, elsewhere=0.0):
        r"""Values of free cells and of the ends (number, or one per end) on the grid (\*shape)."""
        values = np.append(np.broadcast_to(elsewhere, self.kills.shape[0] - 1), 0.0)[self.label]
        values[self.cells] = x
        values = values.reshape(self.grid.shape)
        values.flags.writeable = False
        return values


def ended(problem, generator, ends) -> Ended:
    """Chain of a generator that ends in sets or at sides, given as pairs (name, set).

    Raises
    ------
    ValueError
        If sets overlap or touch each other, or no end can be reached from some cell.
    """
    grid, edges = problem.grid, generator.edges
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
    if edges.exit_rate is not None:
        _add_sides(problem, edges, ends, kills)
    kills = kills[:, cells]
    flows = Flows.from_generator(generator)
    chain = KilledChain(
        restricted(flows, cells, kills.sum(axis=0)),
        np.stack(np.unravel_index(cells, grid.shape), axis=1),
    )
    _check_reached(grid, cells, chain)
    return Ended(grid, label, cells, kills, crossings, chain)


def restricted(flows, cells, exits) -> Flows:
    """Flows among some cells, with other exits."""
    if cells.size == flows.exits.size:
        return replace(flows, exits=exits)
    n = flows.exits.size
    inn, out = (
        csr_array((values, flows.indices, flows.indptr), shape=(n, n))[cells][:, cells]
        for values in (flows.inflow, flows.outflow)
    )
    return Flows(inn.indptr, inn.indices, inn.data, out.data, exits)


def steps_of(edges, chosen):
    """Displacements (d, m) from tail to head of chosen edges."""
    grid = edges.grid
    offset = edge_offsets(edges)[chosen].T.astype(float)
    tail, head = (np.unravel_index(a[chosen], grid.shape) for a in (edges.tail, edges.head))
    for k, w in enumerate(grid.widths):
        offset[k] *= 0.5 * (w[tail[k]] + w[head[k]])
    return offset


def bernoulli_pair(weight, tilt):
    """Pair (w B(-z), w B(z)) of arrays."""
    forward, backward = np.empty_like(weight), np.empty_like(weight)
    assembly.rates(0, 1, np.ascontiguousarray(weight), np.ascontiguousarray(tilt), forward,
                   backward)  # fmt: skip
    return forward, backward


def _crossings(grid, edges, label, ends) -> Crossings:
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
        if here.any():
            mask = (label == k).reshape(grid.shape)
            part[here] = fractions(region, mask, grid, start[:, here], step[:, here])
    weight, tilt = edges.weight[edge], sign * edges.tilt[edge]
    volume = grid.volumes.ravel()
    rate = bernoulli_pair(weight / part, part * tilt)[0] / volume[free]
    return Crossings(edge, free, other, end, sign, weight, tilt, part, rate)


def _check_side(region, grid, name, before):
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


def _check_apart(grid, edges, label, ends):
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


def _check_reached(grid, cells, chain):
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


def _add_sides(problem, edges, ends, kills):
    """Add the rates through absorbing sides to the rows of kills (n_ends + 1, n)."""
    grid = problem.grid
    total = edges.exit_rate / grid.volumes.ravel()
    named = [(k, region) for k, (_, region) in enumerate(ends) if isinstance(region, Side)]
    if not named:
        kills[-1] += total
        return
    rest = np.zeros(grid.size)
    for axis, pair in enumerate(grid.sides):
        for end, word in zip(("lower", "upper"), pair, strict=True):
            if word == "absorbing":
                row = next((k for k, r in named if r == Side(axis, end)), None)
                rate = _rate_through(problem, axis, end)
                if row is None:
                    rest += rate
                else:
                    kills[row] += rate
    kills[-1] += rest


def _rate_through(problem, axis, end):
    """Rates (n,) out of one side: those of the problem if the others reflect."""
    grid = problem.grid
    sides = [
        tuple(
            word if word == "periodic" or (k, e) == (axis, end) else "reflecting"
            for e, word in zip(("lower", "upper"), pair, strict=True)
        )
        for k, pair in enumerate(grid.sides)
    ]
    axes = [F if g else pair for F, g, pair in zip(grid.faces, grid.graded, grid.box, strict=True)]
    twin = copy.copy(problem)  # fields and cells are the same; walls do not enter the drift
    twin.__dict__["grid"] = Grid(axes, grid.shape, sides)
    exits = Edges.from_problem(twin).exit_rate
    return exits / grid.volumes.ravel()
