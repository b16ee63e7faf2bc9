"""Results as datasets with named axes: x, y, z, time, mode."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

from fokkerplanck.domain.grid import AXES, Grid
from fokkerplanck.version import __version__

#: Axes of arrays that do not lie on the grid, by field: shapes alone cannot tell as many times as
#: cells from a field.
OFF_GRID = {
    **dict.fromkeys(("mass", "free_energy", "entropy", "energy", "dissipation", "min_rho"), ("t",)),
    **dict.fromkeys(("eigenvalues", "condition", "residuals"), ("mode",)),
    **dict.fromkeys(("samples", "unwrapped"), ("snapshot", "particle", "component")),
    **dict.fromkeys(("exit_time", "exit_side"), ("particle",)),
    "points": ("particle", "component"),
    "edge_flow": ("edge",),
}
#: Names of the axes before those of the grid, by field; others have "t" or "component".
LEADING = {
    **dict.fromkeys(("right", "left"), "mode"),
    **dict.fromkeys(("rho", "u"), "t"),
    "probability": "set",
    "potentials": "end",
}
#: What results have besides their fields that belongs on the grid.
MORE = ("rho", "Phi", "gibbs", "J", "j")
#: Numbers and words that describe a result.
ABOUT = (
    *("beta", "scheme", "status", "message", "residual", "cost", "rate", "flux", "decay_rate"),
    *("name", "statement", "outcome", "eta", "b", "steps", "sampling", "momentum", "dt"),
)
#: Axis of the two parts of complex numbers, which netCDF files do not know.
PART = "part"


def xarray_for(asker: str) -> Any:
    """Return the module xarray, an extra, or say what to install."""
    try:
        return import_module("xarray")
    except ImportError as error:
        raise ImportError(
            f"{asker} needs xarray, which is not here; pip install 'fokkerplanck-grid[xarray]'"
        ) from error


def dataset(result: Any) -> Any:
    """``xarray.Dataset`` of all arrays of a result that lie on its grid, its times or its modes.

    Raises
    ------
    ImportError
        Without xarray, an extra.
    """
    xarray = xarray_for("to_xarray")
    own = fields(result) if is_dataclass(result) else ()
    names = [entry.name for entry in own if not entry.name.startswith("_") and entry.name != "t"]
    arrays = {}
    for name in dict.fromkeys([*names, *(more for more in MORE if hasattr(result, more))]):
        value = getattr(result, name)
        # Densities in files are read: whoever asks for a dataset asks for their numbers.
        if hasattr(value, "__array__") and not isinstance(value, np.generic):
            value = np.asarray(value)
            dims = _dims(name, value, result)
            if dims is not None:
                arrays[name] = real_parts(dims, value)
    out = xarray.Dataset(arrays, coords=_coordinates(result), attrs=_about(result))
    return with_names(out)


def real_parts(dims: tuple[str, ...], value: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Axes and numbers of an array; of complex ones both parts, along one more axis."""
    if value.dtype.kind != "c":
        return dims, value
    return (*dims, PART), np.ascontiguousarray(value)[..., None].view(value.real.dtype)


def with_names(data: Any) -> Any:
    """Dataset whose components and parts have names."""
    names = {PART: ["real", "imag"], "component": list(AXES)}
    known = {name: words[: data.sizes[name]] for name, words in names.items() if name in data.dims}
    # Of particles in more dimensions than space has the components stay numbers.
    return data.assign_coords({k: v for k, v in known.items() if len(v) == data.sizes[k]})


def _dims(name: str, value: np.ndarray, result: Any) -> tuple[str, ...] | None:
    """Names of the axes of an array; None for arrays that lie on nothing we know."""
    if name in OFF_GRID:
        off = OFF_GRID[name]
        if getattr(result, "t", None) is not None:
            off = tuple("t" if axis == "snapshot" else axis for axis in off)
        return off if len(off) == value.ndim else None
    grid = getattr(result, "grid", None)
    if not isinstance(grid, Grid) or value.shape[max(value.ndim - grid.dim, 0) :] != grid.shape:
        return None
    axes, lead = tuple(AXES[: grid.dim]), value.shape[: value.ndim - grid.dim]
    if not lead:
        return axes
    if len(lead) > 1:
        return None
    if name in LEADING:
        return (LEADING[name], *axes)
    return ("component", *axes) if lead[0] == grid.dim else None


def _coordinates(result: Any) -> dict[str, Any]:
    """Centres and widths of the cells, and times."""
    coordinates: dict[str, Any] = {}
    grid = getattr(result, "grid", None)
    if isinstance(grid, Grid):
        for name, centers, widths in zip(AXES, grid.centers, grid.widths, strict=False):
            coordinates[name] = (name, centers, {"units": "1"})
            coordinates[f"width_{name}"] = (name, widths, {"units": "1"})
    if getattr(result, "t", None) is not None:
        coordinates["t"] = ("t", result.t, {"units": "1"})
    return coordinates


def _about(result: Any) -> dict[str, Any]:
    """What describes a result in words and numbers; its problem, its error if it was looked at."""
    about: dict[str, Any] = {"result": repr(result), "fokkerplanck": __version__}
    if isinstance(getattr(result, "grid", None), Grid):
        about["sides"] = repr(result.grid.sides)
    words = getattr(result, "problem_repr", None)
    problem = getattr(result, "problem", None) if words is None else None
    if words or problem is not None:
        about["problem"] = words or str(problem)
    stats = getattr(result, "stats", None)
    for name in ABOUT:
        for source in (result, problem, stats):
            value = getattr(source, name, None)
            if isinstance(value, (str, float, int)) and name not in about:
                about[name] = value
    if "error_report" in vars(result):
        about["error_estimate"] = float(np.max(result.error_report.value))
    return about
