"""Slide 22: the A-type decomposition of Example 19, with both divergences, and simulated.

g = (D + Q) grad Phi - T div(D + Q), Q from the stream function. The residual with the row
divergence falls as h^2; with columns it stays. The process of drift -(D + Q) grad Phi + T div(D+Q),
in Ito's sense, is then solved and simulated as a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sde, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, moments
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.zeros import Spline
from fokkerplanck.plot import canvas, colorbar, order, signed
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.theorems import Verdict, a_type, a_type_drift, a_type_residual

SLIDE = Slide(
    22,
    "Most likely locations are not the critical points of the original loss",
    "with grad f = (D + Q) grad Phi - div(D + Q)/beta, the A-type equation with the forces D grad "
    "Phi and Q grad Phi has the same Fokker-Planck equation and steady state as SGD.",
)
QUICK = {"n": 64, "n_particles": 4000, "t": 4.0}
POINT = (0.3, 0.4)
WINDOW = 2.4


@dataclass(frozen=True, eq=False)
class Result:
    """States on three grids by n, rms residuals (row, column) and distances, particles."""

    sizes: tuple[int, ...]
    state: SteadyState
    twin: SteadyState
    residual: dict[str, np.ndarray]
    distance: np.ndarray
    at_point: dict[str, np.ndarray]
    forgotten: float  # distance of the steady states without T div Q in the drift
    verdict: Verdict
    cov: np.ndarray
    cov_error: np.ndarray
    cov_grid: np.ndarray


def compute(n=128, n_particles=40_000, t=6.0, seed=0, progress=False) -> Result:
    """Decompose on n/4, n/2 and n cells; simulate the process of the finest."""
    exact, sizes = zoo.example_19(0.5), (n // 4, n // 2, n)
    residual: dict[str, list[float]] = {"row": [], "column": []}
    distance = []
    for m in sizes:  # the state of the last, finest grid is used below
        problem = exact.build(m)
        state = steady_state(problem, scheme="log")  # coarser grids bear it too
        verdict = a_type(problem, state)
        for word, values in residual.items():
            values.append(verdict.numbers[f"residual, {word}"])
        distance.append(verdict.numbers["distance"])
    grid, D, beta = state.grid, problem.D, problem.beta
    twin_problem = Problem(grid, drift=a_type_drift(state), D=D, beta=beta)
    twin = steady_state(twin_problem)
    plain = -np.einsum("ik...,k...->i...", D + np.asarray(state.Q), _slope(state))
    other = steady_state(Problem(grid, drift=plain, D=D, beta=beta))
    start = sde.from_density(grid, state.rho, n_particles, seed=seed)
    paths = sde.simulate(twin_problem, start, t=t, dt=0.01, seed=seed, burn_in=100, thin=50)
    at = {
        word: Spline(a_type_residual(state, word), grid).value(np.array(POINT)[:, None])[:, 0]
        for word in residual
    }
    return Result(
        sizes, state, twin, {k: np.array(v) for k, v in residual.items()}, np.array(distance), at,
        float(grid.integrate(np.abs(other.rho - state.rho))), verdict, paths.cov, paths.cov_error,
        moments(grid, state.rho)[1],
    )  # fmt: skip


def _slope(state):
    """Gradient of Phi by central differences."""
    return np.stack(np.gradient(state.Phi, *state.grid.centers, edge_order=2))


def finding(result) -> Finding:
    """With rows."""
    row, column = (result.residual[word][-1] for word in ("row", "column"))
    return Finding(
        "holds",
        f"with the row divergence the residual falls as h^2, to {row:.3f} of "
        f"rms; with the column divergence, as it is worded, it stays at {column:.2f}. The Ito "
        f"process with + div(D + Q)/beta has the same steady state (L1 distance "
        f"{result.distance[-1]:.0e}); without div Q it is {result.forgotten:.2f} off.",
    )


def table(result) -> str:
    """Residuals, orders, the second steady state, particles."""
    rows = []
    for word in ("row", "column"):
        values = result.residual[word]
        slope = np.log2(values[-2] / values[-1])
        rows += [
            (f"rms residual, {word} divergence, {m}^2", f"{u:.4f}", "")
            for m, u in zip(result.sizes, values, strict=True)
        ]
        rows.append((f"  order, {word}", f"{slope:.2f}", "2 if the equation holds"))
        x = result.at_point[word]
        exact = {"row": "0, 0", "column": "-0.12, 0.67"}[word]
        rows.append((f"  at {POINT}", f"{x[0]:.3f}, {x[1]:.3f}", f"exact {exact}"))
    slope = np.log2(result.distance[-2] / result.distance[-1])
    rows += [
        ("L1 of the two steady states", f"{result.distance[-1]:.1e}", f"order {slope:.2f}"),
        ("  without T div Q in the drift", f"{result.forgotten:.3f}", "another process"),
        ("verdict", result.verdict.outcome, f"gap {result.verdict.gap:.1e}, error "
         f"{result.verdict.error:.1e}"),
        ("Var x of particles", f"{result.cov[0, 0]:.4f}", f"+- {result.cov_error[0, 0]:.4f}, grid "
         f"{result.cov_grid[0, 0]:.4f}"),
        ("Var y of particles", f"{result.cov[1, 1]:.4f}", f"+- {result.cov_error[1, 1]:.4f}, grid "
         f"{result.cov_grid[1, 1]:.4f}"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Both residuals on one scale, and how they change with the cells."""
    sheet = canvas(13.5, 4.0)
    axes = sheet.subplots(1, 3, width_ratios=[1, 1, 1.1])
    grid = result.state.grid
    shown = np.exp(result.state.log_rho - result.state.log_rho.max()) > 1e-4
    for ax, word in zip(axes, ("row", "column"), strict=False):
        field = a_type_residual(result.state, word)[1]
        mesh = signed(grid, np.where(shown, field, np.nan), ax, limit=1.0)
        ax.set_title(f"{word} divergence: rms residual {result.residual[word][-1]:.2g}")
        ax.set(xlim=(-WINDOW, WINDOW), ylim=(-WINDOW - 0.6, WINDOW + 0.6))
    colorbar(mesh, "(D+Q)∇Φ − T div(D+Q) − g, along y", axes[1])
    h = [(grid.box[0][1] - grid.box[0][0]) / m for m in result.sizes]
    order(h, result.residual["row"], axes[2], slope=2, label="residual, rows")
    order(h, result.residual["column"], axes[2], label="residual, columns")
    order(h, result.distance, axes[2], label="L1 of the steady states")
    axes[2].set(xlabel="cell width along x", ylabel="", title="the equation and the process")
    axes[2].legend(fontsize="small")
    return sheet
