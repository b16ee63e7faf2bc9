"""Noise that upwinding adds: closed forms, limits, and what it foretells."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.grid_noise import added_noise


@pytest.mark.parametrize("n", [64, 128])
def test_gaussian_on_a_line(n):
    r"""z = g = h x, so that <(z^2/12) g^2> / <g^2> = h^2 <x^4> / 12 <x^2> = h^2/4."""
    problem = fp.Problem(fp.Grid([(-7, 7)], n), f=lambda x: x**2 / 2)
    noise = added_noise(fp.Edges.from_problem(problem), -problem.f)
    assert noise == pytest.approx(problem.grid.h[0] ** 2 / 4, rel=0.05)


def test_without_noise_it_is_all_upwinding():
    """One-way edges have the diffusion of upwinding alone: half the tilt of theirs."""
    problem = fp.Problem(fp.Grid([(-2, 2)] * 2, 8), drift=lambda x, y: (y, -x), D=(0.0, 1.0))
    log_rho = -(problem.grid.x[0] ** 2)  # along the axis without noise
    assert added_noise(fp.Edges.from_problem(problem), log_rho) == pytest.approx(399, rel=1e-6)


def test_flat_densities_are_not_diffused(rng):
    """Differences of rounding say nothing."""
    problem = fp.Problem(fp.Grid([(-2, 2)] * 2, 8), drift=lambda x, y: (9 * y, -9 * x), D=1e-3)
    edges = fp.Edges.from_problem(problem)
    assert added_noise(edges, np.zeros(64)) == 0.0
    assert added_noise(edges, 1e-14 * rng.standard_normal(64)) == 0.0


def test_it_foretells_the_excess_of_kinetic_energy():
    """Oscillator with friction: the Markov state is too hot by about this factor."""
    exact = zoo.langevin()
    problem = exact.build(96)
    state = fp.steady_state(problem, "markov")
    noise = added_noise(Generator(problem).edges, state.log_rho)
    x = state.grid.x[1]
    excess = state.grid.integrate(state.rho * x**2) / state.grid.integrate(
        exact.rho(*state.grid.x) * x**2
    )
    assert noise == pytest.approx(excess - 1, rel=0.3)
