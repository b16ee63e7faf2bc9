r"""The edge list: a problem as a weighted graph.

Edge e joins two cells with a conductance ``weight`` :math:`w_e\ge0` and a ``tilt`` :math:`z_e`, the
difference of equilibrium log density, and carries the mass current

.. math:: J_e = w_e\,[B(-z_e)\,\rho_{tail} - B(z_e)\,\rho_{head}], \qquad B(z) = z/(e^z-1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import fields
from fokkerplanck.grid import Grid, describe
from fokkerplanck.kernels import assembly, selling, stencil, threads
from fokkerplanck.problem import Problem

#: Tilt of an edge whose conductance is zero: pure upwinding, as B(800) underflows.
UPWIND_TILT = 800.0
#: Smallest eigenvalue of D, over the largest, below which a direction counts as free of noise.
SINGULAR = 1e-8


@dataclass(frozen=True, eq=False)
class Edges:
    r"""Edge list of a problem; all arrays are flat, cells are numbered in C order.

    Attributes
    ----------
    grid : Grid
    tail, head : int32 arrays (n_edges,)
    weight, tilt : float arrays (n_edges,)
        Conductance (volume/time) and difference of equilibrium log density, head minus tail.
    exit_rate : float array (n_cells,) or None
        Rate (volume/time) at which cells lose mass through absorbing sides.
    kind : {"isotropic", "diagonal", "tensor"}
        Which edge list was built: the first two join nearest neighbours only.
    width : int
        Largest offset, in cells.
    n_floored : int
        Cells whose D was too anisotropic for the grid: its weak eigenvalue was raised to 4/n^2 of
        the largest (1/4n if it is zero; index units), and the drift along it is upwinded.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(-3, 3), (-3, 3)], 32), f=lambda x, y: x**2 + y**2)
    >>> fp.Edges.from_problem(problem)
    Edges(1984 isotropic edges on 1024 cells, width 1)
    """

    grid: Grid
    tail: np.ndarray
    head: np.ndarray
    weight: np.ndarray
    tilt: np.ndarray
    exit_rate: np.ndarray | None
    kind: str
    width: int
    n_floored: int = 0

    @classmethod
    def from_problem(cls, problem: Problem) -> Edges:
        """Build the edge list: nearest neighbours for diagonal D, Selling's offsets for tensors.

        Raises
        ------
        ValueError
            For a full-tensor D on a graded grid.
        """
        if not isinstance(problem, Problem):
            raise ValueError(f"from_problem received {describe(problem)}; give a Problem")
        if problem.D_kind == "tensor":
            return _tensor_edges(problem)
        return _axis_edges(problem)

    def __repr__(self):
        """Size and kind of the list."""
        floored = f", D floored in {self.n_floored} cells" if self.n_floored else ""
        return (
            f"Edges({self.weight.size} {self.kind} edges on {self.grid.size} cells, "
            f"width {self.width}{floored})"
        )


def _axis_edges(problem) -> Edges:
    """Nearest-neighbour edges for diagonal D, on uniform or graded axes."""
    grid = problem.grid
    shape, wraps = np.array(grid.shape), np.array(grid.periodic) & (np.array(grid.shape) > 2)
    starts = np.empty(grid.size // grid.shape[-1] + 1, np.int64)
    assembly.line_starts(shape, wraps, starts)
    widths = np.zeros((grid.dim, max(grid.shape)))
    for row, width in zip(widths, grid.widths, strict=True):
        row[: width.size] = width
    m, parts = int(starts[-1]), threads.parts(grid.size)
    tail, head = (np.empty(m, _cell_type(grid.size)) for _ in range(2))
    weight, tilt, open_faces = np.empty(m), np.empty(m), np.zeros(parts, np.int64)
    diffusion, tilts = _diffusion(problem), _tilt_terms(problem)
    v = _flat(None, grid.dim)
    for _ in range(2):
        threads.run(
            assembly.axis_edges, assembly.axis_edges_threads, parts, shape, wraps, starts, widths,
            diffusion, problem.kT, *tilts, v, UPWIND_TILT, tail, head, weight, tilt, open_faces,
        )  # fmt: skip
        if not open_faces.any():
            break
        v = _flat(problem.v, grid.dim)  # faces without noise carry the drift alone
    keep = weight > 0
    if not keep.all():
        tail, head, weight, tilt = tail[keep], head[keep], weight[keep], tilt[keep]
    exits = _axis_exits(problem) if grid.has_absorbing_sides else None
    return Edges(grid, tail, head, weight, tilt, exits, problem.D_kind, 1)


def _tilt_terms(problem):
    """Terms of the tilts of diagonal D: share of log D, metric, fixed, known, potential, drift."""
    d, no_field = problem.grid.dim, _flat(None, problem.grid.dim)
    none = _flat(None, 1)[0]
    if problem.potential is not None:
        c = problem.circulation
        return 0.0, False, none, True, _flat(problem.potential, 1)[0], _flat(c, d)
    share, drift = problem.noise_share
    share = 0.0 if problem.D_constant else float(share)
    is_plain = drift is None and problem.D_constant
    if d == 1 and problem.has_callables and not is_plain:
        line = _line_integral(problem, neighbours(problem.grid, 0)[0][0])
        return share, True, _flat(line, 1)[0], False, none, no_field
    if drift is None:
        return share, True, none, False, _flat(problem.f, 1)[0], no_field
    return share, True, none, False, none, _flat(drift, d)


def _diffusion(problem):
    """Read-only D (d d, n), or (d d, 1) where it is stored as one matrix."""
    D, d = problem.D, problem.grid.dim
    return _flat(D[(..., *(0,) * d)] if not any(D.strides[2:]) else D, d * d)


def _flat(a, rows):
    """Read-only array (rows, n) of a field, (rows, 0) of None."""
    a = np.empty((rows, 0)) if a is None else np.ascontiguousarray(a, dtype=float)
    a = a.reshape(rows, -1).view()
    a.flags.writeable = False  # one type of array, whoever owns it: one compilation
    return a


def _cell_type(n):
    """Integers that number n cells."""
    return np.int32 if n < 2**31 else np.int64


def neighbours(grid, k):
    """Index pairs (lower, upper) of the cells on both sides of the faces across axis k."""
    n = grid.shape[k]
    first = np.arange(n if grid.periodic[k] and n > 2 else n - 1)
    before = (slice(None),) * k
    return (*before, first), (*before, (first + 1) % n)


def _line_integral(problem, lower, pieces=8):
    """Integral of b / (kT D) from cell to cell on a line, by the midpoint rule in small pieces."""
    grid = problem.grid
    (lo, hi), x = grid.box[0], grid.centers[0]
    start = x[lower]
    stop = np.append(x, x[0] + hi - lo)[lower + 1]
    nodes = start + np.multiply.outer(np.arange(pieces + 1) / pieces, stop - start)
    middle = 0.5 * (nodes[1:] + nodes[:-1])

    def inside(points):
        return lo + np.mod(points - lo, hi - lo) if grid.periodic[0] else points

    with np.errstate(divide="ignore", invalid="ignore"):  # cells without noise are seen to later
        force = problem.on_line(inside(nodes), inside(middle), (stop - start) / pieces)
    return problem.beta * force.sum(axis=0)


def _axis_exits(problem):
    """Rates (n,) out of absorbing sides, half a cell away: w B(-z/2) / (1/2)."""
    grid = problem.grid
    exits = np.zeros(grid.shape)
    for k, pair in enumerate(grid.sides):
        for side, row in ((0, 0), (1, -1)):
            if pair[side] != "absorbing":
                continue
            wall = (*(slice(None),) * k, row)
            width = grid.widths[k][row]
            volume = np.broadcast_to(grid.volume, grid.shape)[wall]
            D = problem.kT * problem.D[k, k][wall]
            v = (1.0 if side else -1.0) * problem.v[k][wall]
            half = 0.5 * width
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                z = np.where(D > 0, v * half / D, 0.0)
                fitted = D / half * np.where(np.abs(z) > 1e-12, -z / np.expm1(-z), 1.0)
            exits[wall] += volume / width * np.where(D > 0, fitted, np.maximum(v, 0.0))
    return exits.ravel()


def _tensor_edges(problem) -> Edges:
    """Edges along Selling's offsets, with the correction at reflecting walls."""
    grid = problem.grid
    if not grid.is_uniform:
        raise ValueError(
            "D has off-diagonal entries on a graded grid; use uniform axes, (lo, hi), or diagonal D"
        )
    D, low = _index_diffusion(problem)
    W, across = _preferred_gradient(problem, D, low)
    weights, offsets = decompose(D, grid)
    *edges, exits = _emit(grid, weights, offsets, W)
    parts = [edges]
    for axis in range(grid.dim):
        parts.append(_wall_edges(grid, axis, weights, offsets, D, W))
        if across is not None:
            parts.append(_upwind_edges(grid, axis, across, exits))
    parts = [part for part in parts if part is not None]
    tail, head, weight, tilt = (np.concatenate(column) for column in zip(*parts, strict=True))
    if problem.potential is not None:
        U = problem.beta * problem.potential.ravel()
        tilt = tilt + (U[tail] - U[head])
    tail, head, weight, tilt = _merge(grid.size, tail, head, weight, tilt)
    exit_rate = exits * grid.volume if grid.has_absorbing_sides else None
    width = int(np.abs(offsets[weights > 0]).max())
    return Edges(
        grid, tail, head, weight * grid.volume, tilt, exit_rate, "tensor", width,
        int(np.count_nonzero(low)),
    )  # fmt: skip


