"""What a command is about: a problem file, or a reference problem with some arguments."""

from __future__ import annotations

import argparse
import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fokkerplanck import zoo
from fokkerplanck.cli import words
from fokkerplanck.data import problem_names
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.problem_files import ProblemFile
from fokkerplanck.theorems.report import CELLS
from fokkerplanck.zoo import Exact


@dataclass(frozen=True)
class Subject:
    """A problem, or as many as there are values of its parameters.

    Attributes
    ----------
    label : str
        Short name, for folders.
    title : str
    build : callable
        ``build(**parameters)`` -> Problem.
    given : dict
        Values of parameters in place of their own.
    swept : dict of lists
        Parameters with several values.
    text : str
        What the problem is made from, for telling whether it is still the same.
    file : ProblemFile or None
    """

    label: str
    title: str
    build: Callable[..., Problem] = field(repr=False)
    given: Mapping[str, Any]
    swept: Mapping[str, list[float]]
    text: str = field(repr=False)
    file: ProblemFile | None = None

    def problem(self) -> Problem:
        """The one problem."""
        for name in self.swept:
            raise ValueError(f"{name} has several values; give one, or ask with fokkerplanck sweep")
        return self.build(**self.given)

    @property
    def asks(self) -> tuple[str, ...]:
        """Questions of the file."""
        return () if self.file is None else tuple(self.file.asks)

    def told(self, question: str) -> dict[str, Any]:
        """What the file says about a question."""
        return {} if self.file is None else self.file.asks.get(question, {})

    def arguments(self, question: str, problem: Problem) -> dict[str, Any]:
        """Arguments of the library's call that the file says."""
        if self.file is None or question not in self.file.asks:
            return {}
        return self.file.arguments(question, problem, **self.given)

    def mark(self, problem: Problem | None) -> str:
        """Digest of the problem: of its text, and of its fields where there is one problem."""
        digest = hashlib.blake2b(self.text.encode(), digest_size=12)
        if problem is not None:
            for u in (problem.g, problem.D):
                digest.update(u.tobytes())
        return digest.hexdigest()


def opened(options: argparse.Namespace) -> Subject:
    """Subject of a command line; ValueError for parameters that it does not have."""
    given: dict[str, str] = {}
    for name, value in options.parameters:
        if name in given:
            raise ValueError(f"{name} is given twice; leave one out")
        given[name] = value
    codes = problem_names()
    wanted = options.subject.lower()
    found = [(code, made) for code, made in codes.items() if wanted in (code.lower(), made)]
    if found:
        return _reference(options, *found[0], given)
    return _file(options, given)


def _file(options: argparse.Namespace, given: Mapping[str, str]) -> Subject:
    """Problem file."""
    path = Path(options.subject)
    file = ProblemFile.read(path, options.python)
    for name in given:
        if name not in file.parameters:
            known = ", ".join(file.parameters) or "none"
            hint = words.nearest(name, file.parameters)
            raise ValueError(f"{path} has no parameter {name!r:.40}{hint} (it has {known})")
    values, swept = _values(given, file.parameters)
    build = partial(_from_file, file, options.n)
    text = path.read_text(encoding="utf-8")
    return Subject(path.stem, file.title or path.name, build, values, swept, text, file)


def _from_file(file: ProblemFile, n: int | None, /, **values: float) -> Problem:
    """Problem of a file, on n cells along each axis."""
    problem = file.problem(**values)
    if n is None:
        return problem
    if any(problem.grid.graded):
        raise ValueError(f"--n {n}: the file gives the faces of its cells; leave --n out")
    return problem.on(Grid(problem.grid.box, n, problem.grid.sides))


def _reference(
    options: argparse.Namespace, code: str, name: str, given: Mapping[str, str]
) -> Subject:
    """Reference problem of the zoo."""
    if options.python:
        raise ValueError(f"--python: {name} is a reference problem and no file; leave it out")
    constructor: Callable[..., Exact] = getattr(zoo, name)
    takes = inspect.signature(constructor).parameters
    alike = [other for other, made in problem_names().items() if made == name]
    is_code = options.subject.lower() != name
    if given and is_code and len(alike) > 1:
        raise ValueError(
            f"{code} is {name} with arguments of its own; give the constructor with all of yours, "
            f"{name} {' '.join(f'{word}={value}' for word, value in given.items())}"
        )
    for word in given:
        if word not in takes:
            hint = words.nearest(word, takes)
            known = ", ".join(takes) or "none"
            raise ValueError(f"{name} has no argument {word!r:.40}{hint} (it has {known})")
    values, swept = _values(given, {word: takes[word].default for word in takes})
    build = partial(_from_zoo, code if is_code or not given else "", name, options.n)
    title = f"{code} {name}"
    if not swept:
        title = repr(_exact("" if given and not is_code else code, name, values))
    return Subject(name, title, build, values, swept, f"{code} {options.n}")


def _exact(code: str, name: str, values: Mapping[str, Any]) -> Exact:
    """Reference problem: of the catalogue where nothing is said about it."""
    if code and not values:
        return {**zoo.catalogue(), **zoo.degenerate()}[code]
    made: Exact = getattr(zoo, name)(**values)
    return made


def _from_zoo(code: str, name: str, n: int | None, /, **values: Any) -> Problem:
    """Problem of the zoo on its default box."""
    exact = _exact(code, name, values)
    return exact.build(CELLS[exact.dim] if n is None else n)


def _values(
    given: Mapping[str, str], defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Single values, and lists of several."""
    values: dict[str, Any] = {}
    swept: dict[str, list[float]] = {}
    for name, text in given.items():
        default = defaults[name]
        try:
            if isinstance(default, str):
                values[name] = text
            elif "," in text:
                swept[name] = words.numbers(text)
            elif isinstance(default, int) and not isinstance(default, bool) and _is_whole(text):
                values[name] = int(text)
            else:
                values[name] = words.number(text)
        except argparse.ArgumentTypeError as error:
            raise ValueError(f"{name}: {error}") from None
    return values, swept


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdigit()
