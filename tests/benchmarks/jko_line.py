"""JKO steps on a line: what a step costs, and what it is worth.

``python tests/benchmarks/jko_line.py`` prints all rows in about two minutes (``--quick``: small
grids, seconds). The unit of cost is one tridiagonal step of backward Euler of the same size by
``kernels.linalg.lines``, timed in the same process; ``lean`` is the same in units of the step of
backward Euler that the scheme itself starts from, about a third of it.
A parabola and a double well, kT = 1, box [-6, 6], from a narrow, a middling and a wide Gaussian and
from a block, one step. Errors are L1 distances to closed forms or to the Lagrangian hp scheme.
"""

import sys
import time

import numpy as np
from scipy.special import ndtr

import fokkerplanck as fp
from fokkerplanck.kernels.linalg import lines
from fokkerplanck.kernels.transport import jko_line
from fokkerplanck.methods import Context
from fokkerplanck.methods.jko.exact_w2 import TOLERANCE
from fokkerplanck.methods.jko.line_setting import rates

QUESTION = "JKO on a line"
TAUS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 1e2, 1e4)
ITERATIONS = 60


def timed(function, repetitions):
    """Least wall time of several calls."""
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def potentials(x):
    """Energies by name."""
    return {"parabola": x**2 / 2, "double well": 3 * (x**2 - 1) ** 2 / 4}


def starts(faces):
    """Masses by name."""
    x = 0.5 * (faces[1:] + faces[:-1])
    found = {f"std {s:g}": np.exp(-((x - 1) ** 2) / (2 * s**2)) for s in (0.1, 0.45, 1.2)}
    found["block"] = ((x > 0) & (x < 1)) * 1.0
    return {name: p / p.sum() for name, p in found.items()}


def cost_row(n, case, V, start, p, faces, tau, repetitions):
    """What one step costs."""
    up, down = rates(faces, -V)
    m, work = np.empty(n), np.empty((14, n + 1))

    def step():
        jko_line.implicit_euler(up, down, tau, p, m)
        return jko_line.minimise(faces, p, -V, 1 / tau, TOLERANCE, ITERATIONS, 999, m, work)

    def unit():
        q = p.copy()
        lines.along_lines(1, n, 1, False, tau, np.ones(1), up, down, np.zeros(0), q)

    iterations, _, change, shift = step()
    seconds, one = timed(step, repetitions), timed(unit, repetitions)
    lean = timed(lambda: jko_line.implicit_euler(up, down, tau, p, m), repetitions)
    return {
        "question": QUESTION,
        "case": f"{case}, {start}, tau {tau:g}",
        "cells": n,
        "who": "ExactW2",
        "seconds_min": seconds,
        "newton": iterations,
        "units": seconds / one,
        "lean": seconds / lean,
        "converged": bool(change <= TOLERANCE or shift <= jko_line.SETTLED),
    }


def cost_rows(quick):
    """Rows of cost, and the target."""
    rows = []
    for n in (100, 1000) if quick else (100, 1000, 10_000, 100_000):
        faces = np.linspace(-6, 6, n + 1)
        for case, V in potentials(0.5 * (faces[1:] + faces[:-1])).items():
            for start, p in starts(faces).items():
                for tau in TAUS:
                    repetitions = 3 if n > 10_000 else 7
                    rows.append(cost_row(n, case, V, start, p, faces, tau, repetitions))
    worst = max(rows, key=lambda row: row["units"])
    yield from rows
    yield {
        "question": QUESTION,
        "case": "largest cost",
        "who": "ExactW2",
        "target": "1D JKO step: at most 15 tridiagonal backward Euler steps at every tau",
        "reached": f"{worst['units']:.1f} ({worst['case']}, {worst['cells']} cells)",
        "met": worst["units"] <= 15,
    }
    failed = [row for row in rows if not row["converged"]]
    yield {
        "question": QUESTION,
        "case": "convergence",
        "who": "ExactW2",
        "target": "1D JKO step: converges at every tau and n",
        "reached": f"{len(rows) - len(failed)} of {len(rows)} cases",
        "met": not failed,
    }


def gap_rows(quick):
    """Two narrow groups far apart: parts on their own, or backward Euler; calls from Python."""
    rows = []
    for n in (200, 1000) if quick else (200, 1000, 10_000):
        grid = fp.Grid([(-4, 4)], n)
        problem = fp.Problem(grid, f=lambda x: x**2 / 2, kT=0.1)
        start = 0.3 * fp.gaussian(grid, -1.5, 0.01) + 0.7 * fp.gaussian(grid, 2, 0.01)
        p, generator = start * grid.volume, fp.Generator(problem)
        rows += [gap_row(n, tau, p, generator) for tau in TAUS[:6]]
    yield from rows
    worst = max(rows, key=lambda row: row["units"])
    yield {
        "question": QUESTION,
        "case": "largest cost with a gap",
        "who": "ExactW2",
        "target": "1D JKO step, two groups apart: at most 15 tridiagonal backward Euler steps",
        "reached": f"{worst['units']:.1f} ({worst['case']}, {worst['cells']} cells)",
        "met": worst["units"] <= 15,
    }


