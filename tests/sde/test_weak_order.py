"""Weak orders without any noise: expectations over the steps by quadrature, exactly."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.sde import steps
from fokkerplanck.sde.coefficients import Callables
from fokkerplanck.sde.simulation import SCHEMES
from tests.convergence.rates import assert_rate, observed_orders

DTS = [0.2, 0.1, 0.05, 0.025]


def nodes(d, n):
    """Normals (d, m), signs (pairs, m) and weights (m,) whose means are those of the noise."""
    z, w = np.polynomial.hermite_e.hermegauss(n)
    w = w / w.sum()
    rows = []
    pairs = d * (d - 1) // 2
    for at in itertools.product(range(n), repeat=d):
        for signs in itertools.product((-1.0, 1.0), repeat=pairs):
            rows.append((*z[list(at)], *signs, np.prod(w[list(at)]) / 2**pairs))
    table = np.array(rows).T
    return table[:d], table[d:-1], table[-1]


class Linear:
    """dx = A x dt + sum_j B_j x dW_j."""

    constant_noise = False

    def __init__(self, A, B):
        self.A, self.B = A, B

    def drift(self, x):
        return self.A @ x

    def root(self, x):
        return np.stack([B @ x for B in self.B], axis=1)


def second_moment_error(scheme, field, dt, t=1.0):
    """Relative error of E[x x^T] at time t from x = (1, -0.5), by the exact map of one step."""
    z, signs, weights = nodes(2, 5)
    columns = []
    for unit in np.eye(2):
        x = np.repeat(unit[:, None], len(weights), axis=1)
        columns.append(scheme(field, x, dt, z, signs)[0])
    step = np.stack(columns, axis=1)  # the step is linear in x
    one = np.einsum("ian,kbn,n->ikab", step, step, weights).reshape(4, 4)
    start = np.outer([1, -0.5], [1, -0.5]).ravel()
    found = np.linalg.matrix_power(one, round(t / dt)) @ start
    eye = np.eye(2)
    rate = np.kron(field.A, eye) + np.kron(eye, field.A) + sum(np.kron(B, B) for B in field.B)
    exact = expm(t * rate) @ start
    return np.abs(found - exact).max() / np.abs(exact).max()


NOISES = {
    "commuting": [np.diag([0.5, 0.3]), np.diag([0.2, -0.4])],
    "not commuting": [np.array([[0.3, 0.5], [0.0, 0.2]]), np.array([[0.1, 0.0], [-0.6, 0.3]])],
}
A = np.array([[-1.0, 0.7], [-0.4, -0.8]])


@pytest.mark.parametrize("noise", NOISES)
def test_orders_for_multiplicative_noise(noise):
    field = Linear(A, NOISES[noise])
    first = [second_moment_error(steps.euler_maruyama, field, dt) for dt in DTS]
    second = [second_moment_error(steps.weak_second_order, field, dt) for dt in DTS]
    assert_rate(DTS, first, 1, 0.04)
    assert observed_orders(DTS, first).max() < 1.3
    assert_rate(DTS, second, 2, 5e-4)
    assert observed_orders(DTS, second).max() < 2.4


def test_the_signs_are_needed():
    # Without the antisymmetric part of the double integrals, noises that do not commute are wrong.
    def careless(field, x, dt, z, signs):
        return steps.weak_second_order(field, x, dt, z, 0 * signs)

    field = Linear(A, NOISES["not commuting"])
    dts = [0.0125, 0.00625, 0.003125]
    errors = [second_moment_error(careless, field, dt) for dt in dts]
    assert observed_orders(dts, errors)[-1] < 1.3


def fourier_rows(n, length, x):
    """Rows that interpolate periodic values at the n cell centres at the points x."""
    waves = np.fft.fftfreq(n, 1 / n)
    waves[np.abs(waves) == n / 2] = 0  # n is odd: none
    centers = (np.arange(n) + 0.5) * length / n
    phase = 2 * np.pi / length * (x[:, None, None] - centers[None, :, None]) * waves
    return np.cos(phase).sum(axis=-1) / n


def transition(problem, scheme, dt):
    """Matrix of one step on functions given at the cell centres of a torus."""
    grid = problem.grid
    d = grid.dim
    z, signs, weights = nodes(d, 9 if d == 1 else 5)
    x = np.repeat(grid.x.reshape(d, -1), len(weights), axis=1)
    many = (1, grid.size)
    y, _ = SCHEMES[scheme](Callables(problem), x, dt, np.tile(z, many), np.tile(signs, many))
    rows = np.ones((x.shape[1], 1))
    for k, n in enumerate(grid.shape):
        factor = fourier_rows(n, grid.box[k][1] - grid.box[k][0], y[k] - grid.box[k][0])
        rows = (rows[:, :, None] * factor[:, None, :]).reshape(len(rows), -1)
    return np.einsum("imj,m->ij", rows.reshape(grid.size, len(weights), -1), weights)


def generator(problem):
    """Backward generator b.grad + T D:Hess on a torus, by Fourier collocation."""
    grid, single = problem.grid, []
    for k, n in enumerate(grid.shape):
        length = grid.box[k][1] - grid.box[k][0]
        waves = 2j * np.pi / length * np.fft.fftfreq(n, 1 / n)
        F = np.fft.fft(np.eye(n), axis=0)
        single.append(np.fft.ifft(waves[:, None] * F, axis=0).real)
    if grid.dim == 1:
        first = single
    else:
        eyes = [np.eye(n) for n in grid.shape]
        first = [np.kron(single[0], eyes[1]), np.kron(eyes[0], single[1])]
    L = 0.0
    for i in range(grid.dim):
        L = L + problem.drift[i].reshape(-1, 1) * first[i]
        for k in range(grid.dim):
            L = L + problem.kT * problem.D[i, k].reshape(-1, 1) * (first[i] @ first[k])
    return L


def circle(calculus="ito"):
    grid = fp.Grid([(0, 2 * np.pi)], 31, sides="periodic")
    return fp.Problem(
        grid, f=np.cos, D=lambda x: 1 + 0.5 * np.sin(x), kT=0.5, grad_f=lambda x: -np.sin(x),
        calculus=calculus,
    )  # fmt: skip


def torus(calculus="ito"):
    grid = fp.Grid([(0, 2 * np.pi)] * 2, 13, sides="periodic")

    def D(x, y):
        return [[1 + 0.4 * np.sin(y), 0.3 * np.cos(x)], [0.3 * np.cos(x), 0.8 + 0.3 * np.sin(x)]]

    def drift(x, y):
        return [np.sin(x) + 0.4 * np.cos(y), 0.5 * np.cos(y - x)]

    return fp.Problem(grid, drift=drift, D=D, kT=0.2, calculus=calculus)


@pytest.mark.parametrize("build", [circle, torus])
@pytest.mark.parametrize(
    ("scheme", "order", "cap"), [("euler_maruyama", 1, 0.025), ("weak2", 2, 1e-3)]
)
def test_orders_for_problems(build, scheme, order, cap):
    problem, t = build(), 0.8
    u = np.cos(problem.grid.x[0]) + np.sin(problem.grid.x[-1])
    exact = expm(t * generator(problem)) @ u.ravel()
    errors = []
    for dt in (0.2, 0.1, 0.05):
        found = np.linalg.matrix_power(transition(problem, scheme, dt), round(t / dt)) @ u.ravel()
        errors.append(np.abs(found - exact).max())
    assert_rate([0.2, 0.1, 0.05], errors, order, cap)


@pytest.mark.parametrize(
    ("calculus", "power"), [("ito", 1.0), ("stratonovich", 0.5), ("klimontovich", 0.0)]
)
def test_steady_states_of_the_calculi(calculus, power):
    # Without drift rho is D^-1 (Ito), D^-1/2 (Stratonovich) or uniform (Klimontovich).
    grid = fp.Grid([(0, 2 * np.pi)], 31, sides="periodic")
    problem = fp.Problem(grid, D=lambda x: 1 + 0.5 * np.sin(x), kT=0.5, calculus=calculus)
    values, vectors = np.linalg.eig(transition(problem, "weak2", 0.05).T)
    rho = vectors[:, np.argmin(np.abs(values - 1))].real
    exact = (1 + 0.5 * np.sin(grid.x[0])) ** -power
    assert np.abs(rho / rho.sum() - exact / exact.sum()).max() * grid.size < 1e-3
    for other in {0.0, 0.5, 1.0} - {power}:
        wrong = (1 + 0.5 * np.sin(grid.x[0])) ** -other
        assert np.abs(rho / rho.sum() - wrong / wrong.sum()).max() * grid.size > 0.1
