"""Memory that an answer will take, compared with what there is before the work begins."""

from __future__ import annotations

import math
import os
from pathlib import Path

#: Bytes that are asked for without looking.
SMALL = 2**26
GIB = 2.0**30


def available_bytes() -> float:
    """Memory that may still be taken without swapping; infinite where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return math.inf


def check_memory(needed: float, what: str, advice: str) -> None:
    """Raise MemoryError for what will not fit.

    Parameters
    ----------
    needed : float
        Bytes, at least.
    what : str
        What takes them, the subject of the message.
    advice : str
        What to do instead.

    Raises
    ------
    MemoryError
        With both numbers.

    Examples
    --------
    >>> from fokkerplanck.linalg.memory import check_memory
    >>> check_memory(2.0**80, "an array", "take a smaller one")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    MemoryError: an array would take 1.13e+15 GiB, and ... GiB are free; take a smaller one
    """
    if needed <= SMALL:
        return
    free = available_bytes()
    if needed > free:
        raise MemoryError(
            f"{what} would take {needed / GIB:.3g} GiB, and {free / GIB:.3g} GiB are free; {advice}"
        )
