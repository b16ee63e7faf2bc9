"""Grids: cells, faces, sides, integration, refinement, text."""

import math

import numpy as np
import pytest

from fokkerplanck.domain.arguments import describe, positive_number, real_array
from fokkerplanck.domain.grid import Grid

BOXES = [
    ([(-1, 2)], 6),
    ([(-1, 2), (0, 1)], (6, 4)),
    ([(-1, 2), (0, 1), (5, 5.5)], (6, 4, 3)),
]
FACES = np.array([0.0, 0.1, 0.4, 1.0, 2.5])


@pytest.mark.parametrize(("box", "shape"), BOXES)
def test_cells_fill_the_box(box, shape):
    grid = Grid(box, shape)
    d = len(box)
    assert grid.dim == d
    assert grid.shape == ((shape,) if np.ndim(shape) == 0 else shape)
    assert grid.size == math.prod(grid.shape)
    assert grid.box == tuple((float(lo), float(hi)) for lo, hi in box)
    assert grid.is_uniform
    for k, (lo, hi) in enumerate(box):
        n = grid.shape[k]
        assert grid.h[k] == pytest.approx((hi - lo) / n, rel=1e-15)
        np.testing.assert_allclose(grid.faces[k], lo + (hi - lo) * np.arange(n + 1) / n, atol=1e-15)
        np.testing.assert_allclose(grid.centers[k], lo + grid.h[k] * (np.arange(n) + 0.5))
    assert isinstance(grid.volume, float)
    assert grid.volume * grid.size == pytest.approx(math.prod(hi - lo for lo, hi in box))


def test_positions_are_indexed_ij():
    grid = Grid([(0, 1), (0, 3)], (2, 3))
    x, y = grid.x
    assert grid.x.shape == (2, 2, 3)
    np.testing.assert_allclose(x, [[0.25] * 3, [0.75] * 3])
    np.testing.assert_allclose(y, [[0.5, 1.5, 2.5]] * 2)


def test_graded_axis():
    grid = Grid([FACES, (0, 1)], (4, 5))
    assert grid.graded == (True, False)
    assert not grid.is_uniform
    np.testing.assert_allclose(grid.h[0], [0.1, 0.3, 0.6, 1.5])
    assert grid.h[1] == pytest.approx(0.2)
    np.testing.assert_allclose(grid.centers[0], [0.05, 0.25, 0.7, 1.75])
    assert grid.volume.shape == grid.shape
    np.testing.assert_allclose(grid.volume, np.outer([0.1, 0.3, 0.6, 1.5], [0.2] * 5))
    assert grid.integrate(1.0) == pytest.approx(2.5)
    assert grid.integrate(grid.x[0]) == pytest.approx(2.5**2 / 2)
    assert Grid([FACES]).shape == (4,)


@pytest.mark.parametrize("lo", [0.0, -1.0, 1000.0, 1e6])
@pytest.mark.parametrize("n", [10, 1000, 100_000])
def test_evenly_spaced_axes_are_not_graded(lo, n):
    grid = Grid([(lo, lo + 1)], n)
    assert grid.is_uniform
    assert isinstance(grid.h[0], float)
    assert grid.h[0] == pytest.approx(1 / n, rel=1e-8)
    assert Grid([np.linspace(lo, lo + 1, n + 1)]).is_uniform


def test_a_slightly_graded_axis_is_graded():
    faces = np.linspace(0, 1, 11)
    faces[5] += 1e-6
    assert not Grid([faces]).is_uniform


SIDES = [
    ("reflecting", [("reflecting", "reflecting")] * 2),
    (["periodic", "absorbing"], [("periodic", "periodic"), ("absorbing", "absorbing")]),
    (np.array(["periodic", "absorbing"]), [("periodic", "periodic"), ("absorbing", "absorbing")]),
    (
        [("reflecting", "absorbing"), "periodic"],
        [("reflecting", "absorbing"), ("periodic", "periodic")],
    ),
    (
        (("absorbing", "reflecting"), ("reflecting", "reflecting")),
        [("absorbing", "reflecting"), ("reflecting", "reflecting")],
    ),
]


@pytest.mark.parametrize(("sides", "expected"), SIDES)
def test_sides(sides, expected):
    grid = Grid([(0, 1)] * 2, 4, sides)
    assert list(grid.sides) == expected
    assert grid.periodic == tuple(lo == "periodic" for lo, _ in expected)
    assert grid.has_absorbing_sides == any("absorbing" in pair for pair in expected)
    for word in ("reflecting", "periodic", "absorbing"):
        ends = [(side.axis, side.end == "upper") for side in grid.sides_of(word)]
        assert ends == [tuple(at) for at in np.argwhere(np.array(expected) == word)]


