"""Questions to the graph of a generator, each answered in one pass over its rows or edges."""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True)
def is_chained(indptr, indices, data):
    """True if every cell but the first has a rate from and a rate to a cell of a lower number.

    Then all cells lead to the first and the first to all: there is one class, and it is closed.
    False proves nothing.
    """
    n = indptr.size - 1
    leads_down = np.zeros(n, np.bool_)
    for x in range(n):
        is_fed = x == 0
        for k in range(indptr[x], indptr[x + 1]):
            y = indices[k]
            if data[k] > 0.0:
                if y < x:
                    is_fed = True
                elif y > x:
                    leads_down[y] = True
        if not is_fed:
            return False
    leads_down[0] = True
    return leads_down.all()


@njit(cache=True)
def column_sums(indptr, indices, data, out):
    """Fill out (n) with the sums of the columns, without the diagonal."""
    out[:] = 0.0
    for x in range(indptr.size - 1):
        for k in range(indptr[x], indptr[x + 1]):
            if indices[k] != x:
                out[indices[k]] += data[k]


@njit(cache=True)
def imbalance(part, parts, indptr, indices, data, outflow, log_mass, worst):
    """Fill worst[part] = max |inflow - outflow| / outflow of its cells, from log masses alone.

    Rows of a generator; its diagonal is not used. Cells without mass count only if mass flows into
    them: then the result is infinite.
    """
    n = indptr.size - 1
    worst[part] = 0.0
    for x in range(part * n // parts, (part + 1) * n // parts):
        inflow, own = 0.0, log_mass[x]
        for k in range(indptr[x], indptr[x + 1]):
            y = indices[k]
            if y == x or not data[k] > 0.0 or log_mass[y] == -np.inf:
                continue
            if own == -np.inf:
                worst[part] = np.inf
                return
            step = log_mass[y] - own
            if abs(step) > 600.0:  # the product may be moderate where e^step is not
                inflow += math.exp(min(math.log(data[k]) + step, 700.0))
            else:
                inflow += data[k] * math.exp(step)
        if own > -np.inf and inflow != outflow[x]:
            if outflow[x] == 0.0:
                worst[part] = np.inf
                return
            off = abs(inflow - outflow[x]) / outflow[x]
            if not off <= worst[part]:
                worst[part] = off


@njit(cache=True, parallel=True)
def imbalance_threads(parts, indptr, indices, data, outflow, log_mass, worst):
    """``imbalance`` in threads."""
    for part in prange(parts):
        imbalance(part, parts, indptr, indices, data, outflow, log_mass, worst)


@njit(cache=True)
def tilt_defect(part, parts, tail, head, tilt, phi, limit, worst):
    """Fill worst[part]: largest |tilt - difference of phi|, or the first above the limit."""
    worst[part] = 0.0
    for e in range(part * tail.size // parts, (part + 1) * tail.size // parts):
        off = abs(tilt[e] - (phi[head[e]] - phi[tail[e]]))
        if not off <= worst[part]:
            worst[part] = off
            if not off <= limit:
                return


@njit(cache=True, parallel=True)
def tilt_defect_threads(parts, tail, head, tilt, phi, limit, worst):
    """``tilt_defect`` in threads."""
    for part in prange(parts):
        tilt_defect(part, parts, tail, head, tilt, phi, limit, worst)


@njit(cache=True)
def sum_tilts(tail, head, tilt, first, phi):
    """Fill phi with sums of tilts, each cell from its neighbour of the lowest number.

    first (n) is written over. False if a cell other than the first has no lower neighbour.
    """
    first[:] = -1
    for e in range(tail.size):
        low, high = min(tail[e], head[e]), max(tail[e], head[e])
        known = first[high]
        if known < 0 or low < min(tail[known], head[known]):
            first[high] = e
    phi[0] = 0.0
    for x in range(1, phi.size):
        e = first[x]
        if e < 0:
            return False
        phi[x] = phi[tail[e]] + tilt[e] if head[e] == x else phi[head[e]] - tilt[e]
    return True
