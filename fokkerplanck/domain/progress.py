"""A bar for work that takes longer than a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from tqdm import tqdm

#: A bar appears by itself only if the work is not over after this long, in seconds.
BAR_AFTER = 1.0
#: Bar of the question that is being answered, which solvers deep inside know nothing of.
_COUNTING: ContextVar[Bar | None] = ContextVar("counting", default=None)
#: Bar of the outermost work that is going on: what works within it makes no bar by itself.
_OUTER: ContextVar[Bar | None] = ContextVar("outer", default=None)
P = ParamSpec("P")
R = TypeVar("R")
#: Of work whose end is known, and of work whose end is not.
PART = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
COUNT = "{desc}: {n_fmt} {unit}, {elapsed}"


class Bar:
    """Shows how far some work is; a context that closes what it has opened.

    Parameters
    ----------
    progress : None, bool, class or object with ``update``
        None: a bar on a terminal if the work takes longer than a second, and none inside of the
        ``with`` of another, which speaks for both, or is silent for both. True: a bar from the
        start. False: none. A class like ``tqdm`` is called, with ``total=`` if that is known; an
        object has its ``update`` called.
    name : str
        What works.
    total : float, optional
        Amount of work; None if it is not known, and what is done is counted.
    unit : str
        What is counted.

    Raises
    ------
    ValueError
        For any other ``progress``.

    Examples
    --------
    >>> from fokkerplanck.domain.progress import Bar
    >>> class Seen(list):
    ...     update = list.append
    >>> seen = Seen()
    >>> with Bar(seen, "count", total=2.0) as bar:
    ...     bar.at(0.5)
    ...     bar.at(2.0)
    >>> seen
    [0.5, 1.5]
    """

    def __init__(
        self, progress: Any, name: str, total: float | None = None, unit: str = "steps"
    ) -> None:
        self._sent, self._length, self._owned = 0.0, total, True
        self._target: Any = None
        self._token: Token[Bar | None] | None = None
        if progress is None and _OUTER.get() is not None:
            progress = False
        if progress is None or progress is True:
            disable, delay = (None, BAR_AFTER) if progress is None else (False, 0.0)
            style = {"bar_format": COUNT if total is None else PART, "unit": unit}
            self._target = tqdm(total=total, desc=name, disable=disable, delay=delay, **style)
        elif isinstance(progress, type):
            self._target = progress() if total is None else progress(total=total)
        elif callable(getattr(progress, "update", None)):
            self._target, self._owned = progress, False
            if total is not None:
                total = float(getattr(progress, "total", None) or total)
        elif progress is not False:
            raise ValueError(
                f"progress is {progress!r}; give None, True, False or a bar like tqdm's"
            )
        self._total = total

    def at(self, done: float) -> None:
        """Move on to where an amount of the work is done."""
        if self._target is None or not self._length or self._total is None:
            return
        step = self._total * (done / self._length) - self._sent
        if self._sent + step > self._total:  # a bar beyond its total looks broken
            step = math.nextafter(step, 0)
        if step > 0:
            self._target.update(float(step))
            self._sent += step

    def tick(self) -> None:
        """Count one."""
        if self._target is not None:
            self._target.update(1)

    def close(self) -> None:
        """Close a bar that was made here."""
        if self._target is not None and self._owned:
            self._target.close()

    def __enter__(self) -> Self:
        if _OUTER.get() is None:
            self._token = _OUTER.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._token is not None:
            _OUTER.reset(self._token)
            self._token = None
        self.close()


def counted(name: str, unit: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a question with an argument ``progress``: a bar counts what ``count_one`` tells.

    Parameters
    ----------
    name : str
        Of the question.
    unit : str
        What is counted.

    Examples
    --------
    >>> from fokkerplanck.domain.progress import count_one, counted
    >>> class Seen(list):
    ...     update = list.append
    >>> @counted("search", "looks")
    ... def search(n, progress=None):
    ...     for _ in range(n):
    ...         count_one()
    >>> seen = Seen()
    >>> search(3, progress=seen)
    >>> seen
    [1, 1, 1]
    """

    def decorated(question: Callable[P, R]) -> Callable[P, R]:
        @wraps(question)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            with Bar(kwargs.get("progress"), name, unit=unit) as bar:
                token = _COUNTING.set(bar)
                try:
                    return question(*args, **kwargs)
                finally:
                    _COUNTING.reset(token)

        return asked

    return decorated


def count_one() -> None:
    """Count one, if anybody does."""
    bar = _COUNTING.get()
    if bar is not None:
        bar.tick()
