"""The exact semigroup against dense exponentials, its error bounds and its bookkeeping."""

import math

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import poisson

import fokkerplanck as fp
from fokkerplanck.linalg.factors import ImplicitFactor
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.linalg.semigroup.rational_krylov import krylov_action
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain, poisson_window
from fokkerplanck.methods import Context, Exponential
from fokkerplanck.scheme.generator import Generator


def rotated(kappa):
    """Diffusion of anisotropy kappa in directions that turn with position."""

    def D(x, y):
        c, s, small = np.cos(x + y / 2), np.sin(x + y / 2), 1 / kappa
        off = c * s * (1 - small)
        return [[c * c + small * s * s, off], [off, s * s + small * c * c]]

    return D


def random_problem(seed):
    """Small problem with random drift, diffusion, walls and cells of random width."""
    rng = np.random.default_rng(seed)
    d = 1 + seed % 3
    shape = [(60,), (9, 8), (4, 5, 4)][d - 1]
    walls = [["reflecting", "periodic", "absorbing"][k] for k in rng.integers(0, 3, d)]
    box = [np.cumsum(np.r_[0, 0.1 + rng.random(n)]) if seed % 2 else (0, 1.5) for n in shape]
    grid = fp.Grid(box, shape, walls)
    drift = rng.normal(size=(d, *shape)) * 10 ** rng.uniform(-1, 1)
    D = 10 ** rng.uniform(-1.5, 1.5, (d, *shape))
    return fp.Problem(grid, drift=drift, D=list(D), kT=10 ** rng.uniform(-1, 0.5))


def advance(problem, p, span, **options):
    method = Exponential(**options)
    context = Context(span)
    state = method.init(Generator(problem), context)
    return method.step(state, p, span), context.record.values


def random_masses(problem, rng):
    p = rng.random(problem.grid.size) ** 4
    return p / p.sum()


# --- against the dense exponential ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uniformisation", "krylov"])
@pytest.mark.parametrize("seed", range(9))
def test_random_generators(kind, seed, rng):
    problem = random_problem(seed)
    A = Generator(problem).matrix.toarray()
    p = random_masses(problem, rng)
    for strength in (0.3, 30.0, 3000.0):
        t = strength / np.abs(A.diagonal()).max()
        q, report = advance(problem, p, t, kind=kind)
        assert np.abs(q - expm(t * A) @ p).sum() < 2e-13 * max(1.0, strength / 30)
        assert q.min() >= 0
        assert report["clipped_mass"] < 1e-15
        if not problem.grid.has_absorbing_sides:
            assert abs(q.sum() - 1) < 1e-15


def test_every_density_however_small_is_right():
    """A line of 40 cells seen from its first one: p falls to 1e-90, and all digits are right."""
    n, t = 40, 0.05
    problem = fp.Problem(fp.Grid([(0, n)], n), D=1.0)
    p = np.eye(n)[0]
    q, _ = advance(problem, p, t, kind="uniformisation")
    # A sum of positive terms: the Taylor series of P = I + tA shifted to be non-negative.
    A = Generator(problem).matrix.toarray() + 2 * np.eye(n)
    term, exact = p.copy(), p.copy()
    for k in range(1, 120):
        term = t / k * (A @ term)
        exact += term
    exact *= math.exp(-2 * t)
    assert exact[-1] < 1e-90
    np.testing.assert_allclose(q[:36], exact[:36], rtol=1e-12)
    # The last cells need as many jumps as the window of the Poisson law allows.
    np.testing.assert_allclose(q, exact, rtol=1e-3)


def test_relaxation_of_two_cells():
    problem = fp.Problem(fp.Grid([(0, 2)], 2), D=np.array([0.5, 0.5]))
    for t in (1e-6, 0.1, 3.0):
        q, _ = advance(problem, np.array([1.0, 0.0]), t)
        np.testing.assert_allclose(q, [0.5 + 0.5 * np.exp(-t), -0.5 * np.expm1(-t)], rtol=1e-14)


