"""Chebyshev series against scalar exponentials and uniformisation; bounds; what breaks them."""

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.semigroup.chebyshev import ChebyshevSeries, coefficients
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
from fokkerplanck.scheme.generator import Generator

WELLS = {
    "1D": fp.Problem(fp.Grid([(-2, 2)], 60), f=lambda x: (x**2 - 1) ** 2, beta=2.0),
    "1D ring": fp.Problem(fp.Grid([(0, 2 * np.pi)], 50, "periodic"), f=lambda x: np.cos(x)),
    "2D": fp.Problem(
        fp.Grid([(-2, 2)] * 2, 14), f=lambda x, y: (x**2 - 1) ** 2 / 2 + x * y / 2 + y**2
    ),
    "2D graded, D(x)": fp.Problem(
        fp.Grid([np.geomspace(0.2, 2, 15), (-1, 1)], (14, 9)), f=lambda x, y: x + y**2, D=(1.0, 0.3)
    ),
    "2D tensor": fp.Problem.from_potential(
        fp.Grid([(-2, 2)] * 2, 12), lambda x, y: x**2 + y**2 + x * y, D=[[1, 0.5], [0.5, 0.8]]
    ),
    "3D": fp.Problem(fp.Grid([(-2, 2)] * 3, 6), f=lambda x, y, z: x**2 + y * z + y**2 + z**2),
}
CURRENTS = {
    "1D ring": fp.Problem(
        fp.Grid([(0, 2 * np.pi)], 60, "periodic"), drift=lambda x: 0.8 - np.sin(x)
    ),
    "2D rotation": fp.Problem(
        fp.Grid([(-4, 4)] * 2, 20), drift=lambda x, y: (-x + 2 * y, -y - 2 * x)
    ),
    "2D tensor": fp.Problem(
        fp.Grid([(-3, 3)] * 2, 16), drift=lambda x, y: (-x + y, -y - x), D=[[1, 0.6], [0.6, 0.5]]
    ),
    "2D momentum": fp.Problem(
        fp.Grid([(-4, 4)] * 2, 16), drift=lambda x, v: (v, -x - v), D=[[0, 0], [0, 1]]
    ),
    "absorbing": fp.Problem(fp.Grid([(0, 1)] * 2, 14, "absorbing"), drift=lambda x, y: (y, -x)),
}


def start(problem, where=0.4):
    grid = problem.grid
    mean = [lo + where * (hi - lo) for lo, hi in grid.box]
    width = [(0.1 * (hi - lo)) ** 2 for lo, hi in grid.box]
    return (fp.gaussian(grid, mean, width) * grid.volume).ravel()


@pytest.mark.parametrize("tau", [0.0, 1e-6, 0.3, 7.0, 400.0, 3e4])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-8, 1e-15])
def test_coefficients_give_the_exponential(tau, tolerance):
    c, left_out = coefficients(tau, tolerance)
    x = np.cos(np.linspace(0, np.pi, 501))
    error = np.abs(np.polynomial.chebyshev.chebval(x, c) - np.exp(tau * (x - 1)))
    assert left_out <= tolerance
    rounding = 2e-14 + 1e-16 * c.size + 1e-10 * left_out  # of Clenshaw, of Bessel functions
    assert error.max() <= left_out + rounding
    assert c.size <= math.sqrt(2 * tau * math.log(2 / tolerance)) + math.log(2 / tolerance) + 3
    assert c.size == 1 or coefficients(tau, 1.01 * (left_out + c[-1]))[0].size < c.size


@pytest.mark.parametrize("name", WELLS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10, 1e-14])
def test_error_is_below_the_bound(name, tolerance):
    problem = WELLS[name]
    generator, p = Generator(problem), start(problem)
    series = ChebyshevSeries(generator)
    assert series.is_reversible
    chain = JumpChain(generator)
    for t in (0.01, 1.0, 20.0):
        action = series.act(p, t, tolerance)
        exact = chain.act(p, t).p
        assert np.abs(action.p - exact).sum() <= action.bound
        assert action.bound <= tolerance + 3e-13
        assert abs(action.p.sum() - 1) < 1e-13
        assert (
            action.n_products <= 1.05 * series.n_products(t, tolerance / (2 * series.norm(p))) + 5
        )


