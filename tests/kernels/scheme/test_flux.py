"""Kernels of exponential fitting against numpy twins in extended precision."""

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import assembly, current, flux

LONG = np.longdouble
TILTS = np.concatenate([[0.0], *(s * np.logspace(-12, 2.8, 60) for s in (1, -1))])
needs_long = pytest.mark.skipif(
    np.finfo(LONG).eps > 1e-18, reason="long double is no wider than double here"
)


def bernoulli_twin(z):
    """z/(e^z - 1) in extended precision."""
    z = np.asarray(z, LONG)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(z == 0, LONG(1), z / np.expm1(z))


def edge_rates_twin(weight, tilt):
    return weight * bernoulli_twin(-tilt), weight * bernoulli_twin(tilt)


def over_denser_twin(tail, head, weight, tilt, log_rho):
    """J = w (B(-z) rho_x - B(z) rho_y), over the larger of the two densities."""
    g = LONG(log_rho[head]) - LONG(log_rho[tail])
    x, y = np.exp(np.minimum(-g, 0)), np.exp(np.minimum(g, 0))
    return weight * (bernoulli_twin(-tilt) * x - bernoulli_twin(tilt) * y)


def velocities(tail, head, weight, tilt, log_rho):
    """Currents over the denser of two cells, by the kernel."""
    out, volume = np.empty((3, weight.size)), np.ones(1)
    current.edge_currents(0, 1, tail, head, weight, tilt, log_rho, volume, 1e-100, *out)
    return out[2]


def random_edges(rng, n_cells=40, n_edges=300, tilt=3.0, spread=5.0):
    tail, head = rng.integers(0, n_cells, (2, n_edges)).astype(np.int32)
    log_rho = spread * rng.standard_normal(n_cells)
    weight, z = rng.random(n_edges) + 0.1, tilt * rng.standard_normal(n_edges)
    return tail, head, weight, z, log_rho


@needs_long
def test_bernoulli_to_rounding():
    value = np.array([flux.bernoulli(z) for z in TILTS])
    np.testing.assert_allclose(value, bernoulli_twin(TILTS).astype(float), rtol=1e-14)


def test_bernoulli_identities_and_limits():
    for z in np.logspace(-10, 2.5, 40):
        up, down = flux.bernoulli(-z), flux.bernoulli(z)
        assert up - down == pytest.approx(z, rel=1e-6 if z < 1e-6 else 1e-9)
        assert up * np.exp(-z) == pytest.approx(down, rel=1e-13)
    assert flux.bernoulli(0.0) == 1.0
    assert flux.bernoulli(5000.0) == 0.0
    assert flux.bernoulli(-5000.0) == 5000.0


@needs_long
def test_rates_against_the_twin(rng):
    weight = rng.random(TILTS.size) + 0.1
    forward, backward = np.empty_like(TILTS), np.empty_like(TILTS)
    assembly.rates(0, 1, weight, TILTS, forward, backward)
    twin = edge_rates_twin(weight, TILTS)
    np.testing.assert_allclose(forward, twin[0].astype(float), rtol=1e-14)
    np.testing.assert_allclose(backward, twin[1].astype(float), rtol=1e-14)


def test_ratio_of_rates_is_the_exponential_of_the_tilt():
    """Detailed balance to rounding; two separate evaluations of z/expm1(z) do as well."""
    tilt = np.linspace(-50, 50, 501)
    forward, backward = np.empty_like(tilt), np.empty_like(tilt)
    assembly.rates(0, 1, np.ones_like(tilt), tilt, forward, backward)
    np.testing.assert_allclose(np.log(forward / backward), tilt, rtol=0, atol=2e-14)
    # Counterexample: central differences have that ratio to third order only.
    small = np.abs(tilt) < 1.9
    central = np.log((1 + tilt[small] / 2) / (1 - tilt[small] / 2))
    assert np.abs(central - tilt[small]).max() > 0.1


