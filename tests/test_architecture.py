"""The floors of the house: imports go downwards, numba and matplotlib stay in their rooms.

Each rule is a function from parsed modules to complaints, so that the second half of this file can
feed it a bad module and see it complain. What the rules are for: docs/architecture.md.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "fokkerplanck"

# The longest name that fits decides; a package's floor holds for all that is in it.
FLOORS = {
    "kernels": 0,
    "data": 0,
    "version": 0,
    "environment": 1,
    "errors": 1,
    "grid": 1,
    "densities": 1,
    "fields": 1,
    "calculus": 1,
    "minibatch": 1,
    "models": 1,
    "noise_spectrum": 1,
    "storage": 1,
    "stencils": 1,
    "sets": 1,
    "problem": 2,
    "cells": 3,
    "edges": 3,
    "tensor_edges": 3,
    "generator": 4,
    "nine_point": 4,
    "linalg": 4,
    "critical_points": 5,
    "currents": 5,
    "fourth_order": 5,
    "observables": 5,
    "energies": 5,
    "transport": 5,
    "methods": 6,
    "dense": 6,
    "events": 7,
    "solution": 7,
    "solve": 7,
    "steady": 7,
    "accuracy": 7,
    "quasi_stationary": 7,
    "spectrum": 7,
    "rates": 7,
    "ensembles": 7,
    "sde": 7,
    "sgd": 7,
    "theorems": 8,
    "zoo": 8,
    "plot": 9,
    "io": 9,
    "cli": 9,
    "demos": 9,
    "": 10,  # the front door, fokkerplanck/__init__.py
    "__main__": 10,
}
KERNEL_IMPORTS = {"math", "numba", "numpy"}
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60  # without its docstring; aim at 40


@dataclass(frozen=True)
class Module:
    """One parsed source file; name is relative to the package, "" for the front door."""

    name: str
    source: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def within(self, package: str) -> bool:
        return self.name == package or self.name.startswith(package + ".")


def load(root: Path) -> list[Module]:
    """All modules below root."""
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    return modules


def imports(node: ast.AST) -> Iterator[tuple[ast.stmt, str, str]]:
    """Each import at or below node as (statement, module, imported name or "")."""
    for item in ast.walk(node):
        if isinstance(item, ast.Import):
            yield from ((item, alias.name, "") for alias in item.names)
        elif isinstance(item, ast.ImportFrom) and not item.level:
            yield from ((item, item.module or "", alias.name) for alias in item.names)


def own_imports(module: Module, names: set[str]) -> set[str]:
    """Modules of the package that this module imports, relative to the package."""
    found = set()
    for _, target, item in imports(module.tree):
        root, _, inner = target.partition(".")
        if root == PACKAGE:
            deeper = f"{inner}.{item}".strip(".")
            found.add(deeper if item and deeper in names else inner)
    return found - {module.name}


def floor(name: str) -> int | None:
    """Floor of a module: its own entry or its nearest package's; None if the table has none."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (entry := FLOORS.get(".".join(parts[:end]))) is not None:
            return entry
    return None


def check_floors(modules: list[Module]) -> list[str]:
    """Complain of imports that go up, and of modules without a floor."""
    names = {m.name for m in modules}
    complaints = []
    for module in modules:
        here = floor(module.name)
        if here is None:
            complaints.append(f"{module.name} has no floor: add it to FLOORS")
            continue
        for target in sorted(own_imports(module, names)):
            there = floor(target)
            if there is not None and there > here:
                door = target or "the front door"
                complaints.append(f"{module.name} (floor {here}) imports {door} (floor {there})")
    return complaints


