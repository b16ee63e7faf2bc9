"""A problem with all that the statements about it share, each computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady import SteadyState, steady_state

#: Relative size of what Newton's method and the multilevel solver leave, tol = 1e-10 by default.
SOLVED = 1e-9
#: Relative size of rounding in sums over a grid.
ROUNDING = 1e-12
#: Estimated mass in the wrong place from which a grid does not resolve its problem: the difference
#: of two such grids is no estimate of an error.
UNRESOLVED = 0.1

#: What a statement measures on a study: a number, or an array of numbers.
Measured = TypeVar("Measured", bound=float | Array)


class Study:
    """Steady state, generator, and the same on half as many cells.

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
        """Steady state, by the default scheme if none was given."""
        return steady_state(self.problem) if self._given is None else self._given

    @cached_property
    def markov(self) -> SteadyState:
        """Null vector of the generator, to which ``solve`` relaxes."""
        if self.steady.stats.scheme in ("markov", "exact"):
            return self.steady
        return steady_state(self.problem, scheme="markov")

    @cached_property
    def generator(self) -> Generator:
        """Generator of the problem."""
        return Generator(self.problem)

    @cached_property
    def coarse(self) -> Study | None:
        """Study on half as many cells by the same scheme; None for arrays, or where that fails."""
        scheme = self.steady.stats.scheme
        try:
            problem = self.problem.on(self.grid.coarsened())
            asked = "markov" if scheme == "markov" else "auto"
            state = steady_state(problem, asked, accuracy=self.order)
        except (ValueError, ConvergenceError):
            return None
        return Study(problem, state) if state.stats.scheme == scheme else None

    @property
    def order(self) -> int:
        """Order of the steady state in the cell width."""
        return 4 if self.steady.stats.scheme == "log4" else 2

    @cached_property
    def is_resolved(self) -> bool:
        """Whether there is a coarser grid, and the density differs little from that on it."""
        coarse = self.coarse
        if coarse is None:
            return False
        return not self.steady.error_from(coarse.steady) > UNRESOLVED

    def measured(self, measure: Callable[[Study], Measured]) -> tuple[Measured, float]:
        """Value of measure(study) here, and its error by Richardson's extrapolation from half.

        Errors of second order leave value_h - value_2h = 3 error. The error is nan where it is not
        known.
        """
        value, coarse = measure(self), self.coarse
        if coarse is None or not self.is_resolved:
            return value, float("nan")
        ratio = min(n / m for n, m in zip(self.grid.shape, coarse.grid.shape, strict=True))
        change = np.max(np.abs(np.asarray(value) - np.asarray(measure(coarse))))
        return value, float(change) / (ratio**2 - 1)

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
