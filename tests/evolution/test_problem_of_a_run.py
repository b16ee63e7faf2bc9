"""A run knows its problem; one from a file knows it again, and another it refuses."""

import copy
import pickle

import numpy as np
import pytest

import fokkerplanck as fp
from tests.test_pickling import GRID, PROBLEM, START, well

GENERATOR = fp.Generator(PROBLEM)
RUN = fp.solve(PROBLEM, START, [0, 0.5])


@pytest.fixture(params=["npz", "netcdf"])
def path(request, tmp_path):
    """File of a run."""
    place = tmp_path / "run"
    if request.param == "npz":
        return RUN.save(place)
    RUN.to_xarray().to_netcdf(place, engine="h5netcdf")
    return place


def test_a_run_of_this_process_knows_its_problem():
    assert RUN.problem is PROBLEM
    assert copy.deepcopy(RUN).problem.beta == PROBLEM.beta
    assert pickle.loads(pickle.dumps(RUN)).problem.beta == PROBLEM.beta
    assert fp.solve(GENERATOR, START, [0, 0.5]).problem is PROBLEM


def test_a_run_from_a_file_is_given_its_problem(path):
    other = fp.Problem(GRID, f=well, beta=3)  # made anew, the same to the last bit
    found = fp.load(path, problem=other)
    assert found.problem is other
    np.testing.assert_array_equal(found.rho, RUN.rho)
    assert fp.load(path, problem=GENERATOR).problem is PROBLEM
    assert np.isnan(found.error_estimate).all()
    assert "files do not tell how" in found.error_report.message


def test_a_run_from_a_file_goes_on(path):
    found = fp.load(path, problem=PROBLEM)
    late = fp.solve(found.problem, found[-1], [found.t[-1], 1.0])
    whole = fp.solve(PROBLEM, START, [0, 0.5, 1.0])
    np.testing.assert_allclose(late.rho[-1], whole.rho[-1], rtol=1e-9)


def test_without_it_the_problem_is_only_words(path):
    found = fp.load(path)
    assert found.problem_repr == repr(PROBLEM)
    with pytest.raises(ValueError, match=r"^this Solution came .*load\(path, problem=[^\n]*$"):
        _ = found.problem
    local = fp.Problem(GRID, f=lambda x: x**2)
    run = pickle.loads(pickle.dumps(fp.solve(local, START, [0, 0.5])))
    with pytest.raises(ValueError, match="pickles hold no functions"):
        _ = run.problem


def test_what_is_saved_again_still_knows_it_again(path, tmp_path):
    again = fp.load(fp.load(path).save(tmp_path / "again.npz"), problem=PROBLEM)
    assert again.problem is PROBLEM
    with pytest.raises(ValueError, match="beta differs"):
        fp.load(tmp_path / "again.npz", problem=fp.Problem(GRID, f=well, beta=2))


OTHERS = {
    "beta": (lambda: fp.Problem(GRID, f=well, beta=np.nextafter(3, 4)), "beta differs"),
    "grid": (lambda: fp.Problem(fp.Grid([(-2, 2)], 41), f=well, beta=3), "faces of the grid"),
    "sides": (lambda: fp.Problem(fp.Grid([(-2, 2)], 40, sides="absorbing"), f=well, beta=3),
              "sides of the box"),
    "D": (lambda: fp.Problem(GRID, f=well, D=2, beta=3), "D at the cells"),
    "drift": (lambda: fp.Problem(GRID, f=lambda x: well(x) + 1e-9 * x, beta=3),
              "drift at the cells"),
    "no problem": (lambda: GRID, "load received Grid; give a Problem"),
    "edges": (lambda: fp.Generator(fp.Edges.from_problem(PROBLEM)), "load received a Generator"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_problem_is_refused(name, path):
    make, words = OTHERS[name]
    with pytest.raises(ValueError, match=rf"^[^\n]*{words}[^\n]*$"):
        fp.load(path, problem=make())


def test_other_results_take_no_problem(tmp_path):
    modes = fp.spectrum(PROBLEM, 2)
    with pytest.raises(ValueError, match="holds a Spectrum, which has nothing to compare"):
        fp.load(modes.save(tmp_path / "modes.npz"), problem=PROBLEM)
    with pytest.raises(ValueError, match="dataset holds a Spectrum, which has nothing"):
        fp.from_xarray(modes.to_xarray(), problem=PROBLEM)


def test_a_run_that_was_over_knows_its_problem(tmp_path):
    energy = fp.energies.PorousMedium(2)
    words = {"checkpoint": tmp_path / "run", "steady": False}
    fp.solve(PROBLEM, START, [0, 0.1, 0.2], fp.JKO(0.1, energy=energy), **words)
    assert fp.resume(tmp_path / "run", PROBLEM).problem is PROBLEM
