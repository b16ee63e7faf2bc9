"""Time and memory of steady states: ``python tests/benchmarks/steady.py [quick]``.

Prints one line a case: seconds of the Markov scheme and of the default, with the ratio to one
SuperLU factorisation of the pinned generator in the same run, and the peak memory so far.
"""

import resource
import sys
import time

import numpy as np
from scipy.sparse.linalg import splu

import fokkerplanck as fp

QUESTION = "zoo"
LIMIT = (40.0, 600.0)  # seconds in quick and full mode
CASES = [("R3", 128), ("R3", 256), ("R26", 256), ("E1", 256), ("R3", 512), ("R16", 16), ("R4", 16)]


def seconds(function):
    """Wall time of one call and what it returned."""
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def factorise(problem):
    """One sparse LU of the generator without its first cell, what a hand-written solver needs."""
    matrix = fp.Generator(problem).matrix[1:][:, 1:].tocsc()
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def compile_kernels():
    """Small cases first: compilation is not measured."""
    catalogue = fp.zoo.catalogue()
    for code, n in [("R3", 32), ("R4", 8)]:
        fp.steady_state(catalogue[code].build(n))
    for code in ("R3", "E1"):  # aggregation and structured multigrid
        fp.steady_state(catalogue[code].build(240), solver="multilevel")


def measure(code, n):
    """Seconds of one factorisation, the Markov scheme and the default, and the default's result."""
    problem = fp.zoo.catalogue()[code].build(n)
    lu, _ = seconds(lambda: factorise(problem))
    markov, _ = seconds(lambda: fp.steady_state(problem, scheme="markov"))
    default, state = seconds(lambda: fp.steady_state(problem))
    return lu, markov, default, state


def rows(quick):
    """Records of the zoo cases: the factorisation, the Markov scheme and the default."""
    compile_kernels()
    out = []
    for code, n in CASES[:2] if quick else CASES:
        lu, markov, default, state = measure(code, n)
        base = {
            "question": QUESTION, "case": code, "cells": "x".join(map(str, state.grid.shape)),
            "n_cells": state.grid.size, "repeats": 1,
        }  # fmt: skip
        for who, spent in (("SuperLU alone", lu), ("markov", markov), ("default", default)):
            out.append(base | {"who": who, "seconds_min": spent, "over_SuperLU": spent / lu})
        out[-1] |= {"scheme": state.stats.scheme, "iterations": state.stats.iterations}
    return out


def main(cases):
    """Print the table."""
    compile_kernels()
    print(
        "case    cells       SuperLU s  markov s (ratio)  default s (ratio)  scheme, Newton steps"
    )
    for code, n in cases:
        lu, markov, default, state = measure(code, n)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        cells = "x".join(map(str, state.grid.shape))
        print(
            f"{code:6}  {cells:10} {lu:9.2f} {markov:9.2f} ({markov / lu:4.1f}) {default:11.2f} "
            f"({default / lu:5.1f})     {state.stats.scheme}, {state.stats.iterations}; "
            f"peak {peak:.1f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(CASES[:4] if "quick" in sys.argv else CASES)
