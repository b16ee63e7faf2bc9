"""Starts and errors of runs on coarser grids: values at centres, and masses of cells."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.evolution.coarser import at_centres, coarser_start, value_report


def bump(x):
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def test_values_at_coarser_centres():
    fine = fp.Grid([(-8, 8)], 128)
    coarse = fine.coarsened()
    rho = bump(fine.x[0])
    values = coarser_start(rho, fine, coarse, True)
    np.testing.assert_allclose(values, bump(coarse.x[0]), atol=1e-7)
    means = coarser_start(rho, fine, coarse, False)
    # Counterexample: two values at h/2 from the centre, rho + h^2 rho''/8.
    second = (coarse.x[0] ** 2 - 1) * bump(coarse.x[0])
    np.testing.assert_allclose(means - values, fine.h[0] ** 2 / 8 * second, atol=2e-5)
    assert np.abs(means - values).max() > 5e-4


def test_what_cells_do_not_resolve_is_summed():
    fine = fp.Grid([(0, 1)], 32)
    rho = fp.point(fine, 0.3)
    assert at_centres(rho, fine, fine.coarsened()) is None
    start = coarser_start(rho, fine, fine.coarsened(), True)
    assert start.min() >= 0
    assert float(fine.coarsened().integrate(start)) == pytest.approx(1, abs=1e-14)


def test_errors_of_fourth_order():
    """rho + C h^4 on three grids: the error is that of the finest."""
    grids = [fp.Grid([(0, 1)], n, sides="periodic") for n in (96, 48, 24)]

    def density(grid):
        wave = np.sin(2 * np.pi * grid.x[0])
        return np.stack([1 + 0.3 * wave, 1 + 0.3 * wave * (1 + 50 * grid.h[0] ** 4)])

    report = value_report([density(grid) for grid in grids], grids)
    error = 0.3 * 50 * grids[0].h[0] ** 4 * 2 / np.pi
    assert report.value[1] == pytest.approx(error, rel=0.05)
    assert report.order[1] == pytest.approx(4, abs=0.1)
