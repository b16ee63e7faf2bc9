r"""The fifth-order upwind-biased flux: linear, mass exact, for any D down to none at all.

On the face between cells i and i + 1 along axis k, mass a unit of time, on uniform axes,

.. math:: F = \frac{V}{h_k}\sum_jw_jb_j\rho_j
    - \frac{V}{h_k^2}\,\frac{15(q_{i+1}-q_i)-(q_{i+2}-q_{i-1})}{12}
    - \frac{V}{h_kh_t}\sum_ca_c\sum_o\delta_o(kT\,D_{kt}\rho)_{c+oe_t},

with the Ito drift b and :math:`q=kT\,D_{kk}\rho` at cell centres, w = (2, -13, 47, 27, -3)/60 from the
side that the drift comes from, a = (-1, 7, 7, -1)/12 and :math:`\delta` = (1, -8, 0, 8, -1)/12
(C.-W. Shu and S. Osher, J. Comput. Phys. 77 (1988), 439). No derivative of D and no value between
cells is needed. Its numerical diffusion is of the size :math:`|b|h^5\partial^6`, where that of an
upwind chain is :math:`|b|h\,\partial^2/2`: along directions without noise the difference of right
and wrong. It is no Markov generator: masses may become negative where the grid does not resolve
them, and no H-theorem holds.
"""  # noqa: E501

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.kernels.scheme import upwind5 as kernels
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.cells import cell_type, cells_along, flat, neighbours
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.exact_lines import ExactLines
from fokkerplanck.scheme.wall_closures import closed_cross_terms
from fokkerplanck.scheme.wall_edges import coefficients_at_centroids

#: Outward drift times the width of a wall cell, over kT D: beyond it mass piles up on the wall.
PRESSED = 2.0


