"""Exact JKO steps on a line: closed forms, discrete truths at every tau, orders, bad input."""

import numpy as np
import pytest
from scipy.special import ndtr

import fokkerplanck as fp
from fokkerplanck.energies import Congestion, Entropy, Interaction, PorousMedium, Potential
from fokkerplanck.kernels.transport import jko_line
from fokkerplanck.methods.jko.exact_w2 import ExactW2, divided
from fokkerplanck.methods.jko.line_setting import rates
from fokkerplanck.transport.one_dimension import line_transport
from tests.convergence.rates import assert_rate

TAUS = (1e-4, 1e-2, 1.0, 1e2, 1e4)
# R21: f = x^2, kT = 1/4, tau = 0.1, from mean 1 and standard deviation 0.3.
STEPS = (0.315940653956, 0.326995294574, 0.334734466084)


def cells(grid, mean, std):
    """Density of cell averages of a Gaussian."""
    rho = np.diff(ndtr((grid.faces[0] - mean) / std)) / grid.volume
    return rho / grid.integrate(rho)


def moments(grid, rho):
    mean = grid.integrate(grid.x[0] * rho)
    return mean, np.sqrt(grid.integrate((grid.x[0] - mean) ** 2 * rho))


def parabola(n, faces=None, **more):
    grid = fp.Grid([(-5, 5)], n) if faces is None else fp.Grid([faces])
    return fp.Problem(grid, **{"f": lambda x: x**2, "kT": 0.25, **more})


def wells(n, kT=0.3):
    return fp.Problem(fp.Grid([(-2.5, 2.5)], n), f=lambda x: (x**2 - 1) ** 2, kT=kT)


def starts(grid):
    x = grid.x[0]
    block = ((x > 0.2) & (x < 1.2)) * 1.0
    return {
        "narrow": cells(grid, 1, 0.1),
        "wide": cells(grid, 0.5, 1.0),
        "block": block / grid.integrate(block),
    }


def squeezed(n):
    """Faces three times as dense near the origin."""
    s = np.linspace(-1, 1, n + 1)
    return 5 * (s + s**3) / 2


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("graded", [False, True])
def test_three_gaussian_steps(graded):
    widths, errors, spreads = [], [], []
    for n in (100, 200, 400, 800):
        problem = parabola(n, squeezed(n) if graded else None)
        grid = problem.grid
        solution = fp.solve(problem, cells(grid, 1, 0.3), [0, 0.1, 0.2, 0.3], ExactW2(0.1))
        widths.append(10 / n)
        exact = cells(grid, 1.2**-3, STEPS[2])
        errors.append(grid.integrate(np.abs(solution[-1] - exact)))
        spreads.append(abs(moments(grid, solution[-1])[1] - STEPS[2]))
        assert abs(moments(grid, solution[-1])[0] - 1.2**-3) < 10 / n**2
    assert_rate(widths, errors, order=2, cap=1e-4)
    assert_rate(widths, spreads, order=2, cap=3e-5)


def test_tails_at_any_depth():
    """Log density of a step down to e^-200, where plain sums of masses end at e^-36."""
    problem = parabola(800)
    grid = problem.grid
    solution = fp.solve(problem, cells(grid, 1, 0.3), [0, 0.1], ExactW2(0.1))
    x, s = grid.x[0], STEPS[0]
    exact = -((x - 1 / 1.2) ** 2) / (2 * s**2) - np.log(s * np.sqrt(2 * np.pi))
    seen = (exact > -150) & (solution[0] > 1e-280)
    assert exact[seen].min() < -80
    assert np.abs(np.log(solution[-1][seen]) - exact[seen]).max() < 0.15


