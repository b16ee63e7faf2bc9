"""Bad files: each with its exact place and sentence, and nothing of tomllib or numpy."""

import os
import pickle

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.problem_files import ProblemFile, ProblemFileError

GRID = "[grid]\nbox = [[-2, 2]]\nshape = 8\n"
PLANE = "[grid]\nbox = [[-2, 2], [-1, 1]]\nshape = 8\n"
GOOD = GRID + '[problem]\nf = "x^2"\n'
FORMULA = "give a formula in quotes, or a number"
NUMBER = "give a number, or a formula of the parameters in quotes"
TABLES = "grid, parameters, problem, zoo, steady, solve, jko, spectrum, mfpt, verify, sweep, plot"

# Text, line, column, sentence.
READ = [
    # --- no TOML ---
    ("", 1, 1, "there is no table [grid]; write one"),
    ("[grid", 1, 6, "this header is not closed; write ] behind the name"),
    ("[[grid]", 1, 7, "this header is not closed; write ]] behind the name"),
    ("title", 1, 6, "after a key = is expected; write key = value"),
    (
        "title = ",
        1,
        9,
        "a value is expected here: a number, true, false, a list, or text in quotes",
    ),
    (
        "[problem]\nf = x^2\n",
        2,
        5,
        "a value is expected here: a number, true, false, a list, or text in quotes",
    ),
    ('title = "a', 1, 11, "a text is not closed; write its closing quotes"),
    ("title = 'a\n", 1, 11, "a text is not closed; write its closing quotes"),
    ("title = 'a\n[grid]\n", 1, 11, "a text is not closed; write its closing quotes"),
    ('title = """a', 1, 13, "a text is not closed; write its closing quotes"),
    ("[grid]\nbox = [[-2, 2]\nshape = 8\n", 3, 1, "a list is not closed; write ] or a comma"),
    ("a = {b = 1", 1, 11, "a table is not closed; write } or a comma"),
    (GOOD + "f = 1\n", 6, 1, "this key is given twice; leave one out"),
    (GOOD + "[grid]\n", 6, 2, "this table is given twice; put all of its keys under one header"),
    (
        "[grid]\nshape = 8 9\n",
        2,
        11,
        "something follows a whole value; begin a new line",
    ),
    (
        'title = "\\d"',
        1,
        10,
        "\\ begins a code that does not exist; write \\\\ or use single quotes",
    ),
    (
        'title = "a\x00"',
        1,
        11,
        "this character may not stand here; write it as \\u and four digits",
    ),
    ("= 3", 1, 1, "a key or a [table] is expected here; write key = value"),
    # --- keys and tables ---
    ("[gird]\n", 1, 2, "there is no table gird; did you mean grid?"),
    ("[qq]\n", 1, 2, f"there is no table qq; choose from title, {TABLES}"),
    ("tilte = 'a'\n" + GOOD, 1, 1, "there is no key tilte; did you mean title?"),
    ("grid = 3\n", 1, 8, "grid is 3; give a table, [grid] and keys below it"),
    (GRID, 1, 1, "there is no table [problem]; write one"),
    (GOOD + "[stedy]\n", 6, 2, "there is no table stedy; did you mean steady?"),
    (GOOD + "d = 1\n", 6, 1, "there is no key d; did you mean D?"),
    (GOOD + "kt = 1\n", 6, 1, "there is no key kt; did you mean kT?"),
    ("[grid]\nbocks = 1\n", 2, 1, "there is no key bocks; did you mean box?"),
    (
        "[grid]\nn = 8\n[problem]\n",
        2,
        1,
        "there is no key n; choose from box, faces, shape, sides",
    ),
    ("title = 3\n" + GOOD, 1, 9, "title is 3; give a text in quotes"),
    # --- the grid ---
    (
        "[grid]\nshape = 8\n[problem]\n",
        1,
        2,
        "[grid] has no box; give [lower, upper] for each axis, [[-3, 3]]",
    ),
    (
        "[grid]\nbox = [[-2, 2]]\n[problem]\n",
        1,
        2,
        "shape is missing; give the number of cells per axis, e.g. shape=128",
    ),
    (
        "[grid]\nbox = [-2, 2]\nshape = 8\n[problem]\n",
        2,
        7,
        f"box is a list; give a list of lists of these ({NUMBER[5:]})",
    ),
    (
        "[grid]\nbox = [[2, -2]]\nshape = 8\n[problem]\n",
        2,
        8,
        "box[0] = [2.0, -2.0] does not increase; give lo < hi",
    ),
    (
        "[grid]\nbox = [[-2, 2], 3]\nshape = 8\n[problem]\n",
        2,
        17,
        "box[1] is 3; give [lower, upper]",
    ),
    ("[grid]\nbox = []\n[problem]\n", 2, 7, "box is an empty list; give its entries"),
    ("[grid]\nbox = [[-2, inf]]\n[problem]\n", 2, 13, "box[0, 1] is inf; give a finite number"),
    (
        "[grid]\nbox = [[-2, 1e400]]\n[problem]\n",
        2,
        13,
        "box[0, 1] is inf; give a finite number",
    ),
    (
        '[grid]\nbox = [[0, "W"]]\nshape = 4\n[problem]\n',
        2,
        13,
        "there is no name W; choose from pi, e",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nshape = 4.5\n[problem]\n",
        3,
        9,
        "shape is 4.5; give a whole number; a list of these",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nshape = 1\n[problem]\n",
        3,
        9,
        "shape[0] = 1; give a whole number of cells, at least 2",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nshape = 1000000000\n[problem]\n",
        3,
        9,
        "shape asks for over 1e+08 cells; give fewer",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nshape = 8\nsides = 'absorbin'\n[problem]\n",
        4,
        9,
        "there is no word absorbin; did you mean absorbing?",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nshape = 8\nsides = [['periodic', 'absorbing']]\n[problem]\n",
        4,
        10,
        "sides[0] is ['periodic', 'absorbing']; a periodic axis is periodic at both ends",
    ),
    (
        "[grid]\nbox = [[0, 1]]\nfaces = [[0, 1, 3]]\n[problem]\n",
        3,
        1,
        "box and faces are both given; give one of them",
    ),
    (
        "[grid]\nfaces = [[0, 3, 1]]\n[problem]\n",
        1,
        2,
        "box[0] = [0.0, 3.0, 1.0] does not increase; give increasing faces",
    ),
    # --- parameters ---
    (
        "[parameters]\nx = 1\n" + GOOD,
        2,
        1,
        "x cannot name a parameter, it has a meaning; give another name",
    ),
    (
        "[parameters]\npython = 1\n" + GOOD,
        2,
        1,
        "python cannot name a parameter, it has a meaning; give another name",
    ),
    (
        "[parameters]\n'a b' = 1\n" + GOOD,
        2,
        1,
        "'a b' cannot name a parameter; give letters, digits and _",
    ),
    (
        "[parameters]\na = 'b'\n" + GOOD,
        2,
        5,
        "a is the text 'b'; give a number, or a table with a value",
    ),
    ("[parameters]\na = nan\n" + GOOD, 2, 5, "a is nan; give a finite number"),
    (
        "[parameters]\na = { min = 1 }\n" + GOOD,
        2,
        1,
        f"[parameters.a] has no value; {NUMBER}",
    ),
    (
        "[parameters]\na = { value = 3, min = 0, max = 2 }\n" + GOOD,
        2,
        15,
        "a is 3, which is not between 0 and 2; widen the range",
    ),
    (
        "[parameters]\na = { value = 3, min = 4, max = 2 }\n" + GOOD,
        2,
        33,
        "min is 4 and max 2; give min < max",
    ),
    (
        "[parameters]\na = { value = 3, min = 0, scale = 'log' }\n" + GOOD,
        2,
        35,
        "a has a log scale from 0; give a min above 0",
    ),
    (
        "[parameters]\na = { value = 3, stale = 'log' }\n" + GOOD,
        2,
        18,
        "there is no key stale; did you mean scale?",
    ),
    # --- formulas ---
    (
        GRID + '[problem]\nf = "x^2 + sinn(x)"\n',
        5,
        12,
        "there is no function sinn; did you mean sin?",
    ),
    (
        GRID + '[problem]\nf = """\nx^2 +\n  y"""\n',
        7,
        3,
        "there is no name y; choose from x, pi, e",
    ),
    (
        GRID + '[problem]\nf = "\\u0078 + (x"\n',
        5,
        15,
        "this bracket is never closed; write ) where it ends",
    ),
    (
        GRID + "[problem]\nf = 'x**2'\n",
        5,
        7,
        "'**' is not understood; write ^ for powers",
    ),
    (GRID + "[problem]\nf = ''\n", 5, 6, "the formula is empty; give one such as x^2/2"),
    (GRID + "[problem]\nf = 'x + 1/0'\n", 5, 5, "1/0 is inf; give finite numbers"),
    (GRID + "[problem]\nf = true\n", 5, 5, f"f is true; {FORMULA}"),
    (GRID + "[problem]\nf = 1979-05-27 07:32:00\n", 5, 5, f"f is a date or time; {FORMULA}"),
    (GRID + "[problem]\nf = ['x']\n", 5, 5, f"f is a list; {FORMULA}"),
    (GRID + "[problem]\nf = 'x²'\n", 5, 7, "'²' is not understood; write ^2"),
    (PLANE + "[problem]\ndrift = 'x'\n", 5, 9, "drift is one formula on 2 axes; give a list of 2"),
    (
        PLANE + "[problem]\ndrift = ['x']\n",
        5,
        9,
        "drift has 1 entry on a grid of 2 axes; give 2",
    ),
    (
        PLANE + "[problem]\ndrift = ['x', 'x +']\n",
        5,
        19,
        "the formula ends where a number, a name or ( is expected",
    ),
    (
        PLANE + "[problem]\nD = [[1, 0], [0]]\n",
        5,
        5,
        "D has rows of unequal lengths; give a matrix",
    ),
    (
        PLANE + "[problem]\nD = [[1, 0, 0], [0, 1, 0]]\n",
        5,
        5,
        "D has 2 rows of 3 on 2 axes; give a square matrix",
    ),
    (
        PLANE + "[problem]\nD = [[[1]]]\n",
        5,
        5,
        f"D is a list; {FORMULA}; a list or a list of lists of these",
    ),
    (GRID + f"[problem]\nf = '{'(' * 50}x'\n", 5, 46, "nested more than 40 deep; write it flatter"),
    # --- which problem ---
    (
        GRID + "[problem]\ngamma = 1\n",
        5,
        1,
        "gamma means nothing without U; give that too",
    ),
    (
        GRID + "[problem]\nU = 'x'\nf = 'x'\ngamma = 1\n",
        6,
        1,
        "f means nothing beside U; leave one of them out",
    ),
    (GRID + "[problem]\nU = 'x'\n", 5, 5, "U is given without gamma; give it too"),
    (
        GRID + "[problem]\ncalculus = 'strat'\n",
        5,
        12,
        "there is no word strat; did you mean stratonovich?",
    ),
    (
        "[grid]\nshape = 8\n[problem]\nzoo = 'gyratr'\n",
        4,
        7,
        "there is no reference problem gyratr; did you mean gyrator?",
    ),
    (
        "[grid]\nshape = 8\n[problem]\nzoo = 'gyrator'\n[zoo]\nkt = 1\n",
        6,
        1,
        "there is no argument kt; did you mean kT?",
    ),
    (
        "[grid]\nshape = 8\n[problem]\nzoo = 'gyrator'\n[zoo]\nkT = -1\n",
        6,
        6,
        "kT is -1.0; give a finite positive number",
    ),
    (
        GOOD + "[zoo]\nkT = 1\n",
        6,
        2,
        'there are arguments in [zoo] and no zoo = "NAME" in [problem]; give it',
    ),
    (
        GRID + "[problem]\nf = 'well.py:loss'\n",
        5,
        5,
        "well.py:loss is Python, which a problem file may not run by itself; if you trust it, "
        "allow it by python=True, on the command line by --python",
    ),
    # --- questions ---
    (GOOD + "[solve]\n", 6, 2, f"[solve] has no t; give a list of these ({NUMBER[5:]})"),
    (GOOD + "[solve]\nt = 3\n", 7, 5, f"t is 3; give a list of these ({NUMBER[5:]})"),
    (
        GOOD + "[solve]\nt = [0, 1]\nrho0 = 'exp(-y)'\n",
        8,
        14,
        "there is no name y; choose from x, pi, e",
    ),
    (
        GOOD + "[solve]\nt = [0, 1]\nrho0 = { mean = [0] }\n",
        8,
        1,
        f"[solve.rho0] has no cov; {NUMBER}; a list or a list of lists of these",
    ),
    (GOOD + "[steady]\nschem = 'log'\n", 7, 1, "there is no key schem; did you mean scheme?"),
    (
        GOOD + "[steady]\nscheme = 'lgo'\n",
        7,
        10,
        "there is no word lgo; did you mean log?",
    ),
    (GOOD + "[spectrum]\nk = 2.0\n", 7, 5, "k is 2; give a whole number"),
    (
        GOOD + "[mfpt]\ntarget = { centre = 1 }\n",
        7,
        12,
        "there is no key centre; did you mean center?",
    ),
    (
        GOOD + "[mfpt]\ntarget = 'x > 1'\n",
        7,
        10,
        "target is the text 'x > 1'; give a table, {center=..., radius=...}",
    ),
    (
        GOOD + "[sweep]\nparameters = { a = [1] }\nask = 'gap'\n",
        7,
        16,
        "there is no parameter a; leave it out",
    ),
    (
        GOOD + "[sweep]\nparameters = {}\nask = 'gap'\n",
        7,
        14,
        "parameters is empty; give lists of numbers, {a = [1, 2]}",
    ),
    (GOOD + "[plot]\nwhat = ['densty']\n", 7, 9, "there is no word densty; did you mean density?"),
]

