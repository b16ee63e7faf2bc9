"""Points of a study: values of parameters by name, as a grid of all pairs or as a list."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, one_of
from fokkerplanck.domain.types import Array

#: How the values of several parameters meet.
PAIRINGS = ("product", "zip")
#: Name of the one axis of a list of points.
LIST_AXIS = "point"


@dataclass(frozen=True)
class Points:
    """Values of parameters, and how they meet.

    Attributes
    ----------
    values : dict of arrays
        Values of each parameter, by name.
    pairing : {"product", "zip"}
    """

    values: Mapping[str, Array]
    pairing: str

    @classmethod
    def of(cls, parameters: Mapping[str, Sequence[Any]], pairing: str) -> Points:
        """Points of what a person gave."""
        one_of(pairing, "pairing", PAIRINGS)
        if not isinstance(parameters, Mapping) or not parameters:
            found = "an empty dict" if parameters == {} else describe(parameters)
            raise ValueError(
                f'parameters is {found}; give a dict of sequences, e.g. {{"kT": [0.1, 0.2]}}'
            )
        values = {_name(name): _values(name, given) for name, given in parameters.items()}
        lengths = {name: len(v) for name, v in values.items()}
        if pairing == "zip" and len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise ValueError(
                f"pairing='zip' needs as many values of each parameter, and there are: {told}; "
                "give equal lengths, or pairing='product'"
            )
        return cls(values, pairing)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along every axis: one axis a parameter, or one for a list."""
        lengths = tuple(len(v) for v in self.values.values())
        return lengths if self.pairing == "product" else lengths[:1]

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(self.values) if self.pairing == "product" else (LIST_AXIS,)

    def all(self) -> list[dict[str, Any]]:
        """All points, the last axis fastest: arguments of ``build``."""
        columns = [v.tolist() for v in self.values.values()]
        rows = product(*columns) if self.pairing == "product" else zip(*columns, strict=True)
        return [dict(zip(self.values, row, strict=True)) for row in rows]


def words(point: Mapping[str, Any]) -> str:
    """Point in words: kT=0.1, n=3."""
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in point.items()
    )


def check_function(function: Any, name: str, arguments: Iterable[str] | int, gives: str) -> None:
    """Raise ValueError unless a function takes arguments by name, or so many by position."""
    if not callable(function):
        raise ValueError(f"{name} is {describe(function)}; give a function that returns {gives}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin without one
        return
    try:
        if isinstance(arguments, int):
            signature.bind(*range(arguments))
        else:
            signature.bind(**dict.fromkeys(arguments))
    except TypeError as error:
        told = "a problem" if isinstance(arguments, int) else ", ".join(arguments)
        raise ValueError(
            f"{name} cannot be called with {told}: {error}; give a function of these alone"
        ) from None


def _name(name: Any) -> str:
    """Name of a parameter, with which ``build`` can be called."""
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"parameters has the name {describe(name)}; give names of arguments of build"
        )
    if name == LIST_AXIS:
        raise ValueError(f"a parameter is called {name!r}, which an axis is; call it otherwise")
    return name


def _values(name: str, given: Any) -> Array:
    """Values of one parameter: finite numbers, words or truth values, on a line."""
    expected = "a sequence of finite numbers or of words"
    if isinstance(given, (str, bytes)) or not np.iterable(given):
        raise ValueError(f"parameters[{name!r}] is {describe(given)}; give {expected}")
    try:
        array = np.array(list(given))
    except ValueError:
        raise ValueError(f"parameters[{name!r}] has unequal entries; give {expected}") from None
    if array.ndim != 1 or not array.size:
        raise ValueError(f"parameters[{name!r}] has shape {array.shape}; give {expected}")
    if array.dtype.kind not in "biufU":
        raise ValueError(f"parameters[{name!r}] is {describe(array)}; give {expected}")
    if array.dtype.kind == "U" and not all(isinstance(u, str) for u in given):
        raise ValueError(f"parameters[{name!r}] mixes words and numbers; give {expected}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"parameters[{name!r}] has entries that are not finite; give {expected}")
    array.flags.writeable = False
    return array
