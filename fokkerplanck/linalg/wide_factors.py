"""Solves with I - tau H, H the matrix of a linear flux that is no Markov generator."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import CentralFactor, Recent
from fokkerplanck.linalg.nearby import NearbyFactors

#: Entries of the Markov factors that are left out in space.
DROPPED = 1e-3
#: Relative residual of the Krylov solves with these factors.
TOLERANCE = 1e-12


class WideFactor(Protocol):
    """Something that solves (I - dt H) x = b."""

    dt: float

    def solve(self, b: Array, refine: bool = True) -> Array: ...  # noqa: D102


class RefinedFactor:
    """Complete factors of I - tau H, and a step of refinement: mass and digits to rounding.

    ``rounding`` is about the relative error of a solution without refinement.
    """

    def __init__(self, matrix: Any, tau: float) -> None:
        self.dt = float(tau)
        self._matrix, self._factor = matrix, CentralFactor(matrix, tau)
        self.rounding = float(np.finfo(float).eps * (1 + tau * np.abs(matrix.diagonal()).max()))

    def solve(self, b: Array, refine: bool = True) -> Array:
        """Solve (I - tau H) x = b."""
        x = self._factor.solve(b)
        if refine:
            x = x + self._factor.solve(b - x + self.dt * (self._matrix @ x))
        return x


class NearbyFactor:
    """Krylov solves with I - tau H, preconditioned by incomplete factors of I - tau A, A Markov."""

    rounding = TOLERANCE

    def __init__(self, matrix: Any, markov: Any, tau: float) -> None:
        self.dt = float(tau)
        one = sparse.eye_array(matrix.shape[0])
        self._shifted = sparse.csr_array(one - tau * matrix)
        self._factors = NearbyFactors(sparse.csr_array(one - tau * markov), DROPPED)

    def solve(self, b: Array, refine: bool = True) -> Array:
        """Solve (I - tau H) x = b to a relative residual of 1e-12; ``refine`` changes nothing."""
        return self._factors.solve(self._shifted, b, TOLERANCE, x0=b)


class WideFactors(Recent[WideFactor]):
    """The last few solvers for I - tau H, by tau: complete factors where these are affordable.

    Parameters
    ----------
    matrix : csr_array (n, n)
        H, 1/time.
    markov : csr_array (n, n)
        Generator of the same problem, on the nearest neighbours.
    dim : int
        Number of axes of the grid.
    """

    most_kept = 2
    #: Negative mass that was set to zero: none, signs are the business of the caller.
    repaired: float = 0.0

    def __init__(self, matrix: Any, markov: Any, dim: int) -> None:
        super().__init__()
        self.matrix, self.markov = matrix, markov
        complete = matrix.shape[0] <= sizes.WIDE_FACTORISED[dim]
        self.solver = "direct" if complete else "krylov"

    def make(self, dt: float) -> WideFactor:
        """New solver for dt."""
        if self.solver == "direct":
            return RefinedFactor(self.matrix, dt)
        return NearbyFactor(self.matrix, self.markov, dt)
