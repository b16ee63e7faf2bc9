"""Walls where D vanishes or the drift is singular: closed forms on any grid, or second order."""

import math

import numpy as np
import pytest
from scipy.special import betainc, chndtr, gammainc

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.convergence.rates import assert_rate


def masses(problem):
    return fp.steady_state(problem).rho * problem.grid.volumes


def gap(problem):
    return fp.spectrum(problem, 2).gap


def mutation(n, rate=0.1, arrays=False):
    """One deme of Wright-Fisher, on n cells or on given faces."""
    grid = fp.Grid([(0, 1)], n) if np.ndim(n) == 0 else fp.Grid([n])
    D, b = lambda x: x * (1 - x), lambda x: rate * (1 - 2 * x)
    x = grid.x[0]
    return fp.Problem(grid, drift=b(x) if arrays else b, D=D(x) if arrays else D)


def cir(feller, n, top=25, side="reflecting"):
    grid = fp.Grid([(0, top)], n, sides=[(side, "reflecting")])
    return fp.Problem(grid, drift=lambda x: 1 - x, D=lambda x: x / feller)


# --- one dimension ----------------------------------------------------------------------------


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize(
    "faces", [50, 100, np.linspace(0, 1, 61) ** 1.7], ids=["50", "100", "graded"]
)
def test_wright_fisher_masses_are_exact(faces, arrays):
    """Three quarters of the mass of Beta(.1, .1) used to be in the wrong cells."""
    problem = mutation(faces, arrays=arrays)
    exact = np.diff(betainc(0.1, 0.1, problem.grid.faces[0]))
    assert np.abs(masses(problem) - exact).sum() < 1e-8


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 1.0, 1.5])
def test_wright_fisher_gap_is_second_order(rate):
    sizes = np.array([50, 100, 200])
    error = [abs(gap(mutation(n, rate)) / (2 * rate) - 1) for n in sizes]
    if min(error) > 1e-5:
        assert_rate(1 / sizes, error, order=2, cap=1e-4)
    assert error[1] < 5e-4


def test_the_heterozygosity_at_centroids():
    """At centres it is half a cell's error, of order al: .0886 on 100 cells for .08333."""
    states = [fp.steady_state(mutation(n)) for n in (50, 100, 200)]
    for state, cap in zip(states, (3e-4, 1.5e-4, 7e-5), strict=True):
        assert state.mean(lambda x: 2 * x * (1 - x)) == pytest.approx(1 / 12, abs=cap)
    x = states[1].grid.x[0]
    assert states[1].grid.integrate(2 * x * (1 - x) * states[1].rho) > 0.088


@pytest.mark.parametrize("feller", [0.05, 0.32, 0.617, 1.0, 2.0, 20.0])
def test_cir_masses_are_exact(feller):
    problem = cir(feller, 120, 12)
    exact = gammainc(feller, feller * problem.grid.faces[0])
    assert np.abs(masses(problem) - np.diff(exact) / exact[-1]).sum() < 1e-8


def test_cir_gap_and_passage_times():
    """Boxes of 40 and 25; closed forms by scale and speed."""
    assert gap(cir(0.32, 400, 40)) == pytest.approx(1, abs=5e-4)
    for feller, time in ((0.32, 1.03330), (0.617, 2.57509)):
        times = fp.mfpt(cir(feller, 200, side="absorbing"))
        assert times.at(1.0) == pytest.approx(time, rel=2e-3)
    errors = [
        abs(fp.mfpt(cir(0.32, n), lambda x: x >= 2).at(0.5) / 2.05686 - 1) for n in (100, 400)
    ]
    assert errors[0] < 2e-3
    assert errors[1] < 2e-4


