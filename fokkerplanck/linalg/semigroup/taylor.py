r"""The semigroup of any matrix by Taylor series over short steps: no signs, no balance are needed.

.. math:: e^{tA}p=\Big(\sum_{k\le m}\frac{(\tau A)^k}{k!}\Big)^{t/\tau}p
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.semigroup.uniformisation import Action

#: L1 norm of tau A: terms of a step grow to e^3 = 20 times the start at most, and so does rounding.
REACH = 3.0
#: Terms of a step that are expected, for a choice among methods.
EXPECTED = 14
#: Terms of a step at most: with the norm above the 40th is below 1e-28.
MOST = 40
#: Relative L1 error that a step may have whatever the tolerance, of a run of any length.
ROUNDING = 2.2e-16
#: L1 norm over that of the start at which the matrix is taken to have growing modes.
GROWN = 1e3


class TaylorSeries:
    r"""Taylor series of :math:`e^{tA}` over steps :math:`\tau\le3/\|A\|_1`.

    What a step leaves out after its m-th term is at most that term times
    :math:`\sum_{j\ge1}\prod_{i\le j}\frac{3}{m+i}`: a bound, and no estimate. The sum of these is
    what is returned. It bounds the error at the end where the semigroup lengthens no difference in
    L1, as those of Markov generators, and up to that factor (2 or so) for linear fluxes of high
    order. Columns that sum to zero keep the mass to rounding.

    Parameters
    ----------
    matrix : csr_array (n, n)
    is_of_functions : bool
        Whether vectors are functions, and the matrix the transpose of one that acts on masses:
        errors and norms are then largest values in place of sums.

    References
    ----------
    Al-Mohy and Higham, SIAM J. Sci. Comput. 33 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from fokkerplanck.linalg.semigroup.taylor import TaylorSeries
    >>> turn = csr_array([[0.0, -1.0], [1.0, 0.0]])
    >>> action = TaylorSeries(turn).act(np.array([1.0, 0.0]), 100.0, 1e-12)
    >>> bool(np.allclose(action.p, [np.cos(100), np.sin(100)], atol=1e-12)), action.bound < 1e-11
    (True, True)
    """

    def __init__(self, matrix: Any, is_of_functions: bool = False) -> None:
        self._matrix, self._is_of_functions = matrix, is_of_functions
        self.norm = float(np.abs(matrix).sum(axis=1 if is_of_functions else 0).max())

    def _size(self, p: Array) -> float:
        """Norm of a vector."""
        return float(np.abs(p).max() if self._is_of_functions else np.abs(p).sum())

    def steps(self, span: float) -> int:
        """Steps of a span."""
        return max(1, math.ceil(span * self.norm / REACH))

    def products(self, span: float) -> float:
        """Products, about."""
        return EXPECTED * self.steps(span)

    def act(
        self,
        p: Array,
        span: float,
        tolerance: float = 1e-12,
        tick: Callable[[float], object] | None = None,
    ) -> Action:
        """Vector (n,) after a span of time.

        Parameters
        ----------
        p : array (n,)
        span : float
            Time, > 0.
        tolerance : float
            What all steps together may leave out, over the norm of p.
        tick : callable, optional
            ``tick(fraction)`` is told the part of the work that is done.

        Raises
        ------
        ConvergenceError
            If the norm grows a thousandfold.
        """
        if not span * self.norm / REACH <= sizes.MOST_STEPS:
            raise ConvergenceError(
                f"Taylor series would take {span * self.norm / REACH:.2g} steps, and "
                f"{sizes.MOST_STEPS:.0e} are the most; give a shorter time"
            )
        n, size = self.steps(span), self._size(p)
        tau, products, bound = span / n, 0, 0.0
        allowed = max(tolerance / n, ROUNDING) * size
        for step in range(n):
            p, count, left = self._step(p, tau, allowed)
            products, bound = products + count, bound + left
            if not self._size(p) <= GROWN * size:
                raise ConvergenceError(
                    f"the linear flux has modes that grow: the norm has risen "
                    f"beyond {GROWN:g} times that of the start; refine the grid, or use "
                    'scheme="markov"',
                    iterate=p,
                )
            if tick is not None:
                tick((step + 1) / n)
        rounding = n * ROUNDING * math.sqrt(EXPECTED)
        return Action(p, products, bound / max(size, 1e-300) + rounding)

    def _step(self, p: Array, tau: float, allowed: float) -> tuple[Array, int, float]:
        """Sum of the series over tau, its terms, and a bound of those left out."""
        term, total, x = p, p.copy(), tau * self.norm
        for k in range(1, MOST):
            term = (self._matrix @ term) * (tau / k)
            total += term
            if k + 2 > x:
                left = self._size(term) * (x / (k + 1)) / (1 - x / (k + 2))
                if left <= allowed:
                    break
        return total, k, left
