"""The names of the front door and where each is at home: for type checkers and ``__init__.py``."""

from fokkerplanck import energies, observables, plot, rates, sde, sets, sgd, theorems, zoo
from fokkerplanck.distributions import (
    at,
    conditional,
    covariance,
    credible_region,
    expectation,
    gradient_at,
    hellinger,
    marginal,
    mean,
    mode,
    moment,
    peaks,
    quantile,
    sample,
    total_variation,
)
from fokkerplanck.domain.densities import delta, from_particles, gaussian, point, uniform
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.opening import from_xarray, load
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.zeros import CriticalPoint, critical_points
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.going_on import resume
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import (
    JKO,
    BackwardEuler,
    Exponential,
    FluxCorrected,
    Implicit,
    Splitting,
    jko,
)
from fokkerplanck.modes import QuasiStationary, Spectrum, quasi_stationary, spectrum
from fokkerplanck.observables import entropy, kl
from fokkerplanck.problem_files import ProblemFile, ProblemFileError, read_problem
from fokkerplanck.rates import backward, committor, exit_probabilities, mfpt
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.studies import Fit, Sweep, fit, sweep
from fokkerplanck.transport import Transport, wasserstein
from fokkerplanck.version import __version__

__all__ = [
    "JKO",
    "BackwardEuler",
    "ConvergenceError",
    "CriticalPoint",
    "Edges",
    "Exponential",
    "Fit",
    "FluxCorrected",
    "Formula",
    "Generator",
    "Grid",
    "Implicit",
    "Problem",
    "ProblemFile",
    "ProblemFileError",
    "QuasiStationary",
    "Solution",
    "Spectrum",
    "Splitting",
    "SteadyState",
    "Sweep",
    "Transport",
    "__version__",
    "at",
    "backward",
    "committor",
    "conditional",
    "covariance",
    "credible_region",
    "critical_points",
    "delta",
    "energies",
    "entropy",
    "exit_probabilities",
    "expectation",
    "fit",
    "from_particles",
    "from_xarray",
    "gaussian",
    "gradient_at",
    "hellinger",
    "jko",
    "kl",
    "load",
    "marginal",
    "mean",
    "mfpt",
    "mode",
    "moment",
    "observables",
    "peaks",
    "plot",
    "point",
    "quantile",
    "quasi_stationary",
    "rates",
    "read_problem",
    "resume",
    "sample",
    "sde",
    "sets",
    "sgd",
    "solve",
    "spectrum",
    "steady_state",
    "sweep",
    "theorems",
    "total_variation",
    "uniform",
    "wasserstein",
    "zoo",
]
