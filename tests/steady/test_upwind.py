"""Steady states by the fifth-order flux: directions without noise, signs, tails, atoms."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.dissipation import numerical_dissipation
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady import linear_flux
from fokkerplanck.steady.linear_flux import linear_state
from fokkerplanck.steady.markov import stationary_log_mass
from tests.steady import slow_systems

KT = 0.05


def kramers(n, friction):
    """Position and velocity in a double well five kT deep, as any other problem."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)
    return fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - friction * v), D=(0, friction), kT=KT)


def maxwell(grid):
    x, v = grid.x
    rho = np.exp(-(v**2 / 2 - x**2 / 2 + x**4 / 4) / KT)
    return rho / grid.integrate(rho)


def mean(state, u):
    return float(state.grid.integrate(u * state.rho))


# --- directions without noise ----------------------------------------------------------------


@pytest.mark.parametrize(("friction", "R"), [(1.0, 0.165), (0.1, 3.16)])
def test_the_temperature_of_velocities_and_what_upwinding_makes_of_it(friction, R):
    problem = kramers(80, friction)
    state, markov = fp.steady_state(problem), fp.steady_state(problem, "markov")
    assert state.stats.scheme == "upwind5"
    assert "without noise" in state.stats.reason
    v = state.grid.x[1]
    assert mean(state, v**2) / KT == pytest.approx(1, abs=2e-4)
    # The Markov scheme heats by R, and says so; counterexample to everything above.
    assert mean(markov, v**2) / KT > 1 + 0.9 * R
    assert markov.stats.numerical_diffusion == pytest.approx(R, rel=0.03)
    assert "times the noise" in markov.stats.message


def test_the_density_falls_towards_the_right_one_as_h_to_the_fourth():
    errors = []
    for n in (40, 80, 160):
        state = fp.steady_state(kramers(n, 1.0), "upwind5")
        errors.append(float(state.grid.integrate(np.abs(state.rho - maxwell(state.grid)))))
    assert errors[-1] < 3e-5
    assert np.log2(errors[1] / errors[2]) > 3.5


@pytest.mark.slow
@pytest.mark.parametrize(("friction", "cap"), [(0.1, 1e-4), (0.02, 5e-4)])
def test_little_friction(friction, cap):
    state = fp.steady_state(kramers(160, friction))
    assert mean(state, state.grid.x[1] ** 2) / KT == pytest.approx(1, abs=1e-4)
    assert state.grid.integrate(np.abs(state.rho - maxwell(state.grid))) < cap


def test_a_grid_that_does_not_resolve_is_refused_with_words():
    problem = kramers(40, 0.02)
    with pytest.raises(fp.ConvergenceError, match=r"mass was negative.*refine the grid"):
        fp.steady_state(problem, "upwind5")
    state = fp.steady_state(problem)
    assert state.stats.scheme == "markov"
    assert "mass was negative" in state.stats.message
    assert "times the noise" in state.stats.message


def test_the_limiter_settles_in_a_few_passes():
    """Against the same to rounding, as many passes as it takes."""
    problem = slow_systems.predator_prey()
    generator = fp.Generator(problem)
    log_mass = stationary_log_mass(generator).log_mass
    state = linear_state(Upwind5(problem), generator, log_mass)
    assert state.passes <= 5
    assert state.left < linear_flux.LIMITED < state.negative
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear_flux, "LIMITED", 1e-7)
        far = linear_state(Upwind5(problem), generator, log_mass)
    assert far.passes > state.passes
    assert np.abs(state.mass - far.mass).sum() < 3e-4
    assert abs(state.moved - far.moved) < 0.02 * far.moved


def test_noise_along_one_oblique_direction():
    """D of rank one at an angle of .5: the covariance solves Lyapunov's equation."""
    F, s = np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([np.cos(0.5), np.sin(0.5)])
    D = np.outer(s, s)
    exact = zoo.ornstein_uhlenbeck(F=F, D=D + 1e-9 * np.eye(2), kT=1.0).moments["cov"]
    grid = fp.Grid([(-5, 5), (-5, 5)], 64)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -x - y), D=D)
    found, rough = fp.steady_state(problem), fp.steady_state(problem, "markov")
    for state, cap in ((found, 2e-4), (rough, None)):
        cov = np.array([[mean(state, a * b) for b in grid.x] for a in grid.x])
        error = np.abs(cov - exact).max() / exact.max()
        assert error < cap if cap else error > 0.02


