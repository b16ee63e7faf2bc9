"""Elimination of a Markov chain without subtractions (Grassmann, Taksar, Heyman), multifrontal.

W. Grassmann, M. Taksar, D. Heyman, Regenerative analysis and steady state distributions for Markov
chains, Oper. Res. 33 (1985); C. O'Cinneide, Entrywise perturbation theory and error analysis for
Markov chains, Numer. Math. 65 (1993): every entry is accurate to a few n rounding errors, whatever
the condition number; I. Duff, J. Reid, The multifrontal solution of unsymmetric sets of linear
equations, SIAM J. Sci. Stat. Comput. 5 (1984).

With q_ij the rate i -> j, eliminating state k leaves the chain watched on the other states:

    s_k = sum_{j > k} q_kj,    l_ik = q_ik / s_k,    q_ij += l_ik q_kj    (i, j > k, i != j),
    pi_k = sum_{i > k} pi_i l_ik.

The diagonal never enters, so its place in the dense blocks holds numbers without meaning.

A front is a dense block F (m, m + 1): rates among the states of one node of the dissection and its
boundary, and in the last column rates out of the chain. For a stationary vector (``eliminate``)
these are a bound of what underflow took from each row ("loss"): the rate into a cemetery that is
entered from everywhere at rate FLOOR.

Where doubles are too narrow, numbers are pairs f 2^(512 e) with 2^-256 <= f < 2^256, and e is kept
as a double so that the loops vectorise (T. Fukushima, J. Geodesy 86 (2012), X-numbers).

Chains that end (``eliminate_ending``) have rates c_i from i to the end in the last column:

    s_k = c_k + sum_{j > k} q_kj,    c_i += l_ik c_k,

and sum_j q_ij (x_i - x_j) + c_i x_i = b_i is solved by

    y_i = b_i + sum_{k < i} l_ik y_k,    x_k = (y_k + sum_{j > k} q_kj x_j) / s_k

(A. Alfa, J. Xue, Q. Ye, Math. Comp. 71, 2002: the solution of a diagonally dominant M-matrix has a
small relative error entry by entry if its row sums are given, whatever its condition).
"""

import math

import numpy as np
from numba import njit

#: A step of the exponent e of a pair, and its inverse.
RADIX, INVERSE_RADIX = 2.0**512, 2.0**-512
#: Range of the f of a pair.
UPPER, LOWER = 2.0**256, 2.0**-256
#: Exponent of zero: so low that no shift of exponents can bring it up.
ZERO_EXPONENT = -1e12
#: Rate into the cemetery: above any sum of underflowed products of rates <= 1.
FLOOR = 1e-300
#: A loss smaller than this share of the flow changes nothing.
NEGLIGIBLE = 1e-20
#: An exit of a chain that ends may have lost digits to underflow below this.
TINY = 1e-280
#: States eliminated together, for the sake of the cache.
PANEL = 8


@njit(cache=True)
def _normalised(f, e):
    """Bring f into [LOWER, UPPER); zero stays zero."""
    if f == 0.0:
        return 0.0, ZERO_EXPONENT
    while f < LOWER:
        f, e = f * RADIX, e - 1.0
    while f >= UPPER:
        f, e = f * INVERSE_RADIX, e + 1.0
    return f, e


@njit(cache=True)
def _sum_wide(f, e):
    """Sum of the pairs (f, e), normalised."""
    top = ZERO_EXPONENT
    for x in e:
        top = max(top, x)
    total = 0.0
    for j in range(f.size):
        if e[j] == top:
            total += f[j]
        elif e[j] == top - 1.0:
            total += f[j] * INVERSE_RADIX
    return _normalised(total, top)


@njit(cache=True)
def _add_row_wide(f, e, factor, exponent, u, v):
    """(f, e) += (factor, exponent) * (u, v) entry by entry, all pairs normalised, factor > 0.

    No branches: all of it compiles to vector selects. Pairs two exponents apart do not see each
    other; a zero stands so far below that no shift of exponents can bring it up.
    """
    for j in range(f.size):
        new, old_e, new_e = factor * u[j], e[j], exponent + v[j]
        step = new_e - old_e
        keep = 1.0 if step <= 0.0 else (INVERSE_RADIX if step == 1.0 else 0.0)
        gain = 1.0 if step >= 0.0 else (INVERSE_RADIX if step == -1.0 else 0.0)
        x = f[j] * keep + new * gain
        f[j] = x * (INVERSE_RADIX if x >= UPPER else (RADIX if x < LOWER else 1.0))
        up, down = 1.0 if x >= UPPER else 0.0, 1.0 if x < LOWER else 0.0
        e[j] = max(new_e, old_e) + up - down


