"""Evolution by the fifth-order upwind flux: the linear semigroup, limited where signs are lost."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.semigroup.rational_krylov import MAX_DIMENSION, krylov_action
from fokkerplanck.linalg.semigroup.taylor import TaylorSeries
from fokkerplanck.linalg.wide_factors import WideFactors
from fokkerplanck.methods import flux_corrected
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.flux_corrected import FluxCorrected
from fokkerplanck.methods.implicit import Implicit, ImplicitState
from fokkerplanck.methods.method import (
    NOTHING_NEGATIVE,
    Context,
    Method,
    attributes,
    not_negative,
    of_mass,
    set_attributes,
)
from fokkerplanck.scheme.chain import PlainChain
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.linear_fluxes import LinearFlux, linear_flux, maxwell_boltzmann_log_mass

_log = logging.getLogger("fokkerplanck")

#: Negative mass up to which the linear flux counts as having resolved the density.
RESOLVED = 1e-6
#: Explicit limited steps of an interval above which implicit ones are taken, and how many of these.
MANY_STEPS, IMPLICIT_STEPS = 20_000, 2000
#: Steps after a failure of Krylov spaces before longer ones are tried.
WAIT = 4
#: L1 error at least that series and Krylov spaces are asked for.
TOLERANCE = 1e-12
#: L1 error at which a Krylov step is accepted that rounding keeps from the one asked for.
ACCEPTED = 1e-10


@dataclass(frozen=True)
class OnUpwind5(Method):
    r"""Exact semigroup of the fifth-order upwind flux, limited where its masses are negative.

    :math:`p(t)=e^{tH}p(0)` with the matrix H of `Upwind5`, by Taylor series, or by shift-and-invert
    Krylov spaces where an interval is long. Below 1e-6 of negative mass at an output time, that is
    set to zero there and counted, and the evolution goes on with the masses as they were; else the
    interval is gone through again by limited steps, `FluxCorrected`, from what was shown last.

    Mass is exact. There is no H-theorem.

    Parameters
    ----------
    method : Exponential or Implicit
        Whose tolerance is kept, as an estimate: in L1 the semigroup of a linear flux may lengthen
        differences a little. Steps of Implicit are not limited one by one, and events and dense
        output see the output times alone.
    scheme : {"upwind5", "well_balanced", "phase_space"}
        The linear flux: ``Upwind5``, the same of deviations from the known stationary state,
        :math:`p(t)=\pi+e^{tH}(p(0)-\pi)`, or ``PhaseSpaceFlux``.
    """

    method: Exponential | Implicit
    scheme: str = "upwind5"

    is_adaptive: ClassVar[bool] = True

    def init(self, generator: Generator, context: Context) -> State:
        """State of a run."""
        assert generator.problem is not None
        flux = linear_flux(generator.problem, self.scheme, edges=generator.edges)
        wide = WideFactors(flux.matrix, generator.matrix, generator.grid.dim)
        wanted = self.method.tolerance if context.tolerance is None else context.tolerance
        put = context.record.put
        put(kind="none", products=0, solves=0, factorisations=0, error_bound=0.0)
        put(error_kind="estimated", tolerance=wanted, mass_correction=0.0, negative_mass=0.0)
        put(limited_intervals=0, limited_mass=0.0, entropy="not guaranteed", **NOTHING_NEGATIVE)
        tolerance = max(wanted, TOLERANCE)
        state = State(generator, context, flux, TaylorSeries(flux.matrix), wide, tolerance)
        if self.scheme == "well_balanced":
            state.rest = np.exp(maxwell_boltzmann_log_mass(generator.problem))
        if isinstance(self.method, Implicit):
            inner = replace(context, log_rho_inf=None, on_observe=None)
            state.implicit = _Steps(state, inner, self.method, wanted)
            put(kind="implicit", entropy="not guaranteed", **NOTHING_NEGATIVE)
        return state

    def step(self, state: State, p: Array, span: float) -> Array:
        """Masses after a span of time."""
        record = state.context.record
        # What was shown had its negative masses cut off; what evolves has not.
        raw = p
        if state.raw is not None and state.shown is not None and np.array_equal(p, state.shown):
            raw = state.raw
        if isinstance(self.method, Implicit):
            q = self.method.step(state.implicit, raw, span)
        elif state.rest is not None:
            rest = float(raw.sum()) * state.rest
            beyond = raw - rest
            q = rest + _linear(state, beyond, span, self.method.kind) if beyond.any() else raw
        else:
            q = _linear(state, raw, span, self.method.kind)
        if not state.generator.leaks:
            q = of_mass(q, p.sum(), record)
        negative = -float(q[q < 0].sum()) / (float(p.sum()) or 1.0)  # all of it may have left
        record.most(negative_mass=negative)
        if negative >= RESOLVED:
            _log.debug("negative mass %.1e of the linear flux: an interval by limits", negative)
            record.add(limited_intervals=1)
            q = _limited(state, p, span)
        shown, lost = not_negative(q, record)
        if lost:  # through absorbing sides nothing comes back
            shown = shown * (max(min(q.sum(), p.sum()), 0.0) / (shown.sum() or 1.0))
        state.raw, state.shown = q, shown
        return shown

    def fork(self, state: State) -> State:
        """State for a trial step."""
        other = copy.copy(state)
        other.wide = state.wide.fork()
        other.limited = copy.copy(state.limited)
        if isinstance(self.method, Implicit):
            other.implicit = self.method.fork(state.implicit)
        return other

    def snapshot(self, state: State) -> Any:
        """The masses that evolve, and those that were shown; states of what the steps consist of.

        Implicit steps use the wide solvers of the run.
        """
        values = attributes(state, ("raw", "shown", "kinds")) | {"wide": state.wide.snapshot()}
        if None in state.limited:
            limited = state.limited[None]
            values["limited"] = FluxCorrected().snapshot(limited)
            values["limited_record"] = dict(limited.context.record.values)
        if isinstance(self.method, Implicit):
            values["implicit"] = self.method.snapshot(state.implicit)
        return values

    def restore(self, state: State, snapshot: Any) -> None:
        """Go on with these, and factorise again."""
        set_attributes(state, {name: snapshot[name] for name in ("raw", "shown", "kinds")})
        if "limited" in snapshot:
            limited = state.limited[None] = _limited_state(state)
            FluxCorrected().restore(limited, snapshot["limited"])
            limited.context.record.values = dict(snapshot["limited_record"])
        if isinstance(self.method, Implicit):
            self.method.restore(state.implicit, snapshot["implicit"])
        else:
            state.wide.restore(snapshot["wide"])


@dataclass(eq=False)
class State:
    """Flux, series and factorisations of one run."""

    generator: Generator
    context: Context
    flux: LinearFlux
    series: TaylorSeries
    wide: WideFactors
    tolerance: float
    raw: Array | None = None  # the masses that evolve
    shown: Array | None = None  # the same as they were returned
    limited: dict[float | None, Any] = field(default_factory=dict)  # states of limited runs, by dt
    kinds: frozenset[str] = frozenset()
    implicit: Any = None  # state of implicit steps
    rest: Array | None = None  # stationary masses, of which only the deviations evolve

    def count(self, kind: str, bound: float, **work: float) -> None:
        """Record the work of a kind and its error."""
        self.kinds = self.kinds | {kind}
        self.context.record.put(kind=" and ".join(sorted(self.kinds)))
        self.context.record.add(error_bound=bound, **work)


class _Steps(ImplicitState):
    """Implicit steps on the linear flux: no signs to keep, no relative entropy to compare."""

    keeps_signs = False

    def __init__(self, state: State, context: Context, method: Implicit, tolerance: float) -> None:
        self._wide = state.wide
        flux, leaks = state.flux, state.generator.leaks
        rates = np.abs(flux.matrix.diagonal())
        chain: Any = PlainChain(flux.grid, flux.matrix, rates, leaks)
        super().__init__(chain, context, method, tolerance)

    def solvers(self, name: str, log_mass: Array | None) -> tuple[Any, Any]:
        """Whether mass is kept, and wide solvers; "multilevel" has none."""
        if name == "multilevel":
            raise ValueError(
                'solver="multilevel" needs a Markov generator; with scheme="upwind5" give '
                'solver="auto" or "direct"'
            )
        return _Shifted(None, not self.generator.leaks), self._wide


def _linear(state: State, p: Array, span: float, kind: str) -> Array:
    """Masses of the linear flux after a span: by a series, or by Krylov spaces if it is long."""
    grid = state.generator.grid
    many = state.series.products(span) > sizes.KRYLOV_FROM_PRODUCTS[grid.dim]
    affordable = state.wide.solver == "direct"
    if kind != "krylov" and not (many and affordable and not state.generator.leaks):
        return _series(state, p, span, state.context.tick)
    done, limit, successes = 0.0, span, 0
    while done < span:
        piece = min(limit, span - done)
        piece = span - done if span - done - piece < 1e-9 * span else piece
        if state.series.products(piece) < sizes.KRYLOV_SHORTEST:
            p = _series(state, p, piece)
        else:
            q = _krylov(state, p, piece)
            if q is None:
                limit, successes = piece / 2, 0
                continue
            p = q
        successes += 1
        if successes % WAIT == 0:  # densities grow smooth: try longer steps again
            limit *= 2
        done = span if piece == span - done else done + piece
        state.context.tick(done / span)
    return p


def _series(state: State, p: Array, span: float, tick: Any = None) -> Array:
    """Taylor series over a span."""
    action = state.series.act(p, span, state.tolerance, tick)
    state.count("taylor", action.bound, products=action.n_products)
    return action.p


@dataclass(frozen=True, eq=False)
class _Shifted:
    """A factor as Krylov spaces want it."""

    factor: Any
    conserves_mass: bool = True

    @property
    def dt(self) -> float:
        return float(self.factor.dt)

    @property
    def flows(self) -> _Shifted:
        return self

    def solve(self, b: Array) -> Array:
        out: Array = self.factor.solve(b)
        return out


def _krylov(state: State, p: Array, span: float) -> Array | None:
    """Krylov step, or None if the span is too long for it."""
    factor = state.wide.get(2.0 ** round(np.log2(span / 10)))
    state.context.record.put(factorisations=state.wide.made)
    shifted = _Shifted(factor, state.rest is None)  # deviations have no mass to keep
    action = krylov_action(shifted, p, span, state.tolerance)
    used = MAX_DIMENSION if action is None else action.dimension
    state.context.record.add(solves=used)
    if action is None or action.error > max(state.tolerance, ACCEPTED):
        return None
    state.count("krylov", action.error)
    out: Array = action.p
    return out


def _limited_state(state: State) -> flux_corrected.State:
    """State of limited steps, with a record of its own: only what the limiter took back counts."""
    context = state.context
    inner = replace(context, record=type(context.record)())
    inner.record.is_silent = context.record.is_silent
    return flux_corrected.State.of(state.generator, inner, state.flux)


def _limited(state: State, p: Array, span: float) -> Array:
    """Masses by limited steps of the same flux: explicit ones, implicit ones if they were many."""
    context = state.context
    if None not in state.limited:
        state.limited[None] = _limited_state(state)
    inner_state = state.limited[None]
    inner_state.context.record.is_silent = context.record.is_silent
    dt = None if span <= MANY_STEPS * inner_state.longest else span / IMPLICIT_STEPS
    before = inner_state.context.record.values.get("limited_mass", 0.0)
    q = FluxCorrected(dt).step(inner_state, p, span)
    after = inner_state.context.record.values.get("limited_mass", 0.0)
    context.record.add(limited_mass=after - before)
    kind = "limited explicit steps" if dt is None else f"limited implicit steps of {dt:.3g}"
    state.count(kind, 0.0)
    return q
