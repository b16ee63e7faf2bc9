"""Walls: conormal reflection, orders at walls, exits between steps."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.sde import walls
from fokkerplanck.sde.coefficients import Callables
from fokkerplanck.sde.simulation import SCHEMES
from tests.convergence.rates import assert_rate

TILTED = [[1.0, 0.8], [0.8, 1.0]]


def density_at(problem, rho0, t):
    """Density of the finite volumes at time t, by a matrix exponential."""
    volume = problem.grid.volume
    mass = expm_multiply(t * fp.Generator(problem).matrix, (rho0 * volume).ravel())
    return mass.reshape(problem.grid.shape) / volume


def correlation(paths):
    """Correlation of x and y, and its standard error under independence."""
    z = paths.samples - 0.5
    each = (z[..., 0] * z[..., 1]).mean(axis=0) * 12
    return each.mean(), each.std() / np.sqrt(len(each))


def uniform_start(n):
    return np.random.default_rng(5).random((n, 2))


@pytest.mark.parametrize("interpolate", [False, True])
def test_no_flux_means_reflection_along_the_conormal(interpolate, monkeypatch):
    # Constant tilted D without drift: the uniform density has no flux, and stays.
    problem = fp.Problem(fp.Grid([(0, 1), (0, 1)], 8), D=TILTED, kT=0.5)
    arguments = {"dt": 0.005, "steps": 120, "burn_in": 20, "thin": 20, "interpolate": interpolate}
    value, error = correlation(fp.sde.simulate(problem, uniform_start(20_000), **arguments))
    assert abs(value) < 4.5 * error
    assert error < 0.01
    if not interpolate:
        # Folding along the normal leaves another density.
        monkeypatch.setattr(walls, "_conormal", lambda s, k, n: np.eye(2)[:, [k]] + np.zeros(n))
        value, error = correlation(fp.sde.simulate(problem, uniform_start(20_000), **arguments))
        assert abs(value) > 20 * error


@pytest.mark.parametrize("interpolate", [False, True])
def test_density_between_walls_is_that_of_the_finite_volumes(interpolate):
    # D(x) tilts by place, the drift pushes into the walls, and the time is short.
    def D(x, y):
        return [[1 + 0.5 * x, 0.5 * np.sin(3 * y)], [0.5 * np.sin(3 * y), 0.6 + 0.3 * x]]

    grid = fp.Grid([(0, 1), (0, 1)], 32)
    problem = fp.Problem(grid, drift=lambda x, y: [2.0 - y, -1.0 + x], D=D, kT=0.3)
    rho0 = fp.gaussian(grid, (0.7, 0.3), 0.02)
    rho = density_at(problem, rho0, 0.4)
    start = fp.sde.from_density(grid, rho0, 40_000)
    paths = fp.sde.simulate(problem, start, 0.4, dt=0.002, interpolate=interpolate)
    coarse = fp.Grid([(0, 1), (0, 1)], 4)
    expected = rho.reshape(4, 8, 4, 8).mean(axis=(1, 3)) * coarse.volume
    counts = paths.histogram(coarse) * coarse.volume * 40_000
    chi2 = ((counts - 40_000 * expected) ** 2 / (40_000 * expected)).sum()
    assert abs(chi2 - 15) < 5 * np.sqrt(30)
    uniform = ((counts - 2500) ** 2 / 2500).sum()
    assert uniform > 1000


def wall_error(scheme, dt, t=0.5):
    """Error of E[x] for dx = -dt + dW on [0, 1] between reflecting walls, by quadrature."""
    problem = fp.Problem(fp.Grid([(0, 1)], 8), drift=-1.0, kT=0.5)
    field, sides = Callables(problem), walls.sides_of(problem.grid, "reflecting")
    z = np.linspace(-7, 7, 1501)
    weights = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    n = 41
    x = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / (n - 1))
    basis = np.linalg.inv(np.polynomial.chebyshev.chebvander(2 * x - 1, n - 1))
    rows = np.zeros((n, n))
    for i, start in enumerate(x):
        y, _ = SCHEMES[scheme](field, np.full((1, z.size), start), dt, z[None], None)
        y = walls.reflect(field, sides, y, dt)[0]
        rows[i] = weights @ np.polynomial.chebyshev.chebvander(2 * y - 1, n - 1) @ basis
    found = np.linalg.matrix_power(rows, round(t / dt)) @ x
    return abs(basis_at(found, basis, 0.5) - exact_mean(t))


@cache
def exact_mean(t):
    """E[x] at time t from x = 0.5, by fine volumes."""
    grid = fp.Grid([(0, 1)], 300)
    problem = fp.Problem(grid, drift=-1.0, kT=0.5)
    mass = np.zeros(300)
    mass[149:151] = 0.5
    return float(grid.x[0] @ (expm(t * fp.Generator(problem).matrix.toarray()) @ mass))


def basis_at(values, basis, x):
    return float(np.polynomial.chebyshev.chebval(2 * x - 1, basis @ values))


@pytest.mark.parametrize("scheme", ["euler_maruyama", "weak2"])
def test_order_one_at_reflecting_walls(scheme):
    dts = [0.05, 0.025, 0.0125]
    assert_rate(dts, [wall_error(scheme, dt) for dt in dts], 1, 0.01)


def test_reflection_without_noise_is_folding():
    problem = fp.Problem(fp.Grid([(0, 1), (0, 1)], 4), drift=[-1.0, 0.5], D=[0.0, 1.0], kT=0.5)
    field, sides = Callables(problem), walls.sides_of(problem.grid, "reflecting")
    y = walls.reflect(field, sides, np.array([[-0.2], [0.4]]), 0.1)
    np.testing.assert_allclose(y, [[0.2], [0.4]])


def test_steps_longer_than_the_box_are_refused():
    grid = fp.Grid([(0, 1)], 8)
    problem = fp.Problem(grid, drift=1e4)
    for interpolate in (False, True):
        with pytest.raises(ConvergenceError, match="reflected 64 times within one step dt = 1;"):
            fp.sde.simulate(problem, [0.5], 3.0, dt=1.0, n_particles=3, interpolate=interpolate)


@pytest.mark.parametrize("interpolate", [False, True])
def test_exits_of_free_particles_are_exact_at_any_step(interpolate, monkeypatch):
    # E[tau] = (x - a)(b - x)/2T and P[right] = (x - a)/(b - a), with steps of a tenth of E[tau].
    kT, x0 = 0.5, 0.3
    problem = fp.Problem(fp.Grid([(0, 1)], 8, sides="absorbing"), kT=kT)
    mean, right = x0 * (1 - x0) / (2 * kT), x0
    arguments = {"dt": 0.01, "steps": 600, "n_particles": 20_000, "seed": 7}
    paths = fp.sde.simulate(problem, [x0], interpolate=interpolate, **arguments)
    assert not paths.alive.any()
    error = paths.exit_time.std() / np.sqrt(paths.n_particles)
    assert abs(paths.exit_time.mean() - mean) < 4.5 * error
    assert error < 0.01 * mean
    share = (paths.exit_side == 1).mean()
    assert abs(share - right) < 4.5 * np.sqrt(right * (1 - right) / paths.n_particles)
    if not interpolate:
        # Looking at the ends of the steps alone, particles stay too long by order sqrt(dt).
        monkeypatch.setattr(walls, "_bridge", lambda a, b, spread: np.zeros_like(a))
        late = fp.sde.simulate(problem, [x0], **arguments)
        assert late.exit_time.mean() > 1.2 * mean


def test_first_passage_has_the_law_of_a_brownian_motion():
    # One wall: P[tau <= t] = erfc(a / sqrt(4 T t)), also inside of one step.
    from scipy.special import erfc

    grid = fp.Grid([(0, 50)], 8, sides=[("absorbing", "reflecting")])
    problem = fp.Problem(grid, kT=0.5)
    paths = fp.sde.simulate(problem, [1.0], 2.0, steps=2, n_particles=40_000)
    for t in (0.2, 0.5, 1.0, 1.3, 2.0):
        expected = erfc(1 / np.sqrt(2 * t))
        found = (paths.exit_time <= t).mean()
        assert abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 40_000)


def test_mean_exit_time_from_a_well():
    # T0(x) = beta int_x^1 e^(beta f) int_0^y e^(-beta f): an exit time against quadrature.
    kT = 0.5
    problem = fp.Problem(fp.Grid([(-1, 1)], 64, sides="absorbing"), f=lambda x: x**2, kT=kT)

    def inner(y):
        return np.exp(y**2 / kT) * quad(lambda z: np.exp(-(z**2) / kT), 0, y)[0]

    exact = quad(inner, 0, 1)[0] / kT
    paths = fp.sde.simulate(problem, [0.0], 30.0, dt=0.02, n_particles=10_000, scheme="weak2")
    error = paths.exit_time[~paths.alive].std() / 100
    assert paths.alive.mean() < 1e-3
    assert abs(paths.exit_time[~paths.alive].mean() - exact) < 4.5 * error
    assert error < 0.02 * exact


def test_density_of_those_that_stay():
    grid = fp.Grid([(0, 1)], 100, sides=[("absorbing", "reflecting")])
    problem = fp.Problem(grid, drift=0.5, kT=0.4)
    rho0 = fp.gaussian(grid, 0.4, 0.01)
    paths = fp.sde.simulate(problem, fp.sde.from_density(grid, rho0, 30_000), 0.4, dt=0.01)
    rho = density_at(problem, rho0, 0.4)
    coarse = fp.Grid([(0, 1)], 5)
    expected = rho.reshape(5, 20).mean(axis=1)
    share = paths.histogram(coarse)
    assert grid.integrate(rho) == pytest.approx(paths.alive.mean(), abs=0.015)
    error = np.sqrt(5 * expected / 30_000)
    assert (np.abs(share - expected) < 4.5 * error).all()
    with pytest.raises(ValueError, match="particles have left through absorbing sides"):
        _ = paths.cov
    assert np.isnan(paths.samples[0, ~paths.alive]).all()
    gone = fp.sde.simulate(fp.Problem(grid, drift=-9.0, kT=0.1), [0.5], 2.0, dt=0.02, n_particles=9)
    with pytest.raises(ValueError, match="every particle has left"):
        gone.histogram(grid)
