"""Which of several sets or sides a path reaches first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fokkerplanck.domain.arguments import describe, frozen, one_of_or_none
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.rates.backward_result import BackwardResult
from fokkerplanck.rates.ends import Target, ended
from fokkerplanck.rates.killed import SOLVERS, choose
from fokkerplanck.scheme.generator import Generator


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
    stats: dict
    grid: Grid
    _asked: Question | None = field(default=None, repr=False)

    @property
    def _answer(self) -> Array:
        """Field of ``error_estimate``."""
        return self.probability


def exit_probabilities(
    problem: Problem | Generator, sets: Sequence[Target], solver: str | None = None
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

    Returns
    -------
    ExitProbabilities

    Raises
    ------
    ValueError
        For sets that are empty, overlap, touch or cannot be reached, and sides that do not absorb.

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
    end = ended(generator, [(f"sets[{k}]", s) for k, s in enumerate(sets)])
    solve = choose(end.chain, solver)
    chances = np.stack(
        [end.on_grid(solve.solve(end.kills[k]), row) for k, row in enumerate(np.eye(len(sets)))]
    )
    rest = np.zeros(end.cells.size)
    if end.kills[-1].any():
        rest = solve.solve(end.kills[-1])
    rest = end.on_grid(rest)
    residual = float(np.abs(chances.sum(axis=0) + rest - 1).max())
    stats = {"solver": solve.name, "n_fill": solve.n_fill, "steps": solve.steps}
    asked = Question.of(generator.problem, partial(exit_probabilities, sets=sets, solver=solver))
    return ExitProbabilities(frozen(chances), rest, residual, stats, generator.grid, asked)
