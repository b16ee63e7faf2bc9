"""Checks that all functions of a density share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe, finite_array
from fokkerplanck.domain.densities import check_densities
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.types import Array

#: Masses on walls, by side: numbers over the cells along it.
Atoms = Mapping[Side, ArrayLike]
#: Mass by which an atom may exceed that of its cell: rounding.
ROUNDING = 1e-9


def with_mass(rho: ArrayLike, grid: Grid, name: str = "rho") -> Array:
    r"""Densities (..., \*shape), each of a mass above 0."""
    rho = check_densities(rho, grid, name=name)
    empty = ~(rho > 0).any(axis=tuple(range(-grid.dim, 0)))
    if empty.any():
        where = f" at index {tuple(int(i) for i in np.argwhere(empty)[0])}" if empty.ndim else ""
        raise ValueError(f"{name} has no mass{where}; give a density that is positive somewhere")
    return rho


def frames(rho: Array, grid: Grid) -> Array:
    r"""Densities with one leading axis, (m, \*shape)."""
    return rho.reshape(-1, *grid.shape)


def chances(rho: Array, grid: Grid) -> Array:
    """Masses of the cells (m, n) of each density, of sum 1."""
    # The largest value is divided out first: what is left of a tiny mass is no subnormal number.
    p = frames(rho, grid).reshape(-1, grid.size)
    p = p / p.max(axis=1, keepdims=True) * grid.volumes.ravel()
    return p / p.sum(axis=1, keepdims=True)


def places_in(grid: Grid, places: ArrayLike | None) -> Array:
    r"""Places (d, \*shape) of the mass of the cells, their centres if none are given."""
    if places is None:
        return grid.x
    places = finite_array(places, "places", f"an array of shape {grid.x.shape}")
    if places.shape != grid.x.shape:
        raise ValueError(
            f"places have shape {places.shape}, expected {grid.x.shape}: one coordinate for each "
            "axis in every cell"
        )
    return places


def atoms_of(atoms: Any, rho: Array, grid: Grid) -> dict[Side, Array]:
    """Atoms of one density, checked: none above the mass of its cell."""
    if atoms is None:
        return {}
    if not isinstance(atoms, Mapping):
        raise ValueError(f"atoms is {describe(atoms)}; give a dict from sides to masses of cells")
    found = {}
    for side, mass in atoms.items():
        if not isinstance(side, Side) or side.axis >= grid.dim:
            raise ValueError(f"atoms has {describe(side)}; give sides of the grid, sets.side(...)")
        wall = at_wall(side, grid)
        held = rho[wall] * grid.volumes[wall]
        values = finite_array(mass, "atoms", f"masses of shape {held.shape}")
        if values.shape != held.shape or (values < 0).any():
            raise ValueError(
                f"atoms on {side} have shape {values.shape}; give masses >= 0 of the cells along "
                f"it, shape {held.shape}"
            )
        if (values > held * (1 + ROUNDING)).any():
            raise ValueError(f"atoms on {side} are more than the mass of the cells along it")
        found[side] = np.minimum(values, held)
    return found


def at_wall(side: Side, grid: Grid) -> Any:
    """Index of the cells along a side."""
    cell = 0 if side.end == "lower" else -1
    return tuple(cell if k == side.axis else slice(None) for k in range(grid.dim))


def without_atoms(rho: Array, grid: Grid, atoms: Atoms) -> Array:
    r"""Density (\*shape) less what sits on walls."""
    rest = np.array(rho)
    for side, mass in atoms_of(atoms, rho, grid).items():
        wall = at_wall(side, grid)
        rest[wall] = np.maximum(rest[wall] - mass / grid.volumes[wall], 0.0)
    return rest
