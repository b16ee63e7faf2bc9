"""Fokker-Planck equations on 1D, 2D and 3D grids: steady states, potentials, currents, evolution."""

from fokkerplanck import zoo
from fokkerplanck.densities import from_particles, gaussian, uniform
from fokkerplanck.edges import Edges
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.generator import Generator
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.quasi_stationary import QuasiStationary, quasi_stationary
from fokkerplanck.steady import SteadyState, steady_state
