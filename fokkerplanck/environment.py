"""What the process is told from outside: threads, how they wait, where compiled code is kept."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable

#: Environment variable with the largest number of threads, read when the library is first used.
NUM_THREADS = "FOKKERPLANCK_NUM_THREADS"
#: How OpenMP's threads wait, in the names of the standard, of GNU's and of Intel's library.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
#: numba's variable with the folder for compiled code.
CACHE = "NUMBA_CACHE_DIR"


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


def cache_for_this_process() -> str:
    """Folder for compiled code where numba finds none that may be written; gone at the end.

    numba refuses to cache then, as it looks beside the source, in the user's home and in the folder
    of NUMBA_CACHE_DIR, and a library that cannot be imported is of no use. A folder that other
    processes would find again might hold what others have put there, so that it is a new one; the
    children of this process share it.

    Raises
    ------
    OSError
        If there is no place for temporary files either.
    """
    advice = f"set {CACHE} to a folder that may be written"
    try:
        folder = tempfile.mkdtemp(prefix="fokkerplanck-")
    except OSError as error:
        raise OSError(
            f"no folder for compiled code may be written, nor one of temporary files; {advice}"
        ) from error
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not at the end of a fork
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    os.environ[CACHE] = folder
    warnings.warn(
        "compiled code can be kept neither beside fokkerplanck nor in the home folder, and is "
        f"made anew by every program, which takes half a minute and more; {advice}",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder
