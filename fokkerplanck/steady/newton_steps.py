"""Linear equations of Newton's method for the nine-point scheme: by factors, or by multigrid."""

from __future__ import annotations

import numpy as np

from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.scheme.flows import Flows

#: Relative residual that is asked of a step by multigrid.
REDUCTION = 1e-4
#: Relative residual from which on a step by multigrid is not taken.
ACCEPTED = 0.1
#: Krylov steps for one step of Newton's method.
MAX_STEPS = 120
#: Krylov directions that are kept at a time.
RESTART = 30
#: Part of the largest entry of a column below which a diagonal entry is no pivot.
PIVOT = 1e-3


class HeldFactors:
    """Sparse LU factors of a Jacobian (n, n) with x = 0 in the cells held.

    Parameters
    ----------
    J : sparse matrix (n, n)
    held : int array or flags (n,)
    order : int array, optional
        Order in which to eliminate the other cells; by default one of little fill is looked for.

    Attributes
    ----------
    order : int array
        Order in which the cells were eliminated.

    Raises
    ------
    RuntimeError
        If the matrix is singular.
    """

    def __init__(self, J, held, order=None):
        keep = np.ones(J.shape[0], bool)
        keep[held] = False
        cells = np.flatnonzero(keep) if order is None else order
        inner = J.tocsr()[cells][:, cells]
        self._cells = cells
        self._factors = sparse_lu(inner, PIVOT, ordered=order is not None)
        # Column i of the matrix is eliminated as number perm_c[i].
        self.order = cells[np.argsort(self._factors.perm_c)] if order is None else order

    def solve(self, rhs):
        """Solution (n,) of J x = rhs."""
        x = np.zeros_like(rhs)
        x[self._cells] = self._factors.solve(rhs[self._cells])
        return x


class Factorised:
    """Steps by sparse LU factors, whose order is looked for once for all with the same cells held.

    Steps of pseudo-time change the numbers of the matrix and not its pattern, and the order takes
    a third of the time of a factorisation.
    """

    def __init__(self, name="factorisations"):
        self.name, self.failures = name, 0
        self._held, self._order = np.empty(0, bool), None

    def solve(self, J, rhs, held, phi, rate, time_step):
        """Solution (n,) of J x = rhs with x = 0 in the cells held, or None if J is singular."""
        if not np.array_equal(held, self._held):
            self._held, self._order = held.copy(), None
        try:
            factors = HeldFactors(J, held, self._order)
        except RuntimeError:
            return None
        self._order = factors.order
        return factors.solve(rhs)


class Preconditioned:
    """Steps by GMRES with the multigrid of the Markov generator of the same problem.

    In ratios to its stationary density, that generator is a discretisation of the same elliptic
    operator as the Jacobian, with the signs of an M-matrix and without imbalance.

    Parameters
    ----------
    generator : Generator
    log_rho : array (n,)
        Its stationary log density.
    """

    name = "multigrid"

    def __init__(self, generator, log_rho):
        flows = Flows.from_generator(generator)
        self._rows = flows.indptr, flows.indices, flows.outflow, flows.inflow
        volume = generator.grid.volumes.ravel()
        self._log_mass = log_rho + np.log(volume)
        self._exits = generator.exit_rates
        self.failures = 0  # steps that were not found

    def solve(self, J, rhs, held, phi, rate, time_step):
        """Solution (n,) of J x = rhs with x = 0 in the cells held, or None if it is not found."""
        many = np.count_nonzero(held) > 1
        shift = rate / time_step if np.isfinite(time_step) else np.zeros_like(rate)
        if many:
            shift[held] += self._exits[held]
        level = Level(*self._rows, self._log_mass, shift)
        hierarchy = Aggregation(level)

        def apply(x):
            y = J @ x
            if many:
                y[held] = x[held]
            return y

        def precondition(r):
            x = hierarchy.precondition(rate * r)
            if many:
                x[held] = r[held]
            return x

        b = np.where(held, 0.0, rhs) if many else rhs
        result = fgmres(apply, precondition, b, np.ones_like(b), REDUCTION, MAX_STEPS, RESTART)
        if not result.history[-1] < ACCEPTED:
            self.failures += 1
            return None
        x = result.x
        return x if many else x - x[np.argmax(phi)]
