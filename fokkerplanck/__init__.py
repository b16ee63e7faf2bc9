"""Fokker-Planck equations on 1D, 2D and 3D grids: steady states, potentials, currents, evolution."""

from fokkerplanck.densities import from_particles, gaussian, uniform
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.edges import Edges
from fokkerplanck.generator import Generator
