"""Currents: node balance, stream functions, moments and entropy production, underflow included."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.nine_point import NinePoint, index_units

TENSOR = [[1.0, 0.4], [0.4, 0.8]]
SCHEMES = ["markov", "log"]


def stirred(x, y):
    """Confining drift that circulates, with all symmetries broken."""
    return -x + 1.5 * y + 0.3 * np.sin(2 * y), -0.8 * y - 1.2 * x + 0.2 * np.cos(x)


def along(x, y):
    """Drift on a channel periodic in x, with a net current."""
    return 1 + 0.5 * np.sin(x) * np.exp(-(y**2)), -y + 0.3 * np.cos(x)


def on_torus(x, y):
    return 0.7 + np.sin(y) + 0.5 * np.cos(x), np.sin(x + y) - 0.4


def across(x, y):
    return along(y, x)[::-1]


def stretched(lo, hi, n):
    """Graded faces, finer in the middle."""
    return lo + (hi - lo) * (np.sinh(1.5 * np.linspace(-1, 1, n + 1)) / np.sinh(1.5) + 1) / 2


def box_state(scheme, D=TENSOR, n=(24, 20), kT=0.5):
    grid = fp.Grid([(-3, 3.5), (-4, 3)], n)
    return fp.steady_state(fp.Problem(grid, drift=stirred, D=D, kT=kT), scheme)


def graded_state(scheme):
    grid = fp.Grid([stretched(-3, 3.5, 24), stretched(-4, 3, 20)])
    return fp.steady_state(fp.Problem(grid, drift=stirred, D=(1.0, 0.6), kT=0.5), scheme)


def channel_state(scheme, axis, D=TENSOR):
    box, shape, sides = [(0, 2 * np.pi), (-3, 3)], (20, 24), ["periodic", "reflecting"]
    flip = slice(None, None, 1 if axis == 0 else -1)
    grid = fp.Grid(box[flip], shape[flip], sides[flip])
    return fp.steady_state(fp.Problem(grid, drift=along if axis == 0 else across, D=D), scheme)


def torus_state(scheme):
    grid = fp.Grid([(0, 2 * np.pi)] * 2, (20, 24), "periodic")
    return fp.steady_state(fp.Problem(grid, drift=on_torus, D=TENSOR, kT=0.5), scheme)


def face_currents(state):
    """Mass currents through all upper faces (2, nx, ny)."""
    scaled, reference = state.currents.faces()
    return scaled * np.exp(reference)


def assert_psi_explains(psi, faces, periodic=(False, False)):
    """Face currents are differences of psi between the corners, in both directions."""
    scale = np.abs(faces).max()
    right = psi[1:, 1:] - psi[1:, :-1]
    up = -(psi[1:, 1:] - psi[:-1, 1:])
    for k, difference in enumerate((right, up)):
        inner = difference if periodic[k] else np.delete(difference, -1, axis=k)
        flow = faces[k] if periodic[k] else np.delete(faces[k], -1, axis=k)
        np.testing.assert_allclose(inner, flow, rtol=0, atol=1e-9 * scale)


# --- balance and stream functions -------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("D", [TENSOR, (1.0, 0.6), [[1.0, 0.93], [0.93, 0.9]]])
def test_psi_in_a_box_gives_every_face_current_and_vanishes_on_the_walls(scheme, D):
    state = box_state(scheme, D)
    assert state.stats.scheme == scheme
    assert state.psi.shape == (25, 21)
    for wall in (state.psi[0], state.psi[-1], state.psi[:, 0], state.psi[:, -1]):
        assert np.all(wall == 0)
    assert_psi_explains(state.psi, face_currents(state))
    assert np.abs(state.div_J).max() < 1e-9 * np.abs(state.psi).max() / state.grid.volume


@pytest.mark.parametrize("scheme", SCHEMES)
def test_psi_on_graded_axes(scheme):
    state = graded_state(scheme)
    assert_psi_explains(state.psi, face_currents(state))
    assert np.all(state.psi[[0, -1]] == 0)
    assert np.all(state.psi[:, [0, -1]] == 0)


def test_a_density_that_is_not_steady_has_no_psi():
    """Counterexample: its currents along y are not the differences of what those along x give."""
    grid = fp.Grid([(-3, 3.5), (-4, 3)], (24, 20))
    edges = Edges.from_problem(fp.Problem(grid, drift=stirred, D=TENSOR, kT=0.5))
    wrong = EdgeCurrents.from_edges(edges, -0.5 * np.sum(grid.x**2, axis=0).ravel())
    psi, _ = currents.stream_function(wrong, 2.0)
    scaled, reference = wrong.faces()
    with pytest.raises(AssertionError):
        assert_psi_explains(psi, scaled * np.exp(reference))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_psi_in_a_channel_carries_the_net_current(scheme, axis):
    state = channel_state(scheme, axis)
    psi, faces = state.psi, face_currents(state)
    assert_psi_explains(psi, faces, state.grid.periodic)
    seam, lower, upper = (psi, psi[:, 0], psi[:, -1]) if axis == 0 else (psi.T, psi[0], psi[-1])
    np.testing.assert_allclose(seam[0], seam[-1], rtol=0, atol=1e-12)
    assert np.all(lower == 0)
    through = faces[axis].sum(axis=1 - axis)
    sign = 1 if axis == 0 else -1
    np.testing.assert_allclose(sign * upper[1:], through, rtol=1e-9)
    length = 2 * np.pi
    assert state.mean_current[axis] * 6 == pytest.approx(through[0], rel=2e-2)
    assert state.grid.integrate(state.J)[axis] / length == pytest.approx(through[0], rel=2e-2)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_psi_on_the_torus_is_that_of_the_current_minus_its_mean(scheme):
    state = torus_state(scheme)
    psi, faces = state.psi, face_currents(state)
    assert abs(psi[1:, 1:].mean()) < 1e-12
    rest = np.stack([faces[k] - faces[k].mean() for k in range(2)])
    assert_psi_explains(psi, rest, (True, True))
    # A net current flows both ways round; every cross-section carries the same.
    for k in range(2):
        through = faces[k].sum(axis=1 - k)
        np.testing.assert_allclose(through, through[0], rtol=1e-9)
        assert abs(through[0]) > 1e-2


def test_constant_drift_on_the_torus_is_carried_exactly():
    grid = fp.Grid([(0, 1), (0, 2)], (12, 10), "periodic")
    problem = fp.Problem(grid, drift=lambda x, y: (0.7 + 0 * x, -0.3 + 0 * x), D=TENSOR)
    for scheme in SCHEMES:
        state = fp.steady_state(problem, scheme)
        np.testing.assert_allclose(state.rho, 0.5, rtol=1e-12)
        np.testing.assert_allclose(state.j[0], 0.7, rtol=1e-11)
        np.testing.assert_allclose(state.j[1], -0.3, rtol=1e-11)
        assert np.abs(state.psi).max() < 1e-12
        assert np.abs(state.div_j).max() < 1e-9


def test_ring_current_is_the_same_at_every_face():
    exact = zoo.tilted_ring()
    for scheme in SCHEMES:
        state = fp.steady_state(exact.build(128), scheme)
        flow = state.currents.mass_currents()
        assert np.ptp(flow) < 1e-12 * abs(flow.mean())
        assert flow.mean() == pytest.approx(exact.moments["current"], rel=1e-3)
        np.testing.assert_allclose(state.mean_current, flow.mean(), rtol=1e-3)


# --- moments and entropy production -----------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_mean_Q_is_the_integral_of_psi(scheme):
    """Summation by parts: (beta/2) <x j_y - y j_x> = beta int psi, to rounding."""
    state = box_state(scheme)
    h = state.grid.h
    by_psi = 2.0 * np.sum(state.psi) * h[0] * h[1]  # beta = 2
    assert state.mean_Q[0, 1] == pytest.approx(by_psi, rel=1e-10)
    np.testing.assert_array_equal(state.mean_Q, -state.mean_Q.T)
    np.testing.assert_array_equal(state.Q[0, 1], state.q)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_mean_Q_on_graded_axes(scheme):
    exact = zoo.gyrator()
    grid = fp.Grid([stretched(lo * 0.8, hi * 0.8, 64) for lo, hi in exact.box])
    problem = fp.Problem(grid, f=exact.f, grad_f=exact.g, D=exact.D, kT=exact.kT)
    state = fp.steady_state(problem, scheme)
    assert state.mean_Q[0, 1] == pytest.approx(exact.data["Q"][0, 1], rel=2e-2)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_entropy_production_is_positive_and_that_of_the_leftover_field(scheme):
    state = box_state(scheme, n=(64, 64))
    by_field = currents.entropy_production(state.j, state.problem, state.rho)
    assert state.entropy_production > 0
    assert state.entropy_production == pytest.approx(by_field, rel=3e-2)


def test_entropy_production_outside_the_range_of_D_is_infinite():
    grid = fp.Grid([(-1, 1), (-1, 1)], 6)
    problem = fp.Problem(grid, D=[[1.0, 1.0], [1.0, 1.0]], kT=0.5)
    rho = np.full(grid.shape, 0.25)
    inside = np.stack([np.ones(grid.shape), np.ones(grid.shape)])
    assert currents.entropy_production(inside, problem, rho) == pytest.approx(2.0)
    outside = inside.copy()
    outside[1] = 0.0
    assert currents.entropy_production(outside, problem, rho) == np.inf


def test_schnakenberg_sum_is_not_negative_for_any_density(rng):
    grid = fp.Grid([(-3, 3.5), (-4, 3)], (24, 20))
    edges = Edges.from_problem(fp.Problem(grid, drift=stirred, D=TENSOR))
    for _ in range(5):
        flow = EdgeCurrents.from_edges(edges, rng.standard_normal(grid.size))
        assert np.all(flow.mass_currents() * flow.affinity >= 0)
        assert flow.entropy_production_of_edges() > 0


# --- where the density underflows -------------------------------------------------------------


def cold_spiral(n=32):
    """Exact log density of a spiral whose range is 3000 kT, on a grid, and its problem."""
    exact = zoo.spiral(kT=1e-3).boxed([(-1.2, 1.2)] * 2)
    problem = exact.build(n)
    return exact, problem, exact.log_rho(*problem.grid.x)


def test_velocities_where_the_density_underflows():
    exact, problem, log_rho = cold_spiral()
    faces = EdgeCurrents.from_faces(NinePoint(problem.grid, *index_units(problem)), log_rho.ravel())
    x, inside = problem.grid.x, (slice(None), slice(2, -2), slice(2, -2))
    assert np.count_nonzero(np.exp(log_rho) == 0) > 300
    j = exact.j(*x)
    # Quadratic log densities have exact face velocities.
    np.testing.assert_allclose(faces.leftover_field()[inside], j[inside], atol=1e-9)
    # Counterexample: differences of rho itself.
    rho = np.exp(log_rho)
    with np.errstate(all="ignore"):
        slope = np.stack(np.gradient(rho, *problem.grid.h)) / rho
        naive = problem.v - problem.kT * np.einsum("ik...,k...->i...", problem.D, slope)
    assert not np.isfinite(naive[inside]).all()


@pytest.mark.parametrize("D", [TENSOR, (1.0, 0.6)])
def test_stream_function_where_the_density_underflows(D):
    """psi is zero there, and q = beta psi/rho stays a finite number."""
    exact = zoo.ornstein_uhlenbeck(F=[[1.0, -0.1], [0.1, 1.0]], D=D, kT=2e-3)
    problem = exact.boxed([(-1.7, 1.7)] * 2).build(96)
    for scheme in SCHEMES:
        state = fp.steady_state(problem, scheme)
        assert np.ptp(state.log_rho) > 1000
        for field in (state.psi, state.q, state.j, state.J, state.div_j, state.div_J):
            assert np.isfinite(field).all()
        # A standard deviation is only 1.3 cells: q is rough, but there.
        mean = problem.grid.integrate(state.rho * state.q)
        assert mean == pytest.approx(float(exact.q(0.0, 0.0)), rel=0.2)


def test_corner_density_is_the_geometric_mean(rng):
    phi = rng.standard_normal((5, 4))
    walls = currents.corner_log_density(fp.Grid([(0, 1)] * 2, (5, 4)), phi)
    assert walls.shape == (6, 5)
    np.testing.assert_allclose(walls[2, 3], phi[1:3, 2:4].mean())
    np.testing.assert_allclose(walls[0, 0], phi[0, 0])
    torus = currents.corner_log_density(fp.Grid([(0, 1)] * 2, (5, 4), "periodic"), phi)
    np.testing.assert_allclose(torus[0, 0], phi[[-1, -1, 0, 0], [-1, 0, -1, 0]].mean())
