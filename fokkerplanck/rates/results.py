"""What the answers about rates share: checks of arguments, values at points."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from fokkerplanck.domain.arguments import real_array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.rates.killed import SOLVERS


def check_problem(problem, name):
    """Raise unless a problem is one."""
    if not isinstance(problem, Problem):
        raise ValueError(f"{name} received {type(problem).__name__}; give a Problem")


def check_solver(solver):
    """Raise unless solver is a name that is known, or None."""
    if solver is not None and solver not in list(SOLVERS):
        raise ValueError(f"solver is {solver!r}; choose from {', '.join(SOLVERS)} or None")


def frozen(a) -> np.ndarray:
    """Read-only array."""
    a = np.asarray(a)
    a.flags.writeable = False
    return a


def value_at(grid, u, x) -> float:
    """Value of u (*shape) at a point, linear between cell centres, constant in the outer halves."""
    point = real_array(x, "point", "one number per axis")
    if point.shape != (grid.dim,):
        raise ValueError(f"the point has {point.size} coordinates, expected {grid.dim}")
    for k, (lo, hi) in enumerate(grid.box):
        if not lo <= point[k] <= hi:
            raise ValueError(f"the point {tuple(point.tolist())} is outside of the box; its axis "
                             f"{k} runs from {lo:g} to {hi:g}")  # fmt: skip
    inner = [np.clip(c, x[0], x[-1]) for c, x in zip(point, grid.centers, strict=True)]
    return float(RegularGridInterpolator(grid.centers, u)(inner)[0])
