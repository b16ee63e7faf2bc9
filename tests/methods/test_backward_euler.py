"""Backward Euler: dense reference, order one, and any step from 1e-4 to 1e6."""

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import ImplicitFactor
from fokkerplanck.methods import BackwardEuler, Context, Exponential
from fokkerplanck.scheme.generator import Generator
from tests.convergence.rates import assert_rate


def wells(d=2, n=24, kT=0.3):
    grid = fp.Grid([(-2, 2)] * d, n)
    return fp.Problem(grid, f=lambda *x: (x[0] ** 2 - 1) ** 2 + sum(y**2 for y in x[1:]), kT=kT)


def spiral(n=24, sides="reflecting"):
    grid = fp.Grid([(-3, 3), (-3, 3)], n, sides)
    D = [[1, 0.3], [0.3, 0.4]]
    return fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -1.5 * x - 0.8 * y), D=D, kT=0.5)


PROBLEMS = {
    "1D": lambda: wells(1, 64),
    "2D": wells,
    "2D circulating": spiral,
    "2D absorbing": lambda: spiral(sides=["absorbing", "reflecting"]),
    "3D": lambda: wells(3, 8),
}


def advance(problem, p, span, dt):
    method = BackwardEuler(dt)
    context = Context(span)
    state = method.init(Generator(problem), context)
    return method.step(state, p, span), context.record.values


def start(problem):
    grid = problem.grid
    return fp.gaussian(grid, np.full(grid.dim, 0.5), 0.1).ravel() * grid.volume


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("dt", [1e-4, 1e-2, 1.0, 100.0])
def test_one_step_is_the_dense_resolvent(build, dt):
    problem = build()
    p = start(problem)
    A = Generator(problem).matrix.toarray()
    exact = np.linalg.solve(np.eye(p.size) - dt * A, p)
    q, _ = advance(problem, p, dt, dt)
    assert np.abs(q - exact).sum() < 1e-14 * max(1.0, dt * np.abs(A).max())


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("dt", [1e-4, 1.0, 1e3, 1e6])
def test_any_step_is_positive_and_keeps_mass(build, dt):
    problem = build()
    p = start(problem)
    q, report = advance(problem, p, 3 * dt, dt)
    assert report["steps"] == 3
    assert q.min() > 0
    if problem.grid.has_absorbing_sides:
        assert 0 < q.sum() < p.sum()
    else:
        assert abs(q.sum() - 1) < 1e-15
        assert report["mass_correction"] < 1e-13


def test_order_one_in_dt():
    problem = spiral()
    p = start(problem)
    exact = Exponential()
    exact = exact.step(exact.init(Generator(problem), Context(0.5)), p, 0.5)
    steps = np.array([0.05, 0.025, 0.0125, 0.00625])
    errors = [np.abs(advance(problem, p, 0.5, dt)[0] - exact).sum() for dt in steps]
    assert_rate(steps, errors, order=1, cap=0.011)


def test_steady_state_stays_where_plain_factors_would_move_it():
    """Wells 20 kT deep at dt = 1e6: the pivots alone know the well weights to 1e-9 or so."""
    problem = wells(1, 200, kT=0.05)
    p = np.exp(-problem.f / problem.kT)
    p /= p.sum()
    factor = ImplicitFactor(Generator(problem), 1e6)
    assert np.abs(factor.solve(p) - p).sum() < 1e-13
    assert np.abs(factor._raw(p) - p).sum() > 1e-10


def test_equal_steps_fill_an_interval():
    problem = wells(1, 32)
    p = start(problem)
    q, report = advance(problem, p, 1.0, 0.3)
    assert report["steps"] == 4
    same, _ = advance(problem, p, 1.0, 0.25)
    np.testing.assert_allclose(q, same, rtol=1e-14)
    _, report = advance(problem, p, 1.0, 0.1)  # 1 / 0.1 rounds to 10, not to 11 steps
    assert report["steps"] == 10


def test_factorisations_are_shared_between_equal_intervals():
    problem = wells(1, 32)
    rho0 = fp.gaussian(problem.grid, 0.5, 0.1)
    solution = fp.solve(problem, rho0, np.linspace(0, 0.7, 8), BackwardEuler(0.05))
    assert solution.stats["factorisations"] == 1
    assert solution.stats["steps"] == 14
    solution = fp.solve(problem, rho0, [0, 0.1, 0.3, 0.6, 0.7], BackwardEuler(1.0))
    assert solution.stats["factorisations"] == 3


def test_signed_right_sides_are_solved_too(rng):
    problem = spiral()
    b = rng.normal(size=problem.grid.size)
    A = Generator(problem).matrix.toarray()
    x = ImplicitFactor(Generator(problem), 0.7).solve(b)
    np.testing.assert_allclose(x - 0.7 * (A @ x), b, atol=1e-11)


def test_nothing_stays_nothing():
    problem = wells(1, 8)
    assert not ImplicitFactor(Generator(problem), 1.0).solve(np.zeros(8)).any()


def test_steps_beyond_double_precision_are_refused():
    problem = spiral()
    with pytest.raises(ConvergenceError, match="take a smaller dt"):
        advance(problem, start(problem), 1e19, 1e19)


@pytest.mark.parametrize("dt", [0, -1.0, math.inf, math.nan, "short", None, [1.0, 2.0]])
def test_bad_steps(dt):
    with pytest.raises(ValueError, match="give a finite positive number, the longest step"):
        BackwardEuler(dt)
