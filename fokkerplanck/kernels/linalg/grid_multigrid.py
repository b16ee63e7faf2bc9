"""Multigrid levels of a nearest-neighbour Markov chain on a structured grid: setup and product.

With masses p = e^phi u the chain reads, divided by the mass e^phi_x of each cell,

    (L u)_x = sum_y [q_xy u_x - q_yx e^(phi_y - phi_x) u_y] + s_x u_x .

Arrays have the shape (n0, n1, n2) of the grid, n0 = 1 in two dimensions; rates ``up``, ``down``
(d, n0, n1, n2) lead out of a cell along each of its d axes, ``inflow`` (2 d, n0, n1, n2) holds
q_yx e^(phi_y - phi_x) from the lower (2 k) and the upper neighbour (2 k + 1) along axis k. Missing
neighbours have rate zero, so that their index may be anything.

Blocks of neighbouring cells are a Markov chain again, with flows F_IJ = sum of q_xy e^phi_x over
the edges from I to J and log mass Phi_I. Constants on blocks are steeper than what they stand for:
u changes from I to J over the distance of their centres of mass, not over one cell. Hence the
symmetric part of F_IJ, F_JI is divided by that distance, but not below half of the net current,
which stays as it is: all balances are kept and no flow is negative.
"""

import math

import numpy as np
from numba import njit, prange

#: Largest difference of log mass between neighbours: larger ones are cut, for their exponential
#: would overflow.
LARGE = 600.0
#: Rows whose pivots are computed side by side, for divisions are slow.
ROWS = 4
#: Inflow of a cell, in units of its outflow, beyond which it is cut on the levels: the guess is far
#: off there, and corrections that grow from cell to cell would overflow single precision.
UNBALANCED = 3.0


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
def _diagonal_row(up, down, shift, i0, i1, diagonal, sums):
    """Fill the diagonal of L in the row (i0, i1); sums of its rates by axis, the least of them."""
    for j in range(diagonal.size):
        diagonal[j] = shift[i0, i1, j]
    least = 0.0
    for k in range(up.shape[0]):
        above, below = up[k, i0, i1], down[k, i0, i1]
        total = 0.0
        for j in range(diagonal.size):
            rate = above[j] + below[j]
            diagonal[j] += rate
            total += rate
            least = min(least, above[j], below[j])
        sums[k] = total
    sums[-1] = least


@njit(cache=True, parallel=True)
def diagonals(up, down, shift, diagonal, sums):
    """Fill diagonal = exit rate + shift; sums (n0 n1, d + 1): rates by row and axis, the least."""
    n0, n1, _ = diagonal.shape
    for row in prange(n0 * n1):
        i0, i1 = row // n1, row % n1
        _diagonal_row(up, down, shift, i0, i1, diagonal[i0, i1], sums[row])


@njit(cache=True)
def _copy_row(inflow, diagonal, c, centre, least):
    """Copy one row of the operator, with the diagonal raised to least."""
    for j in range(diagonal.size):
        diagonal[j] = max(diagonal[j], least)
        centre[j] = diagonal[j]
    for j in range(diagonal.size):
        total = 0.0
        for k in range(inflow.shape[0]):
            total += inflow[k, j]
        share = min(1.0, UNBALANCED * diagonal[j] / max(total, diagonal[j]))
        for k in range(inflow.shape[0]):
            c[k, j] = share * inflow[k, j]


@njit(cache=True)
def _pivot_rows(below, above, diagonal, pivot, floor):
    """Fill the inverse pivots of the elimination along some rows, in step: divisions are slow."""
    rows, n = diagonal.shape
    for i in range(rows):
        pivot[i, 0] = 1.0 / diagonal[i, 0]
    for j in range(1, n):
        for i in range(rows):
            left = diagonal[i, j] - below[i, j] * above[i, j - 1] * pivot[i, j - 1]
            # The matrix of a line that nothing leaves is singular: without a least pivot the
            # sweep would overflow.
            pivot[i, j] = 1.0 / max(left, floor * diagonal[i, j])


