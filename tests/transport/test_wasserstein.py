"""Distances, maps and geodesics against Gaussians, shifts and exact linear programs."""

import numpy as np
import ot
import pytest

import fokkerplanck as fp
from fokkerplanck.transport import wasserstein
from tests.convergence.rates import assert_rate

A = np.array([[1, 0.5], [0.5, 0.6]])
B = np.array([[0.3, -0.2], [-0.2, 1.5]])
T = np.array([[0.7161164036, -0.5590493274], [-0.5590493274, 1.9478141850]])
W2 = 0.748488825598


def pair(n, L=7):
    """Gaussians of R20; the box is seven units each way, its walls see less than e^-16."""
    grid = fp.Grid([(-L, L), (-L, L)], n)
    return grid, fp.gaussian(grid, (0, 0), A), fp.gaussian(grid, (0, 0), B)


def test_bures_distance():
    grid, a, b = pair(96)
    w = wasserstein(a, b, grid)
    assert abs(w.cost - W2) < 1e-6
    assert abs(w.cost - W2) < w.error < 1e-5
    assert w.distance == np.sqrt(w.cost)


def test_the_box_counts():
    """Counterexample: at five units the truncated densities are other densities."""
    grid, a, b = pair(72, 4)
    assert abs(wasserstein(a, b, grid).cost - W2) > 1e-5


def test_map_and_geodesic_of_gaussians():
    maps, middles = [], []
    for n in (48, 96):
        grid, a, b = pair(n)
        w = wasserstein(a, b, grid)
        right = np.einsum("ij,j...->i...", T, grid.x)
        maps.append(np.sqrt(grid.integrate(a * ((w.map - right) ** 2).sum(0))))
        M = 0.5 * (np.eye(2) + T)
        middle = w.interpolate(0.5)
        middles.append(
            grid.integrate(np.abs(middle - fp.gaussian(grid, (0, 0), M @ A @ M.T)))
        )  # fmt: skip
        assert abs(grid.integrate(middle) - 1) < 1e-13
        assert middle.min() >= 0
    assert maps[1] < 1e-4
    assert middles[1] < 3e-3
    assert middles[0] / middles[1] > 3.4
    # Midpoint covariance of R20; linear weights add a sixth of h^2 to the variances.
    C = grid.integrate(middle * grid.x[:, None] * grid.x[None])
    h2 = grid.h[0] ** 2
    np.testing.assert_allclose(
        C, [[0.5432958699, 0.1843715926], [0.1843715926, 0.9695819237]], atol=0.3 * h2
    )


def test_geodesic_has_constant_speed():
    grid, a, b = pair(64)
    whole = wasserstein(a, b, grid)
    part = wasserstein(a, whole.interpolate(0.25), grid)
    assert abs(part.distance - 0.25 * whole.distance) < 0.01 * whole.distance
    assert np.array_equal(whole.interpolate(0), a)
    assert np.array_equal(whole.interpolate(1), b)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_shifts_by_cells(dim):
    n = {1: 80, 2: 40, 3: 28}[dim]
    grid = fp.Grid([(-4, 4)] * dim, n)
    h = grid.h[0]
    a = fp.gaussian(grid, (-1,) * dim, 0.3)
    b = np.roll(a, (6, 3, 2)[:dim], tuple(range(dim)))
    w = wasserstein(a, b, grid)
    exact = h * h * sum(k * k for k in (6, 3, 2)[:dim])
    assert abs(w.cost / exact - 1) < 1e-5
    shift = (w.map - grid.x)[:, a > 1e-3 * a.max()]
    np.testing.assert_allclose(
        shift, np.multiply((6, 3, 2)[:dim], h)[:, None] + 0 * shift, atol=1e-4
    )


