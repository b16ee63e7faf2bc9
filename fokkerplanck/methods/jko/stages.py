r"""Time integrators made of minimising movements in a Hilbert space.

On a line the distance W2 is the L2 distance of quantile functions X, so that any weighted sum of
earlier X may be where the next movement starts from. Stage k of an integrator with weights
:math:`\gamma_{ki}` is

.. math:: X^k=\arg\min_X E(X)+\sum_{i<k}\frac{\gamma_{ki}}{2\tau}\|X-X^i\|^2 .
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array

#: A row for each stage: weights of the positions at the beginning and at the stages before.
Weights: TypeAlias = tuple[tuple[float, ...], ...]

INTEGRATORS: dict[str, Weights] = {
    "jko": ((1.0,),),
    # Order two, with energy that falls at every tau: Zaitzeff, Esedoglu and Garikipati, SIAM J.
    # Numer. Anal. 58 (2020).
    "zeg2": ((5.0,), (-2.0, 6.0), (-2.0, 3 / 14, 44 / 7)),
}


def check_integrator(name: object) -> Weights:
    """Weights of an integrator."""
    return INTEGRATORS[one_of(name, "integrator", tuple(INTEGRATORS))]


def advance(
    weights: Weights, movement: Callable[[Array, float], Array], X: Array, tau: float
) -> Array:
    """X after a step of stages; movement(Z, sigma) minimises E + |X - Z|^2 / (2 sigma).

    Examples
    --------
    Decay by E = x^2/2, whose movement is Z/(1 + sigma):

    >>> from fokkerplanck.methods.jko.stages import INTEGRATORS, advance
    >>> round(advance(INTEGRATORS["zeg2"], lambda Z, s: Z / (1 + s), 1.0, 0.1), 3)  # e^-0.1
    0.905
    """
    earlier = [X]
    for row in weights:
        total = sum(row)
        Z = row[0] * X
        for weight, Y in zip(row[1:], earlier[1:], strict=True):
            Z = Z + weight * Y
        earlier.append(movement(Z / total, tau / total))
    return earlier[-1]
