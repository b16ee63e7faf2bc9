"""The free energy decreases along every evolution: problems x methods, to rounding.

Discrete truths of a Markov generator, reversible or not: mass, positivity, monotone decay of every
f-divergence to the generator's own null vector and between any two densities. Each with an example
that breaks it.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse import eye_array
from scipy.sparse.linalg import spsolve

import fokkerplanck as fp
from fokkerplanck import observables
from fokkerplanck.methods import BackwardEuler, Exponential, Implicit, Method
from fokkerplanck.scheme.generator import Generator

FLOOR = 1e-28


def rotated(kappa):
    """Diffusion of anisotropy kappa in directions that turn with position."""

    def D(x, y):
        c, s, small = np.cos(x + y / 2), np.sin(x + y / 2), 1 / kappa
        off = c * s * (1 - small)
        return [[c * c + small * s * s, off], [off, s * s + small * c * c]]

    return D


def square(n, half=3.0, sides="reflecting"):
    return fp.Grid([(-half, half)] * 2, n, sides)


PROBLEMS = {
    "1D wells": lambda: fp.Problem(fp.Grid([(-2, 2)], 80), f=lambda x: (x**2 - 1) ** 2, kT=0.8),
    "1D tilted ring": lambda: fp.Problem(
        fp.Grid([(0, 2 * np.pi)], 64, "periodic"), drift=lambda x: 0.8 - np.sin(x)
    ),
    "1D graded": lambda: fp.Problem(
        fp.Grid([np.geomspace(0.05, 3, 61)]), f=lambda x: x, D=lambda x: x
    ),
    "2D cold": lambda: fp.Problem(square(24), f=lambda x, y: x**2 + y**2 / 2, kT=0.02),
    "2D gyrator": lambda: fp.Problem(
        square(24), f=lambda x, y: x**2 - x * y + 0.75 * y**2, D=(1, 0.2), kT=0.3
    ),
    "2D tensor, circulating": lambda: fp.Problem(
        square(24), drift=lambda x, y: (-x + 2 * y, -1.5 * x - 0.8 * y),
        D=[[1, 0.3], [0.3, 0.4]], kT=0.3,
    ),
    "2D anisotropy 100": lambda: fp.Problem(
        square(24), drift=lambda x, y: (-x + 2 * y, -1.5 * x - 0.8 * y), D=rotated(100)
    ),
    "2D torus, anisotropy 100": lambda: fp.Problem(
        square(24, np.pi, "periodic"), drift=lambda x, y: (np.sin(y) + 0.5, np.cos(x)),
        D=rotated(100),
    ),
    "2D momentum": lambda: fp.Problem(
        square(20, 4.0), drift=lambda x, v: (v, -x - v), D=[[0, 0], [0, 1]]
    ),
    "3D circulating": lambda: fp.Problem(
        fp.Grid([(-2, 2)] * 3, 8), drift=lambda x, y, z: (-x + 2 * y, -2 * x - y, -z)
    ),
}  # fmt: skip

METHODS = {
    "Exponential": Exponential(),
    "Krylov": Exponential(kind="krylov"),
    "Chebyshev": Exponential(kind="chebyshev"),
    "Implicit": Implicit(),
    "Implicit, tolerant": Implicit(order=2, tolerance=1e-2),
    "BackwardEuler short": BackwardEuler(0.1),
    "BackwardEuler long": BackwardEuler(10.0),
}


@pytest.fixture(scope="module")
def steady():
    """Steady states by problem, each computed once."""
    known = {}

    def get(name):
        if name not in known:
            problem = PROBLEMS[name]()
            known[name] = problem, fp.steady_state(problem, scheme="markov")
        return known[name]

    return get


def start(grid):
    """A density far from any steady state, near one side."""
    center = [lo + 0.3 * (hi - lo) for lo, hi in grid.box]
    width = [(0.1 * (hi - lo)) ** 2 for lo, hi in grid.box]
    return fp.gaussian(grid, center, width)


def assert_decreasing(values, floor):
    """Never up, but for rounding below the floor."""
    values = np.asarray(values)
    up = np.flatnonzero(values[1:] > values[:-1])
    assert not up.size or values[up].max() < floor, (up, values[up], values[up + 1])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
@pytest.mark.parametrize("name", PROBLEMS)
def test_mass_positivity_and_free_energy(name, method, steady):
    problem, state = steady(name)
    times = np.concatenate([[0], np.geomspace(0.02, 20, 25), 20 + 10 * np.arange(1, 21)])
    s = fp.solve(fp.Generator(problem), start(problem.grid), times, method, steady=state)
    assert np.abs(s.mass - 1).max() < 1e-13
    assert s.min_rho.min() >= 0
    KL = s.free_energy * problem.beta
    assert KL[0] > 0.1
    assert_decreasing(KL, FLOOR)
    assert KL[-1] < FLOOR
    assert s.dissipation.min() >= 0
    assert s.stats["mass_correction"] < 1e-10


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_divergence_decreases(name, steady):
    """Chi-square and total variation to the steady state; KL and TV between two evolutions."""
    problem, state = steady(name)
    grid, times = problem.grid, [0, 0.05, 0.2, 0.5, 1, 2, 5]
    a = fp.solve(fp.Generator(problem), start(grid), times, steady=False).rho
    b = fp.solve(fp.Generator(problem), fp.uniform(grid), times, steady=False).rho
    inf = np.maximum(state.rho, 1e-300)
    assert_decreasing(grid.integrate((a - inf) ** 2 / inf), 1e-25)
    assert_decreasing(grid.integrate(np.abs(a - inf)), 1e-14)
    assert_decreasing(grid.integrate(np.abs(a - b)), 1e-14)
    between = [float(observables.kl(x, y, grid)) for x, y in zip(a, b, strict=True)]
    assert_decreasing(between, 1e-25)
    assert between[-1] < between[0]


@pytest.mark.parametrize("name", ["1D wells", "2D tensor, circulating", "3D circulating"])
def test_dissipation_is_the_slope(name, steady):
    problem, state = steady(name)
    t, dt = 0.3, 1e-4
    s = fp.solve(
        problem, start(problem.grid), [0, t - dt, t, t + dt], steady=state, scheme="markov"
    )
    slope = (s.free_energy[3] - s.free_energy[1]) / (2 * dt)
    assert s.dissipation[2] == pytest.approx(-slope, rel=1e-6)


# --- what breaks it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Theta(Method):
    """(I - theta dt A) p' = (I + (1 - theta) dt A) p: 0 explicit Euler, 1/2 Crank-Nicolson."""

    theta: float
    dt: float

    def init(self, generator, context):
        A, I = generator.matrix, eye_array(generator.grid.size)
        left = (I - self.theta * self.dt * A).tocsc()
        return left, (I + (1 - self.theta) * self.dt * A).tocsr()

    def step(self, state, p, span):
        assert round(span / self.dt) == 1
        return spsolve(state[0], state[1] @ p)


