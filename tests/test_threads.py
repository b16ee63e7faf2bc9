"""Threads: the variable that limits them, and results that do not depend on their number."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck import environment
from fokkerplanck.environment import thread_limit
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import grid_cycle

ROOT = Path(__file__).resolve().parents[1]

# Large enough for the kernels to go parallel; a digest of every array that assembly makes.
PROBE = """
import hashlib, numpy as np
import fokkerplanck as fp
from fokkerplanck.scheme.currents import EdgeCurrents, entropy_production
from fokkerplanck.kernels import threads
from fokkerplanck.linalg import null_vector
from fokkerplanck.scheme import detailed_balance as reversible

def D2(x, y):
    n = np.stack([np.cos(0.4 + x - 0.7 * y), np.sin(0.4 + x - 0.7 * y)])
    return np.eye(2)[:, :, None, None] + 99 * n[:, None] * n[None]

def D3(x, y, z):
    n = np.stack([np.cos(x + z), np.sin(x + z) * np.cos(y), np.sin(x + z) * np.sin(y)])
    return np.eye(3)[:, :, None, None, None] + 9 * n[:, None] * n[None]

flat, space = (300, 190), (40, 41, 42)
faces = [np.linspace(-1, 2, n + 1) ** 3 for n in flat]
cases = [
    (fp.Grid([(-3, 3), (-2, 2)], flat), {"drift": lambda x, y: (y - x, -x - y)}),
    (fp.Grid([(-3, 3), (-2, 2)], flat, ["absorbing", "reflecting"]),
     {"drift": lambda x, y: (y - x, -x - y), "D": D2}),
    (fp.Grid(faces), {"f": lambda x, y: x**2 + y, "D": (1.0, 2.0)}),
    (fp.Grid([(-1, 1)] * 3, space), {"drift": lambda x, y, z: (y, -x, 0 * z), "D": D3}),
]
digest = hashlib.sha256()
for grid, given in cases:
    assert grid.size >= threads.LARGE
    problem = fp.Problem(grid, **given)
    generator = fp.Generator(problem)
    edges, matrix = generator.edges, generator.matrix
    phi = -0.5 * np.sum(grid.x**2, axis=0).ravel()
    flow = EdgeCurrents.from_edges(edges, phi)
    arrays = [edges.tail, edges.head, edges.weight, edges.tilt, edges.exit_rate, matrix.data,
              matrix.indices, matrix.indptr, flow.velocity, flow.leftover_field(),
              flow.divergence_of_J(), flow.mean_Q(1.0), flow.offset, *flow.faces(),
              null_vector.balance_residual(matrix, phi),
              entropy_production(flow.leftover_field(), problem, np.exp(phi).reshape(grid.shape))]
    for array in arrays:
        digest.update(np.ascontiguousarray(0.0 if array is None else array))
print(threads.number(), digest.hexdigest())
"""

MULTILEVEL = """
import hashlib, numpy as np
import fokkerplanck as fp
from fokkerplanck.kernels import threads

grid = fp.Grid([(-4, 4), (-4, 4)], 260)
digest = hashlib.sha256()
for D in (1.0, [[1.0, 0.9], [0.9, 1.0]]):
    problem = fp.Problem(grid, drift=lambda x, y: (1.5 * y - x, -1.5 * x - y), D=D, beta=3.0)
    steady = fp.steady_state(problem, scheme="markov", solver="multilevel")
    digest.update(np.ascontiguousarray(steady.log_rho))
