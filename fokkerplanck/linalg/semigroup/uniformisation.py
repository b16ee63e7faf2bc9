r"""Uniformisation: the semigroup of a Markov generator as a Poisson mixture of a jump chain.

.. math:: e^{tA} p = \sum_{k\ge0} e^{-\Lambda t}\frac{(\Lambda t)^k}{k!}\,P^k p,
          \qquad P = I + A/\Lambda
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import pdtr, pdtrc

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.semigroup.products import Products, rates_of

#: Rate of the chain over the largest exit rate. Above 1 every cell keeps some of its mass in each
#: product, so that the chain has no period and all sums are positive.
MARGIN = 1.02
#: Products after which it is first checked whether the chain has become stationary.
FIRST_LOOK = 256
#: Relative change of an entry that all remaining products together may make in a stationary chain.
STATIONARY = 1e-9
#: Standard deviations from the mean at which Poisson weights underflow.
UNDERFLOW = 38.7
EPS = 2.0**-53


@dataclass(frozen=True, eq=False)
class Action:
    """Result of a step: masses, products used, L1 bound of what was left out."""

    p: Array
    n_products: int
    bound: float
    is_stationary: bool = False
    growth: float = 0.0  # of the logarithms of a series' terms, from each to the next


class JumpChain:
    r"""The chain P = I + A / rate of a generator, ready to be applied.

    Parameters
    ----------
    generator : Generator
    rates : AxisRates or Flows, optional
        Rates of the generator if they are at hand.
    size : callable, optional
        Norm in which the chain contracts: the sum of absolute values of masses. For its transpose,
        on functions, the largest one.

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
    >>> from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
    >>> grid = fp.Grid([(-3, 3)], 32)
    >>> chain = JumpChain(fp.Generator(fp.Problem(grid, f=lambda x: x**2)))
    >>> after = chain.act(fp.gaussian(grid, 1, 0.1) * grid.volume, 0.5)
    >>> abs(float(after.p.sum()) - 1) < 1e-15, bool(after.p.min() > 0), after.bound < 1e-14
    (True, True, True)
    """

    def __init__(self, generator, rates=None, size=None):
        self._size = _sum if size is None else size
        # A generator without any rate still needs a rate > 0 to divide by.
        self.rate = MARGIN * float(generator.exit_rates.max()) or 1.0
        self._generator, self._rates = generator, rates

    @cached_property
    def _products(self):
        """Products with P, made when the first one is asked for."""
        rates = rates_of(self._generator) if self._rates is None else self._rates
        return Products(rates, self.rate, compensated=True)

    def products(self, span, tail=1e-17) -> float:
        """Number of products that a span of time takes, about."""
        mean, s = self.rate * span, math.sqrt(-2 * math.log(tail))
        return mean + s * math.sqrt(mean) + s * s / 2 + 2

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
        self._check_work(span, tail)
        keeps_mass = self._keeps_mass
        first, weights, bound = poisson_window(self.rate * span, tail, keeps_mass)
        n_products = first + weights.size - 1
        run = self._products
        run.begin(p)
        if first == 0:
            run.total += weights[0] * run.latest
        size = self._size(p)
        done, seen, snapshot, change = 0, 0, run.latest.copy(), 0.0
        while done < n_products:
            stretch = min(run.stretch, n_products - done, max(FIRST_LOOK, done))
            run.advance(_stretch(first, weights, done, stretch))
            done += stretch
            if tick is not None:
                tick(done / n_products)
            # A chain that leaks is never stationary: what is left goes on to decay.
            if keeps_mass and done >= 2 * seen and done < n_products:
                # The chain contracts: later stretches of this length change less than this one.
                rest = math.ceil((n_products - done) / (done - seen))
                moved = np.abs(run.latest - snapshot)
                change = float(self._size(moved)) * rest
                if change <= stop * size and self._is_settled(moved * rest, run.latest):
                    run.total += weights[max(done + 1 - first, 0) :].sum() * run.latest
                    terms = min(done, weights.size)
                    bound = 2 * bound + change / max(size, 1e-300) + rounding(terms)
                    return Action(run.total.ravel(), done, bound, True)
                seen, snapshot = done, run.latest.copy()
            if not keeps_mass and not run.latest.any():  # all is gone
                break
        return Action(run.total.ravel(), done, 2 * bound + rounding(weights.size))

    def _is_settled(self, change: Array, latest: Array) -> bool:
        """Whether small masses too have come to rest, and not the large ones alone."""
        return self._size is not _sum or bool((change <= STATIONARY * latest + 1e-300).all())

    @property
    def _keeps_mass(self) -> bool:
        """Whether no mass leaves through absorbing sides."""
        return not self._generator.leaks

    def _check_work(self, span: float, tail: float) -> None:
        """Raise ConvergenceError before more products than anybody waits for."""
        wanted = self.products(span, tail)
        if not wanted <= sizes.MOST_STEPS:
            raise ConvergenceError(
                f"uniformisation would take {wanted:.2g} products, rate {self.rate:.3g} times time "
                f"{span:.3g}, and {sizes.MOST_STEPS:.0e} are the most; give a shorter time, or "
                'leave the kind to "auto"'
            )


def rounding(terms: int) -> float:
    """L1 error that sums of so many terms may have, relative: half a unit each, half that of all.

    Products are compensated, so that they add none that grows.
    """
    return EPS * (2.0 + math.sqrt(terms))


def _sum(p) -> float:
    """Sum of absolute values."""
    return np.abs(p).sum()


def poisson_window(mean, tail, keeps_mass=True):
    """Window and weights of the Poisson law, normalised over the window.

    Parameters
    ----------
    mean : float
        Mean, >= 0.
    tail : float
        Probability that may be left out at either end.
    keeps_mass : bool
        False for weights of terms that decay: then of the left end no more is left out than
        underflows, because after long times the first terms are what counts.

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
    >>> from fokkerplanck.linalg.semigroup.uniformisation import poisson_window
    >>> first, weights, left_out = poisson_window(1e6, 1e-17)
    >>> first, weights.size, left_out < 2e-17
    (991150, 17740, True)
    """
    s = math.sqrt(-2 * math.log(tail))
    low = s if keeps_mass else UNDERFLOW
    first = max(0, math.floor(mean - low * math.sqrt(mean)) - 1)
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
