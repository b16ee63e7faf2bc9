"""Observables against closed forms, at the edges of double precision and against each other."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import observables as ob
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.scheme.generator import Generator


def null_log_density(generator):
    """Log density of the generator's own null vector."""
    grid = generator.grid
    log_mass = null_vector(generator.matrix, grid.shape).log_mass
    return log_mass.reshape(grid.shape) - np.log(grid.volume)


def spiral(n=24):
    grid = fp.Grid([(-3, 3), (-2.5, 2.5)], n)
    D = [[1, 0.3], [0.3, 0.4]]
    return fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -1.5 * x - 0.8 * y), D=D, kT=0.5)


# --- mass, entropy, energy -----------------------------------------------------------------------


def test_gaussian_mass_entropy_and_energy():
    grid = fp.Grid([(-9, 9), (-7, 7)], (120, 100))
    rho = fp.gaussian(grid, (0.5, 0), [[1.0, 0.3], [0.3, 0.5]])
    det = 0.5 - 0.09
    assert ob.mass(rho, grid) == pytest.approx(1, abs=1e-15)
    assert ob.entropy(rho, grid) == pytest.approx(0.5 * np.log((2 * np.pi * np.e) ** 2 * det))
    x, y = grid.x
    assert ob.energy(rho, x**2 + y**2, grid) == pytest.approx(1 + 0.25 + 0.5)


def test_empty_cells_have_no_entropy_and_cost_no_energy():
    grid = fp.Grid([(0, 4)], 4)
    rho = np.array([0.5, 0.5, 0.0, 0.0])
    assert ob.entropy(rho, grid) == pytest.approx(np.log(2))
    assert ob.energy(rho, np.array([1.0, 3.0, np.inf, 7.0]), grid) == 2.0


def test_leading_axes_pass_through(rng):
    problem = spiral(8)
    grid, generator = problem.grid, Generator(problem)
    rho = rng.random((3, 2, *grid.shape))
    rho /= grid.integrate(rho)[..., None, None]
    log_inf = null_log_density(generator)
    for values, one in (
        (ob.mass(rho, grid), lambda r: ob.mass(r, grid)),
        (ob.entropy(rho, grid), lambda r: ob.entropy(r, grid)),
        (ob.kl(rho, log_inf, grid, log=True), lambda r: ob.kl(r, log_inf, grid, log=True)),
        (ob.dissipation(rho, log_inf, generator, 2.0),
         lambda r: ob.dissipation(r, log_inf, generator, 2.0)),
    ):  # fmt: skip
        assert values.shape == (3, 2)
        assert values[2, 1] == pytest.approx(one(rho[2, 1]), rel=1e-14)


# --- relative entropy ----------------------------------------------------------------------------


def test_kl_of_two_gaussians():
    grid = fp.Grid([(-10, 10)], 200)
    a, b = fp.gaussian(grid, 0.7, 0.5), fp.gaussian(grid, -0.2, 1.3)
    exact = 0.5 * (0.5 / 1.3 + 0.81 / 1.3 - 1 - np.log(0.5 / 1.3))
    assert ob.kl(a, b, grid) == pytest.approx(exact, rel=1e-12)
    assert ob.kl(a, np.log(b), grid, log=True) == pytest.approx(exact, rel=1e-12)


def test_kl_resolves_what_the_plain_sum_cannot(rng):
    grid = fp.Grid([(0, 1)], 100)
    inf = 1 + 0.5 * np.cos(2 * np.pi * grid.x[0])
    z = np.sin(6 * np.pi * grid.x[0]) * np.where(grid.x[0] < 0.5, 1.0, 0.5)
    for size in (1e-3, 1e-6, 1e-10, 1e-13):
        rho = inf * (1 + size * z)
        z_true = rho / inf - 1  # what is left of z after rounding
        expected = grid.integrate(inf * z_true**2 / 2 * (1 - z_true / 3 + z_true**2 / 6))
        assert ob.kl(rho, inf, grid) == pytest.approx(expected, rel=1e-10)
    plain = grid.integrate(rho * np.log(rho / inf))
    assert abs(plain - expected) > 1e8 * expected  # the sum as it is usually written


