r"""Uniformisation: the semigroup of a Markov generator as a Poisson mixture of a jump chain.

.. math:: e^{tA} p = \sum_{k\ge0} e^{-\Lambda t}\frac{(\Lambda t)^k}{k!}\,P^k p,
          \qquad P = I + A/\Lambda
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr, pdtrc

from fokkerplanck.kernels import evolution
from fokkerplanck.linalg.flows import Flows

# Rate of the chain over the largest exit rate: every cell then keeps some of its mass in each
# product, which makes the chain aperiodic and its sums positive with a relative error of rounding.
MARGIN = 1.02
# Rows from which threads may pay, work (numbers touched) between two looks at the clock, products
# in a trial and how often the slower of two kernels gets one, products before the first look at
# whether the chain still moves.
THREADS_FROM = 40_000
CHUNK = 100_000_000
TRIAL = 8
TRY_EVERY = 20
FIRST_LOOK = 256


@dataclass(frozen=True, eq=False)
class Action:
    """Result of a step: masses, products used, L1 bound of what was left out."""

    p: np.ndarray
    n_products: int
    bound: float
    is_stationary: bool = False


class JumpChain:
    r"""The chain P = I + A / rate of a generator, ready to be applied.

    Parameters
    ----------
    generator : Generator
    flows : Flows, optional
        Flows of the generator if they are at hand.

    Attributes
    ----------
    rate : float
        Uniformisation rate, a little above the largest exit rate, 1/time.

    References
    ----------
    Jensen, Skandinavisk Aktuarietidskrift 36 (1953); Fox and Glynn, Commun. ACM 31 (1988).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.uniformisation import JumpChain
    >>> grid = fp.Grid([(-3, 3)], 32)
    >>> chain = JumpChain(fp.Generator(fp.Problem(grid, f=lambda x: x**2)))
    >>> after = chain.act(fp.gaussian(grid, 1, 0.1) * grid.volume, 0.5)
    >>> abs(float(after.p.sum()) - 1) < 1e-15, bool(after.p.min() > 0), after.bound < 1e-16
    (True, True, True)
    """

    def __init__(self, generator, flows=None):
        flows = Flows.from_generator(generator) if flows is None else flows
        # A generator without any rate still needs a rate > 0 to divide by.
        self.rate = MARGIN * float(generator.exit_rates.max()) or 1.0
        self._arrays = flows.over(self.rate)
        n = flows.exits.size
        kernels = [evolution.chain, evolution.chain_threads][: 1 + (n >= THREADS_FROM)]
        self._race = _Race(kernels, max(TRIAL, CHUNK // (flows.indices.size + 8 * n)))

    def products(self, span) -> float:
        """Number of products that a span of time takes, about."""
        mean = self.rate * span
        return mean + 8 * math.sqrt(mean) + 20

    def act(self, p, span, tail=1e-17, stop=1e-15, tick=None) -> Action:
        """Masses after a span of time, from masses p (n,) of any sign.

        Parameters
        ----------
        p : array (n,)
        span : float
            Time, > 0.
        tail : float
            Probability of the Poisson law that may be left out at either end; the weights kept are
            divided by their sum, so that what is applied is a stochastic matrix of its own.
        stop : float
            L1 change (relative) that all remaining products together may still make when the chain
            is taken to be stationary.
        tick : callable, optional
            ``tick(fraction)`` is told the part of the span that is done.
        """
        first, weights, bound = poisson_window(self.rate * span, tail)
        n_products = first + weights.size - 1
        state = np.zeros((4, p.size))
        state[0] = p
        total = weights[0] * p if first == 0 else np.zeros(p.size)
        size = np.abs(p).sum()
        done, seen, snapshot, change = 0, 0, state[0].copy(), 0.0
        while done < n_products:
            stretch = min(self._race.stretch, n_products - done, max(FIRST_LOOK, done))
            self._race.run(self._arrays, _stretch(first, weights, done, stretch), state, total)
            done += stretch
            if tick is not None:
                tick(done / n_products)
            if done >= 2 * seen and done < n_products:
                # The chain contracts: later stretches of this length change less than this one.
                move = np.abs(state[0] - snapshot).sum()
                change = move * math.ceil((n_products - done) / (done - seen))
                if change <= stop * size:
                    total += weights[max(done + 1 - first, 0) :].sum() * state[0]
                    return Action(total, done, 2 * bound + change / max(size, 1e-300), True)
                seen, snapshot = done, state[0].copy()
        return Action(total, n_products, 2 * bound)


class _Race:
    """Runs the faster of two kernels that give the same bits.

    Threads halve the time on idle cores; on busy ones the barrier after each product makes them a
    hundred times slower. So both are timed, the slower one again now and then.
    """

    def __init__(self, kernels, chunk):
        self._kernels, self._chunk = kernels, chunk
        self._seconds = [0.0] * len(kernels)
        self._turn = 0
        self._next()

    def _next(self):
        """Choose the kernel and the number of products of the next run."""
        ranks = sorted(range(len(self._kernels)), key=self._seconds.__getitem__)
        is_trial = 0.0 in self._seconds or self._turn % TRY_EVERY == TRY_EVERY - 1
        self._runner = ranks[-1] if is_trial and 0.0 not in self._seconds else ranks[0]
        self.stretch = TRIAL if is_trial and len(ranks) > 1 else self._chunk

    def run(self, arrays, weights, state, total):
        """Apply the kernel chosen, and choose the next one."""
        kernel = self._kernels[self._runner]
        if self._turn < len(self._kernels):
            kernel(*arrays, weights[:0], state, total)  # compile outside of the timing
        start = time.perf_counter()
        kernel(*arrays, weights, state, total)
        self._seconds[self._runner] = (time.perf_counter() - start) / weights.size
        self._turn += 1
        self._next()


def poisson_window(mean, tail):
    """Window and weights of the Poisson law, normalised over the window.

    Parameters
    ----------
    mean : float
        Mean, >= 0.
    tail : float
        Probability that may be left out at either end.

    Returns
    -------
    first : int
        Left end of the window.
    weights : array
        Probabilities of first, first + 1, ...; sum 1.
    left_out : float
        Probability outside of the window.

    Examples
    --------
    >>> from fokkerplanck.linalg.uniformisation import poisson_window
    >>> first, weights, left_out = poisson_window(1e6, 1e-17)
    >>> first, weights.size, left_out < 2e-17
    (991150, 17740, True)
    """
    s = math.sqrt(-2 * math.log(tail))
    first = max(0, math.floor(mean - s * math.sqrt(mean)) - 1)
    last = math.ceil(mean + s * math.sqrt(mean) + s * s / 2) + 1
    mode = min(max(math.floor(mean), first), last)
    # Ratios outwards from the mode: nothing over- or underflows at any mean.
    up = np.cumprod(mean / np.arange(mode + 1, last + 1))
    down = np.cumprod(np.arange(mode, first, -1) / mean) if mode > first else np.empty(0)
    weights = np.concatenate([down[::-1], [1.0], up])
    left_out = (float(pdtr(first - 1, mean)) if first > 0 else 0.0) + float(pdtrc(last, mean))
    return first, weights / weights.sum(), left_out


def _stretch(first, weights, done, count):
    """Weights of products done + 1 to done + count."""
    out = np.zeros(count)
    lo, hi = done + 1 - first, done + 1 - first + count
    inside = weights[max(lo, 0) : max(hi, 0)]
    out[max(-lo, 0) : max(-lo, 0) + inside.size] = inside
    return out
