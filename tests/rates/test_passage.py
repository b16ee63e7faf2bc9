"""Passage times against closed forms, quadrature, dense chains, and what is refused."""

import numpy as np
import pytest
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import fokkerplanck as fp
from fokkerplanck import sets
from fokkerplanck.linalg.killed import DirectSolver
from fokkerplanck.rates.passage import _variance
from tests.convergence.rates import assert_rate, observed_orders

# Double well (x^2 - 1)^2 / 4 from -1 to 1, by quadrature: beta, time, time times Kramers' rate.
KRAMERS_WELL = [
    (5, 19.09389700, 1.2313),
    (10, 66.26862636, 1.2244),
    (20, 729.6706919, 1.1066),
    (40, 102108.3655, 1.0434),
]


def well(x):
    return (x**2 - 1) ** 2 / 4


def times_of_the_well(beta, n):
    problem = fp.Problem(fp.Grid([(-3, 1.2)], n), f=well, beta=beta)
    return fp.mfpt(problem, sets.half_space(1, 1)).at(-1)


@pytest.mark.parametrize(("beta", "exact", "ratio"), KRAMERS_WELL)
def test_passage_over_the_barrier(beta, exact, ratio):
    sizes = (210, 420, 840)
    errors = [abs(times_of_the_well(beta, n) / exact - 1) for n in sizes]
    assert_rate([1 / n for n in sizes], errors, order=2, cap=1e-4)
    rate = fp.rates.eyring_kramers(2.0, -1.0, -1.0, 0.25, beta)
    assert abs(times_of_the_well(beta, 840) * rate - ratio) < 2e-4


def test_the_ratio_to_kramers_tends_to_one():
    ratios = []
    for beta in (40, 80, 160):
        rate = fp.rates.eyring_kramers(2.0, -1.0, -1.0, 0.25, beta)
        ratios.append(times_of_the_well(beta, 1680) * rate)
    excess = np.array(ratios) - 1
    assert np.all(np.diff(excess) < 0)
    assert excess[-1] < 0.012
    assert abs(excess[1] / excess[2] - 2) < 0.1  # of first order in the temperature


def test_targets_between_faces_are_of_second_order_and_masks_are_not():
    """A predicate is located between cells, a mask on faces: the same cells, two answers."""
    exact, sizes = 19.09389700, (431, 862, 1724)
    errors, coarse = [], []
    for n in sizes:
        problem = fp.Problem(fp.Grid([(-3, 1.3137)], n), f=well, beta=5)
        for found, target in ((errors, lambda x: x >= 1), (coarse, problem.grid.x[0] >= 1)):
            found.append(abs(fp.mfpt(problem, target).at(-1) / exact - 1))
    assert_rate([1 / n for n in sizes], errors, order=2, cap=1e-5)
    assert max(coarse[-2:]) > 10 * errors[-1]


def test_barriers_of_a_hundred_kT_keep_their_digits():
    """The chain's own times, by the formula of birth and death, at exp(100); LU has none right."""
    n, beta = 300, 400.0
    problem = fp.Problem(fp.Grid([(-2, 1.2)], n), f=well, beta=beta)
    target = problem.grid.x[0] >= 1
    times = fp.mfpt(problem, target)
    A = fp.Generator(problem).matrix.todense()
    m = int(np.argmax(target))
    up = np.array([A[i + 1, i] for i in range(m)])
    # On the boundary: half an edge, half its tilt.
    z = -beta * (well(problem.grid.x[0][m]) - well(problem.grid.x[0][m - 1]))
    down = np.array([A[i, i + 1] for i in range(m - 1)])
    # Bernoulli(-z/2) over Bernoulli(-z).
    up[-1] *= 2 * (z / 2 / np.expm1(-z / 2)) / (z / np.expm1(-z))
    log_pi = np.concatenate([[0.0], np.cumsum(np.log(up[:-1]) - np.log(down))])
    steps = [
        np.exp(np.logaddexp.reduce(log_pi[: k + 1]) - log_pi[k] - np.log(up[k])) for k in range(m)
    ]
    exact = np.cumsum(steps[::-1])[::-1]
    assert exact[0] > 1e43
    assert np.abs(times.mean[:m] / exact - 1).max() < 1e-11
    assert times.residual < 1e-13
    free = -A[:m, :m].T
    free[m - 1, m - 1] += up[-1] - A[m, m - 1]
    with np.errstate(all="ignore"):
        plain = splu(csc_array(free)).solve(np.ones(m))
        assert not np.abs(plain / exact - 1).max() < 1e-3


def test_brownian_motion_on_a_line():
    """Reflected at 0, to 1: mean (1 - x^2)/2, variance (1 - x^4)/6."""
    sizes, errors = (24, 48, 96), ([], [])
    for n in sizes:
        times = fp.mfpt(fp.Problem(fp.Grid([(0, 1.2)], n)), sets.half_space(1, 1))
        x = np.minimum(times.grid.x[0], 1)
        errors[0].append(np.abs(times.mean - (1 - x**2) / 2).max())
        errors[1].append(np.abs(times.variance - (1 - x**4) / 6).max())
        assert np.allclose(times.std**2, times.variance)
    for error in errors:
        assert_rate([1 / n for n in sizes], error, order=2, cap=1e-4)


