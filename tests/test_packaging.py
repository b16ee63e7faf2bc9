"""What an installed package has: every file, and extras that say what they are."""

import fnmatch
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
#: For who works on the library; the others are for users.
DEVELOPERS = {"test", "bench", "dev", "docs"}


def lacking(extras):
    """User extras that are not in ``all``, and what ``all`` has besides."""
    users = {f"fokkerplanck-grid[{name}]" for name in extras if name not in DEVELOPERS | {"all"}}
    return users ^ set(extras["all"])


def test_all_is_every_extra_for_users():
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras.keys() > DEVELOPERS
    assert lacking(extras) == set()


@pytest.mark.parametrize("change", [{"fast": ["x"]}, {"all": []}, {"all": ["tqdm"]}])
def test_an_extra_that_is_forgotten_is_found(change):
    assert lacking(PROJECT["project"]["optional-dependencies"] | change)


def test_every_file_of_the_package_goes_into_the_wheel():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["fokkerplanck"]
    home = ROOT / "fokkerplanck"
    others = [
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
    ]
    assert {"py.typed", "__init__.pyi", "data/iris.csv"} <= set(others)
    plain = [pattern.removeprefix("**/") for pattern in patterns]
    left_out = [name for name in others if not any(fnmatch.fnmatch(name, p) for p in plain)]
    assert left_out == []
