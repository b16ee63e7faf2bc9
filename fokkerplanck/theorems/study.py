"""A problem with all that the statements about it share, each computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import LEAST, ErrorReport, distance_report, ratios_of
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady import SteadyState, steady_state

#: Relative size of what Newton's method and the multilevel solver leave, tol = 1e-10 by default.
SOLVED = 1e-9
#: Relative size of rounding in sums over a grid.
ROUNDING = 1e-12
#: Estimated mass in the wrong place from which a grid does not resolve its problem: differences of
#: such grids are no estimate of an error.
UNRESOLVED = 0.1

#: What a statement measures on a study: a number, or an array of numbers.
Measured = TypeVar("Measured", bound=float | Array)


class Study:
    """Steady state, generator, and the same on half and a quarter as many cells.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
        Of the problem; by default ``steady_state(problem)``.
    """

    def __init__(self, problem: Problem, steady: SteadyState | None = None) -> None:
        self.problem, self._given = problem, steady

    @classmethod
    def of(cls, problem: Problem | Study, steady: SteadyState | None = None) -> Study:
        """Return the study of a problem, or the given study itself."""
        if isinstance(problem, Study):
            return problem
        check_problem(problem, "a theorem")
        if steady is not None and not isinstance(steady, SteadyState):
            given = type(steady).__name__
            raise ValueError(f"steady is of type {given}; give a SteadyState of the problem")
        if steady is not None and steady.problem is not problem:
            raise ValueError("steady is the state of another problem; give that of this one")
        return cls(problem, steady)

    @property
    def grid(self) -> Grid:
        """Grid of the problem."""
        return self.problem.grid

    @property
    def loss(self) -> Array:
        """Loss f (*shape) of a problem that has one."""
        if self.problem.f is None:
            raise ValueError("the problem has no loss f; give one with f")
        return self.problem.f

    @cached_property
    def steady(self) -> SteadyState:
        """Steady state; if none was given, by a scheme that coarser grids bear too.

        Verdicts stand on the errors that three grids show. Where logarithms solve the problem they
        do on coarser grids, which are often too coarse for what the default makes of them.
        """
        if self._given is not None:
            return self._given
        state = steady_state(self.problem)
        if state.stats.scheme == "log4" or state.stats.tails == "log":
            return steady_state(self.problem, scheme="log")
        return state

    @cached_property
    def markov(self) -> SteadyState:
        """Null vector of the generator, to which ``solve`` relaxes.

        Closed forms are null vectors too, but for Maxwell and Boltzmann's, which belongs to a flux
        of its own: the generator upwinds motion with inertia.
        """
        inertia = self.problem.given.langevin is not None
        if self.steady.stats.scheme == "markov":
            return self.steady
        if self.steady.stats.scheme == "exact" and not inertia:
            return self.steady
        return steady_state(self.problem, scheme="markov")

    @cached_property
    def generator(self) -> Generator:
        """Generator of the problem."""
        return Generator(self.problem)

    @cached_property
    def coarse(self) -> Study | None:
        """Study on half as many cells by the same scheme; None for arrays, or where that fails."""
        state = self.steady.coarse
        return None if state is None else Study(state.problem, state)

    @cached_property
    def accuracy(self) -> ErrorReport:
        """Error of rho at cell centres (L1), with its observed order, from two coarser grids.

        Statements are about fields at cell centres, where closed forms are exact whatever the
        error of their cell masses is.
        """
        half = self.coarse
        quarter = None if half is None else half.coarse
        if half is None or quarter is None:
            return ErrorReport.missing("there are no two coarser grids")
        states = self.steady, half.steady, quarter.steady
        near, far = (a.distance_from(b) for a, b in pairwise(states))
        return distance_report(near, far, ratios_of([s.grid for s in states]))

    @property
    def is_resolved(self) -> bool:
        """Whether the density is known to differ little from what finer grids would give."""
        return bool(self.accuracy.value <= UNRESOLVED)

    @property
    def reduction(self) -> float:
        """Difference to half as many cells over the error of this grid, at the observed order.

        Of the density, but at most two, the order of differences and quadrature: 3 on smooth
        problems, less where the order is lower.
        """
        if self.coarse is None:
            return float("nan")
        ratio = min(n / m for n, m in zip(self.grid.shape, self.coarse.grid.shape, strict=True))
        p = float(np.clip(np.nan_to_num(self.accuracy.order, nan=2.0), LEAST, 2.0))
        return ratio**p - 1

    def measured(self, measure: Callable[[Study], Measured]) -> tuple[Measured, float]:
        """Value of measure(study) here, and its error by Richardson's extrapolation from half.

        Errors of order p leave value_h - value_2h = (2^p - 1) error, p as observed on the density.
        The error is nan where it is not known.
        """
        value, coarse = measure(self), self.coarse
        if coarse is None or not self.is_resolved:
            return value, float("nan")
        change = np.max(np.abs(np.asarray(value) - np.asarray(measure(coarse))))
        return value, float(change) / self.reduction

    @cached_property
    def turnover(self) -> float:
        """Mean exit rate of a cell, 1/time: the size of the terms that balance at rest."""
        rates = self.generator.exit_rates.reshape(self.grid.shape)
        return float(self.mean(rates))

    def mean(self, u: Array) -> Array:
        """Mean of u (..., *shape) under the steady density."""
        return self.grid.integrate(u * self.steady.rho)

    def rms(self, u: Array) -> float:
        """Root mean square of a scalar (*shape) or vector (d, *shape) under the steady density."""
        square = u**2 if u.ndim == self.grid.dim else np.sum(u**2, axis=0)
        return float(np.sqrt(self.mean(square)))

    def rms_inside(self, u: Array) -> float:
        """Root mean square of a scalar (*shape), cells at reflecting walls left out.

        No current goes through such a wall: j ends in the last cells, however little comes there.
        """
        inside = tuple(slice(None) if wraps else slice(1, -1) for wraps in self.grid.periodic)
        weight = np.zeros(self.grid.shape)
        weight[inside] = 1.0
        return self.rms(u * weight)

    @cached_property
    def free_motion(self) -> Array:
        """Part of j (d, *shape) along directions without noise: there j = -g - kT div D, exactly.

        n.D = 0 takes the slope of the density out of n.j.
        """
        p, d = self.problem, self.grid.dim
        motion, singular = np.zeros((d, self.grid.size)), currents.is_singular(p)
        if singular.any():
            D = np.broadcast_to(p.D, (d, d, *self.grid.shape)).reshape(d, d, -1)[..., singular]
            D = np.moveaxis(D, -1, 0)
            force = np.broadcast_to(-p.g - p.kT * p.div_D, (d, *self.grid.shape)).reshape(d, -1)
            force = force[:, singular].T[..., None]
            kept = force - np.linalg.pinv(D, hermitian=True) @ (D @ force)
            motion[:, singular] = kept[..., 0].T
        return motion.reshape(d, *self.grid.shape)

    @cached_property
    def slope_at_most(self) -> float:
        """Root mean square of beta |j||grad Phi|, 1/time: what beta j.grad Phi could be."""
        j, slope = (np.linalg.norm(u, axis=0) for u in (self.steady.j, self.grad_Phi))
        return self.problem.beta * self.rms(j * slope)

    @cached_property
    def centred(self) -> Array:
        """Positions less their mean (d, *shape)."""
        x, d = self.grid.x, self.grid.dim
        return x - self.mean(x).reshape((d,) + (1,) * d)

    def covariance(self) -> Array:
        """Covariance (d, d) of the steady state."""
        return self.mean(self.centred[:, None] * self.centred[None])

    @cached_property
    def grad_Phi(self) -> Array:
        """Gradient of Phi (d, *shape) by second-order differences."""
        return self.gradient(self.steady.Phi)

    def gradient(self, u: Array) -> Array:
        """Gradient (d, *shape) of an array by second-order differences."""
        return np.stack([fields.difference(u, self.grid, k) for k in range(self.grid.dim)])

    def divergence(self, v: Array) -> Array:
        """Divergence (*shape) of an array (d, *shape) by second-order differences."""
        terms = [fields.difference(v[k], self.grid, k) for k in range(self.grid.dim)]
        return sum(terms, start=np.zeros(self.grid.shape))

    def row_divergence(self, A: Array) -> Array:
        """Row divergence (d, *shape) of an array (d, d, *shape) by second-order differences."""
        return np.stack([self.divergence(row) for row in A])


def check_state(state: SteadyState) -> SteadyState:
    """Return a steady state, or say that it is none."""
    if not isinstance(state, SteadyState):
        raise ValueError(f"state is {describe(state)}; give what steady_state(problem) returned")
    return state
