"""Small pictures of grids, problems and results, each on a figure of its own, without pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fokkerplanck.domain.ensembles import Ensemble
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot.axes import colorbar, frame
from fokkerplanck.plot.fields import density, line, potential, streamlines
from fokkerplanck.plot.meshes import color_mesh
from fokkerplanck.plot.results import steady as draw_steady
from fokkerplanck.plot.space import NAMES, VIEWS, projections, slices
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.verdict import WITHIN, Comparison, Verdict
from fokkerplanck.transport import Transport

#: Lines of a grid along each axis, points of a cloud, curves of an evolution; at most.
LINES, POINTS, CURVES = 48, 2000, 8
#: Potentials are drawn up to this many kT above their minimum.
HEIGHT = 12.0
#: Look of walls, by kind.
WALLS: dict[str, tuple[str, str]] = {
    "reflecting": ("k", "-"),
    "absorbing": ("C3", "--"),
    "periodic": ("C0", ":"),
}


def size_of(grid: Grid) -> tuple[float, float]:
    """Size of a thumbnail in inches: a row of three in space, in the plane by its proportions."""
    if grid.dim == 3:
        return 7.2, 2.5
    if grid.dim == 1:
        return 3.8, 2.4
    (a, b), (c, d) = grid.box
    return 3.8, float(np.clip(2.9 * (d - c) / (b - a), 1.4, 3.4))


def field(sheet: Figure, grid: Grid, rho: Array, name: str = "ρ") -> None:
    """Draw a density on any grid."""
    if grid.dim == 3:
        projections(grid, rho, sheet.subplots(1, 3), label=name)
        return
    ax = sheet.subplots()
    artist = density(grid, rho, ax)
    if grid.dim == 2:
        colorbar(artist, name)
    else:
        ax.set(ylabel=name, ylim=(0, None))


def chance(sheet: Figure, grid: Grid, u: Array, name: str) -> None:
    """Draw a function that is no density: a graph, bands, or slices."""
    if grid.dim == 3:
        slices(grid, u, axes=sheet.subplots(1, 3), cmap="viridis", label=name)
        return
    ax = sheet.subplots()
    if grid.dim == 1:
        line(grid, u, ax)
        ax.set_ylabel(name)
        return
    mesh = color_mesh(grid, u, ax, cmap="viridis")
    frame(grid, ax)
    colorbar(mesh, name)


def grid(sheet: Figure, grid: Grid) -> None:
    """Faces of the cells, every second or third of many, and the walls by kind."""
    skip = [-(-n // LINES) for n in grid.shape]
    if grid.dim == 1:
        ax = sheet.subplots()
        for x in grid.faces[0][:: skip[0]]:
            ax.axvline(x, 0.2, 0.8, color="0.6", linewidth=0.6)
        for x, word in zip(grid.box[0], grid.sides[0], strict=True):
            color, style = WALLS[word]
            ax.axvline(x, color=color, linestyle=style, linewidth=2.5, label=word, clip_on=False)
        ax.set(yticks=[], xlabel="x", xlim=grid.box[0])
        axes: Sequence[Axes] = [ax]
    else:
        views = VIEWS if grid.dim == 3 else ((0, 1, -1),)
        axes = sheet.subplots(1, len(views), squeeze=False)[0]
        for ax, (right, up, _) in zip(axes, views, strict=True):
            _mesh(ax, grid, right, up, skip)
    _keys(sheet, axes)
    if max(skip) > 1:
        axes[0].set_title(f"one face in {max(skip)}", fontsize="medium")


def _mesh(ax: Axes, grid: Grid, right: int, up: int, skip: list[int]) -> None:
    """Cells and walls seen along one axis."""
    (x0, x1), (y0, y1) = grid.box[right], grid.box[up]
    look: dict[str, Any] = {"colors": "0.7", "linewidths": 0.5}
    ax.vlines(grid.faces[right][:: skip[right]], y0, y1, **look)
    ax.hlines(grid.faces[up][:: skip[up]], x0, x1, **look)
    for x, word in zip(grid.box[right], grid.sides[right], strict=True):
        color, style = WALLS[word]
        ax.plot([x, x], [y0, y1], color=color, ls=style, lw=2.5, label=word, clip_on=False)
    for y, word in zip(grid.box[up], grid.sides[up], strict=True):
        color, style = WALLS[word]
        ax.plot([x0, x1], [y, y], color=color, ls=style, lw=2.5, label=word, clip_on=False)
    ax.set(xlabel=NAMES[right], ylabel=NAMES[up], xlim=(x0, x1), ylim=(y0, y1), aspect="equal")


def _keys(sheet: Figure, axes: Sequence[Axes]) -> None:
    """One entry for each kind of wall, above the panels."""
    found: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    keys, names = list(found.values()), list(found)
    sheet.legend(keys, names, loc="outside upper center", ncols=3, frameon=False)


def problem(sheet: Figure, problem: Problem) -> None:
    """Loss, and the drift as streamlines; on a line both as graphs; in space slices."""
    grid, drift = problem.grid, np.asarray(problem.drift)
    if grid.dim == 3:
        axes = sheet.subplots(1, 3)
        if problem.f is None:
            speed = np.sqrt(np.sum(drift**2, axis=0))
            slices(grid, speed, axes=axes, cmap="viridis", label="|drift|")
        else:
            f = np.asarray(problem.f)
            slices(grid, f - f.min(), axes=axes, cmap="viridis", label="f − min f")
        return
    ax = sheet.subplots()
    if grid.dim == 1:
        if problem.f is None:
            line(grid, drift[0], ax, color="C1")
            ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
            ax.set_ylabel("drift, length/time")
        else:
            line(grid, problem.f, ax, color="C3")
            ax.set_ylabel("loss f")
        return
    where: Flags = np.ones(grid.shape, dtype=bool)
    style: dict[str, Any] = {"spacing": 1.6}
    if problem.f is not None:
        f = np.asarray(problem.f)
        top = min(HEIGHT * problem.kT, float(np.ptp(f)) or 1.0)
        hills = potential(grid, f, ax, top=top, filled=True)
        colorbar(hills, "f − min f", ax)
        where, style = f - f.min() <= top, style | {"color": "white", "linewidth": 0.6}
    streams = streamlines(grid, drift, ax, where=where, **style)
    if problem.f is None and streams.lines.get_segments():
        colorbar(streams.lines, "|drift|", ax)


def steady(sheet: Figure, state: SteadyState) -> None:
    """Density with Phi and the circulation; in space the marginal densities."""
    if state.grid.dim == 3:
        projections(state.grid, state.rho, sheet.subplots(1, 3), label="ρ")
        return
    picture = draw_steady(state, sheet.subplots())
    if state.grid.dim == 2:
        colorbar(picture.density, "ρ")


def solution(sheet: Figure, solution: Solution) -> None:
    """Densities at some times: curves, or three panels in one scale; in space the last one."""
    grid, rho, t = solution.grid, np.asarray(solution.rho), np.asarray(solution.t)
    if grid.dim == 3:
        panels = sheet.subplots(1, 3)
        projections(grid, rho[-1], panels, label="ρ")
        sheet.suptitle(f"t = {t[-1]:.3g}")
        return
    count = min(CURVES if grid.dim == 1 else 3, len(t))
    chosen = np.unique(np.linspace(0, len(t) - 1, count).round().astype(int))
    if grid.dim == 1:
        ax = sheet.subplots()
        norm = Normalize(t[0], t[-1] if t[-1] > t[0] else t[0] + 1)
        colors = ScalarMappable(norm, "viridis_r")
        for k in chosen:
            line(grid, rho[k], ax, color=colors.to_rgba(t[k]), linewidth=1.2)
        ax.set(ylim=(0, None), ylabel="ρ")
        colorbar(colors, "t", ax)
        return
    axes = sheet.subplots(1, len(chosen), squeeze=False)[0]
    top = float(np.nanmax(rho[chosen])) or 1.0
    for ax, k in zip(axes, chosen, strict=True):
        mesh = density(grid, rho[k], ax, top=top)
        ax.set_title(f"t = {t[k]:.3g}", fontsize="medium")
        ax.label_outer()
    colorbar(mesh, "ρ")


def transport(sheet: Figure, transport: Transport) -> None:
    """Both densities, and where the mass of some cells goes; in space their marginals."""
    grid = transport.grid
    names = (("ρ₀", "C0", transport.rho0), ("ρ₁", "C3", transport.rho1))
    axes = sheet.subplots(1, 3 if grid.dim == 3 else 1, squeeze=False)[0]
    if grid.dim == 2:
        ax = axes[0]
        for _, color, rho in names:
            levels = float(rho.max()) * np.array([0.1, 0.3, 0.5, 0.7, 0.9])
            ax.contour(*grid.centers, rho.T, levels=levels, colors=color, linewidths=0.8)
            ax.plot([], [], color=color, label=_)
        arrows = _arrows(grid, transport)
        look = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
        ax.quiver(*arrows, color="0.3", **look)
        frame(grid, ax)
        ax.legend(loc="upper right")
        return
    for k, ax in enumerate(axes):
        for name, color, rho in names:
            mass = rho * grid.volume
            marginal = mass.sum(axis=tuple(i for i in range(grid.dim) if i != k)) / grid.widths[k]
            ax.fill_between(grid.centers[k], marginal, color=color, alpha=0.4, label=name)
        ax.set(xlabel=NAMES[k], ylabel="ρ" if grid.dim == 1 else f"density of {NAMES[k]}")
        ax.set(xlim=grid.box[k], ylim=(0, None))
    axes[0].legend()


def _arrows(grid: Grid, transport: Transport) -> tuple[Array, Array, Array, Array]:
    """Places and ways of some twenty arrows, where the first density has mass."""
    rho = np.asarray(transport.rho0)
    seen = np.nonzero(rho > 0.05 * rho.max())
    shown = np.zeros(grid.shape, dtype=bool)
    step = [max(1, -(-(i.max() + 1 - i.min()) // 6)) for i in seen]
    shown[:: step[0], :: step[1]] = True
    shown &= rho > 0.05 * rho.max()
    x, y = (c[shown] for c in grid.x)
    u, v = (T[shown] for T in transport.map)
    return x, y, u - x, v - y


def ensemble(sheet: Figure, ensemble: Ensemble) -> None:
    """Particles after the last step: a histogram, or the first two coordinates as points."""
    points = np.asarray(ensemble.points)
    points = points[np.isfinite(points).all(axis=1)]
    ax = sheet.subplots()
    if points.shape[1] == 1:
        ax.hist(points[:, 0], bins="fd" if len(points) > 4 else 4, density=True, color="C0")
        ax.set(xlabel="x", ylabel="density")
        return
    shown = points[:: -(-len(points) // POINTS)]
    ax.scatter(shown[:, 0], shown[:, 1], s=3, alpha=0.35, linewidths=0, rasterized=True)
    ax.set(xlabel="x", ylabel="y", aspect="equal", adjustable="datalim")


def comparisons(sheet: Figure, named: Sequence[tuple[str, Comparison | Verdict]]) -> None:
    """Each gap, as a point, beside what the grid may explain of it, as a bar; logarithmic."""
    gaps = np.array([side.gap for _, side in named], dtype=float)
    allowed = np.array([WITHIN * side.error + side.rounding for _, side in named], dtype=float)
    both = np.concatenate([gaps, allowed])
    seen = both[np.isfinite(both) & (both > 0)]
    ax = sheet.subplots()
    places = np.arange(len(named))[::-1]
    ax.set_yticks(places, [name for name, _ in named], fontsize="small")
    if not seen.size:
        ax.text(0.5, 0.5, "no gap, to the last bit", ha="center", transform=ax.transAxes)
        ax.set_xticks([])
        return
    low = float(seen.min()) / 10
    colors = {"holds": "C2", "fails": "C3"}
    ax.barh(places, np.fmax(allowed, low) - low, left=low, color="0.85", height=0.6)
    dots = [colors.get(side.outcome, "0.5") for _, side in named]
    ax.scatter(np.where(np.isfinite(gaps), np.fmax(gaps, low), np.nan), places, c=dots, zorder=3)
    ax.set(xscale="log", xlim=(low, 3 * float(seen.max())), ylim=(-0.6, len(named) - 0.4))
    ax.set_xlabel("gap (point), and what the grid may explain (bar)")
