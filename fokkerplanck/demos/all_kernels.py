"""Calls of every kernel on small problems: what ``fokkerplanck warmup`` runs."""

from __future__ import annotations

import numpy as np

from fokkerplanck import sgd
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.kernels import threads
from fokkerplanck.methods import JKO
from fokkerplanck.steady import steady_state
from fokkerplanck.transport import wasserstein


def compute() -> None:
    """Compile all kernels by calls of them, alone and with threads."""
    for large in dict.fromkeys((threads.LARGE, 1)):
        with threads.LargeFrom(large):
            _call_all()


def _call_all() -> None:
    """Call every kernel in one, two and three dimensions."""
    for d in (1, 2, 3):
        grid = Grid([(-2, 2)] * d, 8)
        tensor = np.eye(d) + 0.3 * (np.ones((d, d)) - np.eye(d))
        # A well and a rotation, so that the kernels of currents and of full tensors run too.
        drift = -np.eye(d) + np.triu(np.ones((d, d)), 1) - np.tril(np.ones((d, d)), -1)

        def flow(*x: Array, drift: Array = drift) -> Array:
            return np.einsum("ik,k...->i...", drift, np.stack(x))

        problem = Problem(grid, drift=flow, D=tensor)
        steady_state(problem)
        start = gaussian(grid, 0.5, 0.5)
        solve(problem, start, [0, 0.1], progress=False)
        solve(problem, start, [0, 0.1], JKO(0.1, order=2), progress=False)
        if d < 3:
            solve(Problem(grid), start, [0, 0.1], JKO(0.1), progress=False)
            wasserstein(start, gaussian(grid, 0, 0.5), grid)
    row, target = np.eye(1, 2), np.ones(1)
    for model in (sgd.LeastSquares(row, target), sgd.Logistic(row, target)):
        sgd.run(model, [0.0, 0.0], 0.1, 1, 2, n_particles=2)
