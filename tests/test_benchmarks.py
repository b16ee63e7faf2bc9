"""The machinery of tests/benchmarks: records, limits, resuming, rendering. Measures nothing."""

import subprocess
import sys
import types

import numpy as np
import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import cases, child, contenders, figures, harness, machine, render, targets

HEAD = {
    "schema": 1, "mode": "full", "source": "abc",
    "machine": {"processor": "P", "cores": 2, "threads": 2, "memory_GiB": 8.0, "system": "S"},
    "versions": {"python": "3.11"},
}  # fmt: skip
TRIAD = {
    "question": "machine", "case": "triad", "cells": "100", "who": "numba", "status": "ok",
    "seconds_min": 1e-3, "bandwidth_GB_s": 10.0, "n_cells": 100, "job": "m", "date": "2020-01-02",
}  # fmt: skip


def record(who, n=128, seconds=1.0, **more):
    """Record of one contender on the rotating process."""
    return {
        "question": "steady state", "case": "rotating OU, 2D", "cells": f"{n}x{n}", "who": who,
        "status": "ok", "seconds_min": seconds, "n_cells": n * n, "error": 1e-3, "setup": 0.1,
        "peak_bytes_per_cell": 300.0, "job": f"{who}{n}", "date": "2020-01-01",
    } | more  # fmt: skip


# --- the problems and the contenders ------------------------------------------------------------


@pytest.mark.parametrize("name", cases.MAKERS)
def test_exact_densities_are_steady_and_normalised(name):
    case = cases.case(name)
    n = 24 if case.dim == 3 else 64
    assert case.error(np.zeros((n,) * case.dim), n) == pytest.approx(1, abs=2e-3)
    assert case.log_density(*case.pin) > np.max(case.log_density(*case.coordinates(n))) - 4


