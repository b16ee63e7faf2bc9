"""Wrong values for each kind of argument, right ones in other forms, what an error has to be."""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fokkerplanck as fp
from tests.wrong_calls.examples import Example

PACKAGE = str(Path(fp.__file__).parent)
#: Letters of a message: more than a word, less than a page.
SHORTEST, LONGEST = 20, 300
#: Wrong numbers; those of the second table may be right somewhere and then have to work.
NUMBERS = {
    "nan": np.nan,
    "inf": np.inf,
    "complex": 1j,
    "text": "a",
    "None": None,
    "list": [1, 2],
    "nested": [[1.0, 2.0], [3.0]],
    "object": object(),
}
MAYBE = {"-1": -1, "0": 0, "True": True}
#: What is no grid, problem, state, ...
OBJECTS = {"None": None, "text": "a", "number": 1.0, "class": dict, "tuple": (7, 8)}
WORDS = {"number": 1, "None": None, "nonsense": "nonsense", "list": ["a"]}
FUNCTIONS = {"text": "a", "None": None, "no argument": lambda: 1.0, "object": object()}
FLAGS = {"text": "a", "None": None, "number": 2.5, "list": [True, False]}


def wrong_arrays(a: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Kinds and values of arrays that are wrong in the place of a."""
    if a.dtype.kind == "b":
        yield "wrong shape", np.append(a, a)
        yield "numbers", a.astype(float)
    else:
        for name, value in (("nan", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
            spoilt = np.array(a, dtype=float)
            spoilt.flat[a.size // 2] = value
            yield name, spoilt
        yield "complex", a * (1 + 1j)
        yield "wrong shape", np.concatenate([a, a[..., -1:], a[..., -1:]], axis=-1)
        yield "one axis more", np.stack([np.stack([a, a])] * 2)
        masked = np.ma.array(a, mask=False)
        masked.mask.flat[a.size // 2] = True
        yield "masked", masked
    if a.ndim > 1 and a.T.shape != a.shape:
        yield "transposed", a.T
    objects = np.array(a, dtype=object)
    objects.flat[0] = "a"
    yield "objects", objects
    yield "text", "abc"
    yield "None", None
    yield "empty", np.zeros(0)
    yield "dict", {"a": 1}


def wrong_values(value: Any) -> Iterator[tuple[str, Any, bool]]:
    """Kind, value and whether it has to be refused, for an argument of which one value is right."""
    if isinstance(value, np.ndarray):
        yield from ((kind, bad, True) for kind, bad in wrong_arrays(value))
    elif isinstance(value, bool):
        yield from ((kind, bad, True) for kind, bad in FLAGS.items())
    elif isinstance(value, (int, float)):
        yield from ((kind, bad, True) for kind, bad in NUMBERS.items())
        yield from ((kind, bad, False) for kind, bad in MAYBE.items())
    elif isinstance(value, str):
        yield from ((kind, bad, True) for kind, bad in WORDS.items())
    elif callable(value):
        yield from ((kind, bad, True) for kind, bad in FUNCTIONS.items())
    else:
        yield from ((kind, bad, True) for kind, bad in OBJECTS.items())


def wrong_calls(row: Example) -> Iterator[tuple[str, str, Any, bool]]:
    """Argument, kind, value and whether it has to be refused, for every argument of an example."""
    try:
        parameters = inspect.signature(row.call).parameters
    except ValueError:
        parameters = {}
    for name, value in row.arguments.items():
        default = parameters[name].default if name in parameters else inspect.Parameter.empty
        for kind, bad, must in wrong_values(value):
            if name in row.fine or (name, kind) in row.fine or (bad is None and default is None):
                continue
            yield name, kind, bad, must


def complaint(row: Example, name: str, bad: Any, must: bool) -> str:
    """What is wrong with the answer to a wrong call; empty if nothing is."""
    arguments = {**row.arguments, name: bad}
    try:
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            row.call(**arguments)
    except (ValueError, TypeError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        text = str(error)
        if not frames[-1].filename.startswith(PACKAGE):
            return f"comes from {Path(frames[-1].filename).name}:{frames[-1].lineno}: {text:.90}"
        if "\n" in text or not SHORTEST <= len(text) <= LONGEST:
            return f"message of {len(text)} letters: {text:.400}"
        if row.words.get(name, name).lower() not in text.lower():
            return f"does not name {name}: {text:.120}"
        return ""
    except Exception as error:  # whatever else it is, a person should not see it
        return f"raises {type(error).__name__}: {error!s:.90}"
    return "is accepted" if must else ""


def other_forms(a: np.ndarray) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Form, plain array and the same numbers in another form."""
    if a.dtype.kind != "f":
        return
    read_only = a.copy()
    read_only.flags.writeable = False
    wide = np.repeat(a, 2, axis=-1)
    wide[..., 1::2] = np.nan
    yield "read-only", a, read_only
    yield "big-endian", a, a.astype(">f8")
    yield "not contiguous", a, wide[..., ::2]
    yield "Fortran order", a, np.asfortranarray(a)
    yield "list", a, a.tolist()
    yield "objects", a, a.astype(object)
    yield "masked nowhere", a, np.ma.array(a)
    single = a.astype(np.float32)
    yield "float32", single.astype(float), single
    whole = np.rint(4 * a).astype(np.int64)
    yield "whole", whole.astype(float), whole


def numbers(result: Any, depth: int = 2) -> list[np.ndarray]:
    """Arrays of numbers in a result, its attributes or its entries."""
    if isinstance(result, (np.ndarray, float, int, complex, np.generic)):
        a = np.asarray(result)
        return [a] if a.dtype.kind in "biufc" else []
    if isinstance(result, fp.Problem):
        return [result.D, result.g]
    if isinstance(result, (tuple, list)):
        return [a for entry in result for a in numbers(entry, depth)]
    if depth and hasattr(result, "__dict__"):
        return [a for entry in vars(result).values() for a in numbers(entry, depth - 1)]
    return []


def answer(row: Example, name: str, value: Any) -> Any:
    """Numbers of a call with one argument replaced, or the type of the error."""
    try:
        return numbers(row.call(**{**row.arguments, name: value}))
    except (ValueError, TypeError) as error:
        return error


def differs(row: Example, name: str, plain: np.ndarray, other: Any) -> str:
    """What is different for the same numbers in another form; empty if nothing is."""
    right, found = answer(row, name, plain), answer(row, name, other)
    if isinstance(right, Exception):  # such as densities of another mass
        # The words that name the culprit; how it is written out depends on the form.
        same = isinstance(found, Exception) and str(found).split()[:2] == str(right).split()[:2]
        return "" if same else f"gives {found!s:.80} where floats give {right!s:.80}"
    if isinstance(found, Exception):
        return f"raises {found!s:.120}"
    same = len(right) == len(found) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-10, atol=1e-12, equal_nan=True)
        for a, b in zip(right, found, strict=True)
    )
    return "" if same else "gives other numbers"
