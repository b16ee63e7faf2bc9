"""Time-stepping methods: small frozen objects, one family a file."""

from fokkerplanck.methods.backward_euler import BackwardEuler
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.method import Method

__all__ = ["BackwardEuler", "Exponential", "Method"]
