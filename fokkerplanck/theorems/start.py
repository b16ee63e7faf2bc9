"""Densities to start from where a person names none."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.densities import check_density

#: The default start lies at this part of every side, and is this part of it wide.
PLACE, WIDTH = 0.35, 0.12


def away(study, rho0=None):
    """Given density, checked, or a Gaussian off the middle of the box, an eighth of it wide."""
    grid = study.grid
    if rho0 is not None:
        rho0 = check_density(rho0, grid, "rho0")
        return rho0 / grid.integrate(rho0)
    exponent = np.zeros(grid.shape)
    for x, (lo, hi), wraps in zip(grid.x, grid.box, grid.periodic, strict=True):
        away = (x - lo) / (hi - lo) - PLACE
        if wraps:  # von Mises: smooth across the seam
            exponent += (np.cos(2 * np.pi * away) - 1) / (2 * np.pi * WIDTH) ** 2
        else:
            exponent -= away**2 / (2 * WIDTH**2)
    rho = np.exp(exponent)
    return rho / grid.integrate(rho)


def time_scale(study):
    """Time in which drift or noise cross the box: of the coarsest of all that happens."""
    problem, grid = study.problem, study.grid
    length = min(hi - lo for lo, hi in grid.box)
    speed = study.rms(problem.g) + problem.kT * float(np.abs(problem.D).max()) / length
    return length / speed
