"""How many threads a kernel shares its work among, and the number a user wants.

A kernel that pays in parallel comes as ``f(part, parts, ...)``, which does one part of the rows,
and ``f_threads(parts, ...)``, a prange over the parts; or as a prange alone. Results never depend
on the number of parts or threads. Nothing but `call` enters a prange: it decides whether threads
may be used at all, and starts none where there is no need.
"""

import numba

from fokkerplanck.environment import (
    Caller,
    Process,
    cache_for_this_process,
    on_fork,
    thread_limit,
    wait_asleep,
)

#: Cells below which threads cost more than they save. Small problems start no threads at all.
LARGE = 50_000
#: What the user wants; no more than numba was started with.
LIMIT = min(thread_limit() or numba.config.NUMBA_NUM_THREADS, numba.config.NUMBA_NUM_THREADS)

wait_asleep()
_caller = Caller(LIMIT)


def _ensure_cache():
    """See to it that kernels can be cached: numba refuses to decorate them where they cannot."""
    try:
        numba.njit(cache=True)(_ensure_cache)
    except RuntimeError:
        numba.config.CACHE_DIR = cache_for_this_process()


_ensure_cache()

_twins: dict = {}
on_fork(lambda: started())


def started():
    """Whether this process, or the one it is a fork of, has started numba's threads."""
    try:
        numba.threading_layer()
    except ValueError:
        return False
    return True


def layer():
    """Return the layer of the threads in a word: numba chooses it when it starts them."""
    try:
        return numba.threading_layer()
    except ValueError:
        return f"{numba.config.THREADING_LAYER}, not started"


def cache_folder():
    """Return the folder that numba was told to keep compiled kernels in; "" beside the source."""
    return numba.config.CACHE_DIR


def number():
    """Return how many threads a kernel called here and now may use; asking starts none."""
    if Process.is_alone:
        return 1
    return min(_caller.most, numba.get_num_threads()) if started() else _caller.most


def parts(n):
    """Return how many parts the work on n cells is cut into: one, or one per thread."""
    return 1 if n < LARGE else number()


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
    with Process.lock:
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
        alone = type(given)(
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
        self.before = _caller.most
        _caller.most = min(self.number, self.before)

    def __exit__(self, *_):
        """Set the number of threads that was found."""
        _caller.most = self.before


class Suited(AtMost):
    """Context in which kernels on n cells use one thread if n is small, else all there are.

    Each of the many short parallel loops of a small problem would wait for a core that may be busy.
    """

    def __init__(self, n):
        super().__init__(parts(n))


class LargeFrom:
    """Context in which work on n cells is large, to compile what large grids need."""

    def __init__(self, n):
        self.n = n

    def __enter__(self):
        """Remember what is large, and set it."""
        global LARGE
        self.before, LARGE = LARGE, self.n

    def __exit__(self, *_):
        """Set what was found."""
        global LARGE
        LARGE = self.before
