"""Means, covariances and moments against closed forms, on lines, graded axes and rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

import fokkerplanck as fp

PLANE = fp.Grid([(-9, 9), (-7, 7)], (120, 100))
COV = np.array([[1.0, 0.3], [0.3, 0.5]])


def von_mises(ring, kappa, mu):
    rho = np.exp(kappa * (np.cos(ring.x[0] - mu) - 1))
    return rho / ring.integrate(rho)


def test_gaussian_moments():
    rho = fp.gaussian(PLANE, (0.5, -0.2), COV)
    np.testing.assert_allclose(fp.mean(rho, PLANE), [0.5, -0.2], atol=1e-12)
    np.testing.assert_allclose(fp.covariance(rho, PLANE), COV, atol=1e-12)
    # Isserlis: <x^2 y^2> = s_xx s_yy + 2 s_xy^2, and about a point with the means besides.
    assert fp.moment(rho, PLANE, (2, 2)) == pytest.approx(0.5 + 2 * 0.09, rel=1e-12)
    assert fp.moment(rho, PLANE, (1, 1), about=(0, 0)) == pytest.approx(0.3 - 0.1, rel=1e-12)
    assert fp.moment(rho, PLANE, (0, 0)) == pytest.approx(1, rel=1e-14)
    assert fp.expectation(lambda x, y: x * y, rho, PLANE) == pytest.approx(0.2, rel=1e-12)


def test_graded_cells_are_weighed_by_their_volumes():
    faces = np.linspace(0, 1, 401) ** 2 * 40  # an exponential density: mean 1, variance 1
    line = fp.Grid([faces])
    rho = np.exp(-line.x[0])
    assert fp.mean(rho, line)[0] == pytest.approx(1, abs=1e-3)
    assert fp.covariance(rho, line)[0, 0] == pytest.approx(1, abs=3e-3)
    assert fp.moment(rho, line, 3) == pytest.approx(2, abs=2e-2)
    halved = fp.mean(np.exp(-line.refined().x[0]), line.refined())[0] - 1
    assert abs(halved) < 0.3 * abs(fp.mean(rho, line)[0] - 1)


@pytest.mark.parametrize("kappa", [0.3, 2.0, 20.0])
def test_von_mises_on_a_ring(kappa):
    """Var = pi^2/3 + 4 sum (-1)^n I_n / (n^2 I_0), over the way around from the mean direction."""
    ring = fp.Grid([(0, 2 * np.pi)], 400, sides="periodic")
    rho = von_mises(ring, kappa, 5.9)
    n = np.arange(1, 200)
    exact = np.pi**2 / 3 + 4 * np.sum((-1.0) ** n / n**2 * ive(n, kappa)) / ive(0, kappa)
    assert fp.mean(rho, ring)[0] == pytest.approx(5.9, abs=1e-12)
    # z^2 has a kink of slope 4 pi at the cut: Euler and Maclaurin, and the cell that is shared.
    off = np.pi / 3 * ring.h[0] ** 2 * rho.min() * (1 + 1e-3) + 1e-10
    assert fp.covariance(rho, ring)[0, 0] == pytest.approx(exact, abs=off)
    assert fp.moment(rho, ring, 2) == pytest.approx(exact, abs=off)
    line = fp.Grid([(0, 2 * np.pi)], 400)  # where the seam is no seam, the mean is elsewhere
    assert abs(fp.mean(rho, line)[0] - 5.9) > 0.1


def test_a_density_within_half_a_turn_is_as_on_a_line():
    box, shape = [(0, 4), (-3, 3)], (40, 30)
    open_, ring = fp.Grid(box, shape), fp.Grid(box, shape, ["periodic", "reflecting"])
    rho = fp.gaussian(open_, (1.95, 0.1), [[0.03, 0.02], [0.02, 0.3]])
    np.testing.assert_allclose(fp.mean(rho, ring), fp.mean(rho, open_), atol=1e-12)
    turned = np.roll(rho, 20, axis=0)
    np.testing.assert_allclose(fp.mean(turned, ring) - [2, 0], fp.mean(rho, open_), atol=1e-12)
    np.testing.assert_allclose(fp.covariance(turned, ring), fp.covariance(rho, open_), atol=1e-12)


def test_no_direction_is_no_number():
    ring = fp.Grid([(0, 1), (0, 2)], (12, 8), sides=["periodic", "reflecting"])
    rho = fp.uniform(ring)
    assert np.isnan(fp.mean(rho, ring)[0])
    assert fp.mean(rho, ring)[1] == pytest.approx(1)
    cov = fp.covariance(rho, ring)
    assert np.isnan(cov[0]).all()
    assert np.isnan(cov[:, 0]).all()
    assert cov[1, 1] == pytest.approx(4 / 12 * (1 - 1 / 64))
    assert np.isnan(fp.moment(rho, ring, (1, 0)))
    assert fp.moment(rho, ring, (0, 2)) == pytest.approx(cov[1, 1])


def test_the_cut_opposite_of_the_mean_is_shared():
    """A cell that is cut lies on both sides: no last bit decides about a covariance."""
    ring = fp.Grid([(0, 8), (0, 2)], (8, 2), sides=["periodic", "reflecting"])
    rho = np.zeros(ring.shape)
    rho[0], rho[4, 1] = [0.2, 0.2], 0.1  # the mean is at .5, the cut at 4.5
    p = rho / rho.sum()
    mean = fp.mean(rho, ring)
    assert mean[0] == pytest.approx(0.5)
    cov = fp.covariance(rho, ring)
    assert cov[0, 1] == pytest.approx(0, abs=1e-14)
    assert cov[0, 0] == pytest.approx(16 * p[4, 1])
    other = rho * (1 + 1e-15 * np.arange(16).reshape(8, 2))
    np.testing.assert_allclose(fp.covariance(other, ring), cov, atol=1e-12)


def test_leading_axes_and_masses_pass_through(rng):
    grid = fp.Grid([(0, 1), (0, 2)], (5, 4), sides=["periodic", "reflecting"])
    rho = rng.random((3, 2, *grid.shape))
    values = rng.random((6, *grid.shape))
    for f, shape in (
        (fp.mean, (3, 2, 2)),
        (fp.covariance, (3, 2, 2, 2)),
        (lambda r, g: fp.moment(r, g, (1, 2)), (3, 2)),
        (lambda r, g: fp.expectation(values, r, g), (3, 2, 6)),
        (lambda r, g: fp.quantile(r, g, [0.1, 0.7], "y"), (3, 2, 2)),
        (fp.mode, (3, 2, 2)),
        (lambda r, g: fp.at(r, g, [[0.1, 0.2]] * 7), (3, 2, 7)),
        (lambda r, g: fp.gradient_at(r, g, [[0.1, 0.2]] * 7), (3, 2, 7, 2)),
        (lambda r, g: fp.credible_region(r, g, 0.5).mask, (3, 2, 5, 4)),
        (lambda r, g: fp.credible_region(r, g, 0.5).mass, (3, 2)),
        (lambda r, g: fp.conditional(r, g, {"x": 0.3})[0], (3, 2, 4)),
    ):
        found = f(rho, grid)
        assert found.shape == shape
        np.testing.assert_allclose(found[2, 1], f(rho[2, 1], grid), rtol=1e-12)
    assert fp.sample(rho, grid, 3).shape == (3, 2, 3, 2)
    tiny = 1e-305 * rho
    np.testing.assert_allclose(fp.mean(tiny, grid), fp.mean(rho, grid), rtol=1e-9)
    np.testing.assert_allclose(fp.covariance(tiny, grid), fp.covariance(rho, grid), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    p=st.lists(st.floats(0.01, 1), min_size=9, max_size=9),
    steps=st.integers(0, 8),
    factor=st.floats(1e-3, 1e3),
)
def test_rings_turn_and_masses_scale(p, steps, factor):
    ring = fp.Grid([(-1, 3.5)], 9, sides="periodic")
    rho, turned = np.array(p), factor * np.roll(p, steps)
    direction = np.exp(2j * np.pi * ring.x[0] / 4.5) @ rho / rho.sum()
    if abs(direction) < 1e-6:
        return
    shift = fp.mean(turned, ring)[0] - fp.mean(rho, ring)[0] - 0.5 * steps
    assert abs(np.exp(2j * np.pi * shift / 4.5) - 1) < 1e-7
    np.testing.assert_allclose(fp.covariance(turned, ring), fp.covariance(rho, ring), atol=1e-6)


def test_infinite_values_where_nothing_is():
    grid = fp.Grid([(0, 4)], 4)
    rho = np.array([0.5, 0.5, 0.0, 0.0])
    assert fp.expectation(np.array([1.0, 3.0, np.inf, np.nan]), rho, grid) == 2
    with pytest.raises(ValueError, match="u is not finite in 1 cells with mass"):
        fp.expectation(np.array([1.0, np.inf, 1.0, 1.0]), rho, grid)


def test_wrong_moments():
    rho, grid = fp.uniform(PLANE), PLANE
    with pytest.raises(ValueError, match="rho has no mass; give a density"):
        fp.mean(0 * rho, grid)
    with pytest.raises(ValueError, match=r"rho has no mass at index \(1,\)"):
        fp.covariance(np.stack([rho, 0 * rho]), grid)
    with pytest.raises(ValueError, match="order has 1 numbers; give 2"):
        fp.moment(rho, grid, 2)
    with pytest.raises(ValueError, match="order is 101, expected an integer from 0 to 100"):
        fp.moment(rho, grid, (101, 0))
    with pytest.raises(ValueError, match="about has shape"):
        fp.moment(rho, grid, (1, 0), about=1.0)
    with pytest.raises(ValueError, match="places have shape"):
        fp.mean(rho, grid, places=grid.x[0])
    wide = fp.Grid([(-1e5, 1e5)], 4)
    with pytest.raises(ValueError, match="overflows on this box"):
        fp.moment(fp.uniform(wide), wide, 100)
