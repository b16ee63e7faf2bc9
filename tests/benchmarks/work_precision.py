"""Work against error in time: ``python tests/benchmarks/work_precision.py [--quick]``.

A double well, f = (x^2 - 1)^2/4 + y^2/2 (+ z^2/2) + coupling x y, beta = 3, in the box
[-2.5, 2.5] x [-4, 4] (x [-4, 4]), from a Gaussian of width 0.2 in the left well. Every method gets
the generator of the same grid and carries the masses to time t; the error is the L1 distance to the
exact semigroup on that grid. Times are the least of a few runs and leave out the assembly of the
generator, which all of them need. All in one process, on two threads if the machine has them.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.sparse.linalg import expm_multiply, splu

import fokkerplanck as fp
from fokkerplanck.methods import Context

BOX = [(-2.5, 2.5), (-4, 4), (-4, 4)]
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
TARGETS = TOLERANCES
# Runs of one point of a curve: until so many seconds are spent, and not more.
BUDGET = 2.0
RUNS = 5
# Cells beyond which a competitor is left out: it would take minutes or gigabytes.
SUPERLU_CELLS = {2: 1024**2, 3: 40**3}
BDF_CELLS = {2: 128**2, 3: 24**3}
EXPM_CELLS = {2: 512**2, 3: 128**3}
EXPM_WORK = 3e10
# Largest rate times t from which splitting is shown.
SPLITTING_FROM = 1e5


def problem_of(n, d=2, coupling=0.0):
    """Double well on n cells per axis."""
    return fp.Problem(
        fp.Grid(BOX[:d], n),
        f=lambda *x: (
            (x[0] ** 2 - 1) ** 2 / 4 + sum(u**2 for u in x[1:]) / 2 + coupling * x[0] * x[1]
        ),
        beta=3.0,
    )


# --- the competitors -----------------------------------------------------------------------------

# SDIRK4 of Hairer and Wanner, Solving Ordinary Differential Equations II, table IV.6.5: L-stable,
# order 4, the last stage is the new value.
GAMMA = 1 / 4
STAGES = [
    [],
    [1 / 2],
    [17 / 50, -1 / 25],
    [371 / 1360, -137 / 2720, 15 / 544],
    [25 / 24, -49 / 48, 125 / 16, -85 / 12],
]


def sdirk4(matrix, p, t, n_steps):
    """Fourth-order SDIRK with one factorisation of I - gamma dt A."""
    dt = t / n_steps
    system = (sparse.eye_array(p.size) - GAMMA * dt * matrix).tocsc()
    lu = splu(
        system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )  # fmt: skip
    for _ in range(n_steps):
        # Stage i: (I - gamma dt A) Y_i = p + sum_j a_ij dt A Y_j, without products with A.
        slopes = []
        for row in STAGES:
            right = p + sum((a * k for a, k in zip(row, slopes, strict=True)), np.zeros(p.size))
            value = lu.solve(right)
            slopes.append((value - right) / GAMMA)
        p = value
    return p


def bdf(matrix, p, t, rtol):
    """The stiff solver of scipy with the sparse Jacobian."""
    solution = solve_ivp(
        lambda _, y: matrix @ y, (0, t), p, method="BDF", jac=matrix.tocsc(),
        rtol=rtol, atol=rtol * p.max() * 1e-3, t_eval=[t],
    )  # fmt: skip
    return solution.y[:, -1]


def scipy_expm(matrix, p, t):
    """The action of the exponential in scipy, which knows rounding only."""
    return expm_multiply(matrix * t, p)


def competitors(problem, t):
    """Curves of the competitors: name and calls, loose to tight."""
    cells, d = problem.grid.size, problem.grid.dim
    steps = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64) if cells < 512**2 else (2, 4, 8, 16, 32)
    curves = {}
    if cells <= SUPERLU_CELLS[d]:
        curves["SDIRK4 + SuperLU"] = [
            (f"{n} steps", lambda A, p, n=n: sdirk4(A, p, t, n)) for n in steps
        ]
    if cells <= BDF_CELLS[d]:
        curves["scipy BDF"] = [
            (f"rtol {r:g}", lambda A, p, r=r: bdf(A, p, t, r)) for r in (1e-2, 1e-4, 1e-6, 1e-8)
        ]
    return curves


# --- ours ----------------------------------------------------------------------------------------


def methods(problem, t):
    """Our methods by name: function of a tolerance that returns a Method, and the tolerances."""
    curves = {"Exponential()": (lambda r: fp.Exponential(tolerance=r), TOLERANCES)}
    if fp.Generator(problem).exit_rates.max() * t > SPLITTING_FROM:
        curves["Splitting()"] = (lambda r: fp.Splitting(r), (1e-1, 1e-2, 1e-4, 1e-6))
    return curves


def advance(method, generator, p, t):
    """Masses at t by a method, and its report; from the generator on."""
    context = Context(t)
    state = method.init(generator, context)
    q = method.step(state, p, t)
    return q, context.record.values | method.report(state)


# --- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Grid, time and coupling of one curve."""

    n: int
    t: float
    d: int = 2
    coupling: float = 0.0


QUICK = [Case(128, 1.0), Case(256, 1.0), Case(256, 1.0, coupling=0.5), Case(32, 1.0, 3)]
FULL = [
    *(Case(n, t) for n in (128, 256, 512, 1024) for t in (0.1, 1.0, 10.0)),
    *(Case(n, 1.0, coupling=0.5) for n in (256, 1024)),
    Case(32, 1.0, 3), Case(64, 1.0, 3), Case(128, 1.0, 3),
]  # fmt: skip


