"""Compiled paths against numpy: random numbers, interpolation, steps, walls."""

import numba
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.kernels.particles import minibatch as particles
from fokkerplanck.kernels.particles import paths
from fokkerplanck.sde import simulation
from fokkerplanck.sde.coefficients import root


@pytest.fixture(autouse=True)
def _words_wrap():
    """64-bit words of a random generator wrap around; without numba numpy would complain."""
    with np.errstate(over="ignore"):
        yield


def streams(n, seed=3):
    states = np.empty((n, 4), np.uint64)
    particles.seed_streams(seed, 0, states)
    return states


def words(states, n):
    """The next n words of every stream (n, n_streams), by the generator of the other file."""
    states = states.copy()
    return np.array([[particles._next(s) for s in states] for _ in range(n)], dtype=np.uint64)


def to_unit(w):
    return ((w >> np.uint64(11)).astype(float) + 1) * 2.0**-53


def test_random_numbers_are_the_twins():
    u = to_unit(words(streams(5), 6))
    found = np.empty((5, 6))
    paths.draw_uniforms(streams(5), found)
    np.testing.assert_array_equal(found, u.T)
    normals = np.empty((5, 5))
    paths.draw_normals(streams(5), normals)
    radius, angle = np.sqrt(-2 * np.log(u[::2])), 2 * np.pi * u[1::2]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(6, 5)[:5]
    np.testing.assert_allclose(normals, expected.T, rtol=1e-13, atol=1e-13)
    signs = np.empty((5, 3))
    paths.draw_signs(streams(5), signs)
    w = words(streams(5), 1)[0]
    bits = np.array([[(int(v) >> (63 - i)) & 1 for i in range(3)] for v in w])
    np.testing.assert_array_equal(signs, 2.0 * bits - 1)


def test_moments_of_the_random_numbers():
    z, s = np.empty((100_000, 2)), np.empty((100_000, 3))
    states = streams(100_000)
    paths.draw_normals(states, z)
    paths.draw_signs(states, s)
    five = 5 / np.sqrt(len(z))
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert np.abs((z**power).mean(axis=0) - moment).max() < five * np.sqrt(spread)
    assert abs((z[:, 0] * z[:, 1]).mean()) < five
    assert np.abs(np.cov(s.T) - np.eye(3)).max() < 1.5 * five


class Multilinear:
    """Twin of the kernel's look-up: drift and root between cell centres, by numpy."""

    constant_noise = False

    def __init__(self, problem):
        self.grid, self.b = problem.grid, problem.drift
        self.s = np.sqrt(2 * problem.kT) * root(problem.D)

    def at(self, u, x):
        grid = self.grid
        parts = []
        for k, centers in enumerate(grid.centers):
            lo, hi = grid.box[k]
            if grid.periodic[k]:
                nodes = np.concatenate([[centers[-1] - (hi - lo)], centers, [centers[0] + hi - lo]])
                index = np.r_[len(centers) - 1, np.arange(len(centers)), 0]
                place = lo + np.mod(x[k] - lo, hi - lo)
            else:
                nodes, index = centers, np.arange(len(centers))
                place = np.clip(x[k], lo, hi)
            i = np.clip(np.searchsorted(nodes, place, side="right") - 1, 0, len(nodes) - 2)
            t = (place - nodes[i]) / (nodes[i + 1] - nodes[i])
            parts.append(((index[i], 1 - t), (index[i + 1], t)))
        total = 0.0
        for corner in np.ndindex(*(2,) * grid.dim):
            chosen = [part[c] for part, c in zip(parts, corner, strict=True)]
            total = total + u[(..., *(c[0] for c in chosen))] * np.prod([c[1] for c in chosen], 0)
        return total

    def drift(self, x):
        return self.at(self.b, x)

    def root(self, x):
        return self.at(self.s, x)


FACES = np.array([-1.0, -0.8, -0.5, -0.1, 0.1, 0.4, 0.8, 1.0])
GRIDS = {
    "line": fp.Grid([(-1, 1)], 9),
    "graded line": fp.Grid([FACES]),
    "ring": fp.Grid([(-1, 1)], 9, sides="periodic"),
    "exits": fp.Grid([(-1, 1)], 9, sides="absorbing"),
    "box": fp.Grid([(-1, 1), FACES], (8, 7)),
    "mixed": fp.Grid([(-1, 1), (-1, 1)], (8, 5), sides=["periodic", ("absorbing", "reflecting")]),
    "corner": fp.Grid([(-1, 1), (-1, 1)], (6, 5), sides=["absorbing", ("reflecting", "absorbing")]),
    "space": fp.Grid([(-1, 1)] * 3, 5, sides=["reflecting", "periodic", ("reflecting",) * 2]),
}


def problem_on(grid, rng):
    d = grid.dim
    wave = sum(np.cos(np.pi * u) for u in grid.x)
    factor = np.eye(d) + 0.3 * rng.standard_normal((d, d))
    D = np.einsum("ij,kj->ik", factor, factor)[(..., *(None,) * d)] * (1 + 0.15 * wave)
    drift = np.stack([np.sin(np.pi * (k + 1) * u) for k, u in enumerate(grid.x)])
    return fp.Problem(grid, drift=drift, D=D, kT=0.5)


@pytest.mark.parametrize("scheme", ["euler_maruyama", "weak2"])
@pytest.mark.parametrize("name", GRIDS)
def test_compiled_paths_are_the_twins(name, scheme, rng, monkeypatch):
    problem = problem_on(GRIDS[name], rng)
    x0 = rng.uniform(-0.9, 0.9, (40, problem.grid.dim))
    arguments = {"dt": 0.03, "steps": 23, "scheme": scheme, "burn_in": 3, "thin": 4, "seed": 5}
    compiled = fp.sde.simulate(problem, x0, **arguments)
    assert compiled.interpolated
    monkeypatch.setattr(simulation, "Callables", Multilinear)
    monkeypatch.setattr(simulation, "unknown_between_cells", lambda _: [])
    twin = fp.sde.simulate(problem, x0, **arguments)
    np.testing.assert_array_equal(compiled.exit_side, twin.exit_side)
    for key in ("points", "samples", "unwrapped", "exit_time", "t"):
        np.testing.assert_allclose(
            getattr(compiled, key), getattr(twin, key), rtol=1e-9, atol=1e-10, err_msg=key
        )
    if "absorbing" in np.array(problem.grid.sides):
        assert np.isfinite(compiled.exit_time).sum() > 0


def test_threads_and_blocks_do_not_change_the_result(rng, monkeypatch):
    problem = problem_on(GRIDS["mixed"], rng)
    results = []
    for threads, block in ((1, 20_000_000), (numba.config.NUMBA_NUM_THREADS, 640)):
        numba.set_num_threads(threads)
        monkeypatch.setattr(simulation, "_BLOCK_UPDATES", block)
        found = fp.sde.simulate(problem, [0.0, 0.0], 0.3, dt=0.03, n_particles=500, thin=5)
        results.append(found)
    for key in ("samples", "exit_time", "points"):
        np.testing.assert_array_equal(*(getattr(r, key) for r in results))
    fewer = fp.sde.simulate(problem, [0.0, 0.0], 0.3, dt=0.03, n_particles=50, thin=5)
    np.testing.assert_array_equal(fewer.samples, results[0].samples[:, :50])