def test_constant_diffusion_is_another_unit_of_length():
    """D = 4: x = 2 y, and the drift of y is -2 y, that of f = y^2."""
    D, kT, tau, m, s = 4.0, 0.25, 0.1, 1.0, 0.3
    h, sy = 2, s / 2
    widths, errors = [], []
    for n in (200, 400, 800):
        problem = parabola(n, D=D)
        grid = problem.grid
        solution = fp.solve(problem, cells(grid, m, s), [0, tau], ExactW2(tau))
        a = 1 + tau * h
        exact = cells(grid, m / a, 2 * (sy + np.sqrt(sy**2 + 4 * tau * kT * a)) / (2 * a))
        widths.append(1 / n)
        errors.append(grid.integrate(np.abs(solution[-1] - exact)))
    assert_rate(widths, errors, order=2, cap=3e-4)


def test_heat():
    """R21, heat: standard deviation 1.0916 after tau = 0.1, where the exact flow has 1.0954."""
    grid = fp.Grid([(-9, 9)], 600)
    solution = fp.solve(fp.Problem(grid), cells(grid, 0, 1), [0, 0.1], ExactW2(0.1), steady=False)
    assert abs(moments(grid, solution[-1])[1] - 1.0916079783) < 6e-5


# --- what holds at every tau ----------------------------------------------------------------------


