"""Statements of Chaudhari and Soatto as functions: each checks one on a problem of your own."""

from fokkerplanck.theorems.currents import assumption_4, entropy_production, stationarity
from fokkerplanck.theorems.decomposition import a_type, a_type_drift, a_type_residual, linear
from fokkerplanck.theorems.flow import h_theorem, information_bottleneck, jko_lyapunov
from fokkerplanck.theorems.loss import potential_is_loss, truth_table, truth_table_text
from fokkerplanck.theorems.points import critical_points, fluctuation_dissipation
from fokkerplanck.theorems.report import named, verify
from fokkerplanck.theorems.sampling import sgd_temperature
from fokkerplanck.theorems.speed import acceleration, kramers
from fokkerplanck.theorems.trajectories import closed_orbits, lyapunov_exponent, orbits
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, Verdicts

__all__ = [
    "Comparison",
    "Hypothesis",
    "Verdict",
    "Verdicts",
    "a_type",
    "a_type_drift",
    "a_type_residual",
    "acceleration",
    "assumption_4",
    "closed_orbits",
    "critical_points",
    "entropy_production",
    "fluctuation_dissipation",
    "h_theorem",
    "information_bottleneck",
    "jko_lyapunov",
    "kramers",
    "linear",
    "lyapunov_exponent",
    "named",
    "orbits",
    "potential_is_loss",
    "sgd_temperature",
    "stationarity",
    "truth_table",
    "truth_table_text",
    "verify",
]
