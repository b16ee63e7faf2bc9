"""The time loop, its ledger, its ways to end, and saved solutions."""

import json
import os
import re
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from tqdm import tqdm

import fokkerplanck as fp
from fokkerplanck import observables
from fokkerplanck.domain import storage
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.first_schema import LEDGER
from fokkerplanck.methods import BackwardEuler, Exponential, Method
from fokkerplanck.scheme.generator import Generator

GRID = fp.Grid([(-3, 3), (-3, 3)], 16)
PROBLEM = fp.Problem(GRID, drift=lambda x, y: (-x + 2 * y, -y - 2 * x), D=(1, 0.3), kT=0.5)
START = fp.gaussian(GRID, (1, 0), 0.2)
TIMES = [0.0, 0.3, 1.0, 2.0]


@dataclass(frozen=True)
class Scripted(Method):
    """Backward Euler that does something unexpected in its n-th step."""

    n: int
    what: object

    def init(self, generator, context):
        return {"inner": BackwardEuler(0.1).init(generator, context), "count": 0}

    def step(self, state, p, span):
        state["count"] += 1
        if state["count"] == self.n:
            if isinstance(self.what, BaseException):
                raise self.what
            return self.what
        return BackwardEuler(0.1).step(state["inner"], p, span)


# --- the ledger ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, BackwardEuler(0.05), Exponential(kind="krylov")])
def test_ledger_is_what_the_observables_say(method):
    steady = fp.steady_state(PROBLEM, scheme="markov")
    s = fp.solve(Generator(PROBLEM), START, TIMES, method, steady=steady)
    assert (s.status, s.t.tolist(), s.rho.shape) == ("finished", TIMES, (4, 16, 16))
    assert s.beta == 2.0
    np.testing.assert_allclose(s.rho[0], START, rtol=1e-15)
    np.testing.assert_allclose(s.mass, 1, atol=1e-15)
    np.testing.assert_array_equal(s.min_rho, s.rho.min(axis=(1, 2)))
    np.testing.assert_allclose(s.entropy, observables.entropy(s.rho, GRID), rtol=1e-14)
    np.testing.assert_allclose(s.energy, observables.energy(s.rho, steady.Phi, GRID), rtol=1e-12)
    np.testing.assert_allclose(s.free_energy, 0.5 * observables.kl(s.rho, steady.rho, GRID))
    rates = observables.entropy_production(s.rho, steady.log_rho, Generator(PROBLEM))
    np.testing.assert_allclose(s.dissipation, 0.5 * rates.nonadiabatic)
    gap = s.energy - 0.5 * s.entropy - s.free_energy
    np.testing.assert_allclose(gap, gap[0], rtol=1e-12)
    assert np.all(np.diff(s.free_energy) < 0)


def test_dissipation_integrates_to_the_loss_of_free_energy():
    s = fp.solve(PROBLEM, START, np.linspace(0, 1, 401), scheme="markov")
    lost = np.sum(np.diff(s.t) * (s.dissipation[1:] + s.dissipation[:-1]) / 2)
    assert lost == pytest.approx(s.free_energy[0] - s.free_energy[-1], rel=1e-4)


def test_reference_may_be_given_or_left_out():
    steady = fp.steady_state(PROBLEM, scheme="markov")
    generator = Generator(PROBLEM)
    by_itself = fp.solve(generator, START, TIMES)
    for given in (steady, steady.log_rho):
        s = fp.solve(generator, START, TIMES, steady=given)
        np.testing.assert_array_equal(s.free_energy, by_itself.free_energy)
    without = fp.solve(generator, START, TIMES, steady=False)
    np.testing.assert_array_equal(without.rho, by_itself.rho)
    for name in ("free_energy", "energy", "dissipation"):
        assert np.isnan(getattr(without, name)).all()
    np.testing.assert_array_equal(without.entropy, by_itself.entropy)