# What only shows when the problem is made.
BUILT = [
    (GRID + "[problem]\nkT = -1\n", 5, 6, "kT is -1.0; give a finite positive number"),
    (
        GRID + "[problem]\nkT = 1\nbeta = 1\n",
        6,
        8,
        "beta and kT are both given; give one (kT = 1/beta)",
    ),
    (
        GRID + "[problem]\nD = 1\nsigma = 1\n",
        5,
        5,
        "D and sigma are both given; give one (D = beta sigma sigma^T / 2)",
    ),
    (
        GRID + "[problem]\nf = 'log(x)'\n",
        5,
        5,
        "f is nan at cell (0,), x = (-1.75); give finite values on the whole grid",
    ),
    (
        GRID + "[problem]\nD = 'x'\n",
        5,
        5,
        "D has the negative eigenvalue -1.75 at cell (0,), x = (-1.75); give a diffusion matrix "
        "without negative eigenvalues",
    ),
    (
        PLANE + "[problem]\nD = [[1, 2], [0, 1]]\n",
        5,
        5,
        "D is not symmetric at cell (0, 0), x = (-1.75, -0.875): [[1.0, 2.0], [0.0, 1.0]]; give "
        "D = D^T",
    ),
]


def told(text, tmp_path, build=False):
    """What is said of a text: place and sentence."""
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProblemFileError) as caught:
        fp.read_problem(path) if build else ProblemFile.read(path)
    error = caught.value
    assert str(error) == f"{path}:{error.line}:{error.column}: {error.reason}"
    assert "\n" not in str(error)
    return error.line, error.column, error.reason


