"""Table of docs/how-to-choose.md: ``python tests/benchmarks/anisotropy.py`` (about two minutes).

Steady states of ``zoo.manufactured_wall``: D(x) of condition number kappa, rotating through all
directions and tilted against the walls, density not small there, on three grids.
"""

import numpy as np

import fokkerplanck as fp

SIZES = (32, 64, 128)


def row(kappa, reversible, periodic):
    """One line of the table per scheme."""
    exact = fp.zoo.manufactured_wall(kappa, reversible=reversible, periodic=periodic)
    lines = []
    for scheme in ("markov", "log"):
        errors, mass, least, names = [], [], [], []
        for n in SIZES:
            problem = exact.build(n)
            grid = problem.grid
            state = fp.steady_state(problem, "auto" if scheme == "log" else scheme)
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
            names.append(state.stats.scheme)
        order = np.log2(np.array(errors[-2]) / np.array(errors[-1]))
        width = fp.Edges.from_problem(problem).width if scheme == "markov" else 1
        lines.append(
            f"| {kappa:g} | {'none' if reversible else 'strong'} "
            f"| {'periodic' if periodic else 'reflecting'} | {names[-1]} "
            + "".join(f"| {e:.1e} ({p:.2f}) " for e, p in zip(errors[-1], order, strict=True))
            + f"| {min(least):.1e} | {max(mass):.0e} | {width} |"
        )
    return lines


def rms(grid, rho, field):
    """Root mean square of a vector field under rho."""
    return float(np.sqrt(grid.integrate(rho * np.sum(field**2, axis=0))))


if __name__ == "__main__":
    print(
        f"| kappa | circulation | walls | scheme | max error of log rho at {SIZES[-1]}² (order) "
        "| L1 of rho (order) | rms of j (order) | min rho | mass error | width |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for periodic in (False, True):
        for reversible in (True, False):
            for kappa in (1, 10, 100, 1000):
                print("\n".join(row(kappa, reversible, periodic)), flush=True)
