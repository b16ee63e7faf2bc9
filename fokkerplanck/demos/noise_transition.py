r"""More noise moves the most likely place to the top of the barrier.

Claim: with f = (x^2 - 1)^2/4 and D = 1 + x^2 the steady state at temperature T has the potential
Phi = x^2/2 - (1 - T) log(1 + x^2), which depends on T. Its minima x^2 = 1 - 2T move inwards and
meet at T = 1/2 in x = 0, a maximum of f. The Gibbs density of f has its modes at -1 and 1 always.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from fokkerplanck import plot, zoo
from fokkerplanck.demos.text import aligned, known
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.steady import steady_state

TITLE = "A noise-induced transition: the minima of Phi meet at a maximum of the loss"
QUICK = {"n": 120, "frames": 12}
BOX, COLD, HOT = (-3.0, 3.0), 0.05, 1.0
SHOWN = (0.1, 0.3, 0.5, 0.8)


@dataclass(frozen=True, eq=False)
class Result:
    """Densities by temperature, the right mode of each, the temperature at which modes meet."""

    grid: Grid
    temperatures: np.ndarray
    rho: np.ndarray  # (temperatures, cells)
    gibbs: np.ndarray
    modes: np.ndarray  # largest x at which rho has its maximum
    error: float  # of rho, largest over all temperatures and cells
    meeting: float


def compute(n=600, frames=96, seed=0, progress=False) -> Result:
    """Steady states on n cells at temperatures from 0.05 to 1."""
    temperatures = np.linspace(COLD, HOT, frames)
    grid = Grid([BOX], n)
    states = [_state(T, grid) for T in temperatures]
    rho = np.array([state.rho for state in states])
    exact = [zoo.noise_induced_transition(T).boxed([BOX]).rho(grid.x[0]) for T in temperatures]
    meeting = brentq(lambda T: _bend(_state(T, grid)), 0.3, 0.7, xtol=1e-9)
    return Result(
        grid, temperatures, rho, np.array([state.gibbs for state in states]),
        np.array([_mode(grid, state.Phi) for state in states]),
        float(np.abs(rho - exact).max()), meeting,
    )  # fmt: skip


def _state(T, grid):
    """Steady state at temperature T."""
    exact = zoo.noise_induced_transition(T)
    return steady_state(Problem(grid, exact.f, exact.D, kT=T, grad_f=exact.g))


def _mode(grid, Phi):
    """Least Phi at x >= 0, by a parabola through the cells around it."""
    (x,) = grid.centers
    right = x > 0
    k = np.flatnonzero(right)[np.argmin(Phi[right])]
    below, here, above = Phi[k - 1 : k + 2]
    return float(max(x[k] - (x[1] - x[0]) * (above - below) / (above - 2 * here + below) / 2, 0.0))


def _bend(state):
    """Second derivative of Phi at x = 0: 2T - 1."""
    (x,) = state.grid.centers
    near = np.argsort(np.abs(x))[:8]
    return float(np.polyfit(x[near], state.Phi[near], 6)[4])


def table(result) -> str:
    """Modes beside sqrt(1 - 2T)."""
    rows = [
        ("modes meet at T", f"{result.meeting:.6f}", "exact 1/2"),
        ("density, largest error", f"{result.error:.1e}", f"on {result.grid.size} cells, all T"),
    ]
    for T in SHOWN:
        k = int(np.argmin(np.abs(result.temperatures - T)))
        here = result.temperatures[k]
        exact = np.sqrt(max(1 - 2 * here, 0))
        rows.append(
            (
                f"mode at T = {here:.3f}",
                f"{result.modes[k]:.5f}",
                f"exact {exact:.5f}; of e^(-f/T) 1",
            )
        )
    return aligned(rows)


def figure(result):
    """Potentials, densities, and modes against temperature."""
    sheet = plot.canvas(12, 3.8)
    left, middle, right = sheet.subplots(1, 3)
    (x,) = result.grid.centers
    loss = known(zoo.noise_induced_transition(COLD).f)(x)
    plot.line(result.grid, loss, left, color="k", ls="--", label="f")
    for color, T in zip(("C0", "C2", "C1", "C3"), SHOWN, strict=True):
        k = int(np.argmin(np.abs(result.temperatures - T)))
        here, rho = result.temperatures[k], result.rho[k]
        Phi = -here * np.log(rho / rho.max())
        plot.line(result.grid, Phi, left, color=color, label=f"Φ, T = {here:.2g}")
        plot.line(result.grid, rho, middle, color=color, label=f"T = {here:.2g}")
    left.set(xlim=(-1.8, 1.8), ylim=(-0.02, 0.6), title="potential, least value 0")
    left.legend(fontsize="small", loc="upper center")
    middle.set(ylabel="density", title="steady state")
    middle.legend(fontsize="small")
    fine = np.linspace(0, HOT, 500)
    exact = np.sqrt(np.maximum(1 - 2 * fine, 0))
    for sign in (-1, 1):
        right.plot(fine, sign * exact, "k", lw=1, label="± sqrt(1 − 2T)" if sign > 0 else None)
        right.plot(
            result.temperatures, sign * result.modes, "C0.", ms=4,
            label="most likely places" if sign > 0 else None,
        )  # fmt: skip
        right.axhline(sign, color="C3", ls="--", lw=1, label="minima of f" if sign > 0 else None)
    right.set(xlabel="T", ylabel="x", ylim=(-1.3, 1.7), title="transition at T = 1/2")
    right.legend(fontsize="small")
    return sheet


def movie(result, path) -> Path:
    """Density and potential as the temperature rises."""
    top = 1.05 * float(max(result.rho.max(), result.gibbs.max()))

    def draw(ax, T, pair):
        rho, gibbs = pair
        plot.density(result.grid, rho, ax, label="ρ, with D = 1 + x²")
        plot.line(result.grid, gibbs, ax, color="k", ls="--", lw=1, label="e^(−f/T), with D = 1")
        mode = np.sqrt(max(1 - 2 * T, 0))
        ax.vlines([-mode, mode], 0, top, color="C3", lw=1, label="± sqrt(1 − 2T)")
        ax.set(xlim=(-2.2, 2.2), ylim=(0, top), ylabel="density")
        ax.legend(loc="upper center", fontsize="small")

    frames = zip(result.temperatures, zip(result.rho, result.gibbs, strict=True), strict=True)
    return plot.movie(list(frames), path, draw, fps=12, title="T = {t:.2f}", dpi=90)
