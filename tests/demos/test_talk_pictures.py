"""Numbers of the slides of landscapes and force fields, at their coarse settings."""

import numpy as np
import pytest

from fokkerplanck import zoo
from fokkerplanck.demos.talk import slide01_ring_as_emblem as slide01
from fokkerplanck.demos.talk import slide04_binary_perceptron as slide04
from fokkerplanck.demos.talk import slide05_local_entropy as slide05
from fokkerplanck.demos.talk import slide06_parle_replicas as slide06
from fokkerplanck.demos.talk import slide21_example_force_field as slide21


def test_the_ring_turns():
    result = slide01.compute(**slide01.QUICK)
    exact = result.exact
    assert result.r2 == pytest.approx(exact.moments["r2"], abs=2e-5)
    assert result.omega == pytest.approx(-0.2, abs=5e-5)
    assert result.steady.entropy_production == pytest.approx(2.305117232, abs=5e-5)
    assert result.steady.gibbsian_defect < 1e-4


def test_solutions_of_the_perceptron():
    result = slide04.compute(**slide04.QUICK)
    assert len(result.perceptron.solutions) == 24
    assert result.perceptron.is_isolated.sum() == 22
    assert (np.diff(result.around, axis=0) >= 0).all()
    assert (result.densest >= result.around.max(axis=1)).all()
    assert (result.around[-1] == 24).all()
    assert tuple(result.counts[9][0]) == (24, 22)
    # The estimate goes to one for many weights at a fixed number of patterns per weight.
    shares = [slide04._estimate(3 * N // 5, N) for N in (15, 151, 1501)]
    assert shares[0] < 0.2 < 0.7 < shares[1] < 0.999 < shares[2]
    assert slide04.finding(result).word == "needs a condition"


def test_the_minimiser_of_local_entropy_jumps():
    result = slide05.compute(**slide05.QUICK)
    assert result.exact_jump == pytest.approx(0.02004107, abs=5e-9)
    assert result.jump == pytest.approx(result.exact_jump, rel=0.01)
    finer = slide05.compute(n=1000)
    orders = np.log2((result.jump - result.exact_jump) / (finer.jump - finer.exact_jump))
    assert orders == pytest.approx(2, abs=0.15)
    ratios = result.residuals[:-1] / result.residuals[1:]
    assert np.log2(ratios[-1]) == pytest.approx(2, abs=0.05)
    assert result.residuals[-1] < 0.02
    jump = result.gammas[np.flatnonzero(np.diff(result.argmins) > 1)]
    assert len(jump) == 1
    assert jump[0] < result.exact_jump < 1.06 * jump[0]


def test_replicas_see_the_local_entropy():
    result = slide06.compute(**slide06.QUICK)
    assert result.error < 1e-12
    assert result.centre_error < 1e-8
    # By hand: weights of the wells of f + f_gamma, Gaussians apart from their overlap.
    assert result.share["two"] > result.share["one"] + 0.05
    w, k = np.array([1, 0.6]), np.array([100, 4])
    one = w / np.sqrt(k)
    assert result.share["one"] == pytest.approx(one[1] / one.sum(), abs=0.02)
    # The loss alone is not what a replica sees.
    (x,) = result.line.x
    f = zoo.local_entropy(0.0).f(x)
    seen = result.expected < slide06.SEEN
    assert np.abs(result.marginal - (f - f.min()))[seen].max() > 0.5


@pytest.fixture(scope="module")
def example_19():
    return slide21.compute(**slide21.QUICK)


def test_zeros_of_example_19(example_19):
    kinds = {s: [z.kind for z in p.zeros] for s, p in example_19.panels.items()}
    three = ["stable node", "saddle", "stable node"]
    assert kinds == {0.0: three, 0.5: three, 1.5: ["centre"]}
    assert all(p.off < 1e-9 for p in example_19.panels.values())
    zero = example_19.panels[0.5].zeros[2]
    np.testing.assert_allclose(zero.x, [0.9024283212, 0.3888022384], atol=1e-9)
    np.testing.assert_allclose(zero.eigenvalues, [-1.2164979, -1.0474054], atol=1e-5)
    period = 2 * np.pi / np.abs(example_19.panels[1.5].zeros[0].eigenvalues.imag)
    np.testing.assert_allclose(period, 3.8170, atol=1e-4)
    assert example_19.critical == pytest.approx(np.exp(-0.25), abs=1e-8)


@pytest.mark.parametrize(
    ("strength", "production", "rms"),
    [(0.5, 0.170345402887, 0.225960369), (1.5, 1.533108625979, 0.677881108)],
)
def test_circulation_of_example_19(example_19, strength, production, rms):
    panel = example_19.panels[strength]
    assert panel.steady.entropy_production == pytest.approx(production, rel=5e-5)
    assert panel.rms_div_j == pytest.approx(rms, rel=2e-4)
    assert panel.peak == pytest.approx(1.906205 * strength, rel=3e-4)
    pair = panel.modes.eigenvalues[1:3]
    assert pair[0].imag > 0.1
    assert pair[1] == pair[0].conjugate()


def test_exact_peak_of_j():
    y = np.linspace(1.2, 1.35, 10001)
    speed = np.hypot(*zoo.example_19(1.0).j(0 * y, y))
    assert speed.max() == pytest.approx(1.906205, abs=5e-7)
    assert y[np.argmax(speed)] == pytest.approx(1.272, abs=5e-4)


def test_spectrum_of_the_double_well(example_19):
    values = example_19.panels[0.0].modes.eigenvalues[1:].real
    np.testing.assert_allclose(values, [-0.792088427, -1, -1.792088427, -2], rtol=0.02)


def test_there_is_no_limit_cycle(example_19):
    """Trajectories go inwards at every crossing, from inside and outside; on a cycle some rest."""
    assert len(example_19.crossings) == len(slide21.STARTS)
    for start, x in zip(slide21.STARTS, example_19.crossings, strict=True):
        assert len(x) >= slide21.QUICK["turns"] - 1
        assert x[0] <= start + 1e-9
        assert (np.diff(x) < 0).all()
    # The oscillator that has a cycle is told from it by the same section.
    cycle = zoo.stuart_landau()
    inside = slide21._section(1.5, 3, g=cycle.g, starts=(0.5,))[1][0]
    assert (np.diff(inside) > 0).any()
    assert slide21.finding(example_19).word == "fails as printed"
    assert "no limit cycle" in slide21.finding(example_19).text


def test_the_origin_of_example_19_is_a_weak_focus():
    """Its first Lyapunov coefficient, by x^2 t: found on trajectories, by hand in the slide."""
    assert pytest.approx(4 * (1 - 1 / (2.25 * np.exp(0.5)))) == slide21.SPEED
    for strength in (0.9, 1.5):
        times, places = slide21._section(strength, 60, starts=(0.05,))
        t, x = times[0], places[0]
        slope = (x[-1] ** -2 - x[20] ** -2) / (t[-1] - t[20])
        assert 1 / slope == pytest.approx(4 * (1 - 1 / (strength**2 * np.exp(0.5))), rel=0.01)
