"""Lemma 6: true from isotropic noise to Phi = f, false back; with its truth table."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.theorems.altered import altered


@pytest.mark.parametrize("build", [zoo.double_well, zoo.scaled_diffusion])
def test_isotropic_noise_makes_the_potential_the_loss(build):
    verdict = fp.theorems.potential_is_loss(build().build(48))
    assert (verdict.outcome, verdict.is_theorem) == ("holds", True)
    assert verdict.left < 1e-12


def test_a_potential_that_is_not_the_loss_would_be_noticed():
    study = altered(
        zoo.double_well().build(48), log_rho=lambda s: s.log_rho + 1e-3 * np.sin(s.grid.x[0])
    )
    verdict = fp.theorems.potential_is_loss(study)
    assert verdict.outcome == "fails"
    assert verdict.is_broken


@pytest.mark.parametrize(
    "build",
    [
        lambda: zoo.gyrator().build(48),
        lambda: zoo.commuting_diffusion().build(48),
        lambda: zoo.noise_induced_transition().build(128),
        lambda: zoo.linear_regression_sgd().build(48),
    ],
)
def test_other_noise_usually_moves_it(build):
    verdict = fp.theorems.potential_is_loss(build())
    assert (verdict.outcome, verdict.is_theorem) == ("holds", False)


@pytest.mark.parametrize("build", [zoo.hidden_anisotropy, zoo.torus_loss])
def test_but_not_always(build):
    verdict = fp.theorems.potential_is_loss(build().build(64))
    assert (verdict.outcome, verdict.is_theorem) == ("fails", False)
    assert "not isotropic" in verdict.statement
    circulates = verdict.numbers["entropy production"] > 10 * verdict.numbers["its error"]
    assert circulates == (build is zoo.torus_loss)


def test_without_a_loss_it_does_not_apply():
    verdict = fp.theorems.potential_is_loss(zoo.example_19().build(24))
    assert verdict.outcome == "not applicable"
    assert "g is the gradient of a loss f" in str(verdict)


def test_truth_table():
    rows = fp.theorems.truth_table(64)
    for row in rows:
        assert row.found == row.expected, row
    text = fp.theorems.truth_table_text(rows)
    assert len(text.splitlines()) == len(rows) + 1
    assert max(map(len, text.splitlines())) <= 100
