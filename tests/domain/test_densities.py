"""Densities on a grid: Gaussian, uniform, histograms."""

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.densities import check_density, from_particles, gaussian, uniform
from fokkerplanck.domain.grid import Grid

MEAN = np.array([0.3, -0.2])
COV = np.array([[0.5, 0.2], [0.2, 0.3]])


def moments(rho, grid):
    """Mean and covariance of a density."""
    mean = grid.integrate(grid.x * rho)
    z = grid.x - mean.reshape(-1, *[1] * grid.dim)
    return mean, grid.integrate(z[:, None] * z * rho)


def test_gaussian_has_its_moments():
    grid = Grid([(-6, 6), (-6, 6)], 96)
    rho = gaussian(grid, MEAN, COV)
    mean, cov = moments(rho, grid)
    assert grid.integrate(rho) == pytest.approx(1, rel=1e-14)
    # The midpoint rule is spectrally accurate for a Gaussian that vanishes at the walls.
    np.testing.assert_allclose(mean, MEAN, atol=1e-12)
    np.testing.assert_allclose(cov, COV, atol=1e-12)
    z = grid.x - MEAN.reshape(2, 1, 1)
    exact = np.exp(-0.5 * np.einsum("ixy,ij,jxy->xy", z, np.linalg.inv(COV), z))
    exact /= 2 * math.pi * math.sqrt(np.linalg.det(COV))
    np.testing.assert_allclose(rho, exact, atol=1e-12)


def test_gaussian_on_a_graded_grid_to_grid_accuracy():
    errors = []
    for n in (32, 64):
        s = np.linspace(-1, 1, n + 1)
        grid = Grid([5 * s + 2 * s**3])
        mean, cov = moments(gaussian(grid, 0.5, 1.0), grid)
        errors.append(abs(cov[0, 0] - 1) + abs(mean[0] - 0.5))
        assert grid.integrate(gaussian(grid, 0.5, 1.0)) == pytest.approx(1, rel=1e-14)
    assert errors[1] < 0.02
    assert errors[0] / errors[1] > 3.5


def test_forms_of_mean_and_covariance():
    grid = Grid([(-3, 3), (-3, 3)], 24)
    full = gaussian(grid, [0.5, 0.5], [[0.4, 0], [0, 0.4]])
    for mean, cov in [(0.5, 0.4), ((0.5, 0.5), (0.4, 0.4)), (np.full(2, 0.5), np.eye(2) * 0.4)]:
        np.testing.assert_allclose(gaussian(grid, mean, cov), full, rtol=1e-14)
    line = Grid([(-3, 3)], 24)
    for mean, cov in [(0, 1), ([0], [1]), (np.zeros(1), [[1]])]:
        np.testing.assert_allclose(gaussian(line, mean, cov), gaussian(line, 0, 1), rtol=1e-14)


def test_thin_gaussian_is_one_cell():
    grid = Grid([(0, 1)], 10)
    rho = gaussian(grid, 0.35, 1e-8)
    np.testing.assert_allclose(rho, np.eye(10)[3] * 10, atol=2e-5)  # variance: 1e-8 = 1e-6 h^2


def test_uniform_on_a_graded_grid():
    grid = Grid([np.array([0, 0.1, 1, 4.0]), (0, 2)], (3, 4))
    np.testing.assert_allclose(uniform(grid), 1 / 8)


def test_histogram_counts():
    grid = Grid([np.array([0, 0.5, 2.0]), (0, 1)], (2, 2))
    points = [[0.2, 0.1], [0.3, 0.2], [1.0, 0.9], [1.9, 0.1]]
    rho = from_particles(grid, points)
    np.testing.assert_allclose(rho, np.array([[2, 0], [1, 1]]) / 4 / grid.volume)
    assert grid.integrate(rho) == pytest.approx(1)


def test_histogram_converges_to_the_density(rng):
    grid = Grid([(-4, 4), (-4, 4)], 16)
    points = rng.multivariate_normal(MEAN, COV, size=100_000)
    fine = grid.refined(4)
    exact = gaussian(fine, MEAN, COV).reshape(16, 4, 16, 4).mean(axis=(1, 3))
    error = grid.integrate(np.abs(from_particles(grid, points) - exact))
    assert error < 0.05


