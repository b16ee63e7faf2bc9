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

    Raises
    ------
    RuntimeError
        If the matrix is singular.
    """

    def __init__(self, J, held):
        keep = np.ones(J.shape[0], bool)
        keep[held] = False
        self._keep = np.flatnonzero(keep)
        self._factors = sparse_lu(J.tocsr()[self._keep][:, self._keep], PIVOT)

    def solve(self, rhs):
        """Solution (n,) of J x = rhs."""
        x = np.zeros_like(rhs)
        x[self._keep] = self._factors.solve(rhs[self._keep])
        return x


class Factorised:
    """Steps by sparse LU factors."""

    def __init__(self, name="factorisations"):
        self.name = name

    def solve(self, J, rhs, held, phi, rate, time_step):
        """Solution (n,) of J x = rhs with x = 0 in the cells held, or None if J is singular."""
        try:
            return HeldFactors(J, held).solve(rhs)
        except RuntimeError:
            return None


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
            return None
        x = result.x
        return x if many else x - x[np.argmax(phi)]
