"""Densities to start from where a person names none."""

from __future__ import annotations

import numpy as np

from fokkerplanck.densities import check_density, gaussian

#: The default start lies at this part of every side, and is this part of it wide.
PLACE, WIDTH = 0.35, 0.1


def away(study, rho0=None):
    """Given density, checked, or a Gaussian off the middle of the box, a tenth of it wide."""
    grid = study.grid
    if rho0 is not None:
        rho0 = check_density(rho0, grid, "rho0")
        return rho0 / grid.integrate(rho0)
    mean = [lo + PLACE * (hi - lo) for lo, hi in grid.box]
    return gaussian(grid, mean, [(WIDTH * (hi - lo)) ** 2 for lo, hi in grid.box])


def time_scale(study):
    """Time in which drift or noise cross the box: of the coarsest of all that happens."""
    problem, grid = study.problem, study.grid
    length = min(hi - lo for lo, hi in grid.box)
    speed = study.rms(problem.g) + problem.kT * float(np.abs(problem.D).max()) / length
    return length / speed
