"""Numbers of problems with noise in some directions only, found again by other means."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.underdamped import GAPS, PASSAGES
from tests.zoo.balances import defect, generated, samples
from tests.zoo.hermite import slowest

#: Rank of D at the middle of the box.
RANKS = {"N6": 3, "N7": 2, "N8": 2}
BALANCED = [code for code, exact in zoo.degenerate().items() if "balances" in exact.data]


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
    D = exact.diffusion(*np.mean(exact.box, axis=1)[:, None])[..., 0]
    assert np.linalg.matrix_rank(D) == RANKS.get(code, 1)
    assert exact.build(8).grid.dim == exact.dim


@pytest.mark.parametrize("code", BALANCED)
def test_balances_are_what_the_generator_makes(code):
    exact = zoo.degenerate()[code]
    x = samples(exact)
    for name, balance in exact.data["balances"].items():
        rate = balance.rate(*x)
        error = np.abs(rate - generated(exact, balance.phi, x)).max()
        assert error < 1e-8 * np.abs(rate).max(), name


def test_a_wrong_balance_is_noticed():
    """Without the noise, as an oscillator without temperature would have it."""
    exact = zoo.lorenz()
    x, balance = samples(exact), exact.data["balances"]["x2"]
    error = np.abs(balance.rate(*x) - exact.kT - generated(exact, balance.phi, x))
    assert error.min() > 0.9 * exact.kT


def test_lorenz_numbers_are_tied_to_each_other():
    """Three averages of paths, by balances of x2, y2, z2, to their standard errors."""
    exact, b, r, s = zoo.lorenz(), 8 / 3, 28, 10
    z, var_z, x2, y2 = (exact.reference[name] for name in ("z", "var_z", "x2", "y2"))
    error = exact.data["standard_errors"]
    assert x2 == pytest.approx(b * z + exact.kT / s, abs=4 * (error["x2"] + b * error["z"]))
    bound = error["y2"] + b * (abs(r - 2 * z) * error["z"] + error["var_z"])
    assert y2 == pytest.approx(b * (r * z - z**2 - var_z) + 2 * exact.kT, abs=4 * bound)
    assert zoo.lorenz(kT=1.0).reference == {}


@pytest.mark.slow
def test_lorenz_on_a_grid():
    """The default on 20^3 cells, of which it says that they do not resolve the attractor."""
    exact = zoo.lorenz()
    state = fp.steady_state(exact.build(20))
    assert state.stats.scheme == "upwind5"
    assert state.stats.negative_mass > 0.01
    x, _, z = state.grid.x
    mean = state.grid.integrate
    assert mean(z * state.rho) == pytest.approx(exact.reference["z"], rel=0.006)
    assert mean(x**2 * state.rho) == pytest.approx(exact.reference["x2"], rel=0.02)
    chain = fp.steady_state(exact.build(20), scheme="markov")
    spread, wide = (mean((z - mean(z * s.rho)) ** 2 * s.rho) for s in (state, chain))
    assert abs(spread - exact.reference["var_z"]) < 4
    assert wide - exact.reference["var_z"] > 7
    for balance in exact.data["balances"].values():
        assert abs(defect(state, balance)) < 0.03


@pytest.mark.parametrize("numbers", [(20.0, 10.0, 0.2), (9.0, 3.0, 1.5)])
def test_gene_expression(numbers):
    """Lyapunov's equation with the mean of D: linear in x, as the drift is."""
    exact = zoo.gene_expression(*numbers)
    _, P, c = numbers
    F, mean, Sigma = np.array([[1, 0], [-c * P, c]]), exact.moments["mean"], exact.moments["cov"]
    D = exact.diffusion(*mean[:, None])[..., 0]
    np.testing.assert_allclose(F @ Sigma + Sigma @ F.T, 2 * D, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(exact.g(*mean), 0, atol=1e-12)
    every = sorted(i + c * k for i in range(60) for k in range(60))
    np.testing.assert_allclose(exact.eigenvalues, [-rate for rate in every[1:7]], rtol=1e-12)


def test_gene_expression_on_a_grid():
    exact = zoo.gene_expression()
    state = fp.steady_state(exact.build(32))
    assert state.stats.scheme == "log4"
    away = state.grid.x - exact.moments["mean"][:, None, None]
    cov = state.grid.integrate(away[:, None] * away[None] * state.rho)
    np.testing.assert_allclose(cov, exact.moments["cov"], rtol=5e-6)


def test_predator_prey_on_a_grid():
    """A cycle that noise blurs: numbers of animals to a percent, and nobody grows on average."""
    exact = zoo.predator_prey()
    state = fp.steady_state(exact.build(64))
    x, _ = state.grid.x
    mean = state.grid.integrate(state.grid.x * state.rho)
    assert mean == pytest.approx([exact.reference["mean_x"], exact.reference["mean_y"]], rel=0.01)
    var = state.grid.integrate((x - mean[0]) ** 2 * state.rho)
    assert var == pytest.approx(exact.reference["var_x"], rel=0.06)
    for name in ("x", "y", "log y"):
        assert abs(defect(state, exact.data["balances"][name])) < 2e-3
    with pytest.raises(ValueError, match="size is -1"):
        zoo.predator_prey(-1)


def test_wealth_numbers_are_tied_to_each_other():
    exact = zoo.household_wealth()
    a, a2, ay = (exact.reference[name] for name in ("a", "a2", "a income"))
    error = exact.data["standard_errors"]
    assert ay == pytest.approx(0.05 * a2 + 0.95 * a, abs=4 * (error["a income"] + error["a"]))


def test_wealth_on_grids():
    """Mean wealth to a percent at 40 x 40; the share at the limit converges slowly, from above."""
    exact = zoo.household_wealth()
    states = [fp.steady_state(exact.build(n)) for n in (20, 40, 80)]
    errors, shares = [], []
    for state in states:
        assert state.stats.scheme == "upwind5"
        ((side, share),) = state.stats.atoms.items()
        assert (side.axis, side.end) == (0, "lower")
        errors.append(abs(state.mean(lambda a, z: a) / exact.reference["a"] - 1))
        shares.append(share - exact.reference["atom"])
    assert errors[0] < 0.04
    assert errors[1] < 0.01
    assert errors[2] < 0.004
    assert 0.02 > shares[0] > shares[1] > shares[2] > 0
    assert shares[2] < 0.011
    # Who has no slope at the wall does not feel it.
    assert abs(defect(states[2], exact.data["balances"]["a2"])) < 0.005
    assert states[2].mean(lambda a, z: np.exp(z)) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_wealth_by_paths(rng):
    """4000 households over 600 years, in steps of a tenth."""
    exact, n, dt = zoo.household_wealth(), 4000, 0.1
    z, a, means = rng.normal(-0.035, np.sqrt(0.07), n), np.zeros(n), []
    keep = np.exp(-0.1 * dt)
    for k in range(round(600 / dt)):
        income = np.exp(z)
        z = -0.035 + (z + 0.035) * keep + np.sqrt(0.07 * (1 - keep**2)) * rng.normal(size=n)
        a = np.maximum(a + dt * ((income + np.exp(z)) / 2 - 0.95 - 0.05 * a), 0)
        if k * dt > 200:
            means.append([a, a == 0])
    for found, name in zip(np.mean(means, axis=0), ("a", "atom"), strict=True):
        error = found.std(ddof=1) / np.sqrt(n)
        assert error < 0.03 * exact.reference[name]
        assert abs(found.mean() - exact.reference[name]) < 4 * error + 0.004


@pytest.mark.slow
def test_predator_prey_by_paths():
    exact = zoo.predator_prey()
    step = {"t": 200.0, "dt": 0.05, "scheme": "weak2"}  # Euler's steps widen the cycle
    paths = fp.sde.simulate(
        exact.build(64), [0.75, 1.15], **step, n_particles=300, burn_in=2000, thin=20
    )
    for k, name in enumerate(("x", "y")):
        each = paths.samples[..., k]
        for values, word in ((each, "mean"), ((each - each.mean()) ** 2, "var")):
            error = values.mean(axis=0).std(ddof=1) / np.sqrt(paths.n_particles)
            known = exact.reference[f"{word}_{name}"]
            assert error < 0.05 * known
            assert abs(values.mean() - known) < 4 * error + 0.005 * known


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
