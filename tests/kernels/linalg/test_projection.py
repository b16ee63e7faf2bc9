"""Orthogonalisation in one sweep against numpy."""

import numpy as np
import pytest

from fokkerplanck.kernels.linalg.projection import CHUNK, project


def slow(basis, m, weight, vector, functional, part, x):
    """The same in plain numpy: x afterwards, the sums, and the squared norm."""
    x = x - part[:m] @ basis[:m] - part[m] * vector
    return x, np.append(basis[:m] @ (weight * x), functional @ x), x @ (weight * x)


@pytest.mark.parametrize("n", [1, 7, CHUNK, 2 * CHUNK + 5])
@pytest.mark.parametrize("m", [0, 1, 3, 4, 9])
def test_one_sweep_subtracts_and_measures(n, m, rng):
    basis = rng.standard_normal((m + 2, n))
    weight, functional = rng.random((2, n))
    vector, x = rng.standard_normal((2, n))
    for part in (np.zeros(m + 1), rng.standard_normal(m + 1)):
        expected, sums, norm2 = slow(basis, m, weight, vector, functional, part, x)
        ours, dots = x.copy(), np.full(m + 1, 7.0)
        found = project(basis, m, weight, vector, functional, part, ours, dots)
        np.testing.assert_allclose(ours, expected, atol=1e-13)
        np.testing.assert_allclose(dots, sums, rtol=1e-12, atol=1e-11)
        assert found == pytest.approx(norm2, rel=1e-12)
