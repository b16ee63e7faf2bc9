"""Escape, acceleration, porous medium, geodesics, JKO steps and losses without a closed form."""

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.linalg import eigh

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.rates.barrier_crossing import critical_point
from fokkerplanck.zoo.escape import passage_time
from fokkerplanck.zoo.movements import jko_step
from tests.convergence.rates import assert_rate

CODES = [f"R{k}" for k in range(1, 32) if k not in (5, 14, 28)]


def test_codes_are_complete():
    catalogue = zoo.catalogue()
    parts = {code.rstrip("abc") for code in catalogue}
    assert set(CODES) <= parts
    assert {"E1", "E2", "E3", "E4"} <= set(catalogue)
    assert "R14" in catalogue["E3"].title


# --- R22 ------------------------------------------------------------------------------------------

PASSAGE = {5: 19.09389700, 10: 66.26862636, 20: 729.6706919, 40: 102108.3655}


@pytest.mark.parametrize(("beta", "time"), PASSAGE.items())
def test_passage_times(beta, time):
    exact = zoo.kramers_well(kT=1 / beta)
    assert exact.moments["mfpt"] == pytest.approx(time, rel=1e-9)
    ratio = {5: 1.2313, 10: 1.2244, 20: 1.1066, 40: 1.0434}[beta]
    assert exact.moments["mfpt"] * exact.moments["kramers_rate"] == pytest.approx(ratio, abs=6e-5)
    # Twice as many panels change nothing.
    half = -exact.box[0][0]
    again = passage_time(exact.Phi, -1.0, 1.0, -half, beta, panels=120)
    assert exact.moments["mfpt"] == pytest.approx(again, rel=1e-12)


@pytest.mark.parametrize("beta", PASSAGE)
def test_gap_of_the_well(beta):
    exact = zoo.kramers_well(kT=1 / beta)
    gaps = np.array([fp.spectrum(exact.build(n), 2).gap for n in (200, 400, 800)])
    orders = np.log2((gaps[0] - gaps[1]) / (gaps[1] - gaps[2]))
    assert orders == pytest.approx(2, abs=0.02)
    once = gaps[1:] + np.diff(gaps) / 3
    twice = once[1] + (once[1] - once[0]) / 15
    assert twice == pytest.approx(exact.reference["gap"], rel=2e-8)
    assert exact.eigenvalues[0] == -exact.reference["gap"]


@pytest.mark.parametrize("beta", PASSAGE)
def test_gap_by_galerkin(beta):
    """-T u'' + (beta V'^2/4 - V''/2) u = lambda u in Legendre polynomials that vanish at +-L."""
    exact, half, count = zoo.kramers_well(kT=1 / beta), {5: 2.6, 10: 2.4}.get(beta, 2.2), 92
    x, w = np.polynomial.legendre.leggauss(300)
    P = legendre.legvander(x, count - 1).T
    slopes = legendre.legder(np.eye(count), axis=0).T @ legendre.legvander(x, count - 2).T
    u, du, y = P[2:] - P[:-2], slopes[2:] - slopes[:-2], half * x
    well = beta * (y**3 - y) ** 2 / 4 - (3 * y**2 - 1) / 2
    K = (du * w) @ du.T / (half * beta) + (u * w * well) @ u.T * half
    lowest = eigh(K, (u * w) @ u.T * half, eigvals_only=True, subset_by_index=[0, 1])
    assert abs(lowest[0]) < 1e-10
    assert lowest[1] == pytest.approx(exact.reference["gap"], rel=2e-8)


def test_gaps_are_listed_for_four_temperatures():
    assert zoo.kramers_well(kT=0.3).eigenvalues is None
    assert "gap" not in zoo.kramers_well(kT=0.3).reference


# --- R29 ------------------------------------------------------------------------------------------


def test_acceleration():
    still = zoo.accelerated(0.0)
    for q, gap in ((0, 1), (1, 2.2984379), (2, 5.5), (3, 5.5)):
        exact = zoo.accelerated(q)
        assert exact.moments["gap"] == pytest.approx(gap, abs=6e-8)
        assert exact.eigenvalues[0].real == pytest.approx(-gap, abs=6e-8)
        np.testing.assert_allclose(exact.moments["cov"], still.moments["cov"], atol=1e-14)
        np.testing.assert_allclose(exact.data["Q"], [[0, q], [-q, 0]], atol=1e-12)
        # EP = q^2 tr U for D = 1.
        assert exact.entropy_production == pytest.approx(11 * q**2, abs=1e-10)


