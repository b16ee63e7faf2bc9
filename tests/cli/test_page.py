"""The page of the command line: every line of its blocks is run, in order, in one folder."""

import re
import shlex
from pathlib import Path

import pytest

from fokkerplanck import cli
from fokkerplanck.cli.parser import COMMANDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"


def _lines(text):
    """Commands of the blocks with the status that each ends with."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        command, _, remark = line.partition("  # status ")
        yield shlex.split(command.rstrip(" #"))[1:], int(remark or 0)


@pytest.mark.slow
def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = list(_lines(PAGE.read_text(encoding="utf-8")))
    assert len(lines) > 9
    for arguments, status in lines:
        try:
            found = cli.main(arguments)
        except SystemExit as end:
            found = end.code
        assert found == status, (arguments, capsys.readouterr().err)


def test_the_page_names_every_command():
    text = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert re.search(rf"`{command}\b", text), command
