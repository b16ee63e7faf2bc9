r"""Steady states: density, potential, current, leftover field and what can be measured on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen, positive_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import balance_residual, closed_class
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady.accuracy import check_accuracy, estimated_error, fourth_order_state
from fokkerplanck.steady.markov import SOLVERS, stationary_log_mass
from fokkerplanck.steady.newton import solve_nine_point

SCHEMES = ("auto", "markov", "log")
#: Log density of cells without mass, below the least that has some.
EMPTY = 800.0


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
    """

    scheme: str
    solver: str
    message: str
    iterations: int = 0
    history: tuple[float, ...] = ()
    reason: str = ""


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
    entropy_production : float
        :math:`\beta\int\rho\,j\cdot D^{-1}j\,dx` (1/time).
    residual : float
        Largest net flow out of a cell over its total outflow, recomputed from ``log_rho``.
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
    log_rho: np.ndarray
    residual: float
    stats: SteadyStats
    currents: currents.EdgeCurrents = field(repr=False)

    @property
    def grid(self) -> Grid:
        """Grid of the problem."""
        return self.problem.grid

    @cached_property
    def rho(self) -> np.ndarray:
        """Density, integral 1."""
        return frozen(np.exp(self.log_rho))

    @cached_property
    def Phi(self) -> np.ndarray:
        """Potential -log(rho)/beta with least value 0."""
        return frozen((self.log_rho.max() - self.log_rho) / self.problem.beta)

    @cached_property
    def gibbs(self) -> np.ndarray | None:
        """Gibbs density exp(-beta f)/Z, or None without f."""
        if self.problem.f is None:
            return None
        exponent = -self.problem.beta * self.problem.f
        return frozen(np.exp(_normalised(exponent.ravel(), self.grid)))

    @cached_property
    def j(self) -> np.ndarray:
        """Leftover field J/rho."""
        return frozen(self.currents.leftover_field())

    @cached_property
    def J(self) -> np.ndarray:
        """Current rho j."""
        return frozen(self.rho * self.j)

    @cached_property
    def div_j(self) -> np.ndarray:
        """Divergence of j; equals beta j.grad Phi."""
        return frozen(self.currents.divergence_of_j())

    @cached_property
    def div_J(self) -> np.ndarray:
        """Divergence of j rho."""
        return frozen(self.currents.divergence_of_J())

    @cached_property
    def _stream(self):
        """Stream function and q, in two dimensions."""
        if self.grid.dim != 2:
            return None, None
        return tuple(frozen(a) for a in currents.stream_function(self.currents, self.problem.beta))

    @property
    def psi(self) -> np.ndarray | None:
        """Stream function at cell corners."""
        return self._stream[0]

    @property
    def q(self) -> np.ndarray | None:
        """Entry of Q in two dimensions."""
        return self._stream[1]

    @property
    def Q(self) -> np.ndarray | None:
        """Antisymmetric field Q in two dimensions."""
        if self.q is None:
            return None
        zero = np.zeros_like(self.q)
        return np.array([[zero, self.q], [-self.q, zero]])

    @cached_property
    def mean_Q(self) -> np.ndarray:
        r"""Mean of Q (d, d): :math:`\frac\beta2\langle x_ij_k-x_kj_i\rangle`, free of any gauge."""
        return frozen(self.currents.mean_Q(self.problem.beta))

    @cached_property
    def mean_current(self) -> np.ndarray:
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
    def error_estimate(self) -> float:
        r"""Error :math:`\int|\rho_h-\rho|dx`, estimated on half as many cells.

        Order p, 2 or 4, assumed: the distance of the two densities, over :math:`(h_c/h)^p-1`. It
        is 0 for a known potential, and nan if the problem is given by arrays, which know one grid
        only, or if the coarse grid is solved by another scheme or not at all.
        """
        scheme = "markov" if self.stats.scheme == "markov" else "auto"
        return estimated_error(self, lambda p, order: steady_state(p, scheme, accuracy=order))

    def is_reversible(self, tol=1e-8) -> bool:
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

    def __repr__(self):
        """Scheme, residual and entropy production."""
        return (
            f"SteadyState(scheme={self.stats.scheme!r}, residual={self.residual:.1e}, "
            f"entropy production={self.entropy_production:.4g}, {self.problem!r})"
        )