def test_points_are_wrapped_on_periodic_axes_only():
    grid = Grid([(-1, 3), (0, 1)], (4, 2), sides=["periodic", "reflecting"])
    points = np.array([[-0.5, 0.2], [3.5, 0.2], [-4.5, 0.2], [2.5 + 4e3, 0.2]])
    kept = points.copy()
    rho = from_particles(grid, points)
    np.testing.assert_allclose(rho[:, 0] * grid.volume, [0.75, 0, 0, 0.25])
    np.testing.assert_array_equal(points, kept)
    with pytest.raises(ValueError, match="all 1 points lie outside"):
        from_particles(grid, [[0.0, 1.2]])


def test_points_on_the_walls_are_inside():
    np.testing.assert_allclose(from_particles(Grid([(0, 1)], 2), [0.0, 0.0, 0.0, 1.0]), [1.5, 0.5])


@pytest.mark.parametrize("box", [(0, 1), (-0.1, 0.2), (0.3, 0.9), (1 / 3, 7e5)])
def test_wrapping_survives_rounding(box, rng):
    grid = Grid([box], 3, sides="periodic")
    near = np.nextafter(box[0], -np.inf), np.nextafter(box[1], np.inf), *box, -1e-20
    points = np.concatenate([near, rng.normal(scale=1e3, size=1000)])
    assert grid.integrate(from_particles(grid, points)) == pytest.approx(1)


def test_points_outside_can_be_dropped():
    grid = Grid([(0, 1)], 2)
    np.testing.assert_allclose(from_particles(grid, [0.1, 0.9, 7.0], outside="drop"), [1, 1])


def test_check_density_passes_densities_on():
    grid = Grid([(0, 1)], 4)
    rho = uniform(grid)
    np.testing.assert_array_equal(check_density(rho.tolist(), grid), rho)
    np.testing.assert_array_equal(check_density(rho * (1 + 1e-9), grid), rho * (1 + 1e-9))
    with pytest.raises(ValueError, match=r"mass 1\.0000001"):
        check_density(rho * (1 + 1e-7), grid)


@pytest.mark.parametrize("mean", [1.04, 1.05, 1.08, 0.97])
@pytest.mark.parametrize("variance", [2.6e-3, 5e-3, 9e-3, 1.1e-2, 0.02])
def test_thin_gaussians_have_their_moments(mean, variance):
    grid = fp.Grid([(0, 2)], 20)
    found = moments(fp.gaussian(grid, mean, variance), grid)
    assert found[0][0] == pytest.approx(mean, abs=1e-9)
    assert found[1][0, 0] == pytest.approx(variance, rel=1e-6)


def test_thin_gaussian_as_reported():
    grid = fp.Grid([(0, 2)], 20)
    rho = fp.gaussian(grid, 1.04, 1e-3)  # at least .01 * .09 = .0009
    mean, cov = moments(rho, grid)
    assert (mean[0], cov[0, 0]) == pytest.approx((1.04, 1e-3), abs=1e-10)
    with pytest.raises(ValueError, match=r"too thin between their centres.*point\(grid, mean\)"):
        fp.gaussian(grid, 1.04, 8e-4)
    assert fp.gaussian(grid, 1.05, 1e-9)[10] == pytest.approx(10, rel=1e-6)


def test_thin_gaussians_in_the_plane_and_around():
    grid = fp.Grid([(0, 2), (0, 3)], (20, 15), sides=["periodic", "reflecting"])
    cov = np.array([[0.006, 0.002], [0.002, 0.03]])
    mean, found = moments(fp.gaussian(grid, (1.03, 1.48), cov), grid)
    assert mean == pytest.approx((1.03, 1.48), abs=1e-9)
    np.testing.assert_allclose(found, cov, atol=1e-9)
    seam = fp.gaussian(grid, (0.0, 1.5), (0.005, 0.2))
    assert seam[0] == pytest.approx(seam[-1], rel=1e-9)
    thin_and_wide = fp.gaussian(grid, (1.03, 1.48), (0.006, 0.2))
    wide = fp.gaussian(fp.Grid([(0, 3)], 15), 1.48, 0.2)
    np.testing.assert_allclose(thin_and_wide.sum(axis=0) * 0.1, wide, rtol=1e-12)


def test_what_is_wider_than_a_cell_stays_as_it_was():
    grid = fp.Grid([(-2, 2)], 40)
    x = grid.x[0]
    plain = np.exp(-0.5 * (x - 0.33) ** 2 / 0.0101)
    found = fp.gaussian(grid, 0.33, 0.0101)
    np.testing.assert_allclose(found, plain / grid.integrate(plain), rtol=1e-12)


