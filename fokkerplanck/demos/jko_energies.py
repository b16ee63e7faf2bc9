r"""Other energies, other metrics, the same minimising movement.

Claims: (a) the Wasserstein flow of int rho^m/(m - 1) is the porous medium equation
rho_t = (rho^m)_xx; for m = 2 Barenblatt's profile of mass 1 has its front at 2.080083823 t^(1/3).
(b) Attraction by W(x) = |x|^2/2 and diffusion of temperature T balance in a Gaussian of variance T.
(c) With density at most 1 (a crowd), mass that is pulled to one place makes a plateau. (d) In the
metric of Fisher and Rao the same free energy decreases without transport: mass fades out here and
in there, rho(t) ~ pi^(1-e^(-t/beta)) rho0^(e^(-t/beta)), and nothing has to cross the barrier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import energies
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import jko
from fokkerplanck.plot import canvas, line
from fokkerplanck.steady import steady_state

TITLE = "Minimising movements of other energies, and in another metric"
QUICK = {"n": 200}
T0, T1 = 0.1, 1.0  # times of the porous medium
KT = 0.25


@dataclass(frozen=True, eq=False)
class Result:
    """One run for each claim, and the target of the last."""

    porous: Solution
    attraction: Solution
    crowd: Solution
    transport: Solution
    fading: Solution
    rest: np.ndarray


def barenblatt(grid, t):
    """Barenblatt's solution of rho_t = (rho^2)_xx, of mass 1, at the cell centres."""
    C, a, k = 0.360562392577, 1 / 3, 1 / 12
    rho = t**-a * np.maximum(C - k * grid.x[0] ** 2 * t ** (-2 * a), 0)
    return rho / grid.integrate(rho)


def compute(n=400, seed=0, progress=False) -> Result:
    """Run all five on n cells."""
    progress = None if progress else False  # bars for what takes longer than a second
    grid = Grid([(-4, 4)], n)
    still = Problem(grid)
    options = {"steady": False, "progress": progress}

    def run(start, t, energy, tau, scheme=jko.Lagrangian):
        return solve(still, start, t, scheme(tau, energy=energy), **options)

    pull = energies.Interaction(lambda x: x**2 / 2)
    bumps = (3 * gaussian(grid, -2, 0.1) + 4 * gaussian(grid, 1.5, 0.1)) / 7  # of mean 0
    crowd = energies.Congestion(1.0) + energies.Potential(lambda x: x**2 / 2)
    wells = Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, kT=0.025)
    left = gaussian(grid, -1, 0.02)
    later = np.array([0.0, 50, 100, 200, 400])
    t = np.array([0.0, 0.5, 1, 2, 4])
    rest = steady_state(wells)
    return Result(
        porous=run(barenblatt(grid, T0), np.linspace(T0, T1, 5), energies.PorousMedium(2), 0.01),
        attraction=run(bumps, t, energies.Entropy(KT) + pull, 0.02, jko.ExactW2),
        crowd=run(gaussian(grid, 1.5, 0.3), t, crowd, 0.02),
        transport=solve(wells, left, later, jko.ExactW2(5.0), steady=rest, progress=progress),
        fading=solve(wells, left, later, jko.FisherRao(5.0), steady=rest, progress=progress),
        rest=rest.rho,
    )


def front(grid, rho, threshold=1e-3):
    """Where the density falls below a part of its maximum, at the right, between cell centres."""
    level = threshold * rho.max()
    k = np.nonzero(rho > level)[0][-1]
    part = (rho[k] - level) / (rho[k] - rho[k + 1])
    return float(grid.x[0][k] + part * (grid.x[0][k + 1] - grid.x[0][k]))


def variance(grid, rho):
    """Variance of a density on a line."""
    x = grid.x[0]
    return float(grid.integrate(rho * x**2) - grid.integrate(rho * x) ** 2)


def right_half(solution):
    """Mass at x > 0 at each output time."""
    x = solution.grid.x[0]
    return solution.grid.integrate(np.where(x > 0, solution.rho, 0.0))


def table(result) -> str:
    """All figures as text."""
    grid = result.porous.grid
    exact = barenblatt(grid, T1)
    L1 = float(grid.integrate(np.abs(result.porous.rho[-1] - exact)))
    C, k = 0.360562392577, 1 / 12
    threshold = 1e-3  # where Barenblatt's parabola is this part of its top
    closed = np.sqrt(C / k * (1 - threshold)) * T1 ** (1 / 3)
    rises = max(
        float(np.diff(run.stats["energy"]).max()) for run in vars(result).values()
        if isinstance(run, Solution)
    )  # fmt: skip
    rows = [
        ("porous medium, front at t = 1", f"{front(grid, result.porous.rho[-1]):.4f}",
         f"Barenblatt {closed:.4f}"),
        ("porous medium, L1 at t = 1", f"{L1:.1e}", "to Barenblatt's profile"),
        ("attraction, variance at t = 4", f"{variance(grid, result.attraction.rho[-1]):.4f}",
         f"equilibrium kT = {KT:g}"),
        ("crowd, largest density", f"{result.crowd.rho[1:].max():.6f}", "at most 1"),
        ("crowd, length of the plateau",
         f"{np.count_nonzero(result.crowd.rho[-1] > 0.5) * float(grid.h[0]):.3f}", "mass 1: 1"),
        ("over the barrier by t = 400", f"{right_half(result.transport)[-1]:.1e}",
         f"Wasserstein; Fisher-Rao {right_half(result.fading)[-1]:.2f}"),
        ("largest change of any energy", f"{rises:.0e}", "all fall, at every step"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Five panels: the four claims, the last in two metrics."""
    sheet = canvas(14, 6.6)
    axes = sheet.subplots(2, 3)
    panels = [
        (result.porous, "(a) porous medium, m = 2"),
        (result.attraction, "(b) attraction |x|²/2 and diffusion"),
        (result.crowd, "(c) crowd, ρ ≤ 1, pulled to 0"),
        (result.transport, "(d) free energy, Wasserstein: the barrier holds"),
        (result.fading, "(e) free energy, Fisher-Rao: nothing crosses it"),
    ]
    for ax, (solution, title) in zip(axes.flat, panels, strict=False):
        count = len(solution)
        for k, (t, rho) in enumerate(zip(solution.t, solution.rho, strict=True)):
            line(solution.grid, rho, ax, color=f"{0.75 - 0.75 * k / (count - 1):.2f}",
                 lw=1.2, label=f"t = {t:.3g}")  # fmt: skip
        ax.set(title=title, ylabel="ρ")
    grid = result.porous.grid
    line(grid, barenblatt(grid, T1), axes[0, 0], color="C3", ls="--", label="Barenblatt, t = 1")
    rest = np.exp(-(grid.x[0] ** 2) / (2 * KT))
    line(grid, rest / grid.integrate(rest), axes[0, 1], color="C3", ls="--", label="N(0, kT)")
    for ax in axes[1, :2]:
        line(grid, result.rest, ax, color="C3", ls="--", label="at rest")
        ax.set(xlim=(-2, 2))
    for ax in axes.flat[:5]:
        ax.legend(fontsize="x-small")
    last = axes[1, 2]
    for solution, name in ((result.transport, "Wasserstein"), (result.fading, "Fisher-Rao")):
        last.plot(solution.stats["energy_t"], solution.stats["energy"], label=name)
    last.set(title="(f) the same free energy falls in both", xlabel="t", ylabel="F(ρ)")
    last.legend(fontsize="small")
    return sheet
