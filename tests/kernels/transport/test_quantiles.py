"""Matching of masses on a line against the quantile functions, level by level."""

import numpy as np
import pytest

from fokkerplanck.kernels.transport.quantiles import match


def pieces(faces, p, q):
    out = np.empty((5, 2 * p.size + 2))
    return out[:, : match(faces, p, q, *out)]


def quantile(faces, p, u):
    """Place below which there is the mass u, cell by cell."""
    total = 0.0
    for k, mass in enumerate(p):
        if mass > 0 and total + mass >= u:
            return faces[k] + (faces[k + 1] - faces[k]) * (u - total) / mass
        total += mass
    return faces[-1]


def random_case(rng, n):
    faces = np.cumsum(0.01 + rng.random(n + 1))
    p, q = (rng.random(n) ** 4 * (rng.random(n) > 0.3) + 1e-9 * (rng.random(n) > 0.7)
            for _ in range(2))  # fmt: skip
    p[rng.integers(n)] += 0.1
    q[rng.integers(n)] += 0.1
    return faces, p / p.sum(), q / q.sum()


@pytest.mark.parametrize("n", [1, 2, 3, 17, 60])
def test_pieces_join_quantiles(n, rng):
    for _ in range(10):
        faces, p, q = random_case(rng, n)
        x0, x1, y0, y1, mass = pieces(faces, p, q)
        assert abs(mass.sum() - 1) < 1e-14
        assert (mass > 0).all()
        assert (np.diff(x0) >= -1e-12).all()
        assert (np.diff(y0) >= -1e-12).all()
        middle = np.cumsum(mass) - 0.5 * mass
        big = mass > 1e-7  # the level is known to rounding, the place to rounding / density
        for u, a, b, c, d in zip(middle[big], x0[big], x1[big], y0[big], y1[big], strict=True):
            assert abs(quantile(faces, p, u) - 0.5 * (a + b)) < 1e-7
            assert abs(quantile(faces, q, u) - 0.5 * (c + d)) < 1e-7


def test_one_density_stays():
    p = np.array([1e-200, 1e-20, 0.2, 0.0, 0.3, 0.5, 1e-30])
    faces = np.arange(8.0)
    x0, x1, y0, y1, _ = pieces(faces, p, p)
    np.testing.assert_allclose(x0, y0, rtol=1e-14)
    np.testing.assert_allclose(x1, y1, rtol=1e-14)


def test_tails_are_matched_relative_to_themselves():
    """Exponential tails of mass 1e-100 move by their own length; plain sums would see nothing."""
    faces, x = np.arange(201.0), np.arange(200) + 0.5
    p, q = (np.exp(-np.abs(x - c) * 2) for c in (100, 110))
    x0, x1, y0, _, _ = pieces(faces, p / p.sum(), q / q.sum())
    for k in (10, 190):
        i = np.flatnonzero((x0 <= k) & (k < x1))[0]
        assert abs(y0[i] - x0[i] - 10) < 0.2
    plain = np.interp(np.cumsum(p / p.sum())[184], np.cumsum(q / q.sum()), faces[1:])
    assert abs(plain - 195) > 3
