"""Slide 10: the heat equation as steepest descent of two energies in two distances."""

from __future__ import annotations

import numpy as np

from fokkerplanck.demos.heat_flows import QUICK, TAUS, Result, both_energies, compute, figure, table
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import distances, observed_order

__all__ = ["QUICK", "SLIDE", "Result", "compute", "figure", "finding", "table"]

SLIDE = Slide(
    10,
    "Wasserstein gradient flow",
    "the heat equation is steepest descent of the Dirichlet energy, and also of minus the entropy "
    "in the Wasserstein metric; its steady state minimises minus the entropy.",
)


def finding(result) -> Finding:
    """Falls of both energies, orders of both movements."""
    orders, rises = [], []
    for runs in (result.wasserstein, result.L2):
        orders.append(observed_order(distances(runs.values(), result.exact)))
        rises += [np.diff(E).max() for tau in TAUS for E in both_energies(result, runs[tau])]
    word = "holds" if max(rises) <= 0 and min(orders) > 0.9 else "fails as printed"
    return Finding(
        word,
        f"Both energies fall at every step of both movements, which become the heat flow at orders "
        f"{orders[0]:.2f} (W2) and {orders[1]:.2f} (L2) in the step. Minus the entropy has a "
        "minimiser only because the domain is bounded.",
    )
