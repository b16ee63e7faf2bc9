"""Results that can be asked for again on coarser grids, and so know their own error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import ErrorReport, quantity_report, ratios_of
from fokkerplanck.domain.portable import Portable, can_be_pickled
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError


@dataclass(frozen=True, eq=False)
class Question:
    """What was asked: a problem, and how the answer is found for any other, ``ask(problem)``."""

    problem: Problem
    ask: Callable[[Problem], Any]

    @classmethod
    def of(cls, problem: Problem | None, ask: Callable[[Problem], Any]) -> Question | None:
        """Question about a problem; None if there is none, only edges."""
        return None if problem is None else cls(problem, ask)

    @classmethod
    def known(cls, problem: Problem | None) -> Question | None:
        """Problem of an answer that came from a file, which does not say how it was asked for."""
        return cls.of(problem, _not_told)


def _not_told(_: Problem) -> Any:
    """What such an answer says when it is asked for a coarser one."""
    raise ValueError("files do not tell how a result was asked for; compute it here")


class Repeatable(Portable):
    r"""A result with a ``grid`` that remembers its question, ``_asked``.

    Coarser answers are found when they are first asked for, by the same method: half and a quarter
    as many cells along each axis cost about 1/4 + 1/16 of the first answer in the plane. How
    differences become errors: ``fokkerplanck.domain.observed_order``.

    Pickles forget a question that cannot be pickled, as those about functions inside of others: the
    error is then nan, and ``error_report`` says that the problem is not known. Copies keep it.
    """

    grid: Any
    _asked: Any

    def _pickled(self) -> dict[str, Any]:
        state = super()._pickled()
        if state.get("_asked") is not None and not can_be_pickled(state["_asked"]):
            state["_asked"] = None
            # Coarser answers know the same problem; what was estimated from them stays.
            for name in ("_halved", "_three_grids"):
                state.pop(name, None)
        return state

    @property
    def coarse(self) -> Self | None:
        """The same on half as many cells along each axis; None for arrays, or where that fails."""
        answer, reason = self._halved
        return None if reason else answer

    def error_of(self, quantity: Callable[[Self], ArrayLike]) -> ErrorReport:
        r"""Estimated error of anything measured on this result, by its order on three grids.

        Parameters
        ----------
        quantity : callable
            ``quantity(result)`` -> number, array of numbers, or a field over ``result.grid``
            (\*shape), with leading axes for components; called with this result and with those on
            half and on a quarter as many cells.

        Returns
        -------
        ErrorReport
            Of numbers: ``value`` in their units, one for each; nan with ``message`` "order -1.3"
            where the differences grow as cells shrink. Of a field: relative, in L1, weighted by the
            stationary masses where there are any, else by volume. nan, and why, for problems given
            by arrays and where a coarser grid has no such answer.

        Raises
        ------
        ValueError
            If quantity is no function, or its shapes on the three grids do not belong together.
        """
        if not callable(quantity):
            raise ValueError(
                f"quantity is {describe(quantity)}; give a function of the result, e.g. "
                "lambda result: result.grid.size"
            )
        three = self._three_grids
        if isinstance(three, str):
            return ErrorReport.missing(three)
        _, half, _ = three
        values = [quantity(result) for result in three]
        report = quantity_report(values, [r.grid for r in three], half._cell_weights, self._cap)
        return report.noting(self._doubts)

    @property
    def _cap(self) -> float:
        """Highest order that is believed."""
        return 2.0

    @property
    def _doubts(self) -> str:
        """What speaks against the coarser answers as such."""
        return ""

    def _cell_weights(self) -> Array:
        """Weights of the cells in norms of fields."""
        return self.grid.volumes

    def _unlike(self, other: Self) -> str:
        """Why another answer is not of the same kind; empty if it is."""
        return ""

    @cached_property
    def _halved(self) -> tuple[Self | None, str]:
        """The same on half as many cells, and why it is of no use, if it is not."""
        if self._asked is None:
            return None, "the result does not know its problem; compute it here, from a Problem"
        grid: Grid = self.grid.coarsened()
        cells = "x".join(map(str, grid.shape))
        try:
            other = self._asked.ask(self._asked.problem.on(grid))
        except (ValueError, ConvergenceError) as error:
            return None, f"on {cells} cells: {error}"
        unlike = self._unlike(other)
        return other, f"on {cells} cells: {unlike}" if unlike else ""

    @cached_property
    def _three_grids(self) -> tuple[Self, Self, Self] | str:
        """The result and two coarser ones, or why there are none."""
        half, reason = self._halved
        if half is None or reason:
            return reason
        quarter, reason = half._halved
        if quarter is None or reason:
            return reason
        if min(ratios_of([self.grid, half.grid, quarter.grid])) == 1:
            cells = "x".join(map(str, self.grid.shape))
            least = "5 per axis, 7 on periodic ones"
            return f"{cells} cells cannot be halved twice; give at least {least}"
        return self, half, quarter
