"""Lessons run, are short, and their exercises have solutions that hold."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).resolve().parents[2] / "demos"
LESSONS = sorted(DEMOS.glob("lesson_*.py"))
SOLUTIONS = sorted((DEMOS / "solutions").glob("lesson_*.py"))
EXERCISES = 3


def test_every_lesson_has_its_solutions():
    assert LESSONS
    assert [lesson.stem[:9] for lesson in LESSONS] == [solution.stem for solution in SOLUTIONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lessons_are_short_and_end_with_exercises(lesson):
    text = lesson.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    _, exercises = text.split("# **Exercises**")
    assert [line[2] for line in exercises.splitlines() if line[2:5].strip().endswith(".")] == list(
        "123"
    )


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lessons_run(lesson, tmp_path):
    # In a process of its own, as a reader runs it.
    run = subprocess.run(
        [sys.executable, lesson],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(DEMOS.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_hold(solution):
    runpy.run_path(str(solution), run_name="__main__")