def _index_diffusion(problem):
    """Tensor kT D_ik / (h_i h_k) as (n, d, d), raised where too anisotropic, and where it was."""
    grid, d = problem.grid, problem.grid.dim
    h = np.array(grid.h)
    scale = problem.kT / np.multiply.outer(h, h).reshape((d, d) + (1,) * d)
    D = problem.D * scale
    least = fields.smallest_eigenvalue(D).ravel()
    largest = np.abs(D).max(axis=(0, 1)).ravel()
    n = min(grid.shape)
    # Without noise in some direction upwinding is of first order anyway: offsets of sqrt(n) cells.
    floor = largest * np.where(least < SINGULAR * largest, 0.25 / n, 4.0 / n**2)
    low = least < floor
    D = np.moveaxis(D, (0, 1), (-2, -1)).reshape(-1, d, d)
    D[low] += (floor - least)[low, None, None] * np.eye(d)
    return np.ascontiguousarray(D), low


def _preferred_gradient(problem, D, low):
    """Gradient of log density W = D^-1 v that carries no current, in index units (n, d).

    In cells whose D was raised only the part of v in the noisy directions enters W; the rest is
    returned too (None if there is none) and is upwinded along the axes.
    """
    grid = problem.grid
    v = problem.v if problem.potential is None else problem.circulation
    if v is None:
        return np.zeros((grid.size, grid.dim)), None
    v = v.reshape(grid.dim, -1).T / np.array(grid.h)
    across = None
    if low.any():
        values, vectors = np.linalg.eigh(D[low])
        along = np.einsum("nik,ni->nk", vectors, v[low])
        along[values > 2 * values[:, :1]] = 0.0
        across = np.zeros_like(v)
        across[low] = np.einsum("nik,nk->ni", vectors, along)
        v = v - across
    return np.linalg.solve(D, v[..., None])[..., 0], across


