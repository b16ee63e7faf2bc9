"""The steady state of a problem: which scheme and which solver, and what happens if one fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from fokkerplanck.domain.arguments import frozen, one_of, one_of_or_none, positive_number
from fokkerplanck.domain.progress import Bar
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady.accuracy import check_accuracy, fourth_order, has_fourth_order
from fokkerplanck.steady.evidence import LITTLE_DIFFUSION, Evidence, with_walls
from fokkerplanck.steady.markov import (
    SOLVERS,
    Stationary,
    reached_cells,
    stationary_log_mass,
)
from fokkerplanck.steady.schemes import (
    closed_form,
    log_state,
    markov_state,
    maxwell_boltzmann,
    upwind5_state,
)
from fokkerplanck.steady.state import Found, SteadyInterrupt, SteadyState

_log = logging.getLogger("fokkerplanck")

SCHEMES = ("auto", "markov", "log", "upwind5")


def steady_state(
    problem: Problem | Generator,
    scheme: str = "auto",
    solver: str | None = None,
    tol: float = 1e-10,
    accuracy: int | None = None,
    progress: Any = None,
) -> SteadyState:
    r"""Steady state :math:`\nabla\cdot(g\rho+\beta^{-1}\nabla\cdot(D\rho))=0`, :math:`\int\rho=1`.

    Parameters
    ----------
    problem : Problem, or the Generator of one
        Without absorbing sides.
    scheme : {"auto", "markov", "log", "upwind5"}
        ``"markov"``: null vector of the generator, positive and entry-wise accurate for any D and
        drift, the state that ``solve`` relaxes to; second order with a constant that grows with
        the circulation along the weak direction of D. ``"log"``: nine-point flux for log rho by
        Newton's method, whose error hardly depends on anisotropy and circulation. ``"upwind5"``:
        linear flux of fifth order, for directions without noise too, with the far tails of the
        Markov scheme. ``"auto"``: the first of these that works, and is right: closed form where
        the edge list is in detailed balance or the problem was made by ``Problem.langevin``;
        ``"upwind5"`` where D has directions without noise or mass sticks to a wall; ``"log"``,
        corrected to fourth order; ``"upwind5"`` with the tails of ``"log"``; ``"log"``;
        ``"markov"``. ``stats.scheme``, ``stats.reason`` and ``stats.message`` say which and why.
    solver : {None, "direct", "multilevel"}
        ``"direct"``: sparse elimination. ``"multilevel"``: nested grids and multigrid, cost and
        memory proportional to the cells. None: by size and dimension; ``stats.reason``.
    tol : float
        Of Newton's method: net flow of a cell over its exchange rate. Of the multilevel solver:
        estimated error of log rho.
    accuracy : {None, 2, 4}
        Order. 4: smooth problems on uniform grids with D > 0, by deferred correction of the
        ``"log"`` state with a conservative flux of fourth order ((30a) in docs/theory.md). None: 4
        where that exists and the grid resolves it, with ``scheme="auto"``; else 2.
    progress : None, bool, tqdm or tqdm-like, optional
        None: on a terminal the Newton steps are counted if they take longer than a second. True:
        from the start. A class like ``tqdm`` is called, an object has its ``update`` called.

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
        not converge, or if the grid does not resolve the problem to fourth order; ``.iterate``
        holds the last log density.
    SteadyInterrupt
        A KeyboardInterrupt, at Ctrl-C once the Markov state is there, with that as ``.state``.

    Notes
    -----
    By default Newton's method stops after a few steps unless it gets somewhere. Where far tails
    keep it from the whole box the fifth-order flux takes over; where that does not resolve the
    problem, log rho is solved for above e^-c of the maximum, with the Markov shape below
    (``stats.log_down_to``). With ``"log"`` asked for it is the whole box or an error.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=(1, 0.5))
    >>> ss = fp.steady_state(problem)
    >>> ss.stats.scheme, round(float(ss.mean_Q[0, 1]), 2)
    ('log4', -0.74)
    """
    question = Generator.problem_of(problem, "steady_state")
    _check_arguments(question, scheme, solver, tol)
    check_accuracy(question, scheme, accuracy)
    generator, at_hand = Generator.of(problem, "steady_state"), _AtHand()
    with Bar(progress, "steady_state", unit="Newton steps") as steps:
        search = _Search(generator, solver, tol, accuracy, at_hand, steps.tick)
        try:
            found = search.found(scheme)
        except KeyboardInterrupt as interrupt:
            if at_hand.make is None:
                raise
            raise SteadyInterrupt(_state(generator, at_hand.make())) from interrupt
    return _state(generator, found)


def _state(generator: Generator, found: Found) -> SteadyState:
    """Result with read-only log density."""
    problem = Generator.problem_of(generator, "steady_state")
    found = replace(found, stats=with_walls(found.stats, generator))
    _log.debug("steady_state: %s, %s", found.stats.scheme, found.stats.message)
    same = found.stats.scheme if found.stats.scheme in SCHEMES else "auto"
    again = partial(steady_state, scheme=same, accuracy=found.stats.order)
    log_rho = frozen(found.log_rho.reshape(problem.grid.shape))
    return SteadyState(problem, log_rho, found.residual, found.stats, found.currents, again)


@dataclass(eq=False)
class _AtHand:
    """Makes what an interrupted computation leaves; nothing yet at first."""

    make: Callable[[], Found] | None = None


@dataclass(frozen=True, eq=False)
class _Search:
    """One question, with what all attempts at it need."""

    generator: Generator
    solver: str | None
    tol: float
    accuracy: int | None
    at_hand: _AtHand
    tick: Callable[[], None]

    @property
    def problem(self) -> Problem:
        """The problem."""
        return Generator.problem_of(self.generator, "steady_state")

    @cached_property
    def nine(self) -> NinePoint:
        """Nine-point scheme of the problem, for the states of second and of fourth order."""
        return NinePoint(self.problem.grid, *index_units(self.problem))

    def found(self, scheme: str) -> Found:
        """State by the scheme asked for, or by the first of the order of choice that works."""
        problem, generator = self.problem, self.generator
        if scheme == "auto" and problem.given.langevin is not None:
            return maxwell_boltzmann(problem)
        reached = reached_cells(generator)  # raises if not unique
        if scheme in ("auto", "markov") and reached.size == problem.grid.size:
            exact = exact_log_density(problem, generator.edges)
            if exact is not None:
                found = closed_form(generator, *exact)
                return self._fourth(found) if self.accuracy == 4 else found
        markov = stationary_log_mass(generator, self.solver, self.tol, reached)
        evidence = Evidence.of(problem, generator, markov)
        self.at_hand.make = lambda: evidence.noted(markov_state(generator, markov))
        if scheme == "markov":
            return self.at_hand.make()
        if scheme == "upwind5":
            return evidence.noted(upwind5_state(generator, markov, self.tol))
        if scheme == "log" or self.accuracy == 4:
            log = self._log(markov, thrifty=scheme == "auto" and self.accuracy == 4)
            return evidence.noted(self._fourth(log) if self.accuracy == 4 else log)
        return self._first_that_works(markov, evidence)

    def _log(self, markov: Stationary, thrifty: bool) -> Found:
        """Nine-point scheme, or ConvergenceError with what to do."""
        try:
            given = self.generator, self.nine, markov, self.solver, self.tol
            return log_state(*given, thrifty, self.tick, levels=thrifty)
        except ConvergenceError as error:
            raise ConvergenceError(
                f"{error}, tol = {self.tol:g}; refine the grid, shrink the box to where the "
                'density is, or use scheme="upwind5" or "markov"',
                iterate=error.iterate,
                residual=error.residual,
            ) from error

    def _fourth(self, found: Found) -> Found:
        """The same, corrected to fourth order."""
        self.at_hand.make = lambda: found
        return fourth_order(self.problem, found, self.tol, lambda: self.nine)

    def _first_that_works(self, markov: Stationary, evidence: Evidence) -> Found:
        """The order of choice: what is most accurate where the mass is, and is right.

        Logarithms corrected to fourth order, where they exist and the grid resolves them; else the
        fifth-order flux, which bears directions without noise, with tails by logarithms where
        these exist.
        """
        generator = self.generator
        if generator.edges.knows_walls:
            return self._between_walls(markov, evidence)
        if self.problem.grid.dim == 1 and self.problem.inner_zeros:
            why = "of all schemes it alone knows what passes points without noise"
            return evidence.noted(markov_state(generator, markov), why)
        no_logarithms = evidence.reason()
        failures: list[str] = []
        log: Found | None = None
        if no_logarithms is None:
            try:
                given = generator, self.nine, markov, self.solver, self.tol
                # Elsewhere the tails are not worth so much more than the Markov state.
                levels = evidence.diffusion <= LITTLE_DIFFUSION
                log = log_state(*given, True, self.tick, levels=levels)
                if self.accuracy is None and has_fourth_order(self.problem):
                    return evidence.noted(self._fourth(log), "most accurate of all that exist here")
            except ConvergenceError as error:
                failures.append(str(error))
        try:
            found = upwind5_state(generator, markov, self.tol, log)
            why = no_logarithms or "most accurate where the mass is"
            return evidence.noted(_after(found, failures), why)
        except ConvergenceError as error:
            failures.append(str(error))
        try:
            if log is None and no_logarithms is None:  # where the mass is, if not in all the box
                given = generator, self.nine, markov, self.solver, self.tol
                log = log_state(*given, True, self.tick, levels=True)
        except ConvergenceError as error:
            failures.append(str(error))
        if log is not None:
            return evidence.noted(_after(log, failures), "the fifth-order flux failed")
        return evidence.noted(_after(markov_state(generator, markov), failures), "all else failed")

    def _between_walls(self, markov: Stationary, evidence: Evidence) -> Found:
        """State with walls without noise: the fifth-order flux along axes without, if there are."""
        generator = self.generator
        exact = len(generator.edges.exact_axes) == self.problem.grid.dim
        if exact:
            why = "masses and resistances between walls without noise are exact along every axis"
            return evidence.noted(markov_state(generator, markov), why)
        try:
            why = "exact along axes that end at walls without noise, of fifth order along others"
            return evidence.noted(upwind5_state(generator, markov, self.tol), why)
        except ConvergenceError as error:
            found = _after(markov_state(generator, markov), [str(error)])
            return evidence.noted(found, "the fifth-order flux failed")


def _after(found: Found, failures: list[str]) -> Found:
    """State with what failed before it in its message."""
    if not failures:
        return found
    message = f"{'; '.join(failures)}; fell back to {found.stats.message}"
    return replace(found, stats=replace(found.stats, message=message))


def _check_arguments(problem: Problem, scheme: str, solver: str | None, tol: float) -> None:
    """Raise ValueError for what cannot be solved."""
    one_of(scheme, "scheme", SCHEMES)
    one_of_or_none(solver, "solver", SOLVERS)
    positive_number(tol, "tol")
    for wall in problem.walls:
        if wall.gathers and wall.everywhere:
            raise ValueError(
                f"mass gathers at {wall.place}, which no path reaches, and nothing pushes back: in "
                "the end there is no density; cut the box before the wall, or ask solve(..., "
                "steady=False) for finite times"
            )
    _check_inside(problem, scheme)
    if problem.has_open_sides:
        raise ValueError(
            "the problem has absorbing sides: all mass leaves and there is no steady state; use "
            "reflecting or periodic sides, or quasi_stationary(problem) for the slowest mode"
        )


def _check_inside(problem: Problem, scheme: str) -> None:
    """Raise ValueError where points without noise on a line leave no density, or many."""
    if problem.grid.dim > 1:
        return
    for zero in problem.inner_zeros:
        zero.check_density()
        if zero.kind == "barrier":
            why = "mass gathers there" if zero.gathers else "the steady state is not unique"
            raise ValueError(
                f"D vanishes inside at {zero.place} and nothing passes: each side keeps its mass, "
                f"and {why}; cut the box there, or ask solve(..., steady=False) for finite times"
            )
        if scheme in ("log", "upwind5"):
            raise ValueError(
                f"{zero.words}, and scheme={scheme!r} reads across it; use scheme='markov'"
            )