class Upwind5:
    r"""Mass currents through the faces of a problem's grid, and their balance.

    Parameters
    ----------
    problem : Problem
    label : int array (n,), optional
        Number of the set that a cell belongs to, in which mass ends; -1 for free cells.
    part : array (n_faces,), optional
        Share of the distance between the centres of a face that lies outside of such a set; half
        of it where left out.
    edges : Edges, optional
        Of the same problem, where they are there already.

    Attributes
    ----------
    grid : Grid
    lower, upper, axis : int arrays (n_faces,)
        Cells on both sides of every face, and the axis that it is across.
    currents : csr_array (n_faces, n)
        From masses to mass currents, lower to upper, 1/time.
    exits : csr_array (n_ends + 1, n)
        Rates of mass into each set; in the last row through absorbing sides. Not only the cells at
        the set have entries, and entries may be negative.
    matrix : csr_array (n, n)
        :math:`\dot p=Ap` of masses: columns sum to zero, or to minus those of ``exits``.

    Notes
    -----
    About 12 bytes for each of the up to 13 (plane, diagonal D) entries of a row, and as much for
    the currents. On graded axes the drift at faces meets the density at faces by finite volumes of
    fifth order. At walls onto which the drift presses mass (more than 2 kT D a cell, or without
    noise) no wide stencil reads the wall cell, and its face is upwind, or exponentially fitted.
    Where D is tilted against a reflecting wall, the vanishing of the current through it closes the
    slope along its normal in the cross terms. Along axes that end at walls without noise currents
    are those of the edge list, by exact masses and resistances, and drift and noise of the other
    axes are taken at the centroids of the cells there.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.upwind5 import Upwind5
    >>> grid = fp.Grid([(-2, 2), (-2, 2)], 16)
    >>> flux = Upwind5(fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - v), D=(0, 1)))
    >>> bool(abs(flux.matrix.sum(axis=0)).max() < 1e-12)
    True
    """

    def __init__(
        self,
        problem: Problem,
        label: Integers | None = None,
        part: Array | None = None,
        edges: Edges | None = None,
    ) -> None:
        grid = check_problem(problem, "Upwind5").grid
        if grid.dim == 1 and problem.inner_zeros:
            words = "; ".join(zero.words for zero in problem.inner_zeros)
            raise ValueError(
                f'{words}, and the fifth-order flux reads across it; use scheme="markov"'
            )
        self.problem, self.grid = problem, grid
        d, n = grid.dim, grid.size
        self.label = np.full(n, -1) if label is None else label
        self._free = frozen(self.label < 0)
        cells = np.arange(n, dtype=cell_type(n)).reshape(grid.shape)
        pairs = [[cells[i].ravel() for i in neighbours(grid, k)] for k in range(d)]
        self.lower: Integers = np.concatenate([lower for lower, _ in pairs])
        self.upper: Integers = np.concatenate([upper for _, upper in pairs])
        self.axis: Integers = np.repeat(np.arange(d), [len(lower) for lower, _ in pairs])
        self.part = np.full(len(self.lower), 0.5) if part is None else part
        self._b = flat(problem.drift, d)
        self._a = np.broadcast_to(problem.kT * problem.D.reshape(d, d, -1), (d, d, n))
        self._exact: ExactLines | None = None
        if problem.knows_walls:
            self._exact = ExactLines(edges or Edges.from_problem(problem), self._free)
            given = problem, self._exact.edges.centroids, self._b, self._a
            self._b, self._a = coefficients_at_centroids(*given)
        self._closed = np.stack([self._pressed(k) for k in range(d)])
        rows = [self._rows(k, *pairs[k]) for k in range(d)]
        currents = sparse.csr_array(sparse.vstack(rows, format="csr"))
        closure = closed_cross_terms(grid, self._b, self._a, self.lower, self.upper, self.axis)
        if closure is not None:
            free = self._free.astype(float)
            inner = sparse.diags_array(free[self.lower] * free[self.upper])
            currents = currents - inner @ closure @ sparse.diags_array(free)
        self.currents = sparse.csr_array(currents)

    @cached_property
    def balance(self) -> sparse.csr_array:
        """Net inflow of cells (n, n_faces), from mass currents."""
        m, n = self.currents.shape
        faces = np.arange(m)
        signs = np.concatenate([-np.ones(m), np.ones(m)])
        where = np.concatenate([self.lower, self.upper]), np.concatenate([faces, faces])
        return sparse.csr_array((signs, where), shape=(n, m))

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Balance of the currents, less what ends."""
        return sparse.csr_array(self.balance @ self.currents - self._ends[1])

    @cached_property
    def pressed(self) -> Flags:
        """Faces (n_faces,) of wall cells onto which the drift presses mass."""
        at = self.axis, self.lower
        return np.asarray(self._closed[at] | self._closed[self.axis, self.upper])

    @property
    def edges(self) -> Edges | None:
        """Edge list that the exact faces are from; None without."""
        return None if self._exact is None else self._exact.edges

    @property
    def exact_axes(self) -> tuple[int, ...]:
        """Axes that end at walls without noise, with the currents of the edge list."""
        return () if self._exact is None else self._exact.axes

    @cached_property
    def exits(self) -> sparse.csr_array:
        """Rates into the sets and through absorbing sides."""
        by_end, n_sets = self._ends[0], self._n_sets
        sides = sparse.csr_array(by_end[n_sets:].sum(axis=0).reshape(1, -1))
        return sparse.csr_array(sparse.vstack([by_end[:n_sets], sides]))

    @cached_property
    def side_exits(self) -> dict[Side, Array]:
        """Rates (n,) through each absorbing side by itself."""
        rows = self._ends[0][self._n_sets :].toarray()
        return dict(zip(self.grid.sides_of("absorbing"), rows, strict=True))

    @property
    def _n_sets(self) -> int:
        """Sets in which mass ends."""
        return int(self.label.max(initial=-1)) + 1

    @property
    def losses(self) -> sparse.csr_array:
        """The same rates (n, n), by the cell that loses the mass."""
        return self._ends[1]

    def _pressed(self, k: int) -> Flags:
        """Cells (n,) at reflecting walls across axis k onto which the drift presses mass."""
        grid = self.grid
        flags = np.zeros(grid.shape, bool)
        if k in self.exact_axes:
            return flags.ravel()
        b, a = self._b[k].reshape(grid.shape), self._a[k, k].reshape(grid.shape)
        for side in grid.sides_of("reflecting"):
            if side.axis == k:
                wall, sign = cells_along(side)
                width = grid.widths[k][wall[-1]]
                flags[wall] = (sign * b[wall] * width > PRESSED * a[wall]) | (a[wall] == 0)
        return flags.ravel()

    def _rows(self, k: int, lower: Integers, upper: Integers) -> sparse.csr_array:
        """Currents through the faces across axis k."""
        if self._exact is not None and k in self._exact.axes:
            return self._exact.currents(k, lower, upper)
        grid, d = self.grid, self.grid.dim
        m, n = lower.size, grid.size
        tensor = [t for t in range(d) if t != k and self._a[k, t].any()]
        room = kernels.WIDTH + 20 * len(tensor)
        columns, values = np.zeros((m, room), lower.dtype), np.zeros((m, room))
        counts = np.empty(m, np.int64)
        widths = np.zeros((d, max(grid.shape)))
        for row, width in zip(widths, grid.widths, strict=True):
            row[: width.size] = width
        a = np.array(self._a[k])
        for t in range(d):
            if t != k and t not in tensor:
                a[t] = 0.0
        shape, periodic = np.array(grid.shape), np.array(grid.periodic)
        fields = widths, self._b[k].copy(), a
        flags = np.array(self._free), self._closed[k]
        rows = columns, values, counts
        tables, face_drift = self._tables(k), self._face_drift(k)
        kernels.axis_faces(k, shape, periodic, tables, face_drift, fields, flags, lower, rows)
        used = np.arange(room) < counts[:, None]
        starts = np.concatenate([[0], np.cumsum(counts)])
        matrix = sparse.csr_array((values[used], columns[used], starts), shape=(m, n))
        matrix.sum_duplicates()
        return matrix

    def _tables(self, k: int) -> Array:
        """Weights of values and slopes at the faces across axis k, as the kernel takes them."""
        grid = self.grid
        n, wraps = grid.shape[k], grid.periodic[k]
        m = n if wraps and n > 2 else n - 1
        tables = np.zeros((7, m, kernels.WIDTH))
        stencils = {
            kernels.UP5: (-2, 3, 1),
            kernels.UP3: (-1, 2, 1),
            kernels.DOWN5: (-1, 4, 1),
            kernels.DOWN3: (0, 3, 1),
            kernels.MEAN: (0, 2, 1),
            kernels.SLOPE4: (-1, 3, 2),
            kernels.SLOPE2: (0, 2, 2),
        }
        for row, (first, stop, derivative) in stencils.items():
            offsets = np.arange(first, stop)
            if grid.graded[k]:
                place = np.arange(m)[:, None] + offsets
                fits = np.full(m, True) if wraps else ((place >= 0) & (place < n)).all(axis=1)
                weights = face_weights(grid.widths[k][place[fits] % n], -first + 1, derivative)
            else:
                fits = np.full(m, True)
                ones = np.ones((1, offsets.size))
                weights = face_weights(ones, -first + 1, derivative)
                weights = weights / grid.widths[k][0] ** (derivative - 1)
            columns = np.arange(first, stop) - kernels.FIRST
            tables[row][np.ix_(fits, columns)] = weights
        return tables

    def _face_drift(self, k: int) -> Array:
        """Drift at the faces of a graded axis, by the polynomial through four cells (or fewer)."""
        grid = self.grid
        if not grid.graded[k]:
            return np.empty(0)
        n, wraps = grid.shape[k], grid.periodic[k]
        b = np.moveaxis(self._b[k].reshape(grid.shape), k, -1)
        x, length = grid.centers[k], grid.box[k][1] - grid.box[k][0]
        m = n if wraps and n > 2 else n - 1
        size = min(4, n)
        first = np.arange(m) - 1
        first = first if wraps else np.clip(first, 0, n - size)
        place = first[:, None] + np.arange(size)
        nodes = x[place % n] + length * (place // n)
        at = grid.faces[k][1 : m + 1]
        weights = np.ones((m, size))
        for i in range(size):
            for j in range(size):
                if i != j:
                    weights[:, i] *= (at - nodes[:, j]) / (nodes[:, i] - nodes[:, j])
        values = np.einsum("...mi,mi->...m", b[..., place % n], weights)
        return np.ascontiguousarray(np.moveaxis(values, -1, k)).ravel()

    @cached_property
    def _ends(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Rates into sets and through sides (m, n), and by the cell that loses the mass (n, n)."""
        grid, n = self.grid, self.grid.size
        sides = grid.sides_of("absorbing")
        m = self._n_sets + len(sides)
        ends, cells, columns, rates = [], [], [], []

        exact = self._exact

        def add(end: Any, cell: Integers, k: int, sign: float, s: Array, near: Any = None) -> None:
            behind, far = self._behind(k, cell, sign), np.zeros(cell.size)
            if near is None:
                near, far = self._exit_rates(k, cell, behind, sign, s)
            has_far = far != 0
            ends.extend(
                [np.broadcast_to(end, cell.shape), np.broadcast_to(end, cell.shape)[has_far]]
            )
            cells.extend([cell, cell[has_far]])
            columns.extend([cell, behind[has_far]])
            rates.extend([near, far[has_far]])

        below, above = self.label[self.lower], self.label[self.upper]
        for k in range(grid.dim):
            for inside, near, end, sign in (
                (above, self.lower, above, 1.0),
                (below, self.upper, below, -1.0),
            ):
                chosen = (self.axis == k) & (inside >= 0) & (self.label[near] < 0)
                cell, part, known = near[chosen], self.part[chosen], None
                if exact is not None and k in exact.axes:
                    known = exact.rates_into_set(k, self.lower[chosen], cell, sign, part)
                add(end[chosen], cell, k, sign, part, known)
        for number, side in enumerate(sides, self._n_sets):
            wall, sign = cells_along(side)
            cell = np.arange(n).reshape(grid.shape)[wall].ravel()
            cell, known = cell[self._free[cell]], None
            if exact is not None and side.axis in exact.axes:
                known = exact.rates_out(side, cell)
            add(number, cell, side.axis, sign, np.full(cell.size, 0.5), known)
        if not rates:
            return sparse.csr_array((m, n)), sparse.csr_array((n, n))
        value, column = np.concatenate(rates), np.concatenate(columns)
        by_end = sparse.csr_array((value, (np.concatenate(ends), column)), shape=(m, n))
        by_cell = sparse.csr_array((value, (np.concatenate(cells), column)), shape=(n, n))
        return by_end, by_cell

    def _behind(self, k: int, cell: Integers, sign: float) -> Integers:
        """Free cell behind a cell, seen from outside along axis k; -1 where there is none."""
        grid = self.grid
        place = np.stack(np.unravel_index(cell, grid.shape))
        place[k] -= int(sign)
        inside = (place[k] >= 0) & (place[k] < grid.shape[k]) | grid.periodic[k]
        place[k] %= grid.shape[k]
        behind = np.ravel_multi_index(tuple(place), grid.shape)
        return np.where(inside & self._free[behind], behind, -1)

    def _exit_rates(
        self, k: int, cell: Integers, behind: Integers, sign: float, s: Array
    ) -> tuple[Array, Array]:
        """Rates out of cells, by their own mass and by that of the cells behind them.

        Where drift wins, the flux is extrapolated to the boundary and diffusion added; else the
        exponential fit of the Markov scheme.
        """
        grid = self.grid
        place = np.unravel_index(cell, grid.shape)[k]
        width = grid.widths[k][place]
        reach = s * width  # on graded axes s is a share of the distance of centres: about the width
        out, a = sign * self._b[k][cell], self._a[k, k][cell]
        windy = np.abs(out) * width > PRESSED * a
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            z = np.where(a > 0, out * reach / a, 0.0)
            fitted = a / reach * bernoulli(-np.where(windy, 0.0, z))
        extrapolated = windy & (out > 0) & (behind >= 0)
        near = np.where(windy, a / reach + np.maximum(out, 0.0), fitted)
        near = np.where(extrapolated, a / reach + (1 + s) * out, near) / width
        far = np.where(extrapolated, -s * sign * self._b[k][behind] / width, 0.0)
        return near, far


def face_weights(widths: Array, face: int, derivative: int) -> Array:
    """Weights (m, r) of cell means in a value (derivative 1) or slope (2) at a face between cells.

    Of the polynomial whose means over r cells of the given widths (m, r) are given; ``face`` counts
    the faces of these cells from 0. Its primitive goes through sums of the means.
    """
    m, r = widths.shape
    nodes = np.concatenate([np.zeros((m, 1)), np.cumsum(widths, axis=1)], axis=1)
    nodes = nodes - nodes[:, face, None]
    scale = widths.sum(axis=1)[:, None]
    powers = (nodes / scale)[:, None, :] ** np.arange(r + 1)[None, :, None]
    target = np.zeros((m, r + 1, 1))
    target[:, derivative] = derivative  # d/dx x = 1, d2/dx2 x^2 = 2
    on_nodes = np.linalg.solve(powers, target)[..., 0] / scale**derivative
    after = np.cumsum(on_nodes[:, ::-1], axis=1)[:, ::-1]  # nodes beyond cell l hold its mean
    return widths * after[:, 1:]
