"""Outcomes follow from gaps and errors; text, tables; one broken theorem and all is not ok."""

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.theorems import Comparison, Hypothesis, Verdicts
from fokkerplanck.theorems.verdict import judged, show

NAN = float("nan")


def verdict(*comparisons, hypotheses=(), is_theorem=True, **words):
    return judged("name", "what is claimed.", comparisons, hypotheses, is_theorem=is_theorem,
                  reference="somebody", **words)  # fmt: skip


def compared(gap, error, rounding=0.0, differ=False):
    return Comparison("left", gap, "right", 0.0, gap, error, rounding, differ)


@pytest.mark.parametrize(
    ("gap", "error", "rounding", "outcome"),
    [
        (0.0, 0.0, 0.0, "holds"),
        (2.9, 1.0, 0.0, "holds"),
        (3.1, 1.0, 0.0, "undecided"),
        (10.5, 1.0, 0.0, "fails"),
        (1e-12, 0.0, 1e-11, "holds"),
        (1e-12, NAN, 1e-11, "holds"),
        (1e-3, NAN, 1e-11, "undecided"),
        (NAN, 1.0, 0.0, "undecided"),
        (math.inf, 0.0, 0.0, "fails"),
    ],
)
def test_outcomes(gap, error, rounding, outcome):
    assert compared(gap, error, rounding).outcome == outcome
    assert verdict(compared(gap, error, rounding)).outcome == outcome
    turned = {"holds": "fails", "fails": "holds"}.get(outcome, outcome)
    assert compared(gap, error, rounding, differ=True).outcome == turned


def test_refuting_a_difference_takes_resolution():
    for error, outcome in ((0.01, "fails"), (0.5, "undecided")):
        assert Comparison("", 0.01, "", 0.0, 0.01, error, 0.0, True, 1.0).outcome == outcome


def test_the_worst_comparison_decides():
    good, bad, open_ = compared(0.1, 1.0), compared(20.0, 1.0), compared(5.0, 1.0)
    assert verdict(good, open_).gap == 5.0
    assert verdict(good, open_, bad).gap == 20.0
    assert verdict(good, open_, bad).comparisons == (good, open_, bad)


def test_hypotheses_make_theorems_inapplicable_and_explain_claims():
    lacking = Hypothesis("D = 1", False, "tensor")
    theorem = verdict(compared(20.0, 1.0), hypotheses=[lacking])
    assert theorem.outcome == "not applicable"
    assert "It does not apply here, because it needs: D = 1 (tensor)." in str(theorem)
    claim = verdict(compared(20.0, 1.0), hypotheses=[lacking], is_theorem=False)
    assert claim.outcome == "fails"
    assert "not given here: D = 1 (tensor)" in str(claim)
    assert not claim.is_broken


def test_only_a_theorem_with_its_hypotheses_is_broken():
    given, open_ = Hypothesis("D = 1", True), Hypothesis("D > 0", None)
    bad = compared(20.0, 1.0)
    assert verdict(bad, hypotheses=[given]).is_broken
    assert not verdict(bad, hypotheses=[given, open_]).is_broken
    assert not verdict(bad, hypotheses=[given], is_theorem=False).is_broken
    assert Verdicts([verdict(compared(0.1, 1.0)), verdict(bad, is_theorem=False)]).ok
    assert not Verdicts([verdict(compared(0.1, 1.0)), verdict(bad)]).ok


def test_two_lines_of_english():
    text = str(verdict(compared(0.25, 1.0), remark="A remark."))
    first, second = text.splitlines()
    assert first == "name: what is claimed."
    assert second.strip() == (
        "Measured: left = 0.25, right = 0; gap 0.25, estimated error 1: it holds. A remark."
    )
    assert "error not known: undecided; refine the grid, or give f and D" in str(
        verdict(compared(1.0, NAN))
    )
    assert "undecided; refine the grid." in str(verdict(compared(5.0, 1.0)))
    assert repr(verdict(compared(0.25, 1.0))) == "Verdict(name: holds)"


def test_tables_and_plain_values():
    found = verdict(
        Comparison("a", np.array([1.0, 2.0]), "b", np.float64(1), 0.5, 1.0),
        hypotheses=[Hypothesis("h", True, np.float64(2))], numbers={"x": np.eye(2)},
    )  # fmt: skip
    row = found.to_dict()
    assert row["left"] == [1.0, 2.0]
    assert type(row["right"]) is float
    assert row["numbers"] == {"x": [[1.0, 0.0], [0.0, 1.0]]}
    assert row["hypotheses"] == [{"text": "h", "holds": True, "measured": 2.0}]
    verdicts = Verdicts([found], "title")
    assert verdicts["name"] is found is verdicts[0]
    assert str(verdicts).startswith("title\nstatement")
    assert "(1, 2)" in verdicts.table()
    with pytest.raises(KeyError, match="no verdict 'other'; there are name"):
        verdicts["other"]
    with pytest.raises(ValueError, match="read-only"):
        found.left[0] = 3
    assert show(1e-9) == "1e-09"


def test_arrays_know_one_grid_only():
    exact = fp.zoo.example_19(0.5)
    given = exact.build(24)
    problem = fp.Problem(given.grid, drift=given.drift)
    found = fp.theorems.assumption_4(problem)
    assert math.isnan(found.error)
    assert found.outcome == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("problem",), "a theorem received str; give a Problem"),
        ((fp.zoo.gyrator().build(16), 3), "steady is of type int; give a SteadyState"),
        ((fp.zoo.gyrator().build(16), fp.steady_state(fp.zoo.gyrator().build(16))), "another"),
        ((fp.Problem(fp.Grid([(0, 1)], 16, sides="absorbing")),), "absorbing"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        fp.theorems.stationarity(*arguments)
