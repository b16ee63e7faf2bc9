"""Steady states by elimination and by multigrid: the same answer, and what is said about it."""

import numba
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg import sizes
from fokkerplanck.steady import multilevel, newton_steps
from fokkerplanck.steady.newton_steps import Preconditioned
from tests.steady.test_multilevel import arrays, channel, graded, rotating, turning, wells


@pytest.fixture(autouse=True)
def _one_thread():
    """Grids are small, and starting threads takes longer than the work on a busy machine."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


CASES = {
    "rotating": lambda: rotating((72, 70)),
    "E1": lambda: zoo.example_19().build(72),
    "wall 100": lambda: zoo.manufactured_wall(100.0).build(72),
    "torus 10": lambda: zoo.manufactured_wall(10.0, periodic=True).build(70),
    "R16": lambda: zoo.manufactured_space("mixed").build(16),
    "wells 5": lambda: wells(5, turning, 72),
    "wells 20": lambda: wells(20, 0.5, 72),
    "channel": lambda: channel(76),
    "arrays": lambda: arrays(rotating(72)),
}
SLOW = {
    "wells 40": lambda: wells(40, 0.5, 72),
    "R4": lambda: zoo.spiral_3d().build(16),
    "W3c-10": lambda: zoo.manufactured_wall(10.0, dim=3).build(16),
    "R13b": lambda: zoo.manufactured_plane("mixed").build(72),
}


def check(problem, scheme):
    """Both solvers agree; returns their states."""
    direct, multilevel = (
        fp.steady_state(problem, scheme, solver=solver) for solver in ("direct", "multilevel")
    )
    np.testing.assert_allclose(multilevel.log_rho, direct.log_rho, rtol=0, atol=1e-8)
    assert multilevel.residual < 1e-9
    assert direct.stats.scheme == multilevel.stats.scheme == scheme
    assert direct.stats.reason == multilevel.stats.reason == "asked for"
    assert not np.array_equal(multilevel.log_rho, direct.log_rho)  # they are two computations
    return direct.stats, multilevel.stats


@pytest.mark.parametrize("name", CASES)
def test_markov_scheme(name):
    direct, multilevel = check(CASES[name](), "markov")
    assert (direct.solver, multilevel.solver) == ("direct", "multilevel")
    assert "direct solver" in direct.message
    assert "multilevel solver: 2 nested grids" in multilevel.message
    assert direct.history == ()
    assert multilevel.history[-1] < 1e-9
    assert multilevel.iterations > 0
    assert f"{multilevel.iterations} Krylov steps" in multilevel.message


@pytest.mark.parametrize("name", CASES)
def test_log_scheme(name):
    direct, multilevel = check(CASES[name](), "log")
    for stats, how in ((direct, "factorisations"), (multilevel, "multigrid")):
        assert stats.solver == "newton"
        assert stats.message == (
            f"nine-point scheme by Newton's method, {stats.iterations} steps with {how}"
        )
        assert stats.history[-1] <= 1e-10
        assert 0 < stats.iterations < len(stats.history)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["markov", "log"])
@pytest.mark.parametrize("name", SLOW)
def test_more_problems(name, scheme):
    check(SLOW[name](), scheme)


@pytest.mark.slow
def test_graded_axes():
    check(graded(), "markov")


def test_multilevel_takes_the_multigrid_steps(monkeypatch):
    """What the message says is what happens."""
    used = []
    solve = Preconditioned.solve
    monkeypatch.setattr(
        Preconditioned, "solve", lambda self, *args: (used.append(1), solve(self, *args))[1]
    )
    stats = fp.steady_state(CASES["wall 100"](), "log", solver="direct").stats
    assert not used
    stats = fp.steady_state(CASES["wall 100"](), "log", solver="multilevel").stats
    assert len(used) == stats.iterations


def test_steps_by_multigrid_that_fail_are_announced(monkeypatch):
    problem = CASES["wall 100"]()
    direct = fp.steady_state(problem, "log", solver="direct")
    monkeypatch.setattr(newton_steps, "ACCEPTED", 0.0)
    state = fp.steady_state(problem, "log", solver="multilevel")
    assert state.stats.message.endswith("steps with factorisations, as multigrid failed")
    np.testing.assert_allclose(state.log_rho, direct.log_rho, rtol=0, atol=1e-8)


def test_large_grids_do_not_fall_back_to_factorisations(monkeypatch):
    problem = CASES["wall 100"]()
    monkeypatch.setattr(newton_steps, "ACCEPTED", 0.0)
    monkeypatch.setattr(sizes, "NEWTON_FACTORISED", {1: 0, 2: 0, 3: 0})
    with pytest.raises(fp.ConvergenceError, match=r"Newton's method .* stopped") as e:
        fp.steady_state(problem, "log", solver="multilevel")
    assert e.value.iterate.shape == problem.grid.shape
    state = fp.steady_state(problem, solver="multilevel")
    assert state.stats.scheme == "upwind5"
    assert "fell back to fifth-order upwind flux" in state.stats.message


@pytest.mark.parametrize(
    ("name", "d", "scheme"),
    [
        ("rotating", 2, "markov"), ("rotating", 2, "log"), ("rotating", 2, "auto"),
        ("wall 100", 2, "markov"), ("R16", 3, "markov"),
        pytest.param("R16", 3, "log", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_choice_by_size(name, d, scheme, monkeypatch):
    problem = CASES[name]()
    n = problem.grid.size
    monkeypatch.setitem(sizes.STEADY_MULTILEVEL_FROM, d, n + 1)
    small = fp.steady_state(problem, scheme).stats
    monkeypatch.setitem(sizes.STEADY_MULTILEVEL_FROM, d, n)
    large = fp.steady_state(problem, scheme).stats
    assert small.reason.endswith(f"{n} cells in {d}D: multilevel from {n + 1} cells on")
    assert large.reason.endswith(f"{n} cells in {d}D: multilevel from {n} cells on")
    words = ("direct", "multilevel") if scheme == "markov" else ("factorisations", "multigrid")
    assert words[0] in small.message
    assert words[1] in large.message


def test_tensors_in_the_plane_keep_factorisations_while_they_are_affordable(monkeypatch):
    problem = CASES["wall 100"]()
    monkeypatch.setitem(sizes.STEADY_MULTILEVEL_FROM, 2, 1)
    message = fp.steady_state(problem, "log").stats.message
    assert message.endswith("steps with factorisations")
    monkeypatch.setitem(sizes.NEWTON_FACTORISED, 2, problem.grid.size - 1)
    message = fp.steady_state(problem, "log").stats.message
    assert message.endswith("steps with multigrid")


def test_large_grids_are_solved_by_multigrid_and_lines_by_elimination():
    assert sizes.STEADY_MULTILEVEL_FROM[1] == np.inf
    assert 4096 < sizes.STEADY_MULTILEVEL_FROM[2] < 1e6
    assert 2744 < sizes.STEADY_MULTILEVEL_FROM[3] < 1e5
    ring = fp.Grid([(0, 2 * np.pi)], 9000, "periodic")
    state = fp.steady_state(fp.Problem(ring, drift=lambda x: (0.5 + np.sin(x),)), "markov")
    assert state.stats.solver == "direct"


@pytest.mark.parametrize("scheme", ["auto", "markov"])
def test_known_potentials_need_no_solver(scheme):
    grid = fp.Grid([(-2, 2)] * 2, 72)
    problem = fp.Problem(grid, f=lambda x, y: x**2 + y**4)
    stats = fp.steady_state(problem, scheme, solver="multilevel").stats
    assert (stats.scheme, stats.solver, stats.reason) == ("exact", "none", "")


def test_multilevel_failure_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(multilevel, "MAX_CORRECTIONS", 1)
    problem = CASES["wall 100"]()
    with pytest.raises(fp.ConvergenceError, match=r'use solver="direct"') as e:
        fp.steady_state(problem, "markov", solver="multilevel")
    assert e.value.iterate.size == problem.grid.size
    assert fp.steady_state(problem, "markov", solver="direct").residual < 1e-12


# --- what is refused --------------------------------------------------------------------------


def one_way():
    """No noise along x in a gap that the drift crosses: nothing comes back."""

    def D(x, y):
        return [[np.where(np.abs(x) < 0.3, 0.0, 1.0), 0 * x], [0 * x, 1 + 0 * x]]

    grid = fp.Grid([(-2, 2)] * 2, 24)
    return fp.Problem(grid, drift=lambda x, y: (1 + 0 * x, -y), D=D)


@pytest.mark.parametrize("scheme", ["auto", "markov"])
def test_cells_without_mass_are_for_the_direct_solver(scheme, monkeypatch):
    problem = one_way()
    with pytest.raises(ValueError, match=r"'multilevel', but \d+ cells are left for good.*direct"):
        fp.steady_state(problem, scheme, solver="multilevel")
    monkeypatch.setitem(sizes.STEADY_MULTILEVEL_FROM, 2, 0)
    stats = fp.steady_state(problem, scheme).stats
    assert stats.solver == "direct"
    assert stats.reason.endswith("there are cells without mass")


@pytest.mark.parametrize("solver", ["multigrid", "Direct", "", 1, ["direct"]])
def test_unknown_solver(solver):
    problem = fp.Problem(fp.Grid([(0, 1)], 8))
    with pytest.raises(ValueError, match=r"solver is .*choose from direct, multilevel or None"):
        fp.steady_state(problem, solver=solver)


@pytest.mark.parametrize("solver", [None, "direct", "multilevel"])
def test_absorbing_sides(solver):
    problem = fp.Problem(fp.Grid([(0, 1)] * 2, 8, ["absorbing", "reflecting"]))
    with pytest.raises(ValueError, match="absorbing sides"):
        fp.steady_state(problem, solver=solver)


@pytest.mark.parametrize("tol", [0.0, -1e-8, np.nan, np.inf, "small"])
def test_bad_tolerance(tol):
    with pytest.raises(ValueError, match="tol"):
        fp.steady_state(fp.Problem(fp.Grid([(0, 1)] * 2, 8)), solver="multilevel", tol=tol)