def test_products_add_up():
    """W2^2 between products is the sum over the factors, also far from Gaussians."""

    def factors(n):
        line = fp.Grid([(-3, 3)], n)
        x = line.x[0]
        u, t = np.exp(-4 * (x**2 - 1) ** 2 + x / 2), np.exp(-(x**4))
        u, t = u / line.integrate(u), t / line.integrate(t)
        return line, u, fp.gaussian(line, 0.3, 0.2), fp.gaussian(line, -0.5, 0.3), t

    line, u, v, s, t = factors(72 * 40)  # cells of constant density: second order
    parts = wasserstein(u, v, line).cost + wasserstein(s, t, line).cost
    errors = []
    for n in (72, 144):  # the map is steep between the heads of u
        _, u, v, s, t = factors(n)
        grid = fp.Grid([(-3, 3), (-3, 3)], n)
        errors.append(abs(wasserstein(u[:, None] * s, v[:, None] * t, grid).cost - parts))
    assert errors[0] < 5e-4
    assert errors[1] < 5e-5


def quantile_cost(lo, hi, p, q, n=200_000):
    """W2^2 on a line by quantiles of functions, on a grid so fine that it does not matter."""
    faces = np.linspace(lo, hi, n + 1)
    x = 0.5 * (faces[1:] + faces[:-1])
    P, Q = (np.append(0, np.cumsum(u(x))) for u in (p, q))
    s = (np.arange(n) + 0.5) / n
    return np.mean((np.interp(s, P / P[-1], faces) - np.interp(s, Q / Q[-1], faces)) ** 2)


def test_line_against_quantiles():
    """A double well with little mass between the wells, where the map is steep."""

    def u(x):
        return np.exp(-4 * (x**2 - 1) ** 2 + x / 2)

    def v(x):
        return np.exp(-((x - 0.3) ** 2) / 0.4)

    exact, errors, counts = quantile_cost(-3, 3, u, v), [], (100, 200, 400)
    for n in counts:
        grid = fp.Grid([(-3, 3)], n)
        a, b = (k(grid.x[0]) / grid.integrate(k(grid.x[0])) for k in (u, v))
        errors.append(abs(wasserstein(a, b, grid).cost - exact))
    assert_rate([1 / n for n in counts], errors, order=2, cap=3e-5)


def test_interval_has_potentials_map_and_geodesic():
    grid = fp.Grid([np.linspace(-4, 4, 201) + 0.3 * np.sin(np.linspace(0, 6, 201))])
    a, b = fp.gaussian(grid, -1, 0.3), fp.gaussian(grid, 1, 0.1)
    found = wasserstein(a, b, grid)
    assert found.error == 0
    phi, psi = found.potentials
    assert grid.integrate(a * phi + b * psi) == pytest.approx(0.5 * found.cost, rel=1e-12)
    x = grid.x[0]
    there = (0.5 * (x[:, None] - x) ** 2 - phi[:, None] - psi)[a > 1e-6][:, b > 1e-6]
    assert there.min() > -2e-3  # Kantorovich's constraint
    seen = (a > 1e-3) & (np.abs(found.map[0]) < 3)
    np.testing.assert_allclose(found.map[0][seen], 1 + np.sqrt(1 / 3) * (x + 1)[seen], atol=5e-3)
    middle = found.interpolate(0.5)
    assert grid.integrate(middle) == pytest.approx(1, abs=1e-13)
    mean = grid.integrate(x * middle)
    std = np.sqrt(grid.integrate((x - mean) ** 2 * middle))
    assert (mean, std) == pytest.approx((0, 0.5 * (np.sqrt(0.3) + np.sqrt(0.1))), abs=2e-3)


@pytest.mark.parametrize("n", [14, 20])
def test_small_cases_against_an_exact_program(n, rng):
    """POT's network simplex moves mass from centre to centre: h^2/6 an axis of rounding."""
    grid = fp.Grid([(0, 1), (0, 1)], n)
    x, y = grid.x
    densities = []
    for _ in range(2):
        u = sum(
            rng.random() * np.cos(np.pi * i * x) * np.cos(np.pi * k * y)
            for i in range(3) for k in range(3)
        )  # fmt: skip
        u = np.exp(0.7 * u)
        densities.append(u / grid.integrate(u))
    centres = grid.x.reshape(2, -1).T
    masses = [u.ravel() * grid.volume for u in densities]
    exact = ot.emd2(*(m / m.sum() for m in masses), ot.dist(centres, centres))
    w = wasserstein(*densities, grid)
    assert abs(w.cost - exact) < 1 / (3 * n**2)


