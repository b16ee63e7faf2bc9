r"""Means and moments of a density, on periodic axes around the circle.

All are those of :math:`\rho/\int\rho\,dx`: where mass has left, of what is left. Integrals are sums
over the cells with their centres for places, which is exact for the means of densities that are
linear in cells, and of second order else: a density that is constant in cells has a variance larger
by :math:`h^2/12`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import chances, frames, places_in, with_mass
from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import finite_array, is_whole, real_array, whole_number
from fokkerplanck.domain.grid import Grid, along
from fokkerplanck.domain.types import Array, Field

#: Length of the mean of exp(i angle) below which it is rounding, and there is no mean direction.
NO_DIRECTION = 1e-12
#: Highest power that is taken.
HIGHEST = 100


def expectation(u: Field, rho: ArrayLike, grid: Grid, *, places: ArrayLike | None = None) -> Any:
    r"""Expectation :math:`\langle u\rangle=\int u\,\rho\,dx\,/\int\rho\,dx`.

    Parameters
    ----------
    u : callable ``u(x, y)``, array (..., \*shape) or number
    rho : array, shape (..., \*shape)
        Density >= 0, or several of them, such as those of a `Solution`.
    grid : Grid
    places : array (d, \*shape), optional
        Where the mass of each cell is, and a function is evaluated; the cell centres by default.
        Steady states know better places near singular walls: ``SteadyState.centroids``.

    Returns
    -------
    array, shape (..., ...)
        In units of u; leading axes of rho come before those of u.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass; if u does not fit
        the grid, or is not finite where there is mass.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-8, 8)], 128)
    >>> round(float(fp.expectation(lambda x: x**4, fp.gaussian(grid, 0, 1), grid)), 9)
    3.0
    """
    rho = with_mass(rho, grid)
    values = fields.evaluate(u, places_in(grid, places), "u")
    values = real_array(values, "u", "numbers over the grid")
    d, shape = grid.dim, grid.shape
    if values.ndim and values.shape[values.ndim - d :] != shape:
        raise ValueError(
            f"u has shape {values.shape}; give a function, a number, or an array whose last axes "
            f"are the grid's {shape}"
        )
    values = np.broadcast_to(values, shape) if not values.ndim else values
    wrong = ~np.isfinite(values)
    if wrong.any():
        held = (frames(rho, grid) > 0).any(axis=0)
        if (wrong & held).any():
            raise ValueError(
                f"u is not finite in {np.count_nonzero(wrong & held)} cells with mass; give finite "
                "numbers there"
            )
        values = np.where(wrong, 0.0, values)
    return _averages(values, rho, grid)


def mean(rho: ArrayLike, grid: Grid, *, places: ArrayLike | None = None) -> Any:
    r"""Mean place :math:`\langle x\rangle`, on periodic axes the direction of the mean.

    There :math:`m=\frac{L}{2\pi}\arg\langle e^{2\pi ix/L}\rangle`, in the box; nan where that mean
    has no direction, as for a uniform density.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    places : array (d, \*shape), optional
        As for `expectation`.

    Returns
    -------
    array, shape (..., d)
        Length.

    Raises
    ------
    ValueError
        As for `expectation`.

    References
    ----------
    K. V. Mardia, P. E. Jupp, Directional Statistics, Wiley (2000), section 2.2.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> fp.mean(fp.gaussian(grid, (1, 0.5), 0.25), grid).round(6)
    array([1. , 0.5])
    >>> ring = fp.Grid([(0, 1)], 10, sides="periodic")  # half at .95, half at .05
    >>> fp.mean(fp.point(ring, 0.0), ring), fp.mean(fp.uniform(ring), ring)
    (array([0.]), array([nan]))
    """
    rho = with_mass(rho, grid)
    x = places_in(grid, places)
    out = _averages(x, rho, grid)
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        if wraps:
            turn = 2 * np.pi / (hi - lo)
            angle = turn * (x[k] - lo)
            ends = _averages(np.stack([np.cos(angle), np.sin(angle)]), rho, grid)
            c, s = ends[..., 0], ends[..., 1]
            place = lo + np.mod(np.arctan2(s, c) / turn, hi - lo)
            # A direction of -0 and of all around is one: the lower end.
            place = np.where(hi - place < 1e-15 * (hi - lo), lo, place)
            out[..., k] = np.where(np.hypot(c, s) > NO_DIRECTION, place, np.nan)
    return out


def covariance(rho: ArrayLike, grid: Grid, *, places: ArrayLike | None = None) -> Any:
    r"""Covariance :math:`\langle zz^T\rangle-\langle z\rangle\langle z\rangle^T`, z = x - mean.

    On periodic axes z is the shorter way around from the circular `mean`, cut opposite of it; the
    cell with the cut is shared between both ways. A density within half a turn has the covariance
    that it would have on a line. nan on axes without a mean direction.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    places : array (d, \*shape), optional
        As for `expectation`.

    Returns
    -------
    array, shape (..., d, d)
        Length squared.

    Raises
    ------
    ValueError
        As for `expectation`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-8, 8), (-8, 8)], 48)
    >>> fp.covariance(fp.gaussian(grid, (1, 0), [[1, 0.3], [0.3, 0.5]]), grid).round(6)
    array([[1. , 0.3],
           [0.3, 0.5]])
    """
    rho = with_mass(rho, grid)
    d, x = grid.dim, places_in(grid, places)
    out = np.empty((len(frames(rho, grid)), d, d))
    means = mean(rho, grid, places=x).reshape(-1, d)
    for i, (p, m) in enumerate(zip(chances(rho, grid), means, strict=True)):
        ways = [_Ways.of(x[k], m[k], grid, k) for k in range(d)]
        first = np.stack([w.power(1).ravel() for w in ways])
        out[i] = (first * p) @ first.T
        out[i][np.diag_indices(d)] = [w.power(2).ravel() @ p for w in ways]
        offset = first @ p
        out[i] -= offset[:, None] * offset
    return out.reshape(*rho.shape[: rho.ndim - d], d, d)


def moment(
    rho: ArrayLike,
    grid: Grid,
    order: ArrayLike,
    about: ArrayLike | str = "mean",
    *,
    places: ArrayLike | None = None,
) -> Any:
    r"""Moment :math:`\langle\prod_k(x_k-a_k)^{n_k}\rangle`, central or about a point a.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    order : int, or d of them
        Powers :math:`n_k\ge0`, one for each axis.
    about : "mean" or d numbers
        The mean of each density, or a point. Ways to it on periodic axes as for `covariance`.
    places : array (d, \*shape), optional
        As for `expectation`.

    Returns
    -------
    array, shape (...)
        Length to the power of all orders together; nan if it takes a mean direction that is none.

    Raises
    ------
    ValueError
        As for `expectation`; for orders that are not d whole numbers from 0 to 100; if powers
        overflow.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-9, 9)], 128)
    >>> rho = fp.gaussian(grid, 1, 1)
    >>> round(float(fp.moment(rho, grid, 4)), 6), round(float(fp.moment(rho, grid, 2, about=0)), 6)
    (3.0, 2.0)
    """
    rho = with_mass(rho, grid)
    d, x = grid.dim, places_in(grid, places)
    orders = _orders(order, d)
    if isinstance(about, str) and about == "mean":
        centers = mean(rho, grid, places=x).reshape(-1, d)
    else:
        wanted = f"'mean' or {d} finite numbers"
        point = np.atleast_1d(finite_array(about, "about", wanted))
        if point.shape != (d,):
            raise ValueError(f"about has shape {point.shape}; give {wanted}")
        centers = np.broadcast_to(point, (len(frames(rho, grid)), d))
    out = np.empty(len(centers))
    with np.errstate(over="ignore", invalid="ignore"):
        for i, (p, a) in enumerate(zip(chances(rho, grid), centers, strict=True)):
            product = np.ones(grid.shape)
            for k, n in enumerate(orders):
                if n:
                    product = product * _Ways.of(x[k], a[k], grid, k).power(n)
            out[i] = np.where(p > 0, product.ravel(), 0.0) @ p
    known = np.isfinite(centers[:, np.array(orders) > 0]).all(axis=1)
    if not np.isfinite(out[known]).all():
        raise ValueError(f"order {orders} overflows on this box; take lower powers or other units")
    return out.reshape(rho.shape[: rho.ndim - d])[()]


@dataclass(frozen=True, eq=False)
class _Ways:
    """Ways z from a point to the cells along one axis; a share of them goes the other way."""

    z: Array
    other: Array | None = None
    share: Array | None = None

    @classmethod
    def of(cls, x: Array, a: float, grid: Grid, k: int) -> _Ways:
        """Ways from a to the coordinates x (*shape) of axis k."""
        lo, hi = grid.box[k]
        if not grid.periodic[k] or np.isnan(a):
            return cls(x - a)
        L, w = hi - lo, along(grid.widths[k], k, grid.dim)
        z = np.mod(x - a + 0.5 * L, L) - 0.5 * L
        # A cell that is cut opposite of a lies on both sides, each part with its own way.
        share = np.clip((np.abs(z) + 0.5 * w - 0.5 * L) / w, 0.0, 1.0)
        return cls(z, z - np.copysign(L, z), share)

    def power(self, n: int) -> Array:
        """Mean of the n-th power in each cell."""
        if self.other is None or self.share is None:
            return self.z**n
        return (1 - self.share) * self.z**n + self.share * self.other**n


def _averages(values: Array, rho: Array, grid: Grid) -> Any:
    """Averages (..., ...) of values (..., *shape) under densities (..., *shape)."""
    leading, own = (a.shape[: a.ndim - grid.dim] for a in (rho, values))
    flat = chances(rho, grid) @ values.reshape(-1, grid.size).T
    return flat.reshape(leading + own)[()]


def _orders(order: ArrayLike, d: int) -> list[int]:
    """Powers, one for each axis."""
    given = [order] if is_whole(order) or not np.iterable(order) else list(order)  # type: ignore[call-overload,arg-type]
    if len(given) != d:
        raise ValueError(f"order has {len(given)} numbers; give {d}, one power for each axis")
    return [whole_number(n, "order", 0, HIGHEST) for n in given]
