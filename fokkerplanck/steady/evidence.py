"""What the Markov state shows of a problem, by which the scheme of its steady state is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fokkerplanck.domain.grid import Side
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.currents import is_singular
from fokkerplanck.scheme.dissipation import noise_words, numerical_dissipation
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.atoms import atom_masses, pressed_mass
from fokkerplanck.steady.markov import Stationary
from fokkerplanck.steady.state import Found, SteadyStats

#: Numerical over physical dissipation from which on a Markov state says so.
NOTED_DIFFUSION = 0.02
#: The same, from which on the Markov state is no start for Newton's method.
MOST_DIFFUSION = 3.0
#: The same, up to which Newton's method is worth its price where far tails stall it.
LITTLE_DIFFUSION = 0.05


@dataclass(frozen=True)
class Evidence:
    """What is seen of a problem.

    Attributes
    ----------
    diffusion : float
        Numerical over physical dissipation.
    is_singular : bool
        Whether D has a direction without noise somewhere.
    has_empty_cells : bool
    atoms : dict
        Mass that the drift presses onto walls.
    """

    problem: Problem
    diffusion: float
    is_singular: bool
    has_empty_cells: bool
    atoms: dict[Side, float]

    @classmethod
    def of(cls, problem: Problem, generator: Generator, markov: Stationary) -> Evidence:
        """Look at the Markov state."""
        log_rho = markov.log_mass - np.log(problem.grid.volumes.ravel())
        return cls(
            problem,
            numerical_dissipation(generator.edges, log_rho),
            bool(is_singular(problem).any()),
            bool(markov.is_empty.any()),
            pressed_mass(problem, np.exp(markov.log_mass)),
        )

    def reason(self) -> str | None:
        """Why there can be no logarithms everywhere, or None if there can."""
        if self.atoms:
            walls = " and ".join(f"{share:.0%} at {side}" for side, share in self.atoms.items())
            return f"mass sticks to walls ({walls}), which has no density"
        if self.is_singular:
            return "D has directions without noise"
        if self.diffusion > MOST_DIFFUSION:
            return f"upwinding makes {self.diffusion:.2g} times the noise of the problem"
        return "some cells carry no mass" if self.has_empty_cells else None

    def noted(self, found: Found, why: str = "") -> Found:
        """State with what was seen written down."""
        stats = found.stats
        message, atoms = stats.message, {}
        if stats.scheme == "markov" and self.diffusion > NOTED_DIFFUSION:
            message += f"; {noise_words(self.diffusion)}"
        if self.atoms:
            mass = np.exp(found.log_rho) * self.problem.grid.volumes.ravel()
            atoms = {s: float(atom_masses(self.problem, mass, s).sum()) for s in self.atoms}
            for side, share in atoms.items():
                message += f"; {share:.1%} of the mass sits on {side}: rho there is mass/h"
        reason = "; ".join(part for part in (why, stats.reason) if part)
        return replace(
            found,
            stats=replace(
                stats,
                message=message,
                reason=reason,
                numerical_diffusion=self.diffusion,
                atoms=atoms,
            ),
        )


def with_walls(stats: SteadyStats, generator: Generator) -> SteadyStats:
    """Stats that say what singular walls do, and what the scheme makes of them."""
    edges = generator.edges
    if not edges.note:
        return stats
    is_blind = edges.knows_walls and stats.scheme == "log"
    unknown = f": {stats.scheme} takes them as any wall" if is_blind else ""
    return replace(stats, message=f"{stats.message}; {edges.note}{unknown}")
