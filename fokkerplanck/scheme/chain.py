"""What solvers ask of a Markov chain on the cells of a grid; a `Generator` is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array


class Chain(Protocol):
    """Rates between cells: p' = A p for cell masses p.

    Attributes
    ----------
    grid : Grid
    matrix : scipy.sparse.csr_array, shape (n, n)
        A, 1/time.
    exit_rates : array (n,)
        Total rate out of each cell, minus the diagonal of A, 1/time.
    leaks : bool
        True if mass leaves through absorbing sides.
    """

    @property
    def grid(self) -> Grid: ...  # noqa: D102

    @property
    def matrix(self) -> Any: ...  # noqa: D102

    @property
    def exit_rates(self) -> Array: ...  # noqa: D102

    @property
    def leaks(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class PlainChain:
    """A chain that is given by its matrix: a transposed generator, or a part of one."""

    grid: Grid
    matrix: Any
    exit_rates: Array
    leaks: bool = False
