"""Kernels of the edge metric against loops over the edges."""

import numpy as np
import pytest

from fokkerplanck.kernels.transport import edge_metric as kernels


def rows(rng, n=40):
    """Symmetric pattern (a ring and some chords) with rates there and back."""
    pairs = {(i, (i + 1) % n) for i in range(n)} | {(i, (7 * i + 3) % n) for i in range(0, n, 3)}
    pairs = {tuple(sorted(p)) for p in pairs if p[0] != p[1]}
    entries = sorted([(x, y) for x, y in pairs] + [(y, x) for x, y in pairs])
    indptr = np.searchsorted([x for x, _ in entries], np.arange(n + 1)).astype(np.int32)
    indices = np.array([y for _, y in entries], np.int32)
    return indptr, indices, rng.uniform(0.1, 2, indices.size), rng.uniform(0.1, 2, indices.size)


def log_mean(a, b):
    return a if a == b else (a - b) / (np.log(a) - np.log(b))


@pytest.mark.parametrize(
    ("kernel", "parts"), [(kernels.mobility, (0, 1)), (kernels.mobility_threads, (3,))]
)
def test_mobility(kernel, parts, rng):
    indptr, indices, there, back = rows(rng)
    v = rng.normal(size=40)
    v[7], v[8] = 0.3, 0.3 + 1e-9
    is_live = np.ones(40, bool)
    is_live[[3, 20]] = False
    out, inn = np.empty_like(there), np.empty_like(there)
    kernel(*parts, indptr, indices, there, back, v, is_live, out, inn)
    for x in range(40):
        for e in range(indptr[x], indptr[x + 1]):
            y = indices[e]
            alive = is_live[x] and is_live[y]
            theta = (
                log_mean(np.exp(v[x]), np.exp(v[y])) if abs(v[x] - v[y]) > 1e-8 else np.exp(v[x])
            )
            assert out[e] == pytest.approx(there[e] * theta / np.exp(v[x]) * alive, rel=1e-8)
            assert inn[e] == pytest.approx(back[e] * theta / np.exp(v[y]) * alive, rel=1e-8)


def test_mobility_of_states_beyond_exponents():
    indptr, indices = np.array([0, 1, 2], np.int32), np.array([1, 0], np.int32)
    one, out, inn = np.ones(2), np.empty(2), np.empty(2)
    v = np.array([-2000.0, 0.0])
    kernels.mobility(0, 1, indptr, indices, one, one, v, np.ones(2, bool), out, inn)
    assert np.isfinite(out).all()
    assert np.isfinite(inn).all()
    assert (out > 0).all()


@pytest.mark.parametrize(
    ("kernel", "parts"), [(kernels.divergence, (0, 1)), (kernels.divergence_threads, (3,))]
)
def test_divergence(kernel, parts, rng):
    indptr, indices, out, _ = rows(rng)
    y, result = rng.normal(size=40), np.empty(40)
    kernel(*parts, indptr, indices, out, y, result)
    twin = [
        sum(out[e] * (y[x] - y[indices[e]]) for e in range(indptr[x], indptr[x + 1]))
        for x in range(40)
    ]
    np.testing.assert_allclose(result, twin, atol=1e-14)
    kernel(*parts, indptr, indices, out, np.full(40, 0.1), result)
    assert not result.any()
