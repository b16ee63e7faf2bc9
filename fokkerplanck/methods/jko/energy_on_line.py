"""Energies on a line taken apart into entropy, other internal energy, potential and pairs."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Energy, Entropy
from fokkerplanck.energies.functional import overrides, terms_of
from fokkerplanck.linalg.anderson import anderson_step

#: Fields of interactions that are combined to the next one.
DEPTH = 5


class EnergyOnLine:
    """An energy as a sum: temperature of the entropy, potential, other terms, pairs."""

    def __init__(self, energy: Energy, grid: Grid) -> None:
        parts = terms_of(energy)
        others = [part for part in parts if not isinstance(part, Entropy)]
        for part in others:
            terms = ("d_internal", "potential", "interaction")
            if not any(overrides(part, name) for name in terms) and part.limit == np.inf:
                raise ValueError(
                    f"{part!r} has no first variation; give an Energy with d_internal, potential "
                    "or interaction"
                )
        self.grid = grid
        self.kT = sum(part.kT for part in parts if isinstance(part, Entropy))
        self.V = np.array(energy.potential(grid), float)
        self.internal = [part for part in others if overrides(part, "d_internal")]
        self.pairs = [part for part in others if overrides(part, "interaction")]
        self.limit = min(part.limit for part in parts)

    @property
    def is_entropic(self) -> bool:
        """True if all internal energy is entropy."""
        return self.kT > 0 and not self.internal and self.limit == np.inf

    def field(self, rho: Array) -> Array:
        """Potential and interaction with a density."""
        field = self.V.copy()
        for part in self.pairs:
            field += part.interaction(rho, self.grid)
        return field


class FieldIteration:
    """Fixed-point iteration, with Anderson acceleration, for the field at the end of a step."""

    def __init__(self, field: Array) -> None:
        self.field = field
        self._fields: list[Array] = []
        self._defects: list[Array] = []

    def update(self, wanted: Array, m: Array) -> float:
        """Take the field that masses m ask for; return the mean force by which it is another.

        A constant in the field moves no mass and does not count.
        """
        self._fields = [*self._fields[1 - DEPTH :], self.field]
        self._defects = [*self._defects[1 - DEPTH :], wanted - self.field]
        seen = [d - np.sum(m * d) for d in self._defects]
        weighted = [d * np.sqrt(m) for d in seen]
        self.field = self.field + anderson_step(self._fields, self._defects, weighted)
        return float(np.sum(m * np.abs(seen[-1])))
