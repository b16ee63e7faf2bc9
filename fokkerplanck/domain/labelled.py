"""Results as datasets with named axes: x, y, z, time, mode."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import Any

import numpy as np

from fokkerplanck.domain.grid import AXES, Grid
from fokkerplanck.version import __version__

#: Names of the axes before those of the grid, by field; others have "t" or "component".
LEADING = {
    "right": "mode",
    "left": "mode",
    "eigenvalues": "mode",
    "condition": "mode",
    "residuals": "mode",
    "probability": "set",
    "potentials": "end",
}
#: What results have besides their fields that belongs on the grid.
MORE = ("rho", "Phi", "gibbs", "J", "j")
#: Numbers and words that describe a result.
ABOUT = ("beta", "scheme", "status", "message", "residual", "cost", "rate", "flux", "decay_rate")


def dataset(result: Any) -> Any:
    """``xarray.Dataset`` of all arrays of a result that lie on its grid, its times or its modes.

    Raises
    ------
    ImportError
        Without xarray, an extra.
    """
    try:
        xarray = import_module("xarray")
    except ImportError as error:
        raise ImportError(
            "to_xarray needs xarray, which is not here; pip install 'fokkerplanck-grid[xarray]'"
        ) from error
    grid: Grid = result.grid
    names = [
        entry.name
        for entry in fields(result)
        if not entry.name.startswith("_") and entry.name != "t"
    ]
    arrays = {}
    for name in dict.fromkeys([*names, *(more for more in MORE if hasattr(result, more))]):
        value = getattr(result, name)
        if isinstance(value, np.ndarray) and (dims := _dims(name, value, result)) is not None:
            arrays[name] = (dims, value)
    out = xarray.Dataset(arrays, coords=_coordinates(grid, result), attrs=_about(result))
    if "component" in out.dims:
        out = out.assign_coords(component=list(AXES[: grid.dim]))
    return out


def _dims(name: str, value: np.ndarray, result: Any) -> tuple[str, ...] | None:
    """Names of the axes of an array; None for arrays that lie on nothing we know."""
    grid, times = result.grid, getattr(result, "t", None)
    on_grid = value.shape[max(value.ndim - grid.dim, 0) :] == grid.shape
    lead = value.shape[: value.ndim - grid.dim] if on_grid else value.shape
    if len(lead) == 0:
        return tuple(AXES[: grid.dim])
    if len(lead) > 1:
        return None
    if name in LEADING:
        first = LEADING[name]
    elif times is not None and lead[0] == len(times):
        first = "t"
    elif on_grid and lead[0] == grid.dim:
        first = "component"
    else:
        return None
    return (first, *AXES[: grid.dim]) if on_grid else (first,)


def _coordinates(grid: Grid, result: Any) -> dict[str, Any]:
    """Centres and widths of the cells, and times."""
    coordinates: dict[str, Any] = {}
    for name, centers, widths in zip(AXES, grid.centers, grid.widths, strict=False):
        coordinates[name] = (name, centers, {"units": "1"})
        coordinates[f"width_{name}"] = (name, widths, {"units": "1"})
    if getattr(result, "t", None) is not None:
        coordinates["t"] = ("t", result.t, {"units": "1"})
    return coordinates


def _about(result: Any) -> dict[str, Any]:
    """What describes a result in words and numbers; its problem, its error if it was looked at."""
    about: dict[str, Any] = {
        "result": repr(result),
        "fokkerplanck": __version__,
        "sides": repr(result.grid.sides),
    }
    problem = getattr(result, "problem", None)
    if problem is not None:
        about["problem"] = str(problem)
    stats = getattr(result, "stats", None)
    for name in ABOUT:
        for source in (result, problem, stats):
            value = getattr(source, name, None)
            if isinstance(value, (str, float, int)) and name not in about:
                about[name] = value
    if "error_report" in vars(result):
        about["error_estimate"] = float(np.max(result.error_report.value))
    return about
