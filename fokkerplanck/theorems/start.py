"""Densities to start from where a person names none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.densities import check_density
from fokkerplanck.domain.types import Array
from fokkerplanck.theorems.study import Study

#: Place of the default start along every side of the box, in parts of the side.
PLACE = 0.35
#: Standard deviation of the default start, in parts of the side.
WIDTH = 0.12


def away(study: Study, rho0: ArrayLike | None = None) -> Array:
    """Given density, checked; without one, a Gaussian that is not in the middle of the box."""
    grid = study.grid
    if rho0 is not None:
        given = check_density(rho0, grid, "rho0")
        return given / grid.integrate(given)
    exponent = np.zeros(grid.shape)
    for x, (lo, hi), wraps in zip(grid.x, grid.box, grid.periodic, strict=True):
        distance = (x - lo) / (hi - lo) - PLACE
        if wraps:  # von Mises: smooth across the seam
            exponent += (np.cos(2 * np.pi * distance) - 1) / (2 * np.pi * WIDTH) ** 2
        else:
            exponent -= distance**2 / (2 * WIDTH**2)
    rho = np.exp(exponent)
    return rho / grid.integrate(rho)


def time_scale(study: Study) -> float:
    """Time in which drift and noise together cross the shortest side of the box."""
    problem, grid = study.problem, study.grid
    length = min(hi - lo for lo, hi in grid.box)
    speed = study.rms(problem.g) + problem.kT * float(np.abs(problem.D).max()) / length
    return length / speed
