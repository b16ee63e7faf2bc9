r"""The edge list: a problem as a weighted graph.

Edge e joins two cells with a conductance ``weight`` :math:`w_e\ge0` and a ``tilt`` :math:`z_e`, the
difference of equilibrium log density, and carries the mass current

.. math:: J_e = w_e\,[B(-z_e)\,\rho_{tail} - B(z_e)\,\rho_{head}], \qquad B(z) = z/(e^z-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import assembly
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.cells import (
    UPWIND_TILT,
    cell_type,
    cells_along,
    diffusion,
    flat,
    neighbours,
    offsets_of,
)
from fokkerplanck.scheme.tensor_edges import tensor_edges
from fokkerplanck.scheme.wall_edges import wall_edges, wall_note


@dataclass(frozen=True, eq=False)
class Edges(Portable):
    r"""Edge list of a problem; all arrays are flat, cells are numbered in C order.

    Attributes
    ----------
    grid : Grid
    tail, head : int32 arrays (n_edges,)
    weight, tilt : float arrays (n_edges,)
        Conductance (volume/time) and difference of equilibrium log density, head minus tail.
    exits : dict of float arrays (n_cells,)
        Rate (volume/time) at which cells lose mass through each absorbing side, by `grid.Side`.
    kind : {"isotropic", "diagonal", "tensor"}
        Which edge list was built: the first two join nearest neighbours only.
    width : int
        Largest offset, in cells.
    n_floored : int
        Cells whose D was too anisotropic for the grid: its weak eigenvalue was raised to 4/n^2 of
        the largest (1/4n if it is zero; index units), and the drift along it is upwinded.
    centroids : array (d, \*shape)
        Where the mass of the cells is: its mean place in the cells near walls where D vanishes or
        the drift is singular (12, or a quarter of all), centres elsewhere.
    note : str
        What such walls do, in words; empty without.
    one_way : flags (n_edges,) or None
        Edges without noise, along which the drift carries mass and nothing comes back; their tilts
        are no differences of log density. None if there are none.
    exact_axes : tuple of int
        Axes that end at such walls: along them masses and resistances are exact.

    Notes
    -----
    Along lines that touch such a wall masses of cells and resistances between them are exact, and
    steady densities are cell means: docs/boundaries.md.
    24 bytes an edge (32 on grids of 2^31 cells or more). Edges come in the order of the cells that
    write them, the same at every number of threads. While they are made, tensors need about 94
    (plane) or 186 (space) bytes a cell besides, diagonal D 18 or 27.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(-3, 3), (-3, 3)], 32), f=lambda x, y: x**2 + y**2)
    >>> fp.Edges.from_problem(problem)
    Edges(1984 isotropic edges on 1024 cells, width 1)
    """

    grid: Grid
    tail: Integers
    head: Integers
    weight: Array
    tilt: Array
    exits: dict[Side, Array]
    kind: str
    width: int
    n_floored: int = 0
    note: str = ""
    _centroids: Array | None = None
    one_way: Flags | None = None
    exact_axes: tuple[int, ...] = ()

    @classmethod
    def from_problem(cls, problem: Problem) -> Edges:
        """Build the edge list: nearest neighbours for diagonal D, Selling's offsets for tensors.

        Raises
        ------
        ValueError
            For a full-tensor D on a graded grid, or a reflecting wall at which what arrives stays.
        """
        check_problem(problem, "from_problem")
        if problem.D_kind == "tensor":
            note = wall_note(problem)
            return cls(problem.grid, kind="tensor", note=note, **tensor_edges(problem)._asdict())
        return _axis_edges(problem)

    @property
    def knows_walls(self) -> bool:
        """True if the list was made for walls at which D vanishes or the drift is singular."""
        return self._centroids is not None

    @property
    def centroids(self) -> Array:
        r"""Mean places (d, \*shape) of the mass of the cells."""
        return self.grid.x if self._centroids is None else self._centroids

    @cached_property
    def is_exact(self) -> Flags:
        """Edges (n_edges,) along ``exact_axes``."""
        if not self.exact_axes:
            return frozen(np.zeros(self.tail.size, bool))
        offsets = offsets_of(self.grid, self.tail, self.head)
        return frozen(offsets[:, list(self.exact_axes)].any(axis=1))

    @cached_property
    def exit_rate(self) -> Array | None:
        """Rate (n_cells,) at which cells lose mass through all absorbing sides; None without."""
        return frozen(sum(self.exits.values())) if self.exits else None

    def __repr__(self) -> str:
        """Size and kind of the list."""
        floored = f", D floored in {self.n_floored} cells" if self.n_floored else ""
        return (
            f"Edges({self.weight.size} {self.kind} edges on {self.grid.size} cells, "
            f"width {self.width}{floored})"
        )


def _axis_edges(problem: Problem) -> Edges:
    """Nearest-neighbour edges for diagonal D, on uniform or graded axes."""
    grid = problem.grid
    shape, wraps = np.array(grid.shape), np.array(grid.periodic) & (np.array(grid.shape) > 2)
    starts = np.empty(grid.size // grid.shape[-1] + 1, np.int64)
    assembly.line_starts(shape, wraps, starts)
    widths = np.zeros((grid.dim, max(grid.shape)))
    for row, width in zip(widths, grid.widths, strict=True):
        row[: width.size] = width
    m, parts = int(starts[-1]), threads.parts(grid.size)
    tail, head = (np.empty(m, cell_type(grid.size)) for _ in range(2))
    weight, tilt, open_faces = np.empty(m), np.empty(m), np.zeros(parts, np.int64)
    D, tilts = diffusion(problem), _tilt_terms(problem)
    v = flat(None, grid.dim)
    for _ in range(2):
        threads.run(
            assembly.axis_edges, assembly.axis_edges_threads, parts, shape, wraps, starts, widths,
            D, problem.kT, *tilts, v, UPWIND_TILT, tail, head, weight, tilt, open_faces,
        )  # fmt: skip
        if not open_faces.any():
            break
        v = flat(problem.v, grid.dim)  # faces without noise carry the drift alone
    one_way = _pass_zeros(problem, tail, head, weight, tilt)
    better = wall_edges(problem)
    if better is not None:
        better.replace(tail, head, weight, tilt)
    if v[0].size:
        one_way |= _without_noise(grid, D, tail, head)
    keep = weight > 0
    if not keep.all():
        tail, head, weight, tilt = tail[keep], head[keep], weight[keep], tilt[keep]
        one_way = one_way[keep]
    only = one_way if one_way.any() else None
    exits = {side: _axis_exits(problem, side) for side in grid.sides_of("absorbing")}
    if better is None:
        note, kind = wall_note(problem), problem.D_kind
        return Edges(grid, tail, head, weight, tilt, exits, kind, 1, note=note, one_way=only)
    exits = {side: better.exit(side, rate) for side, rate in exits.items()}
    note, places = wall_note(problem), better.centroids
    axes = tuple(sorted({wall.side.axis for wall in problem.walls}))
    kind = problem.D_kind
    return Edges(grid, tail, head, weight, tilt, exits, kind, 1, 0, note, places, only, axes)


def _without_noise(grid: Grid, D: Array, tail: Integers, head: Integers) -> Flags:
    """Flags of edges between nearest neighbours that both have no noise along the axis."""
    silent = np.zeros((tail.size, grid.dim), bool)
    for k in range(grid.dim):
        free = np.broadcast_to(D[k * (grid.dim + 1)] == 0, (grid.size,))
        silent[:, k] = free[tail] & free[head]
    steps = offsets_of(grid, tail, head) != 0
    return (silent & steps).any(axis=1)


def _pass_zeros(
    problem: Problem, tail: Integers, head: Integers, weight: Array, tilt: Array
) -> Flags:
    """On a line, leave out what cannot pass points without noise; flags of what passes one way."""
    one_way = np.zeros(tail.size, bool)
    if problem.grid.dim > 1:
        return one_way
    n = problem.grid.size
    for zero in problem.inner_zeros:
        zero.check_density()
        upper = (zero.lower + 1) % n
        for a, b, sign in ((zero.lower, upper, 1.0), (upper, zero.lower, -1.0)):
            mine = (tail == a) & (head == b)
            along = sign if zero.kind == "upwards" else -sign
            weight[mine] = 0.0 if zero.kind == "barrier" else zero.speed / UPWIND_TILT
            tilt[mine] = along * UPWIND_TILT
            one_way |= mine
    return one_way


def _tilt_terms(problem: Problem) -> tuple[float, bool, Array, bool, Array, Array]:
    """Terms of the tilts of diagonal D: share of log D, metric, fixed, known, potential, drift."""
    d, no_field = problem.grid.dim, flat(None, problem.grid.dim)
    none = flat(None, 1)[0]
    if problem.potential is not None:
        c = problem.circulation
        return 0.0, False, none, True, flat(problem.potential, 1)[0], flat(c, d)
    share, drift = problem.noise_share
    share = 0.0 if problem.D_constant else float(share)
    is_plain = drift is None and problem.D_constant
    if d == 1 and problem.has_callables and not is_plain:
        line = _line_integral(problem, neighbours(problem.grid, 0)[0][0])
        return share, True, flat(line, 1)[0], False, none, no_field
    if drift is None:
        return share, True, none, False, flat(problem.f, 1)[0], no_field
    return share, True, none, False, none, flat(drift, d)


def _line_integral(problem: Problem, lower: Integers, pieces: int = 8) -> Array:
    """Integral of b / (kT D) from cell to cell on a line, by the midpoint rule in small pieces."""
    grid = problem.grid
    (lo, hi), x = grid.box[0], grid.centers[0]
    start = x[lower]
    stop = np.append(x, x[0] + hi - lo)[lower + 1]
    nodes = start + np.multiply.outer(np.arange(pieces + 1) / pieces, stop - start)
    middle = 0.5 * (nodes[1:] + nodes[:-1])

    def inside(points: Array) -> Array:
        return lo + np.mod(points - lo, hi - lo) if grid.periodic[0] else points

    with np.errstate(divide="ignore", invalid="ignore"):  # D = 0: the kernel replaces these tilts
        force = problem.on_line(inside(nodes), inside(middle), (stop - start) / pieces)
        return problem.beta * force.sum(axis=0)


def _axis_exits(problem: Problem, side: Side) -> Array:
    """Rates (n,) out of an absorbing side, half a cell away: w B(-z/2) / (1/2)."""
    grid, k = problem.grid, side.axis
    wall, sign = cells_along(side)
    width = grid.widths[k][wall[-1]]
    D = problem.kT * problem.D[k, k][wall]
    v, half = sign * problem.v[k][wall], 0.5 * width
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.where(D > 0, v * half / D, 0.0)
        fitted = D / half * bernoulli(-z.ravel()).reshape(z.shape)
    exits = np.zeros(grid.shape)
    exits[wall] = grid.volumes[wall] / width * np.where(D > 0, fitted, np.maximum(v, 0.0))
    return frozen(exits.ravel())
