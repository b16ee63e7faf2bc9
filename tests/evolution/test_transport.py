"""Which scheme in space a run takes, and what it is worth where the drift beats the noise."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.evolution.transport import GridNoise
from fokkerplanck.scheme.dissipation import numerical_dissipation
from tests.convergence.rates import assert_rate
from tests.methods.test_flux_corrected import absorbed, rotation


def oscillator(n, kT=0.05, friction=0.1, t=1.0):
    """Damped oscillator with noise on the velocity alone: problem, start, mean and covariance."""
    grid = fp.Grid([(-2, 2), (-2, 2)], n)
    problem = fp.Problem(grid, drift=lambda x, v: (v, -x - friction * v), D=(0, friction), kT=kT)
    flow = expm(np.array([[0, 1], [-1, -friction]]) * t)
    rest = kT * np.eye(2)
    cov = flow @ (0.02 * np.eye(2) - rest) @ flow.T + rest
    return problem, fp.gaussian(grid, (0.8, 0), 0.02), flow @ [0.8, 0], cov


# --- the target ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "cap"), [(50, 0.06), (100, 3e-3)])
def test_rotation_with_little_noise_by_default(n, cap):
    """The Markov generator is off by 1.09 and .78 there."""
    problem, exact = rotation(n)
    s = fp.solve(problem, exact(0.0), [0, 0.5])
    assert problem.grid.integrate(np.abs(s[1] - exact(0.5))) < cap
    assert s.stats["scheme"] == "upwind5"
    assert s.stats["numerical_diffusion"] > 1
    assert s.min_rho.min() >= 0
    assert np.abs(s.mass - 1).max() < 1e-13


@pytest.mark.slow
def test_rotation_on_a_fine_grid():
    problem, exact = rotation(200)
    s = fp.solve(problem, exact(0.0), [0, 0.5], steady=False)
    assert problem.grid.integrate(np.abs(s[1] - exact(0.5))) < 2e-4


@pytest.mark.parametrize(
    "options", [{"scheme": "markov"}, {"method": fp.Exponential()}, {"method": fp.Implicit()}]
)
def test_the_generator_says_what_the_grid_adds(options):
    problem, exact = rotation(50)
    s = fp.solve(problem, exact(0.0), [0, 0.5], steady=False, **options)
    assert s.stats["scheme"] == "markov"
    assert s.stats["numerical_diffusion"] > 10
    assert "the grid adds 3" in s.message
    assert "times the noise" in s.message
    assert problem.grid.integrate(np.abs(s[1] - exact(0.5))) > 1


@pytest.mark.parametrize("n", [64, pytest.param(128, marks=pytest.mark.slow)])
def test_variance_along_a_direction_without_noise(n):
    """The Markov generator is off by 130 % and 60 %."""
    problem, start, mean, cov = oscillator(n)
    grid = problem.grid
    s = fp.solve(problem, start, [0, 1.0])
    x, v = grid.x
    assert s.stats["scheme"] == "upwind5"
    assert grid.integrate((x - mean[0]) ** 2 * s[1]) / cov[0, 0] == pytest.approx(1, abs=1e-5)
    assert grid.integrate((v - mean[1]) ** 2 * s[1]) / cov[1, 1] == pytest.approx(1, abs=1e-5)
    assert grid.integrate(np.abs(s[1] - fp.gaussian(grid, mean, cov))) < 0.01


def test_order_in_space():
    sizes, errors = (48, 72, 108), []
    for n in sizes:
        problem, start, mean, cov = oscillator(n, kT=0.1)
        s = fp.solve(problem, start, [0, 1.0], scheme="upwind5", steady=False)
        expected = fp.gaussian(problem.grid, mean, cov)
        errors.append(float(problem.grid.integrate(np.abs(s[1] - expected))))
    assert_rate(1 / np.array(sizes), errors, order=4, cap=1e-3)


# --- the methods on the upwind flux --------------------------------------------------------------


@pytest.mark.parametrize(
    "method", [fp.Implicit(), fp.Implicit(2, tolerance=1e-5), fp.Exponential(kind="krylov")]
)
def test_methods_agree(method):
    problem, start, _, _ = oscillator(64)
    s = fp.solve(problem, start, [0, 0.5, 1.0], method, scheme="upwind5", steady=False)
    series = fp.solve(problem, start, [0, 0.5, 1.0], scheme="upwind5", steady=False)
    assert series.stats["kind"] == "taylor"
    assert problem.grid.integrate(np.abs(s.rho - series.rho)).max() < 1e-5
    assert np.abs(s.mass - 1).max() < 1e-13
    assert s.min_rho.min() >= 0


def test_long_intervals_by_krylov_spaces():
    problem, start, _, _ = oscillator(32, friction=0.5, kT=0.15)
    s = fp.solve(problem, start, [0, 1000.0], scheme="upwind5")
    assert "krylov" in s.stats["kind"]
    assert s.free_energy[1] < 1e-6 * s.free_energy[0]


def test_results_do_not_depend_on_output_times():
    """Negative masses are cut off what is shown, not off what evolves."""
    problem, start, _, _ = oscillator(64)
    few = fp.solve(problem, start, [0, 1.0], steady=False)
    many = fp.solve(problem, start, [0, 0.5, 1.0], steady=False)
    assert few.stats["clipped_mass"] > 0
    assert many.stats["limited_intervals"] == 0
    assert problem.grid.integrate(np.abs(few[-1] - many[-1])) < 1e-11


def test_from_a_point_the_run_is_limited_and_says_so():
    problem, _ = rotation(50)
    grid, rho0 = problem.grid, np.zeros(problem.grid.shape)
    rho0[38, 25] = 1 / grid.volume
    s = fp.solve(problem, rho0, [0, 0.02, 0.3], steady=False)
    assert s.stats["scheme"] == "upwind5"
    assert s.stats["negative_mass"] > 1e-3
    assert s.stats["limited_intervals"] >= 1
    assert "FluxCorrected" in s.stats["scheme_reason"]
    assert s.min_rho.min() >= 0
    assert np.abs(s.mass - 1).max() < 1e-13


def test_in_space():
    grid = fp.Grid([(-2, 2)] * 3, 16)
    problem = fp.Problem(
        grid, drift=lambda x, y, z: (2 * y - x, -2 * x - y, -z), D=(0.2, 0.02, 0.2), kT=0.2
    )
    s = fp.solve(problem, fp.gaussian(grid, (0.5, 0, 0), 0.15), [0, 0.2])
    assert s.stats["scheme"] == "upwind5"
    assert s.min_rho.min() >= 0
    assert np.abs(s.mass - 1).max() < 1e-13


@pytest.mark.parametrize("drift", [0.5, 3.0])
def test_absorbing_sides(drift):
    """Against images."""
    begin, end = (0.1, 0.6) if drift < 1 else (0.04, 0.12)
    sizes, errors = (40, 80, 160), []
    for n in sizes:
        problem, exact = absorbed(n, drift)
        grid, start = problem.grid, exact(begin)
        left = grid.integrate(start)
        s = fp.solve(problem, start / left, np.linspace(0, end - begin, 4), scheme="upwind5")
        errors.append(float(grid.integrate(np.abs(s[-1] * left - exact(end)))))
        assert s.min_rho.min() >= 0
        assert (np.diff(s.mass) <= 1e-12).all()
    assert_rate(1 / np.array(sizes), errors, order=1.9, cap=2e-3)


# --- what "auto" takes ---------------------------------------------------------------------------


def test_noise_of_the_grid_is_the_numerical_dissipation():
    problem, exact = rotation(25)
    edges = fp.Edges.from_problem(problem)
    rho = exact(0.1)
    assert GridNoise(edges).of(rho) == pytest.approx(numerical_dissipation(edges, np.log(rho)))
    assert GridNoise(edges).of(fp.uniform(problem.grid)) == 0


def test_where_noise_wins_nothing_changes():
    grid = fp.Grid([(-4, 4)] * 2, 32)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
    start = fp.gaussian(grid, (1, 0), 0.2)
    auto = fp.solve(problem, start, [0, 0.5, 1])
    markov = fp.solve(problem, start, [0, 0.5, 1], scheme="markov")
    assert auto.stats["scheme"] == "markov"
    np.testing.assert_array_equal(auto.rho, markov.rho)
    np.testing.assert_array_equal(auto.free_energy, markov.free_energy)


def test_detailed_balance_stays_with_the_generator_and_its_theorem():
    grid = fp.Grid([(-1, 1)] * 2, 32)
    problem = fp.Problem(grid, f=lambda x, y: x**2 + y**2, kT=1e-3)
    s = fp.solve(problem, fp.gaussian(grid, (0.5, 0.5), 0.01), [0, 0.1, 0.2, 0.5])
    assert s.stats["scheme"] == "markov"
    assert (np.diff(s.free_energy) < 0).all()
    assert s.stats["numerical_diffusion"] > 1
    assert "the grid adds" in s.message


def test_a_generator_at_hand_is_taken():
    problem, exact = rotation(25)
    s = fp.solve(fp.Generator(problem), exact(0.0), [0, 0.1], steady=False)
    assert s.stats["scheme"] == "markov"


def test_the_scheme_changes_when_the_density_begins_to_feel_the_grid():
    """A uniform start has no gradient, so that nothing smears it; later densities have."""
    problem = oscillator(32)[0]
    seen = []
    s = fp.solve(
        problem, fp.uniform(problem.grid), [0, 1e-6, 0.5, 1.0],
        callback=lambda t, rho: seen.append(t),
    )  # fmt: skip
    whole = fp.solve(problem, fp.uniform(problem.grid), [0, 1e-6, 0.5, 1.0], scheme="upwind5")
    assert seen == [0, 1e-6, 0.5, 1.0]
    assert s.stats["scheme"] == "upwind5"
    assert problem.grid.integrate(np.abs(s.rho - whole.rho)).max() < 1e-3
    np.testing.assert_allclose(s.free_energy, whole.free_energy, rtol=1e-3)


def test_free_energy_refers_to_the_state_that_the_flux_relaxes_to():
    """Counterexample: against the generator's own it ends far from zero."""
    problem, start, _, _ = oscillator(48, friction=0.5, kT=0.1)
    times = [0, 1.0, 40.0]
    mine = fp.solve(problem, start, times)
    assert mine.stats["scheme"] == "upwind5"
    assert 0 <= mine.free_energy[-1] < 1e-5
    markov = fp.steady_state(problem, scheme="markov")
    other = fp.solve(problem, start, times, steady=markov)
    assert other.free_energy[-1] > 1e-3
    assert np.isnan(mine.dissipation).all()


