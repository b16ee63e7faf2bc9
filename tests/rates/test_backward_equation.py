"""The backward equation is the transpose of the forward one, and keeps what it must."""

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.linalg.semigroup.dense import DenseSemigroup
from fokkerplanck.scheme.flows import Flows
from tests.convergence.rates import assert_rate


def spiral(n=24):
    grid = fp.Grid([(-4, 4), (-3, 3)], (n, n - 4))
    return fp.Problem(
        grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x), D=[[1, 0.3], [0.3, 0.5]], kT=0.5
    )


def phi(x, y):
    return np.sin(x) + x * y**2


@pytest.mark.parametrize("kind", ["uniformisation", "krylov", "auto"])
@pytest.mark.parametrize("sides", ["reflecting", "absorbing"])
def test_duality_with_the_forward_equation(kind, sides):
    grid = fp.Grid([(-4, 4), (-3, 3)], (24, 20), sides=sides)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x), D=(1, 0.5), kT=0.5)
    t = [0, 0.1, 0.7, 3.0]
    rho = fp.solve(fp.Generator(problem), fp.gaussian(grid, (1, 0.5), 0.2), t, steady=False).rho
    u = fp.backward(problem, phi, t, kind=kind).u
    forwards = [grid.integrate(r * u[0]) for r in rho]
    backwards = [grid.integrate(rho[0] * v) for v in u]
    assert np.abs(np.subtract(forwards, backwards)).max() < 2e-12
    assert abs(forwards[0] - forwards[2]) > 0.1


@pytest.mark.parametrize("kind", ["uniformisation", "krylov"])
def test_the_dense_exponential(kind):
    grid = fp.Grid([(-2, 2), (-2, 2)], (7, 6))
    problem = fp.Problem(grid, drift=lambda x, y: (y, -x), D=[[1, 0.5], [0.5, 1]])
    A = fp.Generator(problem).matrix.todense()
    start = phi(*grid.x)
    found = fp.backward(problem, start, [0.3, 2.0], kind=kind)
    for t, u in zip(found.t, found.u, strict=True):
        assert np.abs(expm(t * A.T) @ start.ravel() - u.ravel()).max() < 1e-12
        # The matrix itself, not its transpose, is another thing.
        assert np.abs(expm(t * A) @ start.ravel() - u.ravel()).max() > 1e-2


@pytest.mark.parametrize("kind", ["uniformisation", "krylov"])
def test_constants_and_the_range_are_kept(kind):
    problem = spiral()
    for constant in (1.0, 0.1, -3e5):
        found = fp.backward(problem, constant, [0, 1, 50], kind=kind, scheme="markov")
        assert np.array_equal(found.u, np.full_like(found.u, constant))
    rough = np.random.default_rng(0).choice([-1.0, 2.0], problem.grid.shape)
    found = fp.backward(problem, rough, [0, 1e-3, 0.1, 1], kind=kind, scheme="markov")
    assert found.u.min() >= -1
    assert found.u.max() <= 2
    high = [u.max() for u in found.u]
    assert np.all(np.diff(high) <= 0)
    assert found.stats["clipped"] < 1e-9


def test_what_leaves_counts_for_nothing():
    """With phi = 1 and absorbing sides u is the chance to be still there."""
    grid = fp.Grid([(0, 1)], 100, sides="absorbing")
    u = fp.backward(fp.Problem(grid), 1.0, [0, 0.1, 0.5]).u
    x = grid.x[0]
    exact = sum(
        4 / (k * np.pi) * np.sin(k * np.pi * x) * np.exp(-((k * np.pi) ** 2) * 0.1)
        for k in range(1, 20, 2)
    )
    assert np.abs(u[1] - exact).max() < 1e-4
    assert u[2].max() < 0.01


def test_long_times_forget_where_they_began():
    problem = spiral()
    steady = fp.steady_state(problem, scheme="markov")
    mean = float(problem.grid.integrate(steady.rho * phi(*problem.grid.x)))
    for kind in ("uniformisation", "krylov", "auto"):
        u = fp.backward(problem, phi, [200.0, 1000.0], kind=kind).u
        assert np.abs(u - mean).max() < 1e-10


