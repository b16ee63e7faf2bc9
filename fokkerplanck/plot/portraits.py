"""Portraits of steady states: density, potential and circulation side by side; stream lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.patches import FancyArrowPatch
from scipy.interpolate import RegularGridInterpolator

from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.plot.axes import Place, Row, colorbar, current_axes, frame, panels
from fokkerplanck.plot.fields import density, line, potential
from fokkerplanck.plot.results import Portrait, check_steady, current
from fokkerplanck.steady.state import SteadyState

#: Contours of psi < 0 and of psi > 0.
COLORS = ("C0", "C3")
#: Look of the contours.
LINES: dict[str, Any] = {"linewidths": 1, "linestyles": "solid"}
#: Angle, in radians, from the arrow of one loop to that of the next: arrows are spread out.
GOLDEN = np.pi * (3 - np.sqrt(5))


def portrait(
    steady: SteadyState, axes: Row | None = None, *, height: float = 12.0, spacing: float = 1.2
) -> Portrait:
    r"""Steady state in three panels: :math:`\rho_{ss}`, :math:`\Phi`, and the circulation j.

    `steady` lays the three over each other in one panel, without scales.

    Parameters
    ----------
    steady : SteadyState
        In 1D or 2D. A loss f, where there is one, is dashed beside Phi in 1D.
    axes : three matplotlib Axes, optional
        Default: a new figure of pyplot.
    height : float
        Phi is drawn up to this many kT above its minimum, and j where Phi is.
    spacing : float
        Distance of the streamlines, see `streamlines`.

    Returns
    -------
    Portrait
        ``density``, ``potential`` and ``current``: colour maps, or graphs in 1D.

    Raises
    ------
    ValueError
        If the problem is 3D: see `projections` and `slices`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x - y, x - y))
    >>> axes = plot.canvas(12, 3.6).subplots(1, 3)
    >>> picture = plot.portrait(fp.steady_state(problem), axes)
    >>> picture.potential.axes.get_title()
    'Φ'
    """
    problem = check_steady(steady).problem
    if problem.grid.dim == 3:
        raise ValueError("a 3D steady state has no portrait; draw plot.projections of its density")
    axes = panels(axes, 3)
    top = positive_number(height, "height") * problem.kT
    draw = _on_a_line if problem.grid.dim == 1 else _in_the_plane
    artists = draw(steady, axes, top, spacing)
    for ax, title in zip(axes, ("density ρ", "Φ", "circulation j"), strict=True):
        ax.set_title(title)
    return artists


def _on_a_line(steady: SteadyState, axes: list[Axes], top: float, spacing: float) -> Portrait:
    """Graphs."""
    grid, problem = steady.problem.grid, steady.problem
    cloud = density(grid, steady.rho, axes[0])
    graph = potential(grid, steady.Phi, axes[1], top=top, color="C3", label="Φ")
    if problem.f is not None:
        potential(grid, problem.f, axes[1], top=top, color="0.4", linestyle="--", label="f")
        axes[1].legend()
    still = steady.is_reversible()
    seen = np.where(_seen(steady, top), 0.0 if still else steady.j[0], np.nan)
    flow = line(grid, seen, axes[2], color="C1")
    if still:
        _say_still(axes[2])
    axes[2].axhline(0, color="0.8", linewidth=0.8, zorder=0)
    names = ("ρ, 1/length", "Φ − min Φ, units of f", "j, length/time")
    for ax, name in zip(axes, names, strict=True):
        ax.set_ylabel(name)
    return Portrait(cloud, graph, flow)


def _in_the_plane(steady: SteadyState, axes: list[Axes], top: float, spacing: float) -> Portrait:
    """Colour maps and streamlines."""
    grid, kT = steady.problem.grid, steady.problem.kT
    cloud = density(grid, steady.rho, axes[0])
    colorbar(cloud, "ρ, 1/area")
    levels = max(round(top / kT), 3)
    hills = potential(grid, steady.Phi, axes[1], top=top, levels=levels, filled=True)
    colorbar(hills, "Φ − min Φ, units of f", axes[1])
    still = steady.is_reversible()
    cutoff = np.inf if still else np.exp(-top / kT)
    flow = current(steady, axes[2], cutoff=cutoff, spacing=spacing)
    if flow.lines.get_segments():
        colorbar(flow.lines, "|j|, length/time", axes[2])
    else:
        _say_still(axes[2])
    return Portrait(cloud, hills, flow)


def _say_still(ax: Axes) -> None:
    """Say that nothing flows: a scale for rounding errors would mislead."""
    ax.text(0.5, 0.6, "j = 0, to rounding", ha="center", transform=ax.transAxes)


def _seen(steady: SteadyState, top: float) -> Flags:
    """Where Phi is below the top."""
    Phi = np.asarray(steady.Phi)
    return Phi - Phi.min() <= top


def stream_function(
    steady: SteadyState, ax: Place = None, *, levels: int = 6, arrows: bool = True, **style: Any
) -> QuadContourSet:
    r"""Contours of the stream function, :math:`J=(\partial_y\psi,-\partial_x\psi)`.

    The stationary current runs along them: closed loops in the plane, counterclockwise about
    hills of psi, clockwise about its hollows. Between two lines flows the same current everywhere.
    Red lines are of psi > 0, blue ones of psi < 0.

    Parameters
    ----------
    steady : SteadyState
        In 2D.
    ax : matplotlib Axes, optional
        Default: the current ones.
    levels : int
        Number of contours between zero and the largest modulus of psi.
    arrows : bool
        An arrow on each loop, in the direction of the current.
    **style
        For ``Axes.contour``, such as ``colors="k"``.

    Returns
    -------
    matplotlib QuadContourSet
        Without lines if the state is reversible.

    Raises
    ------
    ValueError
        If the problem is not 2D: elsewhere there is no stream function.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x - y, x - y))
    >>> loops = plot.stream_function(fp.steady_state(problem), levels=4)
    >>> int((loops.levels > 0).sum())
    4
    """
    grid = check_steady(steady).problem.grid
    if grid.dim != 2:
        raise ValueError(f"a {grid.dim}D current has no stream function to draw, only a 2D one has")
    ax = current_axes(ax)
    psi = np.asarray(steady.psi)
    size = float(np.abs(psi).max())
    still = size == 0 or steady.is_reversible()
    heights = (size or 1.0) * (np.arange(levels) + 0.5) / levels
    if not {"cmap", "colors"} & style.keys():
        style["colors"] = [COLORS[0]] * levels + [COLORS[1]] * levels
    artist = ax.contour(
        *grid.faces, np.ma.masked_array(psi, np.full(psi.shape, still)).T,
        levels=np.concatenate([-heights[::-1], heights]),
        **(LINES | style),
    )  # fmt: skip
    frame(grid, ax)
    if arrows and not still:
        _arrows(grid, psi, artist, ax)
    return artist


def _arrows(grid: Grid, psi: Array, contours: QuadContourSet, ax: Axes) -> None:
    """One arrow on each loop, along (psi_y, -psi_x)."""
    slopes = np.stack([*np.gradient(psi, *grid.faces)], axis=-1)
    slope = RegularGridInterpolator(grid.faces, slopes)
    colors = np.asarray(contours.get_edgecolor())
    for k, path in enumerate(contours.get_paths()):
        for loop in map(np.asarray, path.to_polygons(closed_only=False)):
            if len(loop) < 4:
                continue
            at = loop[np.argmax(loop @ [np.cos(GOLDEN * k), np.sin(GOLDEN * k)])]
            psi_x, psi_y = slope(at)[0]
            along = np.array([psi_y, -psi_x])
            size = np.hypot(*along)
            if size == 0:
                continue
            # A shaft far shorter than the head, so that the head alone is seen.
            tip = at + along / size * 1e-3 * (grid.box[0][1] - grid.box[0][0])
            ax.add_patch(
                FancyArrowPatch(
                    at, tip, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0,
                    color=colors[k % len(colors)], zorder=3,
                )
            )  # fmt: skip
