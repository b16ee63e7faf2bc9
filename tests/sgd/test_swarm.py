"""Real minibatch SGD against exact discrete covariances, and at the door."""

import numpy as np
import pytest

from fokkerplanck import sgd, zoo
from fokkerplanck.data import load_iris
from fokkerplanck.domain.densities import from_particles
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.particles import minibatch as kernels

ROWS = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [1.0, 0.0], [2.0, 1.0]])
TARGETS = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
MINIMUM = np.array([8.0, -2.0]) / 55
REGRESSION = sgd.LeastSquares(ROWS, TARGETS)


def exact_covariance(model, eta, b, kappa=1.0):
    """Stationary covariance of x <- x - eta grad f_b by its closed linear equation.

    S = (I - eta H) S (I - eta H) + (eta^2/b) kappa E[D], where E[D] is affine in S because the
    gradients are affine in x; kappa = (N - b)/(N - 1) without replacement, else 1.
    """
    a, N, d = model.a, len(model.a), model.a.shape[1]
    H = a.T @ a / N
    fourth = np.einsum("ki,kj,kl,km->ijlm", a, a, a, a) / N
    g = model.grad_losses(MINIMUM)
    shrink = np.eye(d) - eta * H
    eye = np.eye(d * d).reshape(d, d, d, d)
    noise = np.einsum("ijlm,lmpq->ijpq", fourth, eye) - np.einsum("ip,jq->ijpq", H, H)
    map_S = np.einsum("ip,jq->ijpq", shrink, shrink) + eta**2 / b * kappa * noise
    right = eta**2 / b * kappa * g.T @ g / N
    return np.linalg.solve((eye - map_S).reshape(d * d, -1), right.ravel()).reshape(d, d)


# Golden values of the same covariances, (S11, S12, S22), from an independent calculation.
EXACT = [
    (1, "with_replacement", (0.0567494189, 0.0029579227, 0.0496039323)),
    (3, "with_replacement", (0.0175793441, 0.0011919177, 0.0147854818)),
    (1, "without_replacement", (0.0567494189, 0.0029579227, 0.0496039323)),
    (3, "without_replacement", (0.0104029456, 0.0007364186, 0.0086800615)),
]


@pytest.mark.parametrize(("b", "sampling", "golden"), EXACT)
def test_covariance_is_exact_within_monte_carlo(b, sampling, golden):
    kappa = (6 - b) / 5 if sampling == "without_replacement" else 1.0
    exact = exact_covariance(REGRESSION, 0.1, b, kappa)
    np.testing.assert_allclose([*exact[0], exact[1, 1]], golden, rtol=0, atol=6e-11)
    swarm = sgd.run(
        REGRESSION,
        MINIMUM,
        0.1,
        b,
        700,
        n_particles=20_000,
        sampling=sampling,
        burn_in=400,
        thin=30,
    )
    assert np.all(np.abs(swarm.mean - MINIMUM) < 4 * swarm.mean_error)
    assert np.all(np.abs(swarm.cov - exact) < 4 * swarm.cov_error)
    # The errors are small enough for the test to mean something: 3 % of the variances.
    assert np.all(np.diag(swarm.cov_error) < 0.03 * np.diag(exact))


def test_covariance_of_the_wrong_sampling_is_refuted():
    swarm = sgd.run(REGRESSION, MINIMUM, 0.1, 3, 400, n_particles=5000, sampling="reshuffle")
    exact = exact_covariance(REGRESSION, 0.1, 3)
    assert np.all(np.abs(swarm.cov - exact).diagonal() > 50 * swarm.cov_error.diagonal())


@pytest.mark.parametrize(
    ("b", "variances", "rtol"), [(1, (0.0279, 0.0098), 0.04), (3, (0.00241, 0.00061), 0.04)]
)
def test_reshuffling_epochs_shrinks_the_cloud(b, variances, rtol):
    # thin=1 averages over the places in the epoch.
    swarm = sgd.run(
        REGRESSION,
        MINIMUM,
        0.1,
        b,
        460,
        n_particles=5000,
        sampling="reshuffle",
        burn_in=400,
        thin=1,
    )
    np.testing.assert_allclose(np.diag(swarm.cov), variances, rtol=rtol)


