"""Combinations of powers of one implicit step: order, stability, error, positivity."""

import math

import numpy as np
import pytest

from fokkerplanck.linalg import powers
from tests.convergence.rates import assert_rate

GAMMAS = {
    order: gamma * np.array([1.0, 1.1, 1.25, 1.5, 1.75, 2.0])
    for order, (_, gamma) in powers.FAMILIES.items()
}
CASES = [(order, gamma) for order, gammas in GAMMAS.items() for gamma in gammas]


def value(order, gamma, z):
    """Rational function of the method."""
    stages = powers.FAMILIES[order][0]
    c = powers.weights(stages, gamma)
    return sum(c_j / (1 - gamma * z) ** j for j, c_j in enumerate(c, start=1))


@pytest.mark.parametrize(("order", "gamma"), CASES)
def test_local_errors_are_of_the_order_and_of_the_size_promised(order, gamma):
    z = -np.array([0.06, 0.03, 0.015])
    error = np.abs(value(order, gamma, z) - np.exp(z))
    assert_rate(-z, error, order=order + 1, cap=5e-6 if order == 2 else 1e-10)
    stages = powers.FAMILIES[order][0]
    assert powers.weights(stages, gamma).sum() == pytest.approx(1, abs=1e-12)
    leading = powers.error_coefficient(stages, gamma) * (-gamma * z / (1 - gamma * z)) ** stages
    if abs(powers.error_coefficient(stages, gamma)) > 0.1:
        np.testing.assert_allclose(
            value(order, gamma, z) + leading - np.exp(z), 0, atol=0.6 * error.max()
        )


@pytest.mark.parametrize("order", powers.FAMILIES)
def test_the_longest_step_is_of_one_order_more(order):
    z = -np.array([0.1, 0.05, 0.025])
    error = np.abs(value(order, powers.FAMILIES[order][1], z) - np.exp(z))
    assert_rate(-z, error, order=order + 2, cap=1e-7 if order == 2 else 1e-12)


@pytest.mark.parametrize(("order", "gamma"), CASES)
def test_l_stable(order, gamma):
    y = 1j * np.concatenate([np.logspace(-3, 4, 20_000), [1e8]])
    assert np.abs(value(order, gamma, y)).max() <= 1 + 1e-12
    assert abs(value(order, gamma, -1e12)) < 1e-9


def test_not_every_gamma_is_stable():
    """Counterexample: below the range that the longest step starts."""
    y = 1j * np.logspace(-1, 2, 2000)
    assert np.abs(value(4, 0.2, y)).max() > 1.005
    assert np.abs(value(2, 0.15, y)).max() > 1.005


@pytest.mark.parametrize(("order", "gamma"), CASES)
def test_the_error_formula_is_the_difference_of_two_methods(order, gamma):
    """With y_0 one order more: the difference is c_0 delta^s exactly."""
    stages = powers.FAMILIES[order][0]
    z = -np.array([0.01, 0.3, 2.0, 50.0])
    more = powers._solve(range(stages + 1), gamma)
    other = sum(c / (1 - gamma * z) ** j for j, c in enumerate(more))
    delta = sum(w / (1 - gamma * z) ** j for j, w in enumerate(powers.differences(stages)))
    np.testing.assert_allclose(delta, (1 - 1 / (1 - gamma * z)) ** stages, atol=1e-12)
    difference = other - value(order, gamma, z)
    np.testing.assert_allclose(
        difference, powers.error_coefficient(stages, gamma) * delta, atol=1e-12
    )


@pytest.mark.parametrize(("order", "gamma"), CASES)
def test_estimates_cover_the_error_for_decay_rates_of_any_size(order, gamma):
    """max(1.15 c_0, worst * growth) delta^s bounds the local error along the negative axis."""
    stages = powers.FAMILIES[order][0]
    z = -np.logspace(-1, 4, 4000)
    delta = -gamma * z / (1 - gamma * z)
    error = np.abs(value(order, gamma, z) - np.exp(z))
    worst = powers.WORST[stages] * np.minimum(1.0, 1.5 * delta)
    leading = powers.BEYOND_LEADING * abs(powers.error_coefficient(stages, gamma))
    estimate = np.maximum(leading, worst) * delta**stages
    seen = error > 1e-13
    assert np.max(error[seen] / estimate[seen]) <= 1
    assert np.max(error[seen] / estimate[seen]) > 0.5


@pytest.mark.parametrize(("order", "gamma"), CASES)
def test_mixtures_are_positive_and_of_first_order(order, gamma):
    stages = powers.FAMILIES[order][0]
    a = powers.mixture(stages, gamma)
    assert a.min() >= 0
    assert a.sum() == pytest.approx(1, abs=1e-15)
    # Mean number of steps of length gamma h makes up h.
    assert gamma * np.dot(a, np.arange(1, stages + 1)) == pytest.approx(1, rel=1e-14)


def test_known_methods_come_out():
    """SDIRK2 and TR-BDF2, one rational function, and the gammas of Hairer and Wanner."""
    gamma = 1 - math.sqrt(0.5)
    z = -np.linspace(0.1, 9, 20)
    c = powers.weights(2, gamma)
    np.testing.assert_allclose(
        c[0] / (1 - gamma * z) + c[1] / (1 - gamma * z) ** 2,
        (1 + (1 - 2 * gamma) * z) / (1 - gamma * z) ** 2,
        rtol=1e-13,
    )
    for stages, known in ((2, gamma), (3, 0.43586652150845967), (5, 0.2780538411364523)):
        assert powers.error_coefficient(stages, known) == pytest.approx(0, abs=1e-6)
