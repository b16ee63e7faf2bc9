"""Problem files: read once, checked whole, built at any parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fokkerplanck.domain.arguments import finite_number, one_of
from fokkerplanck.equation.problem import Problem
from fokkerplanck.problem_files import questions
from fokkerplanck.problem_files.building import Builder
from fokkerplanck.problem_files.checks import check_file, read_parameters, unknown
from fokkerplanck.problem_files.source import Source, read_source


@dataclass(frozen=True, eq=False)
class ProblemFile:
    """A problem in a TOML file, with its parameters and the questions that are asked of it.

    Attributes
    ----------
    path : Path
    title : str
        "" where there is none.
    parameters : dict of str to float
        Those of the file.
    ranges : dict of str to dict
        ``min``, ``max`` and ``scale`` of the parameters that say some of them.
    asks : dict of str to dict
        Tables of questions in the order of the file: steady, solve, jko, spectrum, mfpt, verify,
        sweep, plot. Their keys exist and their values are of the right kind.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from fokkerplanck.problem_files import ProblemFile, template
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "well.toml"
    ...     _ = path.write_text(template("double-well"), encoding="utf-8")
    ...     file = ProblemFile.read(path)
    >>> file.title, list(file.asks)
    ('Two wells with a barrier between them', ['steady', 'spectrum', 'mfpt', 'sweep', 'plot'])
    >>> file.problem(kT=0.5).beta
    2.0
    """

    path: Path
    title: str
    parameters: dict[str, float]
    ranges: dict[str, dict[str, Any]]
    asks: dict[str, dict[str, Any]]
    _source: Source = field(repr=False)
    _python: bool = field(repr=False)

    @classmethod
    def read(cls, path: str | Path, python: bool = False) -> ProblemFile:
        """Read a file and check all of it, without evaluating the problem.

        Parameters
        ----------
        path : str or Path
        python : bool
            Whether ``"file.py:function"`` may run that file. A problem file runs no code otherwise.

        Raises
        ------
        ProblemFileError
            A ValueError that begins with FILE:LINE:COLUMN.
        """
        source = read_source(path)
        check_file(source)
        parameters, ranges = read_parameters(source)
        builder = Builder(source, parameters, python)
        asks = questions.read_questions(source, parameters, builder.variables)
        title = source.data.get("title", "")
        return cls(source.path, title, parameters, ranges, asks, source, python)

    def problem(self, /, **overrides: float) -> Problem:
        """Problem at the parameters of the file, or at others, given by name.

        Raises
        ------
        ProblemFileError
            For what the file says wrong at these parameters.
        ValueError
            For parameters that the file does not have.
        """
        return Builder(self._source, self._values(overrides), self._python).problem()

    def _values(self, overrides: dict[str, Any]) -> dict[str, float]:
        """Parameters, with others in place of some."""
        values = dict(self.parameters)
        for name, value in overrides.items():
            if name not in values:
                raise self._source.mistaken_key(("parameters",), unknown("parameter", name, values))
            values[name] = finite_number(value, f"the parameter {name}")
        return values

    def arguments(self, question: str, problem: Problem, /, **overrides: float) -> dict[str, Any]:
        """Arguments of the library's call for a question, without the problem.

        Times and densities are arrays, methods and sets are objects: ``solve(problem,
        **file.arguments("solve", problem))``. Those of a sweep are ``parameters``, ``pairing``,
        ``workers`` and the ``build`` and ``ask`` that go with them.
        """
        one_of(question, "question", tuple(self.asks))
        values = self._values(overrides)
        variables = Builder(self._source, values, self._python).variables
        asks = questions.read_questions(self._source, values, variables)
        given = questions.arguments(
            self._source, question, asks[question], problem, values, variables
        )
        if question == "sweep":
            given |= {"build": self.problem, "ask": questions.NUMBERS[given["ask"]]}
        return given

    def ask(self, question: str, /, problem: Problem | None = None, **more: Any) -> Any:
        """Answer of a question of the file.

        Parameters
        ----------
        question : str
            A key of ``asks`` other than "plot".
        problem : Problem, optional
            Default: ``problem()``.
        **more
            Further arguments of the library's call: ``progress``, ``checkpoint``, ``path``.

        Returns
        -------
        SteadyState, Solution, Spectrum, PassageTimes, Verdicts or Sweep

        Raises
        ------
        ProblemFileError
            For arguments that the call refuses, at their place in the file.
        """
        asked = tuple(name for name in self.asks if name != "plot")
        one_of(question, "question", asked or ("those of a file with a table such as [steady]",))
        call: Callable[..., Any] = questions.CALLS[question]
        if problem is None:
            problem = self.problem()
        given = {**self.arguments(question, problem), **more}
        with self._source.located(question):
            return call(**given) if question == "sweep" else call(problem, **given)


def read_problem(path: str | Path, /, python: bool = False, **parameters: float) -> Problem:
    """Problem of a TOML file: docs/problem-files.md.

    Parameters
    ----------
    path : str or Path
    python : bool
        Whether ``"file.py:function"`` may run that file; no code runs otherwise.
    **parameters : float
        In place of those of the file, by name.

    Returns
    -------
    Problem

    Raises
    ------
    ProblemFileError
        A ValueError, ``FILE:LINE:COLUMN: sentence``, for everything that is wrong with the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import fokkerplanck as fp
    >>> text = '''
    ... [grid]
    ... box = [[-3, 3]]
    ... shape = 64
    ... [parameters]
    ... a = 1
    ... [problem]
    ... f = "a*x^4/4 - x^2/2"
    ... kT = 0.1
    ... '''
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "well.toml"
    ...     _ = path.write_text(text, encoding="utf-8")
    ...     problem = fp.read_problem(path, a=2)
    >>> problem.given.f
    Formula('2*x^4/4 - x^2/2')
    """
    return ProblemFile.read(path, python).problem(**parameters)