# --- signs and balance --------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [
    kramers(48, 1.0), zoo.stuart_landau().build(40), zoo.manufactured_wall(10.0).build(24),
    zoo.gyrator_3d().build(10),
], ids=["kramers", "cycle", "tensor at walls", "space"])  # fmt: skip
def test_states_are_positive_normalised_and_balanced(problem):
    state = fp.steady_state(problem, "upwind5")
    assert np.isfinite(state.log_rho).all()
    assert state.grid.integrate(state.rho) == pytest.approx(1, abs=1e-12)
    assert state.residual < 1e-11
    outflow = np.abs(state.currents.mass_currents()).max()
    assert np.abs(state.div_J * state.grid.volume).max() <= 1e-12 * outflow + 1e-16


def test_a_coarse_cycle_needs_the_limiter_and_says_what_it_moved():
    problem = zoo.van_der_pol().build(32)
    stats = fp.steady_state(problem).stats
    assert stats.scheme == "upwind5"
    assert stats.negative_mass > 1e-3
    assert 0 < stats.moved_mass < 0.2
    assert "limiter" in stats.message


def test_linear_states_have_mass_one_and_signs_as_they_come():
    problem = kramers(40, 0.1)
    generator, flux = fp.Generator(problem), Upwind5(problem)
    log_mass = np.log(fp.steady_state(generator, "markov").rho * problem.grid.volume).ravel()
    state = linear_state(flux, generator, log_mass)
    assert state.mass.sum() == pytest.approx(1, abs=1e-12)
    assert state.negative > linear_flux.CLEAN
    assert state.left < linear_flux.LIMITED
    assert state.passes > 0


def test_tensors_tilted_against_walls_are_closed_there(monkeypatch):
    """Counterexample: one-sided slopes are of first order at walls, and spoil the state."""
    exact, errors = zoo.manufactured_wall(10.0), []
    for n in (32, 64):
        state = fp.steady_state(exact.build(n), "upwind5")
        rho = exact.rho(*state.grid.x)
        errors.append(float(state.grid.integrate(np.abs(state.rho - rho))))
    assert errors[1] < 3e-4
    assert errors[0] > 4 * errors[1]
    monkeypatch.setattr("fokkerplanck.scheme.upwind5.closed_cross_terms", lambda *_: None)
    open_ = fp.steady_state(exact.build(64), "upwind5")
    rho = exact.rho(*open_.grid.x)
    assert open_.grid.integrate(np.abs(open_.rho - rho)) > 5 * errors[1]


@pytest.mark.parametrize("n", [2, (2, 9), (9, 2)])
def test_two_cells_between_walls_and_a_tensor(n):
    grid = fp.Grid([(-3, 3)] * 2, n)
    tensor = fp.Problem(grid, drift=lambda x, y: (y - x, -x - y), D=[[1, 0.9], [0.9, 1]])
    for scheme in ("auto", "upwind5"):
        state = fp.steady_state(tensor, scheme)
        assert grid.integrate(state.rho) == pytest.approx(1, abs=1e-12)
        assert state.rho.min() >= 0


def test_means_of_what_is_not_on_the_grid_are_refused():
    state = fp.steady_state(kramers(12, 1.0), "markov")
    with pytest.raises(ValueError, match=r"u has shape \(3,\); give"):
        state.mean(np.ones(3))
    with pytest.raises(ValueError, match=r"u could not be called.*2 arrays"):
        state.grid.integrate(lambda x: x)


# --- where logarithms hold the tails ----------------------------------------------------------


