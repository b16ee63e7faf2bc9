"""Sweeps: closed forms at every point, whoever works, whatever fails, and after interruptions."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.studies import SweepInterrupt
from tests.conftest import ROOT
from tests.studies import cases

GIVEN = {"k": [1.0, 2.0], "kT": [0.5, 1.0, 2.0]}
EXACT = np.array(GIVEN["kT"]) / np.array(GIVEN["k"])[:, None]


def test_variances_of_harmonic_wells():
    sweep = fp.sweep(cases.harmonic, GIVEN, cases.variance)
    assert sweep.shape == (2, 3)
    assert sweep.axes == ("k", "kT")
    np.testing.assert_allclose(sweep.value, EXACT, rtol=1e-6)
    assert sweep.ok.all()
    assert sweep.errors == {}
    assert sweep.point((1, 2)) == {"k": 2.0, "kT": 2.0}
    assert repr(sweep) == "Sweep(product of k: 2, kT: 3; 6 of 6 points, value)"
    assert not sweep.value.flags.writeable


def exact_time(beta):
    """Mean time from -1 to 1: beta times the integral of e^{beta f(y)} over mass below y."""
    x = np.linspace(-2.2, 1.0, 64_001)
    f, h = (x**2 - 1) ** 2, x[1] - x[0]
    weight = np.exp(-beta * f)
    below = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2) * h])
    inner = np.exp(beta * f) * below
    inner = inner[x >= -1 - h / 2]
    return beta * h * (inner.sum() - (inner[0] + inner[-1]) / 2)


def test_escape_rates_are_those_of_the_integral_and_approach_kramers():
    beta = np.array([4.0, 8.0, 16.0, 24.0])
    rate = fp.sweep(cases.double_well, {"beta": beta}, cases.escape_rate).value
    np.testing.assert_allclose(rate, [1 / exact_time(b) for b in beta], rtol=5e-3)
    # f'' = 8 at the bottoms, -4 at the top; what Laplace's method leaves out is of order kT.
    kramers = np.sqrt(8.0 * 4.0) / (2 * np.pi) * np.exp(-beta)
    off = np.abs(rate / kramers - 1)
    assert (off < 1.5 / beta).all()
    assert (np.diff(off) < 0).all()


def test_a_list_of_points():
    sweep = fp.sweep(
        cases.harmonic, {"k": [1, 2, 4], "kT": [1, 2, 3]}, cases.variance, pairing="zip"
    )
    assert sweep.axes == ("point",)
    np.testing.assert_allclose(sweep.value, [1, 1, 0.75], rtol=1e-5)
    with pytest.raises(ValueError, match=r"as many values of each .* k 2, kT 1"):
        fp.sweep(cases.harmonic, {"k": [1, 2], "kT": [1]}, cases.variance, pairing="zip")


def test_several_answers_and_fields():
    def ask(problem):
        state = fp.steady_state(problem)
        return {"rho": state.rho, "variance": state.mean(lambda x: x**2), "cells": 160}

    sweep = fp.sweep(cases.harmonic, {"k": [1.0], "kT": [1.0, 2.0]}, ask)
    assert sweep["rho"].shape == (1, 2, 160)
    gauss = np.exp(-(cases.LINE.x[0] ** 2) / 4)
    np.testing.assert_allclose(sweep["rho"][0, 1], gauss / cases.LINE.integrate(gauss), rtol=1e-9)
    np.testing.assert_allclose(sweep["variance"], [[1, 2]], rtol=1e-5)
    with pytest.raises(ValueError, match="name is 'value'; choose from rho, variance, cells"):
        sweep["value"]
    with pytest.raises(ValueError, match="there are 3 answers"):
        _ = sweep.value


def test_results_as_answers():
    sweep = fp.sweep(cases.harmonic, {"k": [1.0, 2.0], "kT": [1.0]}, fp.steady_state)
    assert sweep.value.shape == (2, 1)
    assert sweep.value[1, 0].problem.beta == 1.0
    with pytest.raises(ValueError, match="value holds results, not numbers"):
        sweep.save("never.npz")


def failing(k, kT):
    if k < 0:
        raise ZeroDivisionError("k must not be negative")
    return cases.harmonic(k, kT)


def test_points_that_fail_are_said_and_masked(tmp_path):
    sweep = fp.sweep(failing, {"k": [1.0, -1.0], "kT": [1.0, -2.0]}, cases.variance)
    assert sweep.ok.tolist() == [[True, False], [False, False]]
    assert sweep.errors[0, 1] == "kT is -2.0; give a finite positive number"
    assert sweep.errors[1, 0] == "ZeroDivisionError: k must not be negative"
    assert np.ma.is_masked(sweep.value)
    assert sweep.value.compressed() == pytest.approx([1.0])
    assert "1 of 4 points" in sweep.summary
    assert "failed at k=-1, kT=1: ZeroDivisionError: k must not be negative" in sweep.summary
    again = fp.load(sweep.save(tmp_path / "sweep.npz"))
    assert again.errors == sweep.errors
    assert repr(again) == repr(sweep)
    np.testing.assert_array_equal(again.value, sweep.value)
    data = sweep.to_xarray()
    assert len(data.attrs["errors"].splitlines()) == 3
    with pytest.raises(ValueError, match=r"all 2 points failed; the first, k=-1, kT=1: ZeroDiv"):
        fp.sweep(failing, {"k": [-1.0, -2.0], "kT": [1.0]}, cases.variance)


def test_answers_of_another_shape_are_errors():
    def ask(problem):
        return np.zeros(3 if problem.kT < 1 else 4)

    sweep = fp.sweep(cases.harmonic, {"k": [1.0], "kT": [0.5, 1.5]}, ask)
    assert sweep.errors == {(0, 1): "value has shape (4,), that of the first point (3,)"}


def test_nan_of_a_person_is_no_failure():
    sweep = fp.sweep(cases.harmonic, {"k": [1.0], "kT": [1.0]}, lambda _: np.nan)
    assert sweep.ok.all()
    assert np.isnan(sweep.value).all()


def test_threads_and_processes_give_the_same():
    alone = fp.sweep(cases.harmonic, GIVEN, cases.variance).value
    with ThreadPoolExecutor(3) as executor:
        threads = fp.sweep(cases.harmonic, GIVEN, cases.variance, executor=executor).value
        assert executor.submit(int).result() == 0  # stays open
    np.testing.assert_array_equal(threads, alone)


@pytest.mark.slow
def test_two_workers_give_the_same():
    alone = fp.sweep(cases.harmonic, GIVEN, cases.variance).value
    both = fp.sweep(cases.harmonic, GIVEN, cases.variance, workers=2).value
    np.testing.assert_array_equal(both, alone)


@pytest.mark.slow
def test_a_worker_that_dies_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("SWEEP_KILL", "1")
    with pytest.raises(ValueError, match="a worker process ended before it answered"):
        fp.sweep(cases.harmonic, GIVEN, cases.counted, workers=2)


def test_what_cannot_be_sent_to_processes_is_refused_at_the_door():
    with pytest.raises(ValueError, match=r"ask cannot be sent to other processes .* define it"):
        fp.sweep(cases.harmonic, GIVEN, lambda p: 1.0, workers=2)


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path, monkeypatch):
    log, folder = tmp_path / "log", tmp_path / "points"
    environment = {**os.environ, "SWEEP_LOG": str(log), "SWEEP_KILL": "5"}
    command = [sys.executable, "-m", "tests.studies.cases", str(folder)]
    killed = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True)
    assert killed.returncode == 9, killed.stderr
    assert len(list(folder.glob("point-*.npz"))) == 4
    log.unlink()
    monkeypatch.setenv("SWEEP_LOG", str(log))
    given = {"k": [1.0, 2.0], "kT": [0.5, 1.0, 2.0, 4.0]}
    sweep = fp.sweep(cases.harmonic, given, cases.counted, path=folder)
    assert log.stat().st_size == 4
    np.testing.assert_array_equal(
        sweep.value, fp.sweep(cases.harmonic, given, cases.variance).value
    )
    # More points of the same study: those that are there stay.
    more = {"k": [1.0, 2.0, 3.0], "kT": [0.5, 1.0, 2.0, 4.0]}
    fp.sweep(cases.harmonic, more, cases.counted, path=folder)
    assert log.stat().st_size == 8


def test_points_of_another_function_are_not_taken(tmp_path):
    fp.sweep(cases.harmonic, GIVEN, cases.variance, path=tmp_path)
    with pytest.raises(ValueError, match=r"made by another build or ask .* give another folder"):
        fp.sweep(cases.harmonic, GIVEN, cases.slow, path=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="which is no folder"):
        fp.sweep(cases.harmonic, GIVEN, cases.variance, path=tmp_path / "file")


def relaxed(problem):
    """A run, which has a file format of its own."""
    return fp.solve(problem, fp.uniform(problem.grid), [0, 1.0])


def relaxed_longer(problem):
    """Another one."""
    return fp.solve(problem, fp.uniform(problem.grid), [0, 2.0])


def test_results_with_files_of_their_own_are_kept_and_never_mixed(tmp_path):
    given = {"k": [1.0], "kT": [1.0, 2.0]}
    first = fp.sweep(cases.harmonic, given, relaxed, path=tmp_path).value
    again = fp.sweep(cases.harmonic, given, relaxed, path=tmp_path).value
    np.testing.assert_array_equal(again[0, 1].rho, first[0, 1].rho)
    assert len(list(tmp_path.glob("result-*.npz"))) == 2
    other = fp.sweep(cases.harmonic, given, relaxed_longer, path=tmp_path).value
    assert other[0, 0].t[-1] == 2.0
    with pytest.raises(ValueError, match=r"ask returned .* which has no .save"):
        fp.sweep(cases.harmonic, given, lambda p: p, path=tmp_path)


def test_failed_points_are_tried_again(tmp_path):
    broken = [True]

    def ask(problem):
        if broken and problem.kT > 1:
            raise ValueError("the moon is full")
        return cases.variance(problem)

    first = fp.sweep(cases.harmonic, GIVEN, ask, path=tmp_path)
    assert set(first.errors.values()) == {"the moon is full"}
    broken.clear()
    second = fp.sweep(cases.harmonic, GIVEN, ask, path=tmp_path)
    np.testing.assert_allclose(second.value, EXACT, rtol=1e-6)


def test_an_interruption_keeps_what_is_done(tmp_path):
    calls = []

    def ask(problem):
        calls.append(problem)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return cases.variance(problem)

    with pytest.raises(SweepInterrupt, match=r"3 of 6 points are done .* the same path") as caught:
        fp.sweep(cases.harmonic, GIVEN, ask, path=tmp_path)
    partial = caught.value.sweep
    assert partial.ok.tolist() == [[True] * 3, [False] * 3]
    assert set(partial.errors.values()) == {"not asked: interrupted"}
    np.testing.assert_allclose(partial.value[0], EXACT[0], rtol=1e-6)
    sweep = fp.sweep(cases.harmonic, GIVEN, ask, path=tmp_path)
    assert len(calls) == 7
    np.testing.assert_allclose(sweep.value, EXACT, rtol=1e-6)
    calls[:] = [None] * 3
    with pytest.raises(SweepInterrupt, match=r"0 of 6 points are done .* give path="):
        fp.sweep(cases.harmonic, GIVEN, ask)


def test_a_dataset_has_the_parameters_as_dimensions():
    ask = lambda p: {"variance": cases.variance(p), "rho": fp.steady_state(p).rho}  # noqa: E731
    data = fp.sweep(cases.harmonic, GIVEN, ask).to_xarray()
    assert data["variance"].dims == ("k", "kT")
    assert data["rho"].dims == ("k", "kT", "rho_0")
    assert float(data["variance"].sel(k=2.0, kT=1.0)) == pytest.approx(0.5, rel=1e-6)
    zipped = {"k": [1.0, 2.0], "kT": [3.0, 4.0]}
    listed = fp.sweep(cases.harmonic, zipped, cases.variance, pairing="zip").to_xarray()
    assert listed["value"].dims == ("point",)
    assert listed["kT"].values.tolist() == [3, 4]


def test_a_bar_counts_the_points(capsys):
    fp.sweep(cases.harmonic, GIVEN, cases.variance, progress=True)
    assert "6/6" in capsys.readouterr().err
    fp.sweep(cases.harmonic, GIVEN, cases.variance, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"build": 3}, "build is 3; give a function"),
        ({"ask": "rho"}, "ask is 'rho'; give a function"),
        ({"parameters": {}}, "give a dict of sequences"),
        ({"parameters": [1, 2]}, "give a dict of sequences"),
        ({"parameters": {"k": 1}}, r"parameters\['k'\] is 1; give a sequence"),
        ({"parameters": {"k": [np.nan]}}, "not finite"),
        ({"parameters": {"k": []}}, "shape"),
        ({"parameters": {"k": [1, "a"]}}, "mixes words and numbers"),
        ({"parameters": {"a b": [1]}}, "names of arguments"),
        ({"pairing": "outer"}, "choose from product, zip"),
        ({"workers": 0}, "workers is 0, expected an integer >= 1"),
        ({"workers": 2, "executor": 1}, "workers and executor are both given"),
        ({"executor": 1}, "executor is 1; give an executor of concurrent.futures"),
        ({"progress": "bar"}, "progress is 'bar'; give None, True or False"),
        ({"path": 3}, "path is 3; give the name of a folder"),
    ],
)
def test_wrong_calls(change, words):
    right = {"build": cases.harmonic, "parameters": GIVEN, "ask": cases.variance}
    with pytest.raises(ValueError, match=words):
        fp.sweep(**{**right, **change})


def test_answers_that_are_none():
    for bad, words in [(None, "ask returned None"), ("a", "ask returned 'a'"), ({}, "empty dict")]:
        with pytest.raises(ValueError, match=words):
            fp.sweep(cases.harmonic, {"k": [1.0], "kT": [1.0]}, lambda _, bad=bad: bad)
    with pytest.raises(ValueError, match="build returned 3; return a Problem"):
        fp.sweep(lambda k: 3, {"k": [1.0]}, cases.variance)


def test_a_sweep_can_be_pickled():
    sweep = fp.sweep(cases.harmonic, GIVEN, cases.variance)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sweep)).value, sweep.value)


@pytest.mark.parametrize("name", ["k", "ok"])
def test_an_answer_does_not_hide_a_parameter_or_the_flags(name):
    pytest.importorskip("xarray")
    sweep = fp.sweep(cases.harmonic, GIVEN, lambda problem: {name: problem.kT})
    assert sweep[name].shape == sweep.shape
    with pytest.raises(ValueError, match=f"an answer is called '{name}'.*with another name"):
        sweep.to_xarray()
