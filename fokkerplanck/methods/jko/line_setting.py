"""What JKO schemes on a line ask of a problem, and the coordinate in which its noise is one."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.methods.jko.movement import Run
from fokkerplanck.scheme.bernoulli import both_sides

#: Largest step of the log density between neighbours from which rates are made.
STEEPEST = 600.0


def check_line(run: Run, name: str) -> None:
    """Refuse grids and noise that a scheme on a line cannot take."""
    grid, D = run.grid, run.problem.D
    if grid.dim != 1:
        raise ValueError(f"{name} is for one dimension, this grid has {grid.dim}")
    if grid.periodic[0]:
        raise ValueError(
            f"{name} orders the mass along a line, but this grid is periodic; use a reflecting "
            "grid, or a scheme on the generator's edges"
        )
    if not np.min(D) > 0:
        x = float(grid.x[0][int(np.argmin(np.ravel(D)))])
        raise ValueError(
            f"{name} needs D > 0, but D = {np.min(D):g} at x = {x:g}: mass there is infinitely far "
            "from all other mass; add some noise"
        )


def metric_faces(run: Run) -> Array:
    """Faces in the coordinate y = int D^(-1/2) dx, in which the noise is 1."""
    faces = run.grid.faces[0]
    D = np.broadcast_to(np.ravel(run.problem.D), run.grid.shape)
    if (D == 1).all():
        return np.array(faces)
    scale = 1 / np.sqrt(D)
    if run.problem.D_constant:
        return faces * scale[0]
    return np.append(0.0, np.cumsum(np.diff(faces) * scale))


def rates(faces: Array, log_pi: Array) -> tuple[Array, Array]:
    """Rates up and down (n,) between neighbours for noise 1, at rest with masses e^log_pi."""
    width = np.diff(faces)
    z = np.clip(np.diff(log_pi - np.log(width)), -STEEPEST, STEEPEST)
    gap = 0.5 * (width[1:] + width[:-1])
    back, forth = both_sides(z)
    return np.append(forth / (gap * width[:-1]), 0.0), np.append(back / (gap * width[1:]), 0.0)