def test_better_than_logarithms_where_the_mass_is_and_as_good_in_the_tails():
    exact = zoo.stuart_landau()
    problem = exact.build(64)
    states = {scheme: fp.steady_state(problem, scheme, accuracy=2) for scheme in ("auto", "log")}
    log_rho = exact.log_rho(*problem.grid.x)
    inside = log_rho > log_rho.max() - np.log(1e8)
    l1, worst = (
        {s: f(state.log_rho) for s, state in states.items()}
        for f in (
            lambda phi: problem.grid.integrate(np.abs(np.exp(phi) - np.exp(log_rho))),
            lambda phi: np.abs(phi - log_rho)[inside].max(),
        )
    )
    assert states["auto"].stats.scheme == "upwind5"
    assert l1["auto"] < 0.1 * l1["log"]
    assert worst["auto"] < 1.1 * worst["log"]
    j = exact.j(*problem.grid.x)
    off = {
        s: problem.grid.integrate(np.exp(log_rho) * ((state.j - j) ** 2).sum(0))
        for s, state in states.items()
    }
    assert off["auto"] < off["log"]


def test_the_default_is_of_fourth_order_where_that_exists():
    state = fp.steady_state(zoo.stuart_landau().build(64))
    assert state.stats.scheme == "log4"
    assert "most accurate" in state.stats.reason
    gridded = fp.Grid([np.linspace(-2, 2, 65) ** 3 / 4 + np.linspace(-2, 2, 65) / 2, (-2, 2)], 64)
    graded = fp.steady_state(fp.Problem(gridded, drift=lambda x, y: (y - x, -x - y), kT=0.2))
    assert graded.stats.scheme == "upwind5"
    cov = [mean(graded, a * a) for a in graded.grid.x]
    np.testing.assert_allclose(cov, 0.2, rtol=5e-3)


# --- atoms ----------------------------------------------------------------------------------------


def wealth(n, decay=1.0):
    """Savings under a borrowing limit, with an income that no noise reaches directly."""
    grid = fp.Grid([(0, 9), (-4.5, 4.5)], n)
    return fp.Problem(grid, drift=lambda a, y: (y - decay * a, -y), D=(0, 1))


def test_mass_that_sticks_to_a_wall():
    """Paths of the same equation (20 000, Euler steps of .002): mean .3249(11), at 0 .325."""
    problem = wealth(40)
    state = fp.steady_state(problem)
    assert state.stats.scheme == "upwind5"
    (side,) = state.stats.atoms
    assert (side.axis, side.end) == (0, "lower")
    assert state.stats.atoms[side] == pytest.approx(0.33, abs=0.02)
    assert "sits on" in state.stats.message
    assert float(state.mean(lambda a, y: a)) == pytest.approx(0.3249, rel=0.015)
    # At cell centres the atom is half a cell inside: an error ten times as large.
    assert mean(state, state.grid.x[0]) > 0.36


def test_little_noise_at_the_wall_is_an_atom_too_and_no_matter_for_logarithms():
    grid = wealth(40).grid
    noisy = fp.Problem(grid, drift=lambda a, y: (y - a, -y), D=(1e-3, 1))
    state = fp.steady_state(noisy)
    assert state.stats.scheme == "upwind5"
    assert state.stats.atoms
    assert not fp.steady_state(kramers(32, 1.0)).stats.atoms


# --- numerical dissipation ------------------------------------------------------------------------


def test_numerical_dissipation_of_an_exact_profile():
    """On a line in equilibrium, from the sums by hand."""
    grid = fp.Grid([(-3, 3)], 25)
    problem = fp.Problem(grid, f=lambda x: 2 * x**2)
    edges = fp.Edges.from_problem(problem)
    phi = -2 * grid.x[0] ** 2
    z, g = edges.tilt, np.diff(phi)
    m = np.diff(np.exp(phi)) / g
    wanted = np.sum(m * (z / 2 / np.tanh(z / 2) - 1) * g**2) / np.sum(m * g**2)
    assert numerical_dissipation(edges, phi) == pytest.approx(wanted, rel=1e-12)


def test_numerical_dissipation_falls_with_the_cells():
    R = [fp.steady_state(kramers(n, 1.0), "markov").stats.numerical_diffusion for n in (40, 80)]
    assert 1.5 < R[0] / R[1] < 2.7
