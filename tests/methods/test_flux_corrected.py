"""Flux-corrected transport: high order at any anisotropy and any drift, positive, mass exact."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.factors import CentralFactor
from fokkerplanck.methods import BackwardEuler, Context, FluxCorrected
from fokkerplanck.methods.flux_corrected import GAMMA
from fokkerplanck.scheme.central_flux import CentralFlux
from fokkerplanck.scheme.face_routes import staircases
from fokkerplanck.scheme.generator import Generator
from tests.convergence.rates import assert_rate
from tests.convergence.test_transient import drifting_wave, heat_in_a_box


def turned(kappa, angle=np.pi / 6):
    """Rotating Ornstein-Uhlenbeck process with tilted noise of condition number kappa."""
    c, s = np.cos(angle), np.sin(angle)
    R = np.array([[c, -s], [s, c]])
    D = R @ np.diag([1, 1 / kappa]) @ R.T
    return zoo.ornstein_uhlenbeck([[1.0, -2.0], [2.0, 1.0]], D, 0.25, mean0=(1.0, 0.0), cov0=0.05)


def run(exact, n, t=0.5, method=FluxCorrected(0.01, flux="central")):  # noqa: B008
    """Solution on n cells per axis, and its L1 error at the end."""
    problem = exact.build(n)
    grid = problem.grid
    rho0 = exact.rho_t(0.0, *grid.x)  # in space thinner than a cell
    s = fp.solve(problem, rho0 / grid.integrate(rho0), [0, t], method, steady=False)
    return s, float(grid.integrate(np.abs(s[1] - exact.rho_t(t, *grid.x))))


CASES = {
    "spiral": (zoo.spiral, 5e-3),
    "kappa 1": (lambda: turned(1.0), 3e-3),
    "kappa 100": (lambda: turned(100.0), 6e-3),
}


@pytest.mark.parametrize(("build", "cap"), CASES.values(), ids=CASES.keys())
def test_second_order_positive_exact_in_mass(build, cap):
    sizes, errors = (48, 96, 192), []
    for n in sizes:
        s, error = run(build(), n)
        errors.append(error)
        assert s.min_rho.min() >= 0
        assert np.abs(s.mass - 1).max() < 1e-13
    assert_rate(1 / np.array(sizes), errors, order=2, cap=cap)


FINER = {
    "spiral": (zoo.spiral, (40, 60, 90), 2e-4),
    "kappa 1": (lambda: turned(1.0), (36, 48, 64), 2e-4),
    "kappa 100": (lambda: turned(100.0), (40, 60, 90), 1e-3),
}


@pytest.mark.parametrize(("build", "sizes", "cap"), FINER.values(), ids=FINER.keys())
def test_fourth_order_by_the_upwind_flux(build, sizes, cap):
    """Explicit steps of no error in time worth a word: what remains is that of the grid."""
    errors = []
    for n in sizes:
        s, error = run(build(), n, method=FluxCorrected())
        errors.append(error)
        assert s.min_rho.min() >= 0
        assert np.abs(s.mass - 1).max() < 1e-13
    assert_rate(1 / np.array(sizes), errors, order=4, cap=cap)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "n", "cap"),
    [(FluxCorrected(0.005, flux="central"), 256, 3e-3), (FluxCorrected(), 128, 3e-4)],
)
def test_the_figure_of_the_documentation(method, n, cap):
    """Condition number 100, where the Markov generator is off by 0.1 and more."""
    exact = turned(100.0)
    s, error = run(exact, n, method=method)
    assert error < cap
    assert s.min_rho.min() >= 0
    assert abs(s.mass[-1] - 1) < 1e-13
    assert s.stats["limited_mass"] < 1e-6
    markov = fp.solve(exact.build(n), s[0], [0, 0.5], steady=False, scheme="markov")
    grid = markov.grid
    assert grid.integrate(np.abs(markov[1] - exact.rho_t(0.5, *grid.x))) > 0.08


@pytest.mark.parametrize(
    ("build", "t", "cap"), [(heat_in_a_box, 0.2, 1e-4), (drifting_wave, 1.0, 5e-3)]
)
def test_plane_waves(build, t, cap):
    sizes, errors = (24, 48, 96), []
    for n in sizes:
        problem, exact = build(n)
        rho0 = exact(0.0, *problem.grid.x)
        rho0 = rho0 / problem.grid.integrate(rho0)
        s = fp.solve(problem, rho0, [0, t], FluxCorrected(0.25 * t / n, "central"), steady=False)
        errors.append(float(problem.grid.integrate(np.abs(s[1] - exact(t, *problem.grid.x)))))
    assert_rate(1 / np.array(sizes), errors, order=2, cap=cap)


def test_second_order_in_time():
    problem = turned(10.0).build(80)  # resolved: what the limiter takes back is below 1e-6
    rho0 = fp.gaussian(problem.grid, (0.5, 0.0), 0.1)
    runs = [
        fp.solve(problem, rho0, [0, 0.4], FluxCorrected(0.4 / n), steady=False)[1]
        for n in (20, 40, 80, 320)
    ]
    errors = [problem.grid.integrate(np.abs(r - runs[-1])) for r in runs[:-1]]
    assert_rate([4, 2, 1], errors, order=2, cap=3e-4)


@pytest.mark.parametrize(
    ("build", "t", "cap"), [(heat_in_a_box, 0.02, 1e-6), (drifting_wave, 1.0, 1e-7)]
)
def test_plane_waves_by_the_upwind_flux(build, t, cap):
    sizes, errors = (24, 48, 96), []
    for n in sizes:
        problem, exact = build(n)
        rho0 = exact(0.0, *problem.grid.x)
        rho0 = rho0 / problem.grid.integrate(rho0)
        s = fp.solve(problem, rho0, [0, t], FluxCorrected(), steady=False)
        assert s.stats["limited_steps"] == 0
        errors.append(float(problem.grid.integrate(np.abs(s[1] - exact(t, *problem.grid.x)))))
    assert_rate(1 / np.array(sizes), errors, order=3, cap=cap)


@pytest.mark.parametrize("flux", ["central", "upwind5"])
@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
@pytest.mark.parametrize("dt", [1e-4, 1e-2, 1.0, 1e3])
def test_positive_and_exact_from_a_point_at_any_step(sides, dt, flux):
    grid = fp.Grid([(0, 2 * np.pi)] * 2, 20, sides)
    problem = fp.Problem(
        grid, drift=lambda x, y: (3 * np.sin(y), 3 * np.cos(x)), D=[[1, 0.9], [0.9, 0.85]], kT=0.1
    )
    rho0 = np.zeros(grid.shape)
    rho0[3, 4] = 1 / grid.volume
    s = fp.solve(problem, rho0, dt * np.arange(6), FluxCorrected(dt, flux), steady=False)
    assert s.min_rho.min() >= 0
    assert np.abs(s.mass - 1).max() < 1e-13
    assert s.stats["limited_steps"] > 0


@pytest.mark.parametrize(
    "method", [FluxCorrected(0.02, "central"), FluxCorrected(0.02), FluxCorrected()], ids=repr
)
def test_three_dimensions(method):
    exact = zoo.spiral_3d()
    s, error = run(exact, 14, 0.2, method)
    assert s.min_rho.min() >= 0
    assert abs(s.mass[-1] - 1) < 1e-13
    markov = fp.solve(exact.build(14), s[0], [0, 0.2], steady=False, scheme="markov")
    grid = s.grid
    assert error < grid.integrate(np.abs(markov[1] - exact.rho_t(0.2, *grid.x)))


@pytest.mark.parametrize("flux", ["central", "upwind5"])
def test_graded_axes(flux):
    grid = fp.Grid([np.geomspace(0.1, 3, 61)])
    problem = fp.Problem(grid, f=lambda x: (x - 1) ** 2)
    rho0 = fp.gaussian(grid, 2, 0.1)
    s = fp.solve(problem, rho0, [0, 0.5], FluxCorrected(0.005, flux))
    exact = fp.solve(problem, rho0, [0, 0.5])
    assert grid.integrate(np.abs(s[1] - exact[1])) < 5e-3
    assert abs(s.mass[-1] - 1) < 1e-13


# --- high cell Peclet numbers --------------------------------------------------------------------


def rotation(n, kT=1e-3, turns=5.0):
    """Rotation and pull with little noise: problem, start and density at a time."""
    grid = fp.Grid([(-1, 1), (-1, 1)], n)
    problem = fp.Problem(grid, drift=lambda x, y: (-x - turns * y, turns * x - y), kT=kT)

    def exact(t):
        mean = 0.6 * np.exp(-t) * np.array([np.cos(turns * t), np.sin(turns * t)])
        return fp.gaussian(grid, mean, kT + (0.01 - kT) * np.exp(-2 * t))

    return problem, exact


@pytest.mark.parametrize(("n", "cap"), [(50, 0.06), (100, 3e-3)])
def test_rotation_with_little_noise(n, cap):
    """Cells of Peclet number 120 and 60: the central flux is off by .42 and .19."""
    problem, exact = rotation(n)
    grid = problem.grid
    s = fp.solve(problem, exact(0.0), [0, 0.5], FluxCorrected(), steady=False)
    assert grid.integrate(np.abs(s[1] - exact(0.5))) < cap
    assert s.min_rho.min() >= 0
    assert abs(s.mass[1] - 1) < 1e-13
    central = fp.solve(problem, exact(0.0), [0, 0.5], FluxCorrected(0.005, "central"), steady=False)
    assert grid.integrate(np.abs(central[1] - exact(0.5))) > 5 * cap


def absorbed(n, drift):
    """Brownian motion with a drift from 0.5 between absorbing ends, by images; kT = 0.02."""
    grid = fp.Grid([(0, 1)], n, "absorbing")
    problem = fp.Problem(grid, drift=lambda x: drift + 0 * x, kT=0.02)

    def exact(t):
        x, a = grid.x[0], 0.02
        wall = np.zeros_like(x)
        for k in range(-4, 5):
            for sign, start in ((1, 0.5 + 2 * k), (-1, -0.5 + 2 * k)):
                # Girsanov's factor of a constant drift, of the path from 0.5.
                tilt = drift * (x - 0.5) / (2 * a) - drift**2 * t / (4 * a)
                wall += sign * np.exp(tilt - (x - start) ** 2 / (4 * a * t))
        return wall / np.sqrt(4 * np.pi * a * t)

    return problem, exact


@pytest.mark.parametrize("drift", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("dt", [None, 2e-3])
def test_absorbing_sides(drift, dt):
    """Against images: what is left, where, and that it only ever goes out."""
    sizes, errors = (40, 80, 160), []
    begin, end = (0.1, 0.6) if drift < 1 else (0.04, 0.12)
    for n in sizes:
        problem, exact = absorbed(n, drift)
        grid, start = problem.grid, exact(begin)
        left = grid.integrate(start)
        step = None if dt is None else dt * 40 / n
        times = np.linspace(0, end - begin, 6)
        s = fp.solve(problem, start / left, times, FluxCorrected(step))
        errors.append(float(grid.integrate(np.abs(s[-1] * left - exact(end)))))
        assert s.min_rho.min() >= 0
        assert (np.diff(s.mass) <= 1e-15).all()
    assert_rate(1 / np.array(sizes), errors, order=1.9, cap=2e-3)


# --- what it rests on, what it does not promise --------------------------------------------------


def test_without_the_limiter_densities_are_negative():
    """Counterexample: the step of high order alone."""
    problem = turned(100.0).build(64)
    flux, dt = CentralFlux(problem), 0.005
    factor, p = CentralFactor(flux.matrix, GAMMA * dt), None
    rho0 = fp.gaussian(problem.grid, (1.0, 0.0), 0.05)
    p = (rho0 * problem.grid.volume).ravel()
    for _ in range(100):
        first = factor.solve(p)
        p = powers.weights(2, GAMMA) @ np.stack([first, factor.solve(first)])
    assert p.min() / problem.grid.volume < -1e-3
    s = fp.solve(problem, rho0, [0, 0.5], FluxCorrected(dt, "central"), steady=False)
    assert s.min_rho.min() >= 0


@pytest.mark.parametrize(
    "build", [lambda: turned(100.0).build(16), lambda: zoo.spiral_3d().build(6)]
)
def test_staircases_keep_every_balance(build, rng):
    problem = build()
    generator, central = Generator(problem), CentralFlux(problem)
    edges, n = generator.edges, problem.grid.size
    assert edges.width > 1 or problem.grid.dim == 3
    J = rng.standard_normal(edges.tail.size)
    through = staircases(edges, central.lower, central.axis) @ J
    expected = np.bincount(edges.head, J, n) - np.bincount(edges.tail, J, n)
    got = np.bincount(central.upper, through, n) - np.bincount(central.lower, through, n)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_staircases_on_a_torus(rng):
    grid = fp.Grid([(0, 1), (0, 2)], (9, 7), "periodic")
    problem = fp.Problem(grid, D=[[1, 0.95], [0.95, 1]])
    generator, central = Generator(problem), CentralFlux(problem)
    J = rng.standard_normal(generator.edges.tail.size)
    through, n = staircases(generator.edges, central.lower, central.axis) @ J, grid.size
    expected = np.bincount(generator.edges.head, J, n) - np.bincount(generator.edges.tail, J, n)
    got = np.bincount(central.upper, through, n) - np.bincount(central.lower, through, n)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_it_relaxes_to_the_state_of_its_own_flux_not_to_that_of_the_generator():
    """Free energy against the generator's state levels off; against its own it ends at zero."""
    problem = turned(2.0).build(48)
    rho0 = fp.gaussian(problem.grid, (0.5, 0), 0.1)
    s = fp.solve(problem, rho0, [0, 20, 25], FluxCorrected(0.05, "central"))
    assert s.free_energy[-1] > 1e-8
    assert abs(s.free_energy[2] - s.free_energy[1]) < 1e-3 * s.free_energy[1]
    matrix = CentralFlux(problem).matrix
    rate = np.abs(matrix @ (s[-1] * problem.grid.volume).ravel()).sum()
    assert rate < 1e-6
    markov = fp.steady_state(problem, "markov").rho
    assert np.abs(matrix @ (markov * problem.grid.volume).ravel()).sum() > 1e3 * rate


