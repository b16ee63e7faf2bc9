"""Paths of stochastic differential equations, every particle with its own random stream.

The streams are those of ``particles``; `_next` is repeated here because a cached kernel may call
only kernels of its own file. Functions of many arrays count references to each of them at every
call: those called once a step are inlined, and none may raise (error_model; no divisor here can be
zero), which makes paths two to three times as fast.
"""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True, error_model="numpy")
def _next(state):
    """Return one 64-bit word of xoshiro256++ and advance the state."""
    total = state[0] + state[3]
    word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + state[0]
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = (state[3] << np.uint64(45)) | (state[3] >> np.uint64(19))
    return word


@njit(cache=True, error_model="numpy")
def _uniform(state):
    """Random number in (0, 1] with 53 bits."""
    return (np.float64(_next(state) >> np.uint64(11)) + 1.0) * 2.0**-53


@njit(cache=True, error_model="numpy")
def _fill_normals(state, out):
    """Fill `out` with standard normals, two from two words (Box and Muller 1958)."""
    for i in range(0, out.size, 2):
        radius = math.sqrt(-2.0 * math.log(_uniform(state)))
        angle = 2.0 * math.pi * _uniform(state)
        out[i] = radius * math.cos(angle)
        if i + 1 < out.size:
            out[i + 1] = radius * math.sin(angle)


@njit(cache=True, error_model="numpy")
def _fill_signs(state, out):
    """Fill `out` with independent signs +-1 from the high bits of one word; at most 64."""
    word = _next(state)
    for i in range(out.size):
        out[i] = 1.0 if word >> np.uint64(63) else -1.0
        word = word << np.uint64(1)


@njit(cache=True, error_model="numpy")
def draw_normals(states, out):
    """Standard normals of each stream into `out` (n, m)."""
    for p in range(out.shape[0]):
        _fill_normals(states[p], out[p])


@njit(cache=True, error_model="numpy")
def draw_signs(states, out):
    """Signs +-1 of each stream into `out` (n, m)."""
    for p in range(out.shape[0]):
        _fill_signs(states[p], out[p])


@njit(cache=True, error_model="numpy")
def draw_uniforms(states, out):
    """Numbers in (0, 1] of each stream into `out` (n, m)."""
    for p in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[p, i] = _uniform(states[p])


@njit(cache=True, error_model="numpy")
def _look_up(table, nodes, counts, even, box, periodic, x, part, out):
    """Multilinear interpolation of the rows of `table` at x, brought into the box; fills `out`."""
    d = x.size
    base = 0
    for k in range(d):
        lo, hi = box[k, 0], box[k, 1]
        u = x[k]
        if periodic[k]:
            u -= math.floor((u - lo) / (hi - lo)) * (hi - lo)
        u = min(max(u, lo), hi)
        n = counts[k]
        if even[k]:
            i = int((u - nodes[k, 0]) / (nodes[k, 1] - nodes[k, 0]))
        else:
            i, above = 0, n - 1
            while above - i > 1:
                middle = (i + above) // 2
                if nodes[k, middle] <= u:
                    i = middle
                else:
                    above = middle
        i = min(max(i, 0), n - 2)
        part[k] = (u - nodes[k, i]) / (nodes[k, i + 1] - nodes[k, i])
        base = base * n + i
    out[:] = 0.0
    for corner in range(1 << d):
        weight, row, stride = 1.0, base, 1
        for k in range(d - 1, -1, -1):
            if (corner >> k) & 1:
                weight *= part[k]
                row += stride
            else:
                weight *= 1.0 - part[k]
            stride *= counts[k]
        for m in range(out.size):
            out[m] += weight * table[row, m]


