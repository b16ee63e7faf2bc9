"""Every key and value of a problem file against the schema."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from typing import Any

from fokkerplanck.domain.expressions import ExpressionError, Formula, bound, parse, valued
from fokkerplanck.problem_files.mistakes import ProblemFileError, shown
from fokkerplanck.problem_files.places import Trail
from fokkerplanck.problem_files.schema import (
    KINDS,
    NEEDED,
    QUESTIONS,
    RANGE,
    TABLES,
    TOP,
    Key,
)
from fokkerplanck.problem_files.source import Source

#: Deepest list that any key takes.
DEEPEST = 2
#: Names that calls of the library keep for themselves.
TAKEN = ("python",)


def unknown(kind: str, word: str, known: Collection[str]) -> str:
    """Sentence on a word that means nothing, with what it may have been."""
    near = difflib.get_close_matches(word, list(known), 1, 0.5) if len(word) > 1 else []
    folded = {name.lower(): name for name in known}
    near = near or ([folded[word.lower()]] if word.lower() in folded else [])
    short = word if len(word) <= 40 else word[:37] + "..."
    if near:
        return f"there is no {kind} {short}; did you mean {near[0]}?"
    return f"there is no {kind} {short}; " + (
        f"choose from {', '.join(known)}" if known else "leave it out"
    )


def check_file(source: Source) -> None:
    """Raise for keys that do not exist, and for values of the wrong kind."""
    known = [*TOP, "grid", "parameters", "problem", "zoo", *QUESTIONS]
    for name, value in source.data.items():
        if name not in known:
            kind = "table" if isinstance(value, dict) else "key"
            raise source.mistaken_key((name,), unknown(kind, name, known))
        if name in TOP:
            check_value(source, value, TOP[name], (name,))
        elif not isinstance(value, dict):
            raise source.mistake(
                (name,), f"{name} is {shown(value)}; give a table, [{name}] and keys below it"
            )
        elif name in TABLES:
            check_table(source, value, TABLES[name], (name,))
    for name in ("grid", "problem"):
        if name not in source.data:
            raise source.mistaken_key((), f"there is no table [{name}]; write one")
    _check_kind(source)


def check_table(source: Source, table: dict[str, Any], keys: dict[str, Key], path: Trail) -> None:
    """Raise for keys that a table does not take, values of the wrong kind, and what is missing."""
    for name, value in table.items():
        if name not in keys:
            raise source.mistaken_key((*path, name), unknown("key", name, keys))
        check_value(source, value, keys[name], (*path, name))
    for name, key in keys.items():
        if key.needed and name not in table:
            where = ".".join(map(str, path))
            raise source.mistaken_key(path, f"[{where}] has no {name}; give {key.takes}")


def check_value(source: Source, value: Any, key: Key, path: Trail) -> None:
    """Raise for a value of the wrong kind."""
    if key.leaf in ("start", "target", "lists"):  # checked where they are understood
        return
    depth = _depth(source, value, path)
    if depth not in key.depths:
        raise source.mistake(path, f"{path[-1]} is {shown(value)}; give {key.takes}")
    _check_leaves(source, value, key, path)


def _depth(source: Source, value: Any, path: Trail) -> int:
    """Nesting of a list; the entries of a list are all nested alike, or leaves among lists."""
    if not isinstance(value, list):
        return 0
    if not value:
        raise source.mistake(path, f"{path[-1]} is an empty list; give its entries")
    if len(path) > DEEPEST + 2:
        raise source.mistake(path, "this list is nested too deep; give a list of lists at most")
    return 1 + max(_depth(source, u, (*path, k)) for k, u in enumerate(value))


def _check_leaves(source: Source, value: Any, key: Key, path: Trail) -> None:
    """Raise for a leaf of the wrong kind."""
    if isinstance(value, list):
        for k, u in enumerate(value):
            _check_leaves(source, u, key, (*path, k))
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "formula": is_number or isinstance(value, str),
        "number": is_number or isinstance(value, str),
        "whole": isinstance(value, int) and is_number,
        "flag": isinstance(value, bool),
        "text": isinstance(value, str),
        "word": isinstance(value, str),
    }[key.leaf]
    if fits and key.choices and value not in key.choices:
        raise source.mistake(path, unknown("word", value, key.choices))
    name = _name(path)
    if not fits:
        raise source.mistake(path, f"{name} is {shown(value)}; give {key.takes}")
    if is_number:
        finite(source, value, path)


def _name(path: Trail) -> str:
    """Name of a value as Python would write it: D[0, 1]."""
    words = [u for u in path if isinstance(u, str)]
    numbers = [str(u) for u in path if isinstance(u, int)]
    return words[-1] + (f"[{', '.join(numbers)}]" if numbers else "")


def finite(source: Source, value: Any, path: Trail) -> float:
    """Float of a number that is one."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise source.mistake(path, f"{_name(path)} is {number}; give a finite number")
    return number


