"""Noise that the Markov chain adds to a problem near its steady state, and its part in rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.scheme.chain_error import ChainError
from fokkerplanck.scheme.dissipation import added_noise, noise_words
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.wells import deep_wells, pass_level

#: Noise that upwinding adds, over that of the problem, from which on it is mentioned.
NOTED = 0.02
#: Change of the logarithm of a rate by that noise, beyond which the chain stands in for nothing. It
#: is an estimate along the whole density, and noise across a pass counts more: of motion with
#: friction 2 it says .9 where 1.7 is right, with friction 10 .07 where 1.5 is.
WRONG = 1.0
#: Barrier in kT from which on a dip between two maxima parts two wells: on a chain that makes too
#: much noise, wells of 20 kT are no deeper than that.
SHALLOW = 1.0
#: Log density, below the largest, that counts as none.
NONE = -700.0


@dataclass(frozen=True)
class ChainNoise:
    r"""Noise added by a chain, and the highest barrier that it sees.

    To leading order the chain shows the temperature :math:`(1+R)kT`, and a barrier
    :math:`\Delta=\beta\Delta\Phi` as :math:`\Delta/(1+R)`, so that rates over it are wrong by the
    factor :math:`e^{R\Delta/(1+R)}`: R times the barrier that the chain shows.

    Attributes
    ----------
    added : float
        R, on the grid at hand.
    reference : float
        The same on 64 cells along each axis.
    barrier : float
        In kT, between two wells or on the way to an absorbing side; 0 without either.
    """

    added: float
    reference: float
    barrier: float

    @classmethod
    def of(cls, error: ChainError, closed: Generator, log_rho: Array, exits: Flags) -> ChainNoise:
        """Noise of a chain.

        Parameters
        ----------
        error : ChainError
        closed : Generator
            The chain with its sides closed.
        log_rho : array (n,)
            Its stationary log density.
        exits : bool array (n,)
            Cells at sides that absorb.
        """
        added = added_noise(closed.edges, log_rho, chosen=~closed.edges.is_exact)
        phi = np.maximum(log_rho - log_rho.max(), NONE)
        wells = deep_wells(closed.matrix, phi, SHALLOW)
        barrier = 0.0
        if wells.size > 1:
            barrier = float(phi[wells].min()) - pass_level(closed.matrix, phi, wells)
        if exits.any():
            barrier = max(barrier, -float(phi[exits].max()))
        return cls(added, error.of_log(log_rho), barrier)

    @property
    def is_noted(self) -> bool:
        """Whether an answer of the chain says so."""
        return max(self.added, self.reference) > NOTED

    @property
    def factor(self) -> float:
        """Logarithm of the factor by which rates of the chain may be wrong."""
        return self.added * max(1.0, self.barrier)

    @property
    def is_too_much(self) -> bool:
        """Whether the chain gives rates of another problem."""
        return self.factor > WRONG

    @property
    def words(self) -> str:
        """What the grid adds, in words."""
        words = noise_words(self.added)
        if self.is_too_much and self.barrier > SHALLOW:
            words += f", over a barrier that the chain shows as {self.barrier:.2g} kT"
        return words
