"""How many threads a kernel shares its work among, and the number a user wants.

A kernel that pays in parallel comes as ``f(part, parts, ...)``, which does one part of the rows,
and ``f_threads(parts, ...)``, a prange over the parts. Results never depend on the number of parts.
"""

import numba

from fokkerplanck.environment import thread_limit

#: Cells below which threads cost more than they save. Small problems start no threads at all:
#: a process that has started them must not be forked (GNU OpenMP ends the child).
LARGE = 50_000


# What the user wants; no more than numba was started with.
if (_limit := thread_limit()) is not None:
    numba.set_num_threads(min(_limit, numba.config.NUMBA_NUM_THREADS))


def parts(n):
    """Return how many parts the work on n cells is cut into: one, or one per thread."""
    return 1 if n < LARGE else numba.get_num_threads()


def run(alone, together, parts, *args):
    """Call a kernel for all parts, in this thread if there is only one."""
    if parts == 1:
        alone(0, 1, *args)
    else:
        together(parts, *args)


class AtMost:
    """Context in which kernels use at most so many threads."""

    def __init__(self, number):
        self.number = number

    def __enter__(self):
        """Remember the number of threads, and set it."""
        self.before = numba.get_num_threads()
        numba.set_num_threads(min(self.number, self.before))

    def __exit__(self, *_):
        """Set the number of threads that was found."""
        numba.set_num_threads(self.before)


class Suited(AtMost):
    """Context in which kernels on n cells use one thread if n is small, else all there are.

    Each of the many short parallel loops of a small problem would wait for a core that may be busy.
    """

    def __init__(self, n):
        super().__init__(parts(n))
