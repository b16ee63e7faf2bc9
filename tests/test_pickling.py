"""Results, and what they are made of, go through pickle and deepcopy, and into other processes."""

import copy
import dataclasses
import multiprocessing
import pickle

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import sets


def well(x):
    """Loss of two wells."""
    return (x**2 - 1) ** 2


def upper(x):
    """Right half."""
    return x > 0.5


GRID = fp.Grid([(-2, 2)], 40)
PROBLEM = fp.Problem(GRID, f=well, beta=3)
OPEN = fp.Problem(fp.Grid([(-2, 2)], 40, sides="absorbing"), f=well, beta=3)
START = fp.gaussian(GRID, 0, 0.1)
LEFT, RIGHT = sets.ball(-1, 0.2), sets.ball(1, 0.2)
MAKERS = {
    "grid": lambda: GRID,
    "problem": lambda: PROBLEM,
    "edges": lambda: fp.Edges.from_problem(PROBLEM),
    "generator": lambda: fp.Generator(fp.Edges.from_problem(PROBLEM)),
    "steady state": lambda: fp.steady_state(PROBLEM),
    "solution": lambda: fp.solve(PROBLEM, START, [0, 1], fp.Implicit(), dense=True),
    "gradient flow": lambda: fp.solve(PROBLEM, START, [0, 0.1], fp.JKO(0.05)),
    "spectrum": lambda: fp.spectrum(PROBLEM, 3),
    "passage": lambda: fp.mfpt(PROBLEM, RIGHT),
    "passage out of a union": lambda: fp.mfpt(PROBLEM, LEFT | (RIGHT & ~sets.box((1.1, 1.2)))),
    "committor": lambda: fp.committor(PROBLEM, sets.sublevel(upper, 0.5), sets.half_space(1, 0.9)),
    "exits": lambda: fp.exit_probabilities(OPEN, [sets.side("x", end) for end in sets.ENDS]),
    "quasi-stationary": lambda: fp.quasi_stationary(OPEN),
    "backward": lambda: fp.backward(PROBLEM, np.cos(GRID.x[0]), [0, 1]),
    "transport": lambda: fp.wasserstein(START, fp.uniform(GRID), GRID),
    "verdict": lambda: fp.theorems.h_theorem(PROBLEM),
    "method": lambda: fp.FluxCorrected(),
}


def differences(a, b, at="value"):
    """Places at which two results differ, arrays entry by entry."""
    if type(a) is not type(b):
        return [f"{at}: {type(a).__name__}, {type(b).__name__}"]
    if isinstance(a, np.ndarray):
        return [] if np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") else [at]
    if dataclasses.is_dataclass(a):
        names = [entry.name for entry in dataclasses.fields(a) if entry.compare]
        return [w for n in names for w in differences(getattr(a, n), getattr(b, n), f"{at}.{n}")]
    if isinstance(a, (tuple, list)):
        pairs = [(str(k), u, v) for k, (u, v) in enumerate(zip(a, b, strict=True))]
        return [w for k, u, v in pairs for w in differences(u, v, f"{at}[{k}]")]
    if isinstance(a, (dict, fp.Grid)) or callable(a) or not hasattr(a, "__dict__"):
        return [] if repr(a) == repr(b) else [at]
    return []


@pytest.mark.parametrize("name", MAKERS)
def test_copies_are_equal(name):
    value = MAKERS[name]()
    for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert not differences(value, other)
        assert repr(other) == repr(value)


def test_a_difference_is_found():
    state = fp.steady_state(PROBLEM)
    other = dataclasses.replace(state, log_rho=state.log_rho + 1e-14)
    assert differences(state, other) == ["value.log_rho"]


def test_a_copied_region_is_the_same_set():
    region = (LEFT | RIGHT) & ~sets.box((0.9, 1.0))
    other = pickle.loads(pickle.dumps(region))
    assert repr(other) == repr(region)
    np.testing.assert_array_equal(other(GRID.x[0]), region(GRID.x[0]))


def test_read_only_mappings_stay_so():
    first = MAKERS["solution"]()
    run = pickle.loads(pickle.dumps(first))
    with pytest.raises(TypeError, match="item assignment"):
        run.stats["method"] = "another"
    assert run.stats == first.stats


def answer(beta):
    """Steady state and run of a worker."""
    problem = fp.Problem(GRID, f=well, beta=beta)
    return fp.steady_state(problem), fp.solve(problem, START, [0, 1])


@pytest.mark.slow
def test_results_come_back_from_workers():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (state, run), _ = pool.map(answer, [2.0, 3.0])
    here = answer(2.0)
    np.testing.assert_array_equal(state.rho, here[0].rho)
    np.testing.assert_array_equal(run.rho, here[1].rho)


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_state_whose_functions_have_no_name_is_pickled_as_it_is_saved(is_asked, tmp_path):
    state = fp.steady_state(fp.Problem(GRID, f=lambda x: (x**2 - 1) ** 2 + x / 3, beta=3))
    estimate = state.error_estimate if is_asked else np.nan
    other = pickle.loads(pickle.dumps(state))
    saved = fp.load(state.save(tmp_path / "state.npz"))
    for again in (other, saved):
        for name in ("rho", "J", "gibbs", "entropy_production"):
            np.testing.assert_array_equal(getattr(again, name), getattr(state, name))
        np.testing.assert_array_equal(again.mean(), state.mean())
        np.testing.assert_array_equal(again.error_estimate, estimate)
    assert not differences(other, saved)
    assert copy.deepcopy(state).error_estimate == state.error_estimate