@pytest.mark.parametrize("name", CURRENTS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
def test_error_is_below_the_estimate(name, tolerance):
    problem = CURRENTS[name]
    generator, p = Generator(problem), start(problem)
    series = ChebyshevSeries(generator)
    chain = JumpChain(generator)
    kept = 0
    for t in (0.01, 0.1, 1.0):
        action = series.act(p, t, tolerance)
        if action is None:
            continue
        kept += 1
        assert np.abs(action.p - chain.act(p, t).p).sum() <= action.bound
        assert action.bound <= tolerance + 3e-13
    assert kept >= 2


def test_products_grow_like_the_root_of_time():
    problem = WELLS["2D"]
    series, p = ChebyshevSeries(Generator(problem)), start(problem)
    n = [series.act(p, t, 1e-6).n_products for t in (1.0, 16.0)]
    assert 3 < n[1] / n[0] < 4.2
    assert n[1] < 0.3 * JumpChain(Generator(problem)).products(16.0)


def test_the_steady_state_stays():
    """At any tolerance: the weights kept are divided by their sum."""
    for problem in WELLS.values():
        series = ChebyshevSeries(Generator(problem))
        pi = np.exp(series.log_mass)
        assert np.abs(series.act(pi, 5.0, 1e-2).p - pi).sum() < 3e-14


def test_chi_square_contracts():
    problem = WELLS["2D"]
    series, p = ChebyshevSeries(Generator(problem)), start(problem)
    pi = np.exp(series.log_mass)
    for tolerance in (1e-1, 1e-6):
        last = np.inf
        for t in np.geomspace(0.05, 5, 12):
            q = series.act(p, t, tolerance).p
            chi = math.sqrt(((q - pi) ** 2 / pi).sum())
            assert chi < last
            last = chi


def test_a_start_in_the_far_tail_is_watched():
    """Its norm bounds rounding at 1e+10 units, but what the terms show is trusted."""
    grid = fp.Grid([(-6, 6)], 120)
    problem = fp.Problem(grid, f=lambda x: x**2, kT=0.5)
    generator = Generator(problem)
    p = (fp.gaussian(grid, 5.0, 0.02) * grid.volume).ravel()
    series = ChebyshevSeries(generator)
    assert series.norm(p) > 1e9
    assert not series.is_bounded(p, 1e-8)
    exact = JumpChain(generator).act(p, 0.02).p
    action = series.act(p, 0.02, 1e-8)
    assert np.abs(action.p - exact).sum() <= action.bound <= 1e-8
    # Over long times the terms grow by so much that their sum would be rounding.
    assert series.act(p, 50.0, 1e-12) is None


def test_an_interval_too_short_for_the_spectrum_explodes():
    """The bound matters: with three quarters of it the result is no density at all."""
    problem = WELLS["2D"]
    generator, p = Generator(problem), start(problem)
    series = ChebyshevSeries(generator)
    wrong = ChebyshevSeries(generator)
    wrong.bound *= 0.75
    wrong._products = type(series._products)(
        fp.linalg.semigroup.products.rates_of(generator), wrong.bound / 4, compensated=False
    )
    exact = series.act(p, 5.0, 1e-10).p
    assert np.abs(wrong.act(p, 5.0, 1e-10).p - exact).sum() > 1e3


def test_negative_masses_are_possible():
    """Positivity is no theorem here; Exponential sets them to zero and says so."""
    grid = fp.Grid([(-2.5, 2.5)], 80)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, kT=0.1)
    p = fp.gaussian(grid, -1, 0.04) * grid.volume
    action = ChebyshevSeries(Generator(problem)).act(p, 10.0, 1e-2)
    assert action.p.min() < 0
    assert -action.p[action.p < 0].sum() <= action.bound
    method = fp.Exponential(kind="chebyshev", tolerance=1e-2)
    stats = fp.solve(problem, fp.gaussian(grid, -1, 0.04), [0, 10], method).stats
    assert 0 < stats["clipped_mass"] < 1e-2
    assert "zero" in stats["positivity"]


def test_absurdly_long_series_say_so():
    with pytest.raises(ConvergenceError, match="give shorter intervals"):
        coefficients(1e14, 1e-6)
