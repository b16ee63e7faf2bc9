r"""Steady states: density, potential, current, leftover field and what can be measured on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.detailed_balance import SUMMED
from fokkerplanck.scheme.stencils import quadrature_weights


@dataclass(frozen=True)
class SteadyStats:
    """How a steady state was computed.

    Attributes
    ----------
    scheme : {"exact", "markov", "log", "log4"}
        ``"exact"``: no current on any edge, closed form; ``"log4"``: ``accuracy=4``. The others as
        in ``steady_state``.
    solver : str
    message : str
        In words, with every fallback that was taken.
    iterations : int
        Newton steps, or Krylov steps of the multilevel solver on the finest grid; 0 for neither.
    history : tuple of float
        Relative balance after each Newton step, or each correction of the multilevel solver.
    reason : str
        Why this solver.
    source : str
        What a closed form was found from: a potential, the loss, or sums of the drift along lines.
    log_down_to : float
        c where the scheme ``"log"`` was solved in the cells above e^-c of the maximum only, and
        the others kept the shape of the Markov state; inf otherwise.
    """

    scheme: str
    solver: str
    message: str
    iterations: int = 0
    history: tuple[float, ...] = ()
    reason: str = ""
    source: str = ""
    log_down_to: float = np.inf

    @property
    def order(self) -> int:
        """Order of the error in the cell width, 2 or 4."""
        return 4 if self.scheme == "log4" else 2

    @property
    def has_known_potential(self) -> bool:
        """Whether the potential was known beforehand: then log rho is exact at cell centres."""
        return self.scheme == "exact" and self.source != SUMMED


@dataclass(frozen=True, eq=False)
class Found:
    """What a scheme has found: log density (n,), its residual, how, and the currents of edges.

    ``kept`` flags the cells (n,) that have the shape of the Markov state, if there are such.
    """

    log_rho: Array
    residual: float
    stats: SteadyStats
    currents: currents.EdgeCurrents
    kept: Flags | None = None


@dataclass(frozen=True, eq=False)
class SteadyState:
    r"""Steady state :math:`\rho_{ss}` of a problem, with all that follows from it.

    Attributes
    ----------
    log_rho : array (\*shape)
        Logarithm of the density, accurate where the density underflows.
    rho : array (\*shape)
        Density in 1/volume, integral 1.
    Phi : array (\*shape)
        Potential :math:`-\beta^{-1}\log\rho_{ss}`, least value 0, units of f.
    gibbs : array (\*shape) or None
        :math:`e^{-\beta f}/Z`; None without f.
    J, j : arrays (d, \*shape)
        Current (1/area/time) and leftover field :math:`j = J/\rho_{ss}` (length/time).
    psi : array (nx + 1, ny + 1) or None
        Stream function at cell corners, :math:`J=(\partial_y\psi,-\partial_x\psi)`; two dimensions.
    q : array (\*shape) or None
        :math:`\beta\psi/\rho_{ss}`, the entry of Q = [[0, q], [-q, 0]]; two dimensions.
    Q : array (d, d, \*shape) or None
        In two dimensions; see ``mean_Q`` in three.
    div_j, div_J : arrays (\*shape)
        Divergences of j and of :math:`j\rho_{ss}`; the second is 0 to rounding, the first need not.
        With ``stats.log_down_to = c`` the currents of the nine-point flux balance in the cells
        solved for alone; in the others div J is what they leave over on the Markov shape, small as
        the density there: below e^-c of its maximum.
    entropy_production : float
        :math:`\beta\int\rho\,j\cdot D^{-1}j\,dx` (1/time).
    residual : float
        Largest net flow out of a cell over its total outflow, recomputed from ``log_rho``; with
        ``stats.log_down_to = c`` over the cells solved for, the densest with what leaks below.
    stats : SteadyStats

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> ss = fp.steady_state(fp.Problem(grid, f=lambda x, y: (x**2 + y**2) / 2, D=(1, 0.5)))
    >>> ss.stats.scheme, ss.is_reversible()
    ('exact', True)
    """

    problem: Problem
    log_rho: Array
    residual: float
    stats: SteadyStats
    currents: currents.EdgeCurrents = field(repr=False)
    #: The steady state of another problem by the same scheme.
    _again: Callable[[Problem], SteadyState] = field(repr=False)

    @property
    def grid(self) -> Grid:
        """Grid of the problem."""
        return self.problem.grid

    @cached_property
    def rho(self) -> Array:
        """Density, integral 1."""
        return frozen(np.exp(self.log_rho))

    @cached_property
    def Phi(self) -> Array:
        """Potential -log(rho)/beta with least value 0."""
        return frozen((self.log_rho.max() - self.log_rho) / self.problem.beta)

    @cached_property
    def gibbs(self) -> Array | None:
        """Gibbs density exp(-beta f)/Z, or None without f."""
        if self.problem.f is None:
            return None
        exponent = -self.problem.beta * self.problem.f
        return frozen(np.exp(normalised(exponent, self.grid)))

    @cached_property
    def j(self) -> Array:
        """Leftover field J/rho."""
        return frozen(self.currents.leftover_field())

    @cached_property
    def J(self) -> Array:
        """Current rho j."""
        return frozen(self.rho * self.j)

    @cached_property
    def div_j(self) -> Array:
        """Divergence of j; equals beta j.grad Phi."""
        return frozen(self.currents.divergence_of_j())

    @cached_property
    def div_J(self) -> Array:
        """Divergence of j rho."""
        return frozen(self.currents.divergence_of_J())

    @cached_property
    def _stream(self) -> tuple[Array | None, Array | None]:
        """Stream function and q, in two dimensions."""
        if self.grid.dim != 2:
            return None, None
        psi, q = currents.stream_function(self.currents, self.problem.beta)
        return frozen(psi), frozen(q)

    @property
    def psi(self) -> Array | None:
        """Stream function at cell corners."""
        return self._stream[0]

    @property
    def q(self) -> Array | None:
        """Entry of Q in two dimensions."""
        return self._stream[1]

    @property
    def Q(self) -> Array | None:
        """Antisymmetric field Q in two dimensions."""
        if self.q is None:
            return None
        zero = np.zeros_like(self.q)
        return np.array([[zero, self.q], [-self.q, zero]])

    @cached_property
    def mean_Q(self) -> Array:
        r"""Mean of Q (d, d): :math:`\frac\beta2\langle x_ij_k-x_kj_i\rangle`, free of any gauge."""
        return frozen(self.currents.mean_Q(self.problem.beta))

    @cached_property
    def mean_current(self) -> Array:
        r"""Mean of J over the box (d,), the part on a periodic axis that no Q can carry."""
        J = self.currents.quadrature(self.rho) * self.j
        return frozen(self.grid.integrate(J) / self.grid.integrate(1.0))

    @cached_property
    def entropy_production(self) -> float:
        """Steady entropy production, 1/time."""
        if self.currents.affinity is not None and not currents.is_singular(self.problem).any():
            return self.currents.entropy_production_of_edges()
        rho = self.currents.quadrature(self.rho)
        return currents.entropy_production(self.j, self.problem, rho)

    @cached_property
    def gibbsian_defect(self) -> float:
        r"""Defect of div j = 0, :math:`\langle|j\cdot\nabla\Phi|\rangle` over its bound, in [0, 1].

        Assumption 4 of the paper in the form :math:`j\perp\nabla\Phi`; the bound is
        :math:`\langle|j||\nabla\Phi|\rangle`.
        """
        if self.is_reversible():
            return 0.0
        grad = np.stack([fields.difference(self.Phi, self.grid, k) for k in range(self.grid.dim)])
        along = np.abs(np.sum(self.j * grad, axis=0))
        size = np.sqrt(np.sum(self.j**2, axis=0) * np.sum(grad**2, axis=0))
        return float(self.grid.integrate(self.rho * along) / self.grid.integrate(self.rho * size))

    @cached_property
    def coarse(self) -> SteadyState | None:
        """Steady state on half as many cells; None for arrays, or where the same scheme fails."""
        try:
            state = self._again(self.problem.on(self.grid.coarsened()))
        except (ValueError, ConvergenceError):
            return None
        return state if state.stats.scheme == self.stats.scheme else None

    @cached_property
    def error_estimate(self) -> float:
        r"""Error :math:`\int|\rho_h-\rho|dx`, estimated on half as many cells.

        Order p, 2 or 4, assumed: the distance of the two densities, over :math:`(h_c/h)^p-1`. It
        is 0 for a known potential, and nan if the problem is given by arrays, which know one grid
        only, or if the coarse grid is solved by another scheme or not at all.
        """
        if self.stats.has_known_potential:
            return 0.0
        return float("nan") if self.coarse is None else self.error_from(self.coarse)

    def error_from(self, coarse: SteadyState) -> float:
        """Error in the way of ``error_estimate``, from the state on a grid of fewer cells."""
        if self.stats.has_known_potential:
            return 0.0
        grid, order = coarse.grid, self.stats.order
        guess = np.exp(fields.interpolate(coarse.log_rho, grid, self.grid, degree=order + 1))
        ratio = min(n / m for n, m in zip(self.grid.shape, grid.shape, strict=True))
        if order == 2:
            return float(self.grid.integrate(np.abs(self.rho - guess)) / (ratio**2 - 1))
        # Mass is one by the midpoint rule, which at walls is of second order; by a better rule it
        # is off by this much.
        off = abs(float(self.grid.integrate(quadrature_weights(self.grid) * self.rho)) - 1)
        fine, guess = (self.currents.quadrature(rho) for rho in (self.rho, guess))
        return off + float(self.grid.integrate(np.abs(fine - guess)) / (ratio**4 - 1))

    def is_reversible(self, tol: float = 1e-8) -> bool:
        r"""Whether j vanishes: rms j at most tol times rms of :math:`D\nabla\Phi`, under rho.

        Parameters
        ----------
        tol : float

        Returns
        -------
        bool
        """
        grad = np.stack([fields.difference(self.Phi, self.grid, k) for k in range(self.grid.dim)])
        force = np.einsum("ik...,k...->i...", self.problem.D, grad)
        rms = [float(self.grid.integrate(self.rho * np.sum(a**2, axis=0))) for a in (self.j, force)]
        return bool(np.sqrt(rms[0]) <= tol * np.sqrt(rms[1]))

    def __repr__(self) -> str:
        """Scheme, residual and entropy production."""
        return (
            f"SteadyState(scheme={self.stats.scheme!r}, residual={self.residual:.1e}, "
            f"entropy production={self.entropy_production:.4g}, {self.problem!r})"
        )


class SteadyInterrupt(KeyboardInterrupt):
    """Ctrl-C while a steady state was made better, with the one that was at hand.

    Attributes
    ----------
    state : SteadyState
        By the Markov scheme; by the ``"log"`` scheme if ``accuracy=4`` was interrupted.
    """

    def __init__(self, state: SteadyState) -> None:
        super().__init__(f"interrupted; .state is the state so far, scheme {state.stats.scheme!r}")
        self.state = state


def normalised(phi: Array, grid: Grid) -> Array:
    r"""Log density (\*shape) of integral 1 from log density up to a constant."""
    phi = phi.ravel()
    return (phi - logsumexp(phi, b=grid.volumes.ravel())).reshape(grid.shape)
