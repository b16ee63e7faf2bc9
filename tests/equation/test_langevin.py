"""Underdamped motion: what the constructor makes of a potential, and what it refuses."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import sde

GRID = fp.Grid([(-2, 2), (-1.6, 1.6)], (24, 20))


def U(x):
    """Double well."""
    return x**4 / 4 - x**2 / 2


def slope(x):
    """Derivative of U."""
    return x**3 - x


def well(grid=GRID, **options):
    return fp.Problem.langevin(grid, U, **{"gamma": 0.3, "kT": 0.05, **options})


def test_drift_and_noise():
    x, v = GRID.x
    problem = well(mass=2.0)
    np.testing.assert_array_equal(problem.drift[0], v)
    np.testing.assert_allclose(problem.drift[1], -(slope(x) + 0.3 * v) / 2, atol=1e-8)
    np.testing.assert_array_equal(problem.D[:, :, 3, 4], [[0, 0], [0, 0.3 / 4]])
    assert problem.kT == pytest.approx(0.05)
    assert problem.D_constant
    assert problem.has_callables
    assert problem.given.langevin.mass == 2.0
    assert "Langevin(gamma=0.3, mass=2)" in repr(problem)


def test_a_given_slope_is_used():
    x, v = GRID.x
    problem = well(grad_U=slope)
    np.testing.assert_array_equal(problem.drift[1], -(slope(x) + 0.3 * v))
    with pytest.raises(ValueError, match="grad_U is not the gradient of U"):
        well(grad_U=lambda x: x)


def test_arrays():
    line = GRID.centers[0]
    by_values = fp.Problem.langevin(GRID, U(line), 0.3, 0.05, grad_U=slope(line))
    np.testing.assert_array_equal(by_values.drift, well(grad_U=slope).drift)
    rough = fp.Problem.langevin(GRID, U(line), 0.3, 0.05)
    np.testing.assert_allclose(rough.drift[1], well().drift[1], atol=0.5)
    with pytest.raises(ValueError, match="U given as arrays know one grid only"):
        by_values.on(GRID.refined())
    assert not by_values.has_callables


def test_other_grids():
    fine = GRID.refined(3)
    moved = well(mass=0.5).on(fine)
    np.testing.assert_array_equal(moved.drift, well(fine, mass=0.5).drift)
    assert moved.given.langevin.gamma == 0.3
    with pytest.raises(ValueError, match="two, position x and velocity v"):
        well().on(fp.Grid([(-1, 1)], 8))


def test_what_a_user_writes_to_is_not_kept():
    values = U(GRID.centers[0])
    problem = fp.Problem.langevin(GRID, values, 0.3, 0.05)
    values[:] = 0
    np.testing.assert_array_equal(problem.given.langevin.energies(GRID)[0], U(GRID.centers[0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: well(fp.Grid([(-2, 2)], 8)), "grid has 1 axes; give two"),
        (lambda: well(fp.Grid([(-2, 2), (0.5, 2)], 8)), "from 0.5 to 2; give one with 0 inside"),
        (
            lambda: well(fp.Grid([(-2, 2)] * 2, 8, ["reflecting", "periodic"])),
            "velocity axis, the second one, is periodic",
        ),
        (lambda: well(fp.Grid([(-2, 1)] * 2, 8, ["periodic", "reflecting"])), "U jumps by"),
        (lambda: well(gamma=0.0), "gamma is 0.0; give a finite positive number"),
        (lambda: well(gamma=U), "gamma is <function"),
        (lambda: well(mass=-1), "mass is -1; give a finite positive number"),
        (lambda: well(kT=0), "kT is 0; give a finite positive number"),
        (lambda: fp.Problem.langevin(GRID, None, 1, 1), "U is None; give a number"),
        (lambda: fp.Problem.langevin(GRID, np.zeros(20), 1, 1), r"U has shape \(20,\), expected"),
        (lambda: fp.Problem.langevin(GRID, lambda x, v: x, 1, 1), r"U\(x\) could not be called"),
        (lambda: fp.Problem.langevin(GRID, np.log, 1, 1), r"U is nan at cell \(0,\)"),
        (lambda: fp.Problem.langevin(None, U, 1, 1), "grid is None; give a Grid"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_other_methods_solve_it():
    """An oscillator: the upwind chain adds noise, in the way that any drift without noise gets."""
    grid = fp.Grid([(-4, 4)] * 2, 32)
    problem = fp.Problem.langevin(grid, lambda x: x**2 / 2, 1.0, 0.5)
    plain = fp.Problem(grid, drift=lambda x, v: (v, -x - v), D=(0, 1), kT=0.5)
    states = [fp.steady_state(p, scheme="markov").rho for p in (problem, plain)]
    np.testing.assert_allclose(*states, rtol=1e-6)


def test_particles_follow_it():
    """Free motion: <v^2> of particles that start at rest is (kT/m)(1 - e^(-2 gamma t/m))."""
    grid = fp.Grid([(-6, 6), (-4, 4)], 16)
    problem = fp.Problem.langevin(grid, lambda x: 0 * x, gamma=1.0, kT=0.3, mass=0.5)
    paths = sde.simulate(problem, [0.0, 0.0], t=0.25, dt=0.005, n_particles=4000, seed=1)
    expected = 0.6 * (1 - np.exp(-1.0))
    assert paths.cov[1, 1] == pytest.approx(expected, rel=4 * np.sqrt(2 / 4000))


def test_the_force_of_a_formula_is_its_exact_derivative():
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 40)
    well = fp.Formula("sin(5*x)/5 + x^4/4")
    problem = fp.Problem.langevin(grid, well, gamma=0.3, kT=0.1, mass=2.0)
    x, v = grid.x
    exact = -(np.cos(5 * x) + x**3 + 0.3 * v) / 2
    np.testing.assert_allclose(problem.drift[1], exact, rtol=1e-14, atol=1e-14)
