"""Solves with s - A and its transpose, on which the search for slow eigenvalues stands."""

from __future__ import annotations

from scipy import sparse

from fokkerplanck.domain.progress import count_one
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import sparse_lu


class ShiftInvert:
    r"""Sparse LU factors of the M-matrix :math:`sI-A` of a generator, for it and its transpose.

    Columns are scaled to a unit diagonal and eliminated without pivoting, which an M-matrix allows;
    solutions then have small errors cell by cell, relative to the solution for absolute values.

    Parameters
    ----------
    generator : Generator
    log_mass : array (n,)
        Weight of the cells; not used here, but an iterative solver in its place would need it.
    shift : float
        s > 0, 1/time.

    Attributes
    ----------
    shift : float
    n_solves : int
        Right-hand sides so far.
    n_fill : int
        Numbers stored in the factors.

    Raises
    ------
    ConvergenceError
        If the factorisation breaks down.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> from fokkerplanck.modes.shift_invert import ShiftInvert
    >>> generator = fp.Generator(fp.Problem(fp.Grid([(-3, 3)], 16), f=lambda x: x**2))
    >>> inverse = ShiftInvert(generator, None, 0.5)
    >>> bool(np.allclose(inverse.solve_transposed(np.ones(16)), 1 / 0.5))
    True
    """

    name = "direct"

    def __init__(self, generator, log_mass, shift):
        self.shift, self.n_solves = float(shift), 0
        self._scale = 1 / (self.shift + generator.exit_rates)
        matrix = self.shift * sparse.eye_array(generator.grid.size) - generator.matrix
        try:
            scaled = matrix @ sparse.diags_array(self._scale)
            self._factors = sparse_lu(scaled, equilibrate=False)
        except (RuntimeError, MemoryError) as error:
            raise ConvergenceError(
                f"s - A could not be factorised at s = {shift:.3g} ({error}); coarsen the grid"
            ) from error
        self.n_fill = int(self._factors.nnz)

    def solve(self, b):
        """Solve (s - A) x = b for masses, shape (n,)."""
        self.n_solves += 1
        count_one()
        return self._factors.solve(b) * self._scale

    def solve_transposed(self, b):
        """Solve (s - A^T) u = b for functions, shape (n,)."""
        self.n_solves += 1
        count_one()
        return self._factors.solve(b * self._scale, "T")
