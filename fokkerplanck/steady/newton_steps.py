"""Linear equations of Newton's method for the nine-point scheme: by factors, or by multigrid."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import splu

from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.scheme.flows import Flows

#: Relative residual of a step by multigrid, accepted at last, and Krylov steps for it.
REDUCTION, ACCEPTED, MAX_STEPS, RESTART = 1e-4, 0.1, 120, 30


class Factorised:
    """Steps by sparse LU factors."""

    def __init__(self, name="factorisations"):
        self.name = name

    def solve(self, J, rhs, held, phi, rate, time_step):
        """Solution (n,) of J x = rhs with x = 0 in the cells held, or None if J is singular."""
        keep = np.flatnonzero(~held)
        try:
            factor = splu(
                J.tocsr()[keep][:, keep].tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=1e-3,
                options={"SymmetricMode": True},
            )
        except RuntimeError:
            return None
        x = np.zeros_like(rhs)
        x[keep] = factor.solve(rhs[keep])
        return x


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