@pytest.mark.parametrize(("feller", "cap"), [(0.32, 4e-4), (0.617, 1.5e-4), (2.0, 3e-4)])
def test_cir_from_a_point_is_noncentral_chi_square(feller, cap):
    sizes, error = np.array([100, 200, 400]), []
    for n in sizes:
        problem = cir(feller, n)
        grid = problem.grid
        # A point between two cells, mean kept.
        rho = np.zeros(n)
        i = int(np.searchsorted(grid.x[0], 1.0)) - 1
        share = (1.0 - grid.x[0, i]) / grid.h[0]
        rho[i], rho[i + 1] = (1 - share) / grid.h[0], share / grid.h[0]
        p = fp.solve(problem, rho, [0, 0.5], steady=False).rho[-1] * grid.h[0]
        c = 2 * feller / (1 - np.exp(-0.5))
        cdf = chndtr(c * grid.faces[0], 2 * feller, c * np.exp(-0.5))
        error.append(np.abs(p - np.diff(cdf)).sum())
    assert_rate(1 / sizes, error, order=1.95, cap=cap)  # 1.8 at least


@pytest.mark.parametrize("n", [100, 400])
def test_neutral_fixation(n):
    """Exit walls: the mass of the wall cell is infinite, the rate out of it is not."""
    exact = zoo.neutral_fixation()
    problem = exact.build(n)
    cap = 2e-4 if n == 400 else 2e-3
    assert fp.mfpt(problem).at(0.05) == pytest.approx(exact.data["mean_time"](0.05), abs=cap)
    assert fp.quasi_stationary(problem).decay_rate == pytest.approx(2, abs=2e-4)
    chances = fp.exit_probabilities(problem, problem.grid.sides_of("absorbing"))
    np.testing.assert_allclose(chances.probability[1], problem.grid.x[0], atol=3 / n)


@pytest.mark.parametrize("power", [-0.95, -0.7, 0.3, 2.5])
def test_bessel_masses_and_gap(power):
    """D = 1 and b = a/x: rho = (1 + a) x^a on (0, 1), the drift singular and not the noise."""
    problem = fp.Problem(fp.Grid([(0, 1)], 100), f=lambda x: -power * np.log(x))
    exact = problem.grid.faces[0] ** (1 + power)
    assert np.abs(masses(problem) - np.diff(exact)).sum() < 1e-7
    if power == -0.7:  # the square of the first zero of J_nu, nu = (1 + power)/2
        assert gap(problem) == pytest.approx(6.9306, rel=2e-4)


def test_natural_and_entrance_walls():
    exact = zoo.log_normal()
    problem = exact.build(60)
    y = np.log(np.maximum(problem.grid.faces[0], 1e-300)) / 0.25
    cdf = 0.5 * (1 + np.vectorize(math.erf)(y / np.sqrt(2)))
    assert np.abs(masses(problem) - np.diff(cdf)).sum() < 1e-9
    assert gap(problem) == pytest.approx(1, rel=5e-3)
    assert gap(exact.build(240)) == pytest.approx(1, rel=5e-4)
    inverse = fp.Problem(fp.Grid([(0, 8)], 60), drift=lambda x: 1 - x, D=lambda x: x * x)
    x = np.maximum(inverse.grid.faces[0], 1e-3)
    cdf = (1 + 1 / x) * np.exp(-1 / x)  # of x^-3 e^(-1/x)
    assert np.abs(masses(inverse) - np.diff(cdf) / cdf[-1]).sum() < 1e-9


# --- what is refused, and what is said ----------------------------------------------------------


def test_nothing_to_reflect():
    problem = fp.Problem(fp.Grid([(0, 1)], 50), D=lambda x: x * (1 - x))
    words = r"D vanishes at x=0 and nothing pushes back.*use sides='absorbing'"
    with pytest.raises(ValueError, match=words):
        fp.steady_state(problem)
    with pytest.raises(ValueError, match=words):
        fp.solve(problem, fp.gaussian(problem.grid, 0.5, 0.1), 1.0)


def test_an_absorbing_wall_that_is_never_reached():
    closed, open_ = cir(2, 100), cir(2, 100, side="absorbing")
    state = fp.steady_state(open_)
    np.testing.assert_array_equal(state.rho, fp.steady_state(closed).rho)
    assert "entrance, never reached, so treated as reflecting" in state.stats.message
    assert fp.spectrum(open_, 2).gap == pytest.approx(1, rel=2e-3)
    solution = fp.solve(open_, fp.gaussian(open_.grid, 2, 0.3), [0, 1])
    assert "so treated as reflecting" in solution.stats["walls"]
    assert abs(solution.mass - 1).max() < 1e-13
    assert np.isfinite(solution.free_energy).all()
    with pytest.raises(ValueError, match="never reached"):
        fp.mfpt(open_)
    with pytest.raises(ValueError, match="none is ever reached"):
        fp.quasi_stationary(open_)


