"""Distances of two densities, cell by cell; `observables.kl` and `wasserstein` are two more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.densities import check_densities
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array


def total_variation(rho0: ArrayLike, rho1: ArrayLike, grid: Grid) -> Any:
    r"""Total variation :math:`\frac12\int|\rho_0-\rho_1|\,dx`, in [0, 1] for unit masses.

    Parameters
    ----------
    rho0, rho1 : arrays (..., \*shape)
        Densities >= 0 with their masses as they are; leading axes broadcast.
    grid : Grid

    Returns
    -------
    array, shape (...)
        Dimensionless: the largest difference of the two probabilities of a set.

    Raises
    ------
    ValueError
        If a density does not fit the grid, is negative or not finite, or leading axes do not match.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 4)], 4)
    >>> float(fp.total_variation(fp.uniform(grid), fp.point(grid, 0.5), grid))
    0.75
    """
    a, b = _two(rho0, rho1, grid)
    return 0.5 * grid.integrate(np.abs(a - b))


def hellinger(rho0: ArrayLike, rho1: ArrayLike, grid: Grid) -> Any:
    r"""Hellinger distance :math:`\big(\frac12\int(\sqrt{\rho_0}-\sqrt{\rho_1})^2\,dx\big)^{1/2}`.

    As a sum of squares, so that small distances keep their digits, which
    :math:`1-\int\sqrt{\rho_0\rho_1}` would lose.

    Parameters
    ----------
    rho0, rho1 : arrays (..., \*shape)
        Densities >= 0 with their masses as they are; leading axes broadcast.
    grid : Grid

    Returns
    -------
    array, shape (...)
        Dimensionless, in [0, 1] for unit masses; there :math:`H^2\le TV\le H\sqrt{2-H^2}`.

    Raises
    ------
    ValueError
        As for `total_variation`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 4)], 4)
    >>> float(fp.hellinger(fp.point(grid, 0.5), fp.point(grid, 3.5), grid))
    1.0
    """
    a, b = _two(rho0, rho1, grid)
    return np.sqrt(0.5 * grid.integrate((np.sqrt(a) - np.sqrt(b)) ** 2))


def _two(rho0: ArrayLike, rho1: ArrayLike, grid: Grid) -> tuple[Array, Array]:
    """Two densities whose leading axes broadcast."""
    a = check_densities(rho0, grid, name="rho0")
    b = check_densities(rho1, grid, name="rho1")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"rho0 has shape {a.shape} and rho1 {b.shape}; give as many densities, or one of them"
        ) from None
    return a, b
