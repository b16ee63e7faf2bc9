"""Fokker-Planck equations on 1D, 2D and 3D grids: steady states, currents, evolution."""

from fokkerplanck import energies, observables, rates, sde, sets, sgd, theorems, zoo
from fokkerplanck.critical_points import CriticalPoint, critical_points
from fokkerplanck.densities import from_particles, gaussian, uniform
from fokkerplanck.edges import Edges
from fokkerplanck.environment import limit_threads as _limit_threads
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.generator import Generator
from fokkerplanck.grid import Grid
from fokkerplanck.io import load
from fokkerplanck.methods import (
    JKO,
    BackwardEuler,
    Exponential,
    FluxCorrected,
    Implicit,
    Splitting,
    jko,
)
from fokkerplanck.problem import Problem
from fokkerplanck.quasi_stationary import QuasiStationary, quasi_stationary
from fokkerplanck.rates import backward, committor, exit_probabilities, mfpt
from fokkerplanck.solution import Solution
from fokkerplanck.solve import solve
from fokkerplanck.spectrum import Spectrum, spectrum
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.transport import Transport, wasserstein
from fokkerplanck.version import __version__

__all__ = [
    "JKO",
    "BackwardEuler",
    "ConvergenceError",
    "CriticalPoint",
    "Edges",
    "Exponential",
    "FluxCorrected",
    "Generator",
    "Grid",
    "Implicit",
    "Problem",
    "QuasiStationary",
    "Solution",
    "Spectrum",
    "Splitting",
    "SteadyState",
    "Transport",
    "__version__",
    "backward",
    "committor",
    "critical_points",
    "energies",
    "exit_probabilities",
    "from_particles",
    "gaussian",
    "jko",
    "load",
    "mfpt",
    "observables",
    "plot",
    "quasi_stationary",
    "rates",
    "sde",
    "sets",
    "sgd",
    "solve",
    "spectrum",
    "steady_state",
    "theorems",
    "uniform",
    "wasserstein",
    "zoo",
]

_limit_threads()


def __getattr__(name):
    """Load ``fokkerplanck.plot``, and with it matplotlib, on first use."""
    if name == "plot":
        import importlib

        return importlib.import_module("fokkerplanck.plot")
    raise AttributeError(f"module 'fokkerplanck' has no attribute {name!r}")
