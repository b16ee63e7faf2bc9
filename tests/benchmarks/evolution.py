"""Table of docs/how-to-choose.md: ``python tests/benchmarks/evolution.py`` (about two minutes).

A double well with f = (x^2 - 1)^2/4 + y^2/2, beta = 3, from a Gaussian in the left well. Errors are
L1 distances to uniformisation; times are over one run of scipy's expm_multiply in this process.
"""

import time

import numpy as np
from scipy.sparse.linalg import expm_multiply

import fokkerplanck as fp

QUESTION = "evolution"
LIMIT = (40.0, 600.0)  # seconds in quick and full mode
CASES = [(128, 0.1, 2), (128, 1, 2), (128, 10, 2), (256, 0.1, 2), (256, 1, 2), (32, 1, 3)]


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


def measure(n, t, d=2):
    """Records for one grid and one time: scipy's expm_multiply, then each method of ours."""
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
    base = {
        "question": QUESTION, "case": f"double well, t = {t:g}",
        "cells": "x".join(map(str, grid.shape)), "n_cells": grid.size, "repeats": 1,
    }  # fmt: skip
    yield base | {"who": "expm_multiply", "seconds_min": scipy_time, "over_expm_multiply": 1.0}
    for name, method in methods.items():
        spent, solution = seconds(lambda m=method: fp.solve(problem, start, [0, t], m))
        error = grid.integrate(np.abs(solution.rho[-1] - reference))
        yield base | {
            "who": name.strip("`"), "seconds_min": spent, "over_expm_multiply": spent / scipy_time,
            "error": float(error), "mass_error": float(abs(solution.mass[-1] - 1)),
            "min_rho": float(solution.min_rho[-1]), "t": t,
        }  # fmt: skip


def compile_kernels():
    """Small case first: compilation is not measured."""
    for method in (fp.Exponential(), fp.Exponential(kind="krylov"), fp.BackwardEuler(0.1)):
        problem = problem_of(16)
        fp.solve(problem, fp.uniform(problem.grid), [0, 0.1], method)


def rows(quick):
    """Records of all cases."""
    compile_kernels()
    return [row for case in (CASES[:1] if quick else CASES) for row in measure(*case)]


def line(row):
    """Line of the table."""
    return (
        f"| {row['cells']} | {row['t']:g} | `{row['who']}` | {row['over_expm_multiply']:.2f} "
        f"| {row['error']:.0e} | {row['mass_error']:.0e} | {row['min_rho']:.0e} |"
    )


if __name__ == "__main__":
    compile_kernels()
    print("| cells | t | method | time over expm_multiply | error | mass error | min rho |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        print("\n".join(line(row) for row in measure(*case) if "t" in row), flush=True)