@pytest.mark.parametrize("z", [1e-2 * (1 - 1e-9), 1e-2 * (1 + 1e-9), -9.9e-3, 3e-5, 0.3, -0.3])
def test_series_and_formula_meet(z):
    grid = fp.Grid([(0, 2)], 2)
    exact = _h(z) + _h(-z)
    assert ob.kl(np.array([1 + z, 1 - z]), np.ones(2), grid) == pytest.approx(exact, rel=1e-13)


def _h(z):
    """(1 + z) log(1 + z) - z from fifty terms of its series."""
    return sum((-z) ** k / (k * (k - 1)) for k in range(2, 52))


def test_kl_where_the_reference_underflows():
    """Gaussian reference of variance 1/100 on a box of 60 deviations: e^-1800 at the walls."""
    grid = fp.Grid([(-6, 6)], 600)
    log_inf = -50 * grid.x[0] ** 2
    log_inf -= np.log(grid.integrate(np.exp(log_inf)))
    a = fp.gaussian(grid, 5.0, 0.01)
    assert ob.kl(a, log_inf, grid, log=True) == pytest.approx(1250, rel=1e-12)
    assert ob.kl(a, np.exp(log_inf), grid) == np.inf


def test_kl_of_empty_cells_and_of_empty_references():
    grid = fp.Grid([(0, 2)], 2)
    half = np.array([1.0, 0.0])
    assert ob.kl(half, np.array([0.5, 0.5]), grid) == pytest.approx(np.log(2))
    assert ob.kl(np.array([0.5, 0.5]), half, grid) == np.inf
    assert ob.kl(half, half, grid) == 0.0
    with pytest.raises(ValueError, match="rho is negative in 1 of 2 cells"):
        ob.kl(np.array([1.1, -0.1]), half, grid)


def test_free_energy_is_energy_minus_entropy_up_to_a_constant(rng):
    grid = fp.Grid([(-3, 3), (-3, 3)], 20)
    Phi = (grid.x**2).sum(axis=0)
    beta = 3.0
    rho_inf = np.exp(-beta * Phi)
    Z = grid.integrate(rho_inf)
    rho = rng.random(grid.shape)
    rho /= grid.integrate(rho)
    F = ob.free_energy(rho, -beta * Phi - np.log(Z), grid, beta)
    expected = ob.energy(rho, Phi, grid) - ob.entropy(rho, grid) / beta + np.log(Z) / beta
    assert expected == pytest.approx(F, rel=1e-12)


# --- dissipation and entropy production ----------------------------------------------------------


PROBLEMS = {
    "1D reversible": lambda: fp.Problem(fp.Grid([(-2, 2)], 40), f=lambda x: x**4 - x**2, kT=0.2),
    "ring": lambda: fp.Problem(fp.Grid([(0, 1)], 30, "periodic"), drift=lambda x: 1 + 0 * x),
    "spiral": spiral,
    "3D": lambda: fp.Problem(
        fp.Grid([(-2, 2)] * 3, 8), drift=lambda x, y, z: (-x + y, -x - y, -z + x)
    ),
}


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_dissipation_is_minus_the_derivative_of_the_free_energy(build, rng):
    problem = build()
    grid, generator = problem.grid, Generator(problem)
    log_inf = null_log_density(generator)
    rho = rng.random(grid.shape) ** 3
    rho /= grid.integrate(rho)
    slope = grid.integrate(generator.apply(rho) * (np.log(rho) - log_inf)) / problem.beta
    got = ob.dissipation(rho, log_inf, generator, problem.beta)
    assert got == pytest.approx(-slope, rel=1e-9)


def test_dissipation_against_the_wrong_steady_state_is_not_the_derivative(rng):
    problem = spiral()
    grid, generator = problem.grid, Generator(problem)
    log_wrong = -(grid.x**2).sum(axis=0)
    log_wrong -= np.log(grid.integrate(np.exp(log_wrong)))
    rho = fp.gaussian(grid, (0.5, 0), 0.3)
    slope = grid.integrate(generator.apply(rho) * (np.log(rho) - log_wrong))
    assert abs(ob.dissipation(rho, log_wrong, generator, 1.0) + slope) > 0.1 * abs(slope)


