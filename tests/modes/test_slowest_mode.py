"""Slowest decaying densities against closed forms."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.upwind5 import Upwind5
from tests.convergence.rates import assert_rate
from tests.modes.exact_chain import decays_of_a_line, exact_matrix, refined


def rates(sides, sizes=(16, 32, 64), **words):
    """Grid spacings, decay rates and states on a box of sides 1 and 2."""
    grids = [fp.Grid([(0, 1), (0, 2)], n, sides=sides) for n in sizes]
    states = [fp.quasi_stationary(fp.Problem(grid, **words)) for grid in grids]
    return 1 / np.array(sizes), np.array([state.decay_rate for state in states]), states


@pytest.mark.parametrize(
    ("sides", "exact"),
    [
        ("absorbing", np.pi**2 * (1 + 1 / 4)),
        (["absorbing", ("reflecting", "absorbing")], np.pi**2 * (1 + 1 / 16)),
        (["periodic", "absorbing"], np.pi**2 / 4),
    ],
)
def test_heat_in_a_box(sides, exact):
    h, decay, states = rates(sides)
    assert_rate(h, np.abs(decay - exact), 2, 5e-3)
    for state in states:
        assert state.rho.min() > 0
        assert abs(state.grid.integrate(state.rho) - 1) < 1e-13
        assert state.residual < 2e-12


def test_full_tensor_converges_at_second_order():
    """No closed form: differences of three successive grids fall by four."""
    _, decay, _ = rates("absorbing", (16, 32, 64, 128), D=[[1, 0.6], [0.6, 0.8]])
    steps = np.abs(np.diff(decay))
    assert_rate(1 / np.array([16, 32, 64]), steps, 2, 0.02)


def test_constant_drift_in_an_interval():
    """rho ~ e^(b x / 2) sin(pi x), exact on the grid; decay rate pi^2 + b^2/4 for D = 1."""
    b, h, errors = 3.0, [], []
    for n in (50, 100, 200):
        grid = fp.Grid([(0, 1)], n, sides="absorbing")
        state = fp.quasi_stationary(fp.Problem(grid, drift=b))
        x = grid.x[0]
        rho = np.exp(b * x / 2) * np.sin(np.pi * x)
        np.testing.assert_allclose(state.rho, rho / grid.integrate(rho), rtol=1e-10)
        h.append(1 / n)
        errors.append(abs(state.decay_rate - np.pi**2 - b**2 / 4))
    assert_rate(np.array(h), np.array(errors), 2, 5e-4)


def test_survivors_of_an_evolution_look_like_it():
    grid = fp.Grid([(0, 1)], 64, sides="absorbing")
    problem = fp.Problem(grid, f=lambda x: 2 * (x - 0.3) ** 2)
    state = fp.quasi_stationary(problem)
    solution = fp.solve(problem, fp.uniform(grid), [0, 1.0, 1.5])
    rho = solution.rho[-1] / solution.mass[-1]
    np.testing.assert_allclose(rho, state.rho, rtol=1e-8)
    rate = -np.log(solution.mass[2] / solution.mass[1]) / 0.5
    assert rate == pytest.approx(state.decay_rate, rel=1e-9)
    # Counterexample: before the slowest mode is alone, it does not.
    early = fp.solve(problem, fp.uniform(grid), [0, 0.01])
    assert np.abs(early.rho[-1] / early.mass[-1] - state.rho).max() > 0.1


def test_exit_time_and_place():
    """From the quasi-stationary state: mean passage time 1/rate, and the law of every side."""
    grid = fp.Grid([(0, 1), (0, 2)], (24, 20), sides=["absorbing", "reflecting"])
    problem = fp.Problem(grid, drift=lambda x, y: (1 + y, -x), D=[[1, 0.4], [0.4, 0.6]])
    state = fp.quasi_stationary(problem)
    times = fp.mfpt(problem)
    assert times.from_density(state.rho) == pytest.approx(state.mean_exit_time, rel=1e-10)
    # The time is exponential: its variance is the square of its mean, by the law of total variance.
    total = grid.integrate((times.variance + times.mean**2) * state.rho)
    assert total == pytest.approx(2 * state.mean_exit_time**2, rel=1e-10)
    assert grid.integrate((times.variance + times.mean**2) * fp.uniform(grid)) != pytest.approx(
        2 * times.from_density(fp.uniform(grid)) ** 2, rel=1e-2
    )
    assert state.exit_law.sum() == pytest.approx(1, rel=1e-13)
    assert not state.exit_law[2:-2].any()
    left = fp.sets.side("x", "lower")
    chance = fp.exit_probabilities(problem, [left]).probability[0]
    by_cell = state.exit_law[:12].sum()
    assert grid.integrate(chance * state.rho) == pytest.approx(by_cell, rel=1e-10)
    assert by_cell < 0.45


def test_a_generator_will_do_even_of_edges_alone():
    problem = fp.Problem(fp.Grid([(0, 1)], 32, sides="absorbing"), drift=lambda x: (x,))
    edges = fp.Edges.from_problem(problem)
    ours = fp.quasi_stationary(problem)
    for generator in (fp.Generator(problem), fp.Generator(edges)):
        np.testing.assert_array_equal(fp.quasi_stationary(generator).rho, ours.rho)


def bowl(depth, n=50, **words):
    return fp.Problem(fp.Grid([(-1, 1)], n, sides="absorbing"), f=lambda x: depth * x**2, **words)


@pytest.mark.parametrize(
    ("depth", "rate"),
    [(30, 3.4144e-11), (36, 1.1176e-13), (40, 2.4038e-15), (50, 1.53389e-19), (300, 6.67058e-127)],
)
def test_deep_wells_are_left_at_the_chains_own_rate(depth, rate):
    generator = fp.Generator(bowl(depth))
    state = fp.quasi_stationary(generator)
    assert state.decay_rate == pytest.approx(rate, rel=2e-5)
    low, high = state.decay_rate_bounds
    exact = decays_of_a_line(generator, 1)[0]
    assert low < exact < high
    assert low <= state.decay_rate <= high < low * (1 + 1e-12)
    assert state.residual == pytest.approx((high - low) / state.decay_rate)
    assert abs(state.decay_rate / exact - 1) < 1e-13
    # Counterexample: the difference -(A^T u)/u, taken as it stands, is of the size of rounding.
    A = generator.matrix.toarray()
    p = state.rho * generator.grid.volume
    assert np.abs(-(A @ p) / p / exact - 1).max() > (1e-3 if depth < 36 else 1)


def test_sums_of_potentials_have_sums_of_rates():
    """In the plane and in space, over 40 kT along each axis; the widths differ."""
    lines = [fp.Problem(fp.Grid([(-w, w)], 12, sides="absorbing"), f=f) for w, f in PARTS]
    rates = [fp.quasi_stationary(line).decay_rate for line in lines]
    for d in (2, 3):
        grid = fp.Grid([(-w, w) for w, _ in PARTS[:d]], 12, sides="absorbing")
        problem = fp.Problem(
            grid, f=lambda *x: sum(f(u) for u, (_, f) in zip(x, PARTS, strict=False))
        )
        state = fp.quasi_stationary(problem)
        low, high = state.decay_rate_bounds
        assert low <= sum(rates[:d]) <= high < low * (1 + 1e-11)


PARTS = [(1.0, lambda x: 40 * x**2), (1.2, lambda x: 28 * x**2), (0.9, lambda x: 50 * x**2 + x)]


@pytest.mark.parametrize("drift", [None, lambda x, y: (4 * y - 2 * x, -4 * x - 2 * y)])
def test_tensors_and_circulation_against_many_digits(drift):
    grid = fp.Grid([(-1, 1), (-1, 1)], (6, 5), sides=["absorbing", "reflecting"])
    well = None if drift else (lambda x, y: x**2 + y**2 + x * y)
    problem = fp.Problem(grid, f=well, drift=drift, D=[[1, 0.6], [0.6, 0.8]], beta=25)
    generator = fp.Generator(problem)
    state = fp.quasi_stationary(generator, scheme="markov")
    assert state.decay_rate < (1 if drift else 1e-3)
    with mpmath.workdps(50):
        exact = float(refined(exact_matrix(generator), state.decay_rate))
    low, high = state.decay_rate_bounds
    assert low <= exact <= high < low * (1 + 1e-11)


@pytest.mark.parametrize("tilt", [0.0, 1e-9, 0.3])
def test_two_wells_of_about_one_depth(tilt):
    """The next decay is as slow as a barrier of 20 kT lets it be, or equal to rounding."""
    problem = fp.Problem(
        fp.Grid([(-2.2, 2.2)], 80, sides="absorbing"),
        f=lambda x: (x**2 - 1) ** 2 + tilt * x,
        beta=20,
    )
    generator = fp.Generator(problem)
    state = fp.quasi_stationary(generator)
    exact = decays_of_a_line(generator, 2)
    assert exact[1] < 1e-6
    assert abs(state.decay_rate / exact[0] - 1) < 1e-12
    low, high = state.decay_rate_bounds
    assert low <= exact[0] <= high < low * (1 + 2e-8)


def test_parts_that_are_left_for_good():
    """One-way drift without noise along y: rows of one cell each decay by themselves."""
    grid = fp.Grid([(0, 1), (0, 1)], (8, 5), sides=["absorbing", "reflecting"])
    one_way = fp.Problem(grid, drift=lambda x, y: (0 * x, 1 + 0 * y), D=[[1, 0], [0, 0]])
    assert fp.quasi_stationary(one_way).stats.scheme == "upwind5"
    state = fp.quasi_stationary(one_way, scheme="markov")
    line = fp.quasi_stationary(fp.Problem(fp.Grid([(0, 1)], 8, sides="absorbing")))
    assert state.decay_rate == pytest.approx(line.decay_rate, rel=1e-12)  # on the last row
    np.testing.assert_allclose(state.rho[:, -1] / state.rho[:, -1].sum(), line.rho / 8, rtol=1e-9)
    assert state.rho[:, :-1].max() < 1e-9


def test_steps_that_are_used_up_leave_an_interval():
    with pytest.raises(fp.ConvergenceError, match=r"after 2 steps the decay rate is between \d"):
        fp.quasi_stationary(bowl(1), max_iterations=2)


# --- by a linear flux ----------------------------------------------------------------------------


def leaving(n, gamma, kT=0.05):
    """Motion with inertia out of the left one of two wells, 5 kT deep at kT = .05, to x = .9."""
    grid = fp.Grid([(-2, 0.9), (-1.6, 1.6)], n, sides=[("reflecting", "absorbing"), "reflecting"])
    return fp.Problem.langevin(grid, lambda x: x**4 / 4 - x**2 / 2, gamma, kT)


def test_a_linear_flux_against_dense_matrices():
    problem = leaving((29, 24), 1.0, kT=0.15)
    state = fp.quasi_stationary(problem)
    assert state.stats.scheme == "upwind5"
    assert state.stats.message == ""
    matrix = Upwind5(problem).matrix.toarray()
    values, vectors = np.linalg.eig(matrix)
    slowest = int(np.argmax(values.real))
    assert state.decay_rate == pytest.approx(-values[slowest].real, rel=1e-9)
    p = vectors[:, slowest].real / vectors[:, slowest].real.sum()
    negative = -p[p < 0].sum()
    assert state.stats.negative_mass == pytest.approx(negative, rel=1e-3)
    p = np.maximum(p, 0) / np.maximum(p, 0).sum()  # what is handed out is a density
    assert np.abs(state.rho.ravel() * problem.grid.volumes.ravel() - p).sum() < 1e-8
    assert state.residual < 1e-8
    assert np.isnan(state.decay_rate_bounds).all()
    # All that leaves does so by the side, with v > 0 but for what the noise does.
    assert state.exit_law.sum() == pytest.approx(1, rel=1e-13)
    assert state.exit_law[-3:, 12:].sum() > 0.999
    assert state.stats.negative_mass < 1e-4


@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_escape_with_inertia(gamma):
    """Against passage times by another flux on another grid, in which the well goes on."""
    problem = leaving((58, 80), gamma)
    state = fp.quasi_stationary(problem)
    times = fp.mfpt(problem)
    assert times.from_density(state.rho) == pytest.approx(state.mean_exit_time, rel=1e-4)
    whole = fp.Problem.langevin(
        fp.Grid([(-2, 2), (-1.6, 1.6)], 80), lambda x: x**4 / 4 - x**2 / 2, gamma, 0.05
    )
    other = fp.mfpt(whole, lambda x, v: x > 0.9)
    assert other.stats.scheme == "phase_space"
    mean = float((other.mean[:58] * state.rho).sum() * problem.grid.volumes[0, 0])
    assert mean * state.decay_rate == pytest.approx(1, abs=0.02)
    chain = fp.quasi_stationary(problem, scheme="markov")
    assert chain.decay_rate > 1.8 * state.decay_rate
    assert 'scheme="markov" asks for the chain' in chain.stats.message


def test_errors_of_decay_rates():
    exact = np.pi**2
    state = fp.quasi_stationary(fp.Problem(fp.Grid([(0, 1)], 40, sides="absorbing")))
    error = abs(state.decay_rate - exact)
    assert error / 2 < state.error_estimate < 2 * error
    assert state.error_of(lambda s: s.mean_exit_time).value > 0


def test_where_neither_flux_nor_chain_may_be_trusted():
    with pytest.raises(fp.ConvergenceError, match="quasi_stationary has no answer on this grid"):
        fp.quasi_stationary(leaving(40, 0.1, kT=0.0125))
    with pytest.raises(ValueError, match="choose from auto, markov, upwind5"):
        fp.quasi_stationary(bowl(1), scheme="upwind")
    with pytest.raises(ValueError, match="rates towards them are zero in doubles"):
        fp.quasi_stationary(bowl(40000, 12))
    with pytest.raises(ValueError, match=r"sides absorb, but all rates .* nothing ends a passage"):
        fp.mfpt(bowl(40000, 12))
