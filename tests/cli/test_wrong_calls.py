"""Wrong command lines: status 2, one sentence, and nothing left behind."""

import pytest

from fokkerplanck import cli

WELL = """
[grid]
box = [[-2, 2]]
shape = 24
[parameters]
tilt = 0.1
kT = 0.3
[problem]
f = "(x^2 - 1)^2/4 + tilt*x"
kT = "kT"
"""
WRONG_WORDS = [
    ("", "required"),
    ("dance", "there is no command 'dance'"),
    ("stedy gyrator", "there is no command 'stedy'; did you mean steady?"),
    ("Solve gyrator", "did you mean solve?"),
    ("spectum R1", "did you mean spectrum?"),
    ("--verbose steady R2", "there is no option '--verbose'"),
    ("steady", "FILE-or-NAME"),
    ("run", "FILE"),
    ("run gyrator", "is a reference problem and no file; ask it one thing, fokkerplanck steady"),
    ("run nowhere.toml", "there is no file 'nowhere.toml'"),
    ("run wel.toml", "did you mean well.toml"),
    ("run .", "is a folder; give a problem file in it"),
    ("run well.toml --what density", "there is no option '--what'"),
    ("steady gyrato", "no problem is called so; did you mean gyrator"),
    ("steady nosuch", "choose from R1 ornstein_uhlenbeck"),
    ("steady wel.toml", "did you mean well.toml"),
    ("steady gyrator 0.2", "'0.2' is no name=value"),
    ("steady gyrator =2", "is no name; write a parameter as kT=0.2"),
    ("steady gyrator k-T=2", "'k-T' in 'k-T=2' is no name"),
    ("steady gyrator kT=", "kT has no value; write kT=0.2"),
    ("steady gyrator --n 24 0.2", "is no name=value"),
    ("steady gyrator --n 4", "4 is too small, at least 8"),
    ("steady gyrator --n many", "'many' is no whole number; give one, at least 8"),
    ("steady gyrator --n 3.5", "'3.5' is no whole number"),
    ("steady gyrator --n", "--n: expected one argument"),
    ("steady gyrator --scheme marcov", "there is no 'marcov'; did you mean markov?"),
    ("steady gyrator --schem log", "there is no option '--schem'; did you mean --scheme"),
    ("steady gyrator --resume", "there is no option '--resume'"),
    ("steady gyrator --t 1", "there is no option '--t'"),
    ("steady gyrator --out", "--out: expected one argument"),
    ("solve R1 --t 0,two", "'two' is no finite number; give one such as 0.5"),
    ("solve R1 --t 0,1,1", "does not increase; give times such as 0,1,2"),
    ("solve R1 --t 0", "does not increase"),
    ("solve R1 --t nan", "'nan' is no finite number"),
    ("solve R1 --t 0,1 --scheme log", "there is no 'log'"),
    ("spectrum R1 --k 1", "1 is too small, at least 2"),
    ("spectrum R1 --k few", "'few' is no whole number"),
    ("mfpt R1 --at here", "'here' is no finite number"),
    ("plot R2 --what densty", "there is no 'densty'; did you mean density"),
    ("plot R2 --what density,", "there is no ''"),
    ("sweep R2 kT=1,2 --ask gaps", "there is no 'gaps'; did you mean gap?"),
    ("verify", "FILE-or-NAME"),
    ("verify gyrato", "no problem is called so; did you mean gyrator"),
    ("verify R2 --only h_theoren", "there is no 'h_theoren'; did you mean h_theorem?"),
    ("verify R2 --quik", "there is no option '--quik'; did you mean --quick?"),
    ("info all", "too much is given: 'all'"),
    ("info --jsn", "there is no option '--jsn'; did you mean --json?"),
    ("warmup now", "too much is given: 'now'"),
    ("new a b", "too much is given: 'b'"),
    ("demo", "required"),
    ("demo roulette", "there is no 'roulette'"),
    ("demo slide7", "slide 7 is a question, in words: nothing to compute"),
    ("demo slide99", "there is no 'slide99'"),
    ("demo heatflows", "did you mean heat_flows"),
    ("demo sgd --out .", "'.', a folder"),
    ("demo sgd --out a.txt", "ends in '.txt'; choose from .png"),
    ("demo sgd --n 4", "4 is too small, at least 16"),
    ("demo sgd --n many", "'many' is no whole number"),
    ("demo sgd --seed -1", "-1 is too small, at least 0"),
    ("talk --only slide23", "slide 23 is a diagram"),
    ("talk --only sgd", "there is no 'sgd'"),
]
WRONG_MEANING = [
    ("steady gyrator kt=0.2", "gyrator has no argument 'kt'; did you mean kT?"),
    ("steady gyrator kT=cold", "kT: 'cold' is no finite number"),
    ("steady gyrator kT=0.1 kT=0.2", "kT is given twice; leave one out"),
    ("steady gyrator kT=0.1,0.2", "kT has several values; give one"),
    ("steady gyrator kT=-1", "kT"),
    ("steady R13b kT=2", "R13b is manufactured_plane with arguments of its own"),
    ("steady gyrator --python", "gyrator is a reference problem and no file; leave it out"),
    ("steady well.toml tlt=1", "well.toml has no parameter 'tlt'; did you mean tilt?"),
    ("steady well.toml kT=0", "kT"),
    ("steady broken.toml", "broken.toml:"),
    ("steady gyrator --out well.toml", "--out well.toml is a file; give the name of a folder"),
    ("steady gyrator --out no/where", "there is no folder no; make it first"),
    ("steady gyrator --out taken", "taken is there already; give --force"),
    ("run well.toml", "well.toml asks nothing; add a table such as [steady] to it"),
    ("solve well.toml", "no times are given; give output times, --t 0,1,2"),
    ("solve well.toml --t 1 --resume", "--resume: nothing was begun in well-solve"),
    ("solve well.toml --t 1 --start x", "--start: 'x' is negative or zero"),
    ("solve well.toml --t 1 --start sinus(x)", "--start:"),
    ("mfpt well.toml", "no set is given that is to be reached, and no side absorbs"),
    ("mfpt well.toml --target y", "--target:"),
    ("mfpt well.toml --target x+1 --at 1,0", "--at has 2 of 1 numbers"),
    ("mfpt well.toml --target x+9", "target"),
    ("plot well.toml --what current", "current cannot be drawn in 1 dimensions"),
    ("plot well.toml --what free_energy", "no times are given"),
    ("sweep well.toml", "no parameter has several values; give some"),
    (
        "sweep many.toml",
        "[sweep] workers is 2, but the command line asks one point after the other",
    ),
    ("sweep well.toml tilt=0,warm", "tilt: 'warm' is no finite number"),
    ("verify well.toml --python tlt=1", "did you mean tilt?"),
    ("new gyrato", "there is no template 'gyrato'; did you mean gyrator?"),
    ("new gyrator --out well.toml", "well.toml is there already; give another name"),
    ("new gyrator --out no/where.toml", "there is no folder no; make it first"),
    ("demo sgd --out nowhere/a.png", "there is no folder nowhere; make it first"),
    ("talk --out well.toml", "well.toml is a file; give the name of a folder"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folder with a problem file, a broken one and a folder that is not empty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "well.toml").write_text(WELL)
    (tmp_path / "broken.toml").write_text("[grid\n")
    (tmp_path / "many.toml").write_text(
        WELL + "[sweep]\nparameters = { tilt = [0, 1] }\nask = 'mean'\nworkers = 2\n"
    )
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    return tmp_path


def _files(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def _one_sentence(text):
    """Whether it is one paragraph that begins with the name of the program."""
    return text.startswith("fokkerplanck") and "Traceback" not in text and "\n\n" not in text


@pytest.mark.parametrize(("line", "words"), WRONG_WORDS)
def test_wrong_words(line, words, place, capsys):
    before = _files(place)
    with pytest.raises(SystemExit) as end:
        cli.main(line.split())
    said = capsys.readouterr()
    told = " ".join(said.err.split())
    assert end.value.code == 2
    assert words in told
    assert (said.out, _one_sentence(said.err)) == ("", True)
    assert _files(place) == before


@pytest.mark.parametrize(("line", "words"), WRONG_MEANING)
def test_wrong_meaning(line, words, place, capsys):
    before = _files(place)
    assert cli.main(line.split()) == 2
    said = capsys.readouterr()
    assert words in " ".join(said.err.split())
    assert (said.out, _one_sentence(said.err)) == ("", True)
    assert _files(place) == before
