"""Solvers for steps of linear fluxes: complete factors, and Krylov steps with Markov factors."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

import fokkerplanck as fp
from fokkerplanck.linalg.wide_factors import NearbyFactor, RefinedFactor, WideFactors
from fokkerplanck.scheme.upwind5 import Upwind5


def case(n=12):
    """Upwind matrix and Markov matrix in space, and masses."""
    grid = fp.Grid([(-2, 2)] * 3, n)
    problem = fp.Problem(
        grid, drift=lambda x, y, z: (2 * y - x, -2 * x - y, -z), D=(0.2, 0.02, 0.2), kT=0.2
    )
    p = (fp.gaussian(grid, (0.5, 0, 0), 0.2) * grid.volume).ravel()
    return Upwind5(problem).matrix, fp.Generator(problem).matrix, p


@pytest.mark.parametrize("tau", [1e-3, 0.1, 3.0])
def test_both_ways_solve_the_same_equation(tau):
    wide, markov, p = case()
    right = spsolve(sparse.csc_array(sparse.eye_array(p.size) - tau * wide), p)
    for factor in (RefinedFactor(wide, tau), NearbyFactor(wide, markov, tau)):
        x = factor.solve(p)
        assert np.abs(x - right).sum() < 1e-10
        assert abs(x.sum() - p.sum()) < 1e-10


def test_large_boxes_in_space_are_not_factorised():
    wide, markov, _ = case(16)
    assert WideFactors(wide, markov, 3).solver == "krylov"
    assert WideFactors(wide, markov, 2).solver == "direct"
