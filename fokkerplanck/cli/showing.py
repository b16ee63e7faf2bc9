"""What the command line prints: short lines, numbers of few digits."""

from __future__ import annotations

import json
import math
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Characters of a line of text.
WIDTH = 100
#: Significant digits of a number on the terminal.
DIGITS = 6
#: Rows of a table on the terminal; the files hold all.
ROWS = 12
_LONG = re.compile(r"(?<![\w.])-?\d+\.\d{10,}(?:[eE][-+]?\d+)?(?![\w.])")


def wrapped(text: str) -> str:
    """Text whose long lines are cut between words, rows of tables between columns.

    Numbers of more digits than mean something to a reader are rounded.
    """
    lines = []
    for line in _LONG.sub(lambda found: f"{float(found[0]):.{DIGITS}g}", text).splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        cut = textwrap.wrap(
            line,
            WIDTH,
            subsequent_indent=indent + "  ",
            break_long_words=False,  # a path is to be copied
            break_on_hyphens=False,
        )
        lines += cut or [""]
    return "\n".join(lines)


def say(text: str) -> None:
    """Print text."""
    print(wrapped(text))


def say_aside(text: str) -> None:
    """Print text where errors go, so that answers may be read by programs."""
    print(wrapped(text), file=sys.stderr)


def shown(value: Any) -> str:
    """Value to six significant digits, entries of lists in brackets."""
    if value is None:
        return "not known"
    if isinstance(value, (str, bool)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"({', '.join(shown(u) for u in value)})"
    return f"{float(value) + 0:.{DIGITS}g}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first to the left and numbers to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [u.rjust(w) for u, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def named_rows(numbers: Mapping[str, Any]) -> str:
    """One line for each number or word."""
    width = max(map(len, numbers), default=0)
    return "\n".join(f"{name:<{width}}  {shown(value)}" for name, value in numbers.items())


def columns_table(columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns as a table; of long ones some rows, evenly, the first and the last among them."""
    count = len(next(iter(columns.values())))
    picked = range(count)
    if count > ROWS:
        picked = [round(k * (count - 1) / (ROWS - 1)) for k in range(ROWS)]  # type: ignore[assignment]
    rows = [tuple(columns)]
    rows += [tuple(shown(values[k]) for values in columns.values()) for k in picked]
    cut = f"\n{ROWS} of {count} rows; all are in the files" if count > ROWS else ""
    return aligned(rows) + cut


def plain(value: Any) -> Any:
    """What JSON can hold: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(name): plain(u) for name, u in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(u) for u in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def json_text(value: Any) -> str:
    """Numbers with all of their digits."""
    return json.dumps(plain(value), indent=2, allow_nan=False)