def test_mass_that_gathers_has_no_density():
    problem = fp.Problem(fp.Grid([(0, 1)], 50), drift=lambda x: 0.2 * x, D=lambda x: 0.5 * x**2)
    with pytest.raises(ValueError, match=r"mass gathers at x=0.*there is no density"):
        fp.steady_state(problem)
    start = fp.gaussian(problem.grid, 0.5, 0.1)
    solution = fp.solve(problem, start, [0, 1], steady=False)
    assert "mass gathers there" in solution.stats["walls"]
    assert abs(solution.mass[-1] - 1) < 1e-13


def test_methods_that_do_not_know_these_walls_say_so():
    problem = zoo.wright_fisher().build(12)
    assert fp.steady_state(problem).stats.scheme == "markov"
    assert "exact along every axis" in fp.steady_state(problem).stats.reason
    with pytest.raises(ValueError, match="accuracy=4 needs D > 0"):
        fp.steady_state(problem, accuracy=4)
    central = fp.methods.FluxCorrected(0.01, "central")
    with pytest.raises(ValueError, match="does not know walls"):
        fp.solve(problem, np.ones((12, 12)), 0.1, central, steady=False)
    tensor = fp.Problem(
        fp.Grid([(0, 4), (-3, 3)], 16),
        drift=lambda v, x: (1 - v, -x),
        D=lambda v, x: [[v, 0.5 * v], [0.5 * v, v]],
    )
    assert "full tensors take it as any wall" in fp.steady_state(tensor, "markov").stats.message


def test_noise_that_vanishes_inside_too():
    """Nothing can be integrated across: the edges are those of any wall, and this is said."""
    grid = fp.Grid([(0, 1)], 20)
    problem = fp.Problem(grid, drift=lambda x: 0.4 - x, D=lambda x: x * (np.abs(x - 0.8) > 0.1))
    edges = fp.Edges.from_problem(problem)
    assert "D vanishes inside too, so taken as any wall" in edges.note
    assert not edges.knows_walls
    assert edges.centroids is grid.x


def test_means_and_integrals_of_functions():
    grid = fp.Grid([(0, 2), (0, 1)], 8)
    state = fp.steady_state(fp.Problem(grid, D=(1, 2)))
    assert state.centroids is grid.x
    assert state.mean(lambda x, y: x * y) == pytest.approx(0.5)
    assert state.mean(lambda x, y: np.stack([x, y])).tolist() == pytest.approx([1, 0.5])
    assert state.mean(3.0) == pytest.approx(3)
    assert grid.integrate(lambda x, y: x + y) == pytest.approx(3)
    with pytest.raises(ValueError, match=r"u\(x, y\) returned None"):
        state.mean(lambda x, y: None)
    with pytest.raises(ValueError, match="give numbers"):
        state.mean(lambda x, y: "x")
    with pytest.raises(ValueError, match="give numbers over the grid"):
        grid.integrate(lambda x, y: None)


# --- two and three dimensions -------------------------------------------------------------------


@pytest.mark.parametrize(("n", "caps"), [(12, (6e-3, 2.5e-3)), (25, (3e-3, 1.5e-3))])
def test_two_demes(n, caps):
    exact = zoo.wright_fisher()
    problem = exact.build(n)
    state = fp.steady_state(problem)
    u = state.mean(lambda x, y: 2 * x * (1 - x))
    assert u == pytest.approx(exact.moments["heterozygosity"], abs=caps[1])
    assert state.mean(lambda x, y: x * y) == pytest.approx(exact.moments["product"], abs=1e-3)
    values = fp.spectrum(problem, 4).eigenvalues[1:]
    assert values[0].real == pytest.approx(exact.eigenvalues[0], abs=caps[0])
    np.testing.assert_allclose(values.real, exact.eigenvalues[:3], rtol=2 * caps[0] / 0.2)