def test_free_energy_levels_off_at_the_distance_of_two_schemes():
    """F falls to rounding for the generator's own state, to KL(markov | log) = O(h^4) for "log"."""
    levels = []
    for n in (20, 40):
        grid = fp.Grid([(-3, 3), (-3, 3)], n)
        problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=(1, 0.5), kT=0.5)
        markov, log = (fp.steady_state(problem, scheme=name) for name in ("markov", "log"))
        start = fp.gaussian(grid, (1, 0), 0.2)
        generator = Generator(problem)
        own, other = (fp.solve(generator, start, [0, 20, 40], steady=s) for s in (None, log))
        np.testing.assert_array_equal(own.rho, other.rho)
        assert own.free_energy[-1] < 1e-25
        distance = 0.5 * observables.kl(markov.rho, log.rho, grid)
        np.testing.assert_allclose(other.free_energy[1:], distance, rtol=1e-9)
        levels.append(distance)
    assert levels[0] > 1e-6
    assert levels[1] < levels[0] / 12


def test_a_problem_without_a_unique_steady_state_says_how_to_go_on():
    grid = fp.Grid([(0, 4)], 8)
    D = np.where(grid.x[0] < 2, 1.0, 0.0)
    problem = fp.Problem(grid, D=[D])
    with pytest.raises(ValueError, match="not unique") as caught:
        fp.solve(problem, fp.uniform(grid), 1.0)
    assert "steady=False" in "".join(caught.value.__notes__)
    assert fp.solve(problem, fp.uniform(grid), 1.0, steady=False).status == "finished"


def test_absorbing_sides_lose_mass_at_the_slowest_rate():
    """Heat on (0, 1) with both ends absorbing, from its first mode: mass e^(-pi^2 t)."""
    grid = fp.Grid([(0, 1)], 200, "absorbing")
    rho0 = np.sin(np.pi * grid.x[0])
    rho0 /= grid.integrate(rho0)
    s = fp.solve(fp.Problem(grid), rho0, [0, 0.1, 0.3])
    np.testing.assert_allclose(s.mass, np.exp(-(np.pi**2) * s.t), rtol=3e-4)
    assert np.isnan(s.free_energy).all()
    assert s.log_rho_inf is None
    assert s.min_rho.min() > 0
    assert "free energy" not in repr(s)


def test_start_is_normalised_to_rounding():
    s = fp.solve(PROBLEM, START * (1 + 5e-9), [0, 1])
    np.testing.assert_allclose(s.mass, 1, atol=1e-15)


def test_graded_axes():
    grid = fp.Grid([np.geomspace(0.1, 3, 41)])
    s = fp.solve(fp.Problem(grid, f=lambda x: (x - 1) ** 2), fp.gaussian(grid, 2, 0.1), [0, 1, 60])
    np.testing.assert_allclose(s.mass, 1, atol=1e-15)
    assert s.free_energy[-1] < 1e-28


def test_a_generator_in_place_of_the_problem():
    generator = Generator(PROBLEM)
    a = fp.solve(PROBLEM, START, TIMES, scheme="markov")
    b = fp.solve(generator, START, TIMES)
    np.testing.assert_array_equal(a.rho, b.rho)
    np.testing.assert_array_equal(a.free_energy, b.free_energy)
    assert (a.problem, a.beta) == (b.problem, b.beta)


# --- times, indexing, arrays ---------------------------------------------------------------------


def test_a_number_is_the_last_time_and_one_time_is_the_start():
    assert fp.solve(PROBLEM, START, 0.5).t.tolist() == [0.0, 0.5]
    s = fp.solve(PROBLEM, START, [2.0])
    assert (len(s), s.status) == (1, "finished")


def test_only_differences_of_time_matter():
    a, b = (fp.solve(Generator(PROBLEM), START, np.array(TIMES) - shift) for shift in (0.0, 7.0))
    np.testing.assert_allclose(a.rho, b.rho, rtol=1e-12)
    assert b.t[0] == -7.0


