r"""The Wasserstein gradient flow in the plane, steps of the true distance.

Claim (Jordan, Kinderlehrer and Otto 1998; corollary 8 of Chaudhari and Soatto): for D = 1 the
minimising movement rho_{k+1} = argmin F(rho) + W2^2(rho, rho_k)/(2 tau) decreases the free energy
at every step, for every tau, stays at the Gibbs measure once it is there, and follows the
Fokker-Planck equation as tau -> 0, at order one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.demos.runs import by_step
from fokkerplanck.demos.text import aligned, distances, observed_order
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import jko
from fokkerplanck.plot import canvas, colorbar, density, energy, order, potential
from fokkerplanck.steady import steady_state

TITLE = "Wasserstein gradient flow in the plane: JKO steps against the Fokker-Planck equation"
QUICK = {"n": 40}
END, TAUS, BETA = 1.0, (0.5, 0.25, 0.125), 3.0


@dataclass(frozen=True, eq=False)
class Result:
    """Exact flow, runs by tau, and how far the Gibbs measure moved in a step."""

    problem: Problem
    exact: Solution
    runs: dict[float, Solution]
    kept: float


def compute(n=72, seed=0, progress=False) -> Result:
    """Run every tau on n x n cells."""
    progress = None if progress else False  # bars for what takes longer than a second
    grid = Grid([(-2.5, 2.5), (-2.5, 2.5)], n)
    problem = Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 / 2 + (y - x / 2) ** 2, beta=BETA)
    start = gaussian(grid, (0, 1.2), 0.08)
    runs = by_step(problem, start, END, TAUS, jko.Entropic, progress)
    exact = solve(problem, start, np.linspace(0, END, 9), progress=progress)
    gibbs = steady_state(problem).rho
    moved = solve(problem, gibbs, TAUS[0], jko.Entropic(TAUS[0]), progress=progress).rho[-1]
    return Result(problem, exact, runs, float(grid.integrate(np.abs(moved - gibbs))))


def table(result) -> str:
    """All figures as text."""
    far = distances(result.runs.values(), result.exact)
    rows = [
        (f"L1 to the exact flow, tau = {tau:g}", f"{d:.3f}", "")
        for tau, d in zip(TAUS, far, strict=True)
    ]
    rise = max(run.stats["largest_rise"] for run in result.runs.values())
    rows += [
        ("observed order", f"{observed_order(far):.2f}", "last two; one as tau -> 0"),
        ("largest change of F", f"{rise:.0e}", "below zero: it falls at every step"),
        ("Gibbs after one step, L1", f"{result.kept:.0e}", "kept to rounding"),
        ("largest error of mass",
         f"{max(abs(run.mass - 1).max() for run in result.runs.values()):.0e}", ""),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Steps of one tau, free energy at several, distance to the limit."""
    sheet = canvas(13, 6.4)
    axes = sheet.subplots(2, 3)
    problem, run = result.problem, result.runs[TAUS[1]]
    top = max(rho.max() for rho in run.rho[1:])
    for ax, k in zip(axes.flat, (0, 1, 2, 4), strict=False):
        mesh = density(problem.grid, run.rho[k], ax, top=top)
        potential(problem.grid, problem.f, ax, top=6 / BETA, levels=6, colors="0.5", linewidths=0.5)
        ax.set_title(f"t = {run.t[k]:g}, steps of τ = {TAUS[1]:g}")
    colorbar(mesh, "density", axes[1, 0])
    ax = axes[1, 1]
    for tau, solution in result.runs.items():
        energy(solution, ax, label=f"τ = {tau:g}")
    ax.plot(result.exact.t, result.exact.free_energy, "k", lw=1, label="exact")
    ax.set(ylabel="F(ρ)", title="free energy falls at every step")
    ax.set_yscale("log")
    ax.legend(fontsize="small")
    order(TAUS, distances(result.runs.values(), result.exact), axes[1, 2], slope=1, color="C3")
    axes[1, 2].set(title="distance to the exact flow: order one", ylabel="L1 at t = 1")
    return sheet
