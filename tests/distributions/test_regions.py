"""Quantiles, modes, peaks with their basins, regions of highest density."""

import numpy as np
import pytest
from scipy.special import ndtri

import fokkerplanck as fp


def test_exponential_quantiles():
    """Exact masses of cells: -log(1 - q) at the faces to rounding, between them to h^2 / 8."""
    line = fp.Grid([np.linspace(0, 1, 101) ** 1.5 * 20])
    F = line.faces[0]
    rho = -np.diff(np.exp(-F)) / line.widths[0]
    total = 1 - np.exp(-20.0)
    levels = (1 - np.exp(-F[:60])) / total
    np.testing.assert_allclose(fp.quantile(rho, line, levels), F[:60], rtol=1e-10, atol=1e-13)
    q = np.array([0.1, 0.5, 0.9])
    found = fp.quantile(rho, line, q)
    np.testing.assert_allclose(found, -np.log(1 - q * total), atol=line.widths[0].max() ** 2 / 8)


def test_quantiles_of_marginals_and_ends_of_supports():
    plane = fp.Grid([(-8, 8), (-4, 4)], (400, 30))
    rho = fp.gaussian(plane, (0.3, 0), [[1, 0.2], [0.2, 0.3]])
    q = np.array([[0.025], [0.5]])
    assert fp.quantile(rho, plane, q, axis="x").shape == (2, 1)
    np.testing.assert_allclose(fp.quantile(rho, plane, q, "x"), 0.3 + ndtri(q), atol=1e-3)
    line = fp.Grid([(0, 5)], 5)
    gap = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    assert fp.quantile(gap, line, [0, 0.5, 1]).tolist() == [1, 2, 4]
    assert fp.quantile(gap, line, 0.5 + 1e-12) == pytest.approx(3, abs=1e-9)
    tail = np.array([1.0, 1e-30, 1e-40, 1e-50, 0.0])
    assert fp.quantile(tail, line, 1) == 4


def test_quantiles_with_atoms():
    line = fp.Grid([(0, 1)], 4)
    rho = np.array([2.8, 0.4, 0.4, 0.4])
    atoms = {fp.sets.side("x", "lower"): 0.6}
    found = fp.quantile(rho, line, [0, 0.3, 0.6, 0.65, 0.9, 1], atoms=atoms)
    np.testing.assert_allclose(found, [0, 0, 0, 0.125, 0.75, 1], atol=1e-12)
    upper = {fp.sets.side("x", "upper"): 0.6}
    found = fp.quantile(rho[::-1], line, [0.1, 0.39, 0.41, 1], atoms=upper)
    np.testing.assert_allclose(found, [0.25, 0.975, 1, 1], atol=1e-12)


def test_peaks_of_two_wells_and_their_masses():
    grid = fp.Grid([(-4, 4), (-3, 3)], (80, 60))
    narrow = [[0.05, 0.04], [0.04, 0.05]]  # a ridge along the diagonal
    rho = 0.3 * fp.gaussian(grid, (-1.95, 0.05), narrow)
    rho = rho + 0.7 * fp.gaussian(grid, (1.05, -0.05), 0.1)
    found = fp.peaks(rho, grid, depth=0.1)
    np.testing.assert_allclose(found.places, [[-1.95, 0.05], [1.05, -0.05]], atol=1e-12)
    np.testing.assert_allclose(found.masses, [0.3, 0.7], atol=1e-6)
    assert found.densities.tolist() == [rho.max(), rho[40:].max()]
    assert found.masses.sum() == pytest.approx(1, abs=1e-14)
    assert found.basin.shape == grid.shape
    assert set(np.unique(found.basin)) == {0, 1}
    np.testing.assert_allclose(fp.mode(rho, grid), [-1.95, 0.05], atol=1e-12)


