"""Displacement interpolation: densities between two others, by moving pieces of cells."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.grid import Grid, along
from fokkerplanck.domain.spreading import spread
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.transport import ladder

#: Pieces of a cell along an axis are 2 to this power at least
FEWEST = 1
#: and to this one at most.
MOST = 3
#: Part of the largest mass below which it does not matter how much the map stretches a cell.
NEGLIGIBLE = 1e-9


def displaced(rho: Array, T: Array, s: float, grid: Grid) -> Array:
    r"""Density of :math:`((1-s)\,\mathrm{id}+sT)_\#\rho` (\*shape), of the mass of rho."""
    mass = rho * grid.volume
    move = s * (T - grid.x)
    stretch = max(
        float(np.abs(np.diff(move[k], axis=k)).max(where=_heavy(mass, k), initial=0.0))
        / float(grid.h[k])
        for k in range(grid.dim)
    )
    levels = int(np.clip(np.ceil(np.log2(1 + stretch)) + 1, FEWEST, MOST))
    shape = grid.shape
    log_mass = np.log(np.maximum(mass, mass.max() * 1e-300))
    for _ in range(levels):
        shape = tuple(2 * n for n in shape)
        log_mass = ladder.doubled(log_mass, shape, grid.periodic)
        move = np.stack([ladder.doubled(u, shape, grid.periodic) for u in move])
    pieces = 2**levels
    share = np.exp(log_mass - log_mass.max())
    # Each cell keeps its own mass, whatever the interpolation says.
    total = _blocks(share, pieces)
    factor = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    for k in range(grid.dim):
        factor = np.repeat(factor, pieces, axis=k)
    return _shared(share * factor, move, grid, pieces) / grid.volume


def _heavy(mass: Array, k: int) -> Flags:
    """Pairs of neighbours along axis k whose mass is not negligible."""
    m = np.moveaxis(mass, k, 0)
    return np.moveaxis(np.minimum(m[1:], m[:-1]) > NEGLIGIBLE * m.max(), 0, k)


def _blocks(values: Array, pieces: int) -> Array:
    """Sums over pieces x pieces x ... blocks."""
    for k in range(values.ndim):
        values = np.add.reduceat(values, np.arange(0, values.shape[k], pieces), axis=k)
    return values


def _shared(mass: Array, move: Array, grid: Grid, pieces: int) -> Array:
    """Masses of the pieces shared among the nearest cells by linear weights (*shape)."""
    places = [
        (along((np.arange(n * pieces) + 0.5) / pieces - 0.5, k, grid.dim) + move[k] / h).ravel()
        for k, (n, h) in enumerate(zip(grid.shape, grid.h, strict=True))
    ]
    return spread(mass.ravel(), np.stack(places), grid)
