"""A problem as the text of a problem file, where all that defines it can be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import frozen
from fokkerplanck.domain.expressions import ExpressionError, Formula, bound, parse, printed
from fokkerplanck.domain.fields import at, is_gridded
from fokkerplanck.domain.grid import AXES, Grid
from fokkerplanck.equation.given import Given
from fokkerplanck.equation.langevin import Langevin

#: Arguments in the order in which they are written.
ORDER = ("f", "grad_f", "drift", "Phi", "Q", "j", "D", "sigma")


def toml_text(grid: Grid, given: Given, beta: float, calculus: str) -> str:
    """Text of a problem file with the same fields, to the last bit.

    Raises
    ------
    ValueError
        For arguments that text cannot hold: functions, arrays that vary, samples.
    """
    if given.sampling is not None:
        raise ValueError(
            "this problem is of minibatch SGD, whose losses are a function; write samples = and "
            "loss = into a problem file by hand"
        )
    fields: dict[str, Any] = {
        name: getattr(given, name) for name in ORDER if getattr(given, name) is not None
    }
    if given.sigma is not None:
        del fields["D"]  # it follows
    if given.langevin is not None:
        fields = {"U": _energy(given.langevin)}
    checked = {name: _checked(name, u, grid) for name, u in fields.items()}
    formulas = {name: u for name, u in checked.items() if isinstance(u, Formula)}
    variables = _variables(formulas, grid.dim)
    parameters = _parameters(formulas, variables)
    lines = ["[grid]", *_grid_lines(grid)]
    if parameters:
        lines += ["", "[parameters]", *(f"{k} = {_written(v)}" for k, v in parameters.items())]
    lines += ["", "[problem]"]
    if (formulas and variables != tuple(AXES[: grid.dim])) or "U" in fields:
        lines.append(f"variables = {_written(variables)}")
    for name, value in checked.items():
        text = (
            _formula_text(name, value, parameters is not None)
            if isinstance(value, Formula)
            else value
        )
        lines.append(f"{name} = {_written(text)}")
    if given.langevin is not None:
        lines.append(f"gamma = {_written(given.langevin.gamma)}")
        lines.append(f"mass = {_written(given.langevin.mass)}")
        lines.append(f"kT = {_written(_temperature(beta))}")
    else:
        lines.append(f"beta = {_written(beta)}")
    if calculus != "ito":
        lines.append(f"calculus = {_written(calculus)}")
    return "\n".join(lines) + "\n"


def _checked(name: str, value: Any, grid: Grid) -> Any:
    """Formula, or nested lists of numbers; what is the same in all cells is one of these."""
    if isinstance(value, Formula):
        return value
    if callable(value):
        raise ValueError(_opaque(name, "a Python function"))
    if is_gridded(value, grid.shape):
        if not isinstance(value, np.ndarray):
            raise ValueError(_opaque(name, "a list of arrays"))
        first = value[at((slice(1),) * grid.dim)]
        if not np.array_equal(np.broadcast_to(first, value.shape), value):
            raise ValueError(_opaque(name, "an array that varies"))
        value = first.reshape(value.shape[: value.ndim - grid.dim])
    if isinstance(value, (list, tuple)):
        return [_checked(name, u, grid) for u in value]
    return np.asarray(value, float).tolist()


def _opaque(name: str, what: str) -> str:
    """Sentence on what no text can hold."""
    return f"{name} is {what}, which a problem file cannot hold; give a Formula"


def _energy(langevin: Langevin) -> Any:
    """Potential energy of motion with inertia, if it can be written."""
    U = langevin.U
    if isinstance(U, Formula) or (not callable(U) and np.ndim(U) == 0):
        return U
    raise ValueError(_opaque("U", "a Python function" if callable(U) else "an array"))


def _temperature(beta: float) -> float:
    """A temperature whose inverse is beta to the last bit, where there is one."""
    middle = 1 / beta
    near = (middle, np.nextafter(middle, 0.0), np.nextafter(middle, np.inf))
    return next((float(u) for u in near if 1 / float(u) == beta), middle)


def _variables(formulas: Mapping[str, Formula], dim: int) -> tuple[str, ...]:
    """Names of the coordinates, which all formulas share, and others where they have fewer."""
    named = [u.variables[:dim] for u in formulas.values()]
    longest = max(named, key=len, default=())
    if any(u != longest[: len(u)] for u in named):
        raise ValueError(
            "formulas name the coordinates in different ways; give all of them the same variables"
        )
    if not all(word.isascii() for word in longest):
        raise ValueError(f"variables is {longest}; a problem file takes letters, digits and _")
    taken = {*longest}.union(*(u.parameters for u in formulas.values()))
    free = [word for word in (*AXES, "v", *(f"x{k}" for k in range(99))) if word not in taken]
    return (*longest, *free)[:dim]


def _parameters(
    formulas: Mapping[str, Formula], variables: tuple[str, ...]
) -> dict[str, float] | None:
    """Parameters that keep their names; none where a name means two things."""
    values: dict[str, float] = {}
    for formula in formulas.values():
        for name, value in formula.parameters.items():
            if values.setdefault(name, value) != value or name in (*variables, *AXES, "python"):
                return None
    return values


def _formula_text(name: str, formula: Formula, named: bool) -> Any:
    """Text of a formula that reads as the same formula."""

    def entry(tree: Any) -> Any:
        if isinstance(tree, tuple):
            return [entry(u) for u in tree]
        text = printed(tree if named else bound(tree, formula.parameters))
        try:
            parse(text, (*formula.variables, *formula.parameters))
        except ExpressionError as error:
            raise ValueError(
                f"{name} holds a formula that cannot be written ({error.reason}); give it as text"
            ) from None
        return text

    return entry(formula.trees)


def _grid_lines(grid: Grid) -> list[str]:
    """Box or faces, shape and sides."""
    axes = [
        [float(u) for u in faces] if is_graded else list(pair)
        for faces, is_graded, pair in zip(grid.faces, _listed(grid), grid.box, strict=True)
    ]
    words = [lo if lo == hi else [lo, hi] for lo, hi in grid.sides]
    return [
        f"box = {_written(axes)}",
        f"shape = {_written(list(grid.shape))}",
        f"sides = {_written(words)}",
    ]


def _listed(grid: Grid) -> list[bool]:
    """Axes whose faces are not those of equal cells to the last bit."""
    return [
        not np.array_equal(faces, frozen(np.linspace(faces[0], faces[-1], len(faces))))
        for faces in grid.faces
    ]


def _written(value: Any) -> str:
    """Value in TOML; texts of formulas and words need no more than JSON's quotes."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(u) for u in value)}]"
    return repr(value)