def number(source: Source, value: Any, parameters: dict[str, float], path: Trail) -> float:
    """Value of a number or of a formula of the parameters."""
    if not isinstance(value, str):
        return finite(source, value, path)
    try:
        return float(valued(bound(parse(value, tuple(parameters)), parameters), {}))
    except ExpressionError as error:
        raise source.mistaken_formula(path, error) from None
    except ValueError as error:  # a constant part that is not finite
        raise source.mistake(path, str(error)) from None


def formula(
    source: Source,
    text: str,
    parameters: dict[str, float],
    variables: tuple[str, ...],
    path: Trail,
) -> Formula:
    """One formula, or where it is wrong."""
    try:
        return Formula(text, parameters, variables)
    except ExpressionError as error:
        raise source.mistaken_formula(path, error) from None
    except ValueError as error:
        raise source.mistake(path, str(error)) from None


def read_parameters(source: Source) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Values of the parameters, and the ranges of those that have one."""
    values: dict[str, float] = {}
    ranges: dict[str, dict[str, Any]] = {}
    for name, given in source.data.get("parameters", {}).items():
        path: Trail = ("parameters", name)
        _check_parameter_name(source, name, path)
        if not isinstance(given, dict):
            values[name] = _plain(source, given, path)
            continue
        check_table(source, given, RANGE, path)
        told = {
            word: u if word == "scale" else _plain(source, u, (*path, word))
            for word, u in given.items()
        }
        values[name] = told.pop("value")
        _check_range(source, name, values[name], told, path)
        ranges[name] = told
    return values, ranges


def _check_parameter_name(source: Source, name: str, path: Trail) -> None:
    """Raise for a name that means something else."""
    try:
        if name in TAKEN:
            raise ValueError(f"{name} cannot name a parameter, it has a meaning; give another name")
        Formula(0.0, {name: 0.0})
    except ProblemFileError:
        raise
    except ValueError as error:
        raise source.mistaken_key(path, str(error)) from None


def _plain(source: Source, value: Any, path: Trail) -> float:
    """Float of a number that is no formula."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise source.mistake(
            path, f"{_name(path)} is {shown(value)}; give a number, or a table with a value"
        )
    return finite(source, value, path)


def _check_range(
    source: Source, name: str, value: float, told: dict[str, Any], path: Trail
) -> None:
    """Raise for a range that holds nothing, or not the value."""
    low, high = told.get("min", -math.inf), told.get("max", math.inf)
    if not low < high:
        raise source.mistake((*path, "max"), f"min is {low:g} and max {high:g}; give min < max")
    if not low <= value <= high:
        raise source.mistake(
            (*path, "value"),
            f"{name} is {value:g}, which is not between {low:g} and {high:g}; widen the range",
        )
    if told.get("scale") == "log" and not low > 0:
        raise source.mistake(
            (*path, "scale"), f"{name} has a log scale from {low:g}; give a min above 0"
        )


def kind_of(table: dict[str, Any]) -> str:
    """Which way the problem is given."""
    return next((kind for kind in KINDS if kind in table), "")


def _check_kind(source: Source) -> None:
    """Raise for keys of [problem] that do not go together, and for missing ones."""
    table = source.data["problem"]
    kind = kind_of(table)
    for name in table:
        if name == kind or name in KINDS[kind]:
            continue
        if kind:
            reason = f"{name} means nothing beside {kind}; leave one of them out"
        else:
            reason = f"{name} means nothing without {_owner(name)}; give that too"
        raise source.mistaken_key(("problem", name), reason)
    for name in NEEDED.get(kind, ()):
        if name not in table:
            raise source.mistake(("problem", kind), f"{kind} is given without {name}; give it too")
    if kind != "zoo" and "zoo" in source.data:
        raise source.mistaken_key(
            ("zoo",), 'there are arguments in [zoo] and no zoo = "NAME" in [problem]; give it'
        )


def _owner(name: str) -> str:
    """Kind of problem that a key belongs to."""
    return next(kind for kind, others in KINDS.items() if name in others)
