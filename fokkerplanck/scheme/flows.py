"""A Markov generator as lists of inflow and outflow, the form in which mass is kept to rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.kernels.linalg import evolution


@dataclass(frozen=True, eq=False)
class Flows:
    r"""Rates into and out of every cell, :math:`(Ap)_i=\sum_k(A_{ik}p_k-A_{ki}p_i)`.

    In this form both ends of an edge see the same two rounded products, so mass is exact to the
    rounding of sums, and only the off-diagonal rates matter: no cancellation on the diagonal.

    Attributes
    ----------
    indptr, indices : int arrays
        Rows of the pattern, which is symmetric.
    inflow, outflow : float arrays
        :math:`A_{ik}` and :math:`A_{ki}`, 1/time.
    exits : array (n,)
        Rates out through absorbing sides, 1/time.
    """

    indptr: Integers
    indices: Integers
    inflow: Array
    outflow: Array
    exits: Array

    @classmethod
    def from_generator(cls, generator: Any) -> Flows:
        """Flows of a Generator, or of a `Chain` that does not leak.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> from fokkerplanck.scheme.flows import Flows
        >>> generator = fp.Generator(fp.Problem(fp.Grid([(0, 4)], 4)))
        >>> Flows.from_generator(generator).inflow
        array([1., 1., 1., 1., 1., 1.])
        """
        # Edges that underflowed in one direction are stored as zeros: the pattern is symmetric.
        matrix = generator.matrix.tocoo()
        off = matrix.row != matrix.col
        matrix.row, matrix.col, matrix.data = matrix.row[off], matrix.col[off], matrix.data[off]
        rows, columns = matrix.tocsr(), matrix.T.tocsr()
        rows.sort_indices()
        columns.sort_indices()
        n = generator.grid.size
        volume = generator.grid.volumes.ravel()
        exits = generator.edges.exit_rate / volume if generator.leaks else np.zeros(n)
        return cls(rows.indptr, rows.indices, rows.data, columns.data, exits)

    @property
    def conserves_mass(self) -> bool:
        """True if no mass leaves through absorbing sides."""
        return not self.exits.any()

    def over(self, rate: float) -> tuple[np.ndarray, ...]:
        """Arrays (indptr, indices, inflow, outflow, exits) of A / rate, as kernels take them."""
        return (
            self.indptr, self.indices, self.inflow / rate, self.outflow / rate, self.exits / rate
        )  # fmt: skip

    def symmetric_bound(self, exit_rates: Array) -> float:
        r"""Bound of the spectrum by the rows of :math:`|A_{ii}|+\sum_k\sqrt{A_{ik}A_{ki}}`."""
        rows = np.repeat(np.arange(exit_rates.size), np.diff(self.indptr))
        mean = np.sqrt(self.inflow * self.outflow)
        return float((exit_rates + np.bincount(rows, mean, exit_rates.size)).max())

    def implicit_residual(self, dt: float, b: Array, x: Array) -> Array:
        """Residual b - (I - dt A) x."""
        residual = np.empty_like(x)
        evolution.implicit_residual(
            self.indptr, self.indices, self.inflow, self.outflow, self.exits, dt, b, x, residual
        )
        return residual
