"""Stats of results by key and by name, with a message in every one."""

import copy
import pickle

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.run_stats import RunStats

LINE = fp.Problem(fp.Grid([(-2, 2)], 24), f=lambda x: x**4 / 4 - x**2 / 2)
OPEN = fp.Problem(fp.Grid([(-2, 2)], 24, sides="absorbing"), f=lambda x: x**2 / 2)
ENDS = (lambda x: x < -1, lambda x: x > 1)
RESULTS = {
    "steady_state": lambda: fp.steady_state(LINE),
    "spectrum": lambda: fp.spectrum(LINE, 2),
    "quasi_stationary": lambda: fp.quasi_stationary(OPEN),
    "mfpt": lambda: fp.mfpt(LINE, ENDS[1]),
    "committor": lambda: fp.committor(LINE, *ENDS),
    "exit_probabilities": lambda: fp.exit_probabilities(LINE, ENDS),
    "backward": lambda: fp.backward(LINE, lambda x: x, 0.1),
    "wasserstein": lambda: fp.wasserstein(fp.uniform(LINE.grid), fp.uniform(LINE.grid), LINE.grid),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_has_a_message_both_ways(name):
    stats = RESULTS[name]().stats
    assert isinstance(stats["message"], str)
    assert stats.message == stats["message"] == stats.get("message")
    assert "message" in stats
    assert set(dict(stats)) == set(stats.keys())
    assert stats.get("nothing of the kind", 3) == 3
    with pytest.raises(KeyError):
        stats["nothing"]
    with pytest.raises(AttributeError):
        stats.nothing  # noqa: B018
    if name != "wasserstein":
        assert isinstance(stats.scheme, str)


def test_stats_are_dicts_that_can_be_copied():
    stats = RunStats({"steps": 3, "array": np.arange(2)})
    for again in (copy.copy(stats), copy.deepcopy(stats), pickle.loads(pickle.dumps(stats))):
        assert type(again) is RunStats
        assert (again.steps, again.message) == (3, "")
    assert RunStats({"message": "so"}).message == "so"
    with pytest.raises(AttributeError, match="stats have no 'stepz'; there are steps, array, mess"):
        stats.stepz  # noqa: B018
