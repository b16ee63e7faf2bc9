"""Solves with s I - A, the matrix of implicit steps and of shift-and-invert, by multigrid."""

from __future__ import annotations

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.scheme.flows import Flows

#: Krylov steps of a solve before it counts as failed.
MAX_STEPS = 200
#: Directions of a Krylov space kept at a time.
RESTART = 20
#: Residual that is rounding, in units of the solution.
ROUNDING = 1e-15
#: Log mass of cells without any, below that of the emptiest cell that has some.
EMPTY = 40.0


class ShiftedSolver:
    r"""Solutions of :math:`(sI-A)\,x=b` by flexible GMRES with aggregation multigrid.

    Cost and memory grow like the number of cells, in any dimension and for any D. Accuracy is
    relative to the largest entries of x; those many orders below may have either sign.

    Parameters
    ----------
    chain : Chain or None
        A Generator, unless ``flows`` are given; None if log_mass is given too.
    shift : float
        s >= 0, 1/time; with s = 0 and no absorbing side the matrix is singular.
    log_mass : array (n,), optional
        Stationary log masses, about: what slow modes look like inside a lump of cells. Cell volumes
        where left out.
    transpose : bool
        Solve with :math:`sI-A^T`, on functions rather than masses.
    flows : Flows, optional
        Flows of the chain.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.shifted import ShiftedSolver
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 64)
    >>> generator = fp.Generator(fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x)))
    >>> b = (fp.gaussian(grid, (1, 0), 0.1) * grid.volume).ravel()
    >>> x = ShiftedSolver(generator, 2.0).solve(b)
    >>> abs(float(2.0 * x.sum() - b.sum())) < 1e-11
    True
    """

    def __init__(self, chain, shift, log_mass=None, transpose=False, flows=None):
        is_number = isinstance(shift, (int, float, np.number)) and not isinstance(shift, bool)
        if not (is_number and np.isfinite(shift) and shift >= 0):
            raise ValueError(f"shift is {shift!r}; give a finite number >= 0")
        if log_mass is None:
            log_mass = np.log(chain.grid.volumes)
        phi = np.array(log_mass, dtype=float).ravel()
        has_mass = np.isfinite(phi)
        phi[~has_mass] = phi[has_mass].min() - EMPTY
        flows = Flows.from_generator(chain) if flows is None else flows
        self.shift, self.steps = float(shift), 0
        level = Level(
            flows.indptr, flows.indices, flows.outflow, flows.inflow, phi, self.shift + flows.exits
        )
        self._hierarchy = Aggregation(level, "function" if transpose else "mass")
        self._weight = 1 / level.diagonal
        self._right, self._left = np.exp(phi - phi.max()), np.ones(phi.size)
        if transpose:
            self._right, self._left = self._left, self._right
        self._slow = None
        if shift > 0 and not flows.exits.any():
            self._slow = self._left / (shift * float(self._left @ self._right))

    def solve(self, b, tol=1e-12, x0=None):
        """Solution x (n,) with residual at most tol times that of x = 0.

        Parameters
        ----------
        b : array (n,)
        tol : float
        x0 : array (n,), optional
            Where to start from.

        Returns
        -------
        array (n,)

        Raises
        ------
        ValueError
            If b has another shape.
        ConvergenceError
            If the residual does not fall that far; ``iterate`` holds the last x.
        """
        if np.shape(b) != self._weight.shape:
            raise ValueError(
                f"b has shape {np.shape(b)}; give one number a cell, {self._weight.shape}"
            )
        x = np.zeros_like(b) if x0 is None else x0
        x = x + self._slowest(b if x0 is None else b - self._hierarchy.apply(x))
        r = b - self._hierarchy.apply(x)
        size = float(np.linalg.norm(b * self._weight))
        rounding = ROUNDING * float(np.linalg.norm(x))
        result = fgmres(
            self._hierarchy.apply, self._hierarchy.precondition, r, self._weight, 0.0,
            MAX_STEPS, RESTART, max(tol * size, rounding),
        )  # fmt: skip
        self.steps += result.iterations
        x = x + result.x
        r = b - self._hierarchy.apply(x)
        left = float(np.linalg.norm(r * self._weight))
        x = x + self._slowest(r)
        if not left <= max(10 * tol * size, 10 * rounding):
            raise ConvergenceError(
                f"the solve with {self.shift:g} - A stopped at a relative residual of "
                f"{left / size:.1e}, tol = {tol:g}, after {result.iterations} steps; loosen tol",
                iterate=x, residual=left / size,
            )  # fmt: skip
        return x

    def _slowest(self, r):
        """Part of the solution for a residual r along the steady state, whose factor is 1/shift."""
        return 0.0 if self._slow is None else float(self._slow @ r) * self._right
