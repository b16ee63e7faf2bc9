"""Implicit: tolerance kept, and every single step positive, mass exact, of falling entropy."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import observables
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.factors import ImplicitFactor
from fokkerplanck.linalg.implicit_multigrid import solver_for
from fokkerplanck.methods import Context, Exponential, Implicit
from fokkerplanck.scheme.generator import Generator
from tests.convergence.rates import assert_rate
from tests.methods.test_backward_euler import spiral, wells

PROBLEMS = {
    "1D": lambda: wells(1, 64),
    "2D": wells,
    "2D circulating": spiral,
    "2D torus": lambda: fp.Problem(
        fp.Grid([(0, 2 * np.pi)] * 2, 24, "periodic"),
        drift=lambda x, y: (np.sin(y) + 0.5, np.cos(x)),
        D=[[1, 0.9], [0.9, 1]],
    ),
    "3D": lambda: wells(3, 8),
}


def point(problem):
    """All mass in one cell."""
    rho0 = np.zeros(problem.grid.shape)
    rho0[tuple(n // 4 for n in problem.grid.shape)] = 1.0
    return rho0 / problem.grid.integrate(rho0)


def blob(problem):
    grid = problem.grid
    mean = [lo + 0.4 * (hi - lo) for lo, hi in grid.box]
    return fp.gaussian(grid, mean, 0.05 if grid.dim < 3 else 0.15)


STARTS = {"point": point, "blob": blob}


def watched(problem, rho0, times, method):
    """Masses after every step of the method's own, and what it reports."""
    generator = Generator(problem)
    log_inf = fp.steady_state(problem, scheme="markov").log_rho
    seen = [(rho0 * problem.grid.volume).ravel()]
    context = Context(
        times[-1] - times[0],
        log_rho_inf=log_inf,
        on_observe=lambda elapsed, p: seen.append(p.copy()),
    )
    state = method.init(generator, context)
    p = seen[0]
    for span in np.diff(times):
        p = method.step(state, p, span)
    return np.array(seen), context.record.values, log_inf


@pytest.mark.parametrize("method", [Implicit(), Implicit(4, 1e-2), Implicit(2, 1e-2)], ids=repr)
@pytest.mark.parametrize("build_start", STARTS.values(), ids=STARTS.keys())
@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_every_step_is_positive_exact_in_mass_and_loses_entropy(build, build_start, method):
    problem = build()
    times = np.array([0, 0.013, 0.05, 0.3, 1.0, 5.0, 100.0])
    p, report, log_inf = watched(problem, build_start(problem), times, method)
    assert len(p) == report["steps"] + 1 > len(times)
    assert p.min() >= 0
    assert p[1:].min() > 0
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-13
    rho = (p / problem.grid.volume).reshape(-1, *problem.grid.shape)
    KL = observables.kl(rho, log_inf, problem.grid, log=True)
    up = np.flatnonzero(np.diff(KL) > 0)
    assert KL[0] > 0.1
    assert not up.size or KL[up].max() < 1e-27
    assert KL[-1] < 1e-4


@pytest.mark.parametrize("build_start", STARTS.values(), ids=STARTS.keys())
@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_tolerance_is_kept_at_every_output(build, order, build_start):
    problem = build()
    times = [0, 0.003, 0.02, 0.1, 0.37, 1.1, 6.0]
    rho0 = build_start(problem)
    exact = fp.solve(problem, rho0, times, Exponential(), steady=False)
    for tolerance in (1e-2, 1e-4, 1e-6) if order == 2 else (1e-2, 1e-4, 1e-6, 1e-8, 1e-10):
        s = fp.solve(problem, rho0, times, Implicit(order), rtol=tolerance, steady=False)
        error = problem.grid.integrate(np.abs(s.rho - exact.rho)).max()
        assert error < tolerance
        assert error < s.stats["error_estimate"] <= tolerance
        assert s.stats["entropy"].startswith("not compared")


def test_estimates_are_not_far_too_large():
    """A thousand times the error at the worst output would be no control."""
    problem = wells()
    times = np.linspace(0, 0.2, 21)
    exact = fp.solve(problem, blob(problem), times, steady=False)
    for tolerance in (1e-4, 1e-7):
        s = fp.solve(problem, blob(problem), times, Implicit(tolerance=tolerance), steady=False)
        error = problem.grid.integrate(np.abs(s.rho - exact.rho)).max()
        assert s.stats["error_estimate"] < 1000 * error


