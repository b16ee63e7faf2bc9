"""Files: damaged ones are refused in one sentence, and writing leaves a whole file, old or new."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain import storage, whole_files
from tests.conftest import ROOT
from tests.test_pickling import differences

GRID = fp.Grid([(-3, 3)], 16)
RUN = fp.solve(
    fp.Problem(GRID, f=lambda x: x**2 / 2),
    fp.gaussian(GRID, 1, 0.3),
    [0, 0.5, 1],
    fp.Implicit(),
    dense=True,
    events=lambda t, rho: GRID.integrate(GRID.x[0] * rho) - 0.7,
)


@pytest.fixture
def good(tmp_path):
    return RUN.save(tmp_path / "good.npz")


def parts(path):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("fokkerplanck")[()])), arrays


def refused(path, header, arrays):
    """What `load` says of a file with this content."""
    np.savez(path, fokkerplanck=np.array(json.dumps(header)), **arrays)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        fp.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_whole_file_comes_back(good):
    found = fp.load(good)
    np.testing.assert_array_equal(found.rho, RUN.rho)
    np.testing.assert_array_equal(found.at(0.3), RUN.at(0.3))
    np.testing.assert_array_equal(found.t_events[0], RUN.t_events[0])
    assert len(found.t_events[0]) == 1


def test_a_process_that_only_reads_can_read(good):
    text = "import sys, fokkerplanck as fp; print(fp.load(sys.argv[1]).status)"
    out, err = program(text, good).communicate(timeout=100)
    assert out.strip() == RUN.status, err


#: As version 0.1 wrote runs while it was made: a layout of its own, without a checksum.
OLD = ROOT / "tests" / "data" / "solution-schema-1.npz"


def test_files_of_the_first_schema_come_back():
    grid = fp.Grid([(-3, 3)], 12)
    problem, mean = fp.Problem(grid, f=lambda x: x**2 / 2), lambda _, rho: rho @ grid.x[0] / 2 - 0.7
    start, times = fp.gaussian(grid, 1, 0.3), [0, 0.5, 1]
    run = fp.solve(problem, start, times, fp.Implicit(), dense=True, events=mean)
    found = fp.load(OLD)
    np.testing.assert_allclose(found.rho, run.rho, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.at(0.3), run.at(0.3), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.free_energy, run.free_energy, rtol=1e-6)
    np.testing.assert_allclose(found.t_events[0], run.t_events[0], rtol=1e-6)
    assert (found.grid, found.status, found.problem_repr) == (grid, run.status, repr(problem))
    with pytest.raises(ValueError, match="holds no fingerprint of its problem"):
        fp.load(OLD, problem=problem)


def test_old_files_become_new_ones(tmp_path):
    found = fp.load(OLD)
    again = fp.load(found.save(tmp_path / "new.npz"))
    assert parts(tmp_path / "new.npz")[0]["schema"] == storage.SCHEMA > parts(OLD)[0]["schema"]
    assert differences(found, again) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_old_files_with_a_steady_state_that_is_none_are_refused(tmp_path, bad):
    with np.load(OLD) as stored:
        arrays = dict(stored)
    arrays["log_rho_inf"][3] = bad
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match="log_rho_inf is nan or infinite"):
        fp.load(tmp_path / "bad.npz")


# Grids made by equal steps do not need their faces; log_rho_inf may be None.
FREE = {"faces_0", "log_rho_inf"}


def test_every_array_is_needed_and_checked(tmp_path):
    header, arrays = parts(OLD)
    assert {"t", "rho", "mass", "dense_rho", "rho_events_0"} <= arrays.keys()
    path, n = tmp_path / "bad.npz", 0
    for name, array in arrays.items():
        rest = {other: value for other, value in arrays.items() if other != name}
        if name not in FREE:
            assert name in refused(path, header, rest)
        if name == "faces_0":
            continue
        damages = {
            "shape": array[..., None],
            "length": np.concatenate([array, array])
            if name not in ("t", "dense_t")
            else array[:-1],
            "text": np.full(array.shape, "x"),
            "complex": array + 1j,
        }
        if name not in ("free_energy", "entropy", "energy", "dissipation"):
            damages["nan"] = np.full(array.shape, np.nan)
        for damage in damages.values():
            refused(path, header, rest | {name: damage})
            n += 1
    assert n > 50


def leaves(tree, path=()):
    """Paths to all entries of the metadata that are read."""
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict) and key != "stats":
            yield from leaves(value, (*path, key))


def test_every_word_of_the_header_is_needed_and_checked(tmp_path):
    header, arrays = parts(OLD)
    wanted = [path for path in leaves(header) if path[-1] not in ("version", "n_events")]
    assert len(wanted) >= 12
    for path, damage in itertools.product(wanted, (None, [], {"a": 1}, "nonsense", -1, "gone")):
        bad = json.loads(json.dumps(header))
        place = bad
        for key in path[:-1]:
            place = place[key]
        if damage == "gone":
            del place[path[-1]]
        else:
            place[path[-1]] = damage
        if damage == "nonsense" and path[-1] in ("message", "problem"):
            continue  # any words will do
        if path[-1] == "stats" and damage == {"a": 1}:
            continue
        if path[-1] == "graded" and damage not in ("gone", None, -1):
            continue  # faces_0 is there as well
        refused(tmp_path / "bad.npz", bad, arrays)


@pytest.mark.parametrize("damage", ["empty", "truncated", "no zip", "flipped", "folder", "pickle"])
def test_what_is_no_such_file_is_refused(damage, good, tmp_path):
    path, whole = tmp_path / "bad.npz", good.read_bytes()
    if damage == "folder":
        path.mkdir()
    elif damage == "pickle":
        np.savez(path, fokkerplanck=np.array([{"a": 1}], dtype=object))
    else:
        middle = len(whole) // 2
        begin = whole.index(RUN.rho.tobytes())  # what lies between arrays may not matter
        flipped = whole[:begin] + bytes(b ^ 255 for b in whole[begin : begin + 9])
        content = {
            "empty": b"",
            "truncated": whole[:middle],
            "no zip": b"x" * 999,
            "flipped": flipped + whole[begin + 9 :],
        }
        path.write_bytes(content[damage])
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        fp.load(path)


@pytest.mark.parametrize("path", [None, 3, b"run.npz", "", "..", "."])
def test_what_is_no_name_is_refused(path):
    with pytest.raises(ValueError, match="give the name of a file"):
        RUN.save(path)
    if not isinstance(path, str):
        with pytest.raises(ValueError, match="give the name of a file"):
            fp.load(path)


# --- writing -------------------------------------------------------------------------------------


def test_links_are_written_through(tmp_path):
    old, link = tmp_path / "old.npz", tmp_path / "link.npz"
    old.write_text("old")
    old.chmod(0o600)
    link.symlink_to("old.npz")
    RUN.save(link)
    assert link.is_symlink()
    assert fp.load(old).status == RUN.status
    assert old.stat().st_mode & 0o777 == 0o600
    dangling = tmp_path / "dangling.npz"
    dangling.symlink_to("new.npz")
    RUN.save(dangling)
    assert (tmp_path / "new.npz").is_file()
    assert dangling.is_symlink()


def test_pipes_and_devices_are_left_alone(tmp_path):
    pipe, link = tmp_path / "pipe.npz", tmp_path / "null.npz"
    os.mkfifo(pipe)
    link.symlink_to(os.devnull)
    for path in (pipe, link):
        with pytest.raises(ValueError, match="no regular file"):
            RUN.save(path)
        with pytest.raises(ValueError, match="pipe or a device"):
            fp.load(path)
    assert pipe.is_fifo()


def program(text, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


FULL = """
import resource, signal, sys
from fokkerplanck.domain import storage
import numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    storage.write(sys.argv[1], "Test", {"x": np.zeros(100_000)}, {})
except OSError as error:
    print("OSError", error, error.filename == sys.argv[1])
