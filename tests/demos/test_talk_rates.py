"""Slides on free energy, heat flows and circulation, and demos on rates: their numbers."""

import numpy as np
import pytest

from fokkerplanck import zoo
from fokkerplanck.demos.talk import slide10, slide12, slide24


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
