"""Transport along the stationary currents of an edge list, which leaves the steady state alone."""

from __future__ import annotations

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
from fokkerplanck.methods.jko.edge_metric import PartChain


class Circulation:
    r"""Semigroup of the circulating part of a generator: rates :math:`J^+_{xy}/\pi_x`.

    J are the currents that edges carry in the steady state, :math:`\nabla\cdot J=0`: a Markov
    generator by itself, with :math:`\pi` its steady state. Uniformised: a stochastic matrix that
    keeps :math:`\pi`, hence positive and with a relative entropy that never rises.

    Parameters
    ----------
    chain : PartChain
        Second result of ``jko.edge_metric.split``.

    Attributes
    ----------
    products : int
        Products with the jump chain so far.
    """

    def __init__(self, chain: PartChain) -> None:
        self._chain, self.products = JumpChain(chain, chain.flows), 0

    def transport(self, p: Array, span: float) -> Array:
        """Masses (n,) after a span of time."""
        action = self._chain.act(p, span)
        self.products += action.n_products
        return action.p
