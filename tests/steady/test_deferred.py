"""Deferred corrections by factors of a narrower scheme's Jacobian."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.fourth_order import RUNGS, FourthOrder
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady import deferred
from fokkerplanck.steady.deferred import NarrowFactors, solve_deferred
from fokkerplanck.steady.wells import deep_wells


def pair(exact, n):
    """Narrow and wide scheme of a reference, and the narrow solution."""
    problem = exact.build(n)
    state = fp.steady_state(problem, "log")
    nine = NinePoint(problem.grid, *index_units(problem))
    start = state.log_rho.ravel()
    return nine, FourthOrder(problem, nine, start).on_rung(RUNGS[0]), start


def test_a_scheme_corrects_itself_to_nothing():
    nine, _, start = pair(zoo.spiral(), 24)
    result = solve_deferred(nine, NarrowFactors(nine, start), start, 1e-8)
    assert result.converged
    assert result.iterations == 0
    np.testing.assert_allclose(result.log_rho, start - start.max(), atol=1e-12)


def test_corrections_find_the_wide_solution_from_anywhere_near(rng):
    nine, wide, start = pair(zoo.manufactured_wall(10.0), 16)
    factors = NarrowFactors(nine, start)
    first = solve_deferred(wide, factors, start, 1e-10)
    again = solve_deferred(wide, factors, start + 1e-3 * rng.standard_normal(start.size), 1e-10)
    for result in (first, again):
        assert result.converged
        assert result.balance <= 1e-10
        assert len(result.history) == result.iterations + 1
    np.testing.assert_allclose(first.log_rho, again.log_rho, atol=1e-8)
    assert np.abs(first.log_rho - (start - start.max())).max() > 1e-3
    balance, rate = wide.residual(first.log_rho)
    assert np.abs(balance / rate).max() == pytest.approx(first.balance, rel=0.5)


def test_acceleration_is_worth_it(monkeypatch):
    """Counterexample: plain corrections do not get there with D tilted against walls."""
    nine, wide, start = pair(zoo.manufactured_wall(100.0), 24)
    factors = NarrowFactors(nine, start)
    assert solve_deferred(wide, factors, start, 1e-10).converged
    monkeypatch.setattr(deferred, "anderson_step", lambda iterates, corrections: corrections[-1])
    plain = solve_deferred(wide, factors, start, 1e-10)
    assert not plain.converged
    assert plain.balance > 1e-9
    assert np.isfinite(plain.log_rho).all()


def test_a_diverging_iteration_hands_back_a_finite_iterate():
    class Upside:
        """A solver with the wrong sign."""

        def __init__(self, factors):
            self.held, self.wells = factors.held, factors.wells
            self._solve = factors.solve

        def solve(self, balance):
            return -3 * self._solve(balance)

    nine, wide, start = pair(zoo.spiral(), 16)
    result = solve_deferred(wide, Upside(NarrowFactors(nine, start)), start, 1e-14)
    assert not result.converged
    assert np.isfinite(result.log_rho).all()
    assert np.isfinite(result.balance)


def test_densest_cells_of_deep_wells_are_held():
    nine, wide, start = pair(zoo.repaired_example(lam=0.5, kT=0.02), 32)
    factors = NarrowFactors(nine, start)
    held = deep_wells(nine.graph, start)
    assert len(held) == 2
    np.testing.assert_array_equal(factors.held, held)
    step = factors.solve(wide.residual(start)[0])
    assert np.all(step[held] == 0)
    assert np.abs(step).max() > 0
