"""Current velocity, area, turns and spectra of paths against closed forms, within their errors."""

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck import sde, zoo


def stationary(exact, n, n_particles, seed=0, **options):
    """Paths from the steady density on a grid of n cells; walls far away."""
    problem = exact.build(n)
    start = sde.from_density(problem.grid, fp.steady_state(problem).rho, n_particles, seed)
    return sde.simulate(problem, start, seed=seed, thin=1, **options)


def z_scores(seen, expected):
    ok = np.isfinite(seen.value)
    return ((seen.value - expected) / seen.error)[ok]


@pytest.fixture(scope="module")
def gyrator_paths():
    # Continuous time to second order, so that the increments are those of the process itself.
    return stationary(zoo.gyrator(), 64, 4000, t=4.0, dt=0.05, scheme="weak2", interpolate=True)


def test_current_velocity_of_a_linear_problem(gyrator_paths):
    exact, h = zoo.gyrator(), 0.05
    F, Sigma = exact.data["F"], exact.moments["cov"]
    # At a finite h: (e^(-Fh) - Sigma e^(-F^T h) Sigma^-1)/2h, which tends to -QU.
    B = (expm(-F * h) - Sigma @ expm(-F.T * h) @ np.linalg.inv(Sigma)) / (2 * h)
    QU = exact.data["Q"] @ exact.data["U"]
    assert np.abs(B + QU).max() < 0.1 * np.abs(QU).max()
    grid = fp.Grid([(-0.5, 0.5), (-0.36, 0.36)], 8)
    seen = sde.current_velocity(gyrator_paths, grid)
    # Means over cells in the steady density, on a fine grid.
    fine = grid.refined(10)
    weight = exact.rho(*fine.x)
    field = np.einsum("ik,k...->i...", B, fine.x)
    cells = (2, 8, 10, 8, 10)
    mean = (weight * field).reshape(cells).sum(axis=(2, 4))
    mean /= weight.reshape(cells[1:]).sum(axis=(1, 3))
    scores = z_scores(seen, mean)
    assert np.abs(scores).max() < 4.5
    assert np.sqrt((scores**2).mean()) < 1.25
    # Small errors where most of the density is, and a current that is not zero.
    center = (slice(None), slice(2, 6), slice(2, 6))
    assert seen.error[center].max() < 0.06
    assert np.abs(seen.value[center] / seen.error[center]).max() > 10
    assert seen.counts.sum() <= gyrator_paths.samples.shape[0] * 4000
    assert seen.spacing == pytest.approx(h)


def test_no_current_is_seen_in_detailed_balance():
    paths = stationary(zoo.gyrator(d2=1.0), 32, 2000, t=3.0, dt=0.05, interpolate=True)
    seen = sde.current_velocity(paths, fp.Grid([(-0.5, 0.5), (-0.5, 0.5)], 6))
    scores = z_scores(seen, 0.0)
    assert np.abs(scores).max() < 4.5
    assert np.sqrt((scores**2).mean()) < 1.25
    area = sde.levy_area(paths)
    assert abs(area.value[0, 1]) < 4.5 * area.error[0, 1]


def test_levy_area_of_a_linear_problem(gyrator_paths):
    exact, h = zoo.gyrator(), 0.05
    F, Sigma = exact.data["F"], exact.moments["cov"]
    lagged = expm(-F * h) @ Sigma  # E[x(t+h) x(t)^T]
    expected = 0.5 * (lagged.T - lagged)[0, 1] / h
    assert expected == pytest.approx(exact.moments["levy_rate"], rel=0.1)
    area = sde.levy_area(gyrator_paths)
    assert abs(area.value[0, 1] - expected) < 4.5 * area.error[0, 1]
    assert area.error[0, 1] < 0.03 * expected
    np.testing.assert_array_equal(area.value, -area.value.T)


def test_levy_area_and_rotation_of_example_19():
    # Levy area lambda pi/Z = 0.2060474623, <omega> = lambda pi^(3/2)/Z = 0.3652096 at lambda = 1/2.
    exact = zoo.example_19(0.5).boxed([(-3.2, 3.2), (-4.5, 4.5)])
    assert exact.moments["levy_rate"] == pytest.approx(0.2060474623, abs=5e-11)
    paths = stationary(exact, 96, 4000, t=4.0, dt=0.01, scheme="weak2", interpolate=True)
    area = sde.levy_area(paths)
    assert abs(area.value[0, 1] - 0.2060474623) < 4.5 * area.error[0, 1]
    assert area.error[0, 1] < 0.04 * 0.206
    turning = sde.rotation(paths)
    assert abs(turning.value - exact.moments["omega"]) < 4.5 * turning.error
    assert turning.error < 0.15 * exact.moments["omega"]


