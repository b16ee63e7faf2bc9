"""Points between walls where the noise vanishes: what passes, against scale and speed."""

import numpy as np
import pytest
from scipy.integrate import quad

import fokkerplanck as fp


def line(n, drift, D=lambda x: x**2, box=(-1, 1), **sides):
    return fp.Problem(fp.Grid([box], n, **sides), drift=drift, D=D)


DRIFTS = {
    "through": (lambda x: 1 + 0 * x, "upwards"),
    "back": (lambda x: x - 0.5, "downwards"),
    "towards": (lambda x: -x, "barrier"),
    "away": (lambda x: 2 * x * (1 - x * x), "barrier"),
    "none": (lambda x: 0 * x, "barrier"),
    "strongly towards": (lambda x: -np.sign(x), "sticky"),
    "strongly away": (lambda x: np.sign(x), "barrier"),
    "slowly through": (lambda x: 1e-4 + 0 * x, "upwards"),
}


@pytest.mark.parametrize("n", [40, 41, 44])
@pytest.mark.parametrize("name", DRIFTS)
def test_what_passes(n, name):
    """On a face, at a centre, and between the two."""
    drift, kind = DRIFTS[name]
    box = (-1.01, 1) if n == 44 else (-1, 1)
    (zero,) = line(n, drift, box=box).inner_zeros
    assert zero.kind == kind
    assert zero.at == pytest.approx(0, abs=1e-9)
    x = line(n, drift, box=box).grid.centers[0]
    assert x[zero.lower] <= zero.at + 1e-12 < x[zero.lower + 1]


@pytest.mark.parametrize(
    ("drift", "kind"), [(0.0, "sticky"), (0.4, "upwards"), (3.0, "upwards"), (-0.4, "downwards")]
)
def test_noise_that_falls_like_the_distance(drift, kind):
    """D = |x|: from the left an exit where the drift pulls through, from the right none."""
    (zero,) = line(40, lambda x: drift + 0 * x, np.abs).inner_zeros
    assert zero.kind == kind
    if drift:
        assert zero.speed == pytest.approx(abs(drift) + 1)  # J = (b - a')rho, a' = -1 from there


@pytest.mark.parametrize(
    "D",
    [
        lambda x: x**2 + 1e-3,
        lambda x: np.abs(x) ** 0.5,
        lambda x: x + 1,
        lambda x: 1 - 0.9 * np.exp(-300 * x * x),
        lambda x: (x > 0) * 1.0,
    ],
    ids=["small", "integrable", "at a wall", "a dip", "half a line"],
)
def test_what_is_no_such_point(D):
    assert line(40, lambda x: 1 + 0 * x, D).inner_zeros == ()


@pytest.mark.parametrize("at", [0.1, 0.3, 0.7])
def test_a_zero_at_a_centre_is_found_once(at):
    """Centres of 10 cells are at odd multiples of .1 but for rounding."""
    problem = line(10, lambda x: 1 + 0 * x, lambda x: (x - at) ** 2)
    assert len(problem.inner_zeros) == 1


def test_arrays_know_zeros_at_centres():
    grid = fp.Grid([(-1, 1)], 41)
    x = grid.x[0]
    (zero,) = fp.Problem(grid, drift=0.5 - x, D=x * x).inner_zeros
    assert (zero.kind, zero.lower) == ("upwards", 20)


def test_a_line_that_is_passed_one_way():
    """Mean time from -.5 to .8 by speed and scale; steady mass on the right alone, exactly."""

    def inner(y):  # mass between the wall at -1 and y, with b/a = 1/x² and B = -1/x, over m s
        return quad(lambda z: np.exp(1 / y - 1 / z) / z**2, -1, y)[0]

    left = quad(inner, -0.5, -1e-3, limit=200)[0] + 1e-3  # drift alone at the last
    right = (
        quad(lambda y: quad(lambda z: np.exp(1 / y - 1 / z) / z**2, 0, y)[0], 1e-3, 0.8)[0] + 1e-3
    )
    errors = []
    for n in (80, 160, 320):
        problem = line(n, lambda x: 1 + 0 * x)
        errors.append(abs(fp.mfpt(problem, lambda x: x > 0.8).at(-0.5) / (left + right) - 1))
    assert errors[0] < 0.02
    assert errors[2] < errors[0] / 3
    problem = line(80, lambda x: 1 + 0 * x)
    state = fp.steady_state(problem)
    mass = state.rho * problem.grid.volume
    x, f = problem.grid.x[0], problem.grid.faces[0]
    assert mass[x < 0].sum() == 0
    exact = np.diff([0.0, *np.exp(1 - 1 / f[41:])])  # int e^(-1/x)/x² = e^(-1/x)
    assert np.abs(mass[x > 0] - exact).sum() < 3e-3
    assert "passed upwards only" in state.stats.message
    with pytest.raises(ValueError, match="reads across it"):
        fp.steady_state(problem, "upwind5")
    with pytest.raises(ValueError, match="reads across it"):
        fp.mfpt(problem, lambda x: x > 0.8, scheme="upwind5")


@pytest.mark.parametrize("name", ["towards", "away", "none"])
@pytest.mark.parametrize("n", [40, 41])
def test_each_side_keeps_its_mass(name, n):
    problem = line(n, DRIFTS[name][0])
    with pytest.raises(ValueError, match=r"vanishes inside at x=0 and nothing passes.*cut the box"):
        fp.steady_state(problem)
    with pytest.raises(ValueError, match="no path leads to any end"):
        fp.mfpt(problem, lambda x: x > 0.8)
    with pytest.raises(ValueError, match="not unique"):
        fp.spectrum(problem, 2)
    start = fp.gaussian(problem.grid, -0.5, 0.05)
    run = fp.solve(problem, start, [0, 5], steady=False)
    lower = problem.grid.x[0] <= 1e-12
    mass = (run.rho * problem.grid.volume)[:, lower].sum(axis=1)
    assert mass[1] == pytest.approx(mass[0], abs=1e-12)
    assert "nothing passes" in run.stats["walls"]


def test_what_arrives_stays():
    problem = line(40, lambda x: 0 * x, np.abs)
    for ask in (
        fp.steady_state,
        lambda p: fp.solve(p, fp.uniform(p.grid), 1.0),
        lambda p: fp.mfpt(p, lambda x: x > 0.8),
        lambda p: fp.spectrum(p, 2),
    ):
        with pytest.raises(ValueError, match=r"what arrives there stays.*absorbing side"):
            ask(problem)


def test_in_the_plane_it_is_said():
    grid = fp.Grid([(-1, 1), (0, 1)], (40, 10))
    problem = fp.Problem(
        grid, drift=lambda x, y: (0.5 - x, 0 * y), D=lambda x, y: (x * x, 1 + 0 * y)
    )
    (zero,) = problem.inner_zeros
    assert (zero.axis, zero.kind, zero.lines) == (0, "unknown", 10)
    assert "D_xx vanishes inside on 10 lines, first at x=0" in repr(problem)
    assert "D_xx vanishes inside" in fp.steady_state(problem, "markov").stats.message
