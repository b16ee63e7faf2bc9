"""The command line, in this process and as a program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fokkerplanck import cli
from fokkerplanck.cli import presentations
from fokkerplanck.cli.parser import build
from fokkerplanck.cli.showing import WIDTH, wrapped
from fokkerplanck.demos.talk import gallery
from fokkerplanck.version import __version__

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize(
    "words",
    [["--help"], ["verify", "nosuch"], ["demo", "nosuch"], ["steady", "R2", "--nn"], ["dance"]],
)
def test_help_and_wrong_names_load_nothing_that_takes_a_second(words):
    probe = (
        "import sys; from fokkerplanck.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        "print(*{'numba', 'scipy', 'matplotlib', 'fokkerplanck.zoo'} & set(sys.modules), 'loaded')"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.stdout.splitlines()[-1].strip() == "loaded", run.stderr


def test_python_m_is_the_same_program():
    command = [sys.executable, "-m", "fokkerplanck"]
    options = {"capture_output": True, "text": True, "cwd": ROOT, "check": False}
    run = subprocess.run([*command, "--version"], **options)
    assert (run.returncode, run.stdout) == (0, f"fokkerplanck {__version__}\n"), run.stderr
    run = subprocess.run([*command, "demo", "sgd", "--out", "nowhere/a.png"], **options)
    assert run.returncode == 2
    assert "there is no folder nowhere" in run.stderr


def test_a_missing_folder_is_found_before_the_work(tmp_path, capsys):
    out = tmp_path / "nowhere" / "picture.png"
    assert cli.main(["demo", "sgd", "--out", str(out)]) == 2
    assert "there is no folder" in " ".join(capsys.readouterr().err.split())


def test_places_are_checked_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gallery, "entries", lambda *_: pytest.fail("work has begun"))
    file = tmp_path / "talk"
    file.write_text("")
    assert cli.main(["talk", "--out", str(file)]) == 2
    assert "is a file; give the name of a folder" in " ".join(capsys.readouterr().err.split())
    page = str(tmp_path / "nowhere" / "a.md")
    assert cli.main(["talk", "--out", str(tmp_path), "--markdown", page]) == 2
    assert "there is no folder" in " ".join(capsys.readouterr().err.split())


def test_names_of_slides_and_pictures_are_completed():
    parser, _ = build()
    assert parser.parse_args(["demo", "slide9"]).name == "slide09"
    assert parser.parse_args(["talk", "--only", "9", "slide10"]).only == ["slide09", "slide10"]
    assert parser.parse_args(["demo", "sgd", "--out", "a"]).out == Path("a.png")


def test_lines_are_short_and_numbers_too():
    text = "word " * 60 + "\n\n  " + "indented " * 30 + "\n" + "a  row " * 40
    lines = wrapped(text).splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    assert " ".join("\n".join(lines).split()) == " ".join(text.split())
    assert wrapped("near [7.126926903164329e-13, -1.977365629251449]") == (
        "near [7.12693e-13, -1.97737]"
    )
    assert wrapped("0.1.0 and 12.5") == "0.1.0 and 12.5"
    path = "/" + "folder/" * 30 + "file.png"
    assert path in wrapped(f"picture: {path}")


def test_ctrl_c_while_the_program_is_loaded_is_one_line():
    probe = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import fokkerplanck.__main__ as program\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['fokkerplanck', '--version']\n"
        "sys.exit(program.main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "fokkerplanck: interrupted\n")


def test_interruption_is_one_line(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(presentations, "warmup", interrupted)
    assert cli.main(["warmup"]) == 130
    assert capsys.readouterr().err == (
        "fokkerplanck warmup: interrupted; the same command begins again\n"
    )


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
    parser, _ = build()
    assert parser.parse_args(["demo", "slide20"]).name == "slide20"
    assert parser.parse_args(["talk", "--only", "slide20"]).only == ["slide20"]
