"""Functions that sweeps can send to other processes, and one program that is killed half way."""

import os
import sys
import time
from pathlib import Path

import fokkerplanck as fp

LINE = fp.Grid([(-8, 8)], 160)
WELL = fp.Grid([(-2.2, 2.2)], 240)


def harmonic(k, kT):
    """Variance kT/k."""
    return fp.Problem(LINE, f=lambda x: k * x**2 / 2, kT=kT)


def variance(problem):
    """Second moment of the steady state."""
    return fp.steady_state(problem).mean(lambda x: x**2)


def double_well(beta):
    """Barrier 1 between wells at -1 and 1."""
    return fp.Problem(WELL, f=lambda x: (x**2 - 1) ** 2, beta=beta)


def escape_rate(problem):
    """Rate over the barrier, one over the mean time from one bottom to the other."""
    return 1 / fp.mfpt(problem, lambda x: x > 1).at(-1)


def counted(problem):
    """Variance, with a line in a file for every call; the fifth call kills the process."""
    log = Path(os.environ["SWEEP_LOG"])
    with log.open("a") as file:
        file.write(".")
    if log.stat().st_size == int(os.environ.get("SWEEP_KILL", "0")):
        os._exit(9)
    return variance(problem)


def main(path):
    """Sweep that keeps its points in a folder."""
    fp.sweep(harmonic, {"k": [1.0, 2.0], "kT": [0.5, 1.0, 2.0, 4.0]}, counted, path=path)


def slow(problem):
    """Something that takes a while."""
    time.sleep(0.05)
    return variance(problem)


if __name__ == "__main__":
    main(sys.argv[1])
