"""Densities of some of the coordinates, of their own or given the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import with_mass
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.densities import check_densities
from fokkerplanck.domain.grid import AXES, Grid, axis_numbers
from fokkerplanck.domain.points import points_of
from fokkerplanck.domain.spreading import places_of
from fokkerplanck.domain.types import Array

#: Axes by number or letter.
Axes = int | str | Sequence[int | str]


def marginal(rho: ArrayLike, grid: Grid, axes: Axes) -> tuple[Array, Grid]:
    r"""Marginal density :math:`\int\rho\,dx_{others}` of some axes, with their grid.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
        Density >= 0; its mass stays as it is, to rounding.
    grid : Grid
    axes : int, {"x", "y", "z"} or a sequence of these
        Axes that are kept, in the order of the answer.

    Returns
    -------
    rho : array (..., \*cells of the axes kept)
        In 1 / length to the power of their number.
    grid : Grid
        Of these axes, with their faces and walls.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative or not finite; for axes that are none, repeated
        or missing.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1), (0, 4)], (2, 4))
    >>> fp.marginal(fp.uniform(grid), grid, "y")
    (array([0.25, 0.25, 0.25, 0.25]), Grid([(0, 4)], shape=(4,), sides='reflecting'))
    """
    rho = check_densities(rho, grid)
    kept = axis_numbers(axes, grid, "axes")
    others = [k for k in range(grid.dim) if k not in kept]
    out = grid.integrate(rho, others) if others else rho
    # What is left is in the order of the grid.
    lead = out.ndim - len(kept)
    places = np.argsort(np.argsort(kept))
    return np.transpose(out, [*range(lead), *(lead + places)]), _of_axes(grid, kept)


def conditional(rho: ArrayLike, grid: Grid, given: Mapping[int | str, Any]) -> tuple[Array, Grid]:
    r"""Conditional density :math:`\rho(x_k\,|\,x_l=a_l)` of the axes that are not given, of mass 1.

    Linear in a between the centres of cells, where it is the slice of rho over its mass; so the
    means of conditionals over the cells of an axis, by its marginal, are the other marginal.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    given : dict
        Values by axis, ``{"x": 0.5}`` or ``{0: 0.5}``: inside of the box, on periodic axes
        anywhere; not of all axes.

    Returns
    -------
    rho : array (..., \*cells of the other axes)
    grid : Grid
        Of the other axes.

    Raises
    ------
    ValueError
        As for `marginal`; for values outside of the box; where there is no mass at all.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6), (-6, 6)], 48)
    >>> rho = fp.gaussian(grid, (0, 0), [[1, 0.5], [0.5, 1]])
    >>> at_one, line = fp.conditional(rho, grid, {"x": 0.875})  # of mean .5 x and variance .75
    >>> fp.mean(at_one, line).round(6), fp.covariance(at_one, line).round(6)
    (array([0.4375]), array([[0.75]]))
    """
    rho = with_mass(rho, grid)
    if not isinstance(given, Mapping) or not given:
        came = "an empty dict" if isinstance(given, Mapping) else describe(given)
        raise ValueError(f"given is {came}; give values by axis, such as {{'x': 0.5}}")
    axes = axis_numbers(list(given), grid, "given")
    if len(axes) == grid.dim:
        raise ValueError("given has values of all axes, and no density is left; ask at() for it")
    out, lead = rho, rho.ndim - grid.dim
    pairs = dict(zip(axes, given.values(), strict=True))
    for k in sorted(pairs, reverse=True):  # the axes before k are all there yet
        out = _slice(out, lead + k, grid, k, pairs[k])
    kept = tuple(k for k in range(grid.dim) if k not in axes)
    own = _of_axes(grid, kept)
    mass = own.integrate(out)
    if not np.all(mass > 0):
        raise ValueError(
            f"given {dict(given)!r:.80} has no mass; give values where rho is positive"
        )
    return out / mass.reshape(mass.shape + (1,) * own.dim), own


def _slice(rho: Array, axis: int, grid: Grid, k: int, value: Any) -> Array:
    """Density at a value of axis k of the grid, which is this axis of rho."""
    line = _of_axes(grid, (k,))
    point = points_of(line, value, name=f"given {AXES[k]}")
    if point.ndim != 1:
        raise ValueError(f"given {AXES[k]} has shape {np.shape(value)}; give one number")
    n = grid.shape[k]
    at = float(places_of(point[:, None], line)[0, 0])
    at = at if grid.periodic[k] else float(np.clip(at, 0, n - 1))
    low = int(np.floor(at))
    upper = (low + 1) % n if grid.periodic[k] else min(low + 1, n - 1)
    a, b = np.take(rho, low % n, axis=axis), np.take(rho, upper, axis=axis)
    return (1 - (at - low)) * a + (at - low) * b


def _of_axes(grid: Grid, axes: Sequence[int]) -> Grid:
    """Grid of some axes."""
    return Grid([grid.faces[k] for k in axes], sides=[grid.sides[k] for k in axes])
