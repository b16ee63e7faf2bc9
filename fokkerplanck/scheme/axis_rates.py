"""A generator whose edges join nearest neighbours only, as arrays over the box: no indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.scheme.cells import offsets_of

#: Largest sum of tilts around a face, over the range of the log density, that counts as zero in
#: Kolmogorov's criterion.
CLOSED = 1e-9


@dataclass(frozen=True, eq=False)
class AxisRates:
    r"""Rates to the next cell along each axis and back, :math:`u_k` and :math:`d_k`.

    .. math:: (Ap)_i=\sum_k\big(u_k[i-e_k]\,p[i-e_k]-d_k[i-e_k]\,p[i]\big)
              -\big(u_k[i]\,p[i]-d_k[i]\,p[i+e_k]\big)-\varepsilon_i p_i

    Attributes
    ----------
    rings : tuple of bools
        Axes that are periodic.
    n1 : int
        Lines in a row: cells along the middle axis in 3D, else 1.
    up, down : arrays (axes, n0, m)
        Rates, 1/time; zero where there is no face.
    exits : array (n0, m) or (0, 0)
        Rates out through absorbing sides, 1/time.
    """

    rings: tuple[bool, ...]
    n1: int
    up: np.ndarray
    down: np.ndarray
    exits: np.ndarray

    @classmethod
    def from_generator(cls, generator) -> AxisRates | None:
        """Rates of a Generator, or None if an edge may join other cells than nearest neighbours.

        Edges of full tensors may, whatever the numbers of the cells that they happen to join.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> from fokkerplanck.scheme.axis_rates import AxisRates
        >>> AxisRates.from_generator(fp.Generator(fp.Problem(fp.Grid([(0, 4)], 4)))).up
        array([[[1., 1., 1., 0.]]])
        """
        grid, edges = generator.grid, generator.edges
        n, shape = grid.size, grid.shape
        if edges.kind == "tensor" or edges.width != 1:
            return None
        offset = offsets_of(grid, edges.tail, edges.head)
        if (np.abs(offset).sum(axis=1, dtype=np.int64) != 1).any():
            return None
        volumes = grid.volumes.ravel()
        forward, backward = generator.edge_rates
        up, down = np.zeros((grid.dim, n)), np.zeros((grid.dim, n))
        for k in range(grid.dim):
            for sign in (1, -1):
                index = np.flatnonzero(offset[:, k] == sign)
                if not index.size:
                    continue
                tail, head = edges.tail[index], edges.head[index]
                to, back = forward[index] / volumes[tail], backward[index] / volumes[head]
                lower = tail if sign > 0 else head
                if sign < 0:
                    to, back = back, to
                up[k] += np.bincount(lower, to, n)
                down[k] += np.bincount(lower, back, n)
        n0 = shape[0] if grid.dim > 1 else 1
        box = (grid.dim, n0, n // n0)
        exits = np.zeros((0, 0))
        if generator.leaks:
            exits = (edges.exit_rate / volumes).reshape(box[1:])
        n1 = shape[1] if grid.dim == 3 else 1
        return cls(grid.periodic, n1, up.reshape(box), down.reshape(box), exits)

    @property
    def first_is_ring(self) -> bool:
        """Whether rows of cells, in two dimensions and more, close to a ring."""
        return len(self.rings) > 1 and self.rings[0]

    def over(self, rate):
        """Arrays (ring, n1, up, down, exits) of A / rate, as kernels take them."""
        return self.first_is_ring, self.n1, self.up / rate, self.down / rate, self.exits / rate

    def symmetric_bound(self) -> float:
        r"""Bound of the spectrum by the rows of :math:`|A_{ii}|+\sum_k\sqrt{A_{ik}A_{ki}}`."""
        rows = np.zeros(self._box)
        for k in range(len(self._box)):
            up, down = self.up[k].reshape(self._box), self.down[k].reshape(self._box)
            mean = np.sqrt(up * down)
            rows += mean + np.roll(mean, 1, k)
            rows += up + np.roll(down, 1, k)
        if self.exits.size:
            rows += self.exits.reshape(self._box)
        return float(rows.max())

    def log_mass(self):
        """Log of the masses in detailed balance (n,), up to a constant, or None if there are none.

        Sums of log(up / down) along the axes, if they close around every face.
        """
        tilts, box = [], self._box
        for k in range(len(box)):
            up, down = self.up[k].reshape(box), self.down[k].reshape(box)
            inner = (slice(None),) * k + (slice(0, -1),)
            if not (up[inner].all() and down[inner].all()):
                return None
            with np.errstate(divide="ignore", invalid="ignore"):
                is_open = (up > 0) | (down > 0)
                tilts.append(np.where(is_open, np.log(up) - np.log(down), 0.0))
        log_mass = np.zeros(box)
        for k, tilt in enumerate(tilts):  # along axis k from the cells with index 0 on later axes
            rest = (0,) * (len(box) - k - 1)
            start = log_mass[(slice(None),) * k + (0, *rest)]
            steps = tilt[(slice(None),) * k + (slice(0, -1), *rest)]
            line = np.concatenate([start[..., None], start[..., None] + steps.cumsum(-1)], axis=-1)
            log_mass[(slice(None),) * (k + 1) + rest] = line
        limit = CLOSED * (1 + np.ptp(log_mass))
        for k, tilt in enumerate(tilts):
            closed = (self.up[k].reshape(box) > 0) | (self.down[k].reshape(box) > 0)
            defect = np.abs(np.roll(log_mass, -1, k) - log_mass - tilt)
            if (defect[closed] > limit).any():
                return None
        return log_mass.ravel()

    @property
    def _box(self):
        """Shape of the grid."""
        axes, n0, m = self.up.shape
        return {1: (m,), 2: (n0, m), 3: (n0, self.n1, m // self.n1)}[axes]
