"""Minimising movements: JKO steps in the Wasserstein metric and its relatives, a scheme a file."""

from fokkerplanck.methods.jko.dirichlet import L2Heat
from fokkerplanck.methods.jko.entropic import Entropic
from fokkerplanck.methods.jko.movement import MinimisingMovement

__all__ = ["Entropic", "L2Heat", "MinimisingMovement"]