@pytest.mark.parametrize("arrays", [False, True])
def test_heston(arrays):
    """Exact along v, of fifth order along x: upwinding of x left .515 for .5."""
    exact = zoo.heston()
    problem = exact.build((100, 80))
    if arrays:
        x = problem.grid.x
        D = exact.diffusion(*x)
        problem = fp.Problem(problem.grid, drift=exact.drift(*x), D=[D[0, 0], D[1, 1]])
    state = fp.steady_state(problem)
    assert state.stats.scheme == "upwind5"
    assert state.stats.negative_mass < 1e-6
    v1, v2 = box_moments(0.3, 30)
    assert state.mean(lambda v, x: v) == pytest.approx(v1, abs=1e-4)
    assert state.mean(lambda v, x: v**2) == pytest.approx(v2, rel=3e-3)
    assert state.mean(lambda v, x: x**2) == pytest.approx(0.5, abs=1e-3)
    # <L(v x²)> = 0 but for what the wall of the box at v = 30 reflects.
    last = state.rho[-1] / state.rho[-1].sum()
    vx2 = (v1 / 2 + v2 - (1 - v1) * (last * problem.grid.centers[1] ** 2).sum()) / 3
    assert state.mean(lambda v, x: v * x**2) == pytest.approx(vx2, rel=4e-3)


def box_moments(feller, top):
    """Means of v and v² of a square-root diffusion of mean 1 between 0 and top."""
    mass = [gammainc(feller + k, feller * top) for k in range(3)]
    return mass[1] / mass[0], (1 + 1 / feller) * mass[2] / mass[0]


