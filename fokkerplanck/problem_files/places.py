"""Where things stand in a TOML text: keys, values, and the characters inside of strings.

The text has been read by ``tomllib``, which says what it means and not where; this walk relies on
its being right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

#: Keys and numbers of list entries that lead to a value.
Trail: TypeAlias = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
# Dates may have a blank before the time of day.
_BARE_VALUE = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^,\]}\s#]*|[^,\]}\s#]+")
_ESCAPED = {"x": 4, "u": 6, "U": 10}
_TRIMMED = re.compile(r"\\[ \t]*\n[ \t\n]*")


class Places:
    r"""Line and column of every key and value of a text.

    Parameters
    ----------
    text : str
        Valid TOML with lines that end by a newline alone.

    Examples
    --------
    >>> from fokkerplanck.problem_files.places import Places
    >>> places = Places('[problem]\nf = "x^2 + y"\n')
    >>> places.of(("problem", "f")), places.inside(("problem", "f"), 1, 7)
    ((2, 5), (2, 12))
    """

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._keys: dict[Trail, int] = {(): 0}
        self._values: dict[Trail, int] = {}
        self._strings: dict[Trail, list[int]] = {}
        self._document()

    def of(self, path: Trail) -> tuple[int, int]:
        """Place of a value, or of the nearest thing around it that is written."""
        return self._nearest(path, self._values)

    def of_key(self, path: Trail) -> tuple[int, int]:
        """Place of a key or of the header of a table."""
        return self._nearest(path, self._keys)

    def inside(self, path: Trail, line: int, column: int) -> tuple[int, int]:
        """Place of a character of a string, by line and column of what the string says."""
        offsets = self._strings.get(path)
        if offsets is None:
            return self.of(path)
        # Offsets of characters; a line of the value begins after each newline in it.
        starts = [0]
        starts += [k + 1 for k, i in enumerate(offsets[:-1]) if self._says_newline(i)]
        index = starts[min(line, len(starts)) - 1] + column - 1
        return self._line_column(offsets[min(index, len(offsets) - 1)])

    def _says_newline(self, at: int) -> bool:
        """True where a character of a string stands for the end of a line."""
        return self.text[at] == "\n" or self.text[at : at + 2] == "\\n"

    def _nearest(self, path: Trail, first: dict[Trail, int]) -> tuple[int, int]:
        """Place of a path, or of the nearest one around it."""
        for k in range(len(path), -1, -1):
            for known in (first, self._values, self._keys):
                if path[:k] in known:
                    return self._line_column(known[path[:k]])
        return 1, 1

    def _line_column(self, at: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    # --- the walk ---

    def _skip(self) -> None:
        """Go on to what is no blank, newline or comment."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _document(self) -> None:
        """All of the text."""
        table: Trail = ()
        counts: dict[Trail, int] = {}
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                is_list = self.text.startswith("[[", self.at)
                self.at += 2 if is_list else 1
                start, table = self.at, self._key(())
                self._keys.setdefault(table, start)
                if is_list:
                    counts[table] = counts.get(table, -1) + 1
                    table = (*table, counts[table])
                    self._keys[table] = start
                self._past("]")
                self.at += is_list
            else:
                self._pair(table)
            self._skip()

    def _past(self, mark: str) -> None:
        """Go on behind a mark."""
        self._skip()
        self.at += self.text.startswith(mark, self.at)

    def _key(self, table: Trail) -> Trail:
        """Path of a key with dots, below a table."""
        path = table
        while True:
            self._skip()
            start = self.at
            if self.text[start] in "\"'":
                offsets = self._string()
                word = self.text[start + 1 : offsets[-1]]
            else:
                found = _BARE_KEY.match(self.text, start)
                word = found[0] if found else ""
                self.at += len(word)
            path = (*path, word)
            self._keys.setdefault(path, start)
            self._skip()
            if not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def _pair(self, table: Trail) -> None:
        """One key and its value."""
        path = self._key(table)
        self._past("=")
        self._value(path)

    def _value(self, path: Trail) -> None:
        """One value."""
        self._skip()
        self._values[path] = self.at
        mark = self.text[self.at]
        if mark in "\"'":
            self._strings[path] = self._string()
        elif mark == "[":
            self._entries("]", lambda count: self._value((*path, count)))
        elif mark == "{":
            self._entries("}", lambda _: self._pair(path))
        else:
            found = _BARE_VALUE.match(self.text, self.at)
            self.at = found.end() if found else self.at + 1

    def _entries(self, closing: str, entry: Callable[[int], None]) -> None:
        """What stands between brackets, by commas."""
        self.at += 1
        count = 0
        self._skip()
        while not self.text.startswith(closing, self.at):
            entry(count)
            count += 1
            self._past(",")
            self._skip()
        self.at += 1

    def _string(self) -> list[int]:
        """Offsets of the characters that a string stands for, and of its end; go on behind it."""
        quote = self.text[self.at]
        is_long = self.text.startswith(quote * 3, self.at)
        closing = quote * 3 if is_long else quote
        self.at += len(closing)
        if is_long and self.text.startswith("\n", self.at):
            self.at += 1
        offsets: list[int] = []
        while not self.text.startswith(closing, self.at):
            if quote == '"' and self.text[self.at] == "\\":
                trimmed = _TRIMMED.match(self.text, self.at) if is_long else None
                if trimmed:
                    self.at = trimmed.end()
                    continue
                offsets.append(self.at)
                self.at += _ESCAPED.get(self.text[self.at + 1], 2)
            else:
                offsets.append(self.at)
                self.at += 1
        for _ in range(2 if is_long else 0):  # quotes that touch the closing ones
            if self.text.startswith(quote, self.at + 3):
                offsets.append(self.at)
                self.at += 1
        offsets.append(self.at)
        self.at += len(closing)
        return offsets
