"""Basins of a density: its maxima that are separated by deep saddles."""

import numpy as np
from numba import njit


@njit(cache=True)
def _root(parent, x):
    """Representative of x, with path halving."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@njit(cache=True)
def deep_maxima(order, indptr, neighbour, log_rho, depth):
    """Flags of the maxima that stand at least depth above the saddle to any higher maximum.

    Cells are added from the densest on (order); two components that meet at a saddle keep the
    higher maximum, and the lower one counts if it is deep (merge tree).
    """
    n = log_rho.size
    parent = np.full(n, -1)
    peak = np.arange(n)
    keep = np.zeros(n, np.bool_)
    keep[order[0]] = True
    for x in order:
        parent[x] = x
        for k in range(indptr[x], indptr[x + 1]):
            y = neighbour[k]
            if parent[y] < 0:
                continue
            a, b = _root(parent, x), _root(parent, y)
            if a == b:
                continue
            if log_rho[peak[a]] < log_rho[peak[b]]:
                a, b = b, a
            if log_rho[peak[b]] - log_rho[x] > depth:
                keep[peak[b]] = True
            parent[b] = a
    return keep
