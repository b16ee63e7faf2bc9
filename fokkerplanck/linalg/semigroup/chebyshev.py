r"""The semigroup of a generator as a Chebyshev series.

.. math:: e^{tA} = \sum_{k\ge0} c_k\,T_k(I+2A/\lambda),\qquad
          c_k = (2-\delta_{k0})\,e^{-\tau}I_k(\tau),\qquad \tau=\lambda t/2,

with the spectrum of A in :math:`[-\lambda,0]`: about :math:`\sqrt{\lambda t\log(1/\epsilon)}`
products where uniformisation takes :math:`\lambda t/2`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ive

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.semigroup.products import Products, rates_of
from fokkerplanck.linalg.semigroup.uniformisation import Action
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.detailed_balance import summed_log_density

#: Rounding of a result, in units of the norm of the start: 20 rounding errors of one number. On
#: double wells of 64^2 to 256^2 cells in two and 48^3 in three dimensions it was below 15.
ROUNDING = 20 * 2.2e-16
#: L1 error by rounding that is accepted where the tolerance asks for less.
ACCEPTED = 2e-13
#: Terms of the longest series that coefficients are made for.
LONGEST = 3_000_000
#: How often the terms of a series without a bound are looked at, in its expected length.
LOOKS = 8
#: Part of the tolerance that all coefficients at hand leave out where the terms may grow.
FAR_TAIL = 1e-80


class ChebyshevSeries:
    r"""Chebyshev series of :math:`e^{tA}`, ready to be applied.

    Where A is in detailed balance with a density :math:`\pi`, it is self-adjoint in
    :math:`\ell^2(1/\pi)`, every :math:`T_k` has norm 1 there, and what is left out of the series is
    bounded before the first product: by Cauchy and Schwarz the L1 error is at most

    .. math:: \|p\|_{1/\pi}\sum_{k>m}c_k,\qquad \|p\|_{1/\pi}^2=\sum_i p_i^2/\pi_i .

    Else the norms of the terms are watched: they grow like :math:`\rho^k`, with :math:`\rho` the
    ellipse that holds the field of values of A, and the error is estimated from the last ones.
    The recurrence runs on masses themselves, of which each keeps its own scale.

    Parameters
    ----------
    generator : Generator
    rates : AxisRates or Flows, optional
        Rates of the generator if they are at hand.

    Attributes
    ----------
    bound : float
        The :math:`\lambda` above, from Gershgorin's theorem for the symmetrised matrix, 1/time.
    log_mass : array (n,) or None
        Log of the masses in detailed balance, normalised; None without detailed balance.

    References
    ----------
    Tal-Ezer and Kosloff, J. Chem. Phys. 81 (1984); Druskin and Knizhnerman, USSR Comput. Math.
    Math. Phys. 29 (1989); Bergamaschi and Vianello, Numer. Linear Algebra Appl. 7 (2000).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.semigroup.chebyshev import ChebyshevSeries
    >>> grid = fp.Grid([(-3, 3)], 64)
    >>> series = ChebyshevSeries(fp.Generator(fp.Problem(grid, f=lambda x: x**2)))
    >>> action = series.act(fp.gaussian(grid, 1, 0.1) * grid.volume, 10.0, 1e-10)
    >>> action.n_products, action.bound < 1e-10
    (320, True)
    """

    def __init__(self, generator, rates=None):
        rates = rates_of(generator) if rates is None else rates
        if isinstance(rates, AxisRates):
            bound, log_mass = rates.symmetric_bound(), rates.log_mass()
        else:
            bound = rates.symmetric_bound(generator.exit_rates)
            log_mass = _log_mass(generator)
        self.bound = (1 + 1e-12) * bound or 1.0
        if log_mass is not None:
            top = log_mass.max()
            log_mass = log_mass - (top + math.log(np.exp(log_mass - top).sum()))
        self.log_mass = log_mass
        self._last: tuple = (None, math.inf)  # masses and their norm
        self._products = Products(rates, self.bound / 4, compensated=False)

    @property
    def is_reversible(self) -> bool:
        """Whether a bound is known beforehand."""
        return self.log_mass is not None

    def norm(self, p) -> float:
        r"""Norm of masses p in :math:`\ell^2(1/\pi)` over their L1 norm; inf if there is no pi."""
        if self.log_mass is None:
            return math.inf
        if p is self._last[0]:
            return self._last[1]
        with np.errstate(divide="ignore"):
            logs = 2 * np.log(np.abs(p) / np.abs(p).sum()) - self.log_mass
        top = logs.max()
        half = 0.5 * (top + math.log(np.exp(logs - top).sum()))
        self._last = p, math.exp(half) if half < 700 else math.inf
        return self._last[1]

    def is_bounded(self, p, tolerance) -> bool:
        """Whether the error from masses p is bounded beforehand, rounding below the tolerance."""
        return self.norm(p) * ROUNDING <= max(tolerance, ACCEPTED)

    def n_products(self, span, tolerance, growth=0.0) -> float:
        """Products, about, of a span with terms whose logarithms grow by growth from each to next.

        c_k is about exp(-k^2 / 2 tau), and the product of the two has to fall to the tolerance.
        """
        tau, log = 0.5 * self.bound * span, math.log(1 / min(tolerance, 0.5))
        return growth * tau + math.sqrt((growth * tau) ** 2 + 2 * tau * log) + log

    def reach(self, growth, tolerance) -> float:
        """Longest span whose terms, growing so, keep their rounding below a tolerance."""
        room = math.log(max(tolerance, ACCEPTED) / ROUNDING)
        # The largest of growth k - k^2 / 2 tau over k.
        return 4 * room / (growth * growth * self.bound) if growth > 0 else math.inf

    def act(self, p, span, tolerance=1e-14, tick=None) -> Action | None:
        """Masses after a span of time, from masses p (n,); None if the error cannot be kept.

        Parameters
        ----------
        p : array (n,)
        span : float
            Time, > 0.
        tolerance : float
            L1 error, relative to the L1 norm of p. With detailed balance rounding is part of the
            bound that is returned, but not of what the tolerance asks for.
        tick : callable, optional
            ``tick(fraction)`` is told the part of the work that is done.
        """
        if self.is_bounded(p, tolerance):
            return self._bounded(p, span, tolerance, tick)
        return self._watched(p, span, tolerance, tick)

    def _bounded(self, p, span, tolerance, tick):
        """Series with a bound known beforehand."""
        norm = self.norm(p)
        c, tail = coefficients(0.5 * self.bound * span, 0.5 * tolerance / norm)
        run, done = self._begin(p, c), 2
        while done < c.size:
            stretch = run.stretch
            run.advance(c[done : done + stretch])
            done += stretch
            if tick is not None:
                tick(min(done / c.size, 1.0))
        return Action(run.total.ravel() / c.sum(), c.size - 1, norm * (2 * tail + ROUNDING))

    def _watched(self, p, span, tolerance, tick):
        """Series that ends when its terms, with the growth they show, fall below the tolerance."""
        # Many more than will be used: the error of stopping is estimated from those left out.
        c, _ = coefficients(0.5 * self.bound * span, FAR_TAIL * tolerance)
        look = max(8, int(self.n_products(span, tolerance)) // LOOKS)
        run, done = self._begin(p, c), 2
        size, last, largest, growth = np.abs(p).sum(), 1.0, 1.0, 0.0
        while done + look < c.size:
            part = c[done : done + look]
            with np.errstate(over="ignore", invalid="ignore"):
                run.advance(part)
                norm = float(np.abs(run.latest).sum() / size)
            largest = max(largest, part[0] * norm)
            if not largest * ROUNDING < max(tolerance, ACCEPTED):
                return None
            # What the terms left out may add, if they grow 1.5 times as fast as the last ones.
            done += part.size
            rate = max(math.log(max(norm, 1e-300) / last), 0.0) / part.size
            growth, rate = max(growth, rate), 1.5 * rate
            with np.errstate(over="ignore"):
                tail = norm * float(c[done:] @ np.exp(rate * np.arange(1, c.size - done + 1)))
            if tail <= 0.5 * tolerance:
                bound = 2 * tail + largest * ROUNDING
                return Action(run.total.ravel() / c[:done].sum(), done - 1, bound, growth=growth)
            last = max(norm, 1e-300)
            if tick is not None:
                tick(done / c.size)
        return None

    def _begin(self, p, c):
        """Terms 0 and 1."""
        run = self._products
        run.begin(p, halve=c.size > 1)
        run.total += c[0] * p.reshape(run.total.shape)
        if c.size > 1:
            run.total += c[1] * run.latest
        return run


def coefficients(tau, tolerance):
    r"""Coefficients of :math:`e^{\tau(x-1)}` in Chebyshev polynomials, and the sum of the others.

    Parameters
    ----------
    tau : float
        Half the length of the interval that [-1, 1] stands for, >= 0.
    tolerance : float
        What the coefficients left out may add up to.

    Returns
    -------
    c : array
        Positive; decreasing from the second one on.
    left_out : float

    Raises
    ------
    ConvergenceError
        If more than three million coefficients are needed.

    Examples
    --------
    >>> from fokkerplanck.linalg.semigroup.chebyshev import coefficients
    >>> c, left_out = coefficients(50.0, 1e-6)
    >>> c.size, left_out < 1e-6, bool(abs(c.sum() + left_out - 1) < 1e-14)
    (36, True, True)
    """
    log = math.log(1 / tolerance) + 25
    n = math.ceil(math.sqrt(2 * tau * log) + log) + 2
    if n > LONGEST:
        raise ConvergenceError(
            f"a Chebyshev series of {n:.1e} terms is too long; give shorter intervals, or leave "
            "the kind of Exponential to itself"
        )
    c = 2 * ive(np.arange(n), tau)
    c[0] /= 2
    tails = np.append(np.cumsum(c[::-1])[::-1], 0.0)
    size = max(1, int(np.argmax(tails <= tolerance)))
    return c[:size], float(tails[size])


def _log_mass(generator):
    """Log masses in detailed balance of an edge list, or None."""
    log_density = summed_log_density(generator.edges)
    if log_density is None:
        return None
    grid = generator.grid
    return log_density + np.log(grid.volumes.ravel())
