"""What a study saves: thirty temperatures with parts kept, against problems made from scratch.

Run as a program it prints the rows: ``python -m tests.benchmarks.studies [markov] [auto]``.
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


def rows(quick):
    """All cases by the Markov scheme and by default."""
    return [row(case, scheme, quick) for case in CASES for scheme in ("markov", "auto")]


if __name__ == "__main__":
    for scheme in sys.argv[1:] or ("markov", "auto"):
        for case in CASES:
            print(row(case, scheme, quick=False), flush=True)