def steady_state(problem, scheme="auto", solver=None, tol=1e-10, accuracy=2) -> SteadyState:
    r"""Steady state :math:`\nabla\cdot(g\rho+\beta^{-1}\nabla\cdot(D\rho))=0`, :math:`\int\rho=1`.

    Parameters
    ----------
    problem : Problem
        Without absorbing sides.
    scheme : {"auto", "markov", "log"}
        ``"markov"``: null vector of the generator, positive and entry-wise accurate for any D and
        drift, the state that ``solve`` relaxes to; second order with a constant that grows with
        the circulation along the weak direction of D. ``"log"``: nine-point flux for log rho by
        Newton's method, whose error hardly depends on anisotropy and circulation. ``"auto"``:
        closed form where the edge list is in detailed balance, else ``"log"``, and ``"markov"``
        where Newton's method fails; ``stats.scheme`` and ``stats.message`` say which and why.
    solver : {None, "direct", "multilevel"}
        ``"direct"``: sparse elimination. ``"multilevel"``: nested grids and multigrid, cost and
        memory proportional to the cells. None: by size and dimension; ``stats.reason``.
    tol : float
        Of Newton's method: net flow of a cell over its exchange rate. Of the multilevel solver:
        estimated error of log rho.
    accuracy : {2, 4}
        Order. 4: smooth problems on uniform grids with D > 0, by deferred correction of the
        ``"log"`` state with a conservative flux of fourth order ((30a) in docs/theory.md).

    Returns
    -------
    SteadyState

    Raises
    ------
    ValueError
        If a side is absorbing (there is no steady state), if the steady state is not unique, a
        name is unknown, or ``accuracy=4`` does not exist for the problem.
    ConvergenceError
        If ``scheme="log"`` was asked for and Newton's method failed, if the multilevel solver did
        not converge, or if the grid does not
        resolve the problem to fourth order; ``.iterate`` holds the last log density.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=(1, 0.5))
    >>> ss = fp.steady_state(problem)
    >>> ss.stats.scheme, round(float(ss.mean_Q[0, 1]), 2)
    ('log', -0.74)
    """
    _check_arguments(problem, scheme, solver, tol)
    check_accuracy(problem, scheme, accuracy)
    if accuracy == 4:
        return fourth_order_state(steady_state(problem, scheme, solver, tol), tol)
    generator = Generator(problem)
    reached = closed_class(generator.matrix, problem.grid.shape)  # raises if not unique
    if scheme != "log" and reached.size == problem.grid.size:
        exact = exact_log_density(problem, generator.edges)
        if exact is not None:
            return _from_potential(problem, generator, *exact)
    markov = _markov(problem, generator, solver, reached.size, tol)
    if scheme == "markov" or (scheme == "auto" and reached.size < problem.grid.size):
        return markov  # log rho is minus infinity somewhere: nothing for Newton's method
    return _log(problem, generator, markov, tol, forced=scheme == "log")


def _check_arguments(problem, scheme, solver, tol):
    """Raise ValueError for what cannot be solved."""
    if not isinstance(problem, Problem):
        raise ValueError(f"steady_state received {type(problem).__name__}; give a Problem")
    if scheme not in list(SCHEMES):
        raise ValueError(f"scheme is {scheme!r}; choose from {', '.join(SCHEMES)}")
    if solver is not None and solver not in list(SOLVERS):
        raise ValueError(f"solver is {solver!r}; choose from {', '.join(SOLVERS)} or None")
    positive_number(tol, "tol")
    if problem.grid.has_absorbing_sides:
        raise ValueError(
            "the problem has absorbing sides: all mass leaves and there is no steady state; use "
            "reflecting or periodic sides, or quasi_stationary(problem) for the slowest mode"
        )


