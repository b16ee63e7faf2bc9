"""The steady state of a problem: which scheme and which solver, and what happens if one fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fokkerplanck.domain.arguments import frozen, one_of, one_of_or_none, positive_number
from fokkerplanck.domain.grid import Side
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.null_vector import closed_class
from fokkerplanck.scheme.currents import is_singular
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.dissipation import numerical_dissipation
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.accuracy import check_accuracy, fourth_order, has_fourth_order
from fokkerplanck.steady.atoms import atom_masses, pressed_mass
from fokkerplanck.steady.markov import SOLVERS, Stationary, stationary_log_mass
from fokkerplanck.steady.schemes import (
    closed_form,
    log_state,
    markov_state,
    maxwell_boltzmann,
    upwind5_state,
)
from fokkerplanck.steady.state import Found, SteadyState, SteadyStats

SCHEMES = ("auto", "markov", "log", "upwind5")
#: Numerical over physical dissipation from which on a Markov state says so.
NOTED_DIFFUSION = 0.02


def steady_state(
    problem: Problem | Generator,
    scheme: str = "auto",
    solver: str | None = None,
    tol: float = 1e-10,
    accuracy: int | None = None,
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

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=(1, 0.5))
    >>> ss = fp.steady_state(problem)
    >>> ss.stats.scheme, round(float(ss.mean_Q[0, 1]), 2)
    ('log4', -0.75)
    """
    question = Generator.problem_of(problem, "steady_state")
    _check_arguments(question, scheme, solver, tol)
    check_accuracy(question, scheme, accuracy)
    generator = Generator.of(problem, "steady_state")
    found = _found_state(question, generator, scheme, solver, tol, accuracy)
    found = replace(found, stats=_with_walls(found.stats, generator))
    same = found.stats.scheme if found.stats.scheme in SCHEMES else "auto"
    again = partial(steady_state, scheme=same, accuracy=found.stats.order)
    log_rho = frozen(found.log_rho.reshape(question.grid.shape))
    return SteadyState(question, log_rho, found.residual, found.stats, found.currents, again)


def _found_state(
    problem: Problem,
    generator: Generator,
    scheme: str,
    solver: str | None,
    tol: float,
    accuracy: int | None,
) -> Found:
    """State by the scheme asked for, or by the first of the order of choice that works."""
    if scheme == "auto" and problem.given.langevin is not None:
        return maxwell_boltzmann(problem)
    reached = closed_class(generator.matrix, problem.grid.shape)  # raises if not unique
    has_empty_cells = reached.size < problem.grid.size
    if scheme in ("auto", "markov") and not has_empty_cells:
        exact = exact_log_density(problem, generator.edges)
        if exact is not None:
            found = closed_form(generator, *exact)
            return fourth_order(problem, found, tol) if accuracy == 4 else found
    markov = stationary_log_mass(generator, solver, tol, reached)
    seen = _Seen.of(problem, generator, markov)
    if scheme == "markov":
        return seen.noted(markov_state(generator, markov))
    if scheme == "upwind5":
        return seen.noted(upwind5_state(generator, markov, tol))
    if scheme == "log" or accuracy == 4:
        found = _log_or_raise(generator, markov, solver, tol)
        found = fourth_order(problem, found, tol) if accuracy == 4 else found
        return seen.noted(found)
    return _first_that_works(generator, markov, seen, solver, tol, accuracy)