@pytest.mark.parametrize(("order", "cap"), [(2, 3e-6), (4, 1e-9)])
def test_order_in_time_on_a_grid(order, cap):
    """Equal steps of one length at the gamma of the family's longest step and at another."""
    problem = spiral()
    generator, p0 = Generator(problem), (blob(problem) * problem.grid.volume).ravel()
    exact = fp.solve(generator, blob(problem), [0, 0.5], steady=False)[1].ravel()
    stages, gamma = powers.FAMILIES[order]
    for factor, extra in ((1.0, 1), (1.4, 0)):
        steps, errors = np.array([16, 32, 64]) * (2 if order == 2 else 1), []
        c = powers.weights(stages, factor * gamma)
        for n in steps:
            solver, p = ImplicitFactor(generator, factor * gamma * 0.5 / n), p0
            for _ in range(n):
                y, new = p, 0
                for c_j in c:
                    y = solver.solve(y)
                    new = new + c_j * y
                p = new
            errors.append(np.abs(p - exact * problem.grid.volume).sum())
        assert_rate(1 / steps, errors, order=order + extra, cap=cap if extra else 1.0)


def test_work_grows_slowly_with_accuracy():
    problem = wells()
    solves = [
        fp.solve(problem, blob(problem), [0, 1], Implicit(), rtol=r, steady=False).stats["solves"]
        for r in (1e-4, 1e-9)
    ]
    assert solves[0] < solves[1] < 12 * solves[0]


def test_factorisations_are_shared_by_output_times_of_any_spacing():
    problem = wells()
    times = np.cumsum(np.concatenate([[0], 0.3 + 0.25 * np.sin(np.arange(60.0) ** 2)]))
    s = fp.solve(problem, blob(problem), times, Implicit(tolerance=1e-4))
    assert len(s) == 61
    assert s.stats["factorisations"] <= 21  # 17 were seen, and a fifth


def test_absorbing_sides_lose_mass_at_the_slowest_rate():
    grid = fp.Grid([(0, 1)], 200, "absorbing")
    rho0 = np.sin(np.pi * grid.x[0])
    rho0 /= grid.integrate(rho0)
    times = [0, 0.1, 0.3]
    s = fp.solve(fp.Problem(grid), rho0, times, Implicit(tolerance=1e-8))
    exact = fp.solve(fp.Problem(grid), rho0, times)
    np.testing.assert_allclose(s.mass, exact.mass, atol=1e-8)
    assert s.min_rho.min() > 0
    assert s.stats["mass_correction"] == 0
    sharp = fp.solve(fp.Problem(grid), fp.gaussian(grid, 0.05, 1e-4), times, Implicit(2, 1e-3))
    assert sharp.min_rho.min() >= 0
    assert sharp.stats["limited_steps"] > 0
    exact = fp.solve(fp.Problem(grid), fp.gaussian(grid, 0.05, 1e-4), times)
    assert grid.integrate(np.abs(sharp.rho - exact.rho)).max() < 1e-3


@pytest.mark.parametrize("build", [wells, spiral, PROBLEMS["3D"]], ids=["2D", "circulating", "3D"])
def test_multilevel_solves_give_the_same(build):
    problem = build()
    rho0 = blob(problem)
    times = [0, 0.02, 0.5, 3]
    direct, multilevel = (
        fp.solve(problem, rho0, times, Implicit(tolerance=1e-5, solver=name))
        for name in ("direct", "multilevel")
    )
    assert (direct.stats["solver"], multilevel.stats["solver"]) == ("direct", "multilevel")
    assert problem.grid.integrate(np.abs(direct.rho - multilevel.rho)).max() < 1e-9
    assert multilevel.min_rho.min() >= 0
    assert np.abs(multilevel.mass - 1).max() < 1e-13
    assert np.all(np.diff(multilevel.free_energy) < 0)
    assert direct.stats["repaired_mass"] == 0 <= multilevel.stats["repaired_mass"] < 1e-10


def test_large_grids_are_not_factorised():
    choices = {(1, 10**6): "direct", (2, 1000): "direct", (2, 1300): "multilevel",
               (3, 32): "direct", (3, 48): "multilevel"}  # fmt: skip
    for (d, n), expected in choices.items():
        standing_in = SimpleNamespace(grid=SimpleNamespace(size=n**d, dim=d))
        assert solver_for(standing_in, "auto") == expected
        assert solver_for(standing_in, "direct") == "direct"


# --- what the steps are protected from -----------------------------------------------------------


def fixed_step(problem, p, h, order=4):
    """One step of the family as it is, nothing limited."""
    stages, gamma = powers.FAMILIES[order]
    solver, y, new = ImplicitFactor(Generator(problem), gamma * h), p, 0.0
    for c in powers.weights(stages, gamma):
        y = solver.solve(y)
        new = new + c * y
    return new


@pytest.mark.parametrize("order", [2, 4])
def test_a_long_fixed_step_goes_negative(order):
    """Counterexample; an adaptive run over the same span does not."""
    problem = wells(1, 64)
    p = (point(problem) * problem.grid.volume).ravel()
    for h in (0.1, 0.2):
        assert fixed_step(problem, p, h, order).min() < -1e-8
        s = fp.solve(problem, point(problem), [0, h], Implicit(order, 1e-2))
        assert s.min_rho.min() >= 0
        assert np.diff(s.free_energy)[0] < 0


