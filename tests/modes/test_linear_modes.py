"""Slow modes of the fifth-order flux against closed forms and an independent discretisation."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.modes.linear_modes import LinearShiftInvert, linear_modes
from fokkerplanck.scheme.dissipation import dissipation_of_function
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.linear_flux import linear_masses
from fokkerplanck.steady.markov import stationary_log_mass
from fokkerplanck.steady.operator_choice import LinearOperator


def kramers(gamma, n):
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)
    return fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - gamma * v), D=(0, gamma), kT=0.05)


def oscillator(gamma, n=48):
    grid = fp.Grid([(-6, 6), (-6, 6)], n)
    return fp.Problem(grid, drift=lambda x, v: (v, -x - gamma * v), D=(0, gamma))


# By Hermite functions in v and sinc functions in x, converged to all digits shown.
GAPS = {(1, 80): (1.785350e-3, 3e-6), (5, 80): (5.38066e-4, 5e-7), (0.1, 160): (1.49195e-3, 2e-6)}


@pytest.mark.slow
@pytest.mark.parametrize("case", GAPS, ids=str)
def test_the_gap_of_two_wells(case):
    value, off = GAPS[case]
    found = fp.spectrum(kramers(*case), 3)
    assert "fifth-order" in found.stats.message
    assert abs(found.gap - value) < off
    assert found.residuals.max() < 1e-7
    if case == (0.1, 160):
        assert abs(found.eigenvalues[2] + 0.086948) < 5e-6


def test_an_oscillator_turns_as_it_should():
    # Eigenvalues are sums of -gamma/2 +- i sqrt(1 - gamma^2/4).
    exact = -0.25 + 1j * np.sqrt(1 - 0.0625)
    found = fp.spectrum(oscillator(0.5), 6)
    assert abs(found.eigenvalues[1] - exact) < 1e-5
    assert (
        abs(found.eigenvalues[3] - (-0.5 + 0j)) < 1e-3
        or abs(found.eigenvalues[3] - 2 * exact) < 1e-3
    )
    # Left modes and right modes are each other's duals, and both are modes of the flux.
    U, p = found.left.reshape(6, -1), (found.right * found.grid.volume).reshape(6, -1)
    assert np.abs(U @ p.T - np.eye(6)).max() < 1e-6
    A = Upwind5(oscillator(0.5)).matrix
    left = A.T @ U[1] - found.eigenvalues[1] * U[1]
    dense = np.abs(found.right[0].ravel()) > 1e-3 * np.abs(found.right[0]).max()
    assert np.abs(left[dense]).max() < 1e-5
    markov = fp.spectrum(oscillator(0.5), 2, scheme="markov")
    assert abs(markov.eigenvalues[1] - exact) > 3e-3


def test_weak_friction_has_its_slow_real_mode():
    found = fp.spectrum(oscillator(0.05), 6).eigenvalues
    assert np.abs(found - (-0.05)).min() < 1e-4


def unguarded(problem):
    """The flux, whatever its steady state."""
    generator, flux = fp.Generator(problem), Upwind5(problem)
    log_mass = stationary_log_mass(generator).log_mass
    mass = linear_masses(flux, generator, log_mass)
    return LinearOperator("upwind5", flux, generator, mass, log_mass)


def test_growing_modes_are_refused():
    with pytest.raises(fp.ConvergenceError, match="positive real part"):
        linear_modes(unguarded(kramers(0.1, 24)), 3, 1e-9, 2000)


def test_coarse_grids_are_refused():
    """The chain's gap is thirty times too large there."""
    with pytest.raises(fp.ConvergenceError, match="upwind5 was not usable because the grid does"):
        fp.spectrum(kramers(0.1, 40), 2)
    chain = fp.spectrum(kramers(0.1, 40), 2, scheme="markov")
    assert chain.gap > 0.03
    assert "times the noise" in chain.stats.message
    with pytest.raises(fp.ConvergenceError, match="stationary mass is negative"):
        fp.spectrum(kramers(0.1, 40), 2, scheme="upwind5")


def test_large_grids_in_space_are_refused():
    grid = fp.Grid([(-2, 2)] * 3, 22)
    problem = fp.Problem(grid, drift=lambda x, y, z: (y, z, -x - y - z), D=(0, 0, 1))
    with pytest.raises(fp.ConvergenceError, match="in 3D, and the grid has 10648"):
        LinearShiftInvert(Upwind5(problem), 0.1)


def two_wells(n, gamma):
    """Motion with inertia over 5 kT."""
    grid = fp.Grid([(-1.9, 1.9), (-3.2, 3.2)], n)
    return fp.Problem.langevin(grid, lambda x: (x**2 - 1) ** 2, gamma=gamma, kT=0.2)


def test_decay_that_the_interpolation_makes_is_refused():
    """On 160² cells the gap is 4.934e-4; 40² give 2.1e-3."""
    with pytest.raises(fp.ConvergenceError, match="does not resolve the slowest mode"):
        fp.spectrum(two_wells(40, 0.02), 2, scheme="phase_space")
    fine = fp.spectrum(two_wells(80, 0.02), 2, scheme="phase_space")
    assert fine.gap == pytest.approx(4.934e-4, rel=0.1)
    assert "of the slowest decay" not in fine.stats.message
    # Gap 1.8 times too large.
    said = fp.spectrum(two_wells(40, 0.1), 2, scheme="phase_space")
    assert "makes 0.61 of the slowest decay" in said.stats.message


def test_what_circulates_takes_nothing_off_a_square():
    """Left mode x + iy of a spiral: it decays at 1, as D kT |grad u|^2 / mean |u|^2 says."""
    grid = fp.Grid([(-6, 6), (-6, 6)], 96)
    problem = fp.Problem(grid, drift=lambda x, y: (-x - 5 * y, 5 * x - y))
    x, y = grid.x.reshape(2, -1)
    mass = np.exp(-0.5 * (x**2 + y**2))
    edges = fp.Edges.from_problem(problem)
    form = dissipation_of_function(edges, mass, x + 1j * y)
    # Means of densities between two cells are logarithmic: 1 - h²/12 of the integral.
    assert form / (mass @ (x**2 + y**2)) == pytest.approx(1, abs=2 * grid.h[0] ** 2 / 12)
