"""Currents of the zoo: j, div j, q, mean Q and entropy production, second order by default.

Sizes, boxes and caps are in ``cases``; the states are those of ``test_steady``, solved once.
"""

import numpy as np
import pytest

from fokkerplanck import zoo
from tests.convergence.cases import CASES, convergence, mean_Q, measured, rms, second_order
from tests.convergence.rates import assert_rate
from tests.convergence.test_steady import quantities


@pytest.mark.parametrize(("code", "quantity"), quantities(["j", "div_j", "EP", "q", "mean_Q"]))
def test_fields_are_second_order(code, quantity):
    h, error, _ = measured(code)
    assert_rate(h, error[quantity], order=2, cap=CASES[code].caps[quantity])


def test_entropy_production_of_the_ring_is_second_order():
    """E3 needs finer grids for this number: its error changes sign between 32 and 48 cells."""
    exact = CASES["E3"].exact()
    h, error, _ = convergence(exact, (56, 84, 126))
    assert_rate(h, error["EP"], order=2, cap=4e-4)


@pytest.mark.parametrize("code", ["R9", "R9b", "R25"])
def test_reversible_problems_carry_no_current_at_any_resolution(code):
    _, error, states = measured(code)
    assert error["j"].max() < 1e-12
    assert error["EP"].max() < 1e-24
    assert all(state.is_reversible() for state in states)


def test_differences_of_the_density_are_less_accurate_than_edge_currents():
    """Counterexample: j = v - kT D grad log rho by central differences, walls included."""
    exact = zoo.manufactured_wall(10.0)
    h, mine, differences = [], [], []
    for n in (32, 64, 128):
        state = second_order(exact.build(n))
        grid, problem = state.grid, state.problem
        slope = np.stack(np.gradient(state.log_rho, *grid.h))
        naive = problem.v - problem.kT * np.einsum("ik...,k...->i...", problem.D, slope)
        j, rho = exact.j(*grid.x), exact.rho(*grid.x)
        h.append(grid.h[0])
        mine.append(rms(grid, rho, state.j - j) / rms(grid, rho, j))
        differences.append(rms(grid, rho, naive - j) / rms(grid, rho, j))
    assert_rate(h, mine, order=2, cap=5e-4)
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate(h, differences, order=2, cap=1.0)


def test_divergence_of_j_is_beta_j_grad_Phi():
    """The exact identity, and not zero: Example 19 violates its own assumption."""
    exact = zoo.example_19()
    state = second_order(exact.build(96))
    x, rho = state.grid.x, state.rho
    size = rms(state.grid, rho, exact.div_j(*x))
    assert rms(state.grid, rho, state.div_j - exact.div_j(*x)) < 0.03 * size
    slope = np.stack(np.gradient(state.Phi, *state.grid.h))
    along = np.sum(state.j * slope, axis=0) / exact.kT
    assert rms(state.grid, rho, state.div_j - along) < 0.03 * size
    assert size > 0.2
    # div(j rho), on the other hand, is zero to rounding.
    assert np.abs(state.div_J).max() < 1e-10


@pytest.mark.parametrize("code", ["R2", "R3"])
def test_mean_Q_is_the_levy_rate(code):
    """<Q> = beta Levy, and the mean of q where Q is constant."""
    exact = CASES[code].exact()
    h, _, states = measured(code)
    expected = exact.data["Q"][0, 1]
    error = [abs(s.mean_Q[0, 1] / expected - 1) for s in states]
    assert_rate(h, error, order=2, cap=6e-3)
    finest = states[-1]
    assert finest.grid.integrate(finest.rho * finest.q) == pytest.approx(expected, rel=2e-3)


def test_mean_Q_in_space_is_gauge_free_and_antisymmetric():
    _, _, states = measured("R15")
    Q = states[-1].mean_Q
    np.testing.assert_array_equal(Q, -Q.T)
    expected = mean_Q(CASES["R15"].exact())
    assert np.abs(Q - expected).max() < 0.06 * np.abs(expected).max()
    assert states[-1].psi is None
    assert states[-1].q is None


def test_psi_is_second_order_and_its_level_sets_are_the_orbits():
    """psi of Example 19 is a function of r alone: orbits of j are circles."""
    exact = CASES["E1"].exact()
    h, error = [], []
    for state in measured("E1")[2]:
        grid = state.grid
        corners = np.meshgrid(*grid.faces, indexing="ij")
        truth = exact.psi(*corners)
        h.append(max(grid.h))
        error.append(np.linalg.norm(state.psi - truth) / np.linalg.norm(truth))
    assert_rate(h, error, order=2, cap=3e-3)
    # Along a circle psi is constant: compare with its mean over the cells of a thin ring.
    r2 = corners[0] ** 2 + corners[1] ** 2
    ring = np.abs(r2 - 1) < 0.05
    assert np.ptp(state.psi[ring]) < 0.12 * abs(state.psi[ring].mean())


def test_psi_on_the_torus_is_second_order_up_to_a_constant():
    exact = zoo.torus_loss()
    h, error = [], []
    for state in measured("R27b")[2]:
        grid = state.grid
        truth = exact.psi(*np.meshgrid(*grid.faces, indexing="ij"))
        off = state.psi - truth
        h.append(grid.h[0])
        error.append(np.abs(off - off[1:, 1:].mean()).max() / np.ptp(truth))
    assert_rate(h, error, order=2, cap=5e-3)