def test_events_and_dense_output():
    problem, start, _, _ = oscillator(64)
    x = problem.grid.x[0]
    times = np.linspace(0, 2, 21)

    def crossing(t, rho):
        return problem.grid.integrate(x * rho)

    s = fp.solve(problem, start, times, events=crossing, dense=True, steady=False)
    # x'' + .1 x' + x = 0 from (.8, 0)
    w = np.sqrt(1 - 0.05**2)
    assert s.t_events[0][0] == pytest.approx((np.pi - np.arctan(w / 0.05)) / w, abs=1e-4)
    middle = fp.solve(problem, start, [0, 0.55], steady=False)
    assert problem.grid.integrate(np.abs(s.at(0.55) - middle[1])) < 1e-3


BAD = {
    "unknown": ({"scheme": "weno"}, "scheme is 'weno'; choose from auto, markov, upwind5"),
    "balanced": ({"scheme": "well_balanced"}, "make it by Problem.langevin"),
    "balanced steps": (
        {"scheme": "well_balanced", "method": fp.Implicit()},
        'scheme="well_balanced" exists for Exponential,',
    ),
    "euler": (
        {"scheme": "upwind5", "method": fp.BackwardEuler(0.1)},
        "exists for Exponential, Implicit and FluxCorrected",
    ),
    "kind": (
        {"scheme": "upwind5", "method": fp.Exponential(kind="uniformisation")},
        "needs a Markov generator",
    ),
    "multilevel": (
        {"scheme": "upwind5", "method": fp.Implicit(solver="multilevel")},
        "needs a Markov generator",
    ),
    "limited": ({"scheme": "markov", "method": fp.FluxCorrected()}, "which has its own"),
    "central": (
        {"scheme": "upwind5", "method": fp.FluxCorrected(flux="central")},
        "which has its own",
    ),
}


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD.keys())
def test_bad_arguments(options, words):
    problem, exact = rotation(25)
    with pytest.raises(ValueError, match=words):
        fp.solve(problem, exact(0.0), [0, 0.1], steady=False, **options)


