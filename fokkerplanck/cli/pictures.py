"""The picture of each answer, on a sheet that needs no display."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck import plot
from fokkerplanck.cli.showing import say_aside

#: Densities of a run that are drawn on a line.
CURVES = 6


def steady(state: Any) -> Any:
    """Density, potential and current side by side; in space the density alone."""
    sheet = plot.canvas(12.6, 3.8)
    axes = sheet.subplots(1, 3)
    if state.grid.dim == 3:
        plot.projections(state.grid, state.rho, axes)
    else:
        plot.portrait(state, axes)
    return sheet


def solve(solution: Any) -> Any:
    """Densities, and the free energy where there is one."""
    grid = solution.grid
    if grid.dim == 3:
        sheet = plot.canvas(12.6, 3.8)
        plot.projections(grid, solution.rho[-1], sheet.subplots(1, 3))
        return sheet
    has_energy = bool((np.nan_to_num(solution.free_energy) > 0).any())
    sheet = plot.canvas(4.8 * (1 + has_energy), 3.8)
    axes = sheet.subplots(1, 1 + has_energy, squeeze=False)[0]
    if grid.dim == 1:
        for k in sorted({round(u) for u in np.linspace(0, len(solution) - 1, CURVES)}):
            plot.line(grid, solution.rho[k], axes[0], label=f"t = {solution.t[k]:.3g}")
        axes[0].legend(fontsize="small")
        axes[0].set_ylabel("ρ")
    else:
        plot.colorbar(plot.density(grid, solution.rho[-1], axes[0]), "ρ")
        axes[0].set_title(f"t = {solution.t[-1]:.3g}")
    if has_energy:
        plot.free_energy(solution, axes[1])
    return sheet


def spectrum(found: Any) -> Any:
    """Eigenvalues."""
    sheet = plot.canvas()
    plot.spectrum(found, sheet.subplots())
    return sheet


def mfpt(times: Any) -> Any:
    """Mean time from every place."""
    grid = times.grid
    if grid.dim == 3:
        sheet = plot.canvas(12.6, 3.8)
        plot.slices(grid, times.mean, axes=sheet.subplots(1, 3), label="mean time")
        return sheet
    sheet = plot.canvas()
    ax = sheet.subplots()
    if grid.dim == 1:
        plot.line(grid, times.mean, ax)
        ax.set_ylabel("mean time")
    else:
        plot.colorbar(plot.density(grid, times.mean, ax), "mean time")
    return sheet


def sweep(study: Any) -> Any:
    """Numbers along the first parameter, a curve for each value of the others; None for none."""
    numeric = {name: u for name, u in study.values.items() if u.dtype.kind == "f"}
    first = np.asarray(next(iter(study.parameters.values())))
    if not numeric or first.dtype.kind != "f" or len(first) < 2:
        return None
    sheet = plot.canvas(4.8 * len(numeric), 3.8)
    axes = sheet.subplots(1, len(numeric), squeeze=False)[0]
    for ax, (name, values) in zip(axes, numeric.items(), strict=True):
        ax.plot(first, values.reshape(len(first), -1), "o-")
        ax.set(xlabel=next(iter(study.parameters)), ylabel=name.replace("_", " "))
    return sheet


#: By question.
PICTURES: dict[str, Callable[[Any], Any]] = {
    "steady": steady,
    "solve": solve,
    "jko": solve,
    "spectrum": spectrum,
    "mfpt": mfpt,
    "sweep": sweep,
}


def drawn(what: str, result: Any) -> Any:
    """One picture of ``plot``, of a steady state, a spectrum or a run."""
    if what == "portrait" or (result_dim(result) == 3 and what == "density"):
        return steady(result)
    sheet = plot.canvas()
    ax = sheet.subplots()
    if what == "density":
        cloud = plot.density(result.grid, result.rho, ax)
        if result.grid.dim == 2:
            plot.colorbar(cloud, "ρ")
    elif what == "potential":
        plot.potential(result.grid, result.Phi, ax)
    else:
        getattr(plot, what)(result, ax)
    return sheet


def result_dim(result: Any) -> int:
    """Axes of a result."""
    dim: int = result.grid.dim
    return dim


def show(paths: Iterable[Path]) -> None:
    """Open pictures in the viewer of the desktop, where there is one."""
    is_headless = sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    for path in paths:
        if is_headless or not webbrowser.open(path.resolve().as_uri()):
            say_aside(f"--show: there is no display here; open {path} elsewhere")
            return
