"""Estimated errors against true ones: within a factor of a few, or with a message.

The truth is the L1 error of cell masses, whose exact values come from distribution functions or
from Gauss's rule in every cell.
"""

import itertools
import math

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import beta, gamma, norm

import fokkerplanck as fp
from fokkerplanck import sets, zoo
from fokkerplanck.domain.observed_order import coarse_masses
from tests.convergence.cases import CASES, second_order

#: True over estimated error of whatever has no message.
TOO_CAREFUL, TOO_BOLD = 0.2, 3.0
#: Errors that count as none where walls are treated so well that nothing else is left.
NOTHING = 1e-5


def masses_in_cells(rho, grid, nodes=4):
    """Masses (*shape) of a density by Gauss's rule in every cell."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    total = np.zeros(grid.shape)
    for picks in itertools.product(range(nodes), repeat=grid.dim):
        axes = [
            c + node[i] * w / 2 for c, w, i in zip(grid.centers, grid.widths, picks, strict=True)
        ]
        x = np.meshgrid(*axes, indexing="ij")
        total += rho(*x) * np.prod(weight[list(picks)] / 2) * grid.volume
    return total


def line(a, b, n, **words):
    return fp.Problem(fp.Grid([(a, b)], n), **words)


def true_error(state, masses):
    return float(np.abs(state.rho * state.grid.volume - masses).sum())


def assert_honest(error, report, flagged_ratio=(0.0, 6.0)):
    """The estimate is right to a factor, or says that it may not be, and is not far too small."""
    assert report.value > 0
    ratio = error / report.value
    low, high = flagged_ratio if report.message else (TOO_CAREFUL, TOO_BOLD)
    assert low < ratio < high, (error, report)


# --- steady states on a line -----------------------------------------------------------------


def cold(n, middle=0.3, kT=1e-3):
    problem = line(-3, 3, n, f=lambda x: (x - middle) ** 2 / 2, kT=kT)
    return problem, np.diff(norm.cdf(problem.grid.faces[0], middle, kT**0.5))


def singular(n):
    problem = line(0, 1, n, drift=lambda x: -0.7 / x)
    return problem, np.diff(problem.grid.faces[0] ** 0.3)


def square_root(a, n):
    problem = line(0, 25, n, drift=lambda x: a - x, D=lambda x: x)
    return problem, np.diff(gamma.cdf(problem.grid.faces[0], a))


def fisher(a, n):
    problem = line(0, 1, n, drift=lambda x: a * (1 - 2 * x), D=lambda x: x * (1 - x))
    return problem, np.diff(beta.cdf(problem.grid.faces[0], a, a))


LINES = {
    "cold 256": lambda: cold(256),
    "cold 512": lambda: cold(512),
    "cold 512, on a face": lambda: cold(512, 0.0),
    "colder than a cell": lambda: cold(128),
    "x^-.7": lambda: singular(200),
    "CIR .32": lambda: square_root(0.32, 200),
    "CIR .617": lambda: square_root(0.617, 400),
    "CIR 2": lambda: square_root(2.0, 400),
    "WF .1": lambda: fisher(0.1, 200),
    "WF .3": lambda: fisher(0.3, 200),
}


@pytest.mark.parametrize("name", LINES)
def test_on_a_line(name):
    problem, masses = LINES[name]()
    state = fp.steady_state(problem)
    error, report = true_error(state, masses / masses.sum()), state.error_report
    if error < NOTHING:
        assert report.value < NOTHING
    else:
        assert_honest(error, report)
    assert state.error_estimate == report.value


def test_a_closed_form_on_a_grid_that_can_hold_it_has_no_message():
    for n in (256, 512):
        problem, masses = cold(n)
        state = fp.steady_state(problem)
        assert state.stats.scheme == "exact"
        assert not state.error_report.message
        assert TOO_CAREFUL < true_error(state, masses) / state.error_estimate < TOO_BOLD


def test_a_layer_thinner_than_a_cell_is_seen():
    """Counterexample: what the two finer grids say by an assumed order is far too small."""
    problem, masses = cold(128, 0.0)
    state = fp.steady_state(problem)
    half = coarse_masses(state.rho * state.grid.volume, state.grid, state.coarse.grid)
    assumed = np.abs(half - state.coarse.rho * state.coarse.grid.volume).sum() / 3
    assert true_error(state, masses) > 30 * assumed
    assert "not converging" in state.error_report.message


# --- steady states in the plane and in space -------------------------------------------------


@pytest.mark.parametrize(
    "code", [pytest.param(c, marks=[pytest.mark.slow] * (case.slow or i % 3 > 0))
             for i, (c, case) in enumerate(CASES.items())],
)  # fmt: skip
def test_zoo(code):
    case = CASES[code]
    exact = case.exact()
    # A quarter of the cells has to be more than the four of which symmetry makes anything.
    n = case.sizes[2 if exact.dim == 3 else 1]
    state = second_order(exact.build(n))
    assert_honest(true_error(state, masses_in_cells(exact.rho, state.grid)), state.error_report)


def kramers(n, friction):
    """Position and velocity in two wells five kT deep; noise in one direction only."""
    return fp.Problem(
        fp.Grid([(-2, 2), (-1.6, 1.6)], n),
        drift=lambda x, v: (v, x - x**3 - friction * v),
        D=[[0, 0], [0, friction]],
        kT=0.05,
    )


def maxwell(x, v):
    return np.exp(-(v**2 / 2 - x**2 / 2 + x**4 / 4) / 0.05)


@pytest.mark.parametrize(
    ("n", "friction"),
    [(80, 1.0), (160, 1.0), (160, 0.1), (160, 0.02)],
)
def test_first_order_by_upwinding(n, friction):
    """Of an error that an assumed second order would see a quarter to a twentieth."""
    state = fp.steady_state(kramers(n, friction), scheme="markov")
    masses = masses_in_cells(maxwell, state.grid)
    error = true_error(state, masses / masses.sum())
    assert_honest(error, state.error_report, (TOO_CAREFUL, TOO_BOLD))
    half = coarse_masses(state.rho * state.grid.volume, state.grid, state.coarse.grid)
    assumed = np.abs(half - state.coarse.rho * state.coarse.grid.volume).sum() / 3
    assert error > TOO_BOLD * assumed


@pytest.mark.parametrize("scheme", ["log", "markov"])
def test_both_schemes_of_one_problem(scheme):
    exact = zoo.stuart_landau()
    state = fp.steady_state(exact.build(64), scheme)
    assert_honest(true_error(state, masses_in_cells(exact.rho, state.grid)), state.error_report)
    assert not state.error_report.message


def test_odd_numbers_of_cells_and_graded_axes():
    exact = zoo.gyrator()
    for shape in ((51, 45), (63, 64)):
        state = second_order(exact.build(shape))
        masses = masses_in_cells(exact.rho, state.grid)
        assert_honest(true_error(state, masses), state.error_report)
    faces = [0.5 * (hi - lo) * np.linspace(-1, 1, 60) ** 3 * 0.6 for lo, hi in exact.box]
    faces = [f + 0.5 * (hi - lo) * np.linspace(-1, 1, 60) * 0.4
             for f, (lo, hi) in zip(faces, exact.box, strict=True)]  # fmt: skip
    state = second_order(
        fp.Problem(fp.Grid(faces), f=exact.f, grad_f=exact.g, D=exact.D, kT=exact.kT)
    )
    assert_honest(true_error(state, masses_in_cells(exact.rho, state.grid)), state.error_report)


# --- anything measured on a steady state ----------------------------------------------------------


def test_moments_currents_and_entropy_production():
    exact = zoo.gyrator()
    state = second_order(exact.build(96))
    grid = state.grid
    report = state.error_of(lambda s: s.entropy_production)
    error = abs(state.entropy_production - exact.entropy_production)
    assert TOO_CAREFUL < error / report.value < TOO_BOLD

    def squares(s):
        return s.grid.integrate(s.rho * s.grid.x**2)

    report = state.error_of(squares)
    error = np.abs(squares(state) - np.diag(exact.moments["cov"]))
    assert report.value.shape == (2,)
    assert (error < TOO_BOLD * report.value).all()
    assert (error > TOO_CAREFUL * report.value).all()

    report = state.error_of(lambda s: s.J)
    J = exact.J(*grid.x)
    gap = np.sqrt(np.sum((state.J - J) ** 2, axis=0))
    error = grid.integrate(state.rho * gap) / grid.integrate(state.rho * np.hypot(*J))
    assert TOO_CAREFUL < error / report.value < TOO_BOLD


def test_quantities_that_are_none():
    state = second_order(zoo.gyrator().build(16))
    with pytest.raises(ValueError, match=r"quantity is 3; give a function"):
        state.error_of(3)
    with pytest.raises(ValueError, match="quantity has shapes"):
        state.error_of(lambda s: s.rho.ravel())
    infinite = fp.steady_state(zoo.langevin().build(24), "log")
    report = infinite.error_of(lambda s: s.entropy_production)
    assert math.isnan(report.value)
    assert "not a finite number" in report.message


# --- transients -----------------------------------------------------------------------------------

KT, TURN = 1e-3, 4.0


def carried(n, method, t):
    """Turn and pull of a Gaussian almost without noise, and the exact masses at time t."""
    grid = fp.Grid([(-1.5, 1.5)] * 2, n)
    problem = fp.Problem(grid, drift=lambda x, y: (-x - TURN * y, -y + TURN * x), kT=KT)
    mean, cov = np.array([0.8, 0.0]), 0.01 * np.eye(2)

    def masses(mean, cov):
        inverse = np.linalg.inv(cov)

        def rho(*x):
            off = np.stack(x) - mean.reshape(2, 1, 1)
            return np.exp(-0.5 * np.einsum("i...,ik,k...->...", off, inverse, off))

        found = masses_in_cells(rho, grid)
        return found / found.sum()

    start = masses(mean, cov) / grid.volume
    scheme = "markov" if method is None else "auto"
    solution = fp.solve(problem, start, [0, t / 2, t], method, steady=False, scheme=scheme)
    carry = expm(t * np.array([[-1, -TURN], [TURN, -1]]))
    spread = carry @ cov @ carry.T + KT * (1 - np.exp(-2 * t)) * np.eye(2)
    return solution, masses(carry @ mean, spread)


@pytest.mark.parametrize(
    ("n", "method"),
    [(100, None), (100, fp.FluxCorrected(dt=0.01, flux="central")),
     pytest.param(200, None, marks=pytest.mark.slow)],
    ids=["100", "100, limited", "200"],
)  # fmt: skip
def test_transients(n, method):
    solution, masses = carried(n, method, 0.5)
    error = np.abs(solution.rho[-1] * solution.grid.volume - masses).sum()
    report = solution.error_report
    assert TOO_CAREFUL < error / report.value[-1] < TOO_BOLD
    assert report.value[0] < 1e-12  # the start is what was given
    assert ("not converging" in report.message) is (method is None)
    np.testing.assert_array_equal(solution.error_estimate, report.value)


@pytest.mark.parametrize(
    ("code", "n"),
    [("R2", 64), ("R3", 64), ("R18b", 48), ("R23", 64),
     pytest.param("R2", 128, marks=pytest.mark.slow)],
)  # fmt: skip
def test_transients_by_fluxes_of_high_order(code, n):
    """Values at centres are known far better than means over cells, and the estimate knows it."""
    exact = zoo.catalogue()[code]
    problem = exact.build(n)
    grid, times = problem.grid, [0, 0.5, 1]
    truth = np.stack([exact.rho_t(t, *grid.x) for t in times])
    solution = fp.solve(problem, truth[0] / grid.integrate(truth[0]), times)
    assert solution.stats["scheme"] == "upwind5"
    error = np.abs(solution.rho - truth).reshape(3, -1).sum(axis=1) * grid.volume
    report = solution.error_report
    ratios = (error / report.value)[1:]
    assert (ratios < TOO_BOLD).all()
    assert (ratios > TOO_CAREFUL).all() or report.message.startswith("order")
    # A start by means over cells is another start, and what it costs is said.
    means = np.stack([masses_in_cells(lambda *x, t=t: exact.rho_t(t, *x), grid) for t in times])
    means /= grid.volume
    other = fp.solve(problem, means[0] / grid.integrate(means[0]), times)
    error = np.abs(other.rho - means).reshape(3, -1).sum(axis=1)[1:] * grid.volume
    assert (error < TOO_BOLD * other.error_report.value[1:]).all() or (
        "a start by means over cells is off by" in other.error_report.message
    )


def test_rough_starts_are_compared_by_masses():
    """A density in one cell has no values between cells."""
    problem = zoo.catalogue()["R2"].build(48)
    start = fp.point(problem.grid, (0.1, 0.1))
    solution = fp.solve(problem, start, [0, 0.2, 0.4], scheme="upwind5")
    report = solution.error_report
    assert np.isfinite(report.value).all()
    half = solution.coarse
    there = coarse_masses(solution.rho[0] * solution.grid.volume, solution.grid, half.grid)
    np.testing.assert_allclose(half.rho[0] * half.grid.volume, there, atol=1e-14)


def test_a_smooth_transient_is_of_second_order():
    grid = fp.Grid([(-6, 6)], 96)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    solution = fp.solve(problem, fp.gaussian(grid, 1, 0.5), [0, 0.5, 1, 2])
    masses = [
        np.diff(norm.cdf(grid.faces[0], np.exp(-t), np.sqrt(1 - 0.5 * np.exp(-2 * t))))
        for t in solution.t
    ]
    error = np.abs(solution.rho * grid.volume - masses).sum(axis=1)
    report = solution.error_report
    assert ((error / report.value)[1:] < TOO_BOLD).all()
    assert ((error / report.value)[1:] > TOO_CAREFUL).all()
    np.testing.assert_allclose(report.order[1:], 2, atol=0.4)
    mean = solution.error_of(lambda s: s.grid.integrate(s.rho * s.grid.x[0]))
    assert mean.value.shape == (4,)


def test_a_run_from_a_file_has_no_estimate(tmp_path):
    grid = fp.Grid([(-4, 4)], 32)
    solution = fp.solve(fp.Problem(grid, f=lambda x: x**2 / 2), fp.gaussian(grid, 0, 0.5), [0, 1])
    read = fp.load(solution.save(tmp_path / "run.npz"))
    assert np.isnan(read.error_estimate).all()
    assert "does not know its problem" in read.error_report.message
    assert np.isfinite(solution.error_estimate).all()


def test_runs_that_end_early_are_compared_as_far_as_they_got():
    grid = fp.Grid([(-4, 4)], 64)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    start = fp.gaussian(grid, 1, 0.3)
    solution = fp.solve(problem, start, [0, 1, 2], callback=lambda t, _: t >= 1)
    assert solution.status == "stopped"
    assert solution.error_estimate.shape == (2,)
    assert np.isfinite(solution.error_estimate).all()


# --- spectra --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("friction", "gap"), [(1.0, 1.78535e-3), (0.1, 1.49195e-3)])
def test_gaps_of_upwinded_chains(friction, gap):
    found = fp.spectrum(kramers(160, friction), 3, scheme="markov")
    report = found.error_report
    assert TOO_CAREFUL < abs(found.gap - gap) / report.value[1] < TOO_BOLD
    assert report.value[0] == 0
    assert found.error_of(lambda s: s.gap).value == pytest.approx(report.value[1])


def test_gaps_at_walls_without_noise():
    for a in (0.32, 0.617):
        found = fp.spectrum(square_root(a, 400)[0], 3)
        report = found.error_report
        # The box moves the eigenvalue by about 5e-3, which no estimate of the grid can know.
        assert abs(found.gap - 1) < TOO_BOLD * report.value[1] + 6e-3 or report.message
    found = fp.spectrum(fisher(0.1, 400)[0], 3)
    report = found.error_report
    assert abs(found.gap - 0.2) < TOO_BOLD * report.value[1] + NOTHING or report.message


def test_modes_of_arrays_have_no_estimates():
    grid = fp.Grid([(-4, 4)], 32)
    found = fp.spectrum(fp.Problem(grid, f=grid.x[0] ** 2), 3)
    assert np.isnan(found.error_estimate).all()
    assert found.error_estimate.shape == (3,)
    assert "f given as arrays" in found.error_report.message
    small = fp.spectrum(line(-4, 4, 12, f=lambda x: x**2), 6)
    assert "k is 6" in small.error_report.message  # three cells hold no six modes


def test_turning_modes_are_matched():
    problem = fp.Problem(fp.Grid([(-5, 5)] * 2, 48), drift=lambda x, y: (-x - 2 * y, 2 * x - y))
    found = fp.spectrum(problem, 5)
    error = np.abs(found.eigenvalues[1:3] - np.array([-1 + 2j, -1 - 2j]))
    assert (error / found.error_estimate[1:3] < TOO_BOLD).all()
    assert (error / found.error_estimate[1:3] > TOO_CAREFUL).all()


# --- passages -------------------------------------------------------------------------------------


def test_fixation_times():
    grid = fp.Grid([(0, 1)], 400, "absorbing")
    times = fp.mfpt(fp.Problem(grid, D=lambda x: x * (1 - x), kT=0.5))
    x = 0.05
    exact = -2 * (x * math.log(x) + (1 - x) * math.log(1 - x))
    report = times.error_of(lambda t: t.at(x))
    error = abs(times.at(x) - exact)
    assert error < TOO_BOLD * report.value + 2e-5  # linear between cell centres
    assert TOO_CAREFUL * report.value < error or report.message


def test_times_whose_differences_grow_have_no_estimate():
    """Upwinding makes them ten to twenty times too short on all three grids."""
    times = fp.mfpt(kramers(160, 0.1), lambda x, v: x > 0.9, scheme="markov")
    report = times.error_of(lambda t: t.at(-1, 0))
    assert math.isnan(report.value)
    assert "order -1.3" in report.message
    assert times.error_estimate > 0.5
    assert times.error_report.message


def test_smooth_passage_times():
    """Mean of (1 - x^2)/2 over the stationary, uniform density."""
    grid = fp.Grid([(0, 1.2)], 90)
    times = fp.mfpt(fp.Problem(grid), lambda x: x >= 1)
    x = grid.x[0]
    exact = np.where(x < 1, (1 - x**2) / 2, 0)
    error = np.abs(times.mean - exact).sum() / exact.sum()
    assert error < TOO_BOLD * times.error_estimate
    assert times.error_estimate < 1e-2


def test_committors_and_rates():
    well = line(-2, 2, 80, f=lambda x: (x**2 - 1) ** 2 / 4, beta=10)
    paths = fp.committor(well, sets.half_space(-1, 1), sets.half_space(1, 1))
    grid = np.linspace(-1, 1, 200_001)
    scale = np.concatenate(
        [[0], np.cumsum(np.exp(10 * ((grid[1:] + grid[:-1]) ** 2 / 4 - 1) ** 2 / 4))]
    )
    exact = np.interp(well.grid.x[0], grid, scale / scale[-1])
    rho = fp.steady_state(well).rho
    error = (rho * np.abs(paths.forward - exact)).sum() / (rho * exact).sum()
    assert error < TOO_BOLD * paths.error_estimate
    assert paths.error_estimate < 0.05
    assert 0 < paths.error_of(lambda p: p.rate).value < 0.05 * paths.rate


def test_exit_probabilities():
    sides = [sets.side("x", "upper"), sets.side("x", "lower")]
    grid = fp.Grid([(0, 1)], 40, "absorbing")
    found = fp.exit_probabilities(
        fp.Problem(grid, D=lambda x: 1 + x, drift=lambda x: 1 + 0 * x), sides
    )
    fine = fp.exit_probabilities(
        fp.Problem(fp.Grid([(0, 1)], 1000, "absorbing"), D=lambda x: 1 + x,
                   drift=lambda x: 1 + 0 * x), sides,
    )  # fmt: skip
    exact = np.interp(grid.x[0], fine.grid.x[0], fine.probability[0])
    error = np.abs(found.probability[0] - exact).sum() / exact.sum()
    assert error < TOO_BOLD * found.error_estimate + 1e-6
    assert found.error_estimate < 1e-2


@pytest.mark.parametrize("n", [4, 3])
def test_grids_that_cannot_be_halved_twice(n):
    report = fp.steady_state(line(-1, 1, n, f=lambda x: x**2)).error_report
    assert math.isnan(report.value)
    assert "cannot be halved twice" in report.message


def test_sets_given_by_arrays_have_no_estimate():
    problem = line(0, 1, 32)
    times = fp.mfpt(problem, problem.grid.x[0] > 0.9)
    assert math.isnan(times.error_estimate)
    assert "target" in times.error_report.message


def test_a_generator_of_edges_alone_knows_no_coarser_grid():
    edges = fp.Edges.from_problem(line(0, 1, 32))
    times = fp.mfpt(fp.Generator(edges), lambda x: x > 0.9)
    assert math.isnan(times.error_estimate)
    assert "does not know its problem" in times.error_report.message
