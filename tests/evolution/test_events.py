"""Events: roots to tolerance against closed forms, direction, termination, files, bad input."""

from dataclasses import dataclass

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import energies
from fokkerplanck.evolution.first_schema import LEDGER
from fokkerplanck.methods import (
    BackwardEuler,
    Context,
    Exponential,
    FluxCorrected,
    Implicit,
    Method,
)

# Heat in a box: the first cosine mode of the grid decays by its own rate exactly.
N = 40
GRID = fp.Grid([(0, 1)], N)
PROBLEM = fp.Problem(GRID)
MODE = np.cos(np.pi * GRID.x[0])
RATE = 2 * N**2 * (1 - np.cos(np.pi / N))
START = 1 + 0.9 * MODE


def amplitude(rho):
    return 2 * float(GRID.integrate(rho * MODE))


def below(level, terminal=False, direction=0):
    def event(t, rho):
        return amplitude(rho) - level

    event.terminal, event.direction = terminal, direction
    return event


def passing(level):
    """Time at which the amplitude passes a level."""
    return np.log(0.9 / level) / RATE


@pytest.mark.parametrize(
    ("method", "accuracy"),
    [(None, 1e-12), (Exponential(kind="krylov"), 1e-11), (Implicit(tolerance=1e-10), 1e-9)],
)
def test_times_of_events_against_a_closed_form(method, accuracy):
    levels = [0.5, 0.1, 0.02]
    s = fp.solve(PROBLEM, START, [0, 0.3, 1], method, events=[below(v) for v in levels])
    assert s.status == "finished"
    for level, times, densities in zip(levels, s.t_events, s.rho_events, strict=True):
        assert times == pytest.approx([passing(level)], rel=0, abs=1e-9 + accuracy)
        assert amplitude(densities[0]) == pytest.approx(level, abs=1e-8)
        assert densities[0].min() >= 0
        assert GRID.integrate(densities[0]) == pytest.approx(1, abs=1e-13)
    assert s.t.tolist() == [0, 0.3, 1]


def test_an_event_function_alone_and_none_at_all():
    s = fp.solve(PROBLEM, START, [0, 1], events=below(0.1))
    assert len(s.t_events) == 1
    assert s.rho_events[0].shape == (1, N)
    assert fp.solve(PROBLEM, START, [0, 1]).t_events == ()
    never = fp.solve(PROBLEM, START, [0, 1], events=below(-1))
    assert never.t_events[0].shape == (0,)
    assert never.rho_events[0].shape == (0, N)


@pytest.mark.parametrize("method", [None, Implicit(), BackwardEuler(0.01), FluxCorrected(0.01)])
def test_a_terminal_event_ends_the_run_where_it_happens(method):
    s = fp.solve(PROBLEM, START, [0, 0.05, 0.4, 1], method, events=[below(0.1, True), below(0.5)])
    assert s.status == "event"
    assert "events[0] at t = " in s.message
    assert s.t[-1] == s.t_events[0][0] == pytest.approx(passing(0.1), abs=0.02)
    assert s.t[:-1].tolist() == [0, 0.05]
    np.testing.assert_array_equal(s.rho[-1], s.rho_events[0][0])
    assert amplitude(s[-1]) == pytest.approx(0.1, abs=1e-7)
    assert len(s.t_events[1]) == 1
    for name in ("mass", "free_energy", "min_rho"):
        assert len(getattr(s, name)) == len(s) == 3
    assert np.isfinite(s.free_energy).all()


def test_what_comes_after_a_terminal_event_does_not_count():
    s = fp.solve(PROBLEM, START, [0, 1], events=[below(0.5, True), below(0.1), below(0.7)])
    assert [len(t) for t in s.t_events] == [1, 0, 1]


