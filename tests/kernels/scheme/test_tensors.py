"""Fields of small matrices: positivity and solutions against numpy.linalg."""

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import tensors


def field(rng, d, n, least=0.1):
    """Symmetric positive matrices (n, d, d)."""
    axes, _ = np.linalg.qr(rng.standard_normal((n, d, d)))
    values = least + rng.random((n, d))
    return np.einsum("nij,nj,nkj->nik", axes, values, axes)


def suspects(A, scale, floor, margin, parts=2):
    D = np.ascontiguousarray(np.moveaxis(A, 0, -1).reshape(A.shape[1] ** 2, -1))
    flags = np.empty(len(A), bool)
    for part in range(parts):
        tensors.suspects(part, parts, D, scale, floor, margin, flags)
    return flags


@pytest.mark.parametrize("d", [1, 2, 3])
def test_what_is_not_flagged_is_above_the_floor(rng, d):
    A = field(rng, d, 500) - 0.4 * np.eye(d)
    scale = np.multiply.outer(*[rng.uniform(0.5, 2, d)] * 2)
    least = np.linalg.eigvalsh(A * scale)[:, 0]
    largest = np.abs(A * scale).max(axis=(1, 2))
    for floor in (0.0, 0.05):
        flags = suspects(A, scale, floor, 1e-12)
        np.testing.assert_array_equal(flags, least < floor * largest)
        assert 20 < np.count_nonzero(flags) < 480


@pytest.mark.parametrize("d", [2, 3])
def test_singular_and_nonsense_are_flagged(d):
    ones = np.ones((1, d, d))
    nonsense = np.full((1, d, d), np.nan)
    tiny = np.diag([1e-300, *[1.0] * (d - 1)])[None] + 1e-3 * (ones - np.eye(d))
    assert suspects(
        np.concatenate([ones, nonsense, 0 * ones, tiny]), np.ones((d, d)), 0, 1e-12
    ).all()
    assert not suspects(np.eye(d)[None], np.ones((d, d)), 0.0, 1e-12).any()


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_packed_and_solved_as_by_numpy(rng, d, constant):
    A, v, h = field(rng, d, 60), rng.standard_normal((d, 60)), rng.uniform(0.5, 2, d)
    A = A[:1] if constant else A
    scale, minus = np.multiply.outer(h, h), rng.standard_normal((60, d))
    D = np.ascontiguousarray(np.moveaxis(A, 0, -1).reshape(d * d, -1))
    packed, out = np.empty((len(A), d * (d + 1) // 2)), np.empty((60, d))
    for part in range(2):
        tensors.pack(part, 2, D, scale, packed)
    np.testing.assert_allclose(packed, (A * scale)[:, *np.triu_indices(d)], rtol=1e-15)
    for less in (minus, np.empty((0, d))):
        for part in range(3):
            tensors.solve(part, 3, packed, v, h, less, out)
        right = v.T / h - (less if less.size else 0.0)
        exact = np.linalg.solve(np.broadcast_to(A * scale, (60, d, d)), right[..., None])[..., 0]
        np.testing.assert_allclose(out, exact, rtol=1e-11, atol=1e-12)
