"""The functions of a density as methods of results that have one, or one at each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import Atoms, without_atoms
from fokkerplanck.distributions.interpolation import at, gradient_at
from fokkerplanck.distributions.marginals import Axes, conditional, marginal
from fokkerplanck.distributions.moments import covariance, expectation, mean, moment
from fokkerplanck.distributions.random_points import sample
from fokkerplanck.distributions.regions import (
    CredibleRegion,
    Peaks,
    credible_region,
    mode,
    peaks,
    quantile,
)
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field


class DensityMethods:
    r"""Means, marginals, values and samples of ``rho`` (..., \*shape) on ``grid``.

    Each is the function of the same name, which says what it does; these know besides where the
    mass of cells near singular walls is, and what sits on walls.
    """

    grid: Any
    rho: Any

    @property
    def _places(self) -> Array | None:
        """Where the mass of each cell is (d, *shape); None for the centres."""
        return None

    @property
    def _atoms(self) -> Atoms:
        """Masses on walls, by side."""
        return {}

    def mean(self, u: Field | None = None) -> Any:
        r"""Mean place :math:`\langle x\rangle` (..., d), or the mean of u, where the mass is.

        On periodic axes the direction of the mean; see `fokkerplanck.mean` and
        `fokkerplanck.expectation`.

        Parameters
        ----------
        u : callable ``u(x, y)``, array (..., \*shape) or number, optional
            Leading axes pass through.

        Returns
        -------
        array, shape (..., d) or (...)

        Examples
        --------
        Heterozygosity of two alleles that mutate at a rate .1: 2 <x (1 - x)> = 1/12.

        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 200)
        >>> problem = fp.Problem(grid, drift=lambda x: 0.1 * (1 - 2 * x), D=lambda x: x * (1 - x))
        >>> state = fp.steady_state(problem)
        >>> round(float(state.mean(lambda x: 2 * x * (1 - x))), 4), state.mean().round(6)
        (0.0833, array([0.5]))
        """
        if u is None:
            return mean(self.rho, self.grid, places=self._places)
        return expectation(u, self.rho, self.grid, places=self._places)

    def covariance(self) -> Any:
        """Covariance (..., d, d): `fokkerplanck.covariance`."""
        return covariance(self.rho, self.grid, places=self._places)

    def moment(self, order: ArrayLike, about: ArrayLike | str = "mean") -> Any:
        """Moment (...) of given powers: `fokkerplanck.moment`."""
        return moment(self.rho, self.grid, order, about, places=self._places)

    def quantile(self, q: ArrayLike, axis: int | str | None = None) -> Any:
        """Quantiles (..., *shape of q), those on walls included: `fokkerplanck.quantile`."""
        return quantile(self.rho, self.grid, q, axis, atoms=self._atoms)

    def mode(self) -> Any:
        """Centre (..., d) of the densest cell: `fokkerplanck.mode`."""
        return mode(self.rho, self.grid)

    def peaks(self, depth: float = 1e-6) -> Peaks:
        """Local maxima and their masses, of one density: `fokkerplanck.peaks`."""
        return peaks(self.rho, self.grid, depth)

    def marginal(self, axes: Axes) -> tuple[Array, Grid]:
        """Marginal density of some axes and their grid: `fokkerplanck.marginal`."""
        return marginal(self.rho, self.grid, axes)

    def conditional(self, given: Mapping[int | str, Any]) -> tuple[Array, Grid]:
        """Density of the other axes, and their grid: `fokkerplanck.conditional`."""
        return conditional(self.rho, self.grid, given)

    def density_at(self, points: ArrayLike) -> Any:
        """Density at points, without atoms on walls: `fokkerplanck.at`."""
        return at(self._smooth, self.grid, points)

    def gradient_at(self, points: ArrayLike) -> Any:
        """Gradient of ``density_at``: `fokkerplanck.gradient_at`."""
        return gradient_at(self._smooth, self.grid, points)

    def sample(self, n: int, rng: int | np.random.Generator = 0, *, within: str = "uniform") -> Any:
        """Random points (..., n, d), those on walls included: `fokkerplanck.sample`."""
        return sample(self.rho, self.grid, n, rng, within=within, atoms=self._atoms)

    def credible_region(self, level: float) -> CredibleRegion:
        """Cells of highest density with a part of the mass: `fokkerplanck.credible_region`."""
        return credible_region(self.rho, self.grid, level)

    @property
    def _smooth(self) -> Array:
        """Density without what sits on walls."""
        if not self._atoms:
            return self.rho
        return without_atoms(self.rho, self.grid, self._atoms)
