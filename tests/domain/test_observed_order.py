"""Orders and errors from three grids, against powers of h known beforehand."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.observed_order import (
    ErrorReport,
    coarse_masses,
    distance_report,
    field_report,
    mass_report,
    number_report,
    observed_order,
    quantity_report,
    ratios_of,
)


def three(grid):
    return [grid, grid.coarsened(), grid.coarsened().coarsened()]


# --- masses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [8, 9, 2, 3, 64, 65])
def test_uniform_masses_stay_uniform(n):
    """Odd numbers too, where a cell belongs to two coarse ones."""
    fine = fp.Grid([(-1, 2)], n)
    coarse = fine.coarsened()
    got = coarse_masses(np.full(n, fine.volume), fine, coarse)
    np.testing.assert_allclose(got, coarse.volume, rtol=1e-13)


def test_masses_of_pairs_are_their_sums():
    fine = fp.Grid([(0, 1), (0, 2), (0, 1)], (6, 4, 8))
    masses = np.random.default_rng(0).random((2, *fine.shape))
    pairs = masses.reshape(2, 3, 2, 2, 2, 4, 2).sum(axis=(2, 4, 6))
    np.testing.assert_allclose(coarse_masses(masses, fine, fine.coarsened()), pairs, rtol=1e-13)


def test_no_mass_is_lost_between_graded_axes():
    fine = fp.Grid([np.linspace(0, 1, 12) ** 2, (0, 1)], (11, 5))
    masses = np.random.default_rng(1).random(fine.shape)
    coarse = fine.coarsened()
    got = coarse_masses(masses, fine, coarse)
    assert got.shape == coarse.shape == (6, 3)
    assert abs(got.sum() - masses.sum()) < 1e-13
    # Faces of a graded axis are kept: pairs of cells, the last one alone.
    alone = [masses[:-1].reshape(5, 2, 5).sum(axis=(1, 2)), [masses[-1].sum()]]
    np.testing.assert_allclose(got.sum(axis=1), np.concatenate(alone), rtol=1e-12)


def test_masses_of_grids_that_share_no_face_overlap_by_length():
    fine, coarse = fp.Grid([(0, 1)], 3), fp.Grid([(0, 1)], 2)
    np.testing.assert_allclose(coarse_masses(np.array([3.0, 4, 5]), fine, coarse), [5, 7])


# --- orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [-1.3, 0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("ratios", [(2.0, 2.0), (1.8, 5 / 3), (2.0, 1.5)])
def test_order_of_a_power(p, ratios):
    first, second = ratios
    near, far = abs(first**p - 1), abs(first**p * (second**p - 1))
    assert abs(observed_order(near, far, ratios) - p) < 1e-10


@pytest.mark.parametrize("ratios", [(2.0, 2.0), (1.8, 5 / 3)])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_errors_of_powers_are_exact(p, ratios):
    """Error C h^p, for distances, and for numbers of either sign."""
    h = np.array([0.1, 0.1 * ratios[0], 0.1 * ratios[0] * ratios[1]])
    error = 3 * h**p
    report = distance_report(error[1] - error[0], error[2] - error[1], ratios)
    assert report.value == pytest.approx(error[0], rel=1e-10)
    assert report.order == pytest.approx(p, rel=1e-10)
    for sign in (1, -1, 1j):
        report = number_report(7 + sign * error, ratios)
        assert report.value == pytest.approx(error[0], rel=1e-9)
        assert not report.message


def test_an_assumed_order_promises_too_much():
    """Counterexample: of a square-root error order two sees a seventh."""
    h = np.array([0.01, 0.02, 0.04])
    near, far = np.diff(np.sqrt(h))
    assert distance_report(near, far, (2, 2)).value == pytest.approx(0.1)
    assert near / 3 < 0.1 / 7


def test_orders_above_that_of_the_scheme_are_not_believed():
    assert distance_report(0.01, 0.16, (2, 2)).value == pytest.approx(0.01 / 3)
    assert distance_report(0.01, 0.16, (2, 2), cap=4).value == pytest.approx(0.01 / 15)


@pytest.mark.parametrize(
    ("near", "far", "message"),
    [(0.1, 0.11, "order 0.14: not converging on this grid"), (0.5, 1.5, "coarse grids unresolved"),
     (0.1, 0.05, "order -1.00: not converging on this grid"), (0.1, 0.2, "")],
)  # fmt: skip
def test_messages_of_distances(near, far, message):
    report = distance_report(near, far, (2, 2))
    assert report.message == message
    assert 0 < report.value <= 2


def test_two_densities_are_at_most_two_apart():
    assert distance_report(1.0, 1.01, (2, 2)).value == 2.0


def test_rounding_has_no_order():
    report = distance_report(1e-16, 3e-16, (2, 2))
    assert report.value < 1e-15
    assert np.isnan(report.order)
    assert report.message == ""
    report = number_report([5.0, 5.0, 5.0], (2, 2))
    assert (report.value, report.message) == (0.0, "")


# --- numbers ------------------------------------------------------------------------------------


def test_numbers_that_run_away_have_no_estimate():
    report = number_report([1.0, 2.0, 2.4], (2, 2))
    assert np.isnan(report.value)
    assert "order -1.3" in report.message


def test_numbers_that_turn_back():
    report = number_report([1.0, 1.1, 0.5], (2, 2))
    assert report.value == pytest.approx(0.2)
    assert "change sign" in report.message


def test_a_difference_that_vanishes_by_chance_is_no_error_of_zero():
    assert number_report([1.0, 1.0, 1.48], (2, 2)).value == pytest.approx(0.01)


def test_each_number_by_itself_and_the_worst_speaks():
    h = np.array([0.1, 0.2, 0.4])
    values = np.stack([1 + h**2, 2 + h, [1.0, 2.0, 2.4]], axis=1)
    report = number_report(values, (2, 2))
    np.testing.assert_allclose(report.value, [0.01, 0.1, np.nan])
    assert "order -1.3" in report.message
    with pytest.raises(ValueError, match="read-only"):
        report.value[0] = 0


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_not_finite_has_no_estimate(bad):
    report = number_report([bad, 1.0, 2.0], (2, 2))
    assert np.isnan(report.value)
    assert "not a finite number" in report.message


# --- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.parametrize("p", [1, 2])
def test_fields_are_compared_at_centres(n, p):
    """Relative error of a vector field e^x (1 + h^p), exactly h^p where splines are good enough."""
    grids = three(fp.Grid([(0, 1), (0, 1)], n))
    values = [np.exp(g.x) * (1 + (10 * g.h[0]) ** p) for g in grids]
    report = field_report(values, grids, grids[1].volumes)
    error = (10 * grids[0].h[0]) ** p
    assert report.value == pytest.approx(error / (1 + error), rel=0.05)
    assert report.order == pytest.approx(p, abs=0.1)


def test_weights_decide_what_counts():
    grids = three(fp.Grid([(0, 1)], 64))
    values = [np.where(g.x[0] < 0.5, 1.0, 1.0 + 10 * g.h[0]) for g in grids]
    weight = np.where(grids[1].x[0] < 0.25, 1.0, 0.0)
    assert field_report(values, grids, weight).value < 1e-3
    assert field_report(values, grids, 1 - weight).value > 0.05


def test_a_field_of_zeros_has_no_error():
    grids = three(fp.Grid([(0, 1)], 16))
    assert field_report([np.zeros(g.shape) for g in grids], grids, grids[1].volumes).value == 0


def test_a_quantity_is_a_field_or_numbers():
    grids = three(fp.Grid([(0, 1)], 32))
    numbers = quantity_report([[g.h[0], 1.0] for g in grids], grids, lambda: 1 / 0)
    assert numbers.value[0] == pytest.approx(1 / 32)

    def volumes():
        return grids[1].volumes

    field = quantity_report([1 + g.h[0] * g.x[0] for g in grids], grids, volumes)
    assert field.value == pytest.approx(1 / 64, rel=0.05)
    with pytest.raises(ValueError, match=r"quantity has shapes \(31,\), \(15,\), \(7,\).*give"):
        quantity_report([np.zeros(g.size - 1) for g in grids], grids, volumes)


def test_masses_at_many_times():
    grids = three(fp.Grid([(-6, 6)], 96))
    masses = [np.stack([fp.gaussian(g, 0, c) * g.volume for c in (1, 2)]) for g in grids]
    report = mass_report(masses, grids)
    assert report.value.shape == report.order.shape == (2,)
    np.testing.assert_allclose(report.order, 2, atol=0.2)


def test_reports():
    missing = ErrorReport.missing("why", (2,))
    assert np.isnan(missing.value).all()
    assert missing.message == "no estimate: why"
    assert ErrorReport(1.0, 2.0, "a").noting("b").message == "b; a"
    assert ErrorReport(1.0, 2.0, "a").noting("").message == "a"
    assert ratios_of(three(fp.Grid([(0, 1), (0, 1)], (9, 8)))) == (1.8, 5 / 3)


def test_a_word_where_far_more_is_seen_than_believed():
    assert "11.0 seen, 4 believed" in distance_report(1e-8, 2.0**11 * 1e-8, (2, 2), 4).message
    assert "6.1 seen, 4 believed" in distance_report(1e-8, 2.0**6.1 * 1e-8, (2, 2), 4).message
    assert distance_report(1e-8, 2.0**5.9 * 1e-8, (2, 2), 4).message == ""
