"""Flexible GMRES: solutions, changing preconditioners, singular systems, and how it ends."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import null_space

from fokkerplanck.kernels.linalg import krylov as kernels
from fokkerplanck.linalg import fgmres as krylov
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.fgmres import fgmres


def matrix(rng, n=60):
    """Diagonally dominant, not symmetric."""
    A = rng.standard_normal((n, n)) / np.sqrt(n)
    return A + np.diag(3 + rng.random(n))


def same(r):
    return r


@pytest.mark.parametrize("flexible", [True, False])
@pytest.mark.parametrize("restart", [3, 12, 60])
def test_solution_and_history(restart, flexible, rng):
    A, b, w = matrix(rng), rng.standard_normal(60), 0.1 + rng.random(60)
    result = fgmres(lambda x: A @ x, same, b, w, 1e-11, 200, restart, flexible=flexible)
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), rtol=0, atol=1e-9)
    assert result.history[0] == 1.0
    assert result.history[-1] <= 1e-11
    left = np.linalg.norm(w * (b - A @ result.x)) / np.linalg.norm(w * b)
    assert result.history[-1] == pytest.approx(left, rel=1e-6)
    assert 5 < result.iterations == len(result.history) - 1 < 200
    # Least residual: it never grows, up to rounding.
    assert all(new <= old * (1 + 1e-6) for old, new in pairwise(result.history))


def test_residual_is_the_least_in_the_weighted_norm(rng):
    """Against the minimum over the Krylov space, by dense least squares."""
    A, b, w, k = matrix(rng), rng.standard_normal(60), 0.1 + rng.random(60), 6
    result = fgmres(lambda x: A @ x, same, b, w, 0.0, k, 20)
    assert result.iterations == k
    space = [b]
    for _ in range(k - 1):
        space.append(A @ space[-1])
    K = np.linalg.qr(np.array(space).T)[0]
    y = np.linalg.lstsq(w[:, None] * (A @ K), w * b, rcond=None)[0]
    least = np.linalg.norm(w * (b - A @ K @ y)) / np.linalg.norm(w * b)
    assert result.history[-1] == pytest.approx(least, rel=1e-9)
    # Another weight, another minimum.
    other = fgmres(lambda x: A @ x, same, b, np.ones(60), 0.0, k, 20)
    left = np.linalg.norm(w * (b - A @ other.x)) / np.linalg.norm(w * b)
    assert left > least * (1 + 1e-6)


def test_exact_preconditioner_needs_one_step(rng):
    A, b = matrix(rng), rng.standard_normal(60)
    result = fgmres(lambda x: A @ x, lambda r: np.linalg.solve(A, r), b, np.ones(60), 1e-12)
    assert result.iterations == 1
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), atol=1e-11)


def varying(A, rng, noise=0.3):
    """Approximate inverse that is another one at every call."""
    return lambda r: np.linalg.solve(A, r) * (1 + noise * rng.standard_normal(r.size))


def test_preconditioner_may_change_from_call_to_call(rng):
    A, b = matrix(rng), rng.standard_normal(60)
    result = fgmres(lambda x: A @ x, varying(A, rng), b, np.ones(60), 1e-11, 60, 30)
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), rtol=0, atol=1e-9)
    assert result.iterations < 60


def test_without_flexibility_a_changing_preconditioner_fails(rng):
    """Counterexample: the directions that were tried have to be kept."""
    A, b = matrix(rng), rng.standard_normal(60)
    result = fgmres(
        lambda x: A @ x, varying(A, rng), b, np.ones(60), 1e-11, 60, 30, flexible=False
    )  # fmt: skip
    assert result.history[-1] > 1e-3
    left = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert result.history[-1] == pytest.approx(left)  # and it says so


def test_singular_consistent_system(rng):
    # Generator of a random chain: columns sum to zero.
    rates = rng.random((50, 50)) * (1 - np.eye(50))
    A = np.diag(rates.sum(axis=0)) - rates
    b = A @ rng.standard_normal(50)
    result = fgmres(lambda x: A @ x, lambda r: r / A.diagonal(), b, np.ones(50), 1e-12, 60, 40)
    assert result.history[-1] <= 1e-12
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    kernel = null_space(A)[:, 0]
    difference = result.x - x
    assert np.abs(difference - kernel * (kernel @ difference)).max() < 1e-10


def test_inconsistent_system_stalls_and_reports_it(rng):
    A = np.diag(np.append(np.arange(1.0, 20.0), 0.0))
    b = np.ones(20)
    result = fgmres(lambda x: A @ x, same, b, np.ones(20), 1e-10, 500, 25)
    assert result.history[-1] == pytest.approx(1 / np.sqrt(20), rel=1e-6)
    assert result.iterations < 60


def test_stall_of_the_restarts_is_seen(rng):
    # A rotation: no progress at all before as many directions as cells are kept.
    n = 40
    A = np.roll(np.eye(n), 1, axis=0)
    b = np.eye(n)[0]
    result = fgmres(lambda x: A @ x, same, b, np.ones(n), 1e-10, 1000, 5)
    assert result.history[-1] == pytest.approx(1.0)
    assert result.iterations == 5  # one restart, not 1000 steps
    assert fgmres(lambda x: A @ x, same, b, np.ones(n), 1e-10, 1000, n).history[-1] < 1e-10


def test_breakdown_is_the_solution(rng):
    # Three distinct eigenvalues: the Krylov space is exhausted after three steps.
    A = np.diag(np.repeat([1.0, 2.0, 5.0], 10))
    b = rng.standard_normal(30)
    for flexible in (True, False):
        result = fgmres(lambda x: A @ x, same, b, np.ones(30), 1e-30, 50, 20, flexible=flexible)
        np.testing.assert_allclose(result.x, b / A.diagonal(), rtol=1e-12)
        assert 3 <= result.iterations <= 12
    identity = fgmres(same, same, b, np.ones(30), 0.0)
    np.testing.assert_allclose(identity.x, b, rtol=1e-14)
    assert identity.iterations <= 2


def test_product_zero_is_no_division_by_zero():
    result = fgmres(lambda x: 0 * x, same, np.ones(4), np.ones(4), 1e-10)
    assert np.isfinite(result.x).all()
    assert result.history[-1] == 1.0


def test_floor_ends_the_iteration(rng):
    A, b = matrix(rng), rng.standard_normal(60)
    full = fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-12, 200, 60)
    floor = 1e-4 * np.linalg.norm(b)
    result = fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-12, 200, 60, floor)
    assert result.iterations < full.iterations
    assert 1e-12 < result.history[-1] <= 1e-4
    nothing = fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-12, floor=2 * np.linalg.norm(b))
    assert nothing.iterations == 0
    assert not nothing.x.any()


def test_nothing_to_solve():
    result = fgmres(same, same, np.zeros(5), np.ones(5), 1e-10)
    assert result.history == (1.0,)
    assert not result.x.any()


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_number_of_steps_is_bounded(limit, rng):
    A, b = matrix(rng), rng.standard_normal(60)
    calls = []

    def apply(x):
        calls.append(1)
        return A @ x

    result = fgmres(apply, same, b, np.ones(60), 1e-14, limit, 3)
    assert result.iterations == limit
    assert len(calls) <= limit + -(-limit // 3)  # and one true residual per restart
    left = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert result.history[-1] == pytest.approx(left)


def test_right_hand_side_is_left_alone(rng):
    A, b = matrix(rng), rng.standard_normal(60)
    kept = b.copy()
    fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-10)
    np.testing.assert_array_equal(b, kept)


@pytest.mark.parametrize("part", [krylov.REORTHOGONALISE, 0.0])
def test_lost_orthogonality_is_restored(part, monkeypatch):
    """Products almost parallel to what is there: one pass of Gram-Schmidt is not enough."""
    n, kept = 40, []
    x = np.linspace(0, 1, n)
    A = np.diag(1 + 1e-7 * x) + 1e-9 * np.roll(np.eye(n), 1, axis=0)
    plain = kernels.orthogonalise
    monkeypatch.setattr(
        kernels, "orthogonalise", lambda V, *rest: (kept.append(V), plain(V, *rest))[1]
    )
    monkeypatch.setattr(krylov, "REORTHOGONALISE", part)
    fgmres(lambda v: A @ v, same, np.sin(7 * x) + 2, np.ones(n), 0.0, 3, 20)
    V = kept[0][:3]
    loss = np.abs(V @ V.T - np.eye(3)).max()
    assert loss < 1e-14 if part else loss > 1e-11


def test_long_vectors_take_the_threaded_kernel(monkeypatch, rng):
    A, b = matrix(rng), rng.standard_normal(60)
    plain = fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-11)
    used = []
    threads = kernels.orthogonalise_threads
    monkeypatch.setattr(sizes, "THREADS_FROM", 10)
    monkeypatch.setattr(
        kernels, "orthogonalise_threads", lambda *args: (used.append(1), threads(*args))[1]
    )
    result = fgmres(lambda x: A @ x, same, b, np.ones(60), 1e-11)
    assert used
    np.testing.assert_array_equal(result.x, plain.x)
