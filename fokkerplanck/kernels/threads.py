"""How many threads a kernel shares its work among, and the number a user wants.

A kernel that pays in parallel comes as ``f(part, parts, ...)``, which does one part of the rows,
and ``f_threads(parts, ...)``, a prange over the parts; or as a prange alone. Results never depend
on the number of parts or threads. Nothing but `call` enters a prange: it decides whether threads
may be used at all, and starts none where there is no need.
"""

import os
import threading
from contextlib import contextmanager
from types import FunctionType

import numba

from fokkerplanck.environment import thread_limit, wait_asleep

#: Cells below which threads cost more than they save. Small problems start no threads at all.
LARGE = 50_000
#: What the user wants; no more than numba was started with.
LIMIT = min(thread_limit() or numba.config.NUMBA_NUM_THREADS, numba.config.NUMBA_NUM_THREADS)

wait_asleep()


class _State(threading.local):
    """What holds for one Python thread: the most threads that its kernels may use."""

    most = LIMIT


class _Process:
    """What holds for the whole process.

    A child of fork has none of the threads of its parent, and GNU OpenMP ends it at the first
    prange; a pool of such children would wait for ever. So a child of a parent that had started
    threads works alone. The lock may be held by a thread that is not there in the child.
    """

    is_alone = False
    lock = threading.RLock()

    @classmethod
    def forked(cls):
        """Take note of a fork, in the child."""
        cls.lock = threading.RLock()
        cls.is_alone = cls.is_alone or started()


_state = _State()
_twins = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Process.forked)


def started():
    """Whether this process, or the one it is a fork of, has started numba's threads."""
    try:
        numba.threading_layer()
    except ValueError:
        return False
    return True


def number():
    """Return how many threads a kernel called here and now may use; asking starts none."""
    if _Process.is_alone:
        return 1
    return min(_state.most, numba.get_num_threads()) if started() else _state.most


def parts(n):
    """Return how many parts the work on n cells is cut into: one, or one per thread."""
    return 1 if n < LARGE else number()


@contextmanager
def large_from(n):
    """Context in which work on n cells is large, to compile what large grids need."""
    global LARGE
    before, LARGE = LARGE, n
    try:
        yield
    finally:
        LARGE = before


def run(alone, together, parts, *args):
    """Call a kernel for all parts, in this thread if there is only one."""
    if parts == 1:
        alone(0, 1, *args)
    else:
        call(together, LARGE, parts, *args)


def call(kernel, n, *args):
    """Call a kernel that may be a prange over n cells: its serial twin where n is small."""
    # Plain functions have no options: NUMBA_DISABLE_JIT makes all kernels such.
    if not getattr(kernel, "targetoptions", {}).get("parallel"):
        return kernel(*args)
    wanted = parts(n)
    if wanted == 1:
        return twin(kernel)(*args)
    # The layer "workqueue" ends the process if two Python threads enter it at once. The others
    # would share the same cores; what is behind the lock uses all of them.
    with _Process.lock:
        before = numba.get_num_threads()
        numba.set_num_threads(min(wanted, before))
        try:
            return kernel(*args)
        finally:
            numba.set_num_threads(before)


def twin(kernel):
    """Return the same kernel compiled without threads; it has a cache of its own by its name."""
    if kernel not in _twins:
        given = kernel.py_func
        alone = FunctionType(
            given.__code__, given.__globals__, f"{given.__name__}_alone", given.__defaults__
        )
        alone.__qualname__, alone.__module__ = f"{given.__qualname__}_alone", given.__module__
        kept = ("error_model",)
        options = {
            name: kernel.targetoptions[name] for name in kept if name in kernel.targetoptions
        }
        _twins[kernel] = numba.njit(cache=True, **options)(alone)
    return _twins[kernel]


class AtMost:
    """Context in which kernels called by this Python thread use at most so many threads."""

    def __init__(self, number):
        self.number = number

    def __enter__(self):
        """Remember the number of threads, and set it."""
        self.before = _state.most
        _state.most = min(self.number, self.before)

    def __exit__(self, *_):
        """Set the number of threads that was found."""
        _state.most = self.before


class Suited(AtMost):
    """Context in which kernels on n cells use one thread if n is small, else all there are.

    Each of the many short parallel loops of a small problem would wait for a core that may be busy.
    """

    def __init__(self, n):
        super().__init__(parts(n))