def gap_row(n, tau, p, generator):
    """What one step of two groups costs, in parts where need be."""
    method = fp.jko.ExactW2(tau)
    run = method.init(generator, Context(tau))
    m = method.minimise(run, p, tau)
    count = dict(run.count)
    up, down = run.scheme.rates

    def unit():
        q = p.copy()
        lines.along_lines(1, n, 1, False, 0.1 * tau, np.ones(1), up, down, np.zeros(0), q)

    seconds = timed(lambda: method.minimise(run, p, tau), 5)
    return {
        "question": QUESTION,
        "case": f"two groups, tau {tau:g}",
        "cells": n,
        "who": "ExactW2",
        "seconds_min": seconds,
        "newton": count["newton_iterations"],
        "units": seconds / timed(unit, 5),
        "in_parts": count["steps_in_parts"],
        "backward_euler": count["backward_euler_steps"],
        "mass_error": float(abs(m.sum() - 1)),
    }


def accuracy_rows(quick):
    """Three steps of a Gaussian, and one in a double well against the hp scheme."""
    for n in (100, 400) if quick else (100, 400, 1600, 6400):
        grid = fp.Grid([(-5, 5)], n)

        def cells(mean, std, grid=grid):
            rho = np.diff(ndtr((grid.faces[0] - mean) / std)) / grid.volume
            return rho / grid.integrate(rho)

        problem = fp.Problem(grid, f=lambda x: x**2, kT=0.25)
        s = fp.solve(problem, cells(1, 0.3), [0, 0.1, 0.2, 0.3], fp.jko.ExactW2(0.1), steady=False)
        error = grid.integrate(np.abs(s[-1] - cells(1.2**-3, 0.334734466084)))
        yield {
            "question": QUESTION,
            "case": "three Gaussian steps, tau 0.1",
            "cells": n,
            "who": "ExactW2",
            "error": float(error),
            "mass_error": float(np.abs(s.mass - 1).max()),
        }
    rest = fp.solve(problem, fp.steady_state(problem).rho, TAUS, fp.jko.ExactW2(1e4))
    moved = float(grid.integrate(np.abs(rest[-1] - rest[0])))
    yield {
        "question": QUESTION,
        "case": "density at rest",
        "cells": n,
        "who": "ExactW2",
        "target": "1D JKO: the density at rest moves by at most 1e-14",
        "reached": f"{moved:.1e}",
        "met": moved <= 1e-14,
    }


def oracle_rows():
    """The hp scheme on a Gaussian and on the double well, against itself."""

    def start(x):
        return np.exp(-((x - 1) ** 2) / 0.18)

    flow = fp.jko.LagrangianFlow(lambda x: x**2, start, 4.0, interval=(-1.4, 3.4))
    for _ in range(3):
        flow.step(0.1)
    error = abs(flow.std - 0.334734466084)
    yield {
        "question": QUESTION,
        "case": "three Gaussian steps, tau 0.1",
        "who": "LagrangianFlow",
        "error": float(error),
        "target": "1D hp Lagrangian: 1e-12 on Gaussians",
        "reached": f"{error:.1e} (reference has twelve digits)",
        "met": error <= 1e-12,
    }
    found = []
    for elements, degree in ((16, 8), (32, 8), (48, 10)):
        flow = fp.jko.LagrangianFlow(
            lambda x: (x**2 - 1) ** 2 / 4, lambda x: np.exp(-((x - 0.5) ** 2) / 0.18), 4.0,
            interval=(-1.9, 2.9), elements=elements, degree=degree,
        )  # fmt: skip
        begin = time.perf_counter()
        for _ in range(10):
            flow.step(0.05)
        found.append((elements, degree, (time.perf_counter() - begin) / 10,
                      flow.quantiles(np.linspace(0.001, 0.999, 41))))  # fmt: skip
    for elements, degree, seconds, q in found[:-1]:
        error = float(np.abs(q - found[-1][3]).max())
        yield {
            "question": QUESTION,
            "case": f"double well, {elements} elements of degree {degree}",
            "who": "LagrangianFlow",
            "seconds_min": seconds,
            "error": error,
        }
    yield {
        "question": QUESTION,
        "case": "double well",
        "who": "LagrangianFlow",
        "target": "1D hp Lagrangian: 1e-10 on the double well (against 48 elements of degree 10)",
        "reached": f"{error:.1e}",
        "met": error <= 1e-10,
    }


def stream(quick=False):
    """Rows one by one."""
    yield from cost_rows(quick)
    yield from gap_rows(quick)
    yield from accuracy_rows(quick)
    yield from oracle_rows()


def rows(quick=False):
    """Rows as dictionaries, of each grid and tau the dearest; small grids alone if quick."""
    found = list(stream(quick))
    kept: dict = {}
    for row in found:
        if "units" in row and "lean" in row:
            key = row["cells"], row["case"].rpartition(", ")[2]
            if key not in kept or row["units"] > kept[key]["units"]:
                kept[key] = row
    dearest = {id(row) for row in kept.values()}
    return [row for row in found if "lean" not in row or id(row) in dearest]


if __name__ == "__main__":
    print("| case | cells | seconds | units | lean | Newton | L1 error |")
    print("|---|---|---|---|---|---|---|")
    for row in stream("--quick" in sys.argv):
        if "target" in row:
            print(f"{row['target']}: {row['reached']}, {'met' if row['met'] else 'missed'}")
            continue
        words = [row["case"], row.get("cells", "")]
        for key, form in (
            ("seconds_min", ".2e"), ("units", ".1f"), ("lean", ".1f"), ("newton", "d"),
            ("error", ".1e"),
        ):  # fmt: skip
            words.append(format(row[key], form) if key in row else "")
        print("| " + " | ".join(str(word) for word in words) + " |", flush=True)