@pytest.mark.parametrize("sampling", ["with_replacement", "without_replacement", "reshuffle"])
@pytest.mark.parametrize("model", [REGRESSION, sgd.Logistic(ROWS, np.sign(TARGETS), 0.1)])
def test_kernel_and_numpy_path_take_the_same_steps(model, sampling):
    arguments = (MINIMUM, 0.2, 2, 40)
    options = {"n_particles": 7, "sampling": sampling, "burn_in": 5, "thin": 10, "seed": 3}
    options["momentum"] = 0.7
    fast = sgd.run(model, *arguments, **options)
    slow = sgd.run(lambda theta, data: model.grad_losses(theta), *arguments, **options)
    np.testing.assert_allclose(slow.samples, fast.samples, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(slow.points, fast.points, rtol=1e-11, atol=1e-13)


def test_heavy_ball_has_its_exact_covariance():
    exact = zoo.regression_covariance(0.05, 2, momentum=0.8)
    swarm = sgd.run(
        REGRESSION, MINIMUM, 0.05, 2, 900, n_particles=10_000, momentum=0.8, burn_in=400, thin=50
    )
    assert swarm.momentum == 0.8
    assert np.all(np.abs(swarm.mean - MINIMUM) < 4.5 * swarm.mean_error)
    assert np.all(np.abs(swarm.cov - exact) < 4.5 * swarm.cov_error)
    assert np.all(np.diag(swarm.cov_error) < 0.02 * np.diag(exact))
    # Without the heavy ball the cloud is 1/(1 - momentum) times smaller, to first order.
    plain = zoo.regression_covariance(0.05, 2)
    assert 4 < np.trace(exact) / np.trace(plain) < 6


def test_heavy_ball_with_constant_noise():
    # Per-sample gradients Hx + n_i with four n_i whose covariance is D = diag(1, 0.2).
    H = np.array([[2.0, -1.0], [-1.0, 1.5]])
    shifts = np.array([[2**0.5, 0], [-(2**0.5), 0], [0, 0.4**0.5], [0, -(0.4**0.5)]])
    swarm = sgd.run(
        lambda theta, _: H @ theta + shifts[:, :, None], [0.0, 0.0], 0.1, 1, 400,
        n_particles=4000, momentum=0.9, burn_in=200, thin=20,
    )  # fmt: skip
    golden = np.array([[0.2349987903, 0.1112963465], [0.1112963465, 0.2566424892]])
    exact = zoo.heavy_ball_covariance(H, np.diag([1.0, 0.2]), 0.1, 0.9)
    np.testing.assert_allclose(exact, golden, atol=6e-11)
    assert np.all(np.abs(swarm.cov - exact) < 4.5 * swarm.cov_error)
    assert np.all(np.diag(swarm.cov_error) < 0.02 * np.diag(exact))
    # The diffusion limit is far off at this momentum.
    naive = np.array([[0.318, 0.136], [0.136, 0.157]])
    assert np.abs(swarm.cov - naive).max() > 20 * swarm.cov_error.max()


def test_no_momentum_is_plain_descent_bit_for_bit():
    plain = sgd.run(REGRESSION, MINIMUM + 1, 0.1, 2, 30, n_particles=5, seed=3)
    x = np.tile(MINIMUM + 1, (5, 1))
    states = np.empty((5, 4), np.uint64)
    kernels.seed_streams(3, 0, states)
    orders, rows = np.tile(np.arange(6), (5, 1)), np.empty((5, 2), np.int64)
    with np.errstate(over="ignore"):
        for _ in range(30):
            kernels.draw_batches(states, 0, orders, np.zeros(5, np.int64), rows)
            for p in range(5):
                gradient = np.zeros(2)
                for row in rows[p]:
                    z = 0.0
                    for k in range(2):
                        z += ROWS[row, k] * x[p, k]
                    gradient += (z - TARGETS[row]) * ROWS[row]
                x[p] -= 0.1 * (gradient / 2 + 0.0 * x[p])
    np.testing.assert_array_equal(plain.points, x)


def test_data_is_passed_through():
    def grad_losses(theta, data):
        return np.stack([theta - c for c in data])

    swarm = sgd.run(grad_losses, [5.0], 0.5, 2, 60, n_particles=9, sampling="without_replacement",
                    data=(1.0, 3.0))  # fmt: skip
    np.testing.assert_allclose(swarm.points, 2.0, atol=1e-12)


def test_result_depends_on_seed_alone(monkeypatch):
    whole = sgd.run(REGRESSION, MINIMUM, 0.1, 2, 50, n_particles=300, seed=1)
    again = sgd.run(REGRESSION, MINIMUM, 0.1, 2, 50, n_particles=300, seed=1)
    np.testing.assert_array_equal(whole.points, again.points)
    fewer = sgd.run(REGRESSION, MINIMUM, 0.1, 2, 50, n_particles=100, seed=1)
    np.testing.assert_array_equal(fewer.points, whole.points[:100])
    other = sgd.run(REGRESSION, MINIMUM, 0.1, 2, 50, n_particles=300, seed=2)
    assert not np.any(np.all(other.points == whole.points, axis=1))
    monkeypatch.setattr("fokkerplanck.sgd.swarm._BLOCK_UPDATES", 1)  # blocks of 64 particles
    pieces = sgd.run(REGRESSION, MINIMUM, 0.1, 2, 50, n_particles=300, seed=1)
    np.testing.assert_array_equal(pieces.points, whole.points)


def test_numpy_path_does_not_depend_on_blocks(monkeypatch):
    def grad_losses(theta, data):
        return REGRESSION.grad_losses(theta)

    whole = sgd.run(grad_losses, MINIMUM, 0.1, 2, 20, n_particles=30)
    monkeypatch.setattr(
        "fokkerplanck.sgd.swarm._GRADIENT_BYTES", 8 * 6 * 2 * 7
    )  # 7 particles at once
    pieces = sgd.run(grad_losses, MINIMUM, 0.1, 2, 20, n_particles=30)
    np.testing.assert_array_equal(pieces.points, whole.points)


def test_snapshots_are_where_they_should_be():
    options = {"n_particles": 5, "seed": 4}
    path = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 10, thin=1, **options)
    assert path.samples.shape == (10, 5, 2)
    np.testing.assert_array_equal(path.samples[-1], path.points)
    thinned = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 10, burn_in=2, thin=3, **options)
    np.testing.assert_array_equal(thinned.samples, path.samples[[4, 7]])
    last = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 10, burn_in=2, **options)
    np.testing.assert_array_equal(last.samples[0], path.points)


