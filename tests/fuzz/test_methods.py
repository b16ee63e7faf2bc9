"""What every method promises of each run: masses, signs, free energy, adjoints."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.scheme.linear_fluxes import linear_flux
from tests.fuzz.references import propagator, stationary
from tests.fuzz.strategies import few, setups
from tests.fuzz.test_evolution import MILD, SPANS, run, started

EVEN = MILD | {"graded": False}

#: Methods that keep masses, signs and the fall of free energy on the Markov generator.
DESCENDING = {
    "uniformisation": lambda t: fp.Exponential(kind="uniformisation"),
    "krylov": lambda t: fp.Exponential(kind="krylov"),
    "implicit 2": lambda t: fp.Implicit(2),
    "implicit 4": lambda t: fp.Implicit(4),
    "splitting": lambda t: fp.Splitting(),
    "backward Euler": lambda t: fp.BackwardEuler(t / 2),
}
#: L1 errors that they were asked for.
TOLERANCES = {"uniformisation": 1e-10, "krylov": 1e-10, "splitting": 2e-6}
IMPLICIT = 1e-6


def kl(p, right):
    """Relative entropy of masses."""
    return float(np.sum(p[p > 0] * np.log(p[p > 0] / right[p > 0])))


@pytest.mark.parametrize("name", DESCENDING)
@few
@given(setups(absorbing=False, **MILD), SPANS)
def test_masses_stay_positive_and_fall(name, setup, span):
    """Mass 1, no negative mass, KL to the stationary masses never rises."""
    problem, rho0, A, t = started(setup, span)
    assume(name != "splitting" or problem.D_kind != "tensor")
    right = stationary(A)
    assume(right.min() > 1e-250)
    sol = fp.solve(problem, rho0, np.linspace(0, t, 3), DESCENDING[name](t), scheme="markov")
    p = (sol.rho * problem.grid.volume).reshape(3, -1)
    assert sol.status == "finished"
    assert p.min() >= 0
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(sol.mass - 1).max() < 1e-12
    entropies = np.array([kl(q, right) for q in p])
    assert np.diff(entropies).max() <= 1e-9 * (1 + entropies.max())
    assert np.diff(sol.free_energy).max() <= 1e-9 * (1 + entropies.max()) / problem.beta


@pytest.mark.parametrize("name", ["uniformisation", "krylov", "implicit 2", "implicit 4"])
@few
@given(setups(**MILD), SPANS)
def test_errors_in_time_are_those_asked_for(name, setup, span):
    """Also where mass leaves; the estimates of implicit steps bound what they are off."""
    problem, rho0, A, t = started(setup, span)
    p, sol = run(problem, rho0, t, DESCENDING[name](t), steady=False)
    p0 = (rho0 * problem.grid.volume).ravel()
    right = np.asarray(propagator(A, t) @ p0, dtype=float)
    bound = TOLERANCES.get(name, IMPLICIT)
    assert np.abs(p - right).sum() < bound
    assert p.min() >= 0
    if "implicit" in name:
        assert np.abs(p - right).sum() <= sol.stats["error_estimate"] + 1e-12


@pytest.mark.parametrize("flux", ["upwind5", "central"])
@pytest.mark.parametrize("steps", [None, 3])
@few
@given(setups(absorbing=False, **EVEN), st.floats(-3, 1))
def test_limited_fluxes(flux, steps, setup, span):
    """Masses >= 0 and mass exact at any step; free energy is not promised."""
    problem, rho0, _, t = started(setup, span)
    method = fp.FluxCorrected(None if steps is None else t / steps, flux)
    p, sol = run_limited(problem, rho0, t, method)
    assert p.min() >= 0
    assert abs(p.sum() - 1) < 1e-12
    assert sol.status == "finished"


def run_limited(problem, rho0, t, method):
    """Cell masses at time t of a method with a scheme of its own, and the solution."""
    sol = fp.solve(problem, rho0, [0, t], method, steady=False)
    return (sol.rho[-1] * problem.grid.volume).ravel(), sol


@few
@given(setups(absorbing=False, cells=12, decades=1.0, peclet=0.5, beta=(-1, 1), condition=2.0),
       st.floats(-1, 2))  # fmt: skip
def test_jko_steps_fall(setup, span):
    """Mass, signs and a free energy that never rises: against the stationary masses, by edges."""
    problem, rho0, A, t = started(setup, span)
    right = stationary(A)
    sol = fp.solve(problem, rho0, np.linspace(0, t, 3), fp.JKO(t / 2, "edges"), steady=None)
    p = (sol.rho * problem.grid.volume).reshape(3, -1)
    assert p.min() >= 0
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-10
    entropies = np.array([kl(q, right) for q in p])
    assert np.diff(entropies).max() <= 1e-9 * (1 + entropies.max())


@few
@given(setups(dims=(1,), absorbing=False, periodic=False, cells=12, decades=0.0, climb=8.0,
              kinds=("number",), beta=(-1, 1)), st.floats(-1, 2))  # fmt: skip
def test_jko_steps_on_a_line_fall(setup, span):
    """The exact distance: F falls by W^2/(2 tau) at least, which is what a minimum is."""
    problem, rho0, _, t = started(setup, span)
    sol = fp.solve(problem, rho0, [0, t], fp.JKO(t, "exact"))
    assert sol.rho.min() >= 0
    assert np.abs(sol.mass - 1).max() < 1e-10
    W2 = fp.wasserstein(*sol.rho, problem.grid).cost / setup.scale
    fall = sol.free_energy[0] - sol.free_energy[1]
    assert fall >= W2 / (2 * t) - 1e-7 * (1 + abs(sol.free_energy[0]))


@few
@given(setups(**EVEN), SPANS, st.integers(0, 2**32 - 1))
def test_backward_on_the_fifth_order_flux(setup, span, seed):
    """The transpose of the matrix of the flux, and the adjoint of runs that nothing limits."""
    problem, rho0, _, t = started(setup, span)
    g = np.random.default_rng(seed).normal(size=problem.grid.shape)
    try:
        u = fp.backward(problem, g, [0, t], scheme="upwind5").u[-1]
    except fp.ConvergenceError:  # a grid too coarse for the flux
        return
    A = linear_flux(problem, "upwind5").matrix.toarray()
    right = expm(t * A.T) @ g.ravel()
    size = np.abs(right).max() + np.abs(g).max()
    assert np.abs(u.ravel() - right).max() < 1e-9 * size
    sol = fp.solve(problem, rho0, [0, t], scheme="upwind5", steady=False)
    if sol.stats.get("limited_intervals") or sol.stats.get("negative_mass"):
        return
    p0, p = ((rho * problem.grid.volume).ravel() for rho in sol.rho)
    assert abs(float(p @ g.ravel() - p0 @ u.ravel())) < 1e-8 * size


SPRINGS = st.tuples(st.integers(8, 14), st.integers(8, 14), st.floats(-1, 1), st.floats(-1, 1),
                    st.sampled_from(["reflecting", "periodic"]))  # fmt: skip


@pytest.mark.parametrize("scheme", ["well_balanced", "phase_space", "markov"])
@few
@given(SPRINGS, st.floats(-2, 0.5), st.integers(0, 2**32 - 1))
def test_backward_of_motion_with_inertia(scheme, spring, span, seed):
    """<g, rho(t)> = <u(t), rho0> on every flux."""
    nx, nv, friction, heat, side = spring
    grid = fp.Grid([(-2, 2), (-4, 4)], (nx, nv), sides=[side, "reflecting"])
    kT = 0.5 * 10**heat
    problem = fp.Problem.langevin(grid, lambda x: np.cos(np.pi * x), 10**friction, kT)
    x, v = grid.x
    rho0 = np.exp(-(x**2) - (v - 0.3) ** 2 / 2)
    rho0 /= grid.integrate(rho0)
    g = np.random.default_rng(seed).normal(size=grid.shape)
    t = 10**span
    try:
        u = fp.backward(problem, g, [0, t], scheme=scheme).u[-1]
        sol = fp.solve(problem, rho0, [0, t], scheme=scheme, steady=False)
    except fp.ConvergenceError:  # a grid too coarse for the flux
        return
    if sol.stats.get("limited_intervals") or sol.stats.get("negative_mass"):
        return
    left = float(grid.integrate(sol.rho[-1] * g))
    size = np.abs(g).max() + np.abs(u).max()
    assert abs(left - float(grid.integrate(rho0 * u))) < 1e-8 * size
