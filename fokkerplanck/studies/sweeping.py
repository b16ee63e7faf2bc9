"""The same question at many points of a space of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fokkerplanck.domain.arguments import describe, frozen
from fokkerplanck.equation.problem import Problem
from fokkerplanck.studies import crew
from fokkerplanck.studies.answers import Answer, is_numbers
from fokkerplanck.studies.folders import Folder
from fokkerplanck.studies.points import Points, check_function, words
from fokkerplanck.studies.sweep_result import Sweep

#: A bar appears by itself only if the sweep is not over after this long, in seconds.
BAR_AFTER = 1.0
#: What is said of a point that an interruption has kept from being asked.
NOT_ASKED = "not asked: interrupted"


class SweepInterrupt(KeyboardInterrupt):
    """Ctrl-C during a sweep, with what was done by then.

    Attributes
    ----------
    sweep : Sweep
        Points that were not asked are among its ``errors``.
    """

    def __init__(self, sweep: Sweep, path: Path | None) -> None:
        done = f"{int(sweep.ok.sum())} of {sweep.ok.size} points are done and in .sweep"
        how = "give path= to go on from there the next time"
        if path is not None:
            how = f"call again with the same path {str(path)!r} to go on"
        super().__init__(f"interrupted; {done}; {how}")
        self.sweep = sweep


def sweep(
    build: Callable[..., Problem],
    parameters: Mapping[str, Sequence[Any]],
    ask: Callable[[Problem], Any],
    *,
    pairing: str = "product",
    workers: int | None = None,
    executor: Any = None,
    progress: bool | None = None,
    path: str | Path | None = None,
) -> Sweep:
    """Ask the same question at many points: ``ask(build(**point))``.

    Parameters
    ----------
    build : callable
        ``build(**point)`` -> Problem, with one argument a parameter.
    parameters : dict of sequences
        Values of each parameter: finite numbers or words.
    ask : callable
        ``ask(problem)`` -> number, array, dict of these by name, or one result of any kind. Of the
        same names and shapes at every point.
    pairing : {"product", "zip"}
        Every value of each with every value of the others, one axis a parameter; or the first of
        each, the second of each, and so on, one axis in all.
    workers : int, optional
        Processes; by default this one alone. They start afresh: both functions have to be defined
        at the top of a module, and in a script the call has to stand under
        ``if __name__ == "__main__":``.
    executor : executor of ``concurrent.futures``, optional
        In place of workers: threads, or one of dask or ray. Stays open.
    progress : bool, optional
        A bar with the time left: always, never, or (None) on a terminal after a second.
    path : str or path, optional
        Folder in which every point is kept as soon as it is done, in a file of its own. Points
        that are there are not asked again, those that failed are. If the text of build or ask has
        changed, there is a ValueError; what they call is not looked at.

    Returns
    -------
    Sweep
        The same whoever did the work and in whatever order.

    Raises
    ------
    ValueError
        If an argument is wrong, or every point failed: with the sentence of the first.
    SweepInterrupt
        A KeyboardInterrupt, at Ctrl-C, with what was done as ``.sweep``.

    Notes
    -----
    An error at one point does not end the sweep: it is kept in ``errors``, shown by ``summary``,
    and the answers there are masked.

    Examples
    --------
    Variance of a harmonic well, kT/k.

    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-8, 8)], 120)
    >>> def build(k, kT):
    ...     return fp.Problem(grid, f=lambda x: k * x**2 / 2, kT=kT)
    >>> def ask(problem):
    ...     return {"variance": fp.steady_state(problem).mean(lambda x: x**2)}
    >>> fp.sweep(build, {"k": [1, 2], "kT": [0.5, 1]}, ask)["variance"].round(4)
    array([[0.5 , 1.  ],
           [0.25, 0.5 ]])
    """
    if progress is not None and not isinstance(progress, bool):
        raise ValueError(f"progress is {describe(progress)}; give None, True or False")
    points = Points.of(parameters, pairing)
    check_function(build, "build", points.values, "a Problem")
    check_function(ask, "ask", 1, "numbers")
    folder = None if path is None else Folder.of(path, build, ask)
    done = {} if folder is None else _stored(points, folder)
    try:
        _ask_all((build, ask), points, done, folder, workers, executor, progress)
    except KeyboardInterrupt as interrupt:
        partial = {k: done.get(k, NOT_ASKED) for k in range(len(points.all()))}
        where = None if folder is None else folder.path
        raise SweepInterrupt(_assembled(points, partial), where) from interrupt
    result = _assembled(points, done)
    if not result.ok.any():
        first = next(iter(result.errors))
        raise ValueError(
            f"all {result.ok.size} points failed; the first, {words(result.point(first))}: "
            f"{result.errors[first]}"
        )
    return result


def _stored(points: Points, folder: Folder) -> dict[int, Answer]:
    """Answers in a folder, by the number of the point."""
    found = {number: folder.found(point) for number, point in enumerate(points.all())}
    return {number: answers for number, answers in found.items() if answers is not None}


def _ask_all(
    functions: crew.Functions,
    points: Points,
    done: dict[int, Answer],
    folder: Folder | None,
    workers: int | None,
    executor: Any,
    progress: bool | None,
) -> None:
    """Ask at all points that are not done, and take down every answer as it comes."""
    asked = points.all()
    left = [(number, point) for number, point in enumerate(asked) if number not in done]
    disable, delay = (None, BAR_AFTER) if progress is None else (not progress, 0.0)
    style: dict[str, Any] = {"unit": " points", "disable": disable, "delay": delay}
    bar = tqdm(desc="sweep", total=len(asked), initial=len(done), **style)
    # Closed at once, so that workers hear of an interruption.
    with bar, closing(crew.answers(functions, left, workers, executor)) as coming:
        for number, found in coming:
            if folder is not None and not isinstance(found, str):
                folder.keep(asked[number], found)
            done[number] = found
            bar.update(1)


def _assembled(points: Points, done: Mapping[int, Answer]) -> Sweep:
    """Arrays over the points; the first with an answer says which names and shapes there are."""
    shape, n = points.shape, len(done)
    found = {number: u for number, u in sorted(done.items()) if not isinstance(u, str)}
    errors = {number: u for number, u in done.items() if isinstance(u, str)}
    values: dict[str, np.ndarray] = {}
    if found:
        first = next(iter(found.values()))
        for number, answers in list(found.items()):
            if unlike := _unlike(first, answers):
                errors[number] = unlike
                del found[number]
        numeric = is_numbers(first)
        for name, u in first.items():
            kind = np.result_type(*(a[name] for a in found.values())) if numeric else object
            empty = np.nan if numeric else None
            values[name] = np.full((n, *np.shape(u)) if numeric else (n,), empty, kind)
            for number, answers in found.items():
                values[name][number] = answers[name]
    index = {
        tuple(int(i) for i in np.unravel_index(number, shape)): errors[number]
        for number in sorted(errors)
    }
    ok = np.array([number in found for number in range(n)]).reshape(shape)
    arrays = {name: frozen(u.reshape(shape + u.shape[1:])) for name, u in values.items()}
    return Sweep(points.values, points.pairing, arrays, frozen(ok), index)


def _unlike(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why answers do not go with those of the first point; empty if they do."""
    if first.keys() != other.keys() or is_numbers(first) != is_numbers(other):
        return f"answers {', '.join(other)}, where the first point has {', '.join(first)}"
    for name, u in first.items():
        if is_numbers(first) and u.shape != other[name].shape:
            return f"{name} has shape {other[name].shape}, that of the first point {u.shape}"
    return ""