def test_limited_steps_are_said():
    s = fp.solve(wells(), point(wells()), [0, 0.1, 1], Implicit(2, 1e-2))
    assert s.stats["limited_steps"] > 0
    assert 0 < s.stats["limited_mass"] < 1e-2
    assert s.stats["positivity"] == "every step, by construction"
    assert s.stats["entropy"] == "every step, by comparison"


def test_a_rising_entropy_is_halved_away_or_answered_by_order_one():
    """Towards a density that is not the generator's own, entropy does rise: nothing helps."""
    problem = wells()
    inf = fp.steady_state(problem, scheme="markov").rho
    wrong = np.log(fp.uniform(problem.grid))
    method = Implicit(tolerance=1e-3)
    p = (blob(problem) * problem.grid.volume).ravel()
    context = Context(0.3, log_rho_inf=wrong)
    state = method.init(Generator(problem), context)
    q = method.step(state, (fp.uniform(problem.grid) * problem.grid.volume).ravel(), 0.3)
    report = context.record.values
    assert report["order_one_steps"] > 0
    assert report["rejected_entropy"] >= 6
    assert report["error_estimate"] > 0
    assert q.min() > 0
    assert abs(q.sum() - 1) < 1e-13
    # The right one: nothing of the kind.
    context = Context(0.3, log_rho_inf=np.log(inf))
    method.step(method.init(Generator(problem), context), p, 0.3)
    assert context.record.values["rejected_entropy"] == 0


def test_a_reference_of_another_scheme_is_not_compared():
    """F may rise against it, so solve does not hand it on."""
    problem = spiral()
    log = fp.steady_state(problem, scheme="log")
    s = fp.solve(problem, blob(problem), [0, 1], Implicit(), steady=log)
    assert s.stats["entropy"].startswith("not compared")
    s = fp.solve(problem, blob(problem), [0, 1], Implicit())
    assert s.stats["entropy"] == "every step, by comparison"


def test_steps_without_solve():
    """A method may be driven by hand."""
    problem = wells()
    method = Implicit(tolerance=1e-5)
    state = method.init(Generator(problem), Context(0.5))
    p = (blob(problem) * problem.grid.volume).ravel()
    before = p.copy()
    q = method.step(state, p, 0.5)
    np.testing.assert_array_equal(p, before)
    exact = fp.solve(problem, blob(problem), [0, 0.5])[1].ravel() * problem.grid.volume
    assert np.abs(q - exact).sum() < 1e-5


def test_a_problem_at_rest():
    problem = wells()
    inf = fp.steady_state(problem, scheme="markov")
    s = fp.solve(problem, inf.rho, [0, 10.0], Implicit(), steady=inf)
    assert s.stats["steps"] <= 3
    assert s.free_energy[-1] < 1e-26


def test_results_are_the_same_bit_for_bit():
    a, b = (fp.solve(wells(), blob(wells()), [0, 0.4], Implicit()) for _ in range(2))
    np.testing.assert_array_equal(a.rho, b.rho)
    assert a.stats["steps"] == b.stats["steps"]


def test_a_tolerance_that_cannot_be_met_is_a_failure(monkeypatch):
    """An error that does not fall with the step, as if the solves were off."""
    monkeypatch.setitem(powers.WORST, 5, 1e30)
    with pytest.raises(ConvergenceError, match="give a larger rtol or use Exponential"):
        fp.solve(wells(), blob(wells()), [0, 0.4], Implicit())


BAD = {
    "order 3": (lambda: Implicit(3), "order is 3; give 2 or 4"),
    "order text": (lambda: Implicit("4"), "order is '4'; give 2 or 4"),
    "order true": (lambda: Implicit(True), "order is True; give 2 or 4"),
    "order list": (lambda: Implicit([4]), r"order is \[4\]; give 2 or 4"),
    "tolerance 0": (lambda: Implicit(4, 0), "tolerance is 0; give a number from 1e-12 to 1"),
    "tolerance 1": (lambda: Implicit(4, 1), "tolerance is 1; give a number from 1e-12"),
    "tolerance nan": (lambda: Implicit(4, math.nan), "tolerance is nan; give a number"),
    "tolerance text": (lambda: Implicit(4, "fine"), "tolerance is 'fine'; give a number"),
    "solver": (lambda: Implicit(solver="amg"), "solver is 'amg'; choose from auto, direct, multi"),
    "solver list": (lambda: Implicit(solver=["direct"]), r"solver is \['direct'\]; choose from"),
    "rtol too small": (
        lambda: fp.solve(wells(), blob(wells()), 1.0, Implicit(), rtol=1e-14),
        r"rtol \+ atol is 1e-14; Implicit keeps 1e-12 and more",
    ),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD.keys())
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
