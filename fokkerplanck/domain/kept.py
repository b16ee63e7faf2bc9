"""What hangs on a pattern of integers alone, kept for the next question of the same pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from fokkerplanck.domain.types import Integers

T = TypeVar("T")

#: Stores of this process, for those who want to measure without them.
_stores: list[Kept] = []


class Kept(Generic[T]):
    """Results of the last few keys, which are tuples of integer arrays compared entry by entry.

    A result must hang on its key and on nothing else, so that it does not matter to any answer
    whether it was kept. All are held in one tuple, which is replaced as a whole: threads may lose a
    result, but never mix two.

    Parameters
    ----------
    most : int
        Results that are kept.
    most_numbers : int
        Integers in the largest key that is kept.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.domain.kept import Kept
    >>> sums = Kept(most=2, most_numbers=100)
    >>> sums.of((np.arange(4),), lambda: 6), sums.of((np.arange(4),), lambda: 0)
    (6, 6)
    """

    def __init__(self, most: int, most_numbers: int) -> None:
        self.most, self.most_numbers = most, most_numbers
        self._kept: tuple[tuple[tuple[Integers, ...], T], ...] = ()
        _stores.append(self)

    def of(self, key: tuple[Integers, ...], make: Callable[[], T]) -> T:
        """Result of a key: the one that is kept, or a new one by ``make``."""
        kept = self._kept
        for number, (known, value) in enumerate(kept):
            if all(map(np.array_equal, known, key)):
                if number:  # the one that was asked for last is forgotten last
                    self._kept = (kept[number], *kept[:number], *kept[number + 1 :])
                return value
        value = make()
        if sum(a.size for a in key) <= self.most_numbers:
            copies = tuple(np.array(a) for a in key)  # which nobody else writes to
            self._kept = ((copies, value), *self._kept)[: self.most]
        return value

    def forget(self) -> None:
        """Keep nothing of what there is."""
        self._kept = ()


def forget_all() -> None:
    """Forget everything that any store keeps, as in a new process."""
    for store in _stores:
        store.forget()
