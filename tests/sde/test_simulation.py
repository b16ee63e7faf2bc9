"""Simulation: drift and noise at any points, statistics, degenerate noise, refusals."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.sde.coefficients import Callables, root, unknown_between_cells

PLANE = fp.Grid([(-1.5, 1.5), (-1.5, 1.5)], (20, 24))


def D_of(x, y):
    return [[1 + 0.3 * x**2, 0.2 * np.sin(y)], [0.2 * np.sin(y), 0.7 + 0.1 * x * y + 0.2 * y**2]]


def sigma_of(x, y):
    return [[1 + 0.2 * x, 0.3 * y], [0.1 * x, 0.8 + 0.1 * y]]


def f_of(x, y):
    return x**4 / 4 + x * y / 3 + y**2 / 2


PROBLEMS = {
    "loss": {"f": f_of, "D": D_of},
    "loss and gradient": {"f": f_of, "D": 0.5, "grad_f": lambda x, y: [x**3 + y / 3, x / 3 + y]},
    "drift": {"drift": lambda x, y: [y, -x + 0 * y], "D": D_of},
    "numbers": {"drift": [1.0, -0.5], "D": [1.0, 0.3]},
    "nothing": {"D": D_of},
    "Klimontovich": {"f": f_of, "D": D_of, "calculus": "klimontovich"},
    "Stratonovich": {"f": f_of, "D": D_of, "calculus": "stratonovich"},
    "Stratonovich noise": {"f": f_of, "sigma": sigma_of, "calculus": "stratonovich"},
    "constant Stratonovich": {"f": f_of, "D": 2.0, "calculus": "stratonovich"},
}


SPECIAL = {
    "Q": lambda grid: fp.Problem.from_potential(grid, f_of, D_of, 2.0, Q=lambda x, y: x + y),
    "j": lambda grid: fp.Problem.from_potential(
        grid, lambda x, y: x**2 + y**2, 1.0, 2.0, j=lambda x, y: [-y, x]
    ),
    "samples": lambda grid: fp.Problem.from_samples(grid, zoo.regression_losses, None, 0.1, 1),
}


@pytest.mark.parametrize("name", [*PROBLEMS, *SPECIAL])
def test_drift_and_noise_are_the_problems_own(name):
    build = SPECIAL.get(name) or (lambda grid: fp.Problem(grid, kT=0.3, **PROBLEMS[name]))
    problem = build(PLANE)
    assert unknown_between_cells(problem) == []
    # Cell centres of another grid with the same width of the smallest cell, away from the walls.
    other = build(fp.Grid([(-1.2, 1.3), (-1.1, 1.2)], (9, 7)))
    field, x = Callables(problem), other.grid.x.reshape(2, -1)
    np.testing.assert_allclose(field.drift(x), other.drift.reshape(2, -1), rtol=1e-6, atol=1e-6)
    s = np.broadcast_to(field.root(x), (2, 2, x.shape[1]))
    D = np.einsum("ijn,kjn->ikn", s, s) / (2 * problem.kT)
    np.testing.assert_allclose(D, other.D.reshape(2, 2, -1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_roots_also_of_singular_matrices(d, rng):
    factor = rng.standard_normal((d, d, 30))
    factor[:, min(1, d - 1) :, :10] = 0  # rank one, and in one dimension zero
    D = np.einsum("ijn,kjn->ikn", factor, factor)
    s = root(D)
    np.testing.assert_allclose(np.einsum("ijn,kjn->ikn", s, s), D, atol=1e-12 * np.abs(D).max())
    np.testing.assert_allclose(s, np.swapaxes(s, 0, 1), atol=1e-12)
    assert not root(np.zeros((d, d, 2))).any()


def test_functions_are_never_called_outside_of_the_box():
    grid = fp.Grid([(0, 2), (0, 1)], 16)

    def f(x, y):
        assert x.min() >= 0
        assert x.max() <= 2
        assert y.min() >= 0
        return np.sqrt(x) + np.sqrt(y)

    def D(x, y):
        assert x.min() >= 0
        return 1 + np.sqrt(x)

    for scheme in ("euler_maruyama", "weak2"):
        problem = fp.Problem(grid, f=f, D=D, kT=0.5)
        paths = fp.sde.simulate(
            problem, [0.01, 0.01], 0.5, dt=0.02, n_particles=200, scheme=scheme, thin=1
        )
        assert (paths.samples >= 0).all()
        assert (paths.points <= [2, 1]).all()


def exact_covariance(A, C, steps, start):
    """Covariance of x' = A x + noise of covariance C after some steps from a point."""
    S, m = np.zeros_like(C), start
    for _ in range(steps):
        S, m = A @ S @ A.T + C, A @ m
    return m, S


