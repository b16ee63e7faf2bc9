"""What demonstrations share: tables, and distances to the exact flow."""

import numpy as np


def aligned(rows) -> str:
    """Text of rows (name, value, remark): one line each, columns aligned."""
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    lines = (f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows)
    return "\n".join(line.rstrip() for line in lines)


def distances(runs, exact) -> list[float]:
    """L1 distances of the last densities of some runs to that of the exact one."""
    grid, end = exact.grid, exact.rho[-1]
    return [float(grid.integrate(np.abs(run.rho[-1] - end))) for run in runs]


def observed_order(errors) -> float:
    """Order in the step, from the last two of errors at halved steps."""
    return float(np.log2(errors[-2] / errors[-1]))