@pytest.mark.parametrize(("text", "line", "column", "sentence"), READ)
def test_a_mistake_is_told_at_its_place(text, line, column, sentence, tmp_path):
    assert told(text, tmp_path) == (line, column, sentence)


@pytest.mark.parametrize(("text", "line", "column", "sentence"), BUILT)
def test_a_problem_that_cannot_be_is_told_at_its_place(text, line, column, sentence, tmp_path):
    assert told(text, tmp_path, build=True) == (line, column, sentence)


def test_there_are_many_rows():
    assert len(READ) + len(BUILT) >= 60


HOSTILE = [
    (b"a = " + b"[" * 100_000, 1, 5, "brackets are nested too deep; write them flatter"),
    (b"a = " + b"{a = " * 50_000, 1, 5, "brackets are nested too deep; write them flatter"),
    (
        b"a = " + b"9" * 10_000,
        1,
        5,
        "this number has thousands of digits; write it with an exponent, 1e9",
    ),
    (
        b"[grid]\nbox = [[0, " + b"9" * 400 + b"]]\n[problem]\n",
        2,
        12,
        "box[0, 1] is inf; give a finite number",
    ),
    (b"\x89PNG\r\n\x1a\n", 1, 1, "this is no text in UTF-8; save the file in that encoding"),
    (b"title = 'a'\nx = '\xff'", 2, 6, "this is no text in UTF-8; save the file in that encoding"),
    (
        b"\x00\x00\x00\x00",
        1,
        1,
        "a key or a [table] is expected here; write key = value",
    ),
    (
        b"#" * 1_000_001,
        1,
        1,
        "this file has over 1000 kB; put data into files of their own",
    ),
]


