"""Time-stepping methods: small frozen objects, one family a file."""

from fokkerplanck.methods.backward_euler import BackwardEuler
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.method import Method
from fokkerplanck.methods.splitting import Splitting

__all__ = ["BackwardEuler", "Exponential", "Method", "Splitting"]
