"""Stationary vectors of Markov generators by subtraction-free sparse elimination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.interrupts import heard
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import graph
from fokkerplanck.kernels.linalg.elimination import NEGLIGIBLE, RADIX, back_substitute, eliminate
from fokkerplanck.linalg.dissection import nested_dissection
from fokkerplanck.linalg.memory import check_memory
from fokkerplanck.scheme.wide_rates import WIDEST, WideRates

#: Imbalance of a cell, in units of its outflow, above which something is wrong.
TRUSTED = 1e-8
#: Sum of a column, in units of its diagonal, above which mass is lost.
LEAK = 1e-8
#: Closed classes that a message names.
NAMED = 8
#: How a vector was found where doubles are too narrow.
WIDE = "subtraction-free elimination with wide exponents"


@dataclass(frozen=True, eq=False)
class NullVector:
    """Stationary masses of a Markov generator, as logarithms.

    Attributes
    ----------
    log_mass : array, shape (n,)
        log p, with sum of p = 1; -inf on transient cells.
    residual : float
        :func:`balance_residual` of ``log_mass``.
    n_fill : int
        Numbers stored in the factor.
    n_transient : int
        Cells that carry no stationary mass.
    message : str
        How it was computed, in words.
    """

    log_mass: Array
    residual: float
    n_fill: int
    n_transient: int
    message: str


class _Graph(NamedTuple):
    """Symmetric pattern by rows, without diagonal; at (c, b) the rates c -> b and b -> c."""

    indptr: Integers
    neighbours: Integers
    rate_out: Array
    rate_in: Array


def null_vector(A: Any, shape: int | Sequence[int], cells: Integers | None = None) -> NullVector:
    r"""Stationary vector p of a Markov generator: A p = 0, p >= 0, sum p = 1, as log p.

    Parameters
    ----------
    A : sparse matrix, shape (n, n)
        Generator acting on masses, p' = A p: ``A[i, j] >= 0`` is the rate j -> i, columns sum to
        zero. The diagonal is used for nothing but this check.
    shape : tuple of int
        Cells along every axis, n = product, C order; only the elimination order depends on it.
    cells : int array, optional
        ``closed_class`` of A, if at hand.

    Returns
    -------
    NullVector

    Raises
    ------
    ValueError
        If A is no generator on this grid, or if its stationary vector is not unique (more than one
        closed class of cells).
    ConvergenceError
        If the recomputed balance of the cells is off by more than 1e-8.

    Notes
    -----
    Grassmann-Taksar-Heyman elimination (Oper. Res. 33, 1985) in nested dissection order: it adds,
    multiplies and divides positive numbers only, so that every entry of p has a small relative
    error (O'Cinneide, Numer. Math. 65, 1993) however small it is and however metastable the chain.
    LU factorisation has no such bound: with barriers of 40 kT it returns arbitrary well weights.

    Plain doubles are tried first, and carry a bound of what underflow may have taken. If that is
    not negligible (log p ranges over more than about 600 within reach of one elimination step) the
    elimination is repeated with wider exponents, a few times slower.

    Examples
    --------
    Two wells of equal depth, 80 kT apart: half of the mass each.

    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> from fokkerplanck.linalg.null_vector import null_vector
    >>> U = 80 * np.sin(np.linspace(0, 2 * np.pi, 100)) ** 2
    >>> up, down = np.exp((U[:-1] - U[1:]) / 2), np.exp((U[1:] - U[:-1]) / 2)
    >>> A = diags_array([up, down], offsets=[-1, 1])
    >>> A = A - diags_array(A.sum(axis=0))
    >>> answer = null_vector(A, (100,))
    >>> bool(np.allclose(answer.log_mass, -U - np.log(np.exp(-U).sum())))
    True
    """
    A, sides = _check_generator(A, shape)
    cells = closed_class(A, sides) if cells is None else cells
    coordinates = np.stack(np.unravel_index(cells, sides), axis=1)
    inner = _graph(A if cells.size == A.shape[0] else A[cells][:, cells])
    log_mass = np.full(A.shape[0], -np.inf)
    log_mass[cells], n_fill, how = _solve(inner, coordinates)
    residual = balance_residual(A, log_mass)
    if not residual <= TRUSTED:
        raise ConvergenceError(
            f"the stationary vector leaves cells unbalanced by {residual:.1e} of their outflow; "
            "check the rates for entries near the limits of double precision",
            iterate=log_mass,
            residual=residual,
        )
    return NullVector(frozen(log_mass), residual, n_fill, A.shape[0] - cells.size, how)


def chain_log_mass(A: Any, coordinates: Integers) -> Array:
    """Log of the stationary vector (n,) of an irreducible chain on any graph.

    A holds the rates j -> i off the diagonal; coordinates (n, d) are integers in which neighbours
    are near each other. No check of either.
    """
    return _solve(_graph(_off_diagonal(A)), coordinates)[0]


def balance_residual(A: Any, log_mass: ArrayLike) -> float:
    r"""max_i \|inflow_i - outflow_i\| / outflow_i, where inflow_i = sum_{j != i} A_ij p_j / p_i.

    Parameters
    ----------
    A : sparse matrix, shape (n, n)
        Generator acting on masses; only its off-diagonal entries are used.
    log_mass : array, shape (n,)
        log p, in any normalisation; -inf where there is no mass.

    Returns
    -------
    float
        Dimensionless; only differences of ``log_mass`` enter, so that it sees cells of mass e^-2000
        as well as any other. Infinite if mass flows into a cell without mass.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from fokkerplanck.linalg.null_vector import balance_residual
    >>> A = csr_array([[-1.0, 3.0], [1.0, -3.0]])
    >>> balance_residual(A, np.log([0.75, 0.25])) < 1e-15
    True
    >>> balance_residual(A, np.log([0.5, 0.5])) > 0.1
    True
    """
    A = csr_array(A, dtype=np.float64)
    rows = A.indptr, A.indices, A.data
    outflow, parts = np.empty(A.shape[0]), threads.parts(A.shape[0])
    graph.column_sums(*rows, outflow)
    worst = np.empty(parts)
    # A copy: a read-only array would be compiled for a second time.
    own = np.array(log_mass, dtype=np.float64)
    threads.run(graph.imbalance, graph.imbalance_threads, parts, *rows, outflow, own, worst)
    return float(worst.max())


def _check_generator(A: Any, shape: int | Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """Off-diagonal part of A in CSR form, and shape as a tuple."""
    cells = tuple(int(k) for k in np.atleast_1d(shape))
    n = int(np.prod(cells))
    if A.shape != (n, n):
        raise ValueError(
            f"A has shape {A.shape}, but a grid of {cells} cells needs {(n, n)}; "
            "pass the generator of this grid"
        )
    A = csr_array(A, dtype=np.float64)
    if not np.isfinite(A.data).all():
        raise ValueError("A has entries that are not finite; check drift and diffusion")
    off = _off_diagonal(A)
    if off.nnz and off.data.min() < 0:
        raise ValueError(
            f"A has an off-diagonal entry {off.data.min():.3g}, but rates are >= 0; "
            "use a scheme whose matrix is a Markov generator"
        )
    leak = np.abs(A.sum(axis=0)) > LEAK * np.abs(A.diagonal())
    if leak.any():
        cell = _multi_index(np.argmax(leak), cells)
        raise ValueError(
            f"{np.count_nonzero(leak)} columns of A do not sum to zero, the first at cell {cell}; "
            "mass must be conserved (absorbing sides have no steady state)"
        )
    return off, cells


def _off_diagonal(A: Any) -> Any:
    """Copy of A without diagonal and without stored zeros, in canonical CSR form."""
    A = A.tocoo()
    keep = (A.row != A.col) & (A.data != 0.0)
    A = csr_array((A.data[keep], (A.row[keep], A.col[keep])), shape=A.shape)
    A.sum_duplicates()
    return A


def closed_class(A: Any, shape: Sequence[int]) -> Integers:
    """Cells (numbers) of the only closed class of a generator; ValueError if there are several."""
    A = csr_array(A)
    if graph.is_chained(A.indptr, A.indices, A.data):
        return np.arange(A.shape[0])
    stored, A = A, _off_diagonal(A)
    n_classes, label = connected_components(A, directed=True, connection="strong")
    if n_classes == 1:
        return np.arange(A.shape[0])
    A = A.tocoo()
    is_closed = np.ones(n_classes, dtype=bool)
    is_closed[label[A.col[label[A.row] != label[A.col]]]] = False
    closed = np.flatnonzero(is_closed)
    if closed.size > 1:
        first = [_multi_index(np.argmax(label == c), shape) for c in closed[:NAMED]]
        raise ValueError(
            f"the steady state is not unique: there are {closed.size} sets of cells that no "
            f"probability leaves (around cells {', '.join(map(str, first))}"
            f"{' ...' if closed.size > NAMED else ''}); {_why_apart(stored)}"
        )
    return np.flatnonzero(label == closed[0])


def _why_apart(A: Any) -> str:
    """Why parts of a chain are not joined, in words: rates that underflow are stored as zeros."""
    joined = csr_array((np.ones(A.data.size), A.indices, A.indptr), shape=A.shape)
    if connected_components(joined, directed=False)[0] > 1:
        return "D vanishes between them, so add a little diffusion or solve each on its own grid"
    return (
        "D vanishes between them, or rates underflow, where the drift changes the log density by "
        "700 and more from a cell to the next: add a little diffusion, lower beta, refine the "
        "grid, or solve each on its own grid"
    )


def _multi_index(cell: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """Multi-index of a cell as plain integers."""
    return tuple(int(k) for k in np.unravel_index(cell, shape))


def _graph(A: Any) -> _Graph:
    """Graph of an A without diagonal."""
    back = A.T.tocsr()
    if not (np.array_equal(A.indptr, back.indptr) and np.array_equal(A.indices, back.indices)):
        entries = A.tocoo()
        zeros = np.zeros_like(entries.data)
        rows = np.concatenate([entries.row, entries.col])
        cols = np.concatenate([entries.col, entries.row])
        # Explicit zeros stand where only the opposite rate exists.
        A = coo_array((np.concatenate([entries.data, zeros]), (rows, cols)), shape=A.shape).tocsr()
        A.sum_duplicates()
        back = A.T.tocsr()
    indptr, neighbours = A.indptr.astype(np.int32), A.indices.astype(np.int32)
    return _Graph(indptr, neighbours, back.data, A.data)


def _solve(chain: _Graph, coordinates: Integers) -> tuple[Array, int, str]:
    """Logarithm of the stationary vector of an irreducible chain, fill, and how it was done."""
    indptr, neighbours, rate_out, rate_in = chain
    tree = nested_dissection(indptr, neighbours, coordinates)
    _check_fill(tree)
    pattern = *tree.arrays, indptr, neighbours
    # A power of two leaves every digit as it is; the kernel wants rates of at most one.
    scale = 2.0 ** -np.ceil(np.log2(rate_out.max(initial=1e-300)))
    how = "subtraction-free elimination in plain doubles"
    rates = scale * rate_out, scale * rate_in
    none = np.empty(0)
    L, L_e, exits, loss, is_done = heard(eliminate)(*pattern, *rates, none, none, False)
    if is_done:
        pi, exponent, log_lost = heard(back_substitute)(*tree.nodes, L, L_e, exits, loss)
    if not is_done or log_lost > np.log(NEGLIGIBLE):
        return *_solve_wide(tree, pattern, (rate_out, rate_in, none, none)), WIDE
    return _log_masses(tree, pi, exponent), tree.n_fill, how


def wide_null_vector(rates: WideRates, shape: Sequence[int], cells: Integers) -> Array:
    """Stationary log masses (n,) from logarithms of rates, whatever their range; -inf off cells.

    Parameters
    ----------
    rates : WideRates
    shape : sequence of int
        Of the grid; only the elimination order depends on it.
    cells : int array
        Closed class of the chain.

    Jumps that are slower than others by more than pairs of a number and an exponent can tell are
    left out, and -inf stands where nothing else leads.

    Raises
    ------
    ValueError
        If the steady state hangs on such jumps.
    """
    inner = rates if cells.size == rates.n else rates.within(cells)
    spread = float(np.ptp(inner.log_rate)) if inner.log_rate.size else 0.0
    if spread > WIDEST:
        inner = inner.faster_than(float(inner.log_rate.max()) - WIDEST)
        try:
            left = closed_class(inner.pattern, (cells.size,))
        except ValueError:
            raise ValueError(
                f"rates between cells differ by e^{spread:.3g}, and elimination tells up to "
                f"e^{WIDEST:g} apart; lower beta, or refine the grid, which lessens what the drift "
                "does from a cell to the next"
            ) from None
        inner, cells = inner.within(left), cells[left]
    indptr, neighbours, *logs = inner.pairs()
    indptr, neighbours = indptr.astype(np.int32), neighbours.astype(np.int32)
    coordinates = np.stack(np.unravel_index(cells, tuple(shape)), axis=1)
    tree = nested_dissection(indptr, neighbours, coordinates)
    _check_fill(tree)
    step = np.log(RADIX)
    exponents = [np.where(np.isneginf(a), 0.0, np.floor(a / step)) for a in logs]
    parts = [np.exp(a - e * step) for a, e in zip(logs, exponents, strict=True)]
    log_mass = np.full(rates.n, -np.inf)
    pattern = *tree.arrays, indptr, neighbours
    log_mass[cells], _ = _solve_wide(tree, pattern, (*parts, *exponents))
    return log_mass


def _check_fill(tree: Any) -> None:
    """Raise MemoryError before an elimination that will not fit."""
    advice = 'use solver="multilevel", or fewer cells'
    check_memory(8.0 * tree.n_fill, f"elimination of {tree.order.size} cells", advice)


def _solve_wide(tree: Any, pattern: Any, rates: Any) -> tuple[Array, int]:
    """Log masses by pairs of a number and an exponent, and fill."""
    L, L_e, exits, loss, is_done = heard(eliminate)(*pattern, *rates, True)
    if not is_done:
        raise ConvergenceError("a cell has no exit; check the rates for underflow")
    pi, exponent, _ = heard(back_substitute)(*tree.nodes, L, L_e, exits, loss)
    return _log_masses(tree, pi, exponent), tree.n_fill


def _log_masses(tree: Any, pi: Array, exponent: Array) -> Array:
    """Normalised log masses in the order of the cells, of pairs by position."""
    log_pi = np.log(pi) + (exponent - exponent.max()) * np.log(RADIX)
    shift = log_pi.max()
    log_mass = np.empty_like(log_pi)
    log_mass[tree.order] = log_pi - (shift + np.log(np.exp(log_pi - shift).sum()))
    return log_mass
