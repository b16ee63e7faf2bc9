"""Densities at points: masses of cells, signs, continuity, order, gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fokkerplanck as fp

GAUSS = np.polynomial.legendre.leggauss(3)  # exact for the parabolas of each axis

GRIDS = {
    "line": fp.Grid([(-1, 2)], 9),
    "two cells": fp.Grid([(0, 1)], 2),
    "ring of three": fp.Grid([(0, 1)], 3, "periodic"),
    "graded": fp.Grid([[0, 0.1, 0.3, 1, 1.2, 3, 3.1]]),
    "graded ring": fp.Grid([[0, 0.1, 0.3, 1, 1.2, 3, 3.1]], sides="periodic"),
    "plane": fp.Grid([[0, 0.1, 0.3, 1], (0, 2)], (3, 7), ["reflecting", "periodic"]),
    "space": fp.Grid([(0, 1), [0, 1, 3], (0, 2)], (4, 2, 5), ["periodic", *["reflecting"] * 2]),
}


def cell_integrals(rho, grid):
    """Integrals over the cells of what ``at`` gives, by Gauss's rule."""
    s, w = 0.5 * (1 + GAUSS[0]), 0.5 * GAUSS[1]
    axes = [F[:-1, None] + h[:, None] * s for F, h in zip(grid.faces, grid.widths, strict=True)]
    points = np.stack(np.meshgrid(*(a.ravel() for a in axes), indexing="ij"), axis=-1)
    values = fp.at(rho, grid, points)
    for k, n in enumerate(grid.shape):
        parts = np.moveaxis(values, k, -1)
        parts = parts.reshape(*parts.shape[:-1], n, 3) @ w
        values = np.moveaxis(parts, -1, k)
    return values * grid.volumes, points


def wild(grid, rng):
    """Densities over forty orders of magnitude, with empty cells."""
    rho = 10.0 ** rng.uniform(-40, 0, grid.shape)
    return np.where(rng.random(grid.shape) < 0.2, 0.0, rho)


@pytest.mark.parametrize("name", GRIDS)
def test_every_cell_keeps_its_mass_and_nothing_is_negative(name, rng):
    grid = GRIDS[name]
    for rho in (rng.random(grid.shape), wild(grid, rng), np.ones(grid.shape)):
        found, points = cell_integrals(rho, grid)
        np.testing.assert_allclose(found, rho * grid.volumes, rtol=1e-12, atol=1e-300)
        assert fp.at(rho, grid, points).min() >= 0
    np.testing.assert_allclose(fp.at(np.ones(grid.shape), grid, points), 1, rtol=1e-13)
    assert np.abs(fp.gradient_at(np.ones(grid.shape), grid, points)).max() < 1e-11


@settings(max_examples=40, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=6, max_size=6), s=st.floats(0, 1))
def test_positive_whatever_the_masses_are(p, s):
    for name in ("graded", "graded ring"):
        grid = GRIDS[name]
        rho, x = np.array(p), grid.faces[0][:-1] + s * grid.widths[0]
        assert fp.at(rho, grid, x).min() >= 0
        assert (fp.at(rho + 1e-3, grid, x) > 0).all()


@pytest.mark.parametrize("name", ["line", "graded", "graded ring", "plane", "space"])
def test_continuous_across_faces_and_seams(name, rng):
    grid = GRIDS[name]
    rho = rng.random(grid.shape)
    inside = np.array([lo + 0.37 * (hi - lo) for lo, hi in grid.box])
    for k, F in enumerate(grid.faces):
        faces = F if grid.periodic[k] else F[1:-1]
        for face in faces:
            points = np.tile(inside, (2, 1))
            points[:, k] = face - 1e-9, face + 1e-9
            a, b = fp.at(
                rho, grid, points if grid.periodic[k] else np.clip(points, *np.transpose(grid.box))
            )
            assert abs(a - b) < 1e-6


def test_linear_between_centres_has_neither():
    """Counterexample: the usual interpolation loses the masses of cells."""
    grid = GRIDS["line"]
    rho = np.array([0, 0, 0, 0, 1.0, 0, 0, 0, 0])
    s = np.linspace(0, 1, 2001)[:-1] + 1 / 4000
    points = grid.faces[0][4] + grid.widths[0][4] * s
    linear = np.interp(points, grid.centers[0], rho).mean()
    assert abs(linear - 1) > 0.2
    assert fp.at(rho, grid, points).mean() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dim", [1, 2])