def test_heston_is_of_second_order_at_least():
    """<x²> along both axes at once, <v x²> along v alone."""
    sizes, exact = np.array([50, 100, 200]), zoo.heston()
    states = [fp.steady_state(exact.build((n, 4 * n // 5))) for n in sizes[:2]]
    x2 = box_moments(0.3, 30)[0] / 2
    error = [abs(s.mean(lambda v, x: x**2) - x2) for s in states]
    assert error[1] < 3e-4
    assert error[0] / error[1] > 4
    along = [fp.steady_state(exact.build((n, 80))).mean(lambda v, x: v * x**2) for n in sizes]
    assert (along[1] - along[0]) / (along[2] - along[1]) > 3.5


@pytest.mark.parametrize(
    ("method", "cells", "cap"),
    [(None, (100, 80), 2e-3), (fp.methods.FluxCorrected(), (50, 60), 6e-3)],
    ids=["linear", "limited"],
)
def test_heston_from_a_point(method, cells, cap):
    """<v>, <x> and <x²> from v = 1.5, x = 1: closed equations of moments."""
    problem, t = zoo.heston().build(cells), 0.3
    v, x = problem.grid.x
    start = np.exp(-((v - 1.5) ** 2) / 0.5 - (x - 1) ** 2 / 0.5)
    start /= problem.grid.integrate(start)
    run = fp.solve(problem, start, [0, t], method, scheme="upwind5", steady=False)
    places = fp.Edges.from_problem(problem).centroids
    p = run.rho * problem.grid.volume
    (v0, v1), (s0, s1) = ((p * u).sum((1, 2)) for u in (places[0], x * x))
    e = np.exp(-t)
    assert v1 == pytest.approx(1 + (v0 - 1) * e, abs=cap)
    assert s1 == pytest.approx(s0 * e**2 + (1 - e**2) / 2 + (v0 - 1) * (e - e**2), abs=cap)
    assert abs(run.mass - 1).max() < 1e-12
    assert (run.rho >= 0).all()


@pytest.mark.parametrize("side", ["reflecting", "absorbing"])
def test_passages_along_an_exact_axis_are_those_of_its_line(side):
    """Where x does not matter, times, chances and modes of the linear flux are those of v."""
    grid = fp.Grid([(0, 12), (-1, 1)], (40, 16), sides=[(side, "reflecting"), "reflecting"])
    line = fp.Grid([(0, 12)], 40, sides=[(side, "reflecting")])
    D, b = lambda v: v / 0.617, lambda v: 1 - v
    alone = fp.Problem(line, drift=b, D=D)
    plane = fp.Problem(
        grid, drift=lambda v, x: (b(v), np.cos(3 * x)), D=lambda v, x: (D(v), 0.2 + 0 * x)
    )
    times = fp.mfpt(plane, lambda v, x: v >= 2.1, scheme="upwind5")
    alike = fp.mfpt(alone, lambda v: v >= 2.1)
    assert times.stats["scheme"] == "upwind5"
    np.testing.assert_allclose(times.mean, np.tile(alike.mean[:, None], 16), rtol=1e-6)
    back = fp.backward(plane, lambda v, x: v + 0 * x, [0, 0.5], scheme="upwind5")
    ahead = fp.backward(alone, lambda v: v, [0, 0.5])
    np.testing.assert_allclose(back.u[1], np.tile(ahead.u[1][:, None], 16), atol=1e-7)


def test_auto_leaves_the_chain_where_upwinding_adds_noise_between_walls():
    """Slow modes of v and x at -1 both; the chain has .957 for x."""
    problem = zoo.heston().build((100, 80))
    values = fp.spectrum(problem, 3).eigenvalues[1:]
    np.testing.assert_allclose(values.real, -1, atol=8e-3)
    chain = fp.spectrum(problem, 3, scheme="markov").eigenvalues[1:]
    assert abs(chain.real + 1).max() > 0.03


def test_centroids_of_cells_near_a_wall():
    """Of Beta(.1, .1), from both walls, a quarter of the cells each."""
    problem = mutation(60)
    f = problem.grid.faces[0]
    mass, first = np.diff(betainc(0.1, 0.1, f)), np.diff(betainc(1.1, 0.1, f)) / 2
    found = fp.Edges.from_problem(problem).centroids[0]
    near = np.r_[0:15, 45:60]
    np.testing.assert_allclose(found[near], (first / mass)[near], rtol=1e-8)
    np.testing.assert_array_equal(found[15:45], problem.grid.x[0, 15:45])


def test_a_product_of_three_kinds_of_axes():
    """Wright-Fisher, CIR and a turning ring: masses are products, on the wall cells too."""
    faces = [np.linspace(0, 1, 9), np.linspace(0, 1, 11) ** 2 * 6, np.linspace(0, 1, 7)]
    grid = fp.Grid(faces, sides=["reflecting", "reflecting", "periodic"])
    problem = fp.Problem(
        grid,
        drift=lambda x, y, z: (0.1 * (1 - 2 * x), 0.4 * (1 - y), 1 + 0 * z),
        D=lambda x, y, z: (x * (1 - x), y, 1 + 0 * z),
    )
    first = np.diff(betainc(0.1, 0.1, faces[0]))
    second = np.diff(gammainc(0.4, 0.4 * faces[1]))
    exact = np.einsum("i,j,k->ijk", first, second / second.sum(), np.full(6, 1 / 6))
    state = fp.steady_state(problem)
    assert np.abs(state.rho * grid.volumes - exact).sum() < 1e-8
    np.testing.assert_allclose(state.mean_current, [0, 0, 1 / 6], atol=1e-9)


def test_absorbing_walls_of_a_box():
    """Two neutral demes that do not mix: the slower exit of the two, decay 2 each."""
    grid = fp.Grid([(0, 1), (0, 1)], 24, sides="absorbing")
    problem = fp.Problem(grid, D=lambda x, y: (x * (1 - x), y * (1 - y)))
    assert fp.quasi_stationary(problem).decay_rate == pytest.approx(4, rel=2e-3)


def test_other_problems_have_the_edges_they_had(monkeypatch):
    """Bit for bit: nothing is done where there is no such wall."""
    problems = [
        zoo.gyrator().build(16),
        zoo.double_well().build(12),
        zoo.abc_flow().build(6),
        zoo.noise_induced_transition().build(40),
    ]
    found = [fp.Edges.from_problem(p) for p in problems]
    monkeypatch.setattr("fokkerplanck.scheme.edges.wall_edges", lambda problem: None)
    for edges, problem in zip(found, problems, strict=True):
        bare = fp.Edges.from_problem(problem)
        np.testing.assert_array_equal(edges.weight, bare.weight)
        np.testing.assert_array_equal(edges.tilt, bare.tilt)
        assert edges.note == ""
        assert edges.centroids is problem.grid.x
    walled = zoo.jacobi().build(40)
    assert (fp.Edges.from_problem(walled).tilt != found[0].tilt[:1]).any()
