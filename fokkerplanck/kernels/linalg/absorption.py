"""Elimination without subtractions for chains that end: rates among states, and rates to the end.

With q_ij the rate i -> j and c_i that from i to the end, eliminating state k leaves the chain
watched on the others (W. Grassmann, M. Taksar, D. Heyman, Oper. Res. 33, 1985; A. Alfa, J. Xue,
Q. Ye, Math. Comp. 71, 2002: the solution of a diagonally dominant M-matrix has a small relative
error entry by entry if its row sums are given, whatever its condition):

    s_k = c_k + sum_{j > k} q_kj,    l_ik = q_ik / s_k,    q_ij += l_ik q_kj,    c_i += l_ik c_k.

Then sum_j q_ij (x_i - x_j) + c_i x_i = b_i is solved by

    y_i = b_i + sum_{k < i} l_ik y_k,    x_k = (y_k + sum_{j > k} q_kj x_j) / s_k.

The diagonal never enters. Fronts as in ``elimination``: dense blocks (m, m + 1) of the states of a
node of the dissection and its boundary, with c in the last column.
"""

import numpy as np
from numba import njit

TINY = 1e-280  # an exit below this may have lost digits to underflow
PANEL = 8


@njit(cache=True)
def _eliminate_panel(F, k0, k1, exits):
    """Eliminate states k0 to k1 inside their own columns, and finish their rows; first failure."""
    m = F.shape[0]
    beyond = np.zeros(k1 - k0)  # rates out of the panel: one lumped state, so nothing is subtracted
    for k in range(k0, k1):
        for j in range(k1, m + 1):
            beyond[k - k0] += F[k, j]
    for k in range(k0, k1):
        exits[k] = beyond[k - k0]
        for j in range(k + 1, k1):
            exits[k] += F[k, j]
        if exits[k] < TINY:
            return k
        for i in range(k + 1, k1):
            F[i, k] /= exits[k]
            beyond[i - k0] += F[i, k] * beyond[k - k0]
            for j in range(k + 1, k1):
                F[i, j] += F[i, k] * F[k, j]
    for i in range(k1, m):
        for k in range(k0, k1):
            F[i, k] /= exits[k]
            for j in range(k + 1, k1):
                F[i, j] += F[i, k] * F[k, j]
    for i in range(k0 + 1, k1):
        for k in range(k0, i):
            f, factor, u = F[i, k1:], F[i, k], F[k, k1:]
            for j in range(f.size):
                f[j] += factor * u[j]
    return -1


@njit(cache=True)
def _eliminate_front(F, p, exits):
    """Eliminate the first p states of a front; number of the first without an exit, or -1."""
    for k0 in range(0, p, PANEL):
        k1 = min(k0 + PANEL, p)
        bad = _eliminate_panel(F, k0, k1, exits)
        if bad >= 0:
            return bad
        for i in range(k1, F.shape[0]):
            f = F[i, k1:]
            for k in range(k0, k1):
                factor, u = F[i, k], F[k, k1:]
                for j in range(f.size):
                    f[j] += factor * u[j]
    return -1


@njit(cache=True)
def _load(F, start, end, order, position, local, indptr, neighbours, rate_out, rate_in, kill):
    """Write the rates among the states of one node, to and from its boundary, and to the end."""
    F[:] = 0.0
    for k in range(end - start):
        c = order[start + k]
        F[k, F.shape[0]] = kill[c]
        for e in range(indptr[c], indptr[c + 1]):
            x = position[neighbours[e]]
            if x >= start:
                F[k, local[x]] = rate_out[e]
            if x >= end:
                F[local[x], k] = rate_in[e]


@njit(cache=True)
def _merge(F, waiting, at, place):
    """Add a child's remaining block, waiting[at:] in rows of q + 1, at rows and columns place."""
    q, m = place.size, F.shape[0]
    for i in range(q):
        row = F[place[i]]
        for j in range(q):
            row[place[j]] += waiting[at + j]
        row[m] += waiting[at + q]
        at += q + 1


