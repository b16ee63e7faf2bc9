r"""The discrete Benamou-Brenier metric on the edges of a reversible chain, relative to a state.

Rows of a symmetric pattern without diagonal; ``there[e]`` is the rate from the cell x of the row
to its neighbour y, ``back[e]`` the rate in return. With u = p / pi = e^v the conductance of an edge
at a state p is kappa theta(u_x, u_y), theta the logarithmic mean; over the mass of the cell it is

    rate_xy theta(u_x, u_y) / u_x = rate_xy E(v_y - v_x),    E(s) = (e^s - 1)/s,

so that only differences of v enter and nothing underflows.

Maas, J. Funct. Anal. 261 (2011), equation (1.9); Mielke, Calc. Var. 48 (2013).
"""

import math

import numpy as np
from numba import njit, prange

#: Largest difference of log density between neighbours that is formed.
MAX_STEP = 600.0


@njit(cache=True)
def _mean(s):
    """Logarithmic mean of 1 and e^s: (e^s - 1)/s."""
    s = min(max(s, -MAX_STEP), MAX_STEP)
    if abs(s) < 1e-5:
        return 1.0 + 0.5 * s * (1.0 + s / 3.0)
    return math.expm1(s) / s


@njit(cache=True)
def mobility(part, parts, indptr, indices, there, back, v, is_live, out, inn):
    """Fill out = there E(v_y - v_x), inn = back E(v_x - v_y); 0 at edges to cells not live.

    For one part of the rows.
    """
    n = v.size
    for x in range(part * n // parts, (part + 1) * n // parts):
        for e in range(np.uint32(indptr[x]), np.uint32(indptr[x + 1])):
            y = np.uint32(indices[e])
            if is_live[x] and is_live[y]:
                s = v[y] - v[x]
                out[e] = there[e] * _mean(s)
                inn[e] = back[e] * _mean(-s)
            else:
                out[e] = 0.0
                inn[e] = 0.0


@njit(cache=True, parallel=True)
def mobility_threads(parts, indptr, indices, there, back, v, is_live, out, inn):
    """Fill all rows in parallel."""
    for part in prange(parts):
        mobility(part, parts, indptr, indices, there, back, v, is_live, out, inn)


@njit(cache=True)
def divergence(part, parts, indptr, indices, out, y, result):
    """Fill result_x = sum_e out_e (y_x - y_y), from differences: exact on constants.

    For one part of the rows.
    """
    n = y.size
    for x in range(part * n // parts, (part + 1) * n // parts):
        total, y_x = 0.0, y[x]
        for e in range(np.uint32(indptr[x]), np.uint32(indptr[x + 1])):
            total += out[e] * (y_x - y[np.uint32(indices[e])])
        result[x] = total


@njit(cache=True, parallel=True)
def divergence_threads(parts, indptr, indices, out, y, result):
    """Fill all rows in parallel."""
    for part in prange(parts):
        divergence(part, parts, indptr, indices, out, y, result)
