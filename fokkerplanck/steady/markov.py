"""Stationary log masses of a problem's generator, by the solver that suits its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import balance_residual, null_vector
from fokkerplanck.steady.multilevel import multilevel_log_mass

SOLVERS = ("direct", "multilevel")


@dataclass(frozen=True, eq=False)
class Stationary:
    """Log masses (n,) with their residual, and how they were found, in numbers and words."""

    log_mass: np.ndarray
    residual: float
    solver: str
    reason: str
    message: str
    steps: int = 0
    history: tuple[float, ...] = ()


def stationary_log_mass(problem, generator, solver, n_reached, tol) -> Stationary:
    """Stationary log masses; ``n_reached`` cells carry mass, solver is one of SOLVERS or None."""
    solver, reason = _choose(solver, problem.grid, n_reached)
    message = f"null vector of the Markov generator, {solver} solver"
    if solver == "direct":
        log_mass = null_vector(generator.matrix, problem.grid.shape).log_mass
        residual = balance_residual(generator.matrix, log_mass)
        return Stationary(log_mass, residual, solver, reason, message)
    generator.release()  # a fifth of the memory; multigrid works on the edges
    result = multilevel_log_mass(problem, generator, tol)
    if not result.history:  # a grid small enough for elimination
        residual = balance_residual(generator.matrix, result.log_mass)
    else:
        residual = result.history[-1]
    return Stationary(
        result.log_mass, residual, solver, reason, f"{message}: {result.message}",
        sum(result.steps), result.history,
    )  # fmt: skip


def _choose(solver, grid, n_reached):
    """Name of the solver, and why."""
    if n_reached < grid.size:
        if solver == "multilevel":
            raise ValueError(
                f"solver is 'multilevel', but {grid.size - n_reached} cells are left for good and "
                'carry no mass; use solver="direct"'
            )
        return "direct", "there are cells without mass"
    if solver is not None:
        return solver, "asked for"
    least = sizes.STEADY_MULTILEVEL_FROM[grid.dim]
    name = "multilevel" if grid.size >= least else "direct"
    return name, f"{grid.size} cells in {grid.dim}D: multilevel from {least:g} cells on"
