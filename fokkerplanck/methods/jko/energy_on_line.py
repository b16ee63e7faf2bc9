"""Energies on a line taken apart into entropy, other internal energy, potential and pairs."""

from __future__ import annotations

import numpy as np

from fokkerplanck.energies import Energy, Entropy, Sum

# Updates that are combined to the next.
DEPTH = 5


class EnergyOnLine:
    """An energy as a sum: temperature of the entropy, potential, other terms, pairs."""

    def __init__(self, energy, grid):
        parts = parts_of(energy)
        others = [part for part in parts if not isinstance(part, Entropy)]
        for part in others:
            terms = ("d_internal", "potential", "interaction")
            if not any(_has(part, name) for name in terms) and part.limit == np.inf:
                raise ValueError(
                    f"{part!r} has no first variation; give an Energy with d_internal, potential "
                    "or interaction"
                )
        self.energy, self.grid = energy, grid
        self.kT = sum(part.kT for part in parts if isinstance(part, Entropy))
        self.V = np.array(energy.potential(grid), float)
        self.internal = [part for part in others if _has(part, "d_internal")]
        self.pairs = [part for part in others if _has(part, "interaction")]
        self.limit = min(part.limit for part in parts)

    @property
    def is_entropic(self) -> bool:
        """True if all internal energy is entropy."""
        return self.kT > 0 and not self.internal and self.limit == np.inf

    def field(self, rho):
        """Potential and interaction with a density."""
        field = self.V.copy()
        for part in self.pairs:
            field += part.interaction(rho, self.grid)
        return field


class Mix:
    """Anderson acceleration of a fixed-point iteration for a potential."""

    def __init__(self):
        self.x, self.f = [], []

    def next(self, x, wanted, weight):
        """Combination of the last updates whose defect is least, weighted by masses."""
        self.x.append(wanted)
        self.f.append(wanted - x)
        del self.x[:-DEPTH], self.f[:-DEPTH]
        if len(self.f) == 1:
            return wanted
        # A constant in the potential moves no mass.
        f = [(d - np.sum(weight * d)) * np.sqrt(weight) for d in self.f]
        A = np.stack([d - f[-1] for d in f[:-1]], axis=1)
        c = np.linalg.lstsq(A, -f[-1], rcond=1e-12)[0]
        return self.x[-1] + sum(a * (y - self.x[-1]) for a, y in zip(c, self.x[:-1], strict=True))


def parts_of(energy):
    """Terms of a sum of energies, as a flat list."""
    if isinstance(energy, Sum):
        return [term for part in energy.parts for term in parts_of(part)]
    return [energy]


def _has(part, name):
    """True if an energy overrides a method of the base."""
    return getattr(type(part), name) is not getattr(Energy, name)