def test_around_a_periodic_axis():
    grid = fp.Grid([(0, 4)], 80, sides="periodic")
    x = grid.x[0]
    a = np.exp(30 * np.cos(np.pi / 2 * (x - 0.5)))  # nothing on the far side of the circle
    a /= grid.integrate(a)
    near = wasserstein(a, np.roll(a, -20), grid)
    assert abs(near.distance - 1) < 1e-5
    walls = fp.Grid([(0, 4)], 80)
    assert wasserstein(a, np.roll(a, -20), walls).distance > 1.2


def test_symmetry_identity_and_duality():
    grid, a, b = pair(48)
    there, back = wasserstein(a, b, grid), wasserstein(b, a, grid)
    assert abs(there.cost - back.cost) < 1e-7
    dual = grid.integrate(there.potentials[0] * a) + grid.integrate(there.potentials[1] * b)
    assert abs(2 * dual - there.cost) < 1e-10
    same = wasserstein(a, a, grid)
    assert same.cost == same.error == 0
    assert np.array_equal(same.map, grid.x)


def test_densities_with_holes():
    """Mass in two discs, from one: zeros are no obstacle, and the cost is that of the halves."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 60)
    x, y = grid.x

    def disc(cx):
        return np.where((x - cx) ** 2 + y**2 < 0.8**2, 1.0, 0.0)

    a, b = disc(0.0), disc(-1.5) + disc(1.5)
    a, b = a / grid.integrate(a), b / grid.integrate(b)
    w = wasserstein(a, b, grid)
    move = grid.integrate(a * ((w.map - grid.x) ** 2).sum(0))
    assert abs(move - w.cost) < 0.05 * w.cost
    assert 1.2 < w.cost < 2.25


BAD = {
    "negative": (lambda u: u - 0.01, "rho1 is negative in"),
    "mass": (lambda u: 1.1 * u, "rho1 has mass 1.1, expected 1"),
    "nan": (lambda u: np.where(u == u.max(), np.nan, u), "rho1"),
    "shape": (lambda u: u[:-1], r"rho1 has shape \(15, 16\)"),
    "type": (lambda u: "gauss", "rho1 is 'gauss'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_densities(name):
    spoil, words = BAD[name]
    grid = fp.Grid([(-3, 3), (-3, 3)], 16)
    good = fp.gaussian(grid, (0, 0), 0.5)
    with pytest.raises(ValueError, match=words):
        wasserstein(good, spoil(good), grid)


def test_bad_parameters():
    graded = fp.Grid([np.linspace(0, 1, 9) ** 2, (0, 1)], (8, 8))
    u = fp.uniform(graded)
    grid = fp.Grid([(-3, 3), (-3, 3)], 16)
    a, b = fp.gaussian(grid, (0, 0), 0.5), fp.gaussian(grid, (1, 0), 0.5)
    for call, words in [
        (lambda: wasserstein(a, b, grid, width=0.5), "width is 0.5"),
        (lambda: wasserstein(a, b, grid, tolerance=0), "tolerance"),
        (lambda: wasserstein(a, b, grid, tolerance=3), "below 1"),
        (lambda: wasserstein(u, u, graded), "graded"),
        (lambda: wasserstein(a, b, "grid"), "grid is 'grid'"),
        (lambda: wasserstein(a, b, grid).interpolate(1.5), "s is 1.5"),
        (lambda: wasserstein(a, b, grid).interpolate("half"), "s is 'half'"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match="read-only"):
        wasserstein(a, b, grid).map[0] = 0
