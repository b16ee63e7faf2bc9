"""Cells, faces and fields of a grid in the form in which kernels take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.fields import at
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import current

#: Tilt of an edge whose conductance is zero: pure upwinding, as B(800) underflows.
UPWIND_TILT = 800.0


def neighbours(grid: Grid, k: int) -> tuple[Any, Any]:
    """Index pairs (lower, upper) of the cells on both sides of the faces across axis k."""
    n = grid.shape[k]
    first = np.arange(n if grid.periodic[k] and n > 2 else n - 1)
    before = (slice(None),) * k
    return (*before, first), (*before, (first + 1) % n)


def cells_along(side: Side) -> tuple[Any, float]:
    """Index of the cells along a side of the box, and the sign of the direction out of it."""
    row, sign = (-1, 1.0) if side.end == "upper" else (0, -1.0)
    return (*(slice(None),) * side.axis, row), sign


def offsets_of(grid: Grid, tail: Integers, head: Integers) -> Integers:
    """Head minus tail in cells (n_edges, d), int16; the shorter way round on periodic axes."""
    out = np.empty((tail.size, grid.dim), np.int16)
    threads.run(
        current.offsets, current.offsets_threads, threads.parts(grid.size), np.array(grid.shape),
        np.array(grid.periodic), tail, head, out,
    )  # fmt: skip
    return out


def diffusion(problem: Problem) -> Array:
    """Read-only D (d d, n), or (d d, 1) where it is stored as one matrix."""
    D, d = problem.D, problem.grid.dim
    return flat(D[at((0,) * d)] if not any(D.strides[2:]) else D, d * d)


def flat(a: ArrayLike | None, rows: int) -> Array:
    """Read-only array (rows, n) of a field, (rows, 0) of None."""
    a = np.empty((rows, 0)) if a is None else np.ascontiguousarray(a, dtype=float)
    # Read-only whoever owns it, so that numba compiles a kernel for one type of array only.
    return frozen(a.reshape(rows, -1).view())


def cell_type(n: int) -> type[np.integer]:
    """Integers that number n cells."""
    return np.int32 if n < 2**31 else np.int64


def side_flags(grid: Grid, word: str) -> Flags:
    """Flags (2 d) of the sides of one kind."""
    return np.array([side == word for pair in grid.sides for side in pair])
