"""What happens between two output times: events, and densities for dense output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from fokkerplanck.domain.arguments import true_or_false
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.evolution.dense import Dense, hermite
from fokkerplanck.methods.method import Context, Method

#: A function event(t, rho) whose roots are sought.
Event: TypeAlias = Callable[[float, Array], float]

#: A root is located to this part of the interval in which it was seen, and to rounding of the time.
ROOT_TOLERANCE = 1e-10
#: Trial steps for one root.
MAX_EVALUATIONS = 60
#: Bisections along interpolated densities for a first guess of a root.
GUESSES = 12


class Rates(Protocol):
    """What knows the rate of change of a density on a grid: a `Generator`, for one."""

    @property
    def grid(self) -> Grid: ...  # noqa: D102

    def apply(self, rho: Array) -> Array: ...  # noqa: D102


class Finished(Exception):  # noqa: N818 - not an error
    """A terminal event was reached, at time t with masses p."""

    def __init__(self, index: int, t: float, p: Array) -> None:
        super().__init__(f"event {index} at t = {t:g}")
        self.index, self.t, self.p = index, t, p


def check_events(events: Any) -> tuple[Event, ...]:
    """Events as a tuple of functions; what came and what to give if they are not.

    Parameters
    ----------
    events : None, callable or sequence of callables
        ``event(t, rho)`` returns a number. Attributes ``terminal`` (bool, False) and ``direction``
        (any sign, 0.0 for both) may be set on each.

    Raises
    ------
    ValueError
    """
    if events is None:
        return ()
    events = (events,) if callable(events) else events
    if not isinstance(events, (list, tuple)):
        raise ValueError(
            f"events is {type(events).__name__}; give a function event(t, rho) or a list of them"
        )
    for k, event in enumerate(events):
        if not callable(event):
            raise ValueError(f"events[{k}] is {event!r}; give a function event(t, rho)")
        true_or_false(_is_terminal(event), f"events[{k}].terminal")
        direction = _direction(event)
        is_number = isinstance(direction, (int, float, np.integer, np.floating))
        if not is_number or not np.isfinite(direction):
            raise ValueError(
                f"events[{k}].direction is {direction!r}; give 1 for rising, -1 for falling, 0 for "
                "both"
            )
    return tuple(events)


def _is_terminal(event: Event) -> bool:
    """Whether a root of the event ends the run."""
    return getattr(event, "terminal", False)


def _direction(event: Event) -> float:
    """Which way the event has to cross zero, 0 for both."""
    return getattr(event, "direction", 0)


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen at a time: masses, values of the events, a state to make trial steps from."""

    t: float
    p: Array
    values: list[float]
    state: Any


