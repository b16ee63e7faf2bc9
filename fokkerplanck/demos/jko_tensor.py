r"""JKO for a diffusion tensor that turns from place to place, on the grid's own graph.

Claim: with the metric D(x)^-1 (Lisini 2009) the Fokker-Planck equation with any D(x) and detailed
balance is a gradient flow of the free energy, and its steps can be made on the edge list: backward
Euler is the JKO step with the mobilities frozen at its own solution, of order one; with those of
the middle of the step three stages are of order two. Free energy falls at every step, however long.
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
from fokkerplanck.plot import canvas, colorbar, density, energy

TITLE = "JKO steps in the metric of a turning diffusion tensor"
QUICK = {"n": 32}
END, STEPS, BETA = 1.0, (4, 8, 16, 32), 2.0


@dataclass(frozen=True, eq=False)
class Result:
    """The exact flow and the runs of both schemes by number of steps."""

    problem: Problem
    exact: Solution
    first: dict[int, Solution]
    second: dict[int, Solution]
    long: Solution  # one step of length 100


def tensor(x, y):
    """Eigenvalues 1 and 0.15, axes that turn with x + y."""
    c, s, small = np.cos(x + y), np.sin(x + y), 0.15
    off = (1 - small) * c * s
    return np.array([[c * c + small * s * s, off], [off, s * s + small * c * c]])


def compute(n=64, seed=0, progress=False) -> Result:
    """Run both schemes with 4 to 32 steps on n x n cells."""
    progress = None if progress else False  # bars for what takes longer than a second
    grid = Grid([(-3, 3), (-3, 3)], n)
    problem = Problem.from_potential(grid, lambda x, y: (x**2 - 1) ** 2 / 4 + y**2, tensor, BETA)
    start = gaussian(grid, (-1, 1), 0.15)
    both = by_order(problem, start, END, STEPS, progress=progress)
    exact = solve(problem, start, np.linspace(0, END, 3), progress=progress)
    long = solve(problem, start, [0, 100.0], jko.EdgeJKO(100.0, order=2), progress=progress)
    return Result(problem, exact, *both, long)


def table(result) -> str:
    """All figures as text."""
    rows = order_rows((result.first, result.second), result.exact, lambda k: f"1/{k}")
    E = result.long.stats["energy"]
    rows.append(("F before and after one step of 100", f"{E[0]:.3f}", f"{E[-1]:.1e}"))
    return aligned(rows)


def figure(result):
    """Start, end, free energy at the steps, order."""
    sheet = canvas(13, 3.6)
    axes = sheet.subplots(1, 4, width_ratios=[1, 1, 1.3, 1.3])
    grid, exact = result.problem.grid, result.exact
    for ax, k, words in ((axes[0], 0, "start"), (axes[1], -1, f"t = {END:g}")):
        mesh = density(grid, exact.rho[k], ax)
        ax.set_title(words)
        skip = max(1, grid.shape[0] // 9)
        part = (slice(skip // 2, None, skip),) * 2
        D = result.problem.D[(slice(None), slice(None), *part)]
        _, vectors = np.linalg.eigh(np.moveaxis(D, (0, 1), (-2, -1)))
        u, v = vectors[..., 0, 1], vectors[..., 1, 1]
        style = {"headwidth": 1, "headlength": 0, "headaxislength": 0, "pivot": "mid"}
        ax.quiver(*grid.x[(slice(None), *part)], u, v, color="C3", alpha=0.7, scale=14, **style)
    colorbar(mesh, "density", axes[1])
    for k in STEPS[:2]:
        energy(result.first[k], axes[2], label=f"order 1, τ = 1/{k}")
        energy(result.second[k], axes[2], marker="x", label=f"order 2, τ = 1/{k}")
    axes[2].plot(exact.t, exact.free_energy, "k^", ms=5, mfc="none", label="exact")
    axes[2].set(ylabel="F(ρ)", title="free energy falls at every step")
    axes[2].legend(fontsize="x-small")
    order_panel(axes[3], (result.first, result.second), exact, END)
    sheet.suptitle("Red: the strong direction of D(x)")
    return sheet
