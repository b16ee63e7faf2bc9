"""Fourth order against second: ``python tests/benchmarks/accuracy.py [quick]``.

Errors of log rho, j and the entropy production by ``accuracy=2`` and ``accuracy=4`` on the same
grid, observed orders from the grid of 3/4 as many cells, and the processor time of ``accuracy=4``
(which contains the second-order solve) over that of ``accuracy=2``, least of three runs in turns.
Errors of R3 on the narrower box end at what its walls do to the density, about 1e-8.
"""

import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck import zoo


def scaled(exact, scale):
    """Return the reference on a scaled box."""
    return exact.boxed([(scale * lo, scale * hi) for lo, hi in exact.box])


#: Of R16: on wider ones many kT lie between cells in the corners.
BOX = [(-2.6, 2.6), (-4.6, 4.6), (-4.3, 4.3)]
#: Code, reference, cells per side, part of the climb to the walls in which log rho is compared.
CASES = [
    ("R3", lambda: scaled(zoo.spiral(), 0.95), 128, 0.4),
    ("R13b", lambda: zoo.manufactured_plane("mixed"), 96, 0.4),
    ("W2c-10", lambda: zoo.manufactured_wall(10.0), 96, 1.0),
    ("W2c-100", lambda: zoo.manufactured_wall(100.0), 96, 1.0),
    ("R3", lambda: scaled(zoo.spiral(), 1.3), 128, 0.4),
    ("R2", lambda: scaled(zoo.gyrator(), 1.3), 128, 0.3),
    ("R13a", lambda: zoo.manufactured_plane("flat"), 96, 0.4),
    ("R13c", lambda: zoo.manufactured_plane("steep"), 128, 0.4),
    ("R3", lambda: scaled(zoo.spiral(), 0.95), 256, 0.4),
    ("W3c-10", lambda: zoo.manufactured_wall(10.0, dim=3), 20, 1.0),
    ("R16", lambda: zoo.manufactured_space("mixed").boxed(BOX), (36, 20, 20), 0.3),
]
QUICK = 4


def errors(exact, state, fraction):
    """Largest error of Phi (kT), root mean square of j, relative error of entropy production."""
    grid, x = state.grid, state.grid.x
    Phi = exact.Phi(*x) - exact.Phi(*x).min()
    inside = exact.interior(*x, fraction=fraction)
    rho, j = exact.rho(*x), exact.j(*x)
    off = grid.integrate(rho * np.sum((state.j - j) ** 2, axis=0))
    return {
        "Phi": float(exact.beta * np.abs(state.Phi - Phi)[inside].max()),
        "j": float(np.sqrt(off / grid.integrate(rho * np.sum(j**2, axis=0)))),
        "EP": abs(state.entropy_production / exact.entropy_production - 1),
    }


def timed(problem, accuracy):
    """Seconds of one solve and its state."""
    start = time.process_time()
    state = fp.steady_state(problem, accuracy=accuracy)
    return time.process_time() - start, state


def rows(quick):
    """One dict a case: errors and orders by accuracy, corrections, and the ratio of times."""
    for accuracy in (2, 4):
        fp.steady_state(zoo.spiral().build(24), accuracy=accuracy)  # compiled
    fp.steady_state(zoo.spiral().build(240), solver="multilevel")
    out = []
    for code, make, n, fraction in CASES[:QUICK] if quick else CASES:
        exact = make()
        problem = exact.build(n)
        seconds, states = {2: [], 4: []}, {}
        for _ in range(3 if problem.grid.size < 40000 and problem.grid.dim == 2 else 1):
            for accuracy in (2, 4):
                spent, states[accuracy] = timed(problem, accuracy)
                seconds[accuracy].append(spent)
        row = {"case": code, "cells": "x".join(map(str, problem.grid.shape))}
        coarse = exact.build(tuple(3 * m // 4 for m in problem.grid.shape))
        for accuracy, state in states.items():
            found = errors(exact, state, fraction)
            try:
                before = errors(exact, fp.steady_state(coarse, accuracy=accuracy), fraction)
            except fp.ConvergenceError:
                before = dict.fromkeys(found, float("nan"))
            for key, error in found.items():
                row[f"{key}{accuracy}"] = error
                row[f"order_{key}{accuracy}"] = float(
                    np.log(before[key] / error)
                    / np.log(problem.grid.shape[0] / coarse.grid.shape[0])
                )
        row |= {
            "mass": abs(float(problem.grid.integrate(states[4].rho)) - 1),
            "corrections": states[4].stats.iterations - states[2].stats.iterations,
            "seconds2": min(seconds[2]), "cost": min(seconds[4]) / min(seconds[2]),
        }  # fmt: skip
        out.append(row)
    return out


def main(quick):
    """Print the table."""
    print(
        "| case | cells | Phi, 2 (order) | Phi, 4 (order) | j, 2 | j, 4 (order) | EP, 2 "
        "| EP, 4 (order) | mass error | corrections | time, 4 over 2 |\n" + "|---" * 11 + "|"
    )
    for row in rows(quick):
        print(
            "| {case} | {cells} | {Phi2:.1e} ({order_Phi2:.1f}) | {Phi4:.1e} ({order_Phi4:.1f}) "
            "| {j2:.1e} | {j4:.1e} ({order_j4:.1f}) | {EP2:.1e} | {EP4:.1e} ({order_EP4:.1f}) "
            "| {mass:.0e} | {corrections} | {cost:.2f} |".format(**row)
        )


if __name__ == "__main__":
    main("quick" in sys.argv)
