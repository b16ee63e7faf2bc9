"""Backward equation: expectations, passage times, committors, exit probabilities, escape rates."""

from fokkerplanck.rates.backward_equation import Backward, backward
from fokkerplanck.rates.barrier_crossing import Kramers, eyring_kramers, kramers
from fokkerplanck.rates.exits import ExitProbabilities, exit_probabilities
from fokkerplanck.rates.passage import PassageTimes, mfpt
from fokkerplanck.rates.transition_paths import Committor, committor

__all__ = [
    "Backward",
    "Committor",
    "ExitProbabilities",
    "Kramers",
    "PassageTimes",
    "backward",
    "committor",
    "exit_probabilities",
    "eyring_kramers",
    "kramers",
    "mfpt",
]
