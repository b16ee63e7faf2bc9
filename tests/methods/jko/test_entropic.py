"""JKO steps by debiased entropic transport, against Gaussians, products of lines, and fronts."""

import numpy as np
import pytest
from scipy.special import logsumexp

import fokkerplanck as fp
from fokkerplanck import energies
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko import Entropic
from fokkerplanck.transport.gaussian_kernel import GaussianKernel
from fokkerplanck.transport.potentials import Ends, Potentials
from tests.convergence.rates import assert_rate
from tests.methods.jko.lagrangian_line import LagrangianLine


def gaussian_step(m, S, K, h, tau):
    """Mean and variance after a step in V = K x^2/2 with kT = h/tau, from N(m, S)."""
    M = 1 + tau * K
    Z = S / M
    return m / M, 0.5 * (2 * h + Z + np.sqrt(Z * Z + 4 * h * Z)) / M


def one_step(problem, start, tau, **options):
    return fp.solve(problem, start, [0, tau], Entropic(tau, **options), steady=False)


# --- closed forms --------------------------------------------------------------------------------


def test_number_of_a_gaussian_on_a_line():
    """Standard deviation .315940653956 of R21: T = 1/4, h = 2, tau = .1, m = 1, s = .3."""
    errors = []
    for n in (40, 80, 160):
        grid = fp.Grid([(-3, 4)], n)
        problem = fp.Problem(grid, f=lambda x: x**2, beta=4.0)
        rho = one_step(problem, fp.gaussian(grid, 1, 0.09), 0.1, tolerance=1e-11)[1]
        x = grid.x[0]
        m = grid.integrate(x * rho)
        s = np.sqrt(grid.integrate((x - m) ** 2 * rho))
        errors.append(abs(s - 0.315940653956))
        assert abs(m - 1 / 1.2) < 1e-8
    assert_rate([1 / 40, 1 / 80, 1 / 160], errors, 4, cap=1.5e-6)


@pytest.mark.parametrize("D", [1.0, (0.5, 1.3)])
def test_gaussians_in_the_plane(D):
    """Fourth order in h, isotropic or not: along each axis y = x/sqrt(D)."""
    d, tau, kT, errors = np.broadcast_to(D, 2), 0.1, 0.5, []
    for n in (32, 64):
        grid = fp.Grid([(-4, 4), (-4, 4)], n)
        problem = fp.Problem(grid, f=lambda x, y: x**2 + 1.5 * y**2, D=D, beta=1 / kT)
        start = fp.gaussian(grid, (0.8, 0.3), (0.3, 0.25))
        mean, cov = [], []
        for k, (m, S, K) in enumerate([(0.8, 0.3, 2.0), (0.3, 0.25, 3.0)]):
            m, S = gaussian_step(m / np.sqrt(d[k]), S / d[k], K, tau * kT, tau)
            mean.append(m * np.sqrt(d[k]))
            cov.append(S * d[k])
        right = fp.gaussian(grid, mean, cov)
        errors.append(grid.integrate(np.abs(one_step(problem, start, tau)[1] - right)))
    assert errors[1] < 2e-4
    assert errors[0] / errors[1] > 13


def test_gaussian_with_a_full_tensor():
    """In y = D^(-1/2) x the step is isotropic: S' = D^(1/2) Y D^(1/2), here without a drift."""
    D, kT, tau = np.array([[1.0, 0.6], [0.6, 0.8]]), 0.5, 0.1
    values, vectors = np.linalg.eigh(D)
    root = vectors * np.sqrt(values) @ vectors.T
    S = np.array([[0.35, -0.1], [-0.1, 0.25]])
    inner = np.linalg.solve(root, np.linalg.solve(root, S).T)
    z, V = np.linalg.eigh(inner)
    Y = V * [gaussian_step(0, s, 0, kT * tau, tau)[1] for s in z] @ V.T
    errors = []
    for n, richardson in ((40, False), (80, False), (80, True)):
        grid = fp.Grid([(-4, 4), (-4, 4)], n)
        problem = fp.Problem(grid, D=D, beta=1 / kT)
        start = fp.gaussian(grid, (0.3, 0), S)
        solution = one_step(problem, start, tau, richardson=richardson)
        right = fp.gaussian(grid, (0.3, 0), root @ Y @ root)
        errors.append(grid.integrate(np.abs(solution[1] - right)))
        assert solution.stats["largest_rise"] < 0
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] > 12
    assert errors[2] < errors[1] / 15


