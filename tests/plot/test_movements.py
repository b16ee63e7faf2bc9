"""Pictures of minimising movements and of transport."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import plot


@pytest.fixture
def ax():
    return plot.canvas().subplots()


def test_energies_at_the_steps(ax):
    grid = fp.Grid([(-4, 4)], 40)
    start = fp.gaussian(grid, 0, 0.5)
    solution = fp.solve(fp.Problem(grid), start, [1, 1.5, 2], fp.jko.L2Heat(0.25))
    curve = plot.energy(solution, ax, label="L2")
    np.testing.assert_allclose(curve.get_xdata(), [1, 1.25, 1.5, 1.75, 2])
    np.testing.assert_array_equal(curve.get_ydata(), solution.stats["energy"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("t", "E(ρ)")


def test_energies_of_another_method_are_refused(ax):
    grid = fp.Grid([(-4, 4)], 40)
    solution = fp.solve(fp.Problem(grid), fp.gaussian(grid, 0, 0.5), 1.0)
    with pytest.raises(ValueError, match="notes no energies"):
        plot.energy(solution, ax)


def test_order_with_its_line(ax):
    curve = plot.order([0.1, 0.2, 0.4], [1e-2, 4e-2, 0.2], ax, slope=2)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    line = ax.lines[-1]
    assert line is not curve
    np.testing.assert_allclose(line.get_ydata(), [1e-2, 0.16])


@pytest.mark.parametrize("errors", [[1, 2], [1, 2, 0], [1, 2, np.nan]])
def test_order_refuses_what_has_no_logarithm(ax, errors):
    with pytest.raises(ValueError, match="positive"):
        plot.order([0.1, 0.2, 0.4], errors, ax)


def test_trajectories(ax):
    paths = plot.trajectories([0, 1, 2], np.arange(12.0).reshape(3, 4), ax)
    assert len(paths) == 4
    np.testing.assert_array_equal(paths[1].get_ydata(), [1, 5, 9])
    with pytest.raises(ValueError, match="expected"):
        plot.trajectories([0, 1], np.zeros((3, 4)), ax)


def test_a_shift_is_a_field_of_equal_arrows(ax):
    grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    a, b = fp.gaussian(grid, (-1, 0), 0.3), fp.gaussian(grid, (1, 0.5), 0.3)
    arrows = plot.transport_map(fp.wasserstein(a, b, grid), ax, count=6)
    assert 4 <= arrows.U.size <= 36
    np.testing.assert_allclose(arrows.U, 2, atol=0.02)
    np.testing.assert_allclose(arrows.V, 0.5, atol=0.02)


def test_map_on_a_line_and_none_in_space(ax):
    line = fp.Grid([(-4, 4)], 200)
    a, b = fp.gaussian(line, -1, 0.2), fp.gaussian(line, 1, 0.2)
    curve = plot.transport_map(fp.wasserstein(a, b, line), ax)
    np.testing.assert_allclose(curve.get_ydata(), curve.get_xdata() + 2, atol=0.02)
    space = fp.Grid([(-2, 2)] * 3, 8)
    a = fp.gaussian(space, (0, 0, 0), 0.5)
    with pytest.raises(ValueError, match="3D"):
        plot.transport_map(fp.wasserstein(a, a, space), ax)
