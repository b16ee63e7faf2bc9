"""Functions in Python files beside a problem file, where running them is allowed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from fokkerplanck.problem_files.places import Trail
from fokkerplanck.problem_files.source import Source

_NAMED = re.compile(r"(?P<file>[^:\n]+\.py):(?P<name>[A-Za-z_]\w*)")


def names_function(value: Any) -> bool:
    """Whether a text says ``file.py:function``."""
    return isinstance(value, str) and _NAMED.fullmatch(value.strip()) is not None


def python_function(
    source: Source, text: str, parameters: dict[str, float], python: bool, path: Trail
) -> Callable[..., Any]:
    """The function that a text names, with those of the parameters that it takes.

    Raises
    ------
    ProblemFileError
        If running Python is not allowed, or the file does not run, or has no such function.
    """
    found = _NAMED.fullmatch(text.strip())
    if found is None:
        raise source.mistake(path, f"{text!r:.40} names no function; give 'file.py:function'")
    if not python:
        raise source.mistake(
            path,
            f"{text} is Python, which a problem file may not run by itself; if you trust it, allow "
            "it by python=True, on the command line by --python",
        )
    file = source.path.parent / found["file"]
    if not file.is_file():
        raise source.mistake(path, f"there is no file {found['file']} beside this one; correct it")
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise source.mistake(path, f"{found['file']} is no Python file; correct it")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a person's file does wrong
        raise source.mistake(
            path, f"{found['file']} ends with {type(error).__name__}: {error}; correct it"
        ) from error
    function = getattr(module, found["name"], None)
    if not callable(function):
        raise source.mistake(path, f"{found['file']} has no function {found['name']}; correct it")
    taken = {name: u for name, u in parameters.items() if name in _keywords(function)}
    return partial(function, **taken) if taken else function


def _keywords(function: Callable[..., Any]) -> list[str]:
    """Names by which a function takes arguments."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [u.name for u in found if u.kind in (u.POSITIONAL_OR_KEYWORD, u.KEYWORD_ONLY)]
