"""What stands in log rho and Phi where a steady state has no mass."""

import numpy as np
import pytest

import fokkerplanck as fp


def swept(beta=1.0, n=8):
    """Noise on the right half of a line alone, drift to the right: one cell between has all mass.

    Noise in the sense of Ito pushes out of where it is strong.
    """
    grid = fp.Grid([(0, 1)], n)
    D = np.where(grid.x[0] < 0.5, 0.0, 1.0)
    return fp.Problem(grid, drift=[np.ones(n)], D=D, beta=beta)


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_a_stand_in_of_800_kT(beta):
    """rho = 8 in one cell and 0 elsewhere; there log rho = log 8 - 800 and Phi = 800 kT."""
    state = fp.steady_state(swept(beta), "markov")
    has_mass = state.rho > 0
    assert np.count_nonzero(has_mass) == 1
    assert "7 cells are left for good" in state.stats.message
    np.testing.assert_allclose(state.rho, 8.0 * has_mass, rtol=1e-14)
    np.testing.assert_allclose(state.log_rho, np.log(8.0) - 800.0 * ~has_mass, rtol=1e-14)
    np.testing.assert_allclose(state.Phi, 800.0 / beta * ~has_mass, rtol=1e-14)
    assert (state.j == 0).all()


def test_the_stand_in_is_measured_in_mass_from_the_least_of_the_others():
    """Graded cells: e^-800 of the least mass that is not zero, divided by the cell's own volume."""
    grid = fp.Grid([[0, 0.1, 0.3, 0.4, 0.7, 0.8, 1.0]])
    D = np.where(grid.x[0] < 0.5, 0.0, 1.0)
    state = fp.steady_state(fp.Problem(grid, drift=[np.ones(6)], D=D, beta=2.0), "markov")
    log_mass, empty = state.log_rho + np.log(grid.volumes), state.rho == 0
    assert 0 < np.count_nonzero(empty) < 6
    np.testing.assert_allclose(log_mass[empty], log_mass[~empty].min() - 800.0, rtol=1e-14)


def test_runs_count_mass_in_such_cells_as_infinite():
    solution = fp.solve(swept(), np.ones(8), [0, 1e-3])
    assert np.isposinf(solution.free_energy[0])


def test_tails_of_a_steady_state_with_mass_everywhere_are_no_stand_ins():
    """Counterexample: where log rho = -2000 is a height, it is kept."""
    grid = fp.Grid([(0, 1)], 16)
    state = fp.steady_state(fp.Problem(grid, f=lambda x: 2000 * x, beta=1.0), "markov")
    np.testing.assert_allclose(state.Phi, 2000 * (grid.x[0] - grid.x[0][0]), rtol=1e-12)