# --- finer grids ---------------------------------------------------------------------------------


def of_zoo(exact, t, sizes):
    """Problems on grids, time, and densities at 0 and then."""
    for n in sizes:
        problem = exact.build(n)
        rho = [exact.rho_t(time, *problem.grid.x) for time in (0.0, t)]
        yield problem, t, *(r / problem.grid.integrate(r) for r in rho)


def turning(sizes, kT, t=0.5):
    for n in sizes:
        problem, exact = rotation(n, kT)
        yield problem, t, exact(0.0), exact(t)


def swinging(sizes):
    for n in sizes:
        problem, start, mean, cov = oscillator(n)
        yield problem, 1.0, start, fp.gaussian(problem.grid, mean, cov)


def linear(F, D, kT):
    """Linear drift from a Gaussian beside the centre."""
    return fp.zoo.ornstein_uhlenbeck(F, D, kT, mean0=(1.0, 0.0), cov0=0.1)


TENSOR = [[1, 0.6], [0.6, 0.5]]
THREE = (24, 48, 96)
FLUX = {
    "wave": lambda: of_zoo(fp.zoo.advection_diffusion(2), 1.0, (12, *THREE)),
    "wave, diagonal D": lambda: of_zoo(
        fp.zoo.advection_diffusion(2, D=(1.0, 0.5)), 1.0, (12, *THREE)
    ),
    "wave on a ring": lambda: of_zoo(fp.zoo.advection_diffusion(1), 1.0, (12, *THREE, 192)),
    "wave in space": lambda: of_zoo(fp.zoo.advection_diffusion(3), 0.5, (8, 12, 16)),
    "rotation": lambda: turning((25, 50, 100), 1e-3),
    "slower rotation": lambda: turning(THREE, 0.01),
    "tensor": lambda: of_zoo(linear([[1, -1.5], [1.5, 1]], TENSOR, 1 / 3), 1.0, THREE),
    "spiral": lambda: of_zoo(fp.zoo.spiral(0.1), 1.0, THREE),
    "gyrator": lambda: of_zoo(fp.zoo.gyrator(0.1), 1.0, THREE),
    "oscillator": lambda: swinging(THREE),
    "leaky integral": lambda: of_zoo(fp.zoo.leaky_integrator(), 1.0, THREE),
    "one noise": lambda: of_zoo(fp.zoo.one_noise(), 1.0, (24, 48)),
}
CHAIN = {
    "weak circulation": lambda: of_zoo(linear([[1, -0.1], [0.1, 1]], 1.0, 1.0), 1.0, THREE),
    "detailed balance": lambda: of_zoo(linear([[1, 0], [0, 2]], 1.0, 0.3), 1.0, THREE),
    "walls": lambda: of_zoo(fp.zoo.square_root_diffusion(), 1.0, THREE),
}


