"""The backward Euler method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.methods.method import Context, EqualSteps, of_mass
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator


@dataclass(frozen=True)
class BackwardEuler(EqualSteps):
    r"""Backward Euler, :math:`(I-\Delta t\,A)\,p_{k+1}=p_k`: positive, mass exact, first order.

    :math:`(I-\Delta tA)^{-1}` is a stochastic matrix with the steady state of A for every
    :math:`\Delta t>0`, so the free energy decreases at any step, however long.

    Parameters
    ----------
    dt : float
        Longest step. Every output interval is divided into equal steps of at most dt, so that the
        output times are met; a factorisation is made for each length of step.

    Notes
    -----
    The solves are refined to rounding (``linalg.factors``); what mass then still is off, of order
    1e-16, is corrected by a factor. The largest such correction is in ``stats["mass_correction"]``.
    With absorbing sides nothing is corrected.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> start = fp.gaussian(grid, 1, 0.2)
    >>> solution = fp.solve(problem, start, [0, 1e6], fp.BackwardEuler(dt=1e6))
    >>> bool(solution.min_rho.min() > 0), bool(solution.free_energy[1] < 1e-10)
    (True, True)
    """

    dt: float

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "dt", positive_number(self.dt, "dt"))
        except ValueError as error:
            raise ValueError(f"{error}, the longest step") from None

    @property
    def longest(self) -> float:
        """Longest step, time."""
        return self.dt

    def init(self, generator: Generator, context: Context) -> _State:
        """State of a run: factorisations."""
        context.record.put(steps=0, factorisations=0, mass_correction=0.0)
        context.record.put(positivity="by construction (inverse of an M-matrix)")
        factors = Factors(generator, Flows.from_generator(generator))
        return _State(context, factors, generator.leaks)

    def one_step(self, state: _State, p: Array, tau: float) -> Array:
        """Masses after one implicit step."""
        q = state.factors.get(tau).solve(p)
        state.context.record.put(factorisations=state.factors.made)
        return q if state.leaks else of_mass(q, p.sum(), state.context.record)

    def fork(self, state: _State) -> _State:
        """State for a trial step."""
        return replace(state, factors=state.factors.fork())

    def snapshot(self, state: _State) -> Any:
        """Lengths of the steps that are factorised."""
        return state.factors.snapshot()

    def restore(self, state: _State, snapshot: Any) -> None:
        """Factorise again."""
        state.factors.restore(snapshot)


@dataclass(eq=False)
class _State:
    """Factorisations of one run."""

    context: Context
    factors: Factors
    leaks: bool
