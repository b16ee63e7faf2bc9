"""The command line, in this process and as a program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fokkerplanck import cli
from fokkerplanck.demos.talk import gallery
from fokkerplanck.version import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"fokkerplanck {__version__}\n"


def test_quick_demo_prints_a_table_and_writes_a_picture(tmp_path, capsys):
    out = tmp_path / "picture.png"
    assert cli.main(["demo", "sgd", "--quick", "--n", "32", "--seed", "3", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "L1, SGD to rho_ss" in said.out
    assert "entropy production" in said.out
    assert f"picture: {out}" in said.out
    assert "100%" in said.err
    assert out.read_bytes()[1:4] == b"PNG"


def test_warmup_calls_every_solver(capsys):
    assert cli.main(["warmup"]) == 0
    assert "kernels are ready" in capsys.readouterr().out


def test_the_program_runs_without_pyplot():
    probe = (
        "import sys; from fokkerplanck.cli import main; main(['demo', '--list']); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("sgd  ")


def test_python_m_is_the_same_program():
    command = [sys.executable, "-m", "fokkerplanck"]
    options = {"capture_output": True, "text": True, "cwd": ROOT, "check": False}
    run = subprocess.run([*command, "--version"], **options)
    assert (run.returncode, run.stdout) == (0, f"fokkerplanck {__version__}\n"), run.stderr
    run = subprocess.run([*command, "demo", "sgd", "--out", "nowhere/a.png"], **options)
    assert run.returncode == 1
    assert "there is no folder nowhere" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["demo"], "required"),
        (["demo", "roulette"], "invalid choice: 'roulette'"),
        (["demo", "sgd", "--n", "4"], "4 is too small, at least 16"),
        (["demo", "sgd", "--n", "many"], "invalid integer value: 'many'"),
        (["demo", "sgd", "--seed", "-1"], "-1 is too small, at least 0"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_wrong_arguments_end_with_a_reason(arguments, words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_a_missing_folder_is_found_before_the_work(tmp_path, capsys):
    out = tmp_path / "nowhere" / "picture.png"
    assert cli.main(["demo", "sgd", "--out", str(out)]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_interruption_is_one_line(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_warmup", interrupted)
    assert cli.main(["warmup"]) == 130
    assert capsys.readouterr().err == "fokkerplanck: interrupted\n"


def test_the_page_of_demos_shows_each_of_them():
    page = (ROOT / "demos" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## `fokkerplanck demo (\w+)`$", page, re.MULTILINE) == list(cli.DEMOS)
    pictures = re.findall(r"!\[.+\]\((.+\.png)\)", page)
    assert [Path(p).name for p in pictures] == [f"demo_{name}.png" for name in cli.DEMOS]
    for link in re.findall(r"\]\((.+?)\)", page):
        assert (ROOT / "demos" / link).exists(), link


def test_slides_are_called_by_their_numbers():
    assert gallery.names()[0] == "slide01"
    assert gallery.load("slide20").SLIDE.number == 20
    parser = cli._parser()
    assert parser.parse_args(["demo", "slide20"]).name == "slide20"
    assert parser.parse_args(["talk", "--only", "slide20"]).only == ["slide20"]
