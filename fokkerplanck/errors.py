"""Errors of the library: ValueError at the door, ConvergenceError once the work has begun."""

from __future__ import annotations

from numpy.typing import ArrayLike


class ConvergenceError(RuntimeError):
    """An iteration or a factorisation stopped before its result could be trusted.

    Parameters
    ----------
    message : str
        What stopped, how far it came, and which parameter to change.
    iterate : array, optional
        The last iterate, in the shape in which the solver keeps it.
    residual : float, optional
        Its residual, in the measure of the solver that raised.

    Examples
    --------
    >>> from fokkerplanck.errors import ConvergenceError
    >>> error = ConvergenceError("stopped after 3 steps", iterate=[0.5], residual=1e-3)
    >>> error.residual
    0.001
    """

    def __init__(
        self, message: str, iterate: ArrayLike | None = None, residual: float | None = None
    ) -> None:
        super().__init__(message)
        self.iterate = iterate
        self.residual = residual
