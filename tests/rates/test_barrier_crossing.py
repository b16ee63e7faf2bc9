"""The formula of Eyring and Kramers, and its pieces read from a grid."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.rates.barrier_crossing import critical_point
from tests.convergence.rates import assert_rate


def well(x):
    return (x**2 - 1) ** 2 / 4


def test_formula_on_a_line():
    for beta in (5, 40):
        exact = np.sqrt(2) / (2 * np.pi) * np.exp(-beta / 4)
        assert abs(fp.rates.eyring_kramers(2, -1, -1, 0.25, beta) / exact - 1) < 1e-14


def test_formula_in_the_plane():
    """Stable directions cancel where they are the same, the drift sets the prefactor."""
    low, high = np.diag([2.0, 3.0]), np.diag([-1.0, 3.0])
    plain = fp.rates.eyring_kramers(low, high, high, 0.25, 8)
    assert abs(plain / fp.rates.eyring_kramers(2, -1, -1, 0.25, 8) - 1) < 1e-14
    Q = np.array([[0, 1.0], [-1.0, 0]])
    stirred = fp.rates.eyring_kramers(low, high, (np.eye(2) + Q) @ high, 0.25, 8)
    assert stirred > 1.3 * plain  # circulation helps over the saddle


def test_pieces_from_a_grid():
    sizes, errors = (120, 240, 480), []
    for n in sizes:
        problem = fp.Problem(fp.Grid([(-2, 2)], n), f=lambda x: np.cos(2 * x) / 4, beta=16)
        escape = fp.rates.kramers(fp.steady_state(problem), [-1.5], [0.05])
        assert abs(escape.minimum[0] + np.pi / 2) < 1e-3
        assert abs(escape.saddle[0]) < 1e-3
        exact = fp.rates.eyring_kramers(1, -1, -1, 0.5, 16)
        errors.append(abs(escape.rate / exact - 1))
    assert_rate([1 / n for n in sizes], errors, order=4, cap=1e-5)


def test_stirred_wells_against_the_gap():
    """Example E2, two equal wells with div j = 0: the gap tends to twice the rate."""
    ratios = []
    for kT in (0.05, 0.025):
        exact = fp.zoo.repaired_example(0.7, kT=kT)
        problem = exact.boxed([(-2.2, 2.2), (-2, 2)]).build(96)
        escape = fp.rates.kramers(fp.steady_state(problem, "log"), (-1, 0), (0, 0))
        assert abs(escape.barrier - 0.25) < 2e-3
        ratios.append(2 * escape.rate / fp.spectrum(problem, 2, scheme="markov").gap)
    assert abs(ratios[1] - 1) < 0.75 * abs(ratios[0] - 1)
    assert abs(ratios[1] - 1) < 0.1


def test_critical_points_of_polynomials_are_exact():
    grid = fp.Grid([(-1, 1), (-1, 1)], (20, 24))
    x, y = grid.x

    def u(x, y):
        return (x - 0.12) ** 2 + (y + 0.21) ** 2 + (x - 0.12) * (y + 0.21) + (x - 0.12) ** 4

    at, value, hessian = critical_point(grid, u(x, y), (0.0, 0.0))
    assert np.allclose(at, [0.12, -0.21], atol=1e-12)
    assert abs(value) < 1e-12
    assert np.allclose(hessian, [[2, 1], [1, 2]], atol=1e-10)
    faces = np.linspace(-1, 1, 21)
    graded = fp.Grid([faces + 0.1 * faces**2, (-1, 1)], (20, 24))
    at, _, hessian = critical_point(graded, u(*graded.x), (0.0, 0.0))
    assert np.allclose(at, [0.12, -0.21], atol=1e-10)
    assert np.allclose(hessian, [[2, 1], [1, 2]], atol=1e-8)


STEADY = fp.steady_state(fp.Problem(fp.Grid([(-2, 2)], 60), f=well, beta=10))


def test_points_of_a_line_may_be_numbers():
    assert fp.rates.kramers(STEADY, -1, 0).rate == fp.rates.kramers(STEADY, [-1], [0]).rate


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp.rates.kramers(well, [-1], [0]), "give steady_state"),
        (lambda: fp.rates.kramers(STEADY, [-3], [0]), "outside of the box"),
        (
            lambda: fp.rates.kramers(STEADY, [-1, 0], [0]),
            r"minimum has shape \(2,\); give one point",
        ),
        (lambda: fp.rates.kramers(STEADY, "left", 0), "minimum is 'left'; give a number"),
        (lambda: fp.rates.kramers(STEADY, [0], [0]), "barrier is 0"),
        (lambda: fp.rates.kramers(STEADY, [-1], [1]), "give a saddle"),
        (lambda: fp.rates.eyring_kramers(np.eye(2), -1, -1, 1, 1), "three of one dimension"),
        (lambda: fp.rates.eyring_kramers(1, -1, 1, 1, 1), "0 eigenvalues with positive"),
        (lambda: fp.rates.eyring_kramers(1, -1, -1, 1, -2), "beta is -2"),
        (lambda: fp.rates.eyring_kramers([1, 2], -1, -1, 1, 1), "finite square matrix"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
