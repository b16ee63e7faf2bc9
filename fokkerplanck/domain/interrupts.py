"""Ctrl-C while a kernel runs: KeyboardInterrupt, also from kernels that return arrays.

Python raises KeyboardInterrupt at the next line of Python. For a kernel that returns nothing or
numbers that is a line of the caller. But a new array is wrapped by a line of numba's own, whose
exception the compiled code does not see: a SystemError arrives instead.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any


def heard(kernel: Any) -> Callable[..., Any]:
    """Kernel that returns arrays, as a function that an interruption leaves as what it is."""

    @wraps(getattr(kernel, "py_func", kernel))
    def call(*args: Any) -> Any:
        try:
            return kernel(*args)
        except SystemError as error:
            interruption = _interruption(error)
            if interruption is None:
                raise
        raise interruption

    return call


def _interruption(error: BaseException) -> BaseException | None:
    """KeyboardInterrupt that an error came from."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return None if cause is None else cause.with_traceback(None)
