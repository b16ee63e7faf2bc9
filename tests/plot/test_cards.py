"""Cards of notebooks: right numbers, escaped text, small pictures, and never an exception."""

import base64
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import fokkerplanck as fp
from fokkerplanck.domain.portable import Portable
from fokkerplanck.plot import cards, summaries
from fokkerplanck.plot.cards import Card, thumbnail, words

LINE = fp.Grid([(-4, 4)], 64)
PLANE = fp.Grid([(-4, 4), (-3, 3)], (24, 20))
SPACE = fp.Grid([(-3, 3)] * 3, 8)


def on(grid, **options):
    return fp.Problem(grid, f=lambda *x: sum(u**2 for u in x) / 2, **options)


def run(grid):
    middle = 1 if grid.dim == 1 else [1, 0, 0][: grid.dim]
    return fp.solve(on(grid), fp.gaussian(grid, middle, 0.4), [0, 0.5, 1])


def transport(grid):
    shifted = run(grid)
    return fp.wasserstein(shifted[0], shifted[-1], grid)


def swarm(d):
    model = fp.sgd.LeastSquares(np.eye(d), np.ones(d), weight_decay=0.5)
    return fp.sgd.run(model, [0.5] * d, eta=0.1, b=1, steps=20, n_particles=50)


def verdicts():
    gyrator = fp.zoo.gyrator().build(24)
    claims = [fp.theorems.stationarity(gyrator), fp.theorems.potential_is_loss(gyrator)]
    return fp.theorems.Verdicts(claims, "gyrator")


def fitted():
    counts = 500 * fp.steady_state(on(LINE, kT=0.8)).rho * LINE.volume
    bounds = {"kT": (0.1, 10)}
    return fp.fit(lambda kT: on(LINE, kT=kT), {"kT": 1.0}, counts, kind="counts", bounds=bounds)


def absorbing(grid):
    return on(fp.Grid(grid.box, grid.shape, "absorbing"))


KINDS = {
    "grid on a line": lambda: LINE,
    "graded grid": lambda: fp.Grid([np.linspace(0, 1, 9) ** 2, (0, 1)], (8, 4)),
    "fine grid": lambda: fp.Grid([(0, 1), (0, 2)], 200, sides=["periodic", "absorbing"]),
    "grid in space": lambda: SPACE,
    "problem on a line": lambda: on(LINE),
    "drift on a line": lambda: fp.Problem(LINE, drift=lambda x: -x),
    "no drift": lambda: fp.Problem(PLANE),
    "problem in the plane": lambda: on(PLANE),
    "drift in the plane": lambda: fp.Problem(PLANE, drift=lambda x, y: (-x - y, x - y)),
    "problem in space": lambda: on(SPACE),
    "drift in space": lambda: fp.Problem(SPACE, drift=lambda x, y, z: (-x, -y, -z)),
    "steady state on a line": lambda: fp.steady_state(on(LINE)),
    "steady state in the plane": lambda: fp.steady_state(on(PLANE)),
    "steady state in space": lambda: fp.steady_state(on(SPACE)),
    "solution on a line": lambda: run(LINE),
    "solution in the plane": lambda: run(PLANE),
    "solution in space": lambda: run(SPACE),
    "spectrum": lambda: fp.spectrum(on(LINE), 4),
    "verdict": lambda: verdicts()[0],
    "verdicts": verdicts,
    "transport on a line": lambda: transport(LINE),
    "transport in the plane": lambda: transport(PLANE),
    "swarm on a line": lambda: swarm(1),
    "swarm in the plane": lambda: swarm(2),
    "swarm in three dimensions": lambda: swarm(3),
    "paths": lambda: fp.sde.simulate(on(LINE), np.zeros((20, 1)), 0.1, dt=0.05),
    "passage times": lambda: fp.mfpt(on(LINE), LINE.x[0] > 2),
    "committor": lambda: fp.committor(on(PLANE), PLANE.x[0] < -2, PLANE.x[0] > 2),
    "exits": lambda: fp.exit_probabilities(on(LINE), [LINE.x[0] < -2, LINE.x[0] > 2]),
    "quasi-stationary state": lambda: fp.quasi_stationary(absorbing(LINE)),
    "fit": fitted,
}


def table_of(html):
    """Rows of a card by name, as lists of their cells."""
    tree = ElementTree.fromstring(html)
    rows = ([("".join(cell.itertext())) for cell in row] for row in tree.iter("tr"))
    return {row[0]: row[1:] for row in rows}


def picture_of(html):
    """PNG of a card."""
    (image,) = ElementTree.fromstring(html).iter("img")
    head, _, data = image.get("src").partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(data)


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_every_kind_has_a_table_and_a_small_picture(make):
    value, figures = make(), plt.get_fignums()
    html = value._repr_html_()
    table = table_of(html)
    assert len(table) > 2
    assert "not known" not in html
    png = picture_of(html)
    assert 1000 < len(png) <= 40_000
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0, 0] == 255).all()  # white paper under it, on dark pages too
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
    assert plt.get_fignums() == figures
    assert value._repr_html_() is html  # drawn once


