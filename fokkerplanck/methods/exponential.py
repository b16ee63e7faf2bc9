"""The exact semigroup of the generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.generator import Generator
from fokkerplanck.linalg.flows import Flows
from fokkerplanck.linalg.implicit import Factors
from fokkerplanck.linalg.rational_krylov import MAX_DIMENSION, krylov_action
from fokkerplanck.linalg.uniformisation import JumpChain
from fokkerplanck.methods.method import Method

KINDS = ("auto", "uniformisation", "krylov")
# "auto" leaves uniformisation where an interval takes more products than this: a factorisation and
# some thirty solves cost about 7e3 products in one and two dimensions, 6e4 and more in three.
PRODUCTS = {1: 5e4, 2: 5e4, 3: 1e6}
# Largest three-dimensional grid that "auto" factorises (fill of 500 numbers a cell and more).
FACTORISED = {1: math.inf, 2: math.inf, 3: 50_000}
# Products of uniformisation that follow every Krylov step: cells far below the rounding of the
# largest ones are filled from their neighbours again, by positive numbers.
FINISH = 500
# Parts of a span that did not converge as a whole, if of fewer products, go to uniformisation.
SHORT = 5_000
# Part of the tolerance that one interval may leave out, so that many add up to less than it.
SHARE = 1e-3
# Wanted of a Krylov step, and accepted where rounding ends it before.
KRYLOV_TOLERANCE = 1e-14
KRYLOV_ACCEPTED = 2e-13


@dataclass(frozen=True)
class Exponential(Method):
    r"""Exact semigroup :math:`p(t)=e^{tA}p(0)` with error control: positive, mass exact.

    No error in time but rounding: what remains is the error of the grid. Two ways to apply the
    exponential are chosen from by cost.

    ``"uniformisation"``: a Poisson mixture of powers of a stochastic matrix, so positive by
    construction, and with an a-priori bound of what is left out; about :math:`\Lambda t` sparse
    products for an interval of length t, :math:`\Lambda` the largest exit rate. Every density,
    however small, keeps its leading digits, and the free energy decreases to about 1e-30.

    ``"krylov"``: shift-and-invert Krylov subspaces, one sparse factorisation and some thirty solves
    for an interval of any length, followed by a few hundred products of uniformisation. The error
    is estimated from the last two approximations. Accurate to about 1e-14 in L1; densities that
    many orders below the largest ones may be wrong, and negative ones among them are set to zero:
    how many and how much is in ``Solution.stats``.

    Parameters
    ----------
    tolerance : float, default 1e-14
        L1 error over the run (of a density of mass 1), for up to a thousand output times.
        Overridden by ``solve(..., rtol=, atol=)``.
    kind : {"auto", "uniformisation", "krylov"}
        "auto" takes uniformisation for up to 5e4 products an output interval (1e6 in three
        dimensions) and Krylov beyond.

    Notes
    -----
    Mass is corrected by a factor after every interval: by rounding, 1e-16 or so, for uniformisation
    and up to the tolerance for Krylov. The largest correction is ``stats["mass_correction"]``. With
    absorbing sides nothing is corrected.

    References
    ----------
    Jensen, Skandinavisk Aktuarietidskrift 36 (1953); van den Eshof and Hochbruck, SIAM J. Sci.
    Comput. 27 (2006).

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
        if self.kind == "uniformisation" or (self.kind == "auto" and not state.is_long(span)):
            return _corrected(state, p, _uniformised(state, p, span, state.tick))
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
        """Kind used, work, error bound, corrections."""
        signs = "negative masses set to zero, see clipped_mass"
        return {
            "kind": " and ".join(sorted(state.kinds)) or "none",
            "products": state.products,
            "stationary_intervals": state.stationary,
            "solves": state.solves,
            "factorisations": state.factors.made,
            "rate": state.chain.rate,
            "tolerance": state.tolerance,
            "error_bound": state.bound,
            "error_kind": "estimated" if "krylov" in state.kinds else "a priori",
            "mass_correction": state.mass_correction,
            "clipped_mass": state.clipped_mass,
            "clipped_cells": state.clipped_cells,
            "positivity": signs if state.clipped_mass > 0 else "no negative mass",
        }


@dataclass
class _State:
    """Chain, factorisations and counters of one run."""

    generator: Generator
    tolerance: float
    tick: object
    kinds: set = field(default_factory=set)
    products: int = 0
    solves: int = 0
    bound: float = 0.0
    mass_correction: float = 0.0
    clipped_mass: float = 0.0
    clipped_cells: int = 0
    stationary: int = 0
    limit: float = math.inf  # longest Krylov step that is tried
    successes: int = 0
    flows: Flows = field(init=False)
    chain: JumpChain = field(init=False)
    factors: Factors = field(init=False)

    def __post_init__(self):
        self.flows = Flows.from_generator(self.generator)
        self.chain = JumpChain(self.generator, self.flows)
        self.factors = Factors(self.generator, self.flows)

    def is_long(self, span) -> bool:
        """Whether "auto" takes the Krylov way."""
        grid = self.generator.grid
        return self.chain.products(span) > PRODUCTS[grid.dim] and grid.size <= FACTORISED[grid.dim]


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
    if rate * span < SHORT and state.limit < math.inf:
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
    state.mass_correction = max(state.mass_correction, action.mass_correction)
    state.clipped_mass += lost
    state.clipped_cells = max(state.clipped_cells, int(np.count_nonzero(negative)))
    return np.where(negative, 0.0, q) if lost else q


def _corrected(state, p, q):
    """Scale q to the mass of p, a factor of 1 to rounding, where no mass can leave."""
    if not state.flows.conserves_mass:
        return q
    correction = p.sum() / q.sum()
    state.mass_correction = max(state.mass_correction, float(abs(correction - 1)))
    return q * correction
