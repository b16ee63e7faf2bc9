"""Multigrid levels of a nearest-neighbour Markov chain on a structured grid: setup and product.

With masses p = e^phi u the chain reads, divided by the mass e^phi_x of each cell,

    (L u)_x = sum_y [q_xy u_x - q_yx e^(phi_y - phi_x) u_y] + s_x u_x .

Arrays have the shape (n0, n1, n2) of the grid, n0 = 1 in two dimensions; rates ``up``, ``down``
(d, n0, n1, n2) lead out of a cell along each of its d axes, ``inflow`` (2 d, n0, n1, n2) holds
q_yx e^(phi_y - phi_x) from the lower (2 k) and the upper neighbour (2 k + 1) along axis k. Missing
neighbours have rate zero, so that their index may be anything.

Aggregates of neighbouring cells are a Markov chain again, with flows F_IJ = sum of q_xy e^phi_x over
the edges from I to J and log mass Phi_I. Constants on aggregates are steeper than what they stand
for: u changes from I to J over the distance of their centres of mass, not over one cell. Hence the
symmetric part of F_IJ, F_JI is multiplied by f = 1 / (that distance), at most down to half of the
net current, which stays as it is: all balances are kept and no flow is negative.
"""

import math

import numpy as np
from numba import njit, prange

LARGE = 600.0  # differences of log mass beyond this are cut, so that no exponential overflows


@njit(cache=True)
def _ratio(difference):
    """e^difference within the range of doubles."""
    return math.exp(min(max(difference, -LARGE), LARGE))


@njit(cache=True)
def _lower(i, n):
    """Index below i, periodic."""
    return i - 1 if i > 0 else n - 1


@njit(cache=True)
def _upper(i, n):
    """Index above i, periodic."""
    return i + 1 if i < n - 1 else 0


@njit(cache=True)
def _inflow_row(i0, i1, up, down, log_mass, inflow):
    """Fill the inflows of the row (i0, i1)."""
    n0, n1, n2 = log_mass.shape
    d = up.shape[0]
    own = log_mass[i0, i1]
    for k in range(d):
        axis = k + 3 - d
        lower, upper = inflow[2 * k, i0, i1], inflow[2 * k + 1, i0, i1]
        if axis == 2:
            for j in range(n2 - 1):
                e = _ratio(own[j + 1] - own[j])
                upper[j] = down[k, i0, i1, j + 1] * e
                lower[j + 1] = up[k, i0, i1, j] / e
            e = _ratio(own[0] - own[n2 - 1])
            upper[n2 - 1] = down[k, i0, i1, 0] * e
            lower[0] = up[k, i0, i1, n2 - 1] / e
            continue
        a0 = _lower(i0, n0) if axis == 0 else i0
        a1 = _lower(i1, n1) if axis == 1 else i1
        b0 = _upper(i0, n0) if axis == 0 else i0
        b1 = _upper(i1, n1) if axis == 1 else i1
        for j in range(n2):
            lower[j] = up[k, a0, a1, j] * _ratio(log_mass[a0, a1, j] - own[j])
            upper[j] = down[k, b0, b1, j] * _ratio(log_mass[b0, b1, j] - own[j])


