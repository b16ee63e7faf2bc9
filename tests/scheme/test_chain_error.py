"""When the Markov chain is too noisy: closed forms, and independence of the grid."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.chain_error import REFERENCE_CELLS, TOO_MUCH, ChainError
from fokkerplanck.scheme.dissipation import added_noise, coth_excess


def judged(problem):
    return ChainError(problem, fp.Edges.from_problem(problem))


def ring(n, speed, kT=0.1):
    grid = fp.Grid([(0, 2 * np.pi)], n, "periodic")
    return fp.Problem(grid, drift=lambda x: speed + 0 * x, kT=kT)


def turning(n, turn):
    grid = fp.Grid([(-4, 4), (-4, 4)], n)
    return fp.Problem(grid, drift=lambda x, y: (-x + turn * y, -y - turn * x))


@pytest.mark.parametrize("n", [32, 64, 200])
def test_waves_on_a_constant_drift(n):
    """Of every small wave, z/2 coth z/2 - 1 with the tilt z of a cell of the reference grid."""
    problem = ring(n, 0.7)
    half = 0.5 * 0.7 * 2 * np.pi / REFERENCE_CELLS / 0.1
    wanted = half / np.tanh(half) - 1
    x = problem.grid.x[0]
    wave = (1 + 1e-3 * np.cos(x)) / (2 * np.pi)
    assert judged(problem).of(wave) == pytest.approx(wanted, rel=1e-2)
    # Also of a density without any gradient, where that of the logarithm is rounding.
    assert judged(problem).of(fp.uniform(problem.grid)) == pytest.approx(wanted, rel=1e-12)
    rounding = np.log(fp.uniform(problem.grid)) + 1e-16 * np.cos(7 * x)
    assert judged(problem).of_log(rounding) == pytest.approx(wanted, rel=1e-12)


def test_it_does_not_depend_on_the_grid():
    found = []
    for n in (24, 48, 96):
        problem = turning(n, 6)
        found.append(judged(problem).of(fp.gaussian(problem.grid, (1, 0), 0.3)))
    assert np.ptp(found) < 0.05 * found[-1]
    assert min(found) > TOO_MUCH
    edges = fp.Edges.from_problem(turning(96, 6))
    start = np.log(fp.gaussian(edges.grid, (1, 0), 0.3))
    assert added_noise(edges, start) < 0.6 * found[-1]  # what that grid itself adds does


def test_points_feel_what_their_surroundings_add():
    """A density in one cell is no reason to leave the chain: it is resolved by no scheme."""
    problem = turning(32, 2)
    point = np.zeros(problem.grid.shape)
    point[20, 16] = 1 / problem.grid.volume
    assert judged(problem).of(point) < TOO_MUCH


def test_what_never_matters():
    grid = fp.Grid([(-1, 1), (-1, 1)], 24)
    balance = judged(fp.Problem(grid, f=lambda x, y: x**2 + y**4, kT=1e-3))
    assert balance.never_matters
    assert not balance.wants_flux(1e3)
    gentle = judged(ring(48, 1e-3))
    assert gentle.never_matters
    walls = judged(fp.zoo.square_root_diffusion().build(48))
    assert walls.never_matters
    assert not judged(turning(24, 6)).never_matters


def test_drift_without_noise_always_wants_the_flux():
    grid = fp.Grid([(-2, 2), (-2, 2)], 16)
    one_way = judged(fp.Problem(grid, drift=lambda x, v: (1e-3 * v, -v), D=(0, 1)))
    assert one_way.is_one_way
    assert one_way.wants_flux(0.0)
    still = judged(fp.Problem(grid, drift=lambda x, v: (0 * v, -v), D=(0, 1)))
    assert still.is_singular
    assert not still.is_one_way


def test_a_density_that_has_left_feels_nothing():
    grid = fp.Grid([(-4, 4), (-4, 4)], 12, "absorbing")
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 60 * y, -y - 60 * x), kT=0.3)
    assert judged(problem).of(np.zeros(grid.shape)) == 0


def test_all_mass_may_leave_by_the_flux():
    grid = fp.Grid([(-1, 1), (-1, 1)], 8, "absorbing")
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 5 * y, -y - 5 * x), kT=0.3)
    run = fp.solve(problem, fp.uniform(grid), [0, 1, 1e3], scheme="upwind5")
    assert run.rho.min() >= 0
    assert np.all(np.diff(run.mass) <= 0)
    assert run.mass[-1] < 1e-12


def test_what_fitting_adds_at_any_tilt():
    """t coth t - 1, from series to tilts whose squares are beyond doubles."""
    half = np.array([0.0, 1e-12, 9.9e-4, 1.01e-3, 0.5, 30.0, 1e160, 1e300])
    with mpmath.workdps(40):
        exact = [float(t * mpmath.coth(t) - 1) if t else 0.0 for t in map(mpmath.mpf, half)]
    np.testing.assert_allclose(coth_excess(half), exact, rtol=1e-6, atol=1e-300)
