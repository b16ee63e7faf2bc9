"""The Markov generator of a problem, from its edge list."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from fokkerplanck.domain.arguments import finite_array
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import assembly
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.wide_rates import WideRates, wide_rates


class Generator(Portable):
    r"""Markov generator A, :math:`\dot p = Ap` for cell masses :math:`p=\rho V`.

    Off-diagonal entries are rates :math:`A_{ik}=w_eB(\mp z_e)/V_k\ge0` from cell k to cell i;
    columns sum to zero (to minus the exit rate with absorbing sides). So for any D and any drift
    mass is exact, masses stay positive and every f-divergence to the steady state decays.

    Parameters
    ----------
    problem : Problem or Edges

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
    exit_rates : array (n,)
        Total rate out of each cell, minus the diagonal, in 1/time.
    problem : Problem or None
        What the generator was made of; None if of Edges.

    Notes
    -----
    The rows are written in one pass over the edges, in threads on large grids, with the same result
    at every number of threads. The matrix takes 12 bytes an entry and 4 a cell while it has fewer
    than 2^31 entries (64 bytes a cell for nearest neighbours in the plane), and building it
    4 bytes a cell more.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> generator = fp.Generator(
    ...     fp.Problem(grid, f=lambda x, y: x**2 + y**2, D=[[1, 0.9], [0.9, 1]])
    ... )
    >>> bool(abs(generator.matrix.sum(axis=0)).max() < 1e-12 * generator.exit_rates.max())
    True
    """

    def __init__(self, problem: Problem | Edges):
        if not isinstance(problem, (Problem, Edges)):
            raise ValueError(
                f"Generator received {type(problem).__name__}; give a Problem or Edges"
            )
        self.problem = problem if isinstance(problem, Problem) else None
        self.edges = problem if isinstance(problem, Edges) else Edges.from_problem(problem)
        self.grid = self.edges.grid
        self._matrix: sparse.csr_array | None = None

    @classmethod
    def of(cls, given: Problem | Generator, asker: str) -> Generator:
        """Generator of a question, which is asked of a Problem or of a Generator at hand."""
        return given if isinstance(given, Generator) else cls(cls.problem_of(given, asker))

    @staticmethod
    def problem_of(given: Problem | Generator, asker: str) -> Problem:
        """Problem of a question that a Generator made of Edges alone cannot answer."""
        if isinstance(given, Generator) and given.problem is None:
            raise ValueError(
                f"{asker} received a Generator made of Edges, which do not know f, drift and D of "
                "their problem; give the Problem, or Generator(problem)"
            )
        return check_problem(given.problem if isinstance(given, Generator) else given, asker)

    @property
    def leaks(self) -> bool:
        """True if mass leaves through absorbing sides."""
        return self.edges.exit_rate is not None and bool(self.edges.exit_rate.any())

    @property
    def why_closed(self) -> str:
        """Why no mass leaves through the sides, in words, where none does."""
        exits, problem = self.edges.exit_rate, self.problem
        if exits is None and not self.grid.has_absorbing_sides:
            return "no side of the grid is absorbing"
        if exits is None or (problem is not None and not problem.has_open_sides):
            note = self.edges.note and f" ({self.edges.note})"
            return f"sides absorb, but none is ever reached{note}"
        return (
            "sides absorb, but all rates towards them are zero in doubles (D vanishes there, or "
            "the drift holds the mass back by e^700 and more; lower beta or refine the grid)"
        )

    @property
    def edge_rates(self) -> tuple[Array, Array]:
        """Coefficients (forward, backward) of the edge currents, volume/time."""
        weight = self.edges.weight
        forward, backward = np.empty_like(weight), np.empty_like(weight)
        parts = threads.parts(self.grid.size)
        given = weight, self.edges.tilt
        threads.run(assembly.rates, assembly.rates_threads, parts, *given, forward, backward)
        return forward, backward

    @property
    def _volumes(self) -> Array:
        """Cell volumes, (n,) or (1,) where all are equal."""
        return np.ravel(self.grid.volume)

    @cached_property
    def exit_rates(self) -> Array:
        """Total rate out of each cell (n,)."""
        return -self.matrix.diagonal()

    @property
    def matrix(self) -> sparse.csr_array:
        """Generator on cell masses, CSR with sorted rows."""
        if self._matrix is None:
            self._matrix = self._assembled()
        return self._matrix

    @cached_property
    def wide_rates(self) -> WideRates | None:
        """Rates as logarithms, where some are too small for the matrix; None where none is."""
        return wide_rates(self.edges)

    def release(self) -> None:
        """Give the memory of the matrix back; it is made again when asked for."""
        self._matrix = None

    def _assembled(self) -> sparse.csr_array:
        """Rows of the matrix from the edges."""
        n, edges = self.grid.size, self.edges
        tail, head = edges.tail, edges.head
        kind = np.int32 if n + 2 * tail.size < 2**31 else np.int64
        exits = np.empty(0) if edges.exit_rate is None else np.array(edges.exit_rate, dtype=float)
        parts = threads.parts(n)
        bounds = np.empty((-(-tail.size // assembly.CHUNK), 2), tail.dtype)
        threads.run(assembly.chunk_bounds, assembly.chunk_bounds_threads, parts, tail, head, bounds)
        indptr, clash = np.zeros(n + 1, kind), np.zeros(parts, bool)
        threads.run(
            assembly.count_rows, assembly.count_rows_threads, parts, tail, head, bounds, indptr
        )
        np.cumsum(indptr, out=indptr)
        indices, data = np.empty(indptr[-1], kind), np.empty(indptr[-1])
        threads.run(
            assembly.fill_rows, assembly.fill_rows_threads, parts, tail, head, edges.weight,
            edges.tilt, np.array(self._volumes), exits, bounds, indptr, np.empty(n, kind), indices,
            data, clash,
        )  # fmt: skip
        matrix = sparse.csr_array((data, indices, indptr), shape=(n, n))
        if clash.any():
            matrix.sum_duplicates()
        return matrix

    def apply(self, rho: ArrayLike) -> Array:
        r"""Time derivative :math:`\dot\rho = V^{-1}A(V\rho)` of a density, shape (\*shape)."""
        rho = np.asarray(rho, dtype=float)
        if rho.shape != self.grid.shape:
            raise ValueError(f"rho has shape {rho.shape}, expected the grid's {self.grid.shape}")
        return (self.matrix @ (rho.ravel() * self._volumes) / self._volumes).reshape(rho.shape)

    def currents(self, rho: ArrayLike) -> Array:
        r"""Mass current of every edge (n_edges,), from tail to head, of a density (\*shape)."""
        forward, backward = self.edge_rates
        rho = finite_array(rho, "rho", f"a density of shape {self.grid.shape}")
        if rho.shape not in (self.grid.shape, (self.grid.size,)):
            raise ValueError(f"rho has shape {rho.shape}, expected the grid's {self.grid.shape}")
        rho = rho.ravel()
        return forward * rho[self.edges.tail] - backward * rho[self.edges.head]

    def __repr__(self) -> str:
        """Size and stencil."""
        return f"Generator({self.matrix.nnz} non-zeros from {self.edges!r})"