# --- R19 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [2.0, 3.0])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_barenblatt_solves_the_porous_medium_equation(dim, m):
    exact = zoo.barenblatt(dim, m)
    rng, h = np.random.default_rng(3), 1e-3
    x = rng.normal(size=(dim, 50))
    x *= 0.6 * exact.moments["front"] * rng.random(50) / np.linalg.norm(x, axis=0)
    rate = (exact.rho_t(h, *x) - exact.rho_t(-h, *x)) / (2 * h)
    power = exact.rho_t(0.0, *x) ** m
    laplacian = 0.0
    for e in np.eye(dim):
        ends = sum(exact.rho_t(0.0, *(x + s * h * e[:, None])) ** m for s in (1, -1))
        laplacian = laplacian + (ends - 2 * power) / h**2
    assert np.abs(rate - laplacian).max() < 1e-5 * np.abs(rate).max()
    assert np.abs(rate + laplacian).max() > 0.1 * np.abs(rate).max()
    assert exact.energy == fp.energies.PorousMedium(m)


@pytest.mark.parametrize(
    ("dim", "C", "front", "r2", "power"),
    [
        (1, 0.360562392577, 2.080083823, 0.865349742, 2 / 3),
        (2, 0.199471140201, 1.786487683, 1.063846081, 1 / 2),
    ],
)
def test_barenblatt_numbers(dim, C, front, r2, power):
    exact = zoo.barenblatt(dim)
    assert exact.moments["C"] == pytest.approx(C, abs=6e-13)
    assert exact.moments["front"] == pytest.approx(front, abs=6e-10)
    assert exact.moments["r2"] == pytest.approx(r2, abs=6e-10)
    grid = exact.build({1: 4000, 2: 400}[dim]).grid
    for t in (0.0, 0.8):
        rho = exact.rho_t(t, *grid.x)
        assert grid.integrate(rho) == pytest.approx(1, abs=2e-5)
        second = grid.integrate(rho * np.sum(grid.x**2, axis=0))
        assert second == pytest.approx(r2 * (1 + t) ** power, rel=2e-4)
    assert grid.integrate(exact.rho_t(1.0, *grid.x)) == pytest.approx(1, abs=2e-5)


def test_barenblatt_by_minimising_movements():
    exact = zoo.barenblatt(t_end=1.5)
    problem = exact.build(160)
    start = exact.rho_t(0.0, *problem.grid.x)
    start = start / problem.grid.integrate(start)
    found = fp.solve(
        problem, start, [0, 0.5], fp.jko.Lagrangian(0.05, energy=exact.energy), steady=False
    )
    away = np.abs(found.rho[-1] - exact.rho_t(0.5, *problem.grid.x))
    assert problem.grid.integrate(away) < 0.02


def test_barenblatt_has_a_dimension():
    with pytest.raises(ValueError, match="dim is 4"):
        zoo.barenblatt(4)


# --- R20, R21 -------------------------------------------------------------------------------------


def test_bures_geodesic():
    exact = zoo.bures_geodesic()
    T = [[0.7161164036, -0.5590493274], [-0.5590493274, 1.9478141850]]
    np.testing.assert_allclose(exact.data["map"], T, atol=6e-11)
    assert exact.moments["W2_squared"] == pytest.approx(0.748488825598, abs=6e-13)
    middle = [[0.5432958699, 0.1843715926], [0.1843715926, 0.9695819237]]
    np.testing.assert_allclose(exact.cov_t(0.5), middle, atol=6e-11)
    np.testing.assert_allclose(exact.cov_t(1.0), exact.data["B"], atol=1e-14)
    grid = exact.build(96).grid
    rho = exact.rho_t(0.5, *grid.x)
    moments = [grid.integrate(rho * a * b) for a in grid.x for b in grid.x]
    np.testing.assert_allclose(np.reshape(moments, (2, 2)), middle, atol=1e-7)
    with pytest.raises(ValueError, match="B is"):
        zoo.bures_geodesic(B=[[1, 2], [2, 1]])


def test_jko_steps_of_gaussians():
    line = zoo.jko_gaussian(steps=300)
    deviations = np.sqrt(line.data["covariances"][:, 0, 0])
    known = [0.3, 0.315940653956, 0.326995294574, 0.334734466084]
    np.testing.assert_allclose(deviations[:4], known, atol=6e-13)
    np.testing.assert_allclose(line.data["means"][1:3, 0], [1 / 1.2, 1 / 1.44], rtol=1e-14)
    assert deviations[-1] == pytest.approx(np.sqrt(0.25 / 2), rel=1e-12)
    H = [[2.0, -1.0], [-1.0, 1.5]]
    plane = zoo.jko_gaussian(H, 0.1, 0.1, mean0=(1.0, 1.0), cov0=[[0.1, 0.03], [0.03, 0.4]])
    after = [[0.0922306497, 0.0554337377], [0.0554337377, 0.3285358948]]
    np.testing.assert_allclose(plane.data["covariances"][1], after, atol=6e-11)
    # What it was made from: Sigma0 = M Sigma1 M.
    S = plane.data["covariances"]
    M = np.eye(2) + 0.1 * np.array(H) - 0.01 * np.linalg.inv(S[1])
    np.testing.assert_allclose(M @ S[1] @ M, S[0], atol=1e-14)


