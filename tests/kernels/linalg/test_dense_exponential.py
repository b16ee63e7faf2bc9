"""Pairs of doubles against exact fractions, and the exponential against its plain twin."""

from fractions import Fraction

import numpy as np
import pytest

from fokkerplanck.kernels.linalg import dense_exponential
from fokkerplanck.linalg.semigroup.dense import TERMS, UNIT


def exact(pair):
    """Values of pairs (2, ...) as fractions."""
    high, low = (np.vectorize(Fraction, otypes=[object])(part) for part in pair)
    return high + low


def test_products_of_pairs_are_those_of_fractions(rng):
    A, B = (rng.random((2, 5, 5)) * np.array([1, 1e-17])[:, None, None] for _ in range(2))
    A *= np.exp(20 * rng.normal(size=(5, 5)))
    C = np.empty((2, 5, 5))
    dense_exponential.product(A, B, C)
    wanted = exact(A).dot(exact(B))
    off = np.abs((exact(C) - wanted) / wanted).max()
    assert 0 < off < 5 * UNIT
    assert float(np.abs(C[0] - wanted.astype(float)).max() / C[0].max()) < 1e-15


def series(rates, step, squarings, terms):
    """The same by fractions, columns divided by their sums."""
    n = len(rates)
    Q = np.vectorize(Fraction, otypes=[object])(rates) * Fraction(step)
    for j in range(n):
        Q[j, j] = Fraction(0)
    out = Q.sum(axis=0)
    for j in range(n):
        Q[j, j] = max(out) - out[j]
    one = np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)], dtype=object)
    P = one
    for k in range(terms, 0, -1):
        P = one + Q.dot(P) / Fraction(k)
    P = P / P.sum(axis=0)
    for _ in range(squarings):
        P = P.dot(P)
    return P


@pytest.mark.parametrize("squarings", [0, 3])
def test_exponential_is_its_exact_twin(squarings, rng):
    rates = rng.random((3, 3)) * np.array([1.0, 1e-6, 1e3])
    step = 2.0**-4 / (rates.sum(axis=0) - rates.diagonal()).max()
    P = np.empty((2, 3, 3))
    error = dense_exponential.exponential(rates, step, squarings, TERMS, UNIT, P)
    wanted = series(rates, step, squarings, TERMS)
    off = float(np.abs(exact(P) - wanted).sum(axis=0).max())
    assert off <= error < 1e-27


def test_squaring_ends_where_all_columns_are_the_same():
    rates, P = np.array([[0.0, 3.0], [1.0, 0.0]]), np.empty((2, 2, 2))
    error = dense_exponential.exponential(rates, 2.0**-6, 2000, TERMS, UNIT, P)
    np.testing.assert_allclose(P[0], [[0.75, 0.75], [0.25, 0.25]], rtol=1e-15)
    assert error < 1e-27
