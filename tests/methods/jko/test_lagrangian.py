"""Lagrangian schemes: Gaussians to 1e-12, double well, fronts, crowds, interactions, orders."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

import fokkerplanck as fp
from fokkerplanck.energies import Congestion, Energy, Entropy, Interaction, PorousMedium, Potential
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko import ExactW2, Lagrangian, LagrangianFlow
from fokkerplanck.methods.jko.stages import INTEGRATORS
from tests.convergence.rates import assert_rate

# R21: f = x^2, kT = 1/4, tau = 0.1, from mean 1 and standard deviation 0.3.
STEPS = (0.315940653956, 0.326995294574, 0.334734466084)
LEVELS = np.linspace(0.001, 0.999, 41)


def normal(mean, std):
    return lambda x: np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))


def well(x):
    return (x**2 - 1) ** 2 / 4


def well_flow(**more):
    settings = {"beta": 4.0, "interval": (-1.9, 2.9), **more}
    return LagrangianFlow(well, normal(0.5, 0.3), **settings)


# --- the integrators ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "order"), [("jko", 1), ("zeg2", 2)])
def test_order_conditions(name, order):
    """Stability function, as a power series in exact fractions, against that of the exponential.

    A gradient flow has one elementary differential of order two, that of the linear equation: the
    series of U' = -U decides the order up to two.
    """
    series = [[Fraction(1), Fraction(0), Fraction(0), Fraction(0)]]
    for row in INTEGRATORS[name]:
        weights = [Fraction(w).limit_denominator(1000) for w in row]
        total = sum(weights)
        known = [sum(w * u[k] for w, u in zip(weights, series, strict=True)) for k in range(4)]
        stage = []  # (total + z) U = known
        for k in range(4):
            stage.append((known[k] - (stage[k - 1] if k else 0)) / total)
        series.append(stage)
    exact = [Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-1, 6)]
    assert series[-1][: order + 1] == exact[: order + 1]
    assert series[-1][order + 1] != exact[order + 1]


@pytest.mark.parametrize(
    ("name", "order", "cap"), [("jko", 1, 3e-3), ("zeg2", 2, 4e-6)]
)  # fmt: skip
def test_orders_in_the_double_well(name, order, cap):
    exact = well_flow(integrator="zeg2")
    for _ in range(640):
        exact.step(0.5 / 640)
    taus, errors = [], []
    for n in (10, 20, 40, 80):
        flow = well_flow(integrator=name)
        for _ in range(n):
            flow.step(0.5 / n)
        taus.append(0.5 / n)
        errors.append(np.abs(flow.quantiles(LEVELS) - exact.quantiles(LEVELS)).max())
    assert_rate(taus, errors, order=order, cap=cap)


def test_energy_falls_at_any_step():
    for name in INTEGRATORS:
        for tau in (1e-3, 0.1, 10.0, 1e3):
            flow, before = well_flow(integrator=name), np.inf
            for _ in range(4):
                flow.step(tau)
                assert flow.energy <= before + 1e-13
                before = flow.energy


def test_wrong_weights_are_seen():
    """Counterexample: the second stage of zeg2 alone is of order one."""
    u1 = 5 / (5 + 0.1)
    assert abs((-2 + 6 * u1) / (4 + 0.1) - np.exp(-0.1)) > 0.01


# --- the oracle -----------------------------------------------------------------------------------


def test_three_gaussian_steps():
    flow = LagrangianFlow(lambda x: x**2, normal(1, 0.3), 4.0, interval=(-1.4, 3.4))
    for k, std in enumerate(STEPS, 1):
        flow.step(0.1)
        assert abs(flow.mean - 1.2**-k) < 1e-12
        assert abs(flow.std - std) < 2e-12  # the numbers have twelve digits
    assert abs(flow.t - 0.3) < 1e-15
    m, s = 1.2**-3, flow.std
    x = np.linspace(-0.4, 1.6, 9)
    np.testing.assert_allclose(flow.density(x), normal(m, s)(x), rtol=1e-12)
    np.testing.assert_allclose(flow.cdf(x), ndtr((x - m) / s), atol=1e-13)
    u = np.array([[0.01, 0.3], [0.5, 0.99]])
    np.testing.assert_allclose(flow.quantiles(u), m + s * ndtri(u), atol=1e-12)
    assert flow.density(np.array([-50.0, 50.0])).tolist() == [0, 0]
    assert (np.diff(flow.particles) > 0).all()


def test_the_fixed_point_is_exact():
    std = np.sqrt(0.25 / 2)
    flow = LagrangianFlow(lambda x: x**2, normal(0, std), 4.0, interval=(-2.8, 2.8))
    for tau in (1e-4, 1.0, 1e4):
        flow.step(tau)
        assert abs(flow.std - std) < 1e-12
        assert np.abs(flow.quantiles([0.1, 0.9]) - std * ndtri([0.1, 0.9])).max() < 1e-11


def test_double_well_converges_spectrally():
    found = []
    for elements, degree in ((8, 6), (16, 8), (32, 8), (48, 10)):
        flow = well_flow(elements=elements, degree=degree)
        for _ in range(10):
            flow.step(0.05)
        found.append(flow.quantiles(LEVELS))
    errors = [np.abs(q - found[-1]).max() for q in found[:-1]]
    assert errors[0] > 1e3 * errors[2]
    assert errors[2] < 1e-10


def test_newton_iterations_are_few():
    flow = well_flow()
    for _ in range(10):
        flow.step(0.05)
    assert flow.newton_iterations <= 70


def test_a_derivative_may_be_given():
    plain = well_flow().step(0.1)
    given = well_flow(grad_f=lambda x: x**3 - x).step(0.1)
    np.testing.assert_allclose(plain.X, given.X, atol=1e-11)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interval": (2, 1)}, "interval is"),
        ({"interval": 3}, "interval is"),
        ({"beta": -1}, "beta is"),
        ({"elements": 0}, "elements is 0"),
        ({"degree": 2.5}, "degree is 2.5"),
        ({"integrator": "euler"}, "choose from jko, zeg2"),
        ({"grad_f": 3}, "grad_f is 3"),
        ({"grad_f": lambda x: x}, "give grad_f = f'"),
        ({"f": 3}, "f is 3"),
        ({"rho0": None}, "rho0 is None"),
        ({"rho0": lambda x: x}, "rho0 is not a positive"),
        ({"rho0": lambda x: 1.0}, "rho0 is not a positive"),
        ({"f": lambda x: np.abs(x) ** 2}, "give grad_f"),
    ],
)
def test_bad_flows(change, words):
    arguments = {"f": well, "rho0": normal(0, 1), "interval": (-5, 5), **change}
    with pytest.raises(ValueError, match=words):
        LagrangianFlow(**arguments)


def test_bad_questions():
    flow = well_flow()
    with pytest.raises(ValueError, match="tau is"):
        flow.step(0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        flow.quantiles([0.0])


# --- on a grid ------------------------------------------------------------------------------------


def cells(grid, mean, std):
    rho = np.diff(ndtr((grid.faces[0] - mean) / std)) / grid.volume
    return rho / grid.integrate(rho)


def barenblatt(grid, t):
    """Cell averages of the solution of rho_t = (rho^2)_xx from a point, mass 1."""
    C, edge = 0.360562392577, 2.080083823 * t ** (1 / 3)
    a = np.clip(grid.faces[0], -edge, edge)
    rho = np.diff(t ** (-1 / 3) * (C * a - a**3 * t ** (-2 / 3) / 36)) / grid.volume
    return rho / grid.integrate(rho)


def block(grid, *pairs):
    x = grid.x[0]
    rho = sum(((x > lo) & (x < hi)) * 1.0 for lo, hi in pairs)
    return rho / grid.integrate(rho)


def run(problem, start, t, method):
    return fp.solve(problem, start, t, method, steady=False)


@pytest.mark.parametrize("graded", [False, True])
def test_gaussian_steps_on_a_grid(graded):
    widths, errors = [], []
    for n in (100, 200, 400):
        s = np.linspace(-1, 1, n + 1)
        grid = fp.Grid([4 * (s + s**3) / 2]) if graded else fp.Grid([(-4, 4)], n)
        problem = fp.Problem(grid, f=lambda x: x**2, kT=0.25)
        solution = run(problem, cells(grid, 1, 0.3), [0, 0.1, 0.2, 0.3], Lagrangian(0.1))
        x, rho = grid.x[0], solution[-1]
        mean = grid.integrate(x * rho)
        assert abs(mean - 1.2**-3) < 1e-3
        widths.append(1 / n)
        errors.append(abs(np.sqrt(grid.integrate((x - mean) ** 2 * rho)) - STEPS[2]))
        q = 1.2**-3 + STEPS[2] * ndtri(Lagrangian(0.1).levels)
        assert np.abs(solution.stats["quantiles"][-1] - q).max() < 0.25 / n
        assert np.abs(solution.mass - 1).max() < 1e-13
        assert solution.min_rho.min() >= 0
    assert_rate(widths, errors, order=2, cap=2e-4)


@pytest.mark.parametrize(("name", "order", "cap"), [("jko", 1, 3e-3), ("zeg2", 2, 2e-5)])
def test_orders_on_a_grid(name, order, cap):
    grid = fp.Grid([(-3, 3)], 150)
    problem = fp.Problem(grid, f=well, beta=4.0)
    start, taus, found = cells(grid, 0.5, 0.3), np.array([0.1, 0.05, 0.025, 0.0125]), []
    exact = run(problem, start, [0, 0.4], Lagrangian(0.4 / 256, integrator="zeg2"))
    for tau in taus:
        solution = run(problem, start, [0, 0.4], Lagrangian(tau, integrator=name))
        found.append(np.abs(solution.stats["quantiles"][-1] - exact.stats["quantiles"][-1]).max())
    assert_rate(taus, found, order=order, cap=cap)


@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0])
def test_a_barenblatt_profile_is_dilated(tau):
    """R19 and the JKO step of a profile with fronts: s with (s - 1) M2/tau = F0/s^2 for m = 2."""
    fine = fp.Grid([(-4, 4)], 4000)
    F0, M2 = PorousMedium(2).value(barenblatt(fine, 1.0), fine), 0.865349742
    s = brentq(lambda s: (s - 1) * M2 / tau - F0 / s**2, 1, 10)
    widths, errors = [], []
    for n in (100, 200, 400):
        grid = fp.Grid([(-4, 4)], n)
        solution = run(
            fp.Problem(grid), barenblatt(grid, 1.0), [0, tau], Lagrangian(tau, PorousMedium(2))
        )
        start, end = solution.stats["quantiles"]
        widths.append(8 / n)
        errors.append(np.abs(end - s * start).max())
        assert solution.stats["largest_rise"] < 0
        assert abs(solution.mass[-1] - 1) < 1e-13
    assert errors[-1] < 1e-3
    assert errors[-1] < errors[0]


def test_the_front_of_a_porous_medium():
    grid = fp.Grid([(-4, 4)], 400)
    solution = run(
        fp.Problem(grid), barenblatt(grid, 0.5), [0, 0.5], Lagrangian(0.01, PorousMedium(2))
    )
    assert grid.integrate(np.abs(solution[-1] - barenblatt(grid, 1.0))) < 5e-3
    assert solution[-1][np.abs(grid.x[0]) > 2.2].max() < 1e-6


@pytest.mark.parametrize("tau", [1e-2, 0.1, 1.0, 100.0])
def test_a_crowd_fills_the_valley(tau):
    """Two groups, at most 0.9 of density, in a valley: at last a block about the origin."""
    grid = fp.Grid([(-4, 4)], 200)
    energy = Congestion(0.9) + Potential(lambda x: x**2 / 2)
    start = (
        0.9 * block(grid, (0.6, 1.2), (-1.9, -1.3)) / block(grid, (0.6, 1.2), (-1.9, -1.3)).max()
    )
    start = np.minimum(block(grid, (0.6, 1.5), (-2.2, -1.3)), 0.9)
    start /= grid.integrate(start)
    solution = run(fp.Problem(grid), start, np.arange(5) * tau, Lagrangian(tau, energy))
    assert solution.rho.max() <= 0.9 * (1 + 1e-8)
    assert solution.stats["largest_rise"] < 1e-6
    if tau >= 1:
        rest = block(grid, (-1 / 1.8, 1 / 1.8))
        assert grid.integrate(np.abs(solution[-1] - rest)) < (0.08 if tau > 1 else 0.2)


@pytest.mark.parametrize(
    "energy",
    [
        Entropy(0.1) + Interaction(lambda x: x**2 / 2),
        PorousMedium(2) + Interaction(lambda x: -np.exp(-(x**2))),
        PorousMedium(3) + Potential(lambda x: x**2 / 2),
        PorousMedium(2) + Entropy(0.05) + Potential(lambda x: x**2 / 2),
        Potential(lambda x: x**2 / 2),
    ],
)
@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0])
def test_any_energy_falls_from_parts_with_gaps(energy, tau):
    grid = fp.Grid([(-4, 4)], 160)
    start = block(grid, (0.5, 1.5), (-2.0, -1.5))
    solution = run(fp.Problem(grid), start, np.arange(4) * tau, Lagrangian(tau, energy))
    assert solution.stats["largest_rise"] < 1e-12
    assert np.abs(solution.mass - 1).max() < 1e-13
    assert solution.min_rho.min() >= 0


def test_an_energy_of_ones_own():
    class Cubic(Energy):
        def internal(self, rho):
            return rho**3 / 2

        def d_internal(self, rho):
            return 1.5 * rho**2

        def dd_internal(self, rho):
            return 3 * rho

    grid = fp.Grid([(-4, 4)], 100)
    start = cells(grid, 0, 0.5)
    a = run(fp.Problem(grid), start, [0, 0.2], Lagrangian(0.1, Cubic()))
    b = run(fp.Problem(grid), start, [0, 0.2], Lagrangian(0.1, PorousMedium(3)))
    np.testing.assert_allclose(a[-1], b[-1], atol=1e-12)


def test_both_schemes_agree():
    """As far as densities constant in cells that do not match agree: to order one."""
    for D in (1.0, 4.0, lambda x: 1 + x**2 / 2):
        widths, errors = [], []
        for n in (100, 200, 400):
            grid = fp.Grid([(-3, 3)], n)
            problem = fp.Problem(grid, f=well, D=D, beta=4.0)
            start = cells(grid, 0.5, 0.3)
            a, b = (
                run(problem, start, [0, 0.1], method(0.1))[-1] for method in (ExactW2, Lagrangian)
            )
            widths.append(1 / n)
            errors.append(grid.integrate(np.abs(a - b)))
        assert_rate(widths, errors, order=1, cap=5e-3)


def test_walls_hold_the_mass():
    grid = fp.Grid([(0, 1)], 100)
    problem = fp.Problem(grid, f=lambda x: -5 * x)
    solution = run(problem, fp.uniform(grid), [0, 1, 2, 4], Lagrangian(0.5))
    exact = np.exp(5 * grid.x[0])
    exact /= grid.integrate(exact)
    assert grid.integrate(np.abs(solution[-1] - exact)) < 0.02
    assert abs(solution.mass[-1] - 1) < 1e-13


def test_nothing_is_interpolated_between_steps():
    """A point of the swarm moves without noise: the block stays a block over a hundred steps."""
    grid = fp.Grid([(-4, 4)], 160)
    energy = Potential(lambda x: -x)
    solution = run(
        fp.Problem(grid), block(grid, (-2, -1)), np.linspace(0, 2, 11), Lagrangian(0.02, energy)
    )
    assert grid.integrate(np.abs(solution[-1] - block(grid, (0, 1)))) < 1e-6
    assert solution.stats["quantiles"].shape == (101, 5)
    np.testing.assert_allclose(np.diff(solution.stats["quantiles"], axis=0), 0.02, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"integrator": "rk4"}, "choose from jko, zeg2"),
        ({"levels": (0.0, 0.5)}, "levels are"),
        ({"levels": ()}, "levels are"),
        ({"levels": "half"}, "levels is"),
        ({"tau": 0}, "tau is"),
        ({"energy": "entropy"}, "energy is 'entropy'"),
    ],
)
def test_bad_arguments(change, words):
    with pytest.raises(ValueError, match=words):
        Lagrangian(**{"tau": 0.1, **change})


def test_problems_it_cannot_take():
    plane = fp.Problem(fp.Grid([(0, 1), (0, 1)], 8))
    with pytest.raises(ValueError, match="Lagrangian is for one dimension"):
        run(plane, fp.uniform(plane.grid), 1, Lagrangian(0.1))
    ring = fp.Problem(fp.Grid([(0, 1)], 8, "periodic"))
    with pytest.raises(ValueError, match="periodic"):
        run(ring, fp.uniform(ring.grid), 1, Lagrangian(0.1))
    grid = fp.Grid([(0, 1)], 8)
    with pytest.raises(ValueError, match="give a constant D"):
        run(fp.Problem(grid, D=lambda x: 1 + x), fp.uniform(grid), 1,
            Lagrangian(0.1, PorousMedium(2)))  # fmt: skip
    with pytest.raises(ValueError, match="leaves no room for a mass of 1"):
        run(fp.Problem(grid), fp.uniform(grid), 1, Lagrangian(0.1, Congestion(0.9)))
    with pytest.raises(ValueError, match="above the largest one allowed"):
        run(fp.Problem(grid), block(grid, (0, 0.5)), 1, Lagrangian(0.1, Congestion(1.5)))


def test_what_does_not_converge_says_so():
    grid = fp.Grid([(-4, 4)], 60)

    class Wrong(PorousMedium):
        def dd_internal(self, rho):
            return -5 * super().dd_internal(rho)

    with pytest.raises((ConvergenceError, ValueError)):
        run(fp.Problem(grid), cells(grid, 0, 0.5), [0, 1], Lagrangian(1.0, Wrong(2)))
