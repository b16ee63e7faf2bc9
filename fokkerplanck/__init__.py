"""Fokker-Planck equations on 1D, 2D and 3D grids: steady states, currents, evolution.

A name is loaded when it is first used, with what it needs and nothing else: ``import fokkerplanck``
alone takes no time. The list of names, and where each is at home, is ``__init__.pyi``.
"""

import ast
from importlib import import_module
from pathlib import Path

from fokkerplanck.environment import thread_limit

thread_limit()  # a wrong number of threads is said now


def _homes():
    """Module of every public name, from the stub."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module for node in imports for alias in node.names}


_HOMES = _homes()
__all__ = sorted(_HOMES)


def __getattr__(name):
    """Load a public name, or a folder of the package, on first use."""
    home = _HOMES.get(name, __name__)
    if home == __name__:
        module = f"{home}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        raise AttributeError(f"module {home!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(home), name)
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
