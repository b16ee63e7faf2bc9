"""Many products with one scaled generator, on the kernel and the threads that suit it."""

from __future__ import annotations

import time

import numpy as np

from fokkerplanck.kernels.linalg import evolution, sweeps
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.flows import Flows

# Cells from which threads may pay, work (numbers touched) between two looks at the clock, products
# in a trial and how often the slower way gets one.
THREADS_FROM = 40_000
CHUNK = 100_000_000
TRIAL = 16
TRY_EVERY = 20
# Levels of a sweep: as many as keep its rows in this many bytes (second-level cache), between
# these limits; the lower one where the whole box is beyond the last-level cache.
CACHE = 1_000_000
DEPTHS = (2, 16)
LAST_CACHE = 24_000_000


def rates_of(generator):
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

    def __init__(self, rates, rate, compensated):
        self._compensated = compensated
        kind = _Box if isinstance(rates, AxisRates) else _Rows
        self._kernel = kind(rates, rate, compensated)
        n = self._kernel.n
        n_threads = sweeps.threads()
        ways = [1, n_threads] if n >= THREADS_FROM and n_threads > 1 else [1]
        self._race = _Race(ways, max(TRIAL, CHUNK // self._kernel.work))
        self._ways, self._is_compiled = ways, False

    def begin(self, p, halve=False):
        """Start from masses p (n,); with halve the first level is p + A p / (2 rate)."""
        self._kernel.begin(p)
        self.total = np.zeros_like(self._kernel.latest)
        if not self._is_compiled:  # outside of the timing
            for n_threads in self._ways:
                self._kernel.advance(n_threads, np.zeros(0), self.total)
            self._is_compiled = True
        if halve:
            self._kernel.advance(1, np.zeros(1), self.total)
            self._kernel.halve()

    def advance(self, weights):
        """Go on by a level for every weight and add the weighted levels to total."""
        if weights.size:
            self._race.run(lambda n: self._kernel.advance(n, weights, self.total), weights.size)

    @property
    def latest(self):
        """The last level."""
        return self._kernel.latest

    @property
    def stretch(self) -> int:
        """Products to ask for next."""
        return self._race.stretch


class _Box:
    """Levels on a box without indices."""

    def __init__(self, rates, rate, compensated):
        self._arrays = rates.over(rate)
        axes, self._n0, self._m = rates.up.shape
        self._ring, self._compensated = rates.ring, compensated
        self.n = self._n0 * self._m
        numbers = 2 * axes + (6 if compensated else 4)
        self.work = numbers * self.n
        low, high = DEPTHS
        fits = CACHE // (8 * numbers * self._m) - 2
        least = 2 * low if 8 * numbers * self.n > LAST_CACHE else low
        self._depth = min(max(fits, least), high)

    def begin(self, p):
        """Level 0."""
        self._level = 0
        self._masses = np.empty((2, self._n0, self._m))
        self._masses[:] = p.reshape(self._n0, self._m)
        shape = self._masses.shape if self._compensated else (0, 0, 0)
        self._rest = np.zeros(shape)

    def advance(self, n_threads, weights, total):
        """Further levels on so many threads."""
        tiles = min(n_threads, max(1, self._n0 // 8))
        depth = self._depth
        if tiles > 1 or self._ring:
            depth = max(1, min(depth, self._n0 // (2 * tiles)))
        sweeps.on_threads(
            tiles, sweeps.sweeps, tiles, depth, self._level, *self._arrays,
            self._masses, self._rest, total, weights,
        )  # fmt: skip
        self._level += weights.size

    @property
    def latest(self):
        """The last level."""
        return self._masses[self._level % 2]

    def halve(self):
        """Put the mean of the last two levels in place of the last one."""
        self.latest[:] = 0.5 * (self._masses[0] + self._masses[1])


class _Rows:
    """Levels on a list of rows."""

    def __init__(self, flows, rate, compensated):
        self._arrays = flows.over(rate)
        self._compensated = compensated
        self.n = flows.exits.size
        self.work = flows.indices.size + 8 * self.n

    def begin(self, p):
        """Level 0."""
        self._level = 0
        self._state = np.zeros((4 if self._compensated else 2, p.size))
        self._state[0] = p
        if not self._compensated:
            self._state[1] = p

    def advance(self, n_threads, weights, total):
        """Further levels on so many threads."""
        if not self._compensated:
            sweeps.on_threads(
                n_threads, evolution.chebyshev_threads, *self._arrays,
                weights, self._level, self._state, total,
            )  # fmt: skip
        elif n_threads == 1:
            evolution.chain(*self._arrays, weights, self._state, total)
        else:
            evolution.chain_threads(*self._arrays, weights, self._state, total)
        self._level += weights.size

    @property
    def latest(self):
        """The last level."""
        return self._state[0 if self._compensated else self._level % 2]

    def halve(self):
        """Put the mean of the last two levels in place of the last one."""
        self.latest[:] = 0.5 * (self._state[0] + self._state[1])


class _Race:
    """Takes the faster of two numbers of threads, which give the same bits.

    Threads halve the time on idle cores; on busy ones the barriers make them a hundred times
    slower. So both are timed, the slower one again now and then.
    """

    def __init__(self, ways, chunk):
        self._ways, self._chunk = ways, chunk
        self._seconds = [0.0] * len(ways)
        self._turn = 0
        self._next()

    def _next(self):
        """Choose the way and the number of products of the next run."""
        ranks = sorted(range(len(self._ways)), key=self._seconds.__getitem__)
        is_trial = 0.0 in self._seconds or self._turn % TRY_EVERY == TRY_EVERY - 1
        self._runner = ranks[-1] if is_trial and 0.0 not in self._seconds else ranks[0]
        self.stretch = TRIAL if is_trial and len(ranks) > 1 else self._chunk

    def run(self, function, count):
        """Call function with the way chosen, and choose the next one."""
        start = time.perf_counter()
        function(self._ways[self._runner])
        self._seconds[self._runner] = (time.perf_counter() - start) / count
        self._turn += 1
        self._next()