class Watch:
    """Sees the masses at the steps of a run in order, locates events, keeps dense output.

    Parameters
    ----------
    generator : Generator or other Rates
    events : tuple of callables
    dense : bool
    """

    def __init__(self, generator: Rates, events: Sequence[Event], dense: bool) -> None:
        self.generator, self.events, self.dense = generator, events, dense
        self.shape, self.volume = generator.grid.shape, generator.grid.volumes
        self.knots: list[tuple[float, Array, Array]] = []
        self.roots: list[list[tuple[float, Array]]] = [[] for _ in events]
        self.last: Sight | None = None

    def follow(self, method: Method, state: Any, context: Context) -> None:
        """Make trial steps by the method of the run; to be called before anything is seen."""
        self.method, self.state, self.context = method, state, context

    def change(self, generator: Rates, method: Method, state: Any, context: Context) -> None:
        """Go on by another method, from what was seen last."""
        self.generator = generator
        self.follow(method, state, context)
        if self.last is not None and self.events:
            self.last = replace(self.last, state=method.fork(state))

    def go_on(self, roots: list[list[tuple[float, Array]]]) -> None:
        """Go on after the roots that an interrupted run has found."""
        self.roots = roots

    @property
    def active(self) -> bool:
        """Whether there is anything to watch for."""
        return bool(self.events) or self.dense

    def see(self, t: float, p: Array) -> None:
        """Take the masses p at time t; raises ``Finished`` at a terminal event."""
        if not self.active or (self.last is not None and t <= self.last.t):
            return
        p = np.array(p)
        values = [self._value(k, t, p) for k in range(len(self.events))]
        state = self.method.fork(self.state) if self.events else None
        before, self.last = self.last, Sight(t, p, values, state)
        if before is not None:
            for k, when, masses in self._crossings(before, self.last):
                self.roots[k].append((when, masses))
                if _is_terminal(self.events[k]):
                    if when > before.t:
                        self._keep(when, masses)
                    raise Finished(k, when, masses)
        self._keep(t, p)

    def _keep(self, t: float, p: Array) -> None:
        """Add a knot of the dense output."""
        if self.dense:
            rho = self.density(p)
            self.knots.append((t, rho, self.generator.apply(rho)))

    def density(self, p: Array) -> Array:
        """Density of masses."""
        return p.reshape(self.shape) / self.volume

    def _value(self, k: int, t: float, p: Array) -> float:
        """Value of event k, a finite number."""
        rho = self.density(p)
        rho.flags.writeable = False
        answer = self.events[k](float(t), rho)
        try:
            value = float(answer)
        except (TypeError, ValueError):
            value = np.nan
        if not np.isfinite(value):
            raise ValueError(
                f"events[{k}] returned {answer!r} at t = {t:g}; return a finite number"
            )
        return value

    def _crossings(self, left: Sight, right: Sight) -> list[tuple[int, float, Array]]:
        """Roots between two sights, in order of time: (event, time, masses)."""
        found = []
        for k, (a, b) in enumerate(zip(left.values, right.values, strict=True)):
            direction = _direction(self.events[k])
            # A root on a sight belongs to the interval that ends there.
            rises, falls = a < 0 <= b, a > 0 >= b
            if (rises and direction >= 0) or (falls and direction <= 0):
                found.append((k, *self._locate(k, left, right)))
        return sorted(found, key=lambda root: root[1])

    def _locate(self, k: int, left: Sight, right: Sight) -> tuple[float, Array]:
        """Time and masses of a root of event k, by the Illinois method on trial steps.

        The first point is the root of the interpolated event, which is close to it.
        """
        a, b, fa, fb, best = left.t, right.t, left.values[k], right.values[k], (right.t, right.p)
        if fb == 0:
            return best
        accuracy = ROOT_TOLERANCE * (b - a) + 4 * np.spacing(max(abs(a), abs(b)))
        t, side = self._guess(k, left, right), 0
        for _ in range(MAX_EVALUATIONS):
            if not a < t < b:
                t = 0.5 * (a + b)
            p = self._trial(left, t - left.t)
            f = self._value(k, t, p)
            if f == 0:
                return t, p
            if (f > 0) == (fb > 0):
                b, fb, best = t, f, (t, p)
                fa = 0.5 * fa if side == 1 else fa
                side = 1
            else:
                a, fa = t, f
                fb = 0.5 * fb if side == -1 else fb
                side = -1
            if b - a <= accuracy:
                break
            t = (a * fb - b * fa) / (fb - fa)
            # Stay away from both ends a little, so that the next root may lie on either side.
            t = min(max(t, a + 0.4 * accuracy), b - 0.4 * accuracy)
        return best

    def _trial(self, left: Sight, span: float) -> Array:
        """Masses a span after a sight, by a step that leaves no trace in the run."""
        with self.context.probing():
            return self.method.step(self.method.fork(left.state), left.p, span)

    def _guess(self, k: int, left: Sight, right: Sight) -> float:
        """Root of the event along interpolated densities."""
        rho = np.stack([self.density(left.p), self.density(right.p)])
        rate = np.stack([self.generator.apply(r) for r in rho])
        a, b = left.t, right.t
        for _ in range(GUESSES):
            t = 0.5 * (a + b)
            between = hermite(t, (left.t, right.t), rho, rate, self.volume)
            f = self._value(k, t, (between * self.volume).ravel())
            a, b = (t, b) if (f > 0) == (left.values[k] > 0) and f != 0 else (a, t)
        return 0.5 * (a + b)

    def times(self) -> tuple[Array, ...]:
        """Times of the roots of every event."""
        return tuple(np.array([t for t, _ in roots]) for roots in self.roots)

    def densities(self) -> tuple[Array, ...]:
        """Densities at the roots of every event."""
        return tuple(
            np.array([self.density(p) for _, p in roots]).reshape(-1, *self.shape)
            for roots in self.roots
        )

    def dense_output(self) -> Dense | None:
        """Interpolation between the steps seen, if that was asked for."""
        if not self.knots:
            return None
        t, rho, rate = (np.array(column) for column in zip(*self.knots, strict=True))
        return Dense(t, rho, rate, np.asarray(self.generator.grid.volume))
