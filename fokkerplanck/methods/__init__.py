"""Time-stepping methods: small frozen objects, one family a file."""

from fokkerplanck.methods import jko
from fokkerplanck.methods.backward_euler import BackwardEuler
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.flux_corrected import FluxCorrected
from fokkerplanck.methods.implicit import Implicit
from fokkerplanck.methods.jko import JKO
from fokkerplanck.methods.method import Context, Method
from fokkerplanck.methods.splitting import Splitting

__all__ = [
    "JKO",
    "BackwardEuler",
    "Context",
    "Exponential",
    "FluxCorrected",
    "Implicit",
    "Method",
    "Splitting",
    "jko",
]