@needs_long
@pytest.mark.parametrize(("tilt", "spread"), [(0.3, 0.1), (3.0, 5.0), (80.0, 200.0)])
def test_velocities_against_the_twin(rng, tilt, spread):
    edges = random_edges(rng, tilt=tilt, spread=spread)
    out = velocities(*edges)
    twin = over_denser_twin(*edges)
    # Sums of two terms: rounding is relative to the larger.
    size = edges[2] * bernoulli_twin(-np.abs(edges[3]))
    np.testing.assert_allclose(out, twin.astype(float), rtol=1e-12, atol=2e-15 * size.max())


def test_velocities_vanish_in_equilibrium_and_survive_underflow(rng):
    log_rho = rng.uniform(-2000.0, 0.0, 50)
    tail, head = rng.integers(0, 50, (2, 400)).astype(np.int32)
    tilt = log_rho[head] - log_rho[tail]
    assert np.abs(velocities(tail, head, np.ones(400), tilt, log_rho)).max() == 0.0
    # Counterexample: densities first, their differences later.
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = np.exp(log_rho)
        naive = np.array([flux.bernoulli(-z) for z in tilt]) * rho[tail]
        naive = (naive - np.array([flux.bernoulli(z) for z in tilt]) * rho[head]) / rho[tail]
    assert not np.isfinite(naive).all()


def test_velocities_change_sign_with_the_direction_of_the_edge(rng):
    tail, head, weight, tilt, log_rho = random_edges(rng)
    there = velocities(tail, head, weight, tilt, log_rho)
    back = velocities(head, tail, weight, -tilt, log_rho)
    np.testing.assert_allclose(there, -back, rtol=1e-13, atol=1e-13)


def test_wild_tilts_give_finite_velocities():
    tilt = np.array([1500.0, -1500.0, 1500.0, -1500.0])
    log_rho = np.array([0.0, -1400.0, 0.0])
    tail, head = np.array([0, 0, 1, 1]), np.array([1, 1, 2, 2])
    out = velocities(tail, head, np.ones(4), tilt, log_rho)
    assert np.isfinite(out).all()
    # Upwinding: the tilt's own end decides, out of the denser cell or into it.
    np.testing.assert_allclose(out, [1500.0, 0.0, 0.0, -1500.0], atol=1e-10)


@needs_long
def test_slope_against_the_twin():
    z = np.concatenate([TILTS, [-900.0, 900.0, 9.9e-4, 1.01e-3, -9.9e-4]])
    value, opposite, slope, opposite_slope = np.empty((4, z.size))
    flux.both_sides(z, value, opposite)
    flux.slopes_of_both_sides(z, slope, opposite_slope)
    b, x = bernoulli_twin(z), z.astype(LONG)
    with np.errstate(invalid="ignore", divide="ignore"):
        direct = (1 - b * np.exp(x)) / np.expm1(x)
    series = -LONG(1) / 2 + x / 6 - x**3 / 180
    twin = np.where(np.abs(x) < 1e-2, series + x**5 / 5040, direct).astype(float)
    np.testing.assert_allclose(value, b.astype(float), rtol=1e-14)
    np.testing.assert_allclose(opposite, bernoulli_twin(-z).astype(float), rtol=1e-14)
    # The series stops at z/6, which costs z^3/180 = 6e-12 at its end |z| = 1e-3.
    np.testing.assert_allclose(slope, twin, rtol=2e-11, atol=1e-300)
    np.testing.assert_allclose(opposite_slope, -1 - twin, rtol=2e-11, atol=1e-15)
    flux.slopes_of_both_sides(-z, slope, opposite_slope)
    np.testing.assert_allclose(opposite_slope, twin, rtol=2e-11, atol=1e-300)
    flux.bernoulli_values(z, opposite)
    np.testing.assert_allclose(opposite, b.astype(float), rtol=1e-14)
