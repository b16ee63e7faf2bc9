"""Runs that are ended at any moment and resumed: the numbers of one that was not, bit by bit."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.methods import Method
from tests.conftest import ROOT

GRID = fp.Grid([(-4, 4)], 48)
PROBLEM = fp.Problem(GRID, f=lambda x: x**2 / 2)
START = fp.gaussian(GRID, 1, 0.2)
TIMES = np.linspace(0, 2, 9)
LEDGER = ("t", "mass", "free_energy", "entropy", "energy", "dissipation", "min_rho")

PLANE = fp.Grid([(-3, 3), (-3, 3)], 16)
SPIRAL = fp.Problem(PLANE, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
SADDLE = fp.Problem(PLANE, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2)
FAST = fp.Problem(PLANE, drift=lambda x, y: (-x - 20 * y, 20 * x - y), kT=0.02)
HEAT = fp.Problem(fp.Grid([(-3, 3)], 48))
LEAKS = fp.Problem(fp.Grid([(-3, 3)], 48, sides="absorbing"), f=lambda x: x**2 / 2)
LANGEVIN = fp.Problem.langevin(PLANE, lambda x: x**2 / 2, 0.5, 1.0)


def interrupt_after(n):
    """Callback that ends a run after n outputs, as Ctrl-C would."""
    seen = []

    def callback(t, rho):
        seen.append(t)
        if len(seen) == n:
            raise KeyboardInterrupt

    return callback


def assert_same(found, expected):
    """All numbers of two solutions, to the last bit."""
    for name in LEDGER:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_array_equal(np.asarray(found.rho), np.asarray(expected.rho))
    assert (found.status, found.message) == (expected.status, expected.message)
    assert found.stats.keys() == expected.stats.keys()
    for name in found.stats.keys() - {"seconds"}:
        np.testing.assert_equal(found.stats[name], expected.stats[name], name)
    for pair in ("t_events", "rho_events"):
        for a, b in zip(getattr(found, pair), getattr(expected, pair), strict=True):
            np.testing.assert_array_equal(a, b)
    if expected.log_rho_inf is None:
        assert found.log_rho_inf is None
    else:
        np.testing.assert_array_equal(found.log_rho_inf, expected.log_rho_inf)


# Times whose differences vary in the last bits: factorisations are shared by steps that differ so.
ROUND = np.linspace(0, 0.7, 8)
UNEVEN = np.array([0, 0.01, 0.02, 0.3, 0.4, 1.5, 1.6, 3.0])
gas = fp.energies.PorousMedium(2)
CUBE = fp.Problem(
    fp.Grid([(-2, 2)] * 3, 8),
    drift=lambda x, y, z: (-x + y, -y - x, -z),
    kT=0.5,
)
BOWL = fp.Problem(fp.Grid([(-2, 2)] * 3, 8), f=lambda x, y, z: (x**2 + y**2 + z**2) / 2)
FREE = fp.Problem(fp.Grid([(-2, 2)] * 3, 8))
WELL = fp.energies.Potential(lambda *x: sum(u**2 for u in x) / 2)
#: Energies that files cannot hold: `resume` is given the method again.
ENERGIES = {
    "gas": gas + WELL,
    "crowd": fp.energies.Congestion(1.0) + WELL,
    "swarm": fp.energies.Entropy(0.5)
    + fp.energies.Interaction(lambda *x: sum(u**2 for u in x) / 2),
    "entropy": fp.energies.Entropy(1.0) + WELL,
}
SHORT = np.linspace(0, 0.25, 6)
CASES = {
    "exponential": (PROBLEM, UNEVEN, None, {}),
    "uniformisation": (PROBLEM, TIMES, fp.Exponential(kind="uniformisation"), {}),
    "chebyshev": (SPIRAL, UNEVEN, fp.Exponential(1e-8, kind="chebyshev"), {}),
    "chebyshev, balanced": (SADDLE, UNEVEN, fp.Exponential(kind="chebyshev"), {}),
    "krylov": (SADDLE, UNEVEN, fp.Exponential(kind="krylov"), {}),
    "dense": (PROBLEM, 10 * UNEVEN, fp.Exponential(kind="dense"), {}),
    "implicit": (PROBLEM, UNEVEN, fp.Implicit(), {"rtol": 1e-7}),
    "implicit 2": (SPIRAL, ROUND, fp.Implicit(order=2), {}),
    "multilevel": (SADDLE, ROUND, fp.Implicit(solver="multilevel"), {}),
    "backward euler": (PROBLEM, ROUND, fp.BackwardEuler(0.03), {}),
    "splitting": (SADDLE, UNEVEN, fp.Splitting(1e-7), {}),
    "limited": (FAST, ROUND, fp.FluxCorrected(), {}),
    "limited, implicit": (FAST, ROUND, fp.FluxCorrected(0.02), {}),
    "central": (FAST, ROUND, fp.FluxCorrected(0.02, flux="central"), {}),
    "upwind5": (FAST, ROUND, fp.Exponential(), {"scheme": "upwind5"}),
    "upwind5, krylov": (SADDLE, UNEVEN, fp.Exponential(kind="krylov"), {"scheme": "upwind5"}),
    "upwind5, implicit": (SPIRAL, ROUND, fp.Implicit(), {"scheme": "upwind5"}),
    "scheme that changes": (FAST, ROUND, None, {}),
    "well balanced": (LANGEVIN, ROUND, None, {}),
    "absorbing": (LEAKS, UNEVEN, None, {}),
    "no steady state": (PROBLEM, TIMES, None, {"steady": False}),
    "steady given": (FAST, ROUND, None, {"steady": fp.steady_state(FAST, scheme="markov")}),
    "jko exact": (PROBLEM, TIMES, fp.JKO(0.1), {}),
    "jko edges": (SPIRAL, ROUND, fp.JKO(0.1), {}),
    "jko edges 2": (SADDLE, ROUND, fp.JKO(0.1, scheme="edges", order=2), {}),
    "jko entropic": (SADDLE, ROUND, fp.jko.Entropic(0.1), {}),
    "jko lagrangian": (PROBLEM, TIMES, fp.jko.Lagrangian(0.1, levels=(0.2, 0.5)), {}),
    "jko lagrangian gas": (PROBLEM, TIMES, fp.JKO(0.1, energy=gas), {"steady": False}),
    "fisher rao": (PROBLEM, TIMES, fp.jko.FisherRao(0.1), {}),
    "l2 heat": (HEAT, ROUND, fp.jko.L2Heat(0.03), {}),
    "space, exponential": (CUBE, UNEVEN, None, {}),
    "space, uniformisation": (CUBE, SHORT, fp.Exponential(kind="uniformisation"), {}),
    "space, chebyshev": (CUBE, UNEVEN, fp.Exponential(kind="chebyshev"), {}),
    "space, krylov": (BOWL, UNEVEN, fp.Exponential(kind="krylov"), {}),
    "space, implicit": (CUBE, UNEVEN, fp.Implicit(), {"rtol": 1e-5}),
    "space, multilevel": (BOWL, SHORT, fp.Implicit(solver="multilevel"), {}),
    "space, backward euler": (CUBE, SHORT, fp.BackwardEuler(0.03), {}),
    "space, splitting": (BOWL, UNEVEN, fp.Splitting(1e-6), {}),
    "space, limited": (CUBE, SHORT, fp.FluxCorrected(), {}),
    "space, limited, implicit": (CUBE, SHORT, fp.FluxCorrected(0.02), {}),
    "space, jko edges": (CUBE, SHORT, fp.JKO(0.05), {}),
    "space, jko entropic": (BOWL, SHORT, fp.JKO(0.05), {}),
    "space, fisher rao": (CUBE, SHORT, fp.jko.FisherRao(0.05), {}),
    "space, l2 heat": (FREE, SHORT, fp.jko.L2Heat(0.03), {}),
}
OTHER = {"steady": False}
FLAT = fp.Problem(fp.Grid([(-3, 3)], 48))
FLAT_PLANE = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 16))
for name, energy in ENERGIES.items():
    has_front = name in ("gas", "crowd")  # to a hundredth: bits are compared, not densities
    wide = fp.jko.Entropic(0.05, energy=energy, **({"tolerance": 1e-2} if has_front else {}))
    CASES |= {
        f"jko lagrangian, {name}": (FLAT, SHORT, fp.jko.Lagrangian(0.05, energy=energy), OTHER),
        f"jko entropic, {name}": (FLAT_PLANE, SHORT, wide, OTHER),
        f"space, jko entropic, {name}": (FREE, SHORT, wide, OTHER),
        f"jko, {name}": (FLAT, SHORT, fp.JKO(0.05, energy=energy), OTHER),
    }


@pytest.mark.parametrize("case", CASES)
def test_an_interruption_changes_no_bit(case, tmp_path):
    problem, times, method, words = CASES[case]
    grid = problem.grid
    start = fp.gaussian(grid, (1, 0.3, -0.2)[: grid.dim], 0.2)
    whole = fp.solve(problem, start, times, method, **words)
    folder, held = tmp_path / "run", {"throw": True}
    early = fp.solve(
        problem, start, times, method, callback=interrupt_after(3), checkpoint=folder, **words
    )
    assert early.status == "interrupted"
    # Once more, so that what was restored is stored again.
    asked = None if getattr(method, "energy", None) is None else method
    fp.resume(folder, problem, asked, callback=interrupt_after(2), **held)
    found = fp.resume(folder, problem, asked)
    assert_same(found, whole)
    assert_same(fp.resume(folder, problem), whole)  # of a run that is over


@dataclass(frozen=True)
class Euler(Method):
    """A method that says nothing of its state, and has one."""

    dt: float

    def init(self, generator, context):
        context.record.put(steps=0)
        return {"matrix": generator.matrix, "seen": 0, "record": context.record}

    def step(self, state, p, span):
        n = int(np.ceil(span / self.dt))
        state["seen"] += 1
        for _ in range(n):
            p = p + span / n * (state["matrix"] @ p) / state["seen"]  # would show what is forgotten
        state["record"].add(steps=n)
        return p


def test_a_method_that_says_nothing_begins_again_at_every_output_time(tmp_path):
    method = Euler(0.005)
    whole = fp.solve(PROBLEM, START, TIMES, method, checkpoint=tmp_path / "whole")
    first = {"callback": interrupt_after(4), "checkpoint": tmp_path / "run"}
    fp.solve(PROBLEM, START, TIMES, method, **first)
    found = fp.resume(tmp_path / "run", PROBLEM, method)
    assert_same(found, whole)
    assert found.stats["steps"] == 400
    exact = fp.solve(PROBLEM, START, TIMES).rho
    assert abs(np.asarray(found.rho) - exact).max() < 0.02
    with pytest.raises(ValueError, match=r"by Euler\(dt=0.005\), which holds what files cannot"):
        fp.resume(_interrupted(tmp_path / "again", method=method), PROBLEM)


def _interrupted(folder, n=3, method=None, **words):
    """Folder of a run that was ended after n outputs."""
    words = {"callback": interrupt_after(n)} | words
    fp.solve(PROBLEM, START, TIMES, method, checkpoint=folder, **words)
    return folder


# --- killed at any moment ------------------------------------------------------------------------

# Loads everything once, and forks a writer for every folder that it is told.
SERVER = """
import os
import sys
import numpy as np
import fokkerplanck as fp
grid = fp.Grid([(-4, 4)], 48)
problem = fp.Problem(grid, f=lambda x: x**2 / 2)
start, t = fp.gaussian(grid, 1, 0.2), np.linspace(0, 2, 41)
method = fp.BackwardEuler(0.01)
fp.solve(problem, start, t, method, progress=False)
for line in sys.stdin:
    writer = os.fork()
    if not writer:
        say = lambda t, rho: t == 0 and print(os.getpid(), flush=True)
        fp.solve(problem, start, t, method, checkpoint=line.strip(), every=0, callback=say)
        os._exit(0)
    os.waitpid(writer, 0)
    print("over", flush=True)
