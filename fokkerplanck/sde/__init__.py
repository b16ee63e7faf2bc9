"""Particles: dx = b dt + s dW with the walls of the grid, and what is seen along the paths."""

from fokkerplanck.sde.observables import (
    CurrentVelocity,
    Estimate,
    IncrementSpectrum,
    current_velocity,
    increment_spectrum,
    levy_area,
    rotation,
    winding,
)
from fokkerplanck.sde.simulation import Paths, from_density, simulate

__all__ = [
    "CurrentVelocity",
    "Estimate",
    "IncrementSpectrum",
    "Paths",
    "current_velocity",
    "from_density",
    "increment_spectrum",
    "levy_area",
    "rotation",
    "simulate",
    "winding",
]
