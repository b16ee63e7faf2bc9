"""Multilevel stationary masses against elimination, entry by entry; wells, failures, fallbacks."""

import numba
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.special import logsumexp

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import balance_residual, null_vector
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.steady import chains, multilevel
from fokkerplanck.steady.chains import GraphChain, GridChain
from fokkerplanck.steady.multilevel import chain_of, multilevel_log_mass, stationary


@pytest.fixture(autouse=True)
def _one_thread():
    """Grids are small, and starting threads takes longer than the work on a busy machine."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def rotating(shape, sign=1, **words):
    grid = fp.Grid([(-5, 5)] * 2, shape)
    return fp.Problem(
        grid, drift=lambda x, y: (-sign * (x - 1.5 * y), -sign * (1.5 * x + y)), **words
    )


def turning(x, y):
    return 0.5 + 0.3 * np.sin(x + 0.5) * np.cos(y)


def wells(barrier, Q, n=96):
    """Two wells with a barrier of that many kT, stirred."""
    grid = fp.Grid([(-2, 2)] * 2, n)
    return fp.Problem.from_potential(
        grid, lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2, beta=4 * barrier, Q=Q
    )


def channel(n=88):
    return fp.Problem(
        fp.Grid([(0, 2 * np.pi), (-2, 2)], (n, n - 8), ["periodic", "reflecting"]),
        drift=lambda x, y: (1 + np.sin(x) * np.cos(y), -y + 0.5 * np.cos(x)), beta=3.0,
    )  # fmt: skip


def graded():
    return fp.Problem(
        fp.Grid([np.linspace(-1.5, 1.5, 101) ** 3, (-4, 4)], (100, 80)),
        drift=lambda x, y: (-x + 1.5 * y, -y - 1.5 * x), D=(1, 0.2),
    )  # fmt: skip


def arrays(problem):
    """The same problem, which knows one grid only."""
    return fp.Problem(
        problem.grid, drift=np.array(problem.drift), D=np.array(problem.D), beta=problem.beta
    )


def of_catalogue(code, n):
    return zoo.catalogue()[code].build(n)


CASES = {
    "rotating": lambda: rotating(128),
    "odd": lambda: rotating((131, 77)),
    "out of the walls": lambda: rotating(128, -1, beta=0.5),
    "cold": lambda: rotating(128, beta=20.0),
    "diagonal D": lambda: rotating(96, D=(1, 0.01)),
    "E1": lambda: of_catalogue("E1", 96),
    "E3": lambda: of_catalogue("E3", 96),
    "R13b": lambda: of_catalogue("R13b", 96),
    "R26": lambda: of_catalogue("R26", 96),
    "wall 1": lambda: zoo.manufactured_wall(1.0).build(96),
    "wall 10": lambda: zoo.manufactured_wall(10.0).build(96),
    "wall 100": lambda: zoo.manufactured_wall(100.0).build(96),
    "torus 1": lambda: zoo.manufactured_wall(1.0, periodic=True).build(96),
    "torus 10": lambda: zoo.manufactured_wall(10.0, periodic=True).build(96),
    "torus 100": lambda: zoo.manufactured_wall(100.0, periodic=True).build(96),
    "wells 5": lambda: wells(5, 0.5),
    "wells 20": lambda: wells(20, 0.5),
    "wells 40": lambda: wells(40, 0.5),
    "wells 5, Q varies": lambda: wells(5, turning),
    "wells 20, Q varies": lambda: wells(20, turning),
    "wells 40, Q varies": lambda: wells(40, turning),
    "R4": lambda: of_catalogue("R4", 22),
    "R16": lambda: of_catalogue("R16", 20),
    "W3c-10": lambda: of_catalogue("W3c-10", 20),
    "W3cp-10": lambda: of_catalogue("W3cp-10", 18),
    "space, diagonal D": lambda: fp.Problem(
        fp.Grid([(-3, 3)] * 3, (19, 18, 21)), drift=lambda x, y, z: (-x + y, -y - x + 0.3 * z, -z),
        D=(1, 0.5, 0.2),
    ),
    "graded": graded,
    "channel": channel,
    "arrays": lambda: arrays(rotating((100, 90))),
    "arrays, tensor": lambda: arrays(zoo.manufactured_wall(10.0).build(96)),
    "arrays, graded": lambda: arrays(graded()),
    "arrays, channel": lambda: arrays(channel()),
    "line": lambda: fp.Problem(fp.Grid([(-3, 3)], 5000), drift=lambda x: (x - x**3,)),
    "ring": lambda: fp.Problem(
        fp.Grid([(0, 2 * np.pi)], 5001, "periodic"), drift=lambda x: (0.5 + np.sin(x),)
    ),
}  # fmt: skip


def reference(generator):
    return null_vector(generator.matrix, generator.grid.shape).log_mass


@pytest.mark.parametrize("name", CASES)
def test_every_entry_is_that_of_elimination(name):
    problem = CASES[name]()
    generator = fp.Generator(problem)
    result, exact = multilevel_log_mass(generator), reference(generator)
    assert np.abs(result.log_mass - exact).max() < 1e-9
    assert logsumexp(result.log_mass) == pytest.approx(0.0, abs=1e-12)
    assert balance_residual(generator.matrix, result.log_mass) < 1e-10
    assert result.history[-1] < 1e-10
    assert result.error < 1e-9
    assert result.shapes[-1] == problem.grid.shape
    assert len(result.shapes) == 2
    assert 0 < len(result.steps) < len(result.history)
    assert f"{sum(result.steps)} Krylov steps" in result.message
    assert "2 nested grids" in result.message
    assert "failed" not in result.message


def log_weight(problem, log_mass):
    """Log of the mass at x > 0 over that at x < 0, and the curvature of the left well."""
    right = np.broadcast_to(problem.grid.x[0] > 0, problem.grid.shape).ravel()
    return logsumexp(log_mass[right]) - logsumexp(log_mass[~right])


@pytest.mark.parametrize("Q", [0.5, turning])
@pytest.mark.parametrize("barrier", [5, 20, 40])
def test_weights_of_wells(barrier, Q):
    # An odd shift of the grid, so that no symmetry gives the weights away.
    grid = fp.Grid([(-2.05, 1.9), (-2, 2)], 88)
    problem = fp.Problem.from_potential(
        grid, lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + 0.01 * x, beta=4 * barrier, Q=Q
    )
    generator = fp.Generator(problem)
    result, exact = multilevel_log_mass(generator), reference(generator)
    weight = log_weight(problem, exact)
    assert abs(weight) > 0.1
    assert log_weight(problem, result.log_mass) == pytest.approx(weight, abs=1e-8)


def with_wrong_weights(generator, exact, factor=3.0):
    """Log masses in balance but for two cells: the right well e^factor too heavy.

    Their ratio u to the exact masses is 1 and e^factor in the densest cells of the wells, and
    solves L u = 0 everywhere else, so that the imbalance is that of the flow over the barrier.
    """
    right = np.broadcast_to(generator.grid.x[0] > 0, generator.grid.shape).ravel()
    held = [np.argmax(np.where(side, exact, -np.inf)) for side in (~right, right)]
    flows = Flows.from_generator(generator)
    rows = np.repeat(np.arange(exact.size), np.diff(flows.indptr))
    ratio = flows.inflow * np.exp(exact[flows.indices] - exact[rows])
    L = sparse.csr_array((-ratio, flows.indices, flows.indptr), shape=generator.matrix.shape)
    L = (L + sparse.diags_array(generator.exit_rates)).tolil()
    b = np.zeros(exact.size)
    for x, value in zip(held, (1.0, np.exp(factor)), strict=True):
        L[x] = 0.0
        L[x, x], b[x] = 1.0, value
    return exact + np.log(spsolve(L.tocsc(), b))


@pytest.mark.parametrize("structured", [True, False])
def test_wrong_weights_come_right(structured):
    generator = fp.Generator(wells(40, 0.5, 64))
    exact = reference(generator)
    start = with_wrong_weights(generator, exact)
    assert np.abs(log_weight(generator.problem, start)) == pytest.approx(3.0, abs=0.1)
    chain = chain_of(generator, start, structured)
    assert isinstance(chain, GridChain if structured else GraphChain)
    result = stationary(chain, 1e-10)
    assert np.abs(result.log_mass - exact).max() < 1e-8
    assert result.n_wells == 2


@pytest.mark.parametrize("structured", [True, False])
def test_without_elimination_of_the_weights_they_stay_wrong(structured, monkeypatch):
    """Counterexample: every cell is in balance to rounding, and the wells are off by e^3."""
    generator = fp.Generator(wells(40, 0.5, 64))
    exact = reference(generator)
    monkeypatch.setattr(chains.Lumps, "change", lambda self: np.zeros(self.label.size))
    monkeypatch.setattr(chains.Lumps, "wells", lambda self, phi: np.empty(0, np.int64))
    chain = chain_of(generator, with_wrong_weights(generator, exact), structured)
    result = stationary(chain, 1e-10)
    assert result.history[-1] < 1e-10
    assert balance_residual(generator.matrix, result.log_mass) < 1e-10
    off = log_weight(generator.problem, result.log_mass)
    assert off - log_weight(generator.problem, exact) > 2.5


def test_a_wrong_start_without_nested_grids(rng):
    problem = zoo.manufactured_wall(10.0).build(72)
    generator = fp.Generator(problem)
    start = 3 * rng.standard_normal(problem.grid.size)
    result = stationary(chain_of(generator, start), 1e-10)
    assert np.abs(result.log_mass - reference(generator)).max() < 1e-9


def test_tolerance_saves_steps():
    problem = zoo.manufactured_wall(10.0).build(96)
    exact = reference(fp.Generator(problem))
    steps = {}
    for tol in (1e-3, 1e-10):
        result = multilevel_log_mass(problem, tol=tol)
        assert np.abs(result.log_mass - exact).max() < 10 * tol
        steps[tol] = sum(result.steps)
    assert steps[1e-3] < steps[1e-10]


def test_small_grids_are_eliminated():
    problem = rotating(60)
    result = multilevel_log_mass(problem)
    assert (result.message, result.steps, result.shapes) == ("elimination", (), ((60, 60),))
    np.testing.assert_array_equal(result.log_mass, reference(fp.Generator(problem)))


def test_many_nested_grids():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "STEADY_COARSEST", {1: 10, 2: 100, 3: 100})
        problem = zoo.manufactured_wall(10.0).build(70)
        result = multilevel_log_mass(problem)
    assert result.shapes == ((9, 9), (18, 18), (35, 35), (70, 70))
    assert "4 nested grids" in result.message
    assert np.abs(result.log_mass - reference(fp.Generator(problem))).max() < 1e-9


@pytest.mark.parametrize("name", ["rotating", "wall 10"])
def test_any_start_will_do_if_half_as_many_cells_fail(name, monkeypatch):
    def fails(*args):
        raise ValueError("not unique")

    problem = {"rotating": rotating(72), "wall 10": zoo.manufactured_wall(10.0).build(72)}[name]
    exact = reference(fp.Generator(problem))
    monkeypatch.setattr(multilevel, "null_vector", fails)
    result = multilevel_log_mass(problem)
    assert "uniform start, half as many cells failed: not unique" in result.message
    assert result.shapes == ((72, 72),)
    assert np.abs(result.log_mass - exact).max() < 1e-9


@pytest.mark.parametrize("name", ["rotating", "wall 10", "R16"])
def test_failure_has_the_last_iterate(name, monkeypatch):
    problem = CASES[name]()
    monkeypatch.setattr(multilevel, "MAX_CORRECTIONS", 1)
    with pytest.raises(fp.ConvergenceError, match="after 1 corrections, tol = 1e-10; refine") as e:
        multilevel_log_mass(problem)
    assert e.value.iterate.shape == (problem.grid.size,)
    assert logsumexp(e.value.iterate) == pytest.approx(0.0, abs=1e-12)
    residual = balance_residual(fp.Generator(problem).matrix, e.value.iterate)
    assert e.value.residual == pytest.approx(residual, rel=1e-3)
    assert np.abs(e.value.iterate - reference(fp.Generator(problem))).max() > 1e-10


@pytest.mark.parametrize("useless", ["zero", "noise"])
def test_aggregation_takes_over_where_structured_multigrid_fails(useless, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(
        GridChain, "precondition",
        lambda self, r: 0 * r if useless == "zero" else rng.standard_normal(r.size),
    )  # fmt: skip
    problem = rotating(80)
    result = multilevel_log_mass(problem)
    assert "structured multigrid failed (" in result.message
    assert "aggregation took over" in result.message
    assert np.abs(result.log_mass - reference(fp.Generator(problem))).max() < 1e-9


def test_no_fallback_from_aggregation(monkeypatch):
    monkeypatch.setattr(GraphChain, "precondition", lambda self, r: 0 * r)
    with pytest.raises(fp.ConvergenceError, match="multilevel solver stopped"):
        multilevel_log_mass(zoo.manufactured_wall(10.0).build(72))


@pytest.mark.parametrize("name", ["odd", "wall 10", "wells 20", "R16"])
def test_same_bits_again(name):
    one, two = (multilevel_log_mass(CASES[name]()) for _ in range(2))
    np.testing.assert_array_equal(one.log_mass, two.log_mass)
    assert (one.history, one.steps, one.message) == (two.history, two.steps, two.message)


@pytest.mark.slow
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread")
@pytest.mark.parametrize("name", ["odd", "wall 10"])
def test_threads_do_not_change_bits(name):
    results = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append(multilevel_log_mass(CASES[name]()).log_mass)
    np.testing.assert_array_equal(*results)


# --- chains -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: rotating((30, 21)), channel, graded])
def test_both_chains_see_the_same_imbalance(make, rng):
    generator = fp.Generator(make())
    start = rng.standard_normal(generator.grid.size)
    both = [chain_of(generator, start, structured) for structured in (True, False)]
    assert [type(c) for c in both] == [GridChain, GraphChain]
    A, mass = generator.matrix, np.exp(start)
    for chain in both:
        np.testing.assert_allclose(chain.exits, generator.exit_rates, rtol=1e-12)
        scale = np.abs(A) @ mass / mass
        assert (np.abs(chain.imbalance() - A @ mass / mass) <= 1e-12 * scale).all()
        chain.rebuild(np.array([3]))
        u = rng.standard_normal(start.size)
        twin = -A @ (mass * u) / mass
        twin[3] += chains.HELD * generator.exit_rates[3] * u[3]
        assert (np.abs(chain.apply(u) - twin) <= 1e-11 * scale * np.abs(u).max()).all()
        np.testing.assert_allclose(chain.weight[5], 1 / generator.exit_rates[5], rtol=1e-12)
        assert chain.weight[3] < 0.99 / generator.exit_rates[3]
        chain.phi += 0.1 * rng.standard_normal(start.size)
        chain.refresh()
        new = np.exp(chain.phi)
        scale = np.abs(A) @ new / new
        assert (np.abs(chain.imbalance() - A @ new / new) <= 1e-12 * scale).all()


@pytest.mark.parametrize("structured", [True, False])
def test_lumps_are_in_balance_if_cells_are(structured, rng, monkeypatch):
    monkeypatch.setattr(sizes, "STEADY_LUMPS", 200)
    generator = fp.Generator(rotating((40, 39)))
    exact = reference(generator)
    chain = chain_of(generator, exact, structured)
    lumps = chain.lumps()
    assert lumps.phi.size <= 468  # a quarter of 1560, and a fifth for cells that find no partner
    np.testing.assert_allclose(
        np.bincount(lumps.label, np.exp(exact)), np.exp(lumps.phi), rtol=1e-12
    )
    change = lumps.change()
    np.testing.assert_allclose(change, change[0], rtol=0, atol=1e-10)
    # Weights of lumps that are wrong come right at once if all is right inside of them.
    chain = chain_of(generator, exact + 5 * rng.standard_normal(lumps.phi.size)[lumps.label],
                     structured)  # fmt: skip
    if structured:  # blocks do not depend on phi
        phi = chain.phi + chain.lumps().change()
        np.testing.assert_allclose(phi - phi[0], exact - exact[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("structured", [True, False])
def test_sweeps_leave_the_solution_and_improve_others(structured, rng):
    generator = fp.Generator(rotating((40, 39)))
    exact = reference(generator)
    chain = chain_of(generator, exact, structured)
    chain.sweep(3)
    np.testing.assert_allclose(chain.phi, exact, rtol=0, atol=1e-10)
    chain = chain_of(generator, exact + rng.standard_normal(exact.size), structured)
    before = np.abs(chain.imbalance() / chain.exits).max()
    chain.sweep(3)
    assert np.abs(chain.imbalance() / chain.exits).max() < 0.3 * before


@pytest.mark.parametrize("structured", [True, False])
def test_wells_are_found(structured):
    for barrier, number in ((3, 0), (20, 2)):
        problem = wells(barrier, 0.5, 64)
        generator = fp.Generator(problem)
        chain = chain_of(generator, reference(generator), structured)
        pins = chain.lumps().wells(chain.phi)
        assert pins.size == number
        if number:
            x = np.broadcast_to(problem.grid.x[0], problem.grid.shape).ravel()[pins]
            np.testing.assert_allclose(np.sort(x), [-1, 1], atol=0.1)


def test_tensors_and_lines_have_no_structured_chain():
    for problem in (zoo.manufactured_wall(10.0).build(12), CASES["line"]()):
        generator = fp.Generator(problem)
        assert isinstance(chain_of(generator, np.zeros(problem.grid.size)), GraphChain)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_sampling_is_exact_for_linear_fields(d):
    fine = fp.Grid([(0, 1), (-1, 2), (0, 3)][:d], (12, 9, 8)[:d])
    coarse = fine.coarsened()

    def linear(grid):
        return np.broadcast_to(2.0 + sum((k + 1) * x for k, x in enumerate(grid.x)), grid.shape)

    sampled = multilevel._linear(np.stack([linear(fine)] * d), fine, coarse)
    assert sampled.shape == (d, *coarse.shape)
    twin = linear(coarse)
    low = [c[0] for c in fine.centers]
    high = [c[-1] for c in fine.centers]
    inside = np.ones(coarse.shape, bool)
    for x, a, b in zip(coarse.x, low, high, strict=True):
        inside &= (x >= a) & (x <= b)
    assert inside.any()
    np.testing.assert_allclose(sampled[0][inside], twin[inside], rtol=1e-13)
    assert sampled.max() <= linear(fine).max()  # no extrapolation
