r"""Passage times by the fifth-order upwind flux.

:math:`-K^T\tau=1` and :math:`-K^Tm=2\tau` for mean and second moment; the variance is
:math:`m-\tau^2`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.rates.linear_ends import LinearEnded
from fokkerplanck.scheme.interpolation import Damping
from fokkerplanck.scheme.upwind5 import Upwind5

#: Part of the longest mean time below zero, or of the largest second moment by which the variance
#: is below zero, beyond which times are refused.
NEGATIVE = 1e-2


class LinearTimes(NamedTuple):
    """Mean and variance (n_free,), residual of the mean, and stats."""

    mean: Array
    variance: Array
    residual: float
    stats: dict[str, str | int | float]


def linear_times(flux: LinearEnded) -> LinearTimes:
    """Mean and variance of the time to the end.

    Raises
    ------
    ConvergenceError
        If times are negative by more than 1e-2 of the longest one, or so long that rounding
        matters.
    """
    one = np.ones(flux.end.cells.size)
    tau = flux.function(one)
    longest = float(tau.max())
    _check_sign(float(tau.min()), longest, "mean times", tau)
    flux.linear.check_rate(1 / longest, "a passage at the rate")
    damping = passage_damping(flux, tau)
    message = "" if damping is None else damping.said("the rate of passage")
    second = flux.function(2 * tau)
    variance = second - tau**2
    _check_sign(float(variance.min()), float(second.max()), "variances", variance)
    cut = max(float(-variance.min()), 0.0)
    stats = {**flux.stats(), "least": float(tau.min()), "variance_cut": cut, "message": message}
    return LinearTimes(tau, np.maximum(variance, 0.0), flux.residual(tau, one), stats)


def passage_damping(flux: LinearEnded, tau: Array) -> Damping | None:
    """Part of the mean time from the steady state that the bias of the flux makes."""
    if not isinstance(flux.flux, Upwind5):
        return None
    cells, pi = flux.end.cells, flux.linear.mass
    start = np.maximum((np.exp(flux.linear.log_mass) if pi is None else pi)[cells], 0.0)
    u, mass = np.zeros(flux.end.grid.size), np.zeros(flux.end.grid.size)
    u[cells], mass[cells] = tau, flux.masses(start)
    return Damping.of(flux.flux, u, mass, float(start @ tau))


def _check_sign(least: float, largest: float, what: str, iterate: Array) -> None:
    """Raise if what should be positive is not, by more than a small error."""
    if not least >= -NEGATIVE * largest:
        raise ConvergenceError(
            f"the grid does not resolve the problem for the fifth-order flux: {what} go down to "
            f'{least:.2g}, the largest is {largest:.2g}; refine the grid, or use scheme="markov"',
            iterate=iterate,
            residual=least,
        )
