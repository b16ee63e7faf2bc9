"""Every result comes back from its file, in any process, or the file is refused in one sentence."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain import packing, storage
from tests.test_pickling import GRID, MAKERS, PROBLEM, differences

#: Fields that hold functions, and so do not come back.
LOST = ("value._asked: ", "value._again: ")


def at(beta):
    """Problem of a sweep."""
    return fp.Problem(GRID, f=lambda x: x**2, beta=beta)


RESULTS = {
    **{name: make for name, make in MAKERS.items() if hasattr(make(), "save")},
    "verdicts": lambda: fp.theorems.verify(PROBLEM),
    "sweep": lambda: fp.sweep(at, {"beta": [1.0, 2.0]}, lambda p: fp.steady_state(p).rho[3]),
    "swarm": lambda: fp.sgd.run(
        fp.sgd.LeastSquares(np.eye(3), np.arange(3.0)), np.zeros(3), 0.1, 1, 5, n_particles=4
    ),
    "paths": lambda: fp.sde.simulate(PROBLEM, np.zeros((5, 1)), 0.1, dt=0.01),
}
SHAPES = ("rho", "Phi", "J", "j", "psi", "Q", "gibbs", "div_j", "centroids")
NUMBERS = ("entropy_production", "residual", "box_error", "error_estimate")


@pytest.mark.parametrize("name", RESULTS)
def test_what_comes_back_is_equal(name, tmp_path):
    value = RESULTS[name]()
    other = fp.load(value.save(tmp_path / "result.npz"))
    unlike = [w for w in differences(value, other) if not w.startswith(LOST)]
    assert unlike in ([], ["value.stats"])  # numbers of numpy come back as those of Python
    assert (repr(other), str(other)) == (repr(value), str(value))


def test_all_results_that_files_know_are_tried():
    assert {type(make()).__name__ for make in RESULTS.values()} == set(storage.HOMES)


@pytest.mark.parametrize(
    "name", ["gyrator", "one_noise", "household_wealth", "fitzhugh_nagumo", "torus_loss", "jacobi"]
)
def test_steady_states_of_every_scheme(name, tmp_path):
    known = {exact.name: exact for exact in (*fp.zoo.catalogue().values(),
                                             *fp.zoo.degenerate().values())}  # fmt: skip
    state = fp.steady_state(known[name].build(12))
    assert state.error_report is not None  # looked at, so it is kept
    other = fp.load(state.save(tmp_path / "state.npz"))
    for entry in (*SHAPES, *NUMBERS):
        a, b = getattr(state, entry), getattr(other, entry)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b, err_msg=entry)
    assert repr(other.stats) == repr(state.stats)
    assert state.error_report.message == other.error_report.message


def test_few_cells_come_back(tmp_path):
    """Gradients there are not differences of the loss."""
    grid = fp.Grid([(-1, 1), (-1, 1)], (2, 3))
    state = fp.steady_state(fp.Problem(grid, f=lambda x, y: x**2 + y**2, D=[[1, 0.3], [0.3, 1]]))
    other = fp.load(state.save(tmp_path / "state.npz"))
    for entry in SHAPES:
        np.testing.assert_array_equal(getattr(state, entry), getattr(other, entry), err_msg=entry)
    np.testing.assert_array_equal(other.problem.f, state.problem.f)
    np.testing.assert_array_equal(other.problem.g, state.problem.g)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="in a folder that is not there"):
        fp.steady_state(PROBLEM).save(tmp_path / "no" / "state.npz")


def test_what_was_not_asked_before_is_not_known_after(tmp_path):
    other = fp.load(fp.steady_state(PROBLEM).save(tmp_path / "state.npz"))
    assert other.coarse is None
    assert np.isnan(other.error_estimate)
    assert "does not know its problem" in other.error_report.message
    modes = fp.load(fp.spectrum(PROBLEM, 2).save(tmp_path / "modes.npz"))
    assert "does not know its problem" in modes.error_of(lambda s: s.gap).message


def test_a_fresh_process_reads_them(tmp_path):
    paths = [make().save(tmp_path / f"{name}.npz") for name, make in RESULTS.items()]
    program = (
        "import sys, fokkerplanck as fp\nfor p in sys.argv[1:]: print(type(fp.load(p)).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [type(make()).__name__ for make in RESULTS.values()], done.stderr


def spoilt(header, arrays):
    """Files that are not what was written, by name."""
    tree = header["metadata"]["tree"]
    first = next(name for name, array in arrays.items() if array.dtype == float)
    other = {**arrays, first: np.nextafter(arrays[first], 2)}
    yield "a digit", header, other
    yield "an array too few", header, {k: a for k, a in arrays.items() if k != first}
    yield "an array too many", header, {**arrays, "more": np.ones(3)}
    yield "another name", header, {f"{k}_": a for k, a in arrays.items()}
    for name, entry in {
        "a word": "os.system",
        "a record": {"record": "system", "fields": {}},
        "an unknown tag": {"call": ["ls"]},
        "a missing array": {"array": "nothing"},
        "two tags": {"array": first, "tuple": []},
    }.items():
        for field in itertools.islice(tree, 4):
            meta = packing.sealed({**tree, field: entry}, arrays)
            yield f"{field} is {name}", {**header, "metadata": meta}, arrays
    yield "no field", {**header, "metadata": packing.sealed({}, arrays)}, arrays
    yield "no tree", {**header, "metadata": {}}, arrays
    more = packing.sealed({**tree, "extra": 1}, arrays)
    yield "a field too many", {**header, "metadata": more}, arrays


@pytest.mark.parametrize("name", ["steady state", "solution", "spectrum", "committor", "transport"])
def test_spoilt_files_are_refused(name, tmp_path):
    path, n = RESULTS[name]().save(tmp_path / "good.npz"), 0
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    header = json.loads(str(arrays.pop("fokkerplanck")[()]))
    for _, head, content in spoilt(header, arrays):
        np.savez(tmp_path / "bad.npz", fokkerplanck=np.array(json.dumps(head)), **content)
        with pytest.raises(ValueError, match=r"^[^\n]*bad.npz is damaged[^\n]*$"):
            fp.load(tmp_path / "bad.npz")
        n += 1
    assert n >= 18


def test_functions_are_not_saved():
    with pytest.raises(ValueError, match=r"stats_f is a function.*cannot be saved"):
        packing.packed({"f": np.sin, "g": lambda x: x}, {}, "stats")
    with pytest.raises(ValueError, match="cannot be saved"):
        packing.packed(np.array([GRID], dtype=object), {}, "grids")