@pytest.mark.parametrize("drift", [None, lambda x, y: (y - x, -x - y)])
def test_moments_are_those_of_the_dense_chain(drift):
    grid = fp.Grid([(-1, 1), (-1.5, 1)], (5, 6))
    problem = fp.Problem(grid, drift=drift, D=[[1, 0.4], [0.4, 0.8]])
    target = np.zeros(grid.shape, bool)
    target[3:, 4:] = True
    times = fp.mfpt(problem, target)
    # Second moment from the killed matrix: its rows sum to minus the rates to the target.
    end = fp.rates.ends.ended(fp.Generator(problem), [("target", target)])
    flows, n = end.chain.flows, end.cells.size
    M = np.zeros((n, n))
    M[end.chain.rows, flows.indices] = -flows.outflow
    M -= np.diag(M.sum(axis=1) - flows.exits)
    first = np.linalg.solve(M, np.ones(n))
    second = np.linalg.solve(M, 2 * first)
    free = ~times.target
    assert np.allclose(times.mean[free], first, rtol=1e-12)
    assert np.allclose(times.variance[free], second - first**2, rtol=1e-11)
    assert not times.mean[times.target].any()


@pytest.mark.parametrize("depth", [20, 60, 80, 120, 160])
def test_times_out_of_deep_wells_are_exponential(depth):
    """Standard deviation over mean is 1, but for the time that an attempt takes."""
    problem = fp.Problem(fp.Grid([(-1, 1)], 100, sides="absorbing"), f=lambda x: depth * x**2)
    times = fp.mfpt(problem)
    assert times.mean.max() > 1e5
    assert abs(times.std[40:60] / times.mean[40:60] - 1).max() < 2e-4
    # The second moment of the mode that decays last: everywhere, and from its own density exactly.
    slow = fp.quasi_stationary(problem)
    second = (times.variance + times.mean**2) * slow.rho
    exact = 2 * slow.mean_exit_time**2
    assert abs(problem.grid.integrate(second) / exact - 1) < 1e-11


def test_variances_of_both_ways_agree_in_between():
    """Where differences of the mean still hold, so does the difference of the moments."""
    problem = fp.Problem(fp.Grid([(-1, 1)], 100, sides="absorbing"), f=lambda x: 12 * x**2)
    chain = fp.rates.ends.ended(fp.Generator(problem), []).chain
    solve = DirectSolver(chain)
    tau = solve.solve(np.ones(100))
    moments = solve.solve(2 * tau) - tau**2
    assert np.abs(_variance(solve, chain, tau) / moments - 1).max() < 1e-10


def test_separable_problems_have_the_times_of_a_line():
    line = fp.Problem(fp.Grid([(-2, 1.5)], 70), f=well, beta=8)
    plane = fp.Problem(
        fp.Grid([(-2, 1.5), (-2, 2)], (70, 12)), f=lambda x, y: well(x) + y**2, beta=8
    )
    target = sets.half_space(1, 1)
    exact = fp.mfpt(line, target).mean
    found = fp.mfpt(plane, sets.half_space((1, 0), 1)).mean
    assert np.allclose(found, exact[:, None], rtol=1e-12)


@pytest.mark.parametrize("D", [np.eye(2), [[1, 0.5], [0.5, 1]], [[1, 0.57], [0.57, 0.4]]])
def test_ellipses_of_any_tensor_are_of_second_order(D):
    r"""D : Hess tau = -1 in x D^-1 x < R: tau = (R - x D^-1 x) / 2d, on a curved boundary."""
    inverse, R = np.linalg.inv(D), 0.5

    def form(x, y):
        return inverse[0, 0] * x**2 + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y**2

    sizes, errors, staircase = (63, 127, 255), [], []
    for n in sizes:
        problem = fp.Problem(fp.Grid([(-1, 1), (-1, 1)], n), D=D)
        exact = np.maximum(R - form(*problem.grid.x), 0) / 4
        outside = sets.Region(lambda x, y: form(x, y) >= R, "outside")
        for found, target in ((errors, outside), (staircase, outside(*problem.grid.x))):
            found.append(np.abs(fp.mfpt(problem, target).mean - exact).max())
    assert_rate([1 / n for n in sizes], errors, order=2, cap=1.2e-4)
    assert staircase[-1] > 20 * errors[-1]
    assert observed_orders([1 / n for n in sizes], staircase).mean() < 1.5