@pytest.mark.parametrize("name", [*FLUX, *CHAIN])
def test_finer_grids_are_no_worse(name):
    """The scheme is chosen for the problem, and does not change along a sequence of grids."""
    errors, chosen = [], "upwind5" if name in FLUX else "markov"
    for problem, t, start, end in (FLUX | CHAIN)[name]():
        s = fp.solve(problem, start, [0, t], steady=False)
        assert s.stats["scheme"] == chosen
        errors.append(float(problem.grid.integrate(np.abs(s[-1] - end))))
    assert all(b < 1.5 * a for a, b in pairwise(errors))


def test_a_threshold_for_the_grid_would_make_finer_grids_worse():
    """The chain adds less than a twentieth of the noise on the finer of these grids."""
    (coarse, *_, start, end), (fine, t, begin, wanted) = of_zoo(
        fp.zoo.advection_diffusion(2), 1.0, (48, 96)
    )
    flux = fp.solve(coarse, start, [0, t], scheme="upwind5", steady=False)
    chain = fp.solve(fine, begin, [0, t], scheme="markov", steady=False)
    assert chain.stats["numerical_diffusion"] < 0.05
    before = coarse.grid.integrate(np.abs(flux[-1] - end))
    assert fine.grid.integrate(np.abs(chain[-1] - wanted)) > 1000 * before


