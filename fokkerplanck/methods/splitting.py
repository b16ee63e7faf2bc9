"""Directional splitting: tridiagonal solves along the axes, extrapolated, with error control."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.lines import LineSplitting
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.axis_rates import AxisRates

# Step control: share of the largest step that would be allowed, limits of its change, and the part
# of the first interval that is tried first.
SAFETY = 0.8
CHANGES = (0.1, 5.0)
FIRST = 1 / 16
# Least tolerance, L1.
LEAST = 1e-12
# Shortest step, over the span, and where the difference of two results is rounding.
SHORTEST = 1e-9
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

    def __post_init__(self):
        _check_tolerance(self.tolerance)

    def init(self, generator, tolerance=None, tick=None):
        """State of a run: rates, step, counters."""
        if tolerance is not None:
            _check_tolerance(tolerance)
        rates = AxisRates.from_generator(generator)
        if rates is None:
            raise ValueError(
                f"Splitting received {generator.edges!r}, which join other cells than nearest "
                "neighbours; use Exponential(), or a diagonal D"
            )
        return _State(rates, self.tolerance if tolerance is None else tolerance, tick)

    def step(self, state, p, span):
        """Masses after a span of time."""
        state.intervals += 1
        tolerance = 6 / (math.pi * state.intervals) ** 2 * state.tolerance
        done, size = 0.0, np.abs(p).sum()
        while done < span:
            state.h = state.h or FIRST * span
            h = min(state.h, span - done)
            # No tiny last step: two equal ones.
            h = (span - done) / 2 if h < span - done < 2 * h else h
            q, error = state.lines.step(p, h)
            error = float(error / size)
            allowed = max(tolerance * h / span, ROUNDING)
            low, high = CHANGES
            factor = SAFETY * (allowed / max(error, 1e-300)) ** 0.25
            if not error <= allowed:
                state.rejected += 1
                state.h = h * max(low, min(factor, 0.9))
                if not state.h > SHORTEST * span:
                    raise ConvergenceError(
                        f"a step of {h:g} has an error of {error:.1e}, and shorter ones do not "
                        f"reach the tolerance of {state.tolerance:g}; give a larger one"
                    )
                continue
            proposed = h * min(max(factor, low), high)
            # A step cut short by an output time says little of longer ones.
            state.h = max(proposed, state.h) if h < state.h and factor > 1 else proposed
            p = state.accepted(p, q, error)
            done = span if h == span - done else done + h
            if state.tick is not None:
                state.tick(done / span)
        return p

    def report(self, state):
        """Steps, sweeps, error estimate, corrections."""
        signs = "negative masses set to zero, see clipped_mass"
        return {
            "kind": "splitting",
            "steps": state.steps,
            "rejected_steps": state.rejected,
            "sweeps": state.lines.n_sweeps,
            "tolerance": state.tolerance,
            "error_bound": state.bound,
            "error_kind": "estimated",
            "mass_correction": state.mass_correction,
            "clipped_mass": state.clipped_mass,
            "clipped_cells": state.clipped_cells,
            "positivity": signs if state.clipped_mass > 0 else "no negative mass",
        }


def _check_tolerance(given):
    """Complain of tolerances that are none, or that extrapolation cannot reach."""
    if not (isinstance(given, (int, float, np.floating)) and 0 < given < 1):
        raise ValueError(f"tolerance is {given!r}; give a number between 0 and 1, e.g. 1e-6")
    if given < LEAST:
        raise ValueError(
            f"tolerance is {given!r}, but Splitting reaches {LEAST:g} at best; use Exponential()"
        )


class _State:
    """Line solver, step and counters of one run."""

    def __init__(self, rates, tolerance, tick):
        self.lines, self.tolerance, self.tick = LineSplitting(rates), tolerance, tick
        self.leaks = rates.exits.size > 0
        self.h = 0.0
        self.intervals = self.steps = self.rejected = self.clipped_cells = 0
        self.bound = self.mass_correction = self.clipped_mass = 0.0

    def accepted(self, p, q, error):
        """Result of a step without negative masses and with the mass that p had."""
        self.steps += 1
        self.bound += error
        negative = q < 0
        lost = -float(q[negative].sum())
        if lost:
            self.clipped_mass += lost
            self.clipped_cells = max(self.clipped_cells, int(np.count_nonzero(negative)))
            self.bound += lost / float(p.sum())
            q = np.where(negative, 0.0, q)
        if self.leaks:
            return q
        correction = p.sum() / q.sum()
        self.mass_correction = max(self.mass_correction, float(abs(correction - 1)))
        return q * correction
