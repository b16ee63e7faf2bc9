"""JKO in the Fisher-Rao metric: closed form of the flow, minimality, promises at any step."""

import numpy as np
import pytest
from scipy.optimize import minimize

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko import fisher_rao
from tests.convergence.rates import assert_rate


def wells(n=60, beta=3.0):
    return fp.Problem(fp.Grid([(-2.5, 2.5)], n), f=lambda x: (x**2 - 1) ** 2 / 4, beta=beta)


def flow(problem, rho0, t):
    """rho ~ pi^(1 - e^(-t/beta)) rho0^(e^(-t/beta))."""
    rest = fp.steady_state(problem).rho
    part = np.exp(-t / problem.beta)
    rho = rest ** (1 - part) * rho0**part
    return rho / problem.grid.integrate(rho)


def test_order_one_in_tau():
    problem, t = wells(), 2.0
    start = fp.gaussian(problem.grid, -1, 0.1)
    taus, errors = [t / k for k in (8, 16, 32, 64)], []
    for tau in taus:
        end = fp.solve(problem, start, [0, t], fp.jko.FisherRao(tau)).rho[-1]
        errors.append(problem.grid.integrate(np.abs(end - flow(problem, start, t))))
    assert_rate(taus, errors, order=1, cap=6e-3)


@pytest.mark.parametrize("tau", [1e-4, 1e-2, 1.0, 100.0, 1e6])
def test_promises_at_any_step(tau):
    problem = wells()
    start = fp.gaussian(problem.grid, -1, 0.05)
    solution = fp.solve(problem, start, tau * np.arange(4.0), fp.jko.FisherRao(tau))
    assert solution.min_rho.min() > 0
    np.testing.assert_allclose(solution.mass, 1, rtol=0, atol=1e-14)
    assert solution.stats["mass_correction"] < 1e-11
    F = solution.stats["energy"]
    assert (np.diff(F) <= 1e-15 * F[0]).all()
    rest = fp.steady_state(problem)
    end = fp.solve(problem, rest.rho, [0, tau], fp.jko.FisherRao(tau)).rho[-1]
    assert problem.grid.integrate(np.abs(end - rest.rho)) < 1e-14


def test_a_step_is_the_minimiser():
    """Against scipy, on a few cells, in logarithms."""
    problem, tau = wells(6), 0.7
    grid, rest = problem.grid, fp.steady_state(problem)
    start = fp.gaussian(grid, -1, 0.5)

    def functional(y):
        rho = np.exp(y - y.max())
        rho /= grid.integrate(rho)
        jump = grid.integrate((np.sqrt(rho) - np.sqrt(start)) ** 2)
        F = fp.observables.free_energy(rho, rest.log_rho, grid, problem.beta)
        return F + 2 / tau * jump

    best = minimize(functional, np.log(start), tol=1e-12, options={"gtol": 1e-9})
    rho = np.exp(best.x - best.x.max())
    end = fp.solve(problem, start, [0, tau], fp.jko.FisherRao(tau)).rho[-1]
    np.testing.assert_allclose(end, rho / grid.integrate(rho), rtol=1e-4)


def test_nothing_is_transported():
    """Behind a barrier of 10 kT mass appears in time beta; transport would need e^10."""
    problem = wells(80, beta=40.0)
    start = fp.gaussian(problem.grid, -1, 0.01)
    right = problem.grid.x[0] > 0
    faded = fp.solve(problem, start, [0, 400], fp.jko.FisherRao(5.0)).rho[-1]
    moved = fp.solve(problem, start, [0, 400]).rho[-1]
    assert problem.grid.integrate(faded * right) > 0.1
    assert problem.grid.integrate(moved * right) < 0.01


def test_empty_cells_are_filled_at_once():
    problem = wells()
    start = np.where(problem.grid.x[0] < 0, 1.0, 0.0)
    start /= problem.grid.integrate(start)
    end = fp.solve(problem, start, [0, 5.0], fp.jko.FisherRao(1.0)).rho[-1]
    assert np.isfinite(end).all()
    assert end.min() > 0


def test_other_energies_are_refused():
    problem = wells()
    with pytest.raises(ValueError, match="leave energy out"):
        fp.solve(
            problem, fp.uniform(problem.grid), [0, 1],
            fp.jko.FisherRao(1.0, fp.energies.PorousMedium(2)),
        )  # fmt: skip


def test_a_multiplier_that_is_not_found_is_said(monkeypatch):
    monkeypatch.setattr(fisher_rao, "MAX_STEPS", 1)
    problem = wells()
    with pytest.raises(ConvergenceError, match="smaller tau"):
        fp.solve(problem, fp.gaussian(problem.grid, -1, 0.02), [0, 1e3], fp.jko.FisherRao(1e3))