"""


def _test_kills(tmp_path, moments):
    """Kill writers at random moments; what they leave has to end as if nothing had happened."""
    t, method = np.linspace(0, 2, 41), fp.BackwardEuler(0.01)
    began = time.perf_counter()
    whole = fp.solve(PROBLEM, START, t, method, checkpoint=tmp_path / "whole", every=0)
    longest = time.perf_counter() - began
    chance, reached = random.Random(1), set()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **pipes,
    )
    with server:
        for k in range(moments):
            folder = tmp_path / str(k)
            print(folder, file=server.stdin, flush=True)
            writer = int(server.stdout.readline())
            time.sleep(chance.uniform(0, longest))
            with contextlib.suppress(ProcessLookupError):
                os.kill(writer, signal.SIGKILL)
            assert server.stdout.readline() == "over\n"
            if not (folder / "checkpoint-0").exists():  # killed right after the first density
                with pytest.raises(ValueError, match="ended before its first checkpoint"):
                    fp.resume(folder, PROBLEM)
                found = fp.solve(PROBLEM, START, t, method, checkpoint=folder)
            else:
                reached.add(len(list((folder / "frames").rglob("[0-9]*.npy"))))
                found = fp.resume(folder, PROBLEM, every=1e9)
            assert_same(found, whole)
        server.stdin.close()
    assert min(reached) < t.size  # some were killed in the midst of it


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_at_six_moments(tmp_path):
    _test_kills(tmp_path, 6)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_at_thirty_moments(tmp_path):
    _test_kills(tmp_path, 30)
