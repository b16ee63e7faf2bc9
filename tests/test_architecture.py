"""The floors of the house: imports go downwards, numba and matplotlib stay in their rooms.

Each rule is a function from parsed modules to complaints, so that the second half of this file can
feed it a bad module and see it complain. What the rules are for: docs/architecture.md.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fokkerplanck as fp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "fokkerplanck"
STUB = ROOT / PACKAGE / "__init__.pyi"

# One row per folder or module of the root; what is in a folder is on its floor.
FLOORS = {
    "kernels": 0,
    "data": 0,
    "version": 0,
    "environment": 0,
    "errors": 1,
    "domain": 2,
    "equation": 3,
    "sets": 3,
    "observables": 3,
    "distributions": 3,
    "scheme": 4,
    "linalg": 5,
    "steady": 6,
    "energies": 6,
    "transport": 6,
    "modes": 7,
    "methods": 7,
    "evolution": 8,
    "rates": 9,
    "sde": 9,
    "sgd": 9,
    "studies": 10,
    "zoo": 10,
    "theorems": 11,
    "plot": 12,
    "problem_files": 12,
    "demos": 13,
    "cli": 14,
    "": 15,  # the front door, fokkerplanck/__init__.py
    "__main__": 15,
}
KERNEL_IMPORTS = {"math", "numba", "numpy"}
# Of code: without docstrings, comments and blank lines.
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60  # without its docstring; aim at 40
MAX_ROOT_MODULES = 10
# Lines that the formatter leaves alone; let it win, and lower this number.
MAX_UNFORMATTED = 198


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
        if (stub := path.with_suffix(".pyi")).exists():  # the front door: its imports are lazy
            path = stub
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
    """Floor of a module, that of its folder; None if the table has none."""
    return FLOORS.get(name.partition(".")[0])


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
                at_home |= target == f"{PACKAGE}.environment"
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


def docstring_lines(tree: ast.AST) -> int:
    """Lines of all docstrings at or below a node."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [n for n in ast.walk(tree) if isinstance(n, kinds) and ast.get_docstring(n) is not None]
    return sum(n.body[0].end_lineno - n.body[0].lineno + 1 for n in nodes)


