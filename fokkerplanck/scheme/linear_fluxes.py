"""The linear fluxes of high order, by name, and those that suit underdamped motion."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.maxwell_boltzmann import profiles
from fokkerplanck.scheme.phase_space_flux import LARGEST, PhaseSpaceFlux
from fokkerplanck.scheme.upwind5 import Upwind5

LinearFlux: TypeAlias = Upwind5 | PhaseSpaceFlux
#: Fluxes by name. "well_balanced" is Upwind5 of what a density has beyond its stationary state.
FLUXES = ("upwind5", "well_balanced", "phase_space")
#: Schemes of evolutions, and of passages, slow modes and transition paths.
EVOLUTIONS = ("auto", "markov", *FLUXES)
STATICS = ("auto", "markov", "upwind5", "phase_space")


def linear_flux(
    problem: Problem,
    scheme: str,
    label: Integers | None = None,
    part: Array | None = None,
    edges: Edges | None = None,
) -> LinearFlux:
    """Flux of a problem by its name, with sets in which mass ends.

    Edges at hand save making them again, along axes that end at walls without noise.

    Raises
    ------
    ValueError
        If the problem is not one that the flux is for.
    """
    one_of(scheme, "scheme", FLUXES)
    if scheme == "phase_space":
        return PhaseSpaceFlux(problem, label, part)
    return Upwind5(problem, label, part, edges)


def evolving_flux(problem: Problem) -> str:
    """Name of the flux by which densities evolve where the chain is left.

    For ``Problem.langevin`` that with the right stationary state. (``PhaseSpaceFlux`` has it too,
    but is of second order in what is far from that state.)
    """
    return "well_balanced" if _is_known(problem) else "upwind5"


def static_flux(problem: Problem) -> str:
    """Name of the flux that answers questions about passages and slow modes, for the chain."""
    grid = problem.grid
    faces = grid.faces[-1]
    is_symmetric = np.abs(faces + faces[::-1]).max() <= 1e-9 * (faces[-1] - faces[0])
    fits = grid.is_uniform and is_symmetric and _is_known(problem)
    return "phase_space" if fits else "upwind5"


def _is_known(problem: Problem) -> bool:
    """Whether the stationary state is Maxwell-Boltzmann, in floating point too."""
    if problem.given.langevin is None or problem.grid.has_absorbing_sides:
        return False
    steepest = max(float(np.abs(profile.step).max()) for profile in profiles(problem))
    return steepest <= LARGEST


def maxwell_boltzmann_log_mass(problem: Problem) -> Array:
    """Log masses (n,) of Maxwell-Boltzmann, of sum 1.

    Raises
    ------
    ValueError
        If that is not the stationary state of the problem.
    """
    if problem.grid.has_absorbing_sides:
        raise ValueError(
            "the grid has absorbing sides, so that there is no stationary state to be kept; give "
            "scheme='upwind5'"
        )
    log_pi = np.add.outer(*(profile.log_pi for profile in profiles(problem))).ravel()
    log_mass = log_pi + np.log(problem.grid.volumes.ravel())
    return np.asarray(log_mass - logsumexp(log_mass))
