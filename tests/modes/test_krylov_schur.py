"""Slow subspaces of small matrices, where everything is known."""

import numpy as np
import pytest

from fokkerplanck import ConvergenceError
from fokkerplanck.modes.krylov_schur import SlowSpace


def space(A, shift=0.5, weight=None, removed=None, is_symmetric=False, **words):
    """Slow space of a dense matrix."""
    n = len(A)
    inverse = np.linalg.inv(shift * np.eye(n) - A)
    weight = np.ones(n) if weight is None else weight
    words = {"tol": 1e-12, "max_products": 500} | words
    start = np.ones((1, n)) / np.sqrt(weight.sum())
    return SlowSpace(
        lambda x: inverse @ x, shift, weight, removed, start, is_symmetric, **words
    )  # fmt: skip


def turning(rates, n, rng):
    """Random real matrix with given rates (pairs by their upper one) and fast ones besides."""
    blocks = np.zeros((n, n))
    i = 0
    for rate in rates:
        if np.imag(rate):
            blocks[i : i + 2, i : i + 2] = [[rate.real, rate.imag], [-rate.imag, rate.real]]
            i += 2
        else:
            blocks[i, i] = np.real(rate)
            i += 1
    blocks[range(i, n), range(i, n)] = -np.linspace(20, 60, n - i)
    Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    return Q @ (blocks + np.triu(rng.standard_normal((n, n)) * (blocks == 0), 2) * 0.1) @ Q.T


def test_slowest_by_decay_not_by_distance(rng):
    """-1 +- 9i decays more slowly than -2, though it is farther from any real shift."""
    A = turning([-0.5, -1 + 9j, -2.0, -3.0, -4.0], 40, rng)
    vectors, rates = space(A).converge(3)
    np.testing.assert_allclose(sorted(rates.real), [-1, -1, -0.5], atol=1e-9)
    # An invariant subspace, in an orthonormal basis (weights have sum 1).
    vectors = vectors / np.sqrt(40)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-12)
    image = vectors @ A.T
    assert np.abs(image - image @ vectors.T @ vectors).max() < 1e-8


def test_pairs_and_equal_decays_are_not_cut(rng):
    A = turning([-0.5, -1 + 2j, -3.0], 30, rng)
    assert len(space(A).converge(2)[1]) == 3


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_multiple_eigenvalues(copies, rng):
    values = np.concatenate([np.full(copies, -1.0), [-2.0, -3.0], -np.linspace(8, 40, 30)])
    Q, _ = np.linalg.qr(rng.standard_normal((values.size, values.size)))
    found = space(Q * values @ Q.T, is_symmetric=True).converge(copies + 1)[1]
    np.testing.assert_allclose(found, values[: copies + 1], atol=1e-10)


def test_one_start_sees_one_copy():
    """Why it starts again: to a Krylov space a multiple eigenvalue is a simple one."""
    values = np.array([-1.0, -1.0, -2.0, -3.0, -9.0, -11.0])
    search = space(np.diag(values), is_symmetric=True)
    once, _ = search.converge(2)[1], search.starts
    np.testing.assert_allclose(once, [-1, -1], atol=1e-12)
    assert search.starts >= 2
    blind = space(np.diag(values), is_symmetric=True)
    blind._is_complete = lambda rates, expected: True
    np.testing.assert_allclose(blind.converge(2)[1], [-1, -2], atol=1e-12)


def test_a_known_mode_is_left_out(rng):
    A = turning([0.0, -1.0, -2.0, -3.0], 25, rng)
    values, right = np.linalg.eig(A)
    z = right[:, np.argmax(values.real)].real
    functional = np.linalg.inv(right)[np.argmax(values.real)].real
    removed = (z / (functional @ z), functional)
    np.testing.assert_allclose(space(A).converge(2)[1], [0, -1], atol=1e-9)
    np.testing.assert_allclose(space(A, removed=removed).converge(2)[1], [-1, -2], atol=1e-9)


def test_all_of_a_small_space():
    values = -np.array([1.0, 2, 3, 4])
    found = space(np.diag(values), is_symmetric=True).converge(4)[1]
    np.testing.assert_allclose(found, values, atol=1e-12)


def test_restarts_lead_to_the_same(rng):
    """Many close eigenvalues: more products than vectors are kept."""
    values = -np.linspace(1, 3, 400)
    search = space(np.diag(values), is_symmetric=True)
    found = search.converge(4)[1]
    assert search.products > len(search._basis)
    np.testing.assert_allclose(found[:4], values[:4], atol=1e-9)


def test_giving_up_hands_over_what_there_is():
    values = -np.concatenate([[0.1], np.linspace(5, 6, 300)])
    with pytest.raises(ConvergenceError, match="raise max_solves") as caught:
        space(np.diag(values), is_symmetric=True, max_products=25).converge(6)
    np.testing.assert_allclose(caught.value.iterate, [-0.1], atol=1e-10)


def test_rates_that_never_come_are_missed_by_name():
    values = -np.array([1.0, 2, 3, 9])
    with pytest.raises(ConvergenceError, match="defective"):
        space(np.diag(values), is_symmetric=True).converge(2, expected=np.array([-1.0, -1.0]))