@pytest.mark.parametrize("code", ["R2", "R4", "R23"])
@pytest.mark.parametrize("interpolate", [False, True])
def test_covariance_of_linear_problems_step_by_step(code, interpolate):
    # Euler's covariance is known exactly; R23 has noise in one direction only.
    exact = zoo.catalogue()[code]
    F, dt, steps = exact.data["F"], 0.05, 30
    start = np.full(exact.dim, 0.05)
    paths = fp.sde.simulate(
        exact.build(16), start, dt=dt, steps=steps, n_particles=20_000, seed=1,
        interpolate=interpolate,
    )  # fmt: skip
    D = exact.diffusion(*np.zeros(exact.dim))
    mean, cov = exact_covariance(np.eye(exact.dim) - dt * F, 2 * exact.kT * dt * D, steps, start)
    assert (np.abs(paths.mean - mean) < 4.5 * paths.mean_error).all()
    assert (np.abs(paths.cov - cov) < 4.5 * paths.cov_error).all()
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert (np.abs(paths.cov - cov) < 0.04 * scale).all()
    # The continuous-time covariance is another: the test can tell them apart.
    assert (np.abs(paths.cov - exact.moments["cov"]) > 6 * paths.cov_error).any()


def test_second_order_scheme_has_the_covariance_of_continuous_time():
    exact = zoo.spiral()
    start = fp.sde.from_density(
        fp.Grid(exact.box, 64), fp.gaussian(fp.Grid(exact.box, 64), (0, 0), exact.moments["cov"]),
        20_000, seed=3,
    )  # fmt: skip
    found = {
        scheme: fp.sde.simulate(exact.build(16), start, 5.0, dt=0.1, scheme=scheme)
        for scheme in ("euler_maruyama", "weak2")
    }
    off = {k: np.abs(p.cov - exact.moments["cov"]) / p.cov_error for k, p in found.items()}
    assert off["weak2"].max() < 4.5
    assert off["euler_maruyama"].max() > 10
    assert (found["weak2"].cov_error < 0.02 * np.trace(exact.moments["cov"])).all()


def test_minibatch_noise_has_its_exact_covariance():
    # D(x) quadratic: second moments of Euler's steps close, as those of SGD with one sample do.
    exact = zoo.linear_regression_sgd(kT=0.05)
    paths = fp.sde.simulate(
        exact.boxed([(-8, 8)] * 2).build(32), exact.moments["mean"], dt=0.1, steps=150,
        n_particles=20_000, seed=2,
    )  # fmt: skip
    expected = zoo.regression_covariance(eta=0.1, b=1)
    assert (np.abs(paths.cov - expected) < 4.5 * paths.cov_error).all()
    assert (paths.cov_error < 0.03 * np.trace(expected)).all()


def test_interpolated_arrays_have_the_steady_state_of_the_functions():
    exact = zoo.noise_induced_transition(kT=0.25)
    problem = exact.build(200)
    grid = problem.grid
    arrays = fp.Problem(grid, drift=problem.drift, D=problem.D, kT=exact.kT)
    start = fp.sde.from_density(grid, fp.steady_state(problem).rho, 40_000)
    paths = fp.sde.simulate(arrays, start, 1.0, dt=0.01, scheme="weak2")
    assert paths.interpolated
    x2 = paths.samples[..., 0] ** 2
    error = x2.std() / np.sqrt(x2.size)
    assert abs(x2.mean() - 0.756134969) < 4.5 * error  # THEORY of noise-induced transitions
    assert error < 0.005


