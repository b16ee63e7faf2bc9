"""The pages of the site: all of them reachable, every public name in the reference."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import fokkerplanck as fp

DOCS = Path(__file__).resolve().parents[1] / "docs"
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
FOLDERS = ("theorems", "sde", "sgd", "rates", "energies", "sets", "observables", "zoo", "plot")


def listed(module: str) -> set[str]:
    """Names that the reference lists of a module."""
    blocks = re.findall(rf"currentmodule:: {module}\n(.*?)```", REFERENCE, flags=re.DOTALL)
    return {name for block in blocks for name in re.findall(r"^   (\w+)$", block, re.MULTILINE)}


def test_reference_lists_the_front_door():
    expected = set(fp.__all__) - set(FOLDERS) - {"__version__"}
    assert listed("fokkerplanck") == expected


@pytest.mark.parametrize("folder", FOLDERS)
def test_reference_lists_the_folders(folder):
    module = importlib.import_module(f"fokkerplanck.{folder}")
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    ]
    elsewhere = {name for name in names if getattr(fp, name, None) is getattr(module, name)}
    assert listed(module.__name__) == set(names) - elsewhere


def pages() -> set[str]:
    return {page.stem for page in DOCS.glob("*.md")} - {"README", "index"}


def test_every_page_is_in_the_list_of_the_site():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```\{toctree\}(.*?)```", index, flags=re.DOTALL)
    assert {line for tree in trees for line in tree.split() if line in pages()} == pages()


def test_every_page_is_in_the_list_of_the_git_host():
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\|.*?\]\(([\w-]+)\.md\)", text, flags=re.MULTILINE)) >= pages() - {
        "releasing"
    }
