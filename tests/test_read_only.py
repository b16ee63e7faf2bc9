"""Installed where nothing may be written: the first call works, with a sentence at most."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fokkerplanck import environment
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

# Whoever may write is root in spite of all, and the test says nothing.
PROBE = """
import sys
from pathlib import Path
for folder in sys.argv[1:]:
    try:
        Path(folder, "new").write_text("")
        sys.exit("may write")
    except OSError:
        pass
import fokkerplanck as fp
grid = fp.Grid([(-2, 2)], 12)
problem = fp.Problem(grid, f=lambda x: x**2)
print(fp.__file__, grid.integrate(fp.steady_state(problem, scheme="markov").rho))
"""


def powerless():
    """Beginning of a command that may not write what is read-only, though it be root's."""
    if os.name != "posix":
        pytest.skip("permissions are those of posix")
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def locked(tmp_path):
    """A copy of the package without compiled code, a home and a cache that may not be written."""
    folders = [tmp_path / name for name in ("site", "home", "cache")]
    for folder in folders:
        folder.mkdir()
    target = folders[0] / "fokkerplanck"
    shutil.copytree(ROOT / "fokkerplanck", target, ignore=shutil.ignore_patterns("__pycache__"))
    inside = [folder for folder, _, _ in os.walk(tmp_path)][1:]
    for folder in inside:
        os.chmod(folder, 0o555)  # noqa: PTH101
    yield folders
    for folder in inside:
        os.chmod(folder, 0o755)  # noqa: PTH101


def call(locked, tmp_path, **given):
    site, home, _ = locked
    left_out = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "IPYTHONDIR"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    places = {"HOME": str(home), "PYTHONPATH": str(site), "TMPDIR": str(temporary)}
    answer = subprocess.run(
        [*powerless(), sys.executable, "-c", PROBE, *map(str, locked)],
        env=kept | places | given,
        capture_output=True, text=True, cwd=home, check=False, timeout=300,
    )  # fmt: skip
    if "may write" in answer.stderr:
        pytest.skip("this user may write into folders that are read-only")
    return answer, list(temporary.iterdir())


@pytest.mark.parametrize("has_cache", [False, True])
def test_the_first_call_works(has_cache, locked, tmp_path):
    given = {"NUMBA_CACHE_DIR": str(locked[2])} if has_cache else {}
    answer, left = call(locked, tmp_path, **given)
    assert answer.returncode == 0, answer.stderr
    place, mass = answer.stdout.split()
    assert Path(place).is_relative_to(locked[0])
    assert abs(float(mass) - 1) < 1e-14
    assert answer.stderr.count("Warning") == 1
    assert "set NUMBA_CACHE_DIR to a folder that may be written" in answer.stderr
    assert left == []


def test_a_folder_that_may_be_written_is_used_without_a_word(locked, tmp_path):
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    answer, _ = call(locked, tmp_path, NUMBA_CACHE_DIR=str(open_folder))
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert list(open_folder.rglob("*.nbi"))


def test_no_place_at_all_is_said(monkeypatch):
    def full(prefix):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(environment.tempfile, "mkdtemp", full)
    with pytest.raises(OSError, match="set NUMBA_CACHE_DIR to a folder that may be written"):
        environment.cache_for_this_process()
