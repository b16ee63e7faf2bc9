"""Masses in few cells: closed forms, POT's network simplex, and duality."""

import numpy as np
import ot
import pytest

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.transport import distance, linear_program, wasserstein
from fokkerplanck.transport.linear_program import optimal_plan


def cells(grid, *places):
    """Density with the same mass in each of the cells."""
    rho = np.zeros(grid.shape)
    for place in places:
        rho[place] += 1
    return rho / grid.integrate(rho)


def test_from_cell_to_cell():
    grid = fp.Grid([(0, 1), (0, 1)], 16)
    w = wasserstein(cells(grid, (4, 4)), cells(grid, (12, 12)), grid)
    assert w.cost == pytest.approx(0.5, rel=1e-14)
    assert w.distance == pytest.approx(np.sqrt(0.5), rel=1e-14)
    assert w.error < 1e-14
    np.testing.assert_allclose(w.map[:, 4, 4], grid.x[:, 12, 12])
    middle = w.interpolate(0.5)
    assert middle[8, 8] * grid.volume == pytest.approx(1, rel=1e-14)


def test_around_a_ring_the_short_way():
    ring = fp.Grid([(0, 1)], 32, sides="periodic")
    for at, distance_right in ((8, 0.25), (24, 0.25), (16, 0.5), (31, 1 / 32)):
        w = wasserstein(cells(ring, 0), cells(ring, at), ring)
        assert w.distance == pytest.approx(distance_right, rel=1e-14)
    w = wasserstein(cells(ring, 2), cells(ring, 28), ring)
    assert w.interpolate(0.5)[31] == pytest.approx(32, rel=1e-12)  # through the seam


def test_gaussians_of_one_cell():
    grid = fp.Grid([(0, 64), (0, 64)], 64)
    x, y = grid.x

    def bump(c):
        u = np.exp(-0.5 * ((x - c) ** 2 + (y - c) ** 2))
        return u / grid.integrate(u)

    w = wasserstein(bump(12.5), bump(38.5), grid)
    assert w.cost == pytest.approx(2 * 26**2, rel=1e-12)
    assert w.error < 1e-8 * w.cost
    one_way = w.map - grid.x
    np.testing.assert_allclose(one_way[:, 10:16, 10:16], 26, atol=1e-6)


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_against_the_network_simplex(sides, rng):
    grid = fp.Grid([(0, 1), (0, 2)], (12, 15), sides=sides)
    p, q = (rng.random(grid.shape) * (rng.random(grid.shape) < 0.3) for _ in range(2))
    p, q = p / p.sum(), q / q.sum()
    step = grid.x.reshape(2, -1)[:, None] - grid.x.reshape(2, -1)[:, :, None]
    if sides == "periodic":
        length = np.array([1.0, 2.0])[:, None, None]
        step = (step + length / 2) % length - length / 2
    costs = np.sum(step**2, axis=0)
    exact = ot.emd2(p.ravel(), q.ravel(), costs, numItermax=10**6)
    plan = optimal_plan(p, q, grid)
    assert plan.cost == pytest.approx(exact, rel=1e-9)
    assert abs(plan.cost - exact) <= plan.error + 1e-11 * exact
    assert plan.error < 1e-9
    # Kantorovich's potentials: feasible at all pairs of cells, and of the value of the cost.
    phi, psi = plan.potentials.reshape(2, -1)
    assert (phi[:, None] + psi - 0.5 * costs)[p.ravel() > 0][:, q.ravel() > 0].max() < 1e-12
    assert p.ravel() @ phi + q.ravel() @ psi == pytest.approx(0.5 * exact, rel=1e-9)
    # The plan carries the one into the other, and its middle is halfway from both.
    volume = grid.volume
    assert plan.interpolation(1.0, grid) == pytest.approx(q, abs=1e-9)
    assert plan.interpolation(0.0, grid) == pytest.approx(p, abs=1e-9)
    w = wasserstein(p / volume, q / volume, grid)
    assert w.cost == pytest.approx(plan.cost, rel=1e-13)
    assert grid.integrate(w.interpolate(0.3)) == pytest.approx(1, abs=1e-9)


def test_one_mass_onto_two():
    grid = fp.Grid([(0, 1), (0, 1)], 16)
    w = wasserstein(cells(grid, (8, 8)), cells(grid, (8, 4), (8, 12)), grid)
    assert w.cost == pytest.approx(1 / 16, rel=1e-12)
    middle = w.interpolate(0.5) * grid.volume
    assert (middle[8, 6], middle[8, 10]) == pytest.approx((0.5, 0.5), rel=1e-9)


def test_far_too_much_for_the_program_says_so(monkeypatch):
    """No cost below zero, above the diameter or below its error leaves as a number."""
    grid = fp.Grid([(0, 1), (0, 1)], 16)
    ring = fp.Grid([(0, 1)], 32, sides="periodic")
    monkeypatch.setattr(linear_program, "MOST_PAIRS", 0)
    with pytest.raises(ConvergenceError, match=r"W2\^2 came out as|potentials are off"):
        wasserstein(cells(grid, (4, 4)), cells(grid, (12, 12)), grid)
    with pytest.raises(ConvergenceError, match=r"W2\^2 came out as|potentials are off"):
        wasserstein(cells(ring, 0), cells(ring, 8), ring)


def test_smooth_densities_go_the_smooth_way():
    grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    a = fp.gaussian(grid, (-1, 0), 0.2)
    b = np.roll(a, 8, axis=0)
    w = wasserstein(a, b, grid)
    assert w.plan is None
    assert distance._roughness(a * grid.volume, grid) < distance.ROUGH
    assert w.cost == pytest.approx(4, rel=1e-6)