def test_a_full_tensor_keeps_its_density_at_rest():
    grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    problem = fp.Problem.from_potential(
        grid, lambda x, y: (x**2 - 1) ** 2 / 2 + y**2 / 2 + x * y / 4, D=[[1, 0.5], [0.5, 0.7]]
    )
    rest = fp.steady_state(problem).rho
    solution = fp.solve(problem, rest, [0, 0.4], Entropic(0.2))
    assert grid.integrate(np.abs(solution[1] - rest)) < 1e-13
    start = fp.gaussian(grid, (-1, 0.5), 0.2)
    energy = fp.solve(problem, start, [0, 0.4], Entropic(0.1)).stats["energy"]
    assert np.all(np.diff(energy) < 0)


def test_gaussian_in_space():
    grid = fp.Grid([(-3.5, 3.5)] * 3, 28)
    problem = fp.Problem(grid, f=lambda x, y, z: (x**2 + 2 * y**2 + z**2) / 2)
    start = fp.gaussian(grid, (0.5, 0, -0.3), (0.5, 0.4, 0.6))
    steps = [
        gaussian_step(*case, 0.2, 0.2) for case in [(0.5, 0.5, 1), (0, 0.4, 2), (-0.3, 0.6, 1)]
    ]
    right = fp.gaussian(grid, [m for m, _ in steps], [S for _, S in steps])
    rho = one_step(problem, start, 0.2)[1]
    assert grid.integrate(np.abs(rho - right)) < 2e-3


def test_tails_follow_their_logarithms():
    """A Gaussian step stays Gaussian down to e^-300, far below what any sum over cells sees."""
    grid = fp.Grid([(-6, 6)], 240)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2, beta=4.0)
    rho = one_step(problem, fp.gaussian(grid, 0, 0.05), 0.01, tolerance=1e-12)[1]
    _, S = gaussian_step(0, 0.05, 1, 0.0025, 0.01)
    x = grid.x[0]
    inner = np.abs(x) < np.sqrt(600 * S)
    log_ratio = np.log(rho) + x**2 / (2 * S)
    assert rho[inner].min() < 1e-120
    assert np.ptp(log_ratio[inner]) < 0.02 * 300


def well(a):
    return {
        "f": lambda x: a * (x * x - 1) ** 2 / 4,
        "df": lambda x: a * x * (x * x - 1),
        "ddf": lambda x: a * (3 * x * x - 1),
    }


def line(x, m, s, tau, steps, a):
    """Density after some steps in a double well, kT = 1/2, from N(m, s^2)."""
    oracle = LagrangianLine(
        lambda y: np.exp(-((y - m) ** 2) / (2 * s * s)) / (s * np.sqrt(2 * np.pi)),
        m - 8 * s, m + 8 * s,
    )  # fmt: skip
    for _ in range(steps):
        oracle.step(tau, 0.5, **well(a))
    return oracle.density(x)


def test_the_oracle_itself():
    x = np.linspace(-2, 2, 9)
    gauss = LagrangianLine(lambda y: np.exp(-(y**2) / 0.18) / np.sqrt(0.18 * np.pi), -2.4, 2.4)
    gauss.step(0.1, 0.25, lambda x: x**2, lambda x: 2 * x, lambda x: 2 + 0 * x)
    _, S = gaussian_step(0, 0.09, 2, 0.025, 0.1)
    right = np.exp(-(x**2) / (2 * S)) / np.sqrt(2 * np.pi * S)
    assert np.abs(gauss.density(x) - right).max() < 1e-11


def product(n, tau, steps, **options):
    """L1 error on the product of two double wells, and the solution."""
    grid = fp.Grid([(-3, 3), (-3, 3)], n)
    problem = fp.Problem(grid, f=lambda x, y: (x * x - 1) ** 2 / 4 + (y * y - 1) ** 2 / 2, beta=2.0)
    start = fp.gaussian(grid, (-0.4, 0.5), (0.16, 0.09))
    method = Entropic(tau, **options)
    solution = fp.solve(problem, start, [0, tau * steps], method, steady=False)
    x, y = grid.centers
    right = line(x, -0.4, 0.4, tau, steps, 1.0)[:, None] * line(y, 0.5, 0.3, tau, steps, 2.0)
    return float(grid.integrate(np.abs(solution[1] - right))), solution


def test_product_of_double_wells():
    """The step of a product in a separable f is the product of the steps; order 4, and a cap."""
    errors = [product(n, 0.02, 1)[0] for n in (48, 96)]
    assert errors[1] < 5e-5
    assert errors[0] / errors[1] > 14


