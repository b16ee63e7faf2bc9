"""JKO on edges: backward Euler as a minimiser, order two at any step, and what has neither."""

import numpy as np
import pytest
from scipy.optimize import minimize

import fokkerplanck as fp
from fokkerplanck import jko
from fokkerplanck.energies import PorousMedium
from fokkerplanck.methods import Context
from fokkerplanck.methods.jko.edge_jko import WEIGHTS, _Scheme
from fokkerplanck.methods.jko.edge_metric import FrozenMetric
from fokkerplanck.methods.jko.movement import Run
from tests.convergence.rates import assert_rate
from tests.methods.jko.edge_cases import CASES, line, run, start, turning, whirl


def setting(problem, p=None):
    """Run and its scheme, with the masses of the start."""
    state = Run(fp.Generator(problem), None, Context(1.0))
    p = (start(problem) * problem.grid.volume).ravel() if p is None else p
    return state, _Scheme(state), p


def dense_metric(problem, log_pi, u):
    """Matrix of L_theta(u), from the rates by a double loop."""
    A = fp.Generator(problem).matrix.toarray()
    n, L = len(u), np.zeros_like(A)
    pi = np.exp(log_pi)
    for x in range(n):
        for y in range(n):
            if x != y and A[y, x] > 0:
                a, b = u[x], u[y]
                theta = a if abs(a - b) < 1e-12 * a else (a - b) / (np.log(a) - np.log(b))
                L[x, y] -= A[y, x] * pi[x] * theta
                L[x, x] += A[y, x] * pi[x] * theta
    return L


@pytest.mark.parametrize("tau", [0.01, 1.0, 100.0])
def test_backward_euler_minimises_in_the_metric_at_its_own_solution(tau, rng):
    """The functional, by dense algebra: stationary at backward Euler, larger everywhere else."""
    problem = turning(8)
    _, scheme, p = setting(problem)
    q = scheme.backward_euler(p, tau)
    A = fp.Generator(problem).matrix.toarray()
    np.testing.assert_allclose(q, np.linalg.solve(np.eye(p.size) - tau * A, p), rtol=1e-9)
    L = np.linalg.pinv(dense_metric(problem, scheme.log_pi, q / np.exp(scheme.log_pi)), rcond=1e-14)

    def functional(r):
        return np.sum(r * (np.log(r) - scheme.log_pi)) + (r - p) @ L @ (r - p) / (2 * tau)

    least = functional(q)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            step = rng.normal(size=p.size) * size
            other = q * np.exp(step)
            assert functional(other / other.sum()) > least


def test_it_is_relative_entropy_that_descends_in_this_metric():
    """Three states at kT = 0.3: kT KL in place of KL has another minimiser, by a general solver."""
    grid = fp.Grid([(0, 3)], 3)
    problem = fp.Problem(grid, f=lambda x: 0.2 * (x - 2.5) ** 2, kT=0.3)
    p, tau = np.array([0.6, 0.3, 0.1]), 1.0
    _, scheme, _ = setting(problem, p)
    A = fp.Generator(problem).matrix.toarray()
    euler = np.linalg.solve(np.eye(3) - tau * A, p)
    L = np.linalg.pinv(dense_metric(problem, scheme.log_pi, euler / np.exp(scheme.log_pi)))

    def least(weight):
        def functional(a):
            r = np.exp(np.append(a, 0.0))
            r /= r.sum()
            cost = (r - p) @ L @ (r - p) / (2 * tau)
            return weight * np.sum(r * (np.log(r) - scheme.log_pi)) + cost

        found = minimize(functional, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9})
        r = np.exp(np.append(found.x, 0.0))
        return r / r.sum()

    np.testing.assert_allclose(least(1.0), euler, atol=1e-5)
    assert np.abs(least(problem.kT) - euler).max() > 0.05