def timed(function, *arguments):
    """Least wall and processor time of a few calls, and the last result."""
    wall, cpu, spent, runs = np.inf, np.inf, 0.0, 0
    while runs < RUNS and (spent < BUDGET or runs == 0):
        start, before = time.perf_counter(), time.process_time()
        result = function(*arguments)
        seconds = time.perf_counter() - start
        wall, cpu = min(wall, seconds), min(cpu, time.process_time() - before)
        spent, runs = spent + seconds, runs + 1
    return (wall, cpu), result


def curve_rows(case, report=lambda row: None, only=""):
    """Rows of one case: one dict for every point of every curve."""
    problem = problem_of(case.n, case.d, case.coupling)
    grid, t = problem.grid, case.t
    generator = fp.Generator(problem)
    matrix = generator.matrix
    mean = (-1.0, *[0.0] * (case.d - 1))
    p = (fp.gaussian(grid, mean, 0.04) * grid.volume).ravel()
    exact, _ = advance(fp.Exponential(tolerance=1e-14), generator, p, t)
    rows = []

    def add(name, setting, seconds, q, **more):
        error = float(np.abs(q - exact).sum())
        row = {
            "n": case.n, "d": case.d, "t": t, "coupling": case.coupling, "method": name,
            "setting": setting, "seconds": seconds[0], "cpu": seconds[1], "error": error,
            "min": float(q.min()),
            "mass_error": float(abs(q.sum() - 1)), **more,
        }  # fmt: skip
        rows.append(row)
        report(row)
        return error

    for name, (make, tolerances) in methods(problem, t).items():
        for tolerance in tolerances:
            seconds, (q, stats) = timed(advance, make(tolerance), generator, p, t)
            add(
                name, f"tolerance {tolerance:g}", seconds, q,
                kind=stats.get("kind"), products=stats.get("products"),
            )  # fmt: skip
    for name, points in competitors(problem, t).items():
        if only not in name:
            continue
        for setting, run in points:
            seconds, q = timed(run, matrix, p)
            if add(name, setting, seconds, q) < 0.5 * min(TARGETS):
                break
    work = generator.exit_rates.max() * t * grid.size
    if grid.size <= EXPM_CELLS[case.d] and work < EXPM_WORK and only in "scipy expm_multiply":
        seconds, q = timed(scipy_expm, matrix, p, t)
        add("scipy expm_multiply", "", seconds, q)
    return rows


def warm_up():
    """Compile."""
    for kind in ("uniformisation", "chebyshev"):
        generator = fp.Generator(problem_of(16))
        advance(fp.Exponential(kind=kind), generator, np.full(16**2, 16.0**-2), 0.1)


def rows(quick=True, report=lambda row: None):
    """All rows of the benchmark, as dicts of plain numbers and words."""
    warm_up()
    return [row for case in (QUICK if quick else FULL) for row in curve_rows(case, report)]


def seconds_at(points, error, clock="seconds"):
    """Least time of a curve's points that are at least as accurate; inf if there is none."""
    return min((r[clock] for r in points if r["error"] <= error), default=np.inf)


def ratios(rows, ours="Exponential()"):
    """Time of every other curve over ours at equal error, by case: yields dicts.

    At an error, a curve costs what its cheapest point of that error or less does.
    """
    cases = {(r["d"], r["n"], r["t"], r["coupling"]) for r in rows}
    for d, n, t, coupling in sorted(cases):
        mine = [r for r in rows if (r["d"], r["n"], r["t"], r["coupling"]) == (d, n, t, coupling)]
        names = dict.fromkeys(r["method"] for r in mine if r["method"] != ours)
        for name in names:
            for target in TARGETS:
                own = [r for r in mine if r["method"] == ours]
                other = [r for r in mine if r["method"] == name]
                ratio, cpu_ratio = (
                    seconds_at(other, target, clock) / seconds_at(own, target, clock)
                    for clock in ("seconds", "cpu")
                )
                if np.isfinite(ratio) and ratio > 0:
                    yield {
                        "d": d, "n": n, "t": t, "coupling": coupling, "method": name,
                        "error": target, "ratio": ratio, "cpu_ratio": cpu_ratio,
                    }  # fmt: skip


def show(row):
    """One line of the table."""
    cells = "x".join([str(row["n"])] * row["d"])
    print(
        f"| {cells} | {row['t']:g} | {row['coupling']:g} | {row['method']} {row['setting']} "
        f"| {row['seconds']:.4f} | {row['cpu']:.4f} | {row['error']:.1e} | {row.get('kind') or ''} "
        f"{row.get('products') or ''} |",
        flush=True,
    )


def main():
    """Print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", default=None)
    parser.add_argument("--case", type=int, default=None, help="only this case of the list")
    parser.add_argument("--only", default="", help="only methods whose name contains this")
    options = parser.parse_args()
    print("| cells | t | coupling | method | seconds | of processor | L1 error | kind, products |")
    print("|---|---|---|---|---|---|---|---|")
    if options.case is None:
        table = rows(options.quick, show)
    else:
        warm_up()
        table = curve_rows((QUICK if options.quick else FULL)[options.case], show, options.only)
    print("\n| cells | t | coupling | against | least ratio | at error | of processor time |")
    print("|---|---|---|---|---|---|---|")
    found = list(ratios(table))
    for key in dict.fromkeys((r["d"], r["n"], r["t"], r["coupling"], r["method"]) for r in found):
        d, n, t, coupling, name = key
        least = min(
            (r for r in found if (r["d"], r["n"], r["t"], r["coupling"], r["method"]) == key),
            key=lambda r: r["ratio"],
        )
        cells = "x".join([str(n)] * d)
        print(
            f"| {cells} | {t:g} | {coupling:g} | {name} | {least['ratio']:.1f} "
            f"| {least['error']:g} | {least['cpu_ratio']:.1f} |"
        )
    if options.json:
        Path(options.json).write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
