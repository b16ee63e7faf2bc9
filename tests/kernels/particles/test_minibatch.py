"""Particle kernels against numpy twins that draw the same random words."""

import numba
import numpy as np
import pytest

from fokkerplanck.kernels.particles import minibatch as kernels

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ROWS = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [1.0, 0.0]])
SAMPLINGS = [kernels.WITH_REPLACEMENT, kernels.WITHOUT_REPLACEMENT, kernels.RESHUFFLE]


@pytest.fixture(autouse=True)
def _words_wrap():
    """64-bit words of a random generator wrap around; without numba numpy would complain."""
    with np.errstate(over="ignore"):
        yield


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Streams:
    """Twin of all streams first, first + 1, ... at once: xoshiro256++ on arrays of words."""

    def __init__(self, seed, first, n):
        particles = np.arange(first, first + n, dtype=np.uint64)
        word = mix(np.full(n, seed, np.uint64) + GOLDEN) ^ particles
        self.s = [mix(word + np.uint64(i) * GOLDEN) for i in range(1, 5)]

    def below(self, n):
        s0, s1, s2, s3 = self.s
        total = s0 + s3
        word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2 = s2 ^ (self.s[1] << np.uint64(17))
        s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
        self.s = [s0, s1, s2, s3]
        return ((word >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)


def twin_batches(seed, first, n, sampling, n_rows, b, steps):
    """Minibatches (steps, n, b) drawn by the twin streams."""
    streams = Streams(seed, first, n)
    order = np.tile(np.arange(n_rows), (n, 1))
    particle, position = np.arange(n), 0
    batches = np.empty((steps, n, b), int)
    for step in range(steps):
        if sampling == kernels.WITHOUT_REPLACEMENT or position + b > n_rows:
            position = 0
        for i in range(b):
            if sampling == kernels.WITH_REPLACEMENT:
                batches[step, :, i] = streams.below(n_rows)
                continue
            k = position + streams.below(n_rows - position).astype(int)
            row = order[particle, k]
            order[particle, k] = order[:, position]
            order[:, position] = row
            batches[step, :, i] = row
            position += 1
    return batches


def twin_swarm(kind, a, y, weight_decay, eta, momentum, batches, x):
    """All positions (steps, n, d) of SGD on given batches."""
    path, v = [], 0
    for rows in batches:
        z = np.einsum("nbd,nd->nb", a[rows], x)
        if kind == kernels.LEAST_SQUARES:
            slope = z - y[rows]
        else:
            slope = -y[rows] * np.exp(-np.logaddexp(0.0, y[rows] * z))
        v = momentum * v - eta * ((slope[..., None] * a[rows]).mean(axis=1) + weight_decay * x)
        x = x + v
        path.append(x)
    return np.array(path)


def draw(seed, first, n, sampling, n_rows, b, steps):
    states = np.empty((n, 4), np.uint64)
    kernels.seed_streams(seed, first, states)
    orders, positions = np.tile(np.arange(n_rows), (n, 1)), np.zeros(n, np.int64)
    batches = np.empty((steps, n, b), np.int64)
    for rows in batches:
        kernels.draw_batches(states, sampling, orders, positions, rows)
    return batches


def test_generator_is_xoshiro256plusplus():
    # First words of the authors' C code (prng.di.unimi.it) from the state 1, 2, 3, 4.
    state = np.array([1, 2, 3, 4], np.uint64)
    words = [int(kernels._next(state)) for _ in range(4)]
    assert words == [41943041, 58720359, 3588806011781223, 3591011842654386]


def test_seeding_mixes_like_splitmix64():
    # First output of splitmix64 from the state 0 (Vigna's splitmix64.c).
    assert int(kernels._mix(GOLDEN)) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("b", [1, 2, 5])
def test_batches_are_the_twins(sampling, b):
    arguments = (7, 3, 11, sampling, 5, b, 9)
    np.testing.assert_array_equal(draw(*arguments), twin_batches(*arguments))


@pytest.mark.parametrize("b", [1, 2, 3])
def test_an_epoch_holds_no_row_twice(b):
    epoch = draw(1, 0, 50, kernels.RESHUFFLE, 7, b, 7 // b).transpose(1, 0, 2).reshape(50, -1)
    assert all(len(set(rows)) == rows.size for rows in epoch)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rows_and_pairs_of_rows_are_uniform(sampling):
    n_rows, b, n = 5, 2, 4000
    batches = draw(2, 0, n, sampling, n_rows, b, 6)
    counts = np.zeros((n_rows, n_rows))
    np.add.at(counts, (batches[..., 0], batches[..., 1]), 1)
    if sampling == kernels.WITH_REPLACEMENT:
        expected = np.full(counts.shape, counts.sum() / n_rows**2)
    else:
        assert not counts.diagonal().any()
        expected = (1 - np.eye(n_rows)) * counts.sum() / (n_rows * (n_rows - 1))
    used = expected > 0
    chi2 = ((counts - expected)[used] ** 2 / expected[used]).sum()
    freedom = used.sum() - 1
    # In an epoch the second batch depends on the first, but each pair alone is uniform.
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("kind", [kernels.LEAST_SQUARES, kernels.LOGISTIC])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("d", "momentum"), [(1, 0.0), (2, 0.9), (3, 0.5)])
def test_swarm_is_the_twin(kind, sampling, d, momentum, rng):
    n, steps, burn_in, thin, b = 6, 17, 3, 4, 2
    a, y = rng.standard_normal((5, d)), rng.choice([-1.0, 1.0], 5)
    x = rng.standard_normal((n, d))
    batches = twin_batches(5, 2, n, sampling, 5, b, steps)
    path = twin_swarm(kind, a, y, 0.3, 0.2, momentum, batches, x)
    samples = np.full((n, (steps - burn_in) // thin, d), np.nan)
    kernels.run_swarm(
        kind, a, y, 0.3, 0.2, momentum, sampling, b, 5, 2, steps, burn_in, thin, x, samples
    )
    kept = path[burn_in + thin - 1 :: thin][: samples.shape[1]]
    np.testing.assert_allclose(samples, kept.transpose(1, 0, 2), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(x, path[-1], rtol=1e-12, atol=1e-13)


def test_threads_do_not_change_the_result(rng):
    a, y = rng.standard_normal((5, 2)), rng.standard_normal(5)
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        x, samples = np.zeros((500, 2)), np.empty((500, 1, 2))
        numba.set_num_threads(threads)
        kernels.run_swarm(0, a, y, 0.0, 0.1, 0.0, 0, 2, 0, 0, 30, 0, 30, x, samples)
        results.append(x)
    np.testing.assert_array_equal(*results)


def test_logistic_slope_survives_huge_margins():
    for z, expected in [(-800.0, -1.0), (800.0, 0.0), (0.0, -0.5)]:
        assert kernels._slope(kernels.LOGISTIC, z, 1.0) == pytest.approx(expected, abs=1e-300)
        assert kernels._slope(kernels.LOGISTIC, -z, -1.0) == pytest.approx(-expected, abs=1e-300)


def test_streams_of_neighbours_differ():
    states = np.empty((1000, 4), np.uint64)
    seeds = []
    for seed in (0, 1, 2):
        kernels.seed_streams(seed, 0, states)
        seeds.append(states.copy())
    assert len(np.unique(np.concatenate(seeds), axis=0)) == 3000
