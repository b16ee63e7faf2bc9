r"""Starts and errors of runs on coarser grids.

The Markov generator moves masses. Linear fluxes of high order move values at cell centres, which
differ from means over cells by :math:`\frac{h^2}{24}\Delta\rho`: coarser runs that start from
summed masses would be off by that much, and so would a comparison of masses, however accurate the
flux is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import (
    ErrorReport,
    coarse_masses,
    distance_report,
    ratios_of,
)
from fokkerplanck.domain.types import Array

#: Order of the linear fluxes where there is noise: of their diffusion.
ORDER = 4.0
#: Degree of the splines that carry values between grids, above that order.
DEGREE = 5
#: Negative mass that such a spline makes, above which the cells do not resolve a density.
ROUGH = 1e-3
#: The part of a coarser mean less its centre's value that is between means and values of the
#: finer cells: moments h^2/24 over h^2/8.
MEANS = 1 / 3
#: How far such a difference may exceed the error before it is worth a word.
NOTED = 3.0


def at_centres(rho: Array, fine: Grid, coarse: Grid) -> Array | None:
    r"""Density (\*coarse.shape) by its values at the coarser centres, of the same mass.

    None where splines through the values make negative masses: there is no density between cells
    that these stand for.
    """
    values = fields.interpolate(rho, fine, coarse, DEGREE)
    negative = float(coarse.integrate(np.maximum(-values, 0.0)))
    whole = float(fine.integrate(rho))
    if negative > ROUGH * whole:
        return None
    values = np.maximum(values, 0.0)
    mass = float(coarse.integrate(values))
    return values * (whole / mass) if mass > 0 else None


def summed(rho: Array, fine: Grid, coarse: Grid) -> Array:
    r"""Density (\*coarse.shape) by its masses in the coarser cells."""
    masses = coarse_masses(rho * fine.volume, fine, coarse)
    return np.maximum(masses, 0.0) / coarse.volume  # differences of sums leave rounding


def coarser_start(rho: Array, fine: Grid, coarse: Grid, by_values: bool) -> Array:
    r"""Start (\*coarse.shape) of a coarser run: by values where the scheme moves these."""
    values = at_centres(rho, fine, coarse) if by_values else None
    return summed(rho, fine, coarse) if values is None else values


def value_report(rho: Sequence[Array], grids: Sequence[Grid]) -> ErrorReport | None:
    r"""L1 error (n_t,) of values at cell centres, :math:`\sum_i|\rho_i-\rho(x_i)|V_i`.

    From densities (n_t, \*shape) on three grids, the finest first, whose starts are the same values
    at centres; None if a start is too rough for that.
    """
    half, quarter = (at_centres(rho[i][0], grids[i], grids[i + 1]) for i in (0, 1))
    if half is None or quarter is None:
        return None
    gaps = []
    for i in (0, 1):
        coarse = grids[i + 1]
        known = [fields.interpolate(u, grids[i], coarse, DEGREE) for u in rho[i]]
        gaps.append([float(coarse.integrate(np.abs(u - v)))
                     for u, v in zip(known, rho[i + 1], strict=True)])  # fmt: skip
    report = distance_report(gaps[0], gaps[1], ratios_of(grids), ORDER)
    means = summed(rho[0][0], grids[0], grids[1])
    apart = MEANS * float(grids[1].integrate(np.abs(means - half)))
    worst = float(np.max(report.value))
    if len(rho[0]) > 1 and apart > NOTED * worst:
        words = f"of values at cell centres; a start by means over cells is off by {apart:.1e}"
        return replace(report, message="; ".join(filter(None, (report.message, words))))
    return report
