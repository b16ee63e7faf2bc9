"""The nine-point scheme: its Jacobian, its chain, and what it solves exactly."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady import continuation
from fokkerplanck.steady.newton import solve_nine_point

SHAPES = {1: (9,), 2: (7, 6), 3: (5, 4, 6)}


def tensor(*x):
    """Smooth D(x) with all entries different from zero."""
    d = len(x)
    waves = [np.cos(sum((i + 1) * u for i, u in enumerate(x)) + k) for k in range(d)]
    n = np.stack(waves)
    return np.eye(d).reshape(d, d, *[1] * d) + 0.8 * n[:, None] * n[None, :]


def swirl(*x):
    return [np.sin(x[(i + 1) % len(x)] + i) - 0.5 * x[i] for i in range(len(x))]


def scheme_of(d, sides="reflecting", graded=False):
    box = [(-1.0, 1.5), (0.0, 2.0), (-1.0, 1.0)][:d]
    if graded:
        faces = [lo + (hi - lo) * np.linspace(0, 1, n + 1) ** 1.4
                 for (lo, hi), n in zip(box, SHAPES[d], strict=True)]  # fmt: skip
        grid = fp.Grid(faces)
        problem = fp.Problem(grid, D=np.arange(1.0, d + 1), drift=swirl, beta=3.0)
    else:
        grid = fp.Grid(box, SHAPES[d], sides)
        D, drift = tensor(*grid.x), np.stack(swirl(*grid.x))
        problem = fp.Problem(grid, D=D, drift=drift, beta=3.0)
    return problem, NinePoint(grid, *index_units(problem))


CASES = [(d, sides) for d in (1, 2, 3) for sides in ("reflecting", "periodic")]


@pytest.mark.parametrize(("d", "sides"), CASES)
def test_jacobian_against_differences(rng, d, sides):
    _, scheme = scheme_of(d, sides)
    phi = rng.standard_normal(scheme.grid.size)
    J = scheme.jacobian(phi).toarray()
    step = 1e-5
    for x in range(scheme.grid.size):
        e = np.zeros_like(phi)
        e[x] = step
        slope = (scheme.residual(phi + e)[0] - scheme.residual(phi - e)[0]) / (2 * step)
        np.testing.assert_allclose(J[:, x], slope, rtol=0, atol=1e-6 * np.abs(J).max())


@pytest.mark.parametrize(("d", "sides"), CASES)
def test_only_differences_of_log_rho_enter(rng, d, sides):
    _, scheme = scheme_of(d, sides)
    phi = rng.standard_normal(scheme.grid.size)
    for a, b in zip(scheme.residual(phi), scheme.residual(phi - 5000.0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(a).max())
    constant = scheme.jacobian(phi) @ np.ones(phi.size)
    assert np.abs(constant).max() < 1e-11 * np.abs(scheme.jacobian(phi).data).max()


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("d", "sides"), CASES)
def test_net_outflows_add_up_to_nothing(rng, d, sides, graded):
    """Mass is exact whatever log rho is: sum over cells of rho V times the balance."""
    _, scheme = scheme_of(d, "reflecting" if graded else sides, graded)
    phi = rng.standard_normal(scheme.grid.size)
    balance, rate = scheme.residual(phi)
    # On graded axes the scheme balances rho, its fluxes carry the volumes of their cells.
    volume = scheme.grid.volumes.ravel()
    mass = np.exp(phi) * volume
    assert abs(np.sum(mass * balance)) < 1e-12 * np.sum(mass * rate)


@pytest.mark.parametrize(("d", "sides"), CASES)
def test_chain_is_a_generator_with_the_same_currents(rng, d, sides):
    _, scheme = scheme_of(d, sides)
    phi = rng.standard_normal(scheme.grid.size)
    A = scheme.chain(phi)
    off = A.tocoo()
    assert off.data[off.row != off.col].min() >= 0
    assert np.abs(A.sum(axis=0)).max() < 1e-13 * np.abs(A.diagonal()).max()
    rho = np.exp(phi)
    balance, rate = scheme.residual(phi)
    np.testing.assert_allclose(-(A @ rho) / rho, balance, rtol=0, atol=1e-12 * rate.max())


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_quadratic_log_densities_have_exact_face_velocities(sides):
    """Constant D, linear drift: nu of the Gaussian is j on every face away from walls and seams."""
    spiral = zoo.spiral().boxed([(-1, 1), (-1, 1)])
    grid = fp.Grid(spiral.box, 12, "reflecting")
    problem = fp.Problem(grid, drift=spiral.drift, D=spiral.D, kT=spiral.kT)
    D, v = index_units(problem)
    if sides == "periodic":
        grid = fp.Grid(spiral.box, 12, "periodic")
    scheme = NinePoint(grid, D, v)
    nu = scheme.velocity(spiral.log_rho(*grid.x).ravel())
    ends = np.stack([grid.x.reshape(2, -1)[:, c] for c in (scheme.lower, scheme.upper)])
    j = spiral.j(*(0.5 * (ends[0] + ends[1])))
    expected = j[scheme.axis, np.arange(scheme.axis.size)] / grid.h[0]
    inside = np.all(np.abs(ends) < 1 - 1.2 * grid.h[0], axis=(0, 1))
    assert inside.sum() > 100
    np.testing.assert_allclose(nu[inside], expected[inside], atol=1e-11)


def wall_slope_errors():
    """Errors of nu at faces along a tilted wall, for the exact log density, on three grids.

    kT = 1, D = [[1, .8], [.8, 1]], Phi = sin(2 y + x) + x^2, no current: v = -D grad Phi.
    """
    D = np.array([[1.0, 0.8], [0.8, 1.0]])

    def Phi(x, y):
        return np.sin(2 * y + x) + x**2

    def drift(x, y):
        slope = np.stack([np.cos(2 * y + x) + 2 * x, 2 * np.cos(2 * y + x)])
        return -np.tensordot(D, slope, axes=1)

    h, errors = [], []
    for n in (16, 32, 64):
        grid = fp.Grid([(0, 1), (0, np.pi)], (n, 3 * n), ["reflecting", "periodic"])
        scheme = NinePoint(grid, *index_units(fp.Problem(grid, D=D, drift=drift)))
        nu = scheme.velocity(-Phi(*grid.x).ravel())
        at_wall = (scheme.axis == 1) & (scheme.lower // grid.shape[1] == 0)
        h.append(1 / n)
        errors.append(np.abs(nu[at_wall]).max() * grid.h[1])
    return np.array(h), np.array(errors)


def test_slopes_at_tilted_walls_are_second_order():
    h, errors = wall_slope_errors()
    slopes = np.log(errors[:-1] / errors[1:]) / np.log(h[:-1] / h[1:])
    assert slopes.min() > 1.85


def test_newton_reports_what_it_did(monkeypatch):
    problem = zoo.spiral().build(32)
    scheme = NinePoint(problem.grid, *index_units(problem))
    start = fp.steady_state(problem, "markov").log_rho.ravel()
    result = solve_nine_point(scheme, start, 1e-10)
    assert result.converged
    assert result.balance <= 1e-10
    assert len(result.history) == result.iterations + 1
    assert result.log_rho.max() == 0.0
    # A budget of one step is not enough, and that is said.
    monkeypatch.setattr(continuation, "MAX_ITERATIONS", 1)
    short = solve_nine_point(scheme, start, 1e-10)
    assert not short.converged
    assert short.balance > 1e-10


def test_a_start_without_any_imbalance_is_the_answer():
    """No drift on a torus: every balance is zero, not merely small."""
    grid = fp.Grid([(0, 1)] * 2, 8, "periodic")
    scheme = NinePoint(grid, *index_units(fp.Problem(grid, D=[[1, 0.5], [0.5, 1]])))
    result = solve_nine_point(scheme, np.zeros(grid.size), 1e-10)
    assert (result.converged, result.iterations, result.balance) == (True, 0, 0.0)