def test_indexing_iterating_and_writing():
    s = fp.solve(PROBLEM, START, TIMES)
    np.testing.assert_array_equal(s[-1], s.rho[-1])
    assert s[1:3].shape == (2, 16, 16)
    assert [t for t, _ in s] == TIMES
    assert all(rho is not None and rho.shape == GRID.shape for _, rho in s)
    for name in ("t", "rho", *LEDGER, "log_rho_inf"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(s, name)[0] = 0
    with pytest.raises(TypeError):
        s.stats["products"] = 0
    with pytest.raises(AttributeError):
        s.status = "better"


# --- callback, stopping, interruption, failure ---------------------------------------------------


def test_callback_sees_every_output_and_may_stop():
    seen = []
    s = fp.solve(PROBLEM, START, TIMES, callback=lambda t, rho: seen.append((t, rho.sum())))
    assert [t for t, _ in seen] == TIMES
    s = fp.solve(PROBLEM, START, TIMES, callback=lambda t, rho: t >= 0.3)
    assert (s.status, s.t.tolist(), s.rho.shape[0]) == ("stopped", [0.0, 0.3], 2)
    assert "t = 0.3" in s.message


@pytest.mark.parametrize(("answer", "n"), [(True, 1), (np.True_, 1), (np.False_, 4), (None, 4)])
def test_only_true_stops(answer, n):
    """Comparisons of arrays answer with numpy's own truth values."""
    assert len(fp.solve(PROBLEM, START, TIMES, callback=lambda t, rho: answer)) == n


def test_callback_may_not_write():
    with pytest.raises(ValueError, match="read-only"):
        fp.solve(PROBLEM, START, TIMES, callback=lambda t, rho: rho.fill(0))


@pytest.mark.parametrize("where", ["step", "callback"])
def test_interruption_loses_nothing(where):
    if where == "step":
        s = fp.solve(PROBLEM, START, TIMES, Scripted(2, KeyboardInterrupt()))
    else:

        def callback(t, rho):
            if t == 0.3:
                raise KeyboardInterrupt

        s = fp.solve(PROBLEM, START, TIMES, callback=callback)
    assert (s.status, s.t.tolist()) == ("interrupted", [0.0, 0.3])
    assert all(len(getattr(s, name)) == 2 for name in ("rho", *LEDGER))
    assert "t = 0.3" in s.message
    assert np.isfinite(s.free_energy).all()


def test_ctrl_c_reaches_a_long_step_soon():
    """The signal arrives in the middle of some 1e7 products and is heard between two chunks."""
    method = Exponential(kind="uniformisation", tolerance=1e-14)
    fp.solve(PROBLEM, START, 0.1, method)
    # A shell that starts its jobs in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    # Stationarity would end it early: a density that never stops moving has no such luck.
    grid = fp.Grid([(0, 1)], 4000, "periodic")
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x, kT=1e-3)
    try:
        s = fp.solve(problem, fp.gaussian(grid, 0.5, 0.01), [0, 1e-3, 1e2], method, steady=False)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert (s.status, len(s)) == ("interrupted", 2)


def test_failure_raises_or_is_reported():
    failing = Scripted(2, ConvergenceError("no pivot"))
    with pytest.raises(ConvergenceError, match=r"no pivot \(after t = 0.3\)") as caught:
        fp.solve(PROBLEM, START, TIMES, failing)
    assert caught.value.iterate.shape == GRID.shape
    s = fp.solve(PROBLEM, START, TIMES, failing, throw=False)
    assert (s.status, s.t.tolist()) == ("failed", [0.0, 0.3])
    assert "no pivot" in s.message


def test_masses_that_are_not_finite_are_a_failure():
    broken = Scripted(1, np.full(GRID.size, np.nan))
    assert fp.solve(PROBLEM, START, TIMES, broken, throw=False).status == "failed"
    with pytest.raises(ValueError, match=r"returned masses of shape \(3,\)"):
        fp.solve(PROBLEM, START, TIMES, Scripted(1, np.ones(3)))


def test_a_method_that_goes_negative_is_shown_as_it_is():
    p = (START * GRID.volume).ravel().copy()
    p[:2] = -0.01, 0.01 + p[:2].sum()
    s = fp.solve(PROBLEM, START, [0, 1], Scripted(1, p))
    assert s.min_rho[1] < 0
    assert np.isnan([s.free_energy[1], s.entropy[1], s.dissipation[1]]).all()


# --- tolerance and progress ----------------------------------------------------------------------


def test_tolerance_reaches_the_method():
    loose, tight = (fp.solve(PROBLEM, START, TIMES, rtol=r) for r in (1e-4, 1e-12))
    assert loose.stats["tolerance"] == 1e-4
    assert loose.stats["products"] < tight.stats["products"]
    both = fp.solve(PROBLEM, START, TIMES, rtol=1e-4, atol=1e-4)
    assert both.stats["tolerance"] == 2e-4


class Bar:
    """Something like tqdm, not tqdm."""

    def __init__(self, total=None):
        self.total, self.n, self.closed = total, 0.0, False
        Bar.last = self

    def update(self, n):
        assert n > 0
        self.n += n

    def close(self):
        self.closed = True


