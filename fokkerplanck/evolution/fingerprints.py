"""What a run was asked, in numbers and words that another question can be compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from fokkerplanck import methods
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Energy
from fokkerplanck.equation.problem import Problem
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.generator import Generator

#: What is compared of a problem, and how a message speaks of it.
PARTS = {
    "grid": "the faces of the grid",
    "sides": "what the sides of the box do",
    "beta": "beta",
    "D": "D at the cells",
    "drift": "the drift at the cells",
    "edges": "the drift or D between the cells",
}


def problem_fingerprint(generator: Generator) -> dict[str, str]:
    """Digests of a problem's arrays, bit by bit, by name; short ones in words."""
    problem = Generator.problem_of(generator, "solve")
    edges = generator.edges
    exits = [edges.exits[side] for side in sorted(edges.exits, key=str)]
    one_way = [] if edges.one_way is None else [edges.one_way]
    return {
        "grid": digest(problem.grid.faces),
        "sides": repr(problem.grid.sides),
        "beta": repr(float(problem.beta)),
        "D": digest(_cells(problem)),
        "drift": digest(_drift(problem)),
        "edges": digest([edges.tail, edges.head, edges.weight, edges.tilt, *exits, *one_way]),
    }


def _cells(problem: Problem) -> Iterator[Array]:
    """D component by component, of one cell where it is the same in all."""
    d = problem.grid.dim
    part: Any = (0,) * d if problem.D_constant else ()
    return (problem.D[(i, k, *part)] for i in range(d) for k in range(d))


def _drift(problem: Problem) -> Array:
    """Drift at the cells; nothing where it has no values there, and edges alone know it."""
    try:
        return problem.v
    except ValueError:
        return np.empty(0)


def digest(arrays: Any) -> str:
    """Checksum of the bytes and shapes of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        found.update(f"{array.dtype.str} {array.shape} ".encode())
        found.update(array.data)
    return found.hexdigest()[:32]


def check_problem_is(generator: Generator, expected: Mapping[str, str], where: Any) -> None:
    """ValueError that names what differs in a problem from that of a run."""
    mine = problem_fingerprint(generator)
    for name, words in PARTS.items():
        if mine[name] != expected.get(name):
            values = ""
            if name in ("beta", "sides"):
                values = f" ({expected.get(name)} there, {mine[name]} here)"
            raise ValueError(
                f"the problem is not that of the run in {where}: {words} differs{values}, which is "
                "compared to the last bit; give the same problem"
            )


def method_fingerprint(method: Method, generator: Generator, start: Array) -> dict[str, Any]:
    """Class, words and parameters of a method; energies by their values at two densities."""
    names: list[str] = [f.name for f in fields(method)] if is_dataclass(method) else []
    values = {name: _plain(getattr(method, name), generator.grid, start) for name in names}
    return {"class": _name(type(method)), "words": repr(method), "values": values}


def _plain(value: Any, grid: Grid, start: Array) -> Any:
    """JSON of a parameter that can be had back from it; else {"told by": ...}."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple) and all(isinstance(u, (int, float)) for u in value):
        return list(value)
    if isinstance(value, Energy):
        even = np.full(grid.shape, 1 / float(np.sum(grid.volumes)))
        found = [float(value.value(rho, grid)).hex() for rho in (start, even)]
        return {"told by": type(value).__name__, "values": found}
    return {"told by": repr(value)}


def method_of(words: Mapping[str, Any], where: Any) -> Method:
    """Method that a fingerprint tells all of; ValueError that asks for it otherwise."""
    kind = _kinds().get(str(words.get("class")))
    values = words.get("values", {})
    if kind is None or not is_told(words):
        raise ValueError(
            f"the run in {where} is by {words.get('words')}, which holds what files cannot; give "
            "the same method"
        )
    try:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        made: Method = kind(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the run in {where} has a damaged method ({error})") from error
    return made


def check_method_is(
    method: Any, words: Mapping[str, Any], where: Any, generator: Generator, start: Array
) -> None:
    """ValueError for another method than that of a run."""
    if not isinstance(method, Method):
        raise ValueError(f"method is {describe(method)}; give a Method, or leave it out")
    mine = method_fingerprint(method, generator, start)
    if mine["class"] != words.get("class") or mine["values"] != words.get("values"):
        raise ValueError(
            f"method is {method!r}, and the run in {where} is by {words.get('words')}; give that, "
            "or leave method out"
        )


def is_told(words: Mapping[str, Any]) -> bool:
    """Whether a fingerprint tells all of its method."""
    values = words.get("values", {}).values()
    return str(words.get("class")) in _kinds() and not any(isinstance(u, dict) for u in values)


def _kinds() -> dict[str, type[Method]]:
    """Methods of the library, by name."""
    found = [*vars(methods).values(), *vars(methods.jko).values()]
    return {_name(u): u for u in found if isinstance(u, type) and issubclass(u, Method)}


def _name(kind: type) -> str:
    """Where a class is at home."""
    return f"{kind.__module__}.{kind.__qualname__}"
