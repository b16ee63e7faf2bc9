"""Stationarity, Assumption 4, entropy production: closed forms, orders, and states that break."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline
from scipy.linalg import solve_continuous_lyapunov

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.convergence.rates import assert_rate
from tests.theorems.altered import altered

CIRCULATING = {
    "E1": lambda n: zoo.example_19(0.5).build(n),
    "E2": lambda n: zoo.repaired_example(0.5).build(n),
    "E3": lambda n: zoo.ring().build(n),
    "R2": lambda n: zoo.gyrator().build(n),
    "R10": lambda n: zoo.tilted_ring().build(2 * n),
    "R26": lambda n: zoo.linear_regression_sgd().build(n),
    "R27b": lambda n: zoo.torus_loss().build(n),
}


@pytest.mark.parametrize("name", CIRCULATING)
def test_stationarity_holds(name):
    verdict = fp.theorems.stationarity(CIRCULATING[name](48))
    assert verdict.outcome == "holds", verdict.comparisons
    assert verdict.is_theorem
    assert verdict.comparisons[0].gap < 1e-9


def test_stationarity_fails_for_a_current_that_does_not_balance():
    def uneven(currents):
        """On half of the edges the current is 1.3 times as large."""
        factor = np.where(np.arange(currents.tail.size) % 2, 1.0, 1.3)
        return replace(currents, velocity=factor * currents.velocity,
                       _over_denser=factor * currents._over_denser)  # fmt: skip

    verdict = fp.theorems.stationarity(altered(zoo.example_19(0.5).build(48), uneven))
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_identity_for_div_j_is_of_second_order():
    sizes = (48, 96, 192)
    verdicts = [fp.theorems.stationarity(zoo.gyrator().build(n)) for n in sizes]
    defects = [v.numbers["defect"] for v in verdicts]
    assert_rate([1 / n for n in sizes], defects, order=2, cap=2e-3)
    assert verdicts[-1].numbers["order"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("lam", "rms"), [(0.5, 0.225960369), (1.5, 0.677881108)])
def test_example_19_violates_assumption_4(lam, rms):
    verdict = fp.theorems.assumption_4(zoo.example_19(lam).build(128))
    assert verdict.outcome == "fails"
    assert not verdict.is_theorem
    assert abs(verdict.left - rms) <= 3 * verdict.error
    assert abs(verdict.left - rms) < 3e-3 * lam / 0.5


@pytest.mark.parametrize("name", ["R10", "R26"])
def test_assumption_4_fails(name):
    assert fp.theorems.assumption_4(CIRCULATING[name](64)).outcome == "fails"


@pytest.mark.parametrize("name", ["E2", "E3", "R2", "R27b"])
def test_assumption_4_holds(name):
    assert fp.theorems.assumption_4(CIRCULATING[name](64)).outcome == "holds"


def limit_of_div_j(Phi):
    """Place on a ray of R31 at that height, and div j there as kT -> 0.

    The leading potential solves grad Phi.D grad Phi = grad f.grad Phi. Its rays from the right
    minimum, x' = 2 D p - grad f, p' = Hess f p, carry its Hessian U along by a Riccati equation.
    """
    D, least = np.diag([1, 0.25]), np.array([np.sqrt(5) / 2, -np.sqrt(5) / 4])

    def slope(z):
        return np.array([z[0] ** 3 - z[0] + z[1] / 2, z[1] + z[0] / 2])

    def hessian(z):
        return np.array([[3 * z[0] ** 2 - 1, 0.5], [0.5, 1.0]])

    def ray(t, w):
        z, p, U = w[:2], w[2:4], w[4:8].reshape(2, 2)
        H, v = hessian(z), 2 * D @ p - slope(z)
        third = np.diag([6 * z[0] * p[0], 0.0])
        dU = U @ H + H @ U + third - 2 * U @ D @ U
        return np.concatenate([v, H @ p, dU.ravel(), [p @ v]])

    def there(t, w):
        return w[8] - Phi

    there.terminal = True
    U = np.linalg.inv(solve_continuous_lyapunov(hessian(least), 2 * D))
    away = np.linalg.cholesky(np.linalg.inv(U)) @ [0.0, -1e-3]
    start = np.concatenate([least + away, U @ away, U.ravel(), [5e-7]])
    run = solve_ivp(ray, (0, 60), start, "DOP853", events=there, rtol=1e-11, atol=1e-13)
    z, p, U = run.y[:2, -1], run.y[2:4, -1], run.y[4:8, -1].reshape(2, 2)
    assert abs(p @ (D @ p - slope(z))) < 1e-9  # j.grad Phi = 0, to leading order
    return z, np.trace(D @ U) - np.trace(hessian(z))


def test_div_j_does_not_vanish_with_the_temperature():
    """(C5): at a point it has a limit, while j.grad Phi = kT div j and the mean square vanish."""
    z, limit = limit_of_div_j(0.25)
    np.testing.assert_allclose(z, [0.5929, -0.54816], atol=1e-5)
    assert limit == pytest.approx(0.1736, abs=5e-5)
    seen, rms = [], []
    for kT, printed, its_rms in ((0.1, 0.2199, 0.1183), (0.05, 0.1956, 0.0583)):
        state = fp.steady_state(zoo.moving_potential(kT).build(96), accuracy=4)
        div_j = RectBivariateSpline(*state.grid.centers, state.div_j, kx=5, ky=5)(*z)[0, 0]
        seen.append(div_j)
        rms.append(np.sqrt(state.mean(state.div_j**2)))
        assert div_j == pytest.approx(printed, abs=2e-4)
        assert rms[-1] == pytest.approx(its_rms, abs=2e-4)
    # What is left at kT is of first order, and somewhat more.
    assert seen[0] > seen[1] > limit
    assert 2 * seen[1] - seen[0] == pytest.approx(limit, abs=0.004)
    assert rms[1] < 0.55 * rms[0]


def test_assumption_4_alone_does_not_fix_the_potential():
    """Constant D besides: then Phi is one at all temperatures; for D = 1 + x^2, with j = 0, not."""

    def potentials(exact, n):
        problem = exact.build(n)
        assert fp.theorems.assumption_4(problem).outcome == "holds"
        states = [fp.steady_state(problem.replace(kT=kT)) for kT in (0.5, 0.7)]
        assert fp.theorems.assumption_4(states[1].problem).outcome == "holds"
        near = states[0].rho > 1e-2 * states[0].rho.max()
        gap = states[1].Phi - states[0].Phi
        return np.ptp(gap[near])

    assert potentials(zoo.repaired_example(kT=0.5), 64) < 0.01
    # By hand: (T' - T) log(1 + x^2) from x = 0 to where the density is a hundredth.
    assert potentials(zoo.noise_induced_transition(0.5), 256) > 0.2


def test_regression_by_sgd_has_the_known_divergence():
    verdict = fp.theorems.assumption_4(zoo.linear_regression_sgd(0.05).build(96))
    assert abs(verdict.left - 0.22043) <= 3 * verdict.error


@pytest.mark.parametrize(
    ("build", "value"),
    [
        (lambda: zoo.example_19(0.5).build(96), 0.170345402887),
        (lambda: zoo.example_19(1.5).build(96), 1.533108625979),
        (lambda: zoo.gyrator().build(64), 0.9142857143),
        (lambda: zoo.ring().build(64), 2.305117232),
        (lambda: zoo.abc_flow().build(12), 2.0),
        (lambda: zoo.torus_loss().build(64), 0.089316397477),
    ],
)
def test_entropy_production(build, value):
    verdict = fp.theorems.entropy_production(build())
    assert verdict.outcome == "holds", verdict.comparisons
    first = verdict.comparisons[0]
    assert abs(verdict.numbers["steady"] - value) <= 3 * first.error + 1e-6
    assert verdict.numbers["housekeeping"] >= 0
    assert verdict.numbers["excess"] > 0


def test_entropy_production_is_infinite_without_noise_in_a_direction():
    verdict = fp.theorems.entropy_production(zoo.langevin().build(32))
    assert verdict.outcome == "not applicable"
    assert "noise in every direction" in str(verdict)


def test_entropy_production_of_a_current_that_is_wrong():
    study = altered(zoo.gyrator().build(64), lambda c: replace(c, velocity=2 * c.velocity))
    assert fp.theorems.entropy_production(study).outcome == "fails"


def test_the_transient_split_at_a_given_density():
    problem = zoo.gyrator().build(32)
    rho = fp.steady_state(problem, scheme="markov").rho
    verdict = fp.theorems.entropy_production(problem, rho=rho)
    assert verdict.outcome == "holds"
    assert abs(verdict.numbers["excess"]) < 1e-12
    assert np.isclose(verdict.numbers["total"], verdict.numbers["housekeeping"])