@pytest.mark.slow
def test_product_of_double_wells_on_a_fine_grid():
    for tau, steps in ((0.02, 1), (0.05, 1), (0.02, 5)):
        assert product(192, tau, steps)[0] < 5e-6


def test_richardson():
    plain, _ = product(96, 0.05, 1, tolerance=1e-10)
    error, solution = product(96, 0.05, 1, richardson=True, tolerance=1e-10)
    assert error < 1e-7
    assert error < plain / 300
    assert solution[1].min() > 0


# --- what holds for every step -------------------------------------------------------------------


def tilted_well(n=48, beta=3.0):
    """A double well that is no product, and a start in one of the wells."""
    grid = fp.Grid([(-2.5, 2.5), (-3, 3)], n)
    problem = fp.Problem(
        grid, f=lambda x, y: 2 * (x * x - 1) ** 2 + y * y / 2 + x * y / 2, beta=beta
    )
    return problem, fp.gaussian(grid, (-1, 0.5), (0.05, 0.09))


@pytest.mark.parametrize("tau", [1e-4, 1e-2, 1.0, 100.0])
def test_energy_mass_positivity_for_every_tau(tau):
    problem, start = tilted_well()
    method = Entropic(tau)
    solution = fp.solve(problem, start, np.arange(5) * tau, method)
    energy = solution.stats["energy"]
    assert np.all(np.diff(energy) < 1e-12 * energy[:-1] + 1e-15)
    assert np.abs(solution.mass - 1).max() < 1e-13
    assert solution.rho.min() >= 0


def test_the_density_at_rest_stays_and_one_near_it_comes_nearer():
    problem, _ = tilted_well()
    grid = problem.grid
    rest = fp.steady_state(problem).rho
    for tau in (1e-3, 0.1, 10.0):
        solution = fp.solve(problem, rest, [0, 4 * tau], Entropic(tau))
        assert grid.integrate(np.abs(solution[1] - rest)) < 1e-13
    near = rest * (1 + 1e-6 * np.tanh(grid.x[0]))
    near /= grid.integrate(near)
    energy = fp.solve(problem, near, [0, 2], Entropic(0.5)).stats["energy"]
    assert np.all(np.diff(energy) < 0)


def test_without_debiasing_the_density_at_rest_moves():
    """Counterexample: the biased step's own fixed point is another density."""
    problem, _ = tilted_well(32)
    grid, tau, width = problem.grid, 0.1, 1.2
    h = min(grid.h)
    K = GaussianKernel(grid.shape, [width * h / k for k in grid.h], grid.periodic)
    c = problem.beta * (width * h) ** 2 / tau
    rest = -problem.beta * problem.f - logsumexp(-problem.beta * problem.f)
    a = 0.5 * rest
    for _ in range(400):
        kb = K(rest - K(a))
        a = (rest - kb) / (1 + c)
    r = a + kb
    moved = np.abs(np.exp(r - logsumexp(r)) - np.exp(rest)).sum()
    assert moved > 1e-2


def test_iterations_do_not_grow_with_the_grid():
    counts = []
    for n in (48, 96, 192):
        problem, start = tilted_well(n)
        stats = one_step(problem, start, 0.1).stats
        counts.append(stats["iterations"])
        assert stats["restarts"] == 0
    assert counts[-1] <= counts[0]
    assert max(counts) <= 20


def test_the_plain_iteration_grows_with_the_grid():
    """Counterexample: the same fixed point, accelerated, without corrections for smooth errors."""
    counts = []
    for n in (32, 128):
        grid = fp.Grid([(-3, 3)], n)
        V = (grid.x[0] ** 2 - 1) ** 2
        q = np.log(fp.gaussian(grid, -0.5, 0.09) * grid.volume)
        solver = Potentials(grid.shape, (False,), [1.2], (1.2 * 6 / n) ** 2 / 0.3, 1e-8)
        solver.plan = solver.plan[:1]  # no ladder: the first rung takes the plain iteration
        solver.solve(Ends(q, beta_V=V))
        counts.append(solver.count["iterations"])
    assert counts[1] > 1.5 * counts[0]


def test_converges_to_the_flow_as_tau_shrinks():
    problem, start = tilted_well(40)
    exact = fp.solve(problem, start, [0, 0.4])[1]
    errors = [
        problem.grid.integrate(np.abs(fp.solve(problem, start, [0, 0.4], Entropic(t))[1] - exact))
        for t in (0.1, 0.05, 0.025)
    ]
    assert errors[1] < 0.65 * errors[0]
    assert errors[2] < 0.65 * errors[1]


