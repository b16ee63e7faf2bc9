"""A process that asks many small questions keeps nothing of the answers that it has let go."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: Kilobytes by which the resident size may grow from one mark to the next, of 1000 and of 10 000
#: calls: half a kilobyte a call, less than the smallest result takes.
MOST = 4096

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="sizes are asked of Linux"),
]


def growth(*words):
    """Kilobytes by which a child grew between its two marks."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.many_calls", *words],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=900,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    before, after = map(int, answer.stdout.split())
    return after - before


def test_ten_thousand_calls_take_no_more_memory_than_one_thousand():
    assert growth("1000", "10000") < MOST


def test_answers_that_are_kept_are_seen():
    assert growth("keep", "300", "1200") > MOST