print(threads.number(), digest.hexdigest())
"""


def run(probe, **environment):
    return subprocess.run(
        [sys.executable, "-c", probe], env={**os.environ, **environment}, capture_output=True,
        text=True, cwd=ROOT, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("probe", [PROBE, MULTILEVEL], ids=["assembly", "multilevel"])
def test_one_and_two_threads_give_the_same_bits(probe):
    found = {}
    for number in ("1", "2"):
        answer = run(probe, FOKKERPLANCK_NUM_THREADS=number, NUMBA_NUM_THREADS="2")
        assert answer.returncode == 0, answer.stderr
        used, digest = answer.stdout.split()
        assert used == number
        found[number] = digest
    assert found["1"] == found["2"]


def test_numbas_own_setting_is_a_cap():
    count = (
        "from fokkerplanck.kernels import threads as t; print(t.number()); assert not t.started()"
    )
    fewer = run(count, FOKKERPLANCK_NUM_THREADS="1", NUMBA_NUM_THREADS="2")
    assert fewer.stdout.strip() == "1", fewer.stderr
    capped = run(count, FOKKERPLANCK_NUM_THREADS="64", NUMBA_NUM_THREADS="2")
    assert capped.stdout.strip() == "2", capped.stderr
    own = run(count, FOKKERPLANCK_NUM_THREADS="", NUMBA_NUM_THREADS="1")
    assert own.stdout.strip() == "1", own.stderr


def test_nonsense_is_refused_at_import():
    answer = run("import fokkerplanck", FOKKERPLANCK_NUM_THREADS="many")
    assert answer.returncode != 0
    assert "FOKKERPLANCK_NUM_THREADS is 'many'; give a whole number" in answer.stderr


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "two", "²", "1e3", "nan", "0x2"])
def test_nonsense_is_refused(given):
    with pytest.raises(ValueError, match="give a whole number of threads, at least 1"):
        thread_limit(given)


def test_numbers_are_read():
    assert [thread_limit(given) for given in (None, "", " ", "1", " 12 ")] == [None] * 3 + [1, 12]


# --- forks, and threads of Python ----------------------------------------------------------------

FEW = ("solve", "wasserstein")  # calls for the fast tests; the slow ones make all


def make_calls(how, *names, **environment):
    """Run `tests.public_calls` with two threads; what it printed."""
    command = [sys.executable, "-m", "tests.public_calls", how, *names]
    environment = {
        **os.environ,
        "NUMBA_NUM_THREADS": "2",
        "FOKKERPLANCK_NUM_THREADS": "",
    } | environment
    answer = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_fork_of_a_process_with_threads_works_alone():
    assert make_calls("fork", *FEW).count("with threads") == len(FEW)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_call_works_in_processes(method):
    lines = make_calls(method).splitlines()
    assert len(lines) > 15
    # From the first threads on; before that there would be nothing to test.
    assert lines[-1].endswith("with threads")


def layers():
    """Threading layers that are installed here."""
    probe = "import sys, importlib; importlib.import_module('numba.np.ufunc.' + sys.argv[1])"
    modules = {"omp": "omppool", "workqueue": "workqueue", "tbb": "tbbpool"}
    found = {}
    for layer, module in modules.items():
        command = [sys.executable, "-c", probe, module]
        found[layer] = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return [layer for layer, is_there in found.items() if is_there]


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["omp", "workqueue", "tbb"])
def test_calls_from_several_threads_at_once(layer):
    if layer not in layers():
        pytest.skip(f"numba's layer {layer} is not installed")
    assert make_calls("threads", NUMBA_THREADING_LAYER=layer).split() == [layer]


def test_small_work_starts_no_threads():
    probe = (
        "import fokkerplanck as fp; from fokkerplanck.kernels import threads; "
        "grid = fp.Grid([(-3, 3)] * 2, 24); problem = fp.Problem(grid, f=lambda x, y: x**2 + y**2);"
        "a = fp.gaussian(grid, 1, .3); fp.steady_state(problem); fp.solve(problem, a, 0.1);"
        "fp.solve(problem, a, 0.1, fp.Splitting()); fp.mfpt(problem, fp.sets.ball([0, 0], 1));"
        "print(threads.started())"
    )
    answer = run(probe, NUMBA_NUM_THREADS="2", FOKKERPLANCK_NUM_THREADS="")
    assert answer.stdout.strip() == "False", answer.stderr


def test_the_serial_twin_gives_the_same_bits(rng):
    values, found = rng.normal(size=(20, 30, 1)), []
    for kernel in (grid_cycle.load, threads.twin(grid_cycle.load)):
        target = np.zeros_like(values)
        kernel(values, 0.3, target)
        found.append(target)
    np.testing.assert_array_equal(found[0], found[1])
    assert threads.twin(grid_cycle.load) is threads.twin(grid_cycle.load)
    assert not threads.twin(grid_cycle.load).targetoptions.get("parallel")


# --- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "1000"}])
def test_waiting_threads_sleep_unless_the_user_has_said_otherwise(given, monkeypatch):
    for name in environment.WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment.wait_asleep()
    expected = given or {"OMP_WAIT_POLICY": "passive"}
    assert {
        name: os.environ[name] for name in environment.WAITING if name in os.environ
    } == expected
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


def test_sleep_is_asked_for_before_openmp_is_loaded():
    probe = (
        "import os, sys; import fokkerplanck.kernels; print(os.environ['OMP_WAIT_POLICY']); "
        "assert 'numba.np.ufunc.omppool' not in sys.modules"
    )
    answer = subprocess.run(
        [sys.executable, "-c", probe],
        env={name: value for name, value in os.environ.items() if name not in environment.WAITING},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert answer.stdout.strip() == "passive", answer.stderr
