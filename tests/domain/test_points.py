"""Points as a person gives them, and values of a field there."""

import numpy as np
import pytest

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.points import one_point, points_of, values_at

LINE = Grid([(-1, 1)], 8)
PLANE = Grid([(-1, 1), (0, 3)], (8, 6), sides=["periodic", "reflecting"])
SPACE = Grid([(0, 1)] * 3, 4)


@pytest.mark.parametrize(
    ("grid", "given", "shape"),
    [
        (LINE, (0.1,), (1,)),
        (LINE, (np.float32(0.5),), (1,)),
        (LINE, (np.array(0.5),), (1,)),
        (LINE, ([0.1],), (1,)),
        (LINE, ((0.1,),), (1,)),
        (LINE, ([0.1, 0.2, 0.3],), (3, 1)),
        (LINE, ([[0.1], [0.2]],), (2, 1)),
        (LINE, (np.zeros((2, 3)),), (2, 3, 1)),
        (PLANE, (0.1, 0.2), (2,)),
        (PLANE, ([0.1, 0.2],), (2,)),
        (PLANE, (np.zeros((5, 2)),), (5, 2)),
        (PLANE, (np.zeros((4, 5, 2)),), (4, 5, 2)),
        (PLANE, ([0.1, 0.2, 0.3], [1, 2, 3]), (3, 2)),
        (PLANE, ([0.1, 0.2, 0.3], 1), (3, 2)),
        (SPACE, (0, 0, 1), (3,)),
        (SPACE, (np.full((2, 3), 0.5),), (2, 3)),
    ],
)
def test_what_a_point_may_be(grid, given, shape):
    points = points_of(grid, *given)
    assert points.shape == shape
    assert points.dtype == float
    if len(given) == 1:
        np.testing.assert_array_equal(points.ravel(), np.ravel(given[0]))
    else:
        for k, u in enumerate(given):
            np.testing.assert_array_equal(points[..., k], np.broadcast_to(u, shape[:-1]))


@pytest.mark.parametrize(
    ("grid", "given", "words"),
    [
        (LINE, (0.1, 0.2), r"the point has 2 coordinates, expected 1; give a number$"),
        (PLANE, (0.1,), r"the point has 1 coordinates, expected 2; give 2 numbers$"),
        (PLANE, ([0.1, 0.2, 0.3],), r"the point has 3 coordinates, expected 2"),
        (PLANE, (np.zeros((2, 3)),), r"the point has shape \(2, 3\), expected 2"),
        (PLANE, ([0.1, 0.2], [1, 2, 3]), r"axes of shapes \(2,\), \(3,\); give arrays of one"),
        (LINE, (2,), r"the point 2.0 is outside of the box; its axis 0 runs from -1 to 1$"),
        (PLANE, (0, 4), r"the point \(0.0, 4.0\) is outside of the box; its axis 1 runs from 0"),
        (PLANE, ([[0, 0], [0, -1]],), r"the point \(0.0, -1.0\) is outside"),
        (PLANE, (np.inf, 0), r"the point \(inf, 0.0\) is not finite"),
        (LINE, (np.nan,), r"the point nan is not finite"),
        (LINE, ("here",), r"the point is 'here'; give a number"),
        (LINE, (None,), r"the point is None; give a number"),
        (PLANE, (1j, 0), r"axis 0 of the point is complex; give numbers"),
        (LINE, (), r"the point has 0 coordinates, expected 1"),
    ],
)
def test_what_is_no_point_is_told_in_one_sentence(grid, given, words):
    with pytest.raises(ValueError, match=words):
        points_of(grid, *given)


def test_one_point_is_one():
    assert one_point(LINE, 0.5).shape == (1,)
    with pytest.raises(ValueError, match=r"minimum has shape \(2,\); give one point, a number"):
        one_point(LINE, [0.1, 0.2], "minimum")


def test_periodic_axes_are_wrapped_and_what_came_is_kept():
    given = np.array([[1.5, 1.0], [-3.25, 2.0]])
    kept = given.copy()
    np.testing.assert_allclose(points_of(PLANE, given), [[-0.5, 1], [0.75, 2]])
    np.testing.assert_array_equal(given, kept)


def test_values_are_linear_and_go_on_across_a_ring():
    u = 1 + 0 * PLANE.x[0] + 2 * PLANE.x[1]
    found = values_at(PLANE, u, points_of(PLANE, [[0.99, 1.1], [-0.3, 0.0]]))
    np.testing.assert_allclose(found, [3.2, 1.5])  # constant in the outer half cell below .25
    ring = np.cos(np.pi * PLANE.x[0])
    middle = 0.5 * (ring[0, 0] + ring[-1, 0])  # at the seam
    np.testing.assert_allclose(values_at(PLANE, ring, points_of(PLANE, 1.0, 1.0)), middle)
    np.testing.assert_allclose(values_at(PLANE, ring, points_of(PLANE, -1.0, 1.0)), middle)


def test_graded_axes():
    grid = Grid([np.array([0.0, 1.0, 3.0, 7.0])])
    np.testing.assert_allclose(values_at(grid, 3 * grid.x[0], points_of(grid, [1.0, 4.0])), [3, 12])
