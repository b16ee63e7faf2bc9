"""Films for notebooks: a page with a slider that needs nothing from outside."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure
from matplotlib.style import context

from fokkerplanck.domain.arguments import describe, positive_number, whole_number
from fokkerplanck.domain.whole_files import file_path, written_whole
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot.axes import canvas, check_result, colorbar
from fokkerplanck.plot.cards import png_of
from fokkerplanck.plot.fields import density, line
from fokkerplanck.plot.space import VIEWS, projections

#: Names of pages.
ENDINGS = (".html", ".htm")
#: Size of the picture in inches, by dimension.
SIZES = {1: (5.4, 3.6), 2: (5.6, 4.6), 3: (10.5, 3.6)}
#: Puts the next frame on the sheet.
Update: TypeAlias = Callable[[np.ndarray], object]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@title@</title><style>
body { margin: 0; font: 14px sans-serif; color: black; background: white; }
#film { width: @width@px; max-width: 100%; outline: none; }
#film img { width: 100%; display: block; }
#film:focus-visible { box-shadow: inset 0 0 0 2px #4a90d9; }
.row { display: flex; gap: 8px; align-items: center; padding: 4px 8px; }
.row input { flex: 1; } .row output { min-width: 5em; text-align: right; }
p { margin: 0; padding: 0 8px 4px; color: #555; font-size: 12px; }
</style></head><body>
<div id="film" tabindex="0" role="group" aria-label="@title@">
<img id="frame" alt="@title@" src="@first@">
<div class="row"><button id="play" type="button" aria-label="play or pause">▶</button>
<input id="slider" type="range" min="0" max="@last@" value="0" step="1" aria-label="time">
<output id="when"></output></div>
<p>@note@</p></div>
<script>
(function () {
  "use strict";
  var times = @times@, frames = @frames@, pause = @pause@;
  var film = document.getElementById("film"), image = document.getElementById("frame");
  var play = document.getElementById("play"), slider = document.getElementById("slider");
  var when = document.getElementById("when"), clock = null, now = 0;
  function show(k) {
    now = Math.max(0, Math.min(frames.length - 1, k));
    image.src = "data:image/png;base64," + frames[now];
    image.alt = @name@ + ", " + times[now];
    slider.value = now;
    slider.setAttribute("aria-valuetext", times[now]);
    when.textContent = (now + 1) + " / " + frames.length;
  }
  function stop() {
    if (clock !== null) { clearInterval(clock); }
    clock = null; play.textContent = "▶";
  }
  function start() {
    if (now === frames.length - 1) { show(0); }
    play.textContent = "❚❚";
    clock = setInterval(function () {
      show(now + 1);
      if (now === frames.length - 1) { stop(); }
    }, pause);
  }
  function toggle() { if (clock === null) { start(); } else { stop(); } }
  play.addEventListener("click", toggle);
  slider.addEventListener("input", function () { stop(); show(Number(slider.value)); });
  film.addEventListener("keydown", function (event) {
    var keys = {
      ArrowLeft: function () { stop(); show(now - 1); },
      ArrowRight: function () { stop(); show(now + 1); },
      Home: function () { stop(); show(0); },
      End: function () { stop(); show(frames.length - 1); },
      " ": toggle
    };
    if (Object.prototype.hasOwnProperty.call(keys, event.key)) {
      event.preventDefault(); event.stopPropagation(); keys[event.key]();
    }
  });
  show(0);
}());
</script></body></html>
"""


