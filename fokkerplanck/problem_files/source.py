"""A problem file as text: what it says, and mistakes told by place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.expressions import ExpressionError
from fokkerplanck.problem_files.mistakes import ProblemFileError
from fokkerplanck.problem_files.places import Places, Trail

#: Largest problem file, in bytes; data belong into files of their own.
LARGEST = 1_000_000
_BOM = "\ufeff"
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
#: What tomllib says, and what that means to who wrote the file; the first one that fits.
_MEANT = {
    "Illegal character '\\n'": "a text is not closed; write its closing quotes",
    "Illegal character": "this character may not stand here; write it as \\u and four digits",
    "Found invalid character": "this character may not stand here; leave it out",
    "Invalid initial character for a key": "a key is expected here, letters, digits, _ and -",
    "Expected '=' after a key": "after a key = is expected; write key = value",
    "Expected ']' at the end of a table": "this header is not closed; write ] behind the name",
    "Expected ']]' at the end": "this header is not closed; write ]] behind the name",
    "Expected newline or end of document": "something follows a whole value; begin a new line",
    "Cannot overwrite a value": "this key is given twice; leave one out",
    "Cannot declare": "this table is given twice; put all of its keys under one header",
    "Cannot mutate immutable": "this table is closed already; put all of its keys in one place",
    "Unterminated string": "a text is not closed; write its closing quotes",
    'Expected "\'"': "a text is not closed; write its closing quotes",
    "Expected '\"'": "a text is not closed; write its closing quotes",
    "Expected \"'''\"": "a text is not closed; write its closing quotes",
    "Unclosed array": "a list is not closed; write ] or a comma",
    "Unclosed inline table": "a table is not closed; write } or a comma",
    "Duplicate inline table key": "this key is given twice; leave one out",
    "Unescaped '\\'": "\\ begins a code that does not exist; write \\\\ or use single quotes",
    "Invalid hex value": "\\u is followed by four hexadecimal digits, \\U by eight; correct it",
    "Escaped character is not": "this code names no character; write the character itself",
    "Invalid statement": "a key or a [table] is expected here; write key = value",
    "Invalid date or datetime": "this is no date; write texts and formulas in quotes",
    "Invalid value": "a value is expected here: a number, true, false, a list, or text in quotes",
}


@dataclass(frozen=True, eq=False)
class Source:
    """What a file holds, and where.

    Attributes
    ----------
    path : Path
    data : dict
        As tomllib reads it.
    places : Places
    """

    path: Path
    data: dict[str, Any]
    places: Places

    def mistake(self, path: Trail, reason: str) -> ProblemFileError:
        """Error at a value."""
        return ProblemFileError(self.path, *self.places.of(path), reason)

    def mistaken_key(self, path: Trail, reason: str) -> ProblemFileError:
        """Error at a key."""
        return ProblemFileError(self.path, *self.places.of_key(path), reason)

    def mistaken_formula(self, path: Trail, error: ExpressionError) -> ProblemFileError:
        """Error at a character of a formula."""
        place = self.places.inside(path, error.line, error.column)
        return ProblemFileError(self.path, *place, error.reason)

    @contextmanager
    def located(self, *tables: str) -> Iterator[None]:
        """Tell what the library refuses by the place of the argument that its message names."""
        try:
            yield
        except ProblemFileError:
            raise
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise self.mistake(self._argument(reason, tables), reason) from error

    def _argument(self, reason: str, tables: tuple[str, ...]) -> Trail:
        """Path of the argument that a message begins with, else of the first table."""
        found = re.match(r"(\w+)((?:\[\d+(?:, \d+)*\])?)", reason)
        for table in tables if found else ():
            value: Any = self.data.get(table, {})
            if found and found[1] in value:
                path: Trail = (table, found[1])
                value = value[found[1]]
                for word in re.findall(r"\d+", found[2]):
                    if not isinstance(value, list) or int(word) >= len(value):
                        break
                    path, value = (*path, int(word)), value[int(word)]
                return path
        return next(((table,) for table in tables if table in self.data), ())


def read_source(path: str | Path) -> Source:
    """Text and data of a file.

    Raises
    ------
    ProblemFileError
        If it cannot be read or is no TOML.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"path is {describe(path)}; give the name of a problem file, NAME.toml")
    path = Path(path)
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, text, str(error)) from None
    except RecursionError:
        raise _nested(path, text) from None
    except ValueError:  # Python refuses to read whole numbers of thousands of digits
        found = re.search(r"\d{1000,}", text)
        line, column = _line_column(text, found.start() if found else 0)
        reason = "this number has thousands of digits; write it with an exponent, 1e9"
        raise ProblemFileError(path, line, column, reason) from None
    try:
        return Source(path, data, Places(text))
    except RecursionError:
        raise _nested(path, text) from None


def _text(path: Path) -> str:
    """Text of a file of a size that is read."""
    if path.is_dir():
        raise ProblemFileError(path, 1, 1, "this is a folder; give a problem file, NAME.toml")
    try:
        if not path.exists():
            raise ProblemFileError(path, 1, 1, "there is no such file; give a problem file")
        if not path.is_file():
            raise ProblemFileError(path, 1, 1, "this is no file; give a problem file, NAME.toml")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ProblemFileError):
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise ProblemFileError(path, 1, 1, f"it cannot be read ({why}); give another") from error
    if len(raw) > LARGEST:
        reason = f"this file has over {LARGEST // 1000} kB; put data into files of their own"
        raise ProblemFileError(path, 1, 1, reason)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _line_column(raw[: error.start].decode("utf-8"), error.start)
        reason = "this is no text in UTF-8; save the file in that encoding"
        raise ProblemFileError(path, line, column, reason) from None
    return text.removeprefix(_BOM).replace("\r\n", "\n")


def _line_column(text: str, at: int) -> tuple[int, int]:
    """Line and column of an offset, or of the end of a text."""
    at = min(at, len(text))
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _syntax(path: Path, text: str, told: str) -> ProblemFileError:
    """What tomllib says, in a sentence that says what to do."""
    found = _PLACE.search(told)
    line, column = _line_column(text, len(text.rstrip("\n")))
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    said = told[: found.start()] if found else told
    if said.startswith(("Cannot declare", "Cannot overwrite")):  # from behind the key to the key
        row = text.split("\n")[line - 1]
        column = 1 + len(row) - len(row.lstrip("[ \t"))
    elif said == 'Expected "\'"':  # from the end of the file to that of the line
        line, column = _line_column(text, text.find("\n", text.rfind("'")) % (len(text) + 1))
    elif said.startswith("Unescaped"):
        column -= 2
    for words, reason in _MEANT.items():
        if said.startswith(words):
            return ProblemFileError(path, line, column, reason)
    return ProblemFileError(path, line, column, f"this is no TOML ({said}); correct it")


def _nested(path: Path, text: str) -> ProblemFileError:
    """Brackets in brackets in brackets."""
    line, column = _line_column(text, max(text.find("[[["), text.find("{"), 0))
    return ProblemFileError(path, line, column, "brackets are nested too deep; write them flatter")
