r"""JKO steps on a line, where Wasserstein's distance is exact.

Claims (Jordan, Kinderlehrer and Otto 1998): the minimising movement
rho_{k+1} = argmin F(rho) + W2^2(rho, rho_k)/(2 tau) lowers the free energy at every step, for every
tau, and follows the Fokker-Planck equation at order one. On a line W2 is the L2 distance of
positions X of equal mass: mass moves along paths that never cross, and three JKO steps in place of
one (Zaitzeff, Esedoglu and Garikipati 2020) make the order two.
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
from fokkerplanck.plot import canvas, energy, line, order, trajectories

TITLE = "JKO steps on a line: free energy, order in tau, paths of mass"
QUICK = {"n": 160}
END, BETA, MEAN, VARIANCE = 2.0, 4.0, 0.3, 0.04
TAUS = (0.4, 0.2, 0.1, 0.05)
LEVELS = tuple(np.linspace(0.02, 0.98, 25))
STRIDES = (8, 16, 32, 64)  # steps of the moving mesh


@dataclass(frozen=True, eq=False)
class Result:
    """Runs on the grid by tau, the exact flow, paths, errors of the moving mesh by integrator."""

    problem: Problem
    exact: Solution
    runs: dict[float, Solution]
    paths: Solution
    errors: dict[str, list[float]]


def loss(x):
    """Two wells at -1 and 1."""
    return (x**2 - 1) ** 2 / 4


def compute(n=320, seed=0, progress=False) -> Result:
    """Run the grid scheme for every tau, the moving mesh with both integrators."""
    progress = None if progress else False  # bars for what takes longer than a second
    problem = Problem(Grid([(-2.5, 2.5)], n), f=loss, beta=BETA)
    start = gaussian(problem.grid, MEAN, VARIANCE)
    runs = by_step(problem, start, END, TAUS, jko.ExactW2, progress)
    exact = solve(problem, start, np.linspace(0, END, 11), progress=progress)
    paths = solve(
        problem, start, np.linspace(0, END, 11), jko.Lagrangian(0.05, levels=LEVELS),
        progress=progress,
    )  # fmt: skip
    return Result(problem, exact, runs, paths, mesh_errors())


def mesh_errors():
    """W2 distance at t = 1/2 to a run of 512 steps, by integrator and number of steps."""

    def positions(steps, integrator):
        half = 7.5 * np.sqrt(VARIANCE)
        flow = jko.LagrangianFlow(
            loss, lambda x: np.exp(-((x - MEAN) ** 2) / (2 * VARIANCE)), BETA,
            interval=(MEAN - half, MEAN + half), elements=16, integrator=integrator,
        )  # fmt: skip
        for _ in range(steps):
            flow.step(0.5 / steps)
        return flow.quantiles(np.linspace(0.005, 0.995, 200))

    limit = positions(512, "zeg2")
    return {
        name: [float(np.sqrt(np.mean((positions(k, name) - limit) ** 2))) for k in STRIDES]
        for name in ("jko", "zeg2")
    }


def table(result) -> str:
    """All figures as text."""
    far = distances(result.runs.values(), result.exact)
    rows = [
        (f"L1 to the exact flow, tau = {tau:g}", f"{d:.4f}", "")
        for tau, d in zip(TAUS, far, strict=True)
    ]
    rise = max(run.stats["largest_rise"] for run in result.runs.values())
    rows += [
        ("observed order on the grid", f"{observed_order(far):.2f}", "last two"),
        ("largest change of F", f"{rise:.0e}", "below zero: it falls at every step"),
    ]
    for name, words in (("jko", "JKO"), ("zeg2", "three JKO steps in one")):
        one, two = result.errors[name][-2:]
        rows.append(
            (f"W2 error at t = 1/2, {STRIDES[-1]} steps", f"{two:.1e}",
             f"{words}: order {np.log2(one / two):.2f}")
        )  # fmt: skip
    return aligned(rows)


def figure(result):
    """Densities, free energy, paths of mass, orders."""
    sheet = canvas(10.5, 7.4)
    axes = sheet.subplots(2, 2)
    grid, exact = result.problem.grid, result.exact
    coarse = result.runs[TAUS[0]]
    for k, t in enumerate((0.0, 0.4, 2.0)):
        i, j = (int(np.argmin(np.abs(run.t - t))) for run in (exact, coarse))
        line(grid, exact.rho[i], axes[0, 0], color=f"C{k}", label=f"exact, t = {t:g}")
        if t:
            line(grid, coarse.rho[j], axes[0, 0], color=f"C{k}", ls="--", label="JKO")
    axes[0, 0].set(ylabel="ρ", title=f"(a) steps of τ = {TAUS[0]:g} (dashed)")
    axes[0, 0].legend(fontsize="small")
    for tau in TAUS[:3]:
        energy(result.runs[tau], axes[0, 1], label=f"JKO, τ = {tau:g}")
    axes[0, 1].plot(exact.t, exact.free_energy, "k", lw=1, label="exact")
    axes[0, 1].set_yscale("log")
    axes[0, 1].set(ylabel="F(ρ)", title="(b) free energy falls at every step")
    axes[0, 1].legend(fontsize="small")
    stats = result.paths.stats
    trajectories(stats["energy_t"], stats["quantiles"], axes[1, 0])
    axes[1, 0].set(title="(c) paths of equal mass never cross")
    steps = [0.5 / k for k in STRIDES]
    for (name, slope), words in zip(
        (("jko", 1), ("zeg2", 2)), ("JKO", "three JKO steps in one"), strict=True
    ):
        order(steps, result.errors[name], axes[1, 1], slope=slope, label=words)
    axes[1, 1].set(title="(d) moving mesh: orders one and two", ylabel="W2 at t = 1/2")
    axes[1, 1].legend(fontsize="small")
    return sheet