def test_direction():
    """The mean of an oscillating problem crosses zero both ways."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 24)
    problem = fp.Problem(grid, drift=lambda x, y: (-x / 5 + 3 * y, -3 * x - y / 5), kT=0.2)

    def mean(t, rho):
        return float(grid.integrate(rho * grid.x[0]))

    def rising(t, rho):
        return mean(t, rho)

    def falling(t, rho):
        return mean(t, rho)

    rising.direction, falling.direction = 1, -1.0
    start = fp.gaussian(grid, (1, 0), 0.2)
    s = fp.solve(problem, start, np.linspace(0, 4, 41), events=[mean, rising, falling])
    both, up, down = s.t_events
    assert len(both) == 4
    np.testing.assert_array_equal(down, both[::2])
    np.testing.assert_array_equal(up, both[1::2])
    np.testing.assert_allclose(np.diff(both), np.pi / 3, atol=0.05)


def test_two_roots_between_two_steps_are_not_seen_and_with_steps_of_ones_own_they_are():
    """The counterexample that the documentation tells of."""

    def event(t, rho):
        return (t - 0.1) * (t - 0.2)

    assert [len(fp.solve(PROBLEM, START, t, events=event).t_events[0])
            for t in ([0, 1], [0, 0.15, 1])] == [0, 2]  # fmt: skip
    s = fp.solve(PROBLEM, START, [0, 1], BackwardEuler(0.02), events=event)
    np.testing.assert_allclose(s.t_events[0], [0.1, 0.2], atol=1e-9)


def test_roots_on_output_times_count_once():
    def event(t, rho):
        return t - 0.5

    s = fp.solve(PROBLEM, START, [0, 0.5, 1], events=event)
    assert s.t_events[0].tolist() == [0.5]
    at_start = fp.solve(PROBLEM, START, [0.5, 1, 2], events=event)
    assert len(at_start.t_events[0]) == 0


def test_counters_are_those_of_the_run():
    """Steps that only locate a root are not the run's."""
    plain = fp.solve(PROBLEM, START, [0, 1], Implicit())
    watched = fp.solve(PROBLEM, START, [0, 1], Implicit(), events=below(0.1), dense=True)
    assert watched.stats["steps"] == plain.stats["steps"]
    assert watched.stats["error_estimate"] == plain.stats["error_estimate"]
    np.testing.assert_array_equal(watched.rho, plain.rho)
    assert np.all(np.diff(watched.dense.t) > 0)


LINE = fp.Problem(fp.Grid([(-2.5, 2.5)], 40), f=lambda x: (x**2 - 1) ** 2, beta=2)
PLANE = fp.Problem(
    fp.Grid([(-2.5, 2.5)] * 2, 12), f=lambda x, y: (x**2 - 1) ** 2 / 2 + y**2 / 2, beta=2
)
STIRRED = fp.Problem(fp.Grid([(-3, 3)] * 2, 12), drift=lambda x, y: (-x + 2 * y, -2 * x - y))
HEAT = fp.Problem(fp.Grid([(-2.5, 2.5)], 40))
WELLS = {
    "default": (None, PLANE),
    "uniformisation": (Exponential(kind="uniformisation"), PLANE),
    "chebyshev": (Exponential(1e-8, kind="chebyshev"), STIRRED),
    "krylov": (Exponential(kind="krylov"), PLANE),
    "BackwardEuler": (BackwardEuler(0.03), PLANE),
    "Implicit": (Implicit(), PLANE),
    "Implicit, multilevel": (Implicit(2, 1e-3, "multilevel"), PLANE),
    "FluxCorrected": (FluxCorrected(0.03), STIRRED),
    "Splitting": (fp.Splitting(1e-2), PLANE),
    "JKO, line": (fp.JKO(0.1), LINE),
    "JKO, plane": (fp.JKO(0.1), PLANE),
    "JKO, edges": (fp.JKO(0.1, order=2), STIRRED),
    "ExactW2": (fp.jko.ExactW2(0.07), LINE),
    "ExactW2, interaction": (
        fp.jko.ExactW2(0.07, energies.Entropy(0.5) + energies.Interaction(lambda x: x**2 / 2)),
        LINE,
    ),
    "Lagrangian": (fp.jko.Lagrangian(0.07), LINE),
    "Lagrangian, zeg2": (fp.jko.Lagrangian(0.07, integrator="zeg2"), LINE),
    "Entropic": (fp.jko.Entropic(0.1), PLANE),
    "Entropic, porous medium": (
        fp.jko.Entropic(0.1, energies.PorousMedium(2), tolerance=1e-3),
        PLANE,
    ),
    "Entropic, Richardson": (fp.jko.Entropic(0.1, richardson=True), PLANE),
    "EdgeJKO": (fp.jko.EdgeJKO(0.07), STIRRED),
    "EdgeJKO, stages": (fp.jko.EdgeJKO(0.07, order=2), STIRRED),
    "FisherRao": (fp.jko.FisherRao(0.07), LINE),
    "L2Heat": (fp.jko.L2Heat(0.07), HEAT),
}


