"""The fifth-order upwind flux: mass, weights, order, ends, directions without noise."""

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import fokkerplanck as fp
from fokkerplanck.scheme.upwind5 import Upwind5, face_weights
from fokkerplanck.sets import side
from fokkerplanck.steady.linear_flux import linear_masses, negative_mass
from fokkerplanck.steady.markov import stationary_log_mass
from tests.convergence.rates import assert_rate


def stationary(problem):
    """Stationary masses of the flux."""
    generator = fp.Generator(problem)
    return linear_masses(Upwind5(problem), generator, stationary_log_mass(generator).log_mass)


def langevin(n=24, gamma=0.5):
    grid = fp.Grid([(-2, 2), (-2, 2)], n)
    return fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - gamma * v), D=(0, gamma), kT=0.3)


TENSOR = [[1.0, 0.5], [0.5, 0.6]]
PROBLEMS = {
    "langevin": langevin,
    "tensor": lambda: fp.Problem(
        fp.Grid([(-2, 2), (-1, 2)], (9, 8)), drift=lambda x, y: (np.sin(y) - x, x - y), D=TENSOR
    ),
    "torus": lambda: fp.Problem(
        fp.Grid([(0, 1), (0, 2)], (7, 8), "periodic"), drift=lambda x, y: (1 + 0 * x, 2 + 0 * y)
    ),
    "graded": lambda: fp.Problem(
        fp.Grid([np.linspace(0, 1, 12) ** 1.5, (0, 2)], (11, 8)),
        drift=lambda x, y: (y, 3 - x),
        D=(0.02, 0.1),
    ),
    "space": lambda: fp.Problem(
        fp.Grid([(-2, 2)] * 3, (6, 7, 8)), drift=lambda x, y, z: (y, z, -x - y), D=(0, 0, 1)
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_mass_is_exact(name):
    A = Upwind5(PROBLEMS[name]()).matrix
    assert np.abs(A.sum(axis=0)).max() < 1e-13 * abs(A).max()


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_lost_has_arrived(name):
    problem = PROBLEMS[name]()
    label = np.full(problem.grid.size, -1)
    inner = (slice(2, 4),) * problem.grid.dim
    label.reshape(problem.grid.shape)[inner] = 1
    label.reshape(problem.grid.shape)[(slice(0, 1),) * problem.grid.dim] = 0
    flux = Upwind5(problem, label)
    assert flux.exits.shape == (3, problem.grid.size)
    assert abs(flux.exits[:2]).sum(axis=1).min() > 0
    left = np.asarray(flux.matrix.sum(axis=0) + flux.exits.sum(axis=0)).ravel()
    assert np.abs(left).max() < 1e-13 * abs(flux.matrix).max()
    assert not np.any(flux.matrix[:, label >= 0].sum(axis=0))


def test_sides_are_told_apart():
    grid = fp.Grid([(0, 1), (0, 1)], 6, sides=["absorbing", ("reflecting", "absorbing")])
    flux = Upwind5(fp.Problem(grid, drift=lambda x, y: (2 + 0 * x, x), D=(0.01, 0.1)))
    assert list(flux.side_exits) == [side("x", "lower"), side("x", "upper"), side("y", "upper")]
    total = np.sum(list(flux.side_exits.values()), axis=0)
    assert np.allclose(total, flux.exits.toarray()[-1], rtol=1e-14)
    assert np.abs(flux.side_exits[side("x", "lower")].reshape(6, 6)[3:]).max() == 0
    assert np.abs(flux.matrix.sum(axis=0) + total).max() < 1e-13 * abs(flux.matrix).max()


def test_weights_are_the_known_stencils():
    ones = np.ones((1, 6))
    for cells, face, derivative, known in (
        (5, 3, 1, np.array([2, -13, 47, 27, -3]) / 60),
        (3, 2, 1, np.array([-1, 5, 2]) / 6),
        (5, 2, 1, np.array([-3, 27, 47, -13, 2]) / 60),
        (2, 1, 1, np.array([0.5, 0.5])),
        (4, 2, 2, np.array([1, -15, 15, -1]) / 12),
        (2, 1, 2, np.array([-1, 1])),
    ):
        found = face_weights(ones[:, :cells], face, derivative)[0]
        assert np.abs(found - known).max() < 1e-13


@pytest.mark.parametrize("cells", [2, 3, 5])
def test_weights_are_exact_for_polynomials(cells, rng):
    widths = rng.uniform(0.5, 2, (4, cells))
    faces = np.concatenate([np.zeros((4, 1)), np.cumsum(widths, axis=1)], axis=1)
    face = cells // 2
    at = faces[:, face]
    value, slope = (face_weights(widths, face, k) for k in (1, 2))
    for power in range(cells):
        means = np.diff(faces ** (power + 1), axis=1) / (power + 1) / widths
        assert np.allclose((value * means).sum(axis=1), at**power, rtol=1e-10)
        exact = power * at ** max(power - 1, 0)
        assert np.allclose((slope * means).sum(axis=1), exact, atol=1e-9)
    means = np.diff(faces ** (cells + 1), axis=1) / (cells + 1) / widths
    assert not np.allclose((value * means).sum(axis=1), at**cells, rtol=1e-6)


# --- order ---------------------------------------------------------------------------------------


def stirred(grid, periodic=False):
    """Density of any shape, stirred along its walls: (problem, density at centres)."""
    w = 2 * np.pi if periodic else np.pi

    def potential(x, y):
        return np.cos(w * x) * 0.7 + np.sin(2 * np.pi * y) * 0.5 * np.cos(w * x)

    def drift(x, y):
        ux = -w * np.sin(w * x) * (0.7 + 0.5 * np.sin(2 * np.pi * y))
        uy = np.pi * np.cos(2 * np.pi * y) * np.cos(w * x)
        # J = curl of sin(w x) sin(w y) / 2, along the walls.
        e = np.exp(potential(x, y))
        jx = 0.5 * w * np.sin(w * x) * np.cos(w * y)
        jy = -0.5 * w * np.cos(w * x) * np.sin(w * y)
        return -ux + jx * e, -uy + jy * e

    return fp.Problem(grid, drift=drift), np.exp(-potential(*grid.x))


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_fourth_order_up_to_the_walls(sides):
    h, err = [], []
    for n in (32, 64, 128):
        grid = fp.Grid([(0, 1), (0, 1)], n, sides)
        problem, rho = stirred(grid, sides == "periodic")
        p = stationary(problem).reshape(grid.shape)
        h.append(1 / n)
        err.append(np.abs(p - rho / rho.sum()).sum())
    assert_rate(h, err, 4, 2e-7)


def test_second_order_on_graded_axes():
    h, err = [], []
    for n in (16, 32, 64):
        even = np.linspace(0, 1, 8 * n + 1)
        faces = even + 0.1 * np.sin(2 * np.pi * even) / np.pi
        fine = fp.Grid([faces, (0, 1)], 8 * n)
        exact = stirred(fine)[1] * fine.volume
        exact = exact.reshape(n, 8, n, 8).sum(axis=(1, 3))
        grid = fp.Grid([faces[::8], (0, 1)], n)
        assert grid.graded == (True, False)
        p = stationary(stirred(grid)[0]).reshape(grid.shape)
        h.append(1 / n)
        err.append(np.abs(p - exact / exact.sum()).sum())
    assert_rate(h, err, 2, 2e-3)


@pytest.mark.parametrize(("angle", "limit"), [(0.5, 1e-4), (0.8, 1e-4)])
def test_a_tensor_of_rank_one(angle, limit):
    F = np.array([[-1.0, 1.5], [-1.5, -1.0]])
    u = np.array([np.cos(angle), np.sin(angle)])
    D = np.outer(u, u)
    grid = fp.Grid([(-4.5, 4.5)] * 2, 48)
    problem = fp.Problem(
        grid, drift=lambda x, y: (F[0, 0] * x + F[0, 1] * y, F[1, 0] * x + F[1, 1] * y), D=D
    )
    p = stationary(problem).reshape(grid.shape)
    x = grid.x
    found = np.array([[(p * a * b).sum() for a in x] for b in x])
    exact = solve_continuous_lyapunov(F, -2 * D)
    assert np.abs(found - exact).max() < limit * np.abs(exact).max()
    chain = fp.steady_state(problem, scheme="markov").rho * grid.volume
    markov = np.array([[(chain * a * b).sum() for a in x] for b in x])
    assert np.abs(markov - exact).max() > 0.05 * np.abs(exact).max()


def test_the_temperature_of_an_underdamped_oscillator():
    grid = fp.Grid([(-6, 6)] * 2, 48)
    problem = fp.Problem(grid, drift=lambda x, v: (v, -x - 0.5 * v), D=(0, 0.5))
    p = stationary(problem).reshape(grid.shape)
    assert abs((p * grid.x[1] ** 2).sum() - 1) < 1e-4
    assert negative_mass(p) < 1e-6
