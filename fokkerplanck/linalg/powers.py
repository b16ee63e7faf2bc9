r"""Exponentials as combinations of powers of one implicit step.

.. math:: e^{hA}p \approx \sum_{j=1}^{s} c_j\,y_j, \qquad y_j=(I-\tau A)^{-1}y_{j-1},\quad y_0=p

For p' = Ap this is every singly diagonally implicit Runge-Kutta method with s stages, without its
products with A. The :math:`y_j` are backward Euler steps: positive, of the mass of p, of decreasing
relative entropy. For any :math:`\gamma=\tau/h` the conditions of order 0 to s - 1 fix the
:math:`c_j`, so that one factorisation serves steps of many lengths; without :math:`y_0` the method
is L-stable wherever it is A-stable.
"""

from __future__ import annotations

import math

import numpy as np

#: Number of solves and gamma of the longest step for a factorisation, by order. At these gammas the
#: order is one higher (Hairer and Wanner, Solving ODEs II, table IV.6.4); up to twice that value
#: the methods stay A-stable.
FAMILIES = {2: (3, 0.43586652150845967), 4: (5, 0.2780538411364523)}
#: Largest local error, in units of the s-th difference, at these gammas and for decay rates of any
#: size, by the number of solves s.
WORST = {3: 0.52, 5: 0.82}
#: Largest local error over its leading term, where that is the larger.
BEYOND_LEADING = 1.15


def weights(stages, gamma):
    """Weights (c_1, ..., c_s) of order s - 1 at gamma = tau / h.

    Examples
    --------
    >>> from fokkerplanck.linalg.powers import weights
    >>> weights(2, 0.5)
    array([0., 1.])
    """
    return _solve(range(1, stages + 1), gamma)


def error_coefficient(stages, gamma) -> float:
    r"""Coefficient c of the local error :math:`c\,\delta^sp`, :math:`\delta=I-(I-\tau A)^{-1}`.

    It is c_0 of the formula of order s that uses y_0 too: the difference of the two formulas is
    exactly :math:`c_0\,\delta^sp`, since no other combination of the y_j is of order s - 1.

    Examples
    --------
    >>> from fokkerplanck.linalg.powers import error_coefficient
    >>> round(error_coefficient(1, 0.5), 12)
    -1.0
    """
    return float(_solve(range(stages + 1), gamma)[0])


def differences(stages):
    r"""Weights of :math:`\delta^sp=\sum_j(-1)^j\binom sj y_j`, j = 0, ..., s.

    Examples
    --------
    >>> from fokkerplanck.linalg.powers import differences
    >>> differences(3)
    array([ 1., -3.,  3., -1.])
    """
    return np.array([(-1.0) ** j * math.comb(stages, j) for j in range(stages + 1)])


def mixture(stages, gamma):
    """Non-negative weights of the y_j, j = 1, ..., s, for a time step of h: order 1.

    Examples
    --------
    >>> from fokkerplanck.linalg.powers import mixture
    >>> mixture(3, 0.4)
    array([0. , 0.5, 0.5])
    """
    steps = min(max(1 / gamma, 1.0), float(stages))
    low = min(int(steps), stages - 1)
    out = np.zeros(stages)
    out[low - 1], out[low] = low + 1 - steps, steps - low
    return out


def combination(weights, vectors):
    """Sum of vectors (list of arrays) with weights, one vector at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.linalg.powers import combination
    >>> combination([2.0, -1.0], [np.ones(2), np.arange(2.0)])
    array([2., 1.])
    """
    out = weights[0] * vectors[0]
    for weight, vector in zip(weights[1:], vectors[1:], strict=True):
        if weight != 0:
            out += weight * vector
    return out


def power_of_two(tau, up=False) -> float:
    """Power of two next to tau, from below or from above.

    Examples
    --------
    >>> from fokkerplanck.linalg.powers import power_of_two
    >>> power_of_two(0.3), power_of_two(0.3, up=True)
    (0.25, 0.5)
    """
    exponent = math.log2(tau)
    return 2.0 ** (math.ceil(exponent) if up else math.floor(exponent))


def _solve(powers, gamma):
    """Weights of the given powers of 1/(1 - gamma z) that agree with e^z to as many orders."""
    powers = list(powers)
    # Taylor coefficients of (1 - gamma z)^-j over gamma^k: binomials (j + k - 1 over k).
    matrix = [
        [math.comb(j + k - 1, k) if j else int(k == 0) for j in powers] for k in range(len(powers))
    ]
    right = [1 / (math.factorial(k) * gamma**k) for k in range(len(powers))]
    return np.linalg.solve(np.array(matrix, dtype=float), right)
