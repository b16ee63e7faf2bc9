"""Pickles and copies: the same fields to the last bit, read-only again, and the same methods."""

import copy
import multiprocessing
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial

import numpy as np
import pytest
from scipy import sparse

import fokkerplanck as fp

# Functions of numpy are at the top of a module, and can be pickled.
GRID = fp.Grid([(-2, 2)], 24)
RING = fp.Grid([(-3, 3), (0, 1)], (12, 6), sides=["reflecting", "periodic"])
BOX = fp.Grid([(-1, 1)], 16, sides="absorbing")
PROBLEM = fp.Problem(GRID, f=np.square)
TURNING = fp.Problem(fp.Grid([(-3, 3), (-3, 3)], 16), drift=lambda x, y: (y - x, -x - y))
BALL = fp.sets.ball(1.5, 0.3)
RHO = fp.gaussian(GRID, 0.5, 0.2)

MAKERS = {
    "grid": lambda: RING,
    "graded grid": lambda: fp.Grid([[0, 0.5, 2, 3]]),
    "problem": lambda: PROBLEM,
    "problem of arrays": lambda: fp.Problem(GRID, f=GRID.x[0] ** 2, D=1 + GRID.x[0] ** 2),
    "edges": lambda: fp.Edges.from_problem(fp.Problem(BOX)),
    "generator": lambda: fp.Generator(PROBLEM),
    "steady state": lambda: fp.steady_state(PROBLEM),
    "solution": lambda: fp.solve(
        PROBLEM, RHO, [0, 0.5, 1], fp.Implicit(), dense=True, events=lambda t, rho: t - 0.3
    ),
    "spectrum": lambda: fp.spectrum(PROBLEM, 3),
    "passage times": lambda: fp.mfpt(PROBLEM, BALL),
    "of a lambda": lambda: fp.mfpt(fp.Problem(GRID, f=lambda x: x**2), lambda x: x > 1),
    "exits": lambda: fp.exit_probabilities(fp.Problem(BOX), [fp.sets.side("x", "upper")]),
    "committor": lambda: fp.committor(PROBLEM, BALL, fp.sets.half_space(-1, 1)),
    "quasi-stationary": lambda: fp.quasi_stationary(fp.Problem(BOX)),
    "backward": lambda: fp.backward(PROBLEM, np.sin, [0, 1]),
    "transport on a line": lambda: fp.wasserstein(RHO, fp.uniform(GRID), GRID),
    "paths": lambda: fp.sde.simulate(PROBLEM, [0.1], dt=0.01, steps=5, n_particles=10),
    "swarm": lambda: fp.sgd.run(
        fp.sgd.LeastSquares(np.ones((4, 1)), np.arange(4.0)), [0.0], 0.1, 1, 5, n_particles=6
    ),
    "verdict": lambda: fp.theorems.stationarity(fp.zoo.gyrator().build(16)),
    "verdicts": lambda: fp.theorems.Verdicts([fp.theorems.h_theorem(PROBLEM)], "title"),
    "critical point": lambda: fp.critical_points(lambda x: 2 * x, GRID)[0],
    "region": lambda: ~(BALL | fp.sets.box((0, 1))) & fp.sets.sublevel(np.square, 2.0),
}
WAYS = {"pickle": lambda u: pickle.loads(pickle.dumps(u)), "deepcopy": copy.deepcopy}


def parts(u):
    """Fields of an object, without what it was asked."""
    names = [entry.name for entry in fields(u)] if is_dataclass(u) else vars(u)
    return {name: getattr(u, name) for name in names if name not in ("_asked", "_again")}


def assert_same(a, b, place=""):
    """Equal to the last bit, of the same types, and as read-only as before."""
    assert type(a) is type(b), place
    if isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, err_msg=place)
        assert a.dtype == b.dtype, place
        assert a.flags.writeable == b.flags.writeable, place
    elif sparse.issparse(a):
        assert (a != b).nnz == 0, place
    elif isinstance(a, Mapping):
        assert list(a) == list(b), place
        for key in a:
            assert_same(a[key], b[key], f"{place}[{key}]")
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b), place
        for k, pair in enumerate(zip(a, b, strict=True)):
            assert_same(*pair, f"{place}[{k}]")
    elif isinstance(a, partial) or (callable(a) and not hasattr(a, "__dict__")):
        assert repr(a) == repr(b), place
    elif type(a).__module__.startswith("fokkerplanck"):
        assert parts(a).keys() == parts(b).keys()
        for name, value in parts(a).items():
            assert_same(value, parts(b)[name], f"{place}.{name}")
    else:
        assert a == b or a != a, place


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MAKERS)
def test_comes_back(name, way):
    mine = MAKERS[name]()
    assert_same(mine, WAYS[way](mine), name)


def test_methods_and_errors_come_back():
    times, twin = (u(fp.mfpt(PROBLEM, BALL)) for u in (lambda u: u, WAYS["pickle"]))
    assert twin.at(0.0) == times.at(0.0)
    assert twin.error_estimate == times.error_estimate > 0
    solution = MAKERS["solution"]()
    twin = WAYS["pickle"](solution)
    np.testing.assert_array_equal(twin.at(0.3), solution.at(0.3))
    with pytest.raises(TypeError):
        twin.stats["seconds"] = 0


def test_a_question_that_cannot_be_pickled_is_forgotten_and_said_to_be():
    mine = MAKERS["of a lambda"]()
    assert mine.error_estimate > 0
    assert copy.deepcopy(MAKERS["of a lambda"]()).error_estimate == mine.error_estimate
    twin = WAYS["pickle"](MAKERS["of a lambda"]())
    assert np.isnan(twin.error_estimate)
    assert "does not know its problem" in twin.error_report.message


def test_a_problem_of_a_lambda_is_refused_by_pickle():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(TURNING)
    assert_same(copy.deepcopy(TURNING).g, TURNING.g)


def test_problems_do_not_change_after_a_copy():
    with pytest.raises(AttributeError, match="does not change"):
        WAYS["pickle"](PROBLEM).beta = 2


@pytest.mark.slow
def test_a_spawned_pool_takes_and_gives_them():
    results = [MAKERS[name]() for name in ("solution", "steady state", "passage times")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for mine, theirs in zip(results, pool.map(copy.deepcopy, results), strict=True):
            assert_same(mine, theirs)
