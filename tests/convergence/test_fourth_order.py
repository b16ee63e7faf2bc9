"""Steady states with ``accuracy=4``: observed orders of at least 3.7, up to the walls.

Boxes are wider than for second order: the walls that the closed forms do not know are seen sooner.
"""

import itertools
from functools import cache

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.domain import fields
from fokkerplanck.scheme import currents
from fokkerplanck.scheme.fourth_order import FourthOrder
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady import active_set, continuation, deferred, newton
from tests.convergence.cases import Case, errors, second_order
from tests.convergence.rates import SLACK, assert_rate, observed_orders

ORDER = 3.7 + SLACK  # assert_rate allows slopes smaller by SLACK


def wall(kappa, dim=2, periodic=False):
    return lambda: zoo.manufactured_wall(kappa, dim=dim, periodic=periodic)


CASES = {
    "R2": Case(
        zoo.gyrator, (64, 96, 144),
        {"Phi": 2e-6, "L1": 3e-10, "j": 4e-9, "div_j": 1e-8, "EP": 2e-11, "q": 4e-9}, 1.3, 0.3,
    ),
    "R3": Case(
        zoo.spiral, (64, 96, 144),
        {"Phi": 3e-7, "L1": 5e-11, "j": 1e-10, "div_j": 6e-10, "q": 2e-10}, 1.3,
    ),
    "R13a": Case(
        lambda: zoo.manufactured_plane("flat"), (40, 64, 96),
        {"Phi": 3e-5, "L1": 3e-6, "j": 2e-5, "div_j": 2e-5, "EP": 3e-5, "q": 2e-5},
    ),
    "R13b": Case(
        lambda: zoo.manufactured_plane("mixed"), (40, 64, 96),
        {"Phi": 2e-4, "L1": 4e-6, "j": 1e-5, "div_j": 3e-5, "EP": 1e-5, "q": 2e-5},
    ),
    "R13c": Case(
        lambda: zoo.manufactured_plane("steep"), (64, 96, 144),
        {"Phi": 5e-5, "L1": 3e-6, "j": 8e-6, "EP": 2e-6, "q": 3e-5},
    ),
    "R27b": Case(
        zoo.torus_loss, (24, 48, 72), {"Phi": 2e-6, "L1": 3e-7, "j": 2e-5, "EP": 4e-6},
    ),
    "W1": Case(wall(1.0), (64, 96, 144), {"Phi": 1.5e-7, "j": 1e-7, "EP": 3e-7, "q": 1e-7}),
    "W10": Case(wall(10.0), (24, 48, 72), {"Phi": 2e-6, "j": 2e-6, "EP": 8e-6, "q": 1e-6}),
    "W100": Case(wall(100.0), (32, 64, 96), {"Phi": 2e-6, "j": 1e-6, "EP": 3e-6, "q": 4e-7}),
    "W10 torus": Case(
        wall(10.0, periodic=True), (24, 48, 72), {"Phi": 8e-6, "j": 1e-5, "EP": 6e-7},
    ),
    "W10 space": Case(wall(10.0, 3), (10, 14, 18), {"Phi": 8e-4, "j": 2e-4, "mean_Q": 6e-4}),
    "R16": Case(
        lambda: zoo.manufactured_space("mixed").boxed([(-2.6, 2.6), (-4.6, 4.6), (-4.3, 4.3)]),
        ((28, 16, 16), (35, 20, 20), (42, 24, 24)),
        {"Phi": 6e-3, "L1": 1e-3, "j": 8e-4, "EP": 6e-4, "mean_Q": 5e-4}, fraction=0.3, slow=True,
    ),
}  # fmt: skip


def found(exact, state, fraction=0.4):
    """Errors of `cases.errors`, but Phi in kT without normalisation: 0 in the densest cell."""
    out = errors(exact, state, fraction)
    x = state.grid.x
    Phi = exact.Phi(*x) - exact.Phi(*x).min()
    inside = exact.interior(*x, fraction=fraction)
    out["Phi"] = float(exact.beta * np.abs(state.Phi - Phi)[inside].max())
    return out


@cache
def measured(code):
    """Spacings, errors per quantity, and states of a case."""
    case = CASES[code]
    exact = case.exact()
    states = [fp.steady_state(exact.build(n), accuracy=4) for n in case.sizes]
    rows = [found(exact, state, case.fraction) for state in states]
    h = np.array([max(state.grid.h) for state in states])
    return h, {key: np.array([row[key] for row in rows]) for key in rows[0]}, states