@njit(cache=True, parallel=True)
def fill_level(inflow, diagonal, c, centre, pivot, floor, least):
    """Copy the operator to c, centre (any precision); fill pivot, the inverse pivots along lines.

    The diagonal is raised to least, the inflow cut to UNBALANCED times the diagonal; pivots are not
    smaller than floor times the diagonal.
    """
    n0, n1, _ = diagonal.shape
    m = inflow.shape[0]
    groups = (n1 + ROWS - 1) // ROWS
    for group in prange(n0 * groups):
        i0, first = group // groups, group % groups * ROWS
        last = min(first + ROWS, n1)
        for i1 in range(first, last):
            _copy_row(inflow[:, i0, i1], diagonal[i0, i1], c[:, i0, i1], centre[i0, i1], least)
        _pivot_rows(
            c[m - 2, i0, first:last], c[m - 1, i0, first:last], centre[i0, first:last],
            pivot[i0, first:last], floor,
        )  # fmt: skip


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
def _shares(starts2, first, last, log_mass, shares, c_log_mass):
    """Fill the shares (rows, n2) of cells in their blocks, and the log mass of one row of blocks.

    The blocks hold the rows first <= (i0, i1) < last, kept one after the other in shares.
    """
    N2 = c_log_mass.size
    for I2 in range(N2):
        top = -np.inf
        for i0 in range(first[0], last[0]):
            for i1 in range(first[1], last[1]):
                for j in range(starts2[I2], starts2[I2 + 1]):
                    top = max(top, log_mass[i0, i1, j])
        total, row = 0.0, 0
        for i0 in range(first[0], last[0]):
            for i1 in range(first[1], last[1]):
                for j in range(starts2[I2], starts2[I2 + 1]):
                    shares[row, j] = math.exp(log_mass[i0, i1, j] - top)
                    total += shares[row, j]
                row += 1
        c_log_mass[I2] = top + math.log(total)
        for row in range((last[0] - first[0]) * (last[1] - first[1])):
            for j in range(starts2[I2], starts2[I2 + 1]):
                shares[row, j] /= total


@njit(cache=True)
def _add_means(starts2, share, shift, weight, c_shift, centre):
    """Add shares (weight), shift and position of one fine row to the sums of its blocks."""
    for I2 in range(weight.size):
        mass, rate, place = 0.0, 0.0, 0.0
        for j in range(starts2[I2], starts2[I2 + 1]):
            mass += share[j]
            rate += share[j] * shift[j]
            place += share[j] * j
        weight[I2] = mass
        c_shift[I2] += rate
        centre[I2] += place


@njit(cache=True)
def _add_face(starts2, share, rate, inflow, out, inn):
    """Add the flows through the face of one fine row to those of its blocks."""
    for I2 in range(out.size):
        leaving, entering = 0.0, 0.0
        for j in range(starts2[I2], starts2[I2 + 1]):
            leaving += share[j] * rate[j]
            entering += share[j] * inflow[j]
        out[I2] += leaving
        inn[I2] += entering


@njit(cache=True)
def _add_ends(starts2, share, rate_down, rate_up, inflow, out_down, out_up, inn):
    """Add the flows through the ends of blocks along the last axis."""
    for I2 in range(out_up.size):
        j, k = starts2[I2], starts2[I2 + 1] - np.uint64(1)
        out_down[I2] += share[j] * rate_down[j]
        inn[0, I2] += share[j] * inflow[0, j]
        out_up[I2] += share[k] * rate_up[k]
        inn[1, I2] += share[k] * inflow[1, k]


@njit(cache=True)
def _add_row(starts2, share, i0, i1, first, last, up, down, inflow, c_up, c_down, c_inflow,
             weight, centre):  # fmt: skip
    """Add what one fine row gives to its row of blocks: flows through their faces and centres."""
    d = up.shape[0]
    for k in range(d):
        a = k + 3 - d
        if a == 2:
            _add_ends(
                starts2, share, down[k, i0, i1], up[k, i0, i1],
                inflow[2 * k : 2 * k + 2, i0, i1], c_down[k], c_up[k], c_inflow[2 * k : 2 * k + 2],
            )  # fmt: skip
            continue
        i = i0 if a == 0 else i1
        if i == first[a]:
            _add_face(
                starts2, share, down[k, i0, i1], inflow[2 * k, i0, i1], c_down[k], c_inflow[2 * k]
            )
        if i == last[a] - 1:
            _add_face(
                starts2, share, up[k, i0, i1], inflow[2 * k + 1, i0, i1],
                c_up[k], c_inflow[2 * k + 1],
            )  # fmt: skip
        for I2 in range(weight.size):
            centre[k, I2] += weight[I2] * i


