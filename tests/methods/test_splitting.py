"""Directional splitting: order, invariants, error control, the door."""

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.lines import GAMMA, STAGES, LineSplitting
from fokkerplanck.methods import Context, Exponential, Splitting
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.generator import Generator
from tests.convergence.rates import assert_rate


def wells(n=32, coupling=0.5, **options):
    grid = fp.Grid([(-2.5, 2.5), (-3, 3)], n)
    return fp.Problem(
        grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + coupling * x * y, **options
    )


PROBLEMS = {
    "1D": fp.Problem(fp.Grid([(-2, 2)], 60), f=lambda x: (x**2 - 1) ** 2),
    "2D": wells(),
    "2D rotation": fp.Problem(
        fp.Grid([(-4, 4)] * 2, 32), drift=lambda x, y: (-x + 2 * y, -y - 2 * x), D=(1.0, 0.5)
    ),
    "2D torus": fp.Problem(
        fp.Grid([(-np.pi, np.pi)] * 2, (24, 20), "periodic"),
        drift=lambda x, y: (np.sin(y) + 0.5, np.cos(x)),
    ),
    "2D absorbing": fp.Problem(fp.Grid([(0, 1)] * 2, 20, "absorbing"), drift=lambda x, y: (y, -x)),
    "2D graded": fp.Problem(
        fp.Grid([np.geomspace(0.2, 2, 21), (-1, 1)], (20, 15)), f=lambda x, y: x * y + y**2
    ),
    "3D": fp.Problem(
        fp.Grid([(-2, 2)] * 3, (10, 11, 12), ["reflecting", "periodic", "reflecting"]),
        drift=lambda x, y, z: (-x + z, np.sin(np.pi * y / 2), -z - x),
    ),
}


def start(grid):
    mean = [lo + 0.4 * (hi - lo) for lo, hi in grid.box]
    return fp.gaussian(grid, mean, [(0.12 * (hi - lo)) ** 2 for lo, hi in grid.box])


def test_the_rational_function_has_order_five_and_is_stable():
    b = powers.weights(STAGES, GAMMA)
    z = -np.geomspace(0.02, 0.64, 6)
    R = sum(w * (1 - GAMMA * z) ** -(j + 1.0) for j, w in enumerate(b))
    slopes = np.diff(np.log(np.abs(R - np.exp(z)))) / np.diff(np.log(-z))
    assert abs(slopes[0] - 6) < 0.2
    z = -np.geomspace(1e-3, 1e9, 2000)
    R = sum(w * (1 - GAMMA * z) ** -(j + 1.0) for j, w in enumerate(b))
    assert np.abs(R).max() <= 1
    assert abs(R[-1]) < 1e-8


@pytest.mark.parametrize("drift", [1.0, -1.0])
def test_a_ring_is_a_ring_whichever_way_it_is_gone_round(drift):
    """One of the two rates of every face underflows to zero."""
    grid = fp.Grid([(0, 1)], 32, "periodic")
    problem = fp.Problem(grid, drift=lambda x: drift + 0 * x, kT=1e-5)
    generator, start = Generator(problem), fp.gaussian(grid, 0.5, 0.01)
    exact = expm(0.3 * generator.matrix.toarray()) @ (start * grid.volume)
    run = fp.solve(generator, start, 0.3, Splitting(), steady=False)
    assert np.abs(run.rho[-1] * grid.volume - exact).sum() < 1e-6


