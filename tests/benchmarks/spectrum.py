"""Cost and accuracy of spectra: ``python tests/benchmarks/spectrum.py [quick]``.

One line a case: seconds of ``spectrum(problem, k=6)``, and how many steady states of the same
problem by the Markov scheme they are worth in the same run (by elimination where the steady state
has a closed form, which costs nothing); solves with s - A; the distance of the eigenvalues from
closed forms.
"""

import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg.null_vector import null_vector

K = 6
#: Eigenvalues of Example 19 without stirring, by decreasing real part.
WELL = np.array([-0.792088427, -1.0, -1.792088427, -2.0])


def cases(quick):
    """Name, problem, and slowest non-zero eigenvalues where they are known."""
    n = 128 if quick else 512
    spiral = zoo.spiral()
    order = np.argsort(-spiral.eigenvalues.real, kind="stable")
    yield "R3 spiral", spiral.build(n), spiral.eigenvalues[order][:5]
    yield "E1 stirred wells", zoo.example_19().build(n), None
    yield "E3 ring, D(x)", zoo.ring().build(n), zoo.ring().eigenvalues[:4]
    yield "wells at rest", zoo.example_19(lam=0.0).build(n), WELL
    space = zoo.spiral_3d()
    order = np.argsort(-space.eigenvalues.real, kind="stable")
    yield "R4 spiral, 3D", space.build(12 if quick else 24), space.eigenvalues[order][:3]


def seconds(function, repeat):
    """Least wall time of several calls, and what the last returned."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        value = function()
        times.append(time.perf_counter() - start)
    return min(times), value


def steady(problem):
    """Solve for the steady state, by elimination whatever its form."""
    state = fp.steady_state(problem, scheme="markov")
    if state.stats.scheme == "exact":
        null_vector(fp.Generator(problem).matrix, problem.grid.shape)


def rows(quick=False, repeat=2):
    """Measurements as a list of dicts."""
    fp.spectrum(zoo.spiral().build(16), K)  # compiled
    steady(zoo.example_19(lam=0.0).build(16))
    out = []
    for name, problem, exact in cases(quick):
        reference, _ = seconds(lambda problem=problem: steady(problem), repeat)
        own, modes = seconds(lambda problem=problem: fp.spectrum(problem, K), repeat)
        row = {
            "case": name,
            "cells": "x".join(map(str, problem.grid.shape)),
            "seconds": own,
            "steady_states": own / reference,
            "solves": modes.stats.n_solves,
            "gap": modes.gap,
            "residual": float(modes.residuals.max()),
        }
        if exact is not None:
            found = modes.eigenvalues[1:].astype(complex)
            nearest = [np.abs(found - value).min() / abs(value) for value in exact]
            row["error"] = float(max(nearest))
        out.append(row)
    return out


def main(quick):
    """Print the table."""
    print("case               cells         seconds  steady states  solves  gap        error")
    for row in rows(quick):
        print(
            f"{row['case']:18} {row['cells']:12} {row['seconds']:8.2f} {row['steady_states']:14.1f}"
            f" {row['solves']:7d}  {row['gap']:9.3g}  {row.get('error', float('nan')):.1e}"
        )


if __name__ == "__main__":
    np.seterr(all="ignore")
    main("quick" in sys.argv)