@njit(cache=True)
def _eliminate_wide(F, E, p, exits):
    """Eliminate the first p states of a front of pairs, row by row; False if one has no exit."""
    m = F.shape[0]
    exit_f, exit_e = np.empty(p), np.empty(p)
    for i in range(m):
        f, e = F[i], E[i]
        for k in range(min(i, p)):
            if f[k] > 0.0:
                f[k], e[k] = _normalised(f[k] / exit_f[k], e[k] - exit_e[k])
                _add_row_wide(f[k + 1 :], e[k + 1 :], f[k], e[k], F[k, k + 1 :], E[k, k + 1 :])
        if i < p:
            exit_f[i], exit_e[i] = _sum_wide(f[i + 1 : m], e[i + 1 : m])
            exits[i] = exit_f[i]
            if exit_f[i] == 0.0 and i + 1 < m:
                return False
    return True


@njit(cache=True)
def _add_product(F, k0, k1):
    """F[k1:, k1:] += F[k1:, k0:k1] @ F[k0:k1, k1:], two rows by four terms at a time."""
    m = F.shape[0]
    for i in range(k1, m, 2):
        # Where the last row has no partner, g is a spare row whose result is not used.
        f, g = F[i, k1:], F[min(i + 1, m - 1), k1:]
        if i + 1 == m:
            g = np.empty_like(f)
        b = min(i + 1, m - 1)
        for k in range(k0, k1 - 3, 4):
            a0, a1, a2, a3 = F[i, k], F[i, k + 1], F[i, k + 2], F[i, k + 3]
            b0, b1, b2, b3 = F[b, k], F[b, k + 1], F[b, k + 2], F[b, k + 3]
            u0, u1, u2, u3 = F[k, k1:], F[k + 1, k1:], F[k + 2, k1:], F[k + 3, k1:]
            for j in range(f.size):
                f[j] += a0 * u0[j] + a1 * u1[j] + a2 * u2[j] + a3 * u3[j]
                g[j] += b0 * u0[j] + b1 * u1[j] + b2 * u2[j] + b3 * u3[j]
        for k in range(k1 - (k1 - k0) % 4, k1):
            a0, b0, u0 = F[i, k], F[b, k], F[k, k1:]
            for j in range(f.size):
                f[j] += a0 * u0[j]
                g[j] += b0 * u0[j]


@njit(cache=True)
def _eliminate_panel(F, k0, k1, last, least, exits):
    """Eliminate states k0 to k1 inside their own columns, and finish their rows.

    Rates to columns below ``last`` count as exits. Returns the first state whose exit is not above
    ``least``, or -1.
    """
    m = F.shape[0]
    beyond = np.zeros(k1 - k0)  # rates out of the panel: one lumped state, so nothing is subtracted
    for k in range(k0, k1):
        for j in range(k1, last):
            beyond[k - k0] += F[k, j]
    for k in range(k0, k1):
        exits[k] = beyond[k - k0]
        for j in range(k + 1, k1):
            exits[k] += F[k, j]
        if exits[k] <= least:
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
def _eliminate_plain(F, p, exits, loss):
    """Eliminate the first p states of a front; False if a state has no exit or may have lost it."""
    m = F.shape[0]
    for k0 in range(0, p, PANEL):
        k1 = min(k0 + PANEL, p)
        stuck = _eliminate_panel(F, k0, k1, m, 0.0, exits)
        if 0 <= stuck < m - 1:  # the last state of a chain needs no exit
            return False
        _add_product(F, k0, k1)
    for k in range(p):
        loss[k] = F[k, m]
        if k + 1 < m and loss[k] > NEGLIGIBLE * exits[k]:
            return False
    return True


@njit(cache=True)
def _eliminate_ending(F, p, exits):
    """Eliminate the first p states of a front with an end; the first without an exit, or -1."""
    m = F.shape[0]
    for k0 in range(0, p, PANEL):
        k1 = min(k0 + PANEL, p)
        stuck = _eliminate_panel(F, k0, k1, m + 1, TINY, exits)
        if stuck >= 0:
            return stuck
        for i in range(k1, m):
            f = F[i, k1:]
            for k in range(k0, k1):
                factor, u = F[i, k], F[k, k1:]
                for j in range(f.size):
                    f[j] += factor * u[j]
    return -1


