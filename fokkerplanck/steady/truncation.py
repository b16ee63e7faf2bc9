r"""What a box cuts off a density that would go on beyond its walls."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.observed_order import LARGEST
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem

#: Distances from a wall, in cells, between which the slope of log rho is taken.
CELLS = 4
#: Falls of log rho over the whole box, at the slope of the wall, that are no decay towards it.
FLAT = 1.0
#: A wall without noise: D there, over D at the centre of its cell.
VANISHING = 0.01
#: Where D is looked at, in cell widths from the wall.
NEAR = 1e-6


def cut_off(log_rho: Array, problem: Problem) -> float:
    r"""Mass beyond the reflecting walls if log rho went on straight, twice: L1 distance of the two.

    .. math:: 2\sum_{\text{wall cells}}\rho_{wall}\,A/s, \qquad
       s = -\partial_n\log\rho > 0 \text{ over four cells},

    once for the mass that is missing outside and once for what it was replaced by inside. Walls at
    which D vanishes, or towards which rho does not fall, count as meant.

    Parameters
    ----------
    log_rho : array (\*shape)
    problem : Problem

    Returns
    -------
    float
        At most 2.
    """
    grid, total = problem.grid, 0.0
    for side in grid.sides_of("reflecting"):
        k, is_upper = side.axis, side.end == "upper"
        inwards = np.moveaxis(log_rho, k, 0)
        widths, centers = grid.widths[k], grid.centers[k]
        if is_upper:
            inwards, widths, centers = inwards[::-1], widths[::-1], centers[::-1]
        far = min(CELLS, grid.shape[k] - 1)
        slope = (inwards[far] - inwards[0]) / abs(centers[far] - centers[0])
        falls = slope * (grid.box[k][1] - grid.box[k][0]) > FLAT
        falls &= _noise_at(problem, k, is_upper)
        if not falls.any():
            continue
        at_wall = inwards[0][falls] - slope[falls] * widths[0] / 2
        volumes = np.moveaxis(grid.volumes, k, 0)[-1 if is_upper else 0]
        area = np.broadcast_to(volumes, falls.shape)[falls] / widths[0]
        total += float(np.sum(2 * area * np.exp(at_wall) / slope[falls]))
    return min(total, LARGEST)


def _noise_at(problem: Problem, k: int, is_upper: bool) -> Array:
    """Whether D in direction k does not vanish at the cells of a wall, array (*shape of wall)."""
    grid, D = problem.grid, np.moveaxis(problem.D[k, k], k, 0)
    first, second = (D[-1], D[-2]) if is_upper else (D[0], D[1])
    if callable(problem.given.D):
        x = np.moveaxis(grid.x, k + 1, 1)[:, -1 if is_upper else 0].copy()
        h = grid.widths[k][-1 if is_upper else 0]
        wall = grid.box[k][is_upper]
        x[k] = wall - NEAR * h if is_upper else wall + NEAR * h
        at_wall = fields.matrix_field(problem.given.D, grid, "D", x)[k, k]
    else:
        at_wall = 1.5 * first - 0.5 * second
    return np.asarray(at_wall > VANISHING * first)