def test_jko_steps_become_the_flow():
    errors, taus = [], (0.1, 0.05, 0.025)
    for tau in taus:
        exact = zoo.jko_gaussian(tau=tau, steps=round(0.5 / tau))
        last = exact.data["covariances"][-1, 0, 0], exact.data["means"][-1, 0]
        flow = exact.cov_t(0.5)[0, 0], exact.mean_t(0.5)[0]
        errors.append(abs(last[0] - flow[0]) + abs(last[1] - flow[1]))
    assert_rate(taus, errors, order=1, cap=0.02)
    _, heat = jko_step([[0.0]], 1.0, 0.1, [0.0], [[1.0]])
    assert np.sqrt(heat[0, 0]) == pytest.approx(1.0916079783, abs=6e-11)


# --- R30, R31: written numbers against coarse grids -----------------------------------------------


def measured(exact, n, near):
    steady = fp.steady_state(exact.build(n), accuracy=4)
    grid = steady.grid
    x, y = grid.x
    mode, low, _ = critical_point(grid, steady.Phi, near)
    values = {
        "entropy_production": steady.entropy_production,
        "rms_div_j": np.sqrt(grid.integrate(steady.rho * steady.div_j**2)),
        "x2": grid.integrate(steady.rho * x * x),
        "xy": grid.integrate(steady.rho * x * y),
        "y2": grid.integrate(steady.rho * y * y),
        "mode": mode,
    }
    return steady, values, low


@pytest.mark.parametrize(
    "kT",
    [pytest.param(0.125, marks=pytest.mark.slow), 0.25, pytest.param(0.5, marks=pytest.mark.slow)],
)
def test_moving_potential(kT):
    exact = zoo.moving_potential(kT)
    near = exact.points["minima"][0]
    coarse, fine = (measured(exact, n, near) for n in (72, 108))
    for name, value in fine[1].items():
        # Fourth order: extrapolated by (3/2)^4.
        best = value + (value - coarse[1][name]) / (1.5**4 - 1)
        tolerance = {"mode": 1e-4, "rms_div_j": 1e-6}.get(name, 3e-9)
        np.testing.assert_allclose(best, exact.reference[name], atol=tolerance)
    _, top, _ = critical_point(fine[0].grid, fine[0].Phi, (0.02, -0.01))
    assert top - fine[2] == pytest.approx(exact.reference["barrier"], abs=2e-5)
    # Exact moments of the drift: <x f_x> = kT, <y f_y> = kT/4.
    grid, rho = fine[0].grid, fine[0].rho
    g = exact.g(*grid.x)
    assert grid.integrate(rho * grid.x[0] * g[0]) == pytest.approx(kT, abs=1e-6)
    assert exact.reference["y2"] + exact.reference["xy"] / 2 == pytest.approx(kT / 4, abs=2e-10)
    assert exact.reference["rms_div_j"] > 0.1  # Assumption 4 fails


def test_gap_of_the_moving_potential():
    for kT, ratio in ((0.125, (1.03, 1.04)), (0.25, (1.06, 1.07)), (0.5, (0.92, 0.94))):
        exact = zoo.moving_potential(kT)
        gaps = [fp.spectrum(exact.build(n), 5).eigenvalues[1:].real for n in (48, 96)]
        best = gaps[1] + (gaps[1] - gaps[0]) / 3
        np.testing.assert_allclose(best, exact.reference["eigenvalues"], rtol=2e-3)
        assert best[0] == pytest.approx(-exact.reference["gap"], rel=3e-4)
        twice = 2 * exact.reference["kramers_rate"] / exact.reference["gap"]
        assert ratio[0] < twice < ratio[1]
    assert zoo.moving_potential(0.3).reference == {}


def test_scalar_noise():
    exact = zoo.scalar_noise()
    coarse, fine = (measured(exact, n, (-0.2, -0.1)) for n in (72, 108))
    for name, value in fine[1].items():
        best = value + (value - coarse[1][name]) / (1.5**4 - 1)
        tolerance = {"mode": 2e-4, "rms_div_j": 1e-6, "entropy_production": 2e-8}.get(name, 2e-7)
        np.testing.assert_allclose(best, exact.reference[name], atol=tolerance)
    assert exact.reference["xy"] == pytest.approx(exact.reference["x2"] / 2, abs=1e-9)
    assert abs(fine[0].mean_Q[0, 1]) < 1e-6
    rates = fp.spectrum(exact.build(48), 5).eigenvalues[1:].real
    np.testing.assert_allclose(rates, exact.reference["eigenvalues"], rtol=0.06)