@pytest.mark.parametrize(("method", "problem"), WELLS.values(), ids=WELLS.keys())
def test_trial_steps_leave_no_trace(method, problem):
    """Densities, ledger and stats are bit for bit those of a run without events."""
    grid, times = problem.grid, [0, 0.3, 0.4, 1]
    start = fp.gaussian(grid, (0.9, 0.4)[: grid.dim], 0.3)
    # Entropic refuses steps that are very short; they ask for factorisations of their own.
    is_entropic = isinstance(method, (fp.JKO, fp.jko.Entropic))
    clocks = [clock(0.12), clock(0.83 if is_entropic else 0.4011), clock(0.5)]
    plain, watched = (
        fp.solve(problem, start, times, method, events=events) for events in (None, clocks)
    )
    assert [len(t) for t in watched.t_events] == [1, 1, 1]
    for name in ("t", "rho", *LEDGER):
        np.testing.assert_array_equal(getattr(watched, name), getattr(plain, name))
    assert list(watched.stats) == list(plain.stats)
    for name in set(plain.stats) - {"seconds"}:
        np.testing.assert_array_equal(watched.stats[name], plain.stats[name], err_msg=name)


def clock(when):
    """Event at a time that depends on the density a little."""
    return lambda t, rho: t - when + 1e-3 * float(rho.flat[0])


def test_ten_steps_with_events_are_ten_steps_of_falling_energy():
    grid = fp.Grid([(-2, 2)], 60)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, beta=3)
    start = fp.gaussian(grid, 0.2, 0.05)
    run = fp.solve(problem, start, [0, 1], fp.JKO(tau=0.1), events=lambda t, rho: t - 0.37)
    assert len(run.t_events[0]) == 1
    assert run.stats["steps"] == 10
    assert run.stats["energy"].shape == (11,)
    assert run.stats["largest_rise"] <= 0


def test_far_tails_of_the_next_step_do_not_depend_on_trial_steps():
    """Entropic keeps log densities that underflow as masses, from one step to the next."""
    grid = fp.Grid([(-12, 12), (-3, 3)], (96, 12))
    problem = fp.Problem(grid, f=lambda x, y: x**2 / 20 + y**2 / 2)
    start, t = fp.gaussian(grid, (-9, 0), 0.1), [0, 0.4]
    events = (None, clock(0.05))
    runs = [fp.solve(problem, start, t, fp.jko.Entropic(0.1), events=e) for e in events]
    assert len(runs[1].t_events[0]) == 1
    np.testing.assert_array_equal(runs[0].rho, runs[1].rho)


@dataclass(frozen=True)
class Counting(Method):
    """A careless method: its state and its record hold lists."""

    def init(self, generator, context):
        return {"inner": BackwardEuler(0.1).init(generator, context), "record": context.record}

    def step(self, state, p, span):
        state["record"].append(spans=span)
        return BackwardEuler(0.1).step(state["inner"], p, span)


def test_lists_on_the_record_are_those_of_the_run():
    s = fp.solve(PROBLEM, START, [0, 0.5, 1], Counting(), events=below(0.1))
    assert len(s.t_events[0]) == 1
    assert s.stats["spans"] == [0.5, 0.5]
    assert s.stats["steps"] == 10


