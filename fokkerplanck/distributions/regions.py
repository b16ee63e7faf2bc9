"""Where a density is: quantiles, its densest place, its peaks, and regions of high density."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import (
    Atoms,
    atoms_of,
    chances,
    frames,
    with_mass,
)
from fokkerplanck.domain.arguments import finite_array, finite_number, real_array
from fokkerplanck.domain.grid import AXES, Grid, axis_numbers
from fokkerplanck.domain.types import Array, Flags, Integers

#: Relative difference of densities that counts as none: mirror images differ by rounding.
EQUAL = 1e-12
#: Mass that may be missing from a region, by rounding of the sum.
ROUNDING = 1e-12


class Peaks(NamedTuple):
    """Local maxima, the densest first: places (m, d), densities (m,), masses of their basins (m,).

    ``basin`` (shape of the grid) has the number of the peak that each cell belongs to.
    """

    places: Array
    densities: Array
    masses: Array
    basin: Integers


class CredibleRegion(NamedTuple):
    """Cells of highest density: flags (..., *shape), least density in it, its mass and volume."""

    mask: Flags
    density: Any
    mass: Any
    volume: Any


def quantile(
    rho: ArrayLike,
    grid: Grid,
    q: ArrayLike,
    axis: int | str | None = None,
    *,
    atoms: Atoms | None = None,
) -> Any:
    r"""Quantile :math:`\inf\{x:F(x)\ge q\}` of a density, constant in cells, or of a marginal.

    On a periodic axis F counts from the lower end of the box.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    q : number or array (...)
        Levels in [0, 1]; 0 and 1 are the ends of the support.
    axis : int or {"x", "y", "z"}
        Of whose marginal; may be left out on a line.
    atoms : dict of arrays by `Side`, optional
        Mass that sits on walls, of the cells along them.

    Returns
    -------
    array, shape (..., ...)
        Length; leading axes of rho come before those of q.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass; for levels outside of
        [0, 1]; if the axis is missing or none of the grid.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 4)], 8)
    >>> fp.quantile(fp.uniform(grid), grid, [0.25, 0.5])
    array([1., 2.])
    """
    rho = with_mass(rho, grid)
    levels = finite_array(q, "q", "levels in [0, 1]")
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(
            f"q has {levels[(levels < 0) | (levels > 1)].flat[0]:g}; give levels in [0, 1]"
        )
    if axis is None and grid.dim > 1:
        raise ValueError(f"axis is missing; say of which of {', '.join(AXES[: grid.dim])}")
    numbers = axis_numbers(0 if axis is None else axis, grid, "axis")
    if len(numbers) != 1:
        raise ValueError(f"axis is {axis!r}; give one axis")
    k, all_frames = numbers[0], frames(rho, grid)
    masses = chances(rho, grid).reshape(all_frames.shape)
    others = tuple(j + 1 for j in range(grid.dim) if j != k)
    out = np.empty((len(all_frames), levels.size))
    for row, frame, p in zip(out, all_frames, masses.sum(axis=others), strict=True):
        total = grid.integrate(frame)
        on = {side: m.sum() / total for side, m in atoms_of(atoms, frame, grid).items()}
        ends = [
            sum(m for s, m in on.items() if s.axis == k and s.end == e) for e in ("lower", "upper")
        ]
        row[:] = _inverse(grid.faces[k], p, ends, levels.ravel())
    return out.reshape(rho.shape[: rho.ndim - grid.dim] + levels.shape)[()]


def _inverse(faces: Array, p: Array, ends: list[Any], levels: Array) -> Array:
    """Quantiles from cell masses (n,) of sum 1 with atoms at both ends."""
    inner = np.array(p)
    inner[0] = max(inner[0] - ends[0], 0.0)
    inner[-1] = max(inner[-1] - ends[1], 0.0)
    steps = np.concatenate([[0.0, ends[0]], inner, [ends[1]]])
    place = np.concatenate([faces[:1], faces[:1], faces[1:], faces[-1:]])
    F = np.cumsum(steps)
    F /= F[-1]
    held = np.flatnonzero(steps > 0)
    # Sums of tails below rounding leave F at one before the last cell that has mass.
    low, high = place[held[0] - 1], place[held[-1]]
    j = np.clip(np.searchsorted(F, levels, side="left"), 1, len(F) - 1)
    part = (levels - F[j - 1]) / np.where(F[j] > F[j - 1], F[j] - F[j - 1], 1.0)
    x = place[j - 1] + np.clip(part, 0.0, 1.0) * (place[j] - place[j - 1])
    return np.where(levels == 0, low, np.where(levels == 1, high, x))


def mode(rho: ArrayLike, grid: Grid) -> Any:
    r"""Mode :math:`\arg\max\rho`: the centre of the densest cell, of equal ones the first.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid

    Returns
    -------
    array, shape (..., d)
        Length; off by half a cell at most where cells resolve the maximum.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 4)], 4)
    >>> fp.mode(fp.point(grid, 1.4), grid)
    array([1.5])
    """
    rho = with_mass(rho, grid)
    densest = frames(rho, grid).reshape(-1, grid.size).argmax(axis=1)
    places = grid.x.reshape(grid.dim, -1)[:, densest].T
    return places.reshape(*rho.shape[: rho.ndim - grid.dim], grid.dim)


def peaks(rho: ArrayLike, grid: Grid, depth: float = 1e-6) -> Peaks:
    r"""Local maxima that stand out by more than a depth, and the mass of their basins.

    A maximum counts if :math:`\log\rho` there is more than ``depth`` above the highest saddle to
    a higher one (of two equal ones the first counts as higher). Every cell belongs to the peak that
    steepest ascent over neighbours, diagonal ones included, leads to; basins of maxima that do not
    count go with the basin behind their saddle.

    Parameters
    ----------
    rho : array, shape (\*shape)
        One density.
    grid : Grid
    depth : float
        Barrier in kT; the default leaves out no more than rounding.

    Returns
    -------
    Peaks

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass, or depth is negative.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 80)
    >>> rho = 0.3 * fp.gaussian(grid, -1.95, 0.1) + 0.7 * fp.gaussian(grid, 1.05, 0.1)
    >>> found = fp.peaks(rho, grid)
    >>> found.places.round(6).tolist(), found.masses.round(6).tolist()
    ([[1.05], [-1.95]], [0.7, 0.3])
    """
    rho = with_mass(rho, grid)
    if rho.ndim > grid.dim:
        raise ValueError(f"rho has shape {rho.shape}; give one density, of shape {grid.shape}")
    depth = finite_number(depth, "depth", "a barrier in kT, >= 0")
    if depth < 0:
        raise ValueError(f"depth is {depth:g}; give a barrier in kT, >= 0")
    density = rho.ravel()
    pairs = _neighbours(grid)
    root = _ascent(density, pairs)
    top = _merged(density, root, pairs, np.exp(-min(depth, 700.0)))
    cells, label = np.unique(top, return_inverse=True)
    order = np.argsort(-density[cells], kind="stable")
    rank = np.argsort(order)
    mass: Array = np.asarray(
        np.bincount(label, (rho * grid.volumes).ravel(), len(cells)), dtype=float
    )
    cells = cells[order]
    places = grid.x.reshape(grid.dim, -1)[:, cells].T
    return Peaks(places, density[cells], mass[order], rank[label].reshape(grid.shape))


def _neighbours(grid: Grid) -> Integers:
    """Pairs (2, m) of cells that touch, at a corner at least."""
    index = np.arange(grid.size).reshape(grid.shape)
    found = []
    for step in product((-1, 0, 1), repeat=grid.dim):
        if step <= (0,) * grid.dim:
            continue
        here, there = index, index
        for k, s in enumerate(step):
            if grid.periodic[k]:
                there = np.roll(there, -s, axis=k)
            elif s:
                n = grid.shape[k]
                here = np.take(here, range(max(-s, 0), n - max(s, 0)), axis=k)
                there = np.take(there, range(max(s, 0), n - max(-s, 0)), axis=k)
        found.append(np.stack([here.ravel(), there.ravel()]))
    return np.concatenate(found, axis=1)


def _ascent(density: Array, pairs: Integers) -> Integers:
    """Cell (n,) at which steepest ascent from each cell ends; of equal cells to the first."""
    rank = np.empty(density.size, np.int64)
    rank[np.argsort(-density, kind="stable")] = np.arange(density.size)
    best = np.arange(density.size)
    best_rank = rank.copy()
    for here, there in (pairs, pairs[::-1]):
        np.minimum.at(best_rank, here, rank[there])
    best = np.argsort(rank)[best_rank]
    while True:
        further = best[best]
        if np.array_equal(further, best):
            return best
        best = further


def _merged(density: Array, root: Integers, pairs: Integers, factor: float) -> Integers:
    """Peak (n,) that counts, of the basin of each cell."""
    a, b = root[pairs[0]], root[pairs[1]]
    saddle = np.minimum(density[pairs[0]], density[pairs[1]])
    apart = a != b
    low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
    order = np.lexsort((-saddle[apart], high, low))
    low, high, saddle = low[order], high[order], saddle[apart][order]
    first = np.ones(low.size, bool)  # the highest saddle between two basins
    first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
    low, high, saddle = low[first], high[first], saddle[first]
    top = {int(r): int(r) for r in np.unique(root)}  # peak of the component of a basin
    members = {r: [r] for r in top}  # its basins
    undecided = {r: [r] for r in top}  # those that go with the peak
    final: dict[int, int] = {}
    for k in np.argsort(-saddle, kind="stable"):
        x, y = top[int(low[k])], top[int(high[k])]
        if x == y:
            continue
        if (density[x], -x) < (density[y], -y):
            x, y = y, x
        if density[y] * factor > saddle[k]:  # y counts: its basins are known
            final.update(dict.fromkeys(undecided.pop(y), y))
        else:
            undecided[x] += undecided.pop(y)
        for r in members[y]:
            top[r] = x
        members[x] += members.pop(y)
    for peak, basins in undecided.items():
        final.update(dict.fromkeys(basins, peak))
    image = np.arange(density.size)
    image[list(final)] = list(final.values())
    return image[root]


def credible_region(rho: ArrayLike, grid: Grid, level: float) -> CredibleRegion:
    r"""Smallest region of a mass: :math:`\{\rho\ge t\}` with the largest t that gives the level.

    Cells of equal density (to 1e-12) are in it or out of it together, so that it has the symmetry
    of rho; its mass is the level at least, and more by less than its outermost cells.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
    grid : Grid
    level : float
        Part of the mass, in (0, 1).

    Returns
    -------
    CredibleRegion
        Named tuple of ``mask`` (..., \*shape), ``density``, the least in it (1/volume), ``mass``,
        the part of the mass that it has, and ``volume``, arrays (...).

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass, or the level is not
        in (0, 1).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-8, 8)], 1600)
    >>> region = fp.credible_region(fp.gaussian(grid, 0, 1), grid, 0.95)
    >>> float(grid.x[0][region.mask].max().round(2))
    1.96
    """
    rho = with_mass(rho, grid)
    level = float(finite_number(level, "level", "a number in (0, 1)"))
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; give a number in (0, 1)")
    flat = frames(rho, grid).reshape(-1, grid.size)
    volume = grid.volumes.ravel()
    mask = np.zeros(flat.shape, bool)
    least = np.empty(len(flat))
    p = chances(rho, grid)
    for i, density in enumerate(flat):
        order = np.argsort(-density, kind="stable")
        falling = density[order]
        inside = int(np.argmax(np.cumsum(p[i][order]) >= level - ROUNDING))
        # On to the end of the group of equal densities.
        here, after = falling[inside:-1], falling[inside + 1 :]
        steps = np.flatnonzero(here - after > EQUAL * here)
        last = inside + int(steps[0]) if steps.size else grid.size - 1
        mask[i, order[: last + 1]] = True
        least[i] = falling[last]
    lead = rho.shape[: rho.ndim - grid.dim]
    numbers = (least, np.sum(np.where(mask, p, 0.0), axis=1), mask @ volume)
    return CredibleRegion(
        mask.reshape(rho.shape), *(real_array(u, "u").reshape(lead)[()] for u in numbers)
    )
