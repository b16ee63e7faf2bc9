"""JKO steps and Wasserstein distances by debiased entropic transport: cost and error.

``python -m tests.benchmarks.jko_entropic [--quick]`` prints the table. A step is measured in pairs
of scipy.fft's dctn and idctn (one worker) of the same size, in the same process, minima of several
repetitions; ours takes as many threads as numba has.
"""

import sys
import time

import numba
import numpy as np
from scipy import fft

import fokkerplanck as fp
from fokkerplanck.methods import Context
from fokkerplanck.methods.jko import Entropic
from tests.methods.jko.lagrangian_line import LagrangianLine

QUESTION = "JKO by entropic transport"
#: Cells, dimension, pairs aimed at.
STEPS = [(64, 2, None), (128, 2, None), (256, 2, 200), (512, 2, 300), (32, 3, None), (64, 3, 80)]
#: Cells along a side, Richardson or not, tau, L1 error aimed at.
ERRORS = [
    (96, False, 0.02, 5e-5), (192, False, 0.02, 5e-6), (192, False, 0.05, 5e-6),
    (96, True, 0.05, 1e-7),
]  # fmt: skip


def pair(shape, repetitions=7):
    """Seconds of a cosine transform there and back."""
    a, best = np.random.default_rng(0).random(shape), np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        fft.idctn(fft.dctn(a, workers=1), workers=1)
        best = min(best, time.perf_counter() - start)
    return best


def problem(n, dim):
    """Double well along x, parabolas along the others, and a start in one well."""
    grid = fp.Grid([(-3, 3)] * dim, n)
    V = (grid.x[0] ** 2 - 1) ** 2 + sum(x**2 / 2 for x in grid.x[1:])
    return fp.Problem(grid, f=V), fp.gaussian(grid, (-0.8, 0.5, 0.2)[:dim], 0.0625)


def step_row(n, dim, most, tau=0.1, repetitions=3, tolerance=None):
    """The second of two steps."""
    one, start = problem(n, dim)
    method = Entropic(tau, tolerance=tolerance)
    run = method.init(fp.Generator(one), Context(2 * tau))
    p = method.minimise(run, (start * one.grid.volume).ravel(), tau)
    seconds, before = np.inf, pair(one.grid.shape)
    for _ in range(repetitions):
        run.count.clear()
        begin = time.perf_counter()
        method.minimise(run, p, tau)
        seconds = min(seconds, time.perf_counter() - begin)
    pairs = seconds / min(before, pair(one.grid.shape))
    row = {
        "question": QUESTION,
        "case": f"one step, tau = {tau:g}, {n}^{dim}"
        + (f", tolerance {tolerance:g}" if tolerance else ""),
        "cells": n**dim,
        "who": f"Entropic, {numba.get_num_threads()} threads",
        "seconds_min": seconds,
        "pairs": pairs,
        "iterations": run.count["iterations"],
        "coarse iterations": run.count["coarse_iterations"],
    }
    if most is not None:
        row |= {
            "target": f"entropic JKO step on {n}^{dim} in at most {most} pairs of dctn and idctn",
            "reached": f"{pairs:.0f}", "met": bool(pairs <= most),
        }  # fmt: skip
    return row


def line(x, m, s, tau, a):
    """Density after a step in f = a (x^2 - 1)^2/4, kT = 1/2, from N(m, s^2)."""
    oracle = LagrangianLine(
        lambda y: np.exp(-((y - m) ** 2) / (2 * s * s)) / (s * np.sqrt(2 * np.pi)),
        m - 8 * s, m + 8 * s,
    )  # fmt: skip
    oracle.step(
        tau, 0.5, lambda x: a * (x * x - 1) ** 2 / 4, lambda x: a * x * (x * x - 1),
        lambda x: a * (3 * x * x - 1),
    )  # fmt: skip
    return oracle.density(x)