def _upwind_edges(grid, axis, across, exits):
    """One-way edges that carry the drift across (n, d) through the faces of one axis."""
    cells = np.arange(grid.size, dtype=np.int32).reshape(grid.shape)
    speed = across[:, axis].reshape(grid.shape)
    lower, upper = neighbours(grid, axis)
    carried = 0.5 * (speed[lower] + speed[upper]).ravel()
    for side, row in ((0, 0), (1, -1)):
        if grid.sides[axis][side] == "absorbing":
            wall = np.take(cells, row, axis=axis).ravel()
            exits[wall] += np.maximum((2 * side - 1) * across[wall, axis], 0.0)
    keep = carried != 0
    weight = np.abs(carried[keep]) / UPWIND_TILT
    tilt = UPWIND_TILT * np.sign(carried[keep])
    return cells[lower].ravel()[keep], cells[upper].ravel()[keep], weight, tilt


def decompose(D, grid):
    """Selling weights (n, m) and offsets (n, m, d) of the tensors D (n, d, d)."""
    d = D.shape[1]
    upper = np.triu_indices(d)
    m = len(upper[0])
    weights, offsets = np.empty((len(D), m)), np.empty((len(D), m, d), np.int64)
    packed = np.ascontiguousarray(D[:, upper[0], upper[1]])
    failed = (selling.selling2 if d == 2 else selling.selling3)(packed, weights, offsets)
    if failed >= 0:
        cell = np.unravel_index(failed, grid.shape)
        raise ValueError(
            f"D is too anisotropic at {fields.cell_text(grid, cell)} for a non-negative stencil; "
            "raise its smallest eigenvalue or give a diagonal D"
        )
    # Weights at the level of rounding only widen the stencil.
    weights[weights < 1e-13 * np.trace(D, axis1=1, axis2=2)[:, None]] = 0.0
    return weights, offsets


