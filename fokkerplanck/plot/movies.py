"""Films of evolutions: MP4 by ffmpeg where it is installed, GIF by pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from tqdm import tqdm

from fokkerplanck.domain.arguments import describe, positive_number
from fokkerplanck.domain.whole_files import file_path, written_whole
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot.axes import canvas, check_result
from fokkerplanck.plot.fields import density

WRITERS = {".mp4": FFMpegWriter, ".gif": PillowWriter}
#: Draws one frame: ``draw(ax, t, what)``.
Draw: TypeAlias = Callable[[Axes, float, Any], object]
Frames: TypeAlias = Solution | Iterable[tuple[float, Any]]


def movie(
    frames: Frames,
    path: str | Path,
    draw: Draw | None = None,
    *,
    fps: float = 20,
    top: float | None = None,
    title: str = "t = {t:.3g}",
    width: float = 5.0,
    height: float = 4.2,
    dpi: float = 100,
    progress: bool | None = None,
) -> Path:
    r"""Film of a solution, or of anything that can be drawn, one frame for each time.

    Parameters
    ----------
    frames : Solution, or sequence of (t, what)
        A solution in 1D or 2D is drawn as densities at its output times.
    path : str or path
        ``.mp4`` (wants ffmpeg) or ``.gif``. Without either ending, the better one that is
        installed is added. An older file is replaced by a whole new one, or left alone.
    draw : callable ``draw(ax, t, what)``, optional
        Draws one frame on axes that have been cleared. Its scales must not depend on the frame,
        or colours will flicker. Default: `density`, in one scale for all frames.
    fps : number
        Frames a second.
    top : float, optional
        Density of the darkest colour, or the top of the axis in 1D; default the largest of all
        frames. Sharp starts call for less.
    title : str
        Format of the title, with ``t``; empty for none.
    width, height : float
        In inches.
    dpi : number
        Pixels an inch.
    progress : None or bool
        A bar: for films that take longer than a second (None), always, or never.

    Returns
    -------
    Path
        The film.

    Raises
    ------
    ValueError
        For another ending, ``.mp4`` without ffmpeg, no frames, or frames that need a `draw`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> start = fp.gaussian(grid, 1, 0.2)
    >>> solution = fp.solve(fp.Problem(grid, lambda x: x**2 / 2), start, np.linspace(0, 1, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film = plot.movie(solution, pathlib.Path(folder) / "relaxation.gif", dpi=40)
    ...     film.name, film.stat().st_size > 1000
    ('relaxation.gif', True)
    """
    path, writer = _writer(path, positive_number(fps, "fps"))
    pairs, draw = _frames(frames, draw, top)
    _title(title, 0.0)
    if progress not in (None, True, False):
        raise ValueError(f"progress is {describe(progress)}; give None, True or False")
    sheet = canvas(positive_number(width, "width"), positive_number(height, "height"))
    ax = sheet.subplots()
    quiet = {"disable": progress is False, "delay": 0 if progress else 1}
    with (
        written_whole(path) as temporary,
        writer.saving(sheet, str(temporary), positive_number(dpi, "dpi")),
        tqdm(total=len(pairs), desc=path.name, unit=" frames", **quiet) as bar,
    ):
        for k, (t, what) in enumerate(pairs):
            ax.clear()
            draw(ax, t, what)
            if title:
                ax.set_title(_title(title, t))
            if k == 0:
                # The layout of the first frame is kept: else the axes would move between frames.
                sheet.draw_without_rendering()
                sheet.set_layout_engine("none")
            writer.grab_frame()
            bar.update()
    return path


def _writer(path: str | Path, fps: float) -> tuple[Path, AbstractMovieWriter]:
    """Path with its ending, and the writer for it."""
    if isinstance(path, (str, Path)):
        path = file_path(path)
    else:
        raise ValueError(f'path is {describe(path)}; give the name of a file such as "film.gif"')
    has_ffmpeg = FFMpegWriter.isAvailable()
    if not path.suffix:
        path = path.with_suffix(".mp4" if has_ffmpeg else ".gif")
    if path.suffix not in WRITERS:
        raise ValueError(f"path ends in {path.suffix!r}; choose {' or '.join(WRITERS)}")
    if path.suffix == ".mp4" and not has_ffmpeg:
        raise ValueError(
            f"{path.name} wants the program ffmpeg, which is not installed; install it or choose "
            f'"{path.stem}.gif"'
        )
    return path, WRITERS[path.suffix](fps=fps)


def _title(title: str, t: float) -> str:
    """Title of one frame."""
    if not isinstance(title, str):
        raise ValueError(f"title is {describe(title)}; give text such as 't = {{t:.3g}}'")
    try:
        return title.format(t=t)
    except (ValueError, LookupError, AttributeError, TypeError):
        raise ValueError(
            f"title is {title!r:.80}; only {{t}} may stand in braces, others are doubled: {{{{x}}}}"
        ) from None


def _frames(
    frames: Frames, draw: Draw | None, top: float | None
) -> tuple[list[tuple[float, Any]], Draw]:
    """List of (t, what), and how to draw them."""
    if draw is None:
        solution = cast(Solution, frames)
        check_result(solution, "frames", "solve(problem, rho0, t)", "t", "rho", "grid")
        grid = solution.grid
        if grid.dim == 3:
            raise ValueError("a 3D solution has no picture of its own; give draw=, see projections")
        largest = float(np.max(solution.rho))
        top = (largest or 1.0) if top is None else positive_number(top, "top")

        def draw(ax: Axes, t: float, rho: Any) -> None:
            density(grid, rho, ax, top=top)
            if grid.dim == 1:
                ax.set(ylim=(0, 1.05 * top), ylabel="ρ")

    elif not callable(draw):
        raise ValueError(f"draw is {describe(draw)}; give a function draw(ax, t, what)")
    try:
        pairs = [(float(t), what) for t, what in frames]
    except (TypeError, ValueError):
        raise ValueError(
            f"frames is {describe(frames)}; give a Solution or a sequence of pairs (t, what)"
        ) from None
    if not pairs:
        raise ValueError("frames is empty; give at least one pair (t, what)")
    return pairs, draw
