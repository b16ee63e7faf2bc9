"""Sets: what they hold, where they begin, and what is refused."""

import numpy as np
import pytest

from fokkerplanck import Grid, sets

GRID = Grid([(-2, 2), (-1, 1)], (8, 4))


@pytest.mark.parametrize(
    ("region", "formula"),
    [
        (sets.ball((0.5, 0), 0.8), lambda x, y: (x - 0.5) ** 2 + y**2 <= 0.64),
        (sets.box((-1, 1), (0, 2)), lambda x, y: (abs(x) <= 1) & (y >= 0)),
        (sets.half_space((1, 2), 0.3), lambda x, y: x + 2 * y >= 0.3),
        (sets.sublevel(lambda x, y: x**2 - y, 0.5), lambda x, y: x**2 - y <= 0.5),
        (~sets.half_space((1, 0), 0), lambda x, y: x < 0),
        (
            sets.half_space((1, 0), 0.5) | sets.half_space((0, 1), 0.5),
            lambda x, y: (x >= 0.5) | (y >= 0.5),
        ),
        (
            sets.half_space((1, 0), 0) & (lambda x, y: y > 0),
            lambda x, y: (x >= 0) & (y > 0),
        ),
    ],
)
def test_regions_hold_what_their_formula_says(region, formula):
    assert np.array_equal(sets.mask_of(region, GRID), formula(*GRID.x))


def test_helpers_say_what_they_are():
    assert repr(sets.ball(0, 1) | ~sets.half_space(1, 2)) == "ball(0, 1) | ~half_space(1, 2)"
    assert repr(sets.box((0, 1), (2, 3))) == "box((0, 1), (2, 3))"
    assert repr(sets.side(1, "upper")) == "side('y', 'upper')"


def test_boundaries_are_located_on_edges():
    start, step = np.array([[0.25], [0.25]]), np.array([[0.5], [0.0]])
    grid = Grid([(0, 1), (0, 1)], 2)
    disc = ~sets.ball((0, 0), 0.6)
    mask = sets.mask_of(disc, grid)
    cut = np.sqrt(0.36 - 0.0625)
    s = sets.fractions(disc, mask, grid, start, step)
    assert abs(s[0] - (cut - 0.25) / 0.5) < 1e-12
    assert abs(sets.fractions(mask, mask, grid, start, step)[0] - 0.5) < 1e-12


def test_boundaries_of_masks_are_faces_on_graded_and_periodic_axes():
    grid = Grid([[0, 1, 4], (0, 1)], (2, 4), sides=["reflecting", "periodic"])
    mask = np.zeros(grid.shape, bool)
    mask[1] = True
    s = sets.fractions(mask, mask, grid, np.array([[0.5], [0.1]]), np.array([[2.0], [0.0]]))
    assert abs(s[0] - 0.25) < 1e-12
    first = np.zeros(grid.shape, bool)
    first[:, 0] = True  # reached from the last row across the seam
    s = sets.fractions(first, first, grid, np.array([[0.5], [0.875]]), np.array([[0.0], [0.25]]))
    assert abs(s[0] - 0.5) < 1e-12


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sets.ball((0, 0), -1), "radius is -1; give a positive number"),
        (lambda: sets.ball((0, np.nan), 1), "one finite number per axis"),
        (lambda: sets.box((1, 0)), "lo < hi"),
        (lambda: sets.box(1.0), "give a pair"),
        (lambda: sets.half_space((0, 0), 1), "a normal that is not zero"),
        (lambda: sets.half_space((1, 0), np.inf), "give a finite number"),
        (lambda: sets.sublevel(np.zeros((8, 4)), 1), "give a function"),
        (lambda: sets.sublevel(lambda x, y: x, np.nan), "finite number"),
        (lambda: sets.side("w", "lower"), "axis is 'w'"),
        (lambda: sets.side(True, "lower"), "axis is True"),
        (lambda: sets.side("x", "left"), "give 'lower' or 'upper'"),
        (lambda: sets.ball((0, 0), 1) | 3, "joined with 3"),
        (lambda: sets.mask_of(None, GRID), "boolean array"),
        (lambda: sets.mask_of("left", GRID), "boolean array"),
        (lambda: sets.mask_of(np.ones((8, 4)), GRID), "boolean array"),
        (lambda: sets.mask_of(lambda x, y: x, GRID), "set returned an array of float64"),
        (lambda: sets.mask_of(lambda x: x > 0, GRID), "could not be called"),
        (lambda: sets.mask_of(np.ones((4, 8), bool), GRID), "of shape \\(4, 8\\)"),
        (lambda: sets.mask_of(np.zeros((8, 4), bool), GRID), "holds no cell"),
        (lambda: sets.mask_of(lambda x, y: False, GRID), "holds no cell"),
        (lambda: sets.mask_of(np.ones((8, 4), bool), GRID), "whole box"),
        (lambda: sets.mask_of(sets.side("x", "lower"), GRID), "holds no cells"),
        (lambda: sets.mask_of(sets.ball(0, 1), GRID), "center has 1 entries for points of 2"),
        (lambda: sets.mask_of(sets.box((0, 1)), GRID), "box has 1 entries"),
        (lambda: sets.mask_of(sets.half_space(1, 0), GRID), "normal has 1 entries"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