PROBLEMS = {
    "parabola": lambda: parabola(200),
    "graded": lambda: parabola(200, squeezed(200)),
    "wells": lambda: wells(150),
    "deep wells": lambda: wells(200, kT=0.05),
    "D(x)": lambda: fp.Problem(
        fp.Grid([(-3, 3)], 160), f=lambda x: (x**2 - 1) ** 2 / 4, D=lambda x: 1 + x**2, kT=0.5
    ),
}


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_density_at_rest_stays(name, tau):
    problem = PROBLEMS[name]()
    rest = fp.steady_state(problem, scheme="markov").rho
    solution = fp.solve(problem, rest, [0, tau, 2 * tau], ExactW2(tau))
    assert problem.grid.integrate(np.abs(solution[-1] - rest)) < 1e-14
    assert solution.stats["mass_correction"] < 1e-13


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("start", ["narrow", "wide", "block"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_positive_mass_exact_energy_falls(name, start, tau):
    problem = PROBLEMS[name]()
    grid = problem.grid
    rho = starts(grid)[start]
    solution = fp.solve(problem, rho, np.arange(4) * tau, ExactW2(tau))
    stats = solution.stats
    assert solution.min_rho[1:].min() > 0
    assert np.abs(solution.mass - 1).max() < 1e-13
    assert stats["mass_correction"] < 1e-13
    assert (np.diff(stats["energy"]) <= 1e-14 * stats["energy"][0]).all()
    assert stats["backward_euler_steps"] == 0
    assert stats["newton_iterations"] <= 75


@pytest.mark.parametrize("tau", [1e-2, 1.0])
def test_the_distance_is_paid_for(tau):
    """E(new) + W2^2/(2 tau) <= E(old), and no nearby density does better: the exact minimiser."""
    problem = wells(120)
    grid = problem.grid
    start = starts(grid)["wide"]
    solution = fp.solve(problem, start, [0, tau], ExactW2(tau))
    E = solution.stats["energy"]

    def distance(rho):
        return line_transport(grid.faces[0], rho * grid.volume, start * grid.volume).cost

    least = E[1] + distance(solution[1]) / (2 * tau)
    assert least < E[0]
    energy = fp.energies.FreeEnergy(solution.log_rho_inf, problem.kT)
    wave = np.sin(2 * grid.x[0])
    wave = wave - grid.integrate(wave * solution[1])
    for size in (1e-3, -1e-3, 1e-2, -1e-2):
        other = solution[1] * (1 + size * wave)
        assert energy.value(other, grid) + distance(other) / (2 * tau) > least + 1e-9
    # The step of backward Euler, another minimising movement, does worse.
    euler = fp.solve(problem, start, [0, tau], fp.BackwardEuler(tau))[1]
    assert energy.value(euler, grid) + distance(euler) / (2 * tau) > least + 1e-6


def test_a_long_extrapolation_breaks_what_the_steps_keep():
    """Counterexample: 2 JKO(tau/2) - 1, of order two on paper, is no density at a long tau."""
    problem = parabola(200)
    start = cells(problem.grid, 1, 0.2)
    half = fp.solve(problem, start, [0, 0.5], ExactW2(0.5))[1]
    assert (2 * half - start).min() < -0.1


@pytest.mark.parametrize("tau", [1e-3, 1e-2, 0.1])
def test_groups_apart_move_each_on_its_own(tau):
    """Two narrow groups and a short step: each makes the step of a Gaussian (R21)."""
    kT, s = 0.1, 0.1
    widths, errors = [], []
    for n in (200, 400, 800):
        grid = fp.Grid([(-4, 4)], n)
        problem = fp.Problem(grid, f=lambda x: x**2 / 2, kT=kT)
        start = 0.3 * cells(grid, -1.5, s) + 0.7 * cells(grid, 2, s)
        solution = fp.solve(problem, start, [0, tau], ExactW2(tau), steady=False)
        assert solution.stats["backward_euler_steps"] == 0
        assert solution.stats["largest_rise"] < 0
        assert abs(solution.mass[1] - 1) < 1e-14
        a = 1 + tau
        std = (s + np.sqrt(s**2 + 4 * tau * kT * a)) / (2 * a)
        exact = 0.3 * cells(grid, -1.5 / a, std) + 0.7 * cells(grid, 2 / a, std)
        widths.append(1 / n)
        errors.append(grid.integrate(np.abs(solution[1] - exact)))
    assert solution.stats["steps_in_parts"] == 1
    assert_rate(widths, errors, order=2, cap=5e-3)


def test_gaps_that_close():
    """A bimodal density over many steps: in parts at first, whole later, the energy falls."""
    grid = fp.Grid([(-4, 4)], 200)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2, kT=0.1)
    start = 0.5 * (cells(grid, -1.5, 0.1) + cells(grid, 1.5, 0.1))
    solution = fp.solve(problem, start, np.arange(30) * 0.1, ExactW2(0.1))
    assert 0 < solution.stats["steps_in_parts"] < 29
    assert solution.stats["backward_euler_steps"] <= 3
    assert solution.stats["largest_rise"] <= 0
    assert np.abs(solution.mass - 1).max() < 1e-13


def test_the_last_resort_says_so():
    grid = fp.Grid([(-4, 4)], 200)
    x = grid.x[0]
    rho = (np.abs(x - 1.3) < 0.3) * 1.0 + (np.abs(x + 1.7) < 0.2) + 0.01 * (np.abs(x) < 0.2)
    rho /= grid.integrate(rho)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    solution = fp.solve(problem, rho, [0, 0.01], ExactW2(0.01, max_iterations=20), steady=False)
    assert solution.stats["backward_euler_steps"] == 1
    assert solution.stats["largest_rise"] < 0
    assert solution.min_rho[1] > 0
    euler = fp.solve(problem, rho, [0, 0.01], fp.BackwardEuler(0.01), steady=False)
    assert grid.integrate(np.abs(solution[1] - euler[1])) < 1e-10


def test_parts_of_a_density():
    p = np.array([0, 1, 2, 1e-5, 0, 0, 3, 1, 1e-9, 2, 0])
    parts = divided(p)
    assert len(parts) == 3
    np.testing.assert_array_equal(sum(parts), p)
    assert [int(np.argmax(part)) for part in parts] == [2, 6, 9]
    assert len(divided(np.exp(-(np.linspace(-9, 9, 99) ** 2)))) == 1


# --- orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wells", "D(x)"])
def test_order_one_in_tau(name):
    problem = PROBLEMS[name]()
    grid = problem.grid
    start = cells(grid, 0.5, 0.4)
    exact = fp.solve(problem, start, [0, 0.4])[-1]
    taus = np.array([0.04, 0.02, 0.01, 0.005])
    errors = []
    for tau in taus:
        got = fp.solve(problem, start, [0, 0.4], ExactW2(tau))[-1]
        errors.append(grid.integrate(np.abs(got - exact)))
    assert_rate(taus, errors, order=1, cap=0.02)


def test_against_the_lagrangian_oracle():
    """One step in the double well, order two in h against spectral elements."""

    def f(x):
        return (x**2 - 1) ** 2 / 4

    def rho0(x):
        return np.exp(-((x - 0.5) ** 2) / 0.18)

    flow = fp.jko.LagrangianFlow(f, rho0, beta=4.0, interval=(-1.9, 2.9)).step(0.1)
    widths, errors = [], []
    for n in (100, 200, 400):
        problem = fp.Problem(fp.Grid([(-3, 3)], n), f=f, beta=4.0)
        grid = problem.grid
        solution = fp.solve(problem, cells(grid, 0.5, 0.3), [0, 0.1], ExactW2(0.1))
        exact = flow.masses(grid.faces[0]) / grid.volume
        widths.append(6 / n)
        errors.append(grid.integrate(np.abs(solution[-1] - exact)))
    assert_rate(widths, errors, order=2, cap=4e-4)


@pytest.mark.parametrize("n", [300, 1000, 3000])
@pytest.mark.parametrize("tau", [0.003, 0.01, 0.03])
def test_few_newton_iterations(n, tau):
    grid = fp.Grid([(-6, 6)], n)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    solution = fp.solve(problem, cells(grid, 1, 0.45), [0, tau], ExactW2(tau), steady=False)
    assert solution.stats["newton_iterations"] <= 7
    assert solution.stats["steps_shortened"] == 0


def newton_in_masses(faces, p, log_pi, kappa, m, is_enough):
    """Iterations and halvings of Newton's method in masses, kept positive by shorter steps."""
    n = p.size
    left, right, t, r, rest, pivot, dG = np.zeros((7, n + 1))
    first, second, dm = np.zeros((3, n))
    slowness = np.diff(faces) / p
    jko_line.tail_sums(p, left, right)

    def evaluate(m):
        jko_line.moments(faces, left, right, slowness, m, 1 / m, t, first, second)
        jko_line.gradient(faces, t, first, second, np.log(m) - log_pi, kappa, r)

    evaluate(m)
    halvings = 0
    for iteration in range(100):
        slope = jko_line.direction(faces, t, first, second, 1 / m, kappa, r, rest, pivot, dG, dm)
        part, old, towards = min(1.0, 0.999 / -min(np.min(dm / m), -1e-300)), m, dG[1:-1].copy()
        for _ in range(40):
            m = old + part * dm
            evaluate(m)
            if is_enough(float(r[1:-1] @ towards), slope):
                break
            part, halvings = 0.5 * part, halvings + 1
        if np.abs(dm).sum() < 1e-13:
            return iteration + 1, halvings
    return 100, halvings


def test_slopes_may_change_sign():
    """A line search that waits for the sign of the slope waits for rounding near the minimum."""
    grid = fp.Grid([(-6, 6)], 1000)
    x, tau = grid.x[0], 0.01
    p = np.exp(-((x - 1) ** 2) / (2 * 0.45**2))
    p, log_pi, faces = p / p.sum(), -(x**2) / 2, grid.faces[0]
    start = np.empty_like(p)
    jko_line.implicit_euler(*rates(faces, log_pi), tau, p, start)
    by_sign = newton_in_masses(faces, p, log_pi, 1 / tau, start, lambda now, before: now >= 0)
    by_size = newton_in_masses(
        faces, p, log_pi, 1 / tau, start, lambda now, before: now > -0.9 * before
    )
    out = start.copy()
    ours = jko_line.minimise(faces, p, log_pi, 1 / tau, 1e-8, 60, 99, out, np.empty((14, 1001)))
    assert by_sign[1] > 10
    assert by_size[1] == 0
    assert by_sign[0] > 1.5 * by_size[0] > 3 * ours[0]


# --- interactions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [1e-3, 0.1, 10.0])
def test_attraction_and_noise(tau):
    """W = x^2/2: the variance obeys v' = 2 kT - 2 v, each step that of a Gaussian in a parabola."""
    grid = fp.Grid([(-4, 4)], 400)
    kT, s = 0.2, 0.6
    energy = Entropy(kT) + Interaction(lambda x: x**2 / 2)
    solution = fp.solve(
        fp.Problem(grid), cells(grid, 0.3, s), [0, tau], ExactW2(tau, energy=energy), steady=False
    )
    exact = (s + np.sqrt(s**2 + 4 * tau * kT * (1 + tau))) / (2 * (1 + tau))
    mean, std = moments(grid, solution[-1])
    assert abs(mean - 0.3) < 1e-6
    assert abs(std - exact) < 1e-4
    assert solution.stats["largest_rise"] < 0
    assert solution.stats["interaction_updates"] >= 1


def test_attraction_of_groups_apart():
    grid = fp.Grid([(-4, 4)], 200)
    start = 0.5 * (cells(grid, -1.5, 0.1) + cells(grid, 1.5, 0.1))
    energy = Entropy(0.1) + Interaction(lambda x: x**2 / 2)
    solution = fp.solve(
        fp.Problem(grid), start, [0, 0.1, 0.2], ExactW2(0.1, energy=energy), steady=False
    )
    assert solution.stats["steps_in_parts"] > 0
    assert solution.stats["largest_rise"] < 0


def test_energies_equal_to_the_problem_give_its_steps():
    problem = parabola(100)
    start = cells(problem.grid, 1, 0.3)
    energy = Entropy(0.25) + Potential(lambda x: x**2)
    a = fp.solve(problem, start, [0, 0.2], ExactW2(0.1))[-1]
    b = fp.solve(problem, start, [0, 0.2], ExactW2(0.1, energy=energy))[-1]
    np.testing.assert_allclose(a, b, rtol=1e-9)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0, -1.0, np.inf, np.nan, "long", None])
