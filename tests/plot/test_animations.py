"""Films for notebooks: every frame in one scale, nothing from outside, whole files."""

import base64
import io
import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import fokkerplanck as fp
from fokkerplanck import plot
from fokkerplanck.plot import animations

GRIDS = {d: fp.Grid([(-3, 3)] * d, {1: 48, 2: 20, 3: 8}[d]) for d in (1, 2, 3)}


def run(d, times=5, **options):
    grid = GRIDS[d]
    problem = fp.Problem(grid, lambda *x: sum(u**2 for u in x) / 2)
    start = fp.gaussian(grid, [1, 0, 0][:d] if d > 1 else 1, 0.3)
    return fp.solve(problem, start, np.linspace(0, 1, times), **options)


def pixels(png):
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


class Tags(HTMLParser):
    """Tags with their attributes, and the text of the script."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.script, self._inside = [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_data(self, data):
        if self._inside:
            self.script += data
        self._inside = False


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_solution_becomes_a_page(d, tmp_path):
    solution, figures = run(d), plt.get_fignums()
    film = solution.animate(dpi=80, title="relaxation")
    assert len(film) == 5
    assert film.left_out == 0
    assert film.t.tolist() == solution.t.tolist()
    first, *others = map(pixels, film.frames)
    assert first.shape[:2] == film.size[::-1]
    assert all(other.shape == first.shape and (other != first).any() for other in others)
    heads = [np.flatnonzero((u < 128).any(axis=(1, 2)))[0] for u in (first, *others)]
    assert max(heads) - min(heads) <= 1  # the time stands still above the picture
    assert plt.get_fignums() == figures
    page = Tags(film.html())
    frames = json.loads(re.search(r"frames = (\[.*?\])", page.script)[1])
    assert [base64.b64decode(frame) for frame in frames] == list(film.frames)
    assert json.loads(re.search(r"times = (\[.*?\])", page.script)[1]) == [
        "t = 0",
        "t = 0.25",
        "t = 0.5",
        "t = 0.75",
        "t = 1",
    ]
    (slider,) = (attrs for tag, attrs in page.tags if tag == "input")
    assert (slider["type"], slider["max"]) == ("range", "4")
    path = film.save(tmp_path / "film")
    assert path.name == "film.html"
    assert path.read_text(encoding="utf-8") == film.html()
    assert [f.name for f in tmp_path.iterdir()] == ["film.html"]


def test_nothing_comes_from_outside():
    page = run(2, 3).animate(dpi=40).html()
    code = re.sub(r"[A-Za-z0-9+/=]{200,}", "", page)  # without the pictures
    assert 2000 < len(code) < 6000
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|<script src|fetch\(", code)
    for _, attrs in Tags(page).tags:
        assert attrs.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")


def test_frames_are_chosen_evenly_and_said():
    film = run(1, 41).animate(max_frames=5, dpi=40)
    assert film.t == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert film.left_out == 36
    assert "5 of 41 output times, 36 left out" in film.html()
    assert "left out" not in run(1, 5).animate(max_frames=5, dpi=40).html()
    assert len(run(1, 5).animate(max_frames=1, dpi=40)) == 1


@pytest.mark.slow
def test_long_runs_make_no_large_pages():
    film = run(2, 200).animate()
    assert len(film) == 60
    assert len(film.html()) < 2_000_000


@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_scale_for_all_frames(d):
    solution = run(d)
    for top in (None, 0.7):
        sheet = plot.canvas()
        update = animations._stage(solution, sheet, solution.rho, top)
        seen = []
        for rho in solution.rho:
            update(rho)
            ax = sheet.axes[0]
            seen.append(ax.get_ylim() if d == 1 else ax.collections[0].get_clim())
        if d == 3:
            h = GRIDS[3].h[0]
            largest = max((rho.sum(axis=k) * h).max() for rho in solution.rho for k in range(3))
        else:
            largest = solution.rho.max()
        expected = (largest if top is None else top) * (1.05 if d == 1 else 1)
        assert np.allclose(seen, [(0, expected)] * 5, rtol=1e-12)
        if d == 1:
            assert (ax.lines[0].get_ydata() == solution.rho[-1]).all()
            assert np.allclose(ax.lines[1].get_ydata(), np.exp(solution.log_rho_inf))
            assert len(ax.collections) == 1
        elif d == 2:
            assert (ax.collections[0].get_array() == solution.rho[-1].T).all()
            assert ax.child_axes[0].get_ylabel() == "density ρ, 1/area"
        else:
            marginal = solution.rho[-1].sum(axis=2) * h
            assert np.allclose(ax.collections[0].get_array(), marginal.T)


def test_titles_of_others_are_text():
    title = "</script><b>\"\\ @frames@ '&"
    film = run(1, 2).animate(dpi=40, title=title)
    page = Tags(film.html())
    assert not [tag for tag, _ in page.tags if tag == "b"]
    assert [tag for tag, _ in page.tags].count("script") == 1
    named = re.search(r"image.alt = (\".*\") \+ \", \"", page.script)[1]
    assert json.loads(named) == title
    (image,) = (attrs for tag, attrs in page.tags if tag == "img")
    assert image["alt"] == title
    frame = film._repr_html_()
    assert Tags(frame).tags[0][1]["srcdoc"] == film.html()
    assert unescape(frame).count("<iframe") == 1


def test_a_style_of_ones_own_leaves_letters_dark():
    plain = run(1, 2).animate(dpi=40)
    with plt.style.context("dark_background"):
        assert run(1, 2).animate(dpi=40).frames == plain.frames


def test_absorbing_sides_have_no_steady_state():
    grid = fp.Grid([(-3, 3)], 48, "absorbing")
    solution = fp.solve(fp.Problem(grid), fp.gaussian(grid, 0, 0.3), [0, 1])
    sheet = plot.canvas()
    animations._stage(solution, sheet, solution.rho, None)
    assert len(sheet.axes[0].lines) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_frames": 0}, "max_frames is 0"),
        ({"max_frames": 2.5}, "max_frames is 2.5"),
        ({"fps": 0}, "fps is 0; give a finite positive number"),
        ({"dpi": -1}, "dpi is -1"),
        ({"top": 0}, "top is 0"),
        ({"title": 3}, "title is 3; give text"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        run(1, 2).animate(**options)


def test_bad_solutions_and_paths(tmp_path):
    with pytest.raises(ValueError, match=r"solution is .*; give what solve\(.*\) returned"):
        plot.animate(GRIDS[1])
    film = run(1, 2).animate(dpi=40)
    with pytest.raises(ValueError, match=r"path ends in '\.gif'"):
        film.save(tmp_path / "film.gif")
    with pytest.raises(ValueError, match="a folder"):
        film.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


STAGE = """
"use strict";
var made = {}, timers = [];
function element(id) {
  if (!made[id]) {
    made[id] = { heard: {}, setAttribute: function (k, v) { this[k] = v; },
      addEventListener: function (name, f) { this.heard[name] = f; } };
  }
  return made[id];
}
var document = { getElementById: element };
function setInterval(f, ms) { timers.push(f); made.pause = ms; return timers.length; }
function clearInterval(k) { timers[k - 1] = null; }
function tick() { timers.forEach(function (f) { if (f) { f(); } }); }
function key(name) {
  made.film.heard.keydown({ key: name, preventDefault: function () {},
    stopPropagation: function () {} });
}
function now() { return Number(made.slider.value); }
SCRIPT
var seen = [now()];
key("ArrowRight"); seen.push(now());
key("ArrowLeft"); key("ArrowLeft"); seen.push(now());
key("End"); seen.push(now());
key("Home"); seen.push(now());
made.slider.value = "2"; made.slider.heard.input(); seen.push(now());
key(" "); tick(); seen.push(now());
key(" "); tick(); seen.push(now());
made.play.heard.click(); tick(); tick(); tick(); seen.push(now());
made.play.heard.click(); tick(); seen.push(now());
key("toString");
console.log(JSON.stringify([seen, made.when.textContent, made.frame.alt, made.pause]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_script_does_what_its_keys_say():
    film = run(1, 5).animate(dpi=30, fps=10, title="film")
    script = STAGE.replace("SCRIPT", Tags(film.html()).script)
    said = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)
    seen, when, alt, pause = json.loads(said.stdout)
    # start, right, left at the start, end, home, slid to 2, playing, paused, played to the end,
    # and from the end again from the start
    assert seen == [0, 1, 0, 4, 0, 2, 3, 3, 4, 1]
    assert (when, alt, pause) == ("2 / 5", "film, t = 0.25", 100)
