"""Swarms of minibatch SGD particles, every particle with its own random stream.

Stream p is xoshiro256++ (Blackman and Vigna 2021, ACM Trans. Math. Softw. 47, 36), seeded from
(seed, p) by splitmix64 (Steele, Lea and Flood 2014). No two particles share a generator, so neither
the number of threads nor the way a swarm is cut into blocks can change a result.
"""

import numpy as np
from numba import njit, prange

LEAST_SQUARES, LOGISTIC = 0, 1
WITH_REPLACEMENT, WITHOUT_REPLACEMENT, RESHUFFLE = 0, 1, 2

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@njit(cache=True)
def _mix(z):
    """Finaliser of splitmix64: a bijection of 64-bit words that spreads each bit over all."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def _seed_stream(seed, particle, state):
    """Fill the four words of a xoshiro256++ state from (seed, particle)."""
    # The seed is mixed before the particle number enters, or (1, 2) and (2, 1) would be one stream.
    word = _mix(np.uint64(seed) + _GOLDEN) ^ np.uint64(particle)
    for i in range(4):
        word = word + _GOLDEN
        state[i] = _mix(word)


@njit(cache=True)
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


@njit(cache=True)
def _below(state, n):
    """Random integer 0 .. n-1 by multiply-shift of 32 high bits; its bias is at most n / 2^32."""
    return np.int64(((_next(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(cache=True)
def _draw(state, sampling, order, position, rows):
    """Fill `rows` with the next minibatch and return the position in the epoch.

    `order` is a permutation of the rows. One loop of the Fisher-Yates shuffle serves both ways
    without replacement: begun anew at each step it draws fresh batches; carried on until fewer than
    b rows are left, it is an epoch in random order.
    """
    n, b = order.size, rows.size
    if sampling == WITH_REPLACEMENT:
        for i in range(b):
            rows[i] = _below(state, n)
        return 0
    if sampling == WITHOUT_REPLACEMENT or position + b > n:
        position = 0
    for i in range(b):
        k = position + _below(state, n - position)
        row = order[k]
        order[k] = order[position]
        order[position] = row
        rows[i] = row
        position += 1
    return position


@njit(cache=True)
def _slope(kind, z, y):
    """Return dl/dz, the slope of the loss l(z, y) of one row at the linear prediction z = a.x."""
    if kind == LEAST_SQUARES:
        return z - y
    # e^m may overflow to infinity, and 1/(1 + e^m) is then 0, as it should be.
    return -y / (1.0 + np.exp(y * z))


@njit(cache=True)
def seed_streams(seed, first, states):
    """Seed the streams of particles first, first + 1, ...: fills `states`, uint64 (n, 4)."""
    for p in range(states.shape[0]):
        _seed_stream(seed, first + p, states[p])


@njit(cache=True)
def draw_batches(states, sampling, orders, positions, rows):
    """Draw one batch per particle into `rows` (n, b) and advance states, orders and positions."""
    for p in range(rows.shape[0]):
        positions[p] = _draw(states[p], sampling, orders[p], positions[p], rows[p])


@njit(cache=True, parallel=True)
def run_swarm(
    kind, a, y, weight_decay, eta, momentum, sampling, b, seed, first, steps, burn_in, thin, x,
    samples,
):  # fmt: skip
    """Run v <- momentum v - eta (mean over a batch of dl/dz a_k + weight_decay x), x <- x + v.

    Parameters
    ----------
    kind : LEAST_SQUARES or LOGISTIC
    a, y : arrays (N, d), (N,)
    weight_decay, eta, momentum : floats
    sampling : WITH_REPLACEMENT, WITHOUT_REPLACEMENT or RESHUFFLE
    b : rows per batch
    seed, first : particle p of this block runs on stream (seed, first + p)
    steps, burn_in, thin : the state after steps burn_in + thin, burn_in + 2 thin ... is kept
    x : array (n, d), start, at rest; overwritten by the positions after the last step
    samples : array (n, n_snapshots, d), filled
    """
    n_rows, d = a.shape
    for p in prange(x.shape[0]):
        state = np.empty(4, np.uint64)
        _seed_stream(seed, first + p, state)
        order = np.arange(n_rows)
        rows = np.empty(b, np.int64)
        theta = x[p].copy()
        gradient = np.empty(d)
        velocity = np.zeros(d)
        position = 0
        for step in range(1, steps + 1):
            position = _draw(state, sampling, order, position, rows)
            gradient[:] = 0.0
            for i in range(b):
                row = rows[i]
                z = 0.0
                for k in range(d):
                    z += a[row, k] * theta[k]
                slope = _slope(kind, z, y[row])
                for k in range(d):
                    gradient[k] += slope * a[row, k]
            for k in range(d):
                push = eta * (gradient[k] / b + weight_decay * theta[k])
                velocity[k] = momentum * velocity[k] - push
                theta[k] += velocity[k]
            kept, rest = divmod(step - burn_in, thin)
            if rest == 0 and kept > 0:
                samples[p, kept - 1] = theta
        x[p] = theta
