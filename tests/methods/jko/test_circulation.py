"""Non-reversible drift: transport along stationary currents and the JKO step of what is left."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import jko
from fokkerplanck.methods.jko.circulation import Circulation
from fokkerplanck.methods.jko.edge_metric import split
from tests.convergence.rates import assert_rate
from tests.methods.jko.edge_cases import run, start, turning, whirl


def parts(problem):
    steady = fp.steady_state(problem, scheme="markov")
    generator = fp.Generator(problem)
    log_pi = (steady.log_rho + np.log(problem.grid.volume)).ravel()
    log_pi = log_pi - np.log(np.exp(log_pi).sum())
    return generator, log_pi, *split(generator, log_pi)


def test_both_parts_are_generators_that_keep_the_steady_state():
    generator, log_pi, reversible, circulating = parts(whirl())
    pi, A = np.exp(log_pi), generator.matrix.toarray()
    R, C = reversible.matrix.toarray(), circulating.matrix.toarray()
    np.testing.assert_allclose(R + C, A, atol=1e-12 * np.abs(A).max())
    for part in (R, C):
        assert (part - np.diag(np.diag(part))).min() >= 0
        np.testing.assert_allclose(part.sum(axis=0), 0, atol=1e-12 * np.abs(A).max())
        assert np.abs(part @ pi).sum() < 1e-13 * np.abs(A).max()
    flow = R * pi
    np.testing.assert_allclose(flow, flow.T, rtol=1e-9, atol=1e-300)
    # One way only: the currents, and nothing else.
    one_way = C * pi - np.diag(np.diag(C * pi))
    assert np.abs(one_way * one_way.T).max() == 0
    stationary = A * pi
    np.testing.assert_allclose(
        one_way - one_way.T, stationary - stationary.T, atol=1e-14 * stationary.max()
    )


def test_detailed_balance_has_nothing_to_transport():
    _, _, reversible, circulating = parts(turning(12))
    assert circulating.exit_rates.max() < 1e-10 * reversible.exit_rates.max()


@pytest.mark.parametrize(("order", "cap"), [(1, 0.03), (2, 7e-4)])
def test_orders_against_the_semigroup(order, cap):
    problem = whirl(32)
    rho0 = fp.gaussian(problem.grid, (1, 0.5), 0.4)
    exact = run(problem, fp.Exponential(), [0, 0.5], rho0)[1]
    steps = np.array([0.125, 0.0625, 0.03125])
    errors = [
        problem.grid.integrate(
            np.abs(run(problem, jko.EdgeJKO(tau, order=order), [0, 0.5], rho0)[1] - exact)
        )
        for tau in steps
    ]
    assert_rate(steps, errors, order=order, cap=cap)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("tau", [1e-3, 0.1, 2.0])
def test_the_steady_state_stays_and_entropy_never_rises(order, tau):
    problem = whirl()
    rest = fp.steady_state(problem, scheme="markov").rho
    solution = run(problem, jko.EdgeJKO(tau, order=order), [0, 3 * tau], rest)
    assert problem.grid.integrate(np.abs(solution[1] - rest)) < 1e-13
    solution = run(problem, jko.EdgeJKO(tau, order=order), [0, 10 * tau])
    assert solution.stats["largest_rise"] <= 1e-14 * solution.stats["energy"][0]
    assert solution.min_rho.min() > 0
    assert solution.stats["products"] > 0


def test_transport_alone_never_raises_relative_entropy():
    problem = whirl()
    _, log_pi, _, circulating = parts(problem)
    moved = Circulation(circulating)
    p = (start(problem) * problem.grid.volume).ravel()
    last = np.inf
    for _ in range(10):
        entropy = float(np.sum(p * (np.log(p) - log_pi)))
        assert entropy <= last + 1e-14
        last, p = entropy, moved.transport(p, 0.1)
        assert p.min() >= 0
        assert abs(p.sum() - 1) < 1e-14


def test_a_cayley_transform_of_the_antisymmetric_part_goes_negative():
    """Counterexample: conserves pi and chi-square, but it is no Markov chain."""
    problem = whirl()
    generator, log_pi, _, _ = parts(problem)
    pi = np.exp(log_pi)
    flow = generator.matrix.toarray() * pi
    K = 0.5 * (flow - flow.T) / pi
    p = (start(problem) * problem.grid.volume).ravel()
    half = 0.5 * 0.125 * K
    q = np.linalg.solve(np.eye(p.size) - half, p + half @ p)
    assert np.abs(K @ pi).sum() < 1e-12
    assert (q / pi).min() < -1e-3
