"""Table of docs/how-to-choose.md: ``python tests/benchmarks/anisotropy.py`` (about two minutes).

Steady states of ``zoo.manufactured_wall``: D(x) of condition number kappa, rotating through all
directions and tilted against the walls, density not small there, on three grids.
"""

import time

import numpy as np

import fokkerplanck as fp

QUESTION = "anisotropy"
LIMIT = (40.0, 900.0)  # seconds in quick and full mode
SIZES = (32, 64, 128)


def measure(kappa, reversible, periodic, sizes=SIZES):
    """One record per scheme; errors and orders are those of the last two grids."""
    exact = fp.zoo.manufactured_wall(kappa, reversible=reversible, periodic=periodic)
    for scheme in ("markov", "log"):
        errors, mass, least = [], [], []
        for n in sizes:
            problem = exact.build(n)
            grid = problem.grid
            start = time.perf_counter()
            state = fp.steady_state(problem, "auto" if scheme == "log" else scheme)
            spent = time.perf_counter() - start
            log_rho = exact.log_rho(*grid.x)
            errors.append(
                (
                    np.abs(state.log_rho - log_rho).max(),
                    grid.integrate(np.abs(state.rho - np.exp(log_rho))),
                    rms(grid, state.rho, state.j - np.stack(exact.j(*grid.x))),
                )
            )
            mass.append(abs(grid.integrate(state.rho) - 1))
            least.append(state.rho.min())
        order = np.log2(np.array(errors[-2]) / np.array(errors[-1]))
        walls = "periodic" if periodic else "reflecting"
        yield {
            "question": QUESTION,
            "case": f"kappa {kappa:g}, {'reversible' if reversible else 'circulating'}, {walls}",
            "cells": f"{sizes[-1]}x{sizes[-1]}", "n_cells": sizes[-1] ** 2,
            "who": state.stats.scheme, "seconds_min": spent, "repeats": 1,
            "kappa": kappa, "circulation": "none" if reversible else "strong", "walls": walls,
            "errors": np.array(errors[-1]).tolist(), "orders": order.tolist(),
            "error": float(errors[-1][1]), "min_rho": float(min(least)),
            "mass_error": float(max(mass)),
            "width": fp.Edges.from_problem(problem).width if scheme == "markov" else 1,
        }  # fmt: skip


def rows(quick):
    """Records of the table, in quick mode for kappa = 10 and two grids."""
    if quick:
        return [row for walls in (False, True) for row in measure(10, False, walls, (16, 32))]
    return [row for case in cases() for row in measure(*case)]


def cases():
    """Condition number, reversible, periodic."""
    return [(k, r, p) for p in (False, True) for r in (True, False) for k in (1, 10, 100, 1000)]


def line(row):
    """Line of the table."""
    pairs = zip(row["errors"], row["orders"], strict=True)
    return (
        f"| {row['kappa']:g} | {row['circulation']} | {row['walls']} | {row['who']} "
        + "".join(f"| {e:.1e} ({p:.2f}) " for e, p in pairs)
        + f"| {row['min_rho']:.1e} | {row['mass_error']:.0e} | {row['width']} |"
    )


def rms(grid, rho, field):
    """Root mean square of a vector field under rho."""
    return float(np.sqrt(grid.integrate(rho * np.sum(field**2, axis=0))))


if __name__ == "__main__":
    print(
        f"| kappa | circulation | walls | scheme | max error of log rho at {SIZES[-1]}² (order) "
        "| L1 of rho (order) | rms of j (order) | min rho | mass error | width |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in cases():
        print("\n".join(line(row) for row in measure(*case)), flush=True)
