"""Every Python block of README.md and docs/*.md runs, in order, file by file."""

import re
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```python[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def python_blocks(text: str) -> list[tuple[int, str]]:
    """Blocks fenced by ```python, each with the line on which its code begins (from 1)."""
    return [(text.count("\n", 0, m.start(1)) + 1, m.group(1)) for m in FENCE.finditer(text)]


def run_blocks(text: str, name: str) -> dict:
    """Run the blocks in one namespace; a traceback names the file and the line of the page."""
    namespace = {"__name__": f"snippets of {name}"}
    for line, code in python_blocks(text):
        exec(compile("\n" * (line - 1) + code, name, "exec"), namespace)
    return namespace


PAGES = [p for p in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if p.exists()]
#: Run with its shell commands in between: tests/test_first_ten_minutes.py.
LITERAL = ROOT / "docs" / "first-ten-minutes.md"
WITH_CODE = [p for p in PAGES if p != LITERAL and python_blocks(p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(page.read_text(encoding="utf-8"), str(page))


def test_readme_has_a_quickstart():
    assert ROOT / "README.md" in WITH_CODE


def test_links_between_pages_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken, f"links that lead nowhere: {broken}"


def test_no_bar_within_a_cell_cuts_a_row_off():
    """Rows of a table have as many bars as its head; others are written as lvert or escaped."""
    torn = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), page.read_text("utf-8"),
                      flags=re.MULTILINE | re.DOTALL)  # fmt: skip
        bars = None
        for number, line in enumerate(text.splitlines(), 1):
            found = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
            if None not in (bars, found) and found != bars:
                torn.append(f"{page.relative_to(ROOT)}:{number}")
            bars = found if bars is None or found is None else bars
    assert not torn, f"rows with other numbers of cells than their heads: {torn}"


def test_blocks_share_names_and_other_fences_are_left_alone():
    text = "# t\n```python\na = 2\n```\n```text\nnot python\n```\n```python\nb = a + 1\n```\n"
    assert python_blocks(text) == [(3, "a = 2\n"), (9, "b = a + 1\n")]
    assert run_blocks(text, "t.md")["b"] == 3


def test_a_broken_block_fails_and_names_its_line():
    with pytest.raises(ZeroDivisionError) as caught:
        run_blocks("text\n\n```python\na = 0\nb = 1 / a\n```\n", "page.md")
    last = traceback.extract_tb(caught.tb)[-1]
    assert (last.filename, last.lineno) == ("page.md", 5)
