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

from functools import cached_property

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import along
from fokkerplanck.scheme.bernoulli import both_sides, slopes_of_both_sides
from fokkerplanck.scheme.cells import cell_type, neighbours


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
        d, n = grid.dim, grid.size
        cells = np.arange(n).reshape(grid.shape)
        pairs = [[cells[i].ravel() for i in neighbours(grid, k)] for k in range(d)]
        steps = [_difference(n, lower, upper) for lower, upper in pairs]
        slopes, offsets = _cell_slopes(grid, D, v, pairs, steps)
        widths = cell_widths(grid)
        rows = [
            _face_rows(k, D, v, widths[k], pairs[k], steps[k], slopes, offsets) for k in range(d)
        ]
        self.lower, self.upper = (np.concatenate(c) for c in zip(*pairs, strict=True))
        self.axis = np.repeat(np.arange(d), [len(lower) for lower, _ in pairs])
        self.step = sparse.vstack(steps, format="csr")
        self.slope = sparse.vstack([row[0] for row in rows], format="csr")
        self.drift, self.normal = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
        adjacency = abs(self.step).T @ abs(self.step)
        # Which cells share a face (and each with itself). Products of matrices have wide indices in
        # scipy 1.12, whose searches of shortest paths take narrow ones only.
        self.graph = sparse.csr_array(adjacency)
        kind = cell_type(self.graph.nnz)
        self.graph.indptr, self.graph.indices = (
            given.astype(kind, copy=False) for given in (self.graph.indptr, self.graph.indices)
        )
        faces = np.arange(len(self.lower))
        # Distance between centres over the width of the cell: 1 unless the axis is graded.
        to_lower, to_upper = (np.concatenate([row[i] for row in rows]) for i in (3, 4))
        self._to_lower = sparse.csr_array((to_lower, (self.lower, faces)), shape=(n, len(faces)))
        self._to_upper = sparse.csr_array((to_upper, (self.upper, faces)), shape=(n, len(faces)))

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
        nu, n = self.velocity(log_rho), self.grid.size
        indices, indptr, entries = self._linear_in_faces
        values = entries @ np.concatenate([d_up * nu, up, d_down * nu, down])
        return sparse.csr_array((values, indices, indptr), shape=(n, n))

    @cached_property
    def _linear_in_faces(self):
        """Columns and row ends of the Jacobian, and its entries as a matrix over the faces.

        Every entry is linear in the four numbers a face that ``jacobian`` has, so that sparse
        matrices are multiplied once, not at every step of Newton's method.
        """
        n, faces = self.grid.size, len(self.lower)
        rows, columns, numbers, values = [], [], [], []
        for side, (cells, to_cells) in enumerate(
            [(self.lower, self._to_lower), (self.upper, self._to_upper)]
        ):
            weight = to_cells.sum(axis=0)
            for part, of in enumerate([self.step.tocoo(), self.slope.tocoo()]):
                sign = 1.0 if (side, part) == (1, 1) else -1.0
                rows.append(cells[of.row])
                columns.append(of.col)
                numbers.append((2 * side + part) * faces + of.row)
                values.append(sign * weight[of.row] * of.data)
        key = np.concatenate(rows).astype(np.int64) * n + np.concatenate(columns)
        key, at = np.unique(key, return_inverse=True)
        where = at, np.concatenate(numbers)
        shape = (key.size, 4 * faces)
        entries = sparse.csr_array((np.concatenate(values), where), shape=shape)
        indptr = np.searchsorted(key, n * np.arange(n + 1, dtype=np.int64))
        kind = cell_type(key.size)  # what scipy would take
        return (key % n).astype(kind), indptr.astype(kind), entries

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


def _cell_slopes(grid, D, v, pairs, steps):
    """Central slopes G_k phi at cells as (matrix, offset) lists, closed by n.J = 0 at walls."""
    n, d = grid.size, grid.dim
    if not any(D[i, k].any() for i in range(d) for k in range(i)):
        return [None] * d, [None] * d
    cells = np.arange(n).reshape(grid.shape)
    halves, plain = [], []
    for (lower, upper), step in zip(pairs, steps, strict=True):
        faces = np.arange(len(lower))
        half = np.full(len(faces), 0.5)
        spread = sparse.csr_array((half, (lower, faces)), shape=(n, len(faces)))
        spread = spread + sparse.csr_array((half, (upper, faces)), shape=(n, len(faces)))
        halves.append(spread @ step)
        # One-sided next to a wall, where only one face has a difference.
        touching = np.bincount(lower, minlength=n) + np.bincount(upper, minlength=n)
        plain.append(_rows(2.0 / np.maximum(touching, 1)) @ halves[-1])
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


def _face_rows(k, D, v, width, pair, step, slopes, offsets):
    """Matrix, drift, conductance of nu = drift - matrix phi on the faces of axis k, and distances.

    Face values are interpolated linearly; the distances are over the widths of the two cells.
    """
    lower, upper = pair
    distance = 0.5 * (width[lower] + width[upper])
    near = 0.5 * width[upper] / distance  # weight of the lower cell
    normal = near * D[k, k, lower] * width[lower] ** 2
    normal = (normal + (1 - near) * D[k, k, upper] * width[upper] ** 2) / distance**2
    drift = near * v[k, lower] * width[lower]
    drift = (drift + (1 - near) * v[k, upper] * width[upper]) / distance
    matrix = _rows(normal) @ step
    for t in range(len(D)):
        if t == k or not D[k, t].any():
            continue
        for x in pair:  # cross terms: uniform axes only
            matrix = matrix + _rows(0.5 * D[k, t, x]) @ slopes[t][x]
            drift = drift - 0.5 * D[k, t, x] * offsets[t][x]
    return matrix, drift, normal, distance / width[lower], distance / width[upper]
