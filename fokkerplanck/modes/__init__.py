"""Slowest modes of a generator, and the slowest one where mass leaves."""

from fokkerplanck.modes.eigenmodes import Spectrum, spectrum
from fokkerplanck.modes.slowest_mode import QuasiStationary, quasi_stationary

__all__ = ["QuasiStationary", "Spectrum", "quasi_stationary", "spectrum"]