def test_absorbing_sides_belong_to_the_target():
    problem = fp.Problem(fp.Grid([(0, 1)], 200, sides="absorbing"))
    x = problem.grid.x[0]
    assert np.abs(fp.mfpt(problem).mean - x * (1 - x) / 2).max() < 1e-5
    both = fp.mfpt(problem, sets.half_space(1, 0.5))
    inside = x < 0.5
    assert np.abs(both.mean - x * (0.5 - x) / 2)[inside].max() < 1e-5
    named = fp.mfpt(problem, sets.side("x", "upper"))
    assert np.array_equal(named.mean, fp.mfpt(problem).mean)


def test_periodic_and_graded_grids():
    ring = fp.Problem(fp.Grid([(0, 1)], 100, sides="periodic"))
    times = fp.mfpt(ring, lambda x: np.abs(x - 0.5) > 0.4)
    x = ring.grid.x[0]
    exact = np.where(times.target, 0, (0.9 - x) * (x - 0.1) / 2)
    assert np.abs(times.mean - exact).max() < 1e-4
    faces = np.linspace(0, 1, 81) ** 2 * 1.2
    graded = fp.Problem(fp.Grid([faces]))
    times = fp.mfpt(graded, sets.half_space(1, 1))
    exact = (1 - np.minimum(graded.grid.x[0], 1) ** 2) / 2
    assert np.abs(times.mean - exact).max() < 5e-4


def test_multigrid_agrees_with_elimination():
    problem = fp.zoo.example_19(1.5).build(48)
    target = sets.ball((1, 0), 0.4)
    direct = fp.mfpt(problem, target, solver="direct")
    other = fp.mfpt(problem, target, solver="multilevel")
    assert np.allclose(direct.mean, other.mean, rtol=1e-9)
    assert np.allclose(direct.variance, other.variance, rtol=1e-8)
    assert (direct.stats["solver"], other.stats["solver"]) == ("direct", "multilevel")


def test_multigrid_refuses_times_that_rounding_spoils():
    problem = fp.Problem(fp.Grid([(-2, 2), (-1, 1)], 32), f=lambda x, y: well(x), beta=100)
    with pytest.raises(fp.ConvergenceError, match="direct"):
        fp.mfpt(problem, sets.half_space((1, 0), 0.9), solver="multilevel")


def test_means_over_a_density_and_at_a_point():
    problem = fp.Problem(fp.Grid([(0, 1.2)], 120))
    times = fp.mfpt(problem, sets.half_space(1, 1))
    assert abs(times.from_density(fp.gaussian(problem.grid, 0.5, 1e-3)) - 0.3745) < 1e-3
    assert times.at(0.0) == times.at([0.0]) == times.mean[0]
    assert isinstance(times.at(0.0), float)
    np.testing.assert_array_equal(times.at(problem.grid.centers[0]), times.mean)
    np.testing.assert_array_equal(times.at([[0.1], [0.2]]), [times.at(0.1), times.at(0.2)])
    with pytest.raises(ValueError, match="outside of the box"):
        times.at(1.3)
    with pytest.raises(ValueError, match="coordinates"):
        times.at(0.1, 0.2)


def test_results_are_read_only():
    times = fp.mfpt(fp.Problem(fp.Grid([(0, 1)], 8)), sets.half_space(1, 0.9))
    for array in (times.mean, times.variance, times.target):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


LINE = fp.Problem(fp.Grid([(-1, 1)], 16))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp.mfpt("problem", lambda x: x > 0), "give a Problem"),
        (lambda: fp.mfpt(LINE), "target is None and no side of the grid is absorbing"),
        (lambda: fp.mfpt(LINE, lambda x: x > 5), "target holds no cell"),
        (lambda: fp.mfpt(LINE, lambda x: x > -5), "target is the whole box"),
        (lambda: fp.mfpt(LINE, np.ones(16)), "boolean array"),
        (lambda: fp.mfpt(LINE, np.ones(15, bool)), "of shape \\(15,\\)"),
        (lambda: fp.mfpt(LINE, lambda x: x > 0, solver="lu"), "solver is 'lu'"),
        (lambda: fp.mfpt(LINE, sets.side("x", "lower")), "only absorbing sides"),
        (lambda: fp.mfpt(LINE, sets.side("y", "lower")), "the grid has 1 axes"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_cells_that_cannot_reach_the_target_are_named():
    def D(x):
        return np.where(x < 0, 1.0, 0.0)[None, None]

    problem = fp.Problem(fp.Grid([(-1, 1)], 16), drift=lambda x: 0 * x, D=D)
    with pytest.raises(ValueError, match="no path leads to any end, the first is cell"):
        fp.mfpt(problem, lambda x: x < -0.5)


@pytest.mark.parametrize("beta", [1600, 4000])
def test_times_beyond_double_precision(beta):
    problem = fp.Problem(fp.Grid([(-2, 2)], 60), f=well, beta=beta)
    with pytest.raises(fp.ConvergenceError, match="lower beta times the barrier"):
        fp.mfpt(problem, sets.half_space(1, 1))
