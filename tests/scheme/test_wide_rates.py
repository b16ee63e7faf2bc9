"""Chains whose rates are too small for doubles, against elimination in numbers of any range."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.linalg.null_vector import closed_class, wide_null_vector
from fokkerplanck.scheme.wide_rates import WideRates, wide_rates
from fokkerplanck.steady.markov import reached_cells


def exact_log_masses(edges):
    """Elimination of an edge list without subtractions, in numbers whose exponents have no end."""
    n, volume = edges.grid.size, edges.grid.volumes.ravel()
    q = [[mpmath.mpf(0)] * n for _ in range(n)]
    for e, (x, y) in enumerate(zip(edges.tail, edges.head, strict=True)):
        w, z = mpmath.mpf(edges.weight[e]), mpmath.mpf(edges.tilt[e])
        small = w * abs(z) / mpmath.expm1(abs(z)) if z else w
        both = [small + w * max(z, 0), small + w * max(-z, 0)]
        if edges.one_way is not None and edges.one_way[e]:
            both[0 if z < 0 else 1] = mpmath.mpf(0)
        q[x][y] += both[0] / volume[x]
        q[y][x] += both[1] / volume[y]
    exits = [mpmath.mpf(0)] * n
    for k in range(n - 1):
        exits[k] = sum(q[k][k + 1 :])
        for i in range(k + 1, n):
            if q[i][k]:
                for j in range(k + 1, n):
                    q[i][j] += q[i][k] * q[k][j] / exits[k] if j != i else 0
    pi = [mpmath.mpf(0)] * n
    pi[n - 1] = mpmath.mpf(1)
    for k in reversed(range(n - 1)):
        pi[k] = sum(pi[i] * q[i][k] for i in range(k + 1, n)) / exits[k]
    return np.array([float(mpmath.log(p / sum(pi))) for p in pi])


CHAINS = {
    "driven ring": fp.Problem(
        fp.Grid([(0, 2 * np.pi)], 12, "periodic"), drift=lambda x: 0.3 - np.sin(x), beta=1e4
    ),
    "rotation": fp.Problem(
        fp.Grid([(-2, 2)] * 2, (6, 5)), drift=lambda x, y: (-x + 0.3 * y, -y - 0.3 * x), beta=1e4
    ),
    "tensor": fp.Problem(
        fp.Grid([(-2, 2)] * 2, (5, 5)),
        drift=lambda x, y: (-x + 0.2 * y, -y - 0.2 * x),
        D=[[1, 0.5], [0.5, 1]],
        beta=1e4,
    ),
    "graded": fp.Problem(
        fp.Grid([np.geomspace(0.1, 2, 6), (-1, 1)], (5, 4)),
        drift=lambda x, y: (0.2 * y - x, -2 * y),
        beta=3e3,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_masses_are_those_of_arithmetic_without_underflow(name):
    problem = CHAINS[name]
    edges = fp.Edges.from_problem(problem)
    exact = exact_log_masses(edges)
    assert np.ptp(exact) > 1000
    rates = wide_rates(edges)
    cells = closed_class(rates.pattern, problem.grid.shape)
    assert cells.size == problem.grid.size
    log_mass = wide_null_vector(rates, problem.grid.shape, cells)
    np.testing.assert_allclose(log_mass, exact, rtol=1e-12, atol=1e-9)
    assert rates.imbalance(log_mass) < 1e-9
    assert rates.imbalance(log_mass + 1e-3 * np.arange(log_mass.size)) > 1e-4
    state = fp.steady_state(problem, "markov")
    expected = exact - np.log(problem.grid.volumes.ravel())
    np.testing.assert_allclose(state.log_rho.ravel(), expected, rtol=1e-12, atol=1e-9)


WELLS = {
    "bowl": (fp.Grid([(-3, 3)] * 2, 12), lambda x, y: 5 * (x**2 + y**2)),
    "double well": (fp.Grid([(-2, 2)], 24), lambda x: (x**2 - 1) ** 2),
    "space": (fp.Grid([(-2, 2)] * 3, 4), lambda x, y, z: x**2 + y * z + 2 * y**2 + 2 * z**2),
}


@pytest.mark.parametrize("beta", [1e3, 1e4, 1e8])
@pytest.mark.parametrize("name", WELLS)
def test_a_known_potential_is_the_answer_at_any_temperature(name, beta):
    grid, f = WELLS[name]
    problem = fp.Problem(grid, f=f, beta=beta)
    state = fp.steady_state(problem)
    depth = problem.f - problem.f.min()
    assert state.stats.scheme == "exact"
    np.testing.assert_allclose(state.Phi, depth, atol=1e-12 * depth.max())
    gibbs, rounding = np.exp(-beta * depth), 1e-12 + 1e-15 * beta * depth.max()
    np.testing.assert_allclose(state.rho, gibbs / grid.integrate(gibbs), rtol=rounding, atol=1e-300)
    assert state.residual < rounding
    assert np.abs(state.j).max() < 1e-14


def test_free_energy_of_a_cold_bowl():
    """F = <f> - kT S - F_ss, by sums over the cells; nothing of it is small against beta f."""
    grid, f = WELLS["bowl"]
    problem = fp.Problem(grid, f=f, beta=1e3)
    start = fp.uniform(grid)
    log_Z = np.log(4 * grid.volume) - 1e3 * problem.f.min()  # the four cells of the bottom
    expected = grid.integrate(start * problem.f) + (np.log(1 / 36) + log_Z) / 1e3
    run = fp.solve(problem, start, 0.1)
    assert abs(run.free_energy[0] - expected) < 1e-12 * expected


def test_edges_without_noise_are_one_way():
    grid = fp.Grid([(-3, 3)] * 2, 6)
    line = fp.Problem(grid, drift=lambda x, v: (v, -x - v), D=[[0, 0], [0, 1]])
    edges = fp.Edges.from_problem(line)
    along = np.abs(edges.head - edges.tail) == 6
    np.testing.assert_array_equal(edges.one_way, along)
    assert wide_rates(edges) is None
    rates = WideRates.of(edges)
    assert rates.source.size == along.sum() + 2 * (~along).sum()
    steep = fp.Problem(grid, drift=lambda x, y: (1000 + 0 * x, 0 * y))  # a tilt of 1000, with noise
    assert fp.Edges.from_problem(steep).one_way is None


def test_tensors_without_noise_along_a_direction_have_one_way_edges():
    grid = fp.Grid([(-3, 3)] * 2, 8)
    problem = fp.Problem(grid, drift=lambda x, y: (y, -x), D=[[1, 1], [1, 1]])
    edges = fp.Edges.from_problem(problem)
    assert edges.one_way.any()
    assert not edges.one_way.all()
    assert np.all(np.abs(edges.tilt[edges.one_way]) == 800)
    assert np.all(np.abs(edges.tilt[~edges.one_way]) < 100)


def test_drift_alone_against_which_nothing_comes_back():
    """Cells upstream carry no mass, and are not taken for cells that underflow feeds."""
    grid = fp.Grid([(0, 1)], 5)
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x, D=lambda x: np.where(x > 0.8, 1.0, 0.0))
    np.testing.assert_array_equal(reached_cells(fp.Generator(problem)), [3, 4])


def test_the_multilevel_solver_says_what_underflows():
    with pytest.raises(ValueError, match=r"log density by up to .* cell Péclet .* lower beta"):
        fp.steady_state(CHAINS["rotation"], "markov", solver="multilevel")


def test_jumps_that_are_too_slow_to_tell_are_left_out():
    """Downhill and around over tilts of 1e7 and more the mass ends around the middle."""
    grid = fp.Grid([(-3, 3)] * 2, 12)
    problem = fp.Problem(grid, drift=lambda x, y: (y - x, -x - y), kT=2e-8)
    state = fp.steady_state(problem, scheme="markov")
    far = np.hypot(*grid.x) > 1.5
    assert np.abs(fp.Edges.from_problem(problem).tilt).max() > 1e7
    assert state.residual < 1e-12
    assert grid.integrate(state.rho) == pytest.approx(1, rel=1e-12)
    assert grid.integrate(state.rho * far) == 0


def test_a_steady_state_that_hangs_on_such_jumps_is_refused():
    f = lambda x: 1e8 * (x**2 - 1) ** 2  # noqa: E731
    edges = fp.Edges.from_problem(fp.Problem(fp.Grid([(-2, 2)], 16), f=f))
    with pytest.raises(ValueError, match="elimination tells up to"):
        wide_null_vector(WideRates.of(edges), (16,), np.arange(16))
