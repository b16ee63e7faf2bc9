"""Taylor series of the semigroup of any matrix, against closed forms and uniformisation."""

import numpy as np
import pytest
from scipy import sparse

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.semigroup.taylor import TaylorSeries
from fokkerplanck.scheme.upwind5 import Upwind5


@pytest.mark.parametrize("t", [1e-3, 1.0, 50.0])
def test_a_turn_is_turned(t):
    turn = sparse.csr_array([[0.0, -1.0], [1.0, 0.0]])
    action = TaylorSeries(turn).act(np.array([1.0, 0.0]), t, 1e-13)
    assert np.abs(action.p - [np.cos(t), np.sin(t)]).sum() <= action.bound
    assert action.bound < 1e-12


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-12])
def test_a_markov_semigroup_within_the_bound(tolerance):
    """Against uniformisation, whose sums are positive."""
    grid = fp.Grid([(-3, 3)] * 2, 24)
    problem = fp.Problem(grid, drift=lambda x, y: (2 * y - x, -2 * x - y), kT=0.1)
    generator = fp.Generator(problem)
    p = (fp.gaussian(grid, (1, 0), 0.1) * grid.volume).ravel()
    exact = fp.Exponential(kind="uniformisation")
    run = fp.solve(generator, p.reshape(grid.shape) / grid.volume, 0.7, exact, steady=False)
    action = TaylorSeries(generator.matrix).act(p, 0.7, tolerance)
    error = np.abs(action.p - run[-1].ravel() * grid.volume).sum()
    assert error <= action.bound <= tolerance + 1e-12


def test_looser_tolerances_take_fewer_products():
    turn = sparse.csr_array([[0.0, -1.0], [1.0, 0.0]])
    series, p = TaylorSeries(turn), np.array([1.0, 0.0])
    few, many = (series.act(p, 10.0, tol).n_products for tol in (1e-4, 1e-14))
    assert few < 0.7 * many


def test_mass_of_a_linear_flux_is_kept_to_rounding():
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 40)
    problem = fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - 0.1 * v), D=(0, 0.1), kT=0.05)
    p = (fp.gaussian(grid, (-1, 0), 0.05) * grid.volume).ravel()
    action = TaylorSeries(Upwind5(problem).matrix).act(p, 5.0)
    assert abs(action.p.sum() - p.sum()) < 1e-13


def test_growth_is_refused():
    growing = sparse.csr_array([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ConvergenceError, match="modes that grow"):
        TaylorSeries(growing).act(np.array([1.0, 0.0]), 20.0)