@njit(cache=True, parallel=True)
def inflows(up, down, log_mass, inflow):
    """Fill inflow from rates and log mass."""
    n0, n1, _ = log_mass.shape
    for row in prange(n0 * n1):
        _inflow_row(row // n1, row % n1, up, down, log_mass, inflow)


@njit(cache=True)
def _exit_row(up, down, shift, i0, i1, diagonal):
    """Fill the diagonal of L in the row (i0, i1)."""
    for j in range(diagonal.size):
        total = shift[i0, i1, j]
        for k in range(up.shape[0]):
            total += up[k, i0, i1, j] + down[k, i0, i1, j]
        diagonal[j] = total


@njit(cache=True, parallel=True)
def diagonals(up, down, shift, diagonal):
    """Fill diagonal = exit rate + shift."""
    n0, n1, _ = diagonal.shape
    for row in prange(n0 * n1):
        _exit_row(up, down, shift, row // n1, row % n1, diagonal[row // n1, row % n1])


@njit(cache=True)
def _apply_row(i0, i1, inflow, diagonal, u, out):
    """Fill (L u) of the row (i0, i1)."""
    n0, n1, n2 = u.shape
    own = u[i0, i1]
    last = inflow.shape[0] - 1
    below, above = inflow[last - 1, i0, i1], inflow[last, i0, i1]
    centre = diagonal[i0, i1]
    left, right = u[i0, _lower(i1, n1)], u[i0, _upper(i1, n1)]
    from_left, from_right = inflow[last - 3, i0, i1], inflow[last - 2, i0, i1]
    for j in range(1, n2 - 1):
        out[j] = (
            centre[j] * own[j]
            - (below[j] * own[j - 1] + above[j] * own[j + 1])
            - (from_left[j] * left[j] + from_right[j] * right[j])
        )
    for j in (0, n2 - 1):
        out[j] = (
            centre[j] * own[j]
            - (below[j] * own[_lower(j, n2)] + above[j] * own[_upper(j, n2)])
            - (from_left[j] * left[j] + from_right[j] * right[j])
        )
    if last == 5:
        front, back = u[_lower(i0, n0), i1], u[_upper(i0, n0), i1]
        from_front, from_back = inflow[0, i0, i1], inflow[1, i0, i1]
        for j in range(n2):
            out[j] -= from_front[j] * front[j] + from_back[j] * back[j]


@njit(cache=True, parallel=True)
def apply(inflow, diagonal, u, out):
    """Fill out = L u."""
    n0, n1, _ = u.shape
    for row in prange(n0 * n1):
        _apply_row(row // n1, row % n1, inflow, diagonal, u, out[row // n1, row % n1])


@njit(cache=True)
def _aggregate_cell(I, lo, hi, up, down, inflow, log_mass, shift, omega, c_up, c_down, c_inflow,
                    c_log_mass, c_shift, centre):  # fmt: skip
    """Sum the block of cells lo <= x < hi into the coarse cell I."""
    d = up.shape[0]
    top = -np.inf
    for i0 in range(lo[0], hi[0]):
        for i1 in range(lo[1], hi[1]):
            for i2 in range(lo[2], hi[2]):
                top = max(top, log_mass[i0, i1, i2])
    total = 0.0
    for i0 in range(lo[0], hi[0]):
        for i1 in range(lo[1], hi[1]):
            for i2 in range(lo[2], hi[2]):
                total += math.exp(log_mass[i0, i1, i2] - top)
    c_log_mass[I] = top + math.log(total)
    c_shift[I] = 0.0
    for k in range(d):
        c_up[k][I] = c_down[k][I] = c_inflow[2 * k][I] = c_inflow[2 * k + 1][I] = 0.0
        centre[k][I] = 0.0
    for i0 in range(lo[0], hi[0]):
        for i1 in range(lo[1], hi[1]):
            for i2 in range(lo[2], hi[2]):
                w = math.exp(log_mass[i0, i1, i2] - top) / total
                omega[i0, i1, i2] = w
                c_shift[I] += w * shift[i0, i1, i2]
                x = (i0, i1, i2)
                for k in range(d):
                    a = k + 3 - d
                    centre[k][I] += w * x[a]
                    if x[a] == lo[a]:
                        c_down[k][I] += w * down[k, i0, i1, i2]
                        c_inflow[2 * k][I] += w * inflow[2 * k, i0, i1, i2]
                    if x[a] == hi[a] - 1:
                        c_up[k][I] += w * up[k, i0, i1, i2]
                        c_inflow[2 * k + 1][I] += w * inflow[2 * k + 1, i0, i1, i2]


@njit(cache=True, parallel=True)
def aggregate(starts0, starts1, starts2, up, down, inflow, log_mass, shift, omega, c_up, c_down,
              c_inflow, c_log_mass, c_shift, centre):  # fmt: skip
    """Fill the flows between blocks of cells, over the mass of each block (no correction yet).

    Block I along axis a holds the cells starts_a[I] <= x < starts_a[I + 1]. Also filled: omega
    (share of a cell in its block), log mass and shift of the blocks, their centres of mass in
    units of cells.
    """
    N0, N1, N2 = c_log_mass.shape
    for row in prange(N0 * N1):
        I0, I1 = row // N1, row % N1
        for I2 in range(N2):
            lo = (starts0[I0], starts1[I1], starts2[I2])
            hi = (starts0[I0 + 1], starts1[I1 + 1], starts2[I2 + 1])
            _aggregate_cell(
                (I0, I1, I2), lo, hi, up, down, inflow, log_mass, shift, omega,
                c_up, c_down, c_inflow, c_log_mass, c_shift, centre,
            )  # fmt: skip


@njit(cache=True)
def _split(out, inn, factor):
    """Rates (out, inn) through one face with the symmetric part times factor, none negative."""
    net = out - inn
    mean = max(0.5 * factor * (out + inn), 0.5 * abs(net))
    return mean + 0.5 * net, mean - 0.5 * net


@njit(cache=True)
def _distance(centre, I, J, n, wraps):
    """Distance from block I up to block J along one axis of n cells."""
    return centre[J] - centre[I] + (n if wraps else 0)


@njit(cache=True, parallel=True)
def correct(n, centre, c_up, c_down, c_inflow):
    """Multiply the symmetric part of the flows between blocks by 1 / (distance of the centres).

    n (3,) is the number of fine cells along the axes. A block that is its own neighbour (one block
    around a periodic axis) loses that edge.
    """
    d, N0, N1, N2 = c_up.shape
    N = (N0, N1, N2)
    for row in prange(N0 * N1):
        for I2 in range(N2):
            I = (row // N1, row % N1, I2)
            for k in range(d):
                a = k + 3 - d
                here = I[a]
                if N[a] == 1:
                    c_up[k][I] = c_down[k][I] = 0.0
                    c_inflow[2 * k][I] = c_inflow[2 * k + 1][I] = 0.0
                    continue
                for side in range(2):
                    there = _upper(here, N[a]) if side else _lower(here, N[a])
                    J = (
                        there if a == 0 else I[0],
                        there if a == 1 else I[1],
                        there if a == 2 else I[2],
                    )
                    if side:
                        far = _distance(centre[k], I, J, n[a], here == N[a] - 1)
                        out, inn = _split(c_up[k][I], c_inflow[2 * k + 1][I], 1.0 / far)
                        c_up[k][I], c_inflow[2 * k + 1][I] = out, inn
                    else:
                        far = _distance(centre[k], J, I, n[a], here == 0)
                        out, inn = _split(c_down[k][I], c_inflow[2 * k][I], 1.0 / far)
                        c_down[k][I], c_inflow[2 * k][I] = out, inn


@njit(cache=True, parallel=True)
def interpolation(starts0, starts1, starts2, periodic, centre, weights):
    """Fill the weights (d, n0, n1, n2) of linear interpolation between the centres of blocks.

    Along axis k cell x takes the share w = |weights[k, x]| from the next block, the upper one if
    weights[k, x] > 0 and the lower one if it is negative; nothing from beyond a wall.
    """
    d, N0, N1, N2 = centre.shape
    N = (N0, N1, N2)
    for row in prange(N0 * N1):
        for I2 in range(N2):
            I = (row // N1, row % N1, I2)
            lo = (starts0[I[0]], starts1[I[1]], starts2[I2])
            hi = (starts0[I[0] + 1], starts1[I[1] + 1], starts2[I2 + 1])
            n = (starts0[N0], starts1[N1], starts2[N2])
            for k in range(d):
                a = k + 3 - d
                up, low = _upper(I[a], N[a]), _lower(I[a], N[a])
                top, bottom = I[a] == N[a] - 1, I[a] == 0
                J = (up if a == 0 else I[0], up if a == 1 else I[1], up if a == 2 else I[2])
                K = (low if a == 0 else I[0], low if a == 1 else I[1], low if a == 2 else I[2])
                above = 1.0 / _distance(centre[k], I, J, n[a], top)
                below = 1.0 / _distance(centre[k], K, I, n[a], bottom)
                if N[a] == 1 or (top and not periodic[a]):
                    above = 0.0
                if N[a] == 1 or (bottom and not periodic[a]):
                    below = 0.0
                for i0 in range(lo[0], hi[0]):
                    for i1 in range(lo[1], hi[1]):
                        for i2 in range(lo[2], hi[2]):
                            xi = (i0, i1, i2)[a] - centre[k][I]
                            weights[k, i0, i1, i2] = xi * (above if xi > 0.0 else below)
