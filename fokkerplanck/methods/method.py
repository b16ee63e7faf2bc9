"""What a time-stepping method is, and how to write one."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg import sizes
from fokkerplanck.scheme.generator import Generator

#: What methods record that set negative masses to zero, before they did.
NOTHING_NEGATIVE = {"clipped_mass": 0.0, "clipped_cells": 0, "positivity": "no negative mass"}
# A step may be longer than asked for by this part of it: output times carry rounding.
SLACK = 1e-12


@dataclass(eq=False)
class Record:
    """What is worth knowing of a run, by name: ``solve`` puts it into ``Solution.stats``.

    Steps may not depend on what was recorded: trial steps record nothing.
    """

    values: dict[str, Any] = field(default_factory=dict)
    is_silent: bool = False  # True while a trial step is made

    def put(self, **values: Any) -> None:
        """Set values."""
        if not self.is_silent:
            self.values |= values

    def add(self, **amounts: float) -> None:
        """Add to numbers, which begin at 0."""
        self.put(**{name: self.values.get(name, 0) + more for name, more in amounts.items()})

    def most(self, **values: float) -> None:
        """Keep the largest of numbers >= 0."""
        self.put(**{name: max(self.values.get(name, 0), v) for name, v in values.items()})

    def append(self, **values: Any) -> None:
        """Append to lists."""
        if not self.is_silent:
            for name, value in values.items():
                self.values.setdefault(name, []).append(value)


@dataclass(eq=False)
class Context:
    r"""What a method may know of a run besides the generator, and what it may tell.

    Attributes
    ----------
    duration : float
        Time from the first to the last output.
    tolerance : float or None
        L1 error that ``solve`` asks for, of adaptive methods only; None for the method's own.
    log_rho_inf : array (\*shape) or None
        Log density that the generator keeps to rounding, if it is known: the relative entropy to it
        decreases along the exact evolution.
    on_tick, on_observe : callable or None
        Who listens to ``tick`` and to ``observe``.
    record : Record
        What ends up in ``Solution.stats``.

    Examples
    --------
    >>> from fokkerplanck.methods import Context
    >>> context = Context(duration=2.0)
    >>> context.record.add(steps=3)
    >>> with context.probing():
    ...     context.record.add(steps=1)
    >>> context.record.values
    {'steps': 3}
    """

    duration: float
    tolerance: float | None = None
    log_rho_inf: Array | None = None
    on_tick: Callable[[float], object] | None = None
    on_observe: Callable[[float, Array], object] | None = None
    record: Record = field(default_factory=Record)

    def tick(self, fraction: float) -> None:
        """Tell the progress bar which part of the interval is done, now and then."""
        if self.on_tick is not None and not self.record.is_silent:
            self.on_tick(fraction)

    def observe(self, elapsed: float, p: Array) -> None:
        """Tell the masses p after a step of the method's own, a time after the interval began.

        Events are then seen between output times, and dense output is interpolated between these
        steps. What it raises must pass.
        """
        if self.on_observe is not None and not self.record.is_silent:
            self.on_observe(elapsed, p)

    @contextmanager
    def probing(self) -> Iterator[None]:
        """Record and tell nothing inside of a ``with`` block: its steps are trials."""
        before, self.record.is_silent = self.record.is_silent, True
        try:
            yield
        finally:
            self.record.is_silent = before


class Method(ABC):
    r"""A rule that carries cell masses over a span of time: :math:`p(t)\mapsto p(t+\tau)`.

    A method is a frozen dataclass: its fields are its parameters, and it may serve many runs. What
    belongs to one run (factorisations, lengths of steps) lives in the state that ``init`` returns;
    what is worth knowing goes to ``context.record``. ``solve`` calls ``init`` once, ``step`` for
    every interval between output times and ``report`` at the end. To locate events it makes trial
    steps, on states from ``fork``.

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
    ...     def init(self, generator, context):
    ...         return generator.matrix, context.record
    ...
    ...     def step(self, state, p, span):
    ...         matrix, record = state
    ...         n = math.ceil(span / self.dt)
    ...         for _ in range(n):
    ...             p = p + span / n * (matrix @ p)
    ...         record.add(steps=n)
    ...         return p
    >>> grid = fp.Grid([(-4, 4)], 32)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1], ExplicitEuler(dt=0.01))
    >>> solution.stats["steps"], bool(solution.min_rho.min() >= 0)
    (100, True)
    """

    is_adaptive: ClassVar[bool] = False

    @abstractmethod
    def init(self, generator: Generator, context: Context) -> Any:
        """Return the state of a run.

        Parameters
        ----------
        generator : Generator
            p' = A p; has ``matrix``, ``exit_rates``, ``edges`` and ``grid``.
        context : Context
            What is known of the run; its ``record`` and ``tick`` may be told what is done.
        """

    @abstractmethod
    def step(self, state: Any, p: Array, span: float) -> Array:
        """Return the masses (n,) a time span > 0 after the masses p (n,), cells in C order.

        The generator does not depend on time. p must not be written to.
        """

    def fork(self, state: Any) -> Any:
        """Return a copy of a state for a trial step, which may change it; here a shallow one.

        What never changes is shared. A state that holds other objects that change, a list or the
        state of another method, has to copy these too.
        """
        return copy.copy(state)

    def snapshot(self, state: Any) -> Any:
        """Return what a state has become, for ``restore``: numbers, words and arrays, by name.

        What is returned must not change later. None, as here, says nothing of the state: runs with
        checkpoints then make a new one by ``init`` after every output time, which is the same with
        and without an interruption, but forgets lengths of steps and factorisations.
        """
        return None

    def restore(self, state: Any, snapshot: Any) -> None:
        """Bring a state that ``init`` has just returned to where another one was, to the last bit.

        What a state can make again from the generator (factorisations by the length of the step)
        is made again. Called with what ``snapshot`` returned, unless that was None.
        """
        raise NotImplementedError(f"{type(self).__name__} has a snapshot, and no restore")

    def report(self, state: Any) -> dict[str, Any]:
        """Return what else ``Solution.stats`` should hold at the end of a run."""
        return {}


class EqualSteps(Method):
    """Method that divides every output interval into equal steps, of at most a given length.

    States have a ``context``.
    """

    @property
    @abstractmethod
    def longest(self) -> float:
        """Longest step, time."""

    def longest_in(self, state: Any) -> float:
        """Longest step of a run, time; here that of all runs."""
        return self.longest

    @abstractmethod
    def one_step(self, state: Any, p: Array, tau: float) -> Array:
        """Return the masses (n,) after one step of length tau."""

    def step(self, state: Any, p: Array, span: float) -> Array:
        """Masses after equal steps that fill the span."""
        context = state.context
        check_steps(self, self.longest_in(state), context.duration)
        n = max(1, math.ceil(span / self.longest_in(state) * (1 - SLACK)))
        for k in range(n):
            p = self.one_step(state, p, span / n)
            context.record.add(steps=1)
            context.observe((k + 1) / n * span, p)
            context.tick((k + 1) / n)
        return p


def attributes(state: Any, names: Sequence[str]) -> dict[str, Any]:
    """Attributes of a state by name, as ``Method.snapshot`` returns them."""
    return {name: getattr(state, name) for name in names}


def set_attributes(state: Any, values: Mapping[str, Any]) -> None:
    """Give a state the attributes of a snapshot."""
    for name, value in values.items():
        setattr(state, name, value)


def check_steps(method: Method, length: float, duration: float) -> None:
    """Raise ValueError before more steps than anybody waits for."""
    steps = float(duration) / float(length)
    if not steps <= sizes.MOST_STEPS:
        raise ValueError(
            f"{method!r} would take {steps:.2g} steps of at most {length:.3g} over a time of "
            f"{duration:.3g}, and {sizes.MOST_STEPS:.0e} are the most; take longer steps, or a "
            "method that chooses them, Implicit() or Exponential()"
        )


def of_mass(q: Array, total: float, record: Record) -> Array:
    """Masses q times what makes their sum the given one; the correction is recorded."""
    correction = float(total / q.sum())
    record.most(mass_correction=abs(correction - 1))
    return q * correction


def not_negative(q: Array, record: Record) -> tuple[Array, float]:
    """Masses q with 0 in place of negative ones, recorded, and what these amounted to."""
    negative = q < 0
    lost = -float(q[negative].sum())
    if lost:
        record.add(clipped_mass=lost)
        record.most(clipped_cells=int(np.count_nonzero(negative)))
        record.put(positivity="negative masses set to zero, see clipped_mass")
        q = np.where(negative, 0.0, q)
    return q, lost
