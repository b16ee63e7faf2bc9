r"""One heat equation, two steepest descents (slide 10 of the talk).

The heat equation rho_t = kT rho_xx decreases the Dirichlet energy kT/2 int |grad rho|^2 as fast as
the distance of L2 allows, and minus the entropy, kT int rho log rho, as fast as Wasserstein's
distance allows (Jordan, Kinderlehrer and Otto 1998). Claim: the minimising movements of both,

    rho_{k+1} = argmin E(rho) + d(rho, rho_k)^2/(2 tau),

decrease both energies at every step, and follow one and the same curve as tau -> 0, at order one.
A Gaussian stays Gaussian in the Wasserstein step, with the standard deviation of a closed form:
1.0916079783 after one step of tau = 0.1 from 1, where the heat equation itself has 1.0954451150.
That minus the entropy has a minimiser at all is due to the walls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import energies
from fokkerplanck.demos.runs import by_step
from fokkerplanck.demos.text import aligned, distances, observed_order
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import jko
from fokkerplanck.plot import canvas, line, order

TITLE = "The heat equation as steepest descent of two energies in two distances"
QUICK = {"n": 200}
HALF_WIDTH, END, TAUS = 8.0, 1.0, (0.2, 0.1, 0.05, 0.025)


@dataclass(frozen=True, eq=False)
class Result:
    """Runs of both movements at every tau, the exact flow, and what they say.

    Attributes
    ----------
    exact : Solution
        At the times of the longest step.
    wasserstein, L2 : dict of Solution
        By tau, at their own steps.
    first_step : float
        Standard deviation after the first Wasserstein step of tau = 0.1.
    """

    problem: Problem
    exact: Solution
    wasserstein: dict[float, Solution]
    L2: dict[float, Solution]
    first_step: float


def compute(n=800, seed=0, progress=False) -> Result:
    """Run both movements and the heat equation itself on n cells."""
    progress = None if progress else False  # bars for what takes longer than a second
    problem = Problem(Grid([(-HALF_WIDTH, HALF_WIDTH)], n))
    start = gaussian(problem.grid, 0, 1)
    W2, L2 = (by_step(problem, start, END, TAUS, m, progress) for m in (jko.ExactW2, jko.L2Heat))
    exact = solve(problem, start, np.linspace(0, END, 41), progress=progress)
    return Result(problem, exact, W2, L2, deviation(problem.grid, W2[0.1].rho[1]))


def deviation(grid, rho) -> float:
    """Standard deviation of a density on an interval, without that of a cell (h^2/12)."""
    x = grid.x[0]
    variance = grid.integrate(rho * x**2) - grid.integrate(rho * x) ** 2
    return float(np.sqrt(variance))


def both_energies(result, solution):
    """Dirichlet energy and minus the entropy, (n_t,) each."""
    grid, kT = result.problem.grid, result.problem.kT
    dirichlet = [kT * energies.Dirichlet().value(rho, grid) for rho in solution.rho]
    return np.array(dirichlet), -kT * solution.entropy


def table(result) -> str:
    """All figures as text."""
    exact = np.sqrt(1 + 2 * 0.1)
    closed = (1 + np.sqrt(1 + 4 * 0.1)) / 2
    rows = [
        ("after one W2 step, tau = 0.1", f"{result.first_step:.6f}", f"closed form {closed:.10f}"),
        ("the heat equation at t = 0.1", f"{exact:.6f}", "standard deviation, from 1"),
    ]
    for name, runs in (("W2", result.wasserstein), ("L2", result.L2)):
        far = distances(runs.values(), result.exact)
        slope = observed_order(far)
        rows += [
            (f"L1 to the heat flow, {name}, tau = {tau:g}", f"{d:.2e}", "")
            for tau, d in zip(TAUS, far, strict=True)
        ]
        rows.append((f"order in tau, {name}", f"{slope:.2f}", "of the last two"))
        rises = [max(np.diff(E).max() for E in both_energies(result, runs[t])) for t in TAUS]
        rows.append((f"largest change of any energy, {name}", f"{max(rises):.1e}", "all fall"))
    return aligned(rows)


def figure(result):
    """Four panels: the curve, the two energies along both movements, the distance to the limit."""
    sheet = canvas(9.5, 7)
    axes = sheet.subplots(2, 2)
    grid, tau = result.problem.grid, TAUS[0]
    for k, t in enumerate(result.exact.t[:: len(result.exact.t) - 1]):
        at = {"exact": result.exact.rho[-k], "W2": result.wasserstein[tau].rho[-k]}
        at["L2"] = result.L2[tau].rho[-k]
        for (name, rho), style in zip(at.items(), ("-", "--", ":"), strict=True):
            label = f"{name}, t = {t:g}" if k or name == "exact" else None
            line(grid, rho, axes[0, 0], color=f"C{k}", ls=style, label=label)
    axes[0, 0].set(ylabel="ρ", title=f"(a) one curve; steps of τ = {tau:g}")
    axes[0, 0].legend(fontsize="small")
    for k, name in enumerate(("Dirichlet energy ½∫|∇ρ|²", "minus the entropy ∫ρ log ρ")):
        ax = axes.flat[1 + k]
        ax.plot(result.exact.t, both_energies(result, result.exact)[k], "k", lw=1, label="exact")
        for runs, style, who in (
            (result.wasserstein, "o", "W2 steps"),
            (result.L2, "x", "L2 steps"),
        ):
            ax.plot(
                runs[tau].t, both_energies(result, runs[tau])[k], style, ms=5, mfc="none", label=who
            )
        ax.set(xlabel="t", ylabel="energy", title=f"({'bc'[k]}) {name}")
        ax.legend(fontsize="small")
    for runs, who in ((result.wasserstein, "W2 steps"), (result.L2, "L2 steps")):
        order(TAUS, distances(runs.values(), result.exact), axes[1, 1], slope=1, label=who)
    axes[1, 1].set(title="(d) both become the heat flow: order one", ylabel="L1 distance at t = 1")
    axes[1, 1].legend(fontsize="small")
    return sheet
