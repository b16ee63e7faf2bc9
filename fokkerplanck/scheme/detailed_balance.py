"""Steady states in closed form: edge lists whose tilts are differences of one potential."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import graph
from fokkerplanck.kernels.scheme import current
from fokkerplanck.scheme.edges import Edges

#: Name of the source of a density found without a known potential.
SUMMED = "line integrals of the drift"


def exact_log_density(problem: Problem | None, edges: Edges) -> tuple[Array, str] | None:
    r"""Log density whose differences are the tilts of all edges, or None (Kolmogorov's criterion).

    Such a density is in detailed balance with the generator, with no current on any edge. The
    potential f/c (D = c), or the one given, is tried first; else tilts are summed along a tree.

    Parameters
    ----------
    problem : Problem or None
        None if there is no more than the edges.
    edges : Edges

    Returns
    -------
    (log_density, name) or None
        Array (n,), up to a constant, and what it was found from.
    """
    for name, candidate in _candidates(problem):
        phi = candidate.ravel()
        if _explains(edges, phi):
            return phi, name
    found = summed_log_density(edges)
    return None if found is None else (found, SUMMED)


def summed_log_density(edges: Edges) -> Array | None:
    """Log density whose differences are the tilts of all edges, from the edge list alone, or None.

    The array (n,) is the line integral of the tilts along a tree, up to a constant.
    """
    phi: Array | None = np.empty(edges.grid.size)
    first = np.empty(edges.grid.size, np.int64)
    if not graph.sum_tilts(edges.tail, edges.head, edges.tilt, first, phi):
        phi = _searched(edges)
    return phi if phi is not None and _explains(edges, phi) else None


def _candidates(problem: Problem | None) -> Iterator[tuple[str, Array]]:
    """Potentials that are known beforehand."""
    if problem is None:
        return
    if problem.potential is not None and problem.circulation is None:
        yield "the given potential", -problem.beta * problem.potential
    elif problem.f is not None and problem.D_constant and problem.D_kind == "isotropic":
        yield "the loss", -problem.beta * problem.f / problem.D.flat[0]


def _explains(edges: Edges, phi: Array) -> bool:
    """True if every tilt is the difference of phi, to rounding."""
    limit = 1e-12 * (1 + float(np.ptp(phi)))
    parts = threads.parts(edges.grid.size)
    worst = np.empty(parts)
    threads.run(
        graph.tilt_defect, graph.tilt_defect_threads, parts, edges.tail, edges.head, edges.tilt,
        np.array(phi), limit, worst,
    )  # fmt: skip
    return bool((worst <= limit).all())


def _searched(edges: Edges) -> Array | None:
    """Sums of tilts along a breadth-first tree; None if the edges do not join all cells."""
    n, m = edges.grid.size, edges.tail.size
    where = np.concatenate([edges.tail, edges.head]), np.concatenate([edges.head, edges.tail])
    entry = np.concatenate([np.arange(m), np.arange(m)]).astype(float)
    rows = sparse.coo_array((entry + 1, where), shape=(n, n)).tocsr()
    if rows.nnz < 2 * m:  # two edges between one pair of cells: not a tree of tilts
        return None
    edge = rows.data.astype(np.int64) - 1
    own = np.repeat(np.arange(n), np.diff(rows.indptr))
    tilt = np.where(edges.tail[edge] == own, edges.tilt[edge], -edges.tilt[edge])
    phi = np.empty(n)
    components = current.integrate_tilts(rows.indptr, rows.indices, tilt, phi)
    return phi if components == 1 else None
