"""How much noise upwinding adds to that of a problem, on a given density."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.scheme.edges import Edges

#: Root mean square difference of log density between neighbours that counts as none.
FLAT = 1e-8


def added_noise(edges: Edges, log_rho: Array) -> float:
    r"""Dissipation by upwinding over that by noise, :math:`\sum_em w(c-1)g^2/\sum_em w\,g^2`.

    On an edge of weight w and tilt z exponential fitting diffuses with :math:`c\,w`,
    :math:`c=\frac z2\coth\frac z2`, of which w is the problem's own; g is the difference of log
    density and m the mean density. At 1 the grid makes as much noise as the problem has.

    Parameters
    ----------
    edges : Edges
    log_rho : array (n,) or (\*shape)
        Log density of the Markov state.

    Returns
    -------
    float
        At least 0; 0 for a density that is flat to rounding, which no diffusion changes.

    References
    ----------
    Scharfetter and Gummel, IEEE Trans. Electron Devices 16 (1969).

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.grid_noise import added_noise
    >>> problem = fp.Problem(fp.Grid([(-4, 4)], 64), f=lambda x: x**2 / 2)
    >>> edges = fp.Edges.from_problem(problem)
    >>> round(added_noise(edges, -problem.f), 4)  # h^2/4 at first order
    0.0039
    """
    phi = np.ravel(log_rho)
    tail, head = phi[edges.tail], phi[edges.head]
    g, half = head - tail, 0.5 * np.abs(edges.tilt)
    extra = np.where(half < 1e-3, half**2 / 3, half / np.tanh(np.maximum(half, 1e-3)) - 1)
    exchanged = np.exp(0.5 * (tail + head) - phi.max()) * edges.weight
    dissipated = exchanged * g**2
    total = float(dissipated.sum())
    if total <= FLAT**2 * float(exchanged.sum()):
        return 0.0
    return float(dissipated @ extra) / total
