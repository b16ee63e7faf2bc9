r"""The nine-point flux for log density (nineteen points in space), for strong circulation too.

With :math:`\varphi=\log\rho` the current is :math:`J=\rho\nu`, :math:`\nu=v-kT\,D\nabla\varphi`.
On the face between cells x and y along axis d, in index units,

.. math:: \nu_f = v_f - D_{dd}(\varphi_y-\varphi_x) - \sum_{t\ne d}\overline{D_{dt}\,G_t\varphi},
   \qquad J_f = \nu_f\Big/\int_0^1\frac{ds}{\rho},

where rho is exponential along the face normal: :math:`J_f/\rho_x=\nu_fB(-g)` with
:math:`g=\varphi_y-\varphi_x`. Only differences of :math:`\varphi` enter, so rho may underflow. Next
to a reflecting wall the normal slope in the cross terms is the mean of the inner face difference
and the slope that makes the current through the wall vanish, which also holds in wall layers
thinner than a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import along
from fokkerplanck.domain.kept import Kept
from fokkerplanck.domain.types import Integers
from fokkerplanck.scheme.bernoulli import both_sides, slopes_of_both_sides
from fokkerplanck.scheme.cells import cell_type, neighbours

#: Grids and patterns that are kept for the next problem on them, and the most integers of these.
KEPT, MOST_CELLS, MOST_NUMBERS = 2, 100_000, 2_000_000


class NinePoint:
    """Residual and Jacobian of the nine-point scheme on the cells of a problem.

    Parameters
    ----------
    grid : Grid
    D, v : arrays, shape (d, d, n) and (d, n)
        Diffusion and drift of the divergence form in index units, from ``index_units``.
    """

    def __init__(self, grid, D, v):
        self.grid, self._D, self._v = grid, D, v
        faces = faces_of(grid)
        self.lower, self.upper, self.axis = faces.lower, faces.upper, faces.axis
        self.step, self.graph = faces.step, faces.graph
        self._to_lower, self._to_upper = faces.to_lower, faces.to_upper
        slopes, offsets = _cell_slopes(grid, D, v, faces)
        rows = [_face_rows(k, D, v, faces, slopes, offsets) for k in range(grid.dim)]
        self.slope = sparse.vstack([row[0] for row in rows], format="csr")
        self.drift, self.normal = (np.concatenate([row[i] for row in rows]) for i in (1, 2))

    def heated(self, factor):
        """Return the scheme of the same drift and a diffusion larger by a factor."""
        return NinePoint(self.grid, factor * self._D, self._v)

    @property
    def tilt(self):
        """About the range of log rho: the largest drift over diffusion, times the cells across."""
        diagonal = np.stack([self._D[k, k] for k in range(self.grid.dim)])
        cells = np.array(self.grid.shape)[:, None]
        across = cells * np.abs(self._v)
        out = np.divide(across, diagonal, out=np.zeros_like(across), where=diagonal > 0)
        return float(out.max())

    def velocity(self, log_rho):
        """Return nu on every face: current over density, in distances of centres per time."""
        return self.drift - self.slope @ log_rho

    def residual(self, log_rho, nu=None):
        """Net outflow of every cell over its own mass, and the outflow rate it is small against.

        Velocities nu of the faces other than its own may be given.
        """
        g = self.step @ log_rho
        down, up = both_sides(g)
        nu = self.velocity(log_rho) if nu is None else nu
        balance = self._to_lower @ (up * nu) - self._to_upper @ (down * nu)
        # Diffusive and convective exchange: what a balance can be compared with.
        rate = self._to_lower @ (up * (self.normal + np.abs(nu)))
        return balance, rate + self._to_upper @ (down * (self.normal + np.abs(nu)))

    def jacobian(self, log_rho):
        """Sparse derivative of the balance with respect to log rho, of the same pattern always."""
        g = self.step @ log_rho
        (down, up), (d_down, d_up) = both_sides(g), slopes_of_both_sides(g)
        nu = self.velocity(log_rho)
        return self.from_faces([d_up * nu, up, d_down * nu, down])

    def from_faces(self, numbers):
        """Jacobian from four numbers a face, by which both sides of the balance change.

        For the lower cell minus the change with the difference of log rho across the face, and
        minus that with nu; for the upper one the same.
        """
        linear, n = self._linear_in_faces, self.grid.size
        values = linear.entries @ np.concatenate(numbers)
        return sparse.csr_array((values, linear.indices, linear.indptr), shape=(n, n))

    def scaled_jacobian(self, log_rho, rate, shift=0.0):
        """Jacobian with its rows divided by rates (n,), and a number added to its diagonal."""
        J = self.jacobian(log_rho)
        rows, diagonal = self._linear_in_faces.rows, self._linear_in_faces.diagonal
        J.data *= (1 / rate)[rows]
        if shift:
            J.data[diagonal] += shift
        return J

    @cached_property
    def _linear_in_faces(self):
        """Pattern of the Jacobian, and its entries as a matrix over the faces.

        Every entry is linear in the four numbers a face that ``jacobian`` has, so that sparse
        matrices are multiplied once, not at every step of Newton's method.
        """
        n, parts = self.grid.size, [self.step, self.slope]
        faces = (
            np.repeat(np.arange(len(self.lower)), 2),
            np.repeat(np.arange(len(self.lower)), np.diff(self.slope.indptr)),
        )
        key = *(a for part in parts for a in (part.indptr, part.indices)), np.array(self.grid.shape)
        pattern = _patterns.of(key, lambda: _Pattern.of(n, self.lower, self.upper, parts, faces))
        values = []
        for side, to_cells in enumerate([self._to_lower, self._to_upper]):
            weight = to_cells.sum(axis=0)
            for number, (part, of) in enumerate(zip(parts, faces, strict=True)):
                sign = 1.0 if (side, number) == (1, 1) else -1.0
                values.append(sign * weight[of] * part.data)
        return pattern.filled(np.concatenate(values))

    def chain(self, log_rho, nu=None):
        r"""Markov generator on masses that keeps those of rho wherever the currents balance.

        Face rates :math:`(c+J/2)/\rho_x` and :math:`(c-J/2)/\rho_y` with :math:`c\ge|J|/2`: no
        subtraction is left, so elimination finds its null vector entry by entry.
        """
        g = self.step @ log_rho
        down, up = both_sides(g)
        nu = self.velocity(log_rho) if nu is None else nu
        exchange = np.maximum(self.normal, np.abs(nu))
        forward, backward = up * (exchange + 0.5 * nu), down * (exchange - 0.5 * nu)
        forward = self._to_lower.sum(axis=0) * forward
        backward = self._to_upper.sum(axis=0) * backward
        n = self.grid.size
        rows = np.concatenate([self.upper, self.lower])
        columns = np.concatenate([self.lower, self.upper])
        A = sparse.coo_array((np.concatenate([forward, backward]), (rows, columns)), shape=(n, n))
        A = A.tocsr()
        return A - sparse.diags_array(np.asarray(A.sum(axis=0)).ravel())


@dataclass(frozen=True, eq=False)
class _Linear:
    """Entries of a Jacobian in CSR form as a matrix over numbers of the faces.

    ``rows`` has the row of every entry, ``diagonal`` where the diagonal ones stand.
    """

    entries: sparse.csr_array
    indices: Integers
    indptr: Integers
    rows: Integers
    diagonal: Integers


@dataclass(frozen=True, eq=False)
class _Pattern:
    """Pattern of a `_Linear`, and the ``order`` in which its values are stored."""

    linear: _Linear
    order: Integers

    @classmethod
    def of(cls, n, lower, upper, parts, faces):
        """Pattern of two sparse matrices over faces, whose entries have the given faces."""
        rows, columns, numbers = [], [], []
        for side, cells in enumerate([lower, upper]):
            for number, (part, of) in enumerate(zip(parts, faces, strict=True)):
                rows.append(cells[of])
                columns.append(part.indices)
                numbers.append((2 * side + number) * len(lower) + of)
        key = np.concatenate(rows).astype(np.int64) * n + np.concatenate(columns)
        key, at = np.unique(key, return_inverse=True)
        kind = cell_type(max(key.size, at.size))  # what scipy would take
        where = at, np.concatenate(numbers)
        places = np.arange(1.0, at.size + 1)
        entries = sparse.csr_array((places, where), shape=(key.size, 4 * len(lower)))
        order = (entries.data - 1).astype(kind)
        rows, columns = (key // n).astype(kind), (key % n).astype(kind)
        indptr = np.searchsorted(key, n * np.arange(n + 1, dtype=np.int64)).astype(kind)
        diagonal = np.flatnonzero(rows == columns).astype(kind)
        return cls(_Linear(entries, columns, indptr, rows, diagonal), order)

    def filled(self, values):
        """The same with values in place of their numbers."""
        linear, entries = self.linear, self.linear.entries
        given = values[self.order], entries.indices, entries.indptr
        return replace(linear, entries=sparse.csr_array(given, shape=entries.shape))


_patterns: Kept[_Pattern] = Kept(KEPT, MOST_NUMBERS)


class Faces:
    """Faces of a grid, and which cells they join: what the scheme has of the grid alone.

    Attributes
    ----------
    lower, upper, axis : int arrays (n_faces,)
    pairs, steps, distances : lists, one entry an axis
        Cells on both sides, differences of a field as sparse matrices, distances of the centres.
    widths : array (d, n)
    step : csr_array (n_faces, n)
    graph : csr_array (n, n)
        Which cells share a face (and each with itself).
    to_lower, to_upper : csr_arrays (n, n_faces)
        Distance between centres over the width of the cell: 1 unless the axis is graded.
    """

    def __init__(self, grid):
        self.grid, n, d = grid, grid.size, grid.dim
        cells = np.arange(n).reshape(grid.shape)
        self.pairs = [[cells[i].ravel() for i in neighbours(grid, k)] for k in range(d)]
        self.steps = [_difference(n, lower, upper) for lower, upper in self.pairs]
        self.lower, self.upper = (np.concatenate(c) for c in zip(*self.pairs, strict=True))
        self.axis = np.repeat(np.arange(d), [len(lower) for lower, _ in self.pairs])
        self.step = sparse.vstack(self.steps, format="csr")
        # Products of matrices have wide indices in scipy 1.12, whose searches of shortest paths
        # take narrow ones only.
        self.graph = sparse.csr_array(abs(self.step).T @ abs(self.step))
        kind = cell_type(self.graph.nnz)
        self.graph.indptr, self.graph.indices = (
            given.astype(kind, copy=False) for given in (self.graph.indptr, self.graph.indices)
        )
        self.widths = cell_widths(grid)
        centres = zip(self.pairs, self.widths, strict=True)
        self.distances = [0.5 * (w[lower] + w[upper]) for (lower, upper), w in centres]
        self.to_lower, self.to_upper = (
            self._to_cells(cells, side) for side, cells in enumerate([self.lower, self.upper])
        )

    def _to_cells(self, cells, side):
        """Distances over the widths of the cells on one side of the faces."""
        axes = zip(self.pairs, self.widths, self.distances, strict=True)
        entries = np.concatenate([distance / w[pair[side]] for pair, w, distance in axes])
        shape = self.grid.size, len(cells)
        return sparse.csr_array((entries, (cells, np.arange(len(cells)))), shape=shape)

    @cached_property
    def central_slopes(self):
        """Means of the two differences at a cell, and slopes, for every axis as matrices (n, n)."""
        n, halves, plain = self.grid.size, [], []
        for (lower, upper), step in zip(self.pairs, self.steps, strict=True):
            faces = np.arange(len(lower))
            half = np.full(len(faces), 0.5)
            spread = sparse.csr_array((half, (lower, faces)), shape=(n, len(faces)))
            spread = spread + sparse.csr_array((half, (upper, faces)), shape=(n, len(faces)))
            halves.append(spread @ step)
            # One-sided next to a wall, where only one face has a difference.
            touching = np.bincount(lower, minlength=n) + np.bincount(upper, minlength=n)
            plain.append(_rows(2.0 / np.maximum(touching, 1)) @ halves[-1])
        return halves, plain


_grids: Kept[Faces] = Kept(KEPT, MOST_CELLS)


def faces_of(grid):
    """Faces of a grid, those of the last few kept; see `Faces`."""
    if grid.size > MOST_CELLS:
        return Faces(grid)
    # The bits of the walls and of the words for them, which is what grids are compared by.
    sides = np.frombuffer(repr(grid.sides).encode(), np.uint8)
    return _grids.of((*(F.view(np.int64) for F in grid.faces), sides), lambda: Faces(grid))


def index_units(problem):
    """Return diffusion kT D_ik/(h_i h_k) (d, d, n) and drift v_i/h_i (d, n)."""
    d, h = problem.grid.dim, cell_widths(problem.grid)
    D = problem.kT * problem.D.reshape(d, d, -1) / (h[:, None] * h[None])
    return D, problem.v.reshape(d, -1) / h


def cell_widths(grid):
    """Width of every cell along every axis (d, n)."""
    widths = (along(w, k, grid.dim) for k, w in enumerate(grid.widths))
    return np.stack([np.broadcast_to(w, grid.shape).ravel() for w in widths])


def _difference(n, lower, upper):
    """Sparse phi[upper] - phi[lower], one row a face."""
    faces = np.arange(len(lower))
    values = np.concatenate([-np.ones(len(faces)), np.ones(len(faces))])
    where = (np.concatenate([faces, faces]), np.concatenate([lower, upper]))
    return sparse.csr_array((values, where), shape=(len(faces), n))


def _rows(a):
    """Diagonal matrix that scales rows."""
    return sparse.diags_array(a)


def _cell_slopes(grid, D, v, faces):
    """Central slopes G_k phi at cells as (matrix, offset) lists, closed by n.J = 0 at walls."""
    n, d = grid.size, grid.dim
    if not any(D[i, k].any() for i in range(d) for k in range(i)):
        return [None] * d, [None] * d
    cells = np.arange(n).reshape(grid.shape)
    halves, plain = faces.central_slopes
    slopes, offsets = [], []
    for k in range(d):
        slope, offset = halves[k], np.zeros(n)
        for side in () if grid.periodic[k] else (0, -1):
            wall = np.take(cells, side, axis=k).ravel()
            inner = np.take(cells, 1 if side == 0 else -2, axis=k).ravel()
            # The slope (v_k - sum_t D_kt G_t phi) / D_kk without current, extrapolated to the wall.
            for row, weight in ((wall, 0.75), (inner, -0.25)):
                offset[wall] += weight * v[k, row] / D[k, k, row]
                for t in range(d):
                    if t != k:
                        entries = (-weight * D[k, t, row] / D[k, k, row], (wall, row))
                        slope = slope + sparse.csr_array(entries, shape=(n, n)) @ plain[t]
        slopes.append(sparse.csr_array(slope))
        offsets.append(offset)
    return slopes, offsets


def _face_rows(k, D, v, faces, slopes, offsets):
    """Matrix, drift and conductance of nu = drift - matrix phi on the faces of axis k.

    Face values are interpolated linearly.
    """
    pair, width, distance = faces.pairs[k], faces.widths[k], faces.distances[k]
    lower, upper = pair
    near = 0.5 * width[upper] / distance  # weight of the lower cell
    normal = near * D[k, k, lower] * width[lower] ** 2
    normal = (normal + (1 - near) * D[k, k, upper] * width[upper] ** 2) / distance**2
    drift = near * v[k, lower] * width[lower]
    drift = (drift + (1 - near) * v[k, upper] * width[upper]) / distance
    matrix = _rows(normal) @ faces.steps[k]
    for t in range(len(D)):
        if t == k or not D[k, t].any():
            continue
        for x in pair:  # cross terms: uniform axes only
            matrix = matrix + _rows(0.5 * D[k, t, x]) @ slopes[t][x]
            drift = drift - 0.5 * D[k, t, x] * offsets[t][x]
    return matrix, drift, normal
