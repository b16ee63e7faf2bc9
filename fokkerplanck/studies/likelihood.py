r"""Log-likelihood of data under the steady state, its gradient and the scores of the cells.

With stationary masses :math:`A(\theta)p=0,\ \sum_ip_i=1` and weights w of sum N

.. math:: \ell=\sum_iw_i\log(p_i/V_i),\qquad
   \frac{d\ell}{d\theta}=-\lambda^T\frac{dA}{d\theta}p
   =-\sum_{i\ne k}\frac{dA_{ik}}{d\theta}\,p_k\,(\lambda_i-\lambda_k),
   \qquad A^T\lambda=w/p-N,

so that one solve gives the gradient for any number of parameters. dA are central differences of the
rates. Both systems are those of a chain that ends in its densest cell, solved for the positive and
the negative part of the right side by elimination without subtractions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.killed import DirectSolver, KilledChain, restricted
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.markov import stationary_log_mass
from fokkerplanck.studies.points import words
from fokkerplanck.studies.weights import Weights

#: Step of difference quotients over the size of a parameter: errors of its square, and of rounding.
STEP = 3e-5
#: Log masses below which quotients by the masses are no numbers.
LEAST = -600.0


@dataclass(frozen=True, eq=False)
class Stationary:
    """Stationary masses of a problem."""

    problem: Problem
    generator: Generator
    log_mass: Array

    @classmethod
    def of(cls, problem: Problem) -> Stationary:
        """Stationary masses, by elimination at every size."""
        generator = Generator(problem)
        return cls(problem, generator, stationary_log_mass(generator, "direct").log_mass)

    @cached_property
    def mass(self) -> Array:
        """Masses (n,)."""
        return np.exp(self.log_mass)

    @cached_property
    def _ending(self) -> tuple[Any, DirectSolver]:
        """Cells but the densest, and the solver of the chain that ends there."""
        pin = int(np.argmax(self.log_mass))
        cells = np.flatnonzero(self.log_mass > -np.inf)
        cells = cells[cells != pin]
        flows = Flows.from_generator(self.generator)
        rows = np.repeat(np.arange(flows.exits.size), np.diff(flows.indptr))
        to_pin = flows.indices == pin
        exits = np.bincount(rows[to_pin], flows.outflow[to_pin], flows.exits.size)
        places = np.stack(np.unravel_index(cells, self.generator.grid.shape), axis=1)
        chain = KilledChain(restricted(flows, cells, exits[cells]), places)
        return cells, DirectSolver(chain)

    def adjoint(self, b: Array) -> Array:
        """Solution of -A^T x = b (n,), b of mean 0 under the masses, 0 in the densest cell."""
        return self._solved(b, "solve")

    def change(self, b: Array) -> Array:
        """Change of the masses (n,), of sum 0, that solves -A x = b, b of sum 0."""
        x = self._solved(b, "solve_masses")
        return x - x.sum() * self.mass

    def _solved(self, b: Array, how: str) -> Array:
        """Solution by positive and negative part."""
        cells, solver = self._ending
        out, solve = np.zeros_like(b), getattr(solver, how)
        out[cells] = solve(np.maximum(b[cells], 0.0)) - solve(np.maximum(-b[cells], 0.0))
        return out


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Log-likelihood of weights as a function of parameters.

    Attributes
    ----------
    build : callable
        ``build(**parameters)`` -> Problem.
    names : tuple of str
    sizes : array (k,)
        Size of each parameter, for the steps of differences.
    lower, upper : arrays (k,)
        Bounds, beyond which nothing is built.
    data : Weights
    grid : Grid
        That the weights are for.
    """

    build: Callable[..., Problem]
    names: tuple[str, ...]
    sizes: Array
    lower: Array
    upper: Array
    data: Weights
    grid: Grid

    def problem(self, theta: Array) -> Problem:
        """Problem at some values."""
        point = dict(zip(self.names, theta.tolist(), strict=True))
        try:
            problem = self.build(**point)
        except ValueError as error:
            raise ValueError(
                f"build failed at {words(point)}: {error}; give bounds that keep away from there"
            ) from error
        if not isinstance(problem, Problem):
            raise ValueError(f"build returned {describe(problem)}; return a Problem")
        if problem.grid != self.grid:  # cells elsewhere have other samples, and other volumes
            raise ValueError(
                f"build returned a problem on {problem.grid} at {words(point)} and on {self.grid} "
                "at the start; use one grid for all parameters"
            )
        return problem

    def at(self, theta: Array) -> Stationary:
        """Stationary masses at some values."""
        return Stationary.of(self.problem(theta))

    def value(self, state: Stationary) -> float:
        """Log-likelihood."""
        w = self.data.cells
        seen = w != 0
        log_mass = state.log_mass[seen]
        if log_mass.min() < LEAST:
            raise ConvergenceError(
                f"data lie where the steady state has a mass of e^{log_mass.min():.0f}; start "
                "nearer to the data, or give bounds"
            )
        volumes = state.problem.grid.volumes.ravel()
        return float(w[seen] @ (log_mass - np.log(volumes[seen])))

    def gradient(self, theta: Array, state: Stationary) -> Array:
        """Derivatives (k,) of the log-likelihood, by one adjoint solve."""
        w, p = self.data.cells, state.mass
        ratio = np.divide(w, p, out=np.zeros_like(p), where=w != 0)
        value = state.adjoint(self.data.total - ratio)
        out = np.empty(len(self.names))
        for k in range(out.size):
            row, column, rate = self._rates(theta, k, state)
            out[k] = -np.sum(rate * p[column] * (value[row] - value[column]))
        return out

    def scores(self, theta: Array, state: Stationary, on: Callable[[Problem], Problem]) -> Array:
        """Derivatives (k, n) of the log masses of the cells, one solve a parameter.

        ``on`` takes the problems to the grid of the state.
        """
        p, out = state.mass, []
        for k in range(len(self.names)):
            row, column, rate = self._rates(theta, k, state, on)
            flow = rate * p[column]
            flows = (np.bincount(cells, flow, p.size) for cells in (row, column))
            into, out_of = (np.asarray(u, dtype=float) for u in flows)
            out.append(np.divide(state.change(into - out_of), p, out=np.zeros_like(p), where=p > 0))
        return np.array(out)

    def _rates(
        self,
        theta: Array,
        k: int,
        state: Stationary,
        on: Callable[[Problem], Problem] = lambda problem: problem,
    ) -> tuple[Any, Any, Array]:
        """Derivatives of the rates by a parameter, as (to, from, value)."""
        step, pair = np.zeros_like(theta), []
        step[k] = STEP * max(self.sizes[k], abs(theta[k]))
        for sign in (1, -1):
            moved = np.clip(theta + sign * step, self.lower, self.upper)
            problem = on(self.problem(moved))
            if not state.problem.walls:  # looking for some takes longer than all the rest
                problem.share(state.problem, "walls")
            pair.append((moved[k], Generator(problem).matrix))
        (high, more), (low, less) = pair
        slope = ((more - less) / (high - low)).tocoo()
        off = slope.row != slope.col
        return slope.row[off], slope.col[off], slope.data[off]
