"""Runs measurements one after another and keeps what was measured, whatever happens.

Records are dicts. ``question``, ``case``, ``cells`` and ``who`` say which one it is; ``status`` is
"ok" or says in words why there is no number; the rest is what was measured.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks import machine

ROOT = machine.ROOT
SCHEMA = 1
KEY = ("question", "case", "cells", "who")


@dataclass(frozen=True)
class Job:
    """One measurement: which, how, and for how long at most (seconds)."""

    question: str
    case: str
    who: str
    cells: str = ""
    kind: str = "steady"
    limit: float = 120.0
    arguments: dict = field(default_factory=dict)

    @property
    def name(self):
        """Words that ``only=`` looks into."""
        return " | ".join(w for w in (self.question, self.case, self.cells, self.who) if w)

    @property
    def key(self):
        """Identity of the record."""
        return self.question, self.case, self.cells, self.who


def environment() -> dict:
    """Environment of a measurement: this checkout, its own kernel cache, BLAS as it likes it."""
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    env.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba" / machine.source()))
    # A forced BLAS kernel would slow the factorisations of everybody else.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        env.pop(name, None)
    env["MPLBACKEND"] = "Agg"
    return env


def measure(job: Job) -> list[dict]:
    """Records of one job, measured in a process of its own; never raises for what happens there."""
    identity = dict(zip(KEY, job.key, strict=True))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "record.json"
        text = json.dumps({"kind": job.kind, "case": job.case, "who": job.who} | job.arguments)
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.benchmarks.child",
            text,
            str(result),
        ]
        with (Path(folder) / "noise").open("w+", encoding="utf-8", errors="replace") as noise:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=noise,
            )  # fmt: skip
            over = False
            try:
                process.wait(timeout=job.limit)
            except subprocess.TimeoutExpired:
                over = True
            finally:
                _stop(process)
            noise.seek(0)
            said = noise.read()
        record = {"status": _post_mortem(process.returncode, said)}
        if result.exists():
            record = json.loads(result.read_text(encoding="utf-8"))
    rows = [_identified(row, job) for row in record.pop("rows", [])]
    if over:
        record = {"status": f"over {job.limit:g} s"}
    elif rows and not record.pop("complete", True):
        record = {"status": f"ended early: {_post_mortem(process.returncode, said)}"}
    elif rows or "complete" in record:
        return rows
    return [*rows, identity | record | {"wall": round(time.perf_counter() - began, 2)}]


def _identified(row, job):
    """Record of a module's row: what the row does not say is said by its module."""
    named = {"question": job.question, "case": "", "cells": "", "who": "", "status": "ok"}
    return named | canonical(row) | {"module": job.case}


def canonical(row: dict) -> dict:
    """A row under the names of the harness: method, seconds, n, d, t and coupling go by others."""
    row = {k: v for k, v in row.items() if v is not None}
    if "who" not in row and "method" in row:
        row["who"] = row.pop("method")
    if "seconds_min" not in row and isinstance(row.get("seconds"), int | float):
        row["seconds_min"] = row.pop("seconds")
    if "cells" not in row and isinstance(row.get("n"), int):
        n, d = row.pop("n"), row.pop("d", 2)
        row |= {"cells": "x".join([str(n)] * d), "n_cells": n**d}
    if "case" not in row:
        words = [f"t = {row.pop('t'):g}"] if "t" in row else []
        if coupling := row.pop("coupling", 0):
            words.append(f"coupling {coupling:g}")
        row["case"] = ", ".join(words)
    return row


