"""Pictures of spectra: eigenvalues in the complex plane, and single modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fokkerplanck.domain.arguments import is_whole, one_of
from fokkerplanck.modes.eigenmodes import Spectrum
from fokkerplanck.plot.axes import Place, check_result, current_axes, scale
from fokkerplanck.plot.fields import line, signed


def spectrum(
    spectrum: Spectrum, ax: Place = None, *, numbers: bool = True, **style: Any
) -> PathCollection:
    r"""Eigenvalues :math:`\lambda_k` in the complex plane, numbered; slow ones are at the right.

    Pairs :math:`-a\pm i\omega`, which decay at the rate a while they turn at the angular frequency
    :math:`\omega`, are joined by a line. Drawn on axes that hold a spectrum, both stay in view.

    Parameters
    ----------
    spectrum : Spectrum
    ax : matplotlib Axes, optional
        Default: the current ones.
    numbers : bool
        Write the number k beside each eigenvalue; equal ones share a label.
    **style
        For ``Axes.scatter``.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-5, 5), (-5, 5)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x - 2 * y, 2 * x - y))
    >>> plot.spectrum(fp.spectrum(problem, 3)).get_offsets().shape
    (3, 2)
    """
    check_result(spectrum, "spectrum", "spectrum(problem, k)", "eigenvalues")
    ax = current_axes(ax)
    (left, right), (_, high) = _limits(ax)
    values = np.asarray(spectrum.eigenvalues, dtype=complex)
    size = max(float(np.abs(values).max()), 1e-300)
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    artist = ax.scatter(values.real, values.imag, **({"s": 28, "zorder": 3} | style))
    height = max(float(np.abs(values.imag).max()), 0.2 * size)
    high = max(high, 1.25 * height)
    ax.set_ylim(-high, high)
    least = 1.12 * float(values.real.min()) - 0.02 * size
    ax.set_xlim(min(left, least), max(right, 0.1 * size))
    turning = values[values.imag > 0]
    ax.vlines(turning.real, -turning.imag, turning.imag, color="0.8", linewidth=0.8, zorder=1)
    ax.set_xlabel("Re λ  (− decay rate)")
    ax.set_ylabel("Im λ  (angular frequency)")
    if numbers:
        for group in _together(values, 0.02 * size):
            text = ", ".join(map(str, group))
            place = (values[group[0]].real, values[group[0]].imag)
            ax.annotate(text, place, (0, 6), textcoords="offset points", ha="center", fontsize=9)
    return artist


def mode(
    spectrum: Spectrum, k: int, ax: Place = None, *, side: str = "right", **style: Any
) -> QuadMesh | Line2D:
    r"""Mode k of a spectrum, white where it is zero (2D) or as a graph (1D); its real part.

    Parameters
    ----------
    spectrum : Spectrum
        On a 1D or 2D grid.
    k : int
        Number of the mode, 0 the slowest.
    ax : matplotlib Axes, optional
        Default: the current ones.
    side : {"right", "left"}
        Densities, which show where mass is moved, or functions, which show what is told apart.
    **style
        For `signed` (2D) or `line` (1D).

    Returns
    -------
    matplotlib QuadMesh (2D) or Line2D (1D)

    Raises
    ------
    ValueError
        If there is no such mode or side, or the grid is 3D.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-2, 2), (-2, 2)], 32)
    >>> problem = fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 + y**2, beta=3)
    >>> mesh = plot.mode(fp.spectrum(problem, 3), 1, side="left")
    >>> mesh.axes.get_title()
    'left mode 1: decay 0.0815'
    """
    check_result(spectrum, "spectrum", "spectrum(problem, k)", "eigenvalues", "right", "left")
    n = len(spectrum)
    if not is_whole(k) or not 0 <= k < n:
        raise ValueError(f"k is {k!r:.60}; give the number of a mode, 0 to {n - 1}")
    one_of(side, "side", ("right", "left"))
    grid = spectrum.grid
    if grid.dim == 3:
        raise ValueError("modes live on a 3D grid; slice them and use plot.signed")
    ax = current_axes(ax)
    field = np.real(getattr(spectrum, side)[k])
    bar = style.pop("colorbar", None)
    if grid.dim == 1:
        ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        artist: Line2D | QuadMesh = line(grid, field, ax, **style)
        ax.set_ylabel(f"{side} mode")
    else:
        artist = signed(grid, field, ax, colorbar=False, **style)
        scale(artist, f"{side} mode {k}" + (", 1/area" if side == "right" else ""), bar, ax)
    turning = f", frequency {spectrum.frequency[k]:.3g}" if spectrum.frequency[k] else ""
    ax.set_title(f"{side} mode {k}: decay {spectrum.decay[k]:.3g}{turning}", fontsize="medium")
    return artist


def _limits(ax: Axes) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of axes that hold something already, else ones that anything exceeds."""
    if not ax.has_data():
        return (np.inf, -np.inf), (np.inf, -np.inf)
    return ax.get_xlim(), ax.get_ylim()


def _together(values: NDArray[np.complex128], distance: float) -> list[list[int]]:
    """Groups of indices of values that lie closer to the first of their group than distance."""
    groups: list[list[int]] = []
    for i, value in enumerate(values):
        for group in groups:
            if abs(values[group[0]] - value) < distance:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups
