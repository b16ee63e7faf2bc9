"""Methods of results: the functions, with centroids near walls and what sits on walls."""

import numpy as np
import pytest
from scipy.special import betaincinv

import fokkerplanck as fp
from fokkerplanck.distributions.methods import DensityMethods


def alleles(n, **words):
    """Wright-Fisher with mutation: Beta(.1, .1), infinite at both walls."""
    grid = fp.Grid([(0, 1)], n)
    return fp.Problem(grid, drift=lambda x: 0.1 * (1 - 2 * x), D=lambda x: x * (1 - x), **words)


def test_moments_at_singular_walls_are_those_of_the_beta_law():
    state = fp.steady_state(alleles(100))
    assert state.mean() == pytest.approx([0.5], abs=1e-9)
    exact = 0.25 / 1.2
    assert state.covariance()[0, 0] == pytest.approx(exact, abs=2e-4)
    assert state.moment(2) == pytest.approx(exact, abs=2e-4)
    at_centres = fp.covariance(state.rho, state.grid)[0, 0]
    assert abs(at_centres - exact) > 10 * abs(state.covariance()[0, 0] - exact)
    q = np.array([0.3, 0.5, 0.7])
    np.testing.assert_allclose(state.quantile(q), betaincinv(0.1, 0.1, q), atol=0.01)
    np.testing.assert_allclose(
        fp.mean(state.rho, state.grid, places=state.centroids), state.mean(), rtol=1e-15
    )


def test_a_run_knows_the_centroids_and_keeps_them_in_files(tmp_path):
    problem = alleles(60)
    state = fp.steady_state(problem)
    run = fp.solve(problem, state.rho, [0, 1])
    assert run.covariance().shape == (2, 1, 1)
    np.testing.assert_allclose(run.covariance()[-1], state.covariance(), rtol=1e-8)
    again = fp.load(run.save(tmp_path / "run.npz"))
    np.testing.assert_array_equal(again.covariance(), run.covariance())
    plain = fp.Problem(fp.Grid([(0, 1)], 8))
    assert fp.solve(plain, fp.uniform(plain.grid), 1.0).centroids is None


def test_ornstein_uhlenbeck_by_frame():
    grid = fp.Grid([(-6, 6)], 200)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    t = np.array([0, 0.5, 1.0])
    run = fp.solve(problem, fp.gaussian(grid, 1, 0.3), t)
    mean, var = np.exp(-t), 1 - 0.7 * np.exp(-2 * t)
    np.testing.assert_allclose(run.mean()[:, 0], mean, atol=2e-3)
    np.testing.assert_allclose(run.covariance()[:, 0, 0], var, atol=2e-3)
    np.testing.assert_allclose(run.quantile(0.5), mean, atol=2e-3)
    np.testing.assert_allclose(run.mean(lambda x: x**2), var + mean**2, atol=4e-3)
    centre = run.density_at(mean[-1])
    np.testing.assert_allclose(centre[-1], 1 / np.sqrt(2 * np.pi * var[-1]), rtol=2e-3)
    assert run.gradient_at([0.1, 0.2]).shape == (3, 2, 1)
    assert run.sample(4).shape == (3, 4, 1)
    assert run.mode().shape == (3, 1)
    assert run.credible_region(0.5).mask.shape == (3, 200)
    with pytest.raises(ValueError, match="give one density"):
        run.peaks()


def test_what_is_left_of_a_run_that_loses_mass():
    grid = fp.Grid([(0, 1)], 40, sides="absorbing")
    run = fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 0.2])
    assert run.mass[-1] < 0.2
    assert run.mean()[-1, 0] == pytest.approx(0.5, abs=1e-9)
    quasi = fp.quasi_stationary(fp.Problem(grid))
    # rho = (pi/2) sin(pi x): variance 1/4 - 2/pi^2.
    assert quasi.covariance()[0, 0] == pytest.approx(0.25 - 2 / np.pi**2, abs=2e-4)
    assert run.covariance()[-1, 0, 0] == pytest.approx(quasi.covariance()[0, 0], abs=5e-3)
    assert quasi.mean(lambda x: np.sin(np.pi * x)) == pytest.approx(np.pi / 4, abs=1e-3)
    assert quasi.centroids is None


def test_atoms_are_on_the_wall():
    """Drift that presses half of the mass onto the lower wall, noise that ends there."""
    grid = fp.Grid([(0, 1)], 50)
    problem = fp.Problem(grid, drift=lambda x: -1 + 0 * x, kT=0.2)
    state = fp.steady_state(problem)

    class Pressed(DensityMethods):
        def __init__(self):
            self.grid, self.rho = grid, state.rho / 2
            self.rho = self.rho + fp.point(grid, 0.01) / 2

        @property
        def _atoms(self):
            return {fp.sets.side("x", "lower"): 0.5}

    pressed = Pressed()
    assert pressed.quantile(0.45) == 0
    assert pressed.quantile(0.75) == pytest.approx(state.quantile(0.5), abs=1e-12)
    points = pressed.sample(10_000, rng=1)
    assert abs(np.mean(points == 0) - 0.5) < 0.02
    x = np.linspace(0, 1, 7)
    np.testing.assert_allclose(pressed.density_at(x), state.density_at(x) / 2, rtol=1e-9)


def test_states_have_the_functions_as_methods():
    grid = fp.Grid([(-3, 3), (-2, 2)], (30, 20))
    state = fp.steady_state(fp.Problem(grid, f=lambda x, y: (x**2 + y**2) / 2, kT=0.3))
    rho = state.rho
    np.testing.assert_array_equal(state.marginal("y")[0], fp.marginal(rho, grid, "y")[0])
    np.testing.assert_array_equal(
        state.conditional({"x": 0.1})[0], fp.conditional(rho, grid, {"x": 0.1})[0]
    )
    np.testing.assert_array_equal(state.sample(5, rng=2), fp.sample(rho, grid, 5, rng=2))
    np.testing.assert_array_equal(state.mode(), fp.mode(rho, grid))
    np.testing.assert_array_equal(state.mean(), fp.mean(rho, grid))
    np.testing.assert_array_equal(state.covariance(), fp.covariance(rho, grid))
    assert state.peaks().masses == pytest.approx([1])
    error = state.error_of(lambda s: s.covariance()[0, 0])
    assert error.value < 0.01
