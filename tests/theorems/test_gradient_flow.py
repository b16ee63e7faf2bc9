"""What every JKO step promises, scheme by scheme; and a step that promises it and breaks it.

Positive, of exact mass, energy never above what it was beyond rounding, the state at rest kept to
1e-13, at any step from 1e-4 to 100.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse import identity
from scipy.sparse.linalg import splu

import fokkerplanck as fp
from fokkerplanck.methods import Context
from fokkerplanck.methods.jko import MinimisingMovement

TAUS = [1e-4, 1e-2, 1.0, 100.0]


def wells(n=48):
    return fp.Problem(fp.Grid([(-2.5, 2.5)], n), f=lambda x: (x**2 - 1) ** 2 / 4, beta=4)


def plane(n=24):
    grid = fp.Grid([(-2.5, 2.5), (-2.5, 2.5)], n)
    return fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2, beta=3)


def turning(n=24):
    """D(x) that turns, in detailed balance with a potential."""

    def D(x, y):
        c, s = np.cos(x + y), np.sin(x + y)
        return np.array(
            [[c * c + 0.15 * s * s, 0.85 * c * s], [0.85 * c * s, s * s + 0.15 * c * c]]
        )

    grid = fp.Grid([(-2, 2), (-2, 2)], n)
    return fp.Problem.from_potential(grid, lambda x, y: x**2 / 2 + y**2, D, beta=2)


def circulating(n=24):
    grid = fp.Grid([(-4, 4), (-4, 4)], n)
    return fp.Problem(
        grid, drift=lambda x, y: (-x - 1.5 * y, 0.5 * x - y), D=[[1, 0.6], [0.6, 0.5]]
    )


CASES = {
    "exact": (wells, lambda tau: fp.jko.ExactW2(tau)),
    "entropic": (plane, lambda tau: fp.jko.Entropic(tau)),
    "edges, order 1": (turning, lambda tau: fp.jko.EdgeJKO(tau)),
    "edges, order 2": (turning, lambda tau: fp.jko.EdgeJKO(tau, order=2)),
    "edges, order 1, circulating": (circulating, lambda tau: fp.jko.EdgeJKO(tau)),
    "edges, order 2, circulating": (circulating, lambda tau: fp.jko.EdgeJKO(tau, order=2)),
    "fisher-rao": (turning, lambda tau: fp.jko.FisherRao(tau)),
}
each = pytest.mark.parametrize(("build", "make"), CASES.values(), ids=CASES.keys())


def start(problem):
    return fp.gaussian(problem.grid, [0.7, -0.4][: problem.grid.dim], 0.15)


@pytest.mark.parametrize("tau", TAUS)
@each
def test_positive_of_exact_mass_and_downhill(build, make, tau):
    problem = build()
    solution = fp.solve(problem, start(problem), tau * np.arange(4.0), make(tau))
    assert solution.min_rho[1:].min() > 0
    np.testing.assert_allclose(solution.mass, 1, rtol=0, atol=1e-13)
    F = solution.free_energy
    assert (np.diff(F) <= 1e-14 * F[0]).all()
    assert (np.diff(solution.stats["energy"]) <= 1e-14 * F[0]).all()


@pytest.mark.parametrize("tau", TAUS)
@each
def test_the_state_at_rest_stays(build, make, tau):
    problem = build()
    rest = fp.steady_state(problem, scheme="markov")
    end = fp.solve(problem, rest.rho, [0, tau], make(tau), steady=rest).rho[-1]
    assert problem.grid.integrate(np.abs(end - rest.rho)) < 1e-13


@dataclass(frozen=True)
class CrankNicolson(MinimisingMovement):
    """The trapezoidal rule, which looks like a minimising movement of order two and is none."""

    def prepare(self, run):
        return run.generator.matrix

    def minimise(self, run, p, tau):
        A, one = run.scheme, identity(p.size)
        return splu((one - tau / 2 * A).tocsc()).solve(p + tau / 2 * (A @ p))


def trapezoidal(problem, rho, tau):
    """Density after one step."""
    method, volume = CrankNicolson(tau), problem.grid.volume
    run = method.init(fp.Generator(problem), Context(tau))
    return method.minimise(run, (rho * volume).ravel(), tau) / volume


def test_the_trapezoidal_rule_goes_below_zero():
    problem = wells()
    rho = trapezoidal(problem, start(problem), 100.0)
    assert rho.min() < -0.1


def test_the_trapezoidal_rule_climbs():
    """Long steps reflect ratios to the state at rest, 1 + z to 1 - z, and z is skew here."""
    problem = wells()
    rest = fp.steady_state(problem)
    z = np.where(np.arange(problem.grid.size) % 3 == 0, 0.8, -0.4)
    before = rest.rho * (1 + z - problem.grid.integrate(rest.rho * z))
    after = trapezoidal(problem, before, 1e6)
    assert after.min() > 0
    F = [fp.observables.free_energy(u, rest.log_rho, problem.grid, 4) for u in (before, after)]
    assert F[1] > 1.1 * F[0]
