"""Digests of functions: answers that are kept must not be taken for those of another function."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.grid import Grid


def mark_of(*functions: Callable[..., Any]) -> str:
    """Digest of the text of functions and of the plain values that they use.

    These are numbers, words, tuples of them, arrays, grids, formulas and frozen records among the
    defaults, the variables around, the globals, and what ``functools.partial`` or an object that
    is called holds.

    Examples
    --------
    >>> from functools import partial
    >>> from fokkerplanck.studies.marks import mark_of
    >>> (
    ...     mark_of(partial(pow, 2)) == mark_of(partial(pow, 2)),
    ...     mark_of(partial(pow, 3)) == mark_of(pow),
    ... )
    (True, False)
    """
    return digest([_parts(u) for u in functions])


def digest(value: Any) -> str:
    """Short digest of what JSON can hold."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _parts(function: Callable[..., Any]) -> Any:
    """Text of a function, and the plain values that it uses where there are any."""
    if isinstance(function, functools.partial):
        given = {str(k): u for k, u in enumerate(function.args)} | function.keywords
        return [_parts(function.func), _plain(given)]
    function = inspect.unwrap(function)
    values: dict[str, Any] = {}
    owner = getattr(function, "__self__", None)  # a bound method
    if owner is None and not inspect.isroutine(function) and not inspect.isclass(function):
        owner, function = function, type(function).__call__
    function = getattr(function, "__func__", function)
    if hasattr(owner, "__dict__") and not inspect.ismodule(owner):
        own = _names(function, "STORE_ATTR") if isinstance(function, FunctionType) else set()
        values |= {f"self.{name}": u for name, u in vars(owner).items() if name not in own}
    if isinstance(function, FunctionType):
        values |= _used(function)
    plain = _plain(values)
    return [_text(function), plain] if plain else _text(function)


def _used(function: FunctionType) -> dict[str, Any]:
    """Values by name that a function finds outside of itself, but for those that it sets itself."""
    names = _names(function, "LOAD_GLOBAL", "LOAD_NAME")
    own = _names(function, "STORE_GLOBAL", "STORE_DEREF")
    found = {name: function.__globals__[name] for name in names & function.__globals__.keys()}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    found = {name: u for name, u in found.items() if name not in own and name[:2] != "__"}
    defaults = dict(enumerate(function.__defaults__ or ())) | (function.__kwdefaults__ or {})
    return found | {f"default {name}": u for name, u in defaults.items()}


def _names(function: FunctionType, *how: str) -> set[str]:
    """Names that the steps of a function, and of those inside of it, load or set."""
    steps = (step for code in _codes(function.__code__) for step in dis.get_instructions(code))
    return {step.argval for step in steps if step.opname in how}


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code of a function and of those inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Those values that have a text of their own: what is mutable may well count the calls."""
    told = {name: _value_text(u) for name, u in values.items()}
    return {name: text for name, text in told.items() if text is not None}


def _value_text(value: Any) -> str | None:
    """Text of a value that differs where the value does, or None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return f"{value.dtype.str} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, Grid):
        faces = [_value_text(F) for F in value.faces]
        return f"grid {value.sides} {faces}"
    if isinstance(value, (tuple, frozenset)):
        parts = [_value_text(u) for u in value]
        parts = sorted(parts, key=str) if isinstance(value, frozenset) else parts
        return None if None in parts else str(parts)
    if isinstance(value, Formula):
        return repr(value)
    how = getattr(value, "__dataclass_params__", None)
    if how is not None and how.frozen and not isinstance(value, type):
        return f"{type(value).__qualname__} {_frozen(value)}"
    return None


def _frozen(value: Any) -> Any:
    """Text of what a frozen record holds; its tables and lists are not there to be changed."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _frozen(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _frozen(u) for key, u in sorted(value.items(), key=str)}
    if isinstance(value, list):
        return [_frozen(u) for u in value]
    return _value_text(value)


def _text(function: Callable[..., Any]) -> str:
    """Text of a function, or its name where there is none to be had."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", type(function).__qualname__)
