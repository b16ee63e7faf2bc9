r"""A process that circulates is no gradient flow; what is left without the circulation is one.

Claim: the edge currents J of the steady state, upwinded, are a Markov chain that keeps rho_ss, and
so is what is left of the generator, with conductances kappa - |J|/2 >= 0, in detailed balance.
Strang's splitting of the two, uniformisation for the first and a JKO step for the second, is of
order two, positive, keeps rho_ss to rounding, and free energy falls at every step, circulation or
not. Here dx = -A x dt + sqrt(2 D) dW, A = [[1, 1.5], [-.5, 1]], D = [[1, .6], [.6, .5]].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.demos.runs import by_order, order_panel, order_rows
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import jko
from fokkerplanck.plot import canvas, colorbar, current, density, energy
from fokkerplanck.steady import SteadyState, steady_state

TITLE = "A JKO step for the reversible part, a Markov step for the circulation"
QUICK = {"n": 32}
END, STEPS = 0.5, (4, 8, 16, 32)
A, D = np.array([[1, 1.5], [-0.5, 1]]), np.array([[1, 0.6], [0.6, 0.5]])


@dataclass(frozen=True, eq=False)
class Result:
    """Steady state, exact flow, runs of both orders by number of steps, and of rho_ss itself."""

    problem: Problem
    steady: SteadyState
    exact: Solution
    first: dict[int, Solution]
    second: dict[int, Solution]
    kept: float  # L1 distance of rho_ss from itself after one step


def drift(x, y):
    """Linear drift -A x."""
    return -np.einsum("ik,k...->i...", A, np.stack([x, y]))


def compute(n=64, seed=0, progress=False) -> Result:
    """Run both orders with 4 to 32 steps on n x n cells."""
    progress = None if progress else False  # bars for what takes longer than a second
    grid = Grid([(-4, 4), (-4, 4)], n)
    problem = Problem(grid, drift=drift, D=D)
    steady = steady_state(problem, scheme="markov")
    start = gaussian(grid, (1.2, -1), 0.15)
    options = {"steady": steady, "progress": progress}
    both = by_order(problem, start, END, STEPS, **options)
    exact = solve(problem, start, np.linspace(0, END, 6), scheme="markov", **options)
    rest = solve(problem, steady.rho, END, jko.EdgeJKO(END, order=2), **options)
    kept = float(grid.integrate(np.abs(rest.rho[-1] - steady.rho)))
    return Result(problem, steady, exact, *both, kept)


def table(result) -> str:
    """All figures as text."""
    rows = [("entropy production of rho_ss", f"{result.steady.entropy_production:.3g}", "1/time")]
    rows += order_rows((result.first, result.second), result.exact, lambda k: f"{END / k:.4g}")
    least = min(run.min_rho.min() for run in result.second.values())
    rows.append(("least density", f"{least:.0e}", "positive, nothing is clipped"))
    rows.append(("rho_ss after one step, L1", f"{result.kept:.0e}", "kept to rounding"))
    return aligned(rows)


def figure(result):
    """Steady state with its circulation, the density on its way, free energy, order."""
    sheet = canvas(13, 3.6)
    axes = sheet.subplots(1, 4, width_ratios=[1, 1, 1.3, 1.3])
    grid, exact = result.problem.grid, result.exact
    density(grid, result.steady.rho, axes[0])
    current(result.steady, axes[0], cutoff=1e-3, spacing=1.2)
    axes[0].set_title("at rest, with its circulation")
    mesh = density(grid, result.second[STEPS[0]].rho[-1], axes[1])
    axes[1].set_title(f"t = {END:g}, {STEPS[0]} steps of order 2")
    colorbar(mesh, "density", axes[1])
    for k in STEPS[:2]:
        energy(result.second[k], axes[2], marker="x", label=f"order 2, τ = {END / k:g}")
    axes[2].plot(exact.t, exact.free_energy, "k^", ms=5, mfc="none", label="exact")
    axes[2].set(ylabel="F(ρ)", title="free energy falls all the same")
    axes[2].legend(fontsize="x-small")
    order_panel(axes[3], (result.first, result.second), exact, END)
    return sheet
