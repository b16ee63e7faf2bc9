"""Rates that the damping of the fifth-order flux makes, against a flux that keeps the state."""

import pytest

import fokkerplanck as fp
from fokkerplanck import sets


def two_wells(n, gamma, barrier):
    """Motion with inertia over a barrier in kT, as a drift alone."""
    v = max(3.2, 5.5 / barrier**0.5)
    grid = fp.Grid([(-1.9, 1.9), (-v, v)], n)

    def drift(x, v):
        return v, -4 * x * (x**2 - 1) - gamma * v

    return fp.Problem(grid, drift=drift, D=(0, gamma), kT=1 / barrier)


def test_rates_that_damping_makes_are_refused():
    """Gap and passages 3.2 times too fast: 4.74e-6 is right."""
    problem = two_wells(80, 0.5, 12)
    for ask in (
        lambda **w: fp.spectrum(problem, 2, **w),
        lambda **w: fp.mfpt(problem, sets.half_space((1, 0), 0.8), **w),
    ):
        with pytest.raises(fp.ConvergenceError, match=r"does not resolve the .* damping of the"):
            ask(scheme="upwind5")
        with pytest.raises(fp.ConvergenceError, match=r"give the potential \(Problem.langevin\)"):
            ask()


def test_the_part_that_is_said_is_the_error():
    """A tenth too much over 8 kT: 2.4635e-4 on 160² cells by the flux that keeps the state."""
    problem = two_wells(80, 0.5, 8)
    found = fp.spectrum(problem, 2)
    said = found.stats.message.partition("flux makes ")[2]
    part = float(said.split()[0])
    assert found.gap * (1 - part) == pytest.approx(2.4635e-4, rel=0.01)
    assert abs(found.gap / 2.4635e-4 - 1) > 0.08
    times = fp.mfpt(problem, sets.half_space((1, 0), 0.8))
    assert "makes 0.097 of the rate of passage" in times.stats.message


def test_nothing_is_said_of_what_is_right():
    found = fp.spectrum(two_wells(80, 0.5, 5), 2)
    assert found.gap == pytest.approx(4.3840e-3, rel=2e-3)
    assert "damping" not in found.stats.message


def test_passages_where_krylov_steps_stop():
    """Friction 2 over 12 kT: complete factors, and half of the time is one over the gap."""
    problem = two_wells(80, 2, 12)
    times = fp.mfpt(problem, sets.half_space((1, 0), 0.8))
    assert times.stats["scheme"] == "upwind5"
    assert times.stats["solver"] == "direct"
    assert times.at(-1, 0) * fp.spectrum(problem, 2).gap == pytest.approx(2, rel=1e-3)
    assert times.at(-1, 0) * 3.349e-6 == pytest.approx(2, rel=0.1)


def test_committors_ask_both_passages():
    """Sets that reach up the flanks: the rate between them is 3 times too large as well."""
    sides = sets.half_space((-1, 0), 0.8), sets.half_space((1, 0), 0.8)
    with pytest.raises(fp.ConvergenceError, match=r"of passage to .*damping of the fifth"):
        fp.committor(two_wells(120, 0.5, 16), *sides, scheme="upwind5")
