"""What happens between two times: roots of functions of the density, and dense output."""

from __future__ import annotations

import copy

import numpy as np

from fokkerplanck.evolution.dense import Dense, hermite

#: A root is located to this part of the interval in which it was seen, and to rounding of the time.
ROOT_TOLERANCE = 1e-10
MAX_EVALUATIONS = 60


class Finished(Exception):  # noqa: N818 - not an error
    """A terminal event was reached, at time t with masses p."""

    def __init__(self, index, t, p):
        super().__init__(f"event {index} at t = {t:g}")
        self.index, self.t, self.p = index, t, p


def check_events(events):
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
        terminal, direction = _attributes(event)
        if not isinstance(terminal, (bool, np.bool_)):
            raise ValueError(f"events[{k}].terminal is {terminal!r}; give True or False")
        is_number = isinstance(direction, (int, float, np.integer, np.floating))
        if not is_number or not np.isfinite(direction):
            raise ValueError(
                f"events[{k}].direction is {direction!r}; give 1 for rising, -1 for falling, 0 for "
                "both"
            )
    return tuple(events)


def _attributes(event):
    """What ends the run, and which way the event has to cross zero."""
    return getattr(event, "terminal", False), getattr(event, "direction", 0)


class Watch:
    """Sees the masses at the steps of a run in order, locates events, keeps dense output.

    Parameters
    ----------
    generator : Generator
    events : tuple of callables
    dense : bool

    Attributes
    ----------
    step : callable
        ``step(p, span)``: masses a span after p, which locates roots as exactly as the run's own
        method can. To be set before anything is seen.
    """

    def __init__(self, generator, events, dense):
        self.generator, self.events, self.dense, self.step = generator, events, dense, None
        grid = generator.grid
        self.shape = grid.shape
        self.volume = grid.volumes
        self.knots: list[tuple[float, np.ndarray, np.ndarray]] = []
        self.roots: list[list[tuple[float, np.ndarray]]] = [[] for _ in events]
        self.last = None
        self.busy = False

    @property
    def active(self) -> bool:
        """Whether there is anything to watch for."""
        return bool(self.events) or self.dense

    def see(self, t, p):
        """Take the masses p at time t; raises ``Finished`` at a terminal event."""
        if self.busy or not self.active or (self.last is not None and t <= self.last[0]):
            return
        p = np.array(p)
        values = [self._value(k, t, p) for k in range(len(self.events))]
        before, self.last = self.last, (t, p, values)
        if before is not None:
            for k, when, masses in self._crossings(before, self.last):
                self.roots[k].append((when, masses))
                if _attributes(self.events[k])[0]:
                    if when > before[0]:
                        self._keep(when, masses)
                    raise Finished(k, when, masses)
        self._keep(t, p)

    def _keep(self, t, p):
        """Add a knot of the dense output."""
        if self.dense:
            rho = self.density(p)
            self.knots.append((t, rho, self.generator.apply(rho)))

    def density(self, p):
        """Density of masses."""
        return p.reshape(self.shape) / self.volume

    def _value(self, k, t, p) -> float:
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

    def _crossings(self, left, right):
        """Roots between two sights, in order of time: (event, time, masses)."""
        found = []
        for k, (a, b) in enumerate(zip(left[2], right[2], strict=True)):
            direction = _attributes(self.events[k])[1]
            # A root on a sight belongs to the interval that ends there.
            rises, falls = a < 0 <= b, a > 0 >= b
            if (rises and direction >= 0) or (falls and direction <= 0):
                found.append((k, *self._locate(k, left, right)))
        return sorted(found, key=lambda root: root[1])

    def _locate(self, k, left, right):
        """Time and masses of a root of event k, by the Illinois method on the method's own steps.

        The first point is the root of the interpolated event, which is close to it.
        """
        (t0, p0, values0), (t1, p1, values1) = left, right
        a, b, fa, fb, best = t0, t1, values0[k], values1[k], (t1, p1)
        if fb == 0:
            return best
        accuracy = ROOT_TOLERANCE * (t1 - t0) + 4 * np.spacing(max(abs(t0), abs(t1)))
        t, side = self._guess(k, left, right), 0
        for _ in range(MAX_EVALUATIONS):
            if not a < t < b:
                t = 0.5 * (a + b)
            p = self._reached(p0, t - t0)
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
            # Close in from the other side once one end has all but arrived.
            t = min(max(t, a + 0.4 * accuracy), b - 0.4 * accuracy)
        return best

    def _reached(self, p, span):
        """Masses a span later, without telling anybody."""
        self.busy = True
        try:
            return self.step(p, span)
        finally:
            self.busy = False

    def _guess(self, k, left, right):
        """Root of the event along interpolated densities, by a dozen bisections."""
        (t0, p0, values0), (t1, p1, _) = left, right
        rho = np.stack([self.density(p0), self.density(p1)])
        rate = np.stack([self.generator.apply(r) for r in rho])
        a, b = t0, t1
        for _ in range(12):
            t = 0.5 * (a + b)
            between = hermite(t, (t0, t1), rho, rate, self.volume)
            f = self._value(k, t, (between * self.volume).ravel())
            a, b = (t, b) if (f > 0) == (values0[k] > 0) and f != 0 else (a, t)
        return 0.5 * (a + b)

    def results(self):
        """Times and densities of all events (tuples of arrays), and dense output or None."""
        times = tuple(np.array([t for t, _ in roots]) for roots in self.roots)
        densities = tuple(
            np.array([self.density(p) for _, p in roots]).reshape(-1, *self.shape)
            for roots in self.roots
        )
        if not self.dense or len(self.knots) == 0:
            return times, densities, None
        t, rho, rate = (np.array(column) for column in zip(*self.knots, strict=True))
        return times, densities, Dense(t, rho, rate, np.asarray(self.generator.grid.volume))


def on_a_copy(method, state):
    """Steps of a method that leave the counters in its state as they are."""
    return lambda p, span: method.step(copy.copy(state), p, span)
