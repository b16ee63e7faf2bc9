r"""The fifth-order upwind flux with ends: functions and masses of what has not arrived yet.

Mass ends at the boundary of a set where that crosses the line between two cell centres. Functions
solve :math:`-K^Tx=b`, masses :math:`-Km=b`, with the matrix K of the flux on free cells: the exact
transpose of each other. K is no M-matrix, so that signs and bounds are checked and not given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.linalg.nearby import NearbyFactors
from fokkerplanck.rates.ends import Ended, Named
from fokkerplanck.scheme.linear_fluxes import LinearFlux, linear_flux
from fokkerplanck.scheme.phase_space_flux import PhaseSpaceFlux
from fokkerplanck.sets import Side, fractions
from fokkerplanck.steady.linear_flux import DROPPED
from fokkerplanck.steady.operator_choice import LinearOperator

#: Relative residual of solves.
TOLERANCE = 1e-10
#: The same of complete factors, of a cell over the largest sum of sizes of terms.
BACKWARD = 1e-12
#: Part of the largest entry of a column below which a diagonal entry is exchanged.
PIVOT = 1e-2
#: Part of its range by which a function may leave its bounds, before it is refused.
OVERSHOOT = 1e-2


@dataclass(frozen=True, eq=False)
class LinearEnded:
    """Flux on the free cells of a grid.

    Attributes
    ----------
    linear : LinearOperator
        The flux without ends.
    end : Ended
        The Markov chain with the same ends.
    ends : sequence of (name, set)
    flux : Upwind5 or PhaseSpaceFlux
        With the ends.
    is_dual : bool
        Whether functions take the transpose where the flux has a backward operator of its own.
    """

    linear: LinearOperator
    end: Ended
    ends: Named
    flux: LinearFlux
    is_dual: bool = False

    @classmethod
    def of(cls, linear: LinearOperator, end: Ended, ends: Named) -> LinearEnded:
        """Flux of a problem, with the ends of its chain."""
        part = face_parts(linear.flux, end.label, ends)
        flux = linear_flux(
            linear.flux.problem, linear.scheme, end.label, part, linear.generator.edges
        )
        return cls(linear, end, ends, flux)

    @cached_property
    def transposed(self) -> sparse.csr_array:
        """Minus the transpose of K (n_free, n_free), for functions.

        Of ``PhaseSpaceFlux`` its other backward operator, with the better tails.
        """
        cells = self.end.cells
        if isinstance(self.flux, PhaseSpaceFlux) and not self.is_dual:
            return sparse.csr_array(-self.flux.backward[cells][:, cells])
        return sparse.csr_array(-self.flux.matrix[cells][:, cells].T)

    @cached_property
    def kills(self) -> Array:
        """Rates into each end (n_ends + 1, n_free), rows as those of ``Ended.kills``."""
        kills = np.zeros((len(self.ends) + 1, self.end.grid.size))
        flux = self.flux
        own = isinstance(flux, PhaseSpaceFlux) and not self.is_dual
        sets = flux.arrivals if isinstance(flux, PhaseSpaceFlux) and own else flux.exits
        sets = sets[:-1].toarray()
        kills[: len(sets)] += sets
        named = {side: k for k, (_, side) in enumerate(self.ends) if isinstance(side, Side)}
        for side, rate in self.flux.side_exits.items():
            kills[named.get(side, -1)] += rate
        return kills[:, self.end.cells]

    @cached_property
    def factors(self) -> NearbyFactors:
        """Factors of the Markov chain for functions."""
        flows, n = self.end.chain.flows, self.end.cells.size
        rates = sparse.csr_array((flows.outflow, flows.indices, flows.indptr), shape=(n, n))
        total = np.asarray(rates.sum(axis=1)).ravel() + flows.exits
        drop = DROPPED if self.end.grid.dim == 3 else 0.0
        return NearbyFactors(sparse.csr_array(sparse.diags_array(total) - rates), drop)

    def function(self, b: Array) -> Array:
        """Solution x (n_free,) of -K^T x = b."""
        if not b.any():
            return np.zeros_like(b)
        return self._solved(self.transposed, b, False)

    def masses(self, b: Array) -> Array:
        """Solution m (n_free,) of -K m = b."""
        if not b.any():
            return np.zeros_like(b)
        return self._solved(sparse.csr_array(self.transposed.T), b, True)

    @cached_property
    def _complete(self) -> Any:
        """Complete factors of the wide matrix for functions."""
        return sparse_lu(sparse.csc_array(self.transposed), PIVOT)

    def _solved(self, matrix: sparse.csr_array, b: Array, is_mass: bool) -> Array:
        """Solution by Krylov steps; where these stop, by complete factors if the grid allows.

        Behind high barriers the chain, whose factors lead the Krylov steps, has times that are
        too short by powers of ten.
        """
        try:
            return self.factors.solve(matrix, b, TOLERANCE, transpose=is_mass)
        except ConvergenceError:
            grid = self.end.grid
            if b.size > sizes.LINEAR_FLUX_FACTORISED[grid.dim]:
                raise
            way = "T" if is_mass else "N"
            try:
                x = self._complete.solve(b, way)
                x = x + self._complete.solve(b - matrix @ x, way)
            except (RuntimeError, MemoryError):
                x = np.full_like(b, np.nan)
            size = abs(matrix) @ np.abs(x) + np.abs(b)
            if not (np.abs(matrix @ x - b) <= BACKWARD * size.max()).all():
                raise
            return x

    def residual(self, x: Array, b: Array) -> float:
        """Largest |-K^T x - b| of a cell, over the sum of the sizes of its terms."""
        size = abs(self.transposed) @ np.abs(x) + np.abs(b)
        left = np.abs(self.transposed @ x - b)
        return float((left / np.where(size > 0, size, 1.0)).max(initial=0.0))

    def chances(self) -> tuple[Array, float]:
        """Chances (n_ends + 1, n_free) to end in each end, and by how much they leave [0, 1].

        Raises
        ------
        ConvergenceError
            If that is more than a hundredth.
        """
        chances = np.stack([self.function(kill) for kill in self.kills])
        return chances, overshoot(chances, "a chance")

    def stats(self) -> dict[str, str | int | float]:
        """How it was solved."""
        return {
            "scheme": self.linear.scheme,
            "solver": "direct" if "_complete" in self.__dict__ else "gmres",
            "n_fill": self.factors.n_fill,
            "steps": self.factors.steps,
        }


def overshoot(chances: Array, what: str) -> float:
    """By how much chances leave [0, 1]; ConvergenceError where that is not a small error."""
    over = max(float(-chances.min(initial=0.0)), float(chances.max(initial=1.0)) - 1, 0.0)
    if over > OVERSHOOT:
        raise ConvergenceError(
            f"the grid does not resolve the problem for the fifth-order flux: {what} leaves [0, 1] "
            f'by {over:.2g}; refine the grid, or use scheme="markov"',
            residual=over,
        )
    return over


def face_parts(flux: LinearFlux, label: Integers, ends: Named) -> Array:
    """Shares (n_faces,) of the distance between centres outside of a set, where a face has one."""
    grid, part = flux.grid, np.full(len(flux.lower), 0.5)
    below, above = label[flux.lower], label[flux.upper]
    face = np.flatnonzero((below >= 0) != (above >= 0))
    upwards = above[face] >= 0
    free = np.where(upwards, flux.lower[face], flux.upper[face])
    other = np.where(upwards, flux.upper[face], flux.lower[face])
    place = [np.unravel_index(cells, grid.shape) for cells in (free, other)]
    step = np.zeros((grid.dim, face.size))
    for k, widths in enumerate(grid.widths):
        mine = flux.axis[face] == k
        distance = 0.5 * (widths[place[0][k]] + widths[place[1][k]])
        step[k] = np.where(mine, np.where(upwards, distance, -distance), 0.0)
    start = grid.x.reshape(grid.dim, -1)[:, free]
    for k, (_, region) in enumerate(ends):
        here = label[other] == k
        if here.any() and not isinstance(region, Side):
            mask = (label == k).reshape(grid.shape)
            part[face[here]] = fractions(region, mask, grid, start[:, here], step[:, here])
    return part
