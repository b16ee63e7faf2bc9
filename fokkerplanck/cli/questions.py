"""Questions: asked of the library, answered by numbers, pictures and files in one folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fokkerplanck import sets
from fokkerplanck.cli import answers, pictures
from fokkerplanck.cli.result_folder import NUMBERS, ResultFolder
from fokkerplanck.cli.showing import columns_table, json_text, named_rows, say, say_aside
from fokkerplanck.cli.subjects import Subject, opened
from fokkerplanck.domain.densities import uniform
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.going_on import resume
from fokkerplanck.problem_files.questions import CALLS
from fokkerplanck.problem_files.questions import NUMBERS as ASKED
from fokkerplanck.version import __version__

#: Options that are arguments of the library's calls, by question.
_OPTIONS = {
    "steady": ("scheme",),
    "solve": ("scheme", "t"),
    "spectrum": ("scheme", "k"),
    "mfpt": ("scheme",),
}
#: What a picture of ``plot`` is drawn from.
_DRAWN_FROM = {"spectrum": "spectrum", "free_energy": "solve"}


def answered(options: argparse.Namespace) -> int:
    """Ask, write, print; 1 if the mathematics said no to one of the questions."""
    subject = opened(options)
    asked = [options.command]
    if options.command == "run":
        asked = list(subject.asks)
        if not asked:
            raise ValueError(f"{options.subject} asks nothing; add a table such as [steady] to it")
    problem = None if asked == ["sweep"] else subject.problem()
    out = options.out or Path(f"{subject.label}-{options.command}")
    resumes = getattr(options, "resume", False)
    folder = ResultFolder(out, options.force, resumes)
    calls = [(name, *_call(name, subject, problem, options)) for name in asked if name != "plot"]
    drawn = _drawn(subject, options) if "plot" in asked else []
    _check_drawn(drawn, subject, problem, options)
    folder.begin(_question(subject, problem, options))
    if any(name in ("solve", "jko", "sweep") for name in asked):
        options.going_on = f"add --resume --out {out} to the same command to go on"
    work = _Work(subject, problem, options, folder)
    try:
        for name, call, given in calls:
            work.ask(name, call, given)
        for what in drawn:
            work.draw(what)
    except (ValueError, OSError, MemoryError):
        folder.abandon(work.files)
        raise
    except KeyboardInterrupt:
        if not hasattr(options, "going_on"):
            folder.abandon(work.files)
        raise
    if not work.interrupted:
        folder.finish()
    work.tell()
    return work.status()


class _Work:
    """What has been answered so far, and the files of it."""

    def __init__(
        self,
        subject: Subject,
        problem: Problem | None,
        options: argparse.Namespace,
        folder: ResultFolder,
    ) -> None:
        self.subject, self.problem, self.options, self.folder = subject, problem, options, folder
        self.found: dict[str, answers.Answer] = {}
        self.failed: dict[str, str] = {}
        self.files: list[Path] = []
        self.interrupted = False

    def ask(self, name: str, call: Callable[..., Any], given: dict[str, Any]) -> None:
        """Ask one question and write its result and its picture."""
        result = self._result(name, call, given)
        if result is None:
            return
        if getattr(result, "status", "") == "interrupted":
            self.interrupted = True
        answer = answers.ANSWERS[name](result, self.options)
        self.found[name] = answer
        self.files.append(result.save(self.folder.path / f"{name}.npz"))
        sheet = pictures.PICTURES[name](result) if name in pictures.PICTURES else None
        if sheet is not None and self.options.command != "plot":
            self.files.append(self.folder.draw(f"{name}.png", sheet))

    def _result(self, name: str, call: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Result; None where the mathematics said no."""
        more: dict[str, Any] = {"progress": False if self.options.quiet else None}
        run, points = (self.folder.path / f"{name}.{word}" for word in ("run", "points"))
        try:
            if name == "sweep":
                return call(**given, **more, path=points)
            if name in ("solve", "jko"):
                # A run that was ended before its first checkpoint begins again.
                if self.folder.resume and any(run.glob("checkpoint-*")):
                    return resume(run, self.problem, **more)  # type: ignore[arg-type]
                more["checkpoint"] = run
            return call(self.problem, **given, **more)
        except ConvergenceError as error:
            self.failed[name] = str(error)
            return None

    def draw(self, what: str) -> None:
        """Draw one picture of ``plot``."""
        source = _DRAWN_FROM.get(what, "steady")
        if source in self.failed:
            return
        if source not in self.found:
            call, given = _call(source, self.subject, self.problem, self.options)
            self.ask(source, call, given)
            if source in self.failed:
                return
        sheet = pictures.drawn(what, self.found[source].result)
        self.files.append(self.folder.draw(f"{what}.png", sheet))

    def tell(self) -> None:
        """Write numbers.json, print, show."""
        told = {name: {**answer.numbers, **answer.columns} for name, answer in self.found.items()}
        content = {
            "subject": self.subject.label,
            "title": self.subject.title,
            "version": __version__,
            "folder": str(self.folder.path),
            **told,
            **({"failed": self.failed} if self.failed else {}),
        }
        text = json_text(content)
        self.files.append(self.folder.write(NUMBERS, text))
        for name, sentence in self.failed.items():
            say_aside(f"fokkerplanck {self.options.command}: {name}: {sentence}")
        if self.options.json:
            print(text)
        elif not self.options.quiet:
            say(self.subject.title)
            for name, answer in self.found.items():
                say(f"\n{name}")
                say(answer.text or named_rows(answer.numbers))
                if answer.columns:
                    say(columns_table(answer.columns))
            names = dict.fromkeys(file.name for file in self.files)  # some are drawn twice
            say(f"\nfiles in {self.folder.path}: {', '.join(names)}")
        if self.options.show:
            pictures.show(file for file in self.files if file.suffix == ".png")

    def status(self) -> int:
        """0, 1 if the mathematics said no; Ctrl-C that the library has heard is handed on."""
        if self.interrupted:
            raise KeyboardInterrupt
        is_wrong = self.failed or any(answer.is_wrong for answer in self.found.values())
        return 1 if is_wrong else 0


