"""Cost of assembly: ``python tests/benchmarks/assembly.py [quick]`` (about a minute).

Every time is a multiple of one product ``matrix @ p`` on the same grid in the same process, the
least of several repetitions. "cpu" adds up the time of all threads: on a busy machine it is the
steadier of the two. Bytes per cell are those of Edges and matrix together; "peak" is what assembly
held at its worst beyond its result, over the result.
"""

import sys
import time
import tracemalloc

import numpy as np

import fokkerplanck as fp
from fokkerplanck import observables
from fokkerplanck.linalg import null_vector
from fokkerplanck.scheme import currents
from fokkerplanck.scheme import detailed_balance as reversible

REPETITIONS = 3


def turning(kappa):
    """D(x) of condition number kappa that turns through the box, in two or three dimensions."""

    def D(*x):
        angle = 0.4 + x[0] - 0.7 * x[1]
        n = np.stack([np.cos(angle), np.sin(angle)])
        if len(x) == 3:
            n = np.stack([n[0], n[1] * np.cos(x[2]), n[1] * np.sin(x[2])])
        eye = np.eye(len(x)).reshape(len(x), len(x), *[1] * len(x))
        return eye + (kappa - 1) * n[:, None] * n[None]

    return D


def diagonal(*x):
    """Diagonal D(x)."""
    return [1 + 0.3 * np.sin(u + k) for k, u in enumerate(x)]


def swirl(*x):
    """Confining drift that circulates."""
    return [-x[0] + x[1], -x[0] - x[1], *(-u for u in x[2:])]


def cases(quick):
    """Problems as {name: function that makes one}."""
    plane, space, large = (256, 32, 32) if quick else (1024, 64, 128)

    def make(d, n, D, graded=False):
        t = np.linspace(-1, 1, n + 1)
        box = [3 * np.sinh(1.5 * t) / np.sinh(1.5)] * d if graded else [(-3, 3)] * d
        return lambda: fp.Problem(fp.Grid(box, n), drift=swirl, D=D)

    return {
        "isotropic, 2D": make(2, plane, 1.0),
        "tensor, kappa 100, 2D": make(2, plane, turning(100.0)),
        "graded diagonal, 2D": make(2, plane, diagonal, graded=True),
        "isotropic, 3D": make(3, large, 1.0),
        "diagonal, 3D": make(3, large, diagonal),
        "tensor, kappa 10, 3D": make(3, space, turning(10.0)),
        "tensor, kappa 10, 3D, large": make(3, large, turning(10.0)),
    }


def cost(function, repetitions=REPETITIONS):
    """Least wall and processor time of a call, and what the last one returned."""
    wall = cpu = np.inf
    for _ in range(repetitions):
        begun, used = time.perf_counter(), time.process_time()
        value = function()
        wall = min(wall, time.perf_counter() - begun)
        cpu = min(cpu, time.process_time() - used)
    return wall, cpu, value


def size_of(generator):
    """Bytes of an edge list and its matrix."""
    edges, matrix = generator.edges, generator.matrix
    arrays = [edges.tail, edges.head, edges.weight, edges.tilt, edges.exit_rate]
    arrays += [matrix.data, matrix.indices, matrix.indptr]
    return sum(a.nbytes for a in arrays if a is not None)


