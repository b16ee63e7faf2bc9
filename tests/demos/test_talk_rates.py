"""Slides on free energy, heat flows and circulation, and demos on rates: their numbers."""

import numpy as np
import pytest

from fokkerplanck import zoo
from fokkerplanck.demos import escape, moving_potential
from fokkerplanck.demos.talk import slide10_steepest_descents as slide10
from fokkerplanck.demos.talk import slide12_free_energy_and_distance as slide12
from fokkerplanck.demos.talk import slide24_gain_and_cost_of_circulation as slide24


def test_two_descents_of_the_heat_equation():
    result = slide10.compute(**slide10.QUICK)
    assert result.first_step == pytest.approx(1.0916079783, abs=2e-4)
    found = slide10.finding(result)
    assert found.word == "holds"
    assert "bounded" in found.text


def test_free_energy_falls_and_distances_need_not():
    result = slide12.compute(**slide12.QUICK)
    assert slide12.finding(result).word == "holds"
    for run in result.runs.values():
        assert (np.diff(run.kl) < 0).all()
    assert result.runs["R23"].rebound > 0.3
    assert result.runs["R2"].rebound == 0
    # R2's table, extrapolated from two coarse grids.
    best = result.listed_fine + (result.listed_fine - result.listed) / 3
    exact = zoo.gyrator().kl(np.array(slide12.LISTED))
    assert np.abs(best[:4] / exact[:4] - 1).max() < 0.01
    assert np.abs(result.listed / exact - 1)[2] > 0.01


def test_circulation_speeds_up_and_costs():
    result = slide24.compute(**slide24.QUICK)
    assert result.gap == pytest.approx(result.gap_exact, rel=0.03)
    assert result.gap_exact.tolist() == pytest.approx([1.0, 5.5])
    assert result.EP_q == pytest.approx([0, 44], rel=1e-3, abs=1e-12)
    assert result.EP_d2 == pytest.approx(result.EP_d2_exact, rel=0.01, abs=1e-12)
    assert result.EP_d2[0] == pytest.approx(0, abs=1e-12)
    assert result.EP_d2[1] > 0.9
    # The same noise along the axes of H does not circulate, and is no nearer to Gibbs.
    H = np.array([[2.0, -1.0], [-1.0, 1.5]])
    axis = np.array([np.cos(slide24.ALIGNED), np.sin(slide24.ALIGNED)])
    assert np.linalg.norm(H @ axis - (axis @ H @ axis) * axis) < 1e-14
    assert result.EP_aligned.max() < 1e-3
    assert result.off_gibbs == pytest.approx([0, 0.4047], abs=5e-5)
    assert "do not commute" in slide24.finding(result).text


def test_escape(tmp_path):
    result = escape.compute(**escape.QUICK)
    assert np.abs(result.fine / result.exact - 1).max() < 1.5e-3
    assert escape._order(result) == pytest.approx(2, abs=0.05)
    ratio = result.fine / result.kramers
    assert ratio == pytest.approx([1.2313, 1.2244, 1.1066, 1.0434], abs=2e-3)
    still, stirred = result.paths.values()
    assert np.abs(still.forward + still.backward - 1).max() < 1e-12
    assert np.abs(stirred.forward + stirred.backward - 1).max() > 0.5
    assert stirred.rate > 1.1 * still.rate
    check_page(escape, result, tmp_path)


def test_moving_potential(tmp_path):
    result = moving_potential.compute(**moving_potential.QUICK)
    for kT, exact in result.exact.items():
        for name in ("entropy_production", "rms_div_j", "x2"):
            assert result.extrapolated(kT, name) == pytest.approx(exact.reference[name], rel=3e-8)
        assert result.extrapolated(kT, "gap") == pytest.approx(exact.reference["gap"], rel=3e-5)
        assert result.order(kT, "rms_div_j") == pytest.approx(4, abs=0.3)
        assert result.order(kT, "gap") == pytest.approx(2, abs=0.1)
        twice = 2 * result.extrapolated(kT, "kramers_rate") / result.extrapolated(kT, "gap")
        assert 0.03 < abs(twice - 1) < 0.075
    barriers = [result.extrapolated(kT, "barrier") for kT in moving_potential.TEMPERATURES]
    assert np.all(np.diff(barriers) < -0.002)
    check_page(moving_potential, result, tmp_path)


def check_page(demo, result, folder):
    """A table without nan, and a picture."""
    assert "nan" not in demo.table(result)
    demo.figure(result).savefig(folder / "picture.png")
    assert (folder / "picture.png").stat().st_size > 30_000
