"""Slide 5: local entropy f_gamma = -log(G_gamma * e^-f) prefers wide minima.

A sharp deep well at -1 and a wide one, less deep, at 1: e^-f = e^(-50(x+1)^2) + .6 e^(-2(x-1)^2).
G_gamma * is the heat equation rho_t = rho_xx / 2 run for the time gamma, which is done here by the
library and compared with the closed form. f_gamma solves the viscous Hamilton-Jacobi equation
d f/d gamma = f_xx / 2 - f_x^2 / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, known, observed_order
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.plot import canvas, line, order

SLIDE = Slide(
    5,
    "Tilting the Gibbs measure",
    "the minimiser of local entropy, argmax of G_gamma * e^-f, is a wide minimum of f rather than "
    "its sharp global one.",
)
QUICK = {"n": 500}
GAMMAS = (0.005, 0.02, 0.1, 0.5)
BOX, SEEN = (-5.5, 5.5), 2.5
STEPS = (0.04, 0.02, 0.01, 0.005)


@dataclass(frozen=True, eq=False)
class Result:
    """Heat flow of e^-f, errors of f_gamma on it and on half the cells, jumps, residuals."""

    heat: Solution
    errors: tuple[float, float]
    jump: float
    exact_jump: float
    gammas: np.ndarray  # of `argmins`
    argmins: np.ndarray
    residuals: np.ndarray  # of the Hamilton-Jacobi equation by step


def compute(n=2000, seed=0, progress=False) -> Result:
    """Heat flow on n cells and on half as many."""
    error, heat = zip(*(_flow(m) for m in (n // 2, n)), strict=True)
    gammas = np.geomspace(2e-3, 0.5, 120)
    argmins = np.array([zoo.local_entropy(gamma).points["argmin"][0, 0] for gamma in gammas])
    jump = brentq(lambda gamma: _advantage(heat[1], gamma), 0.01, 0.04, xtol=1e-9)
    residuals = np.array([_residual(step) for step in STEPS])
    exact = zoo.local_entropy().reference["gamma_jump"]
    return Result(heat[1], error, jump, exact, gammas, argmins, residuals)


def _loss(gamma):
    """The loss f_gamma in closed form."""
    return known(zoo.local_entropy(gamma).f)


def _flow(n):
    """Largest error of f_gamma within what is drawn, and the heat flow that has it."""
    grid = Grid([BOX], n)
    (x,) = grid.x
    start = np.exp(-_loss(0.0)(x))
    mass = grid.integrate(start)
    heat = solve(
        Problem(grid, kT=0.5), start / mass, [0.0, *GAMMAS], rtol=1e-9, progress=False, dense=True
    )
    seen = np.abs(x) < SEEN
    far = [
        np.abs(-np.log(rho * mass) - _loss(gamma)(x))[seen].max()
        for gamma, rho in zip(GAMMAS, heat.rho[1:], strict=True)
    ]
    return float(max(far)), heat


def _advantage(heat, gamma):
    """Least f_gamma of the sharp well minus that of the wide one, by parabolas through 3 cells."""
    f, (x,) = -np.log(heat.at(gamma)), heat.grid.x
    least = []
    for side in (x < 0, x > 0):
        k = np.flatnonzero(side)[np.argmin(f[side])]
        slope, bend = (f[k + 1] - f[k - 1]) / 2, f[k + 1] - 2 * f[k] + f[k - 1]
        least.append(f[k] - slope**2 / (2 * bend))
    return float(least[0] - least[1])


def _residual(step):
    """RMS of df/dgamma - f_xx/2 + f_x^2/2 by differences of second order, at gamma = 0.1."""
    x, gamma = np.linspace(-2, 2.5, 200), 0.1
    f = {s: _loss(gamma)(x + s * step) for s in (-1, 0, 1)}
    ends = [_loss(gamma + s * step)(x) for s in (-1, 1)]
    rate = (ends[1] - ends[0]) / (2 * step)
    slope, bend = (f[1] - f[-1]) / (2 * step), (f[1] - 2 * f[0] + f[-1]) / step**2
    return float(np.sqrt(np.mean((rate - bend / 2 + slope**2 / 2) ** 2)))


def finding(result) -> Finding:
    """It does, from a certain width on."""
    return Finding(
        "holds",
        f"the minimiser jumps from the sharp to the wide well at γ = {result.jump:.5f} "
        f"(exact {result.exact_jump:.7f}): G must be wide enough. f_γ solves the viscous "
        "Hamilton-Jacobi equation.",
    )


def table(result) -> str:
    """Errors, jump, residuals."""
    rows = [
        ("argmin jumps at γ", f"{result.jump:.6f}", f"exact {result.exact_jump:.8f}"),
        ("f_γ by the heat flow, largest error", f"{result.errors[1]:.1e}",
         f"on {result.heat.grid.size} cells, observed order {observed_order(result.errors):.2f}"),
    ]  # fmt: skip
    for step, residual in zip(STEPS, result.residuals, strict=True):
        rows.append((f"Hamilton-Jacobi residual, h = {step:g}", f"{residual:.1e}", ""))
    rows.append(("  its observed order", f"{observed_order(result.residuals):.2f}", "expected 2"))
    return aligned(rows)


def figure(result):
    """f_gamma; its argmin against gamma; the residual."""
    sheet = canvas(12, 3.6)
    left, middle, right = sheet.subplots(1, 3)
    grid, heat = result.heat.grid, result.heat
    mass = np.exp(-zoo.local_entropy(0.0).log_Z)
    for k, rho in enumerate(heat.rho):
        label = f"γ = {GAMMAS[k - 1]:g}" if k else "f"
        line(grid, -np.log(rho / mass), left, color="k" if not k else f"C{k - 1}", label=label)
    left.set(
        xlim=(-SEEN, SEEN), ylim=(-0.2, 6), ylabel=r"$f_\gamma$", title="local entropy by heat flow"
    )
    left.legend(fontsize="small")
    middle.semilogx(result.gammas, result.argmins, "k.", ms=4)
    middle.axvline(result.exact_jump, color="C3", lw=0.8, label=f"γ* = {result.exact_jump:.5f}")
    middle.set(xlabel="γ", ylabel=r"argmin of $f_\gamma$", title="from the sharp to the wide well")
    middle.legend()
    order(STEPS, result.residuals, right, slope=2)
    right.set(xlabel="h", ylabel="rms residual", title="Hamilton-Jacobi equation")
    return sheet
