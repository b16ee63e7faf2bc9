"""What all minimising movements share: steps of one length, the energy after each, counters."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, positive_number
from fokkerplanck.energies import Energy, FreeEnergy
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.markov import stationary_log_mass

# A step may exceed tau by this much (relative): output times carry rounding.
SLACK = 1e-12


@dataclass(frozen=True)
class MinimisingMovement(Method):
    r"""Steps :math:`\rho_{k+1}=\arg\min_\rho E(\rho)+\frac1{2\tau}d(\rho,\rho_k)^2`.

    A scheme says what it needs for a run (``prepare``) and how to make one step (``minimise``);
    every output interval is divided into equal steps of at most tau.

    Parameters
    ----------
    tau : float
        Longest step, time.
    energy : Energy, optional
        Default: the free energy of the problem.
    """

    tau: float
    energy: Energy | None = None

    def __post_init__(self):
        object.__setattr__(self, "tau", positive_number(self.tau, "tau"))
        if self.energy is not None and not isinstance(self.energy, Energy):
            raise ValueError(
                f"energy is {describe(self.energy)}; give an Energy, e.g. energies.PorousMedium(2)"
            )

    @abstractmethod
    def prepare(self, run) -> Any:
        """Return what the scheme keeps during a run; ValueError if the problem does not suit it."""

    @abstractmethod
    def minimise(self, run, p, tau):
        """Return the masses (n,) after one step, and add to ``run.count`` what was done."""

    def init(self, generator, tolerance=None, tick=None, context=None):
        """State of a run."""
        run = Run(generator, self.energy, context, tick)
        run.scheme = self.prepare(run)
        return run

    def step(self, state, p, span):
        """Masses after equal steps of at most tau that fill the span."""
        n = max(1, math.ceil(span / self.tau * (1 - SLACK)))
        state.begin(p)
        for k in range(n):
            p = state.keep_mass(p, self.minimise(state, p, span / n))
            state.record(span / n, p, (k + 1) / n, span)
        return p

    def report(self, state):
        """Counters, and the energy at the times of the steps."""
        E = np.array(state.E)
        return {
            "steps": state.steps,
            **state.count,
            "mass_correction": state.mass_correction,
            "energy_t": np.array(state.t),
            "energy": E,
            "largest_rise": float(np.diff(E).max()) if E.size > 1 else 0.0,
            **self.guarantees,
        }

    @property
    def guarantees(self) -> dict:
        """Words for stats: what holds by construction."""
        return {}


@dataclass(eq=False)
class Run:
    """One run of a minimising movement: the problem's discrete energy, counters, history."""

    generator: Generator
    given: Energy | None
    context: Any = None
    tick: Any = None
    scheme: Any = None
    count: dict = field(default_factory=dict)
    t: list = field(default_factory=list)
    E: list = field(default_factory=list)
    steps: int = 0
    mass_correction: float = 0.0
    is_reversible: bool = True

    def __post_init__(self):
        self.problem, self.grid = self.generator.problem, self.generator.grid
        if self.problem is None:
            raise ValueError("JKO steps need the Problem; the generator was made of Edges")
        if self.grid.has_absorbing_sides:
            raise ValueError(
                "JKO steps keep the mass, but this grid has absorbing sides; use Exponential()"
            )
        self.volume = self.grid.volumes
        self.kT = 1 / self.problem.beta
        self.log_rho_inf = None
        if self.given is None:
            self.log_rho_inf = self._at_rest()
            self.energy = FreeEnergy(self.log_rho_inf, self.kT)
        else:
            self.energy = self.given

    def _at_rest(self):
        """Log density that the generator keeps, normalised; exact where detailed balance holds."""
        exact = exact_log_density(self.problem, self.generator.edges)
        self.is_reversible = exact is not None
        log_V = np.log(self.volume)
        if exact is not None:
            log_rho = exact[0].reshape(self.grid.shape)
        elif self.context is not None and self.context.log_rho_inf is not None:
            log_rho = self.context.log_rho_inf
        else:
            found = stationary_log_mass(self.generator)
            log_rho = found.log_mass.reshape(self.grid.shape) - log_V
        top = log_rho.max()
        return log_rho - top - np.log(np.sum(np.exp(log_rho - top) * self.volume))

    def rho(self, p):
        """Density of masses."""
        return p.reshape(self.grid.shape) / self.volume

    def add(self, **counts):
        """Add to the counters."""
        for name, value in counts.items():
            self.count[name] = self.count.get(name, 0) + value

    def begin(self, p):
        """Energy at the start of the run."""
        if not self.t:
            self.t.append(0.0)
            self.E.append(self.energy.value(self.rho(p), self.grid))

    def keep_mass(self, p, q):
        """Masses q times what makes their sum that of p; the correction is noted."""
        correction = float(p.sum() / q.sum())
        self.mass_correction = max(self.mass_correction, abs(correction - 1))
        return q * correction

    def record(self, tau, p, part, span):
        """Note a step; tell whoever listens."""
        self.steps += 1
        self.t.append(self.t[-1] + tau)
        self.E.append(self.energy.value(self.rho(p), self.grid))
        if self.context is not None and self.context.observe is not None:
            self.context.observe(part * span, p)
        if self.tick is not None:
            self.tick(part)
