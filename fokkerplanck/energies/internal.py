"""Internal energies, functions of the density at a point alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck import observables
from fokkerplanck.domain.arguments import frozen, positive_number, real_array
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.energies.functional import Energy, on_grid

#: Smallest density in a logarithm.
TINY = np.finfo(float).tiny
#: Part of the largest density allowed by which a density may be above it.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Entropy(Energy):
    r"""Minus the entropy times kT, :math:`kT\int\rho\log\rho`; its flow is the heat equation.

    Parameters
    ----------
    kT : float, default 1

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> round(fp.energies.Entropy(kT=2.0).value(fp.uniform(grid), grid), 6)
    -1.386294
    """

    kT: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kT", positive_number(self.kT, "kT"))

    def internal(self, rho: Array) -> Array:
        """kT rho log rho."""
        return self.kT * rho * np.log(np.maximum(rho, TINY))

    def d_internal(self, rho: Array) -> Array:
        """kT (1 + log rho)."""
        return self.kT * (1 + np.log(np.maximum(rho, TINY)))

    def dd_internal(self, rho: Array) -> Array:
        """kT/rho."""
        return self.kT / np.maximum(rho, TINY)

    def proximal(self, log_q: Array, weight: float, V: Array | float = 0.0) -> Array:
        """In closed form."""
        return (log_q - weight * (V + self.kT)) / (1 + weight * self.kT)


@dataclass(frozen=True)
class PorousMedium(Energy):
    r""":math:`\int\rho^m/(m-1)`, m > 1; its flow is :math:`\rho_t=\Delta\rho^m`, with fronts.

    Parameters
    ----------
    m : float
        Exponent.

    References
    ----------
    Otto, Comm. PDE 26 (2001).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> fp.energies.PorousMedium(2).value(fp.uniform(grid), grid)
    0.5
    """

    m: float

    def __post_init__(self) -> None:
        m = positive_number(self.m, "m")
        if m <= 1:
            raise ValueError(f"m is {m:g}; give an exponent above 1, or Entropy() for m = 1")
        object.__setattr__(self, "m", m)

    def internal(self, rho: Array) -> Array:
        """rho^m/(m - 1)."""
        return rho**self.m / (self.m - 1)

    def d_internal(self, rho: Array) -> Array:
        """m rho^(m - 1)/(m - 1)."""
        return self.m / (self.m - 1) * rho ** (self.m - 1)

    def dd_internal(self, rho: Array) -> Array:
        """m rho^(m - 2)."""
        return self.m * np.maximum(rho, TINY) ** (self.m - 2)


@dataclass(frozen=True)
class Congestion(Energy):
    r"""A crowd: 0 while :math:`\rho\le` limit everywhere, infinite else.

    Parameters
    ----------
    limit : float, default 1
        Largest density, 1/volume.

    References
    ----------
    Maury, Roudneff-Chupin and Santambrogio, M3AS 20 (2010).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> fp.energies.Congestion(0.4).value(fp.uniform(grid), grid)
    inf
    """

    limit: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", positive_number(self.limit, "limit"))

    def internal(self, rho: Array) -> Array:
        """0 or infinity; a little above the limit is rounding."""
        return np.where(rho > self.limit * (1 + ROUNDING), np.inf, 0.0)

    def proximal(self, log_q: Array, weight: float, V: Array | float = 0.0) -> Array:
        """Cut at the limit."""
        return np.minimum(log_q - weight * V, np.log(self.limit))


class FreeEnergy(Entropy):
    r"""Free energy :math:`kT\,\mathrm{KL}(\rho\|\rho_\infty)`, evaluated without cancellation.

    Parameters
    ----------
    log_rho_inf : array (\*shape)
        Log of the density at rest.
    kT : float, default 1

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-6, 6)], 64)
    >>> F = fp.energies.FreeEnergy(np.log(fp.gaussian(grid, 0, 1)), kT=2.0)
    >>> round(F.value(fp.gaussian(grid, 1, 1), grid), 6)
    1.0
    """

    log_rho_inf: Array

    def __init__(self, log_rho_inf: Array, kT: float = 1.0) -> None:
        super().__init__(kT)
        log_rho_inf = real_array(log_rho_inf, "log_rho_inf", "log(rho_inf) over the grid")
        if not log_rho_inf.ndim or not log_rho_inf.size or not (log_rho_inf < np.inf).all():
            raise ValueError(
                f"log_rho_inf has shape {log_rho_inf.shape} and "
                f"{np.sum(~(log_rho_inf < np.inf))} entries of nan or +inf; give log(rho_inf) over "
                "the grid, without them"
            )
        object.__setattr__(self, "log_rho_inf", frozen(log_rho_inf.copy()))

    def potential(self, grid: Grid) -> Array:
        """Phi = -kT log rho_inf."""
        return -self.kT * self.log_rho_inf

    def value(self, rho: ArrayLike, grid: Grid) -> float:
        """kT KL(rho || rho_inf)."""
        return float(self.kT * observables.kl(on_grid(rho, grid), self.log_rho_inf, grid, log=True))
