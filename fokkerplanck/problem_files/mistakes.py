"""What is wrong with a problem file, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ProblemFileError(ValueError):
    """A mistake in a problem file; its text is ``FILE:LINE:COLUMN: sentence``.

    Attributes
    ----------
    path : Path
    line, column : int
        From 1; column in characters of the file.
    reason : str
        The sentence alone.
    """

    def __init__(self, path: Path, line: int, column: int, reason: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {reason}")
        self.path, self.line, self.column, self.reason = path, line, column, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.line, self.column, self.reason)


def shown(value: Any) -> str:
    """What a file gives, in a few words and in the words of TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value if len(value) <= 40 else value[:37] + "..."
        return f"the text {text!r}" if text else "an empty text"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        # A whole number of thousands of digits is not even printed.
        return f"{value}" if abs(value) < 10**20 else "a number of more than 20 digits"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    return "a table" if isinstance(value, dict) else "a date or time"
