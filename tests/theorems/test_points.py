"""Most likely points against zeros of g; averages that balance, and walls that upset them."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.theorems.altered import altered, steeper


@pytest.mark.parametrize(
    ("build", "distance"),
    [
        (lambda: zoo.example_19(0.5).build(128), np.hypot(1 - 0.9024283212, 0.3888022384)),
        (lambda: zoo.noise_induced_transition(0.25).build(512), 1 - np.sqrt(0.5)),
        (lambda: zoo.noise_repelled_modes(0.25).build(512), 0.0545543777),
        (lambda: zoo.linear_regression_sgd(0.05).build(128),
         np.hypot(0.170967 - 8 / 55, -0.049526 + 2 / 55)),
    ],
)  # fmt: skip
def test_modes_move_away_from_the_zeros_of_g(build, distance):
    verdict = fp.theorems.critical_points(build())
    assert verdict.outcome == "fails"
    assert abs(verdict.left - distance) <= 3 * verdict.error + 1e-5


@pytest.mark.parametrize("build", [zoo.double_well, zoo.gyrator, zoo.repaired_example])
def test_or_do_not(build):
    assert fp.theorems.critical_points(build().build(64)).outcome == "holds"


def test_a_mode_at_a_maximum_of_the_loss():
    verdict = fp.theorems.critical_points(zoo.noise_induced_transition(0.75).build(256))
    assert "stable node (0)" in verdict.numbers["zeros of grad Phi"]
    assert "maximum of f" in str(verdict)


def test_types_of_the_zeros():
    numbers = fp.theorems.critical_points(zoo.example_19(0.7).build(96)).numbers
    assert numbers["zeros of g"].count("stable spiral") == 2
    assert numbers["zeros of grad Phi"].count("stable node") == 2
    one = fp.theorems.critical_points(zoo.example_19(1.5).build(96)).numbers["zeros of g"]
    assert one == "centre (0, 0)"


def test_the_distance_is_of_first_order_in_temperature():
    problem = zoo.noise_repelled_modes(0.2).build(1024)
    verdict = fp.theorems.critical_points(problem, cooler=(2, 4))
    assert verdict.numbers["order"] == pytest.approx(1, abs=0.08)


def test_a_uniform_density_has_no_mode():
    assert fp.theorems.critical_points(zoo.abc_flow().build(8)).outcome == "not applicable"


@pytest.mark.parametrize(
    "build",
    [
        lambda: zoo.gyrator().build(48),
        lambda: zoo.example_19(1.5).build(48),
        lambda: zoo.linear_regression_sgd().build(64),
        lambda: zoo.noise_induced_transition().build(64),
        lambda: zoo.torus_loss().build(48),
        lambda: zoo.spiral_3d().build(16),
    ],
)
def test_averages_balance(build):
    verdict = fp.theorems.fluctuation_dissipation(build())
    assert verdict.outcome == "holds", verdict.comparisons


def test_averages_do_not_balance_in_another_state():
    study = altered(zoo.gyrator().build(48), log_rho=steeper(1.2))
    verdict = fp.theorems.fluctuation_dissipation(study)
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_averages_at_a_wall():
    """Cut at one deviation: the wall term is there, and accounts for all of the gap."""
    problem = fp.Problem(fp.Grid([(-1.0, 1.0)], 256), f=lambda x: x**2 / 2)
    verdict = fp.theorems.fluctuation_dissipation(problem)
    assert verdict.outcome == "not applicable"
    assert "no density at the walls" in str(verdict)
    numbers = verdict.numbers
    gap = numbers["<kT tr D>"] - numbers["<x.g>"]
    assert gap > 0.1
    assert gap == pytest.approx(numbers["wall term of x.g"], rel=0.01)


def test_averages_on_a_torus_without_a_loss():
    assert fp.theorems.fluctuation_dissipation(zoo.abc_flow().build(8)).outcome == "not applicable"
