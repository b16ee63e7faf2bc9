"""Directional splitting: tridiagonal solves along the axes, extrapolated, with error control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.lines import LineSplitting
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
from fokkerplanck.scheme.generator import Generator

# Part of the largest step that would be allowed which is taken.
SAFETY = 0.8
# Least and largest factor from a step to the next.
LEAST_CHANGE, LARGEST_CHANGE = 0.1, 5.0
# Part of the first interval that is tried first.
FIRST = 1 / 16
# Least tolerance, L1.
LEAST = 1e-12
# Shortest step, over the span.
SHORTEST = 1e-9
# L1 difference of two results that is rounding.
ROUNDING = 1e-14


@dataclass(frozen=True)
class Splitting(Method):
    r"""Strang splitting along the axes with exact-to-order-five line solves, extrapolated.

    For long times on fine grids: the cost of a step, 15 sweeps of tridiagonal solves in two
    dimensions, does not depend on its length, and the length is set by how little the axes commute,
    not by the cell width. Steps of h, h/2 and h/3 are extrapolated to order six (four is observed
    in long steps); twice the difference to order four is taken for the error of the step and kept
    below the tolerance per unit of time.

    Mass is exact to rounding, and so is the steady state of a problem in detailed balance. Neither
    positivity nor the decrease of the free energy is a theorem: line solves of order above one are
    positive only for short steps, and extrapolation subtracts. Negative masses, not more than the
    error, are set to zero and counted in ``Solution.stats``.

    Parameters
    ----------
    tolerance : float, default 1e-6
        L1 error over the run (of a density of mass 1), estimated. Overridden by
        ``solve(..., rtol=, atol=)``.

    Raises
    ------
    ValueError
        From ``solve``, for problems whose edges join other cells than nearest neighbours (full
        tensors D).
    ConvergenceError
        If the tolerance cannot be reached by any step.

    References
    ----------
    Strang, SIAM J. Numer. Anal. 5 (1968); Hairer, Norsett and Wanner, Solving ODEs I, II.9.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 64)
    >>> problem = fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2)
    >>> rho0 = fp.gaussian(grid, (-1, 0), 0.1)
    >>> split = fp.solve(problem, rho0, [0, 5], fp.Splitting(1e-6)).rho[-1]
    >>> exact = fp.solve(problem, rho0, [0, 5]).rho[-1]
    >>> bool(grid.integrate(abs(split - exact)) < 1e-6)
    True
    """

    tolerance: float = 1e-6

    is_adaptive = True

    def __post_init__(self) -> None:
        _check_tolerance(self.tolerance)

    def init(self, generator: Generator, context: Context) -> _State:
        """State of a run: rates, length of the steps."""
        if context.tolerance is not None:
            _check_tolerance(context.tolerance)
        rates = AxisRates.from_generator(generator)
        if rates is None:
            raise ValueError(
                f"Splitting received {generator.edges!r}, which join other cells than nearest "
                "neighbours; use Exponential(), or a diagonal D"
            )
        tolerance = self.tolerance if context.tolerance is None else context.tolerance
        put = context.record.put
        put(kind="splitting", steps=0, rejected_steps=0, sweeps=0, tolerance=tolerance)
        put(error_bound=0.0, error_kind="estimated", mass_correction=0.0, **NOTHING_NEGATIVE)
        return _State(context, LineSplitting(rates), generator.leaks, tolerance)

    def step(self, state: _State, p: Array, span: float) -> Array:
        """Masses after a span of time."""
        state.intervals += 1
        tolerance = 6 / (math.pi * state.intervals) ** 2 * state.tolerance
        done, size = 0.0, np.abs(p).sum()
        while done < span:
            state.h = state.h or FIRST * span
            h = min(state.h, span - done)
            # No tiny last step: two equal ones.
            h = (span - done) / 2 if h < span - done < 2 * h else h
            q, error = state.trial(p, h)
            error = float(error / size)
            allowed = max(tolerance * h / span, ROUNDING)
            factor = SAFETY * (allowed / max(error, 1e-300)) ** 0.25
            if not error <= allowed:
                state.context.record.add(rejected_steps=1)
                state.h = h * max(LEAST_CHANGE, min(factor, 0.9))
                if not state.h > SHORTEST * span:
                    raise ConvergenceError(
                        f"a step of {h:g} has an error of {error:.1e}, and shorter ones do not "
                        f"reach the tolerance of {state.tolerance:g}; give a larger one"
                    )
                continue
            proposed = h * min(max(factor, LEAST_CHANGE), LARGEST_CHANGE)
            # A step cut short by an output time says little of longer ones.
            state.h = max(proposed, state.h) if h < state.h and factor > 1 else proposed
            if not (span - done) / state.h <= sizes.MOST_STEPS:
                raise ConvergenceError(
                    f"steps of {state.h:.3g}, which keep the tolerance of {state.tolerance:g}, are "
                    f"too many for a time of {span:.3g}: {(span - done) / state.h:.2g}, and "
                    f"{sizes.MOST_STEPS:.0e} are the most; use Exponential() or a shorter time"
                )
            p = state.accepted(p, q, error)
            done = span if h == span - done else done + h
            state.context.tick(done / span)
        return p

    def snapshot(self, state: _State) -> Any:
        """Length of the next step, and of how many intervals the tolerance is spent."""
        return attributes(state, ("h", "intervals"))

    def restore(self, state: _State, snapshot: Any) -> None:
        """Go on with these."""
        set_attributes(state, snapshot)


def _check_tolerance(given: object) -> None:
    """Complain of tolerances that are none, or that extrapolation cannot reach."""
    if not (isinstance(given, (int, float, np.floating)) and 0 < given < 1):
        raise ValueError(f"tolerance is {given!r}; give a number between 0 and 1, e.g. 1e-6")
    if given < LEAST:
        raise ValueError(
            f"tolerance is {given!r}, but Splitting reaches {LEAST:g} at best; use Exponential()"
        )


@dataclass(eq=False)
class _State:
    """Line solver and length of the steps of one run."""

    context: Context
    lines: LineSplitting
    leaks: bool
    tolerance: float
    h: float = 0.0
    intervals: int = 0

    def trial(self, p: Array, h: float) -> tuple[Array, float]:
        """Masses after a step that may be accepted, and its error."""
        before = self.lines.n_sweeps
        result = self.lines.step(p, h)
        self.context.record.add(sweeps=self.lines.n_sweeps - before)
        return result

    def accepted(self, p: Array, q: Array, error: float) -> Array:
        """Result of a step without negative masses and with the mass that p had."""
        record = self.context.record
        q, lost = not_negative(q, record)
        record.add(steps=1, error_bound=error)
        record.add(error_bound=lost / (float(p.sum()) or 1.0))  # all of it may have left
        return q if self.leaks else of_mass(q, p.sum(), record)