def test_points_keep_the_mean():
    plane = fp.Grid([(0, 1), np.linspace(0, 1, 9) ** 2], (5, 8))
    for x in ((0.3, 0.4), (0.31, 0.77), (0.5, 0.29)):
        rho = fp.point(plane, x)
        assert plane.integrate(rho) == pytest.approx(1, abs=1e-14)
        assert plane.integrate(plane.x * rho) == pytest.approx(x, abs=1e-14)
        assert np.count_nonzero(rho) <= 4
    assert fp.delta is fp.point


def test_points_at_walls_and_seams():
    line = fp.Grid([(0, 1)], 4)
    np.testing.assert_allclose(fp.point(line, 0.0), [4, 0, 0, 0])
    np.testing.assert_allclose(fp.point(line, [1.0]), [0, 0, 0, 4])
    ring = fp.Grid([(0, 1)], 4, sides="periodic")
    for x in (0.0, 1.0, -3.0):
        np.testing.assert_allclose(fp.point(ring, x), [2, 0, 0, 2], atol=1e-12)
    graded = fp.Grid([[0, 0.2, 0.5, 1]], sides="periodic")  # centres .1, .35, .75; gap .35
    mass = fp.point(graded, 0.95) * graded.volumes
    np.testing.assert_allclose(mass, [0.2 / 0.35, 0, 0.15 / 0.35], atol=1e-12)
    for x in (1.1, [0.1, 0.2], np.nan, "a"):
        with pytest.raises(ValueError, match="x"):
            fp.point(line, x)


def test_symmetric_up_to_rounding():
    grid = fp.Grid([(-3, 3), (-3, 3)], 12)
    cov = np.array([[1.0, 0.3], [0.3 + 1e-16, 1.0]])
    cov[1, 0] = np.nextafter(0.3, 1)
    np.testing.assert_allclose(fp.gaussian(grid, 0, cov), fp.gaussian(grid, 0, cov.T), rtol=1e-13)
    with pytest.raises(ValueError, match="not symmetric"):
        fp.gaussian(grid, 0, [[1, 0.3], [0.3001, 1]])


def test_particles_in_any_shape():
    plane = Grid([(0, 1), (0, 1)], 2)
    cloud = np.array([[0.2, 0.2], [0.2, 0.7], [0.7, 0.7], [0.6, 0.9]])
    right = from_particles(plane, cloud)
    np.testing.assert_array_equal(from_particles(plane, cloud.reshape(2, 2, 2)), right)
    np.testing.assert_array_equal(from_particles(plane, [0.2, 0.7]), [[0, 4], [0, 0]])
    np.testing.assert_array_equal(from_particles(Grid([(0, 1)], 2), 0.7), [0, 2])


@pytest.mark.parametrize("variance", [0.001, 0.0026, 0.01])
def test_gaussians_go_around_rings(variance):
    """The same wherever on the ring the mean is, thinner than a cell or not."""
    ring = fp.Grid([(0, 1)], 20, "periodic")
    middle = fp.gaussian(ring, 0.525, variance)
    for by in (-11, -10, 9, 30):
        np.testing.assert_allclose(
            fp.gaussian(ring, 0.525 + by / 20, variance), np.roll(middle, by), atol=1e-11
        )


def test_gaussians_beyond_the_walls():
    """Accepted as long as there is mass to speak of inside: up to five standard deviations."""
    grid = fp.Grid([(-2, 2), (-1, 1)], (40, 20))
    near = fp.gaussian(grid, (2 + 4.9 * 0.1, 0), 0.01)
    assert grid.integrate(near) == pytest.approx(1, rel=1e-13)
    assert near.reshape(40, 20)[-1].sum() * grid.volumes[-1, 0] > 0.9
    for mean, said in (
        ((2 + 5.1 * 0.1, 0), "5.1 standard deviations outside of the box .* along x"),
        ((0, -1 - 22 * 0.1), "22 standard deviations outside of the box .* along y"),
    ):
        with pytest.raises(ValueError, match=said):
            fp.gaussian(grid, mean, 0.01)
    # What counts is the deviation along the axis, and around rings there is no outside.
    tilted = [[0.01, 0.012], [0.012, 0.02]]
    with pytest.raises(ValueError, match=r"7\.07 standard deviations"):
        fp.gaussian(grid, (0, 2), tilted)
    ring = fp.Grid([(0, 1)], 20, "periodic")
    np.testing.assert_allclose(
        fp.gaussian(ring, 22.5, 0.01), fp.gaussian(ring, 0.5, 0.01), rtol=1e-9
    )
