"""Minibatch SGD on the rows of a CSV file, with the loss of one row as a formula."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.types import Array
from fokkerplanck.problem_files.mistakes import ProblemFileError
from fokkerplanck.problem_files.source import LARGEST

#: Largest data file, in bytes.
LARGEST_DATA = 100 * LARGEST


@dataclass(frozen=True, eq=False)
class RowLosses:
    """Losses of all rows and their exact gradients, as ``Problem.from_samples`` takes them.

    Attributes
    ----------
    loss : Formula
        In the weights, then the columns of the data.
    weights : int
        Number of weights.
    """

    loss: Formula
    weights: int

    def losses(self, theta: Array, data: Array) -> Array:
        """Losses (N, m) at m points theta (d, m), for columns (c, N)."""
        return self._values(self.loss, theta, data)

    def gradients(self, theta: Array, data: Array) -> Array:
        """Gradients (N, d, m)."""
        slopes = [self._values(self.loss.partial(k), theta, data) for k in range(self.weights)]
        return np.stack(slopes, axis=1)

    def _values(self, formula: Formula, theta: Array, data: Array) -> Array:
        """Values (N, m) of a formula."""
        value = formula(*theta, *(column[:, None] for column in data))
        return np.broadcast_to(value, (data.shape[1], theta.shape[1]))


def read_columns(path: Path) -> dict[str, Array]:
    """Columns of numbers by the names in the first row.

    Raises
    ------
    ProblemFileError
        With the line of the data file.
    """
    try:
        if path.stat().st_size > LARGEST_DATA:
            raise ProblemFileError(path, 1, 1, "this file has over 100 MB; give fewer rows")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise ProblemFileError(path, 1, 1, f"it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProblemFileError(path, 1, 1, f"this is no CSV file ({error}); correct it") from None
    if len(rows) < 2:
        raise ProblemFileError(path, 1, 1, "give names of columns in the first row, and data")
    names = [name.strip() for name in rows[0]]
    for k, name in enumerate(names):
        if name in names[:k]:
            raise ProblemFileError(path, 1, 1, f"two columns are named {name}; rename one")
    columns = [_numbers(path, line, row, len(names)) for line, row in enumerate(rows[1:], 2) if row]
    if len(columns) < 2:
        raise ProblemFileError(
            path, 1, 1, f"rows of numbers: {len(columns)}; give two at least, which make the noise"
        )
    return dict(zip(names, np.array(columns).T, strict=True))


def _numbers(path: Path, line: int, row: list[str], count: int) -> list[float]:
    """One row of numbers."""
    if len(row) != count:
        reason = f"this row has {len(row)} entries and the first one {count}; make them agree"
        raise ProblemFileError(path, line, 1, reason)
    values = []
    for k, entry in enumerate(row):
        column = 1 + sum(len(u) + 1 for u in row[:k])
        try:
            value = float(entry)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ProblemFileError(path, line, column, f"{entry!r:.40} is no finite number")
        values.append(value)
    return values


def row_losses(loss: Formula, weights: int, columns: dict[str, Array]) -> tuple[RowLosses, Any]:
    """Losses and gradients, and the data that they are given."""
    return RowLosses(loss, weights), np.stack(list(columns.values()))
