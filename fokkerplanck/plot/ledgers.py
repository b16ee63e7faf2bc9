"""Pictures of numbers: the ledger of an evolution, and tables of what holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.table import Table
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.types import Array
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.observables import EntropyProduction
from fokkerplanck.plot.axes import Place, Row, check_result, current_axes, panels
from fokkerplanck.plot.results import free_energy
from fokkerplanck.theorems.loss import Row as Case


class Ledger(NamedTuple):
    """Artists of `ledger`: F; energy, -T entropy and their sum; the parts of the last panel."""

    free_energy: Line2D
    parts: tuple[Line2D, ...]
    rates: tuple[Line2D, ...]


def ledger(
    solution: Solution, axes: Row | None = None, *, production: EntropyProduction | None = None
) -> Ledger:
    r"""Ledger of an evolution: F on a log axis, :math:`F=E\Phi-TH` in its parts, what is spent.

    Parameters
    ----------
    solution : Solution
        Of a problem with a steady state.
    axes : three matplotlib Axes, optional
        Default: a new figure of pyplot.
    production : EntropyProduction, optional
        What ``observables.entropy_production(solution.rho, log_rho_inf, generator)`` returned:
        draws its nonadiabatic (excess) and adiabatic (housekeeping) part. Default: -dF/dt, as the
        positive sum that the solution holds, and its measured slope between output times.

    Raises
    ------
    ValueError
        If the solution refers to no steady state, or the production is of other times.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import plot
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.5), [0, 0.5, 1, 2])
    >>> picture = plot.ledger(solution, plot.canvas(12, 3.6).subplots(1, 3))
    >>> picture.free_energy.axes.get_yscale()
    'log'
    """
    needed = ("t", "free_energy", "energy", "entropy", "dissipation", "beta")
    check_result(solution, "solution", "solve(problem, rho0, t)", *needed)
    t, F = np.asarray(solution.t), np.asarray(solution.free_energy)
    if not np.isfinite(F).all():
        raise ValueError(
            "the solution refers to no steady state, so that it has no free energy to draw; "
            "solve without absorbing sides and without steady=False"
        )
    _check_production(production, t)
    axes = panels(axes, 3)
    curve = free_energy(solution, axes[0], marker=".", lw=1)
    axes[0].set_title("free energy")
    energy, heat = np.asarray(solution.energy), -np.asarray(solution.entropy) / solution.beta
    parts = tuple(
        axes[1].plot(t, u, style, label=label)[0]
        for u, style, label in (
            (energy, "C0", "E Φ"), (heat, "C1", "− T H"), (energy + heat, "k--", "E Φ − T H")
        )
    )  # fmt: skip
    axes[1].set(xlabel="t", title="energy and entropy")
    axes[1].legend(fontsize="small")
    rates = _rates(solution, axes[2], production)
    axes[2].set(xlabel="t", yscale="log")
    axes[2].legend(fontsize="small")
    return Ledger(curve, parts, rates)


def _rates(
    solution: Solution, ax: Axes, production: EntropyProduction | None
) -> tuple[Line2D, ...]:
    """Curves of the last panel."""
    t = np.asarray(solution.t)
    if production is not None:
        ax.set_title("entropy production")
        curves = (
            (production.nonadiabatic, "C2", "excess = − β dF/dt"),
            (production.adiabatic, "C4", "housekeeping"),
            (production.total, "k--", "total"),
        )
        return tuple(
            ax.plot(t, _positive(rate), style, label=label)[0] for rate, style, label in curves
        )
    ax.set_title("− dF/dt")
    spent = _positive(solution.dissipation)
    (curve,) = ax.plot(t, spent, "C2", label="spent, as a positive sum")
    slope = _positive(-np.diff(solution.free_energy) / np.diff(t))
    (steps,) = ax.plot((t[1:] + t[:-1]) / 2, slope, "k.", ms=4, label="slope of F")
    return curve, steps


def _positive(u: ArrayLike) -> Array:
    """Values that have a logarithm, the others nan."""
    u = np.asarray(u, dtype=float)
    return np.where(u > 0, u, np.nan)


def _check_production(production: EntropyProduction | None, t: Array) -> None:
    """Raise ValueError unless it is None or has a value at every time."""
    if production is None:
        return
    maker = "observables.entropy_production(solution.rho, log_rho_inf, generator)"
    check_result(production, "production", maker, "total", "adiabatic", "nonadiabatic")
    if np.shape(production.total) != t.shape:
        raise ValueError(
            f"production has shape {np.shape(production.total)}, expected {t.shape}: one value at "
            "each output time"
        )


def truth_table(
    rows: Iterable[Mapping[str, Any] | Case],
    ax: Place = None,
    *,
    columns: Mapping[str, str] | None = None,
    fontsize: float = 9,
) -> Table:
    """Table of cases: ticks and crosses for truth values, numbers to three digits, words.

    Parameters
    ----------
    rows : sequence of mappings, or what ``theorems.truth_table()`` returned
        One a case, all with the same keys; values are bool (green tick, red cross), numbers, text,
        or None (left empty). Numbers below 1e-12 are printed as 0, and so are those of which
        ``theorems`` found that they do not differ from it.
    ax : matplotlib Axes, optional
        Default: the current ones; their frame is removed.
    columns : mapping of key to heading, optional
        Which keys to show and what to call them; default all, by their names.
    fontsize : float

    Raises
    ------
    ValueError
        If there are no rows, or one lacks a key.

    Examples
    --------
    >>> from fokkerplanck import plot
    >>> rows = [
    ...     {"case": "D = I", "|Φ − f|": 0.0, "entropy production": 0.0, "as expected": True},
    ...     {"case": "D = 2 I", "|Φ − f|": 0.5, "entropy production": 0.0, "as expected": True},
    ... ]
    >>> plot.truth_table(rows, plot.canvas().subplots())[2, 1].get_text().get_text()
    '0.5'
    """
    cases, columns = _check_rows(rows, columns)
    ax = current_axes(ax)
    ax.set_axis_off()
    cells = [[_text(row[key]) for key in columns] for row in cases]
    table = ax.table(
        cellText=cells, colLabels=list(columns.values()), loc="center", cellLoc="center",
        edges="horizontal",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(fontsize)
    table.auto_set_column_width(list(range(len(columns))))
    table.scale(1, 1.4)
    for (i, k), cell in table.get_celld().items():
        value = cases[i - 1][list(columns)[k]] if i else None
        if i == 0:
            cell.set_text_props(weight="bold")
        elif isinstance(value, (bool, np.bool_)):
            cell.set_text_props(color="C2" if value else "C3", weight="bold")
        elif isinstance(value, str):
            cell.set_text_props(ha="left")
    return table


def _found(row: Case) -> dict[str, Any]:
    """Mapping of a row of ``theorems.truth_table``."""
    differs, circulates = row.found
    return {
        "case": f"{row.code}: {row.diffusion}",
        "max |Φ − f|": row.difference if differs or differs is None else 0.0,
        "entropy production": row.entropy_production if circulates or circulates is None else 0.0,
        "as expected": None if None in row.found else row.found == row.expected,
    }


def _text(value: Any) -> str:
    """Text of a cell."""
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "✓" if value else "✗"
    if isinstance(value, (int, float, np.number)):
        return "0" if float(np.abs(value)) < 1e-12 else f"{value:.3g}"
    return str(value)


def _check_rows(
    rows: Iterable[Mapping[str, Any] | Case], columns: Mapping[str, str] | None
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """List of rows and mapping of key to heading."""
    expected = "give a list of mappings, one a case, all with the same keys"
    if isinstance(rows, (str, bytes, Mapping)) or not np.iterable(rows):
        raise ValueError(f"rows is {describe(rows)}; {expected}")
    cases: list[Any] = [_found(row) if isinstance(row, Case) else row for row in rows]
    odd = [row for row in cases if not isinstance(row, Mapping)]
    if not cases or odd:
        raise ValueError(f"rows holds {describe(odd[0]) if odd else 'nothing'}; {expected}")
    columns = {key: str(key) for key in cases[0]} if columns is None else dict(columns)
    for k, row in enumerate(cases):
        lacking = [key for key in columns if key not in row]
        if lacking:
            raise ValueError(f"row {k} has no {lacking[0]!r}; {expected}")
    return cases, columns