QUANTITIES = [
    pytest.param(code, name, id=f"{code}-{name}", marks=[pytest.mark.slow] * case.slow)
    for code, case in CASES.items()
    for name in case.caps
]
PLAIN = [code for code, case in CASES.items() if not case.slow]


@pytest.mark.parametrize(("code", "quantity"), QUANTITIES)
def test_everything_is_fourth_order(code, quantity):
    h, error, states = measured(code)
    assert all(state.stats.scheme == "log4" for state in states)
    assert_rate(h, error[quantity], order=ORDER, cap=CASES[code].caps[quantity])


def test_potential_of_the_spiral_to_1e_6():
    """R3 on 128 x 128 cells of the box on which second order ends at 9e-4."""
    exact = zoo.spiral()
    exact = exact.boxed([(0.95 * lo, 0.95 * hi) for lo, hi in exact.box])
    problem = exact.build(128)
    assert found(exact, second_order(problem))["Phi"] > 1e-4
    state = fp.steady_state(problem, accuracy=4)
    assert found(exact, state)["Phi"] < 1e-6
    assert abs(state.entropy_production / exact.entropy_production - 1) < 1e-9


# --- what holds to rounding -------------------------------------------------------------------


@pytest.mark.parametrize("code", PLAIN)
def test_mass_and_balance_are_exact(code):
    for state in measured(code)[2]:
        assert abs(state.grid.integrate(state.rho) - 1) < 2e-14
        assert state.residual <= 1e-11
        assert state.rho.min() > 0
        # What leaves a cell enters its neighbour: no net flow at all.
        flow = state.div_J * state.grid.volume
        assert abs(flow.sum()) < 1e-13 * np.abs(state.currents.mass_currents()).sum()


@pytest.mark.parametrize("sides", ["reflecting", "periodic", ["periodic", "reflecting"]])
def test_net_outflows_add_up_to_nothing_for_any_density(rng, sides):
    grid = fp.Grid([(-1.0, 1.5), (0.0, 2.0)], (9, 8), sides)
    D = np.array([[1.0, 0.4], [0.4, 0.8]])
    problem = fp.Problem(grid, drift=lambda x, y: (0 * x + 1.0, 0 * y - 0.5), D=D)
    nine = NinePoint(grid, *index_units(problem))
    phi = 0.3 * rng.standard_normal(grid.size)
    four = FourthOrder(problem, nine, phi)
    balance, rate = four.residual(phi)
    mass = np.exp(phi)
    assert abs(np.sum(mass * balance)) < 1e-13 * np.sum(mass * rate)
    # and only differences of log rho enter, however low they are
    shifted = four.residual(phi - 5000.0)
    np.testing.assert_allclose(shifted[0], balance, rtol=0, atol=1e-10 * rate.max())
    chain = four.chain(phi)
    assert np.abs(chain.sum(axis=0)).max() < 1e-13 * np.abs(chain.diagonal()).max()
    np.testing.assert_allclose(-(chain @ mass) / mass, balance, rtol=0, atol=1e-12 * rate.max())


def test_quadratic_log_densities_have_exact_point_velocities():
    """Constant D, linear drift: nu of the Gaussian is j at every face, next to walls too."""
    exact = zoo.spiral().boxed([(-1, 1), (-1, 1)])
    problem = exact.build(12)
    nine = NinePoint(problem.grid, *index_units(problem))
    phi = exact.log_rho(*problem.grid.x).ravel()
    four = FourthOrder(problem, nine, phi)
    ends = np.stack([problem.grid.x.reshape(2, -1)[:, c] for c in (four.lower, four.upper)])
    j = exact.j(*(0.5 * (ends[0] + ends[1])))
    expected = j[four.axis, np.arange(four.axis.size)] / problem.grid.h[0]
    np.testing.assert_allclose(four.point_velocity(phi), expected, atol=1e-11)


# --- counterexamples ---------------------------------------------------------------------------


def test_two_is_not_four():
    exact = zoo.manufactured_wall(10.0)
    states = [second_order(exact.build(n)) for n in (24, 48, 72)]
    error = [found(exact, state)["Phi"] for state in states]
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate([1 / 24, 1 / 48, 1 / 72], error, order=ORDER, cap=1.0)