@njit(cache=True)
def _merge(F, waiting, at, place):
    """Add a child's remaining block, waiting[at:] in rows of q + 1, at rows and columns place."""
    q = place.size
    for i in range(q):
        row = F[place[i]]
        for j in range(q):
            row[place[j]] += waiting[at + j]
        row[F.shape[0]] += waiting[at + q]
        at += q + 1


@njit(cache=True)
def _merge_wide(F, E, waiting, waiting_e, at, place):
    """The same for pairs: spread each row of the child over a row of the front, then add."""
    row, row_e = np.zeros(F.shape[1]), np.empty(F.shape[1])
    row_e[:] = ZERO_EXPONENT
    for i in range(place.size):
        for j in range(place.size):
            row[place[j]], row_e[place[j]] = waiting[at + j], waiting_e[at + j]
        _add_row_wide(F[place[i]], E[place[i]], 1.0, 0.0, row, row_e)
        at += place.size + 1


@njit(cache=True)
def _number(local, start, p, rest):
    """Places in the front: the p states of the node first, then its boundary."""
    for k in range(p):
        local[start + k] = k
    for k in range(rest.size):
        local[rest[k]] = p + k


@njit(cache=True)
def _load(F, start, end, order, position, local, indptr, neighbours, rate_out, rate_in):
    """Write the rates among the states of one node, and to and from its boundary."""
    F[:] = 0.0
    for k in range(end - start):
        c = order[start + k]
        for e in range(indptr[c], indptr[c + 1]):
            x = position[neighbours[e]]
            if x >= start:
                F[k, local[x]] = rate_out[e]
            if x >= end:
                F[local[x], k] = rate_in[e]


@njit(cache=True)
def _normalise_front(F, E):
    """Normalise the pairs of a front."""
    for i in range(F.shape[0]):
        for j in range(F.shape[1]):
            F[i, j], E[i, j] = _normalised(F[i, j], E[i, j])


@njit(cache=True)
def _store(F, p, L, at):
    """Append the rows l_ik, k < min(i, p), of an eliminated front; the new end."""
    for i in range(F.shape[0]):
        for k in range(min(i, p)):
            L[at + k] = F[i, k]
        at += min(i, p)
    return at


@njit(cache=True)
def _store_upper(F, p, U, at):
    """Append the rows q_kj, k < p, j > k, of an eliminated front; the new end."""
    for k in range(p):
        for j in range(k + 1, F.shape[0]):
            U[at] = F[k, j]
            at += 1
    return at


@njit(cache=True)
def _store_exponents(E, p, L_e, at):
    """The same for their exponents, which fit two bytes once those of zeros are cut off."""
    for i in range(E.shape[0]):
        for k in range(min(i, p)):
            L_e[at + k] = max(E[i, k], -30000.0)
        at += min(i, p)


@njit(cache=True)
def _keep_rest(F, p, waiting, used):
    """Push what is left of an eliminated front, for its parent; the new top of the stack."""
    for i in range(p, F.shape[0]):
        for j in range(p, F.shape[1]):
            waiting[used] = F[i, j]
            used += 1
    return used


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
def eliminate(
    order, position, starts, n_children, bound_ptr, bound, indptr, neighbours, rate_out, rate_in,
    out_e, in_e, is_wide,
):  # fmt: skip
    """Factor L of the chain: the rows l_ik of every node, packed, its own states first.

    rate_out[e] and rate_in[e] are the rates c -> b and b -> c of entry e of the symmetric pattern
    (c its row, b = neighbours[e]), at most 1. With ``is_wide`` they may be any, and out_e and in_e
    are their exponents in steps of RADIX, or of size zero for none. Returns L, its exponents (pairs
    only), the exits s_k, the losses, and False if a state was left without an exit that can be
    trusted.
    """
    side, peak, fill = _work_sizes(starts, n_children, bound_ptr)
    pairs = 1 if is_wide else 0
    L, L_e = np.empty(fill), np.empty(fill * pairs, np.int16)
    front, front_e = np.empty(side * (side + 1)), np.empty(side * (side + 1) * pairs)
    waiting, waiting_e = np.empty(peak), np.empty(peak * pairs)
    exits, loss = np.empty(order.size), np.zeros(order.size)
    local, place = np.empty(order.size, np.int32), np.empty(side, np.int32)
    nodes, top, used, at = np.empty(n_children.size, np.int64), 0, np.int64(0), np.int64(0)
    for t in range(n_children.size):
        start, end = np.int64(starts[t]), np.int64(starts[t + 1])
        rest = bound[bound_ptr[t] : bound_ptr[t + 1]]
        p, m = end - start, end - start + rest.size
        F = front[: m * (m + 1)].reshape(m, m + 1)
        E = front_e[: m * (m + 1) * pairs].reshape(m * pairs, m + 1)
        _number(local, start, p, rest)
        _load(F, start, end, order, position, local, indptr, neighbours, rate_out, rate_in)
        if is_wide:
            E[:] = 0.0
            if out_e.size:
                _load(E, start, end, order, position, local, indptr, neighbours, out_e, in_e)
            _normalise_front(F, E)
        else:
            F[:, m] = FLOOR
        for _ in range(n_children[t]):
            top -= 1
            child = bound[bound_ptr[nodes[top]] : bound_ptr[nodes[top] + 1]]
            q = child.size
            for k in range(q):
                place[k] = local[child[k]]
            used -= q * (q + 1)
            if is_wide:
                _merge_wide(F, E, waiting, waiting_e, used, place[:q])
            else:
                _merge(F, waiting, used, place[:q])
        if is_wide:
            ended = _eliminate_wide(F, E, p, exits[start:end])
            _store_exponents(E, p, L_e, at)
            _keep_rest(E, p, waiting_e, used)
        else:
            ended = _eliminate_plain(F, p, exits[start:end], loss[start:end])
        if not ended:
            return L, L_e, exits, loss, False
        at = _store(F, p, L, at)
        used = _keep_rest(F, p, waiting, used)
        nodes[top] = t
        top += 1
    return L, L_e, exits, loss, True