def test_strang_is_of_order_two_and_its_extrapolation_higher():
    problem = wells()
    p = (start(problem.grid) * problem.grid.volume).ravel()
    t, generator = 1.0, Generator(problem)
    method = Exponential()
    exact = method.step(method.init(generator, Context(t)), p, t)
    lines = LineSplitting(AxisRates.from_generator(generator))
    steps = np.array([4, 8, 16])
    errors = [np.abs(lines.strang(p, t, n) - exact).sum() for n in steps]
    assert_rate(1 / steps, errors, 2, cap=2e-3)
    errors = []
    for n in steps:
        q = p
        for _ in range(n):
            q, _ = lines.step(q, t / n)
        errors.append(np.abs(q - exact).sum())
    slopes = np.diff(np.log(errors)) / np.diff(np.log(1 / steps))
    assert slopes.min() > 3.85  # six for short steps; stiff lines reduce it
    assert errors[-1] < 1e-6


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
def test_tolerance_is_kept(name, tolerance):
    problem = PROBLEMS[name]
    grid, times = problem.grid, [0, 0.03, 0.5]
    rho0 = start(grid)
    exact = fp.solve(problem, rho0, times, steady=False, scheme="markov")
    s = fp.solve(problem, rho0, times, Splitting(), steady=False, rtol=tolerance)
    error = grid.integrate(np.abs(s.rho[-1] - exact.rho[-1]))
    assert error <= s.stats["error_bound"] + 1e-13
    assert s.stats["error_bound"] <= 1.5 * tolerance
    assert s.min_rho.min() >= 0
    if not grid.has_absorbing_sides:
        assert np.abs(s.mass - 1).max() < 1e-14
        assert s.stats["mass_correction"] < max(1e-13, tolerance)


def test_looser_tolerances_and_finer_grids_take_no_more_steps():
    steps = [
        fp.solve(wells(n), start(wells(n).grid), 4.0, Splitting(r), steady=False).stats["steps"]
        for n, r in ((32, 1e-6), (32, 1e-3), (96, 1e-3))
    ]
    assert steps[1] < 0.6 * steps[0]
    assert steps[2] <= steps[1] + 3


def test_the_steady_state_stays_and_free_energy_falls():
    problem = wells(beta=2.0)
    steady = fp.steady_state(problem, scheme="markov")
    s = fp.solve(problem, steady.rho, [0, 1, 50], Splitting(1e-3), steady=steady)
    assert np.abs(s.rho - steady.rho).max() < 1e-12
    times = np.concatenate([[0], np.geomspace(0.02, 30, 15)])
    s = fp.solve(problem, start(problem.grid), times, Splitting(1e-6), steady=steady)
    assert np.all(np.diff(s.free_energy) < 1e-13)
    assert s.free_energy[-1] < 1e-7 * s.free_energy[0]


def test_axes_that_do_not_commute_move_the_steady_state():
    """Without detailed balance the splitting has a steady state of its own, off by its error."""
    problem = PROBLEMS["2D rotation"]
    generator = Generator(problem)
    steady = fp.steady_state(problem, scheme="markov").rho * problem.grid.volume
    lines = LineSplitting(AxisRates.from_generator(generator))
    moved = [np.abs(lines.strang(steady.ravel(), h, 1) - steady.ravel()).sum() for h in (0.4, 0.1)]
    assert moved[0] > 1e-3
    assert 30 < moved[0] / moved[1] < 100  # of order three in a step


def test_long_steps_go_negative():
    """Of order above one, so not positive: a point on a line, one long step."""
    problem = fp.Problem(fp.Grid([(0, 1)], 100))
    lines = LineSplitting(AxisRates.from_generator(Generator(problem)))
    p = np.zeros(100)
    p[10] = 1.0
    q = lines.strang(p, 1e-3, 1)
    assert q.min() < -1e-7
    assert abs(q.sum() - 1) < 1e-14


def test_the_least_tolerance_is_kept():
    problem = wells(24)
    grid, rho0 = problem.grid, start(problem.grid)
    s = fp.solve(problem, rho0, 0.05, Splitting(1e-12), steady=False)
    exact = fp.solve(problem, rho0, 0.05, steady=False)
    assert grid.integrate(np.abs(s.rho[-1] - exact.rho[-1])) < 1e-12
    for less in (
        lambda: Splitting(1e-13),
        lambda: fp.solve(problem, rho0, 1, Splitting(), rtol=1e-14),
    ):
        with pytest.raises(ValueError, match=r"reaches 1e-12 at best; use Exponential\(\)"):
            less()


@pytest.mark.parametrize("value", [0, 2.0, np.nan, "tight", None])
def test_bad_tolerances(value):
    with pytest.raises(ValueError, match="give a number between 0 and 1"):
        Splitting(value)


def test_full_tensors_are_refused():
    problem = fp.Problem(fp.Grid([(-1, 1)] * 2, 8), D=[[1, 0.5], [0.5, 1]])
    with pytest.raises(ValueError, match=r"use Exponential\(\), or a diagonal D"):
        fp.solve(problem, fp.uniform(problem.grid), 1.0, Splitting(), steady=False)
