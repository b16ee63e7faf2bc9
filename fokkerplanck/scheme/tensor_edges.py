"""Edges of full tensors: along Selling's offsets, with the correction at reflecting walls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import selling, stencil, tensors
from fokkerplanck.scheme.cells import (
    UPWIND_TILT,
    cell_type,
    cells_along,
    diffusion,
    flat,
    neighbours,
    side_flags,
)

#: Smallest eigenvalue of D, over the largest, below which a direction counts as free of noise.
SINGULAR = 1e-8
#: Weights below this part of the trace of D are rounding: without them the stencil is narrower.
SMALL = 1e-13


class TensorEdges(NamedTuple):
    """Fields of the `Edges` of a full tensor."""

    tail: Integers
    head: Integers
    weight: Array
    tilt: Array
    exits: dict[Side, Array]
    width: int
    n_floored: int
    one_way: Flags | None


def tensor_edges(problem: Problem) -> TensorEdges:
    """Edges of a problem along Selling's offsets."""
    grid = problem.grid
    if not grid.is_uniform:
        raise ValueError(
            "D has off-diagonal entries on a graded grid; use uniform axes, (lo, hi), or diagonal D"
        )
    D, low = _index_diffusion(problem)
    W, across = _preferred_gradient(problem, D, low)
    weights, offsets, reach = decompose(D, grid)
    if len(weights) < grid.size:  # D is constant, the corrections at walls are not
        weights, offsets = np.tile(weights, (grid.size, 1)), np.tile(offsets, (grid.size, 1, 1))
    exits = {
        side: _exits(grid, side, weights, offsets, W, across) for side in grid.sides_of("absorbing")
    }
    more = _wall_terms(grid, weights, offsets, D, reach)
    U = None if problem.potential is None else problem.beta * problem.potential
    edges = _emit(grid, weights, offsets, more, W, U)
    if across is not None:
        parts = [edges]
        for axis in range(grid.dim):
            parts.append(_upwind_edges(grid, axis, across))
        edges = [np.concatenate(column) for column in zip(*parts, strict=True)]
    tail, head, weight, tilt = edges
    one_way = np.zeros(tail.size, bool)
    if across is not None:
        one_way[parts[0][0].size :] = True
    if any(
        wraps and n <= 2 * r for n, r, wraps in zip(grid.shape, reach, grid.periodic, strict=True)
    ):
        # Two offsets may lead to one cell.
        tail, head, weight, tilt, one_way = _merge(grid.size, tail, head, weight, tilt, one_way)
    n_floored = int(low.sum()) * (grid.size // low.size)
    flags = one_way if one_way.any() else None
    return TensorEdges(tail, head, weight, tilt, exits, int(reach.max()), n_floored, flags)


def _index_diffusion(problem):
    """Tensor kT D_ik / (h_i h_k), raised where too anisotropic, and where it was.

    Upper triangles (n, m), or (1, m) if D is constant, and flags (n) or (1).
    """
    grid, d = problem.grid, problem.grid.dim
    h = np.array(grid.h)
    scale = problem.kT / np.multiply.outer(h, h)
    D = diffusion(problem)
    D = flat(D[:, :1], d * d) if problem.D_constant else D
    packed, low = np.empty((D.shape[1], d * (d + 1) // 2)), np.empty(D.shape[1], bool)
    n, parts = min(grid.shape), threads.parts(len(packed))
    threads.run(tensors.pack, tensors.pack_threads, parts, D, scale, packed)
    # Eigenvalues are computed only in cells where elimination does not show that D minus its floor
    # is positive.
    threads.run(
        tensors.suspects, tensors.suspects_threads, parts, D, scale,
        max(4.0 / n**2, SINGULAR), 1e-12, low,
    )  # fmt: skip
    at = np.flatnonzero(low)
    if at.size:
        full = D[:, at].reshape(d, d, -1) * scale[:, :, None]
        least, largest = fields.smallest_eigenvalue(full), np.abs(full).max(axis=(0, 1))
        # Where a direction has no noise the scheme is of first order (upwind) anyway: a high floor
        # costs nothing there and bounds the offsets by about sqrt(n) cells.
        floor = largest * np.where(least < SINGULAR * largest, 0.25 / n, 4.0 / n**2)
        low[at] = least < floor
        diagonal = [0, d, 2 * d - 1][:d]
        packed[np.ix_(at, diagonal)] += np.maximum(floor - least, 0.0)[:, None]
    return packed, low


def _preferred_gradient(problem, D, low):
    """Gradient of log density W = D^-1 v that carries no current, in index units (n, d).

    In cells whose D was raised only the part of v in the noisy directions enters W; the rest is
    returned too (None if there is none) and is upwinded along the axes. (0, d) without drift.
    """
    grid, d = problem.grid, problem.grid.dim
    v = problem.v if problem.potential is None else problem.circulation
    if v is None:
        return np.empty((0, d)), None
    h, across = np.array(grid.h), None
    if low.any():
        at = np.flatnonzero(low) if low.size > 1 else np.arange(grid.size)
        full = np.empty((len(D), d, d))
        for m, (i, k) in enumerate(zip(*np.triu_indices(d), strict=True)):
            full[:, i, k] = full[:, k, i] = D[:, m]
        values, vectors = np.linalg.eigh(full[low])
        across = np.zeros((grid.size, d))
        here = (v.reshape(d, -1)[:, at] / h[:, None]).T
        along = np.einsum("nik,ni->nk", np.broadcast_to(vectors, (at.size, d, d)), here)
        along[np.broadcast_to(values > 2 * values[:, :1], along.shape)] = 0.0
        across[at] = np.einsum("nik,nk->ni", np.broadcast_to(vectors, (at.size, d, d)), along)
    W, parts = np.empty((grid.size, d)), threads.parts(grid.size)
    minus = np.empty((0, d)) if across is None else across
    threads.run(tensors.solve, tensors.solve_threads, parts, D, flat(v, d), h, minus, W)
    return W, across


def _upwind_edges(grid, axis, across):
    """One-way edges that carry the drift across (n, d) through the faces of one axis."""
    cells = np.arange(grid.size, dtype=cell_type(grid.size)).reshape(grid.shape)
    speed = across[:, axis].reshape(grid.shape)
    lower, upper = neighbours(grid, axis)
    carried = 0.5 * (speed[lower] + speed[upper]).ravel()
    keep = carried != 0
    weight = grid.volume * np.abs(carried[keep]) / UPWIND_TILT
    tilt = UPWIND_TILT * np.sign(carried[keep])
    return cells[lower].ravel()[keep], cells[upper].ravel()[keep], weight, tilt


def decompose(D, grid):
    """Selling weights (n, m), offsets (n, m, d) and their reach (d) of the tensors D, packed.

    D (n, m) upper triangles, or (1, m), the same in all n cells.
    """
    m, d = D.shape[1], {3: 2, 6: 3}[D.shape[1]]
    weights, offsets = np.empty((len(D), m)), _offsets(len(D), m)
    parts = threads.parts(len(D))
    failed, reach = np.empty(parts, np.int64), np.empty((parts, d), np.int64)
    alone, together = (
        (selling.selling2, selling.selling2_threads)
        if d == 2
        else (selling.selling3, selling.selling3_threads)
    )
    threads.run(alone, together, parts, D, weights, offsets, failed)
    if (failed >= 0).any():
        cell = np.unravel_index(failed[failed >= 0][0], grid.shape)
        raise ValueError(
            f"D is too anisotropic at {fields.cell_text(grid, cell)} for a non-negative stencil; "
            "raise its smallest eigenvalue or give a diagonal D"
        )
    diagonal = np.array([0, d, 2 * d - 1][:d])
    threads.run(
        stencil.trim, stencil.trim_threads, parts, D, diagonal, SMALL, weights, offsets, reach
    )
    return weights, offsets, reach.max(axis=0)


def _offsets(n, m):
    """Zeros for offsets (n, m, 4): up to three small integers each, padded to be read as one."""
    return np.zeros((n, m, 4), np.int16)


def _keys(offsets):
    """Offsets as one integer each (n, m)."""
    return offsets.view(np.int64).reshape(offsets.shape[:2])


def _emit(grid, weights, offsets, more, W, U):
    """Edges of a stencil: tail, head, weight, tilt."""
    parts = threads.parts(grid.size)
    counts = np.empty(parts, np.int64)
    shape, periodic = np.array(grid.shape), np.array(grid.periodic)
    terms = shape, periodic, weights, offsets, _keys(offsets), *more, _keys(more[2]), counts
    threads.run(stencil.count_edges, stencil.count_edges_threads, parts, *terms)
    n, kind = int(counts.sum()), cell_type(grid.size)
    tail, head, weight, tilt = np.empty(n, kind), np.empty(n, kind), np.empty(n), np.empty(n)
    threads.run(
        stencil.fill_edges, stencil.fill_edges_threads, parts, *terms,
        grid.volume, W, flat(U, 1)[0], tail, head, weight, tilt,
    )  # fmt: skip
    return tail, head, weight, tilt


def _exits(grid, side, weights, offsets, W, across):
    """Rates (n,) out of an absorbing side, with the drift across, which is upwinded."""
    exits, here = np.empty(grid.size), np.zeros(2 * grid.dim, bool)
    here[2 * side.axis + (side.end == "upper")] = True
    threads.run(
        stencil.wall_exits, stencil.wall_exits_threads, threads.parts(grid.size),
        np.array(grid.shape), np.array(grid.periodic), here, weights, offsets, grid.volume, W,
        exits,
    )  # fmt: skip
    if across is not None:
        wall, sign = cells_along(side)
        outward = sign * across[:, side.axis].reshape(grid.shape)[wall]
        exits.reshape(grid.shape)[wall] += grid.volume * np.maximum(outward, 0.0)
    return frozen(exits)


def _wall_terms(grid, weights, offsets, D, reach):
    """Terms along reflecting walls that carry what dropped edges carried: slot, weights, offsets.

    Those of offsets that a cell has anyway are added to its weights.
    """
    d = grid.dim
    terms = [term for axis in range(d) for term in _lost(grid, axis, weights, offsets, D, reach)]
    slots = {2: 2, 3: 9}[d]
    if not terms:
        return np.empty(0, np.int32), np.empty((0, slots)), _offsets(0, slots)
    slot = np.full(grid.size, -1, cell_type(grid.size))
    for cells, _, _ in terms:
        slot[cells] = 0
    some = np.flatnonzero(slot == 0)
    slot[some] = np.arange(some.size)
    more = np.zeros((some.size, slots)), _offsets(some.size, slots)
    for cells, w, e in terms:
        stencil.add_terms(
            cells, w, e, _keys(e), weights, _keys(offsets), slot, *more, _keys(more[1])
        )
    return slot, *more


def _lost(grid, axis, weights, offsets, D, reach):
    """Tangential terms (cells, weights, offsets) that the walls of one axis take, in a list."""
    d, n, rows = grid.dim, grid.shape[axis], (int(reach[axis]) + 1) // 2
    reflecting = side_flags(grid, "reflecting")
    near = np.zeros(n, bool)
    near[:rows] = reflecting[2 * axis]
    near[max(n - rows, 0) :] |= reflecting[2 * axis + 1]
    strip = np.ix_(*(np.flatnonzero(near) if k == axis else np.arange(m)
                     for k, m in enumerate(grid.shape)))  # fmt: skip
    cells = np.ravel_multi_index(strip, grid.shape).ravel()
    lost = np.zeros((cells.size, (d - 1) ** 2))
    stencil.wall_tensors(np.array(grid.shape), reflecting, axis, cells, weights, offsets, D, lost)
    some = lost.any(axis=1)
    cells, lost = cells[some], lost[some]
    if not cells.size:
        return []
    if d == 2:
        w, e = lost, np.ones((cells.size, 1, 1), np.int16)
    else:
        # Where a single edge is lost K has rank one; a floor keeps its stencil narrow, as for D.
        K = lost[:, [0, 1, 3]]
        K[:, [0, 2]] += 0.01 * (lost[:, :1] + lost[:, 3:])
        w, e, _ = decompose(K, grid)
    full = _offsets(*w.shape)
    full[..., [k for k in range(d) if k != axis]] = e[..., : d - 1]
    return [(cells, w, full)]


def _merge(n, tail, head, weight, tilt, one_way):
    """Add up edges of one kind between the same cells with the same tilt."""
    key = 2 * (tail.astype(np.int64) * n + head) + one_way
    order = np.lexsort((tilt, key))
    key, tilt = key[order], tilt[order]
    new = np.ones(key.size, bool)
    new[1:] = (np.diff(key) != 0) | (np.diff(tilt) > 1e-12 * (1 + np.abs(tilt[1:])))
    first = np.flatnonzero(new)
    weight = np.add.reduceat(weight[order], first)
    same = order[first]
    return tail[same], head[same], weight, tilt[first], one_way[same]