@pytest.mark.parametrize(
    ("name", "who", "n", "cap"),
    [
        ("rotating OU, 2D", "scipy by hand", 64, 6e-3),
        ("rotating OU, 2D", "ours, direct", 64, 6e-3),
        ("rotating OU, 3D", "scipy by hand", 16, 9e-2),
        ("double well", "scipy by hand", 64, 2e-3),
        ("double well", "ours, default", 64, 1e-10),
        ("turning D, kappa 100", "nine points by hand", 64, 2e-2),
    ],
)
def test_contenders_solve_the_same_problem(name, who, n, cap):
    case = cases.case(name)
    contender = contenders.by_name()[who]
    error = []
    for cells in (n // 2, n):
        density, _ = contender.solve(contender.prepare(case, cells))
        error.append(case.error(density, cells))
        assert density.sum() * np.prod(case.widths(cells)) == pytest.approx(1)
    assert error[1] < cap
    assert error[1] < error[0] / 2.5 or error[1] < 1e-10


def test_the_error_sees_a_wrong_density():
    case = cases.case("rotating OU, 2D")
    assert case.error(np.exp(case.log_density(*case.coordinates(64))).T[::-1] * 1.1, 64) > 0.09


@pytest.mark.parametrize(("package", "who"), [("fplanck", "fplanck"), ("fipy", "FiPy")])
def test_peers_where_installed(package, who):
    pytest.importorskip(package)
    case = cases.case("rotating OU, 2D")
    contender = contenders.by_name()[who]
    density, _ = contender.solve(contender.prepare(case, 64))
    assert case.error(density, 64) < 6e-3


def test_names_of_cases_and_jobs():
    with pytest.raises(ValueError, match="choose from rotating"):
        cases.case("nonsense")
    jobs = harness.collect(True)
    assert jobs[0].question == "machine"
    assert {"latency", "zoo", "evolution", "anisotropy"} <= {job.question for job in jobs}
    known = contenders.by_name()
    assert all(job.who in known for job in jobs if job.kind == "steady")
    assert len({job.key for job in harness.collect(False)}) == len(harness.collect(False))


# --- one measurement ----------------------------------------------------------------------------


def test_a_record_has_what_the_page_needs():
    job = {"case": "rotating OU, 2D", "who": "scipy by hand", "n": 32}
    found = child.measure_steady(job, warm=8, budget=0.05)
    assert found["status"] == "ok"
    assert found["repeats"] == len(found["seconds"]) >= 1
    assert found["seconds_min"] == min(found["seconds"]) > 0
    assert found["error"] < 3e-2
    assert found["n_cells"] == 1024


def test_what_cannot_be_done_is_said(monkeypatch):
    def measured(solve):
        own = contenders.Contender("", lambda case, n: n, solve)
        monkeypatch.setattr(contenders, "by_name", lambda march=None: {"x": own})
        return child.measure_steady({"case": "double well", "who": "x", "n": 8}, warm=4)["status"]

    def raising(error):
        def solve(_):
            raise error

        return solve

    assert measured(raising(contenders.NotAvailableError("no"))) == "not available: no"
    assert measured(raising(contenders.NotConvergedError("slow"))) == "not converged: slow"
    missing = ImportError("x", name="fipy")
    assert measured(raising(missing)) == "not installed: fipy"


def test_peak_memory_sees_an_array():
    """In a process of its own: memory freed by other tests would hide the array."""
    code = (
        "import numpy as np; from tests.benchmarks import child; before = child.forget_peak(); "
        "a = np.ones(8_000_000); print(child.peak() - before)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=harness.ROOT, capture_output=True, text=True, check=True
    )
    assert 50e6 < float(answer.stdout) < 200e6


@pytest.mark.slow
def test_a_child_that_fails_dies_or_hangs(tmp_path):
    (tmp_path / "bad_rows.py").write_text(
        "import os, time\n"
        "def rows(quick):\n"
        "    what = os.environ['BAD']\n"
        "    if what == 'raise': raise RuntimeError('a | b')\n"
        "    if what == 'die': os._exit(3)\n"
        "    if what == 'hang': time.sleep(60)\n"
        "    return [{'case': 'c', 'seconds_min': 1.0, 'error': None}]\n"
    )
    (tmp_path / "slow_rows.py").write_text(
        "import time\n"
        "def rows(quick):\n"
        "    yield {'method': 'm', 'n': 4, 'd': 3, 't': 0.5, 'seconds': 2.0}\n"
        "    time.sleep(60)\n"
    )
    arguments = {"module": "bad_rows", "quick": True}
    for what, status, limit in [
        ("raise", "failed: RuntimeError: a | b", 60),
        ("die", "failed: exit 3, no message", 60),
        ("hang", "over 5 s", 5),
        ("fine", "ok", 60),
    ]:
        job = harness.Job("q", "bad_rows", "", kind="rows", limit=limit, arguments=arguments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(tmp_path))
            patch.setenv("BAD", what)
            (found,) = harness.measure(job)
        assert found["status"] == status
    assert found["question"] == "q"
    assert found["seconds_min"] == 1.0
    assert "error" not in found
    arguments = {"module": "slow_rows", "quick": True}
    job = harness.Job("q", "slow", "", kind="rows", limit=10, arguments=arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        first, second = harness.measure(job)
    assert (first["who"], first["cells"], first["case"]) == ("m", "4x4x4", "t = 0.5")
    assert first["seconds_min"] == 2.0
    assert second["status"] == "over 10 s"


def test_rows_that_are_reported_are_kept(monkeypatch, tmp_path):
    def rows(quick, report):
        report({"case": "a", "seconds_min": np.float64(1)})
        kept.append(harness.load(tmp_path / "r.json"))
        return [{"case": "a"}]

    kept = []
    monkeypatch.setattr(
        child.importlib, "import_module", lambda _: types.SimpleNamespace(rows=rows)
    )
    job = {"module": "m", "quick": True, "result": str(tmp_path / "r.json")}
    assert child.measure_rows(job) == {"status": "ok", "complete": True, "rows": [{"case": "a"}]}
    assert kept == [
        {"status": "ok", "complete": False, "rows": [{"case": "a", "seconds_min": 1.0}]}
    ]


# --- a run --------------------------------------------------------------------------------------


def test_a_run_resumes_and_starts_anew_elsewhere(tmp_path, monkeypatch):
    calls = []

    def measure(job):
        calls.append(job.who)
        if job.who == "stop" and calls.count("stop") == 1:
            raise KeyboardInterrupt
        return [record(job.who) | {"question": job.question}]

    monkeypatch.setattr(harness, "measure", measure)
    jobs = [harness.Job("q", "c", who) for who in ("first", "stop", "last")]
    path, said = tmp_path / "deep" / "r.json", []
    with pytest.raises(KeyboardInterrupt):
        harness.run(jobs, True, path, show=said.append)
    assert [r["who"] for r in harness.load(path)["records"]] == ["first"]
    found = harness.run(jobs, True, path, show=said.append)
    assert calls == ["first", "stop", "stop", "last"]
    assert [r["who"] for r in found] == ["first", "stop", "last"]
    assert "1 of 3 measured before" in said[-1]
    harness.run(jobs, True, path, fresh=True, show=said.append)
    assert len(calls) == 7
    monkeypatch.setattr(machine, "source", lambda: "other")
    harness.run(jobs, True, path, show=said.append)
    assert len(calls) == 10
    assert "another source" in said[-1]
    assert not list(path.parent.glob("*.tmp"))


def test_a_run_ends_in_time(tmp_path, monkeypatch):
    limits = []
    monkeypatch.setattr(harness, "measure", lambda job: limits.append(job.limit) or [record("x")])
    jobs = [harness.Job("q", "c", "a"), harness.Job("q", "c", "b")]
    (late,) = harness.run(jobs[:1], True, tmp_path / "a.json", show=print, within=0.5)
    assert late["status"] == "not measured: the run has 0.5 s"
    harness.run(jobs, True, tmp_path / "b.json", show=print, within=50)
    assert [49 < limit <= 50 for limit in limits] == [True, True]
    harness.run(jobs, True, tmp_path / "c.json", show=print)
    assert limits[2:] == [120, 120]


def test_ratios_and_products():
    found = harness.finished([TRIAD, record("ours", seconds=2.0), record("FiPy", seconds=10.0)])
    assert found[2]["ratio_to_ours"] == 5
    assert found[1]["ratio_to_ours"] == 1
    assert found[1]["products"] == pytest.approx(2.0 * 1e10 / (56 * 128**2))
    again = harness.finished([found[0], record("ours", seconds=1.0), found[2]])
    assert again[2]["ratio_to_ours"] == 10
    alone = harness.finished([found[2]])
    assert "ratio_to_ours" not in alone[0]
    assert "products" not in harness.finished([record("FiPy")])[0]


def test_arguments():
    assert command.arguments(["quick", "only=a,b", "only=c"]) == (True, ["a,b", "c"], False)
    with pytest.raises(SystemExit, match="not understood"):
        command.arguments(["quik"])
    jobs = harness.collect(True)
    kept = command.chosen(jobs, ["Double Well | 128x128 | ours"])
    assert [job.question for job in kept] == ["machine", "steady state", "steady state"]
    with pytest.raises(SystemExit, match="no row contains"):
        command.chosen(jobs, ["nonsense"])


# --- the page -----------------------------------------------------------------------------------


def test_the_page_is_what_the_committed_results_say():
    results = harness.load(render.RESULTS)
    page = render.PAGE.read_text(encoding="utf-8")
    assert results["records"]
    assert {"machine", "versions", "source", "mode"} <= set(results)
    assert results["mode"] == "full"
    assert render.page(results, page) == page, "run make bench-docs"


def test_a_stale_page_is_seen():
    results = harness.load(render.RESULTS)
    page = render.PAGE.read_text(encoding="utf-8")
    results["machine"]["processor"] = "another"
    assert render.page(results, page) != page
    with pytest.raises(ValueError, match="nonsense"):
        render.page(results, page + "<!-- begin nonsense --><!-- end nonsense -->")
    with pytest.raises(ValueError, match="no place"):
        render.page(results, page.replace("begin times", "start times"))


def test_tables_of_strange_records():
    rows = [
        TRIAD, record("ours"), record("scipy by hand", seconds=0.05),
        {"question": "steady state", "case": "rotating OU, 2D", "cells": "256x256", "who": "FiPy",
         "status": "over 300 s", "job": "f", "date": "2020-01-01"},
        {"question": "new", "case": "c|d", "cells": "8x8", "who": "", "status": "ok", "job": "n",
         "odd": [1, 2], "extra": float("nan"), "seconds_min": 1e-4},
        {"question": "new", "case": "", "cells": "8x9", "who": "w", "status": "failed: x",
         "job": "o"},
        {"question": "new", "target": "T at most 3", "reached": "2", "met": True, "status": "ok",
         "job": "p"},
    ]  # fmt: skip
    work = {
        "question": "work precision",
        "case": "t = 1",
        "cells": "8x8",
        "status": "ok",
        "job": "w",
    }
    rows += [work | {"who": "A()", "seconds_min": 1.0, "error": 1e-7}]
    rows += [
        work | {"who": "B", "seconds_min": s, "error": e} for s, e in ((2.0, 1e-3), (8.0, 1e-6))
    ]
    text = render.text(HEAD | {"records": harness.finished(rows)})
    assert "| t = 1 | 8² | B | 2 | 8 | 2 at 1e-02 |" in text
    assert "| 128² | 1 s | 50 ms (0.05) |  |" in text
    assert "| 256² |  |  | over 300 s |" in text
    assert "### new\n\n| case | cells | who | extra | seconds | status |" in text
    assert "| c\\|d | 8² |  | nan | 0.1 ms | ok |" in text
    assert "| T at most 3 | 2 | yes | `python -m tests.benchmarks only=new` |" in text


def test_targets_are_read_off():
    rows = [
        record("ours", 128, iterations=10), record("ours", 1024, 1.0, iterations=14),
        record("scipy by hand", 1024, 9.0),
    ]  # fmt: skip
    found = {t["target"][:24]: t for t in targets.of({"records": rows})}
    assert found["1024² rotating OU: at mo"]["met"] is True
    assert next(t for t in targets.of({"records": rows}) if "1/8" in t["target"])["met"] is True
    assert found["iterations grow at most "]["met"] is None  # the second of that name, in space
    slow = [record("ours", 1024, 2.0), record("scipy by hand", 1024, 9.0)]
    assert next(t for t in targets.of({"records": slow}) if "1/8" in t["target"])["met"] is False


def test_targets_of_modules_are_read_off():
    ok = {"status": "ok", "job": "j", "cells": "128x128", "n_cells": 128**2}
    rows = [
        ok | {"question": "assembly", "case": "tensor", "assembly_wall": 61.0},
        ok | {"question": "accuracy", "case": "R3", "Phi4": 1e-8, "cost": 1.5},
        ok | {"question": "spectrum", "case": "E1", "cells": "512x512", "steady_states": 30.0},
        ok | {"question": "implicit", "who": "FluxCorrected", "cells": 256**2, "error": 2e-3},
    ]
    work = ok | {"question": "work precision", "case": "t = 1"}
    rows += [
        work | {"who": who, "seconds_min": seconds, "error": error}
        for who, seconds, error in [
            ("Exponential()", 1.0, 1e-9), ("SDIRK4", 5.0, 1e-3), ("SDIRK4", 9.0, 1e-7),
            ("BDF", 4.0, 2e-4),
        ]
    ]  # fmt: skip
    found = [(t["reached"], t["met"]) for t in targets.of({"records": rows})][8:]
    assert found == [
        ("61", False), ("4, BDF at 0.001", True), ("0.002", True), ("1e-08 at 1.5 times", True),
        ("30", False),
    ]  # fmt: skip
    rows[4]["seconds_min"] = 2.0
    assert ("2, BDF at 0.001", False) in [
        (t["reached"], t["met"]) for t in targets.of({"records": rows})
    ]


def test_figures_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    rows = [
        TRIAD,
        *(record(w, n, n * s) for w, s in (("ours", 1e-3), ("FiPy", 1e-2)) for n in (64, 128)),
    ]
    work = {"question": "work precision", "case": "t = 1", "cells": "8x8", "status": "ok"}
    rows += [
        work | {"who": w, "seconds_min": s, "error": 1e-3} for w, s in (("ours", 1), ("BDF", 2))
    ]
    rows.append(record("py-pde", 128, 9.0, status="not converged in 9 s"))
    drawn = figures.draw(HEAD | {"records": rows})
    names = ["bench_steady.png", "bench_memory.png", "bench_work_precision.png"]
    assert [path.name for path in drawn] == names
    assert figures.draw(HEAD | {"records": []}) == []