def test_point_values_in_place_of_face_means_are_second_order(monkeypatch):
    monkeypatch.setattr(
        FourthOrder, "_transverse", lambda self, phi, nu, t: (np.ones_like(phi), 0 * phi)
    )
    exact = zoo.manufactured_wall(10.0)
    states = [fp.steady_state(exact.build(n), accuracy=4) for n in (24, 48, 72)]
    error = [found(exact, state)["Phi"] for state in states]
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate([1 / 24, 1 / 48, 1 / 72], error, order=ORDER, cap=1.0)
    assert observed_orders([1 / 24, 1 / 48, 1 / 72], error).max() < 2.5


def test_the_plain_midpoint_rule_is_second_order_at_walls():
    exact = zoo.manufactured_wall(10.0)
    h, _, states = measured("W10")
    plain = []
    for state in states:
        production = currents.entropy_production(state.j, state.problem, state.rho)
        plain.append(abs(production / exact.entropy_production - 1))
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate(h, plain, order=ORDER, cap=1.0)


# --- known, half known and unknown potentials ----------------------------------------------------


def test_known_potentials_stay_in_closed_form():
    exact = zoo.double_well(kT=0.25)
    state = fp.steady_state(exact.build(24), accuracy=4)
    assert state.stats.scheme == "exact"
    assert "whatever the accuracy" in state.stats.message
    assert np.ptp(state.log_rho + exact.Phi(*state.grid.x) / exact.kT) < 1e-12
    # What is left is the difference between values at centres and means over cells.
    assert state.error_estimate == second_order(exact.build(24)).error_estimate


@pytest.mark.parametrize(
    ("make", "cap"),
    [
        (zoo.noise_induced_transition, 2e-6),
        (zoo.noise_repelled_modes, 2e-6),
        (zoo.tilted_ring, 2e-7),
    ],
    ids=["R9", "R9b", "R10"],
)  # fmt: skip
def test_lines_are_fourth_order(make, cap):
    """Closed forms by summed tilts are of second order: here they are only the start."""
    exact = make()
    sizes = (128, 192, 288)
    states = [fp.steady_state(exact.build(n), accuracy=4) for n in sizes]
    assert all(state.stats.scheme == "log4" for state in states)
    error = [found(exact, state)["Phi"] for state in states]
    assert_rate([1 / n for n in sizes], error, order=ORDER, cap=cap)


def loss(kT, n):
    """R31: a true loss with constant noise, no closed form."""
    grid = fp.Grid([(-3.2, 3.2), (-3.6, 3.6)], n)
    return fp.Problem(
        grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2, D=(1, 0.25), kT=kT
    )


@pytest.mark.parametrize("kT", [0.25, 0.5])
def test_a_loss_without_closed_form_converges_to_fourth_order(kT):
    """R31: differences between neighbouring grids fall like h^4; Richardson's limit is given."""
    sizes = (64, 96, 144, 216)
    states = [fp.steady_state(loss(kT, n), accuracy=4) for n in sizes]
    production = [state.entropy_production for state in states]
    h = [1 / n for n in sizes[:-1]]
    assert_rate(h, np.abs(np.diff(production)) / production[-1], order=ORDER, cap=5e-6)
    limit = production[-1] + (production[-1] - production[-2]) / (1.5**4 - 1)
    assert limit == pytest.approx({0.25: 0.26324486, 0.5: 0.27669120}[kT], abs=3e-8)
    gap = []
    for coarse, fine in itertools.pairwise(states):
        beta_Phi = fields.interpolate(fine.log_rho, fine.grid, coarse.grid, degree=5)
        off = coarse.log_rho - beta_Phi
        gap.append(np.abs(off)[coarse.log_rho > coarse.log_rho.max() - 12].max())
    assert_rate(h, gap, order=ORDER, cap=2e-4)