def largest_rate(problem):
    return Generator(problem).exit_rates.max()


def test_explicit_euler_is_a_chain_up_to_its_limit_and_goes_negative_beyond(steady):
    problem, state = steady("2D gyrator")
    rho0 = np.zeros(problem.grid.shape)
    rho0[4, 4] = 1 / problem.grid.volume
    for factor, is_positive in ((0.99, True), (2.5, False)):
        dt = factor / largest_rate(problem)
        s = fp.solve(problem, rho0, dt * np.arange(40), Theta(0.0, dt), steady=state)
        assert bool(s.min_rho.min() >= 0) is is_positive
        if is_positive:
            assert_decreasing(s.free_energy, FLOOR)


def test_explicit_euler_beyond_its_limit_gains_free_energy():
    """A checkerboard of heat is multiplied by 1 - 2 dt Lambda in every step."""
    grid = square(16, sides="periodic")
    problem = fp.Problem(grid)
    checks = np.where(np.indices(grid.shape).sum(axis=0) % 2, 1.0, -1.0)
    rho0 = fp.uniform(grid) * (1 + 1e-3 * checks)
    for factor, grows in ((0.9, False), (1.5, True)):
        dt = factor / largest_rate(problem)
        s = fp.solve(problem, rho0, dt * np.arange(5), Theta(0.0, dt))
        assert s.min_rho.min() >= 0
        np.testing.assert_allclose(
            s.free_energy[1:] / s.free_energy[:-1], (1 - 2 * factor) ** 2, rtol=1e-2
        )
        assert (s.free_energy[-1] > s.free_energy[0]) == grows


