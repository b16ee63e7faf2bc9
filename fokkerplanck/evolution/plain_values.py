"""Numbers, words, arrays and what holds them, as bytes and back: to the last bit, without code."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

_TEXT = "text"


def pack(value: Any) -> bytes:
    """Bytes of nested dicts, lists, tuples and frozensets of numbers, words, None and arrays.

    Raises
    ------
    TypeError
        For anything else, functions above all.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.evolution.plain_values import pack, unpack
    >>> unpack(pack({"a": [1, None, np.arange(2.0)], (1, 0.1): float("inf")}))
    {'a': [1, None, array([0., 1.])], (1, 0.1): inf}
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_plain(value, arrays))
    file = io.BytesIO()
    named: dict[str, Any] = {f"a{k}": array for k, array in enumerate(arrays)}
    named[_TEXT] = np.array(text)
    np.savez(file, **named)
    return file.getvalue()


def unpack(data: bytes) -> Any:
    """What ``pack`` made bytes of."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return _value(json.loads(str(file[_TEXT][()])), file)


def _plain(value: Any, arrays: list[np.ndarray]) -> Any:
    """JSON of a value; arrays are put aside."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list) and _is_stackable(value):
        arrays.append(np.stack(value))
        return {"stack": len(arrays) - 1}
    if isinstance(value, list):
        return [_plain(entry, arrays) for entry in value]
    if isinstance(value, (tuple, frozenset)):
        entries = sorted(value) if isinstance(value, frozenset) else value
        return {type(value).__name__: [_plain(entry, arrays) for entry in entries]}
    if isinstance(value, dict):
        pairs = [[_plain(k, arrays), _plain(entry, arrays)] for k, entry in value.items()]
        return {"dict": pairs}
    raise TypeError(f"{type(value).__name__} cannot be stored; give numbers, words and arrays")


def _is_stackable(values: list[Any]) -> bool:
    """Whether a list holds arrays of one kind: many small ones would be slow to store."""
    first = values[0] if values else None
    return isinstance(first, np.ndarray) and all(
        isinstance(u, np.ndarray) and u.shape == first.shape and u.dtype == first.dtype
        for u in values
    )


def _value(plain: Any, arrays: Any) -> Any:
    """Value of what ``_plain`` returned."""
    if isinstance(plain, list):
        return [_value(entry, arrays) for entry in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "array":
        return arrays[f"a{content}"]
    if kind == "stack":
        return list(arrays[f"a{content}"])
    if kind == "dict":
        return {_value(k, arrays): _value(entry, arrays) for k, entry in content}
    return {"tuple": tuple, "frozenset": frozenset}[kind](_value(u, arrays) for u in content)
