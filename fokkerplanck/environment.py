"""What the process is told from outside: the number of threads."""

from __future__ import annotations

import os

from fokkerplanck.kernels import threads

#: Environment variable with the largest number of threads, read when the library is imported.
NUM_THREADS = "FOKKERPLANCK_NUM_THREADS"


def thread_limit(given: str | None) -> int | None:
    """Whole number of threads from the text of the variable; None if it is not set or empty.

    Raises
    ------
    ValueError
        For anything but a whole number, at least 1.

    Examples
    --------
    >>> from fokkerplanck.environment import thread_limit
    >>> thread_limit("2"), thread_limit(None)
    (2, None)
    """
    if given is None or not given.strip():
        return None
    text = given.strip()
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(
            f"{NUM_THREADS} is {given!r:.60}; give a whole number of threads, at least 1, or unset "
            "it to use as many as numba does"
        )
    return int(text)


def limit_threads() -> None:
    """Obey the variable. More threads than numba was started with are not to be had."""
    number = thread_limit(os.environ.get(NUM_THREADS))
    if number is not None:
        threads.limit(number)