def test_winding_of_the_tilted_ring():
    exact = zoo.tilted_ring()  # J = 0.053866742022 turns per time
    paths = stationary(exact, 200, 4000, t=40.0, dt=0.02, scheme="weak2")
    seen = sde.winding(paths)
    assert abs(seen.value[0] - 0.053866742022) < 4.5 * seen.error[0]
    assert seen.error[0] < 0.04 * 0.0539
    with pytest.raises(ValueError, match="areas need a plane"):
        sde.levy_area(paths)
    # The current velocity on the ring is J/rho; wrapped cells, unwrapped increments.
    grid = fp.Grid(exact.box, 8, sides="periodic")
    velocity = sde.current_velocity(paths, grid)
    fine = fp.steady_state(exact.build(800))
    mass = fine.rho.reshape(8, 100).mean(axis=1) * grid.volume
    expected = 0.053866742022 * grid.volume / mass
    assert np.abs(velocity.value[0] - expected).max() < 0.1 * expected.max()
    assert np.abs((velocity.value[0] - expected) / velocity.error[0]).max() < 5


def test_rotation_of_the_stuart_landau_oscillator():
    exact = zoo.stuart_landau()
    paths = stationary(exact, 64, 500, t=10.0, dt=0.01, scheme="weak2", interpolate=True)
    turning = sde.rotation(paths)
    assert abs(turning.value - exact.moments["omega"]) < 5 * turning.error + 0.01
    assert turning.error < 0.02 * exact.moments["omega"]
    # Positive control of the spectrum: a peak at the frequency of the cycle.
    seen = sde.increment_spectrum(paths.samples[::10], spacing=0.1, length=64)
    peak = seen.omega[np.argmax(seen.value[0, 0].real)] / seen.spacing
    assert abs(peak - exact.reference["cycle_frequency"]) < 2 * np.pi / 6.4
    assert seen.value[0, 0].real.max() > 3 * seen.value[0, 0].real[-1]


def test_underdamped_oscillator_turns_the_right_way():
    # R23: noise in one direction only; j = (v, -V'), so <x dv - v dx>/2 = -<v^2 + h x^2>/2 = -T.
    exact = zoo.langevin()
    paths = stationary(exact, 64, 2000, t=2.0, dt=0.01, scheme="weak2", interpolate=True)
    area = sde.levy_area(paths)
    assert abs(area.value[0, 1] + exact.kT) < 4.5 * area.error[0, 1] + 0.005 * exact.kT
    assert area.error[0, 1] < 0.03 * exact.kT


def test_white_noise_has_a_flat_spectrum(rng):
    walk = np.cumsum(rng.standard_normal((1200, 200, 2)) @ np.array([[1, 0.5], [0, 1]]), axis=0)
    seen = sde.increment_spectrum(walk, spacing=1.0, length=100)
    expected = np.array([[1.0, 0.5], [0.5, 1.25]])[:, :, None]
    for part, truth in ((np.real, expected), (np.imag, 0 * expected)):
        error = part(seen.error)
        ok = error > 0
        score = (part(seen.value) - truth)[ok] / error[ok]
        assert np.abs(score).max() < 4.5
    assert seen.value.shape == (2, 2, 50)
    assert seen.omega[-1] == pytest.approx(np.pi)


BAD = [
    (lambda p: sde.levy_area(p.samples), "spacing is missing"),
    (lambda p: sde.levy_area(p, spacing=0.1), "spacing is known for Paths"),
    (lambda p: sde.levy_area(p.samples[0], spacing=1.0), r"paths has shape \(5, 2\)"),
    (lambda p: sde.levy_area(p.samples * np.nan, spacing=1.0), "not finite"),
    (lambda p: sde.levy_area(p.samples[:1], spacing=1.0), "have 1 snapshots, needed are 2"),
    (lambda p: sde.levy_area(p.samples[:, :1], spacing=1.0), "one particle has no standard error"),
    (lambda p: sde.levy_area("path"), "paths is 'path'; give Paths or an array"),
    (lambda p: sde.levy_area(p.samples, spacing=-1), "spacing is -1; give a finite positive"),
    (lambda p: sde.winding(p.samples), "give the Paths of simulate"),
    (lambda p: sde.winding(p), "no axis is periodic"),
    (lambda p: sde.rotation(p, center=3.0), r"center has shape \(\)"),
    (lambda p: sde.rotation(np.zeros((4, 4, 3)), spacing=1.0), "the paths have 3 axes"),
    (lambda p: sde.current_velocity(p, 3), "grid is 3; give a Grid"),
    (lambda p: sde.current_velocity(p, fp.Grid([(0, 1)], 4)), "2 components on a 1D grid"),
    (lambda p: sde.current_velocity(p, fp.Grid([(0, 1)] * 2, 4), least=0), "least is 0"),
    (lambda p: sde.increment_spectrum(p, length=2), "length is 2, expected an integer >= 4"),
    (lambda p: sde.increment_spectrum(p, length=64), "needed are 65"),
]


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_calls_are_refused_with_a_reason(call, words):
    problem = zoo.gyrator().build(16)
    paths = sde.simulate(problem, [0.0, 0.0], 1.0, dt=0.1, n_particles=5, thin=1)
    with pytest.raises(ValueError, match=words):
        call(paths)


def test_particles_that_left_have_no_steady_current():
    problem = fp.Problem(fp.Grid([(0, 1)], 8, sides="absorbing"))
    paths = sde.simulate(problem, [0.5], 1.0, dt=0.1, n_particles=50, thin=1)
    with pytest.raises(ValueError, match="not stationary"):
        sde.current_velocity(paths, problem.grid)
