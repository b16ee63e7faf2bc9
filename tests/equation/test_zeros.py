"""Zeros of vector fields against closed forms, with their kinds; curves of zeros do not hang it."""

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain import fields
from fokkerplanck.equation.zeros import CriticalPoint, critical_points
from tests.convergence.rates import assert_rate

PLANE = fp.Grid([(-2, 2), (-2, 2)], 32)


def kinds(points):
    return [point.kind for point in points]


def places(points):
    return np.array([point.x for point in points])


@pytest.mark.parametrize(
    ("lam", "kind", "eigenvalues"),
    [(0.5, "stable node", (-1.2164979, -1.0474054)), (0.7, "stable spiral", None)],
)
def test_example_19_has_three_zeros_below_its_critical_circulation(lam, kind, eigenvalues):
    exact = fp.zoo.example_19(lam)
    points = critical_points(exact.g, exact.build(32).grid)
    assert kinds(points) == [kind, "saddle", kind]
    expected = exact.points["zeros_of_g"]
    np.testing.assert_allclose(places(points), expected[np.argsort(expected[:, 0])], atol=1e-8)
    if eigenvalues:
        np.testing.assert_allclose(points[0].eigenvalues, eigenvalues, atol=1e-7)


def test_example_19_has_one_centre_beyond():
    exact = fp.zoo.example_19(1.5)
    (point,) = critical_points(exact.g, exact.build(32).grid)
    assert point.kind == "centre"
    assert not point.is_stable
    np.testing.assert_allclose(point.x, 0, atol=1e-12)
    period = 2 * math.pi / math.sqrt(1.5**2 * math.sqrt(math.e) - 1)
    assert 2 * math.pi / point.eigenvalues[1].imag == pytest.approx(period, rel=1e-8)


def test_arrays_converge_to_the_zero_of_the_function():
    """At order 4. The zero stays on a corner of cells, since the error depends on where it is."""
    errors, sizes = [], (16, 32, 64)
    for n in sizes:
        grid = fp.Grid([(-2, 2), (-2, 2)], n)
        x, y = grid.x
        points = critical_points(np.stack([np.exp(x - 0.5) - np.cos(y), np.sin(y)]), grid)
        assert kinds(points) == ["stable node"]
        errors.append(np.abs(points[0].x - [0.5, 0]).max())
    assert_rate([4 / n for n in sizes], errors, order=4, cap=1e-6)


def test_two_wells_of_a_loss():
    def g(x, y):
        return x**3 - x + y / 2, y + x / 2

    points = critical_points(g, fp.Grid([(-3, 3), (-3, 3)], 30))
    root = math.sqrt(1.25)
    assert kinds(points) == ["stable node", "saddle", "stable node"]
    expected = [(-root, root / 2), (0, 0), (root, -root / 2)]
    np.testing.assert_allclose(places(points), expected, atol=1e-9)


def test_a_critical_ring_is_reported_as_degenerate_points_on_it():
    kT, a, c = 0.1, 0.5, 1.0
    exact = fp.zoo.ring(kT, a, c)
    grid = exact.build(64).grid
    for field in (exact.g, exact.build(64).g):
        points = critical_points(field, grid)
        ring = [point for point in points if point.kind == "degenerate"]
        middle = [point for point in points if point.kind != "degenerate"]
        assert kinds(middle) == ["unstable node"]
        radii = np.hypot(*places(ring).T)
        np.testing.assert_allclose(radii, math.sqrt((1 - kT * a) / (1 + kT * c**2)), atol=2e-6)
        angles = np.sort(np.arctan2(*places(ring).T))
        assert np.diff(angles).max() < 3 * max(grid.h) / radii.min()


def test_lines_of_zeros_in_space_are_degenerate():
    grid = fp.Grid([(-1, 1)] * 3, 8)
    points = critical_points(lambda x, y, z: (x, y, 0 * z), grid)
    assert set(kinds(points)) == {"degenerate"}
    np.testing.assert_allclose(places(points)[:, :2], 0, atol=1e-9)


def test_kinds_in_one_and_three_dimensions():
    line = critical_points(lambda x: x**3 - x, fp.Grid([(-2, 2)], 33))
    assert kinds(line) == ["stable node", "unstable node", "stable node"]
    space = fp.Grid([(-1, 1)] * 3, 9)

    def turning(sign):
        return lambda x, y, z: (x - 2 * y, 2 * x + y, sign * z)

    assert kinds(critical_points(turning(1), space)) == ["stable spiral"]
    assert kinds(critical_points(turning(-1), space)) == ["spiral saddle"]
    up = critical_points(lambda x, y, z: (-x, -2 * y, -3 * z), space)
    assert kinds(up) == ["unstable node"]
    np.testing.assert_allclose(up[0].eigenvalues, [1, 2, 3], rtol=1e-8)


def test_periodic_axes_count_the_seam_once():
    ring = fp.Grid([(0, 2 * np.pi)], 32, sides="periodic")
    for field in (lambda x: -np.sin(x), -np.sin(ring.x[0])):
        points = critical_points(field, ring)
        assert kinds(points) == ["unstable node", "stable node"]
        np.testing.assert_allclose(places(points)[:, 0], [0, np.pi], atol=1e-5)


def test_graded_axes_and_zeros_next_to_a_wall():
    faces = np.concatenate([[0.0], np.geomspace(0.01, 4, 60)])
    for field in (lambda x: np.log(x + 1) - 0.5, lambda x: x - 0.003):
        (point,) = critical_points(field, fp.Grid([faces]))
        assert point.kind == "stable node"
        assert abs(field(point.x[0])) < 1e-10


def test_no_zeros():
    assert critical_points(lambda x, y: (1 + x**2, y), PLANE) == ()
    assert critical_points(np.ones((2, 32, 32)), PLANE) == ()


def test_zeros_of_the_steady_potential():
    exact = fp.zoo.example_19(0.7)
    steady = fp.steady_state(exact.build(96))
    grad = np.stack([fields.difference(steady.Phi, steady.grid, k) for k in range(2)])
    inside = [p for p in critical_points(grad, steady.grid) if np.abs(p.x).max() < 2]
    assert kinds(inside) == ["stable node", "saddle", "stable node"]
    np.testing.assert_allclose(places(inside)[:, 0], [-1, 0, 1], atol=0.01)


def test_repr_and_read_only():
    point = critical_points(lambda x: x - 0.5, fp.Grid([(0, 2)], 8))[0]
    assert repr(point) == "CriticalPoint(stable node at (0.5))"
    assert isinstance(point, CriticalPoint)
    with pytest.raises(ValueError, match="read-only"):
        point.x[0] = 1


@pytest.mark.parametrize(
    ("field", "grid", "message"),
    [
        (np.ones((3, 32, 32)), PLANE, "2-dimensional"),
        (lambda x, y: (np.nan * x, y), PLANE, "nan"),
        (lambda x, y: (0 * x, 0 * y), PLANE, "zero everywhere"),
        (lambda x: x, fp.Grid([(0, 1)], 3), "at least 4 cells"),
        ("x", PLANE, "v is 'x'"),
        (lambda x: x, "grid", "give a Grid"),
    ],
)
def test_bad_input(field, grid, message):
    with pytest.raises(ValueError, match=message):
        critical_points(field, grid)
