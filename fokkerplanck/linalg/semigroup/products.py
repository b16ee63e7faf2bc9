"""Many products with one scaled generator, on the kernel and the threads that suit it."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import evolution, sweeps
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

#: Numbers touched by the products of one call, after which a run may report and end early.
STRETCH = 100_000_000
#: Products of one call at least.
LEAST_STRETCH = 16
#: Bytes of the second-level cache: a sweep goes through as many levels as keep its rows there.
CACHE = 1_000_000
#: Levels of a sweep, at least and at most.
DEPTHS = (2, 16)
#: Bytes of the last-level cache: boxes beyond it take twice the least number of levels.
LAST_CACHE = 24_000_000
#: Rows of a tile at least; a box of fewer rows for each thread takes fewer threads.
LEAST_TILE = 8


def rates_of(generator: Generator) -> AxisRates | Flows:
    """Rates of a generator in the form that is fastest to apply: AxisRates, else Flows."""
    return AxisRates.from_generator(generator) or Flows.from_generator(generator)


class Products:
    """Levels of p + A p / rate (compensated) or of 2 p - (the one before) + A p / rate.

    Parameters
    ----------
    rates : AxisRates or Flows
    rate : float
        What the rates are divided by, 1/time.
    compensated : bool
        Whether what rounding takes from a level is given back at the next: the uniformised chain.

    Attributes
    ----------
    total, latest : arrays
        Weighted sum of the levels so far, and the last level, both in the layout of the rates.
    stretch : int
        Products to ask for in the next call of ``advance``.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.semigroup.products import Products, rates_of
    >>> generator = fp.Generator(fp.Problem(fp.Grid([(0, 4)], 4)))
    >>> run = Products(rates_of(generator), 4.0, compensated=True)
    >>> run.begin(np.array([1.0, 0.0, 0.0, 0.0]))
    >>> run.advance(np.array([0.0, 1.0]))
    >>> run.total.ravel()
    array([0.625 , 0.3125, 0.0625, 0.    ])
    """

    def __init__(self, rates: AxisRates | Flows, rate: float, compensated: bool) -> None:
        self._kernel: _Box | _Rows
        if isinstance(rates, AxisRates):
            self._kernel = _Box(rates, rate, compensated)
        else:
            self._kernel = _Rows(rates, rate, compensated)
        self._n_threads = threads.parts(self._kernel.n)
        self.stretch = max(LEAST_STRETCH, STRETCH // self._kernel.work)

    def begin(self, p: Array, halve: bool = False) -> None:
        """Start from masses p (n,); with halve the first level is p + A p / (2 rate)."""
        self._kernel.begin(p)
        self.total = np.zeros_like(self._kernel.latest)
        if halve:
            self._kernel.advance(1, np.zeros(1), self.total)
            self._kernel.halve()

    def advance(self, weights: Array) -> None:
        """Go on by a level for every weight and add the weighted levels to total."""
        if weights.size:
            self._kernel.advance(self._n_threads, weights, self.total)

    @property
    def latest(self) -> Array:
        """The last level."""
        return self._kernel.latest


class _Box:
    """Levels on a box without indices."""

    def __init__(self, rates: AxisRates, rate: float, compensated: bool) -> None:
        ring, n1, up, down, exits = rates.over(rate)
        self._arrays = ring, n1, up, down, exits
        axes, self._n0, self._m = rates.up.shape
        self._ring, self._compensated = rates.first_is_ring, compensated
        self.n = self._n0 * self._m
        numbers = 2 * axes + (6 if compensated else 4)
        self.work = numbers * self.n
        low, high = DEPTHS
        fits = CACHE // (8 * numbers * self._m) - 2
        least = 2 * low if 8 * numbers * self.n > LAST_CACHE else low
        self._depth = min(max(fits, least), high)

    def begin(self, p: Array) -> None:
        """Level 0."""
        self._level = 0
        self._masses = np.empty((2, self._n0, self._m))
        self._masses[:] = p.reshape(self._n0, self._m)
        shape = self._masses.shape if self._compensated else (0, 0, 0)
        self._rest = np.zeros(shape)

    def advance(self, n_threads: int, weights: Array, total: Array) -> None:
        """Further levels on so many threads."""
        tiles = min(n_threads, max(1, self._n0 // LEAST_TILE))
        depth = self._depth
        if tiles > 1 or self._ring:
            depth = max(1, min(depth, self._n0 // (2 * tiles)))
        state = self._masses, self._rest, total, weights
        with threads.AtMost(tiles):
            numbers = tiles, depth, self._level
            threads.call(sweeps.sweeps, self.n, *numbers, *self._arrays, *state)
        self._level += weights.size

    @property
    def latest(self) -> Array:
        """The last level."""
        return self._masses[self._level % 2]

    def halve(self) -> None:
        """Put the mean of the last two levels in place of the last one."""
        self.latest[:] = 0.5 * (self._masses[0] + self._masses[1])


class _Rows:
    """Levels on a list of rows."""

    def __init__(self, flows: Flows, rate: float, compensated: bool) -> None:
        indptr, indices, inflow, outflow, exits = flows.over(rate)
        self._arrays = indptr, indices, inflow, outflow, exits
        # With compensation two levels, each with its remainder, and the last one comes first;
        # without it two levels, of which level l has the place l % 2.
        self._compensated = compensated
        self.n = flows.exits.size
        self.work = flows.indices.size + 8 * self.n

    def begin(self, p: Array) -> None:
        """Level 0."""
        self._level = 0
        self._state = np.zeros((4 if self._compensated else 2, p.size))
        self._state[0] = p
        if not self._compensated:
            self._state[1] = p

    def advance(self, n_threads: int, weights: Array, total: Array) -> None:
        """Further levels on so many threads."""
        if not self._compensated:
            with threads.AtMost(n_threads):
                rest = weights, self._level, self._state, total
                threads.call(evolution.chebyshev_threads, self.n, *self._arrays, *rest)
        elif n_threads == 1:
            evolution.chain(*self._arrays, weights, self._state, total)
        else:
            last = weights, self._state, total
            threads.call(evolution.chain_threads, self.n, *self._arrays, *last)
        self._level += weights.size

    @property
    def latest(self) -> Array:
        """The last level."""
        return self._state[0 if self._compensated else self._level % 2]

    def halve(self) -> None:
        """Put the mean of the last two levels in place of the last one."""
        self.latest[:] = 0.5 * (self._state[0] + self._state[1])