@njit(cache=True)
def back_substitute(starts, bound_ptr, bound, L, L_e, exits, loss):
    """pi_k = sum_{i > k} pi_i l_ik from the last state down, as pairs f 2^(512 e), by position.

    Returns f (n,), e (n,) and the logarithm of the largest share of a state's inflow that
    underflow may have taken: max_k max_i pi_i loss_i / (pi_k s_k), over the front of k.
    """
    n = exits.size
    pi, pi_e, log_lost = np.empty(n), np.empty(n), np.empty(n)
    side = 0
    for t in range(starts.size - 1):
        side = max(side, starts[t + 1] - starts[t])
    y, y_e, row, row_e = np.empty(side), np.empty(side), np.empty(side), np.empty(side)
    at, worst = L.size, -np.inf
    for t in range(starts.size - 2, -1, -1):
        start, p, q = starts[t], starts[t + 1] - starts[t], bound_ptr[t + 1] - bound_ptr[t]
        y[:], y_e[:], log_in = 0.0, ZERO_EXPONENT, -np.inf
        for i in range(p + q - 1, -1, -1):
            x = bound[bound_ptr[t] + i - p] if i >= p else start + i
            if i < p:
                if x == n - 1:
                    y[i], y_e[i] = 1.0, 0.0
                pi[x], pi_e[x], log_lost[x] = y[i], y_e[i], -np.inf
                if loss[x] > 0.0:
                    log_pi = math.log(pi[x]) + pi_e[x] * math.log(RADIX)
                    log_lost[x] = log_pi + math.log(loss[x])
                    log_in = max(log_in, log_lost[x])
                    if x < n - 1:
                        worst = max(worst, log_in - log_pi - math.log(exits[x]))
            log_in = max(log_in, log_lost[x])
            width = min(i, p)
            at -= width
            for k in range(width):
                if L_e.size > 0:
                    row[k], row_e[k] = L[at + k], L_e[at + k]
                else:
                    row[k], row_e[k] = _normalised(L[at + k], 0.0)
            _add_row_wide(y[:width], y_e[:width], pi[x], pi_e[x], row, row_e)
    return pi, pi_e, worst


@njit(cache=True)
def eliminate_ending(
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
        _number(local, start, p, rest)
        _load(F, start, end, order, position, local, indptr, neighbours, rate_out, rate_in)
        for k in range(p):
            F[k, m] = kill[order[start + k]]
        for _ in range(n_children[t]):
            top -= 1
            child = bound[bound_ptr[nodes[top]] : bound_ptr[nodes[top] + 1]]
            for k in range(child.size):
                place[k] = local[child[k]]
            used -= child.size * (child.size + 1)
            _merge(F, waiting, used, place[: child.size])
        stuck = _eliminate_ending(F, p, exits[start:end])
        if stuck >= 0:
            return L, U, exits, np.int64(order[start + stuck])
        at_L, at_U = _store(F, p, L, at_L), _store_upper(F, p, U, at_U)
        used = _keep_rest(F, p, waiting, used)
        nodes[top] = t
        top += 1
    return L, U, exits, np.int64(-1)


@njit(cache=True)
def solve_ending(starts, bound_ptr, bound, L, U, exits, x):
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
