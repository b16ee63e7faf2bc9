"""The closed form of underdamped motion: density, current, and what follows from them."""

import numpy as np
import pytest
from scipy.integrate import quad

import fokkerplanck as fp
from fokkerplanck.scheme.bernoulli import log_bernoulli
from fokkerplanck.scheme.maxwell_boltzmann import (
    irreversible_entropy_production,
    profiles,
    steady_currents,
    velocities,
)
from tests.convergence.rates import assert_rate

KT = 0.05


def U(x):
    """Double well with a barrier of five kT."""
    return x**4 / 4 - x**2 / 2


def well(n, **options):
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)
    return fp.Problem.langevin(grid, U, **{"gamma": 0.1, "kT": KT, **options})


def log_rho(problem, mass=1.0):
    """Normalised on the whole plane, which exceeds the box by 1e-11 of the mass."""
    x, v = problem.grid.x
    Z = quad(lambda y: np.exp(-U(y) / KT), -2, 2, epsabs=0, epsrel=1e-13)[0]
    return -(U(x) + mass * v**2 / 2) / KT - np.log(Z * np.sqrt(2 * np.pi * KT / mass))


@pytest.mark.parametrize("mass", [1.0, 2.0])
def test_density_and_current(mass):
    problem = well(80, mass=mass)
    state = fp.steady_state(problem)
    x, v = problem.grid.x
    assert state.stats.scheme == "exact"
    assert state.stats.source == "Maxwell-Boltzmann of the given potential"
    assert "curl" in state.stats.message
    assert state.residual < 1e-12
    assert 0 < state.error_estimate < 0.01  # quadrature of cell masses
    np.testing.assert_allclose(state.log_rho, log_rho(problem, mass), atol=2e-10)
    exact = np.stack([v, -(x**3 - x) / mass])  # at walls half of it stops
    inner = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(state.j[inner], exact[inner], atol=1e-7)
    assert not state.is_reversible()
    assert np.abs(state.div_J).max() < 1e-12
    # psi = -kT/m rho, up to a constant: J = (d_v psi, -d_x psi).
    corners = -KT / mass * np.exp(state.currents.corner_log_density())
    assert np.abs(state.psi - corners).max() < 0.03 * np.abs(corners).max()


def test_the_curl_is_of_sixth_order():
    """Velocities and accelerations of the discrete curl, away from the walls."""
    errors, grids = [], (80, 160, 320)
    for n in grids:
        problem = well(n, kT=0.2)
        x, v = problem.grid.centers
        velocity, acceleration = velocities(problem, *profiles(problem))
        left = (velocity - v)[np.abs(v) < 1], (acceleration - x + x**3)[np.abs(x) < 1.2]
        errors.append(max(np.abs(e).max() for e in left))
    assert_rate(1 / np.array(grids), errors, 6, cap=2e-9)


def test_equilibrium_produces_no_entropy():
    state = fp.steady_state(well(24))
    assert state.entropy_production == 0
    # By the upwind chain, which adds noise to positions: some, by what it does to velocities.
    markov = fp.steady_state(well(24), scheme="markov")
    assert markov.stats.scheme == "markov"
    assert 0 < markov.entropy_production < np.inf


def test_irreversible_part_of_a_driven_state():
    """Free motion pushed by a force F round a ring: <v> = F/gamma, and F<v>/kT of entropy."""
    F, gamma, kT = 0.4, 1.0, 0.3
    grid = fp.Grid([(0, 1), (-4, 4)], (8, 200), ["periodic", "reflecting"])
    problem = fp.Problem.langevin(grid, lambda x: 0 * x, gamma, kT)
    v = grid.x[1]
    rho = np.exp(-((v - F / gamma) ** 2) / (2 * kT))
    rho /= grid.integrate(rho)
    j = np.stack([v, F + 0 * v - gamma * v + gamma * (v - F / gamma)])
    j[1] += F  # the force is no part of the potential
    found = irreversible_entropy_production(j, problem, rho)
    assert found == pytest.approx(F**2 / gamma / kT, rel=1e-10)


def test_free_motion_round_a_ring():
    grid = fp.Grid([(0, 1), (-3, 3)], (16, 60), ["periodic", "reflecting"])
    problem = fp.Problem.langevin(grid, lambda x: 0.1 * np.cos(2 * np.pi * x), 0.2, 0.25)
    state = fp.steady_state(problem)
    assert state.stats.scheme == "exact"
    assert state.residual < 1e-12
    v = grid.x[1]
    np.testing.assert_allclose(state.j[0], v, rtol=1e-12)
    assert grid.integrate(state.rho * v**2) == pytest.approx(0.25, rel=1e-7)


def test_graded_axes_and_steep_walls():
    """Any grid: a box with hard walls of thousands of kT is no exception."""
    edges = np.concatenate([-2 + np.arange(10) ** 2 / 100, 2 - np.arange(10)[::-1] ** 2 / 100])
    grid = fp.Grid([edges, (-3, 3)], (19, 24))
    state = fp.steady_state(fp.Problem.langevin(grid, lambda x: 300 * x**8, 0.1, 0.1))
    assert state.residual < 1e-12
    assert np.isfinite(state.j).all()
    assert np.abs(state.div_J).max() < 1e-12 * np.abs(state.J).max() / 0.01


def test_logarithm_of_bernoulli():
    z = np.array([0.0, 1e-9, 1.0, 30.0, 40.5, 100.0, 5000.0])
    exact = [0.0, -5e-10, -np.log(np.expm1(1.0)), np.log(30.0) - 30, np.log(40.5) - 40.5]
    exact += [np.log(100.0) - 100, np.log(5000.0) - 5000]
    np.testing.assert_allclose(log_bernoulli(z), exact, rtol=1e-12, atol=1e-13)


def test_only_for_langevin():
    problem = fp.Problem(fp.Grid([(-1, 1)] * 2, 8), drift=lambda x, v: (v, -x - v), D=(0, 1))
    with pytest.raises(ValueError, match="is not known to have a Maxwell-Boltzmann state"):
        steady_currents(problem)


def test_absorbing_sides_have_no_steady_state():
    grid = fp.Grid([(-2, 2), (-2, 2)], 8, ["absorbing", "reflecting"])
    with pytest.raises(ValueError, match="absorbing sides"):
        fp.steady_state(fp.Problem.langevin(grid, U, 1.0, 1.0))
