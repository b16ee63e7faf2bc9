"""Ctrl-C in the midst of the work: KeyboardInterrupt, soon, and nothing else."""

import ast
import random
import signal
import subprocess
import sys
import time

import pytest

import fokkerplanck as fp
from fokkerplanck.domain import interrupts
from tests.conftest import ROOT

PACKAGE = ROOT / "fokkerplanck"


def test_a_system_error_of_other_origin_stays_one():
    def broken():
        raise SystemError("bad internal call")

    with pytest.raises(SystemError, match="bad internal call"):
        interrupts.heard(broken)()


def test_an_interruption_is_found_behind_system_errors():
    def interrupted():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as first:
            raise SystemError("returned a result with an exception set") from first

    with pytest.raises(KeyboardInterrupt):
        interrupts.heard(interrupted)()


def returns_arrays(function):
    """Whether a kernel's source returns a name that it has made an array of."""
    made = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and "np." in ast.unparse(node.value)
        for target in ast.walk(node.targets[0])
        if isinstance(target, ast.Name)
        and any(f in ast.unparse(node.value) for f in ("empty(", "zeros(", "full(", "ones("))
    }
    returned = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
    values = [v for r in returned for v in (r.elts if isinstance(r, ast.Tuple) else [r])]
    return any(ast.unparse(v).partition("[")[0] in made for v in values)


def test_kernels_that_return_arrays_are_heard():
    callers = "".join(
        path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
        if "kernels" not in path.relative_to(PACKAGE).parts
    )
    found = []
    for path in sorted((PACKAGE / "kernels").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_kernel = isinstance(node, ast.FunctionDef) and "njit" in "".join(
                map(ast.unparse, node.decorator_list)
            )
            if is_kernel and not node.name.startswith("_") and returns_arrays(node):
                found.append(node.name)
    assert {"dissect", "eliminate", "eliminate_ending", "deep_maxima"} <= set(found)
    for name in found:
        bare = callers.count(f"{name}(") - callers.count(f"def {name}(")
        assert bare == 0, f"{name} returns arrays: call it by heard"


@pytest.mark.slow
def test_interruptions_at_any_time_are_what_they_are():
    grid = fp.Grid([(-4, 4)] * 2, 32)
    problem = fp.Problem(grid, drift=lambda x, y: (1.5 * y - x, -1.5 * x - y))
    start, random_times, seen = fp.gaussian(grid, 1, 0.2), random.Random(1), 0

    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        for work in (
            lambda: fp.steady_state(problem, scheme="markov"),
            lambda: fp.solve(problem, start, [0, 1]),
        ):
            work()
            began = time.perf_counter()
            work()
            length = time.perf_counter() - began
            for _ in range(60):
                try:
                    signal.setitimer(signal.ITIMER_REAL, random_times.uniform(1e-5, length))
                    result = work()
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    seen += getattr(result, "status", "") == "interrupted"
                except KeyboardInterrupt:
                    seen += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert seen > 30


LONG = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
import numpy as np
import fokkerplanck as fp
fine = fp.Grid([(-4, 4)] * 2, 512)
well = fp.Problem(fine, f=lambda x, y: x**2 + y**4)
a, b = fp.gaussian(fine, 1, 0.2), fp.gaussian(fine, -1, 0.3)
coarse = fp.Problem(fp.Grid([(-4, 4)] * 2, 64), f=lambda x, y: x**2 + y**4)
model = fp.sgd.LeastSquares(np.eye(3, 2), np.ones(3))
print("begins", flush=True)
for _ in range(1000):
    {call}
"""
CALLS = {
    "solve": "fp.solve(well, a, [0, 50], progress=False)",
    "steady_state": "fp.steady_state(well, scheme='markov', solver='multilevel')",
    "wasserstein": "fp.wasserstein(a, b, fine)",
    "jko": "fp.solve(well, a, [0, 5], fp.jko.EdgeJKO(0.01), progress=False)",
    "simulate": "fp.sde.simulate(coarse, [0.0, 0.0], steps=10**8, dt=1e-3, n_particles=8, "
    "interpolate=True)",
    "sgd": "fp.sgd.run(model, [0.0, 0.0], 0.1, 2, 100_000, n_particles=20_000)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_long_calls_end_soon(name):
    # A run that was interrupted is handed back, with what it has found so far.
    ending = "if getattr(r, 'status', '') == 'interrupted': sys.exit(254)"
    text = LONG.replace("{call}", f"r = {CALLS[name]}\n    {ending}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, text=True, **pipes)
    try:
        assert child.stdout.readline() == "begins\n"
        time.sleep(3)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)  # a busy machine is slow; what is meant is a second
    finally:
        child.kill()
    assert child.returncode in (-signal.SIGINT, 254), err
    assert "SystemError" not in err
    if child.returncode != 254:
        assert "Interrupt" in err.strip().splitlines()[-1]
