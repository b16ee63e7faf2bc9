"""What the process is told from outside: the number of threads."""

from __future__ import annotations

import os

#: Environment variable with the largest number of threads, read when the library is first used.
NUM_THREADS = "FOKKERPLANCK_NUM_THREADS"


def thread_limit(given: str | None = None) -> int | None:
    """Whole number of threads from the variable, or a text like it; None if not set or empty.

    Raises
    ------
    ValueError
        For anything but a whole number, at least 1.

    Examples
    --------
    >>> from fokkerplanck.environment import thread_limit
    >>> thread_limit("2"), thread_limit("")
    (2, None)
    """
    given = os.environ.get(NUM_THREADS, "") if given is None else given
    if not given.strip():
        return None
    text = given.strip()
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(
            f"{NUM_THREADS} is {given!r:.60}; give a whole number of threads, at least 1, or unset "
            "it to use as many as numba does"
        )
    return int(text)
