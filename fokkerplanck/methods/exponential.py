"""The exact semigroup of the generator."""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import Factors, ImplicitFactor
from fokkerplanck.linalg.semigroup.chebyshev import ChebyshevSeries
from fokkerplanck.linalg.semigroup.dense import DenseSemigroup
from fokkerplanck.linalg.semigroup.products import rates_of
from fokkerplanck.linalg.semigroup.rational_krylov import MAX_DIMENSION, check_length, krylov_action
from fokkerplanck.linalg.semigroup.uniformisation import Action, JumpChain
from fokkerplanck.methods.method import (
    NOTHING_NEGATIVE,
    Context,
    Method,
    attributes,
    not_negative,
    of_mass,
    set_attributes,
)
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

_log = logging.getLogger("fokkerplanck")

KINDS = ("auto", "uniformisation", "krylov", "chebyshev", "dense")
# Tolerance up to which rounding is asked for.
EXACT = 1e-12
# "auto" takes a series if it needs at most this part of the products of uniformisation.
GAIN = 0.7
# Products of uniformisation after every Krylov step: they fill cells far below the rounding of the
# largest ones from their neighbours again, by positive numbers.
FINISH = 500
# Products below which the rest of a span whose series grows goes to uniformisation.
SHORT_SERIES = 60
# Products of uniformisation in the first piece of a series without detailed balance.
PILOT = 600
# Part of the tolerance that one interval may leave out, so that many add up to less than it.
SHARE = 1e-3
# L1 error asked for in a Krylov step.
KRYLOV_TOLERANCE = 1e-14
# L1 error at which a step is accepted that rounding keeps from the one asked for.
KRYLOV_ACCEPTED = 2e-13
# What a run learns from one interval for the next.
LEARNT = ("intervals", "kinds", "reasons", "limit", "successes", "growth", "reach")


