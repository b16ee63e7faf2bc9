"""Chains on structured arrays: the same rates as the edge list, and balance cell by cell."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import fokkerplanck as fp
from fokkerplanck.kernels.linalg import grid_chain
from fokkerplanck.linalg.null_vector import null_vector
from tests.kernels.linalg.test_grid_multigrid import random_chain


def drift(*x):
    """Smooth, of period 1 along every axis, no gradient."""
    return [
        np.sin(2 * np.pi * (x[k] + 0.3 * k)) + np.cos(2 * np.pi * x[k - 1]) for k in range(len(x))
    ]


def generator_matrix(up, down):
    """Dense generator of rates up, down (d, n0, n1, n2), face by face."""
    d, shape = len(up), up.shape[1:]
    cells = np.arange(up[0].size).reshape(shape)
    A = np.zeros((cells.size, cells.size))
    for k in range(d):
        for rate, step in ((up, -1), (down, 1)):
            to = np.roll(cells, step, k + 3 - d)
            np.add.at(A, (to.ravel(), cells.ravel()), rate[k].ravel())
            np.add.at(A, (cells.ravel(), cells.ravel()), -rate[k].ravel())
    return A


GRIDS = {
    "plane": fp.Grid([(0, 1)] * 2, (7, 5)),
    "torus": fp.Grid([(0, 1)] * 2, (5, 8), "periodic"),
    "ring of three": fp.Grid([(0, 1)] * 2, (3, 6), "periodic"),
    "other ring of three": fp.Grid([(0, 1)] * 2, (6, 3), "periodic"),
    "channel": fp.Grid([(0, 1)] * 2, (4, 9), ["reflecting", "periodic"]),
    "graded": fp.Grid([np.linspace(0, 1, 8) ** 2, (0, 1)], (7, 5)),
    "space": fp.Grid([(0, 1)] * 3, (4, 5, 3)),
    "torus in space": fp.Grid([(0, 1)] * 3, (3, 5, 4), "periodic"),
    "tube": fp.Grid([(0, 1)] * 3, (3, 4, 5), ["reflecting", "periodic", "reflecting"]),
}


@pytest.mark.parametrize("name", GRIDS)
def test_rates_of_edges_are_those_of_the_generator(name):
    grid = GRIDS[name]
    D = (1.0, 0.3, 2.0)[: grid.dim]
    generator = fp.Generator(fp.Problem(grid, drift=drift, D=D, beta=4.0))
    edges = generator.edges
    up, down = np.zeros((2, grid.dim, grid.size))
    grid_chain.from_edges(
        np.array(grid.shape), edges.tail, edges.head, *generator.edge_rates,
        np.array(np.ravel(grid.volume)), up, down,
    )  # fmt: skip
    shape = (1,) * (3 - grid.dim) + grid.shape
    A = generator_matrix(*(a.reshape(grid.dim, *shape) for a in (up, down)))
    twin = generator.matrix.toarray()
    np.testing.assert_allclose(A, twin, rtol=0, atol=1e-12 * np.abs(twin).max())
    for k in range(grid.dim):  # nothing through walls
        if not grid.periodic[k]:
            a, b = (np.moveaxis(c[k].reshape(grid.shape), k, 0) for c in (up, down))
            assert not a[-1].any()
            assert not b[0].any()


SHAPES = [
    ((1, 7, 9), (False, False, False)),
    ((1, 6, 8), (False, True, True)),
    ((1, 9, 5), (False, True, True)),
    ((1, 2, 3), (False, True, True)),
    ((5, 6, 7), (False, False, False)),
    ((3, 5, 7), (True, True, True)),
]


def numpy_sweep(up, down, phi, colour):
    """Twin by whole arrays: log of inflow over rate in the cells of one colour."""
    d = len(up)
    inflow, rate = np.zeros_like(phi), up.sum(axis=0) + down.sum(axis=0)
    for k in range(d):
        a = k + 3 - d
        inflow += np.roll(up[k] * np.exp(phi), 1, a) + np.roll(down[k] * np.exp(phi), -1, a)
    is_own = np.indices(phi.shape).sum(axis=0) % 2 == colour
    return np.where(is_own, np.log(inflow / rate), phi)


@pytest.mark.parametrize("colour", [0, 1])
@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
def test_balance_sweep_is_its_numpy_twin(shape, periodic, colour, rng):
    up, down, phi = random_chain(rng, shape, periodic)
    out = np.full(shape, np.nan)
    grid_chain.balance_sweep(up, down, phi, colour, out)
    np.testing.assert_allclose(out, numpy_sweep(up, down, phi, colour), rtol=1e-12, atol=1e-12)
    is_own = np.indices(shape).sum(axis=0) % 2 == colour
    np.testing.assert_array_equal(out[~is_own], phi[~is_own])


@pytest.mark.parametrize(("shape", "periodic"), SHAPES)
def test_stationary_masses_stay_and_others_move(shape, periodic, rng):
    up, down, _ = random_chain(rng, shape, periodic)
    A = generator_matrix(up, down)
    phi = null_vector(csr_array(A), shape).log_mass.reshape(shape)
    for colour in (0, 1):
        out = np.full(shape, np.nan)
        grid_chain.balance_sweep(up, down, phi, colour, out)
        np.testing.assert_allclose(out, phi, rtol=0, atol=1e-12)
        grid_chain.balance_sweep(up, down, phi + rng.standard_normal(shape), colour, out)
        assert np.abs(out - phi).max() > 0.1


def test_cells_that_are_astronomically_wrong_come_right():
    # A symmetric walk: balance is the average of the neighbours, whatever the cell said before.
    up, down = np.ones((2, 2, 1, 6, 6))
    phi, out = np.zeros((1, 6, 6)), np.empty((1, 6, 6))
    phi[0, 2, 2] = -550.0
    grid_chain.balance_sweep(up, down, phi, 0, out)
    np.testing.assert_allclose(out, 0.0, atol=1e-12)
    phi[0, 2, 2] = 550.0
    grid_chain.balance_sweep(up, down, phi, 0, out)
    np.testing.assert_allclose(out, 0.0, atol=1e-12)


def test_ratios_beyond_doubles_come_right_step_by_step():
    up, down = np.ones((2, 2, 1, 6, 6))
    phi, out = np.zeros((1, 6, 6)), np.empty((1, 6, 6))
    phi[0, 2, 2] = 1500.0
    for _ in range(4):
        grid_chain.balance_sweep(up, down, phi, 0, out)
        assert np.isfinite(out).all()
        phi, out = out, phi
    np.testing.assert_allclose(phi, 0.0, atol=1e-12)
