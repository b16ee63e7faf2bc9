"""Transients of random problems: every method against dense exponentials and resolvents."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fokkerplanck as fp
from tests.fuzz.references import propagator, stationary
from tests.fuzz.strategies import setups

#: Time of a run over the slowest and over the fastest of the cells.
SPANS = st.floats(-3, 3)
MILD = {"cells": 30, "decades": 3.0, "peclet": 3.0, "beta": (-2, 2), "condition": 4.0}


def started(setup, span):
    """Problem, initial density, dense generator and a time that fits its rates."""
    problem = setup.problem()
    A = fp.Generator(problem).matrix.toarray()
    t = float(10**span / -A.diagonal().min())
    volume = np.broadcast_to(problem.grid.volume, problem.grid.shape)
    return problem, setup.masses() / volume, A, t


def run(problem, rho0, t, method, **more):
    """Cell masses at time t, and the solution."""
    sol = fp.solve(problem, rho0, [0, t], method, scheme="markov", **more)
    volume = np.broadcast_to(problem.grid.volume, problem.grid.shape)
    return (sol.rho[-1] * volume).ravel(), sol


@given(setups(**MILD), SPANS)
@pytest.mark.parametrize(
    "method", [fp.Exponential(), fp.Splitting()], ids=["exponential", "splitting"]
)
def test_exponentials(method, setup, span):
    """Within the tolerance of the run, positive, and of the right mass."""
    problem, rho0, A, t = started(setup, span)
    if isinstance(method, fp.Splitting):
        assume(problem.D_kind != "tensor")
    p0 = (rho0 * problem.grid.volume).ravel()
    p, sol = run(problem, rho0, t, method, steady=False)
    right = np.asarray(propagator(A, t) @ p0, dtype=float)
    bound = 1e-10 if isinstance(method, fp.Exponential) else 2e-6
    assert np.abs(p - right).sum() < bound
    assert p.min() >= 0
    if not problem.grid.has_absorbing_sides:
        assert abs(p.sum() - 1) < 1e-12
    assert sol.status == "finished"


@given(setups(**MILD), SPANS)
def test_backward_euler_is_a_resolvent(setup, span):
    """One step solves (1 - tA) p = p0, whatever its length."""
    problem, rho0, A, t = started(setup, span)
    p0 = (rho0 * problem.grid.volume).ravel()
    p, _ = run(problem, rho0, t, fp.BackwardEuler(t), steady=False)
    right = np.linalg.solve(np.eye(len(A)) - t * A, p0)
    assert np.abs(p - right).sum() < 1e-9
    assert p.min() >= 0


@given(setups(absorbing=False, **MILD), SPANS)
@pytest.mark.parametrize(
    "method",
    [lambda t: fp.Exponential(), lambda t: fp.Splitting(), lambda t: fp.BackwardEuler(t / 3)],
    ids=["exponential", "splitting", "backward Euler"],
)
def test_free_energy_falls(method, setup, span):
    """KL to the stationary masses never rises, beyond the rounding of the masses."""
    problem, rho0, A, t = started(setup, span)
    if isinstance(method(t), fp.Splitting):
        assume(problem.D_kind != "tensor")
    right = stationary(A)
    assume(right.min() > 1e-250)
    sol = fp.solve(problem, rho0, np.linspace(0, t, 4), method(t), scheme="markov")
    p = (sol.rho * problem.grid.volume).reshape(4, -1)
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-11
    KL = [float(np.sum(q[q > 0] * np.log(q[q > 0] / right[q > 0]))) for q in p]
    assert np.diff(KL).max() <= 1e-9 * (1 + max(KL))


@given(setups(**MILD), SPANS, st.integers(0, 2**32 - 1))
def test_backward_is_the_adjoint(setup, span, seed):
    """<g, rho(t)> = <u(t), rho0> for u = E g(X_t)."""
    problem, rho0, A, t = started(setup, span)
    g = np.random.default_rng(seed).normal(size=problem.grid.shape)
    u = fp.backward(problem, g, [0, t], scheme="markov").u[-1]
    p0 = (rho0 * problem.grid.volume).ravel()
    right = float(g.ravel() @ np.asarray(propagator(A, t) @ p0, dtype=float))
    assert abs(float(u.ravel() @ p0) - right) < 1e-10 * np.abs(g).max()
