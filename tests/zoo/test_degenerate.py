"""Numbers of problems with noise in some directions only, found again by other means."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.underdamped import GAPS, PASSAGES
from tests.zoo.hermite import slowest


def slope(x):
    """Derivative of the double well."""
    return x**3 - x


@pytest.mark.parametrize(
    ("gamma", "n_x", "n_v", "digits"),
    [
        (5.0, 60, 30, 2e-6),
        (1.0, 70, 50, 2e-6),
        (0.1, 80, 140, 1e-5),
        pytest.param(0.02, 110, 400, 1e-5, marks=pytest.mark.slow),
    ],
)
def test_gaps_without_cells(gamma, n_x, n_v, digits):
    found = slowest(slope, gamma, 0.05, 1.9, n_x, n_v)
    assert abs(found[0]) < 1e-8
    assert -found[1].real == pytest.approx(GAPS[gamma], rel=digits)
    assert zoo.kramers_plane(gamma).eigenvalues[0] == -GAPS[gamma]


def test_hermite_functions_know_the_oscillator():
    found = slowest(lambda x: x, 0.5, 1.0, 9.0, 50, 24, count=4, shift=0.01)
    pair = -0.25 + 1j * np.sqrt(1 - 0.0625)
    for exact in (0, pair, pair.conjugate(), -0.5):
        assert np.abs(found - exact).min() < 1e-6


def test_turnover():
    """Strong friction follows Kramers' rate, weak friction does not."""
    for gamma in (5.0, 1.0):
        exact = zoo.kramers_plane(gamma)
        assert exact.reference["gap"] == pytest.approx(2 * exact.moments["kramers_rate"], rel=0.1)
    weak = zoo.kramers_plane(0.02)
    assert weak.reference["gap"] < 0.4 * weak.moments["kramers_rate"]
    assert set(PASSAGES) == set(GAPS)
    assert zoo.kramers_plane(0.3).reference == {}
    assert zoo.kramers_plane(kT=0.1).reference == {}


def test_leaky_integrator():
    a, b, kT = 0.7, 1.3, 0.4
    exact = zoo.leaky_integrator(a, b, kT)
    cov = kT * np.array([[1 / (a * b * (a + b)), 1 / (b * (a + b))], [1 / (b * (a + b)), 1 / b]])
    np.testing.assert_allclose(exact.moments["cov"], cov, rtol=1e-12)
    np.testing.assert_allclose(exact.eigenvalues[:2], [-a, -b], rtol=1e-12)


def test_one_noise():
    exact = zoo.one_noise(0.8)
    F, Sigma = exact.data["F"], exact.moments["cov"]
    np.testing.assert_allclose(
        F @ Sigma + Sigma @ F.T, 2 * exact.kT * np.array(exact.D), atol=1e-14
    )
    assert np.linalg.eigvalsh(Sigma).min() > 0


@pytest.mark.parametrize("code", list(zoo.degenerate()))
def test_entries(code):
    exact = zoo.degenerate()[code]
    assert isinstance(exact, Exact)
    assert exact.code == code
    assert hasattr(zoo, exact.name)
    D = exact.diffusion(*np.zeros((2, 1)))[..., 0]
    assert np.linalg.matrix_rank(D) == 1
    assert exact.build(8).D_kind in ("diagonal", "tensor")


@pytest.mark.slow
@pytest.mark.parametrize(("code", "burn_in", "t"), [("N4", 30.0, 130.0), ("N5", 150.0, 450.0)])
def test_moments_by_paths(code, burn_in, t, rng):
    """Averages over 1000 paths by Heun's method; blocks of time give their standard errors."""
    exact, dt = zoo.degenerate()[code], 0.01 if code == "N4" else 0.02
    noise = np.sqrt(2 * exact.kT * dt * np.array(exact.D))[:, None]
    x, rows = rng.normal(size=(2, 1000)), []
    for k in range(round(t / dt)):
        kick, drift = noise * rng.normal(size=x.shape), exact.drift(*x)
        x = x + 0.5 * dt * (drift + exact.drift(*(x + dt * drift + kick))) + kick
        if k * dt > burn_in and k % 10 == 0:
            rows.append(np.concatenate([x.mean(axis=1), (x**2).mean(axis=1)]))
    blocks = np.array([block.mean(axis=0) for block in np.array_split(np.array(rows), 10)])
    variances = blocks[:, 2:] - np.mean(rows, axis=0)[:2] ** 2
    error = variances.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    names = ("var_x", "var_y") if code == "N4" else ("var_v", "var_w")
    known = np.array([exact.reference[name] for name in names])
    assert (error < 0.01 * known).all()
    assert (np.abs(variances.mean(axis=0) - known) < 4 * error + 1e-3).all()


@pytest.mark.slow
def test_upwind_chains_miss_them():
    """What these numbers are for: 80 x 80 cells, friction 0.1."""
    exact = zoo.kramers_plane(0.1)
    gap = fp.spectrum(exact.build(80), 2, scheme="markov").gap
    assert gap > 10 * exact.reference["gap"]
