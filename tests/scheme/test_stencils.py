"""Formulas along an axis: exact for the polynomials they should be exact for, and no others."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.stencils import (
    GAUSS_NODE,
    LEAST_CELLS,
    Axis,
    quadrature_weights,
    stencils,
)

N = 9
CENTRES, FACES = np.arange(N) + 0.5, np.arange(1.0, N)


def wave(x, order=0):
    """Three waves around a ring of N cells, and derivatives."""
    k = 2 * np.pi / N
    return [np.sin(k * x + 0.3), k * np.cos(k * x + 0.3)][order]


@pytest.mark.parametrize(
    ("name", "points", "order", "degree"),
    [
        ("face_value", FACES, 0, 3),
        ("face_slope", FACES, 1, 4),
        ("slope", CENTRES, 1, 4),
        ("edge_value", np.arange(N + 1.0), 0, 3),
    ],
)
def test_cells_to_faces_and_slopes(name, points, order, degree):
    matrix = getattr(Axis(N, False), name)
    for p in range(degree + 1):
        power = np.polynomial.Polynomial.basis(p)
        expected = (power.deriv(order) if order else power)(points)
        np.testing.assert_allclose(matrix @ power(CENTRES), expected, rtol=1e-11, atol=1e-9)
    beyond = np.polynomial.Polynomial.basis(degree + 1)
    expected = (beyond.deriv(order) if order else beyond)(points)
    assert np.abs(matrix @ beyond(CENTRES) - expected).max() > 1e-3


def test_faces_to_cells_know_that_walls_carry_nothing():
    axis = Axis(N, False)
    for p in range(2):
        u = np.polynomial.Polynomial([0, N, -1]) * np.polynomial.Polynomial.basis(p)
        np.testing.assert_allclose(axis.cell_value @ u(FACES), u(CENTRES), atol=1e-9)
        np.testing.assert_allclose(axis.cell_slope @ u(FACES), u.deriv()(CENTRES), atol=1e-9)
        edges = u(np.arange(N + 1.0))
        np.testing.assert_allclose(axis.from_edges @ edges, u(CENTRES), atol=1e-9)
    assert np.abs(axis.cell_value @ np.ones(N - 1) - 1).max() > 0.1


@pytest.mark.parametrize("periodic", [False, True])
def test_gauss_nodes_are_reached_by_parabolas(periodic):
    axis = Axis(N, periodic)
    inner = slice(1, -1) if periodic else slice(None)
    u = np.polynomial.Polynomial([1.0, -2.0, 0.7])
    for name, sign in (("behind", -1), ("ahead", 1)):
        expected = u(CENTRES + sign * GAUSS_NODE) - u(CENTRES)
        np.testing.assert_allclose(
            (getattr(axis, name) @ u(CENTRES))[inner], expected[inner], atol=1e-11
        )


def test_rings_wrap():
    axis, upper = Axis(N, True), np.arange(1.0, N + 1)
    for name, points, source, order in [
        ("face_value", upper, CENTRES, 0), ("face_slope", upper, CENTRES, 1),
        ("slope", CENTRES, CENTRES, 1), ("cell_value", CENTRES, upper, 0),
        ("cell_slope", CENTRES, upper, 1), ("edge_value", np.arange(N + 1.0), CENTRES, 0),
        ("from_edges", CENTRES, np.arange(N + 1.0), 0),
    ]:  # fmt: skip
        error = getattr(axis, name) @ wave(source) - wave(points, order)
        assert np.abs(error).max() < 0.02
        # Every cell is like every other: errors are those of one shifted wave.
        shifted = getattr(axis, name) @ wave(source - 1) - wave(points - 1, order)
        assert abs(np.ptp(error) - np.ptp(shifted)) < 0.01


def test_axes_of_arrays():
    u = np.arange(2.0 * N * 3).reshape(2, N, 3) ** 2
    axis = Axis(N, False)
    expected = np.einsum("fn,anb->afb", axis.face_slope.toarray(), u)
    np.testing.assert_allclose(axis.apply("face_slope", u, 1), expected, atol=1e-9)


def test_the_least_number_of_cells_is_enough():
    axis = Axis(LEAST_CELLS, False)
    x = np.arange(LEAST_CELLS) + 0.5
    np.testing.assert_allclose(axis.slope @ x**4, 4 * x**3, atol=1e-8)
    fewer = stencils(LEAST_CELLS - 1, x[:-1] - 0.5, 5, 1, False) @ x[:-1]
    assert np.abs(fewer - 1).max() > 0.1  # slopes of x, wrapped around the end


@pytest.mark.parametrize("n", [6, 7, 12])
def test_quadrature_is_exact_for_cubics(n):
    grid = fp.Grid([(0.0, 2.0), (-1.0, 1.0)], n)
    weights = quadrature_weights(grid)
    assert weights.min() > 0
    x, y = grid.x
    for p in range(4):
        for q in range(4):
            exact = 2 ** (p + 1) / (p + 1) * (1 - (-1) ** (q + 1)) / (q + 1)
            assert grid.integrate(weights * x**p * y**q) == pytest.approx(exact, abs=1e-12)
    assert abs(grid.integrate(x**2) - 16 / 3) > 1e-3  # the plain midpoint rule is not


def test_quadrature_leaves_periodic_axes_alone():
    assert np.all(quadrature_weights(fp.Grid([(0, 1)] * 2, 8, "periodic")) == 1)
