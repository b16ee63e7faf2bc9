"""Stationary log masses of a problem's generator, by the solver that suits its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import (
    balance_residual,
    closed_class,
    null_vector,
    wide_null_vector,
)
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.wide_rates import WideRates
from fokkerplanck.steady.multilevel import multilevel_log_mass
from fokkerplanck.steady.state import SteadyStats

SOLVERS = ("direct", "multilevel")


@dataclass(frozen=True, eq=False)
class Stationary:
    """Log masses (n,) with their residual, and how they were found."""

    log_mass: Array
    residual: float
    stats: SteadyStats

    @property
    def is_empty(self) -> Flags:
        """Flags (n,) of the cells without mass."""
        return np.isneginf(self.log_mass)


def stationary_log_mass(
    generator: Generator,
    solver: str | None = None,
    tol: float = 1e-10,
    reached: Integers | None = None,
) -> Stationary:
    """Stationary log masses of a generator.

    Parameters
    ----------
    generator : Generator
    solver : one of SOLVERS, optional
        By default the one that suits the size.
    tol : float
        Estimated error at which the multilevel solver stops.
    reached : int array, optional
        Cells that carry mass, its ``closed_class``, if at hand.
    """
    grid = generator.grid
    reached = reached_cells(generator) if reached is None else reached
    if generator.wide_rates is not None:
        return _wide(generator, generator.wide_rates, solver, reached)
    solver, reason = _choose(solver, grid, reached.size)
    message = f"null vector of the Markov generator, {solver} solver"
    if solver == "direct":
        log_mass = null_vector(generator.matrix, grid.shape, reached).log_mass
        residual = balance_residual(generator.matrix, log_mass)
        stats = SteadyStats("markov", solver, message, reason=reason)
        return Stationary(log_mass, residual, stats)
    generator.release()  # a fifth of the memory, and multigrid works on the edges
    result = multilevel_log_mass(generator, tol)
    if not result.history:  # a grid small enough for elimination
        residual = balance_residual(generator.matrix, result.log_mass)
    else:
        residual = result.history[-1]
    message = f"{message}: {result.message}"
    stats = SteadyStats("markov", solver, message, sum(result.steps), result.history, reason)
    return Stationary(result.log_mass, residual, stats)


def reached_cells(generator: Generator) -> Integers:
    """Cells of the only closed class, rates that underflow counted as what they are: not zero.

    Raises
    ------
    ValueError
        If there are several.
    """
    wide = generator.wide_rates
    matrix = generator.matrix if wide is None else wide.pattern
    return closed_class(matrix, generator.grid.shape)


def balance(generator: Generator, log_mass: Array) -> float:
    """Largest net flow of a cell over its outflow."""
    wide = generator.wide_rates
    if wide is None:
        return balance_residual(generator.matrix, log_mass)
    return wide.imbalance(log_mass)


def _wide(
    generator: Generator, wide: WideRates, solver: str | None, reached: Integers
) -> Stationary:
    """Masses where some rates are too small for doubles."""
    if solver == "multilevel":
        raise ValueError(
            "solver is 'multilevel', but the drift changes the log density by up to "
            f"{np.abs(generator.edges.tilt).max():.3g} from a cell to the next (the cell Péclet "
            'number), so that rates underflow; use solver="direct", lower beta or refine the grid'
        )
    log_mass = wide_null_vector(wide, generator.grid.shape, reached)
    message = "null vector of the Markov generator, elimination with logarithms of rates"
    reason = "some rates underflow: logarithms"
    stats = SteadyStats("markov", "direct", message, reason=reason)
    return Stationary(log_mass, wide.imbalance(log_mass), stats)


def _choose(solver: str | None, grid: Grid, n_reached: int) -> tuple[str, str]:
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