def test_the_same_factorisations_serve_equal_intervals():
    problem = turned(10.0).build(24)
    rho0 = fp.gaussian(problem.grid, (0.5, 0.0), 0.1)
    s = fp.solve(problem, rho0, np.linspace(0, 1, 11), FluxCorrected(0.02), steady=False)
    assert s.stats["factorisations"] == 2
    assert s.stats["steps"] == 50
    fixed = fp.solve(problem, rho0, [0, 0.02], BackwardEuler(0.02), steady=False)
    assert fixed.stats["factorisations"] == 1


BAD = {
    "zero": (lambda: FluxCorrected(0), "dt is 0; give a finite positive number"),
    "negative": (lambda: FluxCorrected(-1), "dt is -1; give a finite positive number"),
    "nan": (lambda: FluxCorrected(np.nan), "dt is nan; give a finite positive number"),
    "text": (lambda: FluxCorrected("short"), "dt is 'short'; give a finite positive number"),
    "flux": (lambda: FluxCorrected(0.1, "weno"), "flux is 'weno'; choose from upwind5, central"),
    "edges": (
        lambda: FluxCorrected(0.1).init(
            Generator(fp.Edges.from_problem(fp.Problem(fp.Grid([(0, 1)], 8)))), Context(1.0)
        ),
        "a generator made of Edges.*make it of the Problem",
    ),
    "absorbing": (
        lambda: fp.solve(
            fp.Problem(fp.Grid([(0, 1)], 8, "absorbing")),
            np.ones(8),
            1.0,
            FluxCorrected(0.1, "central"),
        ),
        "absorbing ones; use Implicit",
    ),
    "rtol": (
        lambda: fp.solve(
            fp.Problem(fp.Grid([(0, 1)], 8)), np.ones(8), 1.0, FluxCorrected(0.1), rtol=1e-3
        ),
        "does not control its error",
    ),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD.keys())
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
