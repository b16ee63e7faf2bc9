"""Pictures of steady states and of evolutions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.contour import QuadContourSet
from matplotlib.lines import Line2D
from matplotlib.streamplot import StreamplotSet

from fokkerplanck.domain.types import Flags
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot.axes import Place, check_result, current_axes, scale
from fokkerplanck.plot.fields import CUTOFF, density, potential, streamlines
from fokkerplanck.steady.state import SteadyState


class Portrait(NamedTuple):
    """Artists of `steady`: the density, the contours of Phi, and the streamlines of j (2D)."""

    density: QuadMesh | PolyCollection
    potential: QuadContourSet | Line2D
    current: StreamplotSet | Line2D | None


def current(
    steady: SteadyState, ax: Place = None, *, cutoff: float = CUTOFF, **style: Any
) -> StreamplotSet:
    r"""Streamlines of the circulation :math:`j = J_{ss}/\rho_{ss}`, coloured by :math:`|j|`.

    Parameters
    ----------
    steady : SteadyState
        In 2D.
    ax : matplotlib Axes, optional
        Default: the current ones.
    cutoff : float
        Draw where rho_ss exceeds this fraction of its maximum.
    **style
        For `streamlines`.

    Raises
    ------
    ValueError
        If the problem is not 2D.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 24)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x - y, x - y))
    >>> streams = plot.current(fp.steady_state(problem))
    """
    grid = check_steady(steady).problem.grid
    if grid.dim != 2:
        raise ValueError(
            f"the streamlines of a {grid.dim}D current cannot be drawn, only of a 2D one"
        )
    where, named = _visible(steady, cutoff), "|j|, length/time"
    bar = style.pop("colorbar", None)
    artist = streamlines(grid, steady.j, ax, where=where, colorbar=False, **style)
    if artist.lines.get_segments() and artist.lines.get_array() is not None:
        scale(artist.lines, named, bar, current_axes(ax))
    return artist


def steady(
    steady: SteadyState,
    ax: Place = None,
    *,
    height: float = 12.0,
    spacing: float = 2.0,
    colorbar: bool | str | None = None,
) -> Portrait:
    r"""Steady state in one panel: :math:`\rho_{ss}`, contours of :math:`\Phi`, streamlines of j.

    Orbits are drawn whole, and none where the state is reversible, j = 0. `portrait` has a panel
    for each of the three, with scales.

    Parameters
    ----------
    steady : SteadyState
        In 1D or 2D. In 1D: the density, and Phi on an axis of its own at the right.
    ax : matplotlib Axes, optional
        Default: the current ones.
    height : float
        Phi is drawn up to this many kT above its minimum.
    spacing : float
        Distance of the streamlines, see `streamlines`.
    colorbar : bool or str, optional
        Of the density, as for `density`. Where it stands by itself so does a title.

    Returns
    -------
    Portrait
        ``density``, ``potential`` and ``current`` (None in 1D).

    Raises
    ------
    ValueError
        If the problem is 3D.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> portrait = plot.steady(fp.steady_state(fp.Problem(grid, lambda x: x**2 / 2)))
    >>> portrait.current is None
    True
    """
    problem = check_steady(steady).problem
    grid, top = problem.grid, height * problem.kT
    ax = current_axes(ax)
    still = grid.dim == 2 and steady.is_reversible()
    alone = len(ax.figure.axes) == 1 and not ax.get_title()
    cloud = density(grid, steady.rho, ax, colorbar=colorbar)
    if alone:
        flows = (
            ", and Φ"
            if grid.dim == 1
            else ", Φ (grey, each kT)" + ("; j = 0" if still else ", circulation j")
        )
        ax.set_title("steady state: ρ" + flows, fontsize="medium")
    if grid.dim == 1:
        ax.set_ylabel("ρ, 1/length")
        right = ax.twinx()
        right.set_ylabel("Φ − min Φ, units of f", color="C3")
        return Portrait(cloud, potential(grid, steady.Phi, right, top=top, color="C3"), None)
    style: dict[str, Any] = {"colors": "0.35", "linewidths": 0.6, "alpha": 0.8}
    contours = potential(grid, steady.Phi, ax, top=top, levels=int(height), **style)
    flow = current(
        steady,
        ax,
        cutoff=np.inf if still else np.exp(-height),
        spacing=spacing,
        colorbar=False,
        # Orbits are closed; lines that end where they come near others would hide it.
        broken_streamlines=False,
    )
    return Portrait(cloud, contours, flow)


def free_energy(solution: Solution, ax: Place = None, **style: Any) -> Line2D:
    r"""Free energy :math:`F(\rho_t) = \beta^{-1} KL(\rho_t\|\rho_{ss})` against time, log scale.

    Parameters
    ----------
    solution : Solution
    ax : matplotlib Axes, optional
        Default: the current ones.
    **style
        For ``Axes.plot``.

    Returns
    -------
    matplotlib.lines.Line2D
        Values that have fallen to zero are left out: a logarithm has no place for them.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.5), [0, 1, 2])
    >>> curve = plot.free_energy(solution)
    """
    check_result(solution, "solution", "solve(problem, rho0, t)", "t", "free_energy")
    ax = current_axes(ax)
    F = np.asarray(solution.free_energy, dtype=float)
    (artist,) = ax.plot(solution.t, np.where(F > 0, F, np.nan), **style)
    ax.set_yscale("log")
    ax.set_xlabel("t")
    ax.set_ylabel("F(ρ), units of f")
    return artist


def check_steady(steady: SteadyState) -> SteadyState:
    """Return steady if it is a steady state."""
    return check_result(steady, "steady", "steady_state(problem)", "problem", "log_rho")


def _visible(steady: SteadyState, cutoff: float) -> Flags:
    """Mark where rho_ss exceeds a fraction of its maximum, by logarithms that do not underflow."""
    log_rho = np.asarray(steady.log_rho)
    return log_rho - log_rho.max() > np.log(cutoff)
