"""Index-free rates against the generator's matrix, and what does not fit them."""

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.linalg.semigroup.products import Products, rates_of
from fokkerplanck.scheme.axis_rates import AxisRates
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator


def random_problem(seed, sides=("reflecting", "periodic", "absorbing")):
    rng = np.random.default_rng(seed)
    d = 1 + seed % 3
    shape = [(30,), (6, 7), (4, 3, 5)][d - 1]
    walls = [sides[k] for k in rng.integers(0, len(sides), d)]
    box = [np.cumsum(np.r_[0, 0.1 + rng.random(n)]) if seed % 2 else (0, 1.5) for n in shape]
    grid = fp.Grid(box, shape, walls)
    drift = rng.normal(size=(d, *shape)) * 10 ** rng.uniform(-1, 1)
    return fp.Problem(grid, drift=drift, D=list(10 ** rng.uniform(-1, 1, (d, *shape))))


@pytest.mark.parametrize("seed", range(12))
def test_products_are_those_of_the_matrix(seed, rng):
    generator = Generator(random_problem(seed))
    rates = rates_of(generator)
    assert isinstance(rates, AxisRates)
    p, rate = rng.random(generator.grid.size), 2 * generator.exit_rates.max()
    for form in (rates, Flows.from_generator(generator)):
        run = Products(form, rate, compensated=True)
        run.begin(p)
        run.advance(np.ones(1))
        np.testing.assert_allclose(
            run.total.ravel(), p + generator.matrix @ p / rate, rtol=1e-13, atol=1e-15
        )
        run = Products(form, rate, compensated=False)
        run.begin(p, halve=True)
        np.testing.assert_allclose(
            run.latest.ravel(), p + generator.matrix @ p / (2 * rate), rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("seed", range(12))
def test_bound_of_the_spectrum(seed):
    """With detailed balance all eigenvalues lie in it; it is never above twice the exit rate."""
    generator = Generator(random_problem(seed, ("reflecting",) if seed % 3 else ("absorbing",)))
    A = generator.matrix.toarray()
    symmetric = np.sqrt(A * A.T * (1 - np.eye(len(A)))) + np.diag(A.diagonal())
    for rates in (rates_of(generator), Flows.from_generator(generator)):
        bound = (
            rates.symmetric_bound()
            if isinstance(rates, AxisRates)
            else rates.symmetric_bound(generator.exit_rates)
        )
        assert -np.linalg.eigvalsh(symmetric).min() <= bound * (1 + 1e-12)
        assert np.linalg.eigvalsh(symmetric).max() <= 1e-9 * bound
        assert bound <= 2 * generator.exit_rates.max() * (1 + 1e-12)


WELLS = {
    "1D": fp.Problem(fp.Grid([(-2, 2)], 40), f=lambda x: (x**2 - 1) ** 2, beta=3.0),
    "1D ring": fp.Problem(fp.Grid([(0, 2 * np.pi)], 40, "periodic"), f=lambda x: np.cos(x)),
    "2D": fp.Problem(fp.Grid([(-2, 2)] * 2, 12), f=lambda x, y: (x**2 - 1) ** 2 + x * y + y**2),
    "2D graded": fp.Problem(
        fp.Grid([np.geomspace(0.1, 2, 15), (-1, 1)], (14, 9)), f=lambda x, y: x * y**2
    ),
    "3D": fp.Problem(
        fp.Grid([(-2, 2)] * 3, (5, 6, 7), ["reflecting", "periodic", "reflecting"]),
        f=lambda x, y, z: x**2 + np.cos(np.pi * y / 2) * z,
    ),
}


@pytest.mark.parametrize("name", WELLS)
def test_log_mass_is_the_gibbs_state(name):
    problem = WELLS[name]
    grid = problem.grid
    log_mass = AxisRates.from_generator(Generator(problem)).log_mass()
    expected = (-problem.beta * problem.f + np.log(grid.volumes)).ravel()
    np.testing.assert_allclose(log_mass - log_mass[0], expected - expected[0], atol=1e-11)


@pytest.mark.parametrize(
    "problem",
    [
        fp.Problem(fp.Grid([(0, 2 * np.pi)], 40, "periodic"), drift=lambda x: 0.1 - np.sin(x)),
        fp.Problem(fp.Grid([(-2, 2)] * 2, 12), drift=lambda x, y: (-x + 1e-3 * y, -y)),
        fp.Problem(
            fp.Grid([(-2, 2)] * 3, 5), drift=lambda x, y, z: (-x, -y + 0.01 * z, -z - 0.01 * y)
        ),
        fp.Problem(fp.Grid([(-4, 4)] * 2, 12), drift=lambda x, v: (v, -x - v), D=[[0, 0], [0, 1]]),
    ],
    ids=["ring", "rotation", "3D rotation", "no noise in x"],
)
def test_currents_are_not_detailed_balance(problem):
    assert AxisRates.from_generator(Generator(problem)).log_mass() is None


def test_a_ring_crossed_one_way_is_not_in_detailed_balance():
    """At the seam one rate underflows to zero, and the others sum to a finite tilt."""
    ring = fp.Grid([(0, 1)], 8, "periodic")
    for drift in (1.0, -1.0):
        at_seam = np.where(np.arange(8) % 7 == 0, drift, 0.0)
        problem = fp.Problem(ring, drift=at_seam[None], kT=5e-5)
        assert AxisRates.from_generator(Generator(problem)).log_mass() is None


def test_oblique_edges_that_look_like_neighbours_do_not_fit():
    """On an axis of two cells the number of (i + 1, 0) follows that of (i, 1)."""
    scale = np.array([1 / 8, 1 / 2])
    problem = fp.Problem(
        fp.Grid([(0, 1)] * 2, (8, 2)), D=np.outer(scale, scale) * [[1, -0.4], [-0.4, 1]]
    )
    generator = Generator(problem)
    assert generator.edges.width == 1
    assert AxisRates.from_generator(generator) is None
    start = fp.point(problem.grid, (0.3, 0.3))
    exact = expm(0.3 * generator.matrix.toarray()) @ (start * problem.grid.volume).ravel()
    run = fp.solve(problem, start, 0.3, steady=False)
    assert np.abs(run.rho[-1].ravel() * problem.grid.volume - exact).sum() < 1e-13


def test_edges_of_a_list_of_ones_own_are_looked_at():
    grid = fp.Grid([(0, 1)] * 2, (3, 2))
    tail, head = np.array([1], np.int32), np.array([2], np.int32)
    oblique = fp.Edges(grid, tail, head, np.ones(1), np.zeros(1), {}, "diagonal", 1)
    assert AxisRates.from_generator(Generator(oblique)) is None


def test_diagonal_edges_do_not_fit():
    problem = fp.Problem(fp.Grid([(-1, 1)] * 2, 6), D=[[1, 0.5], [0.5, 1]])
    assert AxisRates.from_generator(Generator(problem)) is None
    assert isinstance(rates_of(Generator(problem)), Flows)


def test_a_tensor_without_off_diagonal_entries_fits():
    """Selling's offsets of a diagonal tensor are the axes, and the answer is the same."""
    grid = fp.Grid([(-1, 1)] * 2, 6)
    tensor = fp.Problem(
        grid, f=lambda x, y: x * y, D=lambda x, y: [[1 + 0 * x, 0 * x], [0 * x, 2.0]]
    )
    rates = AxisRates.from_generator(Generator(tensor))
    assert rates is not None
    A = Generator(tensor).matrix
    p = np.arange(36.0)
    run = Products(rates, 100.0, compensated=True)
    run.begin(p)
    run.advance(np.ones(1))
    np.testing.assert_allclose(run.total.ravel(), p + A @ p / 100, rtol=1e-13)
