"""Every scheme on every steady state of the zoo: ``python tests/benchmarks/steady_schemes.py``.

Errors of rho (L1), of log rho where rho is above 1e-8 of its maximum and everywhere, of j (root
mean square under rho, relative) and of the entropy production (relative): the first, the second and
the fourth are those of the table in docs/how-to-choose.md. Then the processor time over that of the
Markov state. ``default`` is ``steady_state(problem)``. The default is to win the first two columns.
"""

import contextlib
import sys
import time

import numpy as np

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.steady.state import normalised

CELLS = {1: 200, 2: 64, 3: 20}
WAYS = {
    "markov": {"scheme": "markov"},
    "log": {"scheme": "log"},
    "upwind5": {"scheme": "upwind5"},
    "accuracy=2": {"accuracy": 2},
    "accuracy=4": {"accuracy": 4},
    "default": {},
}
QUICK = ("R2", "R24", "W2c-10")
#: Newton's method asked for by name takes minutes here, in which far tails come out.
LONG = ("E4", "E4b")
#: Density over the largest above which log rho is compared.
SEEN = 1e-8


def errors(exact, state):
    """Errors of one state."""
    grid, x = state.grid, state.grid.x
    log_rho = normalised(-exact.beta * exact.Phi(*x), grid)
    rho, off = np.exp(log_rho), np.abs(state.log_rho - log_rho)
    out = {
        "rho": float(grid.integrate(np.abs(state.rho - rho))),
        "log rho, seen": float(off[log_rho > log_rho.max() + np.log(SEEN)].max()),
        "log rho": float(off.max()),
    }
    if exact.j is not None:
        j = np.stack(exact.j(*x))
        whole = float(np.sum(rho * j**2))
        if whole > 1e-24:
            out["j"] = float(np.sqrt(np.sum(rho * (state.j - j) ** 2) / whole))
    if exact.entropy_production:
        out["EP"] = abs(state.entropy_production / exact.entropy_production - 1)
    return out


def rows(quick):
    """One dict for each problem and way."""
    warm = zoo.stuart_landau().build(24)
    for words in WAYS.values():
        with contextlib.suppress(fp.ConvergenceError):  # compiles what is timed below
            fp.steady_state(warm, **words)
    for code, exact in zoo.catalogue().items():
        if exact.Phi is None or (quick and code not in QUICK):
            continue
        problem = exact.build(CELLS[exact.dim])
        generator = fp.Generator(problem)
        if fp.steady_state(generator).stats.scheme == "exact" or problem.knows_walls:
            continue
        base = None
        for name, words in WAYS.items():
            if name == "log" and code in LONG:
                continue
            start = time.process_time()
            try:
                state = fp.steady_state(generator, **words)
            except (ValueError, fp.ConvergenceError):
                continue
            seconds = time.process_time() - start
            base = base or seconds
            yield {
                "question": "steady schemes",
                "case": f"{code} {exact.name}",
                "cells": "x".join(map(str, problem.grid.shape)),
                "who": name,
                "scheme": state.stats.scheme,
                **errors(exact, state),
                "time over markov": seconds / base,
            }


if __name__ == "__main__":
    columns = ("rho", "log rho, seen", "log rho", "j", "EP", "time over markov")
    print(f"| problem | cells | way | scheme | {' | '.join(columns)} |")
    print("|" + "---|" * (4 + len(columns)))
    for row in rows("quick" in sys.argv[1:]):
        values = " | ".join(f"{row[c]:.1e}" if c in row else "" for c in columns[:-1])
        head = f"{row['case']} | {row['cells']} | {row['who']} | {row['scheme']}"
        print(f"| {head} | {values} | {row['time over markov']:.0f} |", flush=True)
