"""From the tables of a problem file to a `Problem`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.grid import AXES, Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.problem_files.checks import formula, kind_of, number, unknown
from fokkerplanck.problem_files.mistakes import shown
from fokkerplanck.problem_files.places import Trail
from fokkerplanck.problem_files.python_functions import names_function, python_function
from fokkerplanck.problem_files.samples import read_columns, row_losses
from fokkerplanck.problem_files.schema import PROBLEM
from fokkerplanck.problem_files.source import Source
from fokkerplanck.zoo import Exact

#: Most cells of a grid that a file asks for: their coordinates alone are some gigabytes.
MOST_CELLS = 10**8


class Builder:
    """The problem of a file at some parameters: all that is wrong with the text is said here.

    Attributes
    ----------
    source : Source
    parameters : dict of str to float
    python : bool
        Whether functions in Python files may be run.
    """

    def __init__(self, source: Source, parameters: dict[str, float], python: bool) -> None:
        self.source, self.parameters, self.python = source, parameters, python
        self.table: dict[str, Any] = source.data["problem"]
        self.kind = kind_of(self.table)
        self.exact = self._reference() if self.kind == "zoo" else None
        self.grid = self._grid()
        self.variables = self._variables()
        self.given = self._given()

    def problem(self) -> Problem:
        """Problem, evaluated on its grid."""
        make = {
            "zoo": self._of_zoo,
            "samples": self._of_samples,
            "U": self._of_langevin,
            "Phi": self._of_potential,
        }.get(self.kind, lambda: Problem(self.grid, **self.given))
        with self.source.located("problem", "grid", "zoo"):
            return make()

    def number(self, value: Any, path: Trail) -> float:
        """Value of a number or of a formula of the parameters."""
        return number(self.source, value, self.parameters, path)

    # --- the grid ---

    def _grid(self) -> Grid:
        """Grid, with the numbers that hold now."""
        table = self.source.data["grid"]
        if "box" in table and "faces" in table:
            raise self.source.mistaken_key(
                ("grid", "faces"), "box and faces are both given; give one of them"
            )
        name = "faces" if "faces" in table else "box"
        if name in table:
            box: Any = [
                [self.number(u, ("grid", name, k, i)) for i, u in enumerate(self._row(name, k))]
                for k in range(len(table[name]))
            ]
        elif self.exact is not None:
            box = self.exact.box
        else:
            raise self.source.mistaken_key(
                ("grid",), "[grid] has no box; give [lower, upper] for each axis, [[-3, 3]]"
            )
        sides = table.get("sides", "reflecting" if self.exact is None else self.exact.sides)
        self._check_cells(table.get("shape", 1), len(box))
        with self.source.located("grid"):
            return Grid(box, table.get("shape"), sides)

    def _row(self, name: str, axis: int) -> list[Any]:
        """Entries for one axis of a box."""
        row = self.source.data["grid"][name][axis]
        if not isinstance(row, list):
            path: Trail = ("grid", name, axis)
            raise self.source.mistake(path, f"{name}[{axis}] is {shown(row)}; give [lower, upper]")
        return row

    def _check_cells(self, shape: Any, axes: int) -> None:
        """Raise for more cells than a file asks for knowingly."""
        cells = math.prod(shape) if isinstance(shape, list) else shape**axes
        if abs(cells) > MOST_CELLS:
            raise self.source.mistake(
                ("grid", "shape"), f"shape asks for over {MOST_CELLS:.0e} cells; give fewer"
            )

    def _variables(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        default = ("x", "v") if self.kind == "U" else tuple(AXES)
        given = tuple(self.table.get("variables", default[: self.grid.dim]))
        path: Trail = ("problem", "variables")
        if len(given) != self.grid.dim or len(set(given)) < len(given):
            raise self.source.mistake(
                path,
                f"variables are {', '.join(given)}, and there are {self.grid.dim} axes; give each "
                "axis a name of its own",
            )
        try:  # what can name a parameter can name a coordinate
            Formula(0.0, dict.fromkeys(given, 0.0), ("_",))
        except ValueError as error:
            reason = str(error).replace("a parameter", "a coordinate")
            raise self.source.mistake(path, reason) from None
        for name in given:
            if name in self.parameters:
                raise self.source.mistaken_key(
                    ("parameters", name),
                    f"{name} cannot name a parameter, it is a coordinate; give another name",
                )
        return given

    # --- fields ---

    def _given(self) -> dict[str, Any]:
        """Arguments of the problem: formulas, numbers, words."""
        given: dict[str, Any] = {}
        for name, value in self.table.items():
            leaf, path = PROBLEM[name].leaf, ("problem", name)
            if name in ("variables", "loss", self.kind if self.kind in ("zoo", "samples") else ""):
                continue
            if leaf == "formula":
                given[name] = self._field(name, value, path)
            elif leaf == "number":
                given[name] = self.number(value, path)
            else:
                given[name] = value
        return given

    def _field(self, name: str, value: Any, path: Trail) -> Any:
        """Formula, or numbers where all of it are numbers; or a Python function."""
        if names_function(value):
            return python_function(self.source, value, self.parameters, self.python, path)
        self._check_size(name, value, path)
        variables = self.variables[:1] if name == "U" else self.variables
        is_constant = self._check_leaves(value, variables, path)
        return _tuples(value) if is_constant else Formula(value, self.parameters, variables)

    def _check_size(self, name: str, value: Any, path: Trail) -> None:
        """Raise where the number of entries is not that of the axes."""
        d = self.grid.dim
        is_vector = name in ("drift", "grad_f", "j")
        if not isinstance(value, list):
            if is_vector and d > 1:
                raise self.source.mistake(
                    path, f"{name} is one formula on {d} axes; give a list of {d}"
                )
            return
        if len(value) != d:
            what = "entries" if len(value) > 1 else "entry"
            raise self.source.mistake(
                path, f"{name} has {len(value)} {what} on a grid of {d} axes; give {d}"
            )
        rows = [u for u in value if isinstance(u, list)]
        if rows and (len(rows) < d or len({len(u) for u in rows}) > 1):
            raise self.source.mistake(path, f"{name} has rows of unequal lengths; give a matrix")
        if rows and name != "sigma" and len(rows[0]) != d:
            raise self.source.mistake(
                path, f"{name} has {d} rows of {len(rows[0])} on {d} axes; give a square matrix"
            )

    def _check_leaves(self, value: Any, variables: tuple[str, ...], path: Trail) -> bool:
        """Read every formula by itself, so that a mistake is told by its place."""
        if isinstance(value, list):
            found = [self._check_leaves(u, variables, (*path, k)) for k, u in enumerate(value)]
            return all(found)
        if isinstance(value, str):
            formula(self.source, value, self.parameters, variables, path)
            return False
        return True

    # --- ways to give a problem ---

    def _of_langevin(self) -> Problem:
        """Motion with inertia."""
        given = dict(self.given)
        if "beta" in given and "kT" in given:
            raise ValueError("beta and kT are both given; give one (kT = 1/beta)")
        beta = given.pop("beta", None)
        if beta is not None and not 0 < beta < math.inf:
            raise ValueError(f"beta is {beta:g}; give a finite positive number")
        kT = given.pop("kT", 1.0) if beta is None else 1 / beta
        return Problem.langevin(self.grid, kT=kT, **given)

    def _of_potential(self) -> Problem:
        """Drift for a steady state."""
        given = dict(self.given)
        if "beta" in given and "kT" in given:
            raise ValueError("beta and kT are both given; give one (kT = 1/beta)")
        kT = given.pop("kT", None)
        if kT is not None and not 0 < kT < math.inf:
            raise ValueError(f"kT is {kT:g}; give a finite positive number")
        if kT is not None:
            given["beta"] = 1 / kT
        return Problem.from_potential(self.grid, **given)

    def _of_samples(self) -> Problem:
        """Minibatch SGD on the rows of a file."""
        path: Trail = ("problem", "samples")
        columns = read_columns(self.source.path.parent / self.table["samples"])
        try:
            Formula(0.0, {**self.parameters, **dict.fromkeys(columns, 0.0)}, self.variables)
        except ValueError as error:
            reason = str(error).replace("a parameter", "a column")
            raise self.source.mistake(path, reason) from None
        both = [name for name in columns if name in self.parameters]
        if both:
            raise self.source.mistake(path, f"{both[0]} names a column and a parameter; rename one")
        loss = formula(
            self.source,
            str(self.table["loss"]),
            self.parameters,
            (*self.variables, *columns),
            ("problem", "loss"),
        )
        rows, data = row_losses(loss, self.grid.dim, columns)
        given = {
            name: self.given[name] for name in ("eta", "b", "replacement") if name in self.given
        }
        return Problem.from_samples(
            self.grid, rows.losses, data, grad_losses=rows.gradients, **given
        )

    def _of_zoo(self) -> Problem:
        """Reference problem on the grid of the file."""
        if self.exact is None:
            raise ValueError("zoo names no problem; give one")
        exact = self.exact
        if exact.f is not None:
            return Problem(self.grid, f=exact.f, D=exact.D, kT=exact.kT, grad_f=exact.g)
        return Problem(self.grid, D=exact.D, kT=exact.kT, drift=exact.drift)

    def _reference(self) -> Exact:
        """Reference problem that is named, with its arguments."""
        name, path = self.table["zoo"], ("problem", "zoo")
        known = reference_problems()
        if name not in known:
            raise self.source.mistake(path, unknown("reference problem", name, known))
        takes = inspect.signature(known[name]).parameters
        given = {}
        for word, value in self.source.data.get("zoo", {}).items():
            if word not in takes:
                raise self.source.mistaken_key(("zoo", word), unknown("argument", word, takes))
            given[word] = self._argument(value, takes[word].default, ("zoo", word))
        with self.source.located("zoo", "problem"):
            return known[name](**given)

    def _argument(self, value: Any, default: Any, path: Trail) -> Any:
        """Argument of a reference problem, of the kind of its default."""
        if isinstance(default, str):
            if not isinstance(value, str):
                raise self.source.mistake(path, f"{path[-1]} is {shown(value)}; give a text")
            return value
        if isinstance(value, list) and default is None:
            return np.array(
                [
                    [self.number(u, (*path, i, k)) for k, u in enumerate(row)]
                    for i, row in enumerate(value)
                    if isinstance(row, list)
                ]
            )
        if isinstance(value, (bool, list, dict)) or not isinstance(value, (int, float, str)):
            raise self.source.mistake(path, f"{path[-1]} is {shown(value)}; give a number")
        if isinstance(default, int) and not isinstance(default, bool):
            if not isinstance(value, int):
                raise self.source.mistake(
                    path, f"{path[-1]} is {shown(value)}; give a whole number"
                )
            return value
        return self.number(value, path)


def reference_problems() -> dict[str, Callable[..., Exact]]:
    """Constructors of the reference problems, by name."""
    found: dict[str, Callable[..., Exact]] = {}
    for name in zoo.__all__:
        function = getattr(zoo, name)
        if inspect.isfunction(function):
            returned = inspect.signature(function).return_annotation
            if returned in (Exact, "Exact"):
                found[name] = function
    return found


def _tuples(value: Any) -> Any:
    """Nested tuples of floats."""
    return tuple(_tuples(u) for u in value) if isinstance(value, list) else float(value)
