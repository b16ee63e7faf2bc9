"""Dense output: order, mass, positivity, and its way into files."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.evolution.dense import hermite
from fokkerplanck.methods import BackwardEuler, Implicit
from tests.convergence.rates import assert_rate

GRID = fp.Grid([(-3, 3), (-3, 3)], 20)
PROBLEM = fp.Problem(GRID, drift=lambda x, y: (-x + 2 * y, -y - 2 * x), D=(1, 0.3), kT=0.5)
START = fp.gaussian(GRID, (1, 0), 0.2)
SHARP = fp.point(GRID, (2, 0))


def test_fourth_order_between_output_times():
    """Exponential has no steps of its own: the knots are the output times."""
    h, errors = [], []
    for n in (24, 48, 96):
        times = np.linspace(0, 1, n + 1)
        s = fp.solve(PROBLEM, START, times, dense=True, scheme="markov")
        middle = 0.5 * (times[1:] + times[:-1])
        exact = fp.solve(PROBLEM, START, [0, *middle], steady=False, scheme="markov").rho[1:]
        h.append(1 / n)
        errors.append(GRID.integrate(np.abs(s.at(middle) - exact)).max())
    assert_rate(h, errors, order=4, cap=1e-7)


@pytest.mark.parametrize("method", [None, Implicit(), Implicit(2, 1e-2), BackwardEuler(0.03)])
@pytest.mark.parametrize("start", [START, SHARP], ids=["smooth", "sharp"])
def test_positive_and_exact_in_mass(method, start):
    s = fp.solve(PROBLEM, start, [0, 0.2, 0.7, 2], method, dense=True)
    times = np.linspace(0, 2, 301)
    rho = s(times)
    assert rho.shape == (301, *GRID.shape)
    assert rho.min() >= 0
    assert np.abs(GRID.integrate(rho) - 1).max() < 1e-13


def test_the_plain_cubic_goes_negative():
    """Counterexample: Hermite's cubic without what is done about it."""
    s = fp.solve(PROBLEM, SHARP, [0, 0.2, 0.7, 2], dense=True)
    d = s.dense
    h, t = d.t[1] - d.t[0], 0.5
    cubic = 0.5 * (d.rho[0] + d.rho[1]) + h / 8 * (d.rate[0] - d.rate[1])
    assert cubic.min() < -1e-3
    fixed = hermite(d.t[0] + t * h, d.t[:2], d.rho[:2], d.rate[:2], GRID.volume)
    assert fixed.min() >= 0
    positive = cubic > 0
    np.testing.assert_allclose(np.ptp(fixed[positive] / cubic[positive]), 0, atol=1e-9)


def test_knots_are_met_exactly():
    times = [0, 0.2, 0.7, 2]
    s = fp.solve(PROBLEM, START, times, Implicit(), dense=True)
    assert len(s.dense.t) == s.stats["steps"] + 1 > len(times)
    assert np.isin(times, s.dense.t).all()
    for k, t in enumerate(times):
        np.testing.assert_allclose(s.at(t), s[k], rtol=1e-15)
    np.testing.assert_allclose(s.at(times), s.rho, rtol=1e-15)
    generator = fp.Generator(PROBLEM)
    np.testing.assert_allclose(s.dense.rate[-1], generator.apply(s[-1]), atol=1e-15)


def test_between_steps_it_is_as_good_as_the_steps():
    s = fp.solve(PROBLEM, START, [0, 1], Implicit(tolerance=1e-8), dense=True)
    times = np.linspace(0, 1, 40)
    exact = fp.solve(PROBLEM, START, times, scheme="markov")
    assert GRID.integrate(np.abs(s.at(times) - exact.rho)).max() < 1e-5


def test_absorbing_sides():
    grid = fp.Grid([(0, 1)], 100, "absorbing")
    rho0 = np.sin(np.pi * grid.x[0])
    rho0 /= grid.integrate(rho0)
    s = fp.solve(fp.Problem(grid), rho0, np.linspace(0, 0.3, 13), dense=True)
    mass = grid.integrate(s.at(0.21))
    assert mass == pytest.approx(np.exp(-(np.pi**2) * 0.21), rel=1e-3)


def test_nothing_is_kept_unless_asked_for():
    s = fp.solve(PROBLEM, START, [0, 1])
    assert s.dense is None
    with pytest.raises(ValueError, match="solve with dense=True"):
        s.at(0.5)


def test_read_only_and_saved(tmp_path):
    s = fp.solve(PROBLEM, START, [0, 1], Implicit(), dense=True)
    for name in ("t", "rho", "rate"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(s.dense, name)[0] = 0
    again = fp.load(s.save(tmp_path / "run.npz"))
    np.testing.assert_array_equal(again.at([0.1, 0.77]), s.at([0.1, 0.77]))
    assert fp.load(fp.solve(PROBLEM, START, [0, 1]).save(tmp_path / "b.npz")).dense is None


def test_an_interrupted_run_keeps_what_it_passed():
    def callback(t, rho):
        return t > 0.4

    s = fp.solve(PROBLEM, START, [0, 0.5, 1], Implicit(), dense=True, callback=callback)
    assert s.status == "stopped"
    assert s.dense.t[-1] == 0.5


BAD = {
    "before": (-0.1, "t = -0.1 is outside of the run, from 0 to 1"),
    "after": ([0.5, 1.5], "t = 1.5 is outside of the run"),
    "nan": (np.nan, "t = nan is outside"),
    "text": ("now", "t is 'now'; give a time"),
    "table": ([[0.5]], r"t has shape \(1, 1\); give a number or a list"),
    "None": (None, "t is None; give a time"),
}


@pytest.mark.parametrize(("t", "words"), BAD.values(), ids=BAD.keys())
def test_bad_times(t, words):
    s = fp.solve(PROBLEM, START, [0, 1], dense=True)
    with pytest.raises(ValueError, match=words):
        s.at(t)


@pytest.mark.parametrize("dense", [1, "yes", None, [True]])
def test_dense_is_true_or_false(dense):
    with pytest.raises(ValueError, match=r"dense is .*; give True or False"):
        fp.solve(PROBLEM, START, [0, 1], dense=dense)
