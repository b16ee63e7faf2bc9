"""The linear nine-point flux: a twin built cell by cell, mass, order, and what it lacks."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.central_flux import CentralFlux
from fokkerplanck.scheme.nine_point import index_units
from tests.convergence.rates import assert_rate


def rotated(x, y):
    c, s = np.cos(x + y / 2), np.sin(x + y / 2)
    return [[c * c + 0.1 * s * s, 0.9 * c * s], [0.9 * c * s, s * s + 0.1 * c * c]]


def drift(x, y):
    return np.sin(y) - 0.5 * x, np.cos(x) - y


PROBLEMS = {
    "box": lambda: fp.Problem(fp.Grid([(-2, 2), (-1, 2)], (7, 5)), drift=drift, D=rotated),
    "torus": lambda: fp.Problem(
        fp.Grid([(0, 2 * np.pi)] * 2, (6, 7), "periodic"),
        drift=lambda x, y: (np.sin(y), np.cos(x)),
        D=[[1, 0.6], [0.6, 0.7]],
    ),
    "channel": lambda: fp.Problem(
        fp.Grid([(0, 2 * np.pi), (-1, 2)], (6, 5), ["periodic", "reflecting"]),
        drift=lambda x, y: (np.sin(x), -y),
        D=[[1, 0.6], [0.6, 0.7]],
    ),
}


def twin(problem, rho):
    """Rate of change of density, one face after the other."""
    grid = problem.grid
    (nx, ny), (D, v) = grid.shape, index_units(problem)
    D, v = D.reshape(2, 2, nx, ny), v.reshape(2, nx, ny)
    n = np.array(grid.shape)

    def plain(k, cell):
        """Difference along axis k, one-sided at walls."""
        up, down = np.array(cell), np.array(cell)
        up[k] += 1
        down[k] -= 1
        if grid.periodic[k]:
            return (rho[tuple(up % n)] - rho[tuple(down % n)]) / 2
        if up[k] == n[k]:
            return rho[cell] - rho[tuple(down)]
        if down[k] < 0:
            return rho[tuple(up)] - rho[cell]
        return (rho[tuple(up)] - rho[tuple(down)]) / 2

    def free(k, cell):
        """Slope without current through a wall across axis k."""
        t = 1 - k
        return (v[k][cell] * rho[cell] - D[k, t][cell] * plain(t, cell)) / D[k, k][cell]

    def slope(k, cell):
        if grid.periodic[k] or 0 < cell[k] < n[k] - 1:
            return plain(k, cell)
        inner = list(cell)
        inner[k] += 1 if cell[k] == 0 else -1
        inner = tuple(inner)
        wall = 1.5 * free(k, cell) - 0.5 * free(k, inner)
        return (plain(k, cell) + wall) / 2

    out = np.zeros(grid.shape)
    for cell in np.ndindex(grid.shape):
        for k in range(2):
            other = list(cell)
            other[k] += 1
            if other[k] == n[k]:
                if not grid.periodic[k]:
                    continue
                other[k] = 0
            other, t = tuple(other), 1 - k
            J = (v[k][cell] + v[k][other]) / 2 * (rho[cell] + rho[other]) / 2
            J -= (D[k, k][cell] + D[k, k][other]) / 2 * (rho[other] - rho[cell])
            J -= (D[k, t][cell] * slope(t, cell) + D[k, t][other] * slope(t, other)) / 2
            out[cell] -= J
            out[other] += J
    return out


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_against_a_twin(build, rng):
    problem = build()
    rho = rng.random(problem.grid.shape)
    flux = CentralFlux(problem)
    mine = (flux.matrix @ rho.ravel()).reshape(rho.shape)
    np.testing.assert_allclose(mine, twin(problem, rho), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("build", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_mass_is_exact_and_currents_balance(build, rng):
    problem = build()
    flux, n = CentralFlux(problem), problem.grid.size
    assert np.abs(flux.matrix.sum(axis=0)).max() < 1e-13 * np.abs(flux.matrix).max()
    p = rng.random(n)
    J = flux.currents @ p
    balance = np.bincount(flux.upper, J, n) - np.bincount(flux.lower, J, n)
    np.testing.assert_allclose(balance, flux.matrix @ p, atol=1e-12)


def test_without_noise_across_and_with_graded_axes_it_is_the_central_scheme(rng):
    """Diagonal D: J = v rho - kT D rho' over faces, by hand on a graded line."""
    edges = np.array([0.0, 0.2, 0.5, 1.0, 1.2])
    grid = fp.Grid([edges])
    problem = fp.Problem(grid, drift=lambda x: np.cos(x), D=lambda x: 1 + x, kT=0.7)
    p = rng.random(4)
    rho, h, x = p / np.diff(edges), np.diff(edges), grid.x[0]
    J = []
    for k in range(3):
        near = h[k + 1] / (h[k] + h[k + 1])
        v = near * problem.v[0][k] + (1 - near) * problem.v[0][k + 1]
        D = 0.7 * (near * (1 + x[k]) + (1 - near) * (1 + x[k + 1]))
        mean = near * rho[k] + (1 - near) * rho[k + 1]
        J.append(v * mean - D * (rho[k + 1] - rho[k]) / (x[k + 1] - x[k]))
    np.testing.assert_allclose(CentralFlux(problem).currents @ p, J, rtol=1e-12)


def test_walls_are_of_second_order():
    """Rate of change of exp(-Phi) where D is tilted against walls, in L1; it should vanish."""
    h, errors = [], []
    for n in (32, 64, 128):
        grid = fp.Grid([(-1, 1), (-1, 1)], n)
        x, y = grid.x
        Phi = 0.4 * np.cos(x) + 0.3 * x * y
        problem = fp.Problem.from_potential(grid, Phi=Phi, D=[[1, 0.8], [0.8, 1]])
        rho = np.exp(-Phi) / grid.integrate(np.exp(-Phi))
        rate = (CentralFlux(problem).matrix @ (rho * grid.volume).ravel()).reshape(rho.shape)
        h.append(grid.h[0])
        # In a dual norm: what a smooth function sees of it.
        errors.append(abs(float(np.sum(rate * np.cos(2 * x + y)))))
    assert_rate(h, errors, order=2, cap=1e-3)


def test_it_is_no_markov_generator():
    flux = CentralFlux(PROBLEMS["box"]())
    off = flux.matrix.tocoo()
    assert off.data[off.row != off.col].min() < -1e-3


def test_absorbing_sides_are_refused():
    grid = fp.Grid([(0, 1)] * 2, 8, "absorbing")
    with pytest.raises(ValueError, match="absorbing ones; use Implicit"):
        CentralFlux(fp.Problem(grid))
