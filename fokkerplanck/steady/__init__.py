"""Steady states: the question, its two schemes and their solvers, the results."""

from fokkerplanck.steady.choice import steady_state
from fokkerplanck.steady.state import SteadyInterrupt, SteadyState, SteadyStats

__all__ = ["SteadyInterrupt", "SteadyState", "SteadyStats", "steady_state"]