def _normalised(phi, grid):
    """Log density (*shape) of integral 1 from log density (n,) up to a constant."""
    volume = grid.volumes.ravel()
    return (phi - logsumexp(phi, b=volume)).reshape(grid.shape)


def _volumes(grid):
    """Cell volumes (n,)."""
    return grid.volumes.ravel()


def _state(problem, phi, stats, edge_currents, residual) -> SteadyState:
    """Steady state from log density (n,)."""
    log_rho = _normalised(phi, problem.grid)
    shifted = replace(edge_currents, log_rho=log_rho.ravel())
    return SteadyState(problem, frozen(log_rho), float(residual), stats, shifted)


def _from_potential(problem, generator, phi, name) -> SteadyState:
    """Closed form: no current on any edge."""
    stats = SteadyStats("exact", "none", f"detailed balance on every edge; log density from {name}")
    phi = phi - phi.max()
    residual = balance_residual(generator.matrix, phi + np.log(_volumes(problem.grid)))
    edge_currents = currents.EdgeCurrents.from_edges(generator.edges, phi)
    return _state(problem, phi, stats, edge_currents, residual)


def _markov(problem, generator, solver, n_reached, tol) -> SteadyState:
    """Null vector of the generator."""
    found = stationary_log_mass(problem, generator, solver, n_reached, tol)
    log_mass, message = found.log_mass, found.message
    empty = np.isneginf(log_mass)
    if empty.any():
        # Logarithms stay finite: the density of these cells is zero in double precision.
        log_mass = np.where(empty, log_mass[~empty].min() - EMPTY, log_mass)
        message += f"; {np.count_nonzero(empty)} cells are left for good: no mass, and j is 0 there"
    phi = log_mass - np.log(_volumes(problem.grid))
    stats = SteadyStats("markov", found.solver, message, found.steps, found.history, found.reason)
    edge_currents = currents.EdgeCurrents.from_edges(generator.edges, phi).without(empty)
    return _state(problem, phi, stats, edge_currents, found.residual)


def _log(problem, generator, markov, tol, forced) -> SteadyState:
    """Nine-point scheme from the Markov solution; that solution where Newton's method fails."""
    scheme = NinePoint(problem.grid, *index_units(problem))
    solver, reason = markov.stats.solver, markov.stats.reason
    chain = generator if solver == "multilevel" else None
    if reason != "asked for" and generator.edges.kind == "tensor" and problem.grid.dim == 2:
        chain = chain if problem.grid.size > sizes.NEWTON_FACTORISED[2] else None
    result = solve_nine_point(scheme, markov.log_rho.ravel(), tol, chain)
    if result.converged:
        message = (
            f"nine-point scheme by Newton's method, {result.iterations} steps with {result.how}"
        )
        stats = SteadyStats("log", "newton", message, result.iterations, result.history, reason)
        edge_currents = currents.EdgeCurrents.from_faces(scheme, result.log_rho)
        balance, rate = scheme.residual(result.log_rho)
        residual = np.abs(balance / rate).max()
        return _state(problem, result.log_rho, stats, edge_currents, residual)
    reason = (
        f"Newton's method for the nine-point scheme stopped at balance {result.balance:.1e} "
        f"after {result.iterations} steps"
    )
    if forced:
        raise ConvergenceError(
            f"{reason}, tol = {tol:g}; refine the grid, shrink the box to where the density is, or "
            'use scheme="markov"',
            iterate=result.log_rho.reshape(problem.grid.shape),
            residual=result.balance,
        )
    message = f"{reason}; fell back to {markov.stats.message}"
    stats = replace(
        markov.stats, message=message, iterations=result.iterations, history=result.history
    )
    return replace(markov, stats=stats)