def error_row(n, richardson, tau, most):
    """L1 error on the product of two double wells."""
    grid = fp.Grid([(-3, 3), (-3, 3)], n)
    wells = fp.Problem(grid, f=lambda x, y: (x * x - 1) ** 2 / 4 + (y * y - 1) ** 2 / 2, beta=2.0)
    start = fp.gaussian(grid, (-0.4, 0.5), (0.16, 0.09))
    method = Entropic(tau, richardson=richardson, tolerance=1e-10)
    rho = fp.solve(wells, start, [0, tau], method, steady=False)[1]
    x, y = grid.centers
    right = line(x, -0.4, 0.4, tau, 1.0)[:, None] * line(y, 0.5, 0.3, tau, 2.0)
    error = float(grid.integrate(np.abs(rho - right)))
    name = "with Richardson" if richardson else "plain"
    return {
        "question": QUESTION,
        "case": f"two double wells, tau = {tau:g}, {n}^2",
        "cells": n * n,
        "who": f"Entropic, {name}",
        "error": error,
        "target": f"entropic JKO step on {n}^2, tau = {tau:g}, {name}: L1 error at most {most:g}",
        "reached": f"{error:.1e}",
        "met": bool(error <= most),
    }


def energy_row(tau, n=64):
    """Largest rise of the energy over five steps, relative."""
    grid = fp.Grid([(-2.5, 2.5), (-3, 3)], n)
    tilted = fp.Problem(grid, f=lambda x, y: 2 * (x * x - 1) ** 2 + y * y / 2 + x * y / 2, beta=3.0)
    start = fp.gaussian(grid, (-1, 0.5), (0.05, 0.09))
    stats = fp.solve(tilted, start, [0, 5 * tau], Entropic(tau), steady=False).stats
    return {
        "question": QUESTION,
        "case": f"energy over five steps, tau = {tau:g}, {n}^2",
        "cells": n * n,
        "who": "Entropic",
        "largest rise": stats["largest_rise"],
        "target": f"entropic JKO: energy falls at tau = {tau:g}",
        "reached": f"largest rise {stats['largest_rise']:.1e}",
        "met": bool(stats["largest_rise"] <= 0),
    }


def distance_row(n, most):
    """Bures distance of two Gaussians in a box of seven units each way."""
    grid = fp.Grid([(-7, 7), (-7, 7)], n)
    a = fp.gaussian(grid, (0, 0), [[1, 0.5], [0.5, 0.6]])
    b = fp.gaussian(grid, (0, 0), [[0.3, -0.2], [-0.2, 1.5]])
    fp.wasserstein(a, b, grid)
    start = time.perf_counter()
    w = fp.wasserstein(a, b, grid)
    seconds = time.perf_counter() - start
    error = abs(w.cost - 0.748488825598)
    row = {
        "question": QUESTION,
        "case": f"W2^2 of two Gaussians, {n}^2",
        "cells": n * n,
        "who": "wasserstein",
        "seconds_min": seconds,
        "pairs": seconds / pair(grid.shape),
        "iterations": w.stats["iterations"],
        "error": error,
        "estimate": w.error,
    }
    if most is not None:
        row |= {
            "target": f"W2^2 of Gaussians on {n}^2 within {most:g} of Bures",
            "reached": f"{error:.1e}", "met": bool(error <= most),
        }  # fmt: skip
    return row


def stream(quick=False):
    """Rows one by one."""
    for n, dim, most in STEPS:
        if not quick or n**dim <= 70_000:
            yield step_row(n, dim, most)
    if not quick:
        yield step_row(64, 3, None, tolerance=1e-6)
    for n, richardson, tau, most in ERRORS:
        if not quick or n < 192:
            yield error_row(n, richardson, tau, most)
    for tau in (1e-4, 1e-2, 1.0, 100.0):
        yield energy_row(tau)
    for n, most in [(96, 1e-6)] if quick else [(64, None), (96, 1e-6), (192, None)]:
        yield distance_row(n, most)


def rows(quick=False):
    """All rows, as dictionaries; small grids alone if quick."""
    return list(stream(quick))


if __name__ == "__main__":
    for row in stream("--quick" in sys.argv):
        words = [row["case"], row["who"]]
        words += [
            f"{name} {row[name]:.3g}"
            for name in ("seconds_min", "pairs", "iterations", "error", "largest rise")
            if name in row
        ]
        if "met" in row:
            words.append("met" if row["met"] else "MISSED")
        print(" | ".join(words), flush=True)
