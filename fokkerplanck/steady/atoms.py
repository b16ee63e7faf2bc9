"""Atoms: mass that a drift presses onto a wall, which no density has."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.grid import Side
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.cells import cells_along

#: Outward drift times the width of a wall cell, over kT D, beyond which mass piles up within it.
PRESSED = 4.0
#: Mass in such cells from which on it counts as an atom.
LEAST = 1e-3


def pressed_mass(problem: Problem, mass: Array) -> dict[Side, float]:
    """Mass in the wall cells onto which the drift presses it, of the walls with more than LEAST.

    Parameters
    ----------
    problem : Problem
    mass : array (n,)
        Cell masses.
    """
    out = {side: float(_pressed(problem, mass, side).sum()) for side in _walls(problem)}
    return {side: share for side, share in out.items() if share > LEAST}


def atom_masses(problem: Problem, mass: Array, side: Side) -> Array:
    r"""Atom in every cell along a wall: its mass less what the density inside extrapolates to.

    .. math:: \max\big(p_0-\max(\tfrac32p_1-\tfrac12p_2,\,0),\,0\big)

    where the drift presses mass onto the wall, and 0 elsewhere; of first order in the cell width.
    """
    grid, k = problem.grid, side.axis
    pressed = _pressed(problem, mass, side)
    p = mass.reshape(grid.shape)
    if grid.shape[k] < 3:
        return pressed
    first, second = (0, 1) if side.end == "lower" else (-1, -2)
    third = 2 if side.end == "lower" else -3
    w = grid.widths[k]
    inner = [np.take(p, i, axis=k) * (w[first] / w[i]) for i in (second, third)]
    smooth = np.maximum(1.5 * inner[0] - 0.5 * inner[1], 0.0)
    return np.where(pressed > 0, np.maximum(pressed - smooth, 0.0), 0.0)


def _walls(problem: Problem) -> tuple[Side, ...]:
    """Walls that may hold an atom."""
    return problem.grid.sides_of("reflecting")


def _pressed(problem: Problem, mass: Array, side: Side) -> Array:
    """Mass of the cells along a wall onto which the drift presses it, 0 in the others."""
    grid, k = problem.grid, side.axis
    wall, sign = cells_along(side)
    outward = sign * problem.drift[k][wall] * grid.widths[k][wall[-1]]
    noise = problem.kT * problem.D[k, k][wall]
    return np.where(outward > PRESSED * noise, mass.reshape(grid.shape)[wall], 0.0)
