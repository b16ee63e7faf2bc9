"""Reflecting walls that matter: D tilted against them, density not small there, and other walls.

Offsets of the monotone stencil that would leave are dropped and their energy is given back along
the wall. Without that the scheme is of first order, which a test here insists on.
"""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.edges import Edges
from tests.convergence.cases import convergence
from tests.convergence.rates import assert_rate


def wall_density(exact):
    """Smallest density on the walls over the largest in the box."""
    lo, hi = np.zeros(200), np.ones(200)
    t = (np.arange(200) + 0.5) / 200
    walls = [(lo, t), (hi, t), (t, lo), (t, hi)]
    inside = np.meshgrid(t, t, indexing="ij")
    return min(exact.rho(*w).mean() for w in walls) / exact.rho(*inside).max()


# --- the monotone scheme ----------------------------------------------------------------------

MARKOV = [
    pytest.param(1.0, (32, 64, 128), 2e-4, id="1"),
    pytest.param(10.0, (32, 64, 128), 6e-4, id="10"),
    pytest.param(100.0, (64, 128, 256), 3e-3, id="100"),
]


@pytest.mark.parametrize("reversible", [False, True], ids=["circulating", "reversible"])
@pytest.mark.parametrize(("kappa", "sizes", "cap"), MARKOV)
def test_markov_densities_are_second_order_at_tilted_walls(kappa, sizes, cap, reversible):
    exact = zoo.manufactured_wall(kappa, reversible)
    assert wall_density(exact) > 0.05
    h, error, states = convergence(exact, sizes, "markov")
    assert_rate(h, error["L1"], order=2, cap=cap)
    for state in states:
        assert state.rho.min() > 0
        assert abs(state.grid.integrate(state.rho) - 1) < 1e-13
        assert state.residual < 1e-12


@pytest.mark.parametrize("kappa", [10.0, 100.0])
def test_dropping_edges_at_walls_is_first_order(monkeypatch, kappa):
    """Counterexample: the same edge list without what walls give back."""
    monkeypatch.setattr("fokkerplanck.scheme.tensor_edges._lost", lambda *_: [])
    h, error, _ = convergence(zoo.manufactured_wall(kappa), (64, 96, 144), "markov")
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate(h, error["L1"], order=2, cap=1.0)
    slopes = np.log(error["L1"][:-1] / error["L1"][1:]) / np.log(h[:-1] / h[1:])
    assert slopes.max() < 1.7


@pytest.mark.parametrize(("kappa", "cap"), [(1.0, 6e-3), (10.0, 2e-2)])
def test_markov_densities_are_second_order_at_tilted_walls_in_space(kappa, cap):
    h, error, _ = convergence(zoo.manufactured_wall(kappa, dim=3), (8, 12, 18), "markov")
    assert_rate(h, error["L1"], order=2, cap=cap)


def test_dropping_edges_at_walls_is_first_order_in_space(monkeypatch):
    """Counterexample in three dimensions."""
    monkeypatch.setattr("fokkerplanck.scheme.tensor_edges._lost", lambda *_: [])
    h, error, _ = convergence(zoo.manufactured_wall(10.0, dim=3), (8, 12, 18), "markov")
    with pytest.raises(AssertionError, match="slopes"):
        assert_rate(h, error["L1"], order=2, cap=1.0)


# --- the accurate scheme ----------------------------------------------------------------------

LOG = [
    pytest.param(1.0, (32, 64, 128), {"Phi": 5e-4, "L1": 2e-4, "j": 4e-4, "q": 6e-4}, id="1"),
    pytest.param(10.0, (32, 64, 128), {"Phi": 7e-4, "L1": 2e-4, "j": 5e-4, "q": 6e-4}, id="10"),
    pytest.param(100.0, (64, 96, 144), {"Phi": 3e-3, "L1": 2e-3, "j": 2e-3, "q": 6e-4}, id="100"),
]


@pytest.mark.parametrize(("kappa", "sizes", "caps"), LOG)
def test_log_scheme_is_second_order_up_to_the_walls(kappa, sizes, caps):
    """Phi in the max norm over the whole box, j in L2, walls included."""
    h, error, states = convergence(zoo.manufactured_wall(kappa), sizes)
    assert all(state.stats.scheme == "log" for state in states)
    for key, cap in caps.items():
        assert_rate(h, error[key], order=2, cap=cap)


@pytest.mark.parametrize("kappa", [1.0, 10.0])
def test_log_scheme_is_second_order_up_to_the_walls_in_space(kappa):
    h, error, _ = convergence(zoo.manufactured_wall(kappa, dim=3), (8, 12, 18))
    for key, cap in {"Phi_relative": 2e-2, "L1": 6e-3, "j": 2e-2, "mean_Q": 2e-2}.items():
        assert_rate(h, error[key], order=2, cap=cap)


@pytest.mark.parametrize(
    ("kappa", "sizes"), [(1.0, (32, 48, 72)), (10.0, (32, 48, 72)), (100.0, (72, 104, 144))]
)
def test_periodic_seams_are_second_order(kappa, sizes):
    h, error, _ = convergence(zoo.manufactured_wall(kappa, periodic=True), sizes)
    for key, cap in {"Phi": 5e-3, "L1": 2e-3, "j": 4e-3}.items():
        assert_rate(h, error[key], order=2, cap=cap)


