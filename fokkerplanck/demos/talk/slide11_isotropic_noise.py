"""Slide 11: isotropic noise. The flow is steepest descent of the JKO functional; rho_ss is Gibbs.

R6, the double well (x^2 - 1)^2/4 + y^2/2 with D = 1, by two routes that share nothing but the
problem: exponential fitting (Scharfetter and Gummel) and minimising movements in Wasserstein's
distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck import theorems, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, known
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import JKO
from fokkerplanck.plot import canvas, colorbar, density
from fokkerplanck.steady import SteadyState, steady_state

SLIDE = Slide(
    11,
    "Wasserstein gradient flow: with drift",
    "for D = I the functional E f - H/beta that JKO steps minimise is a Lyapunov functional, and "
    "the steady state is exp(-beta f)/Z.",
)
QUICK = {"n": 32}
END, STEPS = 1.6, (8, 16)


@dataclass(frozen=True, eq=False)
class Result:
    """Steady state, flow to rest, flow and JKO runs on [0, END], what a JKO step does to rho_ss."""

    exact: zoo.Exact
    steady: SteadyState
    rest: Solution
    flow: Solution
    runs: dict[int, Solution]
    far: dict[int, float]  # L1 from the flow at END
    kept: float
    verdict: theorems.Verdict

    @property
    def error(self) -> float:
        """Largest |log rho_ss + f/kT + log Z|: the steady state against Gibbs."""
        problem = self.steady.problem
        log_gibbs = -problem.beta * known(problem.f)
        log_gibbs = log_gibbs - np.log(self.steady.grid.integrate(np.exp(log_gibbs)))
        return float(np.abs(self.steady.log_rho - log_gibbs).max())

    @property
    def moment(self) -> float:
        """<x^2> on the grid."""
        grid = self.steady.grid
        return float(grid.integrate(grid.x[0] ** 2 * self.steady.rho))


def compute(n=64, seed=0, progress=False) -> Result:
    """Solve by both routes on n x n cells."""
    exact = zoo.double_well()
    problem = exact.build(n)
    steady, grid = steady_state(problem), problem.grid
    start = gaussian(grid, (1.5, -1.5), 0.3)
    options: dict[str, Any] = {"steady": steady, "progress": None if progress else False}
    rest = solve(problem, start, np.linspace(0, 46, 70), **options)
    flow = solve(problem, start, np.linspace(0, END, 4 * STEPS[-1] + 1), **options)
    runs, far = {}, {}
    for k in STEPS:
        runs[k] = solve(problem, start, np.linspace(0, END, k + 1), JKO(END / k), **options)
        far[k] = float(grid.integrate(np.abs(runs[k].rho[-1] - flow.rho[-1])))
    still = solve(problem, steady.rho, [0, END], JKO(END), **options)
    kept = float(grid.integrate(np.abs(still.rho[-1] - steady.rho)))
    verdict = theorems.potential_is_loss(problem, steady)
    return Result(exact, steady, rest, flow, runs, far, kept, verdict)


def finding(result) -> Finding:
    """Both routes end in Gibbs."""
    F = result.rest.free_energy
    return Finding(
        "holds",
        f"F falls at every one of {len(F) - 1} outputs, from {F[0]:.3g} to {F.min():.0e}, and at "
        f"every JKO step; the steady state is Gibbs to {result.error:.0e} and carries no current "
        f"({np.abs(result.steady.J).max():.0e}).",
    )


def table(result) -> str:
    """All figures."""
    F, far = result.rest.free_energy, result.far
    first, last = STEPS
    rows = [
        ("F at t = 0", f"{F[0]:.6f}", "kT KL(rho|rho_ss), kT = 1"),
        ("F at the end", f"{F[-1]:.0e}", f"t = {result.rest.t[-1]:g}"),
        ("largest rise of F", f"{max(np.diff(F).max(), 0):.0e}", "beyond rounding, 1e-28: none"),
        ("largest rise of F, JKO", f"{np.diff(result.runs[last].free_energy).max():.0e}",
         "below zero: it falls at every step"),
        ("max |log rho_ss - log Gibbs|", f"{result.error:.0e}", "the same to rounding"),
        ("max |J|", f"{np.abs(result.steady.J).max():.0e}", "no current, to rounding"),
        ("entropy production", f"{result.steady.entropy_production:.0e}", "zero"),
        ("<x^2>", f"{result.moment:.9f}", f"exact {result.exact.moments['x2']:.9f}, O(h^2)"),
        ("a JKO step moves rho_ss by", f"{result.kept:.0e}", "L1"),
        (f"L1 of {first} JKO steps to the flow", f"{far[first]:.4f}", f"at t = {END:g}"),
        (f"L1 of {last} JKO steps to the flow", f"{far[last]:.4f}",
         f"order {np.log2(far[first] / far[last]):.2f} in tau"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Steady state, free energy to rounding, the same by JKO steps."""
    sheet = canvas(13, 3.8)
    axes = sheet.subplots(1, 3, width_ratios=[1, 1.2, 1.2])
    grid = result.steady.grid
    mesh = density(grid, result.steady.rho, axes[0])
    axes[0].set(title="$\\rho_{ss}$ = exp(−βf)/Z, J = 0", xlim=(-2.6, 2.6), ylim=(-3.2, 3.2))
    colorbar(mesh, "density", axes[0])
    rest = result.rest
    axes[1].semilogy(rest.t, np.maximum(rest.free_energy, 1e-32), "C0.-", ms=4)
    axes[1].axhline(1e-28, color="0.5", ls=":", label="1e-28")
    axes[1].set(xlabel="t", ylabel="F(ρ)", title="F falls down to rounding")
    axes[1].legend()
    ax = axes[2]
    ax.plot(result.flow.t, result.flow.free_energy, "k-", label="Fokker-Planck")
    for k, mark in zip(STEPS, ("C1s", "C3o"), strict=True):
        run = result.runs[k]
        ax.plot(run.t, run.free_energy, mark, ms=5, mfc="none", label=f"JKO, τ = {END / k:g}")
    ax.set(xlabel="t", ylabel="F(ρ)", title="minimising movements follow it")
    ax.legend()
    return sheet
