"""Cells, faces and fields of a grid in the form in which kernels take them."""

from __future__ import annotations

import numpy as np

#: Tilt of an edge whose conductance is zero: pure upwinding, as B(800) underflows.
UPWIND_TILT = 800.0


def neighbours(grid, k):
    """Index pairs (lower, upper) of the cells on both sides of the faces across axis k."""
    n = grid.shape[k]
    first = np.arange(n if grid.periodic[k] and n > 2 else n - 1)
    before = (slice(None),) * k
    return (*before, first), (*before, (first + 1) % n)


def diffusion(problem):
    """Read-only D (d d, n), or (d d, 1) where it is stored as one matrix."""
    D, d = problem.D, problem.grid.dim
    return flat(D[(..., *(0,) * d)] if not any(D.strides[2:]) else D, d * d)


def flat(a, rows):
    """Read-only array (rows, n) of a field, (rows, 0) of None."""
    a = np.empty((rows, 0)) if a is None else np.ascontiguousarray(a, dtype=float)
    a = a.reshape(rows, -1).view()
    a.flags.writeable = False  # one type of array, whoever owns it: one compilation
    return a


def cell_type(n):
    """Integers that number n cells."""
    return np.int32 if n < 2**31 else np.int64


def side_flags(grid, word):
    """Flags (2 d) of the sides of one kind."""
    return np.array([side == word for pair in grid.sides for side in pair])
