"""The heat equation as steepest descent of the Dirichlet energy in L2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck import energies
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator


@dataclass(frozen=True)
class L2Heat(MinimisingMovement):
    r"""Minimising movement of the Dirichlet energy in L2, for the heat equation.

    .. math:: \rho_{k+1} = \arg\min_\rho \tfrac12\int\beta^{-1}\nabla\rho\cdot D\nabla\rho
              + \frac1{2\tau}\|\rho-\rho_k\|_{L^2}^2
              \quad\Leftrightarrow\quad (I-\tau A)\,\rho_{k+1}=\rho_k

    The same equation that is the Wasserstein flow of minus the entropy: one curve, two energies,
    two distances. The step is that of backward Euler.

    Parameters
    ----------
    tau : float
        Longest step, time.

    Raises
    ------
    ValueError
        If the problem has a drift, or D depends on x such that there is one.

    References
    ----------
    Jordan, Kinderlehrer and Otto, SIAM J. Math. Anal. 29 (1998), section 1.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> heat = fp.Problem(grid)
    >>> start = fp.gaussian(grid, 0, 0.5)
    >>> solution = fp.solve(heat, start, [0, 1], fp.jko.L2Heat(tau=0.1))
    >>> bool((solution.stats["energy"][1:] < solution.stats["energy"][:-1]).all())
    True
    """

    def prepare(self, run: Run) -> Factors:
        """Factorisations; there must be no drift."""
        if self.energy is not None:
            raise ValueError("L2Heat has an energy of its own, Dirichlet's; leave energy out")
        if np.any(run.generator.edges.tilt != 0):
            raise ValueError(
                "L2Heat is for the heat equation, but this problem has a drift; use "
                "JKO(tau) for its free energy"
            )
        run.energy = _EdgeDirichlet(run.generator)
        return Factors(run.generator, Flows.from_generator(run.generator))

    def fork_scheme(self, scheme: Factors) -> Factors:
        """Factorisations, for a trial step."""
        return scheme.fork()

    def snapshot_scheme(self, scheme: Factors) -> Any:
        """Lengths of the steps that are factorised."""
        return scheme.snapshot()

    def restore_scheme(self, scheme: Factors, snapshot: Any) -> None:
        """Factorise again."""
        scheme.restore(snapshot)

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """Solve one implicit step."""
        return run.scheme.get(tau).solve(p)

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        return {"positivity": "by construction (inverse of an M-matrix)"}


class _EdgeDirichlet(energies.Energy):
    """Dirichlet energy with the conductances of an edge list."""

    def __init__(self, generator: Generator) -> None:
        self.edges = generator.edges

    def value(self, rho: ArrayLike, grid: Grid) -> float:
        """Half the weighted sum of squared jumps."""
        u, edges = np.ravel(rho), self.edges
        return float(0.5 * np.sum(edges.weight * (u[edges.head] - u[edges.tail]) ** 2))
