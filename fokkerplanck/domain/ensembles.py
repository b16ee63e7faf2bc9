"""Statistics of many independent particles, with errors from the spread over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import frozen, real_array, whole_number
from fokkerplanck.domain.densities import from_particles
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array


@dataclass(frozen=True, eq=False)
class Ensemble(Portable):
    """Positions of independent particles at one or several times.

    Attributes
    ----------
    points : array, shape (n_particles, d)
        After the last step.
    samples : array, shape (n_snapshots, n_particles, d)
        Snapshots. Those of one particle are correlated, particles are not.
    """

    points: Array
    samples: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, frozen(value))

    @property
    def n_particles(self) -> int:
        """Number of independent particles."""
        return self.points.shape[0]

    @cached_property
    def mean(self) -> Array:
        """Mean position over snapshots and particles, shape (d,)."""
        return self._all_samples.mean(axis=(0, 1))

    @cached_property
    def mean_error(self) -> Array:
        """Standard error of `mean`, shape (d,)."""
        return np.sqrt(np.diagonal(self._covariance_of_mean))

    @cached_property
    def cov(self) -> Array:
        """Covariance of the position, shape (d, d), unbiased if the particles are stationary."""
        return self._moments.mean(axis=0) + self._covariance_of_mean

    @cached_property
    def cov_error(self) -> Array:
        """Standard error of `cov`, shape (d, d), from the spread over particles."""
        self._check_errors_exist()
        return self._moments.std(axis=0, ddof=1) / np.sqrt(self.n_particles)

    def histogram(self, grid: Grid, outside: str = "raise") -> Array:
        """Density of all samples on a grid, see `from_particles`.

        Parameters
        ----------
        grid : Grid
        outside : {"raise", "drop"}
            What to do with particles outside of the box.

        Returns
        -------
        array, shape ``grid.shape``
            Density of integral 1.
        """
        return _histogram(grid, self._all_samples, outside)

    def histogram_error(self, grid: Grid, outside: str = "raise") -> float:
        r"""Monte-Carlo error :math:`E\int|\hat\rho-\rho|` of `histogram`, its L1 noise.

        Estimated as half the distance of the histograms of two halves of the particles, which
        accounts for the correlation between snapshots: the difference of the halves has twice the
        standard deviation of the whole.

        Parameters
        ----------
        grid : Grid
        outside : {"raise", "drop"}
            What to do with particles outside of the box.

        Returns
        -------
        float
            Includes no bias of the binning, only the noise of the particles.
        """
        self._check_errors_exist()
        even, odd = (_histogram(grid, self._all_samples[:, k::2], outside) for k in (0, 1))
        return float(grid.integrate(np.abs(even - odd))) / 2

    @property
    def _all_samples(self) -> Array:
        """Samples that the statistics are taken over."""
        return self.samples

    @cached_property
    def _moments(self) -> Array:
        """Second moment about the common mean of each particle, (n_particles, d, d)."""
        z = self._all_samples - self.mean
        return np.einsum("tni,tnj->nij", z, z) / len(z)

    @cached_property
    def _covariance_of_mean(self) -> Array:
        """Covariance matrix of the estimate `mean`, (d, d)."""
        self._check_errors_exist()
        z = self._all_samples.mean(axis=0) - self.mean
        return z.T @ z / (self.n_particles * (self.n_particles - 1))

    def _check_errors_exist(self) -> None:
        """Refuse statistical errors from one particle."""
        if self.n_particles < 2:
            raise ValueError("one particle has no standard error; run at least 2 (n_particles=)")


def _histogram(grid: Grid, samples: Array, outside: str) -> Array:
    """Histogram density of samples (n_snapshots, n_particles, d)."""
    return from_particles(grid, samples.reshape(-1, samples.shape[-1]), outside)


def check_start(x0: ArrayLike, n_particles: int | None) -> Array:
    """Return the starting points as a fresh array (n_particles, d)."""
    expected = "an array (d,) or (n_particles, d)"
    x0 = np.array(real_array(x0, "x0", expected), order="C")
    if x0.ndim not in (1, 2) or x0.size == 0:
        raise ValueError(f"x0 has shape {x0.shape}; give {expected}")
    if not np.isfinite(x0).all():
        raise ValueError("x0 has values that are not finite")
    if n_particles is not None:
        n_particles = whole_number(n_particles, "n_particles", 1)
    if x0.ndim == 2:
        if n_particles not in (None, len(x0)):
            raise ValueError(
                f"x0 has {len(x0)} rows but n_particles is {n_particles}; leave n_particles out"
            )
        return x0
    return np.tile(x0, (n_particles or 10_000, 1))


def check_schedule(steps: int, burn_in: int, thin: int | None) -> tuple[int, int]:
    """Check step counts; return (burn_in, thin), by default those that keep the last step alone."""
    steps = whole_number(steps, "steps", 1)
    burn_in = whole_number(burn_in, "burn_in", 0)
    if burn_in >= steps:
        raise ValueError(f"burn_in is {burn_in}, but the run has {steps} steps; take more steps")
    thin = steps - burn_in if thin is None else whole_number(thin, "thin", 1)
    if thin > steps - burn_in:
        raise ValueError(
            f"thin is {thin}, but only {steps - burn_in} steps follow the burn-in: nothing is kept"
        )
    return burn_in, thin