def test_integration_passes_leading_axes_through(rng):
    grid = Grid([FACES, (0, 1), (-1, 1)], (4, 5, 6))
    u = rng.normal(size=(7, 3, *grid.shape))
    total = grid.integrate(u)
    assert total.shape == (7, 3)
    assert total[2, 1] == pytest.approx(np.sum(u[2, 1] * grid.volume))
    assert grid.integrate(u[0, 0]).shape == ()
    assert grid.integrate(2.0) == pytest.approx(2 * 2.5 * 2)
    np.testing.assert_allclose(grid.integrate(u * 1j), 1j * total)


def test_midpoint_rule_is_of_second_order():
    errors = []
    for n in (16, 32):
        grid = Grid([(0, 1), (0, 2)], n)
        x, y = grid.x
        errors.append(abs(grid.integrate(np.exp(x + y)) - (math.e - 1) * (math.e**2 - 1)))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("k", [1, 2, 3, np.int64(4)])
def test_refinement(k):
    grid = Grid([FACES, (0, 1)], (4, 5), sides=[("reflecting", "absorbing"), "periodic"])
    fine = grid.refined(k)
    assert fine.shape == (4 * k, 5 * k)
    assert fine.sides == grid.sides
    assert fine.box == grid.box
    for coarse, faces in zip(grid.faces, fine.faces, strict=True):
        np.testing.assert_allclose(faces[::k], coarse, atol=1e-15)
    np.testing.assert_allclose(fine.widths[0].reshape(4, k), np.outer(grid.widths[0], [1 / k] * k))
    assert fine.integrate(1.0) == pytest.approx(grid.integrate(1.0))


ROUND_TRIPS = [
    Grid([(-2, 2)], 8),
    Grid([(0, 2 * math.pi), (-1 / 3, 0.1)], (8, 4), sides=["periodic", "reflecting"]),
    Grid([(-1e-7, 1e22)], 3, sides=[("absorbing", "reflecting")]),
    Grid([(0, 1)] * 3, (2, 3, 4), sides="absorbing"),
]


@pytest.mark.parametrize("grid", ROUND_TRIPS, ids=repr)
def test_text_is_what_one_would_type(grid):
    twin = eval(repr(grid), {"Grid": Grid})
    assert (twin.box, twin.shape, twin.sides) == (grid.box, grid.shape, grid.sides)
    assert repr(twin) == repr(grid)


def test_text_is_short():
    assert repr(Grid([(-2, 2)], 8)) == "Grid([(-2, 2)], shape=(8,), sides='reflecting')"
    text = "Grid([4 graded cells on (0, 2.5), (0, 1)], shape=(4, 5), sides='reflecting')"
    assert repr(Grid([FACES, (0, 1)], (4, 5))) == text


def test_nothing_can_be_changed():
    faces = FACES.copy()
    grid = Grid([faces, (0, 1)], (4, 5))
    arrays = [*grid.faces, *grid.centers, *grid.widths, grid.x, grid.volume, grid.h[0]]
    for array in arrays:
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        grid.shape = (1, 2)
    faces[0] = -1.0
    assert grid.box[0] == (0.0, 2.5)
    assert faces.flags.writeable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        ([1, 2], [1.0, 2.0]),
        (np.array([True, False]), [1.0, 0.0]),
        (np.float32(0.5), 0.5),
        ([np.int8(1), 10**30], [1.0, 1e30]),
    ],
)
def test_real_arrays(value, expected):
    array = real_array(value, "u")
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, expected)


def test_words_for_what_came():
    assert describe(None) == "None"
    assert describe("x") == "'x'"
    assert describe(len) == describe(np.sin) == describe(lambda: 0) == "a function"
    assert describe({}) == "of type dict"
    assert describe(np.array(["a"])) == "an array of text"
    assert len(describe("x" * 1000)) < 80


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), np.array(2.0)])
def test_positive_numbers(value):
    number = positive_number(value, "u")
    assert type(number) is float
    assert number == 2


@pytest.mark.parametrize("word", ["wall", 3, None])
def test_sides_of_no_kind_are_refused(word):
    with pytest.raises(ValueError, match="choose from reflecting, periodic, absorbing"):
        Grid([(0, 1)], 4).sides_of(word)
