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


@pytest.mark.parametrize("dim", [1, 2])
def test_noise_that_is_isotropic_everywhere_can_leave_the_potential(dim):
    """D = 1 + C e^(beta f): by hand, -f' rho - kT (D rho)' = 0 for rho = e^(-beta f)."""
    exact = zoo.invisible_noise(C=2.0, kT=0.5, dim=dim)
    verdict = fp.theorems.potential_is_loss(exact.build(64))
    assert (verdict.outcome, verdict.is_theorem) == ("fails", False)
    assert "not constant, though isotropic" in verdict.statement
    assert verdict.numbers["rms"] < 4e-3
    # Another power of the same Gibbs factor moves the potential, and Lemma 6 says so.
    problem = exact.build(64).replace(D=lambda *x: 1 + 2 * np.exp(exact.f(*x)))
    assert fp.theorems.potential_is_loss(problem).outcome == "holds"


@pytest.mark.parametrize(("d2", "wrong"), [(0.2, 0.4047), (0.05, 1.0229)])
def test_being_wrong_and_turning_are_two_things(d2, wrong):
    """D turned into the axes of H: nothing circulates, and Gibbs is further off than before."""
    H = np.array([[2.0, -1.0], [-1.0, 1.5]])
    axes = np.linalg.eigh(H)[1]
    angle = np.arctan2(axes[1, 0], axes[0, 0])
    assert np.degrees(angle) % 180 == pytest.approx(52.018, abs=1e-3)

    def divergence(exact):
        ratio = np.linalg.solve(exact.kT * np.linalg.inv(H), exact.moments["cov"])
        return (np.trace(ratio) - 2 - np.linalg.slogdet(ratio)[1]) / 2

    for turn in (angle, angle + np.pi / 2):
        turned = zoo.gyrator(d2=d2, angle=turn)
        assert turned.entropy_production == pytest.approx(0, abs=1e-14)
        # [H, D] = 0, so that Phi = sum of f_i/d_i: KL is that of two variances 1 and d2.
        assert divergence(turned) == pytest.approx((d2 - 1 - np.log(d2)) / 2, rel=1e-12)
        assert divergence(turned) == pytest.approx(wrong, abs=5e-5)
    angles = np.linspace(0, np.pi, 180)
    others = [zoo.gyrator(d2=d2, angle=a) for a in angles]
    assert max(map(divergence, others)) < wrong + 1e-4
    EP = np.array([exact.entropy_production for exact in others])
    # Elsewhere H and D do not commute, [H, D]_12 being a sine of twice the angle between them.
    assert EP[np.abs(np.sin(2 * (angles - angle))) > 0.05].min() > 1e-4
    # On a grid as well.
    state = fp.steady_state(zoo.gyrator(d2=0.2, angle=angle).build(32))
    assert state.entropy_production < 1e-3


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