def test_statistics_of_independent_particles_are_the_textbook_ones():
    swarm = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 60, n_particles=400)
    np.testing.assert_allclose(swarm.cov, np.cov(swarm.points.T), rtol=1e-12)
    standard_error = np.sqrt(np.diag(swarm.cov) / 400)
    np.testing.assert_allclose(swarm.mean_error, standard_error, rtol=1e-12)
    assert not swarm.points.flags.writeable
    assert not swarm.samples.flags.writeable


def test_errors_of_correlated_snapshots_are_by_particle():
    # The same snapshots twice hold no more information than once.
    once = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 200, n_particles=300)
    twice = sgd.Swarm(
        once.points.copy(), np.repeat(once.samples, 2, axis=0), 0.1, 1, 200, "with_replacement", 0
    )
    np.testing.assert_allclose(twice.mean_error, once.mean_error, rtol=1e-12)
    np.testing.assert_allclose(twice.cov_error, once.cov_error, rtol=1e-12)


def test_histogram_and_its_error(rng):
    # Independent uniform points in 4 cells: E|p - 1/4| is known from the normal law.
    grid = Grid([(0, 1), (0, 1)], 2)
    n = 4000
    distances, claims = [], []
    for _ in range(60):
        points = rng.uniform(size=(n, 2))
        swarm = sgd.Swarm(points, points[None].copy(), 0.1, 1, 1, "with_replacement", 0)
        rho = swarm.histogram(grid)
        np.testing.assert_array_equal(rho, from_particles(grid, points))
        distances.append(grid.integrate(np.abs(rho - 1)))
        claims.append(swarm.histogram_error(grid))
    exact = 4 * np.sqrt(2 / np.pi * 0.25 * 0.75 / n)
    assert np.mean(distances) == pytest.approx(exact, rel=0.15)
    assert np.mean(claims) == pytest.approx(exact, rel=0.15)


