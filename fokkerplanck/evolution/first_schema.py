"""Files of runs as they were written before results were stored in one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fokkerplanck.domain import storage
from fokkerplanck.domain.arguments import describe, positive_number, whole_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.evolution.dense import Dense

#: Numbers kept at every output time.
LEDGER = ("mass", "free_energy", "entropy", "energy", "dissipation", "min_rho")


def first_schema(arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a Solution from a file of schema 1, which has no checksum: all is looked at."""
    grid = storage.unpack_grid(arrays, metadata["grid"])
    words = _words(metadata)
    shape, has_failed = grid.shape, words["status"] == "failed"
    t = storage.stored_array(arrays, "t", (None,))
    if not (t.size and (np.diff(t) >= 0).all()):
        raise ValueError("t is empty or decreases")
    values: dict[str, Any] = {
        "t": t,
        "rho": storage.stored_array(arrays, "rho", (t.size, *shape), not has_failed),
    }
    for name in LEDGER:  # energies are nan where there is no steady state
        values[name] = storage.stored_array(arrays, name, (t.size,), False)
    if not has_failed and not np.isfinite([values["mass"], values["min_rho"]]).all():
        raise ValueError("mass or min_rho has entries that are not finite")
    if "log_rho_inf" in arrays:
        log_rho_inf = storage.stored_array(arrays, "log_rho_inf", shape, False)
        if np.isnan(log_rho_inf).any() or log_rho_inf.max() == np.inf:
            raise ValueError("log_rho_inf is nan or infinite")
        values["log_rho_inf"] = log_rho_inf
    if "centroids" in arrays:
        values["centroids"] = storage.stored_array(arrays, "centroids", (grid.dim, *shape))
    times, densities = _events(arrays, metadata, grid)
    values |= {"t_events": times, "rho_events": densities, "dense": _dense(arrays, grid)}
    return values | words | {"grid": grid}


def _events(
    arrays: Mapping[str, Any], metadata: Mapping[str, Any], grid: Grid
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Times and densities of the roots of events, which the oldest files do not have."""
    times, densities = [], []
    for k in range(whole_number(metadata.get("n_events", 0), "n_events", 0)):
        times.append(storage.stored_array(arrays, f"t_events_{k}", (None,)))
        each = (times[-1].size, *grid.shape)
        densities.append(storage.stored_array(arrays, f"rho_events_{k}", each))
    return tuple(times), tuple(densities)


def _dense(arrays: Mapping[str, Any], grid: Grid) -> Dense | None:
    """Densities between the output times, if a file has them."""
    if not any(name.startswith("dense_") for name in arrays):
        return None
    t = storage.stored_array(arrays, "dense_t", (None,))
    each = (t.size, *grid.shape)
    rho, rate = (storage.stored_array(arrays, f"dense_{name}", each) for name in ("rho", "rate"))
    return Dense(t=t, rho=rho, rate=rate, volume=np.asarray(grid.volume))


def _words(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says besides its arrays, checked."""
    words = {name: metadata[name] for name in ("stats", "status", "message", "beta", "problem")}
    for name, kind in (("stats", dict), ("status", str), ("message", str), ("problem", str)):
        if not isinstance(words[name], kind):
            raise ValueError(f"{name} is {describe(words[name])}")
    words["beta"] = positive_number(words["beta"], "beta")
    words["problem_repr"] = words.pop("problem")
    return words
