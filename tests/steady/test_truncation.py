"""Errors of boxes against closed forms: density beyond the walls, twice."""

import numpy as np
import pytest
from scipy.stats import norm

import fokkerplanck as fp
from fokkerplanck import zoo


def bell(lo, hi, n=200):
    """State of f = x^2/2 between walls, and the L1 distance of a Gaussian cut off there to all."""
    grid = fp.Grid([(lo, hi)], n)
    state = fp.steady_state(fp.Problem(grid, f=lambda x: x**2 / 2))
    return state, 2 * (norm.sf(hi) + norm.cdf(lo))


@pytest.mark.parametrize("half", [1.5, 2, 3])
def test_walls_on_both_sides(half):
    state, error = bell(-half, half)
    assert 0.5 < error / state.box_error < 1.2
    assert "if the walls are meant, ignore this" in state.box_message


def test_a_wall_inside_is_seen_too():
    state, error = bell(-3, 0.5)
    assert 0.2 < error / state.box_error < 1


def test_a_box_that_is_large_enough_says_nothing():
    state, error = bell(-5, 5)
    assert 0.8 < error / state.box_error < 1.2
    assert state.box_message == ""


def test_the_box_is_no_part_of_the_error_estimate():
    """On its own box the state is right: a finer grid changes nothing."""
    state, _ = bell(-1.5, 1.5)
    assert state.error_estimate < 1e-3 * state.box_error


def test_exponentials_are_exact():
    grid = fp.Grid([(0, 6), (-1, 1)], (240, 8))
    state = fp.steady_state(fp.Problem(grid, f=lambda x, y: x))
    assert state.box_error == pytest.approx(2 * np.exp(-6), rel=0.01)


def test_turned_around_and_graded():
    grid = fp.Grid([-6 * np.linspace(1, 0, 241) ** 1.2], sides="reflecting")
    state = fp.steady_state(fp.Problem(grid, f=lambda x: -x))
    assert state.box_error == pytest.approx(2 * np.exp(-6), rel=0.02)


@pytest.mark.parametrize("f", [lambda x: 0 * x, lambda x: 0.1 * np.sin(x), lambda x: -(x**2)])
def test_walls_that_are_meant(f):
    """Flat, hardly tilted, and rising towards the walls."""
    state = fp.steady_state(fp.Problem(fp.Grid([(-3, 3)], 200), f=f))
    assert state.box_error == 0
    assert state.box_message == ""


@pytest.mark.parametrize("is_array", [False, True])
def test_walls_without_noise_are_no_cut(is_array):
    """Counterexample: without the look at D the density x e^-x would be cut at 0 by percents."""
    grid = fp.Grid([(0, 30)], 300)
    D = grid.x[0] if is_array else lambda x: x
    drift = (2 - grid.x[0])[None] if is_array else lambda x: 2 - x
    assert fp.steady_state(fp.Problem(grid, drift=drift, D=D)).box_error < 1e-9
    D = 1e-3 + grid.x[0]
    assert fp.steady_state(fp.Problem(grid, drift=(2 - grid.x[0])[None], D=D)).box_error > 1e-4


def test_in_the_plane_each_wall_counts():
    state = fp.steady_state(zoo.gyrator().boxed([(-0.9, 0.9)] * 2).build(64))
    larger = fp.steady_state(zoo.gyrator().boxed([(-1.4, 1.4)] * 2).build(64))
    assert larger.box_error < 0.5 * state.box_error
