r"""Numbers in the sparse LU factors of a matrix, estimated before they are made.

Elimination by nested parts stores, for every part of radius r, a dense block of as many rows as the
part has cells on its surface. With balls B(r) of the graph and their surfaces S(r) that makes

.. math:: F=\sum_{r=1,2,4,\dots}\frac{S(r)^2}{B(r)}

numbers a cell: bounded on lines, :math:`\log n` in the plane and :math:`n^{1/3}` in space, with the
right powers of the width of the stencil and on slender boxes. Balls around typical cells do not see
walls, those around a cell at the end of the graph see nothing else; a product of both sums was
fitted to factors of 75 generators and linear fluxes.

References
----------
George, SIAM J. Numer. Anal. 10 (1973); Lipton, Rose and Tarjan, SIAM J. Numer. Anal. 16 (1979).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.linalg import memory

#: Bytes of a number in the factors: 8, and the row of half of them in 4.
BYTES = 10
#: F = FACTOR * (balls around typical cells)^INNER * (balls around an end)^OUTER.
FACTOR, INNER, OUTER = 1.1, 0.7, 0.4
#: Typical cells that are looked at.
TYPICAL = 4
#: Part of a sum below which what larger balls add is left out: on lines they are many.
NEGLIGIBLE = 0.01


def check_factors(matrix: Any, advice: str = "take fewer cells", most: float = np.inf) -> None:
    """Raise MemoryError if the sparse LU factors of a matrix (n, n) will not fit.

    Parameters
    ----------
    matrix : sparse matrix (n, n)
    advice : str
        What to do instead.
    most : float
        Numbers that are stored in no case, of incomplete factors.

    Raises
    ------
    MemoryError
        With the bytes that are needed and those that are free.
    """
    n = matrix.shape[0]
    size = BYTES * matrix.dtype.itemsize / 8
    # What the next lines find is less than this, and next to nothing is known fast to fit.
    if size * min(float(n) ** 2, most) <= memory.SMALL:
        return
    most = min(most, n * (2.0 * _bandwidth(matrix) + 1))
    if size * most <= max(memory.SMALL, memory.available_bytes()):
        return
    numbers = min(most, fill_estimate(matrix))
    memory.check_memory(size * numbers, f"sparse factors of a matrix of {n} cells", advice)


def _bandwidth(matrix: Any) -> int:
    """Largest distance of an entry from the diagonal."""
    entries = matrix.tocoo()
    return int(np.abs(entries.row.astype(np.int64) - entries.col).max(initial=0))


def fill_estimate(matrix: Any) -> float:
    """Numbers in L and U of a matrix (n, n), columns in minimum-degree order, to a factor of two.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.fill import fill_estimate
    >>> generator = fp.Generator(fp.Problem(fp.Grid([(0, 1)] * 2, 24)))
    >>> 10 < fill_estimate(generator.matrix) / generator.grid.size < 40
    True
    """
    pattern = sparse.csr_array(matrix)
    ones = np.ones(pattern.nnz)
    pattern = sparse.csr_array((ones, pattern.indices, pattern.indptr), shape=pattern.shape)
    pattern = sparse.csr_array(pattern + pattern.T)
    n = pattern.shape[0]
    starts = np.random.default_rng(0).integers(n, size=TYPICAL)
    inner = float(np.mean([_blocks(pattern, int(start)) for start in starts]))
    outer = _blocks(pattern, int(breadth_first_order(pattern, 0, return_predecessors=False)[-1]))
    # A cell stores itself.
    return n * (1 + FACTOR * inner**INNER * outer**OUTER)


def _blocks(pattern: Any, start: int) -> float:
    """Sum of S(r)^2 / B(r) over r = 1, 2, 4, ... around a cell."""
    total, ball, radius, measured = 0.0, 1, 0, 1
    seen = np.zeros(pattern.shape[0], bool)
    seen[start] = True
    front: Integers = np.array([start])
    while True:
        front = _neighbours(pattern, front)
        front = np.unique(front[~seen[front]])
        if not front.size:
            return total
        seen[front] = True
        ball, radius = ball + front.size, radius + 1
        if radius == measured:
            term = front.size**2 / ball
            total, measured = total + term, 2 * measured
            if term < NEGLIGIBLE * total:
                return total


def _neighbours(pattern: Any, cells: Integers) -> Integers:
    """Columns of some rows, one after the other."""
    low = pattern.indptr[cells]
    count = pattern.indptr[cells + 1] - low
    offset: Array = np.repeat(low - np.cumsum(count) + count, count)
    return np.asarray(pattern.indices[offset + np.arange(count.sum())])