def check_circles(modules: list[Module]) -> list[str]:
    """Complain of every import that closes a circle."""
    names = {m.name for m in modules}
    graph = {m.name: sorted(own_imports(m, names) & names) for m in modules}
    complaints, done = [], set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            circle = [*path[path.index(name) :], name]
            complaints.append(" -> ".join(n or PACKAGE for n in circle))
        elif name not in done:
            for target in graph[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return complaints


def check_rooms(modules: list[Module]) -> list[str]:
    """Complain of numba outside kernels/, of matplotlib outside plot/, of guests in kernels/."""
    complaints = []
    for module in modules:
        for _, target, _ in imports(module.tree):
            root = target.partition(".")[0]
            if root == "numba" and not module.within("kernels"):
                complaints.append(f"{module.name} imports numba; it lives in kernels/")
            if root in {"matplotlib", "mpl_toolkits"} and not module.within("plot"):
                complaints.append(f"{module.name} imports {root}; it lives in plot/")
            if module.within("kernels"):
                at_home = module.is_package and target.startswith(f"{PACKAGE}.kernels")
                if root not in KERNEL_IMPORTS and not at_home:
                    complaints.append(f"{module.name} imports {target}; kernels import only numpy")
    return complaints


def check_import_style(modules: list[Module]) -> list[str]:
    """Complain of relative and star imports, and of imports below the top of a module."""
    complaints = []
    for module in modules:
        for node in ast.walk(module.tree):
            where = f"{module.name or PACKAGE}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    complaints.append(f"{where} relative import")
                if any(alias.name == "*" for alias in node.names):
                    complaints.append(f"{where} star import")
            hides = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                hides = True
            if hides and module.name != "":  # the front door loads plot when it is asked for
                for item in ast.walk(node):
                    if isinstance(item, ast.Import | ast.ImportFrom):
                        complaints.append(f"{module.name}:{item.lineno} hidden import")
    return sorted(set(complaints))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from def to the end, without the docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def check_lengths(modules: list[Module]) -> list[str]:
    """Complain of modules over 400 lines and of functions over 60."""
    complaints = []
    for module in modules:
        lines = len(module.source.splitlines())
        if lines > MAX_MODULE_LINES:
            complaints.append(f"{module.name} has {lines} lines; at most {MAX_MODULE_LINES}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    complaints.append(
                        f"{module.name}.{node.name} has {lines} lines; at most {MAX_FUNCTION_LINES}"
                    )
    return complaints


RULES = [check_floors, check_circles, check_rooms, check_import_style, check_lengths]


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return load(ROOT / PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_obeys(rule, modules):
    assert len(modules) > 1
    complaints = rule(modules)
    assert not complaints, "\n".join(complaints)


IMPORT_PROBE = """
import sys
import fokkerplanck
for name in ("matplotlib.pyplot", "matplotlib"):
    assert name not in sys.modules, f"import fokkerplanck loads {name}"
from numba.core.dispatcher import Dispatcher
kernels = [
    value
    for name, module in list(sys.modules.items())
    if name.partition(".")[0] == "fokkerplanck"
    for value in vars(module).values()
    if isinstance(value, Dispatcher)
]
assert kernels, "no kernel found: the probe looks in the wrong place"
compiled = [kernel.__name__ for kernel in kernels if kernel.signatures]
assert not compiled, f"import fokkerplanck compiles {compiled}"
"""


def run_probe(probe: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", probe]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_importing_is_light():
    run = run_probe(IMPORT_PROBE)
    assert run.returncode == 0, run.stderr


# --- each rule can fail --------------------------------------------------------------------------

BAD = {
    "up": (check_floors, {"grid": "import fokkerplanck.solve", "solve": ""}, "imports solve"),
    "up, from a package": (
        check_floors,
        {"edges": "from fokkerplanck.methods import base", "methods.base": ""},
        "imports methods.base",
    ),
    "through the front door": (
        check_floors,
        {"sgd": "import fokkerplanck as fp", "": ""},
        "imports the front door",
    ),
    "no floor": (check_floors, {"attic": ""}, "attic has no floor"),
    "circle": (
        check_circles,
        {
            "solve": "from fokkerplanck.steady import a",
            "steady": "from fokkerplanck import sde",
            "sde": "import fokkerplanck.solve",
        },
        "solve -> steady -> sde -> solve",
    ),
    "numba upstairs": (check_rooms, {"edges": "from numba import njit"}, "imports numba"),
    "matplotlib downstairs": (
        check_rooms,
        {"cli": "import matplotlib.pyplot as plt"},
        "imports matplotlib",
    ),
    "scipy in a kernel": (check_rooms, {"kernels.flux": "import scipy.special"}, "imports scipy"),
    "kernel calls kernel": (
        check_rooms,
        {"kernels.flux": "from fokkerplanck.kernels.selling import f"},
        "imports fokkerplanck.kernels.selling",
    ),
    "relative": (check_import_style, {"grid": "from .errors import e"}, "grid:1 relative import"),
    "star": (check_import_style, {"grid": "from numpy import *"}, "grid:1 star import"),
    "in a function": (
        check_import_style,
        {"io": "def save():\n    import json\n"},
        "io:2 hidden import",
    ),
    "for types only": (
        check_import_style,
        {"io": "import typing\nif typing.TYPE_CHECKING:\n    import numpy\n"},
        "io:3 hidden import",
    ),
    "long module": (check_lengths, {"grid": "x = 1\n" * 401}, "grid has 401 lines"),
    "long function": (
        check_lengths,
        {"grid": "def f():\n" + "    x = 1\n" * 60},
        "grid.f has 61 lines",
    ),
}


@pytest.mark.parametrize(("rule", "sources", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_module_is_caught(rule, sources, words):
    complaints = rule([Module(name, source) for name, source in sources.items()])
    assert any(words in complaint for complaint in complaints), complaints


GOOD = {
    "": "def __getattr__(name):\n    import fokkerplanck.plot\n",
    "kernels": "from fokkerplanck.kernels.flux import bernoulli",
    "kernels.flux": "import math\nimport numpy as np\nfrom numba import njit",
    "grid": "import numpy as np\nfrom fokkerplanck.errors import ConvergenceError",
    "errors": '"""A long story.\n' + "\n" * 100 + '"""',
    "steady": "from fokkerplanck import grid, problem\ndef f():\n    '''\n" + "\n" * 99 + "    '''",
    "problem": "from fokkerplanck.grid import Grid",
    "plot.fields": "from matplotlib.figure import Figure\nfrom fokkerplanck.steady import f",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_house_passes(rule):
    packages = {"", "kernels"}
    assert rule([Module(n, s, is_package=n in packages) for n, s in GOOD.items()]) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import matplotlib.pyplot", "loads matplotlib.pyplot"),
        ("import numba; k = numba.njit(lambda x: x); k(1); fokkerplanck.k = k", "compiles"),
    ],
)
def test_the_import_probe_can_fail(line, words):
    probe = IMPORT_PROBE.replace("import fokkerplanck\n", f"import fokkerplanck\n{line}\n", 1)
    run = run_probe(probe)
    assert run.returncode != 0
    assert words in run.stderr