def test_fokker_planck_problem_has_the_same_gradient_and_noise():
    grid = Grid([(-1, 1), (-1, 1)], 8)
    problem = Problem.from_samples(
        grid, REGRESSION.losses, None, eta=0.1, b=2, grad_losses=REGRESSION.grad_losses
    )
    u, v = grid.x
    g = np.stack([7 * u / 3 + v / 6 - 1 / 3, u / 6 + 2 * v / 3])
    np.testing.assert_allclose(problem.g, g, atol=1e-12)
    D12 = -2 * u**2 / 9 + 17 * u * v / 12 + 7 * u / 18 + v**2 / 18 - 7 * v / 9 + 1 / 6
    np.testing.assert_allclose(problem.D[0, 1], D12, atol=1e-12)


@pytest.mark.parametrize("model", [REGRESSION, sgd.Logistic(ROWS, np.sign(TARGETS), 0.3)])
def test_gradients_are_those_of_the_losses(model, rng):
    theta = rng.standard_normal((2, 3, 4))
    g = model.grad_losses(theta)
    assert g.shape == (6, 2, 3, 4)
    for k in range(2):
        step = np.zeros((2, 1, 1))
        step[k] = 1e-5
        slope = (model.losses(theta + step) - model.losses(theta - step)) / 2e-5
        np.testing.assert_allclose(g[:, k], slope, atol=1e-8)


def test_logistic_losses_survive_large_weights():
    model = sgd.Logistic([[1.0]], [1.0])
    np.testing.assert_allclose(model.losses(np.array([[-2000.0, 2000.0]])), [[2000, 0]])
    np.testing.assert_allclose(model.grad_losses(np.array([[-2000.0, 2000.0]])), [[[-1, 0]]])


def test_divergence_is_an_error_that_carries_the_positions():
    with pytest.raises(ConvergenceError, match=r"particles ran off to infinity.*eta smaller") as e:
        sgd.run(REGRESSION, MINIMUM, 5.0, 1, 2000, n_particles=8)
    assert e.value.iterate.shape == (8, 2)


def test_progress_bar_shows_particles(capsys):
    sgd.run(REGRESSION, MINIMUM, 0.1, 1, 5, n_particles=10, progress=True)
    assert "particles" in capsys.readouterr().err
    sgd.run(REGRESSION, MINIMUM, 0.1, 1, 5, n_particles=10)
    assert not capsys.readouterr().err


def test_iris_is_fishers():
    flowers = load_iris()
    assert [int(np.sum(flowers.species == s)) for s in ("setosa", "versicolor", "virginica")] == [
        50,
        50,
        50,
    ]
    # Means of Fisher's Table II, and the two flowers in which copies differ.
    versicolor = flowers.measurements[flowers.species == "versicolor"].mean(axis=0)
    np.testing.assert_allclose(versicolor, [5.936, 2.770, 4.260, 1.326])
    setosa = flowers.measurements[flowers.species == "setosa"].mean(axis=0)
    np.testing.assert_allclose(setosa, [5.006, 3.428, 1.462, 0.246])
    np.testing.assert_array_equal(flowers.measurements[34], [4.9, 3.1, 1.5, 0.2])
    np.testing.assert_array_equal(flowers.measurements[37], [4.9, 3.6, 1.4, 0.1])