def test_semigroup_property(rng):
    problem = random_problem(4)
    p = random_masses(problem, rng)
    whole, _ = advance(problem, p, 0.5)
    half, _ = advance(problem, p, 0.25)
    np.testing.assert_allclose(advance(problem, half, 0.25)[0], whole, rtol=1e-12)


@pytest.mark.parametrize("kind", ["uniformisation", "krylov"])
def test_tolerance_is_kept_and_saves_work(kind):
    grid = fp.Grid([(-3, 3), (-3, 3)], 24)
    problem = fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 4)
    p = fp.gaussian(grid, (-1, 0), 0.1).ravel() * grid.volume
    exact = expm(0.7 * Generator(problem).matrix.toarray()) @ p
    work = []
    for tolerance in (1e-3, 1e-6, 1e-9, 1e-13):
        q, report = advance(problem, p, 0.7, kind=kind, tolerance=tolerance)
        assert np.abs(q - exact).sum() <= tolerance
        assert report["error_bound"] <= max(tolerance, 2e-13)
        work.append(report["products" if kind == "uniformisation" else "solves"])
    assert work == sorted(work)
    assert work[0] < 0.95 * work[-1]


# --- the Poisson mixture -------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [1e-8, 0.3, 7.0, 1000.0, 1e6])
def test_poisson_window(mean):
    first, weights, left_out = poisson_window(mean, 1e-12)
    k = np.arange(first, first + weights.size)
    np.testing.assert_allclose(weights, poisson.pmf(k, mean), rtol=1e-8, atol=1e-25)
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    assert left_out < 2e-12
    assert weights.size < 16 * math.sqrt(mean) + 70


def test_poisson_weights_neither_under_nor_overflow_at_huge_means():
    first, weights, left_out = poisson_window(1e10, 1e-17)
    assert np.all(np.isfinite(weights))
    mean = first + float(np.sum(np.arange(weights.size) * weights))
    assert mean == pytest.approx(1e10, rel=1e-12)
    assert left_out < 2e-17


def test_stationary_chains_stop_early():
    grid = fp.Grid([(-3, 3)], 16)
    problem = fp.Problem(grid, f=lambda x: x**2)
    generator = Generator(problem)
    p = fp.gaussian(grid, 1, 0.1) * grid.volume
    q, report = advance(problem, p, 1e5, kind="uniformisation")
    assert report["stationary_intervals"] == 1
    assert report["products"] < 0.05 * report["rate"] * 1e5
    assert report["error_bound"] < 1e-14
    pi = np.exp(null_vector(generator.matrix, grid.shape).log_mass)
    assert np.abs(q - pi).sum() < 1e-14


def test_slow_chains_are_not_taken_for_stationary():
    """Two wells 25 kT deep: after 1e6 time units the exchange of 1e-7 or so is all that happens."""
    grid = fp.Grid([(-1.6, 1.6)], 16)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, kT=0.04)
    generator = Generator(problem)
    chain = JumpChain(generator)
    p = np.exp(-problem.f / problem.kT) * (grid.x[0] < 0)
    p /= p.sum()
    t = 1e6 / chain.rate
    q = chain.act(p, t).p
    right = grid.x[0] > 0
    exact = expm(t * generator.matrix.toarray()) @ p
    assert 1e-14 < q[right].sum() < 1e-4
    assert q[right].sum() == pytest.approx(exact[right].sum(), rel=1e-7)


# --- Krylov --------------------------------------------------------------------------------------


def test_krylov_cost_does_not_grow_with_the_grid():
    dimensions = []
    for n in (100, 400, 1600):
        grid = fp.Grid([(-3, 3)], n)
        generator = Generator(fp.Problem(grid, f=lambda x: x**2 / 2))
        p = fp.gaussian(grid, 1, 0.1) * grid.volume
        dimensions.append(krylov_action(ImplicitFactor(generator, 0.1), p, 1.0).dimension)
    assert max(dimensions) <= min(dimensions) + 6