def test_deep_wells_keep_their_weights():
    """Barrier of 12.5 kT, stirred: half of the mass each, to rounding; Phi to fourth order."""
    exact = zoo.repaired_example(lam=0.5, kT=0.02)
    error, h = [], []
    for n in (48, 72, 108):
        state = fp.steady_state(exact.build(n), accuracy=4)
        left = state.rho[: n // 2].sum() * state.grid.volume
        assert abs(left - 0.5) < 1e-9
        error.append(found(exact, state)["Phi"])
        h.append(1 / n)
    assert_rate(h, error, order=ORDER, cap=1e-3)


# --- arrays and calculi ------------------------------------------------------------------------


def gridded(exact, n, what):
    """Problem of a reference with some of its fields as arrays."""
    grid = fp.Grid(exact.box, n, exact.sides)
    D = exact.diffusion(*grid.x) if "D" in what else exact.D
    drift = np.array(exact.drift(*grid.x)) if "drift" in what else exact.drift
    return fp.Problem(grid, drift=drift, D=D, kT=exact.kT)


@pytest.mark.parametrize("what", [("D",), ("drift",), ("D", "drift")], ids="+".join)
def test_arrays_are_interpolated_to_fourth_order(what):
    exact = zoo.manufactured_wall(10.0)
    states = [fp.steady_state(gridded(exact, n, what), accuracy=4) for n in (32, 64, 96)]
    error = [found(exact, state)["Phi"] for state in states]
    assert_rate([1 / 32, 1 / 64, 1 / 96], error, order=ORDER, cap=2e-5)
    assert "given as arrays" in states[0].error_report.message


def test_a_loss_on_the_grid_is_differentiated_to_fourth_order():
    limit = fp.steady_state(loss(0.5, 144), accuracy=4).entropy_production
    h, error = [], []
    for n in (36, 54, 81):
        grid = loss(0.5, n).grid
        x, y = grid.x
        f = (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2 + np.sin(x) * np.cos(y)
        given = fp.Problem(grid, f=f, D=(1, 0.25), kT=0.5)
        called = fp.Problem(
            grid, D=(1, 0.25), kT=0.5,
            f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2 + np.sin(x) * np.cos(y),
        )  # fmt: skip
        states = [fp.steady_state(p, accuracy=4) for p in (given, called)]
        h.append(1 / n)
        error.append(abs(states[0].entropy_production - states[1].entropy_production) / limit)
    assert_rate(h, error, order=ORDER, cap=1e-4)


@pytest.mark.parametrize("calculus", ["klimontovich", "stratonovich"])
def test_other_calculi_are_converted_before(calculus):
    exact = zoo.manufactured_wall(1.0)
    grid = fp.Grid(exact.box, 32)
    ito = fp.Problem(grid, drift=exact.drift, D=exact.D, kT=1.0)
    size = exact.D.size  # D = s(x) I

    def drift(x, y):
        share = 1.0 if calculus == "klimontovich" else 0.5
        return np.asarray(exact.drift(x, y)) - share * size.gradient(x, y)

    other = fp.Problem(grid, drift=drift, D=exact.D, kT=1.0, calculus=calculus)
    a, b = (fp.steady_state(p, accuracy=4) for p in (ito, other))
    np.testing.assert_allclose(a.log_rho, b.log_rho, rtol=0, atol=1e-7)


# --- estimates and refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "n"),
    [(lambda: zoo.manufactured_plane("flat"), 64), (wall(10.0), 48), (zoo.torus_loss, 48)],
    ids=["R13a", "W10", "R27b"],
)
def test_errors_are_estimated(make, n):
    """Within a factor of two; at walls most of it is the midpoint rule that normalises rho."""
    exact = make()
    state = fp.steady_state(exact.build(n), accuracy=4)
    error = found(exact, state)["L1"]
    assert 0.5 * error < state.error_estimate < 2 * error
    message = state.error_report.message
    assert ("order 4 assumed, not measured" in message) == np.isnan(state.error_report.order)


def test_a_grid_that_does_not_resolve_the_problem_is_refused():
    problem = zoo.manufactured_space("mixed").build(12)
    with pytest.raises(
        fp.ConvergenceError, match=r"12x12x12 cells.*refine the grid.*accuracy=2"
    ) as e:
        fp.steady_state(problem, accuracy=4)
    assert e.value.iterate.shape == (12, 12, 12)
    assert np.isfinite(e.value.iterate).all()
    assert e.value.residual >= 0


def test_a_budget_that_is_too_small_is_refused(monkeypatch):
    monkeypatch.setattr(deferred, "MAX_CORRECTIONS", 2)
    with pytest.raises(fp.ConvergenceError, match="the corrections stopped at balance") as e:
        fp.steady_state(zoo.manufactured_wall(100.0).build(24), accuracy=4)
    assert e.value.residual > 1e-10


def test_without_a_nine_point_state_there_is_no_start(monkeypatch):
    monkeypatch.setattr(continuation, "MAX_ITERATIONS", 0)
    monkeypatch.setattr(newton, "MAX_PATH", 0)
    monkeypatch.setattr(active_set, "LEVEL_STEPS", 0)
    with pytest.raises(
        fp.ConvergenceError, match="Newton's method for the nine-point scheme stopped"
    ):
        fp.steady_state(zoo.spiral().build(24), accuracy=4)
