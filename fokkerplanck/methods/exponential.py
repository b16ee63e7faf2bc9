"""The exact semigroup of the generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.semigroup.chebyshev import ChebyshevSeries
from fokkerplanck.linalg.semigroup.products import rates_of
from fokkerplanck.linalg.semigroup.rational_krylov import MAX_DIMENSION, krylov_action
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

KINDS = ("auto", "uniformisation", "krylov", "chebyshev")
# Tolerances up to this ask for rounding: uniformisation then costs more before others are tried.
EXACT = 1e-12
# Products of uniformisation that a Chebyshev series of fewer products by this factor replaces.
GAIN = 0.7
# Products of uniformisation that follow every Krylov step: cells far below the rounding of the
# largest ones are filled from their neighbours again, by positive numbers.
FINISH = 500
# Products below which the rest of a span whose series grows goes to uniformisation.
SHORT_SERIES = 60
# Products of uniformisation in the first piece of a series without detailed balance.
PILOT = 600
# Part of the tolerance that one interval may leave out, so that many add up to less than it.
SHARE = 1e-3
# Wanted of a Krylov step, and accepted where rounding ends it before.
KRYLOV_TOLERANCE = 1e-14
KRYLOV_ACCEPTED = 2e-13


@dataclass(frozen=True)
class Exponential(Method):
    r"""Exact semigroup :math:`p(t)=e^{tA}p(0)` with error control: positive, mass exact.

    No error in time but the tolerance, by default rounding: what remains is the error of the grid.
    Three ways to apply the exponential are chosen from by the number of products they would take.

    ``"uniformisation"``: a Poisson mixture of powers of a stochastic matrix, so positive by
    construction, and with an a-priori bound of what is left out; about :math:`\Lambda t` products
    for an interval of length t, :math:`\Lambda` the largest exit rate. Every density, however
    small, keeps its leading digits, and the free energy decreases to about 1e-30: both are
    theorems, at any tolerance.

    ``"chebyshev"``: a Chebyshev series, about :math:`\sqrt{2\Lambda t\log(1/\epsilon)}` products.
    In detailed balance the error is bounded before the first product, by the norm of the start in
    :math:`\ell^2(1/\pi)`, and so is that of the chi-square distance to the steady state: it
    decreases but for the tolerance. Without detailed balance the error is estimated from the growth
    of the terms, and an interval in which they would grow too much is divided. Positivity is no
    theorem: negative masses, not more than the error, are set to zero and reported.

    ``"krylov"``: shift-and-invert Krylov subspaces, one sparse factorisation and some thirty solves
    for an interval of any length, followed by a few hundred products of uniformisation. The error
    is estimated from the last two approximations. Accurate to about 1e-14 in L1; densities that
    many orders below the largest ones may be wrong, and negative ones among them are set to zero:
    how many and how much is in ``Solution.stats``.

    Parameters
    ----------
    tolerance : float, default 1e-14
        L1 error over the run (of a density of mass 1), whatever the number of output times.
        Overridden by ``solve(..., rtol=, atol=)``. A looser one saves products.
    kind : {"auto", "uniformisation", "krylov", "chebyshev"}
        "auto" takes uniformisation where it is cheap, about 10 ms (100 ms if the tolerance is below
        1e-12), else a Chebyshev series if it saves products, and Krylov beyond 1e4 products in one,
        2e4 in two and 1e6 in three dimensions. The choice and its reason are in ``stats``.

    Notes
    -----
    Mass is corrected by a factor after every interval: by rounding, 1e-16 or so, for uniformisation
    and series and up to the tolerance for Krylov and for what was set to zero. The largest
    correction is ``stats["mass_correction"]``. With absorbing sides nothing is corrected.

    References
    ----------
    Jensen, Skandinavisk Aktuarietidskrift 36 (1953); Tal-Ezer and Kosloff, J. Chem. Phys. 81
    (1984); van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1, 100], fp.Exponential())
    >>> solution.stats["kind"], solution.stats["error_bound"] < 1e-14
    ('uniformisation', True)
    """

    tolerance: float = 1e-14
    kind: str = "auto"

    is_adaptive = True

    def __post_init__(self):
        given = self.tolerance
        if not (isinstance(given, (int, float, np.floating)) and 0 < given < 1):
            raise ValueError(f"tolerance is {given!r}; give a number between 0 and 1, e.g. 1e-14")
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; choose from {', '.join(KINDS)}")

    def init(self, generator, tolerance=None, tick=None):
        """State of a run: chain, factorisations, counters."""
        return _State(generator, self.tolerance if tolerance is None else tolerance, tick)

    def step(self, state, p, span):
        """Masses after a span of time."""
        state.intervals += 1
        kind, reason = self.kind, "asked for"
        if kind == "auto":
            kind, reason = _choose(state, p, span)
        state.reasons[kind] = reason
        if kind == "uniformisation":
            return _corrected(state, p, _uniformised(state, p, span, state.tick))
        if kind == "chebyshev":
            return _series(state, p, span)
        done = 0.0
        while done < span:
            piece = min(state.limit, span - done)
            piece = span - done if span - done - piece < 1e-9 * span else piece
            q = _krylov(state, p, piece)
            if q is None:
                state.limit, state.successes = piece / 2, 0
                continue
            state.successes += 1
            if state.successes % 2 == 0:  # densities grow smooth: try longer steps again
                state.limit *= 2
            p = _corrected(state, p, q)
            done = span if piece == span - done else done + piece
            if state.tick is not None:
                state.tick(done / span)
        return p

    def report(self, state):
        """Kind used and why, work, error bound, corrections."""
        signs = "negative masses set to zero, see clipped_mass"
        return {
            "kind": " and ".join(sorted(state.kinds)) or "none",
            "reason": "; ".join(f"{kind}: {why}" for kind, why in sorted(state.reasons.items())),
            "products": state.products,
            "stationary_intervals": state.stationary,
            "solves": state.solves,
            "factorisations": state.factors.made if "factors" in vars(state) else 0,
            "rate": state.chain.rate,
            "tolerance": state.tolerance,
            "error_bound": state.bound,
            "error_kind": "estimated" if state.is_estimated else "a priori",
            "mass_correction": state.mass_correction,
            "clipped_mass": state.clipped_mass,
            "clipped_cells": state.clipped_cells,
            "positivity": signs if state.clipped_mass > 0 else "no negative mass",
        }


@dataclass
class _State:
    """Chain, series, factorisations and counters of one run."""

    generator: Generator
    tolerance: float
    tick: object
    kinds: set = field(default_factory=set)
    reasons: dict = field(default_factory=dict)
    intervals: int = 0
    products: int = 0
    solves: int = 0
    bound: float = 0.0
    is_estimated: bool = False
    mass_correction: float = 0.0
    clipped_mass: float = 0.0
    clipped_cells: int = 0
    stationary: int = 0
    limit: float = math.inf  # longest Krylov step that is tried
    successes: int = 0
    growth: float = math.nan  # of the terms of a series without detailed balance
    reach: float = math.inf  # longest span for such a series

    @cached_property
    def rates(self):
        """Rates of the generator in the form that is fastest to apply."""
        return rates_of(self.generator)

    @cached_property
    def flows(self) -> Flows:
        """Rates by rows."""
        return self.rates if isinstance(self.rates, Flows) else Flows.from_generator(self.generator)

    @cached_property
    def chain(self) -> JumpChain:
        """Uniformised chain."""
        return JumpChain(self.generator, self.rates)

    @cached_property
    def series(self) -> ChebyshevSeries:
        """Chebyshev series."""
        return ChebyshevSeries(self.generator, self.rates)

    @cached_property
    def factors(self) -> Factors:
        """Factorisations."""
        return Factors(self.generator, self.flows)

    @property
    def share(self) -> float:
        """Error allowed in this interval; all of them, however many, add up to the tolerance."""
        return 6 / (math.pi * self.intervals) ** 2 * self.tolerance


def _choose(state, p, span):
    """Kind that "auto" takes for an interval, and why."""
    grid = state.generator.grid
    jumps = state.chain.products(span, SHARE * state.tolerance)
    is_exact = state.tolerance <= EXACT
    cheap = sizes.UNIFORMISATION_CHEAP_EXACT if is_exact else sizes.UNIFORMISATION_CHEAP
    if jumps * grid.size <= cheap:
        return "uniformisation", f"{jumps:.0f} products, cheap on this grid"
    terms = _terms(state, p, span)
    counts = f"{jumps:.2g} products of uniformisation, {terms:.2g} of a series"
    is_affordable = grid.size <= sizes.KRYLOV_FACTORISED[grid.dim]
    if min(jumps, terms) > sizes.KRYLOV_FROM_PRODUCTS[grid.dim] and is_affordable:
        return "krylov", counts
    return ("chebyshev" if terms < GAIN * jumps else "uniformisation"), counts


def _terms(state, p, span) -> float:
    """Products, about, of Chebyshev series over a span; inf if their error cannot be kept."""
    series, tolerance = state.series, state.share
    if series.is_bounded(p, tolerance):
        return series.n_products(span, tolerance / (2 * series.norm(p)))
    if math.isnan(state.growth):  # a pilot, whose result is not used
        piece = min(span, PILOT / state.chain.rate)
        action = series.act(p, piece, tolerance)
        state.growth = math.inf if action is None else action.growth
        state.reach = piece / 4
        if action is not None:
            state.reach = max(piece, series.reach(action.growth, tolerance))
    if state.growth == math.inf:
        return math.inf
    piece = min(span, state.reach)
    return math.ceil(span / piece) * series.n_products(piece, tolerance, state.growth)


def _series(state, p, span):
    """Chebyshev series over a span, in pieces where its terms grow."""
    series, done = state.series, 0.0
    while done < span:
        rest = span - done
        is_bounded = series.is_bounded(p, state.share)
        piece = rest if is_bounded else rest / max(1, math.ceil(rest / state.reach))
        action = series.act(p, piece, state.share * piece / span, state.tick)
        q = None if action is None else _clipped(state, p, action)
        if q is None and series.bound * piece < SHORT_SERIES:
            state.reasons["uniformisation"] = "for the rest, where the terms of a series grow"
            return _corrected(state, p, _uniformised(state, p, rest, None))
        if q is None:
            state.reach = piece / 4
            continue
        state.kinds.add("chebyshev")
        state.products += action.n_products
        state.bound += action.bound
        state.is_estimated |= not is_bounded
        p = _corrected(state, p, q)
        done = span if piece == rest else done + piece
    return p


def _clipped(state, p, action):
    """Masses without negative ones, or None if these are more than the error allows."""
    q, size = action.p, p.sum()
    negative = q < 0
    lost = -float(q[negative].sum())
    if not lost <= max(action.bound, 1e-12) * size:
        return None
    if lost:
        state.clipped_mass += lost
        state.clipped_cells = max(state.clipped_cells, int(np.count_nonzero(negative)))
        state.bound += lost / float(size)
        q = np.where(negative, 0.0, q)
    return q


def _uniformised(state, p, span, tick):
    """Uniformisation over a span, with its bookkeeping."""
    action = state.chain.act(p, span, SHARE * state.tolerance, 0.5 * state.tolerance, tick)
    state.products += action.n_products
    state.bound += action.bound
    state.stationary += action.is_stationary
    state.kinds.add("uniformisation")
    return action.p


def _krylov(state, p, span):
    """Krylov step with its finish, or None if the span is too long for it."""
    rate = state.chain.rate
    if rate * span < sizes.KRYLOV_SHORTEST and state.limit < math.inf:
        return _uniformised(state, p, span, None)
    finish = min(FINISH / rate, 0.25 * span)
    # Steps of the factorisation are powers of two: spans that differ a little share one.
    gamma = 2.0 ** round(math.log2((span - finish) / 10))
    try:
        action = krylov_action(
            state.factors.get(gamma), p, span - finish, max(state.tolerance, KRYLOV_TOLERANCE)
        )
    except ConvergenceError:
        action = None
    state.solves += MAX_DIMENSION if action is None else action.dimension
    if action is None or action.error > max(state.tolerance, KRYLOV_ACCEPTED):
        return None
    finished = state.chain.act(action.p, finish, SHARE * state.tolerance)
    q = finished.p
    negative = q < 0
    lost = -float(q[negative].sum())
    if lost > 1e-12 * p.sum():
        return None
    state.products += finished.n_products
    state.bound += action.error + finished.bound
    state.kinds.add("krylov")
    state.is_estimated = True
    state.mass_correction = max(state.mass_correction, action.mass_correction)
    state.clipped_mass += lost
    state.clipped_cells = max(state.clipped_cells, int(np.count_nonzero(negative)))
    return np.where(negative, 0.0, q) if lost else q


def _corrected(state, p, q):
    """Scale q to the mass of p, a factor of 1 to rounding, where no mass can leave."""
    if state.generator.edges.exit_rate is not None and state.generator.edges.exit_rate.any():
        return q
    correction = p.sum() / q.sum()
    state.mass_correction = max(state.mass_correction, float(abs(correction - 1)))
    return q * correction
