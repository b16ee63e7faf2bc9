"""Implicit time stepping: work against error, and what the limiter costs.

``python tests/benchmarks/implicit.py`` prints three tables, each about a minute (``work``,
``limiter`` or ``peclet``: one of them; ``--quick``: small grids, seconds).
First a double well with f = (x^2 - 1)^2/4 + y^2/2, beta = 3, box [-2.5, 2.5] x [-4, 4], from a
Gaussian at (-1, 0) of standard deviation 0.2: ``Implicit`` against SDIRK4 written by hand with one
SuperLU factorisation, and against scipy's BDF. Errors are L1 distances to uniformisation on the
same grid.
Then a rotating Ornstein-Uhlenbeck process with tilted noise of condition number 100 at t = 0.5,
100 steps: ``FluxCorrected`` against the Markov generator by SDIRK2 with the same steps. Errors are
L1 distances to the closed form.
Last rotation and pull with kT = 0.001 at t = 0.5, cells of Peclet number 120 and 60: the default of
``solve``, ``FluxCorrected`` and the Markov generator, against the closed form.
"""

import sys
import time

import numpy as np
from scipy.integrate import solve_ivp
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg.factors import ImplicitFactor

# Butcher matrix of SDIRK4 (Hairer and Wanner, Solving ODEs II, table IV.6.5), gamma = 1/4.
SDIRK4 = np.array([
    [1 / 4, 0, 0, 0, 0],
    [1 / 2, 1 / 4, 0, 0, 0],
    [17 / 50, -1 / 25, 1 / 4, 0, 0],
    [371 / 1360, -137 / 2720, 15 / 544, 1 / 4, 0],
    [25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4],
])  # fmt: skip
GAMMA = 1 - np.sqrt(0.5)


def timed(function, repetitions):
    """Least wall time of several calls, and what the last one returned."""
    best, value = np.inf, None
    for _ in range(repetitions):
        start = time.perf_counter()
        value = function()
        best = min(best, time.perf_counter() - start)
    return best, value