def test_numbers_are_those_of_the_result():
    modes = fp.spectrum(fp.Problem(PLANE, drift=lambda x, y: (-x - y, x - y)), 4)
    table = table_of(modes._repr_html_())
    for k in range(4):
        decay, frequency, period, condition, _ = map(float, table[str(k)])
        told = (modes.decay[k], modes.frequency[k], modes.period[k], modes.condition[k])
        assert (decay, frequency, period, condition) == pytest.approx(told, rel=5e-6, abs=1e-300)
    distance = transport(LINE)
    table = table_of(distance._repr_html_())
    assert table["distance W₂, length"] == [f"{distance.distance:.6g}"]
    particles = swarm(2)
    table = table_of(particles._repr_html_())
    spread = particles.samples.reshape(-1, 2).std(axis=0, ddof=1)
    given = [float(u) for u in table["standard deviation"][0].strip("()").split(",")]
    assert given == pytest.approx(spread, rel=1e-5)
    solution = run(PLANE)
    table = table_of(solution._repr_html_())
    assert table["times"] == ["3, from 0 to 1"]
    F = solution.free_energy
    assert table["free energy, units of f"] == [f"{F[0]:.6g} to {F[-1]:.6g}"]


def test_digits_and_words():
    assert words(2 / 3) == "0.666667"
    assert words(-1234567.0) == "-1.23457e+06"
    assert words(-0.0) == "0"
    assert words(12345678) == "12345678"
    assert words(np.int64(3)) == "3"
    assert words(np.True_) == "yes"
    assert words(None) == "none"
    assert words(float("nan")) == "nan"
    assert words(1 - 2j) == "1-2j"
    assert words(np.array([1.0, 2.0])) == "(1, 2)"
    assert words(np.zeros(7)) == "array (7,)"
    assert words({"a": "<"}) == "{&#x27;a&#x27;: &#x27;&lt;&#x27;}"
    assert len(words("a" * 10_000)) < 1000


def test_text_of_others_is_escaped():
    evil = "<script>alert('&')</script>"
    verdict = replace(verdicts()[0], statement=evil, remark=evil, left_name=evil, reference=evil)
    many = fp.theorems.Verdicts([replace(verdict, name=evil)], evil)

    def ask(problem):
        if problem.kT < 2:
            raise ValueError(evil)
        return 1.0

    sweep = fp.sweep(lambda kT: on(LINE, kT=kT), {"kT": [1.0, 2.0]}, ask)
    for value in (verdict, many, sweep):
        html = value._repr_html_()
        assert "<script" not in html
        assert evil in "".join(ElementTree.fromstring(html).itertext())


def test_the_page_chooses_the_colours():
    html = verdicts()._repr_html_()
    for word in ("color:black", "color:#", "background:#", "<style", "class="):
        assert word not in html
    assert "color:inherit" in html


def test_what_fails_says_why(monkeypatch):
    class Odd(Portable):
        pass

    def fails(*_):
        raise ValueError("<no> paper left")

    monkeypatch.setattr(summaries.thumbnails, "grid", fails)
    html = fp.Grid([(0, 2)], 5)._repr_html_()
    assert "No picture: &lt;no&gt; paper left" in html
    assert table_of(html)["cells"] == ["5"]
    html = cards._html(Card("odd", [("a", lambda: 1), ("b", fails), ("c", lambda: 2)]))
    why = ["not known: <no> paper left"]
    assert table_of(html) == {"odd": [], "a": ["1"], "b": why, "c": ["2"]}
    assert Odd()._repr_html_() is None
    cards.card_of.register(Odd, fails)
    assert Odd()._repr_html_() == "<div>No table of a Odd: &lt;no&gt; paper left</div>"


def test_long_tables_say_what_they_leave_out():
    rows = [(f"row {k}", lambda k=k: k) for k in range(20)]
    table = table_of(cards._html(Card("long", rows)))
    assert len(table) == 1 + cards.ROWS + 1
    assert "and 8 more" in table


def noise(sheet):
    pixels = np.random.default_rng(0).random((150, 200, 3))
    sheet.add_axes((0, 0, 1, 1)).imshow(pixels, aspect="auto")


def test_pictures_that_are_too_large_get_smaller_or_say_so(monkeypatch):
    monkeypatch.setattr(cards, "LARGEST", 8000)
    assert 4000 < len(thumbnail(noise, (1.6, 1.2))) <= 8000
    monkeypatch.setattr(cards, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"\d+ bytes at 35 pixels an inch, over 1000"):
        thumbnail(noise, (1.6, 1.2))
    html = cards._html(Card("noise", [], noise))
    assert "No picture: " in html


def test_the_look_of_the_notebook_does_not_matter():
    def draw(sheet):
        sheet.subplots().plot([0, 1])

    plain = thumbnail(draw, (2, 2))
    with plt.style.context("dark_background"), plt.rc_context({"text.usetex": True}):
        assert thumbnail(draw, (2, 2)) == plain
        assert plt.rcParams["text.usetex"]


PROBE = """
import sys
import fokkerplanck as fp
grid = fp.Grid([(0, 1)], 4)
assert "matplotlib" not in sys.modules
assert "img" in grid._repr_html_()
import matplotlib.pyplot as plt
assert plt.get_fignums() == []
"""


@pytest.mark.slow
def test_matplotlib_waits_for_the_first_card():
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", PROBE], check=True, cwd=root)