"""


def test_a_full_disk_leaves_the_old_file(good):
    before = good.read_bytes()
    out, err = program(FULL, good).communicate(timeout=60)
    assert out.startswith("OSError"), err
    assert out.endswith("True\n"), "the message names the file that was asked for"
    assert good.read_bytes() == before
    assert [file.name for file in good.parent.iterdir()] == [good.name]


SLEEP = """
import sys, time
from fokkerplanck.domain.whole_files import written_whole
with written_whole(sys.argv[1]) as path:
    path.write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_is_swept_by_the_next(good):
    before = good.read_bytes()
    strangers = [".fokkerplanck-notes.tmp", ".fokkerplanck-00000000-1-00000000.tmp.npz", ".x.tmp"]
    for name in strangers:
        good.with_name(name).write_text("not ours")
    dead, alive = program(SLEEP, good), program(SLEEP, good)
    for writer in (dead, alive):
        assert writer.stdout.readline() == "half\n"
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert good.read_bytes() == before
    assert len(list(good.parent.iterdir())) == 1 + len(strangers) + 2
    RUN.save(good)
    left = {file.name for file in good.parent.iterdir()} - {good.name, *strangers}
    assert [f"-{alive.pid}-" in name for name in left] == [True]
    alive.kill()
    alive.communicate()
    RUN.save(good)
    assert {file.name for file in good.parent.iterdir()} == {good.name, *strangers}


WRITE = """
import sys
import numpy as np
from fokkerplanck.domain import storage
for _ in range(40):
    storage.write(sys.argv[1], sys.argv[2], {"x": np.full(20_000, float(sys.argv[2]))}, {})
"""


def test_of_two_writers_one_wins(tmp_path):
    path = tmp_path / "run.npz"
    writers, seen = [program(WRITE, path, number) for number in (1, 2)], set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            kind, arrays, _ = storage.read(path)
            assert (arrays["x"] == float(kind)).all()
            seen.add(kind)
        time.sleep(0.001)
    assert [writer.wait() for writer in writers] == [0, 0], writers[0].communicate()
    assert seen
    for writer in writers:
        writer.communicate()
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_number_of_no_process_is_not_running():
    child = program("pass")
    child.communicate()
    assert not whole_files._is_running(child.pid)
    assert whole_files._is_running(os.getpid())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forks")
@pytest.mark.parametrize("kind", ["save", "movie", "page"])
def test_writers_that_are_killed_at_random_moments_leave_whole_files(kind, tmp_path, rng):
    killed, torn, _ = killed_at_random(kind, rng, tmp_path)
    assert killed >= 25
    assert torn == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forks")
def test_a_writer_in_place_is_seen_to_leave_half_a_file(tmp_path, rng):
    killed, torn, left = killed_at_random("plain", rng, tmp_path)
    assert killed >= 25
    assert torn > 5
    assert left == 0


def killed_at_random(kind, rng, folder):
    """How many of thirty writers were killed, tore the file, and left another one."""
    seed = str(rng.integers(2**31))
    command = [sys.executable, "-m", "tests.killed_writers", kind, seed, str(folder)]
    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300
    )
    assert answer.returncode == 0, answer.stderr
    words = answer.stdout.split()
    return int(words[1]), int(words[3]), int(words[5])
