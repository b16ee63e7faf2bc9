"""Checks of what a person gives: each returns the clean value, or says what came and is wanted."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from numbers import Real
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

#: Largest `asymmetry` of a matrix that counts as symmetric: more than sums of products round to.
SYMMETRIC = 1e-10


def describe(value: Any) -> str:
    """Say in a few words what a person gave, for messages."""
    value = value.item() if isinstance(value, np.generic) else value  # 0.5, not np.float64(0.5)
    if value is None or isinstance(value, (str, bytes, bool, int, float, complex)):
        return f"{value!r:.60}"
    if isinstance(value, np.ndarray):
        kind = {"O": "objects", "U": "text", "S": "text", "c": "complex numbers"}
        return f"an array of {kind.get(value.dtype.kind, value.dtype.name)}"
    if inspect.isroutine(value) or isinstance(value, np.ufunc):
        return "a function"
    return f"of type {type(value).__name__}"


def real_array(value: Any, name: str, expected: str = "real numbers") -> NDArray[np.float64]:
    """Float array of what was given, or a message that says what came and what was expected."""
    if value is None or isinstance(value, (str, bytes)) or callable(value):
        raise ValueError(f"{name} is {describe(value)}; give {expected}")
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} has {np.ma.count_masked(value)} masked entries, and what is behind a mask "
            f"counts; fill them with .filled(...) and give {expected}"
        )
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.array([float(u) for u in array.flat]).reshape(array.shape)
    except (TypeError, ValueError):
        entries = value if isinstance(value, (list, tuple)) else []
        odd = [u for u in entries if not np.iterable(u) and not isinstance(u, (Real, complex))]
        if odd:
            given = f"a {type(value).__name__} that holds {describe(odd[0]).removeprefix('of ')}"
        else:
            given = "a list of entries of unequal shapes" if entries else describe(value)
        raise ValueError(f"{name} is {given}; give {expected}") from None
    if array.dtype.kind == "c":
        raise ValueError(f"{name} is complex; give {expected}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is {describe(array)}; give {expected}")
    return array.astype(float, copy=False)


def positive_number(value: Any, name: str) -> float:
    """Float of a finite positive number."""
    if isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
        if 0 < number < np.inf:
            return number
    raise ValueError(f"{name} is {value!r:.60}; give a finite positive number")


def finite_number(value: Any, name: str, expected: str = "a finite number") -> float:
    """Float of one finite number."""
    number = real_array(value, name, expected)
    if isinstance(value, (bool, np.bool_)) or number.ndim:
        given = f"of shape {number.shape}" if number.ndim else describe(value)
        raise ValueError(f"{name} is {given}; give {expected}")
    if not np.isfinite(number):
        raise ValueError(f"{name} is {float(number):g}; give {expected}")
    return float(number)


def finite_array(value: Any, name: str, expected: str = "finite numbers") -> NDArray[np.float64]:
    """Float array of finite numbers."""
    array = real_array(value, name, expected)
    if not array.ndim:
        return np.asarray(finite_number(array, name, expected))
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} has {np.count_nonzero(~np.isfinite(array))} entries that are not finite; "
            f"give {expected}"
        )
    return array


def asymmetry(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest difference from the transpose of a matrix (d, d, ...), over its largest entry."""
    size = np.abs(matrix).max(axis=(0, 1))
    difference = np.abs(matrix - np.swapaxes(matrix, 0, 1)).max(axis=(0, 1))
    return difference / np.where(size > 0, size, 1.0)


def is_whole(value: Any) -> TypeGuard[int | np.integer]:
    """True for an integer that is no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def whole_number(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Int of a whole number in a range."""
    if not is_whole(value):
        raise ValueError(f"{name} is {describe(value)}, expected an integer >= {least}")
    if value < least or (most is not None and value > most):
        limit = f">= {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} is {value}, expected an integer {limit}")
    return int(value)


def one_of(value: Any, name: str, choices: Collection[str]) -> str:
    """Word that is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; choose from {', '.join(choices)}")
    return value


def one_of_or_none(value: Any, name: str, choices: Collection[str]) -> str | None:
    """Word that is one of the choices, or None."""
    if value is not None and (not isinstance(value, str) or value not in choices):
        raise ValueError(f"{name} is {value!r}; choose from {', '.join(choices)} or None")
    return value


def true_or_false(value: Any, name: str) -> bool:
    """Bool of True or False, numpy's included."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} is {describe(value)}; give True or False")
    return bool(value)


def frozen(a: Any) -> np.ndarray:
    """Read-only array: a itself where it owns its numbers, else a read-only view."""
    a = np.asarray(a)
    if not a.flags.owndata:
        a = a.view()
    a.flags.writeable = False
    return a
