"""What the default costs over the Markov state: ``python -m tests.benchmarks.default_price``.

On systems whose far tails keep Newton's method from converging in the whole box.
"""

import time

import numpy as np

import fokkerplanck as fp
from tests.steady import slow_systems

QUESTION = "price of the default"
LIMIT = (60.0, 240.0)  # seconds in quick and full mode
#: What the default may cost, in Markov states.
MOST = 8.0
REPEATS = 3


def least_seconds(function):
    """Least wall time of a few calls, and what the last returned."""
    spent, value = [], None
    for _ in range(REPEATS):
        start = time.perf_counter()
        value = function()
        spent.append(time.perf_counter() - start)
    return min(spent), value


def rows(quick):
    """Records of the six systems: seconds of both, their ratio and how far down log rho goes."""
    out = []
    for name, make in (slow_systems.FAST if quick else slow_systems.FULL).items():
        problem = make()
        fp.steady_state(problem, "markov")  # compiles
        markov, _ = least_seconds(lambda p=problem: fp.steady_state(p, "markov"))
        default, state = least_seconds(lambda p=problem: fp.steady_state(p))
        ratio = default / markov
        out.append(
            {
                "question": QUESTION,
                "case": name,
                "cells": "x".join(map(str, state.grid.shape)),
                "n_cells": state.grid.size,
                "who": "default",
                "seconds_min": default,
                "repeats": REPEATS,
                "over_markov": ratio,
                "scheme": state.stats.scheme,
                "iterations": state.stats.iterations,
                "log_down_to": str(state.stats.log_down_to),
                "target": f"{name}: the default in at most {MOST:g} Markov states",
                "reached": f"{ratio:.2g}",
                "met": bool(ratio <= MOST),
            }
        )
    return out


if __name__ == "__main__":
    np.seterr(all="ignore")
    for row in rows(quick=False):
        print(
            f"{row['case']:16} {row['cells']:9} {row['seconds_min']:6.2f} s, {row['reached']:>4} "
            f"Markov states: {row['scheme']}, {row['iterations']} steps, down to "
            f"e^-{row['log_down_to']}",
            flush=True,
        )
