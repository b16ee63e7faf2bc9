"""Which of several sets or sides a path reaches first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fokkerplanck.domain.arguments import describe, frozen, one_of_or_none
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.run_stats import RunStats
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.linalg.killed import SOLVERS, choose
from fokkerplanck.rates.backward_result import BackwardResult
from fokkerplanck.rates.ends import Ended, Target, ended
from fokkerplanck.rates.linear_ends import LinearEnded
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.operator_choice import choose_operator


@dataclass(frozen=True, eq=False)
class ExitProbabilities(BackwardResult):
    r"""Chances :math:`h_k(x)=P_x(\text{set }k\text{ is reached first})`.

    Attributes
    ----------
    probability : array (k, \*shape)
        One for each set, in the order given.
    rest : array (\*shape)
        Chance of leaving through an absorbing side that is none of the sets; all of them sum to 1.
    residual : float
        Largest difference of that sum from 1.
    stats : dict
    grid : Grid
    error_estimate, error_report : float, ErrorReport
        Of ``probability``, in the mean over all cells; see ``error_of`` for anything else.
    """

    probability: Array = field(repr=False)
    rest: Array = field(repr=False)
    residual: float
    stats: RunStats
    grid: Grid
    _asked: Question | None = field(default=None, repr=False)

    @property
    def _answer(self) -> Array:
        """Field of ``error_estimate``."""
        return self.probability


def exit_probabilities(
    problem: Problem | Generator,
    sets: Sequence[Target],
    solver: str | None = None,
    *,
    scheme: str = "auto",
) -> ExitProbabilities:
    r"""Chance to reach each of several disjoint sets first, :math:`\mathcal L^\dagger h_k=0`.

    Parameters
    ----------
    problem : Problem or Generator
    sets : sequence
        Boolean arrays, functions or helpers of ``fokkerplanck.sets``, among them absorbing sides,
        ``sets.side("x", "lower")``. Disjoint, and not neighbours.
    solver : {None, "direct", "multilevel"}
        As in ``mfpt``.
    scheme : {"auto", "markov", "upwind5", "phase_space"}
        As in ``mfpt``; ``stats["overshoot"]`` is by how much chances of ``"upwind5"`` leave [0, 1].

    Returns
    -------
    ExitProbabilities

    Raises
    ------
    ValueError
        For sets that are empty, overlap, touch or cannot be reached, and sides that do not absorb.
    ConvergenceError
        As in ``mfpt``, or if chances of ``"upwind5"`` leave [0, 1] by more than 1e-2.

    References
    ----------
    C. W. Gardiner, Stochastic Methods (2009), section 5.5.3 (scale function).

    Examples
    --------
    Brownian motion on [0, 1] leaves on the right with chance x.

    >>> import fokkerplanck as fp
    >>> from fokkerplanck.sets import side
    >>> problem = fp.Problem(fp.Grid([(0, 1)], 4, sides="absorbing"))
    >>> fp.exit_probabilities(problem, [side("x", "upper"), side("x", "lower")]).probability[0]
    array([0.125, 0.375, 0.625, 0.875])
    """
    generator = Generator.of(problem, "exit_probabilities")
    one_of_or_none(solver, "solver", SOLVERS)
    if not isinstance(sets, Sequence) or isinstance(sets, str) or not len(sets):
        given = "empty" if isinstance(sets, Sequence) and not len(sets) else describe(sets)
        raise ValueError(f"sets is {given}; give a list of sets, at least one")
    ends = [(f"sets[{k}]", s) for k, s in enumerate(sets)]
    choice = choose_operator(generator, scheme, "exit_probabilities", solver, "passage")
    end = ended(generator, ends)
    found, message = choice.answer(lambda f: _linear(LinearEnded.of(f, end, ends)))
    again = partial(exit_probabilities, sets=sets, solver=solver)
    if found is not None:
        again = partial(again, scheme=found[1]["scheme"])
        return _result(end, *found, Question.of(generator.problem, again))
    solve = choose(end.chain, solver)
    rest = np.zeros(end.cells.size)
    if end.kills[-1].any():
        rest = solve.solve(end.kills[-1])
    chances = np.stack([*(solve.solve(kill) for kill in end.kills[:-1]), rest])
    stats = {"solver": solve.name, "n_fill": solve.n_fill, "steps": solve.steps}
    asked = Question.of(generator.problem, partial(again, scheme="markov"))
    return _result(end, chances, stats | {"scheme": "markov", "message": message}, asked)


def _linear(flux: LinearEnded) -> tuple[Array, dict]:
    """Chances (k + 1, n_free) by the fifth-order flux, and stats."""
    chances, over = flux.chances()
    return chances, {**flux.stats(), "overshoot": over}


def _result(end: Ended, values: Array, stats: dict, asked: Question | None) -> ExitProbabilities:
    """Result from chances (k + 1, n_free) of the sets and of the rest."""
    rows = np.eye(len(values) - 1)
    chances = np.stack([end.on_grid(x, row) for x, row in zip(values, rows, strict=False)])
    rest = end.on_grid(values[-1])
    residual = float(np.abs(chances.sum(axis=0) + rest - 1).max())
    return ExitProbabilities(frozen(chances), rest, residual, RunStats(stats), end.grid, asked)