def test_crank_nicolson_goes_negative(steady):
    problem, state = steady("2D gyrator")
    dt = 50 / largest_rate(problem)
    rho0 = np.zeros(problem.grid.shape)
    rho0[12, 12] = 1 / problem.grid.volume
    s = fp.solve(problem, rho0, [0, dt], Theta(0.5, dt), steady=state)
    assert s.min_rho[1] < -0.1
    assert np.isnan(s.free_energy[1])
    s = fp.solve(problem, rho0, [0, dt], Theta(1.0, dt), steady=state)
    assert s.min_rho[1] >= 0


def test_crank_nicolson_gains_free_energy_even_where_it_is_positive(steady):
    """A long step turns a narrow bump around its steady state, 1 + z into nearly 1 - z."""
    problem, state = steady("1D wells")
    grid = problem.grid
    rho0 = state.rho * (1 + 0.9 * np.exp(-((grid.x[0] + 1) ** 2) / 0.002))
    rho0 /= grid.integrate(rho0)
    dt = 1e4
    s = fp.solve(problem, rho0, [0, dt], Theta(0.5, dt), steady=state)
    assert s.min_rho[1] >= 0
    assert s.free_energy[1] > s.free_energy[0]
    assert fp.solve(problem, rho0, [0, dt], BackwardEuler(dt), steady=state).free_energy[1] < 1e-8


def test_the_wrong_steady_state_is_no_lyapunov_functional(steady):
    """D = diag(1, 0.2): relative to the Gibbs state of the loss, F rises from zero."""
    problem, _ = steady("2D gyrator")
    log_gibbs = -problem.beta * problem.f
    log_gibbs = log_gibbs - np.log(problem.grid.integrate(np.exp(log_gibbs)))
    s = fp.solve(problem, np.exp(log_gibbs), [0, 0.5, 1, 5], steady=log_gibbs, scheme="markov")
    assert s.free_energy[0] < 1e-28
    assert np.all(np.diff(s.free_energy) > 0)
    right = fp.solve(problem, np.exp(log_gibbs), [0, 0.5, 1, 5], scheme="markov")
    assert np.all(np.diff(right.free_energy) < 0)


def test_the_plain_sum_looks_non_monotone(steady):
    """sum p log(p / pi) as written ends at 1e-16 and jitters; the stable form goes on falling."""
    problem, state = steady("2D tensor, circulating")
    grid = problem.grid
    s = fp.solve(problem, start(grid), np.linspace(0, 60, 61), steady=state, scheme="markov")
    plain = grid.integrate(s.rho * np.log(s.rho / state.rho))
    with pytest.raises(AssertionError):
        assert_decreasing(plain, FLOOR)
    assert_decreasing(s.free_energy, FLOOR)


@pytest.mark.slow
@pytest.mark.parametrize("kappa", [1, 10, 100, 1000])
def test_anisotropy_on_a_finer_grid(kappa):
    """Long intervals on 96^2 cells, where the default changes over to Krylov by itself."""
    problem = fp.Problem(
        square(96), drift=lambda x, y: (-x + 2 * y, -1.5 * x - 0.8 * y), D=rotated(kappa)
    )
    times = [0, 0.01, 0.1, 0.5, 1, 2, 4, 8, 100, 400]
    s = fp.solve(problem, start(problem.grid), times, scheme="markov")
    assert np.abs(s.mass - 1).max() < 1e-13
    assert s.min_rho.min() >= 0
    # Rounding in the far tail is of either sign, by the processor: negative masses are clipped,
    # and what is above the true ones counts in KL.
    tail = 1e-18
    KL = s.free_energy * problem.beta
    assert_decreasing(KL, tail)
    # At 1000 a few cells in the corners hang on to the rest by rates of 1e-4 to 1e-10.
    assert KL[-1] < (tail if kappa <= 100 else 1.0)
    if kappa <= 100:
        inf = fp.steady_state(problem, scheme="markov").rho
        assert problem.grid.integrate(np.abs(s.rho[-1] - inf)) < 1e-14
    assert "krylov" in s.stats["kind"]
    assert s.stats["clipped_mass"] < tail