@pytest.mark.parametrize(
    ("raw", "line", "column", "sentence"), HOSTILE, ids=lambda u: str(u)[:20] if u else "0"
)
def test_hostile_files(raw, line, column, sentence, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(raw)
    with pytest.raises(ProblemFileError) as caught:
        ProblemFile.read(path)
    assert (caught.value.line, caught.value.column, caught.value.reason) == (line, column, sentence)


def test_a_hundred_megabytes_are_refused_by_size(tmp_path):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ProblemFileError, match="this file has over 1000 kB"):
        ProblemFile.read(path)


def test_no_file_a_folder_and_a_pipe(tmp_path):
    with pytest.raises(ProblemFileError, match=r":1:1: there is no such file; give a problem file"):
        fp.read_problem(tmp_path / "none.toml")
    with pytest.raises(ProblemFileError, match=r":1:1: this is a folder; give a problem file"):
        fp.read_problem(tmp_path)
    with pytest.raises(ProblemFileError, match=r"null"):
        fp.read_problem("a\0null")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ProblemFileError, match=r":1:1: this is no file; give a problem file"):
            fp.read_problem(tmp_path / "pipe")


def test_windows_ends_of_lines_and_marks_change_no_place(tmp_path):
    path = tmp_path / "bad.toml"
    text = GRID + '[problem]\nf = """x +\n z"""\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    with pytest.raises(ProblemFileError, match=r":6:2: there is no name z; choose from x, pi, e$"):
        ProblemFile.read(path)