def test_what_the_accurate_scheme_is_for():
    """kappa = 100, strong circulation, 128 x 128: 2e-3 against 0.4 in log rho."""
    exact = zoo.manufactured_wall(100.0, periodic=True)
    problem = exact.build(128)
    log_rho = exact.log_rho(*problem.grid.x)
    error = {scheme: np.abs(fp.steady_state(problem, scheme).log_rho - log_rho).max()
             for scheme in ("markov", "log")}  # fmt: skip
    assert error["log"] <= 5e-3
    assert error["markov"] > 0.3


# --- one kind of wall per side ----------------------------------------------------------------


def channel(n, sides, flip):
    """Channel with a current along its periodic axis, D tilted against its reflecting walls."""
    box, shape = [(0, 2 * np.pi), (-2.0, 2.5)], (n, n)
    D = np.array([[1.0, 0.5], [0.5, 0.8]])

    def drift(x, y):
        return 1 + 0.5 * np.sin(x) * np.exp(-(y**2)), -y + 0.3 * np.cos(x)

    if flip:
        grid = fp.Grid(box[::-1], shape, sides[::-1])
        return fp.Problem(grid, drift=lambda y, x: drift(x, y)[::-1], D=D[::-1, ::-1])
    return fp.Problem(fp.Grid(box, shape, sides), drift=drift, D=D)


@pytest.mark.parametrize("scheme", ["markov", "log"])
def test_a_channel_does_not_care_which_axis_is_which(scheme):
    sides = ["periodic", "reflecting"]
    states = [fp.steady_state(channel(32, sides, flip), scheme) for flip in (False, True)]
    np.testing.assert_allclose(states[0].log_rho, states[1].log_rho.T, atol=1e-8)
    np.testing.assert_allclose(states[0].j[0], states[1].j[1].T, atol=1e-8)
    assert states[0].mean_current[0] > 0.02
    assert abs(states[0].mean_current[1]) < 1e-5


def test_schemes_agree_on_a_channel_to_second_order():
    """No closed form: the two schemes, built differently, meet like h^2."""
    h, distance, current = [], [], []
    for n in (24, 48, 96):
        problem = channel(n, ["periodic", "reflecting"], False)
        markov, log = (fp.steady_state(problem, scheme) for scheme in ("markov", "log"))
        h.append(problem.grid.h[0])
        distance.append(problem.grid.integrate(np.abs(markov.rho - log.rho)))
        current.append(abs(markov.mean_current[0] / log.mean_current[0] - 1))
    assert_rate(h, distance, order=2, cap=1e-3)
    assert current[-1] < 1e-3


@pytest.mark.parametrize(
    ("box", "sides", "D", "rate"),
    [
        ([(0, 1)], "absorbing", 1.0, np.pi**2),
        ([(0, 1)], [("absorbing", "reflecting")], 1.0, np.pi**2 / 4),
        ([(0, 1), (0, 2)], "absorbing", (1.0, 0.5), np.pi**2 * (1 + 0.5 / 4)),
        (
            [(0, 1), (0, 2)], [("absorbing", "absorbing"), ("reflecting", "absorbing")],
            (1.0, 0.5), np.pi**2 * (1 + 0.5 / 16),
        ),
        ([(0, 1), (0, 1)], ["absorbing", "periodic"], [[1.0, 0.6], [0.6, 0.8]], np.pi**2),
    ],
    ids=["line", "one end", "plane", "mixed", "tilted"],
)  # fmt: skip
def test_decay_through_absorbing_sides_is_second_order(box, sides, D, rate):
    """Slowest decay rate of the heat equation; the last is blind to y, tilted D and all."""
    h, error = [], []
    for n in (16, 32, 64):
        problem = fp.Problem(fp.Grid(box, n, sides), D=D)
        slowest = fp.quasi_stationary(problem)
        h.append(1 / n)
        error.append(abs(slowest.decay_rate / rate - 1))
        assert slowest.rho.min() > 0
    assert_rate(h, error, order=2, cap=1e-3)


@pytest.mark.parametrize("cross", [0.6, 0.87])
def test_absorbing_walls_with_tilted_noise_and_drift_converge_to_second_order(cross):
    """No closed form: differences of the decay rate between grids fall by four."""
    rates = []
    for n in (12, 24, 48, 96):
        grid = fp.Grid([(0, 1), (0, 1)], n, "absorbing")
        problem = fp.Problem(
            grid, drift=lambda x, y: (2 * np.sin(2 * y), 1 - 3 * x), D=[[1.0, cross], [cross, 0.8]]
        )
        rates.append(fp.quasi_stationary(problem, scheme="markov").decay_rate)
    steps = np.abs(np.diff(rates)) / rates[-1]
    assert_rate([1 / 24, 1 / 48, 1 / 96], steps, order=2, cap=5e-3)


def test_stencils_at_absorbing_walls_leave_faster_than_neighbours():
    grid = fp.Grid([(0, 1), (0, 1)], 12, "absorbing")
    edges = Edges.from_problem(fp.Problem(grid, D=[[1.0, 0.6], [0.6, 0.8]]))
    exits = edges.exit_rate.reshape(12, 12)
    assert np.all(exits[[0, -1]] > 0)
    assert np.all(exits[:, [0, -1]] > 0)
    assert np.all(exits[4:-4, 4:-4] == 0)
