"""Wells behind high barriers: which cells they are, and the iteration that finds their weights.

The weights of such wells are an almost free mode of the linearised equations, in which rounding
errors swamp the solution. So one cell of every well, the densest, is held while the equations are
solved, and the weights follow by elimination without subtractions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from fokkerplanck.domain.interrupts import heard
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.kernels.linalg import basins
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.scheme.fourth_order import FourthOrder
from fokkerplanck.scheme.nine_point import NinePoint

#: Barrier in kT from which on a well has a weight of its own.
WELL_DEPTH = 8.0
#: Change of a log weight that counts as none.
WEIGHT_TOLERANCE = 1e-9
#: Updates of the weights after which the iteration has failed.
MAX_WEIGHT_UPDATES = 60
#: Largest ratio of two changes of the weights that is extrapolated.
LARGEST_RATIO = 0.9


@dataclass(frozen=True, eq=False)
class Iteration:
    """Last iterate, its relative balance, whether it met the tolerance, and what solved steps.

    ``gave_up``: it was stopped because the mass did not move. Where only the cells above
    e^-log_down_to of the densest were solved for, ``kept`` flags the others (n,), which have the
    shape of the Markov state.
    """

    log_rho: Array
    balance: float
    iterations: int
    converged: bool
    history: tuple[float, ...]
    how: str = ""
    gave_up: bool = False
    log_down_to: float = np.inf
    kept: Flags | None = None

    def after(self, earlier: Iteration) -> Iteration:
        """Return this result with the steps of an earlier iteration counted too."""
        return replace(
            self,
            iterations=earlier.iterations + self.iterations,
            history=earlier.history + self.history,
        )


def deep_wells(graph: sparse.csr_array, phi: Array, depth: float = WELL_DEPTH) -> Integers:
    """Densest cells of the wells that are parted by barriers of ``depth`` kT or more.

    Parameters
    ----------
    graph : csr_array (n, n)
        Whose pattern says which cells are neighbours.
    phi : array (n,)
        Log density, or log mass.
    """
    order = np.argsort(-phi, kind="stable")
    flags = heard(basins.deep_maxima)(order, graph.indptr, graph.indices, phi, depth)
    return np.flatnonzero(flags)


def pass_level(graph: sparse.csr_array, phi: Array, wells: Integers) -> float:
    """Log density of the highest level at which all wells are joined, by bisection.

    Parameters
    ----------
    graph : csr_array (n, n)
        Whose pattern says which cells are neighbours.
    phi : array (n,)
    wells : int array (m,)
        Cells that are to be joined.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> from fokkerplanck.steady.wells import pass_level
    >>> line = diags_array([np.ones(4), np.ones(4)], offsets=[-1, 1], format="csr")
    >>> pass_level(line, np.array([0.0, -1.0, -3.0, -2.0, 0.0]), np.array([0, 4]))
    -3.0
    """
    levels = np.unique(phi[phi <= phi[wells].min()])
    low, high = 0, levels.size  # joined at levels[low]; high: not joined, or above the wells
    while high - low > 1:
        middle = (low + high) // 2
        above = np.flatnonzero(phi >= levels[middle])
        parts = connected_components(graph[above][:, above], directed=False)[1]
        if np.ptp(parts[np.searchsorted(above, wells)]) == 0:
            low = middle
        else:
            high = middle
    return float(levels[low])


def with_weights(
    scheme: NinePoint | FourthOrder,
    result: Iteration,
    wells: Callable[[Array], Integers],
    again: Callable[[Array], Iteration],
) -> Iteration:
    """Solution with the weights of its wells, from one in which each well is right by itself.

    Parameters
    ----------
    scheme : NinePoint or FourthOrder
        Its ``chain`` is a Markov generator with the same currents.
    result : Iteration
        First solution.
    wells : callable
        ``wells(log_rho)`` are the cells that were held.
    again : callable
        ``again(log_rho)`` solves the equations once more, from another start.
    """
    previous = None
    for _ in range(MAX_WEIGHT_UPDATES):
        held = wells(result.log_rho)
        if not result.converged or len(held) == 1:
            return result
        phi = null_vector(scheme.chain(result.log_rho), scheme.grid.shape).log_mass
        phi = phi - np.log(scheme.grid.volumes).ravel()
        change = phi - phi.max() - result.log_rho
        shift = change[held]
        # Weights approach their fixed point geometrically: Aitken's extrapolation.
        if previous is not None and previous.size == shift.size and np.any(previous):
            ratio = float(np.clip(shift @ previous / (previous @ previous), 0.0, LARGEST_RATIO))
            phi, previous = result.log_rho + change / (1 - ratio), None
        else:
            previous = shift
        result = again(phi).after(result)
        if np.ptp(shift) < WEIGHT_TOLERANCE:
            return result
    return replace(result, converged=False)
