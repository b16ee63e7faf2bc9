"""Drift and noise between cell centres and at walls, against closed forms."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.equation.medium import Medium
from fokkerplanck.equation.walls import lines_along

Y = np.array([1e-9, 1e-6, 3e-3, 0.2, 0.5, 0.9, 1 - 1e-6])


def b(x):
    return 0.1 * (1 - 2 * x) + x**2


def loss(x):
    return -0.1 * (x - x**2) - x**3 / 3


def noise(x):
    return x * (1 - x) * (1 + x)


def slope(x):
    return 1 - 3 * x**2


FORMS = {
    "drift": {"drift": b, "D": noise},
    "sigma": {"drift": b, "sigma": lambda x: np.sqrt(2 * 0.5 * noise(x))},
    "loss": {"f": loss, "D": noise},
    "gradient": {"f": loss, "grad_f": lambda x: -b(x), "D": noise},
    "klimontovich": {
        "drift": lambda x: b(x) - 0.5 * slope(x),
        "D": noise,
        "calculus": "klimontovich",
    },
    "stratonovich": {
        "drift": lambda x: b(x) - 0.25 * slope(x),
        "D": noise,
        "calculus": "stratonovich",
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_give_a_line(form):
    grid = fp.Grid([(0, 1)], 20)
    medium = Medium(fp.Problem(grid, kT=0.5, **FORMS[form]))
    lines = lines_along(grid, 0, [np.arange(20)], grid.x)
    drift, a = medium.along(lines, Y, np.minimum((20 * Y).astype(int), 19))
    np.testing.assert_allclose(drift[0], b(Y), rtol=3e-5)
    np.testing.assert_allclose(a[0], 0.5 * noise(Y), rtol=1e-9)


def test_a_singular_loss_keeps_its_digits_up_to_the_wall():
    grid = fp.Grid([(0, 1)], 20)
    medium = Medium(fp.Problem(grid, f=lambda x: 0.7 * np.log(x)))
    y = np.logspace(-9, -0.1, 40)
    cell = np.minimum((20 * y).astype(int), 19)
    drift, _ = medium.along(lines_along(grid, 0, [np.arange(20)], grid.x), y, cell)
    np.testing.assert_allclose(drift[0], -0.7 / y, rtol=1e-8)


def test_inverse_design_with_a_stream():
    """b = -D grad Phi + kT div D + j along both axes, D vanishing at x = 0."""
    grid = fp.Grid([(0, 1), (0, 1)], 16)
    problem = fp.Problem.from_potential(
        grid, lambda x, y: x + y**2, D=lambda x, y: (x, 1 + 0 * y), Q=lambda x, y: x * y
    )
    y = np.array([1e-8, 0.01, 0.6])
    lines = lines_along(grid, 0, [np.arange(16)] * 2, grid.x)
    drift, a = Medium(problem).along(lines, y, np.array([0, 0, 9]))
    at = grid.centers[1][:, None]
    # j = -Q grad Phi + div Q with Q = [[0, q], [-q, 0]]: j_x = -q Phi_y + d_y q.
    np.testing.assert_allclose(drift, -y + 1 - y * at * 2 * at + y, atol=1e-7)
    np.testing.assert_allclose(a, y + 0 * at, rtol=1e-12)


def test_tables_are_exact_for_powers_times_straight_lines():
    grid = fp.Grid([(0, 2), (1, 2)], (12, 10))
    x, y = grid.x
    problem = fp.Problem(grid, drift=np.stack([y - 2 * x, 0 * x]), D=[x * (2 + x) * y, 1 + 0 * x])
    lines = lines_along(grid, 0, [np.arange(12), np.arange(10)], grid.x)
    at, cell = np.array([1e-7, 0.05, 0.3, 1.99]), np.array([0, 0, 1, 11])
    drift, a = Medium(problem).along(lines, at, cell)
    row = grid.centers[1][:, None]
    np.testing.assert_allclose(drift, row - 2 * at, atol=1e-12)
    np.testing.assert_allclose(a, at * (2 + at) * row, rtol=1e-10)


def test_the_drift_of_arrays_keeps_in_scale_with_fast_noise():
    """A straight line through 0.3 x² misses zero at the wall by 1e-4: infinite against x³."""
    grid = fp.Grid([(0, 1)], 40)
    x = grid.x[0]
    medium = Medium(fp.Problem(grid, drift=0.3 * x**2, D=x**3))
    y = np.array([1e-8, 1e-3, 0.012])
    drift, _ = medium.along(lines_along(grid, 0, [np.arange(40)], grid.x), y, np.zeros(3, int))
    np.testing.assert_allclose(drift[0], 0.3 * y**2, rtol=1e-10)


def test_tables_across_a_wall_follow_the_power():
    """Noise of y that grows like x, at a place x in the first cell that is not its centre."""
    grid = fp.Grid([(0, 2), (0, 1)], (10, 6))
    x, y = grid.x
    problem = fp.Problem(grid, drift=np.stack([0.1 - x, y - x]), D=[x, 3 * x * (1 + y)])
    places = np.array(grid.x)
    places[0, 0] = 0.03
    lines = lines_along(grid, 1, [np.arange(10), np.arange(6)], places)
    at, cell = np.array([0.2, 0.77]), np.array([1, 4])
    drift, a = Medium(problem).along(lines, at, cell)
    where = np.concatenate([[0.03], grid.centers[0][1:]])[:, None]
    np.testing.assert_allclose(drift, at - where, atol=1e-12)
    np.testing.assert_allclose(a, 3 * where * (1 + at), rtol=1e-12)