@njit(cache=True, parallel=True)
def aggregate(starts0, starts1, starts2, up, down, inflow, log_mass, shift, omega, c_up, c_down,
              c_inflow, c_log_mass, c_shift, centre):  # fmt: skip
    """Fill the flows between blocks of cells, over the mass of each block (no correction yet).

    Block I along axis a holds the cells starts_a[I] <= x < starts_a[I + 1]; starts2 is unsigned, so
    that numba need not look for negative indices in the inner loops. Also filled: omega
    (share of a cell in its block), log mass and shift of the blocks, their centres of mass in
    units of cells. The arrays of the blocks are zero before.
    """
    N0, N1, _ = c_log_mass.shape
    for block_row in prange(N0 * N1):
        I0, I1 = block_row // N1, block_row % N1
        first, last = (starts0[I0], starts1[I1]), (starts0[I0 + 1], starts1[I1 + 1])
        shares = np.empty(((last[0] - first[0]) * (last[1] - first[1]), log_mass.shape[2]))
        _shares(starts2, first, last, log_mass, shares, c_log_mass[I0, I1])
        weight = np.empty(c_log_mass.shape[2])
        row = 0
        for i0 in range(first[0], last[0]):
            for i1 in range(first[1], last[1]):
                share = shares[row]
                row += 1
                for j in range(share.size):
                    omega[i0, i1, j] = share[j]
                _add_means(
                    starts2, share, shift[i0, i1], weight, c_shift[I0, I1], centre[-1, I0, I1]
                )
                _add_row(
                    starts2, share, i0, i1, first, last, up, down, inflow,
                    c_up[:, I0, I1], c_down[:, I0, I1], c_inflow[:, I0, I1],
                    weight, centre[:, I0, I1],
                )  # fmt: skip


@njit(cache=True)
def _steps(centre, axis, I0, I1, n, is_periodic, below, above):
    """Fill 1 / (distance) from the blocks of one row to the next along an axis; 0 if none."""
    N0, N1, N2 = centre.shape
    N = N0 if axis == 0 else N1 if axis == 1 else N2
    for I2 in range(N2):
        here = I0 if axis == 0 else I1 if axis == 1 else I2
        low, up = _lower(here, N), _upper(here, N)
        x = centre[I0, I1, I2]
        lower = centre[low if axis == 0 else I0, low if axis == 1 else I1, low if axis == 2 else I2]
        upper = centre[up if axis == 0 else I0, up if axis == 1 else I1, up if axis == 2 else I2]
        below[I2] = 1.0 / (x - lower + (n if here == 0 else 0)) if N > 1 else 0.0
        above[I2] = 1.0 / (upper - x + (n if here == N - 1 else 0)) if N > 1 else 0.0
        if not is_periodic and here == 0:
            below[I2] = 0.0
        if not is_periodic and here == N - 1:
            above[I2] = 0.0


@njit(cache=True)
def _split_row(out, inn, factor):
    """Multiply the symmetric part of the rates through the faces of one row; none is negative."""
    for I2 in range(out.size):
        net = out[I2] - inn[I2]
        mean = max(0.5 * factor[I2] * (out[I2] + inn[I2]), 0.5 * abs(net))
        if factor[I2] == 0.0:  # a block that is its own neighbour has no edge there
            mean = net = 0.0
        out[I2], inn[I2] = mean + 0.5 * net, mean - 0.5 * net


@njit(cache=True)
def _weight_row(starts2, axis, i, centre, below, above, weights):
    """Fill the interpolation weights of one fine row along an axis."""
    for I2 in range(centre.size):
        for j in range(starts2[I2], starts2[I2 + 1]):
            x = (j if axis == 2 else i) - centre[I2]
            weights[j] = x * (above[I2] if x > 0.0 else below[I2])


@njit(cache=True, parallel=True)
def connect(starts0, starts1, starts2, periodic, centre, c_up, c_down, c_inflow, weights):
    """Correct the flows between blocks for the distance of their centres; interpolation weights.

    The symmetric part of the flows is divided by the distance. weights (d, n0, n1, n2): along axis
    k cell x takes the share w = |weights[k, x]| from the next block, the upper one if
    weights[k, x] > 0 and the lower one if it is negative; nothing from beyond a wall.
    """
    d, N0, N1, N2 = centre.shape
    n = (starts0[N0], starts1[N1], np.int64(starts2[N2]))
    for row in prange(N0 * N1):
        I0, I1 = row // N1, row % N1
        below, above = np.empty(N2), np.empty(N2)
        for k in range(d):
            axis = k + 3 - d
            _steps(centre[k], axis, I0, I1, n[axis], periodic[axis], below, above)
            _split_row(c_down[k, I0, I1], c_inflow[2 * k, I0, I1], below)
            _split_row(c_up[k, I0, I1], c_inflow[2 * k + 1, I0, I1], above)
            for i0 in range(starts0[I0], starts0[I0 + 1]):
                for i1 in range(starts1[I1], starts1[I1 + 1]):
                    _weight_row(
                        starts2, axis, i0 if axis == 0 else i1, centre[k, I0, I1],
                        below, above, weights[k, i0, i1],
                    )  # fmt: skip
