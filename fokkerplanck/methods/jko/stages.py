r"""Time integrators made of minimising movements in a Hilbert space.

On a line the distance W2 is the L2 distance of quantile functions X, so that any weighted sum of
earlier X may be where the next movement starts from. Stage k of an integrator with weights
:math:`\gamma_{ki}` is

.. math:: X^k=\arg\min_X E(X)+\sum_{i<k}\frac{\gamma_{ki}}{2\tau}\|X-X^i\|^2 .
"""

from __future__ import annotations

# "zeg2": Zaitzeff, Esedoglu and Garikipati, SIAM J. Numer. Anal. 58 (2020), order two, with energy
# that falls at every tau.
INTEGRATORS = {
    "jko": ((1.0,),),
    "zeg2": ((5.0,), (-2.0, 6.0), (-2.0, 3 / 14, 44 / 7)),
}


def check_integrator(name):
    """Weights of an integrator."""
    if not isinstance(name, str) or name not in INTEGRATORS:
        raise ValueError(f"integrator is {name!r}; choose from {', '.join(INTEGRATORS)}")
    return INTEGRATORS[name]


def advance(weights, movement, X, tau):
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
        Z = sum(weight * Y for weight, Y in zip(row, earlier, strict=True)) / total
        earlier.append(movement(Z, tau / total))
    return earlier[-1]
