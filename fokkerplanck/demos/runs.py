"""What demonstrations of JKO steps share: runs at several steps, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from fokkerplanck.demos.text import distances, observed_order
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import jko
from fokkerplanck.methods.method import Method
from fokkerplanck.plot import order

Runs: TypeAlias = dict[int, Solution]  # by the number of steps
Maker: TypeAlias = Callable[[float], Method]  # of a method, from the length of its steps


def by_step(problem: Problem, start: Array, end: float, taus: Sequence[float], method: Maker, bar):
    """Runs to a time, with the density after every step, by the length of the step."""
    found: dict[float, Solution] = {}
    for tau in taus:
        t = np.linspace(0, end, round(end / tau) + 1)
        found[tau] = solve(problem, start, t, method(tau), progress=bar)
    return found


def by_order(
    problem: Problem, start: Array, end: float, steps: Sequence[int], **options: Any
) -> tuple[Runs, Runs]:
    """Runs of `jko.EdgeJKO` of first and of second order."""
    first, second = (
        {k: solve(problem, start, end, jko.EdgeJKO(end / k, order=p), **options) for k in steps}
        for p in (1, 2)
    )
    return first, second


def order_rows(
    both: tuple[Runs, Runs], exact: Solution, step: Callable[[int], str]
) -> list[tuple[str, str, str]]:
    """Rows of a table: distances from the exact flow, their order, the largest change of F."""
    rows = []
    for p, runs in enumerate(both, 1):
        far = distances(runs.values(), exact)
        rows += [
            (f"L1 to the exact flow, order {p}, tau = {step(k)}", f"{d:.2e}", "")
            for k, d in zip(runs, far, strict=True)
        ]
        rows.append((f"observed order, order {p}", f"{observed_order(far):.2f}", "last two"))
        rise = max(run.stats["largest_rise"] for run in runs.values())
        rows.append((f"largest change of F, order {p}", f"{rise:.0e}", "below zero: it falls"))
    return rows


def order_panel(ax: Any, both: tuple[Runs, Runs], exact: Solution, end: float) -> None:
    """Distances from the exact flow against the step, for both orders."""
    for p, runs in enumerate(both, 1):
        far = distances(runs.values(), exact)
        order([end / k for k in runs], far, ax, slope=p, label=f"order {p}")
    ax.set(title="distance to the exact flow", ylabel="L1")
    ax.legend(fontsize="small")
