"""The backward Euler method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fokkerplanck.linalg.factors import Factors
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

# A step may exceed dt by this much (relative): output times carry rounding.
SLACK = 1e-12


@dataclass(frozen=True)
class BackwardEuler(Method):
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

    def __post_init__(self):
        try:
            dt = float(self.dt)
        except (TypeError, ValueError):
            dt = math.nan
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"dt is {self.dt!r}; give a finite positive number, the longest step")
        object.__setattr__(self, "dt", dt)

    def init(self, generator, tolerance=None, tick=None, context=None):
        """State of a run: factorisations and counters."""
        return _State(generator, tick, None if context is None else context.observe)

    def step(self, state, p, span):
        """Masses after equal steps of at most dt that fill the span."""
        n = max(1, math.ceil(span / self.dt * (1 - SLACK)))
        factor = state.factors.get(span / n)
        for k in range(n):
            q = factor.solve(p)
            if factor.flows.conserves_mass:
                correction = p.sum() / q.sum()
                q = q * correction
                state.mass_correction = max(state.mass_correction, abs(correction - 1))
            p = q
            if state.observe is not None:
                state.observe((k + 1) / n * span, p)
            if state.tick is not None:
                state.tick((k + 1) / n)
        state.steps += n
        return p

    def report(self, state):
        """Counters of the run."""
        return {
            "steps": state.steps,
            "factorisations": state.factors.made,
            "mass_correction": float(state.mass_correction),
            "positivity": "by construction (inverse of an M-matrix)",
        }


@dataclass
class _State:
    """Factorisations and counters of one run."""

    generator: Generator
    tick: object
    observe: object = None
    steps: int = 0
    mass_correction: float = 0.0
    factors: Factors = field(init=False)

    def __post_init__(self):
        self.factors = Factors(self.generator, Flows.from_generator(self.generator))
