"""One measurement in a process of its own: ``python -m tests.benchmarks.child JOB RESULT``.

A process of its own makes peak memory mean something, lets a time limit be enforced, and keeps a
peer that dies from taking the run with it. JOB is a JSON text, RESULT the file for the record.
"""

import contextlib
import importlib
import inspect
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

#: Cells a side of the run that compiles; its time is never reported. Ours takes other solvers, and
#: threads, on larger grids: the second size serves grids from the third on.
WARM, WARM_OURS = {2: 24, 3: 8}, {2: (96, 250, 256), 3: (20, 40, 64)}
#: Repeat until this many seconds have gone, at most MOST times.
BUDGET, MOST = 10.0, 5


def resident() -> int:
    """Bytes resident now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(s.split()[1]) * 1024 for s in status.splitlines() if s.startswith("VmRSS"))


def forget_peak() -> int:
    """Start the high-water mark anew where the kernel allows it; bytes resident now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return resident()


def peak() -> int:
    """Most bytes resident since ``forget_peak`` (since the start where that is not allowed)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(s.split()[1]) * 1024 for s in status.splitlines() if s.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def timed(function):
    """Seconds and value of one call."""
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def measure_steady(job, warm=None, budget=BUDGET) -> dict:
    """Time, memory and error of one contender on one grid."""
    contenders = importlib.import_module("tests.benchmarks.contenders")
    case = importlib.import_module("tests.benchmarks.cases").case(job["case"])
    who, n = contenders.by_name(job.get("march"))[job["who"]], job["n"]
    if warm is None:
        small, large, threshold = WARM_OURS[case.dim]
        ours = large if n >= threshold else small
        warm = ours if job["who"].startswith("ours") else WARM[case.dim]
    try:
        if not who.compiles_anew:
            who.solve(who.prepare(case, warm))
        setup, inputs = timed(lambda: who.prepare(case, n))
        before = forget_peak()
        first, (density, notes) = timed(lambda: who.solve(inputs))
        most = peak()
    except contenders.NotAvailableError as error:
        return {"status": f"not available: {error}"}
    except contenders.NotConvergedError as error:
        return {"status": f"not converged: {error}"}
    except ImportError as error:
        return {"status": f"not installed: {error.name}"}
    uncounted = notes.pop("uncounted", 0.0)
    cells = n**case.dim
    record = {
        "n_cells": cells,
        "status": notes.pop("status", "ok"),
        "setup": setup + uncounted,
        "error": case.error(density, n),
        "mass_error": abs(float(density.sum()) * float(np.prod(case.widths(n))) - 1),
        "min_rho": float(density.min()),
        "peak_bytes_per_cell": (most - before) / cells,
        "peak_GiB": most / 2**30,
    } | notes
    del density
    if who.edges is not None:
        record["edges"] = int(who.edges(inputs))
    if who.compiles_anew or 2 * warm**case.dim > cells:
        del record["peak_bytes_per_cell"]  # the compiler's, or hidden in what was freed before
    times = [first - uncounted]
    again = record["status"] == "ok" and not who.compiles_anew
    while again and len(times) < MOST and sum(times) + times[0] < budget:
        times.append(timed(lambda: who.solve(inputs))[0] - uncounted)
    return record | {"seconds_min": min(times), "seconds": times, "repeats": len(times)}


def measure_rows(job) -> dict:
    """Whatever ``rows(quick)`` of a module returns or yields.

    Rows that are yielded, or given to ``report`` where ``rows`` takes one, outlive a time limit.
    """
    rows = importlib.import_module(job["module"]).rows
    found = []

    def keep(row):
        found.append(dict(row))
        write(job["result"], {"status": "ok", "complete": False, "rows": found})

    if "report" in inspect.signature(rows).parameters:
        found = [dict(row) for row in rows(job["quick"], report=keep)]
    else:
        for row in rows(job["quick"]):
            keep(row)
    return {"status": "ok", "complete": True, "rows": found}


def write(path, record):
    """Write all or nothing."""
    partial = Path(path).with_suffix(".tmp")
    partial.write_text(json.dumps(record, default=plain), encoding="utf-8")
    partial.replace(path)


KINDS = {"steady": measure_steady, "rows": measure_rows}


def plain(value):
    """Plain Python of a numpy scalar or array, for json."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def main(arguments):
    """Measure and write."""
    job = json.loads(arguments[0]) | {"result": arguments[1]}
    try:
        record = KINDS[job["kind"]](job)
    except MemoryError:
        record = {"status": "out of memory"}
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        record = {"status": f"failed: {type(error).__name__}: {words}"}
    write(arguments[1], record)


if __name__ == "__main__":
    main(sys.argv[1:])
