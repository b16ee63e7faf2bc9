"""Statements of Chaudhari and Soatto as functions: each checks one on a problem of your own."""

from fokkerplanck.theorems.currents import stationarity
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, Verdicts

__all__ = ["Comparison", "Hypothesis", "Verdict", "Verdicts", "stationarity"]
