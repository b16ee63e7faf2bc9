"""How long a user waits for the first answer: import, and the first steady state of a new process.

Cold means without compiled kernels on the disk, as after an installation; warm means with them.
"""

import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.machine import ROOT

QUESTION = "latency"
LIMIT = (60.0, 300.0)
IMPORTS = {
    "ours": "import fokkerplanck", "numpy, scipy.sparse": "import numpy, scipy.sparse.linalg",
    "fplanck": "import fplanck", "FiPy": "import fipy", "py-pde": "import pde",
}  # fmt: skip
FIRST = """
import fokkerplanck as fp
grid = fp.Grid([(-4, 4), (-4, 4)], 64)
problem = fp.Problem(grid, drift=lambda x, y: (1.5 * y - x, -1.5 * x - y), kT=1 / 3)
{call}
"""
CALLS = {
    "first steady_state, markov": 'fp.steady_state(problem, scheme="markov")',
    "first steady_state, default": "fp.steady_state(problem)",
    "first solve": "fp.solve(problem, fp.gaussian(grid, 0, 0.2), [0, 0.1])",
}


def seconds(code, cache):
    """Wall time of a new Python that runs the code, and None or what went wrong."""
    env = os.environ | {"NUMBA_CACHE_DIR": cache}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=env, cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    spent = time.perf_counter() - start
    return spent, None if run.returncode == 0 else run.stderr.strip().splitlines()[-1]


def rows(quick):
    """Seconds of a whole process, cold and warm."""
    bare = min(seconds("pass", "")[0] for _ in range(3))
    out = []
    with tempfile.TemporaryDirectory() as cache:
        for who, code in list(IMPORTS.items())[: 2 if quick else None]:
            out.append(_row("import", who, None, _least(code, cache, 1 if quick else 5), bare))
        for case, call in list(CALLS.items())[: 1 if quick else None]:
            with tempfile.TemporaryDirectory() as empty:
                code = FIRST.format(call=call)
                cold = seconds(code, empty)
                out.append(
                    _row(case, "ours", cold[0], _least(code, empty, 1 if quick else 3), bare)
                )
    return out


def _least(code, cache, repeats):
    """Least of several, after one that fills the caches."""
    _, wrong = seconds(code, cache)
    if wrong:
        return None, wrong
    return min(seconds(code, cache)[0] for _ in range(repeats)), None


def _row(case, who, cold, warm, bare):
    """One record; the start of a bare interpreter is taken off."""
    row = {"question": QUESTION, "case": case, "who": who}
    if warm[1]:
        status = "not installed" if "ModuleNotFoundError" in warm[1] else f"failed: {warm[1]}"
        return row | {"status": status}
    row |= {"seconds_min": warm[0] - bare, "status": "ok"}
    return row if cold is None else row | {"cold_seconds": cold - bare}
