"""Implicit steps on grids too large to factorise: solves with I - dt A by multigrid."""

from __future__ import annotations

import numpy as np

from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.shifted import ShiftedSolver
from fokkerplanck.scheme.flows import Flows

#: Ways to solve; "auto" takes one of the others by size.
SOLVERS = ("auto", "direct", "multilevel")
#: Residual of a solve, relative to that of x = 0.
TOLERANCE = 1e-13
#: Sweeps that fill the cells in which the result was negative.
SWEEPS = 2


class ImplicitMultigrid:
    r"""Solves with the M-matrix :math:`I-\Delta t\,A` that keep a non-negative right side's sign.

    The multigrid solution is accurate relative to its largest entries, and entries many orders
    below may come out negative. They are set to zero and filled again by Jacobi sweeps, sums of
    non-negative numbers.

    Parameters
    ----------
    chain : Chain
    dt : float
        Step, > 0.
    flows : Flows, optional
        Flows of the chain. Where they are left out the chain has to be a Generator.
    log_mass : array (n,), optional
        Stationary log masses, about; speeds up the solves.

    Attributes
    ----------
    repaired : float
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

    def __init__(self, chain, dt, flows=None, log_mass=None):
        self.dt, self.repaired = float(dt), 0.0
        self.flows = Flows.from_generator(chain) if flows is None else flows
        self._scale = 1 / (1 + self.dt * chain.exit_rates)
        self._solver = ShiftedSolver(chain, 1 / self.dt, log_mass, flows=self.flows)

    def solve(self, b, refine=True):
        """Solve (I - dt A) x = b to a residual of 1e-13; ``refine`` changes nothing."""
        x = self._solver.solve(b / self.dt, TOLERANCE, self._scale * b)
        if x.min() >= 0 or b.min() < 0:
            return x
        self.repaired -= float(x[x < 0].sum() / b.sum())
        x = np.maximum(x, 0.0)
        for _ in range(SWEEPS):
            x = np.maximum(x + self._scale * self.flows.implicit_residual(self.dt, b, x), 0.0)
        return x


def solver_for(chain, solver) -> str:
    """Name of the way to solve that "auto" stands for on the grid of a chain."""
    if solver != "auto":
        return solver
    grid = chain.grid
    return "direct" if grid.size <= sizes.IMPLICIT_FACTORISED[grid.dim] else "multilevel"


class Solvers(Factors):
    """The last few solvers for I - dt A of one chain, by dt, direct or multilevel.

    ``log_mass`` are stationary log masses (n,), which speed multilevel solves up; None without.
    """

    def __init__(self, chain, flows, solver="auto", log_mass=None):
        super().__init__(chain, flows)
        self.solver, self.log_mass = solver_for(chain, solver), log_mass
        self._repaired_before: float = 0  # by solvers that were dropped

    @property
    def repaired(self) -> float:
        """Negative mass that multilevel solves left and that was set to zero, over the run."""
        return sum((solver.repaired for solver in self._kept), self._repaired_before)

    def drop(self):
        """Forget the oldest solver, but not what it repaired."""
        self._repaired_before += self._kept[0].repaired
        super().drop()

    def snapshot(self):
        """Numbers from which ``restore`` makes the same solvers again."""
        return super().snapshot() | {"repaired_before": self._repaired_before}

    def restore(self, snapshot):
        """Make the solvers of a snapshot."""
        super().restore(snapshot)
        self._repaired_before = snapshot["repaired_before"]

    def make(self, dt):
        """New solver for dt."""
        if self.solver == "direct":
            return super().make(dt)
        return ImplicitMultigrid(self.chain, dt, self.flows, self.log_mass)
