"""Exit probabilities against scale functions and harmonic functions."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad

import fokkerplanck as fp
from fokkerplanck import sets
from tests.convergence.rates import assert_rate


@pytest.mark.parametrize("sides", ["absorbing", "reflecting"])
def test_scale_function_on_a_line(sides):
    """Chance to leave (0, 1) at 1 with f = x^2 and D = 1 + x: int_0^x e^{int f'/TD} dx."""

    def scale(x):
        # log of the density of the scale: int 2s / (1 + s) ds at T = 1.
        return quad(lambda s: np.exp(2 * (s - np.log1p(s))), 0, x)[0]

    box = (0, 1) if sides == "absorbing" else (-0.25, 1.25)
    sizes, errors = (24, 48, 96), []
    for n in sizes:
        grid = fp.Grid([box], n, sides=sides)
        problem = fp.Problem(grid, f=lambda x: x**2, D=lambda x: 1 + x)
        ends = [sets.side("x", "upper"), sets.side("x", "lower")]
        if sides == "reflecting":
            ends = [sets.half_space(1, 1), sets.half_space(-1, 0)]
        found = fp.exit_probabilities(problem, ends)
        exact = np.array([scale(x) for x in np.clip(grid.x[0], 0, 1)]) / scale(1.0)
        errors.append(np.abs(found.probability[0] - exact).max())
        assert found.residual < 1e-13
        assert not found.rest.any()
    assert_rate([1 / n for n in sizes], errors, order=2, cap=2e-4)


def test_annulus():
    """Mean error of four boxes, for the constant depends on how circles cut the cells."""
    sizes, errors = (63, 126, 252), []
    for n, shift in product(sizes, (0, 0.01, 0.023, 0.041)):
        grid = fp.Grid([(-1 - shift, 1), (-1, 1 + shift)], n)
        found = fp.exit_probabilities(
            fp.Problem(grid), [sets.ball((0, 0), 0.3), ~sets.ball((0, 0), 0.9)]
        )
        r = np.clip(np.hypot(*grid.x), 0.3, 0.9)
        error = np.abs(found.probability[0] - np.log(r / 0.9) / np.log(0.3 / 0.9))
        errors.append(grid.integrate(error))
        assert np.allclose(found.probability.sum(axis=0), 1, atol=1e-13)
    errors = np.reshape(errors, (len(sizes), -1)).mean(axis=1)
    assert_rate([1 / n for n in sizes], errors, order=2, cap=1e-4)


def test_sides_of_a_square():
    """Harmonic measure of one side: 4/pi sum sin((2k+1) pi y) sinh((2k+1) pi x) / ..."""

    def exact(x, y):
        total = 0.0
        for k in range(1, 160, 2):
            # sinh(k pi x) / sinh(k pi), without overflow.
            grows = np.exp(k * np.pi * (x - 1)) * -np.expm1(-2 * k * np.pi * x)
            total = total + np.sin(k * np.pi * y) * grows / -np.expm1(-2 * k * np.pi) / k
        return 4 / np.pi * total

    sizes, errors = (16, 32, 64), []
    for n in sizes:
        grid = fp.Grid([(0, 1), (0, 1)], n, sides="absorbing")
        found = fp.exit_probabilities(
            fp.Problem(grid), [sets.side("x", "upper"), sets.side("y", "lower")]
        )
        inner = grid.x[0] < 0.5  # the corners are discontinuous
        errors.append(np.abs(found.probability[0] - exact(*grid.x))[inner].max())
        total = found.probability.sum(axis=0) + found.rest
        assert np.abs(total - 1).max() < 1e-13
        assert found.rest.min() > 0  # two sides were not named
    assert_rate([1 / n for n in sizes], errors, order=2, cap=2e-4)


def test_rates_through_sides_add_up_for_tensors():
    grid = fp.Grid([(0, 1), (0, 1)], 12, sides="absorbing")
    problem = fp.Problem(grid, drift=lambda x, y: (1 + y, -2 * x), D=[[1, 0.7], [0.7, 1]])
    ends = [sets.side(axis, end) for axis in "xy" for end in ("lower", "upper")]
    found = fp.exit_probabilities(problem, ends)
    assert found.residual < 1e-13
    assert not found.rest.any()
    named = fp.rates.ends.ended(fp.Generator(problem), list(zip("abcd", ends, strict=True)))
    total = fp.Edges.from_problem(problem).exit_rate / grid.volume
    assert np.allclose(named.kills.sum(axis=0), total, rtol=1e-14)


def test_a_set_and_the_sides():
    grid = fp.Grid([(-1, 1), (-1, 1)], 40, sides=["absorbing", "reflecting"])
    found = fp.exit_probabilities(
        fp.Problem(grid), [lambda x, y: abs(x) < 0.2, sets.side("x", "upper")]
    )
    x = grid.x[0]
    first = np.where(abs(x) < 0.2, 1, (1 - abs(x)) / 0.8)
    assert np.abs(found.probability[0] - first).max() < 1e-12
    assert np.abs(found.probability[1] - np.where(x > 0.2, 1 - first, 0)).max() < 1e-12
    assert np.abs(found.rest - np.where(x < -0.2, 1 - first, 0)).max() < 1e-12


BOX = fp.Problem(fp.Grid([(-1, 1)], 16, sides=[("absorbing", "reflecting")]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp.exit_probabilities(3, []), "give a Problem"),
        (lambda: fp.exit_probabilities(BOX, []), "give a list of sets"),
        (lambda: fp.exit_probabilities(BOX, "sides"), "give a list of sets"),
        (lambda: fp.exit_probabilities(BOX, lambda x: x > 0), "give a list of sets"),
        (lambda: fp.exit_probabilities(BOX, [sets.side("x", "upper")]), "which is reflecting"),
        (lambda: fp.exit_probabilities(BOX, [sets.side("x", "lower")] * 2), "a second time"),
        (
            lambda: fp.exit_probabilities(BOX, [lambda x: x > 0, lambda x: x > 0.5]),
            "sets\\[0\\] and sets\\[1\\] overlap",
        ),
        (lambda: fp.exit_probabilities(BOX, [lambda x: x > 0], solver="x"), "solver is 'x'"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
