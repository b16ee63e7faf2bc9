"""Result of a sweep: arrays over the points, which points failed, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import frozen, one_of
from fokkerplanck.domain.labelled import real_parts, with_names, xarray_for
from fokkerplanck.domain.packing import Saved, Stored
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.studies.points import Points, words

#: Failed points that a summary names.
NAMED = 5


@dataclass(frozen=True, eq=False)
class Sweep(Saved):
    """Answers at the points of a study: ``sweep["name"]``, or ``sweep.value`` if there is one.

    Attributes
    ----------
    parameters : dict of arrays
        Values of each parameter.
    pairing : {"product", "zip"}
    values : dict of arrays (*shape, ...)
        Answers by name, points first; nan at points that failed. ``sweep["name"]`` masks these.
    ok : flags (*shape)
        Points with an answer.
    errors : dict
        What went wrong, by the index of the point.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 100)
    >>> def build(k):
    ...     return fp.Problem(grid, f=lambda x: k * x**2 / 2)
    >>> sweep = fp.sweep(build, {"k": [1, 2]}, lambda p: fp.steady_state(p).mean(lambda x: x**2))
    >>> sweep.value.round(3)
    array([1. , 0.5])
    """

    parameters: Mapping[str, Array]
    pairing: str
    values: Mapping[str, np.ndarray]
    ok: Flags
    errors: Mapping[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along every axis."""
        return self.ok.shape

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes: the parameters, or "point" for a list of points."""
        return Points(self.parameters, self.pairing).axes

    @property
    def value(self) -> Any:
        """The answer, where there is one only."""
        if len(self.values) != 1:
            raise ValueError(f"there are {len(self.values)} answers; choose by sweep[name]")
        return self[next(iter(self.values))]

    def __getitem__(self, name: str) -> Any:
        """Answers of one name, masked where points failed."""
        values = self.values[one_of(name, "name", tuple(self.values))]
        if self.ok.all():
            return values
        missing = ~self.ok.reshape(self.shape + (1,) * (values.ndim - self.ok.ndim))
        return np.ma.array(values, mask=np.broadcast_to(missing, values.shape))

    def point(self, index: tuple[int, ...]) -> dict[str, Any]:
        """Values of the parameters at a point."""
        number = int(np.ravel_multi_index(index, self.shape))
        return Points(self.parameters, self.pairing).all()[number]

    @property
    def summary(self) -> str:
        """How many points there are, and which failed and why."""
        total, failed = self.ok.size, len(self.errors)
        lines = [f"{total - failed} of {total} points, {', '.join(self.values) or 'no answers'}"]
        for index in list(self.errors)[:NAMED]:
            lines.append(f"failed at {words(self.point(index))}: {self.errors[index]}")
        if failed > NAMED:
            lines.append(f"and {failed - NAMED} more: see errors")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """What was asked where, and what failed."""
        sizes = ", ".join(f"{name}: {len(v)}" for name, v in self.parameters.items())
        return f"Sweep({self.pairing} of {sizes}; {self.summary})"

    def _labelled(self) -> Any:
        """Dataset of xarray with the parameters as dimensions, and the flags ``ok``.

        Errors are lines of an attribute. In a list of points ("zip") the parameters are coordinates
        along "point".
        """
        xarray = xarray_for("to_xarray")
        axes = self.axes
        twice = [name for name in self.values if name in ("ok", *axes, *self.parameters)]
        if twice:
            raise ValueError(
                f"an answer is called {twice[0]!r}, as a parameter or the flags of the dataset "
                "are; let ask return a dict with another name"
            )
        coords = {name: (axes if len(axes) == 1 else (name,), v) for name, v in self._columns()}
        data: dict[str, Any] = {"ok": (axes, np.array(self.ok))}
        for name, values in self.values.items():
            more = tuple(f"{name}_{k}" for k in range(values.ndim - self.ok.ndim))
            data[name] = real_parts(axes + more, np.array(values))
        errors = [f"{words(self.point(index))}: {text}" for index, text in self.errors.items()]
        about = {"result": repr(self)} | ({"errors": "\n".join(errors)} if errors else {})
        return with_names(xarray.Dataset(data, coords, attrs=about))

    def _columns(self) -> list[tuple[str, Array]]:
        """Parameters by name."""
        return list(self.parameters.items())

    def _stored(self) -> Stored:
        """Arrays and metadata, if the answers are numbers."""
        objects = [name for name, u in self.values.items() if u.dtype.kind == "O"]
        if objects:
            raise ValueError(
                f"{', '.join(objects)} holds results, not numbers; save these one by one, or give "
                "path= to sweep"
            )
        arrays = {f"parameter_{name}": v for name, v in self.parameters.items()}
        arrays |= {f"answer_{name}": u for name, u in self.values.items()} | {"ok": self.ok}
        metadata = {
            "pairing": self.pairing,
            "parameters": list(self.parameters),
            "answers": list(self.values),
            "errors": [[list(index), text] for index, text in self.errors.items()],
        }
        return arrays, metadata

    @classmethod
    def from_storage(cls, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Sweep:
        """Sweep from what ``save`` stored."""
        given = {name: arrays[f"parameter_{name}"] for name in metadata["parameters"]}
        points = Points.of(given, metadata["pairing"])
        ok, shape = arrays["ok"], points.shape
        if ok.shape != shape or ok.dtype.kind != "b":
            raise ValueError(f"ok is {ok.dtype.name} of shape {ok.shape}, not flags of {shape}")
        values = {name: frozen(arrays[f"answer_{name}"]) for name in metadata["answers"]}
        for name, u in values.items():
            if u.shape[: len(shape)] != shape or u.dtype.kind not in "fc":
                raise ValueError(f"{name} has shape {u.shape}, not one value a point {shape}")
        errors = {tuple(map(int, index)): str(text) for index, text in metadata["errors"]}
        if {tuple(i) for i in np.argwhere(~ok).tolist()} != errors.keys():
            raise ValueError("errors are not those of the points without an answer")
        return cls(points.values, points.pairing, values, frozen(ok), errors)
