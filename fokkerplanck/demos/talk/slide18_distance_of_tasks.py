"""Slide 18: how different two tasks are to SGD.

An interpretation of ours: the slide asks a question and gives no formula. The same two weights are
trained on two pairs of species by the same SGD; the distance of the tasks is that of their steady
states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sgd
from fokkerplanck.demos.sgd import model
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.observables import kl
from fokkerplanck.plot import canvas, density
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.transport import wasserstein

SLIDE = Slide(
    18,
    "How different are cats and dogs, really?",
    "a question, without a formula: the noise and the steady state of SGD might answer it.",
)
QUICK = {"n": 48}
TASKS = (("setosa", "versicolor"), ("versicolor", "virginica"), ("setosa", "virginica"))
ETA, BATCH, WEIGHT_DECAY = 0.5, 2, 0.05
BOX = ((-1.3, 1.7), (1.2, 2.5))


@dataclass(frozen=True, eq=False)
class Result:
    """Steady states by task, noise at their modes, distances between the first and the others."""

    steady: dict[tuple[str, str], SteadyState]
    noise: dict[tuple[str, str], sgd.NoiseSpectrum]
    far: dict[tuple[str, str], tuple[float, float, float]]  # W2, KL there, KL back


def compute(n=72, seed=0, progress=False) -> Result:
    """Find the steady state of SGD on every task."""
    grid = Grid(BOX, n)
    steady, noise, far = {}, {}, {}
    for pair in TASKS:
        regression = model(pair, WEIGHT_DECAY)
        problem = Problem.from_samples(
            grid, regression.losses, None, ETA, BATCH, grad_losses=regression.grad_losses
        )
        steady[pair] = steady_state(problem)
        mode = grid.x.reshape(2, -1)[:, np.argmax(steady[pair].rho)]
        noise[pair] = sgd.noise_spectrum(regression.grad_losses(mode[:, None])[..., 0])
    first = steady[TASKS[0]]
    for pair in TASKS[1:]:
        other = steady[pair]
        far[pair] = (
            wasserstein(first.rho, other.rho, grid).distance,
            kl(first.rho, other.log_rho, grid, log=True),
            kl(other.rho, first.log_rho, grid, log=True),
        )
    return Result(steady, noise, far)


def finding(result) -> Finding:
    """Distances, as an interpretation."""
    (near, *near_kl), (wide, *wide_kl) = (result.far[pair] for pair in TASKS[1:])
    return Finding(
        "shown",
        "an interpretation of ours: between the steady states of SGD on pairs of species W2 is "
        f"{near:.2f} and {wide:.2f}, KL {near_kl[0]:.1f} and {wide_kl[0]:.1f} one way, "
        f"{near_kl[1]:.1f} and {wide_kl[1]:.1f} back.",
    )


def table(result) -> str:
    """Noise of each task and distances."""
    rows = []
    for pair, spectrum in result.noise.items():
        low, high = spectrum.eigenvalues[::-1]
        rows.append(
            (f"{pair[0]}, {pair[1]}: trace of D", f"{spectrum.trace:.3g}",
             f"at the mode; eigenvalues {high:.2g} and {low:.2g}")
        )  # fmt: skip
    for pair, (distance, there, back) in result.far.items():
        rows.append(
            (f"W2 from the first to {pair[0]}, {pair[1]}", f"{distance:.3f}",
             f"KL {there:.3g} one way, {back:.3g} the other: no distance")
        )  # fmt: skip
    return aligned(rows)


def figure(result):
    """Steady states of the tasks in one box."""
    sheet = canvas(11, 2.3)
    axes = sheet.subplots(1, 3, sharey=True)
    axes[0].set_ylabel("weight of petal length")
    for ax, (pair, state) in zip(axes, result.steady.items(), strict=True):
        ax.set(xlabel="weight of sepal length", ylabel=ax.get_ylabel() or " ")
        density(state.grid, state.rho, ax)
        ax.set_title(f"{pair[0]} or {pair[1]}")
    return sheet
