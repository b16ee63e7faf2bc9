"""Solves with a matrix by GMRES, preconditioned by the factors of a nearby M-matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import incomplete_lu, sparse_lu
from fokkerplanck.linalg.fgmres import fgmres

#: Numbers that the directions of the Krylov space may take (160 MB).
ROOM = 2e7
#: Fewest and most of these directions.
LEAST_DIRECTIONS, MOST_DIRECTIONS = 30, 150
#: Products after which a solve has failed.
MAX_STEPS = 1200


class NearbyFactors:
    r"""Solutions of A x = b, for matrices A near an M-matrix M that has sparse factors.

    Parameters
    ----------
    M : csr_array (n, n)
        Minus a Markov generator in which some cells are held or killed. A is minus the matrix of a
        linear flux of high order of the same problem: a wide stencil, whose own factors fill up.
    drop : float
        Part of a column below which entries of the factors are left out; 0 for none.

    Attributes
    ----------
    steps : int
        Products so far.
    n_fill : int
        Numbers stored in the factors.

    Raises
    ------
    ConvergenceError
        If M is singular.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> from fokkerplanck.linalg.nearby import NearbyFactors
    >>> M = diags_array([-np.ones(8), np.full(9, 2.5), -np.ones(8)], offsets=[-1, 0, 1])
    >>> A = M + diags_array([np.full(7, 0.1), np.full(7, 0.1)], offsets=[-2, 2])
    >>> x = NearbyFactors(M).solve(A, np.ones(9))
    >>> bool(np.allclose(A @ x, 1))
    True
    """

    def __init__(self, M: Any, drop: float = 0.0) -> None:
        size = np.abs(M.diagonal())
        self._scale = 1 / np.where(size > 0, size, 1.0)
        try:
            self._factors = incomplete_lu(M, drop) if drop else sparse_lu(M)
        except RuntimeError as error:
            raise ConvergenceError(f"the Markov matrix has no factors ({error})") from error
        self.steps = 0
        self.n_fill = int(self._factors.nnz)

    def solve(
        self, A: Any, b: Array, tol: float = 1e-10, x0: Array | None = None, transpose: bool = False
    ) -> Array:
        """Solution x (n,) of A x = b to a relative residual of tol.

        ``transpose`` says that A is near the transpose of M.

        Raises
        ------
        ConvergenceError
            If GMRES stops before; ``iterate`` holds the last x.
        """
        way = "T" if transpose else "N"
        x = np.zeros_like(b) if x0 is None else np.array(x0)
        wanted = tol * float(np.linalg.norm(b * self._scale))
        directions = int(np.clip(ROOM / b.size, LEAST_DIRECTIONS, MOST_DIRECTIONS))
        result = fgmres(
            lambda u: A @ u,
            lambda r: self._factors.solve(r, way),
            b - A @ x,
            self._scale,
            0.0,
            MAX_STEPS,
            directions,
            wanted,
            flexible=False,
        )
        self.steps += result.iterations
        x += result.x
        left = float(np.linalg.norm((b - A @ x) * self._scale)) * tol
        if not left <= 10 * wanted * tol:
            raise ConvergenceError(
                f"GMRES for the linear flux stopped at a relative residual of {left / wanted:.1e} "
                f"after {result.iterations} steps, tol = {tol:g}; refine the grid, or use "
                'scheme="markov"',
                iterate=x,
                residual=left / wanted,
            )
        return x
