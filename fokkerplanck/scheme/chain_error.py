"""Whether the Markov chain of a problem is good enough for questions about time."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.currents import is_singular
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.dissipation import added_noise, coth_excess
from fokkerplanck.scheme.edges import Edges

#: Cells along each axis of the grid on which a problem is judged, whatever grid it is on.
REFERENCE_CELLS = 64.0
#: Noise that upwinding adds there, over that of the problem, above which the chain is left.
TOO_MUCH = 0.02
#: Density over the largest below which it counts as this much: gradients of logs stay finite.
FLOOR = 1e-12


class ChainError:
    r"""Noise that the Markov chain adds to a problem, judged on a grid of 64 cells along each axis.

    R64 is the error of the chain's diffusion currents in a density, relative, with tilts and
    differences of log density as they would be on that grid (``added_noise``). A linear flux of
    fifth order takes the place of the chain where R64 exceeds .02. To the extent that a grid
    resolves a density, R64 does not depend on the grid, and so the choice does not either: with
    more cells the error goes on falling at the rate of one scheme. A threshold for the grid at hand
    would give up fifth order for second where cells become small, and the finer grid would be the
    worse one.

    Parameters
    ----------
    problem : Problem
    edges : Edges
        Of the problem; its exits play no part.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.chain_error import ChainError
    >>> def noise(n):
    ...     grid = fp.Grid([(-4, 4), (-4, 4)], n)
    ...     problem = fp.Problem(grid, drift=lambda x, y: (6 * y - x, -6 * x - y))
    ...     start = fp.gaussian(grid, (1, 0), 0.2)
    ...     return ChainError(problem, fp.Edges.from_problem(problem)).of(start)
    >>> round(noise(32), 3), round(noise(96), 3)
    (0.024, 0.024)
    """

    def __init__(self, problem: Problem, edges: Edges) -> None:
        self._problem, self._edges = problem, edges

    @cached_property
    def is_singular(self) -> bool:
        """Whether D has a direction without noise somewhere."""
        return bool(is_singular(self._problem).any())

    @cached_property
    def is_one_way(self) -> bool:
        """Whether drift goes along directions without noise: there a flux is always taken."""
        edges = self._edges
        return self.is_singular and edges.one_way is not None and not edges.knows_walls

    @cached_property
    def never_matters(self) -> bool:
        """Whether the chain is kept whatever the density.

        Where all axes end at walls without noise, along which it is exact; on a line with points
        without noise, which it alone knows; without drift to speak of; and in detailed balance,
        where its steady state is exact and its free energy falls by a theorem.
        """
        edges = self._edges
        if edges.grid.dim == 1 and self._problem.inner_zeros:
            return True
        if len(edges.exact_axes) == edges.grid.dim:
            return True
        if self.is_one_way:
            return False  # tilts of pure upwinding may add up, but nothing comes back there
        wider = edges.grid.size ** (1 / edges.grid.dim) / REFERENCE_CELLS
        steepest = wider * np.abs(edges.tilt[~edges.is_exact]).max(initial=0.0)
        if float(coth_excess(0.5 * steepest)) <= TOO_MUCH:
            return True  # no density can feel more
        return exact_log_density(self._problem, edges) is not None

    def of_log(self, log_rho: Array) -> float:
        """R64 of a log density (n,), -inf where there is none."""
        return added_noise(self._edges, log_rho, REFERENCE_CELLS, ~self._edges.is_exact)

    def of(self, rho: Array) -> float:
        """R64 of a density; negative values count as none."""
        top = rho.max()
        if not top > 0:  # all of the mass has left
            return 0.0
        return self.of_log(np.log(np.maximum(rho.ravel() / top, FLOOR)))

    def wants_flux(self, noise: float) -> bool:
        """Whether the linear flux has to take the place of the chain, for R64 of a density."""
        return not self.never_matters and (self.is_one_way or noise > TOO_MUCH)