def test_continuum_limit_of_the_dissipation():
    """-dF/dt = kT^2 <D |grad log(rho/rho_inf)|^2>; for Gaussians of variance 1, kT^2 D m^2."""
    grid = fp.Grid([(-9, 9)], 1000)
    kT, D = 0.5, 0.8
    problem = fp.Problem(grid, f=lambda x: x**2 / 4, kT=kT, D=D)  # variance kT / (2 / 4) = 1
    log_inf = -(grid.x[0] ** 2) / 2 - 0.5 * np.log(2 * np.pi)
    rate = ob.dissipation(fp.gaussian(grid, 0.6, 1.0), log_inf, Generator(problem), problem.beta)
    assert rate == pytest.approx(kT**2 * D * 0.36, rel=1e-4)


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_entropy_production_splits_into_two_parts(build, rng):
    problem = build()
    grid, generator = problem.grid, Generator(problem)
    rho = rng.random(grid.shape)
    rho /= grid.integrate(rho)
    rates = ob.entropy_production(rho, null_log_density(generator), generator)
    edges = generator.edges
    p = rho.ravel()
    forward, backward = generator.edge_rates
    there, back = forward * p[edges.tail], backward * p[edges.head]
    # Edges in parallel count one by one, as they do in the split.
    total = np.sum((there - back) * np.log(there / back))
    assert rates.total == pytest.approx(total, rel=1e-9)
    assert min(rates.adiabatic, rates.nonadiabatic) >= 0
    assert rates.total == rates.adiabatic + rates.nonadiabatic


def test_reversible_problems_have_no_housekeeping_and_steady_states_no_excess(rng):
    problem = PROBLEMS["1D reversible"]()
    generator = Generator(problem)
    log_inf = null_log_density(generator)
    rho = rng.random(problem.grid.shape)
    rates = ob.entropy_production(rho / problem.grid.integrate(rho), log_inf, generator)
    assert rates.adiabatic < 1e-25 * rates.nonadiabatic
    problem = spiral()
    generator = Generator(problem)
    log_inf = null_log_density(generator)
    rates = ob.entropy_production(np.exp(log_inf), log_inf, generator)
    assert rates.nonadiabatic < 1e-25 * rates.adiabatic
    assert rates.adiabatic == pytest.approx(fp.steady_state(problem, "markov").entropy_production)


def test_empty_cells_dissipate_much_but_not_infinitely():
    problem = PROBLEMS["1D reversible"]()
    generator = Generator(problem)
    rho = np.zeros(40)
    rho[10] = 1 / problem.grid.volume
    rate = ob.dissipation(rho, null_log_density(generator), generator, problem.beta)
    assert np.isfinite(rate)
    assert rate > 100 * generator.exit_rates[10] * problem.kT


# --- the door ------------------------------------------------------------------------------------


def test_wrong_shapes_and_signs_are_refused():
    problem = spiral(8)
    grid, generator = problem.grid, Generator(problem)
    rho = fp.uniform(grid)
    with pytest.raises(ValueError, match=r"rho has shape \(8,\)"):
        ob.entropy(rho[0], grid)
    with pytest.raises(ValueError, match=r"log_rho_inf has shape \(7, 8\)"):
        ob.free_energy(rho, rho[:7], grid, 1.0)
    with pytest.raises(ValueError, match="rho_inf is negative in 64 cells"):
        ob.kl(rho, -rho, grid)
    absorbing = fp.Problem(fp.Grid([(0, 1)], 8, "absorbing"))
    with pytest.raises(ValueError, match="absorbing"):
        ob.dissipation(np.ones(8), np.zeros(8), Generator(absorbing), 1.0)
    assert generator.edges.exit_rate is None


@pytest.mark.parametrize("other", [Generator, 3.0, None])
def test_what_is_no_generator_is_refused(other):
    with pytest.raises(ValueError, match=r"generator is .*; give a Generator of the problem"):
        ob.entropy_production(np.ones(8), np.zeros(8), other)
