"""Elimination orders: geometric nested dissection of the graph of a matrix on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from fokkerplanck.domain.interrupts import heard
from fokkerplanck.domain.kept import Kept
from fokkerplanck.domain.types import Integers
from fokkerplanck.kernels.linalg.dissection import boundaries, dissect

#: Cells of a part that is no longer cut but eliminated as one dense block.
LEAF = 16
#: Cells that an edge may span; cells at longer ones, which close a ring, are looked up one by one.
SHORT = 16
#: Orders that are kept for the next matrix of the same pattern, and the most integers of each.
KEPT, MOST_NUMBERS = 3, 1_000_000
#: Part of the edges that must join other cells than nearest neighbours for a stencil to be wide;
#: those that close a ring are few.
WIDE = 0.2


@dataclass(frozen=True, eq=False)
class Dissection:
    """Elimination order and tree of separators; node t eliminates a run of consecutive positions.

    Attributes
    ----------
    order : array, shape (n,)
        Cell eliminated at every position.
    position : array, shape (n,)
        Inverse of ``order``.
    starts : array, shape (n_nodes + 1,)
        Node t eliminates positions ``starts[t]`` to ``starts[t + 1]``.
    n_children : array, shape (n_nodes,)
        Children come before their parent; those of node t are the last ``n_children[t]`` nodes
        before it that have no parent yet.
    bound_ptr : array, shape (n_nodes + 1,)
    bound : array
        Later positions coupled to node t: ``bound[bound_ptr[t]:bound_ptr[t + 1]]``.
    """

    order: Integers
    position: Integers
    starts: Integers
    n_children: Integers
    bound_ptr: Integers
    bound: Integers

    @property
    def n_fill(self) -> int:
        """Numbers stored in the factor L, with the zeros inside its dense blocks."""
        pivots, rest = np.diff(self.starts).astype(np.int64), np.diff(self.bound_ptr)
        return int(np.sum(pivots * (pivots - 1) // 2 + pivots * rest))

    @property
    def arrays(self) -> tuple[Integers, Integers, Integers, Integers, Integers, Integers]:
        """All of it, as kernels that eliminate take it."""
        order, nodes = (self.order, self.position), (self.starts, self.n_children)
        return *order, *nodes, self.bound_ptr, self.bound

    @property
    def nodes(self) -> tuple[Integers, Integers, Integers]:
        """What kernels that substitute need: positions and boundary of every node."""
        return self.starts, self.bound_ptr, self.bound


def nested_dissection(indptr: Integers, neighbours: Integers, coordinates: Integers) -> Dissection:
    r"""Order the cells of a grid so that elimination fills little: O(n log n) entries in 2D.

    Every part is cut in two at its median along one of several directions; the cells on one side
    of the cut that touch the other side are eliminated last. Wide stencils also try slanted cuts:
    along the strong direction of an anisotropic diffusion the separator is thinnest.

    Parameters
    ----------
    indptr, neighbours : int arrays
        Symmetric pattern without diagonal, in CSR form.
    coordinates : int array, shape (n, d)
        Multi-index of every cell on its grid.

    Returns
    -------
    Dissection

    Notes
    -----
    A. George, SIAM J. Numer. Anal. 10 (1973). Periodic axes need no flag: the pattern itself shows
    that the first cut needs two strips.

    Examples
    --------
    A path of 99 cells: every cell knows the one before and the one behind it.

    >>> import numpy as np
    >>> from fokkerplanck.linalg.dissection import nested_dissection
    >>> cells = np.arange(99)
    >>> neighbours = np.stack([cells - 1, cells + 1], axis=1).ravel()[1:-1]
    >>> indptr = np.r_[0, 1 + 2 * cells[:-1], 2 * 98]
    >>> tree = nested_dissection(indptr, neighbours, cells[:, None])
    >>> bool(np.all(tree.order[tree.position] == cells)), tree.n_fill < 99 * 16
    (True, True)
    """
    pattern = indptr.astype(np.int32), neighbours.astype(np.int32), coordinates.astype(np.int32)
    return _trees.of(pattern, lambda: _dissected(*pattern))


#: What hangs on rates alone has the same order again.
_trees: Kept[Dissection] = Kept(KEPT, MOST_NUMBERS)


def _dissected(indptr: Integers, neighbours: Integers, coordinates: Integers) -> Dissection:
    """Order and tree of a pattern."""
    rows = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    steps = coordinates[neighbours] - coordinates[rows]
    size = np.abs(steps)
    is_wide = bool(np.count_nonzero(size.sum(axis=1) > 1) > WIDE * len(steps))
    directions = _directions(coordinates.shape[1], is_wide)
    is_long = size.max(axis=1, initial=0) > SHORT
    is_far = np.zeros(indptr.size - 1, dtype=bool)
    is_far[rows[is_long]] = True
    short = steps[~is_long]
    reach = np.array([np.abs(short @ v).max(initial=0) for v in directions], dtype=np.int32)
    order, starts, n_children = heard(dissect)(
        indptr, neighbours, coordinates, directions, reach, is_far, LEAF
    )
    position, bound_ptr, bound = heard(boundaries)(order, starts, n_children, indptr, neighbours)
    return Dissection(order, position, starts, n_children, bound_ptr, bound)


def _directions(d: int, is_wide: bool) -> Integers:
    """Integer normals of the cuts to try: the axes, and slanted ones if the stencil is wide."""
    radius = 2 if is_wide and d == 2 else 1
    normals = [
        v
        for v in product(range(-radius, radius + 1), repeat=d)
        if np.gcd.reduce(v) == 1
        and next(x for x in v if x) > 0
        and (is_wide or np.count_nonzero(v) == 1)
    ]
    return np.array(sorted(normals, key=lambda v: sum(map(abs, v))), dtype=np.int32)