def test_bad_steps(tau):
    with pytest.raises(ValueError, match="tau is"):
        ExactW2(tau)


@pytest.mark.parametrize("k", [0, 2.5, "many", True])
def test_bad_iterations(k):
    with pytest.raises(ValueError, match="max_iterations is"):
        ExactW2(0.1, max_iterations=k)


def run(problem, **more):
    return fp.solve(problem, fp.uniform(problem.grid), [0, 1], ExactW2(0.1, **more), steady=False)


def test_grids_that_are_no_line():
    plane = fp.Problem(fp.Grid([(0, 1), (0, 1)], 8))
    with pytest.raises(ValueError, match="ExactW2 is for one dimension, this grid has 2"):
        run(plane)
    ring = fp.Problem(fp.Grid([(0, 1)], 8, "periodic"))
    with pytest.raises(ValueError, match="this grid is periodic"):
        run(ring)
    leaky = fp.Problem(fp.Grid([(0, 1)], 8, "absorbing"))
    with pytest.raises(ValueError, match="absorbing"):
        run(leaky)
    quiet = fp.Problem(fp.Grid([(0, 1)], 8), D=lambda x: np.where(x > 0.5, 1.0, 0.0))
    with pytest.raises(ValueError, match="ExactW2 needs D > 0, but D = 0 at x"):
        run(quiet, energy=Entropy())


@pytest.mark.parametrize("energy", [PorousMedium(2), Congestion(2) + Entropy(), Potential(abs)])
def test_other_internal_energies_are_sent_elsewhere(energy):
    with pytest.raises(ValueError, match="use Lagrangian"):
        run(fp.Problem(fp.Grid([(0, 1)], 8)), energy=energy)


def test_energies_without_a_derivative():
    class Nothing(fp.energies.Energy):
        pass

    with pytest.raises(ValueError, match="has no first variation"):
        run(fp.Problem(fp.Grid([(0, 1)], 8)), energy=Nothing() + Entropy())


def test_two_cells_are_a_line():
    grid = fp.Grid([(0, 1)], 2)
    problem = fp.Problem(grid, f=lambda x: x)
    solution = fp.solve(problem, [1.5, 0.5], [0, 100], ExactW2(100.0))
    assert solution.stats["energy"][1] < solution.stats["energy"][0]
    assert abs(solution.mass[1] - 1) < 1e-15
