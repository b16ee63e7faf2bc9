"""Every command once on a small problem, in this process, against what the library says."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import cli, theorems
from fokkerplanck.cli import parser, pictures, questions, showing, verifying, words
from fokkerplanck.cli.parser import COMMANDS, STATEMENTS
from fokkerplanck.problem_files.questions import NUMBERS
from fokkerplanck.theorems.report import THEOREMS

ROOT = Path(__file__).resolve().parents[2]
# An Ornstein-Uhlenbeck process: variance kT/k, decay rates 0, k, 2k.
LINE = """
title = "A harmonic well"
[grid]
box = [[-7, 7]]
shape = 140
[parameters]
k = 2
kT = 1
[problem]
f = "k*x^2/2"
kT = "kT"
[steady]
[spectrum]
k = 3
[solve]
t = [0, 1]
rho0 = { mean = [1], cov = 0.5 }
[sweep]
parameters = { kT = [0.5, 1] }
ask = "covariance"
[plot]
what = ["density", "free_energy"]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("line.toml").write_text(LINE)
    return tmp_path


def _numbers(folder):
    return json.loads((Path(folder) / "numbers.json").read_text())


def test_run_answers_all_that_the_file_asks(place, capsys):
    assert cli.main(["run", "line.toml", "k=1"]) == 0
    said = capsys.readouterr().out
    found = _numbers("line-run")
    assert found["steady"]["covariance"][0][0] == pytest.approx(1, abs=2e-3)
    assert found["spectrum"]["decay"] == pytest.approx([0, 1, 2], abs=5e-3)
    assert found["solve"]["mean x"] == pytest.approx([1, np.exp(-1)], abs=2e-3)
    assert found["sweep"]["covariance"] == pytest.approx([0.5, 1], abs=2e-3)
    for name in ("steady", "solve", "spectrum", "sweep"):
        assert fp.load(f"line-run/{name}.npz") is not None
        assert Path(f"line-run/{name}.png").read_bytes()[1:4] == b"PNG"
    assert Path("line-run/free_energy.png").exists()
    assert not list(Path("line-run").glob("*.run"))
    assert max(map(len, said.splitlines())) <= showing.WIDTH
    assert not re.search(r"\d{10,}", said)
    # The folder is there now: said, or written over, or gone on with.
    assert cli.main(["run", "line.toml"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["run", "line.toml", "--resume"]) == 2
    assert "holds another question" in capsys.readouterr().err
    assert cli.main(["run", "line.toml", "k=1", "--resume", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["solve"]["mean x"] == found["solve"]["mean x"]
    assert cli.main(["run", "line.toml", "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert _numbers("line-run")["steady"]["covariance"][0][0] == pytest.approx(0.5, abs=2e-3)


def test_questions_to_reference_problems(place, capsys):
    exact = fp.zoo.gyrator(kT=0.2)
    assert cli.main(["steady", "gyrator", "--n", "32", "kT=0.2", "--out", "a"]) == 0
    found = _numbers("a")["steady"]
    assert found["entropy production"] == pytest.approx(exact.entropy_production, rel=0.02)
    state = fp.steady_state(exact.build(32))
    assert found["entropy production"] == pytest.approx(state.entropy_production, rel=1e-8)
    assert cli.main(["sweep", "R2", "kT=0.1,0.2", "--n", "16", "--quiet", "--out", "b"]) == 0
    told = _numbers("b")["sweep"]
    assert told["kT"] == [0.1, 0.2]
    one = NUMBERS["entropy_production"](exact.build(16))
    assert told["entropy_production"][1] == pytest.approx(one, rel=1e-8)
    assert cli.main(["plot", "R2", "--n", "16", "--what", "density,current", "--out", "c"]) == 0
    assert {path.name for path in Path("c").glob("*.png")} == {"density.png", "current.png"}


def test_times_are_those_of_the_library(place):
    assert cli.main(["mfpt", "line.toml", "--target", "x + 1", "--at", "1", "--quiet"]) == 0
    found = _numbers("line-mfpt")["mfpt"]
    problem = fp.Problem(fp.Grid([(-7, 7)], 140), f=lambda x: x**2)
    times = fp.mfpt(problem, fp.sets.half_space(-1, 1))
    assert found["mean time from --at"] == pytest.approx(times.at(1), rel=1e-6)
    assert found["mean time from a uniform start"] < found["longest mean time"]
    command = ["solve", "line.toml", "--t", "0.5", "--start", "exp(-(x - 1)^2)", "--quiet"]
    assert cli.main(command) == 0
    assert _numbers("line-solve")["solve"]["mean x"][1] == pytest.approx(np.exp(-1), abs=2e-3)


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_a_run_that_was_stopped_goes_on(when, place, monkeypatch, capsys):
    whole = fp.solve(
        fp.Problem(fp.Grid([(-7, 7)], 140), f=lambda x: x**2),
        fp.gaussian(fp.Grid([(-7, 7)], 140), 1, 0.5),
        [0, 0.5, 1],
    )
    command = ["solve", "line.toml", "--t", "0,0.5,1"]

    def interrupted(problem, rho0, t, **more):
        def stop(t, rho):
            if t >= when:
                raise KeyboardInterrupt

        return fp.solve(problem, rho0, t, callback=stop, **more)

    with monkeypatch.context() as patch:
        patch.setitem(questions.CALLS, "solve", interrupted)
        assert cli.main(command) == 130
    assert "add --resume --out line-solve to the same command" in " ".join(
        capsys.readouterr().err.split()
    )
    assert Path("line-solve/solve.run/run.json").exists()
    assert cli.main([*command, "--resume", "--quiet"]) == 0
    assert fp.load("line-solve/solve.npz").rho[-1] == pytest.approx(whole.rho[-1], abs=1e-12)
    assert not Path("line-solve/solve.run").exists()


def test_the_mathematics_may_say_no(place, monkeypatch, capsys):
    def failing(problem, **given):
        raise fp.ConvergenceError("no convergence after 3 steps; raise max_steps", iterate=None)

    monkeypatch.setitem(questions.CALLS, "steady", failing)
    assert cli.main(["steady", "line.toml"]) == 1
    said = capsys.readouterr().err
    assert said == "fokkerplanck steady: steady: no convergence after 3 steps; raise max_steps\n"
    assert "no convergence" in _numbers("line-steady")["failed"]["steady"]


def test_ctrl_c_leaves_nothing_where_nothing_goes_on(place, monkeypatch, capsys):
    def interrupted(problem, **given):
        raise KeyboardInterrupt

    monkeypatch.setitem(questions.CALLS, "steady", interrupted)
    assert cli.main(["steady", "line.toml"]) == 130
    assert "interrupted; the same command begins again" in capsys.readouterr().err
    assert not Path("line-steady").exists()


def test_pictures_without_a_display(place, monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pictures.sys, "platform", "linux")
    assert cli.main(["spectrum", "line.toml", "--k", "2", "--show", "--quiet"]) == 0
    assert "there is no display here; open line-spectrum/spectrum.png" in capsys.readouterr().err


def test_new_files_run_and_are_never_written_over(place, capsys):
    assert cli.main(["new", "double-well"]) == 0
    before = Path("double-well.toml").read_text()
    assert "#" in before
    assert cli.main(["new", "double-well"]) == 2
    assert Path("double-well.toml").read_text() == before
    assert cli.main(["new", "--list"]) == 0
    assert "double-well" in capsys.readouterr().out
    assert cli.main(["steady", "double-well.toml", "--n", "32", "--quiet"]) == 0


def test_info(capsys):
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fokkerplanck"] == fp.__version__
    assert found["threads"] >= 1
    assert cli.main(["info"]) == 0
    assert "threading layer" in capsys.readouterr().out


def test_statements_are_told_as_claims_with_their_truth():
    assert tuple(STATEMENTS) == tuple(theorem.__name__ for theorem in THEOREMS)
    noisy = theorems.potential_is_loss(fp.zoo.gyrator().build(48))
    assert noisy.outcome == "holds"
    assert verifying.truth(noisy) == "no, as Lemma 6 says"
    even = theorems.potential_is_loss(fp.zoo.double_well().build(24))
    assert verifying.truth(even) == "yes, as the theorem says"
    odd = theorems.potential_is_loss(fp.zoo.torus_loss().build(48))
    assert verifying.truth(odd) == "yes, although D is not isotropic"
    assert verifying.summary(theorems.Verdicts([noisy, even])) == (
        "1 holds; the potential is the loss, Phi = f, is false, as Lemma 6 says"
    )
    assert "1 claim fails (potential_is_loss)" in verifying.summary(theorems.Verdicts([odd]))


def test_words_are_those_of_the_library():
    assert tuple(words.ASKED) == tuple(NUMBERS)
    parsers = parser.build()[1]
    assert tuple(parsers) == tuple(COMMANDS)


def test_the_lists(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", "--list"])
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert "h_theorem" in said
    assert "gyrator" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_that_is_understood(command, capsys, place):
    Path("well.toml").write_text(LINE)
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    example = COMMANDS[command][1]
    assert end.value.code == 0
    assert f"Example: fokkerplanck {example}" in said
    assert parser.parsed(shlex.split(example)).command == command


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "talk"])
def test_every_example_runs(command, place):
    Path("well.toml").write_text(LINE)
    assert cli.main(shlex.split(COMMANDS[command][1])) == 0
