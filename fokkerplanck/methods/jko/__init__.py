"""Minimising movements: JKO steps in the Wasserstein metric and its relatives, a scheme a file."""

from fokkerplanck.methods.jko.choice import JKO
from fokkerplanck.methods.jko.edge_jko import EdgeJKO
from fokkerplanck.methods.jko.entropic import Entropic
from fokkerplanck.methods.jko.exact_w2 import ExactW2
from fokkerplanck.methods.jko.fisher_rao import FisherRao
from fokkerplanck.methods.jko.l2_heat import L2Heat
from fokkerplanck.methods.jko.lagrangian import Lagrangian
from fokkerplanck.methods.jko.lagrangian_flow import LagrangianFlow
from fokkerplanck.methods.jko.movement import MinimisingMovement

__all__ = [
    "JKO",
    "EdgeJKO",
    "Entropic",
    "ExactW2",
    "FisherRao",
    "L2Heat",
    "Lagrangian",
    "LagrangianFlow",
    "MinimisingMovement",
]