def test_krylov_gives_up_where_it_cannot_converge():
    """A fast rotation with little noise over many turns is no case for a few real poles."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 48)
    problem = fp.Problem(grid, drift=lambda x, y: (30 * y, -30 * x), kT=0.01)
    p = fp.gaussian(grid, (1.5, 0), 0.05).ravel() * grid.volume
    assert krylov_action(ImplicitFactor(Generator(problem), 0.1), p, 1.0) is None


def test_spans_that_krylov_cannot_take_are_divided():
    grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    problem = fp.Problem(grid, drift=lambda x, y: (8 * y - x, -8 * x - y), kT=0.5)
    p = fp.gaussian(grid, (1.5, 0), 0.1).ravel() * grid.volume
    q, report = advance(problem, p, 3.0, kind="krylov")
    exact, _ = advance(problem, p, 3.0, kind="uniformisation")
    assert np.abs(q - exact).sum() < 1e-13
    assert "uniformisation" in report["kind"] or report["factorisations"] > 1


def test_long_intervals_choose_krylov_by_themselves():
    grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + y, -y - x), D=rotated(10))
    p = fp.gaussian(grid, (1, 0), 0.2).ravel() * grid.volume
    rate = JumpChain(Generator(problem)).rate
    short, report = advance(problem, p, 100 / rate)
    assert report["kind"] == "uniformisation"
    assert report["error_kind"] == "a priori"
    long, report = advance(problem, p, 1e6 / rate)
    assert report["kind"] == "krylov"
    assert report["error_kind"] == "estimated"
    assert report["products"] < 1000
    exact, _ = advance(problem, p, 1e6 / rate, kind="uniformisation")
    assert np.abs(long - exact).sum() < 1e-13
    assert min(short.min(), long.min()) > 0


def test_one_factorisation_serves_equal_intervals():
    grid = fp.Grid([(-3, 3)], 100)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    times = np.linspace(0, 0.7, 8)  # spans differ by rounding
    solution = fp.solve(problem, fp.gaussian(grid, 1, 0.1), times, Exponential(kind="krylov"))
    assert solution.stats["factorisations"] == 1


def test_clipping_is_never_hidden():
    """A cold well leaves cells of 1e-100 and less, where a Krylov result is mere rounding."""
    grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    problem = fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2, kT=0.02)
    p = fp.gaussian(grid, (0.5, 0.5), 0.1).ravel() * grid.volume
    q, report = advance(problem, p, 0.2, kind="krylov")
    assert q.min() == 0
    assert 0 < report["clipped_mass"] < 1e-17
    assert report["clipped_cells"] > 0
    assert "zero" in report["positivity"]
    q, report = advance(problem, p, 0.2, kind="uniformisation")
    assert report["clipped_mass"] == report["clipped_cells"] == 0


def test_metastable_exchange_over_long_times():
    """Barrier of 20 kT: the slow rate survives a factorisation with dt times Lambda = 1e10."""
    grid = fp.Grid([(-1.8, 1.8)], 80)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, kT=0.05)
    generator = Generator(problem)
    p = np.exp(-problem.f / problem.kT) * (grid.x[0] < 0)
    p /= p.sum()
    right = grid.x[0] > 0
    rate = math.sqrt(8 * 4) / (2 * math.pi) * math.exp(-1 / 0.05)  # Kramers
    t = 0.5 / rate
    q, report = advance(problem, p, t)
    assert report["kind"] == "krylov"
    values = np.linalg.eigvals(generator.matrix.toarray()).real
    slowest = -np.sort(values)[-2]
    assert slowest == pytest.approx(2 * rate, rel=0.1)
    assert q[right].sum() == pytest.approx(-0.5 * np.expm1(-slowest * t), rel=1e-4)


# --- the choice ----------------------------------------------------------------------------------


def wells(n, d=2):
    grid = fp.Grid([(-2.5, 2.5), (-4, 4), (-4, 4)][:d], n)
    return fp.Problem(
        grid, f=lambda *x: (x[0] ** 2 - 1) ** 2 / 4 + sum(u**2 for u in x[1:]) / 2, beta=3.0
    )


def left_well(problem):
    grid = problem.grid
    return (fp.gaussian(grid, (-1.0, *[0.0] * (grid.dim - 1)), 0.04) * grid.volume).ravel()


@pytest.mark.parametrize(
    ("n", "d", "t", "tolerance", "kind"),
    [
        (32, 2, 0.1, 1e-2, "uniformisation"),
        (32, 2, 1.0, 1e-14, "uniformisation"),
        (128, 2, 1.0, 1e-14, "uniformisation"),
        (128, 2, 1.0, 1e-3, "chebyshev"),
        (128, 2, 20.0, 1e-14, "chebyshev"),
        (32, 2, 3e6, 1e-6, "krylov"),
        (24, 3, 30.0, 1e-6, "chebyshev"),
    ],
)
def test_the_cheapest_is_chosen(n, d, t, tolerance, kind):
    problem = wells(n, d)
    _, report = advance(problem, left_well(problem), t, tolerance=tolerance)
    assert report["kind"] == kind
    assert report["reason"].startswith(kind)
    assert "products" in report["reason"]


@pytest.mark.parametrize("kind", ["auto", "chebyshev"])
def test_looser_tolerances_are_kept_and_save_products(kind):
    problem = wells(96)
    p = left_well(problem)
    exact, _ = advance(problem, p, 10.0, kind="uniformisation")
    work = []
    for tolerance in (1e-2, 1e-5, 1e-8):
        q, report = advance(problem, p, 10.0, kind=kind, tolerance=tolerance)
        assert np.abs(q - exact).sum() <= report["error_bound"] <= tolerance
        assert report["error_kind"] == "a priori"
        assert q.min() >= 0
        assert abs(q.sum() - 1) < 1e-15
        work.append(report["products"])
    assert work[0] < 0.65 * work[2]
    assert work[2] < 0.2 * JumpChain(Generator(problem)).products(10.0)


def test_many_intervals_stay_within_the_tolerance():
    problem = wells(64)
    p = left_well(problem)
    method = Exponential(kind="chebyshev", tolerance=1e-4)
    context = Context(4.0)
    state, q = method.init(Generator(problem), context), p
    for _ in range(40):
        q = method.step(state, q, 0.1)
    exact, _ = advance(problem, p, 4.0, kind="uniformisation")
    assert np.abs(q - exact).sum() <= context.record.values["error_bound"] <= 1e-4


@pytest.mark.parametrize("kind", ["auto", "chebyshev"])
def test_currents_without_detailed_balance(kind):
    grid = fp.Grid([(-4, 4)] * 2, 64)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
    p = fp.gaussian(grid, (1, 0), 0.2).ravel() * grid.volume
    exact, _ = advance(problem, p, 6.0, kind="uniformisation")
    for tolerance in (1e-3, 1e-8):
        q, report = advance(problem, p, 6.0, kind=kind, tolerance=tolerance)
        assert report["kind"] == "chebyshev"
        assert report["error_kind"] == "estimated"
        assert np.abs(q - exact).sum() <= report["error_bound"] <= tolerance
        assert q.min() >= 0


def test_terms_that_grow_too_much_are_left_to_uniformisation():
    """Strong rotation with little noise: cells of Peclet number 10 and more."""
    grid = fp.Grid([(-3, 3)] * 2, 32)
    problem = fp.Problem(grid, drift=lambda x, y: (30 * y - x, -30 * x - y), kT=0.02)
    p = fp.gaussian(grid, (1.5, 0), 0.1).ravel() * grid.volume
    exact, _ = advance(problem, p, 1.0, kind="uniformisation")
    q, report = advance(problem, p, 1.0, kind="chebyshev", tolerance=1e-8)
    assert np.abs(q - exact).sum() <= max(report["error_bound"], 1e-8)
    q, report = advance(problem, p, 30.0, tolerance=1e-8)
    assert "uniformisation" in report["kind"] or "krylov" in report["kind"]


# --- the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": 0}, "tolerance is 0; give a number between 0 and 1"),
        ({"tolerance": 2.0}, "tolerance is 2.0"),
        ({"tolerance": math.nan}, "tolerance is nan"),
        ({"tolerance": "tight"}, "tolerance is 'tight'"),
        ({"kind": "pade"}, "kind is 'pade'; choose from auto, uniformisation, krylov"),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        Exponential(**options)