@dataclass(frozen=True, eq=False)
class Animation:
    """Film of a solution as one page: a notebook shows it, ``save`` writes it.

    Space plays and pauses, the arrow keys go a frame back or forth, Home and End to the ends.
    Nothing is loaded from anywhere.

    Attributes
    ----------
    t : array (n,)
        Times of the frames.
    frames : tuple of bytes
        PNG of each.
    left_out : int
        Output times of the solution that have no frame.
    fps : float
    title : str
    size : (int, int)
        Width and height of a frame, in pixels.
    """

    t: np.ndarray
    frames: tuple[bytes, ...] = field(repr=False)
    left_out: int
    fps: float
    title: str
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def note(self) -> str:
        """What is shown, and what was left out."""
        keys = "space plays and pauses, arrow keys step"
        if not self.left_out:
            return f"{len(self)} times; {keys}"
        total = len(self) + self.left_out
        return f"{len(self)} of {total} output times, {self.left_out} left out; {keys}"

    def html(self) -> str:
        """Page as text, whole and by itself."""
        frames = [base64.b64encode(png).decode("ascii") for png in self.frames]
        values = {
            "title": escape(self.title),
            # Inside of a script nothing is unescaped, and "</" would end it.
            "name": json.dumps(self.title).replace("<", "\\u003c"),
            "width": str(self.size[0]),
            "last": str(len(frames) - 1),
            "note": escape(self.note),
            "times": json.dumps([f"t = {t:.4g}" for t in self.t.tolist()]),
            "pause": f"{1000 / self.fps:.0f}",
            "first": f"data:image/png;base64,{frames[0]}",
            "frames": json.dumps(frames),
        }
        # In one pass: what is put in is not looked at again.
        return re.sub(r"@(\w+)@", lambda found: values[found[1]], PAGE)

    def _repr_html_(self) -> str:
        """Page in a frame of its own: its keys and names are no business of the notebook's."""
        width, height = self.size
        style = f"width:{width}px;max-width:100%;height:{height + 70}px;border:0;background:white"
        title, page = escape(self.title), escape(self.html())
        return f'<iframe title="{title}" style="{style}" srcdoc="{page}"></iframe>'

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all.

        Parameters
        ----------
        path : str or path
            ``.html``, which is added where there is no ending.

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            For another ending.
        """
        given = file_path(path)
        given = given if given.suffix else given.with_suffix(".html")
        if given.suffix.lower() not in ENDINGS:
            raise ValueError(f"path ends in {given.suffix!r}; an animation is a page: give .html")
        with written_whole(given) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")
        return given


def animate(
    solution: Solution,
    *,
    max_frames: int = 60,
    fps: float = 12,
    top: float | None = None,
    title: str = "",
    dpi: float = 80,
) -> Animation:
    r"""Film of a solution for a notebook or a page, with slider, play button and keys.

    Densities :math:`\rho(t)` at the output times in one scale: graphs in 1D, with the steady state
    dashed; maps with a colour bar in 2D; marginal densities :math:`\int\rho\,dz`, ... in 3D.

    Parameters
    ----------
    solution : Solution
    max_frames : int
        At most so many, evenly among the output times, the first and the last included; the page
        says how many were left out. A frame takes 5 to 30 kB.
    fps : float
        Frames a second.
    top : float, optional
        Density of the darkest colour, or top of the axis in 1D; default the largest of all frames.
        Sharp starts call for less. In 3D of the marginals.
    title : str
        Of the page; the time stands above every frame in any case.
    dpi : float
        Pixels an inch.

    Returns
    -------
    Animation
        With ``_repr_html_``, ``html()`` and ``save(path)``.

    Raises
    ------
    ValueError
        If this is no solution, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> start = fp.gaussian(grid, 1, 0.2)
    >>> solution = fp.solve(fp.Problem(grid, lambda x: x**2 / 2), start, np.linspace(0, 1, 9))
    >>> film = fp.plot.animate(solution, max_frames=3)
    >>> film.note
    '3 of 9 output times, 6 left out; space plays and pauses, arrow keys step'
    >>> film.t.tolist()
    [0.0, 0.5, 1.0]
    """
    check_result(solution, "solution", "solve(problem, rho0, t)", "t", "rho", "grid")
    most = whole_number(max_frames, "max_frames", 1)
    fps, dpi = positive_number(fps, "fps"), positive_number(dpi, "dpi")
    if not isinstance(title, str):
        raise ValueError(f"title is {describe(title)}; give text")
    times = len(solution.t)
    chosen = np.unique(np.linspace(0, times - 1, min(most, times)).round().astype(int))
    t, rho = np.asarray(solution.t)[chosen], np.asarray(solution.rho)[chosen]
    highest = None if top is None else positive_number(top, "top")
    with context("default"):  # dark letters on white paper, as thumbnails
        frames = _frames(solution, t.tolist(), rho, highest, dpi)
    width, height = (round(inches * dpi) for inches in SIZES[solution.grid.dim])
    name = title or "density ρ"
    return Animation(t, tuple(frames), times - len(t), fps, name, (width, height))


def _frames(
    solution: Solution, t: list[float], rho: np.ndarray, top: float | None, dpi: float
) -> list[bytes]:
    """PNG of every density."""
    sheet, frames = canvas(*SIZES[solution.grid.dim]), []
    update, heading = _stage(solution, sheet, rho, top), sheet.suptitle("t = 0")
    for k, time in enumerate(t):
        update(rho[k])
        heading.set_text(f"t = {time:.4g}")
        if k == 0:
            # The layout of the first frame is kept: else the axes would move between frames.
            sheet.draw_without_rendering()
            sheet.set_layout_engine("none")
        frames.append(png_of(sheet, dpi))
    return frames


def _stage(solution: Solution, sheet: Figure, rho: np.ndarray, top: float | None) -> Update:
    """Draw everything that stays, in one scale; return what puts a density in its place."""
    grid = solution.grid
    finite = rho[np.isfinite(rho)]
    largest = (float(finite.max()) if finite.size else 0.0) or 1.0
    if grid.dim == 3:
        return _in_space(solution, sheet, rho, top)
    top = largest if top is None else top
    ax = sheet.subplots()
    if grid.dim == 2:
        mesh = density(grid, rho[0], ax, top=top)
        colorbar(mesh, "density ρ, 1/area")
        return lambda u: mesh.set_array(u.T)
    graph = line(grid, rho[0], ax, color="C0", label="ρ(t)")
    if solution.log_rho_inf is not None:
        still = np.exp(np.asarray(solution.log_rho_inf))
        line(grid, still, ax, color="0.4", linestyle="--", label="steady")
        ax.legend(loc="upper right")
    ax.set(ylim=(0, 1.05 * top), ylabel="density ρ, 1/length")
    cloud = [ax.fill_between(grid.centers[0], rho[0], alpha=0.3, color="C0")]

    def update(u: np.ndarray) -> None:
        graph.set_ydata(u)
        cloud.pop().remove()
        cloud.append(ax.fill_between(grid.centers[0], u, alpha=0.3, color="C0"))

    return update


def _in_space(solution: Solution, sheet: Figure, rho: np.ndarray, top: float | None) -> Update:
    """Three marginal densities."""
    grid = solution.grid
    widths = [np.asarray(w, dtype=float) for w in grid.widths]

    def marginals(u: np.ndarray) -> list[np.ndarray]:
        return [np.moveaxis(u, gone, -1) @ widths[gone] for *_, gone in VIEWS]

    if top is None:
        top = max(float(np.nanmax(m)) for u in rho for m in marginals(u)) or 1.0
    axes = sheet.subplots(1, 3)
    picture = projections(grid, rho[0], axes, top=top, label="density, 1/area")

    def update(u: np.ndarray) -> None:
        for mesh, marginal in zip(picture.maps, marginals(u), strict=True):
            mesh.set_array(marginal.T)

    return update