def code_lines(module: Module) -> int:
    """Lines of a module without docstrings, comments and blank lines."""
    lines = (line.strip() for line in module.source.splitlines())
    written = sum(bool(line) and not line.startswith("#") for line in lines)
    inside = sum(
        not line.strip()
        for n in ast.walk(module.tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(n) is not None
        for line in module.source.splitlines()[n.body[0].lineno - 1 : n.body[0].end_lineno]
    )
    return written - docstring_lines(module.tree) + inside


def check_lengths(modules: list[Module]) -> list[str]:
    """Complain of modules with over 400 lines of code and of functions with over 60 lines."""
    complaints = []
    for module in modules:
        lines = code_lines(module)
        if lines > MAX_MODULE_LINES:
            complaints.append(f"{module.name} has {lines} lines; at most {MAX_MODULE_LINES}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) is not None
                lines = node.end_lineno - node.lineno + 1
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1 if docstring else 0
                if lines > MAX_FUNCTION_LINES:
                    complaints.append(
                        f"{module.name}.{node.name} has {lines} lines; at most {MAX_FUNCTION_LINES}"
                    )
    return complaints


def exported(module: Module) -> set[str]:
    """Names in ``__all__`` of a module."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def check_names(modules: list[Module]) -> list[str]:
    """Complain of modules that a public name of the same spelling hides, and of a crowded root.

    ``import package.name`` would give the function instead of the module.
    """
    names = {m.name for m in modules}
    complaints = []
    for module in modules:
        public = exported(module)
        for inner in sorted(names):
            package, _, last = inner.rpartition(".")
            is_here = package == module.name and inner != module.name
            # A subpackage may be exported as what it is.
            is_folder = any(m.is_package and m.name == inner for m in modules)
            if is_here and last in public and not is_folder and not is_plain(module, inner):
                complaints.append(
                    f"{inner} bears the name of what {module.name or PACKAGE} exports"
                )
    at_root = [m.name for m in modules if "." not in m.name and not m.is_package]
    if len(at_root) + 1 > MAX_ROOT_MODULES:
        complaints.append(f"{len(at_root) + 1} modules at the root; at most {MAX_ROOT_MODULES}")
    return complaints


def is_plain(module: Module, inner: str) -> bool:
    """Whether a package exports a module as itself: ``from fokkerplanck import sets``."""
    last = inner.rpartition(".")[2]
    home = f"{PACKAGE}.{module.name}".strip(".")
    return any(target == home and item == last for _, target, item in imports(module.tree))


def check_formatting(modules: list[Module]) -> list[str]:
    """Complain if more lines than before are kept from the formatter."""
    count = sum(m.source.count("fmt: skip") + m.source.count("fmt: off") for m in modules)
    return [f"{count} lines unformatted; at most {MAX_UNFORMATTED}"] * (count > MAX_UNFORMATTED)


RULES = [
    check_floors,
    check_circles,
    check_rooms,
    check_import_style,
    check_lengths,
    check_names,
    check_formatting,
]


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return load(ROOT / PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_obeys(rule, modules):
    assert len(modules) > 1
    complaints = rule(modules)
    assert not complaints, "\n".join(complaints)


def test_the_docs_show_these_floors():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
    shown = {
        "" if name == "__init__" else name.strip("/"): int(number)
        for number, names in rows
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert shown == FLOORS


def test_where_is_leads_somewhere():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", page.partition("## Where is ...?")[2])
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / PACKAGE / path).exists()] == []


IMPORT_PROBE = """
import sys
import fokkerplanck
for name in ("matplotlib", "numba", "numpy", "scipy"):
    assert name not in sys.modules, f"import fokkerplanck loads {name}"
for name in fokkerplanck.__all__:
    if name != "plot":
        getattr(fokkerplanck, name)
for name in ("matplotlib", "scipy.signal", "scipy.stats"):
    assert name not in sys.modules, f"one of the public names loads {name}"
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
    "up": (check_floors, {"domain": "import fokkerplanck.steady", "steady": ""}, "imports steady"),
    "up, from a package": (
        check_floors,
        {"scheme": "from fokkerplanck.methods import base", "methods.base": ""},
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
            "rates": "from fokkerplanck.steady import a",
            "steady": "from fokkerplanck import sde",
            "sde": "import fokkerplanck.rates",
        },
        "rates -> steady -> sde -> rates",
    ),
    "numba upstairs": (check_rooms, {"edges": "from numba import njit"}, "imports numba"),
    "matplotlib downstairs": (
        check_rooms,
        {"cli": "import matplotlib.pyplot as plt"},
        "imports matplotlib",
    ),
    "scipy in a kernel": (
        check_rooms,
        {"kernels.scheme.flux": "import scipy.special"},
        "imports scipy",
    ),
    "kernel calls kernel": (
        check_rooms,
        {"kernels.scheme.flux": "from fokkerplanck.kernels.scheme.selling import f"},
        "imports fokkerplanck.kernels.scheme.selling",
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
    "long module": (check_lengths, {"grid": "# a\n" * 401 + "x = 1\n" * 401}, "grid has 401 lines"),
    "long function": (
        check_lengths,
        {"grid": "def f():\n" + "    x = 1\n" * 60},
        "grid.f has 61 lines",
    ),
    "hidden by a function": (
        check_names,
        {
            "steady": "from fokkerplanck.steady.find import find\n__all__ = ['find']",
            "steady.find": "",
        },
        "steady.find bears the name of what steady exports",
    ),
    "crowded root": (check_names, {f"m{k}": "" for k in range(10)}, "11 modules at the root"),
    "unformatted": (
        check_formatting,
        {"grid": "x = 1  # fmt: skip\n" * (MAX_UNFORMATTED + 1)},
        "lines unformatted",
    ),
}


@pytest.mark.parametrize(("rule", "sources", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_module_is_caught(rule, sources, words):
    complaints = rule([Module(name, source) for name, source in sources.items()])
    assert any(words in complaint for complaint in complaints), complaints


GOOD = {
    "": "from fokkerplanck import sets\n__all__ = ['sets']\n"
    "def __getattr__(name):\n    import fokkerplanck.plot\n",
    "sets": "",
    "kernels": "from fokkerplanck.kernels.scheme.flux import bernoulli",
    "kernels.scheme.flux": "import math\nimport numpy as np\nfrom numba import njit",
    "domain.grid": "import numpy as np\nfrom fokkerplanck.errors import ConvergenceError",
    "errors": '"""A long story.\n' + "\n" * 500 + '"""',
    "steady.state": "from fokkerplanck.domain import grid\ndef f():\n    '''\n"
    + "\n" * 99
    + "    '''",
    "equation.problem": "from fokkerplanck.domain.grid import Grid",
    "plot.fields": "from matplotlib.figure import Figure\nfrom fokkerplanck.steady.state import f",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_house_passes(rule):
    packages = {"", "kernels"}
    assert rule([Module(n, s, is_package=n in packages) for n, s in GOOD.items()]) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import matplotlib.pyplot", "loads matplotlib"),
        ("import scipy.stats", "loads numpy"),
        ("getattr(fokkerplanck, 'Grid'); import scipy.signal", "loads numpy"),
    ],
)
def test_the_import_probe_can_fail(line, words):
    probe = IMPORT_PROBE.replace("import fokkerplanck\n", f"import fokkerplanck\n{line}\n", 1)
    run = run_probe(probe)
    assert run.returncode != 0
    assert words in run.stderr


def test_the_import_probe_sees_compiled_kernels():
    line = "import numba; k = numba.njit(lambda x: x); k(1); fokkerplanck.k = k\n"
    run = run_probe(IMPORT_PROBE.replace("kernels = [", f"{line}kernels = [", 1))
    assert run.returncode != 0
    assert "compiles" in run.stderr


def test_the_front_door_is_its_stub():
    assert set(fp.__all__) == exported(Module("", STUB.read_text(encoding="utf-8")))
    assert set(fp.__all__) <= set(dir(fp))
    for name in fp.__all__:
        getattr(fp, name)
    folders = run_probe("import fokkerplanck as fp; fp.methods.Method, fp.transport.wasserstein")
    assert folders.returncode == 0, folders.stderr
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fp.nothing  # noqa: B018


def test_minimal_versions_are_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [line for name in ("test", "dev", "xarray") for line in extras[name] if ">=" in line]
    text = (ROOT / "constraints-minimal.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if "==" in line)
    bounds = dict(line.split(">=") for line in wanted)
    assert pins.keys() == bounds.keys()
    assert all(f"{pins[name]}.".startswith(f"{bound}.") for name, bound in bounds.items())
