"""Slides on SGD: a cloud, its equation, batches, orbits and spectra; their numbers."""

import numpy as np
import pytest

from fokkerplanck import zoo
from fokkerplanck.demos.talk import slide02_descent_and_cloud as slide02
from fokkerplanck.demos.talk import slide08_minibatch_covariance as slide08
from fokkerplanck.demos.talk import slide09_density_of_sgd as slide09
from fokkerplanck.demos.talk import slide14_batch_size as slide14
from fokkerplanck.demos.talk import slide19_orbits_of_j as slide19
from fokkerplanck.demos.talk import slide20_fft_of_increments as slide20


@pytest.fixture(scope="module")
def cloud():
    return slide02.compute(**slide02.QUICK)


def test_descent_stops_and_sgd_is_a_cloud(cloud):
    np.testing.assert_allclose(cloud.descent[-1], [8 / 55, -2 / 55], atol=1e-10)
    assert slide02._deviation(cloud) < 4.5
    assert (np.diag(cloud.swarm.cov_error) < 0.02 * np.diag(cloud.exact)).all()
    ring = zoo.ring(kT=slide02.KT)
    assert np.hypot(*cloud.ring_descent[-1]) == pytest.approx(ring.data["radius_of_f"], abs=1e-9)
    # Descent on the ring is radial; the cloud turns at -2 c kT.
    assert np.ptp(np.arctan2(*cloud.ring_descent.T)) < 1e-12
    assert abs(cloud.turning.value + 0.2) < 4.5 * cloud.turning.error
    assert cloud.turning.error < 0.015
    assert slide02.finding(cloud).word == "shown"


def test_variance_over_all_batches_is_exact():
    result = slide08.compute(**slide08.QUICK)
    assert result.batches["with", 4] == 6**4
    assert result.batches["without", 4] == 360
    assert max(result.error(*key) for key in result.batches) < 1e-13
    assert slide08.finding(result).word == "holds"
    # The wrong formula is seen: sampling without replacement is not D/b.
    assert result.share("without", 3) == pytest.approx(0.2)
    off = result.covariances["without", 3] - result.D / 3
    assert np.abs(off).max() > 0.3


def test_density_of_sgd_to_first_order():
    result = slide09.compute(**slide09.QUICK)
    assert max(case.mass for case in result.cases.values()) < 1e-13
    means = [case.mean for case in result.cases.values()]
    slopes = np.log2(np.array(means[:-1]) / means[1:])
    assert slopes == pytest.approx(1, abs=0.06)
    assert means[-1] == pytest.approx(0.002372, abs=2e-6)
    distances = [case.distance for case in result.cases.values()]
    assert (np.diff(distances) < 0).all()
    assert distances[0] > 5 * distances[-1]
    assert result.sde_distance < 0.15
    assert slide09.finding(result).word == "holds"


def test_batches_with_without_and_in_epochs():
    result = slide14.compute(**slide14.QUICK)
    assert result.exact["with_replacement", 3] == pytest.approx(0.0323648261, abs=1e-9)
    assert result.exact["without_replacement", 3] == pytest.approx(0.0190830071, abs=1e-9)
    for key, exact in result.exact.items():
        value, error = result.simulated[key]
        assert abs(value - exact) < 4.5 * error
        assert error < 0.02 * exact
    assert result.simulated["reshuffle", 3][0] == pytest.approx(0.0030, abs=1e-4)
    ratio = result.exact["without_replacement", 3] / result.exact["with_replacement", 3]
    assert ratio == pytest.approx(0.590, abs=5e-4)
    assert slide14.finding(result).word == "needs a condition"
    # Linear scaling: alike at first, not any more when eta lambda_max is about one.
    alike = result.scaling / result.limit
    assert alike[0] < 1.05
    assert (np.diff(alike) > 0).all()
    assert alike[-1] > 2


def test_orbits_of_j_and_the_divergence():
    result = slide19.compute(**slide19.QUICK)
    # Zero, up to the error of 48 x 48 cells.
    assert result.rms_div_j("E2") < 0.01
    assert result.rms_div_j("E3") < 0.01
    assert result.rms_div_j("E1, λ = 0.5") == pytest.approx(0.225960369, rel=2e-3)
    assert result.rms_div_j("E1, λ = 1.5") == pytest.approx(0.677881108, rel=2e-3)
    assert result.rms_div_j("R26") == pytest.approx(0.22043, rel=2e-3)
    assert result.rms_div_j("R31") == pytest.approx(0.2112922962, rel=2e-3)
    for name in ("E2", "E3"):
        assert 0.8 < result.misfit(name) < 1.25
        # The measured field is not nothing.
        seen = result.seen[name]
        assert np.sqrt(np.nanmean((seen.value / seen.error) ** 2)) > 1.8
    assert slide19.finding(result).word == "needs a condition"
    assert result.flow.outcome == "fails"
    assert result.flow.numbers["exponent"] == pytest.approx(0.07, abs=0.03)


def test_spectra_and_their_controls():
    result = slide20.compute(**slide20.QUICK)
    assert slide20.finding(result).word == "fails as printed"
    assert [slide20._hump(d2)[1] for d2 in slide20.ANISOTROPIES] == pytest.approx(
        [1.0080, 1.3242, 2.0783, 7.9474], abs=1e-4
    )
    for model in slide20.MODELS:
        assert 0.8 < slide20._misfit(result, model) < 1.25
        _, value, error, exact = slide20._quadrature(result, model)
        assert abs(value - exact) < 4.5 * error
        area = result.area[model]
        levy = result.exact[model].moments["levy_rate_discrete"]
        assert abs(area.value[0, 1] - levy) < 4.5 * area.error[0, 1]
        assert area.error[0, 1] < 0.05 * abs(levy)
    # A hump at most for the true loss; peaks for the spiral and both controls.
    power = result.seen["spiral"].value[0, 0].real
    assert power.max() > 2 * np.median(power)
    assert slide20._peak(result.seen["gyrator"], 0.05) > 10
    assert slide20._peak(result.seen["spiral"], 0.05) == pytest.approx(2.2255, abs=0.4)
    assert slide20._peak(result.cycle, result.cycle.spacing) == pytest.approx(1.5, abs=0.25)
    assert slide20._peak(result.ball, 2 * np.pi) == pytest.approx(0.0868312, abs=0.006)
    np.testing.assert_allclose(result.angles, [0.0431442, 0.0868312], atol=5e-8)
