"""The semigroup of a small chain as a matrix, against mpmath."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.semigroup.dense import DenseSemigroup
from fokkerplanck.methods import Exponential
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator


def exact_matrix(generator, t):
    """e^(tA), the diagonal of A made of the rates, in 120 digits."""
    with mpmath.workdps(120):
        A = mpmath.matrix(generator.matrix.toarray().tolist())
        flows = Flows.from_generator(generator)
        for j in range(A.cols):
            A[j, j] = -sum(A[i, j] for i in range(A.rows) if i != j) - mpmath.mpf(flows.exits[j])
        squarings = max(0, int(mpmath.log(mpmath.mpf(t) * mpmath.norm(A, 1), 2)) + 8)
        P = term = mpmath.eye(A.rows)
        step = A * (mpmath.mpf(t) / 2**squarings)
        for k in range(1, 60):
            term = term * step / k
            P = P + term
        for _ in range(squarings):
            P = P * P
        return P


def chain(seed, walls=("reflecting", "periodic", "absorbing")):
    rng = np.random.default_rng(seed)
    d = 1 + seed % 2
    grid = fp.Grid([(0, 1)] * d, [(9,), (3, 4)][d - 1], [walls[k] for k in rng.integers(0, 3, d)])
    drift = rng.normal(size=(d, *grid.shape)) * 10 ** rng.uniform(-1, 1)
    D = np.exp(rng.normal(size=grid.shape))
    return Generator(fp.Problem(grid, drift=drift, D=D, beta=10 ** rng.uniform(-1, 1)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("time", [1e-2, 30.0, 1e5])
def test_every_entry_is_that_of_120_digits(seed, time):
    generator = chain(seed)
    t = time / generator.exit_rates.max()
    exact = exact_matrix(generator, t)
    semigroup, n = DenseSemigroup(Flows.from_generator(generator)), generator.grid.size
    rng = np.random.default_rng(seed)
    p, u = rng.random(n), rng.normal(size=n)
    after = semigroup.act(p, t)
    with mpmath.workdps(40):
        wanted = np.array([float(sum(exact[i, j] * p[j] for j in range(n))) for i in range(n)])
    # Small entries too: after short times those many jumps away are 1e-13 and less.
    np.testing.assert_allclose(after.p, wanted, rtol=1e-14 if time > 1 else 1e-11, atol=1e-300)
    assert np.abs(after.p - wanted).sum() <= after.bound * p.sum()
    earlier = semigroup.act_on_function(u, t)
    with mpmath.workdps(40):
        wanted = np.array([float(sum(exact[i, j] * u[i] for i in range(n))) for j in range(n)])
    assert np.abs(earlier.p - wanted).max() <= earlier.bound * np.abs(u).max()


def two_pairs(slow, fast):
    """Two pairs of states, joined by a slow rate both ways."""
    rates = np.array([[0.0, 1.0], [1.0, 0.0]])
    A = np.zeros((4, 4))
    A[:2, :2], A[2:, 2:] = fast * rates, fast * rates
    A[2, 1] = A[1, 2] = slow
    rows, columns = np.nonzero(A)
    indptr = np.searchsorted(rows, np.arange(5))
    return Flows(indptr, columns, A[rows, columns], A[columns, rows], np.zeros(4))


def test_a_metastable_chain_after_long_times():
    """Half of the mass of a pair is where it can leave: p = 1/2 (1 - e^(-rt))."""
    slow = 1e-9
    flows = two_pairs(slow, 1e3)
    for t in (1.0, 1e8, 1e300):
        after = DenseSemigroup(flows).act(np.array([0.5, 0.5, 0.0, 0.0]), t)
        expected = -0.5 * np.expm1(-slow * t)  # to first order in slow / fast
        assert abs(after.p[2:].sum() / expected - 1) < 1e-11
        assert after.bound < 1e-10


def test_what_never_forgets_is_refused_when_no_digits_are_left():
    apart = Flows(np.zeros(3, int), np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(2))
    assert DenseSemigroup(apart).act(np.array([0.3, 0.7]), 1e300).p.tolist() == [0.3, 0.7]
    pairs = Flows(np.arange(5), np.array([1, 0, 3, 2]), np.ones(4), np.ones(4), np.zeros(4))
    after = DenseSemigroup(pairs).act(np.array([1.0, 0.0, 0.0, 0.0]), 1e10)
    np.testing.assert_allclose(after.p, [0.5, 0.5, 0, 0], atol=1e-15)
    with pytest.raises(ConvergenceError, match="does not forget its start"):
        DenseSemigroup(two_pairs(1e-30, 1.0)).act(np.array([1.0, 0.0, 0.0, 0.0]), 1e29)


def test_the_default_takes_it_for_long_times_on_few_cells():
    grid = fp.Grid([(-2, 2)], 15)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, beta=8.0)
    t = 4e6 / Generator(problem).exit_rates.max()
    start = fp.gaussian(grid, -1, 0.1)
    run = fp.solve(problem, start, [0, t, 1e300])
    assert run.stats["kind"] == "dense"
    exact = exact_matrix(Generator(problem), t)
    wanted = [float(sum(exact[i, j] * start[j] for j in range(15))) for i in range(15)]
    np.testing.assert_allclose(run.rho[1], wanted, rtol=1e-13)
    np.testing.assert_allclose(run.rho[2], np.exp(run.log_rho_inf), rtol=1e-12)
    assert run.stats["error_bound"] < 1e-14


def test_it_is_for_few_cells():
    problem = fp.Problem(fp.Grid([(0, 1)], 65))
    with pytest.raises(ValueError, match=r'64 cells at most, and the grid has 65; give "auto"'):
        fp.solve(problem, fp.uniform(problem.grid), 1.0, Exponential(kind="dense"))


def test_mass_that_leaves_keeps_its_digits():
    """Between absorbing walls: e^(lambda t) for the slowest eigenvalue, at 1e-123 of the start."""
    grid = fp.Grid([(0, 1)], 12, "absorbing")
    generator = Generator(fp.Problem(grid))
    with mpmath.workdps(30):
        h = mpmath.mpf(1) / 12
        rates = mpmath.matrix(generator.matrix.toarray().tolist())
        assert abs(rates[3, 2] - 1 / h**2) < 1e-10
        values, vectors = mpmath.eigsy(rates)
        slow = max(range(12), key=lambda k: values[k])
        t = float(280 / -values[slow])
        v = [vectors[i, slow] for i in range(12)]
        total = sum(v)
        wanted = [float(v[i] * total / 12 * mpmath.exp(values[slow] * t) * 12) for i in range(12)]
    for kind in ("dense", "uniformisation", "auto"):
        run = fp.solve(generator, fp.uniform(grid), t, Exponential(kind=kind))
        np.testing.assert_allclose(run.rho[-1], wanted, rtol=1e-11)
