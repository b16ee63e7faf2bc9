"""The result of an evolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.methods import DensityMethods
from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import ErrorReport, mass_report
from fokkerplanck.domain.packing import Saved, Stored
from fokkerplanck.domain.read_only import ReadOnly
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question, Repeatable
from fokkerplanck.evolution.coarser import value_report
from fokkerplanck.evolution.dense import Dense
from fokkerplanck.evolution.fingerprints import check_problem_is, problem_fingerprint
from fokkerplanck.evolution.first_schema import first_schema
from fokkerplanck.scheme.generator import Generator

#: What a run can end as.
STATUSES = ("finished", "stopped", "event", "interrupted", "failed")


@dataclass(frozen=True, eq=False)
class Solution(Repeatable, Saved, DensityMethods):
    r"""Densities at the output times, and a ledger of what they are worth; all arrays read-only.

    ``solution[i]`` is the density at ``t[i]``; iterating gives pairs (t, rho).

    Attributes
    ----------
    t : array (n_t,)
    rho : array (n_t, \*shape)
        Densities, 1/volume.
    mass : array (n_t,)
    free_energy : array (n_t,)
        :math:`F=\beta^{-1}\mathrm{KL}(\rho\|\rho_\infty)\ge0`, in units of f; where it ends: Notes.
    entropy : array (n_t,)
        :math:`-\int\rho\log\rho\,dx`.
    energy : array (n_t,)
        :math:`\int\Phi\rho\,dx` with :math:`\Phi=-\beta^{-1}\log\rho_\infty`, least value 0: free
        energy = energy - kT entropy + constant.
    dissipation : array (n_t,)
        :math:`-dF/dt\ge0`, as a sum of positive terms; for the "markov" steady state alone.
    min_rho : array (n_t,)
        Least density.
    stats : mapping
        Method, seconds, and what the method reports about its work and its error.
    status : {"finished", "stopped", "event", "interrupted", "failed"}
    message : str
        The status in words.
    grid : Grid
    beta : float
    log_rho_inf : array (\*shape) or None
        Steady log density that free energy, energy and dissipation refer to. Where there is none
        (absorbing sides, ``steady=False``) these three are nan.
    dense : Dense or None
        Interpolation between the steps of the run, with ``solve(..., dense=True)``.
    t_events, rho_events : tuples of arrays (m,) and (m, \*shape)
        Times and densities of the roots of every event.
    problem : Problem
        Of a run from a file that which ``load`` was given: files hold no functions.
    problem_repr : str
        The problem in words.
    centroids : array (d, \*shape) or None
        Mean places of the mass of the cells, where singular walls move them off the centres.
    error_estimate, error_report : array (n_t,), ErrorReport
        L1 error that the grid leaves at each output time, by two more runs when first asked for;
        of anything else by ``error_of``.

    Notes
    -----
    The densities relax to the null vector of the generator, ``steady_state(problem,
    scheme="markov")``. Against it, the default of ``solve``, F decreases at every step and decays
    to rounding. Another discretisation of the same steady state differs by its own error: against
    ``steady_state(problem)``, which is more accurate where there is a circulation, F levels off at
    the distance of the two, :math:`\beta^{-1}\mathrm{KL}(\rho_{markov}\|\rho_{auto})`, of fourth
    order in the cell width, may rise on its way there, and ``dissipation`` is not its rate.
    That level is no failure to relax, but an estimate of the error of the grid.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1, 2])
    >>> solution
    Solution(3 times from 0 to 2, finished, free energy 1.16 to 0.00035, min rho >= 3.0...e-27)
    >>> [float(round(grid.integrate(grid.x[0] * rho), 3)) for t, rho in solution]
    [1.0, 0.137, 0.019]
    """

    t: Array
    rho: Array
    mass: Array
    free_energy: Array
    entropy: Array
    energy: Array
    dissipation: Array
    min_rho: Array
    stats: Mapping[str, Any]
    status: str
    message: str
    grid: Grid
    beta: float
    log_rho_inf: Array | None = None
    problem_repr: str = field(default="", repr=False)
    dense: Dense | None = field(default=None, repr=False)
    t_events: tuple[Array, ...] = ()
    rho_events: tuple[Array, ...] = ()
    centroids: Array | None = field(default=None, repr=False)
    _asked: Question | None = field(default=None, repr=False)
    #: Whether the scheme moves values at cell centres, by a flux of high order, and not masses.
    _moves_values: bool = field(default=False, repr=False)
    #: Checksums of the problem, by which it is known again; told by ``save``.
    fingerprint: Mapping[str, str] | None = field(default=None, repr=False, compare=False)

    @property
    def _cap(self) -> float:
        """Highest order that is believed of numbers: fluxes of high order reach three."""
        return 3.0 if self._moves_values else 2.0

    def __post_init__(self) -> None:
        values = [getattr(self, entry.name) for entry in fields(self)]
        values += [*self.t_events, *self.rho_events]
        if self.dense is not None:
            values += [self.dense.t, self.dense.rho, self.dense.rate]
        for value in values:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        object.__setattr__(self, "stats", ReadOnly(self.stats))

    @property
    def _places(self) -> Array | None:
        """Means and moments are taken at the centroids."""
        return self.centroids

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, i: Any) -> Array:
        return self.rho[i]

    def __iter__(self) -> Iterator[tuple[float, Array]]:
        return zip(self.t.tolist(), self.rho, strict=True)

    @property
    def error_estimate(self) -> Array:
        r"""L1 error of the cell masses (n_t,) that the grid leaves, by observed order.

        From runs by the same method and tolerance on half and on a quarter as many cells along each
        axis, from ``rho[0]``, whose own error does not count. Linear fluxes of high order
        (``stats["scheme"]`` is not ``"markov"``) move values at cell centres: of these the error
        is then, :math:`\sum_i|\rho_i-\rho(x_i)|V_i`, and ``error_report`` says how much it matters
        if ``rho[0]`` was means over cells. The error in time is common to the three and no part of
        it. nan for problems given by arrays, for what was read
        from a file, and where a coarser run fails; ``error_report`` has the orders, and says why.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-5, 5)], 100)
        >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
        >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.3), [0, 0.5, 1])
        >>> exact = fp.gaussian(grid, 0.36787944, 1 - 0.7 * 0.13533528)
        >>> error = abs(solution.rho[-1] - exact).sum() * grid.volume
        >>> bool(0.3 < error / solution.error_estimate[-1] < 3)
        True
        """
        return np.asarray(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the orders it rests on, and what speaks against it."""
        three = self._three_grids
        if isinstance(three, str):
            return ErrorReport.missing(three, self.t.shape)
        grids, rho = [run.grid for run in three], [run.rho for run in three]
        report = value_report(rho, grids) if self._moves_values else None
        if report is not None:
            return report
        return mass_report([r * grid.volume for r, grid in zip(rho, grids, strict=True)], grids)

    def _unlike(self, other: Solution) -> str:
        """A run that did not get as far."""
        return "" if len(other) == len(self) else f"the run ended early: {other.message}"

    def at(self, t: ArrayLike) -> Array:
        r"""Density at any time of the run (\*shape), or densities at times (m,), by ``dense``.

        Positive, mass exact, fourth order in the steps of the run: see ``Dense``.

        Raises
        ------
        ValueError
            For times outside of the run, or a run without ``dense=True``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1], dense=True).at([0.2, 0.4]).shape
        (2, 8)
        """
        if self.dense is None:
            raise ValueError("the run kept nothing between its output times; solve with dense=True")
        return self.dense(t)

    def __call__(self, t: ArrayLike) -> Array:
        """Return ``at(t)``."""
        return self.at(t)

    def animate(self, **options: Any) -> Any:
        r"""Film with slider and play button, for notebooks and as a page: ``plot.animate(self)``.

        Parameters
        ----------
        **options
            ``max_frames``, ``fps``, ``top``, ``title``, ``dpi`` of `plot.animate`.

        Returns
        -------
        plot.Animation
            With ``_repr_html_``, ``html()`` and ``save(path)``.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> film = fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1, 2]).animate()
        >>> len(film), film.left_out
        (3, 0)
        """
        return import_module("fokkerplanck.plot").animate(self, **options)

    @property
    def problem(self) -> Problem:
        """Problem of the run; of one from a file, that which ``load`` was given.

        Raises
        ------
        ValueError
            If the run came from a file, or from a pickle that its functions could not go into.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 8)
        >>> problem = fp.Problem(grid)
        >>> fp.solve(problem, fp.uniform(grid), [0, 1]).problem is problem
        True
        """
        if self._asked is None:
            raise ValueError(
                "this Solution came without its problem, because files and pickles hold no "
                "functions; give the problem to load(path, problem=...), or keep it beside the "
                f"Solution (it was {self.problem_repr or 'not told'})"
            )
        return self._asked.problem

    def knowing(self, problem: Any, where: Any) -> Solution:
        """Return the run with its problem, if it is that of the run to the last bit.

        Parameters
        ----------
        problem : Problem
        where : str or path
            Where the run comes from, for messages.
        """
        if self.fingerprint is None:
            raise ValueError(
                f"{where} holds no fingerprint of its problem, as files of older versions; leave "
                "problem out"
            )
        Generator.problem_of(problem, "load")
        generator = Generator.of(problem, "load")
        check_problem_is(generator, self.fingerprint, where)
        return replace(self, _asked=Question.known(generator.problem))

    def _stored(self) -> Stored:
        """Arrays and metadata; densities that lie in files are read, functions leave their mark."""
        known = self.fingerprint
        if known is None and self._asked is not None:
            known = problem_fingerprint(Generator.of(self._asked.problem, "save"))
        plain: Any = replace(self, rho=np.asarray(self.rho), fingerprint=known)
        vars(plain).update(self._known())
        return super(Solution, plain)._stored()

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Solution:
        """Solution from what ``save`` stored, now or in files of schema 1."""
        values = first_schema(arrays, metadata) if "tree" not in metadata else None
        found = super().from_storage(arrays, metadata) if values is None else cls(**values)
        one_of(found.status, "status", STATUSES)
        return found

    def __repr__(self) -> str:
        """Times, status, free energy and least density."""
        F = ""
        if self.log_rho_inf is not None:
            F = f", free energy {self.free_energy[0]:.3g} to {self.free_energy[-1]:.3g}"
        return (
            f"Solution({len(self)} times from {self.t[0]:g} to {self.t[-1]:g}, {self.status}{F}, "
            f"min rho >= {self.min_rho.min():.3g})"
        )