def peak_beyond(problem):
    """Bytes that assembly held at its worst beyond its result."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    generator = fp.Generator(problem)
    total = size_of(generator)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before - total


def row(name, make):
    """One line of the table: ratios are to one product."""
    problem = make()
    problem.v  # noqa: B018  evaluated once, before anything is timed
    fp.Generator(problem).matrix  # noqa: B018  compiled
    edge_wall, edge_cpu, edges = cost(lambda: fp.Edges.from_problem(problem))
    rows_wall, rows_cpu, matrix = cost(lambda: fp.Generator(edges).matrix)
    p = np.random.default_rng(0).random(problem.grid.size)
    wall, cpu, _ = cost(lambda: matrix @ p, 20)
    made_wall, made_cpu, _ = cost(lambda: make().v, 2)
    cells, result = problem.grid.size, size_of(fp.Generator(edges))
    return {
        "case": name,
        "cells": cells,
        "edges": int(edges.weight.size),
        "product_ms": 1e3 * wall,
        "problem": made_wall / wall,
        "edges_wall": edge_wall / wall,
        "rows_wall": rows_wall / wall,
        "assembly_wall": (edge_wall + rows_wall) / wall,
        "assembly_cpu": (edge_cpu + rows_cpu) / cpu,
        "problem_cpu": made_cpu / cpu,
        "bytes_per_cell": result / cells,
        "bytes_per_edge": (result - _csr_bytes(matrix)) / edges.weight.size,
        "peak_over_result": peak_beyond(problem) / result,
    }


def _csr_bytes(matrix):
    """Bytes of a matrix."""
    return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes


def rows(quick: bool) -> list[dict]:
    """Return the table of assembly, one dictionary a case."""
    return [row(name, make) for name, make in cases(quick).items()]


def steps(problem):
    """What a steady state does besides its solver, as functions, and the product."""
    grid, generator = problem.grid, fp.Generator(problem)
    phi = -0.5 * np.sum(grid.x**2, axis=0).ravel()
    matrix, edges, shaped = generator.matrix, generator.edges, phi.reshape(grid.shape)
    flow = currents.EdgeCurrents.from_edges(edges, phi)
    rho, j = np.exp(shaped), flow.leftover_field()
    return {
        "product": lambda: matrix @ phi,
        "one class?": lambda: null_vector.closed_class(matrix, grid.shape),
        "detailed balance?": lambda: reversible.exact_log_density(problem, edges),
        "residual": lambda: null_vector.balance_residual(matrix, phi),
        "currents": lambda: currents.EdgeCurrents.from_edges(edges, phi),
        "j": flow.leftover_field,
        "div j": flow.divergence_of_j,
        "div J": flow.divergence_of_J,
        "mean Q": lambda: flow.mean_Q(1.0),
        "entropy production (edges)": flow.entropy_production_of_edges,
        "entropy production (j)": lambda: currents.entropy_production(j, problem, rho),
        "face currents": flow.faces,
        "kl": lambda: observables.kl(rho, shaped, grid, log=True),
        "ledger": lambda: observables.entropy_production(rho, shaped, generator),
    }


def around(quick: bool) -> list[dict]:
    """Return what a steady state costs besides its solver, in products."""
    out, makers = [], cases(quick)
    for name in ("isotropic, 2D", "tensor, kappa 100, 2D", "isotropic, 3D"):
        functions = steps(makers[name]())
        product, product_cpu, _ = cost(functions.pop("product"), 20)
        for step, function in functions.items():
            function()  # compiled
            wall, cpu, _ = cost(function)
            out.append(
                {"case": name, "step": step, "wall": wall / product, "cpu": cpu / product_cpu}
            )
    return out


def main(quick):
    """Print both tables."""
    print(
        "| case | cells | edges | product ms | Problem | Edges | rows | assembly | assembly, cpu "
        "| bytes/cell | bytes/edge | peak beyond result |"
    )
    print("|" + "---|" * 12)
    for r in rows(quick):
        print(
            f"| {r['case']} | {r['cells']} | {r['edges']} | {r['product_ms']:.1f} "
            f"| {r['problem']:.0f} | {r['edges_wall']:.0f} | {r['rows_wall']:.0f} "
            f"| {r['assembly_wall']:.0f} | {r['assembly_cpu']:.0f} | {r['bytes_per_cell']:.0f} "
            f"| {r['bytes_per_edge']:.1f} | {r['peak_over_result']:.2f} |",
            flush=True,
        )
    print("\n| case | step | products, wall | products, cpu |\n|---|---|---|---|")
    for r in around(quick):
        print(f"| {r['case']} | {r['step']} | {r['wall']:.1f} | {r['cpu']:.1f} |")


if __name__ == "__main__":
    np.seterr(all="ignore")
    main("quick" in sys.argv)
