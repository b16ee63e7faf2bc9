"""Statements about the steady current: stationarity, and the assumption that div j = 0."""

from __future__ import annotations

import numpy as np

from fokkerplanck.theorems.study import SOLVED, Study
from fokkerplanck.theorems.verdict import Comparison, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"


def stationarity(problem, steady=None) -> Verdict:
    r"""Stationarity :math:`\nabla\cdot(j\rho_{ss})=0`, beside :math:`\nabla\cdot j`.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Left: :math:`\int|\nabla\cdot(j\rho_{ss})|dx`, zero to rounding on every grid; in
        ``numbers`` the root mean square of :math:`\nabla\cdot j`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.stationarity(fp.zoo.example_19(0.5).build(64))
    >>> verdict.outcome, round(float(verdict.numbers["rms div j"]), 2)
    ('holds', 0.22)
    """
    study = Study.of(problem, steady)
    state, grid = study.steady, study.grid
    left = float(grid.integrate(np.abs(state.div_J)))
    turnover = float(grid.integrate(_throughput(study)))
    rms = study.rms(state.div_j)
    return judged(
        "stationarity",
        "in the steady state the current j rho_ss has no divergence; j itself may have one.",
        [Comparison("integral of |div(j rho_ss)|", left, "", 0.0, left, 0.0,
                    SOLVED * turnover)],
        is_theorem=True, reference=f"{PAPER}, equation (8)",
        remark=f"Beside it, rms div j = {rms:.4g}.",
        numbers={"rms div j": rms},
    )  # fmt: skip


def _throughput(study):
    """Density that leaves a cell per time: the scale of what balances."""
    return study.generator.exit_rates.reshape(study.grid.shape) * study.steady.rho


__all__ = ["stationarity"]
