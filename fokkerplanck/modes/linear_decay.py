r"""The slowest decay of a linear flux that ends at sides.

The masses p that decay slowest, :math:`Kp=-\lambda p`, and the function u that goes with them come
from Krylov spaces of :math:`(s-K)^{-1}`, and the rate from the quotient of both, which is off by
the product of their errors. K is no M-matrix: that :math:`\lambda` is real and p positive is looked
at and not given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.modes.linear_modes import damping_words, linear_modes
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.linear_flux import negative_mass
from fokkerplanck.steady.operator_choice import LinearOperator

#: Imaginary part over the size of an eigenvalue that is rounding.
REAL = 1e-9
#: Negative mass of the slowest mode above which the grid does not resolve it.
RESOLVED = 1e-3
#: Residual, over the decay rate, above which a mode is not handed out.
TRUSTED = 1e-4


@dataclass(frozen=True, eq=False)
class LinearDecay:
    """Rate (1/time), masses and law of the exit (n,) of sum 1.

    ``residual`` is that of the mode, over the rate; ``negative`` what it had below zero, which the
    masses do not show.
    """

    rate: float
    masses: Array
    exit_law: Array
    residual: float
    negative: float
    steps: int
    message: str = ""


def linear_decay(linear: LinearOperator, tol: float, max_solves: int) -> LinearDecay:
    """Least decay rate of a flux with absorbing sides, and the masses that decay with it.

    Raises
    ------
    ConvergenceError
        If the slowest mode turns, is negative where there is mass, or is lost in rounding.
    """
    modes, _, log_mass = linear_modes(linear, 1, tol, max_solves)
    slowest = int(np.argmax(modes.rates.real))
    rate = complex(-modes.rates[slowest])
    if abs(rate.imag) > REAL * abs(rate):
        raise ConvergenceError(
            f"the slowest mode of the fifth-order flux turns, at {abs(rate.imag):.2g} per unit of "
            "time, where that of a density does not: the grid does not resolve the problem; refine "
            'it, or use scheme="markov"',
            iterate=modes.rates,
        )
    p = (modes.right[slowest] * np.exp(log_mass)).real
    p = p / p.sum()
    negative = negative_mass(p)
    if not negative <= RESOLVED:
        raise ConvergenceError(
            f"the grid does not resolve the problem for the fifth-order flux: {negative:.1e} of "
            f"the slowest mode is negative, more than {RESOLVED:g}; refine the grid, or use "
            'scheme="markov"',
            iterate=p,
            residual=negative,
        )
    flux, decay = linear.flux, float(rate.real)
    assert isinstance(flux, Upwind5)  # the other flux is for sides that do not absorb
    residual = float(np.abs(flux.matrix @ p + decay * p).sum() / decay)
    if not residual <= TRUSTED:
        raise ConvergenceError(
            f"the slowest mode leaves a residual of {residual:.1e} of its rate {decay:.2g}; lower "
            'beta times the barrier, or use scheme="markov"',
            iterate=p,
            residual=residual,
        )
    leaving, p = np.maximum(flux.losses @ p, 0.0), np.maximum(p, 0.0)
    solves = modes.inverse.n_solves
    law = leaving / leaving.sum()
    message = damping_words(flux, np.exp(log_mass), modes)
    return LinearDecay(decay, p / p.sum(), law, residual, negative, solves, message)
