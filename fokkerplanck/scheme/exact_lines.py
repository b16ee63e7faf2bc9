r"""Axes that end at walls without noise, in a linear flux: two-point currents of an edge list.

Between neighbours of exact masses and resistances, :math:`F=(w/V_i)B(-z)\,m_i-(w/V_{i+1})B(z)\,
m_{i+1}`. Wide stencils read densities as smooth functions, which these are not next to such a wall.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.scheme.bernoulli import both_sides
from fokkerplanck.scheme.cells import offsets_of
from fokkerplanck.scheme.edges import Edges


class ExactLines:
    """Currents along the axes of an edge list on which masses and resistances are exact.

    Parameters
    ----------
    edges : Edges
    free : bool array (n,)
        Cells, as against those of sets in which mass ends.
    """

    def __init__(self, edges: Edges, free: Flags) -> None:
        self.edges, self.free, self.axes = edges, free, edges.exact_axes
        self._volume = edges.grid.volumes.ravel()

    @cached_property
    def _faces(self) -> dict[int, tuple[Array, Array]]:
        """Weights and tilts (n,) of the faces above cells, by axis."""
        edges, found = self.edges, {}
        steps = offsets_of(edges.grid, edges.tail, edges.head)
        for k in self.axes:
            weight, tilt = np.zeros((2, edges.grid.size))
            for sign, lower in ((1, edges.tail), (-1, edges.head)):
                mine = steps[:, k] == sign
                weight[lower[mine]] = edges.weight[mine]
                tilt[lower[mine]] = sign * edges.tilt[mine]
            found[k] = weight, tilt
        return found

    def currents(self, k: int, lower: Integers, upper: Integers) -> sparse.csr_array:
        """Mass currents (n_faces, n) between free cells through faces across axis k, per mass."""
        weight, tilt = (u[lower] for u in self._faces[k])
        weight = np.where(self.free[lower] & self.free[upper], weight, 0.0)
        backward, forward = both_sides(tilt)
        m = np.arange(lower.size)
        values = np.concatenate(
            [weight * forward / self._volume[lower], -weight * backward / self._volume[upper]]
        )
        where = np.concatenate([m, m]), np.concatenate([lower, upper])
        shape = lower.size, self._volume.size
        rows = sparse.csr_array((values, where), shape=shape)
        rows.eliminate_zeros()
        return rows

    def rates_into_set(
        self, k: int, lower: Integers, cell: Integers, sign: float, part: Array
    ) -> Array:
        """Rates out of cells through faces that are cut at a part of their length.

        ``sign`` is 1 where the set is above.
        """
        weight, tilt = (u[lower] for u in self._faces[k])
        return weight / part * both_sides(part * sign * tilt)[1] / self._volume[cell]

    def rates_out(self, side: Side, cell: Integers) -> Array:
        """Rates out of cells through an absorbing side."""
        rate: Array = self.edges.exits[side][cell] / self._volume[cell]
        return rate
