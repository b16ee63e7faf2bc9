"""Implicit steps on grids too large to factorise: solves with I - dt A by multigrid."""

from __future__ import annotations

import copy

import numpy as np

from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.shifted import ShiftedSolver
from fokkerplanck.scheme.flows import Flows

#: Ways to solve, and cells up to which "auto" factorises: fill grows like n log n in two and like
#: n^(4/3) in three dimensions.
SOLVERS = ("auto", "direct", "multilevel")
FACTORISED = {1: np.inf, 2: 1_500_000, 3: 50_000}
# Residual of a solve, and sweeps that fill cells in which the result was negative.
TOLERANCE, SWEEPS = 1e-13, 2


class ImplicitMultigrid:
    r"""Solves with the M-matrix :math:`I-\Delta t\,A` that keep a non-negative right side's sign.

    The multigrid solution is accurate relative to its largest entries, and entries many orders
    below may come out negative. They are set to zero and filled again by Jacobi sweeps, sums of
    non-negative numbers.

    Parameters
    ----------
    generator : Generator
    dt : float
        Step, > 0.
    flows : Flows, optional
    log_mass : array (n,), optional
        Stationary log masses, about; speeds up the solves.

    Attributes
    ----------
    tally : list of one float
        Mass, over that of the right side, that was negative and set to zero, over all solves.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.implicit_multigrid import ImplicitMultigrid
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> generator = fp.Generator(fp.Problem(grid, f=lambda x, y: x**2 + y**2))
    >>> p = (fp.gaussian(grid, (1, 1), 0.1) * grid.volume).ravel()
    >>> q = ImplicitMultigrid(generator, 0.1).solve(p)
    >>> abs(float(q.sum()) - 1) < 1e-11, bool(q.min() >= 0)
    (True, True)
    """

    rounding = TOLERANCE

    def __init__(self, generator, dt, flows=None, log_mass=None):
        self.dt, self.tally = float(dt), [0.0]
        self.flows = Flows.from_generator(generator) if flows is None else flows
        self._scale = 1 / (1 + self.dt * generator.exit_rates)
        self._solver = ShiftedSolver(generator, 1 / self.dt, log_mass)

    def solve(self, b, refine=True):
        """Solve (I - dt A) x = b to a residual of 1e-13; ``refine`` changes nothing."""
        x = self._solver.solve(b / self.dt, TOLERANCE, self._scale * b)
        if x.min() >= 0 or b.min() < 0:
            return x
        self.tally[0] -= float(x[x < 0].sum() / b.sum())
        x = np.maximum(x, 0.0)
        for _ in range(SWEEPS):
            x = np.maximum(x + self._scale * self.flows.implicit_residual(self.dt, b, x), 0.0)
        return x


def solver_for(generator, solver) -> str:
    """Name of the way to solve that "auto" stands for on this grid."""
    if solver != "auto":
        return solver
    grid = generator.grid
    return "direct" if grid.size <= FACTORISED[grid.dim] else "multilevel"


class Solvers(Factors):
    """The last few solvers for I - dt A of one generator, by dt, direct or multilevel.

    ``log_mass`` are stationary log masses (n,), which speed multilevel solves up; None without.
    """

    def __init__(self, generator, flows, solver="auto", log_mass=None):
        super().__init__(generator, flows)
        self.solver, self.log_mass = solver_for(generator, solver), log_mass
        self._multigrids: list[list[float]] = []

    @property
    def repaired(self) -> float:
        """Negative mass that multilevel solves left and that was set to zero, over the run."""
        return sum(tally[0] for tally in self._multigrids)

    def fork(self):
        """Copy for trial steps, whose repairs are not those of the run."""
        other = super().fork()
        other._multigrids = []
        if self.solver == "multilevel":
            other._kept = [copy.copy(solver) for solver in self._kept]
            for solver in other._kept:
                solver.tally = [0.0]
        return other

    def make(self, dt):
        """New solver for dt."""
        if self.solver == "direct":
            return super().make(dt)
        solver = ImplicitMultigrid(self.generator, dt, self.flows, self.log_mass)
        self._multigrids.append(solver.tally)  # outlives the solver
        return solver
