"""Energies of place, of pairs, and of slopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.fields import scalar_field
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.energies.functional import Energy, on_grid


@dataclass(frozen=True, eq=False)
class Potential(Energy):
    r"""Potential energy :math:`\int V\rho`.

    Parameters
    ----------
    V : callable ``V(x, y)`` or array (\*shape)

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> fp.energies.Potential(lambda x: x).value(fp.uniform(grid), grid)
    1.0
    """

    V: Field

    def potential(self, grid: Grid) -> Array:
        """V at the cell centres."""
        return scalar_field(self.V, grid, "V")


@dataclass(frozen=True, eq=False)
class Interaction(Energy):
    r"""Energy of pairs, :math:`\tfrac12\iint W(x-y)\rho(x)\rho(y)`: attraction and repulsion.

    Parameters
    ----------
    W : callable
        Function of the difference, ``W(dx)`` or ``W(dx, dy)``, even and finite at 0.

    Notes
    -----
    By fast Fourier transforms, padded along axes that are not periodic, where differences are taken
    the short way round. The grid has to be uniform.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 128)
    >>> attraction = fp.energies.Interaction(lambda x: x**2)
    >>> round(attraction.value(fp.gaussian(grid, 0, 0.5), grid), 6)  # the variance
    0.5
    """

    W: Callable[..., ArrayLike]
    _spectra: dict[Grid, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.W):
            raise ValueError(f"W is {describe(self.W)}; give a function of the difference, W(dx)")

    def interaction(self, rho: Array, grid: Grid) -> Array:
        """Convolution with W."""
        if grid not in self._spectra:
            self._spectra[grid] = self._spectrum(grid)
        padded = _padded(grid)
        full = fft.irfftn(fft.rfftn(rho, padded) * self._spectra[grid], padded)
        return full[tuple(slice(n) for n in grid.shape)]

    def _kernel(self, axes: list[Array]) -> Array:
        """W at all differences."""
        try:
            with np.errstate(all="ignore"):  # what is not finite is named below
                found = self.W(*np.meshgrid(*axes, indexing="ij"))
        except TypeError as error:
            raise ValueError(
                f"W does not take {len(axes)} differences ({error}); give a function of one for "
                "each axis, e.g. W(dx, dy)"
            ) from None
        W = np.broadcast_to(np.asarray(found, float), [len(axis) for axis in axes])
        if not np.isfinite(W).all():
            cell = np.argwhere(~np.isfinite(W))[0]
            where = tuple(float(axis[i]) for axis, i in zip(axes, cell, strict=True))
            raise ValueError(
                f"W is not finite at the difference {where}; give a kernel that is finite, at 0 too"
            )
        return W

    def _spectrum(self, grid: Grid) -> np.ndarray:
        """Transform of the kernel, times the volume of a cell."""
        if not grid.is_uniform:
            raise ValueError("an Interaction needs a uniform grid, this one is graded")
        axes = []
        for size, h in zip(_padded(grid), grid.h, strict=True):
            k = np.arange(size)
            axes.append(np.where(k > size // 2, k - size, k) * float(h))
        W = self._kernel(axes)
        reflected = W[np.ix_(*(-np.arange(axis.size) % axis.size for axis in axes))]
        reach = [h * (n - 0.5) for n, h in zip(grid.shape, grid.h, strict=True)]
        inner = np.ix_(*(np.abs(axis) < most for axis, most in zip(axes, reach, strict=True)))
        if not np.allclose(W[inner], reflected[inner], rtol=1e-9, atol=1e-12):
            raise ValueError("W is not even; give a function with W(-dx) = W(dx)")
        return fft.rfftn(W) * float(np.ravel(grid.volume)[0])


def _padded(grid: Grid) -> tuple[int, ...]:
    """Cells along each axis for a convolution: twice as many where the axis is not periodic."""
    return tuple(
        n if periodic else fft.next_fast_len(2 * n - 1, real=True)
        for n, periodic in zip(grid.shape, grid.periodic, strict=True)
    )


@dataclass(frozen=True)
class Dirichlet:
    r"""Dirichlet energy :math:`\tfrac12\int|\nabla\rho|^2`: the heat equation is its L2 flow.

    Not the Wasserstein energy of any flow here; it has a value and a first variation alone.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(0, 1)], 400)
    >>> rho = 1 + np.cos(np.pi * grid.x[0])
    >>> round(fp.energies.Dirichlet().value(rho, grid) / (np.pi**2 / 4), 4)
    1.0
    """

    def value(self, rho: ArrayLike, grid: Grid) -> float:
        """Sum of squared differences across faces, between centres."""
        total, rho = 0.0, on_grid(rho, grid)
        for k, (jumps, gaps, widths) in enumerate(self._jumps(rho, grid)):
            area = np.take(np.moveaxis(grid.volumes, k, 0), 0, axis=0) / widths[0]
            total += 0.5 * float(np.sum(jumps**2 / gaps * area))
        return total

    def first_variation(self, rho: ArrayLike, grid: Grid) -> Array:
        """Minus the Laplacian, no flux through reflecting walls."""
        out, rho = np.zeros(grid.shape), on_grid(rho, grid)
        for k, (jumps, gaps, widths) in enumerate(self._jumps(rho, grid)):
            slopes, moved, inner = jumps / gaps, np.moveaxis(out, k, 0), grid.shape[k] - 1
            moved[:inner] -= slopes[:inner] / widths[:inner]
            moved[1:] += slopes[:inner] / widths[1:]
            if grid.periodic[k]:
                moved[-1] -= slopes[-1] / widths[-1]
                moved[0] += slopes[-1] / widths[0]
        return out

    def _jumps(self, rho: Array, grid: Grid) -> Iterator[tuple[Array, Array, Array]]:
        """By axis, which comes first: differences along it, distances of centres, cell widths."""
        for k in range(grid.dim):
            u = np.moveaxis(rho, k, 0)
            widths = np.broadcast_to(grid.widths[k], grid.shape[k])
            widths = widths.reshape(-1, *[1] * (grid.dim - 1))
            jumps, gaps = np.diff(u, axis=0), 0.5 * (widths[1:] + widths[:-1])
            if grid.periodic[k]:
                jumps = np.concatenate([jumps, u[:1] - u[-1:]])
                gaps = np.concatenate([gaps, 0.5 * (widths[:1] + widths[-1:])])
            yield jumps, gaps, widths
