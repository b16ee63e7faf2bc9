"""The page for the first ten minutes, followed literally in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "first-ten-minutes.md"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def shell(text):
    """Run the lines of a block; return what they print."""
    said = ""
    for line in text.splitlines():
        name, *arguments = shlex.split(line)
        assert name == "fokkerplanck"
        run = subprocess.run(
            [sys.executable, "-m", name, *arguments], capture_output=True, text=True, timeout=300
        )
        assert run.returncode == 0, run.stderr
        said += run.stdout
    return said


def agrees(shown, said):
    """Whether a line that the page shows was printed: its words, and numbers to one per cent."""

    def parts(line):
        return NUMBER.sub("#", line).split(), [float(n) for n in NUMBER.findall(line)]

    words, numbers = parts(shown)
    return any(
        words == other and np.allclose(numbers, values, rtol=0.01, atol=1e-12)
        for other, values in map(parts, said.splitlines())
    )


@pytest.mark.slow
def test_the_page_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    names, said = {"__name__": "page"}, ""
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            said = shell(text)
        elif kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
        else:
            missing = [line for line in text.splitlines() if not agrees(line, said)]
            assert not missing, said


def test_what_is_shown_is_compared():
    assert agrees("mean  (-0.695)", "a\nmean  (-0.6950001)\n")
    assert not agrees("mean  (-0.695)", "mean  (-0.725)\n")
    assert not agrees("mean  (-0.695)", "scheme  exact\n")