@dataclass(frozen=True)
class _Seen:
    """What the Markov state shows of a problem, by which the scheme is chosen.

    Attributes
    ----------
    diffusion : float
        Numerical over physical dissipation.
    is_singular : bool
        Whether D has a direction without noise somewhere.
    has_empty_cells : bool
    atoms : dict
        Mass that the drift presses onto walls.
    """

    problem: Problem
    diffusion: float
    is_singular: bool
    has_empty_cells: bool
    atoms: dict[Side, float]

    @classmethod
    def of(cls, problem: Problem, generator: Generator, markov: Stationary) -> _Seen:
        """Look at the Markov state."""
        log_rho = markov.log_mass - np.log(problem.grid.volumes.ravel())
        return cls(
            problem,
            numerical_dissipation(generator.edges, log_rho),
            bool(is_singular(problem).any()),
            bool(markov.is_empty.any()),
            pressed_mass(problem, np.exp(markov.log_mass)),
        )

    def reason(self) -> str | None:
        """Why there can be no logarithms everywhere, or None if there can."""
        if self.atoms:
            walls = " and ".join(f"{share:.0%} at {side}" for side, share in self.atoms.items())
            return f"mass sticks to walls ({walls}), which has no density"
        if self.is_singular:
            return "D has directions without noise"
        return "some cells carry no mass" if self.has_empty_cells else None

    def noted(self, found: Found, why: str = "") -> Found:
        """State with what was seen written down."""
        stats = found.stats
        message, atoms = stats.message, {}
        if stats.scheme == "markov" and self.diffusion > NOTED_DIFFUSION:
            message += f"; the grid adds {self.diffusion:.2g} times the noise"
        if self.atoms:
            mass = np.exp(found.log_rho) * self.problem.grid.volumes.ravel()
            atoms = {s: float(atom_masses(self.problem, mass, s).sum()) for s in self.atoms}
            for side, share in atoms.items():
                message += f"; {share:.1%} of the mass sits on {side}: rho there is mass/h"
        reason = "; ".join(part for part in (why, stats.reason) if part)
        return replace(
            found,
            stats=replace(
                stats,
                message=message,
                reason=reason,
                numerical_diffusion=self.diffusion,
                atoms=atoms,
            ),
        )


def _first_that_works(
    generator: Generator,
    markov: Stationary,
    seen: _Seen,
    solver: str | None,
    tol: float,
    accuracy: int | None,
) -> Found:
    """The order of choice: what is most accurate where the mass is, and is right.

    Logarithms corrected to fourth order, where they exist and the grid resolves them; else the
    fifth-order flux, which bears directions without noise, with tails by logarithms where these
    exist.
    """
    if generator.edges.knows_walls:
        why = "of all schemes it alone knows walls without noise"
        return seen.noted(markov_state(generator, markov), why)
    failures: list[str] = []
    log: Found | None = None
    without_noise = seen.reason()
    if without_noise is None:
        try:
            log = log_state(generator, markov, solver, tol)
        except ConvergenceError as error:
            failures.append(str(error))
    if log is not None and accuracy is None and has_fourth_order(seen.problem):
        try:
            found = fourth_order(seen.problem, log, tol)
            return seen.noted(found, "most accurate of all that exist here")
        except ConvergenceError as error:
            failures.append(str(error))
    try:
        found = upwind5_state(generator, markov, tol, log)
        return seen.noted(
            _after(found, failures), without_noise or "most accurate where the mass is"
        )
    except ConvergenceError as error:
        failures.append(str(error))
    if log is not None:
        return seen.noted(_after(log, failures), "the fifth-order flux failed")
    return seen.noted(_after(markov_state(generator, markov), failures), "all else failed")


def _after(found: Found, failures: list[str]) -> Found:
    """State with what failed before it in its message."""
    if not failures:
        return found
    message = f"{'; '.join(failures)}; fell back to {found.stats.message}"
    return replace(found, stats=replace(found.stats, message=message))


def _log_or_raise(
    generator: Generator, markov: Stationary, solver: str | None, tol: float
) -> Found:
    """Nine-point scheme, or ConvergenceError with what to do."""
    try:
        return log_state(generator, markov, solver, tol)
    except ConvergenceError as error:
        raise ConvergenceError(
            f"{error}, tol = {tol:g}; refine the grid, shrink the box to where the density is, "
            'or use scheme="upwind5" or "markov"',
            iterate=error.iterate,
            residual=error.residual,
        ) from error


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
    if problem.has_open_sides:
        raise ValueError(
            "the problem has absorbing sides: all mass leaves and there is no steady state; use "
            "reflecting or periodic sides, or quasi_stationary(problem) for the slowest mode"
        )


def _with_walls(stats: SteadyStats, generator: Generator) -> SteadyStats:
    """Stats that say what singular walls do, and what the scheme makes of them."""
    edges = generator.edges
    if not edges.note:
        return stats
    is_blind = edges.knows_walls and stats.scheme in ("log", "upwind5")
    unknown = f": {stats.scheme} takes them as any wall" if is_blind else ""
    return replace(stats, message=f"{stats.message}; {edges.note}{unknown}")
