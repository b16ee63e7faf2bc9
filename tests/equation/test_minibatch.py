"""Minibatch noise: exact covariance of a linear regression, and of its batches one by one."""

import itertools

import numpy as np
import pytest

from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation import minibatch
from fokkerplanck.equation.minibatch import temperature
from fokkerplanck.equation.problem import Problem
from fokkerplanck.sgd.models import LeastSquares

# Linear regression with N = 6, f = sum (a.x - y)^2 / 2N, whose D(x) is known in closed form.
A = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [1.0, 0.0], [2.0, 1.0]])
Y = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
N = len(Y)
GRID = Grid([(-2, 2.5), (-1.5, 1)], (18, 15))


def losses(theta, data):
    """Per-sample losses (N, m)."""
    a, y = data
    return (a @ theta - y[:, None]) ** 2 / 2


def grad_losses(theta, data):
    """Per-sample gradients (N, d, m)."""
    a, y = data
    return a[:, :, None] * (a @ theta - y[:, None])[:, None]


def regression(grid=GRID, eta=0.1, b=1, **options):
    """Problem of the regression."""
    return Problem.from_samples(grid, losses, (A, Y), eta, b, **options)


def exact_D(u, v):
    """Covariance of the per-sample gradients."""
    D11 = 26 * u**2 / 9 - 4 * u * v / 9 - 10 * u / 9 + 53 * v**2 / 36 + 4 * v / 9 + 20 / 9
    D12 = -2 * u**2 / 9 + 17 * u * v / 12 + 7 * u / 18 + v**2 / 18 - 7 * v / 9 + 1 / 6
    D22 = 53 * u**2 / 36 + u * v / 9 - u + 2 * v**2 / 9 + 2 / 3
    return np.array([[D11, D12], [D12, D22]])


@pytest.mark.parametrize("given", [None, grad_losses], ids=["differences", "gradients"])
def test_linear_regression_in_closed_form(given):
    problem = regression(grad_losses=given)
    u, v = GRID.x
    np.testing.assert_allclose(problem.D, exact_D(u, v), atol=1e-9)
    r = A @ GRID.x.reshape(2, -1) - Y[:, None]
    np.testing.assert_allclose(problem.f.ravel(), (r**2).mean(axis=0) / 2, rtol=1e-13)
    g = np.stack([7 * u / 3 + v / 6 - 1 / 3, u / 6 + 2 * v / 3])
    np.testing.assert_allclose(problem.g, g, atol=1e-9)
    div_D = np.stack([259 * u / 36 - v / 3 - 17 / 9, -u / 3 + 67 * v / 36 + 7 / 18])
    np.testing.assert_allclose(problem.div_D, div_D, atol=1e-8)
    assert problem.D_kind == "tensor"
    assert (problem.eta, problem.batch_size, problem.n_samples) == (0.1, 1, N)


def test_minimum_of_the_loss():
    problem = regression(
        Grid([(8 / 55 - 1e-3, 8 / 55 + 1e-3), (-2 / 55 - 1e-3, -2 / 55 + 1e-3)], 3)
    )
    np.testing.assert_allclose(problem.g[:, 1, 1], 0, atol=1e-9)
    assert problem.f[1, 1] == pytest.approx(0.475757575758, abs=1e-12)


def test_the_models_fit_the_door():
    model = LeastSquares(A, Y)
    problem = Problem.from_samples(
        GRID, model.losses, None, eta=0.1, b=1, grad_losses=model.grad_losses
    )
    np.testing.assert_allclose(problem.D, regression().D, atol=1e-9)


def batches(b, replacement):
    """Every batch that can be drawn, all equally likely."""
    if replacement:
        return itertools.product(range(N), repeat=b)
    return itertools.combinations(range(N), b)


@pytest.mark.parametrize("replacement", [True, False], ids=["with", "without"])
@pytest.mark.parametrize("b", [1, 2, 3, 5])
def test_noise_is_that_of_all_batches(b, replacement):
    """Mean over all batches: grad f; eta^2 covariance of the step: 2 kT D eta in a time eta."""
    eta = 0.13
    problem = regression(eta=eta, b=b, replacement=replacement)
    rows = np.array(list(batches(b, replacement)))
    each = grad_losses(GRID.x.reshape(2, -1)[:, ::17], (A, Y))
    steps = each[rows].mean(axis=1)
    mean = steps.mean(axis=0)
    noise = np.einsum("nim,nkm->ikm", steps - mean, steps - mean) / len(steps)
    np.testing.assert_allclose(mean, problem.g.reshape(2, -1)[:, ::17], atol=1e-8)
    expected = 2 * problem.kT * problem.D.reshape(2, 2, -1)[:, :, ::17] / eta
    np.testing.assert_allclose(noise, expected, atol=1e-8)


def test_temperature_in_closed_form():
    assert temperature(0.2, 4, 10, True) == pytest.approx(0.2 / 8)
    assert temperature(0.2, 4, 10, False) == pytest.approx(0.2 / 8 * (1 - 0.4) * 10 / 9)
    # One sample at a time is the same with and without replacement; all but one is the least noise.
    assert temperature(0.2, 1, 10, False) == pytest.approx(temperature(0.2, 1, 10, True))
    assert temperature(0.2, np.int64(9), 10, np.False_) == pytest.approx(0.2 / 18 / 9)
    # With replacement a batch may be larger than the data.
    assert temperature(0.2, 100, 10, True) == pytest.approx(0.001)


def test_the_other_normalisation_is_refuted():
    """Counterexample: without the factor N / (N - 1), or 1 - b / N, the batches disagree."""
    problem = regression(b=3, replacement=False)
    wrong = 0.1 / 6 * (1 - 3 / N)
    assert abs(problem.kT / wrong - 1) == pytest.approx(1 / (N - 1))
    assert problem.kT < 0.7 * regression(b=3).kT


def test_pieces_give_the_same(monkeypatch):
    whole = regression()
    monkeypatch.setattr(minibatch, "CHUNK", 200)
    pieces = regression()
    for name in ("f", "D", "g", "div_D"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), atol=1e-13)


def test_one_parameter():
    grid = Grid([(-3, 3)], 40)
    a, y = np.array([1.0, 2.0, -1.0]), np.array([1.0, 0.0, 2.0])
    problem = Problem.from_samples(
        grid, lambda theta, data: (np.outer(a, theta[0]) - y[:, None]) ** 2 / 2, None, 0.1, 2
    )
    each = a[:, None] * (np.outer(a, grid.x[0]) - y[:, None])
    np.testing.assert_allclose(problem.D[0, 0], each.var(axis=0), atol=1e-9)
    np.testing.assert_allclose(problem.g[0], each.mean(axis=0), atol=1e-9)


def test_moved_to_another_grid():
    fine = regression().on(GRID.refined())
    np.testing.assert_allclose(fine.D, exact_D(*fine.grid.x), atol=1e-9)
    assert (fine.eta, fine.batch_size, fine.n_samples) == (0.1, 1, N)
    assert fine.kT == regression().kT