def test_order_of_values_and_gradients(dim, rng):
    """Cell means of a product of cosines, also at its maxima, which are kept."""
    points = rng.random((400, dim)) * 2
    exact = np.prod(1 + 0.5 * np.cos(np.pi * points), axis=1)
    slope = (
        -0.5
        * np.pi
        * np.sin(np.pi * points[:, 0])
        * exact
        / (1 + 0.5 * np.cos(np.pi * points[:, 0]))
    )
    errors = []
    for n in (16, 32, 64):
        grid = fp.Grid([(0, 2)] * dim, n, "periodic")
        rho = np.ones(grid.shape)
        for k, F in enumerate(grid.faces):
            mean = 1 + 0.5 * np.diff(np.sin(np.pi * F)) / np.pi / grid.widths[k]
            rho = rho * mean.reshape([-1 if j == k else 1 for j in range(dim)])
        found, gradient = fp.at(rho, grid, points), fp.gradient_at(rho, grid, points)[:, 0]
        errors.append([np.abs(found - exact).max(), np.abs(gradient - slope).max()])
    errors = np.array(errors)
    orders = np.log2(errors[:-1] / errors[1:])
    assert (orders[:, 0] > 2.5).all(), orders
    assert (orders[:, 1] > 1.6).all(), orders
    assert errors[-1, 0] < 1e-4
    assert errors[-1, 1] < 1e-2


@pytest.mark.parametrize("name", ["line", "graded ring", "plane", "space"])
def test_gradients_are_those_of_the_interpolant(name, rng):
    grid = GRIDS[name]
    rho = rng.random(grid.shape) ** 2  # some faces are held by their bounds
    lo, hi = np.transpose(grid.box)
    points = lo + (hi - lo) * rng.uniform(0.001, 0.999, (50, grid.dim))
    gradient = fp.gradient_at(rho, grid, points)
    far = np.ones(50, bool)  # from faces
    for k, F in enumerate(grid.faces):
        far &= np.abs(points[:, k, None] - F).min(axis=1) > 1e-5
    assert far.sum() > 40
    for k in range(grid.dim):
        step = np.zeros(grid.dim)
        step[k] = 1e-6
        quotient = (fp.at(rho, grid, points + step) - fp.at(rho, grid, points - step)) / 2e-6
        close = np.abs(quotient - gradient[:, k]) < 1e-5 * (1 + np.abs(quotient))
        # Where a bound begins to hold between the two points the quotient is of both sides.
        assert close[far].sum() >= far.sum() - 1


def test_points_in_any_form_and_outside():
    grid = GRIDS["plane"]
    rho = fp.uniform(grid)
    assert fp.at(rho, grid, (0.5, -0.3)) == pytest.approx(0.5)
    assert fp.at(rho, grid, np.zeros((2, 3, 2))).shape == (2, 3)
    assert fp.gradient_at(rho, grid, (0.5, 0.3)).shape == (2,)
    with pytest.raises(ValueError, match=r"points \(1.5, 0.5\) is outside of the box"):
        fp.at(rho, grid, (1.5, 0.5))
    with pytest.raises(ValueError, match="rho is negative in 21 of 21 cells"):
        fp.at(-rho, grid, (0.5, 0.5))


@pytest.mark.parametrize("exponent", [-300, 300])
@pytest.mark.parametrize("name", ["line", "graded ring", "plane"])
def test_units_of_length_change_no_bit(name, exponent, rng):
    """Powers of two are exact, so that all numbers are those of the box in other units."""
    grid, unit = GRIDS[name], 2.0**exponent
    scaled = fp.Grid([F * unit for F in grid.faces], sides=grid.sides)
    rho = rng.random(grid.shape)
    points = fp.sample(rho, grid, 50, rng=1)
    np.testing.assert_array_equal(
        fp.at(rho, scaled, points * unit), fp.at(rho, grid, points), strict=True
    )
    np.testing.assert_array_equal(
        fp.gradient_at(rho, scaled, points * unit) * unit, fp.gradient_at(rho, grid, points)
    )
    drawn = [fp.sample(rho, g, 50, rng=2, within="interpolant") for g in (scaled, grid)]
    np.testing.assert_array_equal(drawn[0], drawn[1] * unit)
