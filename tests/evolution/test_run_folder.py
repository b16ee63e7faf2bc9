"""Folders of runs that are none, damaged, in use or full: a sentence, and never a wrong number."""

import errno
import json
import mmap
import os
import shutil
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.evolution import run_folder
from fokkerplanck.evolution.frames import Frames, frame_path
from fokkerplanck.evolution.plain_values import pack, unpack
from fokkerplanck.evolution.run_folder import RunFolder

GRID = fp.Grid([(-4, 4)], 24)
PROBLEM = fp.Problem(GRID, f=lambda x: x**2 / 2)
START = fp.gaussian(GRID, 1, 0.2)
TIMES = np.linspace(0, 1, 6)


@pytest.fixture(scope="module")
def whole():
    return fp.solve(PROBLEM, START, TIMES)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Folder of a run of four densities out of six, with checkpoints at three and at four."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_into(folder, every=0, callback=lambda t, rho: t == TIMES[3])
    with RunFolder(folder, 60.0, is_new=False) as opened:
        numbers = [opened._checkpoint(name)["n"] for name in ("checkpoint-0", "checkpoint-1")]
    assert numbers == [3, 4]
    return folder


def run_into(folder, **words):
    return fp.solve(PROBLEM, START, TIMES, checkpoint=folder, **words)


