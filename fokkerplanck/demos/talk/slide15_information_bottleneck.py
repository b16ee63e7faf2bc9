"""Slide 15: the information bottleneck functional along the flow.

IB(rho) = E_rho f + KL(rho|uniform)/beta, with a plus. Its minimiser is exp(-beta f)/Z. Two flows:
D = 1 (R6) and D = diag(1, 0.2) (R2, the Brownian gyrator), both started off the middle and, for R2,
from N(0, T H^-1), the minimiser itself: what leaves it goes up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck import observables, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.plot import canvas
from fokkerplanck.steady import steady_state
from fokkerplanck.theorems import Verdict, information_bottleneck

SLIDE = Slide(
    15,
    "Information Bottleneck Principle",
    "SGD minimises E f + KL(rho, prior)/beta with a uniform prior (printed with a minus): the free "
    "energy with f for Phi.",
)
QUICK = {"n": 40}
#: E f - (T/2) log det S of Gaussians, at the start and the end of R2.
EXPECTED = (0.36492, 0.39375)


@dataclass(frozen=True, eq=False)
class Curve:
    """A flow: IB with f, with Phi, and with the sign as printed, and F, against time."""

    title: str
    t: np.ndarray
    with_f: np.ndarray
    with_Phi: np.ndarray
    printed: np.ndarray
    F: np.ndarray

    @property
    def spread(self) -> float:
        """Largest change of IB with Phi less F: zero, for they differ by a constant."""
        return float(np.ptp(self.with_Phi - self.F))


@dataclass(frozen=True, eq=False)
class Result:
    """Curves by name, verdicts for D = 1 and for D = diag(1, 0.2), and the constant of R2."""

    curves: dict[str, Curve]
    verdicts: tuple[Verdict, Verdict]
    constant: float


def compute(n=96, seed=0, progress=False) -> Result:
    """Follow three flows."""
    options: dict[str, Any] = {"progress": None if progress else False}
    well, gyrator = zoo.double_well().build(n), zoo.gyrator().build(n)
    H, kT = zoo.gyrator().data["F"], gyrator.kT
    # The boxes are so wide that these densities are negligible at the walls.
    starts = {
        "D = 1": (well, gaussian(well.grid, (1.5, -1.5), 0.3), 6.0),
        "D = diag(1, 0.2)": (gyrator, gaussian(gyrator.grid, (0.4, 0.3), 0.01), 8.0),
        "D = diag(1, 0.2), from N(0, T H⁻¹)": (
            gyrator, gaussian(gyrator.grid, (0, 0), kT * np.linalg.inv(H)), 8.0,
        ),
    }  # fmt: skip
    curves = {}
    for name, (problem, start, end) in starts.items():
        steady = steady_state(problem, scheme="markov")
        times = end * np.linspace(0, 1, 60) ** 2
        run = solve(problem, start, times, steady=steady, **options)
        curves[name] = _curve(name, problem, run)
    verdicts = information_bottleneck(well), information_bottleneck(gyrator)
    constant = gyrator.kT * (np.log(gyrator.grid.integrate(1.0)) - np.log(2 * np.pi * np.e))
    return Result(curves, verdicts, float(constant))


def _curve(name, problem, run):
    """IB along a run."""
    grid = problem.grid
    uniform = np.full(grid.shape, 1 / grid.integrate(1.0))
    prior = problem.kT * observables.kl(run.rho, uniform, grid)
    loss = grid.integrate(problem.f * run.rho)
    return Curve(name, run.t, loss + prior, run.energy + prior, loss - prior, run.free_energy)


def finding(result) -> Finding:
    """Only for Phi = f."""
    bad = result.curves["D = diag(1, 0.2), from N(0, T H⁻¹)"].with_f - result.constant
    return Finding(
        "needs a condition",
        f"with a plus, and Phi in place of f, it is the free energy; with f it is one if D = 1. "
        f"For D = diag(1, 0.2), from its minimiser, it rises from {bad[0]:.5f} to {bad[-1]:.5f}. "
        "With the minus it has no minimum.",
    )


def table(result) -> str:
    """IB at the start and at the end of all flows."""
    rows = []
    for name, curve in result.curves.items():
        short = name.replace("H⁻¹", "H^-1")
        steps = np.diff(curve.with_f)
        word = "falls at every output" if steps.max() <= 1e-12 else "rises"
        rows += [
            (f"E f + T KL, {short}", f"{curve.with_f[0]:.5f} -> {curve.with_f[-1]:.5f}", word),
            ("  the same with Phi, less F", f"{curve.spread:.0e}", "a constant"),
        ]
    bad = result.curves["D = diag(1, 0.2), from N(0, T H⁻¹)"].with_f - result.constant
    rows += [
        ("E f - (T/2) log det S, from N(0, T H^-1)", f"{bad[0]:.5f} -> {bad[-1]:.5f}",
         f"exact {EXPECTED[0]} -> {EXPECTED[1]}"),
        ("verdict for D = 1", result.verdicts[0].outcome, ""),
        ("verdict for D = diag(1, 0.2)", result.verdicts[1].outcome,
         f"rise {result.verdicts[1].left:.4f}, error {result.verdicts[1].error:.0e}"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """One panel a flow: IB with f, and with Phi, above their last values."""
    sheet = canvas(13, 3.8)
    axes = sheet.subplots(1, 3)
    for ax, curve in zip(axes, result.curves.values(), strict=True):
        ax.plot(curve.t, curve.with_Phi - curve.with_Phi[-1], "C0-", label="E Φ + T KL(ρ|uniform)")
        ax.plot(curve.t, curve.with_f - curve.with_f[-1], "C3--", label="E f + T KL(ρ|uniform)")
        ax.axhline(0, color="0.7", lw=0.8)
        ax.set(xlabel="t", title=curve.title)
        ax.legend(fontsize="small")
    axes[0].set_ylabel("above the last value")
    return sheet
