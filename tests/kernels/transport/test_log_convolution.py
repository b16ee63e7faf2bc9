"""Gaussian convolution of logarithms against a log-sum-exp over all pairs of cells."""

import numpy as np
import pytest

from fokkerplanck.kernels.linalg import mixing
from fokkerplanck.kernels.transport import log_convolution as kernels


def slow(g, r, ring):
    """The formula, term by term, images included."""
    n = len(g)
    i = np.arange(n)
    images = (-1, 0, 1) if ring else (0,)
    terms = np.concatenate(
        [g - (i[:, None] - i - k * n) ** 2 / (2 * r * r) for k in images], axis=1
    )
    top = terms.max(1)
    return top + np.log(np.exp(terms - top[:, None]).sum(1)) - np.log(r * np.sqrt(2 * np.pi))


def fast(values, r, ring=False, parts=1):
    out = np.full_like(values, np.nan)
    for part in range(parts):
        kernels.convolve(part, parts, r, ring, kernels.gaussian_table(r), values, out)
    return out


def lines(n, r, rng):
    """Lines that meet every branch: tilts, plateaus, gaps, noise, convex pieces."""
    i = np.arange(n)
    x = i / max(n, 2) * 6 - 3
    return {
        "flat": np.full(n, -700.0),
        "well": -20 * x**4,
        "steep": 6.0 * n * x,
        "convex": 0.45 * (i - n / 2) ** 2 / r**2,
        "noise": 30 * rng.standard_normal(n),
        "gaps": np.where(rng.random(n) < 0.5, -np.inf, 3 * x),
        "one cell": np.where(i == n // 3, 0.0, -np.inf),
        "two islands": np.where(np.abs(i - n / 2) >= n // 3, -x, -np.inf),
        "depth": -1e4 * (x - 3) ** 2,
    }


@pytest.mark.parametrize("n", [1, 5, 16, 50, 130])
@pytest.mark.parametrize("r", [1.0, 1.7, 9.0])
@pytest.mark.parametrize("ring", [False, True])
def test_lines_are_accurate_entry_by_entry(n, r, ring, rng):
    for name, g in lines(n, r, rng).items():
        if not np.isfinite(g).any():
            continue
        values = np.stack([g, g - 1], axis=-1)[None]
        out = fast(values, r, ring)[0]
        expected = slow(np.maximum(g, kernels.LEAST), r, ring)
        # Rounding of exponents as large as the entries; where lines are steep or rough, windows are
        # wide or far away, and exponents as large as RANGE or as the line's own range occur.
        smooth = name in ("flat", "well", "depth")
        inner = 0.0 if smooth else kernels.RANGE + np.ptp(g[np.isfinite(g)])
        scale = 1 + np.abs(expected) + inner
        assert np.all(np.abs(out[:, 0] - expected) < 4e-15 * scale), name
        assert np.all(np.abs(out[:, 1] - expected + 1) < 4e-15 * scale), name


@pytest.mark.parametrize("shape", [(1, 40, 1), (3, 17, 1), (1, 17, 11), (4, 9, 5)])
def test_lines_do_not_mix_nor_depend_on_parts(shape, rng):
    values = 40 * rng.standard_normal(shape)
    out = fast(values, 1.5)
    for o in range(shape[0]):
        for k in range(shape[2]):
            np.testing.assert_allclose(out[o, :, k], slow(values[o, :, k], 1.5, False), rtol=1e-13)
    assert np.array_equal(out, fast(values, 1.5, parts=3))
    threads = np.full(shape, np.nan)
    kernels.convolve_threads(2, 1.5, False, kernels.gaussian_table(1.5), values, threads)
    assert np.array_equal(out, threads)


def test_vector_functions_against_numpy(rng):
    x = -np.concatenate([[0.0, 708.0], 700 * rng.random(500), 1e-9 * rng.random(50)])
    y, t = np.append(x, np.zeros(kernels.BLOCK)), np.empty(x.size + kernels.BLOCK)
    kernels._exponentials(y, t, t.view(np.int64), x.size)
    assert np.all(np.abs(y[: x.size] / np.exp(x) - 1) < 1e-15)
    u = np.empty(kernels.BLOCK)
    for scale in (1e-280, 1e-9, 1.0, 1e9):
        s = scale * (0.5 + rng.random(kernels.BLOCK))
        expected = np.log(s)
        kernels._logarithms(s, t, t.view(np.int64), u, u.view(np.int64), s.size)
        assert np.all(np.abs(s - expected) < 5e-16 * (1 + np.abs(expected)))


def test_windows_keep_every_term_that_matters(rng):
    """The pointers' windows hold all terms within CUT of the largest, also for rough lines."""
    n, r = 90, 1.3
    steep = 0.5 / r**2
    blocks = -(-n // kernels.BLOCK)
    for _ in range(20):
        g = np.where(rng.random(n) < 0.3, -200.0, 0.0) + rng.integers(0, 60) * rng.random(n)
        lo, hi = np.empty(blocks + 1, np.int64), np.empty(blocks, np.int64)
        kernels._windows(g, 0, n, steep, lo, hi, np.empty(blocks + 1))
        i = np.arange(n)
        terms = g - (i[:, None] - i) ** 2 * steep
        matters = terms >= terms.max(1, keepdims=True) - kernels.CUT
        for x in range(n):
            b = x // kernels.BLOCK
            (y,) = np.nonzero(matters[x])
            assert lo[b] <= y[0]
            assert y[-1] <= hi[b]


def test_a_fixed_window_would_lose_the_tail():
    """Counterexample: nine widths around x itself miss the largest term of a steep line."""
    g, r = 6.0 * np.arange(80.0), 1.2
    i = np.arange(80)
    near = np.abs(i[:, None] - i) <= 9 * r / 2
    terms = np.where(near, g - (i[:, None] - i) ** 2 / (2 * r * r), -np.inf)
    narrow = np.log(np.exp(terms - terms.max(1)[:, None]).sum(1)) + terms.max(1)
    full = slow(g, r, False) + np.log(r * np.sqrt(2 * np.pi))
    assert np.abs(narrow - full)[:40].min() > 1


def test_sums_for_mixing(rng):
    n, m = 10_001, 3
    rows, g, w = rng.standard_normal((m, n)), rng.standard_normal(n), rng.random(n)
    sums = np.zeros((mixing.chunks(n), 2, m))
    mixing.products(0, 1, 3, 1, w, rows, g, sums)
    np.testing.assert_allclose(sums.sum(0), [rows @ (w * rows[1]), rows @ (w * g)], rtol=1e-11)
    again = np.zeros_like(sums)
    mixing.products_threads(2, 3, 1, w, rows, g, again)
    assert np.array_equal(sums, again)
    theta = np.array([0.5, -1.0, 2.0])
    x, y = g.copy(), g.copy()
    mixing.subtract(0, 1, 2, theta, rows, x)
    mixing.subtract_threads(3, 2, theta, rows, y)
    np.testing.assert_allclose(x, g - 0.5 * rows[0] + rows[1], atol=1e-14)
    assert np.array_equal(x, y)
