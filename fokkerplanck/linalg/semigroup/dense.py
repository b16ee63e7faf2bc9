r"""The semigroup of a small chain as a matrix, :math:`e^{tA}` by scaling and squaring."""

from __future__ import annotations

import math

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.linalg import dense_exponential
from fokkerplanck.linalg.semigroup.uniformisation import Action
from fokkerplanck.scheme.flows import Flows

#: The series is summed over a step of this length, over the largest rate: 16 terms leave 1e-33.
REACH, TERMS = 1 / 16, 16
#: Relative error of a sum or product of pairs of doubles: eight units in the last of 104 places.
UNIT = 8 * 2.0**-104
#: Rounding of the masses that are returned.
ROUNDING = 2.0**-52
#: Error beyond which a result is refused.
WORST = 1e-6


class DenseSemigroup:
    r"""Matrices :math:`e^{tA}` of a chain of few cells: positive, columns of sum one, every entry.

    A series over a short step is squared again and again, in two-fold precision and without a
    subtraction, so that the work grows with the logarithm of the time alone. With absorbing sides
    there is one more state, in which the mass that has left stays.

    Parameters
    ----------
    flows : Flows
        Of a generator.

    References
    ----------
    C. Moler and C. Van Loan, SIAM Rev. 45 (2003), method 3; J. Xue and Q. Ye, Math. Comp. 82
    (2013), entrywise accuracy for essentially non-negative matrices.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.semigroup.dense import DenseSemigroup
    >>> from fokkerplanck.scheme.flows import Flows
    >>> generator = fp.Generator(fp.Problem(fp.Grid([(0, 2)], 2)))
    >>> after = DenseSemigroup(Flows.from_generator(generator)).act(np.array([1.0, 0.0]), 1e9)
    >>> after.p.tolist(), after.bound < 1e-15
    ([0.5, 0.5], True)
    """

    def __init__(self, flows: Flows) -> None:
        n = flows.exits.size
        leaks = not flows.conserves_mass
        rates = np.zeros((n + leaks, n + leaks))
        rows = np.repeat(np.arange(n), np.diff(flows.indptr))
        np.add.at(rates, (rows, flows.indices), flows.inflow)
        if leaks:
            rates[n, :n] = flows.exits
        self._rates, self._n = rates, n
        np.fill_diagonal(rates, 0.0)
        self._fastest = float(rates.sum(axis=0).max(initial=0.0))
        self._span, self._error, self.squarings = math.nan, 0.0, 0
        self._matrix: Array = np.empty((2, 0, 0))

    def act(self, p: Array, span: float) -> Action:
        """Masses (n,) after a span of time, from masses >= 0."""
        return self._applied(self._exponential(span), p)

    def act_on_function(self, u: Array, span: float) -> Action:
        """Function (n,), zero where paths have ended, a span of time earlier."""
        return self._applied(self._exponential(span).transpose(0, 2, 1), u)

    def _applied(self, matrix: Array, p: Array) -> Action:
        """Product of a matrix and a vector, both in two-fold precision."""
        given = np.zeros((2, matrix.shape[1], 1))
        given[0, : self._n, 0] = p
        out = np.empty_like(given)
        dense_exponential.product(np.ascontiguousarray(matrix), given, out)
        return Action(out[0, : self._n, 0].copy(), self.squarings, self._error + ROUNDING)

    def _exponential(self, span: float) -> Array:
        """e^(span A) in pairs; the last one made is kept."""
        if span == self._span:
            return self._matrix
        n = len(self._rates)
        squarings = 0
        if self._fastest > 0:
            doublings = math.log2(span) + math.log2(self._fastest) - math.log2(REACH)
            squarings = max(0, math.ceil(doublings))
        matrix = np.empty((2, n, n))
        step = math.ldexp(span, -squarings)
        given = self._rates, step, squarings, TERMS, UNIT
        error = float(dense_exponential.exponential(*given, matrix))
        if not error <= WORST:
            raise ConvergenceError(
                f"a time of {span:g} is {self._fastest * span:.1e} over the fastest rate of the "
                "chain, which does not forget its start by then: no digits are left; give a "
                "shorter time"
            )
        self._span, self._matrix, self._error, self.squarings = span, matrix, error, squarings
        return matrix
