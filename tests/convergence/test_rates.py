"""The helper that judges convergence must itself be able to say no."""

import numpy as np
import pytest

from tests.convergence.rates import assert_rate, observed_orders

H = np.array([0.4, 0.2, 0.1, 0.05])


def test_order_of_a_power_law_is_its_exponent():
    np.testing.assert_allclose(observed_orders(H, 3.0 * H**1.7), 1.7, rtol=1e-12)


def test_second_order_passes_and_a_bad_first_slope_is_forgiven():
    err = H**2
    assert_rate(H, err, order=2, cap=err[-1])
    assert_rate(H, np.array([1e-4, *err[1:]]), order=2, cap=err[-1])


def test_exact_results_pass():
    assert_rate(H, np.zeros(4), order=2, cap=0.0)


@pytest.mark.parametrize(
    ("err", "cap", "words"),
    [
        (H, 1.0, r"slopes 1\.00, 1\.00"),
        (H**1.8, 1.0, r"not both at least 1\.85"),
        (H**2, 1e-3, r"error 0\.0025 exceeds its cap 0\.001"),
        (np.array([0.16, 0.04, 0.03, 0.0075]), 1.0, r"slopes 0\.42, 2\.00"),
        (np.array([0.16, 0.04, np.nan, 0.0025]), 1.0, "not finite"),
        (np.array([0.16, 0.0, 0.01, 0.0025]), 1.0, "zero is followed"),
        (np.array([0.16, 0.04, 0.01, -1.0]), 1.0, "negative"),
    ],
)
def test_what_must_fail_fails_and_shows_the_table(err, cap, words):
    with pytest.raises(AssertionError, match=words) as caught:
        assert_rate(H, err, order=2, cap=cap)
    assert "slope" in str(caught.value).splitlines()[1]


@pytest.mark.parametrize(
    ("h", "err", "words"),
    [
        (H[:2], H[:2], "at least three grids"),
        (H, H[:3], "one error each"),
        (H[::-1], H**2, "coarsest first"),
    ],
)
def test_wrong_calls_are_refused(h, err, words):
    with pytest.raises(ValueError, match=words):
        assert_rate(h, err, order=2, cap=1.0)
