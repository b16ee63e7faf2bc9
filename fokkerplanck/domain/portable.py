"""Results that can be copied and pickled, and are read-only again afterwards."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from fokkerplanck.domain.notebook import InNotebooks


class Portable(InNotebooks):
    """A frozen object whose arrays are read-only; numpy forgets that in pickles and copies.

    Examples
    --------
    >>> import copy
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 8)
    >>> solution = copy.deepcopy(fp.solve(fp.Problem(grid), fp.uniform(grid), [0, 1]))
    >>> solution.status, solution.rho.flags.writeable
    ('finished', False)
    """

    def _pickled(self) -> dict[str, Any]:
        """Attributes that go into a pickle."""
        return dict(vars(self))

    def __getstate__(self) -> tuple[dict[str, Any], list[bool]]:
        return _with_flags(self._pickled())

    def __setstate__(self, state: tuple[dict[str, Any], list[bool]]) -> None:
        parts, is_writeable = state
        for array, writeable in zip(_arrays(parts), is_writeable, strict=True):
            if not writeable:
                array.flags.writeable = False
        vars(self).update(parts)

    def __copy__(self) -> Self:
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo[id(self)] = new = type(self).__new__(type(self))
        # Of all parts: a copy in the same process can keep what a pickle leaves out.
        new.__setstate__(copy.deepcopy(_with_flags(dict(vars(self))), memo))
        return new


def can_be_pickled(value: object) -> bool:
    """Whether pickle takes this; functions that are not at the top of a module it does not."""
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):  # which of them: by Python's version
        return False
    return True


def _with_flags(parts: dict[str, Any]) -> tuple[dict[str, Any], list[bool]]:
    """Parts, and of each of their arrays whether it may be written to."""
    return parts, [array.flags.writeable for array in _arrays(parts)]


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """Arrays in tuples, lists and mappings, in their order."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _arrays(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _arrays(part)
