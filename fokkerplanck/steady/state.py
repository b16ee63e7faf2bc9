r"""Steady states: density, potential, current, leftover field and what can be measured on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from fokkerplanck.distributions.methods import DensityMethods
from fokkerplanck.domain import fields
from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.observed_order import (
    BESIDE,
    COARSE_UNRESOLVED,
    LARGEST,
    ErrorReport,
    beside_report,
    distance_report,
    mass_report,
    ratios_of,
)
from fokkerplanck.domain.packing import Saved, Stored, made, packed, sealed, unpacked, unsealed
from fokkerplanck.domain.portable import can_be_pickled
from fokkerplanck.domain.run_stats import ByKey
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question, Repeatable
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.cells import cells_along
from fokkerplanck.scheme.detailed_balance import SUMMED
from fokkerplanck.scheme.maxwell_boltzmann import irreversible_entropy_production
from fokkerplanck.scheme.stencils import quadrature_weights
from fokkerplanck.scheme.wall_edges import centroids
from fokkerplanck.steady.atoms import atom_masses
from fokkerplanck.steady.truncation import cut_off

#: Source of the closed form of ``Problem.langevin``.
MAXWELL_BOLTZMANN = "Maxwell-Boltzmann of the given potential"
#: Error of the box (L1) that is worth a word.
BOX_NOTED = 1e-3


@dataclass(frozen=True)
class SteadyStats(ByKey):
    """How a steady state was computed.

    Attributes
    ----------
    scheme : {"exact", "markov", "log", "upwind5", "log4"}
        ``"exact"``: closed form, without a current on any edge, or of ``Problem.langevin``;
        ``"log4"``: ``accuracy=4``. The others as in ``steady_state``.
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
        What a closed form was found from: a potential, the loss, sums of the drift along lines, or
        the energy of ``Problem.langevin``.
    numerical_diffusion : float
        What upwinding adds to the dissipation of the Markov state on this grid, over that of the
        problem: the temperature that it shows is about 1 plus this times the right one. nan for
        closed forms.
    tails : str
        Scheme of the far tails of ``"upwind5"``; empty for the others.
    negative_mass, moved_mass : float
        Of ``"upwind5"``: negative mass of its linear solution, and L1 distance to this state.
    atoms : dict
        Mass that sits on walls, by `Side`: rho in the cells there is that mass over the width.
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
    numerical_diffusion: float = float("nan")
    tails: str = ""
    negative_mass: float = 0.0
    moved_mass: float = 0.0
    atoms: Mapping[Side, float] = field(default_factory=dict)

    @property
    def knows_walls(self) -> bool:
        """Whether walls where D vanishes are more to the scheme than any other wall."""
        return self.scheme in ("exact", "markov", "upwind5")

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
class SteadyState(Repeatable, Saved, DensityMethods):
    r"""Steady state :math:`\rho_{ss}` of a problem, with all that follows from it.

    Attributes
    ----------
    log_rho : array (\*shape)
        Logarithm of the density, accurate where the density underflows. Cells that are left for
        good (``stats.message`` counts them) have no mass, and minus infinity would be right; in its
        place stands the value whose mass is e^-800 of the least of the other cells. It keeps the
        array finite and rho at 0, and says nothing about how unlikely such cells are.
    rho : array (\*shape)
        Density in 1/volume, integral 1.
    Phi : array (\*shape)
        Potential :math:`-\beta^{-1}\log\rho_{ss}`, least value 0, units of f. In cells without mass
        it is infinite; what stands there, 800 kT and more, follows from ``log_rho`` and is no
        height: means of Phi over densities with mass there mean nothing (`solve` says inf).
    gibbs : array (\*shape) or None
        :math:`e^{-\beta f}/Z`; None without f.
    J, j : arrays (d, \*shape)
        Current (1/area/time) and leftover field :math:`j = J/\rho_{ss}` (length/time). On a line J
        is the current of the edges, one number. In more dimensions j is the mean of the velocities
        of the edges around a cell; what balances in every cell to rounding are the mass currents of
        edges, ``currents.mass_currents()`` from cells ``currents.tail`` to ``currents.head``.
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
        :math:`\beta\int\rho\,j\cdot D^{-1}j\,dx` (1/time); of a ``Problem.langevin``, whose
        velocities change sign with time, that of the irreversible part of j.
    residual : float
        Largest net flow out of a cell over its total outflow, recomputed from ``log_rho``; with
        ``stats.log_down_to = c`` over the cells solved for, the densest with what leaks below.
    stats : SteadyStats
    error_estimate, error_report : float, ErrorReport
        L1 error of the cell masses, with its observed order; ``error_of`` for anything else.
    box_error, box_message : float, str
        What walls cut off, if they are not meant.
    coarse : SteadyState or None
        The same by the same scheme on half as many cells along each axis.

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
    #: The steady state of another problem by the same scheme; None after ``load``.
    _again: Callable[..., SteadyState] | None = field(default=None, repr=False)

    @property
    def grid(self) -> Grid:
        """Grid of the problem."""
        return self.problem.grid

    @cached_property
    def centroids(self) -> Array:
        r"""Mean places (d, \*shape) of the mass of the cells.

        Centres but in the cells near walls where D vanishes or the drift is singular (12, or a
        quarter of all), where rho is the mean over the cell and of all its points this one stands
        for it best; and in cells at walls with an atom, which is on the wall.
        """
        x = centroids(self.problem) if self.stats.knows_walls else self.grid.x
        if not self.stats.atoms:
            return x
        x, mass = np.array(x), self.rho * self.grid.volume
        for side, atoms in self._atoms.items():
            wall, _ = cells_along(side)
            k, share = side.axis, atoms / np.maximum(mass[wall], 1e-300)
            place = self.grid.box[k][0 if side.end == "lower" else 1]
            x[k][wall] += share * (place - x[k][wall])
        return frozen(x)

    @property
    def _places(self) -> Array:
        """Means and moments are taken at the centroids."""
        return self.centroids

    @cached_property
    def _atoms(self) -> dict[Side, Array]:
        """Masses on walls, of the cells along them."""
        mass = (self.rho * self.grid.volume).ravel()
        return {side: atom_masses(self.problem, mass, side) for side in self.stats.atoms}

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
        if self.grid.dim == 1:
            # The current is known better than the velocities of edges, whose mean this is else.
            flow = self.currents.current_of_a_line()
            if flow == 0:
                return frozen(np.zeros((1, *self.grid.shape)))
            with np.errstate(over="ignore"):
                field = np.sign(flow) * np.exp(np.log(abs(flow)) - self.log_rho)
            if np.isfinite(field).all():
                return frozen(field[None])
        return frozen(self.currents.leftover_field())

    @cached_property
    def J(self) -> Array:
        """Current rho j; on a line that of the edges."""
        if self.grid.dim == 1:
            return frozen(np.full((1, *self.grid.shape), self.currents.current_of_a_line()))
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
        if self.problem.given.langevin is not None:
            if self.stats.has_known_potential:
                return 0.0  # equilibrium: all of j is reversible
            return irreversible_entropy_production(self.j, self.problem, self.rho)
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

    @property
    def error_estimate(self) -> float:
        r"""Error :math:`\sum_i|\rho_iV_i-\int_i\rho\,dx|` of the cell masses, by observed order.

        From three grids, the other two of half and a quarter as many cells along each axis, by the
        same scheme; closed forms too, whose cells are exact at their centres and whose quadrature
        and normalisation are not. At most 2. nan without an answer on the coarser grids, for
        problems given by arrays, which know one grid only; ``error_report`` has the order, and
        says why.
        """
        return float(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the order it rests on, and what speaks against it."""
        three = self._three_grids
        if not isinstance(three, str):
            return self.error_from(*three[1:])
        if self.stats.order == 2:
            return ErrorReport.missing(three)
        if self.coarse is None:
            other = self._fifth_order
            if isinstance(other, str):
                return ErrorReport.missing(f"{three}; {other}")
            near = float(self.grid.integrate(np.abs(self.rho - other.rho)))
            return ErrorReport(min(near + self._off, LARGEST), float("nan"), f"{BESIDE}: {three}")
        # Grids too coarse for the fourth order are refused, often on a quarter of the cells.
        ratio = self.grid.shape[0] / self.coarse.grid.shape[0]
        near = self.distance_from(self.coarse)
        value = min(self._off + near / (ratio**self.stats.order - 1), LARGEST)
        return ErrorReport(value, float("nan"), f"order 4 assumed, not measured: {three}")

    def error_of(self, quantity: Callable[[SteadyState], ArrayLike]) -> ErrorReport:
        """Estimated error of anything measured on this state; see `Repeatable.error_of`.

        Where no coarser grid bears the fourth order, it is the distance to what the fifth-order
        flux has on this grid, and the message says so.
        """
        if callable(quantity) and self.stats.order == 4 and isinstance(self._three_grids, str):
            other = self._fifth_order
            if isinstance(other, str):
                return ErrorReport.missing(f"{self._three_grids}; {other}")
            values = quantity(self), quantity(other)
            return beside_report(*values, self.grid, self._cell_weights, self._three_grids)
        return super().error_of(quantity)

    @cached_property
    def _fifth_order(self) -> SteadyState | str:
        """The state by the fifth-order flux on the same grid, or why there is none."""
        if self._again is None:
            return "the result does not know its problem"
        try:
            return self._again(self.problem, scheme="upwind5", accuracy=2)
        except ConvergenceError as error:
            return str(error)

    def error_from(self, half: SteadyState, quarter: SteadyState) -> ErrorReport:
        """Error in the way of ``error_report``, from states on two coarser grids."""
        states, order = (self, half, quarter), self.stats.order
        grids = [state.grid for state in states]
        if order == 2:
            return mass_report([s.rho * s.grid.volume for s in states], grids, order)
        near, far = self.distance_from(half), half.distance_from(quarter)
        report = distance_report(near, far, ratios_of(grids), order)
        return replace(report, value=min(report.value + self._off, LARGEST))

    @property
    def _off(self) -> float:
        """What mass is off from one by a better rule than the midpoint rule, which makes it one.

        At walls that is of second order.
        """
        return abs(float(self.grid.integrate(quadrature_weights(self.grid) * self.rho)) - 1)

    def distance_from(self, coarse: SteadyState) -> float:
        """L1 distance to the density of a coarser grid at cell centres, by splines of log rho."""
        degree = self.stats.order + 1
        guess = np.exp(fields.interpolate(coarse.log_rho, coarse.grid, self.grid, degree=degree))
        fine, guess = (self.currents.quadrature(rho) for rho in (self.rho, guess))
        return float(self.grid.integrate(np.abs(fine - guess)))

    @property
    def _asked(self) -> Question | None:
        """Problem, and its steady state by the same scheme."""
        return None if self._again is None else Question(self.problem, self._again)

    def _stored(self) -> Stored:
        """Arrays and metadata: the problem with fields at cell centres in place of functions."""
        arrays: dict[str, np.ndarray] = {}
        asked = ("entropy_production", "centroids", "box_error")  # these look at functions
        known = {name: getattr(self, name) for name in asked}
        tree = {
            "problem": packed(self.problem.at_cells, arrays, "problem"),
            "log_rho": packed(self.log_rho, arrays, "log_rho"),
            "residual": packed(self.residual, arrays, "residual"),
            "stats": packed(self.stats, arrays, "stats"),
            "currents": packed(self.currents, arrays, "currents"),
            "cached": packed(known | self._known(), arrays, "cached"),
        }
        return arrays, sealed(tree, arrays)

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> SteadyState:
        """Steady state from what ``save`` stored."""
        tree = unsealed(arrays, metadata)
        known, given = (unpacked(tree.pop(name), arrays) for name in ("cached", "problem"))
        state: SteadyState = made(cls, tree, arrays, problem=Problem.from_cells(**given))
        vars(state).update(known)
        return state

    def _pickled(self) -> dict[str, Any]:
        """Everything; where functions cannot go into a pickle, what a file keeps."""
        if can_be_pickled(self.problem):
            return super()._pickled()
        return dict(vars(type(self).from_storage(*self._stored())))

    @property
    def _cap(self) -> float:
        """Order of the scheme; of numbers, the fifth-order flux has been seen to reach three."""
        return 3.0 if self.stats.scheme == "upwind5" else float(self.stats.order)

    @property
    def _doubts(self) -> str:
        """Coarser grids that leave nothing of the density leave nothing else."""
        return COARSE_UNRESOLVED if COARSE_UNRESOLVED in self.error_report.message else ""

    def _cell_weights(self) -> Array:
        """Masses of the cells."""
        return self.rho * self.grid.volume

    def _unlike(self, other: SteadyState) -> str:
        """Another scheme, whose errors are of another kind."""
        if other.stats.scheme == self.stats.scheme:
            return ""
        return f"{other.stats.scheme!r} was taken in place of {self.stats.scheme!r}"

    @cached_property
    def box_error(self) -> float:
        r"""L1 error of the box, if its walls are not meant but stand where the density is small.

        .. math:: 2\sum\rho_{wall}/|\partial_n\log\rho|

        over reflecting walls at which D does not vanish and towards which rho falls: what would
        lie beyond them, twice. Never part of ``error_estimate``: no finer grid makes it smaller,
        a larger box does.
        """
        return cut_off(self.log_rho, self.problem)

    @property
    def box_message(self) -> str:
        """What ``box_error`` says if it is above 1e-3; else empty."""
        if not self.box_error > BOX_NOTED:
            return ""
        return (
            f"walls cut off about {self.box_error:.1g} of the density (L1), enlarge the box; if "
            "the walls are meant, ignore this"
        )

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
