"""How much noise the grid adds: numerical over physical dissipation of a Markov scheme."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.edges import Edges

#: Tilt below which the series of z/2 coth(z/2) - 1 is used.
SMALL = 1e-3
#: Largest difference of log density between neighbours that counts, so that squares stay finite.
STEEPEST = 600.0


def numerical_dissipation(edges: Edges, log_rho: Array) -> float:
    r"""Dissipation by the diffusion that upwinding adds, over that by the diffusion of the problem.

    .. math:: R=\frac{\sum_em_ew_e\,(\frac{z_e}2\coth\frac{z_e}2-1)\,(\delta_e\log\rho)^2}
                     {\sum_em_ew_e\,(\delta_e\log\rho)^2}

    over the edges, with conductances w, tilts z and the logarithmic mean m of the density at both
    ends. To leading order the temperature of the Markov scheme is 1 + R times the right one.

    Parameters
    ----------
    edges : Edges
    log_rho : array (n,) or of the grid's shape
        Log density of the Markov scheme; -inf where there is none.

    Returns
    -------
    float
        Inf where nothing but drift acts.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.dissipation import numerical_dissipation
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (y - x, -x - y), kT=0.2)
    >>> rho = fp.steady_state(problem, scheme="markov").log_rho
    >>> round(numerical_dissipation(fp.Edges.from_problem(problem), rho), 2)
    0.1
    """
    phi = np.asarray(log_rho, dtype=float).ravel()
    phi = phi - phi.max()
    tail, head = edges.tail, edges.head
    some = np.isfinite(phi[tail]) & np.isfinite(phi[head])
    a, b = phi[tail[some]], phi[head[some]]
    step = np.abs(np.clip(b - a, -STEEPEST, STEEPEST))
    # Logarithmic mean of e^a and e^b: the larger over B(-step) = step / (1 - e^-step).
    mean = np.exp(np.maximum(a, b)) / bernoulli(-step)
    physical = mean * edges.weight[some] * step**2
    half = 0.5 * np.abs(edges.tilt[some])
    safe = np.where(half > SMALL, half, 1.0)
    added = np.where(half > SMALL, safe / np.tanh(safe) - 1, half**2 / 3)
    whole = float(physical.sum())
    return float((physical * added).sum()) / whole if whole > 0 else float("inf")
