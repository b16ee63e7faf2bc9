"""Local entropy against its equation, and the perceptron against counting by hand."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from fokkerplanck import zoo
from fokkerplanck.steady import steady_state
from fokkerplanck.zoo.landscapes import local_entropy_jump
from tests.zoo.test_exact import OFFSETS, WEIGHTS


def derivative(u, x, h):
    """Eighth-order central difference."""
    return sum(w / h * u(x + o * h) for o, w in zip(OFFSETS, WEIGHTS, strict=True))


X = np.linspace(-2.0, 2.5, 61)


@pytest.mark.parametrize("gamma", [0.01, 0.05, 1.0])
def test_local_entropy_solves_its_equation(gamma):
    """∂_γ f = f″/2 − f′²/2, and not with the sign of f′² turned round."""
    rate = derivative(lambda s: zoo.local_entropy(s).f(X), gamma, 1e-4)
    exact = zoo.local_entropy(gamma)
    slope = exact.g(X)[0]
    bend = derivative(lambda x: exact.g(x)[0], X, 1e-3)
    np.testing.assert_allclose(rate, bend / 2 - slope**2 / 2, atol=1e-6 * np.abs(rate).max())
    assert np.abs(rate - bend / 2 - slope**2 / 2).max() > 0.1 * np.abs(rate).max()


def test_local_entropy_is_a_convolution():
    gamma, exact = 0.03, zoo.local_entropy(0.0)
    y = np.linspace(-8, 8, 40001)
    for x in (-1.1, 0.0, 0.8):
        kernel = np.exp(-((x - y) ** 2) / (2 * gamma)) / np.sqrt(2 * np.pi * gamma)
        smooth = np.sum(kernel * np.exp(-exact.f(y))) * (y[1] - y[0])
        assert -np.log(smooth) == pytest.approx(float(zoo.local_entropy(gamma).f(x)), abs=1e-10)
    assert zoo.local_entropy(gamma).log_Z == exact.log_Z  # a convolution keeps the mass


def test_the_argmin_jumps_from_the_sharp_to_the_wide_well():
    jump = local_entropy_jump()
    assert jump == pytest.approx(0.02004107, abs=5e-9)

    def advantage(gamma):
        sharp, wide = zoo.local_entropy(gamma).f(np.array([-1.0, 1.0]))
        return sharp - wide

    # Compared at the centres instead of at the minima.
    assert brentq(advantage, 0.01, 0.03) == pytest.approx(0.0200410, abs=5e-8)
    # The minima by another method.
    f = zoo.local_entropy(jump).f
    found = [minimize_scalar(f, bounds=b, method="bounded", options={"xatol": 1e-10}).fun
             for b in ((-1.1, -0.9), (0.9, 1.1))]  # fmt: skip
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    k1, k2, w1, w2 = 100, 4, 1, 0.6
    leading = (w1**2 - w2**2) / (w2**2 * k1 - w1**2 * k2)
    assert leading == pytest.approx(0.02)
    before, after = (zoo.local_entropy(jump + d).points["argmin"][0, 0] for d in (-1e-6, 1e-6))
    assert before == pytest.approx(-1, abs=1e-3)
    assert after == pytest.approx(1, abs=1e-3)
    at = zoo.local_entropy(jump)
    low, high = at.f(at.points["minima"][:, 0])
    assert low == pytest.approx(high, abs=1e-12)


def test_minima_are_minima_and_merge():
    for gamma, count in ((0.0, 2), (0.01, 2), (1.0, 1)):
        exact = zoo.local_entropy(gamma)
        minima = exact.points["minima"][:, 0]
        assert len(minima) == count
        np.testing.assert_allclose(exact.g(minima)[0], 0, atol=1e-10)
        for side in (-1e-3, 1e-3):
            assert (exact.f(minima + side) > exact.f(minima)).all()


def test_its_steady_state_is_gibbs():
    exact = zoo.local_entropy(0.05)
    steady = steady_state(exact.build(400))
    assert steady.is_reversible()
    np.testing.assert_allclose(steady.rho, exact.rho(steady.grid.x[0]), atol=1e-3)


def test_perceptron_by_hand():
    perceptron = zoo.binary_perceptron(5, 3, seed=4)
    rows = {}
    for w in product((-1, 1), repeat=5):
        rows[w] = sum(int(np.dot(pattern, w) < 0) for pattern in perceptron.patterns)
    assert len(rows) == len(perceptron.weights) == 32
    for w, errors in zip(perceptron.weights.tolist(), perceptron.errors, strict=True):
        assert rows[tuple(w)] == errors
    solutions = [w for w, errors in rows.items() if not errors]
    assert sorted(map(tuple, perceptron.solutions.tolist())) == sorted(solutions)
    for w, alone in zip(perceptron.solutions.tolist(), perceptron.is_isolated, strict=True):
        flips = [sum(a != b for a, b in zip(w, v, strict=True)) for v in solutions]
        assert alone == (flips.count(1) == 0)
        for d in range(6):
            near = sum(f <= d for f in flips)
            assert perceptron.within(d, [w])[0] == near


def test_perceptron_numbers():
    perceptron = zoo.binary_perceptron()
    assert perceptron.errors.size == 2**15
    assert len(perceptron.solutions) == 24
    assert perceptron.is_isolated.sum() == 22
    assert (perceptron.within(15) == 24).all()
    assert perceptron.within(0).sum() == 24
    with pytest.raises(ValueError, match="read-only"):
        perceptron.errors[0] = 3


def test_both_are_in_the_catalogue():
    assert zoo.catalogue()["R28"].name == "local_entropy"
    last = zoo.table().splitlines()[-1]
    assert last.startswith("R32     binary_perceptron         15 bits")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: zoo.local_entropy(-0.1), "gamma"),
        (lambda: zoo.local_entropy(None), "gamma"),
        (lambda: zoo.binary_perceptron(14), "n_weights is 14; give an odd number up to 19"),
        (lambda: zoo.binary_perceptron(21), "n_weights is 21"),
        (lambda: zoo.binary_perceptron(True), "n_weights is True"),
        (lambda: zoo.binary_perceptron(5, 0), "n_patterns is 0"),
        (lambda: zoo.binary_perceptron(5, None), "n_patterns is None"),
        (lambda: zoo.binary_perceptron(5, 3).within(6), "distance is 6; give a number of flips"),
        (lambda: zoo.binary_perceptron(5, 3).within(True), "distance is True"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
