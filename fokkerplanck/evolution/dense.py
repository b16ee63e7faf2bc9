"""Densities between the times that a run has passed through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import real_array
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array


@dataclass(frozen=True, eq=False)
class Dense(Portable):
    r"""Cubic Hermite interpolation in time, made positive and mass exact.

    .. math:: \rho(t_k+sh) = (1+2s)(1-s)^2\rho_k + s^2(3-2s)\rho_{k+1}
              + s(1-s)\,h\,[(1-s)\dot\rho_k - s\,\dot\rho_{k+1}], \qquad \dot\rho=A\rho

    Fourth order in h = t_(k+1) - t_k in L1 where rho is smooth in time. Its mass is the cubic
    interpolant of the masses: exact, as rates add up to zero. In cells where the cubic is negative
    the smaller of the two end values is taken, a convex combination of the cubic and of the
    straight line that is no further from any true value above it; the density is then scaled to the
    mass of the cubic.

    Attributes
    ----------
    t : array (m,)
        Times passed through: the steps of methods that report them, the output times of others.
    rho, rate : arrays (m, \*shape)
        Densities and their time derivatives at these times.
    volume : array, broadcasting over the grid
        Cell volumes.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> run = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1], fp.Implicit(), dense=True)
    >>> rho = run.at(0.25)
    >>> bool(abs(grid.integrate(rho) - 1) < 1e-14), bool(rho.min() >= 0)
    (True, True)
    """

    t: Array
    rho: Array
    rate: Array
    volume: Array

    def __call__(self, t: ArrayLike) -> Array:
        r"""Density at time t (\*shape), or densities at times t (m,) as (m, \*shape).

        Raises
        ------
        ValueError
            For a time outside of the run.
        """
        times = real_array(t, "t", "a time, or times, of the run")
        if times.ndim > 1:
            raise ValueError(f"t has shape {times.shape}; give a number or a list of times")
        inside = (times >= self.t[0]) & (times <= self.t[-1])
        if not np.all(inside):
            bad = times if times.ndim == 0 else times[np.argmin(inside)]
            raise ValueError(
                f"t = {float(bad):g} is outside of the run, from {self.t[0]:g} to {self.t[-1]:g}"
            )
        if times.ndim == 0:
            return self._one(float(times))
        out = np.empty((times.size, *self.rho.shape[1:]))
        for i, time in enumerate(times):
            out[i] = self._one(float(time))
        return out

    def _one(self, t: float) -> Array:
        """Density at one time."""
        k = int(np.searchsorted(self.t, t))
        if self.t[k] == t:
            return self.rho[k].copy()
        ends = self.rho[k - 1 : k + 1], self.rate[k - 1 : k + 1]
        return hermite(t, self.t[k - 1 : k + 1], *ends, self.volume)


def hermite(
    t: float, times: Sequence[float] | Array, rho: Array, rate: Array, volume: Array
) -> Array:
    r"""Density at t between two times, from both densities and rates (2, \*shape)."""
    begin, end = times
    h = end - begin
    s = (t - begin) / h
    cubic = (1 + 2 * s) * (1 - s) ** 2 * rho[0] + s * s * (3 - 2 * s) * rho[1]
    cubic += s * (1 - s) * h * ((1 - s) * rate[0] - s * rate[1])
    negative = cubic < 0
    if not negative.any():
        return cubic
    mass = float(np.sum(cubic * volume))
    cubic[negative] = np.minimum(rho[0], rho[1])[negative]
    return cubic * (mass / float(np.sum(cubic * volume)))
