"""Go on with a run that was ended, from the folder that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, one_of, positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.evolution.checkpoints import Keeper, check_every
from fokkerplanck.evolution.events import Event, Watch, check_events
from fokkerplanck.evolution.fingerprints import (
    check_method_is,
    check_problem_is,
    is_told,
    method_of,
)
from fokkerplanck.evolution.run_folder import RunFolder
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import (
    Callback,
    Run,
    check_tolerance,
    question,
    rates_of,
    time_bar,
)
from fokkerplanck.evolution.transport import Transport
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.linear_fluxes import EVOLUTIONS


def resume(
    path: str | Path,
    problem: Problem | Generator,
    method: Method | None = None,
    *,
    scheme: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    callback: Callback | None = None,
    progress: Any = None,
    throw: bool = True,
    events: Event | Sequence[Event] | None = None,
    every: float = 60.0,
) -> Solution:
    r"""Go on with a run of ``solve(..., checkpoint=path)``, to the same numbers bit by bit.

    .. math:: \rho(t_k)\mapsto\rho(t_{k+1}),\dots,\rho(t_n),\qquad k\text{ the last checkpoint's}

    Parameters
    ----------
    path : str or path
        Folder of the run. Of one that is over the Solution is returned.
    problem : Problem or Generator
        The same as before, to the last bit of grid, beta, D and drift: files hold no functions.
    method : Method, optional
        Only where it holds what files cannot: an energy, or a class of your own.
    scheme, rtol, atol : optional
        As before, or left out.
    callback, progress, throw
        As in ``solve``; the callback sees what is computed now.
    events : callable or list of callables, optional
        The same as before, in the same order.
    every : float, default 60
        Seconds between checkpoints, at least.

    Returns
    -------
    Solution
        Of the whole run; ``rho`` is read from the files when it is asked for.

    Raises
    ------
    ValueError
        If problem, method, scheme, tolerance or events are not those of the run, if the folder is
        no run, has no checkpoint that holds, or is being written by another process.
    ConvergenceError
        If the method fails, with ``throw=True``.

    Notes
    -----
    A damaged checkpoint is passed over for the one before it, which a RuntimeWarning says. Every
    density that a checkpoint stands on is compared with its checksum first.
    Same bits means on the same machine with the same libraries: others may round otherwise.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> start, t = fp.gaussian(grid, 1, 0.2), np.linspace(0, 2, 9)
    >>> whole = fp.solve(problem, start, t)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = pathlib.Path(place) / "run"
    ...     early = fp.solve(problem, start, t, checkpoint=folder, callback=lambda t, rho: t == 1)
    ...     late = fp.resume(folder, problem)
    ...     early.status, late.status, bool((late.rho == whole.rho).all())
    ('stopped', 'finished', True)
    """
    every = check_every(every, path)
    if callback is not None and not callable(callback):
        raise ValueError(f"callback is {type(callback).__name__}; give a function callback(t, rho)")
    watched = check_events(events)
    if scheme is not None:
        one_of(scheme, "scheme", EVOLUTIONS)
    rtol = None if rtol is None else positive_number(rtol, "rtol")
    atol = None if atol is None else positive_number(atol, "atol")
    Generator.problem_of(problem, "resume")
    with RunFolder(path, every, is_new=False) as folder:
        asked, times = folder.question["asked"], np.array(folder.question["times"], dtype=float)
        _check_asked(folder, scheme, rtol, atol, len(watched))
        generator = Generator.of(problem, "resume")
        check_problem_is(generator, folder.question["problem"], folder.path)
        saved = folder.read()
        start = np.array(folder[0])
        words = folder.question["method"]
        if method is None and ("solution" not in saved or is_told(words)):
            method = method_of(words, folder.path)
        if method is not None:
            check_method_is(method, words, folder.path, generator, start)
        if "solution" in saved:
            return _over(saved, folder, generator, method, start)
        assert method is not None
        with time_bar(progress, times) as bar, Keeper(folder) as keeper:
            transport = Transport(generator, method, asked["scheme"], asked["is_free"])
            transport.restore(saved["transport"])
            watch = Watch(rates_of(generator, transport), watched, False)
            steady = False if saved["is_steady_given"] else None
            given = (generator, transport, steady, saved["log_inf"], times, watch)
            run = Run(*given, callback, bar, keeper, saved["seconds"])
            tolerance = check_tolerance(asked["rtol"], asked["atol"], method)
            failure = run.advance(start, tolerance, saved)
            if failure is not None and throw:
                raise failure
            return run.solution(start, asked["rtol"], asked["atol"])


def _over(
    saved: dict[str, Any],
    folder: RunFolder,
    generator: Generator,
    method: Method | None,
    start: Array,
) -> Solution:
    """Solution of a run that is over; it knows its question if it knows its method."""
    rho: Any = folder.frames(saved["n"])
    kept = {("problem_repr" if k == "problem" else k): v for k, v in saved["solution"].items()}
    found = Solution(rho=rho, grid=generator.grid, **kept)  # "problem": in older folders
    if method is None:
        return replace(found, _asked=Question.known(generator.problem))
    again = {name: folder.question["asked"][name] for name in ("rtol", "atol")}
    again |= {"t": found.t, "method": method, "scheme": saved["scheme_again"]}
    again |= {"steady": False if found.log_rho_inf is None else None}
    again |= {"by_values": found._moves_values}
    return replace(found, _asked=question(generator, start, **again))


def _check_asked(folder: RunFolder, scheme: Any, rtol: Any, atol: Any, events: int) -> None:
    """ValueError that names what differs from what was asked before."""
    asked = folder.question["asked"]
    for name, given in (("scheme", scheme), ("rtol", rtol), ("atol", atol)):
        if given is not None and given != asked.get(name):
            raise ValueError(
                f"{name} is {describe(given)}, and the run in {folder.path} was asked for "
                f"{asked.get(name)!r}; give that, or leave {name} out"
            )
    if events != asked.get("events"):
        raise ValueError(
            f"{events} events were given, and the run in {folder.path} has {asked.get('events')}; "
            "give the same functions as before"
        )
