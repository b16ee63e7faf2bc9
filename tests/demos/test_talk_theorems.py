"""Numbers of slides 11, 13, 15, 16 and 22 at their coarse settings."""

import numpy as np
import pytest

from fokkerplanck.demos.talk import slide11_isotropic_noise as slide11
from fokkerplanck.demos.talk import slide13_lyapunov_functional as slide13
from fokkerplanck.demos.talk import slide15_information_bottleneck as slide15
from fokkerplanck.demos.talk import slide16_steady_state_and_loss as slide16
from fokkerplanck.demos.talk import slide22_a_type_process as slide22


def run(slide):
    result = slide.compute(**slide.QUICK)
    text = slide.table(result)
    assert max(map(len, text.splitlines())) <= 100
    return result


def test_slide_11_gibbs_and_no_current():
    result = run(slide11)
    F = result.rest.free_energy
    assert F.min() < 1e-28
    assert (np.diff(F) <= 1e-28).all()
    for jko in result.runs.values():
        assert (np.diff(jko.free_energy) < 0).all()
    assert result.error < 1e-12
    assert np.abs(result.steady.J).max() < 1e-14
    assert result.moment == pytest.approx(1.041797296, abs=1e-6)
    assert slide11.finding(result).word == "holds"


def test_slide_13_monotone_everywhere():
    result = run(slide13)
    assert len(result.rows) >= 30
    assert all(row.verdict == "holds" for row in result.rows)
    by_code = {row.code: row for row in result.rows}
    assert not any(by_code[code].gibbsian for code in ("E1", "R10", "R13b", "R16"))
    assert all(by_code[code].gibbsian for code in ("R2", "E2", "E3", "R13a", "R15", "R24"))
    assert max(row.end for row in result.rows) < 1e-24
    # What is known is not measured on a coarse grid: no row says of its own number that it is 0.
    for row in result.rows:
        if row.gibbsian:
            assert row.rms_div_j < (1e-12 if row.error is None else 4 * row.error + 1e-8)
        if row.gibbsian is False and row.error is not None:
            assert row.rms_div_j > 10 * row.error
    assert slide13.finding(result).word == "holds"


def test_slide_15_the_loss_needs_isotropic_noise():
    result = run(slide15)
    well, _, bad = result.curves.values()
    assert (np.diff(well.with_f) <= 1e-12).all()
    values = bad.with_f - result.constant
    np.testing.assert_allclose(values[[0, -1]], slide15.EXPECTED, atol=2e-3)
    assert all(curve.spread < 1e-12 for curve in result.curves.values())
    assert [v.outcome for v in result.verdicts] == ["holds", "fails"]
    # With the sign as printed, spreading out lowers what concentrating should.
    assert bad.printed[-1] != pytest.approx(bad.with_f[-1])


def test_slide_16_truth_table_and_modes():
    result = run(slide16)
    assert all(row.found == row.expected for row in result.rows)
    for kT, mode in result.modes.items():
        assert mode == pytest.approx(np.sqrt(max(1 - 2 * kT, 0)), abs=2e-3)
    assert {code: v.outcome for code, v in result.verdicts.items()} == dict.fromkeys(
        ("R27a", "R27b", "R27c"), "fails"
    )


def test_slide_22_rows_not_columns():
    result = run(slide22)
    row, column = result.residual["row"], result.residual["column"]
    assert np.log2(row[-2] / row[-1]) > 1.85
    assert column[-1] > 0.6
    np.testing.assert_allclose(result.at_point["column"], [-0.12, 0.67], atol=0.03)
    assert result.distance[-1] < 0.02
    assert result.forgotten > 0.03
    difference = np.abs(np.diag(result.cov - result.cov_grid))
    # Particles move at dt = 0.01 with coefficients known at cell centres, h = 0.16.
    assert (difference < 5 * np.diag(result.cov_error) + 0.02).all()
