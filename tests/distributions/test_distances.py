"""Total variation and Hellinger distance of Gaussians, bounds between them."""

import numpy as np
import pytest
from scipy.special import erf

import fokkerplanck as fp

LINE = fp.Grid([(-12, 12)], 600)


def test_gaussians():
    a, b = fp.gaussian(LINE, 0, 1), fp.gaussian(LINE, 1, 1)
    # Masses of half lines: the densities cross at 1/2.
    assert fp.total_variation(a, b, LINE) == pytest.approx(erf(0.5 / np.sqrt(2)), abs=2e-4)
    wide = fp.gaussian(LINE, 1, 2)
    overlap = np.sqrt(2 * np.sqrt(2) / 3) * np.exp(-1 / 12)
    assert fp.hellinger(a, wide, LINE) == pytest.approx(np.sqrt(1 - overlap), rel=1e-10)


def test_small_distances_keep_their_digits():
    a = fp.gaussian(LINE, 0, 1)
    near = a * (1 + 1e-11 * np.tanh(LINE.x[0]))
    size = LINE.integrate(a * np.tanh(LINE.x[0]) ** 2)
    assert fp.hellinger(a, near, LINE) == pytest.approx(1e-11 * np.sqrt(size / 8), rel=1e-4)
    assert fp.total_variation(a, near, LINE) == pytest.approx(
        0.5e-11 * LINE.integrate(a * np.abs(np.tanh(LINE.x[0]))), rel=1e-4
    )


def test_bounds_symmetry_and_leading_axes(rng):
    grid = fp.Grid([[0, 0.1, 0.3, 1], (0, 2)], (3, 4))
    rho = rng.random((5, *grid.shape)) ** 3
    rho /= grid.integrate(rho)[:, None, None]
    tv, h = fp.total_variation(rho, rho[0], grid), fp.hellinger(rho, rho[0], grid)
    assert tv.shape == h.shape == (5,)
    assert (tv[0], h[0]) == (0, 0)
    assert (h**2 <= tv + 1e-15).all()
    assert (tv <= h * np.sqrt(2 - h**2) + 1e-15).all()
    np.testing.assert_allclose(fp.hellinger(rho[0], rho, grid), h, rtol=1e-14)
    with pytest.raises(ValueError, match=r"rho0 has shape .* and rho1"):
        fp.hellinger(rho[:2], rho[:3], grid)
    with pytest.raises(ValueError, match="rho1 is negative"):
        fp.total_variation(rho, -rho, grid)