@pytest.fixture
def folder(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def question(**changes):
    """Spoil run.json; None removes an entry."""

    def spoil(folder):
        content = json.loads((folder / "run.json").read_text()) | changes
        content = {k: v for k, v in content.items() if v is not None}
        (folder / "run.json").write_text(json.dumps(content))

    return spoil


def written(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def both(spoil):
    """Spoil both checkpoints."""

    def spoiled(folder):
        for name in ("checkpoint-0", "checkpoint-1"):
            spoil(folder / name)

    return spoiled


def flipped(path, at=-40):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def emptied(folder):
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def replaced_by_file(folder):
    shutil.rmtree(folder)
    folder.write_text("a file")


def sealed(content):
    """A checkpoint with a checksum that holds, and content that does not."""

    def spoil(path):
        head = len(run_folder._MARK)
        data = pack(content) if not isinstance(content, bytes) else content
        digest = run_folder.hashlib.sha256(data).hexdigest().encode()
        path.write_bytes(path.read_bytes()[:head] + digest + b"\n" + data)

    return spoil


def frame(k, spoil):
    return lambda folder: spoil(frame_path(folder, k))


def saved(array):
    return lambda path: np.save(path, array)


BAD = {
    "no folder": (shutil.rmtree, "there is no folder"),
    "a file": (replaced_by_file, "which is no folder"),
    "empty": (emptied, "no run: it has no run.json"),
    "question gone": (lambda folder: (folder / "run.json").unlink(), "no run: it has no run.json"),
    "question empty": (written("run.json", b""), "run.json is damaged"),
    "question truncated": (written("run.json", b'{"kind": "fokkerpla'), "run.json is damaged"),
    "question binary": (written("run.json", b"\xff\xfe\x00"), "run.json is damaged"),
    "question a list": (written("run.json", b"[1, 2]"), "not written by fokkerplanck"),
    "question of others": (question(kind="a run of others"), "not written by fokkerplanck"),
    "question deep": (written("run.json", b"[" * 100_000), "run.json is damaged"),
    "newer version": (question(schema=99, version="9.9"), r"by fokkerplanck 9.9 .*update"),
    "schema a word": (question(schema="one"), "schema 'one'"),
    "no times": (question(times=None), "times is missing"),
    "times empty": (question(times=[]), "the times do not increase"),
    "times fall": (question(times=[0, 2, 1]), "the times do not increase"),
    "times words": (question(times=["a", "b"]), "the times do not increase"),
    "times nan": (question(times=[0, float("nan")]), "the times do not increase"),
    "no shape": (question(shape=None), "shape is missing"),
    "shape negative": (question(shape=[-3]), "the shape is"),
    "no method": (question(method=None), "method is missing"),
    "nothing asked": (question(asked={}), "scheme is missing"),
    "scheme of none": (
        question(asked={"scheme": "x", "rtol": None, "atol": None, "is_free": True, "events": 0}),
        "scheme is 'x'; choose from",
    ),
    "no fingerprint": (question(problem={}), "the faces of the grid differs"),
    "unknown method": (question(method={"class": "os.system", "values": {}}), "files cannot"),
    "method spoilt": (
        question(method={"class": "fokkerplanck.methods.implicit.Implicit", "values": {"x": 1}}),
        "damaged method",
    ),
    "no checkpoint": (both(lambda path: path.unlink()), "ended before its first checkpoint"),
    "both flipped": (both(flipped), "checkpoint-0 is damaged; .*checkpoint-1 is damaged; there"),
    "both truncated": (both(truncated), "checkpoint-0 is damaged"),
    "both empty": (both(lambda path: path.write_bytes(b"")), "checkpoint-0 is damaged"),
    "mark flipped": (both(lambda path: flipped(path, 3)), "checkpoint-0 is damaged"),
    "sealed nonsense": (both(sealed(b"nonsense")), "checkpoint-0 is no checkpoint"),
    "sealed list": (both(sealed([1, 2])), "checkpoint-0 is no checkpoint"),
    "sealed zero": (both(sealed({"n": 0, "sums": []})), "checkpoint-0 is no checkpoint"),
    "first density gone": (frame(0, lambda path: path.unlink()), "000000.npy is gone"),
    "first density flipped": (frame(0, flipped), "000000.npy is not what the run wrote"),
    "first density truncated": (frame(0, truncated), "000000.npy is damaged"),
    "first density empty": (frame(0, lambda p: p.write_bytes(b"")), "000000.npy is damaged"),
    "first density of another grid": (frame(0, saved(np.ones(7))), r"holds .* of shape \(7,\)"),
    "first density whole numbers": (frame(0, saved(np.ones(24, int))), "000000.npy holds int64"),
    "density of another time": (
        lambda folder: shutil.copy(frame_path(folder, 2), frame_path(folder, 1)),
        "000001.npy is not what the run wrote",
    ),
    "densities gone": (lambda folder: shutil.rmtree(folder / "frames"), "000000.npy is gone"),
    "checkpoints folders": (
        both(lambda path: (path.unlink(), path.mkdir())),
        "checkpoint-0 cannot be read",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folders(case, folder):
    spoil, words = BAD[case]
    spoil(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        fp.resume(folder, PROBLEM)
    assert "\n" not in str(caught.value)


def test_the_folder_that_is_spoilt_above_is_good(folder, whole):
    found = fp.resume(folder, PROBLEM)
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


DAMAGED = {
    "flipped": flipped,
    "truncated": truncated,
    "empty": lambda path: path.write_bytes(b""),
    "nonsense": sealed(b"nonsense"),
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("name", ["checkpoint-0", "checkpoint-1"])
def test_a_damaged_checkpoint_is_passed_over(case, name, folder, whole):
    DAMAGED[case](folder / name)
    with pytest.warns(RuntimeWarning, match=f"{name} is (damaged|no checkpoint).*goes on from"):
        found = fp.resume(folder, PROBLEM)
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


def test_densities_that_are_gone_are_made_again_from_the_older_checkpoint(folder, whole):
    frame_path(folder, 3).unlink()
    with pytest.warns(RuntimeWarning, match="000003.npy is gone.*goes on from 3 densities"):
        found = fp.resume(folder, PROBLEM)
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


# --- another question ----------------------------------------------------------------------------

FINER = fp.Grid([(-4, 4)], 48)
OTHERS = {
    "beta": ({"problem": fp.Problem(GRID, f=lambda x: x**2 / 2, beta=2)}, r"beta differs \(1.0 th"),
    "grid": ({"problem": fp.Problem(FINER, f=lambda x: x**2 / 2)}, "faces of the grid differs"),
    "sides": (
        {"problem": fp.Problem(fp.Grid([(-4, 4)], 24, "periodic"), drift=lambda x: -np.sin(x))},
        "sides of the box do differs",
    ),
    "D": ({"problem": fp.Problem(GRID, f=lambda x: x**2 / 2, D=2.0)}, "D at the cells differs"),
    "drift": ({"problem": fp.Problem(GRID, f=lambda x: x**2)}, "drift at the cells differs"),
    "last bit": (
        {"problem": fp.Problem(GRID, f=lambda x: x**2 / 2 * (1 + 4e-16))},
        "differs, which is compared to the last bit",
    ),
    "no problem": ({"problem": GRID}, "resume received Grid; give a Problem"),
    "method": ({"method": fp.Implicit()}, r"method is Implicit\(.*is by Exponential\("),
    "parameter": ({"method": fp.Exponential(1e-8)}, r"method is Exponential\(tolerance=1e-08"),
    "method a word": ({"method": "rk4"}, "method is 'rk4'; give a Method"),
    "rtol": ({"rtol": 1e-4}, r"rtol is 0.0001, and the run in .* was asked for None"),
    "atol": ({"atol": 1e-4}, "atol is 0.0001"),
    "scheme": ({"scheme": "markov"}, "scheme is 'markov', and the run"),
    "events": ({"events": lambda t, rho: t - 0.5}, "1 events were given, and the run in .* has 0"),
    "callback": ({"callback": 1}, "callback is int; give a function"),
    "progress": ({"progress": "yes"}, "progress is 'yes'"),
    "every": ({"every": -1}, "every is -1; give the seconds"),
    "every a word": ({"every": "often"}, "every is 'often'; give the seconds"),
    "path": ({"path": 3}, 'path is 3; give the name of a folder such as "run"'),
    "path bytes": ({"path": b"run"}, "path is b'run'; give the name of a folder"),
    "path empty": ({"path": ""}, "path is ''; give the name of a folder"),
    "path with a zero": ({"path": "a\0b"}, "null byte|no folder"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_question_is_refused(case, folder):
    change, words = OTHERS[case]
    arguments = {"path": folder, "problem": PROBLEM} | change
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        fp.resume(**arguments)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        fp.resume(**arguments)  # the lock is free again


def test_what_is_given_again_may_be_the_same(folder, whole):
    found = fp.resume(folder, fp.Generator(PROBLEM), fp.Exponential(), scheme="auto")
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


# --- new folders ---------------------------------------------------------------------------------


def test_folders_that_solve_refuses(folder, tmp_path):
    with pytest.raises(ValueError, match=r"holds a run already; fp.resume\('.*', problem\) goes"):
        run_into(folder)
    with pytest.raises(ValueError, match=r"which cannot be made .No such file or directory"):
        run_into(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="which is no folder"):
        run_into(tmp_path / "file")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match=r"holds 'thesis\.tex', which is of no run"):
        run_into(tmp_path / "other")
    assert (tmp_path / "other" / "thesis.tex").exists()
    with pytest.raises(ValueError, match="dense=True keeps every step in memory"):
        run_into(tmp_path / "new", dense=True)
    with pytest.raises(ValueError, match="every is 5, without a folder; give checkpoint= too"):
        fp.solve(PROBLEM, START, TIMES, every=5)


def test_an_empty_folder_will_do(tmp_path, whole):
    np.testing.assert_array_equal(np.asarray(run_into(tmp_path).rho), whole.rho)


@pytest.mark.skipif(os.name != "posix", reason="locks")
def test_one_writer_at_a_time(folder):
    refused = []

    def callback(t, rho):
        for call in (fp.resume, lambda path, problem: run_into(path)):
            with pytest.raises(ValueError, match="is being written by another run; wait") as caught:
                call(folder, PROBLEM)
            refused.append(caught.value)

    fp.resume(folder, PROBLEM, callback=callback)
    assert refused


def test_a_full_disk_is_told_beforehand(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 9, 100)
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ValueError, match=r"take 3.07e-06 GB, and .* has 1e-07 GB left; give fewer"):
        run_into(tmp_path / "run")


def test_a_disk_that_fills_up_loses_nothing(tmp_path, monkeypatch, whole):
    real, calls = np.save, []

    def save(file, array):
        calls.append(1)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, array)

    monkeypatch.setattr(run_folder.np, "save", save)
    with pytest.raises(OSError, match=r"No space left on device: .* fp.resume\('.*', problem\)"):
        run_into(tmp_path / "run", every=0)
    monkeypatch.undo()
    found = fp.resume(tmp_path / "run", PROBLEM)
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


def test_much_is_said_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "WORTH_A_WORD", 1000)
    with pytest.warns(RuntimeWarning, match=r"write 1.15e-06 GB, 6 densities, into .* seconds"):
        run_into(tmp_path / "run")


def test_other_exceptions_keep_what_was_reached(tmp_path, whole):
    def callback(t, rho):
        if t == TIMES[3]:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        run_into(tmp_path / "run", callback=callback)
    assert "goes on" in caught.value.__notes__[0]
    reached = []
    found = fp.resume(tmp_path / "run", PROBLEM, callback=lambda t, rho: reached.append(t))
    assert reached == TIMES[3:].tolist()
    np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)


def test_ctrl_c_says_how_to_go_on(tmp_path):
    def callback(t, rho):
        if t == TIMES[2]:
            raise KeyboardInterrupt

    found = run_into(tmp_path / "run", callback=callback)
    assert found.status == "interrupted"
    assert f"fp.resume('{tmp_path / 'run'}', problem) goes on" in found.message
    assert len(found) == 3


def test_events_are_the_same_after_an_interruption(tmp_path):
    def fallen(t, rho):
        return GRID.integrate(GRID.x[0] * rho) - 0.8

    def over(t, rho):
        return GRID.integrate(GRID.x[0] * rho) - 0.45

    over.terminal = True
    events, words = [fallen, over], {"method": fp.Implicit()}
    whole = fp.solve(PROBLEM, START, TIMES, events=events, **words)
    assert whole.status == "event"
    assert [t.size for t in whole.t_events] == [1, 1]
    for stop in TIMES[1:4]:
        folder = tmp_path / f"{stop:g}"
        run_into(folder, events=events, callback=lambda t, rho, stop=stop: t == stop, **words)
        found = fp.resume(folder, PROBLEM, events=events)
        for name in ("t", "mass", "free_energy"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
        for pair in ("t_events", "rho_events"):
            for a, b in zip(getattr(found, pair), getattr(whole, pair), strict=True):
                np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.asarray(found.rho), whole.rho)
        assert fp.resume(folder, PROBLEM, events=events).status == "event"


# --- densities in files --------------------------------------------------------------------------


def _owner(array):
    """What the numbers of an array lie in."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array


def test_densities_in_files_have_the_manners_of_an_array(tmp_path, whole):
    found, rho = run_into(tmp_path / "run").rho, whole.rho
    assert isinstance(found, Frames)
    assert (found.shape, found.ndim, found.size, found.nbytes) == ((6, 24), 2, 144, 1152)
    assert isinstance(found[2:4], Frames)
    assert isinstance(_owner(found[-1]), mmap.mmap)
    assert not found[0].flags.writeable
    keys = (0, -1, slice(1, 4), (slice(None), 3), (2, 5), (slice(0, 2), slice(3, 5)), [1, 3], ...)
    for key in (*keys, (slice(4, 2), 3), (slice(None, None, -2), slice(2)), rho[:, 0] > 0.001):
        np.testing.assert_array_equal(np.asarray(found[key]), rho[key])
    np.testing.assert_array_equal(found * 2 - rho, rho)
    np.testing.assert_array_equal(np.abs(rho - found), 0)
    np.testing.assert_array_equal(np.array(list(found)), rho)
    assert found.min() == rho.min()
    assert found.reshape(3, -1).shape == (3, 48)
    with pytest.raises(IndexError):
        found[6]
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        found.colour  # noqa: B018
    assert repr(found).startswith("Frames(6 densities of shape (24,) in ")


def test_memory_does_not_grow_with_the_number_of_densities(tmp_path):
    grid = fp.Grid([(-4, 4)] * 2, 128)
    problem, start = fp.Problem(grid), fp.gaussian(grid, 0, 1)
    method = fp.Exponential(1e-6, kind="uniformisation")

    def peak(n, **words):
        times = np.linspace(0, 1e-3, n)
        tracemalloc.start()
        try:
            fp.solve(problem, start, times, method, steady=False, **words)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)
    each = 8 * grid.size
    assert peak(60) - peak(20) > 39 * each
    few, many = (peak(n, checkpoint=tmp_path / str(n)) for n in (20, 60))
    assert many - few < 2 * each


def test_a_solution_in_files_is_saved_and_measured(tmp_path, whole):
    run = run_into(tmp_path / "run")
    loaded = fp.load(run.save(tmp_path / "run.npz"))
    np.testing.assert_array_equal(loaded.rho, whole.rho)
    np.testing.assert_array_equal(run.error_estimate, whole.error_estimate)
    over = fp.resume(tmp_path / "run", PROBLEM)
    np.testing.assert_array_equal(over.error_estimate, whole.error_estimate)


# --- values as bytes -----------------------------------------------------------------------------


def test_values_come_back_to_the_last_bit():
    value = {
        "a": [0.1 + 0.2, float("inf"), -0.0, 5e-324, None, True, "ß"],
        (1.5, 2): (np.arange(3), frozenset({"b", "a"})),
        "list": [np.ones(2), np.zeros(2)],
        "empty": [],
    }
    found = unpack(pack(value))
    np.testing.assert_equal(found, value)
    assert str(found["a"][2]) == "-0.0"
    assert np.isnan(unpack(pack(float("nan"))))
    assert unpack(pack(np.float64(0.1))) == 0.1
    for bad in (len, object(), [lambda: 0], {"x": 1j}, np.array(["a"])):
        with pytest.raises(TypeError, match="cannot be stored"):
            pack(bad)
