"""What a study saves: thirty temperatures with parts kept, against problems made from scratch.

And what a fit of two parameters to ten thousand samples takes, on a line and in the plane. Run as a
program it prints the rows: ``python -m tests.benchmarks.studies [markov] [auto] [fit]``.
"""

import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck.domain.kept import forget_all

QUESTION = "studies"


def drift(x, y):
    """Rotation in a double well."""
    return x - x**3 + y, -y - x


def tensor(x, y):
    """Full D(x)."""
    return [[1 + 0.3 * np.sin(x) ** 2, 0.2 * np.cos(y)], [0.2 * np.cos(y), 0.8 + 0 * x]]


CASES = {"diagonal D": (1.0, 0.5), "full D(x)": tensor}


def seconds(grid, D, scheme, temperatures, keep):
    """Processor time of all temperatures and the states; nothing is kept unless asked for."""
    first = fp.Problem(grid, drift=drift, D=D, kT=1.0)
    fp.steady_state(first, scheme=scheme)
    states, start = [], time.process_time()
    for kT in temperatures:
        if keep:
            problem = first.replace(kT=kT)
        else:
            forget_all()
            problem = fp.Problem(grid, drift=drift, D=D, kT=kT)
        states.append(fp.steady_state(problem, scheme=scheme).log_rho)
    return time.process_time() - start, states


def row(case, scheme, quick):
    """Processor time with parts kept and without, and the largest difference of log rho."""
    n = 48 if quick else 96
    temperatures = np.linspace(0.4, 1.2, 5 if quick else 30)
    grid = fp.Grid([(-3, 3)] * 2, n)
    times, states = {}, {}
    for keep in (False, True):
        times[keep], states[keep] = seconds(grid, CASES[case], scheme, temperatures, keep)
    error = np.abs(np.array(states[True]) - np.array(states[False])).max()
    return {
        "question": QUESTION,
        "case": f"{len(temperatures)} temperatures, {case}, {scheme}",
        "cells": f"{n}x{n}",
        "who": "ours",
        "seconds_min": times[True],
        "from_scratch": times[False],
        "gain": times[False] / times[True],
        "error": float(error),
    }


def on_a_line(tilt, kT):
    """Double well with a tilt."""
    grid = fp.Grid([(-2.5, 2.5)], 200)
    return fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4 + tilt * x, kT=kT)


def in_the_plane(w, kT):
    """Double well with a rotation."""
    grid = fp.Grid([(-3, 3)] * 2, 64)
    return fp.Problem(grid, drift=lambda x, y: (x - x**3 + w * y, -y - w * x), D=(1, 0.5), kT=kT)


#: Problem, its parameters, and where the search starts.
FITS = {
    "on a line": (on_a_line, {"tilt": 0.05, "kT": 0.2}, {"tilt": 0.0, "kT": 0.3}),
    "in the plane": (in_the_plane, {"w": 0.8, "kT": 0.4}, {"w": 0.5, "kT": 0.6}),
}


def fit_row(case):
    """Processor time of a fit, after one that compiles, and the worst error over its own."""
    build, exact, start = FITS[case]
    problem = build(**exact)
    rho = fp.steady_state(problem, scheme="markov").rho
    data = fp.sde.from_density(problem.grid, rho, 10_000, seed=0)
    times = []
    for _ in range(2):
        began = time.process_time()
        fit = fp.fit(build, start, data, bounds={"kT": (0.02, 2)})
        times.append(time.process_time() - began)
    off = [abs(fit.parameters[k] - v) / fit.standard_errors[k] for k, v in exact.items()]
    return {
        "question": QUESTION,
        "case": f"fit of two parameters {case}",
        "cells": "x".join(map(str, problem.grid.shape)),
        "who": "ours",
        "seconds_min": min(times),
        "evaluations": fit.evaluations,
        "standard_errors_off": float(max(off)),
    }


def rows(quick):
    """All cases by the Markov scheme and by default, and fits."""
    kept = [row(case, scheme, quick) for case in CASES for scheme in ("markov", "auto")]
    return kept + [fit_row(case) for case in FITS]


if __name__ == "__main__":
    for word in sys.argv[1:] or ("markov", "auto", "fit"):
        for case in FITS if word == "fit" else CASES:
            print(fit_row(case) if word == "fit" else row(case, word, quick=False), flush=True)