def _call(
    name: str, subject: Subject, problem: Problem | None, options: argparse.Namespace
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Function of the library and its arguments, checked as far as they can be beforehand."""
    if name == "sweep":
        return CALLS["sweep"], _swept(subject, options)
    assert problem is not None
    given = subject.arguments(name, problem)
    if options.command == name:
        for word in _OPTIONS.get(name, ()):
            if getattr(options, word) is not None:
                given[word] = getattr(options, word)
    if name == "solve":
        if "t" not in given:
            raise ValueError("no times are given; give output times, --t 0,1,2, or [solve] t")
        if getattr(options, "start", None) is not None:
            given["rho0"] = _start(options.start, problem)
        given.setdefault("rho0", uniform(problem.grid))
    if name == "mfpt" and getattr(options, "target", None) is not None:
        given["target"] = sets.sublevel(_formula("--target", options.target, problem), 0.0)
    at = getattr(options, "at", None)
    if at is not None and len(at) != problem.grid.dim:
        raise ValueError(
            f"--at has {len(at)} of {problem.grid.dim} numbers; give one for each axis"
        )
    if name == "mfpt" and "target" not in given and not problem.grid.has_absorbing_sides:
        raise ValueError(
            'no set is given that is to be reached, and no side absorbs; give --target "x + 1", '
            "a formula that is at most 0 in it, or [mfpt] target"
        )
    return CALLS[name], given


def _formula(option: str, text: str, problem: Problem) -> Formula:
    """Formula of the coordinates; ValueError with the name of the option."""
    try:
        formula = Formula(text)
        formula(*problem.grid.x)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    return formula


def _start(text: str, problem: Problem) -> Any:
    """Density at t = 0, of mass 1."""
    grid = problem.grid
    if text == "uniform":
        return uniform(grid)
    rho = uniform(grid) * 0 + _formula("--start", text, problem)(*grid.x)
    if not (rho >= 0).all() or not 0 < grid.integrate(rho) < float("inf"):
        raise ValueError(f"--start: {text!r:.40} is negative or zero; give a density of any mass")
    return rho / grid.integrate(rho)


def _swept(subject: Subject, options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of a sweep: values with commas in place of what the file says."""
    told = dict(subject.told("sweep"))
    if told.get("workers", 1) != 1:
        raise ValueError(
            f"[sweep] workers is {told['workers']}, but the command line asks one point after the "
            "other; leave it out, or call fp.sweep from Python"
        )
    swept = dict(subject.swept) or {
        name: values
        for name, values in told.get("parameters", {}).items()
        if name not in subject.given
    }
    if not swept:
        raise ValueError("no parameter has several values; give some, as in kT=0.1,0.2,0.4")
    asked = getattr(options, "ask", None) or told.get("ask", "entropy_production")

    def build(**point: float) -> Problem:
        return subject.build(**{**subject.given, **point})

    def ask(problem: Problem) -> dict[str, Any]:
        return {asked: ASKED[asked](problem)}

    given: dict[str, Any] = {"parameters": swept, "ask": ask, "build": build}
    if "pairing" in told and not subject.swept:
        given["pairing"] = told["pairing"]
    return given


def _drawn(subject: Subject, options: argparse.Namespace) -> list[str]:
    """Pictures that are asked for."""
    told = getattr(options, "what", None) or subject.told("plot").get("what", ["portrait"])
    return [told] if isinstance(told, str) else list(told)


def _check_drawn(
    drawn: list[str], subject: Subject, problem: Problem | None, options: argparse.Namespace
) -> None:
    """Refuse pictures that cannot be drawn, before the work."""
    for what in drawn:
        assert problem is not None
        dim = problem.grid.dim
        if (what == "current" and dim != 2) or (what in ("steady", "potential") and dim == 3):
            raise ValueError(f"{what} cannot be drawn in {dim} dimensions; choose density")
        source = _DRAWN_FROM.get(what, "steady")
        if source == "solve":
            _call(source, subject, problem, options)


def _question(
    subject: Subject, problem: Problem | None, options: argparse.Namespace
) -> dict[str, Any]:
    """What is asked, as --resume compares it."""
    plain = ("command", "n", "t", "start", "scheme", "k", "target", "ask", "what")
    words = {word: getattr(options, word) for word in plain if hasattr(options, word)}
    first = problem
    if first is None:  # a sweep: the problem at its first point stands for all that files hold
        given = _swept(subject, options)
        first = given["build"](**{name: values[0] for name, values in given["parameters"].items()})
    return {
        **words,
        "problem": subject.mark(first),
        "parameters": dict(subject.given),
        "swept": {name: list(values) for name, values in subject.swept.items()},
        "version": __version__,
    }
