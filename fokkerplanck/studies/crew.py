"""Who works at the points of a study: this process, others, or an executor."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from typing import Any

from fokkerplanck.domain.arguments import describe, whole_number
from fokkerplanck.studies.answers import Answer, answer

#: Numbers of points and their answers, as they come in.
Coming = Generator[tuple[int, Answer], None, None]
#: Arguments of ``answer``.
Functions = tuple[Callable[..., Any], Callable[[Any], Any]]


def answers(
    functions: Functions,
    points: list[tuple[int, dict[str, Any]]],
    workers: int | None,
    executor: Any,
) -> Coming:
    """Numbers of points and their answers, as they come in.

    Parameters
    ----------
    functions : (build, ask)
    points : list of (number, point)
    workers : int or None
        Processes; one, or None, for this process alone.
    executor : object with ``submit``, or None
        In place of ``workers``.
    """
    if executor is not None:
        if workers is not None:
            raise ValueError("workers and executor are both given; give one")
        if not callable(getattr(executor, "submit", None)):
            raise ValueError(
                f"executor is {describe(executor)}; give an executor of concurrent.futures, e.g. "
                "ThreadPoolExecutor()"
            )
        return _together(functions, points, executor)
    count = 1 if workers is None else whole_number(workers, "workers", 1)
    if count == 1:
        return ((number, answer(*functions, point)) for number, point in points)
    _check_picklable(*functions)
    return _in_processes(functions, points, min(count, max(len(points), 1)))


def _in_processes(
    functions: Functions, points: list[tuple[int, dict[str, Any]]], count: int
) -> Coming:
    """Answers of new processes: started afresh, as a fork of one with threads may hang."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context)
    try:
        yield from _together(functions, points, pool)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _together(
    functions: Functions, points: list[tuple[int, dict[str, Any]]], executor: Executor
) -> Coming:
    """Answers of an executor."""
    asked: dict[Future[Answer], int] = {}
    try:
        for number, point in points:
            asked[executor.submit(answer, *functions, point)] = number
        for future in as_completed(asked):
            yield asked[future], _result(future)
    finally:
        for future in asked:
            future.cancel()


def _result(future: Future[Answer]) -> Answer:
    """Answer of a future; what befell its worker is said as an answer of its own."""
    try:
        return future.result()
    except BrokenExecutor as error:
        raise ValueError(
            "a worker process ended before it answered; put the call of sweep under "
            'if __name__ == "__main__":, and see that there is memory for all workers'
        ) from error
    except Exception as error:  # e.g. an answer that cannot be sent back
        return f"{type(error).__name__}: {error}"


def _check_picklable(build: Callable[..., Any], ask: Callable[[Any], Any]) -> None:
    """Raise ValueError unless both functions can be sent to other processes."""
    for name, function in (("build", build), ("ask", ask)):
        try:
            pickle.dumps(function)
        except Exception as error:
            raise ValueError(
                f"{name} cannot be sent to other processes ({error}); define it with def at the "
                "top of a module, or give executor=ThreadPoolExecutor()"
            ) from error