def test_periodic_axes():
    """On a torus a step commutes with shifts by cells, and walls play no part."""
    grid = fp.Grid([(0, 4), (0, 3)], (32, 24), sides="periodic")
    x, y = grid.x
    start = np.exp(np.cos(np.pi * x / 2) + 0.5 * np.sin(2 * np.pi * y / 3))
    start /= grid.integrate(start)
    problem = fp.Problem(grid)
    rho = one_step(problem, start, 0.2, tolerance=1e-11)[1]
    shifted = one_step(problem, np.roll(start, (5, 7), (0, 1)), 0.2, tolerance=1e-11)[1]
    assert np.abs(np.roll(rho, (5, 7), (0, 1)) - shifted).max() < 1e-9
    exact = fp.solve(problem, start, [0, 0.2])[1]
    assert 0 < grid.integrate(np.abs(rho - exact)) < 0.25 * grid.integrate(np.abs(start - exact))


def test_odd_and_unequal_boxes():
    grid = fp.Grid([(-3, 3), (-3, 3)], (75, 61))
    problem = fp.Problem(grid, f=lambda x, y: (x**2 + y**2) / 2)
    m, S = gaussian_step(0.5, 0.4, 1, 0.5, 0.5)
    rho = one_step(problem, fp.gaussian(grid, (0.5, 0), 0.4), 0.5)[1]
    # Walls at three standard deviations: compare inside.
    x, y = grid.x
    inside = x**2 + y**2 < 1
    right = np.exp(-((x - m) ** 2 + y**2) / (2 * S))
    ratio = (rho / right)[inside]
    assert np.ptp(np.log(ratio)) < 0.02


# --- other energies ------------------------------------------------------------------------------


def barenblatt(grid, scale=1.0, t=0.5):
    """Barenblatt's profile in the plane, m = 2, mass 1, dilated."""
    r2 = (grid.x**2).sum(0) / scale**2
    profile = t**-0.5 * np.maximum(0.199471140201 - r2 * t**-0.5 / 16, 0.0) / scale**2
    return profile / grid.integrate(profile)


def test_porous_medium_dilates_barenblatts_profile():
    """(s - 1) <r^2>/tau = 2 F/s^3: the step is the dilation by s = 1.0233."""
    tau, M2 = 0.05, 1.063846081 * 0.5**0.5
    fine = fp.Grid([(-3, 3), (-3, 3)], 600)
    F = energies.PorousMedium(2).value(barenblatt(fine), fine)
    s = 1.0
    for _ in range(50):
        s = 1 + 2 * tau * F / (M2 * s**3)
    grid = fp.Grid([(-3, 3), (-3, 3)], 64)
    start = barenblatt(grid)
    solution = one_step(fp.Problem(grid), start, tau, energy=energies.PorousMedium(2))
    rho, r2 = solution[1], (grid.x**2).sum(0)
    measured = np.sqrt(grid.integrate(r2 * rho) / grid.integrate(r2 * start))
    assert abs(measured - s) < 1e-4
    assert grid.integrate(np.abs(rho - barenblatt(grid, s))) < 2e-3
    assert solution.stats["largest_rise"] < 0


def test_interaction_of_springs_is_a_potential_around_the_mean():
    """W = k|z|^2/2 acts on the density like k|x - mean|^2/2."""
    grid = fp.Grid([(-5, 5)], 96)
    start = fp.gaussian(grid, 0.4, 0.3)
    spring = energies.Entropy(0.5) + energies.Interaction(lambda z: z**2)
    well = energies.Entropy(0.5) + energies.Potential(lambda x: (x - 0.4) ** 2)
    rho, other = (
        one_step(fp.Problem(grid), start, 0.1, energy=e, tolerance=1e-9)[1] for e in (spring, well)
    )
    assert grid.integrate(np.abs(rho - other)) < 1e-7
    assert grid.integrate(np.abs(rho - start)) > 0.01


