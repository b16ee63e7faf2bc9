"""Products with the uniformised chain P = I + A / rate, in the form of edge currents.

Every cell gathers inflow - outflow of its own edges, so both ends of an edge use the same two
rounded products and mass moves without being made; what rounding takes from a cell's new mass is
kept in a second array and given back one product later. Jensen, Skandinavisk Aktuarietidskrift 36
(1953); Kahan, Commun. ACM 8 (1965).
"""

import math

import numpy as np
from numba import njit, prange

#: Blocks of rows that the threads share.
BLOCKS = 16


@njit(cache=True)
def _product(
    start, stop, indptr, indices, inflow, outflow, exits, p, rest, q, q_rest, weight, total
):
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

    P is given by rows: inflow[e] and outflow[e] are the chances of a jump from and to cell
    indices[e], exits (n,) those of leaving for good. state (4, n) holds two mass arrays with their
    remainders; weights[k] belongs to product k + 1. Rows 0 and 1 hold the last product at the end.
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


@njit(cache=True)
def _recurrence(start, stop, indptr, indices, inflow, outflow, exits, p, q, weight, total):
    """Fill q = 2 p - q + gain for the rows from start to stop and add weight q to total."""
    e = np.uint32(indptr[start])
    for i in range(start, stop):
        p_i = p[i]
        gain = -exits[i] * p_i
        end = np.uint32(indptr[i + 1])
        while e < end:
            gain += inflow[e] * p[np.uint32(indices[e])] - outflow[e] * p_i
            e += np.uint32(1)
        # The order that loses nothing where p and q are close.
        s = p_i + ((p_i - q[i]) + gain)
        q[i] = s
        total[i] += weight * s


@njit(cache=True, parallel=True)
def chebyshev_threads(indptr, indices, inflow, outflow, exits, weights, level, state, total):
    """Advance the recurrence T' = 2 T - T'' + A T by a level per weight; add weighted levels up.

    The generator A, scaled, is given by rows as for chain. state (2, n): level l lies in
    state[l % 2], the last one known is ``level``.
    """
    n = total.size
    for k in range(weights.size):
        a, b = (level + k) % 2, (level + k + 1) % 2
        for block in prange(BLOCKS):
            _recurrence(
                block * n // BLOCKS, (block + 1) * n // BLOCKS,
                indptr, indices, inflow, outflow, exits, state[a], state[b], weights[k], total,
            )  # fmt: skip


@njit(cache=True)
def implicit_residual(indptr, indices, inflow, outflow, exits, dt, b, x, residual):
    """Fill residual = b - x + dt A x; the currents of a row are added up in two-fold precision."""
    for i in range(x.size):
        x_i = x[i]
        total, rest = -exits[i] * x_i, 0.0
        for e in range(np.uint32(indptr[i]), np.uint32(indptr[i + 1])):
            y = inflow[e] * x[np.uint32(indices[e])] - outflow[e] * x_i
            s = total + y
            v = s - total
            rest += (total - (s - v)) + (y - v)
            total = s
        residual[i] = (b[i] - x_i) + dt * (total + rest)


@njit(cache=True)
def _excess(delta):
    """s - 1 - log s for s = e^delta, |delta| <= 1: >= 0, without cancellation."""
    if abs(delta) > 1e-2:
        return math.expm1(delta) - delta
    tail = 1 + delta / 5 * (1 + delta / 6 * (1 + delta / 7))
    return delta * delta / 2 * (1 + delta / 3 * (1 + delta / 4 * tail))


@njit(cache=True)
def _one_way(flow, delta, log_flow_times_s):
    """flow (s - 1 - log s) for s = e^delta; the product flow s is given by its logarithm."""
    if abs(delta) <= 1.0:
        return flow * _excess(delta)
    grown = math.exp(log_flow_times_s) if log_flow_times_s > -745.0 else 0.0
    return max(grown - flow * (1.0 + delta), 0.0)


@njit(cache=True)
def entropy_rates(tail, head, forward, backward, tilt, rho, log_inf, log_u):
    """Non-adiabatic and adiabatic entropy production, sums of terms >= 0 over directed edges.

    rho is the density, log_inf the stationary log density and log_u = log(rho) - log_inf, all (n,).
    """
    nonadiabatic, adiabatic = 0.0, 0.0
    for e in range(tail.size):
        x, y = tail[e], head[e]
        there, back = forward[e] * rho[x], backward[e] * rho[y]
        log_w = math.log(forward[e]) if forward[e] > 0.0 else -1e5
        log_b = math.log(backward[e]) if backward[e] > 0.0 else -1e5
        du = log_u[y] - log_u[x]
        nonadiabatic += _one_way(there, du, log_w + log_inf[x] + log_u[y])
        nonadiabatic += _one_way(back, -du, log_b + log_inf[y] + log_u[x])
        # Force along the edge in the steady state: log of the ratio of its two stationary flows.
        c = tilt[e] + log_inf[x] - log_inf[y]
        adiabatic += _one_way(there, -c, log_b + log_inf[y] + log_u[x])
        adiabatic += _one_way(back, c, log_w + log_inf[x] + log_u[y])
    return nonadiabatic, adiabatic