def _emit(grid, weights, offsets, W):
    """Flat edges of a stencil: tail, head, weight, tilt, and exit rates through absorbing sides."""
    n = 2 * weights.size
    tail, head = np.empty(n, np.int32), np.empty(n, np.int32)
    weight, tilt, exits = np.empty(n), np.empty(n), np.zeros(grid.size)
    count = stencil.tensor_edges(
        np.array(grid.shape), np.array(grid.periodic), _side_flags(grid, "absorbing"),
        weights, offsets, W, tail, head, weight, tilt, exits,
    )  # fmt: skip
    return tail[:count], head[:count], weight[:count], tilt[:count], exits


def _side_flags(grid, word):
    """Flags (2 d) of the sides of one kind."""
    return np.array([side == word for pair in grid.sides for side in pair])


def _wall_edges(grid, axis, weights, offsets, D, W):
    """Edges along the reflecting walls of one axis that carry what dropped edges carried."""
    reflecting = _side_flags(grid, "reflecting")
    d = grid.dim
    if not reflecting[2 * axis : 2 * axis + 2].any():
        return None
    lost = np.zeros((grid.size, (d - 1) ** 2))
    stencil.wall_tensors(np.array(grid.shape), reflecting, axis, weights, offsets, D, lost)
    cells = np.flatnonzero(lost.any(axis=1))
    if not cells.size:
        return None
    tangents = [k for k in range(d) if k != axis]
    if d == 2:
        w, e = lost.copy(), np.ones((grid.size, 1, 1), np.int64)
    else:
        w, e = np.zeros((grid.size, 3)), np.zeros((grid.size, 3, 2), np.int64)
        K = lost[cells].reshape(-1, 2, 2)
        # One term makes K singular; a floor keeps its stencil narrow, as for D itself.
        K = K + 0.01 * np.trace(K, axis1=1, axis2=2)[:, None, None] * np.eye(2)
        w[cells], e[cells] = decompose(K, grid)
    full = np.zeros((*w.shape, d), np.int64)
    full[..., tangents] = e
    return _emit(grid, w, full, W)[:4]


def _merge(n, tail, head, weight, tilt):
    """Add up edges between the same cells with the same tilt; drop edges of weight zero."""
    key = tail.astype(np.int64) * n + head
    order = np.lexsort((tilt, key))
    key, tilt = key[order], tilt[order]
    new = np.ones(key.size, bool)
    new[1:] = (np.diff(key) != 0) | (np.diff(tilt) > 1e-12 * (1 + np.abs(tilt[1:])))
    first = np.flatnonzero(new)
    weight = np.add.reduceat(weight[order], first)
    return tail[order][first], head[order][first], weight, tilt[first]