@njit(cache=True, error_model="numpy", inline="always")
def _weak_step(field, x, dt, z, signs, columns, here, scratch, y):
    """Platen's step of weak order 2 from x into y; `here` holds b and s at x, by rows.

    Differences are taken along the first `columns` columns of s: none where s is constant.
    """
    table, nodes, counts, even, box, periodic = field
    point, part, ahead, up, down = scratch
    d = x.size
    h = math.sqrt(dt)
    for i in range(d):
        ahead[i] = x[i] + dt * here[i]
        point[i] = ahead[i]
        y[i] = x[i]
        for j in range(d):
            noise = h * here[d + i * d + j] * z[j]
            point[i] += noise
            y[i] += noise
    _look_up(table, nodes, counts, even, box, periodic, point, part, up)
    for i in range(d):
        y[i] += 0.5 * dt * (up[i] + here[i])
    for j in range(columns):
        for kind in range(2 if d > 1 else 1):
            # Column j along itself, then the other columns along it.
            for i in range(d):
                point[i] = (ahead[i] if kind == 0 else x[i]) + h * here[d + i * d + j]
            _look_up(table, nodes, counts, even, box, periodic, point, part, up)
            for i in range(d):
                point[i] = (ahead[i] if kind == 0 else x[i]) - h * here[d + i * d + j]
            _look_up(table, nodes, counts, even, box, periodic, point, part, down)
            for r in range(d):
                if (r == j) != (kind == 0):
                    continue
                twist = -1.0
                if r != j:
                    low, high = min(j, r), max(j, r)
                    twist = signs[low * d - low * (low + 1) // 2 + high - low - 1]
                    twist = twist if j < r else -twist
                product = h * (z[j] * z[r] + twist)
                for i in range(d):
                    m = d + i * d + r
                    y[i] += 0.25 * (up[m] + down[m] - 2.0 * here[m]) * h * z[r]
                    y[i] += 0.25 * (up[m] - down[m]) * product


@njit(cache=True, error_model="numpy")
def _passage(a, b, spread, state, pair):
    """Share of a step after which a bridge from distance a to -b first meets the wall."""
    _fill_normals(state, pair)
    u = _uniform(state)
    least = 1e-8 * math.sqrt(spread) + 1e-150
    a, b = max(a, least), max(b, least)
    mean = a / b
    w = pair[0] ** 2 * spread / (2.0 * a * b)
    ratio = mean / (1.0 + w + math.sqrt(w * (w + 2.0)))
    if u * (mean + ratio) > mean:
        ratio = mean**2 / ratio
    return 1.0 / (1.0 + 1.0 / ratio)


@njit(cache=True, error_model="numpy", inline="always")
def _first_exit(box, absorbing, x, y, here, dt, state, chance, pair):
    """Time within the step and side 2 axis + end of the first exit; (inf, -1) without one."""
    d = x.size
    when, side, i = math.inf, -1, 0
    for k in range(d):
        for end in range(2):
            if absorbing[k, end]:
                chance[i] = _uniform(state)
                i += 1
    i = 0
    for k in range(d):
        spread = 0.0
        for j in range(d):
            spread += dt * here[d + k * d + j] ** 2
        for end in range(2):
            if not absorbing[k, end]:
                continue
            sign = 1.0 - 2.0 * end
            a, b = sign * (x[k] - box[k, end]), sign * (y[k] - box[k, end])
            bridge = math.exp(-2.0 * max(a * b, 0.0) / spread) if spread > 0.0 else 0.0
            if b <= 0.0 or chance[i] < bridge:
                time = dt * _passage(a, abs(b), spread, state, pair)
                if time < when:
                    when, side = time, 2 * k + end
            i += 1
    return when, side


@njit(cache=True, error_model="numpy", inline="always")
def _reflect(field, reflecting, passes, y, scratch):
    """Put y back into the box along the conormal, in place; False if it takes too many passes."""
    table, nodes, counts, even, box, periodic = field
    d = y.size
    point, part, way, there, _down = scratch
    for _ in range(passes):
        moved = False
        for k in range(d):
            for end in range(2):
                sign = 1.0 - 2.0 * end
                depth = sign * (box[k, end] - y[k])
                if not reflecting[k, end] or depth <= 0.0:
                    continue
                moved = True
                way[:] = 0.0
                way[k] = 1.0
                for _ in range(2 if d > 1 else 0):
                    for i in range(d):
                        point[i] = y[i] + sign * depth * way[i]
                    _look_up(table, nodes, counts, even, box, periodic, point, part, there)
                    length = 0.0
                    for j in range(d):
                        length += there[d + k * d + j] ** 2
                    for i in range(d):
                        way[i] = 0.0
                        for j in range(d):
                            way[i] += there[d + i * d + j] * there[d + k * d + j]
                        way[i] = way[i] / length if length > 0.0 else (1.0 if i == k else 0.0)
                for i in range(d):
                    y[i] += 2.0 * sign * depth * way[i]
                y[k] = box[k, end] + sign * depth
        if not moved:
            return True
    return False


@njit(cache=True, parallel=True, error_model="numpy")
def run_paths(
    table, nodes, counts, even, box, periodic, reflecting, absorbing, second_order, constant, dt,
    states, first, last, burn_in, thin, passes, x, samples, exit_time, exit_side, status,
):  # fmt: skip
    """Run dx = b dt + s dW for each row of `x`, with b and s interpolated from a table.

    Parameters
    ----------
    table : array (prod(counts), d + d^2), b and the rows of s at the nodes
    nodes, counts, even : array (d, max(counts)), (d,), (d,): nodes of each axis; equal steps?
    box, periodic, reflecting, absorbing : arrays (d, 2), (d,), (d, 2), (d, 2)
    second_order : bool, Platen's step instead of Euler's
    constant : bool, s is the same everywhere
    dt : float
    states : uint64 array (n, 4), the random streams; advanced
    first, last : steps first + 1 to last of the whole run; those who have left stay as they are
    burn_in, thin : the state after steps burn_in + thin, burn_in + 2 thin ... is kept
    passes : reflections of one particle in one step before its `status` becomes 1
    x : array (n, d), start; overwritten by the last positions, not wrapped on periodic axes
    samples : array (n, n_snapshots, d), filled; not a number after an exit
    exit_time, exit_side, status : arrays (n,), filled for those that leave; else left as they are
    """
    d = x.shape[1]
    field = (table, nodes, counts, even, box, periodic)
    columns = 0 if constant else d
    any_absorbing, any_reflecting = absorbing.any(), reflecting.any()
    for p in prange(x.shape[0]):
        if exit_side[p] >= 0 or status[p] != 0:
            continue
        state = states[p]
        z, signs, pair = np.empty(d), np.empty(d * (d - 1) // 2), np.empty(1)
        here, chance, here_x, y = np.empty(d + d * d), np.empty(2 * d), x[p].copy(), np.empty(d)
        # Slices would be made anew, and counted, at each step.
        part = np.empty(d)
        scratch = (np.empty(d), part, np.empty(d), np.empty(d + d * d), np.empty(d + d * d))
        kept = max(0, (first - burn_in) // thin)
        next_kept = burn_in + (kept + 1) * thin
        for step in range(first + 1, last + 1):
            _look_up(table, nodes, counts, even, box, periodic, here_x, part, here)
            _fill_normals(state, z)
            if second_order:
                if d > 1:
                    _fill_signs(state, signs)
                _weak_step(field, here_x, dt, z, signs, columns, here, scratch, y)
            else:
                for i in range(d):
                    noise = 0.0
                    for j in range(d):
                        noise += here[d + i * d + j] * z[j]
                    y[i] = here_x[i] + dt * here[i] + math.sqrt(dt) * noise
            if any_absorbing:
                when, side = _first_exit(box, absorbing, here_x, y, here, dt, state, chance, pair)
                if side >= 0:
                    exit_time[p], exit_side[p] = (step - 1) * dt + when, side
                    here_x[:] = y
                    break
            if any_reflecting and not _reflect(field, reflecting, passes, y, scratch):
                status[p] = 1
                break
            here_x[:] = y
            if step == next_kept:
                samples[p, kept] = here_x
                next_kept, kept = next_kept + thin, kept + 1
        x[p] = here_x
