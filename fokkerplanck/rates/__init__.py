"""Backward equation: expectations, passage times, committors, exit probabilities, escape rates."""

from fokkerplanck.rates.backward import Backward, backward
from fokkerplanck.rates.committor import Committor, committor
from fokkerplanck.rates.exits import ExitProbabilities, exit_probabilities
from fokkerplanck.rates.kramers import Kramers, eyring_kramers, kramers
from fokkerplanck.rates.passage import PassageTimes, mfpt

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
