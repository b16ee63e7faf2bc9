"""Orthogonalisation kernels against numpy, and the same bits in threads."""

import numba
import numpy as np
import pytest

from fokkerplanck.kernels.linalg import krylov as kernels

SIZES = [1, 7, 33, 1000, 4099]


def basis(rng, k, n):
    """k + 2 rows, the first k of them orthonormal."""
    V = rng.standard_normal((k + 2, n))
    if k:
        V[:k] = np.linalg.qr(V[:k].T)[0].T
    return V


@pytest.mark.parametrize("kernel", [kernels.orthogonalise, kernels.orthogonalise_threads])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 1), (3, 7), (5, 33), (12, 4099)])
def test_orthogonalise(kernel, first, k, n, rng):
    V, w, q, h = basis(rng, k, n), 0.5 + rng.random(n), rng.standard_normal(n), rng.random(k + 1)
    twin = w * q if first else q.copy()
    before = np.linalg.norm(twin)
    c = V[:k] @ twin
    twin = twin - c @ V[:k]
    new, new_h = q.copy(), h.copy()
    lengths = kernel(V, k, w, new, first, new_h)
    np.testing.assert_allclose(new, twin, rtol=0, atol=1e-12 * before)
    np.testing.assert_allclose(new_h[:k] - h[:k], c, rtol=0, atol=1e-12 * before)
    assert new_h[k] == h[k]
    assert lengths[0] == pytest.approx(before, rel=1e-12)
    assert lengths[1] == pytest.approx(np.linalg.norm(twin), rel=1e-12, abs=1e-12 * before)
    assert np.abs(V[:k] @ new).max(initial=0) <= 1e-12 * before


@pytest.mark.parametrize("n", [5, 4099, 100_003])
def test_threads_give_the_same_bits(n, rng):
    k = 4
    V, w, q = rng.standard_normal((k + 1, n)), rng.random(n), rng.standard_normal(n)
    results = []
    threads = numba.get_num_threads()
    try:
        for kernel, number in (
            (kernels.orthogonalise, threads),
            (kernels.orthogonalise_threads, threads),
            (kernels.orthogonalise_threads, 1),
        ):
            numba.set_num_threads(number)
            new, h = q.copy(), np.zeros(k)
            lengths = kernel(V, k, w, new, True, h)
            results.append(np.concatenate([new, h, lengths]))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("n", SIZES)
def test_combine_and_weighted_norm(n, rng):
    Z, y, x, w = rng.standard_normal((6, n)), rng.standard_normal(4), rng.random(n), rng.random(n)
    new = x.copy()
    kernels.combine(y, Z, new)
    np.testing.assert_allclose(new, x + y @ Z[:4], rtol=0, atol=1e-12)
    assert kernels.weighted_norm(w, x) == pytest.approx(np.linalg.norm(w * x), rel=1e-12)
