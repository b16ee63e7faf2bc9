"""What a time-stepping method is, and how to write one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True, eq=False)
class Context:
    r"""What a method may know of a run besides the generator.

    Attributes
    ----------
    duration : float
        Time from the first to the last output.
    log_rho_inf : array (\*shape) or None
        Log density that the generator keeps to rounding, if it is known: the relative entropy to it
        decreases along the exact evolution.
    observe : callable or None
        ``observe(elapsed, p)`` may be told the masses after every step of the method's own, elapsed
        being the time since the beginning of the interval: events are then seen between output
        times, and dense output is interpolated between these steps. What it raises must pass.

    Examples
    --------
    >>> from fokkerplanck.methods import Context
    >>> Context(duration=2.0).observe is None
    True
    """

    duration: float
    log_rho_inf: np.ndarray | None = None
    observe: Callable | None = None


class Method(ABC):
    r"""A rule that carries cell masses over a span of time: :math:`p(t)\mapsto p(t+\tau)`.

    A method is a frozen dataclass: its fields are its parameters, and it may serve many runs. What
    belongs to one run (factorisations, counters) lives in the state that ``init`` returns.
    ``solve`` calls ``init`` once, ``step`` for every interval between output times and ``report``
    at the end.

    Attributes
    ----------
    is_adaptive : bool
        True if the method controls its error; only then may ``solve`` be given rtol or atol.

    Examples
    --------
    A method of one's own, the explicit Euler scheme. It is a Markov chain, positive and with a free
    energy that decreases, only while dt times the largest exit rate is at most 1.

    >>> from dataclasses import dataclass
    >>> import math
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.methods import Method
    >>> @dataclass(frozen=True)
    ... class ExplicitEuler(Method):
    ...     dt: float
    ...
    ...     def init(self, generator, tolerance=None, tick=None):
    ...         return {"matrix": generator.matrix, "steps": 0}
    ...
    ...     def step(self, state, p, span):
    ...         n = math.ceil(span / self.dt)
    ...         for _ in range(n):
    ...             p = p + span / n * (state["matrix"] @ p)
    ...         state["steps"] += n
    ...         return p
    ...
    ...     def report(self, state):
    ...         return {"steps": state["steps"]}
    >>> grid = fp.Grid([(-4, 4)], 32)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1], ExplicitEuler(dt=0.01))
    >>> solution.stats["steps"], bool(solution.min_rho.min() >= 0)
    (100, True)
    """

    is_adaptive: ClassVar[bool] = False

    @abstractmethod
    def init(self, generator, tolerance=None, tick=None) -> Any:
        """Return the state of a run.

        Parameters
        ----------
        generator : Generator
            p' = A p; has ``matrix``, ``exit_rates``, ``edges`` and ``grid``.
        tolerance : float, optional
            L1 error that ``solve`` asks for; only adaptive methods are ever given one.
        tick : callable, optional
            ``tick(fraction)`` may be told now and then which part of the span is done, for the
            progress bar.

        Notes
        -----
        A method whose ``init`` has a parameter ``context`` is given a ``Context`` by that name.
        """

    @abstractmethod
    def step(self, state, p, span):
        """Return the masses (n,) a time span > 0 after the masses p (n,), cells in C order.

        The generator does not depend on time. p must not be written to.
        """

    def report(self, state) -> dict:
        """Return what is worth knowing about the run: numbers and words for ``Solution.stats``."""
        return {}