def sdirk4(A, p, t, steps):
    """Equal steps by hand: one factorisation, five solves a step."""
    h = t / steps
    lu = splu(
        csc_array(eye_array(p.size) - h / 4 * A), permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    for _ in range(steps):
        slopes = []
        for row in SDIRK4:
            y = p + h * sum((a * k for a, k in zip(row, slopes, strict=False)), np.zeros(p.size))
            slopes.append(A @ lu.solve(y))
        p = p + h * sum(a * k for a, k in zip(SDIRK4[-1], slopes, strict=True))
    return p


def bdf(A, p, t, tolerance):
    """Scipy's BDF, absolute tolerance per cell."""
    run = solve_ivp(
        lambda _, y: A @ y, (0, t), p, "BDF", jac=csc_array(A), rtol=tolerance,
        atol=tolerance * p.max() * 1e-2, t_eval=[t],
    )  # fmt: skip
    return run.y[:, -1]


def work_rows(n, t, tolerances, repetitions):
    """Rows of the first table for one grid and one time."""
    problem = fp.Problem(
        fp.Grid([(-2.5, 2.5), (-4, 4)], n),
        f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2,
        beta=3.0,
    )
    grid = problem.grid
    start = fp.gaussian(grid, (-1.0, 0.0), 0.04)
    exact = fp.solve(problem, start, [0, t], steady=False)[1].ravel() * grid.volume
    p, A = (start * grid.volume).ravel(), fp.Generator(problem).matrix
    runs = [(f"SDIRK4, {k} steps", lambda k=k: sdirk4(A, p, t, k)) for k in (4, 6, 12, 40, 120)]
    runs += [(f"BDF, rtol {tol:g}", lambda tol=tol: bdf(A, p, t, tol)) for tol in tolerances[:2]]

    def ours(tol, steady):
        method = fp.Implicit(tolerance=tol)
        s = fp.solve(problem, start, [0, t], method, steady=steady)
        return s[1].ravel() * grid.volume

    runs += [(f"Implicit, {tol:g}", lambda tol=tol: ours(tol, False)) for tol in tolerances]
    for name, function in runs:
        seconds, value = timed(function, 1 if name.startswith("BDF") else repetitions)
        yield {
            "table": "work",
            "cells": n**2,
            "t": t,
            "method": name,
            "seconds": seconds,
            "error": float(np.abs(value - exact).sum()),
            "mass_error": float(abs(value.sum() - 1)),
            "min_rho": float(value.min() / grid.volume),
        }


def tilted():
    """Rotating Ornstein-Uhlenbeck process, D of condition number 100 turned by 30 degrees."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    R = np.array([[c, -s], [s, c]])
    D = R @ np.diag([1, 0.01]) @ R.T
    F = [[1.0, -2.0], [2.0, 1.0]]
    return zoo.ornstein_uhlenbeck(F, D, 0.25, mean0=(1.0, 0.0), cov0=0.05)


def plain(problem, start, t, steps):
    """SDIRK2 on the Markov generator, refined as in the library."""
    generator, grid = fp.Generator(problem), problem.grid
    solver = ImplicitFactor(generator, GAMMA * t / steps)
    p = (start * grid.volume).ravel()
    for _ in range(steps):
        first = solver.solve(p)
        second = solver.solve(first)
        p = (2 - 1 / GAMMA) * first + (1 / GAMMA - 1) * second
    return (p / grid.volume).reshape(grid.shape)


def limiter_rows(n, repetitions, steps=100, t=0.5):
    """Rows of the second table for one grid."""
    exact = tilted()
    problem = exact.build(n)
    grid = problem.grid
    start = fp.gaussian(grid, exact.mean_t(0.0), exact.cov_t(0.0))
    right = exact.rho_t(t, *grid.x)
    runs = {
        "Markov generator, SDIRK2": lambda: plain(problem, start, t, steps),
        "BackwardEuler": lambda: fp.solve(
            problem, start, [0, t], fp.BackwardEuler(t / steps), steady=False
        )[1],
        "FluxCorrected, central": lambda: fp.solve(
            problem, start, [0, t], fp.FluxCorrected(t / steps, "central"), steady=False
        )[1],
        "FluxCorrected": lambda: fp.solve(
            problem, start, [0, t], fp.FluxCorrected(t / steps), steady=False
        )[1],
    }
    yield from _measured("limiter", grid, t, runs, right, repetitions)


def peclet_rows(n, repetitions, t=0.5):
    """Rows of the third table for one grid."""
    grid = fp.Grid([(-1, 1), (-1, 1)], n)
    problem = fp.Problem(grid, drift=lambda x, y: (-x - 5 * y, 5 * x - y), kT=1e-3)
    start, turned = fp.gaussian(grid, (0.6, 0), 0.01), 0.6 * np.exp(-t)
    mean = turned * np.cos(5 * t), turned * np.sin(5 * t)
    right = fp.gaussian(grid, mean, 1e-3 + 9e-3 * np.exp(-2 * t))
    options = {
        "rotation, Markov generator": {"scheme": "markov"},
        "rotation, default": {},
        "rotation, FluxCorrected()": {"method": fp.FluxCorrected()},
        "rotation, FluxCorrected(0.005, central)": {"method": fp.FluxCorrected(0.005, "central")},
    }
    runs = {
        name: lambda given=given: fp.solve(problem, start, [0, t], steady=False, **given)[1]
        for name, given in options.items()
    }
    yield from _measured("peclet", grid, t, runs, right, repetitions)


def _measured(table, grid, t, runs, right, repetitions):
    """Rows of runs that end at a density known in closed form."""
    for name, function in runs.items():
        seconds, rho = timed(function, repetitions)
        yield {
            "table": table,
            "cells": grid.size,
            "t": t,
            "method": name,
            "seconds": seconds,
            "error": float(grid.integrate(np.abs(rho - right))),
            "mass_error": float(abs(grid.integrate(rho) - 1)),
            "min_rho": float(rho.min()),
        }


def stream(quick=False, only=None):
    """Rows one by one, of one table or of all."""
    tolerances = (1e-2, 1e-4, 1e-6, 1e-8)
    list(work_rows(16, 0.1, tolerances, 1))  # compiled
    list(limiter_rows(16, 1))
    if only in (None, "work"):
        for n, t in [(64, 1.0)] if quick else [(128, 1.0), (256, 1.0)]:
            yield from work_rows(n, t, tolerances, 1 if n > 128 else 2)
    if only in (None, "limiter"):
        for n in (64,) if quick else (64, 128, 256):
            yield from limiter_rows(n, 1 if n > 128 else 2)
    if only in (None, "peclet"):
        for n in (50,) if quick else (50, 100):
            yield from peclet_rows(n, 2)


def rows(quick=False):
    """All rows, as dictionaries; small grids alone if quick."""
    return list(stream(quick))


if __name__ == "__main__":
    print("| cells | t | method | seconds | L1 error | mass error | min rho |")
    print("|---|---|---|---|---|---|---|")
    table = next((word for word in sys.argv[1:] if word in ("work", "limiter", "peclet")), None)
    for row in stream("--quick" in sys.argv, table):
        print(
            f"| {row['cells']} | {row['t']:g} | {row['method']} | {row['seconds']:.3f} "
            f"| {row['error']:.1e} | {row['mass_error']:.0e} | {row['min_rho']:.0e} |",
            flush=True,
        )
