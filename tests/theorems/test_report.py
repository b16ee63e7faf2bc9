"""All statements on one problem, by name, from the command line."""

import sys
from dataclasses import replace

import pytest

import fokkerplanck as fp
from fokkerplanck import cli, theorems, zoo
from fokkerplanck.data import problem_names
from fokkerplanck.theorems import Verdicts

NAMES = [
    "sgd_temperature", "stationarity", "assumption_4", "h_theorem", "potential_is_loss",
    "closed_orbits", "jko_lyapunov", "information_bottleneck", "linear", "a_type",
    "critical_points", "entropy_production", "fluctuation_dissipation", "acceleration", "kramers",
]  # fmt: skip


@pytest.fixture(scope="module")
def gyrator():
    return theorems.verify(zoo.gyrator().build(48))


def test_every_statement_is_there(gyrator):
    assert [v.name for v in gyrator] == NAMES
    assert gyrator.ok
    outcomes = {v.name: v.outcome for v in gyrator}
    assert outcomes["information_bottleneck"] == "fails"
    assert outcomes["sgd_temperature"] == outcomes["jko_lyapunov"] == "not applicable"
    assert "undecided" not in outcomes.values()


def test_text(gyrator):
    text = str(gyrator)
    assert text.startswith("SteadyState(scheme='log'")
    for verdict in gyrator:
        assert len(str(verdict).splitlines()) == 2
        assert str(verdict) in text
        assert verdict.statement.endswith(".")


@pytest.mark.parametrize("code", ["E1", "R9", "R10", "R27b"])
def test_no_theorem_is_broken(code):
    verdicts = theorems.verify(theorems.named(code), quick=True)
    assert verdicts.ok, [v for v in verdicts if v.is_broken]


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [c for c, exact in zoo.catalogue().items() if "absorbing" not in str(exact.sides)]
)
def test_no_theorem_is_broken_anywhere(code):
    problem = theorems.named(code)
    verdicts = theorems.verify(problem, quick=True)
    assert verdicts.ok, [v for v in verdicts if v.is_broken]
    missing = [v.name for v in verdicts if v.statement == "not computed."]
    # Other drifts with the noise of such walls keep there what arrives: no steady state to compare.
    allowed = ["a_type", "acceleration"] if problem.knows_walls and problem.grid.dim > 1 else []
    assert set(missing) <= set(allowed)


def test_problems_by_name():
    assert theorems.named("E1", 16).grid.shape == (16, 16)
    assert theorems.named("Example_19", 16).grid.box == theorems.named("e1", 16).grid.box
    with pytest.raises(ValueError, match="name is 'nothing', and no problem is called so"):
        theorems.named("nothing")
    made = {**zoo.catalogue(), **zoo.degenerate()}
    assert problem_names() == {code: exact.name for code, exact in made.items()}


def test_absorbing_sides():
    with pytest.raises(ValueError, match="absorbing"):
        theorems.verify(fp.Problem(fp.Grid([(0, 1)], 16, sides="absorbing")))


def test_arrays_are_verified_without_errors():
    given = zoo.gyrator().build(24)
    problem = fp.Problem(given.grid, drift=given.drift, D=(1.0, 0.2), kT=given.kT)
    verdicts = theorems.verify(problem, quick=True)
    assert verdicts.ok
    assert verdicts["stationarity"].outcome in ("holds", "undecided")


def test_the_command(capsys, monkeypatch):
    assert cli.main(["verify", "R2", "--n", "24"]) == 0
    text = capsys.readouterr().out
    assert "assumption_4" in text
    assert "in the steady state div(j rho) = 0: yes, as the theorem says" in text
    broken = Verdicts([replace(theorems.stationarity(zoo.gyrator().build(24)), outcome="fails")])
    monkeypatch.setattr(theorems, "verify", lambda *a, **k: broken)
    assert cli.main(["verify", "gyrator", "--n", "24"]) == 1


def test_the_command_lists_the_choices(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", "nothing"])
    assert end.value.code == 2
    words = " ".join(capsys.readouterr().err.split())
    assert "choose from R1 ornstein_uhlenbeck, R2 gyrator" in words


def test_what_could_not_be_computed_is_undecided(monkeypatch):
    def linear(study):
        raise fp.ConvergenceError("no convergence after 3 steps; raise max_steps", iterate=None)

    # The module, which the function of its name hides.
    module = sys.modules["fokkerplanck.theorems.report"]
    monkeypatch.setattr(module, "THEOREMS", (linear,))
    verdicts = theorems.verify(zoo.gyrator().build(16))
    assert verdicts["linear"].outcome == "undecided"
    assert "could not be computed: no convergence after 3 steps" in str(verdicts["linear"])
    assert "undecided" in verdicts.table()
