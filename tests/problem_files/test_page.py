"""The page on problem files shows the schema as it is; the schema knows the library's calls."""

import inspect
from pathlib import Path

import pytest

import fokkerplanck as fp
from fokkerplanck import theorems
from fokkerplanck.problem_files.schema import (
    KINDS,
    PROBLEM,
    QUESTIONS,
    TABLES,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "problem-files.md"


def rows(table):
    """Rows of the page for one table."""
    out = [f"| **[{table}]** | | |"]
    for name, key in TABLES[table].items():
        needed = ", needed" if key.needed else ""
        out.append(f"| `{name}`{needed} | {key.takes} | {key.help} |")
    return "\n".join(out)


@pytest.mark.parametrize("table", TABLES)
def test_the_page_shows_the_schema(table):
    assert rows(table) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("question", "call"),
    [
        ("steady", fp.steady_state),
        ("solve", fp.solve),
        ("spectrum", fp.spectrum),
        ("mfpt", fp.mfpt),
        ("verify", theorems.verify),
        ("sweep", fp.sweep),
    ],
)
def test_keys_of_questions_are_arguments_of_the_calls(question, call):
    assert set(QUESTIONS[question]) <= set(inspect.signature(call).parameters)


def test_keys_of_jko_are_arguments_of_its_method_and_of_solve():
    both = {*inspect.signature(fp.JKO).parameters, *inspect.signature(fp.solve).parameters}
    assert set(QUESTIONS["jko"]) <= both


def test_every_key_of_a_problem_belongs_to_a_kind():
    assert set(PROBLEM) == {k for k in KINDS if k}.union(*KINDS.values())
