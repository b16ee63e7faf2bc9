"""Steady states by one scheme: closed form, Markov chain, nine-point or fifth-order flux."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.maxwell_boltzmann import steady_currents
from fokkerplanck.scheme.nine_point import NinePoint
from fokkerplanck.steady.markov import Stationary, balance
from fokkerplanck.steady.newton import solve_nine_point
from fokkerplanck.steady.state import MAXWELL_BOLTZMANN, Found, SteadyStats, normalised
from fokkerplanck.steady.upwind import solve_upwind5
from fokkerplanck.steady.wells import Iteration

#: Log mass of cells without mass, below the least that has some: any number whose exponential is
#: zero would do. Differences of log density are taken everywhere, and infinite ones are nan.
EMPTY = 800.0


def _found(phi: Array, stats: SteadyStats, edges: EdgeCurrents, residual: float) -> Found:
    """Result from log density (n,), up to a constant."""
    log_rho = normalised(phi, edges.grid).ravel()
    return Found(log_rho, float(residual), stats, replace(edges, log_rho=log_rho))


def closed_form(generator: Generator, phi: Array, source: str) -> Found:
    """No current on any edge."""
    message = f"detailed balance on every edge; log density from {source}"
    phi = phi - phi.max()
    residual = balance(generator, phi + np.log(generator.grid.volumes.ravel()))
    edges = EdgeCurrents.from_edges(generator.edges, phi)
    return _found(phi, SteadyStats("exact", "none", message, source=source), edges, residual)


def maxwell_boltzmann(problem: Problem) -> Found:
    """Closed form of underdamped motion, with its current."""
    message = (
        "Maxwell-Boltzmann density of the given potential; its current is the curl of the density "
        "times kT/m"
    )
    currents, residual = steady_currents(problem)
    stats = SteadyStats("exact", "none", message, source=MAXWELL_BOLTZMANN)
    return _found(currents.log_rho, stats, currents, residual)


def log_density(generator: Generator, markov: Stationary) -> Array:
    """Log density (n,) up to a constant, finite in cells without mass too."""
    log_mass, empty = markov.log_mass, markov.is_empty
    if empty.any():
        # The density of these cells is zero in double precision.
        log_mass = np.where(empty, log_mass[~empty].min() - EMPTY, log_mass)
    return log_mass - np.log(generator.grid.volumes.ravel())


def markov_state(generator: Generator, markov: Stationary) -> Found:
    """Null vector of the generator."""
    stats, empty = markov.stats, markov.is_empty
    if empty.any():
        note = f"; {np.count_nonzero(empty)} cells are left for good: no mass, and j is 0 there"
        stats = replace(stats, message=stats.message + note)
    phi = log_density(generator, markov)
    edges = EdgeCurrents.from_edges(generator.edges, phi).without(empty)
    return _found(phi, stats, edges, markov.residual)


def _log_found(nine: NinePoint, result: Iteration, reason: str) -> Found:
    """Nine-point scheme, in the whole box or down to a level."""
    message = f"nine-point scheme by Newton's method, {result.iterations} steps with {result.how}"
    depth = result.log_down_to
    if depth < np.inf:
        message += f"; log rho below e^-{depth:g} of its maximum is Markov's"
    given = "log", "newton", message, result.iterations, result.history, reason
    stats = SteadyStats(*given, log_down_to=depth)
    balance, rate = nine.residual(result.log_rho)
    scaled = np.abs(balance / rate)
    residual = scaled.max() if result.kept is None else scaled[~result.kept].max()
    edges = EdgeCurrents.from_faces(nine, result.log_rho)
    return replace(_found(result.log_rho, stats, edges, residual), kept=result.kept)


def log_state(
    generator: Generator,
    nine: NinePoint,
    markov: Stationary,
    solver: str | None,
    tol: float,
    thrifty: bool,
    tick: Callable[[], None],
    levels: bool = False,
) -> Found:
    """Nine-point scheme, from the Markov state; ``thrifty, levels`` as in ``solve_nine_point``.

    Raises
    ------
    ConvergenceError
        If Newton's method fails; ``iterate`` holds the last log density.
    """
    problem = Generator.problem_of(generator, "log_state")
    start = normalised(log_density(generator, markov), problem.grid).ravel()
    # Newton's steps are solved as the null vector was, but full tensors in the plane keep
    # factorisations while these are affordable.
    is_plane_tensor = generator.edges.kind == "tensor" and problem.grid.dim == 2
    is_affordable = is_plane_tensor and problem.grid.size <= sizes.NEWTON_FACTORISED[2]
    multigrid = markov.stats.solver == "multilevel" and not (solver is None and is_affordable)
    helper = generator if multigrid else None
    result = solve_nine_point(nine, start, tol, helper, thrifty, tick, levels)
    if not result.converged:
        raise ConvergenceError(
            f"Newton's method for the nine-point scheme stopped at balance {result.balance:.1e} "
            f"after {result.iterations} steps",
            iterate=result.log_rho.reshape(problem.grid.shape),
            residual=result.balance,
        )
    return _log_found(nine, result, markov.stats.reason)


def upwind5_state(
    generator: Generator, markov: Stationary, tol: float, tails: Found | None = None
) -> Found:
    """Fifth-order flux, with tails of the nine-point scheme, or of the Markov scheme if None.

    Raises
    ------
    ConvergenceError
        If the grid does not resolve the problem; ``iterate`` holds the masses.
    """
    log_mass = log_density(generator, markov) + np.log(generator.grid.volumes.ravel())
    tail = markov_state(generator, markov) if tails is None else tails
    result = solve_upwind5(generator, log_mass, tail.currents, tails is not None, tol)
    linear = result.linear
    by = "nine-point scheme" if tails is not None else "Markov scheme"
    message = f"fifth-order upwind flux, {result.words}"
    if np.isfinite(result.tails):
        message += f"; below e^-{max(result.tails, 0):.0f} of its maximum rho is of the {by}"
        message += ", or in part" if tails is not None else ""
    stats = SteadyStats(
        "upwind5",
        "GMRES",
        message,
        linear.steps,
        reason=markov.stats.reason,
        tails="markov" if tails is None else "log",
        negative_mass=linear.negative,
        moved_mass=linear.moved + result.changed,
    )
    return _found(result.log_rho, stats, result.currents, result.residual)
