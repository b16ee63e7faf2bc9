"""Densities on a grid: the initial data of an evolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import SYMMETRIC, asymmetry, finite_array, real_array
from fokkerplanck.domain.discrete_gaussian import fitted, is_thin
from fokkerplanck.domain.fields import cell_text, check_finite, first_cell
from fokkerplanck.domain.grid import AXES, Grid, along, check_grid, shortest
from fokkerplanck.domain.points import one_point
from fokkerplanck.domain.spreading import places_of, spread
from fokkerplanck.domain.types import Array

#: Standard deviations beyond a wall up to which the mean of a Gaussian may lie: 3e-7 of its mass.
FARTHEST = 5.0


def check_density(rho: ArrayLike, grid: Grid, name: str = "rho", *, is_rest: bool = False) -> Array:
    r"""Return rho as a float array if it is a density on the grid, else raise ``ValueError``.

    Parameters
    ----------
    rho : array, shape (\*shape)
        Density in 1/volume: finite, nowhere negative, of integral 1 (to 1e-8).
    grid : Grid
    name : str
        How the array is called in the message.
    is_rest : bool
        Whether a part of the mass may have left: then any integral in (0, 1] will do.

    Returns
    -------
    array, shape (\*shape)

    Raises
    ------
    ValueError
        Naming the shape, the first bad cell and its value, or the mass found.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 4)
    >>> fp.domain.densities.check_density(2 * fp.uniform(grid), grid)
    Traceback (most recent call last):
    ...
    ValueError: rho has mass 2, expected 1; divide it by grid.integrate(rho)
    """
    check_grid(grid)
    rho = real_array(rho, name, f"an array of shape {grid.shape}, e.g. gaussian(grid, mean, cov)")
    if rho.shape != grid.shape:
        raise ValueError(f"{name} has shape {rho.shape}, expected the grid's {grid.shape}")
    check_finite(rho, grid.x, name)
    if (rho < 0).any():
        cell = first_cell(rho == rho.min())
        raise ValueError(
            f"{name} is negative in {np.count_nonzero(rho < 0)} of {rho.size} cells, least "
            f"{rho[cell]:g} at {cell_text(grid, cell)}; give a density, which is >= 0"
        )
    mass = float(grid.integrate(rho))
    if is_rest and 0 < mass <= 1 + 1e-8:
        return rho
    if abs(mass - 1) > 1e-8:
        if is_rest and mass > 0:
            raise ValueError(
                f"{name} has mass {mass:.12g}, expected at most 1, what is left where sides "
                f"absorb; divide it by grid.integrate({name})"
            )
        raise ValueError(
            f"{name} has mass {mass:.12g}, expected 1; "
            + (f"divide it by grid.integrate({name})" if mass > 0 else "give a density")
        )
    return rho


def check_densities(rho: ArrayLike, grid: Grid, signed: bool = False, name: str = "rho") -> Array:
    r"""Float array (..., \*shape) of finite numbers, none negative unless signed, of any mass."""
    check_grid(grid)
    rho = finite_array(rho, name, f"a density of shape (..., {str(grid.shape)[1:-1]})")
    if rho.size and rho.min() < 0 and not signed:
        raise ValueError(
            f"{name} is negative in {np.count_nonzero(rho < 0)} of {rho.size} cells, least "
            f"{rho.min():g}; give a density, which is >= 0"
        )
    if rho.shape[rho.ndim - grid.dim :] != grid.shape:
        raise ValueError(
            f"{name} has shape {rho.shape}; its last {grid.dim} axes must be "
            f"the grid's {grid.shape}"
        )
    return rho


def gaussian(grid: Grid, mean: ArrayLike, cov: ArrayLike) -> Array:
    r"""Gaussian :math:`\rho\propto e^{-\frac12(x-m)\cdot S^{-1}(x-m)}` at the cell centres, mass 1.

    One that is thinner than a cell has the mean and the covariance asked for, too; its values are
    then those of most entropy with these moments. On periodic axes distances go the
    shorter way.

    Parameters
    ----------
    grid : Grid
        Without regard to its walls: a periodic axis gets no images.
    mean : number or sequence of d
    cov : number (variance), (d,) variances, or (d, d) covariance matrix

    Returns
    -------
    array, shape (\*shape)
        Density in 1/volume with ``grid.integrate(rho) == 1``.

    Raises
    ------
    ValueError
        If the mean does not have d entries, or cov is not symmetric positive definite, or the
        mean lies more than five standard deviations beyond a wall, so that less than 3e-7 of the
        mass would be in the box, or the Gaussian is so thin that no density on the
        cells has its moments: between two centres the variance is at least the product of the
        distances. For that there is :func:`point`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 64)
    >>> rho = fp.gaussian(grid, (1, 0), 0.25)
    >>> round(float(grid.integrate(grid.x[0] * rho)), 6)
    1.0
    """
    d = check_grid(grid).dim
    mean = real_array(mean, "mean", f"{d} finite numbers, one per axis")
    mean = np.broadcast_to(mean, (d,)) if mean.ndim == 0 else mean
    if mean.shape != (d,) or not np.all(np.isfinite(mean)):
        raise ValueError(f"mean is {mean.tolist()!r:.80}; give {d} finite numbers, one per axis")
    cov = _check_covariance(cov, d)
    _check_near(grid, mean, np.sqrt(np.diag(cov)))
    z = shortest(grid.x - mean.reshape((d,) + (1,) * d), grid)
    # A covariance near the smallest numbers overflows here; its cells are then infinitely far.
    with np.errstate(over="ignore", invalid="ignore"):
        quadratic = np.einsum("i...,ij,j...->...", z, np.linalg.inv(cov), z)
    least = np.nanmin(quadratic, initial=np.inf)
    if not least <= 1400:
        raise ValueError(
            f"no cell centre is nearer than {np.sqrt(least):.0f} standard deviations to "
            f"mean {mean.tolist()}; move the mean into the box, widen cov or refine the grid"
        )
    rho = np.exp(-0.5 * (quadratic - least))
    rho = _of_its_moments(rho, z, grid, mean, cov)
    return rho / grid.integrate(rho)


def _check_near(grid: Grid, mean: Array, deviation: Array) -> None:
    """Raise if next to none of a Gaussian is on this side of a wall."""
    for k, (lo, hi) in enumerate(grid.box):
        beyond = float(max(lo - mean[k], mean[k] - hi) / deviation[k])
        if beyond > FARTHEST and not grid.periodic[k]:
            raise ValueError(
                f"mean {mean.tolist()} is {beyond:.3g} standard deviations outside of the box "
                f"{grid.box} along {AXES[k]}, so that next to none of this Gaussian is inside; "
                "move the mean into the box, enlarge the box or widen cov"
            )


def point(grid: Grid, x: ArrayLike) -> Array:
    r"""Unit mass at a point, shared among the nearest cells so that its mean is x exactly.

    The weights are products of linear ones, :math:`\prod_k(1-|x_k-x_{i,k}|/h_k)_+`: a mass at a
    centre stays in its cell, and any other has the variance :math:`h^2\theta(1-\theta)` along an
    axis, :math:`\theta h` being the distance to a centre.

    Parameters
    ----------
    grid : Grid
    x : number or sequence of d
        Inside of the box; on a periodic axis anywhere. Within half a cell of a wall there is no
        centre beyond, and the mass lies in the wall's cell, its mean at that cell's centre.

    Returns
    -------
    array, shape (\*shape)
        Density in 1/volume with ``grid.integrate(rho) == 1``.

    Raises
    ------
    ValueError
        If x does not have d finite entries, or lies outside of the box.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 4)
    >>> fp.point(grid, 0.45).round(12)  # centres .125, .375, .625, .875
    array([0. , 2.8, 1.2, 0. ])
    """
    x = one_point(check_grid(grid), x, "x")
    return spread(np.ones(1), places_of(x[:, None], grid), grid) / grid.volume


#: The same by its other name.
delta = point


def _of_its_moments(rho: Array, z: Array, grid: Grid, mean: Array, cov: Array) -> Array:
    """Gaussian at the cell centres, z from its mean, corrected where it is thinner than a cell."""
    at = np.unravel_index(np.argmin(np.sum(z**2, axis=0)), grid.shape)
    h = np.array([w[i] for w, i in zip(grid.widths, at, strict=True)])
    is_diagonal = not np.any(cov - np.diag(np.diag(cov)))
    if not is_diagonal:
        if not is_thin(cov, h):
            return rho
        p = fitted(z.reshape(grid.dim, -1), grid.volumes.ravel(), cov, h)
        return _there(p, grid, mean, cov).reshape(grid.shape) / grid.volumes
    for k in range(grid.dim):
        if not is_thin(cov[k : k + 1, k : k + 1], h[k : k + 1]):
            continue
        line = z[k][tuple(slice(None) if i == k else 0 for i in range(grid.dim))]
        p = fitted(line[None], grid.widths[k], cov[k : k + 1, k : k + 1], h[k : k + 1])
        profile = _there(p, grid, mean, cov) / grid.widths[k]
        others = tuple(i for i in range(grid.dim) if i != k)
        rest = rho.sum(axis=k, keepdims=True) if others else np.ones(1)
        rho = rest * along(profile, k, grid.dim)
    return rho


def _there(p: Array | None, grid: Grid, mean: Array, cov: Array) -> Array:
    """Masses that were found, or what to do where there are none."""
    if p is None:
        raise ValueError(
            f"no density on these cells has mean {mean.tolist()} and covariance {cov.tolist()}, "
            "which is too thin between their centres; widen cov, refine the grid, move the mean to "
            "a cell centre or take point(grid, mean)"
        )
    return p


def uniform(grid: Grid) -> Array:
    r"""Constant density :math:`1/|\Omega|` on the box.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> fp.uniform(fp.Grid([(0, 4)], 4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    rho = np.ones(check_grid(grid).shape)
    return rho / grid.integrate(rho)


def from_particles(grid: Grid, points: ArrayLike, outside: str = "raise") -> Array:
    r"""Histogram density :math:`\rho_i = N_i / (N V_i)` of particles.

    Parameters
    ----------
    grid : Grid
    points : array, shape (..., d) (or (N,) in one dimension)
    outside : {"raise", "drop"}
        What to do with particles outside of the box: refuse, or leave them out and normalise over
        the rest. Positions on a periodic axis are wrapped into the box first.

    Returns
    -------
    array, shape (\*shape)
        Density of integral 1.

    Raises
    ------
    ValueError
        If points have the wrong shape, are not finite, or lie outside (with ``outside="raise"``).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> fp.from_particles(fp.Grid([(0, 1)], 2), [0.1, 0.2, 0.3, 0.9])
    array([1.5, 0.5])
    """
    check_grid(grid)
    if outside not in ("raise", "drop"):
        raise ValueError(f'outside is {outside!r}; choose "raise" or "drop"')
    points = np.array(real_array(points, "points", f"an array of shape (N, {grid.dim})"))
    if points.ndim < 2 and grid.dim == 1:
        points = points.reshape(-1, 1)
    elif points.ndim and points.ndim != 2 and points.shape[-1] == grid.dim:
        points = points.reshape(-1, grid.dim)
    if points.ndim != 2 or points.shape[1] != grid.dim or not len(points):
        hint = "; transpose them" if points.ndim == 2 and len(points) == grid.dim else ""
        raise ValueError(f"points have shape {points.shape}, expected (N, {grid.dim}), N > 0{hint}")
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"{np.count_nonzero(bad)} of {len(points)} points are not finite, the first of them "
            f"points[{k}] = {points[k].tolist()}; leave them out"
        )
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        if wraps:
            points[:, k] = np.minimum(lo + np.mod(points[:, k] - lo, hi - lo), hi)
    lo, hi = np.transpose(grid.box)
    inside = np.all((points >= lo) & (points <= hi), axis=1)
    if not inside.any():
        raise ValueError(f"all {len(points)} points lie outside of the box {grid.box}; enlarge it")
    if not inside.all() and outside == "raise":
        raise ValueError(
            f"{np.count_nonzero(~inside)} of {len(points)} points lie outside of the box "
            f"{grid.box}; "
            'enlarge the box or pass outside="drop"'
        )
    counts, _ = np.histogramdd(points[inside], bins=grid.faces)
    return counts / (counts.sum() * grid.volume)


def _check_covariance(cov: ArrayLike, d: int) -> Array:
    """Covariance as a symmetric positive definite (d, d) matrix."""
    expected = f"a variance, {d} variances or a ({d}, {d}) matrix"
    cov = real_array(cov, "cov", expected)
    if cov.shape not in ((), (d,), (d, d)):
        raise ValueError(f"cov has shape {cov.shape}; give {expected}")
    if not np.all(np.isfinite(cov)):
        raise ValueError(f"cov = {cov.tolist()} is not finite; give {expected}")
    full = cov * np.eye(d) if cov.ndim == 0 else np.diag(cov) if cov.ndim == 1 else cov
    if asymmetry(full) > SYMMETRIC:
        raise ValueError(
            f"cov = {cov.tolist()} is not symmetric; give a matrix equal to its transpose"
        )
    full = 0.5 * (full + full.T)
    least = np.linalg.eigvalsh(full)[0]
    if not least > 0:
        raise ValueError(
            f"cov = {cov.tolist()} has the eigenvalue {least:.6g}; a covariance has positive "
            "eigenvalues only"
        )
    return full