def test_an_unknown_parameter(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text("[parameters]\nalpha = 1\n" + GOOD, encoding="utf-8")
    with pytest.raises(ProblemFileError, match=r"no parameter alhpa; did you mean alpha\?$"):
        fp.read_problem(path, alhpa=2)
    with pytest.raises(ValueError, match=r"^the parameter alpha is '2'; give a finite number$"):
        fp.read_problem(path, alpha="2")


def test_what_a_question_refuses_is_told_at_its_place(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(GOOD + "[spectrum]\nk = 100\n", encoding="utf-8")
    with pytest.raises(ProblemFileError) as caught:
        ProblemFile.read(path).ask("spectrum")
    assert (caught.value.line, caught.value.column) == (7, 5)
    assert caught.value.reason.startswith("k is 100")


def test_errors_can_be_pickled(tmp_path):
    with pytest.raises(ProblemFileError) as caught:
        fp.read_problem(tmp_path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def test_python_runs_only_where_it_is_allowed(tmp_path):
    (tmp_path / "well.py").write_text(
        "def loss(x, *, a):\n    return a * x**2\ndef broken(x):\n    return y\nother = 3\n",
        encoding="utf-8",
    )
    path = tmp_path / "good.toml"
    text = "[parameters]\na = 2\n" + GRID + "[problem]\nf = 'well.py:loss'\n"
    path.write_text(text, encoding="utf-8")
    problem = fp.read_problem(path, python=True, a=3)
    np.testing.assert_array_equal(problem.f, 3 * problem.grid.x[0] ** 2)
    for word, sentence in [
        ("well.py:other", "well.py has no function other; correct it"),
        ("none.py:loss", "there is no file none.py beside this one; correct it"),
    ]:
        path.write_text(text.replace("well.py:loss", word), encoding="utf-8")
        with pytest.raises(ProblemFileError, match=f":7:5: {sentence}$"):
            fp.read_problem(path, python=True)
    (tmp_path / "well.py").write_text("1/0", encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        ProblemFileError, match=r"well\.py ends with ZeroDivisionError: division by"
    ):
        fp.read_problem(path, python=True)


@pytest.mark.parametrize("path", [None, 3])
def test_what_is_no_name_of_a_file_is_said(path):
    with pytest.raises(ValueError, match=rf"path is {path}; give the name of a problem file"):
        fp.read_problem(path)


def test_a_file_that_asks_nothing_says_how_it_would(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    with pytest.raises(ValueError, match=r"question is 'steady'; .* a table such as \[steady\]"):
        ProblemFile.read(path).ask("steady")
