"""Transients converge to closed forms: second order in space, first order of backward Euler."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.methods import BackwardEuler
from tests.convergence.rates import assert_rate

# Relative entropy to the steady state at the times in front, from closed forms.
RELAXATIONS = {
    "ornstein_uhlenbeck": (
        {0: 8.49629073, 0.5: 1.08618098, 1: 0.1465849008, 2: 0.00268372088, 4: 9.002814e-7},
        (100, 200, 400, 800), 0.0012,
    ),
    "gyrator": (
        {0: 16.7847289017, 0.5: 8.9321202549, 1: 4.5407657, 2: 1.0996566565, 4: 0.0620743713,
         8: 1.968219694e-4},
        (80, 120, 180), 0.05,
    ),
    "spiral": (
        {0: 5.4459155604, 0.5: 2.7016857708, 1: 1.3132548065, 2: 0.1387611585, 4: 0.0043034496},
        (48, 96, 192), 0.025,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RELAXATIONS)
def test_free_energy_of_linear_problems(name):
    values, sizes, cap = RELAXATIONS[name]
    exact = getattr(zoo, name)()
    times = np.array(list(values), dtype=float)
    KL = np.array(list(values.values()))
    np.testing.assert_allclose(exact.kl(times), KL, rtol=1e-6)
    errors, distances = [], []
    for n in sizes:
        problem = exact.build(n)
        grid = problem.grid
        rho0 = fp.gaussian(grid, exact.mean_t(0.0), exact.cov_t(0.0))
        s = fp.solve(problem, rho0, times, scheme="markov")
        errors.append(np.abs(s.free_energy * problem.beta / KL - 1))
        reference = np.stack([exact.rho_t(t, *grid.x) for t in times])
        distances.append(grid.integrate(np.abs(s.rho - reference)))
    h = 1 / np.array(sizes)
    for k in range(1, times.size):
        assert_rate(h, [e[k] for e in errors], order=2, cap=cap)
        assert_rate(h, [d[k] for d in distances], order=2, cap=0.01)


def heat_in_a_box(n):
    """Product of cosine modes, D diagonal, reflecting walls."""
    grid = fp.Grid([(0, 1), (0, 1.5)], (n, n))
    D, kT, k = (1.0, 0.4), 0.3, (np.pi, 2 * np.pi / 1.5)
    rate = kT * (D[0] * k[0] ** 2 + D[1] * k[1] ** 2)

    def exact(t, x, y):
        return (1 + 0.8 * np.cos(k[0] * x) * np.cos(k[1] * y) * np.exp(-rate * t)) / 1.5

    return fp.Problem(grid, D=D, kT=kT), exact


def drifting_wave(n):
    """Plane wave on a torus, constant drift and a full tensor D."""
    length = 2 * np.pi
    grid = fp.Grid([(0, length), (0, length)], n, "periodic")
    c, D, kT, k = np.array([1.0, -0.5]), np.array([[1.0, 0.3], [0.3, 0.4]]), 0.2, np.array([1, 1])

    def exact(t, x, y):
        phase = k[0] * (x - c[0] * t) + k[1] * (y - c[1] * t)
        return (1 + 0.8 * np.cos(phase) * np.exp(-kT * t * k @ D @ k)) / length**2

    return fp.Problem(grid, drift=lambda x, y: (c[0] + 0 * x, c[1] + 0 * y), D=D, kT=kT), exact


@pytest.mark.parametrize(
    ("build", "t", "cap"), [(heat_in_a_box, 0.2, 1e-4), (drifting_wave, 1.0, 5e-3)]
)
def test_plane_waves(build, t, cap):
    sizes, errors = (24, 48, 96), []
    for n in sizes:
        problem, exact = build(n)
        rho0 = exact(0.0, *problem.grid.x)
        s = fp.solve(problem, rho0 / problem.grid.integrate(rho0), [0, t], scheme="markov")
        errors.append(float(problem.grid.integrate(np.abs(s[1] - exact(t, *problem.grid.x)))))
    assert_rate(1 / np.array(sizes), errors, order=2, cap=cap)


def test_heat_flow_spends_two_functionals():
    """The heat equation is the L2 flow of the Dirichlet energy and the W2 flow of minus entropy."""
    problem, _ = heat_in_a_box(48)
    grid = problem.grid
    s = fp.solve(
        problem, fp.gaussian(grid, (0.3, 0.5), 0.02), np.linspace(0, 1, 21), scheme="markov"
    )
    assert np.all(np.diff(s.entropy) > 0)
    generator = fp.Generator(problem)
    dirichlet = [-grid.integrate(rho * generator.apply(rho)) for _, rho in s]
    assert np.all(np.diff(dirichlet) < 0)


def test_backward_euler_converges_in_time():
    exact = zoo.ornstein_uhlenbeck()
    problem = exact.build(200)
    rho0 = fp.gaussian(problem.grid, 1.0, 0.01)
    reference = fp.solve(problem, rho0, [0, 1], steady=False, scheme="markov")[1]
    steps = np.array([0.04, 0.02, 0.01, 0.005])
    errors = []
    for dt in steps:
        s = fp.solve(problem, rho0, [0, 1], BackwardEuler(dt), steady=False)
        errors.append(float(problem.grid.integrate(np.abs(s[1] - reference))))
    assert_rate(steps, errors, order=1, cap=0.006)