def test_unwrapped_positions_count_turns():
    grid = fp.Grid([(0, 1), (0, 1)], 8, sides=["periodic", "reflecting"])
    problem = fp.Problem(grid, drift=[3.0, 0.0], D=1.0, kT=1e-6)
    paths = fp.sde.simulate(problem, [2.25, 0.5], 1.0, dt=0.01, n_particles=50, thin=10)
    np.testing.assert_allclose(paths.unwrapped[-1, :, 0], 5.25, atol=0.02)
    np.testing.assert_allclose(paths.samples[-1, :, 0], 0.25, atol=0.02)
    np.testing.assert_allclose(paths.t, 0.1 * np.arange(1, 11))
    np.testing.assert_array_equal(paths.points, paths.samples[-1])


def test_results_depend_on_the_seed_alone():
    problem = zoo.gyrator().build(16)
    first, same, other, longer = (
        fp.sde.simulate(problem, [0.1, 0.0], 0.5, dt=0.05, n_particles=n, seed=seed)
        for n, seed in ((40, 1), (40, 1), (40, 2), (60, 1))
    )
    np.testing.assert_array_equal(first.points, same.points)
    np.testing.assert_array_equal(first.points, longer.points[:40])
    assert (first.points != other.points).all()


def test_snapshots_are_where_they_should_be():
    problem = zoo.gyrator().build(16)
    arguments = {"dt": 0.05, "n_particles": 5}
    every = fp.sde.simulate(problem, [0.1, 0.0], steps=12, thin=1, **arguments)
    some = fp.sde.simulate(problem, [0.1, 0.0], steps=12, burn_in=2, thin=4, **arguments)
    last = fp.sde.simulate(problem, [0.1, 0.0], steps=12, **arguments)
    np.testing.assert_array_equal(some.samples, every.samples[[5, 9]])
    np.testing.assert_allclose(some.t, [0.3, 0.5])
    np.testing.assert_array_equal(last.samples, every.samples[-1:])
    np.testing.assert_array_equal(last.points, every.samples[-1])
    assert fp.sde.simulate(problem, [0.1, 0.0], 0.61, **arguments).dt == pytest.approx(0.61 / 13)
    assert fp.sde.simulate(problem, [0.1, 0.0], 0.6, steps=3, n_particles=5).dt == pytest.approx(
        0.2
    )
    with pytest.raises(ValueError, match="read-only"):
        every.samples[0] = 0


def test_start_from_a_density(rng):
    grid = fp.Grid([(-2, 2), np.array([0, 0.2, 0.5, 1.0])], (16, 3))
    rho = np.exp(-((grid.x[0] - 0.3) ** 2)) * (1 + grid.x[1])
    rho /= grid.integrate(rho)
    points = fp.sde.from_density(grid, rho, 200_000, seed=4)
    counts = fp.from_particles(grid, points) * grid.volume * 200_000
    expected = rho * grid.volume * 200_000
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi2 - 47) < 5 * np.sqrt(2 * 47)


