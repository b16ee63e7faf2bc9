"""What answers about passages have in common: an error, weighted by the steady state."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fokkerplanck.domain.observed_order import ErrorReport
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.run_stats import RunStats
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.repeated import Repeatable
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.steady import steady_state


class BackwardResult(Repeatable, Saved):
    """A field over the places where paths start; ``stats`` by key and by name."""

    stats: RunStats

    def __post_init__(self) -> None:
        object.__setattr__(self, "stats", RunStats(self.stats))

    @property
    def error_estimate(self) -> float:
        """Relative error in L1, weighted by the stationary masses, by observed order.

        From the same question on half and on a quarter as many cells along each axis; where there
        is no steady state cells count by volume. nan for problems and sets given by arrays, and
        where a coarser grid has no answer; ``error_report`` has the order, and says why.
        """
        return float(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the order it rests on, and what speaks against it."""
        return self.error_of(lambda result: result._answer)

    @property
    def _answer(self) -> Array:
        r"""Field (..., \*shape) that was asked for."""
        raise NotImplementedError

    def _cell_weights(self) -> Array:
        """Stationary masses, or volumes where there is no unique steady state."""
        try:
            rho = steady_state(self._asked.problem, scheme="markov").rho
        except (ValueError, ConvergenceError):
            return self.grid.volumes
        return np.asarray(rho * self.grid.volume)
