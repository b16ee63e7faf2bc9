"""Passage times, exit probabilities and slow rates of random problems against many digits."""

import mpmath
import numpy as np
from hypothesis import assume, given

import fokkerplanck as fp
from tests.fuzz.references import decay_rates_on_a_line, exact_generator, numbers, solved
from tests.fuzz.strategies import few, setups

MILD = {"cells": 16, "decades": 3.0, "peclet": 1.5, "beta": (-2, 2), "condition": 4.0}
LINE = MILD | {"dims": (1,), "periodic": False}
DIGITS = 80


def leaking(setup):
    """Problem and edges, where mass leaves."""
    problem = setup.problem()
    assume(problem.grid.has_absorbing_sides)
    return problem, fp.Edges.from_problem(problem)


@few
@given(setups(**MILD))
def test_passage_times(setup):
    """Means, and variances as second moments less squares of means in many digits."""
    problem, edges = leaking(setup)
    with mpmath.workdps(DIGITS):
        A = exact_generator(edges).T
        tau = solved(A, [-1] * A.rows)
        second = solved(A, [-2 * mean for mean in tau])
        mean, variance = numbers(tau), numbers(s - m * m for s, m in zip(second, tau, strict=True))
    times = fp.mfpt(problem, scheme="markov")
    np.testing.assert_allclose(times.mean.ravel(), mean, rtol=1e-9)
    np.testing.assert_allclose(times.variance.ravel(), variance, rtol=1e-8)


@few
@given(setups(**MILD))
def test_exit_probabilities(setup):
    """Side by side, and through all of them together everything leaves."""
    problem, edges = leaking(setup)
    sides = problem.grid.sides_of("absorbing")
    V = np.broadcast_to(problem.grid.volume, problem.grid.shape).ravel()
    ours = fp.exit_probabilities(problem, sides, scheme="markov").probability
    for side, chances in zip(sides, ours, strict=True):
        with mpmath.workdps(DIGITS):
            right = numbers(solved(exact_generator(edges).T, -edges.exits[side] / V))
        np.testing.assert_allclose(chances.ravel(), right, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.sum(axis=0), 1, rtol=1e-12)


@few
@given(setups(**LINE))
def test_decay_rates(setup):
    """The slowest decay has its leading digits, however slow."""
    problem, edges = leaking(setup)
    with mpmath.workdps(DIGITS):
        right = decay_rates_on_a_line(edges)[0]
    state = fp.quasi_stationary(problem)
    np.testing.assert_allclose(state.decay_rate, right, rtol=1e-8)
    assert state.rho.min() >= 0


@few
@given(setups(absorbing=False, **LINE))
def test_slowest_modes(setup):
    """The list starts with 0, leaves none out, and every rate has its leading digits."""
    problem = setup.problem()
    assume(problem.grid.size > 3)
    with mpmath.workdps(DIGITS):
        right = decay_rates_on_a_line(fp.Edges.from_problem(problem))
    k = min(4, len(right) - 2)
    ours = fp.spectrum(problem, k, scheme="markov").decay
    assert ours[0] == 0
    np.testing.assert_allclose(ours[1:k], right[1:k], rtol=1e-7)
