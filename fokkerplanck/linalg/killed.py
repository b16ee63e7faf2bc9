"""Functions and masses of a chain that ends: (kill - A^T) x = b, x >= 0 entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from fokkerplanck.domain.interrupts import heard
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.linalg import absorption, elimination
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.dissection import nested_dissection
from fokkerplanck.linalg.memory import check_memory
from fokkerplanck.linalg.shifted import ShiftedSolver
from fokkerplanck.scheme.flows import Flows

#: Relative error of a solution by rounding, above which multigrid refuses.
TRUSTED = 1e-6
#: Unit roundoff of double precision, about.
ROUNDING = 1e-16


@dataclass(frozen=True, eq=False)
class KilledChain:
    """Rates among cells, and from each to the end.

    Attributes
    ----------
    flows : Flows
        Of the cells that are left, with exits to the end of any kind (1/time).
    coordinates : int array (n, d)
        Multi-index of every cell on its grid; for the order of elimination alone.
    """

    flows: Flows
    coordinates: Integers

    @cached_property
    def rows(self) -> Integers:
        """Row of every entry of the pattern."""
        return np.repeat(np.arange(self.flows.exits.size), np.diff(self.flows.indptr))

    def sums(self, values: Array) -> Array:
        """Sums over the entries of every row, of values at the entries."""
        return np.bincount(self.rows, values, self.flows.exits.size).astype(float, copy=False)

    def residual(self, x: Array, b: Array) -> float:
        """max_i |sum_j q_ij (x_i - x_j) + c_i x_i - b_i| / (s_i x_i + b_i)."""
        q, c = self.flows.outflow, self.flows.exits
        balance = self.sums(q * (x[self.rows] - x[self.flows.indices])) + c * x - b
        size = (self.sums(q) + c) * x + b
        return float((np.abs(balance) / np.where(size > 0, size, 1.0)).max(initial=0.0))


class DirectSolver:
    r"""Solutions of :math:`\sum_jq_{ij}(x_i-x_j)+c_ix_i=b_i` for b >= 0, by elimination.

    Only non-negative numbers are added: every entry of x has a small relative error, however
    metastable the chain (Alfa, Xue, Ye, Math. Comp. 71, 2002). Exits below 1e-280 are refused.

    Parameters
    ----------
    chain : KilledChain
        From every cell the end has to be within reach.

    Raises
    ------
    ConvergenceError
        If rates underflow: the end is farther than double precision reaches.
    MemoryError
        If the factors will not fit.
    """

    name = "direct"
    steps = 0  # of a Krylov method: none here

    def __init__(self, chain: KilledChain) -> None:
        flows = chain.flows
        indptr, indices = flows.indptr.astype(np.int32), flows.indices.astype(np.int32)
        tree = nested_dissection(indptr, indices, chain.coordinates)
        self._tree = tree
        advice = 'use solver="multilevel", or fewer cells'
        check_memory(16.0 * tree.n_fill, f"elimination of {tree.order.size} cells", advice)
        L, U, exits, bad = heard(elimination.eliminate_ending)(
            *tree.arrays, indptr, indices, flows.outflow, flows.inflow, flows.exits
        )
        self._factor = L, U, exits
        if bad >= 0:
            raise ConvergenceError(
                "the end is out of reach of double precision: rates below 1e-280 per unit of time; "
                "lower beta times the barrier"
            )
        self.n_fill: int = 2 * tree.n_fill

    def solve(self, b: Array) -> Array:
        """Solution x (n,) for b (n,) >= 0."""
        tree = self._tree
        x = np.asarray(b, dtype=float)[tree.order]
        elimination.solve_ending(*tree.nodes, *self._factor, x)
        out = np.empty_like(x)
        out[tree.order] = x
        return out

    def solve_masses(self, b: Array) -> Array:
        r"""Solution p (n,) of the transposed equations, :math:`\sum_j(q_{ij}p_i-q_{ji}p_j)+c_ip_i=b_i`.

        Time spent in every cell until the end, of what enters at b (n,) >= 0.
        """  # noqa: E501
        tree = self._tree
        x = np.asarray(b, dtype=float)[tree.order]
        absorption.solve_masses(*tree.nodes, *self._factor, x)
        out = np.empty_like(x)
        out[tree.order] = x
        return out


class MultigridSolver:
    """The same by multigrid: cost and memory proportional to the cells.

    Accuracy is relative to the largest entries of x. Where rounding may take more than 1e-6 of
    these (exits much slower than 1e-9 of the largest rate), it refuses.
    """

    name = "multilevel"
    n_fill = 0  # nothing is factorised

    def __init__(self, chain: KilledChain, tol: float = 1e-11) -> None:
        self._tol = tol
        n = chain.flows.exits.size
        self._solver = ShiftedSolver(
            None, 0.0, log_mass=np.zeros(n), transpose=True, flows=chain.flows
        )
        self._rate = float((chain.sums(chain.flows.outflow) + chain.flows.exits).max())

    @property
    def steps(self) -> int:
        """Krylov steps so far."""
        return self._solver.steps

    def solve(self, b: Array) -> Array:
        """Solution x (n,) for b (n,) >= 0."""
        b = np.asarray(b, dtype=float)
        try:
            x = self._solver.solve(b, self._tol) if b.any() else np.zeros_like(b)
        except ConvergenceError as error:
            raise ConvergenceError(
                f'multigrid did not converge ({error}); use solver="direct"',
                iterate=error.iterate,
                residual=error.residual,
            ) from error
        rounding = ROUNDING * self._rate * float(np.abs(x).max()) / max(float(b.max()), 1e-300)
        if rounding > TRUSTED:
            raise ConvergenceError(
                f'multigrid may be off by {rounding:.0e} for so slow an exit; use solver="direct"',
                iterate=x,
                residual=rounding,
            )
        return np.maximum(x, 0.0)


#: Solvers by name.
SOLVERS = {"direct": DirectSolver, "multilevel": MultigridSolver}


def choose(chain: KilledChain, solver: str | None = None) -> DirectSolver | MultigridSolver:
    """Solver of a chain: by name, or by size and dimension."""
    n, d = chain.coordinates.shape
    name = solver or ("multilevel" if n >= sizes.PASSAGE_MULTILEVEL_FROM[d] else "direct")
    return SOLVERS[name](chain)


def restricted(flows: Flows, cells: Integers, exits: Array) -> Flows:
    """Flows among some cells, with other exits."""
    if cells.size == flows.exits.size:
        return replace(flows, exits=exits)
    n = flows.exits.size
    inn, out = (
        csr_array((values, flows.indices, flows.indptr), shape=(n, n))[cells][:, cells]
        for values in (flows.inflow, flows.outflow)
    )
    return Flows(inn.indptr, inn.indices, inn.data, out.data, exits)
