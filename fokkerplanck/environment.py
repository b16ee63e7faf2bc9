"""What the process is told from outside: the number of threads, and how they wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

#: Environment variable with the largest number of threads, read when the library is first used.
NUM_THREADS = "FOKKERPLANCK_NUM_THREADS"
#: How OpenMP's threads wait, in the names of the standard, of GNU's and of Intel's library.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


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


def wait_asleep() -> None:
    """Have OpenMP's threads sleep while they wait, unless the user has said how they should wait.

    By default they spin, each on a core of its own. Where another process wants that core, two
    threads are then several times slower than one. It is read when OpenMP is loaded, by the first
    kernel that uses threads.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "passive"


class Caller(threading.local):
    """What holds for one Python thread: the most threads that its kernels may use."""

    def __init__(self, most: int) -> None:
        self.most = most


class Process:
    """What holds for the whole process.

    A child of fork has none of the threads of its parent, and GNU OpenMP ends it at the first
    parallel loop; a pool of such children would wait for ever. So a child of a parent that had
    started threads works alone.
    """

    is_alone = False
    lock = threading.RLock()


def on_fork(has_threads: Callable[[], bool]) -> None:
    """Take note of forks, in the child; has_threads tells whether the parent had started any."""

    def forked() -> None:
        Process.lock = threading.RLock()  # who held the old one is not there in the child
        Process.is_alone = Process.is_alone or has_threads()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)
