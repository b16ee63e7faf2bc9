"""Theorem 22 and Lemma 20: residuals, divergences of rows and columns, one more steady state."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.equation.zeros import Spline
from tests.convergence.rates import assert_rate
from tests.theorems.altered import altered, steeper


@pytest.mark.parametrize(
    "build",
    [
        lambda: zoo.example_19(0.5).build(64),
        lambda: zoo.spiral().build(64),
        lambda: zoo.ring().build(48),
        lambda: zoo.linear_regression_sgd().build(64),
        lambda: zoo.noise_induced_transition().build(128),
        lambda: zoo.spiral_3d().build(16),
        lambda: zoo.torus_loss().build(48),
    ],
)
def test_the_decomposition_holds(build):
    verdict = fp.theorems.a_type(build())
    assert verdict.outcome == "holds", verdict.comparisons


@pytest.mark.parametrize("build", [zoo.example_19, zoo.ring, zoo.linear_regression_sgd])
def test_with_the_column_divergence_it_fails(build):
    verdict = fp.theorems.a_type(build().build(64), divergence="column")
    assert verdict.outcome == "fails"
    assert not verdict.is_broken  # nobody claims that this is a theorem


def test_particles_of_the_a_type_process_have_the_same_covariance():
    problem = zoo.spiral().build(64)
    verdict = fp.theorems.a_type(problem, particles=3000)
    (particles,) = (c for c in verdict.comparisons if "particles" in c.left_name)
    assert particles.outcome == "holds"
    trace = np.trace(zoo.spiral().moments["cov"])
    assert abs(particles.left - trace) <= 3 * particles.error < trace


def test_residual_of_the_column_divergence_at_a_point():
    """(-0.12, 0.67) at (.3, .4) of Example 19 with lambda = 1/2."""
    state = fp.steady_state(zoo.example_19(0.5).build(128))
    for word, expected in (("row", (0.0, 0.0)), ("column", (-0.12, 0.67))):
        field = Spline(fp.theorems.a_type_residual(state, word), state.grid)
        np.testing.assert_allclose(field.value([[0.3], [0.4]])[:, 0], expected, atol=0.01)


def test_the_residual_and_the_second_steady_state_are_of_second_order():
    sizes = (32, 64, 128)
    found = [fp.theorems.a_type(zoo.gyrator().build(n)).numbers for n in sizes]
    h = [1 / n for n in sizes]
    assert_rate(h, [numbers["residual, row"] for numbers in found], order=2, cap=2e-3)
    assert_rate(h, [numbers["distance"] for numbers in found], order=2, cap=2e-3)


@pytest.mark.parametrize("reversible", [True, False])
def test_walls_that_carry_density(reversible):
    verdict = fp.theorems.a_type(zoo.manufactured_wall(1.0, reversible, False, dim=2).build(48))
    assert verdict.outcome == "holds", verdict.comparisons


@pytest.mark.slow
def test_mean_of_q_in_space_is_free_of_gauge():
    verdict = fp.theorems.a_type(zoo.spiral_3d().build(24))
    a = np.array([-0.2019491525, 0.1221045198, -1.2852754237])
    expected = [a[2], -a[1], a[0]]  # entries 01, 02, 12
    np.testing.assert_allclose(verdict.left, expected, atol=0.01)


@pytest.mark.parametrize("build", [lambda: zoo.tilted_ring().build(64),
                                   lambda: zoo.abc_flow().build(8)])  # fmt: skip
def test_no_q_for_net_currents(build):
    assert fp.theorems.a_type(build()).outcome == "not applicable"


def test_no_q_for_a_net_current_on_a_torus_in_the_plane():
    grid = fp.Grid([(0, 2 * np.pi)] * 2, 32, sides="periodic")
    drifting = fp.Problem(grid, drift=lambda x, y: (1 + 0.3 * np.sin(y), 0.5 * np.cos(x)))
    verdict = fp.theorems.a_type(drifting)
    assert verdict.outcome == "not applicable"
    assert "no net current" in str(verdict)


def test_unknown_divergence():
    with pytest.raises(ValueError, match='choose "row" or "column"'):
        fp.theorems.a_type(zoo.gyrator().build(16), divergence="rows")


@pytest.mark.parametrize(
    ("build", "q"), [(zoo.gyrator, 8 / 35), (zoo.spiral, -56 / 45), (zoo.ornstein_uhlenbeck, None)]
)
def test_linear(build, q):
    exact = build()
    verdict = fp.theorems.linear(exact.build(64))
    assert verdict.outcome == "holds", verdict.comparisons
    np.testing.assert_allclose(verdict.numbers["F"], exact.data["F"], atol=1e-10)
    np.testing.assert_allclose(verdict.numbers["U"], exact.data["U"], atol=1e-9)
    np.testing.assert_allclose(verdict.numbers["Q"], exact.data["Q"], atol=1e-9)
    if q is not None:
        assert verdict.numbers["Q"][0, 1] == pytest.approx(q, abs=1e-10)


def linear_problem(F):
    grid = fp.Grid([(-1, 1), (-1, 1)], 24)
    return fp.Problem(grid, drift=lambda x, y: -np.tensordot(F, np.stack([x, y]), 1), D=(1.0, 0.5))


def test_linear_saddles():
    opposite = fp.theorems.linear(linear_problem(np.array([[1.0, 0.5], [0.0, -1.0]])))
    assert opposite.outcome == "not applicable"
    assert "no two eigenvalues of F add up to zero" in str(opposite)
    other = fp.theorems.linear(linear_problem(np.array([[2.0, 0.5], [0.0, -1.0]])))
    assert other.outcome == "holds"
    assert "F is not stable" in other.remark
    D, Q, U = np.diag([1.0, 0.5]), other.numbers["Q"], other.numbers["U"]
    np.testing.assert_allclose((D + Q) @ U, other.numbers["F"], atol=1e-12)


def test_linear_asks_for_linear():
    assert fp.theorems.linear(zoo.double_well().build(24)).outcome == "not applicable"
    assert fp.theorems.linear(zoo.linear_regression_sgd().build(24)).outcome == "not applicable"


def test_linear_does_not_speak_of_boxes_that_cut_the_gaussian():
    for half in (1.0, 3.0):
        problem = fp.Problem(fp.Grid([(-half, half)], 64), drift=lambda x: -x)
        verdict = fp.theorems.linear(problem)
        assert verdict.outcome == "not applicable"
        assert "no density at the walls" in str(verdict)


def test_linear_fails_for_another_covariance():
    study = altered(zoo.gyrator().build(48), log_rho=steeper(1.1))
    verdict = fp.theorems.linear(study)
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_no_q_for_a_net_current_through_a_channel():
    """Q exists there, and grows without bound where the density falls."""
    grid = fp.Grid([(0, 2 * np.pi), (-3, 3)], 32, sides=["periodic", "reflecting"])
    problem = fp.Problem(grid, drift=lambda x, y: (np.sin(y) + 0.5, -y + 0.3 * np.cos(x)))
    assert fp.theorems.a_type(problem).outcome == "not applicable"
