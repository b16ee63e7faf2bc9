"""Linear equations of Newton's method for the nine-point scheme: by factors, or by multigrid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from fokkerplanck.domain.kept import Kept
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.factors import minimum_degree, sparse_lu
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
#: Orders of elimination that are kept, and the most integers in a pattern of those.
KEPT, MOST_NUMBERS = 3, 2_000_000


@dataclass(frozen=True, eq=False)
class Elimination:
    """How a matrix of one pattern is eliminated without the cells that are held.

    Attributes
    ----------
    cells : int array (m,)
        The other cells, in the order of their elimination.
    entries : int array (nnz,)
        Where the entries of their rows and columns stand in the data of the matrix in CSR form.
    indices, indptr : int arrays
        Pattern of these rows and columns, in the order of elimination, in CSC form.
    """

    cells: Integers
    entries: Integers
    indices: Integers
    indptr: Integers

    @classmethod
    def of(cls, J: sparse.csr_array, held: Flags) -> Elimination:
        """Elimination of a matrix (n, n) in CSR form with cells (n,) held."""
        cells = np.flatnonzero(~held)
        numbers = np.arange(1, J.nnz + 1, dtype=np.int32 if J.nnz < 2**31 - 1 else np.int64)
        inner = sparse.csr_array((numbers, J.indices, J.indptr), shape=J.shape)[cells][:, cells]
        order = minimum_degree(inner)
        inner = inner[order][:, order].tocsc()
        return cls(cells[order], inner.data - 1, inner.indices, inner.indptr)

    def rows(self, J: sparse.csr_array) -> sparse.csc_array:
        """Rows and columns of the cells, in the order of elimination."""
        m = self.cells.size
        return sparse.csc_array((J.data[self.entries], self.indices, self.indptr), shape=(m, m))


#: Orders hang on patterns alone, which are the same from temperature to temperature.
_eliminations: Kept[Elimination] = Kept(KEPT, MOST_NUMBERS)


class HeldFactors:
    """Sparse LU factors of a Jacobian (n, n) with x = 0 in the cells held.

    Parameters
    ----------
    J : sparse matrix (n, n)
    held : int array or flags (n,)
    order : Elimination, optional
        Of a matrix of the same pattern with the same cells held; by default one of little fill is
        looked for.

    Attributes
    ----------
    order : Elimination

    Raises
    ------
    RuntimeError
        If the matrix is singular.
    """

    def __init__(
        self, J: sparse.csr_array, held: Integers | Flags, order: Elimination | None = None
    ) -> None:
        J, flags = J.tocsr(), np.zeros(J.shape[0], bool)
        flags[held] = True
        if order is None:
            key = J.indptr, J.indices, np.flatnonzero(flags)
            order = _eliminations.of(key, lambda: Elimination.of(J, flags))
        self.order = order
        self._factors = sparse_lu(order.rows(J), PIVOT, ordered=True)

    def solve(self, rhs: Array) -> Array:
        """Solution (n,) of J x = rhs."""
        x = np.zeros_like(rhs)
        x[self.order.cells] = self._factors.solve(rhs[self.order.cells])
        return x


class Factorised:
    """Steps by sparse LU factors, whose order is looked for once for all with the same cells held.

    Steps of pseudo-time change the numbers of the matrix and not its pattern.
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