@dataclass(frozen=True)
class Exponential(Method):
    r"""Exact semigroup :math:`p(t)=e^{tA}p(0)` with error control: positive, mass exact.

    No error in time but the tolerance, by default rounding: what remains is the error of the grid.
    Four ways to apply the exponential are chosen from by the number of products they would take.

    ``"uniformisation"``: a Poisson mixture of powers of a stochastic matrix, so positive by
    construction, and with an a-priori bound of what is left out; about :math:`\Lambda t` products
    for an interval of length t, :math:`\Lambda` the largest exit rate. The free energy decreases to
    about 1e-30, a theorem at any tolerance. Small densities keep their leading digits, those that
    decay through absorbing sides down to 1e-300; but ones that are reached by more jumps than there
    are products, within the first moments, are zero.

    ``"dense"``: the matrix of the semigroup on at most 64 cells, by squarings of non-negative
    numbers in two-fold precision: positive, every density with its leading digits, and work that
    grows like :math:`\log\Lambda t`.

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
    kind : {"auto", "uniformisation", "krylov", "chebyshev", "dense"}
        "auto" takes uniformisation where it is cheap, about 10 ms (100 ms if the tolerance is below
        1e-12), else "dense" on at most 64 cells, a Chebyshev series if it saves products, and
        Krylov beyond 1e4 products in one, 2e4 in two and 1e6 in three dimensions. The choice and
        its reason are in ``stats``.

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

    def __post_init__(self) -> None:
        given = self.tolerance
        if not (isinstance(given, (int, float, np.floating)) and 0 < given < 1):
            raise ValueError(f"tolerance is {given!r}; give a number between 0 and 1, e.g. 1e-14")
        one_of(self.kind, "kind", KINDS)

    def init(self, generator: Generator, context: Context) -> _State:
        """State of a run: chain, series, factorisations."""
        tolerance = self.tolerance if context.tolerance is None else context.tolerance
        state = _State(generator, context, tolerance)
        put = context.record.put
        put(kind="none", reason="", products=0, stationary_intervals=0, solves=0, factorisations=0)
        put(rate=state.chain.rate, tolerance=tolerance, error_bound=0.0, error_kind="a priori")
        put(mass_correction=0.0, **NOTHING_NEGATIVE)
        return state

    def step(self, state: _State, p: Array, span: float) -> Array:
        """Masses after a span of time."""
        state.intervals += 1
        kind, reason = self.kind, "asked for"
        if kind == "auto":
            kind, reason = _choose(state, p, span)
        state.give_reason(kind, reason)
        if kind == "uniformisation":
            return state.corrected(p, _uniformised(state, p, span))
        if kind == "chebyshev":
            return _series(state, p, span)
        if kind == "dense":
            return _squared(state, p, span)
        return _krylov(state, p, span)

    def fork(self, state: _State) -> _State:
        """State for a trial step."""
        other = copy.copy(state)
        other.factors = None if state.factors is None else state.factors.fork()
        return other

    def snapshot(self, state: _State) -> Any:
        """What was chosen and learnt so far; chain, series and matrix follow from the generator."""
        factors = None if state.factors is None else state.factors.snapshot()
        return attributes(state, LEARNT) | {"factors": factors}

    def restore(self, state: _State, snapshot: Any) -> None:
        """Go on with these, and factorise again."""
        set_attributes(state, {name: snapshot[name] for name in LEARNT})
        if snapshot["factors"] is not None:
            state.factors = state.new_factors()
            state.factors.restore(snapshot["factors"])


@dataclass(eq=False)
class _State:
    """Chain, series and factorisations of one run; sets and dicts are replaced, never changed."""

    generator: Generator
    context: Context
    tolerance: float
    intervals: int = 0
    kinds: frozenset[str] = frozenset()
    reasons: dict[str, str] = field(default_factory=dict)
    limit: float = math.inf  # longest Krylov step that is tried
    successes: int = 0  # Krylov steps since the last failure
    growth: float = math.nan  # of the terms of a series without detailed balance
    reach: float = math.inf  # longest span for such a series
    factors: Factors | None = None

    @cached_property
    def rates(self) -> AxisRates | Flows:
        """Rates of the generator in the form that is fastest to apply."""
        return rates_of(self.generator)

    @cached_property
    def chain(self) -> JumpChain:
        """Uniformised chain."""
        return JumpChain(self.generator, self.rates)

    @cached_property
    def series(self) -> ChebyshevSeries:
        """Chebyshev series."""
        return ChebyshevSeries(self.generator, self.rates)

    def factor(self, gamma: float) -> ImplicitFactor:
        """Factorisation of I - gamma A."""
        if self.factors is None:
            self.factors = self.new_factors()
        factor = self.factors.get(gamma)
        self.context.record.put(factorisations=self.factors.made)
        return factor

    def new_factors(self) -> Factors:
        """Room for factorisations."""
        rates = self.rates
        flows = rates if isinstance(rates, Flows) else Flows.from_generator(self.generator)
        return Factors(self.generator, flows)

    @cached_property
    def dense(self) -> DenseSemigroup:
        """Matrix of the semigroup, on few cells."""
        size, most = self.generator.grid.size, sizes.DENSE_EXPONENTIAL
        if size > most:
            raise ValueError(
                f'kind="dense" is for {most} cells at most, and the grid has {size}; give "auto"'
            )
        rates = self.rates
        return DenseSemigroup(
            rates if isinstance(rates, Flows) else Flows.from_generator(self.generator)
        )

    @property
    def share(self) -> float:
        """Error allowed in this interval; all of them, however many, add up to the tolerance."""
        return 6 / (math.pi * self.intervals) ** 2 * self.tolerance

    def give_reason(self, kind: str, why: str) -> None:
        """Record why a kind was chosen."""
        if kind not in self.reasons:
            _log.debug("Exponential: %s, %s", kind, why)
        self.reasons = self.reasons | {kind: why}
        words = "; ".join(f"{name}: {why}" for name, why in sorted(self.reasons.items()))
        self.context.record.put(reason=words)

    def count(self, kind: str, products: int, bound: float) -> None:
        """Record the work of a kind and the bound of its error."""
        self.kinds = self.kinds | {kind}
        self.context.record.put(kind=" and ".join(sorted(self.kinds)))
        self.context.record.add(products=products, error_bound=bound)

    def corrected(self, p: Array, q: Array) -> Array:
        """Masses q scaled to the mass of p, a factor of 1 to rounding, where no mass can leave."""
        return q if self.generator.leaks else of_mass(q, p.sum(), self.context.record)


def _choose(state: _State, p: Array, span: float) -> tuple[str, str]:
    """Kind that "auto" takes for an interval, and why."""
    grid = state.generator.grid
    jumps = state.chain.products(span, SHARE * state.tolerance)
    is_exact = state.tolerance <= EXACT
    cheap = sizes.UNIFORMISATION_CHEAP_EXACT if is_exact else sizes.UNIFORMISATION_CHEAP
    if jumps * grid.size <= cheap:
        return "uniformisation", f"{jumps:.0f} products, cheap on this grid"
    if grid.size <= sizes.DENSE_EXPONENTIAL:
        return "dense", f"{jumps:.2g} products of uniformisation, and {grid.size} cells"
    terms = _terms(state, p, span)
    counts = f"{jumps:.2g} products of uniformisation, {terms:.2g} of a series"
    is_affordable = grid.size <= sizes.KRYLOV_FACTORISED[grid.dim]
    if min(jumps, terms) > sizes.KRYLOV_FROM_PRODUCTS[grid.dim] and is_affordable:
        return "krylov", counts
    return ("chebyshev" if terms < GAIN * jumps else "uniformisation"), counts


def _terms(state: _State, p: Array, span: float) -> float:
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


def _uniformised(state: _State, p: Array, span: float, is_whole: bool = True) -> Array:
    """Uniformisation over a span, the whole interval or a part of it."""
    tick = state.context.tick if is_whole else None
    action = state.chain.act(p, span, SHARE * state.tolerance, 0.5 * state.tolerance, tick)
    state.count("uniformisation", action.n_products, action.bound)
    state.context.record.add(stationary_intervals=action.is_stationary)
    return action.p


def _squared(state: _State, p: Array, span: float) -> Array:
    """Product with the matrix of the semigroup."""
    action = state.dense.act(p, span)
    state.count("dense", action.n_products, action.bound)
    return state.corrected(p, action.p)


def _series(state: _State, p: Array, span: float) -> Array:
    """Chebyshev series over a span, in pieces where its terms grow."""
    series, done = state.series, 0.0
    while done < span:
        rest = span - done
        is_bounded = series.is_bounded(p, state.share)
        piece = rest if is_bounded else rest / max(1, math.ceil(rest / state.reach))
        action = series.act(p, piece, state.share * piece / span, state.context.tick)
        if action is None or not _lost(action.p) <= max(action.bound, 1e-12) * p.sum():
            if series.bound * piece < SHORT_SERIES:
                why = "for the rest, where the terms of a series grow"
                state.give_reason("uniformisation", why)
                return state.corrected(p, _uniformised(state, p, rest, is_whole=False))
            state.reach = piece / 4
            continue
        q, lost = not_negative(action.p, state.context.record)
        state.context.record.add(error_bound=lost / float(p.sum()))
        state.count("chebyshev", action.n_products, action.bound)
        if not is_bounded:
            state.context.record.put(error_kind="estimated")
        p = state.corrected(p, q)
        done = span if piece == rest else done + piece
    return p


def _lost(q: Array) -> float:
    """What negative masses add up to."""
    return -float(q[q < 0].sum())


def _krylov(state: _State, p: Array, span: float) -> Array:
    """Krylov steps over a span, shorter ones where one fails."""
    done = 0.0
    check_length(state.chain.rate, span)
    while done < span:
        piece = min(state.limit, span - done)
        piece = span - done if span - done - piece < 1e-9 * span else piece
        q = _krylov_step(state, p, piece)
        if q is None:
            state.limit, state.successes = piece / 2, 0
            left = state.chain.rate * (span - done)
            if state.chain.rate * state.limit < sizes.KRYLOV_SHORTEST and left > sizes.MOST_STEPS:
                raise ConvergenceError(
                    f"Krylov spaces do not converge in steps of {piece:.3g}, and uniformisation "
                    f"of what is left would take {left:.2g} products, of which "
                    f"{sizes.MOST_STEPS:.0e} are the most; give a shorter time or a larger "
                    "tolerance",
                    iterate=p,
                )
            continue
        state.successes += 1
        if state.successes % 2 == 0:  # densities grow smooth: try longer steps again
            state.limit *= 2
        p = state.corrected(p, q)
        done = span if piece == span - done else done + piece
        state.context.tick(done / span)
    return p


def _krylov_step(state: _State, p: Array, span: float) -> Array | None:
    """Krylov step with its finish, or None if the span is too long for it."""
    rate, record = state.chain.rate, state.context.record
    if rate * span < sizes.KRYLOV_SHORTEST and state.limit < math.inf:
        return _uniformised(state, p, span, is_whole=False)
    finish = min(FINISH / rate, 0.25 * span)
    # Steps of the factorisation are powers of two: spans that differ a little share one.
    factor = state.factor(2.0 ** round(math.log2((span - finish) / 10)))
    try:
        wanted = max(state.tolerance, KRYLOV_TOLERANCE)
        action = krylov_action(factor, p, span - finish, wanted)
    except ConvergenceError:
        action = None
    record.add(solves=MAX_DIMENSION if action is None else action.dimension)
    if action is None or action.error > max(state.tolerance, KRYLOV_ACCEPTED):
        return None
    finished: Action = state.chain.act(action.p, finish, SHARE * state.tolerance)
    if _lost(finished.p) > 1e-12 * p.sum():
        return None
    state.count("krylov", finished.n_products, action.error + finished.bound)
    record.put(error_kind="estimated")
    record.most(mass_correction=action.mass_correction)
    return not_negative(finished.p, record)[0]
