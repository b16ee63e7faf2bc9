"""Stationarity, Assumption 4, entropy production: closed forms, orders, and states that break."""

from dataclasses import replace

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.convergence.rates import assert_rate
from tests.theorems.altered import altered

CIRCULATING = {
    "E1": lambda n: zoo.example_19(0.5).build(n),
    "E2": lambda n: zoo.repaired_example(0.5).build(n),
    "E3": lambda n: zoo.ring().build(n),
    "R2": lambda n: zoo.gyrator().build(n),
    "R10": lambda n: zoo.tilted_ring().build(2 * n),
    "R26": lambda n: zoo.linear_regression_sgd().build(n),
    "R27b": lambda n: zoo.torus_loss().build(n),
}


@pytest.mark.parametrize("name", CIRCULATING)
def test_stationarity_holds(name):
    verdict = fp.theorems.stationarity(CIRCULATING[name](48))
    assert verdict.outcome == "holds", verdict.comparisons
    assert verdict.is_theorem
    assert verdict.comparisons[0].gap < 1e-9


def test_stationarity_fails_for_a_current_that_does_not_balance():
    def uneven(currents):
        """On half of the edges the current is 1.3 times as large."""
        factor = np.where(np.arange(currents.tail.size) % 2, 1.0, 1.3)
        return replace(currents, velocity=factor * currents.velocity,
                       _over_denser=factor * currents._over_denser)  # fmt: skip

    verdict = fp.theorems.stationarity(altered(zoo.example_19(0.5).build(48), uneven))
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_identity_for_div_j_is_of_second_order():
    sizes = (48, 96, 192)
    verdicts = [fp.theorems.stationarity(zoo.gyrator().build(n)) for n in sizes]
    defects = [v.numbers["defect"] for v in verdicts]
    assert_rate([1 / n for n in sizes], defects, order=2, cap=2e-3)
    assert verdicts[-1].numbers["order"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("lam", "rms"), [(0.5, 0.225960369), (1.5, 0.677881108)])
def test_example_19_violates_assumption_4(lam, rms):
    verdict = fp.theorems.assumption_4(zoo.example_19(lam).build(128))
    assert verdict.outcome == "fails"
    assert not verdict.is_theorem
    assert abs(verdict.left - rms) <= 3 * verdict.error
    assert abs(verdict.left - rms) < 3e-3 * lam / 0.5


@pytest.mark.parametrize("name", ["R10", "R26"])
def test_assumption_4_fails(name):
    assert fp.theorems.assumption_4(CIRCULATING[name](64)).outcome == "fails"


@pytest.mark.parametrize("name", ["E2", "E3", "R2", "R27b"])
def test_assumption_4_holds(name):
    assert fp.theorems.assumption_4(CIRCULATING[name](64)).outcome == "holds"


def test_regression_by_sgd_has_the_known_divergence():
    verdict = fp.theorems.assumption_4(zoo.linear_regression_sgd(0.05).build(96))
    assert abs(verdict.left - 0.22043) <= 3 * verdict.error


@pytest.mark.parametrize(
    ("build", "value"),
    [
        (lambda: zoo.example_19(0.5).build(96), 0.170345402887),
        (lambda: zoo.example_19(1.5).build(96), 1.533108625979),
        (lambda: zoo.gyrator().build(64), 0.9142857143),
        (lambda: zoo.ring().build(64), 2.305117232),
        (lambda: zoo.abc_flow().build(12), 2.0),
        (lambda: zoo.torus_loss().build(64), 0.089316397477),
    ],
)
def test_entropy_production(build, value):
    verdict = fp.theorems.entropy_production(build())
    assert verdict.outcome == "holds", verdict.comparisons
    first = verdict.comparisons[0]
    assert abs(verdict.numbers["steady"] - value) <= 3 * first.error + 1e-6
    assert verdict.numbers["housekeeping"] >= 0
    assert verdict.numbers["excess"] > 0


def test_entropy_production_is_infinite_without_noise_in_a_direction():
    verdict = fp.theorems.entropy_production(zoo.langevin().build(32))
    assert verdict.outcome == "not applicable"
    assert "noise in every direction" in str(verdict)


def test_entropy_production_of_a_current_that_is_wrong():
    study = altered(zoo.gyrator().build(64), lambda c: replace(c, velocity=2 * c.velocity))
    assert fp.theorems.entropy_production(study).outcome == "fails"


def test_the_transient_split_at_a_given_density():
    problem = zoo.gyrator().build(32)
    rho = fp.steady_state(problem, scheme="markov").rho
    verdict = fp.theorems.entropy_production(problem, rho=rho)
    assert verdict.outcome == "holds"
    assert abs(verdict.numbers["excess"]) < 1e-12
    assert np.isclose(verdict.numbers["total"], verdict.numbers["housekeeping"])
