"""Lemma 2: minibatch SGD with fresh batches, and what reshuffling does to it."""

import pytest

import fokkerplanck as fp
from fokkerplanck import zoo


def problem(b, replacement=True, n=48):
    grid = fp.Grid([(-2.5, 2.5), (-2.5, 2.5)], n)
    return fp.Problem.from_samples(grid, zoo.regression_losses, None, 0.1, b, replacement)


@pytest.mark.parametrize(
    ("replacement", "trace", "share"), [(True, 0.0323647959, 1.0), (False, 0.0190830061, 0.6)]
)
def test_fresh_batches(replacement, trace, share):
    verdict = fp.theorems.sgd_temperature(problem(3, replacement), particles=2000)
    assert verdict.outcome == "holds", verdict.comparisons
    assert verdict.is_theorem
    numbers = verdict.numbers
    assert abs(numbers["trace of SGD"] - trace) <= 4 * numbers["its error"]
    assert numbers["kT over eta/2b"] == pytest.approx(share)


def test_reshuffled_epochs():
    verdict = fp.theorems.sgd_temperature(problem(3), sampling="reshuffle", particles=500)
    assert (verdict.outcome, verdict.is_theorem) == ("fails", False)
    assert verdict.numbers["trace of SGD"] == pytest.approx(0.0030, abs=1e-4)
    assert "not given here: fresh, independent batches" in str(verdict)


def test_other_problems_have_no_minibatches():
    assert fp.theorems.sgd_temperature(zoo.gyrator().build(16)).outcome == "not applicable"
