"""Products with the uniformised chain P = I + A / rate, in the form of edge currents.

Every cell gathers inflow - outflow of its own edges, so both ends of an edge use the same two rounded
products and mass moves without being made; what rounding takes from a cell's new mass is kept in a
second array and given back one product later. Jensen, Skandinavisk Aktuarietidskrift 36 (1953);
Kahan, Commun. ACM 8 (1965).
"""

import numpy as np
from numba import njit, prange

#: Blocks of rows that the threads share.
BLOCKS = 16


@njit(cache=True)
def _product(start, stop, indptr, indices, inflow, outflow, exits, p, rest, q, q_rest, weight, total):
    """Fill q = P p for the rows from start to stop and add weight q to total."""
    e = np.uint32(indptr[start])  # unsigned: numba need not look for negative indices
    for i in range(start, stop):
        p_i = p[i]
        gain = -exits[i] * p_i
        end = np.uint32(indptr[i + 1])
        while e < end:
            gain += inflow[e] * p[np.uint32(indices[e])] - outflow[e] * p_i
            e += np.uint32(1)
        # Two-sum (Knuth): s + remainder is p_i + y without any rounding.
        y = rest[i] + gain
        s = p_i + y
        v = s - p_i
        q[i] = s
        q_rest[i] = (p_i - (s - v)) + (y - v)
        total[i] += weight * s


@njit(cache=True)
def chain(indptr, indices, inflow, outflow, exits, weights, state, total):
    """Apply P once per weight to state[0] (+ state[1], what rounding left) and add up the results.

    P is given by rows: inflow[e] and outflow[e] are the chances of a jump from and to cell indices[e],
    exits (n,) those of leaving for good. state (4, n) holds two mass arrays with their remainders;
    weights[k] belongs to product k + 1. Rows 0 and 1 hold the last product at the end.
    """
    n = total.size
    for k in range(weights.size):
        a, b = (0, 2) if k % 2 == 0 else (2, 0)
        _product(
            0, n, indptr, indices, inflow, outflow, exits,
            state[a], state[a + 1], state[b], state[b + 1], weights[k], total,
        )  # fmt: skip
    if weights.size % 2:
        state[0], state[1] = state[2], state[3]


@njit(cache=True, parallel=True)
def chain_threads(indptr, indices, inflow, outflow, exits, weights, state, total):
    """Same as chain, for large n: blocks of rows gather in parallel."""
    n = total.size
    for k in range(weights.size):
        a, b = (0, 2) if k % 2 == 0 else (2, 0)
        for block in prange(BLOCKS):
            _product(
                block * n // BLOCKS, (block + 1) * n // BLOCKS,
                indptr, indices, inflow, outflow, exits,
                state[a], state[a + 1], state[b], state[b + 1], weights[k], total,
            )  # fmt: skip
    if weights.size % 2:
        state[0], state[1] = state[2], state[3]
