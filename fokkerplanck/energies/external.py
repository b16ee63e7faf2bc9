"""Energies of place, of pairs, and of slopes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import fft

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.fields import scalar_field
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

    V: object

    def potential(self, grid):
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

    W: object
    _spectra: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        if not callable(self.W):
            raise ValueError(f"W is {describe(self.W)}; give a function of the difference, W(dx)")

    def interaction(self, rho, grid):
        """Convolution with W."""
        spectrum, padded = self._spectrum(grid)
        full = fft.irfftn(fft.rfftn(rho, padded) * spectrum, padded)
        return full[tuple(slice(n) for n in grid.shape)]

    def _kernel(self, axes):
        """W at all differences."""
        try:
            with np.errstate(all="ignore"):  # what is not finite is named below
                W = self.W(*np.meshgrid(*axes, indexing="ij"))
        except TypeError as error:
            raise ValueError(
                f"W does not take {len(axes)} differences ({error}); give a function of one for "
                "each axis, e.g. W(dx, dy)"
            ) from None
        W = np.broadcast_to(np.asarray(W, float), [len(axis) for axis in axes])
        if not np.isfinite(W).all():
            where = tuple(float(axis[i]) for axis, i in zip(
                axes, np.argwhere(~np.isfinite(W))[0], strict=True
            ))  # fmt: skip
            raise ValueError(
                f"W is not finite at the difference {where}; give a kernel that is finite, at 0 too"
            )
        return W

    def _spectrum(self, grid):
        """Transform of the kernel, kept for the grid."""
        if not grid.is_uniform:
            raise ValueError("an Interaction needs a uniform grid, this one is graded")
        if grid not in self._spectra:
            axes, padded = [], []
            for n, h, periodic in zip(grid.shape, grid.h, grid.periodic, strict=True):
                size = n if periodic else fft.next_fast_len(2 * n - 1, real=True)
                k = np.arange(size)
                axes.append(np.where(k > size // 2, k - size, k) * float(h))
                padded.append(size)
            W = self._kernel(axes)
            reflected = W[np.ix_(*(-np.arange(size) % size for size in padded))]
            inner = np.ix_(*(np.abs(a) < grid.h[k] * (grid.shape[k] - 0.5) for k, a in
                             enumerate(axes)))  # fmt: skip
            if not np.allclose(W[inner], reflected[inner], rtol=1e-9, atol=1e-12):
                raise ValueError("W is not even; give a function with W(-dx) = W(dx)")
            spectrum = fft.rfftn(W) * float(np.ravel(grid.volume)[0])
            self._spectra[grid] = spectrum, tuple(padded)
        return self._spectra[grid]


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

    def value(self, rho, grid) -> float:
        """Sum of squared differences across faces, between centres."""
        total, rho = 0.0, on_grid(rho, grid)
        volume = grid.volumes
        for k, (jumps, gap, width) in enumerate(self._jumps(rho, grid)):
            area = np.take(np.moveaxis(volume, k, 0), 0, axis=0) / width
            total += 0.5 * float(np.sum(jumps**2 / gap.reshape(-1, *[1] * (grid.dim - 1)) * area))
        return total

    def first_variation(self, rho, grid):
        """Minus the Laplacian, no flux through reflecting walls."""
        out, rho = np.zeros(grid.shape), on_grid(rho, grid)
        for k, (jumps, gap, _) in enumerate(self._jumps(rho, grid)):
            slopes = jumps / gap.reshape(-1, *[1] * (grid.dim - 1))
            moved = np.moveaxis(out, k, 0)
            n = grid.shape[k]
            widths = np.broadcast_to(grid.widths[k], n).reshape(-1, *[1] * (grid.dim - 1))
            moved[: n - 1] -= slopes[: n - 1] / widths[: n - 1]
            moved[1:] += slopes[: n - 1] / widths[1:]
            if grid.periodic[k]:
                moved[-1] -= slopes[-1] / widths[-1]
                moved[0] += slopes[-1] / widths[0]
        return out

    def _jumps(self, rho, grid):
        """By axis: differences along it, distances of centres, width of the first cell."""
        for k in range(grid.dim):
            u = np.moveaxis(rho, k, 0)
            width = np.broadcast_to(grid.widths[k], grid.shape[k])
            jumps = np.diff(u, axis=0)
            gap = 0.5 * (width[1:] + width[:-1])
            if grid.periodic[k]:
                jumps = np.concatenate([jumps, u[:1] - u[-1:]])
                gap = np.append(gap, 0.5 * (width[0] + width[-1]))
            yield jumps, gap, width[0]
