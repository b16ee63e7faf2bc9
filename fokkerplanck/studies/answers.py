"""What a question answers at one point of a study: numbers, arrays, or one result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError

#: Name of an answer that is no dict.
VALUE = "value"
#: Answers by name; or a sentence, if there is none.
Answer = dict[str, Any] | str


def answer(build: Callable[..., Any], ask: Callable[[Any], Any], point: dict[str, Any]) -> Answer:
    """Answers at a point, or what went wrong there, in words. Runs in other processes too."""
    try:
        problem = build(**point)
        if not isinstance(problem, Problem):
            raise ValueError(f"build returned {describe(problem)}; return a Problem")
        return named(ask(problem))
    except (ValueError, ConvergenceError) as error:
        return f"{error}"
    except Exception as error:  # whatever a person's functions raise is said, point by point
        return f"{type(error).__name__}: {error}"


def named(value: Any) -> dict[str, Any]:
    """Answers by name: arrays of numbers, or one object as it is."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"ask returned a dict with the key {describe(name)}; use words")
        if not value:
            raise ValueError("ask returned an empty dict; return numbers or arrays by name")
        return {name: _array(u, f"ask's {name}") for name, u in value.items()}
    if value is None or isinstance(value, (str, bytes)):
        raise ValueError(f"ask returned {describe(value)}; return a number, an array or a dict")
    is_numeric = isinstance(value, (bool, int, float, complex, np.generic, np.ndarray, list, tuple))
    return {VALUE: _array(value, "ask's answer") if is_numeric else value}


def is_numbers(answers: Mapping[str, Any]) -> bool:
    """Whether answers are arrays, not one object."""
    return all(isinstance(u, np.ndarray) for u in answers.values())


def _array(value: Any, name: str) -> np.ndarray:
    """Array of real or complex numbers."""
    if np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries; fill them with .filled(...)")
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError(f"{name} has entries of unequal shapes; return an array") from None
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} is {describe(value)}; return numbers or arrays of numbers")
    return array.astype(complex if array.dtype.kind == "c" else float)
