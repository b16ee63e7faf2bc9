"""Films: every frame, one scale, whole files, and reasons where there is none."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fokkerplanck as fp
from fokkerplanck import plot
from fokkerplanck.plot import movies

GRID = fp.Grid([(-3, 3)], 32)


@pytest.fixture(scope="module")
def solution():
    problem = fp.Problem(GRID, lambda x: x**2 / 2)
    return fp.solve(problem, fp.gaussian(GRID, 1, 0.2), np.linspace(0, 1, 4))


def frames_of(path):
    with Image.open(path) as film:
        found = []
        for k in range(film.n_frames):
            film.seek(k)
            found.append(np.asarray(film.convert("RGB")))
        return found, film.info.get("duration")


def test_a_solution_becomes_a_film(solution, tmp_path, capsys):
    path = plot.movie(solution, str(tmp_path / "film.gif"), fps=10, dpi=40, progress=True)
    assert path == tmp_path / "film.gif"
    frames, duration = frames_of(path)
    assert len(frames) == 4
    assert duration == 100
    assert all((a != b).any() for a, b in pairwise(frames))
    assert "film.gif" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["film.gif"]


def test_scales_are_those_of_all_frames(tmp_path):
    grid = fp.Grid([(-3, 3)] * 2, 16)
    problem = fp.Problem(grid, lambda x, y: (x**2 + y**2) / 2)
    run = fp.solve(problem, fp.gaussian(grid, (1, 0), 0.2), [0, 0.5, 1])
    for top, expected in ((None, run.rho.max()), (0.3, 0.3)):
        _, draw = movies._frames(run, None, top)
        for k in range(3):
            ax = plot.canvas().subplots()
            draw(ax, 0.0, run.rho[k])
            assert ax.collections[0].get_clim() == (0, expected)


def test_frames_of_ones_own(tmp_path):
    seen = []

    def draw(ax, t, what):
        assert not ax.lines
        ax.plot([0, 1], [0, what])
        ax.set(ylim=(0, 3))
        seen.append((t, what))

    titles = "T = {t:.1f}"
    path = plot.movie([(0, 1.0), (1, 2.0)], tmp_path / "a.gif", draw, title=titles, dpi=40)
    # The first frame is drawn once for the film: layout takes no frame of its own.
    assert seen == [(0.0, 1.0), (1.0, 2.0)]
    assert len(frames_of(path)[0]) == 2


def test_a_film_that_fails_leaves_the_old_one(solution, tmp_path):
    path = plot.movie(solution, tmp_path / "a.gif", dpi=40)
    before = path.read_bytes()

    def draw(ax, t, what):
        if t > 0:
            raise RuntimeError("no light")

    with pytest.raises(RuntimeError, match="no light"):
        plot.movie(solution, path, draw, dpi=40)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


class NoFfmpeg:
    """Stand-in for the writer where ffmpeg is not installed."""

    @staticmethod
    def isAvailable():
        return False


class Ffmpeg(NoFfmpeg):
    """Stand-in for the writer where it is."""

    def __init__(self, fps):
        self.fps = fps

    @staticmethod
    def isAvailable():
        return True


def test_the_ending_decides_and_without_one_what_is_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(movies, "FFMpegWriter", NoFfmpeg)
    monkeypatch.setitem(movies.WRITERS, ".mp4", NoFfmpeg)
    assert movies._writer("film", 10.0)[0] == Path("film.gif")
    with pytest.raises(ValueError, match='ffmpeg, which is not installed; install it or choose "a'):
        plot.movie([(0, 1)], tmp_path / "a.mp4", print)
    monkeypatch.setattr(movies, "FFMpegWriter", Ffmpeg)
    monkeypatch.setitem(movies.WRITERS, ".mp4", Ffmpeg)
    path, writer = movies._writer("film", 10.0)
    assert (path, writer.fps) == (Path("film.mp4"), 10.0)
    assert isinstance(movies._writer("film.mp4", 10.0)[1], Ffmpeg)


@pytest.mark.skipif(not movies.FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_mp4(solution, tmp_path):
    path = plot.movie(solution, tmp_path / "film", dpi=40)
    assert path.name == "film.mp4"
    assert path.read_bytes()[4:8] == b"ftyp"


SPACE = fp.Grid([(0, 1)] * 3, 4)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((3, "a.gif"), {}, "frames is 3; give what solve"),
        ((None, "a.gif"), {}, "frames is None; give what solve"),
        ((3, "a.gif", print), {}, "frames is 3; give a Solution or a sequence of pairs"),
        (([1, 2], "a.gif", print), {}, "give a Solution or a sequence of pairs"),
        (([], "a.gif", print), {}, "frames is empty"),
        (([(0, 1)], "a.gif", 3), {}, "draw is 3; give a function"),
        (([(0, 1)], "a.avi", print), {}, r"path ends in '.avi'; choose .mp4 or .gif"),
        (([(0, 1)], 3, print), {}, "path is 3; give the name of a file"),
        (([(0, 1)], "a.gif", print), {"fps": 0}, "fps"),
        (([(0, 1)], "a.gif", print), {"dpi": None}, "dpi"),
        (([(0, 1)], "a.gif", print), {"progress": "yes"}, "progress is 'yes'"),
        ((fp.solve(fp.Problem(SPACE), fp.uniform(SPACE), 0.1), "a.gif"), {}, "give draw="),
    ],
)
def test_bad_input(arguments, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        plot.movie(*arguments, **options)
    assert not list(tmp_path.iterdir())