def _stop(process):
    """End a measurement and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _post_mortem(code, noise):
    """Words for a process that left no record."""
    if code == -signal.SIGKILL:
        return "killed, most likely out of memory"
    last = noise.strip().splitlines()[-1][:200] if noise.strip() else "no message"
    return f"failed: exit {code}, {last}"


def modules() -> list[str]:
    """Modules of this folder that have ``jobs`` or ``rows``, by name."""
    folder = Path(__file__).parent
    names = sorted(m.name for m in pkgutil.iter_modules([str(folder)]))
    return [f"tests.benchmarks.{n}" for n in names if not n.startswith("_")]


def collect(quick: bool, names=None) -> list[Job]:
    """Jobs of all modules: their ``jobs(quick)``, or one job that calls their ``rows(quick)``."""
    found = []
    for name in modules() if names is None else names:
        module = importlib.import_module(name)
        if hasattr(module, "jobs"):
            found += module.jobs(quick)
        elif hasattr(module, "rows"):
            short = name.rpartition(".")[2]
            limit = getattr(module, "LIMIT", (20.0, 3600.0))[0 if quick else 1]
            arguments = {"module": name, "quick": quick}
            question = getattr(module, "QUESTION", short.replace("_", " "))
            found.append(Job(question, short, "", kind="rows", limit=limit, arguments=arguments))
    # What the machine can do comes first: everything is compared with it.
    return sorted(found, key=lambda job: job.question != "machine")


def header(quick: bool) -> dict:
    """All that has to agree for two records to be comparable."""
    return {
        "schema": SCHEMA, "mode": "quick" if quick else "full", "machine": machine.description(),
        "versions": machine.versions(), "source": machine.source(),
    }  # fmt: skip


def save(path: Path, head: dict, records: list[dict]) -> None:
    """Write all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(head | {"records": records}, indent=1, ensure_ascii=False, allow_nan=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def load(path: Path) -> dict:
    """A results file, or a head without records."""
    if not path.exists():
        return {"records": []}
    return json.loads(path.read_text(encoding="utf-8"))


def comparable(head: dict, other: dict) -> list[str]:
    """Names of what differs between two heads."""
    return [name for name in head if head[name] != other.get(name)]


def _mark(job):
    """What a record carries to say which job it came from."""
    return json.dumps(asdict(job), sort_keys=True)


def run(jobs, quick: bool, path: Path, fresh=False, show=print, within=None) -> list[dict]:
    """Measure all jobs that ``path`` does not hold yet; it is rewritten after each one.

    After ``within`` seconds the rest is recorded as having had no time.

    ``KeyboardInterrupt`` passes through, with everything measured so far in ``path``.
    """
    head, stored = header(quick), load(path)
    records = [] if fresh else stored["records"]
    if records and (differ := comparable(head, stored)):
        show(f"{path.name} is of another {' and '.join(differ)}: measured anew")
        records = []
    done = {record["job"] for record in records}
    todo = [job for job in jobs if _mark(job) not in done]
    if len(todo) < len(jobs):
        show(f"{len(jobs) - len(todo)} of {len(jobs)} measured before, in {path}")
    began = time.perf_counter()
    with tqdm(todo, unit="row", disable=None) as bar:
        for job in bar:
            bar.set_description(job.name[:60])
            stamp = {"job": _mark(job), "date": time.strftime("%Y-%m-%d")}
            stamp["source"] = head["source"]
            left = job.limit if within is None else within + began - time.perf_counter()
            found = [record | stamp for record in _measured(job, left, within)]
            records = [r for r in records if r["job"] != stamp["job"]] + found
            save(path, head, records)
            bar.write("; ".join(brief(record) for record in found[:6]))
    wanted = {_mark(job) for job in jobs}
    return finished([record for record in records if record["job"] in wanted])


def _measured(job, left, within):
    """Records of a job that may take no longer than the run has left."""
    if left <= 1:
        identity = dict(zip(KEY, job.key, strict=True))
        return [identity | {"status": f"not measured: the run has {within:g} s"}]
    return measure(replace(job, limit=round(min(job.limit, left), 1)))


def brief(record: dict) -> str:
    """One line about a record."""
    name = " | ".join(str(record[k]) for k in KEY if record.get(k))
    if "seconds_min" not in record:
        return f"{name}: {record['status']}"
    words = f"{name}: {record['seconds_min']:.3g} s"
    if "error" in record:
        words += f", error {record['error']:.1e}"
    if "peak_bytes_per_cell" in record:
        words += f", {record['peak_bytes_per_cell']:.0f} bytes/cell"
    return words if record["status"] == "ok" else f"{words}, {record['status']}"


def is_ours(who: str) -> bool:
    """Whether a name means this library: "ours", or a call such as "Exponential()"."""
    return who.startswith("ours") or "(" in who


def bandwidth(records: list[dict]) -> float | None:
    """Bytes per second of the triad in this run."""
    rates = [
        r["bandwidth_GB_s"] for r in records if r.get("case") == "triad" and "bandwidth_GB_s" in r
    ]
    return 1e9 * max(rates) if rates else None


def finished(records: list[dict]) -> list[dict]:
    """Records with their ratios: to ours on the same problem, and to one product at full bandwidth.

    ``ratio_to_ours`` is time over our time; ``products`` is time over that of moving the matrix
    and two vectors once, the ``bytes_moved`` of a 2d + 1 point product with variable coefficients.
    """
    reference = {
        r[:3]: v
        for r, v in ((_key(r), r.get("seconds_min")) for r in records)
        if r[3] == "ours" and v
    }
    speed = bandwidth(records)
    out = []
    for record in records:
        record = dict(record)
        own, seconds = reference.get(_key(record)[:3]), record.get("seconds_min")
        if "module" not in record:
            record.pop("ratio_to_ours", None)  # that of an earlier run
        if own and seconds and "ratio_to_ours" not in record:
            record["ratio_to_ours"] = seconds / own
        if seconds and speed and "n_cells" in record and record["question"] != "machine":
            dim = str(record["cells"]).count("x") + 1
            record.setdefault("bytes_moved", machine.product_bytes(dim) * record["n_cells"])
            record["products"] = seconds * speed / record["bytes_moved"]
        out.append(record)
    return out


def _key(record):
    """Identity of a record."""
    return tuple(str(record.get(name, "")) for name in KEY)