@njit(cache=True)
def _work_sizes(starts, n_children, bound_ptr):
    """Side of the largest front, largest total of blocks that wait for a parent, size of L."""
    waiting, top = np.empty(n_children.size, np.int64), 0
    side, used, peak, fill = 0, 0, 0, 0
    for t in range(n_children.size):
        p, q = starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        side, fill = max(side, p + q), fill + p * (p - 1) // 2 + p * q
        for _ in range(n_children[t]):
            top -= 1
            used -= waiting[top] * (waiting[top] + 1)
        waiting[top] = q
        top += 1
        used += q * (q + 1)
        peak = max(peak, used)
    return side, peak, fill


@njit(cache=True)
def _store(F, p, L, U, at_L, at_U):
    """Append the rows l_ik, k < min(i, p), and q_kj, k < p, j > k, of a front; the new ends."""
    m = F.shape[0]
    for i in range(m):
        for k in range(min(i, p)):
            L[at_L + k] = F[i, k]
        at_L += min(i, p)
    for k in range(p):
        for j in range(k + 1, m):
            U[at_U] = F[k, j]
            at_U += 1
    return at_L, at_U


@njit(cache=True)
def eliminate(
    order, position, starts, n_children, bound_ptr, bound, indptr, neighbours, rate_out, rate_in,
    kill,
):  # fmt: skip
    """Factors of a chain that ends: rows l_ik and q_kj of every node, packed, and the exits s_k.

    rate_out[e] and rate_in[e] are the rates c -> b and b -> c of entry e of the symmetric pattern
    (c its row, b = neighbours[e]), kill (n,) those to the end. Returns L, U, exits by position, and
    the cell that was left without an exit above underflow, or -1.
    """
    side, peak, fill = _work_sizes(starts, n_children, bound_ptr)
    L, U, exits = np.empty(fill), np.empty(fill), np.empty(order.size)
    front, waiting = np.empty(side * (side + 1)), np.empty(peak)
    local, place = np.empty(order.size, np.int32), np.empty(side, np.int32)
    nodes, top = np.empty(n_children.size, np.int64), 0
    used, at_L, at_U = np.int64(0), np.int64(0), np.int64(0)
    for t in range(n_children.size):
        start, end = np.int64(starts[t]), np.int64(starts[t + 1])
        rest = bound[bound_ptr[t] : bound_ptr[t + 1]]
        p, m = end - start, end - start + rest.size
        F = front[: m * (m + 1)].reshape(m, m + 1)
        for k in range(p):
            local[start + k] = k
        for k in range(rest.size):
            local[rest[k]] = p + k
        _load(F, start, end, order, position, local, indptr, neighbours, rate_out, rate_in, kill)
        for _ in range(n_children[t]):
            top -= 1
            child = bound[bound_ptr[nodes[top]] : bound_ptr[nodes[top] + 1]]
            for k in range(child.size):
                place[k] = local[child[k]]
            used -= child.size * (child.size + 1)
            _merge(F, waiting, used, place[: child.size])
        bad = _eliminate_front(F, p, exits[start:end])
        if bad >= 0:
            return L, U, exits, np.int64(order[start + bad])
        at_L, at_U = _store(F, p, L, U, at_L, at_U)
        for i in range(p, m):
            for j in range(p, m + 1):
                waiting[used] = F[i, j]
                used += 1
        nodes[top] = t
        top += 1
    return L, U, exits, np.int64(-1)


@njit(cache=True)
def solve(starts, bound_ptr, bound, L, U, exits, x):
    """Overwrite b >= 0 with the solution, both by position; sums of non-negative numbers only."""
    side = 0
    for t in range(starts.size - 1):
        side = max(side, starts[t + 1] - starts[t] + bound_ptr[t + 1] - bound_ptr[t])
    y, at = np.empty(side), 0
    for t in range(starts.size - 1):
        start, p, q = starts[t], starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        for i in range(p + q):
            where = start + i if i < p else bound[bound_ptr[t] + i - p]
            y[i] = x[where]
            for k in range(min(i, p)):
                y[i] += L[at + k] * y[k]
            at += min(i, p)
            x[where] = y[i]
    at = U.size
    for t in range(starts.size - 2, -1, -1):
        start, p, q = starts[t], starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        for i in range(q):
            y[p + i] = x[bound[bound_ptr[t] + i]]
        for k in range(p - 1, -1, -1):
            at -= p + q - k - 1
            value = x[start + k]
            for j in range(k + 1, p + q):
                value += U[at + j - k - 1] * y[j]
            y[k] = value / exits[start + k]
            x[start + k] = y[k]
