"""Pictures of minimising movements and of transport: energies, orders, trajectories, maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.quiver import Quiver
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import real_array
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot.axes import Place, check_result, current_axes, frame
from fokkerplanck.transport import Transport


def energy(solution: Solution, ax: Place = None, **style: Any) -> Line2D:
    r"""Energy after every step of a minimising movement, against time.

    Parameters
    ----------
    solution : Solution
        Of a JKO method: ``stats["energy_t"]`` and ``stats["energy"]`` are drawn.
    ax : matplotlib Axes, optional
        Default: the current ones.
    **style
        For ``Axes.plot``.

    Raises
    ------
    ValueError
        If the solution is of another method.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> start = fp.gaussian(grid, 0, 0.5)
    >>> solution = fp.solve(fp.Problem(grid), start, [0, 1], fp.jko.L2Heat(0.25))
    >>> plot.energy(solution).get_xdata().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    check_result(solution, "solution", "solve(problem, rho0, t, JKO(tau))", "t", "stats")
    if "energy_t" not in solution.stats:
        raise ValueError(
            f"the solution is of {solution.stats.get('method')}, which notes no energies; draw "
            "plot.free_energy(solution)"
        )
    ax = current_axes(ax)
    t = solution.t[0] + np.asarray(solution.stats["energy_t"])
    look: dict[str, Any] = {"marker": ".", "lw": 0.8}
    (artist,) = ax.plot(t, solution.stats["energy"], **(look | style))
    ax.set_xlabel("t")
    ax.set_ylabel("E(ρ)")
    return artist


def order(
    steps: ArrayLike,
    errors: ArrayLike,
    ax: Place = None,
    *,
    slope: float | None = None,
    **style: Any,
) -> Line2D:
    r"""Error against step, both logarithmic, with a dashed line of the expected slope.

    Parameters
    ----------
    steps, errors : arrays (k,)
        Positive.
    ax : matplotlib Axes, optional
        Default: the current ones.
    slope : float, optional
        Draw a line of this slope through the point of the smallest step.
    **style
        For ``Axes.plot``.

    Raises
    ------
    ValueError
        If lengths differ or a number is not positive.

    Examples
    --------
    >>> from fokkerplanck import plot
    >>> ax = plot.canvas().subplots()
    >>> curve = plot.order([0.2, 0.1, 0.05], [4e-2, 1e-2, 2.5e-3], ax, slope=2)
    """
    expected = "two lists of positive numbers, of one length"
    steps, errors = real_array(steps, "steps", expected), real_array(errors, "errors", expected)
    if (
        steps.shape != errors.shape
        or steps.ndim != 1
        or not steps.size
        or not ((steps > 0) & (errors > 0) & (steps < np.inf) & (errors < np.inf)).all()
    ):
        raise ValueError(
            f"steps of shape {steps.shape} and errors of shape {errors.shape}; give {expected}"
        )
    ax = current_axes(ax)
    (artist,) = ax.loglog(steps, errors, **({"marker": "o", "ms": 4} | style))
    if slope is not None:
        k = int(np.argmin(steps))
        ends = np.array([steps.min(), steps.max()])
        line = errors[k] * (ends / steps[k]) ** slope
        ax.loglog(ends, line, "--", color=artist.get_color(), lw=0.8, alpha=0.6)
    # The usual ticks are powers of ten, and steps often lie between two of them.
    ax.set_xticks(steps, [f"{step:.3g}" for step in steps])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("τ")
    ax.set_ylabel("error")
    return artist


def trajectories(
    t: ArrayLike, positions: ArrayLike, ax: Place = None, **style: Any
) -> list[Line2D]:
    r"""Paths of particles or of quantiles, position against time.

    Parameters
    ----------
    t : array (n_t,)
    positions : array (n_t, k)
        Of k particles.
    ax : matplotlib Axes, optional
        Default: the current ones.
    **style
        For ``Axes.plot``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import plot
    >>> paths = plot.trajectories([0, 1, 2], np.ones((3, 4)))
    """
    t = real_array(t, "t", "times (n_t,)")
    positions = real_array(positions, "positions", "an array (n_t, k)")
    if positions.ndim != 2 or t.shape != positions.shape[:1]:
        raise ValueError(
            f"t has shape {t.shape} and positions {positions.shape}, expected (n_t,) and (n_t, k)"
        )
    ax = current_axes(ax)
    look: dict[str, Any] = {"color": "0.4", "lw": 0.7}
    artists = ax.plot(t, positions, **(look | style))
    ax.set_xlabel("t")
    ax.set_ylabel("x")
    return artists


def transport_map(
    transport: Transport, ax: Place = None, *, count: int = 14, cutoff: float = 1e-2, **style: Any
) -> Line2D | Quiver:
    r"""Optimal map: in 1D the curve T(x), in 2D arrows from places to where their mass goes.

    Parameters
    ----------
    transport : Transport
        What ``wasserstein`` returned, in 1D or 2D.
    ax : matplotlib Axes, optional
        Default: the current ones.
    count : int
        Arrows along each axis, at most.
    cutoff : float
        Draw where rho0 exceeds this fraction of its maximum.
    **style
        For ``Axes.plot`` or ``Axes.quiver``.

    Returns
    -------
    matplotlib Line2D or Quiver

    Raises
    ------
    ValueError
        In 3D.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 24)
    >>> a, b = fp.gaussian(grid, (-1, 0), 0.3), fp.gaussian(grid, (1, 0), 0.3)
    >>> arrows = plot.transport_map(fp.wasserstein(a, b, grid))
    """
    check_result(transport, "transport", "wasserstein(rho0, rho1, grid)", "grid", "rho0", "map")
    grid, rho = transport.grid, np.asarray(transport.rho0)
    if grid.dim == 3:
        raise ValueError("a map in 3D cannot be drawn, only of 1D and 2D densities")
    ax, visible = current_axes(ax), rho > cutoff * rho.max()
    if grid.dim == 1:
        (graph,) = ax.plot(grid.x[0][visible], transport.map[0][visible], **style)
        ax.set_xlabel("x")
        ax.set_ylabel("T(x)")
        return graph
    shown = np.zeros(grid.shape, bool)
    inside = np.nonzero(visible)
    skip = [max(1, -(-(i.max() + 1 - i.min()) // count)) for i in inside]
    shown[:: skip[0], :: skip[1]] = True
    shown &= visible
    x, y = (c[shown] for c in grid.x)
    u, v = (T[shown] for T in transport.map)
    look: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
    artist = ax.quiver(x, y, u - x, v - y, **(look | style))
    frame(grid, ax)
    return artist