def test_progress_in_units_of_the_bar():
    bar = Bar(total=50)
    fp.solve(PROBLEM, START, TIMES, progress=bar)
    assert bar.n == pytest.approx(50)
    assert not bar.closed
    fp.solve(PROBLEM, START, TIMES, progress=Bar)
    assert Bar.last.n == pytest.approx(2.0)
    assert Bar.last.closed


def test_progress_moves_within_an_interval():
    grid = fp.Grid([(-3, 3)], 300)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    steps = []
    bar = Bar(total=1.0)
    bar.update = steps.append
    fp.solve(problem, fp.gaussian(grid, 1, 0.1), 1.0, progress=bar)
    assert len(steps) > 1
    assert sum(steps) == pytest.approx(1)
    assert sum(steps) <= 1


def test_bar_on_the_terminal(capsys):
    fp.solve(PROBLEM, START, TIMES, progress=True)
    assert re.search(r"solve: 100%\|█+\| \d\d:\d\d<00:00", capsys.readouterr().err)
    fp.solve(PROBLEM, START, TIMES)  # no terminal here
    fp.solve(PROBLEM, START, TIMES, progress=False)
    fp.solve(PROBLEM, START, TIMES, progress=tqdm(total=3.0, disable=True))
    assert capsys.readouterr().err == ""


def test_bar_says_how_much_time_is_left(capsys):
    """Half of the time has passed in some 0.3 s, so that about as much is left."""
    generator = Generator(PROBLEM)
    fp.solve(generator, START, [0, 1, 2], progress=True, callback=lambda t, rho: time.sleep(0.3))
    assert re.search(r"solve:  50%.* \d\d:\d\d<00:0\d", capsys.readouterr().err)


def test_a_bar_of_ours_is_closed_whatever_happens():
    grid = fp.Grid([(0, 4)], 8)
    problem = fp.Problem(grid, D=[np.where(grid.x[0] < 2, 1.0, 0.0)])
    with pytest.raises(ValueError, match="not unique"):
        fp.solve(problem, fp.uniform(grid), 1.0, progress=Bar)
    assert Bar.last.closed