# --- motion with inertia in a known potential ----------------------------------------------------


def test_maxwell_boltzmann_stays():
    """Counterexample: the flux by itself leaves it."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 40)
    problem = fp.Problem.langevin(grid, lambda x: x**4 / 4 - x**2 / 2, 0.1, 0.05)
    rest = fp.steady_state(problem).rho
    s = fp.solve(problem, rest, [0, 1, 300], dense=True)
    assert s.stats["scheme"] == "well_balanced"
    assert grid.integrate(np.abs(s.rho - rest)).max() < 1e-13
    assert np.abs(s.free_energy).max() < 1e-13
    assert grid.integrate(np.abs(s.at(100.0) - rest)) < 1e-13
    other = fp.solve(problem, rest, [0, 1], scheme="upwind5", steady=False)
    assert grid.integrate(np.abs(other[-1] - rest)) > 1e-3


@pytest.mark.parametrize("scheme", ["auto", "phase_space"])
def test_everything_relaxes_to_maxwell_boltzmann(scheme):
    grid = fp.Grid([(-2, 2), (-2, 2)], 40)
    problem = fp.Problem.langevin(grid, lambda x: x**2 / 2, 0.5, 0.1)
    s = fp.solve(problem, fp.gaussian(grid, (0.6, 0), 0.03), [0, 1.0, 80.0], scheme=scheme)
    assert grid.integrate(np.abs(s[-1] - fp.steady_state(problem).rho)) < 1e-8
    assert s.free_energy[-1] < 1e-15
    assert np.abs(s.mass - 1).max() < 1e-13


def test_on_the_way_it_is_as_good_as_the_flux():
    """`PhaseSpaceFlux` is of second order there."""
    _, start, mean, cov = oscillator(64)
    grid = fp.Grid([(-2, 2), (-2, 2)], 64)
    problem = fp.Problem.langevin(grid, lambda x: x**2 / 2, 0.1, 0.05)
    wanted, errors = fp.gaussian(grid, mean, cov), {}
    for scheme in ("auto", "upwind5", "phase_space"):
        s = fp.solve(problem, start, [0, 1.0], scheme=scheme, steady=False)
        errors[scheme] = grid.integrate(np.abs(s[-1] - wanted))
    assert errors["auto"] == pytest.approx(errors["upwind5"], rel=0.05)
    assert errors["phase_space"] > 5 * errors["auto"]