def test_the_order_of_terms_does_not_matter():
    """Three terms are a sum with a sum in it: a free energy, wherever the brackets are."""
    grid = fp.Grid([(-5, 5)], 64)
    start = fp.gaussian(grid, 0.4, 0.3)
    noise, well = energies.Entropy(0.5), energies.Potential(lambda x: x**2 / 2)
    spring = energies.Interaction(lambda z: z**2)
    found = [
        one_step(fp.Problem(grid), start, 0.1, energy=e)
        for e in (noise + well + spring, noise + (well + spring), spring + (well + noise))
    ]
    assert all(solution.stats["fields"] > 1 for solution in found)
    for solution in found[1:]:
        np.testing.assert_allclose(solution[1], found[0][1], rtol=1e-12)


def test_a_crowd_stays_below_its_limit():
    grid = fp.Grid([(-2, 2)], 64)
    start = np.where(np.abs(grid.x[0] + 1) < 0.75, 1.0, 0.0)
    start /= grid.integrate(start)
    crowd = energies.Congestion(1.0) + energies.Potential(lambda x: (x - 1) ** 2)
    solution = one_step(fp.Problem(grid), start, 0.1, energy=crowd, tolerance=1e-3)
    assert solution[1].max() < 1 + 1e-6
    assert grid.integrate(grid.x[0] * solution[1]) > grid.integrate(grid.x[0] * start) + 0.1


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0.5}, "width is 0.5 cells"),
        ({"width": "wide"}, "width is 'wide'"),
        ({"width": np.nan}, "width"),
        ({"tolerance": 0}, "tolerance is 0"),
        ({"tolerance": 2.0}, "below 1"),
        ({"richardson": 1}, "True or False"),
        ({"tau": -1}, "tau is -1"),
        ({"energy": "entropy"}, "energy is 'entropy'"),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        Entropic(**{"tau": 0.1} | options)


def problems():
    box = [(-2, 2), (-2, 2)]
    grid = fp.Grid(box, 16)
    faces = np.linspace(-2, 2, 17) ** 3 / 4
    yield "graded", fp.Problem(fp.Grid([faces, (-2, 2)], (16, 16)), f=lambda x, y: x * x + y * y)
    yield "absorbing", fp.Problem(fp.Grid(box, 16, "absorbing"))
    yield "off-diagonal", fp.Problem(fp.Grid(box, 16, "periodic"), D=[[1, 0.5], [0.5, 1]])
    yield "depends on x", fp.Problem(grid, D=lambda x, y: 1 + x**2)
    yield "detailed balance", fp.Problem(grid, drift=lambda x, y: (-x - y, x - y))


@pytest.mark.parametrize("number", range(5))
def test_problems_that_do_not_suit(number):
    words, problem = list(problems())[number]
    start = np.ones(problem.grid.shape)
    start /= problem.grid.integrate(start)
    with pytest.raises(ValueError, match=words):
        fp.solve(problem, start, [0, 0.1], Entropic(0.1), steady=False)


@pytest.mark.parametrize("tau", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("name", ["disc", "cell", "noise", "corner", "uniform"])
def test_rough_starts(name, tau, rng):
    """Jumps, holes and single cells are no obstacle."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    x, y = grid.x
    start = {
        "disc": np.where(x**2 + y**2 < 0.5, 1.0, 0.0),
        "cell": np.where((np.abs(x - 1) < 0.1) & (np.abs(y) < 0.1), 1.0, 0.0),
        "noise": 0.01 + rng.random(grid.shape),
        "corner": np.where((x < -2.5) & (y < -2.5), 1.0, 0.0),
        "uniform": np.ones(grid.shape),
    }[name]
    start /= grid.integrate(start)
    problem = fp.Problem(grid, f=lambda x, y: x**2 / 2 + y**2)
    stats = fp.solve(problem, start, [0, 2 * tau], Entropic(tau), steady=False).stats
    assert stats["largest_rise"] < 0


def test_short_steps_of_rough_densities_are_refused(rng):
    """Where the thermal length of a step is far below a cell, and the density is rough."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    start = np.where((grid.x**2).sum(0) < 0.5, 1.0, 0.0)
    start /= grid.integrate(start)
    with pytest.raises(ConvergenceError, match="take longer steps, more cells or smoother data"):
        one_step(fp.Problem(grid, beta=50.0), start, 1e-5)


def test_an_iteration_that_does_not_end_says_so():
    grid = fp.Grid([(-3, 3)], 64)
    q = np.log(fp.gaussian(grid, -0.5, 0.09) * grid.volume)
    solver = Potentials(grid.shape, (False,), [1.2], 0.01, 1e-12, max_iterations=3)
    with pytest.raises(ConvergenceError, match="after 3 iterations; raise tolerance"):
        solver.solve(Ends(q, beta_V=grid.x[0] ** 2))