# --- saving --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["2D", "absorbing", "graded"])
def test_saved_solutions_come_back_bit_by_bit(case, tmp_path):
    if case == "2D":
        s = fp.solve(PROBLEM, START, TIMES)
    else:
        box = [(0, 1)] if case == "absorbing" else [np.geomspace(0.1, 3, 21)]
        grid = fp.Grid(box, 20, "absorbing" if case == "absorbing" else "reflecting")
        s = fp.solve(fp.Problem(grid), fp.uniform(grid), TIMES)
    again = fp.load(s.save(tmp_path / "run.npz"))
    for name in ("t", "rho", *LEDGER):
        np.testing.assert_array_equal(getattr(again, name), getattr(s, name))
    for name in ("status", "message", "beta", "problem_repr"):
        assert getattr(again, name) == getattr(s, name)
    assert dict(again.stats) == dict(s.stats)
    assert repr(again.grid) == repr(s.grid)
    for a, b in zip(again.grid.faces, s.grid.faces, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (again.log_rho_inf is None) == (s.log_rho_inf is None)
    assert repr(again) == repr(s)


def test_a_failed_save_leaves_the_old_file_and_no_debris(tmp_path, monkeypatch):
    s = fp.solve(PROBLEM, START, TIMES)
    path = s.save(tmp_path / "run.npz")
    before = path.read_bytes()

    def full(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        s.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_files_that_are_not_ours_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="not a file written by fokkerplanck"):
        fp.load(path)
    np.savez(path, x=np.arange(3))
    with pytest.raises(ValueError, match="not a file written by fokkerplanck"):
        fp.load(path)
    np.savez(path, fokkerplanck=np.array([{"pickle": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a file written by fokkerplanck"):
        fp.load(path)
    good = fp.solve(PROBLEM, START, TIMES).save(tmp_path / "good.npz")
    path.write_bytes(good.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="damaged"):
        fp.load(path)
    header = {"schema": storage.SCHEMA + 1, "kind": "Solution", "version": "99", "metadata": {}}
    np.savez(path, fokkerplanck=np.array(json.dumps(header)))
    with pytest.raises(ValueError, match="update fokkerplanck"):
        fp.load(path)
    storage.write(path, "Poem", {}, {})
    with pytest.raises(ValueError, match="holds a Poem"):
        fp.load(path)
    with pytest.raises(FileNotFoundError):
        fp.load(tmp_path / "missing.npz")


# --- the door ------------------------------------------------------------------------------------

NEGATIVE = np.where(START.max() == START, -1.0, START)
BAD = {
    "problem": ({"problem": GRID}, "solve received Grid; give a Problem"),
    "edges": (
        {"problem": Generator(fp.Edges.from_problem(PROBLEM))},
        "a Generator made of Edges, which do not know f, .*; give the Problem",
    ),
    "shape": ({"rho0": START[:5]}, r"rho0 has shape \(5, 16\), expected the grid's \(16, 16\)"),
    "mass": ({"rho0": 2 * START}, "rho0 has mass 2, expected 1; divide it by"),
    "negative": ({"rho0": NEGATIVE}, "rho0 is negative"),
    "nan": ({"rho0": START * np.nan}, "rho0 is nan"),
    "rho0 words": ({"rho0": "gaussian"}, "rho0 is .*give"),
    "backwards": ({"t": [0, 2, 1]}, r"t does not increase: t\[1\] = 2, t\[2\] = 1"),
    "twice": ({"t": [0, 1, 1]}, r"t does not increase: t\[1\] = 1"),
    "zero": ({"t": 0}, "t is 0.0; give a finite positive number"),
    "negative end": ({"t": -1.0}, "t is -1.0; give a finite positive number"),
    "nan time": ({"t": [0, np.nan]}, r"t\[1\] = nan is not finite"),
    "inf time": ({"t": np.inf}, "t is inf; give a finite positive number"),
    "inf end": ({"t": [0, np.inf]}, r"t\[1\] = inf is not finite"),
    "no times": ({"t": []}, "give a one-dimensional array"),
    "table of times": ({"t": [[0, 1]]}, "give a one-dimensional array"),
    "words for times": ({"t": "soon"}, "give increasing output times"),
    "method name": ({"method": "rk4"}, r"method is 'rk4'; give a Method, e.g. Exponential\(\)"),
    "method class": ({"method": BackwardEuler}, "is the class BackwardEuler; give an object"),
    "rtol": ({"rtol": 0}, "rtol is 0; give a number between 0 and 1"),
    "rtol nan": ({"rtol": np.nan}, "rtol is nan"),
    "atol": ({"atol": -1e-3}, "atol is -0.001"),
    "atol array": ({"atol": [1e-3]}, "atol is"),
    "rtol in vain": ({"rtol": 1e-3, "method": BackwardEuler(1)}, "does not control its error"),
    "callback": ({"callback": 1}, "callback is int; give a function"),
    "progress": ({"progress": "yes"}, "progress is 'yes'; give None, True, False or a bar"),
    "steady shape": ({"steady": np.zeros(3)}, r"steady has a log density of shape \(3,\)"),
    "steady rho": ({"steady": START}, "give log\\(rho\\), not rho or Phi"),
    "steady nan": ({"steady": START * np.nan}, "nan or \\+inf"),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD.keys())
def test_bad_calls(change, words):
    arguments = {"problem": PROBLEM, "rho0": START, "t": TIMES} | change
    with pytest.raises(ValueError, match=words):
        fp.solve(**arguments)


def test_steady_makes_no_sense_where_mass_leaves():
    grid = fp.Grid([(0, 1)], 8, "absorbing")
    with pytest.raises(ValueError, match="leave steady out"):
        fp.solve(fp.Problem(grid), fp.uniform(grid), 1.0, steady=np.zeros(8))


def test_a_run_goes_on_from_what_is_left_of_the_mass():
    grid = fp.Grid([(0, 1)], 20, [("reflecting", "absorbing")])
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x)
    whole = fp.solve(problem, fp.uniform(grid), [0, 0.3, 0.6])
    rest = fp.solve(problem, whole.rho[1], 0.3)
    assert 0.1 < rest.mass[0] < 0.9
    np.testing.assert_allclose(rest.mass[0], whole.mass[1], rtol=1e-15)
    np.testing.assert_allclose(rest.rho[-1], whole.rho[2], rtol=1e-12)
    for method in (fp.Implicit(), fp.BackwardEuler(0.01), fp.Splitting()):
        run = fp.solve(problem, whole.rho[1], 0.3, method)
        assert np.abs(run.mass[0] - whole.mass[1]) < 1e-14
        assert grid.integrate(np.abs(run.rho[-1] - whole.rho[2])) < 0.01
    modes = fp.spectrum(problem, 2)
    part = modes.coefficients(whole.rho[1]) / modes.coefficients(whole.rho[0])
    np.testing.assert_allclose(part[0], np.exp(0.3 * modes.eigenvalues[0]), rtol=1e-9)
    with pytest.raises(ValueError, match=r"rho0 has mass 1\.5, expected at most 1, what is left"):
        fp.solve(problem, 1.5 * fp.uniform(grid), 1.0)
    closed = fp.Problem(fp.Grid([(0, 1)], 20))
    with pytest.raises(ValueError, match=r"rho0 has mass 0\.5, expected 1; divide"):
        fp.solve(closed, 0.5 * fp.uniform(grid), 1.0)


def test_free_energy_against_a_state_with_empty_cells_is_infinite():
    """Drift alone to the right: all mass ends in the last cells, where there is noise."""
    grid = fp.Grid([(0, 1)], 10)
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x, D=lambda x: np.where(x > 0.5, 1.0, 0.0))
    left, right = (np.where(flag, 2.0, 0.0) for flag in (grid.x[0] < 0.5, grid.x[0] > 0.5))
    run = fp.solve(problem, left, [0, 0.1], scheme="markov")
    assert np.isposinf(run.free_energy).all()
    assert np.isposinf(run.energy).all()
    assert np.isnan(run.dissipation).all()
    assert "cells carry no steady mass, and free energy is infinite" in run.message
    run = fp.solve(problem, right, [0, 0.1], scheme="markov")
    assert np.isfinite(run.free_energy).all()
    assert np.isfinite(run.dissipation).all()
    assert "infinite" not in run.message


LONG = {
    "BackwardEuler": (fp.BackwardEuler(1e-300), 1.0, ValueError, r"1e\+300 steps"),
    "FluxCorrected": (fp.FluxCorrected(1e-12), 1.0, ValueError, r"1e\+12 steps"),
    "explicit": (fp.FluxCorrected(), 1e300, ValueError, "steps of at most"),
    "JKO": (fp.JKO(1e-300), 1.0, ValueError, r"1e\+300 steps"),
    "Lagrangian": (fp.jko.Lagrangian(1e-30), 1.0, ValueError, r"1e\+30 steps"),
    "uniformisation": (
        fp.Exponential(kind="uniformisation"),
        1e300,
        fp.ConvergenceError,
        "products",
    ),
    "chebyshev": (fp.Exponential(kind="chebyshev"), 1e300, fp.ConvergenceError, "too long"),
    "krylov": (fp.Exponential(kind="krylov"), 1e300, fp.ConvergenceError, "fastest rate"),
    "auto": (None, 1e300, fp.ConvergenceError, "fastest rate"),
    "Implicit": (fp.Implicit(), 1e300, fp.ConvergenceError, "too long|not reach|tolerance"),
}


@pytest.mark.parametrize("name", LONG)
def test_runs_that_would_not_end_are_refused_before_they_start(name):
    method, t, kind, words = LONG[name]
    problem = fp.Problem(fp.Grid([(-2, 2)], 80), f=lambda x: x**2)
    with pytest.raises(kind, match=words):
        fp.solve(problem, fp.uniform(problem.grid), t, method)


@pytest.mark.parametrize("kind", ["auto", "uniformisation"])
def test_backward_equations_that_would_not_end_are_refused(kind):
    problem = fp.Problem(fp.Grid([(-2, 2)], 80), f=lambda x: x**2)
    with pytest.raises(fp.ConvergenceError, match=r"products|fastest rate"):
        fp.backward(problem, lambda x: x, 1e300, kind=kind)


def test_paths_of_too_many_steps_are_refused():
    problem = fp.Problem(fp.Grid([(-2, 2)], 8), f=lambda x: x**2)
    with pytest.raises(ValueError, match=r"1e\+12 steps, and 1e\+09 are the most"):
        fp.sde.simulate(problem, [0.0], t=1.0, dt=1e-12)