def test_depth_of_peaks():
    line = fp.Grid([(0, 5)], 5)
    rho = np.array([1.0, 0.5, 0.8, 0.1, 0.9])  # saddles: log(.8/.5) = .47, log(.9/.1) = 2.2
    assert fp.peaks(rho, line).places.ravel().tolist() == [0.5, 4.5, 2.5]
    assert fp.peaks(rho, line).masses.tolist() == pytest.approx([1.5, 1.0, 0.8])
    found = fp.peaks(rho, line, depth=0.5)
    assert found.places.ravel().tolist() == [0.5, 4.5]
    assert found.basin.tolist() == [0, 0, 0, 1, 1]
    assert fp.peaks(rho, line, depth=2.5).places.ravel().tolist() == [0.5]
    ring = fp.Grid([(0, 5)], 5, "periodic")  # the first and the last are neighbours
    assert fp.peaks(rho, ring).places.ravel().tolist() == [0.5, 2.5]


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_flat_densities_have_one_peak(sides):
    grid = fp.Grid([(0, 1), (0, 1)], 6, sides)
    rho = np.ones(grid.shape)
    rho[2:4, 2:4] = 0.5  # a plateau that no cell is convex in
    assert len(fp.peaks(rho, grid).masses) == 1
    assert len(fp.peaks(np.eye(6), grid).masses) == 1
    rho[0, 0] = 2
    assert fp.peaks(rho, grid).masses.tolist() == pytest.approx([(32 - 1 + 2 + 2) / 36])


def test_credible_region_of_a_gaussian():
    grid = fp.Grid([(-8, 8), (-8, 8)], 200)
    rho = fp.gaussian(grid, 0, 1)
    region = fp.credible_region(rho, grid, 0.9)
    r2 = -2 * np.log(0.1)
    # Of 2260 cells in a circle, a few rings of 8 to 32 equal ones more or less.
    assert region.volume == pytest.approx(np.pi * r2, rel=1.5e-2)
    inner = rho[rho > region.density * (1 + 1e-9)].sum() * grid.volume
    assert inner < 0.9 <= region.mass  # none of it could be left out
    assert region.density == pytest.approx(0.1 / (2 * np.pi), rel=0.02)
    for axis in (0, 1):  # mirror images are equal to rounding, and are in it together
        np.testing.assert_array_equal(region.mask, np.flip(region.mask, axis))


def test_ties_go_together():
    line = fp.Grid([(0, 5)], 5)
    rho = np.array([0.1, 0.2, 0.4, 0.2 * (1 + 1e-15), 0.1])
    assert fp.credible_region(rho, line, 0.4).mask.tolist() == [False, False, True, False, False]
    found = fp.credible_region(rho, line, 0.5)
    assert found.mask.tolist() == [False, True, True, True, False]
    assert found.mass == pytest.approx(0.8)
    assert fp.credible_region(rho, line, 0.81).mask.all()
    assert fp.credible_region(fp.uniform(line), line, 0.01).mask.all()
    graded = fp.Grid([[0, 1, 1.5, 4]])
    found = fp.credible_region(np.array([1.0, 3.0, 0.5]), graded, 0.6)
    assert found.mask.tolist() == [True, True, False]
    assert found.volume == 1.5


def test_wrong_levels():
    grid = fp.Grid([(0, 1), (0, 1)], 4)
    rho = fp.uniform(grid)
    for level in (0, 1, -0.1, 2):
        with pytest.raises(ValueError, match=r"level is .*; give a number in \(0, 1\)"):
            fp.credible_region(rho, grid, level)
    with pytest.raises(ValueError, match=r"q has 1.5; give levels in \[0, 1\]"):
        fp.quantile(rho, grid, [0.5, 1.5], "x")
    with pytest.raises(ValueError, match="axis is missing; say of which of x, y"):
        fp.quantile(rho, grid, 0.5)
    with pytest.raises(ValueError, match="axis has 2"):
        fp.quantile(rho, grid, 0.5, 2)
    with pytest.raises(ValueError, match="give one axis"):
        fp.quantile(rho, grid, 0.5, [0, 1])
    with pytest.raises(ValueError, match="give one density"):
        fp.peaks(np.stack([rho, rho]), grid)
    with pytest.raises(ValueError, match="depth is -1"):
        fp.peaks(rho, grid, -1)
