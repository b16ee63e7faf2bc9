"""A problem with all that the statements about it share, each computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import describe
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady import SteadyState, steady_state

#: Relative size of what Newton's method and the multilevel solver leave, tol = 1e-10 by default.
SOLVED = 1e-9
#: Relative size of rounding in sums over a grid.
ROUNDING = 1e-12
#: Mass in the wrong place, by the estimate, from which a grid does not resolve its problem: what
#: two such grids say of each other is no estimate of an error.
UNRESOLVED = 0.1


class Study:
    """Steady state, generator, and the same on half as many cells.

    Parameters
    ----------
    problem : Problem or Study
    steady : SteadyState, optional
        Of the problem; by default ``steady_state(problem)``.
    """

    def __init__(self, problem, steady=None):
        self.problem = problem
        if steady is not None:
            self.__dict__["steady"] = steady

    @classmethod
    def of(cls, problem, steady=None) -> Study:
        """Return the study of a problem, or the given study itself."""
        if isinstance(problem, Study):
            return problem
        if not isinstance(problem, Problem):
            raise ValueError(f"a theorem received {type(problem).__name__}; give a Problem")
        if steady is not None and not isinstance(steady, SteadyState):
            given = type(steady).__name__
            raise ValueError(f"steady is of type {given}; give a SteadyState of the problem")
        if steady is not None and steady.problem is not problem:
            raise ValueError("steady is the state of another problem; give that of this one")
        return cls(problem, steady)

    @property
    def grid(self):
        """Grid of the problem."""
        return self.problem.grid

    @cached_property
    def steady(self) -> SteadyState:
        """Steady state, by the default scheme if none was given."""
        return steady_state(self.problem)

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

    def measured(self, measure, order=None):
        """Value of measure(study) here, and its error by Richardson's extrapolation from half.

        Errors of order p leave value_h - value_2h = (2^p - 1) error; p = 2 unless the quantity
        has the order of the state. The error is nan where it is not known.
        """
        value = measure(self)
        if not self.is_resolved:
            return value, float("nan")
        ratio = min(n / m for n, m in zip(self.grid.shape, self.coarse.grid.shape, strict=True))
        change = np.max(np.abs(np.asarray(value) - np.asarray(measure(self.coarse))))
        return value, float(change) / (ratio ** (order or 2) - 1)

    @cached_property
    def turnover(self) -> float:
        """Mean exit rate of a cell, 1/time: the scale of all that balances in a steady state."""
        rates = self.generator.exit_rates.reshape(self.grid.shape)
        return float(self.mean(rates))

    def mean(self, u):
        """Mean of u (..., *shape) under the steady density."""
        return self.grid.integrate(u * self.steady.rho)

    def rms(self, u):
        """Root mean square of a scalar (*shape) or vector (d, *shape) under the steady density."""
        square = u**2 if u.ndim == self.grid.dim else np.sum(u**2, axis=0)
        return float(np.sqrt(self.mean(square)))

    @cached_property
    def grad_Phi(self) -> np.ndarray:
        """Gradient of Phi (d, *shape) by second-order differences."""
        return self.gradient(self.steady.Phi)

    def gradient(self, u):
        """Gradient (d, *shape) of an array by second-order differences."""
        return np.stack([fields.difference(u, self.grid, k) for k in range(self.grid.dim)])

    def divergence(self, v):
        """Divergence (*shape) of an array (d, *shape) by second-order differences."""
        return sum(fields.difference(v[k], self.grid, k) for k in range(self.grid.dim))

    def row_divergence(self, A):
        """Row divergence (d, *shape) of an array (d, d, *shape) by second-order differences."""
        return np.stack([self.divergence(row) for row in A])


def check_state(state) -> SteadyState:
    """Return a steady state, or say that it is none."""
    if not isinstance(state, SteadyState):
        raise ValueError(f"state is {describe(state)}; give what steady_state(problem) returned")
    return state