BAD = [
    ({"problem": 3}, "simulate received int; give a Problem"),
    ({"scheme": "heun"}, "scheme is 'heun'; choose from 'euler_maruyama', 'weak2'"),
    ({"scheme": 2}, "scheme is 2; choose"),
    ({"dt": None}, "give two of t, dt and steps"),
    ({"steps": 3}, "give two of t, dt and steps"),
    ({"dt": -0.1}, "dt is -0.1; give a finite positive number"),
    ({"t": np.nan}, "t is nan; give a finite positive number"),
    ({"t": 1e20, "dt": 1e-10}, "are the most"),
    ({"t": None, "steps": 2.5}, "steps is 2.5, expected an integer"),
    ({"x0": [0.0]}, "x0 has 1 components on a 2-dimensional grid"),
    ({"x0": [0.0, 99.0]}, "lies outside of the box"),
    ({"x0": [0.0, np.inf]}, "x0 has values that are not finite"),
    ({"n_particles": 0}, "n_particles is 0, expected an integer >= 1"),
    ({"x0": np.zeros((3, 2)), "n_particles": 4}, "x0 has 3 rows but n_particles is 4"),
    ({"burn_in": 20}, "burn_in is 20, but the run has 10 steps"),
    ({"thin": 11}, "nothing is kept"),
    ({"seed": -1}, "seed is -1, expected an integer from 0"),
    ({"interpolate": "yes"}, "interpolate is 'yes'; give True or False"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_bad_calls_are_refused_with_a_reason(change, words):
    good = {"problem": zoo.gyrator().build(16), "x0": [0.0, 0.0], "t": 1.0, "dt": 0.1}
    with pytest.raises(ValueError, match=words):
        fp.sde.simulate(**(good | change))


def test_arrays_cannot_be_called():
    grid = fp.Grid([(-1, 1)], 16)
    problem = fp.Problem(grid, f=grid.x[0] ** 2, D=1 + grid.x[0] ** 2)
    with pytest.raises(ValueError, match="interpolate is False, but f and D given as arrays"):
        fp.sde.simulate(problem, [0.0], 1.0, dt=0.1, interpolate=False)
    # One matrix for all cells is known everywhere, also as an array.
    constant = fp.Problem(grid, f=lambda x: x**2, D=np.ones(16))
    assert not fp.sde.simulate(constant, [0.0], 1.0, dt=0.1, n_particles=3).interpolated


def test_functions_that_break_down_are_named():
    grid = fp.Grid([(-1, 1)], 16, sides="periodic")
    problem = fp.Problem(grid, drift=lambda x: np.where(x == 0.25, np.nan, 1.0))
    with pytest.raises(ValueError, match=r"drift\[0\] is nan at cell"):
        fp.sde.simulate(problem, [0.25], 1.0, dt=0.1, n_particles=3)


def test_statistics_need_particles():
    problem = zoo.gyrator().build(16)
    one = fp.sde.simulate(problem, [0.0, 0.0], 0.3, dt=0.1, n_particles=1)
    with pytest.raises(ValueError, match="one particle has no standard error"):
        _ = one.mean_error
    for grid, rho, words in (
        (3, None, "grid is 3; give a Grid"),
        (PLANE, np.ones(PLANE.shape), "rho has mass 9"),
    ):
        with pytest.raises(ValueError, match=words):
            fp.sde.from_density(grid, rho, 10)


def test_progress_bar(capsys):
    for interpolate in (False, True):
        fp.sde.simulate(
            zoo.gyrator().build(16), [0.0, 0.0], 0.3, dt=0.1, n_particles=3, progress=True,
            interpolate=interpolate,
        )  # fmt: skip
    assert "steps" in (err := capsys.readouterr().err)
    assert "particles" in err


@pytest.mark.parametrize("Q", [0.5, [[0, 0.5], [-0.5, 0]]], ids=["number", "matrix"])
def test_constants_of_an_inverse_design_are_known_everywhere(Q):
    """A constant Phi or Q is no array over the grid."""
    points = np.array([[0.1, -0.7], [0.3, 0.2]])
    flat = fp.Problem.from_potential(PLANE, 0.0)
    assert np.abs(Callables(flat).drift(points)).max() == 0
    given = fp.Problem.from_potential(PLANE, lambda x, y: x**2 + y**2 / 2, Q=Q)
    same = fp.Problem.from_potential(
        PLANE, lambda x, y: x**2 + y**2 / 2, Q=lambda x, y: 0.5 + 0 * x
    )
    assert np.allclose(Callables(given).drift(points), Callables(same).drift(points), rtol=1e-12)
