"""Steady states of random problems against dense eliminations without subtractions."""

import numpy as np
import pytest
from hypothesis import assume, given

import fokkerplanck as fp
from tests.fuzz.references import stationary_logs
from tests.fuzz.strategies import setups


def masses(state):
    """Cell masses of a steady state (n,)."""
    return (state.rho * state.grid.volume).ravel()


#: Largest tilt of an edge: rates that lie further apart are refused in words.
STEEPEST = 1e6


@given(setups(absorbing=False, singular=True, cells=24, peclet=5.0))
def test_markov_masses_have_their_leading_digits(setup):
    """Every log mass is right, however small; several closed classes are refused."""
    problem = setup.problem()
    edges = fp.Edges.from_problem(problem)
    assume(np.abs(edges.tilt).max(initial=0) < STEEPEST)
    right = stationary_logs(edges)
    if right is None:
        with pytest.raises((ValueError, fp.ConvergenceError), match="not unique"):
            fp.steady_state(problem, scheme="markov")
        return
    ours = fp.steady_state(problem, scheme="markov").log_rho + np.log(problem.grid.volume)
    seen = np.isfinite(right)
    error = np.abs(ours.ravel()[seen] - right[seen])
    assert (error <= 1e-9 * (1 + np.abs(right[seen]))).all()
    assert (ours.ravel()[~seen] < right[seen].min()).all()


@given(setups(absorbing=False, singular=True, peclet=3.0, beta=(-2, 2)))
def test_default_is_a_density_or_a_sentence(setup):
    """Mass 1, no negative mass, an error estimate or a reason; refused only where it is hard."""
    problem = setup.problem()
    is_mild = setup.decades < 3 and setup.condition < 1e3 and setup.peclet <= 10
    try:
        state = fp.steady_state(problem)
    except (ValueError, fp.ConvergenceError):
        assert not is_mild
        return
    p = masses(state)
    assert np.isfinite(p).all()
    assert p.min() >= 0
    assert abs(p.sum() - 1) < 1e-12
    assert state.stats.scheme
    assert np.isfinite(state.error_estimate) or state.error_report.message


@given(setups(absorbing=False, climb=300.0, kinds=("number", "diagonal", "tensor")))
def test_known_potentials_are_gibbs(setup):
    raw = setup.problem()
    problem = fp.Problem.from_potential(raw.grid, raw.f, setup.D(), setup.beta)
    state = fp.steady_state(problem)
    assume(not problem.walls)
    exact = -setup.beta * (raw.f - raw.f.min())
    exact -= np.log(raw.grid.integrate(np.exp(exact)))
    assert np.abs(state.log_rho - exact).max() < 1e-9 * (1 + np.abs(exact).max())
