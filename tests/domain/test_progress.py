"""Long work shows itself on a terminal, and nowhere else; what solvers choose can be heard."""

import io
import logging
import sys
from functools import partial

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain import progress
from fokkerplanck.domain.progress import Bar

GRID = fp.Grid([(-3, 3)] * 2, 12)
PROBLEM = fp.Problem(GRID, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
BALL = fp.sets.ball([0, 0], 0.8)
START = fp.gaussian(GRID, (1, 0), 0.3)

CALLS = {
    "solve": lambda given: fp.solve(PROBLEM, START, np.linspace(0, 1, 20), progress=given),
    "steady_state": lambda given: fp.steady_state(PROBLEM, scheme="log", progress=given),
    "spectrum": lambda given: fp.spectrum(PROBLEM, 3, progress=given),
    "mfpt": lambda given: fp.mfpt(PROBLEM, BALL, "multilevel", scheme="markov", progress=given),
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(call, given, monkeypatch, after, file):
    """What a call writes if bars appear after so many seconds."""
    monkeypatch.setattr(progress, "BAR_AFTER", after)
    monkeypatch.setattr(sys, "stderr", file)
    call(given)
    monkeypatch.undo()
    return file.getvalue()


@pytest.mark.parametrize("name", CALLS)
def test_a_bar_appears_by_itself_on_terminals_only_and_not_at_once(name, monkeypatch):
    call = CALLS[name]
    assert name in shown(call, None, monkeypatch, 0.0, Terminal())
    assert shown(call, None, monkeypatch, 1e9, Terminal()) == ""
    assert shown(call, None, monkeypatch, 0.0, io.StringIO()) == ""
    assert shown(call, False, monkeypatch, 0.0, Terminal()) == ""
    assert name in shown(call, True, monkeypatch, 1e9, io.StringIO())


def test_the_bar_tells_the_time_that_is_left(monkeypatch):
    text = shown(CALLS["solve"], None, monkeypatch, 0.0, Terminal())
    assert "solve: 100%" in text
    assert "<00:00" in text


def outer(given):
    """Work that has a bar of its own, and asks questions that make bars by themselves."""
    with Bar(given, "outer", total=1.0):
        for call in CALLS.values():
            call(None)


def test_questions_inside_of_other_work_show_no_bars_of_their_own(monkeypatch):
    assert shown(outer, False, monkeypatch, 0.0, Terminal()) == ""
    text = shown(outer, None, monkeypatch, 0.0, Terminal())
    assert "outer" in text
    assert not any(name in text for name in CALLS)
    # Unless they are asked to, and not beyond the work, whatever ended it.
    assert "solve" in shown(lambda _: nested(True), None, monkeypatch, 0.0, Terminal())
    with pytest.raises(RuntimeError), Bar(False, "outer"):
        raise RuntimeError
    assert "spectrum" in shown(CALLS["spectrum"], None, monkeypatch, 0.0, Terminal())


def nested(given):
    with Bar(False, "outer"):
        CALLS["solve"](given)


def test_verify_without_a_bar_writes_nothing(monkeypatch):
    quiet = fp.zoo.gyrator().build(12)
    call = partial(fp.theorems.verify, quiet, True)
    assert shown(lambda given: call(progress=given), False, monkeypatch, 0.0, Terminal()) == ""


class Seen(list):
    update = list.append
    total = 7.0


def test_amounts_add_up_to_the_total_of_the_bar_and_not_beyond():
    seen = Seen()
    with Bar(seen, "x", total=0.3) as bar:
        for k in range(1, 11):
            bar.at(0.03 * k)
        bar.at(0.2)  # not back
    assert sum(seen) == pytest.approx(7, rel=1e-15)
    assert sum(seen) <= 7
    assert min(seen) > 0


@pytest.mark.parametrize("bad", ["yes", 3, [1]])
def test_what_is_no_bar_is_refused(bad):
    with pytest.raises(ValueError, match=r"progress is .*; give None, True, False or a bar"):
        Bar(bad, "x")


def test_what_solvers_choose_can_be_heard(caplog):
    logger = logging.getLogger("fokkerplanck")
    assert logger.handlers == []
    with caplog.at_level(logging.DEBUG, logger="fokkerplanck"):
        fine = fp.Grid([(-3, 3), (-3, 3)], 32)
        fast = fp.Problem(fine, drift=lambda x, y: (-x - 9 * y, 9 * x - y), kT=0.4)
        fp.solve(fast, fp.gaussian(fine, (1, 0), 0.2), [0, 0.1])
        fp.mfpt(fast, fp.sets.ball([0, 0], 0.8))
        fp.steady_state(PROBLEM)
        fp.solve(PROBLEM, START, [0, 0.1])
    heard = " ".join(record.getMessage() for record in caplog.records)
    for words in (
        "solve leaves the Markov chain for upwind5",
        "mfpt: ",
        "steady_state: ",
        "Exponential: ",
    ):
        assert words in heard
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
