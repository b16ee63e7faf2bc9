"""What demonstrations share: tables, and figures of densities, fields and runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.evolution.solution import Solution

Known = TypeVar("Known")


def aligned(rows: Sequence[tuple[str, str, str]]) -> str:
    """Text of rows (name, value, remark): one line each, columns aligned."""
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    lines = (f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows)
    return "\n".join(line.rstrip() for line in lines)


def distances(runs: Iterable[Solution], exact: Solution) -> list[float]:
    """L1 distances of the last densities of some runs to that of the exact one."""
    grid, end = exact.grid, exact.rho[-1]
    return [float(grid.integrate(np.abs(run.rho[-1] - end))) for run in runs]


def observed_order(errors: Sequence[float] | Array) -> float:
    """Order in the step, from the last two of errors at halved steps."""
    return float(np.log2(errors[-2] / errors[-1]))


def moments(grid: Grid, rho: Array) -> tuple[Array, Array]:
    """Mean (d,) and covariance (d, d) of a density."""
    mean = grid.integrate(grid.x * rho)
    z = grid.x - mean.reshape(-1, *[1] * grid.dim)
    return mean, grid.integrate(z[:, None] * z * rho)


def rms(grid: Grid, rho: Array, v: Array) -> float:
    """Root mean square of a field (components first) under a density."""
    return float(np.sqrt(grid.integrate(rho * np.square(v).sum(axis=0))))


def known(formula: Known | None) -> Known:
    """Formula that the zoo has for this problem, though not for every one."""
    assert formula is not None
    return formula
