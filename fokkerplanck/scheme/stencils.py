"""Fourth-order interpolation, differences and quadrature along the axes of a uniform grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import Grid, along
from fokkerplanck.domain.kept import Kept
from fokkerplanck.domain.types import Array

#: Cells an axis needs for the one-sided formulas next to its walls.
LEAST_CELLS = 6
#: Axes and grids whose formulas are kept, and most cells of these.
AXES_KEPT, GRIDS_KEPT, MOST_CELLS = 16, 2, 100_000
#: Outer node of Gauss's rule of three points on a cell of width one, from its centre.
GAUSS_NODE = math.sqrt(3 / 20)
#: Weights of that rule at an outer node and at the centre.
GAUSS_OUTER, GAUSS_MIDDLE = 5 / 18, 4 / 9
#: Weights of the three cells next to a wall, in place of 1: the midpoint rule plus h^2/24 times
#: the slope of the integrand at the wall.
WALL_WEIGHTS = (13 / 12, 7 / 8, 25 / 24)


class Axis:
    """Formulas along one axis of n cells of width one, as sparse matrices.

    Attributes
    ----------
    face_value, face_slope : (faces, n)
        Value and slope at the inner faces, from cells.
    slope, third, fourth : (n, n)
        Derivatives at cells.
    behind, ahead : (n, n)
        Value at the lower and upper Gauss node of a cell minus that at its centre.
    cell_value, cell_slope : (n, faces)
        Value and slope at cells from faces, of what vanishes at walls.
    edge_value, from_edges : (n + 1, n), (n, n + 1)
        Value at all faces from cells, walls (or both ends of the period) among them, and back.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.scheme.stencils import Axis
    >>> u = (np.arange(8) + 0.5) ** 3
    >>> np.round(Axis(8, False).face_value @ u, 12).tolist()
    [1.0, 8.0, 27.0, 64.0, 125.0, 216.0, 343.0]
    """

    def __init__(self, n: int, periodic: bool) -> None:
        cells = np.arange(float(n))
        faces = np.arange(float(n if periodic else n - 1)) + 0.5
        self.face_value = stencils(n, faces, 4, 0, periodic)
        self.face_slope = stencils(n, faces, 4, 1, periodic)
        self.slope = stencils(n, cells, 5, 1, periodic)
        self.third = stencils(n, cells, 5, 3, periodic)
        self.fourth = stencils(n, cells, 5, 4, periodic)
        eye = sparse.eye_array(n, format="csr")
        self.behind = stencils(n, cells - GAUSS_NODE, 3, 0, periodic) - eye
        self.ahead = stencils(n, cells + GAUSS_NODE, 3, 0, periodic) - eye
        self.edge_value = stencils(n, np.arange(n + 1.0) - 0.5, 4, 0, periodic)
        if periodic:  # face i is the upper one of cell i
            self.cell_value, self.cell_slope = (
                stencils(n, cells - 0.5, 4, order, True) for order in (0, 1)
            )
            both = sparse.csr_array((n, 1))
            self.from_edges = sparse.hstack([both, self.cell_value], format="csr")
        else:  # with both walls, whose values are left out because they are zero
            self.cell_value, self.cell_slope = (
                stencils(n + 1, cells + 0.5, 4, order, False)[:, 1:-1] for order in (0, 1)
            )
            self.from_edges = stencils(n + 1, cells + 0.5, 4, 0, False)

    def apply(self, name: str, u: Array, k: int) -> Array:
        """Apply one of the matrices along axis k of an array."""
        first = np.moveaxis(u, k, 0)
        out = getattr(self, name) @ np.ascontiguousarray(first).reshape(len(first), -1)
        return np.moveaxis(out.reshape(-1, *first.shape[1:]), 0, k)


@lru_cache(maxsize=AXES_KEPT)
def axis_formulas(n: int, periodic: bool) -> Axis:
    """Formulas of an axis, made once for problems on grids with axes of this kind."""
    return Axis(n, periodic)


class FaceFormulas:
    """What the faces of a uniform grid see of fields over its cells, as sparse matrices.

    Faces are numbered axis by axis, those of one axis in C order.

    Attributes
    ----------
    value : (n_faces, n)
        Values at the centres of the faces.
    transverse : list of pairs of (n_faces, n_faces)
        For each of the d - 1 directions along a face, values at the lower and upper Gauss node
        minus that at the centre.
    """

    def __init__(self, shape: tuple[int, ...], periodic: tuple[bool, ...]) -> None:
        self._axes = [axis_formulas(n, wraps) for n, wraps in zip(shape, periodic, strict=True)]
        self._shape, d = shape, len(shape)
        self._slope = [self._along(t, "slope", shape) for t in range(d)]
        values = [self._along(k, "face_value", shape) for k in range(d)]
        # Slopes along axis t at the faces of axis k.
        self._slopes = [
            [
                self._along(k, "face_slope", shape) if t == k else values[k] @ self._slope[t]
                for t in range(d)
            ]
            for k in range(d)
        ]
        self.value = sparse.csr_array(sparse.vstack(values))
        self.transverse = [
            (self._to_nodes(number, "behind"), self._to_nodes(number, "ahead"))
            for number in range(d - 1)
        ]

    def slopes(self, D: list[list[Array]]) -> sparse.csr_array:
        r"""Matrix (n_faces, n) of :math:`\sum_tD_{kt}\partial_t`, D at the faces of each axis k."""
        rows = []
        for k, entries in enumerate(D):
            terms = [
                sparse.diags_array(entry) @ self._slopes[k][t]
                for t, entry in enumerate(entries)
                if t == k or entry.any()
            ]
            rows.append(sum(terms[1:], start=terms[0]))
        return sparse.csr_array(sparse.vstack(rows))

    def _along(self, k: int, name: str, shape: Sequence[int]) -> sparse.csr_array:
        """One of the matrices of axis k, for fields of a shape."""
        before, after = math.prod(shape[:k]), math.prod(shape[k + 1 :])
        one = getattr(self._axes[k], name)
        inner = sparse.kron(one, sparse.eye_array(after), format="csr")
        return sparse.csr_array(sparse.kron(sparse.eye_array(before), inner, format="csr"))

    def _to_nodes(self, number: int, name: str) -> sparse.csr_array:
        """Matrix over all faces, along one of the directions along each."""
        blocks, d = [], len(self._shape)
        for k, axis in enumerate(self._axes):
            faces = (*self._shape[:k], axis.face_value.shape[0], *self._shape[k + 1 :])
            along = [t for t in range(d) if t != k]
            blocks.append(self._along(along[number], name, faces))
        return sparse.csr_array(sparse.block_diag(blocks, format="csr"))


_grids: Kept[FaceFormulas] = Kept(GRIDS_KEPT, 2 * len("xyz"))


def face_formulas(grid: Grid) -> FaceFormulas:
    """Formulas for the faces of a grid, those of the last few kept if they are not large."""
    if grid.size > MOST_CELLS:
        return FaceFormulas(grid.shape, grid.periodic)
    key = np.array(grid.shape), np.array(grid.periodic, int)
    return _grids.of(key, lambda: FaceFormulas(grid.shape, grid.periodic))


def stencils(n: int, points: Array, width: int, order: int, periodic: bool) -> sparse.csr_array:
    """Sparse matrix (points, n): derivatives of the polynomials through the nodes 0 to n - 1.

    Each polynomial goes through the ``width`` nodes around its point; next to an end through the
    nearest ``width + 1``, because there the order that symmetry gives is lost.
    """
    first = np.ceil(points - width / 2).astype(int)
    inner = np.full(len(points), True) if periodic else (first >= 0) & (first + width <= n)
    rows, columns, values = [], [], []
    for index in [np.flatnonzero(inner), *np.flatnonzero(~inner)[:, None]]:
        if not index.size:
            continue
        whole = inner[index[0]]
        size = width if whole else width + 1
        start = first[index] if whole else np.clip(first[index], 0, n - size)
        nodes = start[0] + np.arange(size) - points[index[0]]
        powers = np.vander(nodes, increasing=True).T
        weight = np.linalg.solve(powers, math.factorial(order) * np.eye(size)[order])
        rows.append(np.repeat(index, size))
        columns.append(((start[:, None] + np.arange(size)) % n).ravel())
        values.append(np.tile(weight, len(index)))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(entries, shape=(len(points), n))


def quadrature_weights(grid: Grid) -> Array:
    r"""Factors (\*shape) on the cells' volumes that make the midpoint rule one of fourth order.

    They are one except in the three cells next to each wall, where they account for
    :math:`\frac{h^2}{24}\int\Delta u\,dx`; positive, and exact for cubic polynomials.
    """
    out = np.ones(grid.shape)
    for k, (n, wraps) in enumerate(zip(grid.shape, grid.periodic, strict=True)):
        if not wraps:
            weight = np.ones(n)
            weight[:3] += np.array(WALL_WEIGHTS) - 1
            weight[-3:] += np.array(WALL_WEIGHTS[::-1]) - 1
            out *= along(weight, k, grid.dim)
    return out
