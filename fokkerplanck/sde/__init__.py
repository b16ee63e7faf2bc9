"""Particles: dx = b dt + s dW with the walls of the grid, and what is seen along the paths."""

from fokkerplanck.sde.simulation import Paths, from_density, simulate

__all__ = ["Paths", "from_density", "simulate"]