GOOD = {"model": REGRESSION, "x0": MINIMUM, "eta": 0.1, "b": 1, "steps": 10, "n_particles": 4}
BAD_CALLS = [
    ({"model": 3}, "model is of type int; give sgd.LeastSquares"),
    ({"model": lambda t, d: t}, r"grad_losses returned shape \(2, 2\).*sample, component"),
    ({"x0": 1.0}, r"x0 has shape \(\); give an array \(d,\)"),
    ({"x0": [1.0, 2.0, 3.0]}, "x0 has 3 components, but the rows of a have 2"),
    ({"x0": [np.nan, 0.0]}, "x0 has values that are not finite"),
    ({"x0": np.zeros((5, 2))}, "x0 has 5 rows but n_particles is 4; leave n_particles out"),
    ({"eta": 0.0}, "eta is 0.0; give a finite positive number"),
    ({"eta": np.inf}, "eta is inf"),
    ({"eta": "fast"}, "eta is 'fast'; give a finite positive number"),
    ({"b": 0}, "b is 0, expected an integer >= 1"),
    ({"b": 1.5}, "b is 1.5, expected an integer >= 1"),
    ({"b": True}, "b is True, expected an integer"),
    ({"b": 7, "sampling": "reshuffle"}, "only 6 samples can be drawn without replacement"),
    ({"sampling": "epochs"}, "sampling is 'epochs', expected one of 'with_replacement'"),
    ({"momentum": 1.0}, "momentum is 1; give a number from 0 to below 1"),
    ({"momentum": -0.1}, "momentum is -0.1; give a number from 0"),
    ({"momentum": np.nan}, "momentum is nan; give a number from 0"),
    ({"momentum": "0.9"}, "momentum is '0.9'; give a number"),
    ({"steps": 0}, "steps is 0, expected an integer >= 1"),
    ({"burn_in": 10}, "burn_in is 10, but the run has 10 steps"),
    ({"burn_in": -1}, "burn_in is -1"),
    ({"thin": 11}, "thin is 11, but only 10 steps follow the burn-in: nothing is kept"),
    ({"n_particles": 0}, "n_particles is 0"),
    ({"seed": -1}, "seed is -1, expected an integer from 0"),
    ({"seed": 2**63}, "seed is 9223372036854775808"),
]


@pytest.mark.parametrize(("change", "words"), BAD_CALLS, ids=[words for _, words in BAD_CALLS])
def test_bad_calls_are_refused_with_a_reason(change, words):
    with pytest.raises(ValueError, match=words):
        sgd.run(**(GOOD | change))


BAD_MODELS = [
    (sgd.LeastSquares, ([1.0, 2.0], [1.0, 2.0]), r"a has shape \(2,\), expected \(N, d\)"),
    (sgd.LeastSquares, (ROWS, [1.0]), r"y has shape \(1,\), expected \(6,\), one per row of a"),
    (sgd.LeastSquares, (ROWS * np.nan, TARGETS), "a has 12 values that are not finite"),
    (sgd.Logistic, (ROWS, TARGETS, -1.0), "weight_decay is -1.0; give a number >= 0"),
    (sgd.Logistic, (ROWS, (TARGETS + 1) / 2), r"the label 0; .*2\*y - 1"),
]


@pytest.mark.parametrize(("model", "arguments", "words"), BAD_MODELS)
def test_bad_data_is_refused_with_a_reason(model, arguments, words):
    with pytest.raises(ValueError, match=words):
        model(*arguments)


def test_one_particle_has_no_error():
    swarm = sgd.run(REGRESSION, MINIMUM, 0.1, 1, 10, n_particles=1)
    with pytest.raises(ValueError, match="one particle has no standard error"):
        _ = swarm.cov
