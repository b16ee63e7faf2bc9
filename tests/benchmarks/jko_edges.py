"""JKO on edges: cost of a step in backward Euler steps, and robustness at long steps.

``python tests/benchmarks/jko_edges.py`` prints one table (``--quick``: small grids). Double well
with a D(x) of eigenvalues 1 and 0.15 that turns from place to place, from a Gaussian; D = I in
space. Units of cost, backward Euler as it is in this library: ``solves`` with a solver at hand
(factors; multigrid on the larger grid in space), ``steps`` with the making of it, ``iterative``
with multigrid and its making, whatever the grid. The target is in ``steps``.
"""

import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck import jko
from fokkerplanck.linalg.implicit_multigrid import Solvers
from fokkerplanck.methods import Context
from fokkerplanck.scheme.flows import Flows

QUESTION = "JKO on edges"
TARGET = 5.0


def turning(n):
    """The problem in the plane."""

    def D(x, y):
        a = 0.5 * x + 0.3 * y
        c, s = np.cos(a), np.sin(a)
        return [[c * c + 0.15 * s * s, 0.85 * c * s], [0.85 * c * s, s * s + 0.15 * c * c]]

    grid = fp.Grid([(-3, 3)] * 2, n)
    return fp.Problem.from_potential(grid, lambda x, y: (x**2 - 1) ** 2 / 2 + y**2 / 2, D)


def well(n):
    """The problem in space."""
    return fp.Problem(
        fp.Grid([(-3, 3)] * 3, n), f=lambda x, y, z: (x**2 - 1) ** 2 / 2 + (y**2 + z**2) / 2
    )


def unit(generator, log_pi, p, tau, solver="auto"):
    """Seconds of a factorisation and of a solve with it."""
    flows = Flows.from_generator(generator)
    start = time.perf_counter()
    solver = Solvers(generator, flows, solver, log_pi).make(tau)
    made = time.perf_counter()
    solver.solve(p)
    solved = time.perf_counter()
    solver.solve(p)
    return made - start, min(solved - made, time.perf_counter() - solved)


def measure(problem, tau, steps=3):
    """Row of one run: the first step, which also factorises, is not among those timed."""
    grid = problem.grid
    rho0 = fp.gaussian(grid, (0.8, -0.5, 0.2)[: grid.dim], 0.15)
    p = (rho0 * grid.volume).ravel()
    generator = fp.Generator(problem)
    method = jko.EdgeJKO(tau, order=2)
    state = method.init(generator, Context(tau * steps))
    log_pi = (state.log_rho_inf + np.log(state.volume)).ravel()
    factorise, solve = unit(generator, log_pi, p, tau)
    iterative = sum(unit(generator, log_pi, p, tau, "multilevel"))
    p = method.step(state, p, tau)
    seconds = []
    for _ in range(steps - 1):
        start = time.perf_counter()
        p = method.step(state, p, tau)
        seconds.append(time.perf_counter() - start)
    report = method.report(state)
    steps_of = min(seconds) / (factorise + solve)
    return {
        "question": QUESTION,
        "case": f"{'turning D(x)' if grid.dim == 2 else 'D = I in space'}, tau = {tau:g}",
        "cells": "x".join(map(str, grid.shape)),
        "who": "stages",
        "seconds_min": min(seconds),
        "solves": min(seconds) / solve,
        "steps": steps_of,
        "iterative": min(seconds) / iterative,
        "newton": report["newton_steps"] / steps,
        "krylov": report["krylov_steps"] / steps,
        "fallbacks": sum(v for k, v in report.items() if k.startswith("fallback")),
        "rise": report["largest_rise"],
        "mass_error": float(abs(p.sum() - 1)),
    }


def stream(quick=False):
    """Rows one by one."""
    measure(turning(16), 0.1)  # compiled
    for tau in (0.05, 10.0, 100.0):
        yield measure(turning(64), tau)
    yield measure(well(16), 0.05)
    if quick:
        return
    for n in (128, 256):
        for tau in (0.01, 0.05, 10.0, 100.0):
            yield measure(turning(n), tau)
    yield measure(turning(512), 0.05)
    yield measure(well(48), 0.05)


def rows(quick=False):
    """All rows, as dictionaries, and the target; small grids alone if quick."""
    found = list(stream(quick))
    stages = list(found)
    for key, words in (("steps", "that factorise"), ("solves", "with factors at hand")):
        worst = max(stages, key=lambda row: row[key])
        found.append({
            "question": QUESTION,
            "target": f"JKO step of order 2 on edges: at most 5 steps of backward Euler {words}",
            "reached": f"{worst[key]:.2g} ({worst['case']}, {worst['cells']})",
            "met": worst[key] <= TARGET,
        })  # fmt: skip
    rises = max(row["rise"] for row in stages)
    fallbacks = sum(row["fallbacks"] for row in stages)
    found.append({
        "question": QUESTION,
        "target": "JKO step of order 2 on edges: energy falls at every tau, without falling back",
        "reached": f"largest rise {rises:.1e}, {fallbacks} of {3 * len(stages)} steps fell back",
        "met": rises <= 0 and not fallbacks,
    })  # fmt: skip
    return found


if __name__ == "__main__":
    shown = ("case", "who", "cells", "seconds_min", "solves", "steps", "iterative", "newton",
             "krylov", "fallbacks")  # fmt: skip
    print("| " + " | ".join(shown) + " | rise |")
    print("|---" * (len(shown) + 1) + "|")
    for row in stream("--quick" in sys.argv):
        cells = [f"{row[k]:.3g}" if isinstance(row[k], float) else str(row[k]) for k in shown]
        print(f"| {' | '.join(cells)} | {row['rise']:.1e} |", flush=True)
