"""Table of docs/how-to-choose.md: ``python tests/benchmarks/evolution.py`` (about two minutes).

A double well with f = (x^2 - 1)^2/4 + y^2/2, beta = 3, from a Gaussian in the left well. Errors are
L1 distances to uniformisation; times are over one run of scipy's expm_multiply in this process.
"""

import time

import numpy as np
from scipy.sparse.linalg import expm_multiply

import fokkerplanck as fp


def problem_of(n, d=2):
    """Double well on n cells per axis."""
    box = [(-2.5, 2.5), (-4, 4), (-4, 4)][:d]
    return fp.Problem(
        fp.Grid(box, n),
        f=lambda *x: (x[0] ** 2 - 1) ** 2 / 4 + sum(u**2 for u in x[1:]) / 2,
        beta=3.0,
    )


def seconds(function):
    """Wall time of one call and what it returned."""
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def rows(n, t, d=2):
    """Lines of the table for one grid and one time."""
    problem = problem_of(n, d)
    grid = problem.grid
    start = fp.gaussian(grid, (-1.0, *[0.0] * (d - 1)), 0.04)
    matrix = fp.Generator(problem).matrix
    scipy_time, _ = seconds(lambda: expm_multiply(matrix * t, start.ravel()))
    methods = {
        "`Exponential()`": fp.Exponential(),
        '`Exponential(kind="krylov")`': fp.Exponential(kind="krylov"),
        f"`BackwardEuler({t / 100:g})`": fp.BackwardEuler(t / 100),
    }
    reference = fp.solve(problem, start, [0, t], fp.Exponential(kind="uniformisation")).rho[-1]
    for name, method in methods.items():
        spent, solution = seconds(lambda m=method: fp.solve(problem, start, [0, t], m))
        error = grid.integrate(np.abs(solution.rho[-1] - reference))
        yield (
            f"| {'x'.join(map(str, grid.shape))} | {t:g} | {name} | {spent / scipy_time:.2f} "
            f"| {error:.0e} | {abs(solution.mass[-1] - 1):.0e} | {solution.min_rho[-1]:.0e} |"
        )


if __name__ == "__main__":
    for method in (fp.Exponential(), fp.Exponential(kind="krylov"), fp.BackwardEuler(0.1)):
        problem = problem_of(16)
        fp.solve(problem, fp.uniform(problem.grid), [0, 0.1], method)  # compiled
    print("| cells | t | method | time over expm_multiply | error | mass error | min rho |")
    print("|---|---|---|---|---|---|---|")
    for n, t, d in [
        (128, 0.1, 2),
        (128, 1, 2),
        (128, 10, 2),
        (256, 0.1, 2),
        (256, 1, 2),
        (32, 1, 3),
    ]:
        print("\n".join(rows(n, t, d)), flush=True)