def test_ornstein_uhlenbeck_is_of_second_order():
    """E[x^2] = e^-2t x^2 + kT (1 - e^-2t)."""
    sizes, errors = (60, 120, 240), []
    for n in sizes:
        grid = fp.Grid([(-9, 9)], n)
        x = grid.x[0]
        u = fp.backward(fp.Problem(grid, f=lambda x: x**2 / 2), x**2, 0.7).u[-1]
        exact = np.exp(-1.4) * x**2 + 1 - np.exp(-1.4)
        errors.append(grid.integrate(np.abs(u - exact) * np.exp(-(x**2))))
    assert_rate([1 / n for n in sizes], errors, order=2, cap=2e-3)


def test_tolerances_are_kept_and_save_work():
    problem = spiral(40)
    t = [0.5, 1.0]
    exact = fp.backward(problem, phi, t, kind="uniformisation")
    span = np.ptp(phi(*problem.grid.x))
    loose = fp.backward(problem, phi, t, rtol=1e-5, kind="uniformisation")
    assert np.abs(loose.u - exact.u).max() < 1e-5 * span
    assert loose.stats["products"] < exact.stats["products"]
    krylov = fp.backward(problem, phi, t, atol=1e-6, kind="krylov", scheme="markov")
    assert np.abs(krylov.u - exact.u).max() < 1e-6
    assert krylov.stats["error_bound"] < 1e-3


def test_results():
    problem = spiral()
    found = fp.backward(problem, phi, 0.5)
    assert found.t.tolist() == [0, 0.5]
    assert len(found) == 2
    assert np.array_equal(found[0], phi(*problem.grid.x))
    with pytest.raises(ValueError, match="read-only"):
        found.u[0] = 1


PLANE = spiral(8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp.backward(1, phi, 1), "give a Problem"),
        (lambda: fp.backward(PLANE, phi, [1, 0.5]), "t does not increase"),
        (lambda: fp.backward(PLANE, phi, [-1, 0.5]), "give times >= 0"),
        (lambda: fp.backward(PLANE, phi, np.nan), "t is nan"),
        (lambda: fp.backward(PLANE, np.ones((3, 3)), 1), "phi has shape"),
        (lambda: fp.backward(PLANE, np.full((8, 4), np.nan), 1), "phi is nan at cell"),
        (lambda: fp.backward(PLANE, "x", 1), "phi"),
        (lambda: fp.backward(PLANE, phi, 1, kind="fft"), "kind is 'fft'"),
        (lambda: fp.backward(PLANE, phi, 1, rtol=-1), "rtol is -1"),
        (lambda: fp.backward(PLANE, phi, 1, atol="small"), "atol is 'small'"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["krylov", "uniformisation", "auto"])
def test_bounds_are_bounds_on_random_small_chains(seed, kind):
    """Against the matrix of the semigroup, every entry of which is exact to rounding."""
    rng = np.random.default_rng(seed)
    walls = [("reflecting", "periodic", "absorbing")[k] for k in rng.integers(0, 3, 2)]
    grid = fp.Grid([(0, 1)] * 2, (3, 4), walls)
    drift = rng.normal(size=(2, 3, 4)) * 10 ** rng.uniform(-1, 1)
    generator = fp.Generator(
        fp.Problem(
            grid, drift=drift, D=np.exp(rng.normal(size=(3, 4))), beta=10 ** rng.uniform(-1, 1)
        )
    )
    exact = DenseSemigroup(Flows.from_generator(generator))
    u = rng.normal(size=grid.shape)
    for time in (10.0, 1e3, 1e6):
        if kind == "uniformisation" and time > 1e3:
            continue
        t = time / generator.exit_rates.max()
        wanted = exact.act_on_function(u.ravel(), t)
        found = fp.backward(generator, u, [t], kind=kind)
        error = np.abs(found.u[-1].ravel() - wanted.p).max()
        assert error <= found.stats["error_bound"] + wanted.bound * np.abs(u).max()
