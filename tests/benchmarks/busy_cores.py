"""What two threads cost or save where other programs want the cores.

``python -m tests.benchmarks.busy_cores``: a steady state with one thread and with two, turn by turn
in one process, while 0, 1 and 2 other processes count in a loop.
"""

import contextlib
import subprocess
import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck.kernels import threads

QUESTION = "threads on busy cores"
LIMIT = (60.0, 300.0)  # seconds in quick and full mode
#: What two threads may take, in times of one.
MOST = 1.3
REPEATS = 3
#: Counts as long as the process that started it lives, which may be killed at a time limit.
LOOP = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextlib.contextmanager
def busy(number):
    """Other processes that use a core each, as far as there are any."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds(problem, repeats):
    """Least seconds of one and of two threads, in turns."""
    spent = {1: [], 2: []}
    for _ in range(repeats):
        for number, times in spent.items():
            with threads.AtMost(number):
                start = time.perf_counter()
                fp.steady_state(problem, scheme="markov", solver="multilevel")
                times.append(time.perf_counter() - start)
    return min(spent[1]), min(spent[2])


def rows(quick):
    """Records by grid and number of loops: seconds of both, and their ratio."""
    if threads.number() < 2:
        return
    for n in (512,) if quick else (512, 1024):
        grid = fp.Grid([(-4, 4)] * 2, n)
        problem = fp.Problem(grid, drift=lambda x, y: (1.5 * y - x, -1.5 * x - y))
        seconds(problem, 1)  # compiles, and starts the threads
        for loops in (0, 1, 2):
            with busy(loops):
                one, two = seconds(problem, 1 if quick else REPEATS)
            ratio = two / one
            yield {
                "question": QUESTION,
                "case": f"rotating OU, {loops} busy loops",
                "cells": f"{n}x{n}",
                "n_cells": grid.size,
                "who": "two threads",
                "seconds_min": two,
                "one_thread": one,
                "over_one": ratio,
                "repeats": 1 if quick else REPEATS,
                "target": f"{n}², {loops} busy loops: two threads in at most {MOST:g} times of one",
                "reached": f"{ratio:.2g}",
                "met": bool(ratio <= MOST),
            }


if __name__ == "__main__":
    np.seterr(all="ignore")
    for row in rows(quick="quick" in sys.argv):
        print(
            f"{row['cells']:9} {row['case']:28} one {row['one_thread']:.2f} s, two "
            f"{row['seconds_min']:.2f} s: {row['reached']}",
            flush=True,
        )