def test_a_state_that_changes_inside_needs_a_fork():
    """The counterexample: a shallow copy shares the list that steps depend on."""

    @dataclass(frozen=True)
    class Tiring(Method):
        forks: bool

        def init(self, generator, context):
            return {"inner": BackwardEuler(0.1).init(generator, context), "spans": []}

        def step(self, state, p, span):
            state["spans"].append(span)
            return BackwardEuler(0.1).step(state["inner"], p, span / len(state["spans"]))

        def fork(self, state):
            return {**state, "spans": list(state["spans"])} if self.forks else dict(state)

    for forks in (True, False):
        runs = [
            fp.solve(PROBLEM, START, [0, 0.1, 0.5, 1], Tiring(forks), events=events)
            for events in (None, lambda t, rho: t - 0.3)
        ]
        assert np.array_equal(runs[0].rho, runs[1].rho) is forks


def test_dense_output_ends_at_a_terminal_event():
    s = fp.solve(PROBLEM, START, [0, 1], Implicit(), events=below(0.1, True), dense=True)
    assert s.dense.t[-1] == s.t[-1]
    np.testing.assert_array_equal(s.at(s.t[-1]), s[-1])


@dataclass(frozen=True)
class Quiet(Method):
    """A method that tells nothing of its own steps."""

    def init(self, generator, context):
        return {"inner": BackwardEuler(0.01).init(generator, Context(context.duration))}

    def step(self, state, p, span):
        return BackwardEuler(0.01).step(state["inner"], p, span)


def test_methods_that_do_not_tell_their_steps():
    s = fp.solve(PROBLEM, START, np.linspace(0, 1, 11), Quiet(), events=below(0.1), dense=True)
    assert len(s.t_events[0]) == 1
    assert len(s.dense.t) == 11


def test_events_may_not_write():
    def event(t, rho):
        rho.fill(0)
        return 1.0

    with pytest.raises(ValueError, match="read-only"):
        fp.solve(PROBLEM, START, 1.0, events=event)


def test_saved_events_come_back(tmp_path):
    s = fp.solve(PROBLEM, START, [0, 1], events=[below(0.5), below(-1), below(0.1, True)])
    again = fp.load(s.save(tmp_path / "run.npz"))
    assert again.status == "event"
    assert len(again.t_events) == len(again.rho_events) == 3
    for name in ("t_events", "rho_events"):
        for mine, theirs in zip(getattr(again, name), getattr(s, name), strict=True):
            np.testing.assert_array_equal(mine, theirs)
            with pytest.raises(ValueError, match="read-only"):
                theirs[:] = 0
    assert fp.load(fp.solve(PROBLEM, START, 1.0).save(tmp_path / "b.npz")).t_events == ()


def spoilt(**attributes):
    def event(t, rho):
        return 1.0

    for name, value in attributes.items():
        setattr(event, name, value)
    return event


BAD = {
    "number": (3, "events is int; give a function event"),
    "text": ("mass", "events is str; give a function event"),
    "list of numbers": ([below(1), 3], r"events\[1\] is 3; give a function event"),
    "terminal": (spoilt(terminal=2), r"events\[0\].terminal is 2; give True or False"),
    "direction": (spoilt(direction="up"), r"events\[0\].direction is 'up'; give 1 for rising"),
    "direction nan": (spoilt(direction=np.nan), r"events\[0\].direction is nan"),
    "returns None": (lambda t, rho: None, r"events\[0\] returned None at t = 0; return a finite"),
    "returns nan": (lambda t, rho: np.nan, r"events\[0\] returned nan at t = 0"),
    "returns rho": (lambda t, rho: rho, r"events\[0\] returned array\("),
    "returns text": (lambda t, rho: "1e", r"events\[0\] returned '1e' at t = 0"),
}


@pytest.mark.parametrize(("events", "words"), BAD.values(), ids=BAD.keys())
def test_bad_events(events, words):
    with pytest.raises(ValueError, match=words):
        fp.solve(PROBLEM, START, [0, 1], events=events)