@pytest.mark.parametrize("tau", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("name", ["turning", "condition 100", "space", "periodic", "graded"])
def test_the_frozen_step_at_backward_euler_is_backward_euler(name, tau, rng):
    problem = CASES[name]()
    _, scheme, p = setting(problem)
    q = scheme.backward_euler(p, tau)
    metric = FrozenMetric(scheme.chain, scheme.log_pi, q, tau)
    found, _ = metric.solve(p, tau, metric.v + 0.3 * rng.normal(size=p.size))
    assert np.abs(found - q).sum() < 1e-11
    assert metric.newton_steps > 0


def test_freezing_at_the_old_density_is_another_step():
    """Counterexample: in the metric of rho_k cells without mass get none, and errors are larger."""
    problem, tau = turning(), 0.05
    _, scheme, p = setting(problem)
    pi = np.exp(scheme.log_pi)
    exact = run(problem, fp.Exponential(), [0, tau])[1].ravel() * problem.grid.volume
    implicit = scheme.backward_euler(p, tau)
    metric = FrozenMetric(scheme.chain, scheme.log_pi, p, tau)
    old, _ = metric.solve(p, tau, metric.v)
    assert (old / pi).min() < 1e-9 * (implicit / pi).min()
    assert np.abs(old - exact).sum() > 1.2 * np.abs(implicit - exact).sum()


@pytest.mark.parametrize("tau", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_any_step_keeps_what_it_must(name, order, tau):
    problem = CASES[name]()
    if name == "whirl" and tau == 100:
        tau = 5.0  # transport by uniformisation takes tau times the largest rate
    solution = run(problem, jko.EdgeJKO(tau, order=order), [0, 3 * tau])
    stats, grid = solution.stats, problem.grid
    assert solution.min_rho.min() > 0
    assert abs(grid.integrate(solution[1]) - 1) < 1e-13
    assert stats["mass_correction"] < 1e-13
    assert stats["largest_rise"] <= 1e-14 * stats["energy"][0]
    assert stats["steps"] == 3
    if order == 2:
        assert stats["fallback_newton"] == stats["fallback_energy"] == 0


@pytest.mark.parametrize("tau", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("order", [1, 2])
def test_the_steady_state_stays(order, tau):
    problem = turning(16)
    rest = fp.steady_state(problem).rho
    solution = run(problem, jko.EdgeJKO(tau, order=order), [0, 2 * tau], rest)
    assert problem.grid.integrate(np.abs(solution[1] - rest)) < 1e-13


@pytest.mark.parametrize(("order", "cap"), [(1, 0.012), (2, 1e-4)])
def test_orders_against_the_semigroup(order, cap):
    problem = turning(16)
    rho0 = fp.gaussian(problem.grid, (0.8, 0.5), 0.4)
    exact = run(problem, fp.Exponential(), [0, 0.4], rho0)[1]
    steps = np.array([0.1, 0.05, 0.025])
    errors = [
        problem.grid.integrate(
            np.abs(run(problem, jko.EdgeJKO(tau, order=order), [0, 0.4], rho0)[1] - exact)
        )
        for tau in steps
    ]
    assert_rate(steps, errors, order=order, cap=cap)


def test_the_stages_are_of_order_two_and_lower_every_convex_energy():
    """Stability function e^-z + O(z^3), and the quadratic form that bounds the change of energy."""
    z = 1e-2
    for weights, rest in ((WEIGHTS, 2e-6), (((5.0,), (-2.0, 6.0), (-2.0, 0.5, 6.0)), None)):
        u = [1.0]
        for gamma in weights:
            u.append(np.dot(gamma, u) / (sum(gamma) + z))
        error = abs(u[-1] - np.exp(-z))
        assert error < rest if rest else error > 1e-5
    # In increments d_j = u_j - u_(j-1): sum over stages of <sum_i gamma_i (u_m - u_i), d_m>.
    form = np.zeros((3, 3))
    for m, gamma in enumerate(WEIGHTS):
        for i, weight in enumerate(gamma):
            form[m, i : m + 1] += weight
    assert np.linalg.eigvalsh(form + form.T).min() > 0


def crank_nicolson(scheme, p, middle, tau):
    """Both ends of the step at the same weight, in the metric at the middle."""
    metric = FrozenMetric(scheme.chain, scheme.log_pi, middle, tau / 2, near=1.0)
    before, start = (np.log(m) - scheme.log_pi for m in (p, scheme.backward_euler(p, tau)))
    b = p - 0.5 * tau * middle * metric.divergence(before)
    q, _ = metric.solve(b, tau / 2, start, 1e-10)
    return q * (p.sum() / q.sum())


def test_crank_nicolson_raises_the_energy_at_long_steps(monkeypatch):
    """Counterexample: the equation is solved, and free energy grows all the same; stages do not."""
    problem = turning(32)
    state, scheme, p = setting(problem)
    tau = 10.0
    middle = scheme.backward_euler(p, tau / 2)
    q = crank_nicolson(scheme, p, middle, tau)
    assert scheme.relative_entropy(q) > 1.5 * scheme.relative_entropy(p)
    assert scheme.relative_entropy(scheme.stages(state, p, middle, tau)) < 0.1
    monkeypatch.setattr(_Scheme, "stages", lambda self, run, *step: crank_nicolson(self, *step))
    stats = run(problem, jko.EdgeJKO(tau, order=2), [0, 2 * tau]).stats
    assert stats["fallback_energy"] >= 1
    assert stats["largest_rise"] < 0


def test_crank_nicolson_is_of_order_two_where_steps_are_short(monkeypatch):
    problem = turning(16)
    rho0 = fp.gaussian(problem.grid, (0.8, 0.5), 0.4)
    exact = run(problem, fp.Exponential(), [0, 0.4], rho0)[1]
    monkeypatch.setattr(_Scheme, "stages", lambda self, run, *step: crank_nicolson(self, *step))
    steps = np.array([0.1, 0.05, 0.025])
    found = [run(problem, jko.EdgeJKO(tau, order=2), [0, 0.4], rho0)[1] for tau in steps]
    errors = [problem.grid.integrate(np.abs(rho - exact)) for rho in found]
    assert_rate(steps, errors, order=2, cap=1.0e-3)


def test_crank_nicolson_on_masses_goes_negative():
    """Counterexample: the linear method of the same name, at tau = 1."""
    problem = turning()
    A = fp.Generator(problem).matrix.toarray()
    p = (start(problem) * problem.grid.volume).ravel()
    q = np.linalg.solve(np.eye(p.size) - 0.5 * A, p + 0.5 * A @ p)
    assert q.min() < -1e-3


@pytest.mark.parametrize(("weak", "tau"), [(0.15, 1e-3), (0.01, 1e-3), (0.01, 0.1), (0.15, 1e4)])
def test_narrow_starts_on_fine_grids(weak, tau):
    problem = turning(96, weak)
    rho0 = fp.gaussian(problem.grid, (0.8, 0.5), 0.02)
    stats = run(problem, jko.EdgeJKO(tau, order=2), [0, 2 * tau], rho0).stats
    assert stats["fallback_newton"] == stats["fallback_energy"] == 0
    assert stats["largest_rise"] < 0
    assert stats["mass_correction"] < 1e-13


def test_empty_cells():
    """A start of compact support."""
    problem = turning()
    x, y = problem.grid.x
    rho0 = np.where((np.abs(x - 1) < 0.5) & (np.abs(y) < 0.5), 1.0, 0.0)
    rho0 = rho0 / problem.grid.integrate(rho0)
    solution = run(problem, jko.EdgeJKO(0.1, order=2), [0, 0.3], rho0)
    assert solution[1].min() > 0
    assert solution.stats["fallback_newton"] == 0


def test_masses_below_the_range_of_doubles(rng):
    """Tilts of 160 kT a cell: rounding decides how far Newton's method gets, promises hold."""
    problem = fp.Problem(fp.Grid([(-4, 4)] * 2, 24), f=lambda x, y: 60 * (x**2 + y**2))
    rest = fp.steady_state(problem)
    for _ in range(8):
        rho = fp.gaussian(problem.grid, 1, 0.2)
        rho = rho * (1 + 1e-13 * rng.standard_normal(rho.shape))
        rho /= problem.grid.integrate(rho)
        solution = fp.solve(problem, rho, [0, 0.05], jko.EdgeJKO(0.01, order=2), steady=rest)
        assert solution.stats["largest_rise"] < 0
        assert solution[1].min() >= 0
        assert abs(problem.grid.integrate(solution[1]) - 1) < 1e-13


@pytest.mark.slow
def test_multigrid_serves_large_grids():
    problem = turning(112)
    exact = run(problem, fp.Exponential(), [0, 0.2])[1]
    errors = []
    for tau in (0.1, 0.05, 0.025):
        solution = run(problem, jko.EdgeJKO(tau, order=2), [0, 0.2])
        assert solution.stats["fallback_newton"] == solution.stats["fallback_energy"] == 0
        errors.append(problem.grid.integrate(np.abs(solution[1] - exact)))
    assert_rate([0.1, 0.05, 0.025], errors, order=2, cap=5e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"order": 3}, "order is 3; give 1 or 2"),
        ({"order": True}, "order is True"),
        ({"tau": 0.0}, "tau"),
        ({"tau": np.nan}, "tau"),
        ({"energy": "entropy"}, "give an Energy"),
    ],
)
def test_bad_parameters(words, message):
    with pytest.raises(ValueError, match=message):
        jko.EdgeJKO(**({"tau": 0.1} | words))


def test_what_does_not_suit_is_refused():
    with pytest.raises(ValueError, match="free energy of the problem only"):
        run(line(), jko.EdgeJKO(0.1, energy=PorousMedium(2)), [0, 0.1])
    absorbing = fp.Problem(fp.Grid([(-4, 4)], 20, "absorbing"), f=lambda x: x**2 / 2)
    with pytest.raises(ValueError, match="absorbing"):
        run(absorbing, jko.EdgeJKO(0.1), [0, 0.1])


def test_words_about_the_drift():
    assert run(line(), jko.EdgeJKO(0.1), [0, 0.1]).stats["drift"].startswith("reversible")
    assert run(whirl(), jko.EdgeJKO(0.1), [0, 0.1]).stats["drift"].startswith("not reversible")
