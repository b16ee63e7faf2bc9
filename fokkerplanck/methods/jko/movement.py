"""What all minimising movements share: steps of one length, the energy after each, counters."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Energy, FreeEnergy
from fokkerplanck.methods.method import Context, EqualSteps, of_mass
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.markov import stationary_log_mass


@dataclass(frozen=True)
class MinimisingMovement(EqualSteps):
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", positive_number(self.tau, "tau"))
        check_energy(self.energy)

    @property
    def longest(self) -> float:
        """Longest step, time."""
        return self.tau

    @abstractmethod
    def prepare(self, run: Run) -> Any:
        """Return what the scheme keeps during a run; ValueError if the problem does not suit it."""

    @abstractmethod
    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """Return the masses (n,) after one step, and tell ``run.add`` what was done."""

    def init(self, generator: Generator, context: Context) -> Run:
        """State of a run."""
        context.record.put(steps=0)
        run = Run(generator, self.energy, context)
        run.scheme = self.prepare(run)
        context.record.put(mass_correction=0.0, energy_t=[], energy=[])
        return run

    def one_step(self, state: Run, p: Array, tau: float) -> Array:
        """Masses after one step, and the energy there."""
        if not state.count["energy_t"]:
            state.note(0.0, p)
        p = of_mass(self.minimise(state, p, tau), p.sum(), state.context.record)
        state.note(tau, p)
        return p

    def fork(self, state: Run) -> Run:
        """State for a trial step."""
        run = copy.copy(state)
        run.scheme = self.fork_scheme(state.scheme)
        return run

    def fork_scheme(self, scheme: Any) -> Any:
        """Copy what the scheme keeps, for a trial step; here a shallow one, see ``fork``."""
        return copy.copy(scheme)

    def snapshot(self, state: Run) -> Any:
        """What the scheme keeps."""
        return self.snapshot_scheme(state.scheme)

    def restore(self, state: Run, snapshot: Any) -> None:
        """Go on with it."""
        self.restore_scheme(state.scheme, snapshot)

    def snapshot_scheme(self, scheme: Any) -> Any:
        """Return what the scheme keeps from step to step; None, as here, if it is not said."""
        return None

    def restore_scheme(self, scheme: Any, snapshot: Any) -> None:
        """Bring a scheme fresh from ``prepare`` to where another one was, to the last bit."""
        if snapshot:
            raise NotImplementedError(f"{type(self).__name__} has a snapshot, and no restore")

    def report(self, state: Run) -> dict[str, Any]:
        """Counters, and the energy at the times of the steps."""
        values = dict(state.context.record.values)
        correction = values.pop("mass_correction")
        t, E = (np.array(values.pop(name)) for name in ("energy_t", "energy"))
        return {
            **values,
            "mass_correction": correction,
            "energy_t": t,
            "energy": E,
            "largest_rise": float(np.diff(E).max()) if E.size > 1 else 0.0,
            **self.guarantees,
        }

    @property
    def guarantees(self) -> dict[str, str]:
        """Words for stats: what holds by construction."""
        return {}


def check_energy(energy: object) -> None:
    """ValueError for what is neither an energy nor None."""
    if energy is not None and not isinstance(energy, Energy):
        raise ValueError(
            f"energy is {describe(energy)}; give an Energy, e.g. energies.PorousMedium(2)"
        )


class Run:
    """One run of a minimising movement: the problem's discrete energy, what the scheme keeps."""

    def __init__(self, generator: Generator, given: Energy | None, context: Context) -> None:
        if generator.problem is None:
            raise ValueError("JKO steps need the Problem; the generator was made of Edges")
        if generator.grid.has_absorbing_sides:
            raise ValueError(
                "JKO steps keep the mass, but this grid has absorbing sides; use Exponential()"
            )
        self.generator, self.given, self.context = generator, given, context
        self.problem, self.grid = generator.problem, generator.grid
        self.volume, self.kT = self.grid.volumes, 1 / self.problem.beta
        self.scheme: Any = None
        self.is_reversible = True  # False where the density at rest has no closed form
        self.log_rho_inf: Array | None = None
        if given is None:
            at_rest = self.log_rho_inf = self._at_rest()
            given = FreeEnergy(at_rest, self.kT)
        self.energy = given

    def _at_rest(self) -> Array:
        """Log density that the generator keeps, normalised; exact where detailed balance holds."""
        exact = exact_log_density(self.problem, self.generator.edges)
        self.is_reversible = exact is not None
        log_V = np.log(self.volume)
        if exact is not None:
            log_rho = exact[0].reshape(self.grid.shape)
        elif self.context.log_rho_inf is not None:
            log_rho = self.context.log_rho_inf
        else:
            found = stationary_log_mass(self.generator)
            log_rho = found.log_mass.reshape(self.grid.shape) - log_V
        top = log_rho.max()
        return log_rho - top - np.log(np.sum(np.exp(log_rho - top) * self.volume))

    def rho(self, p: Array) -> Array:
        """Density of masses."""
        return p.reshape(self.grid.shape) / self.volume

    @property
    def count(self) -> dict[str, Any]:
        """What was recorded so far."""
        return self.context.record.values

    def add(self, **counts: float) -> None:
        """Add to the counters."""
        self.context.record.add(**counts)

    def note(self, tau: float, p: Array) -> None:
        """Record the energy of masses p, a time tau after those before."""
        before = self.count["energy_t"]
        energy = self.energy.value(self.rho(p), self.grid)
        self.context.record.append(energy_t=before[-1] + tau if before else tau, energy=energy)
