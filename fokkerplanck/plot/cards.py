"""Cards: what notebooks show of an object, a small table with a picture beside it.

What is on a card says `card_of`, one function for each class, registered in
``fokkerplanck.plot.summaries``; this module makes HTML of it, whatever the object.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Sequence
from functools import singledispatch
from html import escape
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.style import context
from PIL import Image

from fokkerplanck.plot.axes import canvas

#: Bytes of a picture, at most.
LARGEST = 40_000
#: Pixels an inch that are tried until a picture is small enough.
DPI = (110, 80, 55, 35)
#: Entries of an array that are written out, rows of a table, letters of a text; at most.
ENTRIES, ROWS, LETTERS = 6, 12, 400
#: Borders that show on light and on dark pages; text takes the page's colour.
LINE = "1px solid rgba(128,128,128,0.35)"
CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top;background:transparent"

#: A row: its name, and what gives its value; several values go into columns.
Row: TypeAlias = tuple[str, Callable[[], Any]]


class Card(NamedTuple):
    """What a notebook shows: a title, rows, and a picture ``draw(sheet)`` of a size in inches.

    ``heading`` names the columns, where rows have several.
    """

    title: str
    rows: Sequence[Row]
    draw: Callable[[Figure], object] | None = None
    size: tuple[float, float] = (3.6, 2.7)
    heading: tuple[str, ...] = ()


#: HTML of the objects that have been shown; their values do not change.
_SHOWN: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


@singledispatch
def card_of(value: object) -> Card | None:
    """Card of an object, or None for one that has none."""
    return None


def html_of(value: object) -> str | None:
    """HTML of an object's card, made once; None for an object without a card.

    Never an exception: what cannot be told or drawn says why in its place.
    """
    try:
        if value in _SHOWN:
            return _SHOWN[value]
        card = card_of(value)
        if card is None:
            return None
        html = _SHOWN[value] = _html(card)
    except Exception as error:
        html = f"<div>No table of a {type(value).__name__}: {_why(error)}</div>"
    return html


def _html(card: Card) -> str:
    """Table at the left, picture at the right; without room the picture goes below."""
    picture = ""
    if card.draw is not None:
        try:
            picture = _image(thumbnail(card.draw, card.size), card.title)
        except Exception as error:
            picture = f'<div style="max-width:18em;opacity:0.8">No picture: {_why(error)}</div>'
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start">'
        f"<div>{_table(card)}</div>{picture}</div>"
    )


def _table(card: Card) -> str:
    """Title and rows."""
    width = max(len(card.heading), 2)
    title = f"font-weight:bold;{CELL};border-bottom:{LINE}"
    lines = [f'<tr><th colspan="{width}" style="{title}">{_text(card.title)}</th></tr>']
    if card.heading:
        cells = "".join(f'<th style="{CELL};opacity:0.7">{_text(u)}</th>' for u in card.heading)
        lines.append(f"<tr>{cells}</tr>")
    for name, give in card.rows[:ROWS]:
        lines.append(_row(name, give, width))
    if len(card.rows) > ROWS:
        more = f"and {len(card.rows) - ROWS} more"
        lines.append(f'<tr><td colspan="{width}" style="{CELL};opacity:0.7">{more}</td></tr>')
    style = "border-collapse:collapse;color:inherit;background:transparent;font-size:90%"
    return f'<table style="{style}"><tbody>{"".join(lines)}</tbody></table>'


def _row(name: str, give: Callable[[], Any], width: int) -> str:
    """One row; what cannot be told says why."""
    try:
        value = give()
        cells = [words(u) for u in value] if isinstance(value, tuple) else [words(value)]
    except Exception as error:
        cells = [f"not known: {_why(error)}"]
    head = f'<td style="{CELL};opacity:0.7">{_text(name)}</td>'
    span = f' colspan="{width - 1}"' if len(cells) == 1 and width > 2 else ""
    number = "font-variant-numeric:tabular-nums;max-width:34em"
    tail = [f'<td{span} style="{CELL};{number}">{u}</td>' for u in cells]
    return f"<tr>{head}{''.join(tail)}</tr>"


def words(value: Any) -> str:
    """A value as escaped text: numbers to six digits, short arrays in brackets, others by shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.plot.cards import words
    >>> words(np.pi), words([1, 0.5]), words("a < b"), words(np.zeros((3, 4)))
    ('3.14159', '(1, 0.5)', 'a &lt; b', 'array (3, 4)')
    """
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "none"
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        return _text(str(value))
    if array.ndim == 0:
        return _number(array.item())
    if array.ndim == 1 and array.size <= ENTRIES:
        return f"({', '.join(_number(u) for u in array.tolist())})"
    return f"array {array.shape}"


def _number(value: complex) -> str:
    """Six significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else f"{value + 0:.6g}"


def _text(value: str) -> str:
    """Escaped text, not too long."""
    return escape(value if len(value) <= LETTERS else f"{value[: LETTERS - 1]}…")


def _why(error: Exception) -> str:
    """What went wrong, escaped: the message, or the kind of an error without one."""
    return _text(str(error) or type(error).__name__)


def thumbnail(draw: Callable[[Figure], object], size: tuple[float, float]) -> bytes:
    """PNG of what a function draws on a figure of its own, at most 40 kB.

    The look is matplotlib's own whatever the notebook's: dark letters on white, which can be read
    on dark pages too.

    Raises
    ------
    ValueError
        If the picture is too large in the least resolution.
    """
    with context("default"), mpl.rc_context({"font.size": 8}), warnings.catch_warnings():
        # A missing letter or a scale without positive values is no news for who asked for a table.
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            sheet = canvas(*size)
            draw(sheet)
            for dpi in DPI:
                png = png_of(sheet, dpi)
                if len(png) <= LARGEST:
                    return png
    raise ValueError(f"{len(png)} bytes at {DPI[-1]} pixels an inch, over {LARGEST}")


def png_of(sheet: Figure, dpi: float) -> bytes:
    """PNG of a figure in a palette of its own, a third as large as in full colours."""
    file, packed = io.BytesIO(), io.BytesIO()
    sheet.savefig(file, format="png", dpi=dpi, facecolor="white")
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(256).save(packed, format="png", optimize=True)
    return packed.getvalue()


def _image(png: bytes, title: str) -> str:
    """Tag with the picture inside."""
    data = base64.b64encode(png).decode("ascii")
    style = "max-width:100%;background:white;border-radius:4px"
    return f'<img alt="{_text(title)}" style="{style}" src="data:image/png;base64,{data}"/>'
