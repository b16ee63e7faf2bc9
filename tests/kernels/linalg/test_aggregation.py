"""Kernels of aggregation multigrid against dense twins, and what lumped chains inherit."""

import math

import numba
import numpy as np
import pytest
from scipy.linalg import null_space

from fokkerplanck.kernels.linalg import aggregation as kernels


class Chain:
    """Random chain on a random connected graph: rows of the pattern, and everything dense."""

    def __init__(self, rng, n, degree=3, spread=2.0, one_way=0.0):
        joined = np.zeros((n, n), bool)
        joined[np.arange(n - 1), np.arange(1, n)] = True
        joined[rng.integers(0, n, degree * n), rng.integers(0, n, degree * n)] = True
        joined |= joined.T
        joined[np.arange(n), np.arange(n)] = False
        #: rates[x, y] from x to y; some zero in one direction, stored all the same.
        self.rates = np.where(joined, np.exp(rng.uniform(-3, 3, (n, n))), 0.0)
        drop = np.triu(joined & (rng.random((n, n)) < one_way), 2)
        self.rates[drop] = 0.0
        rows, columns = np.nonzero(joined)
        self.joined, self.n = joined, n
        self.indptr = np.append(0, np.cumsum(joined.sum(axis=1))).astype(np.int32)
        self.indices = columns.astype(np.int32)
        self.out, self.back = self.rates[rows, columns], self.rates[columns, rows]
        self.phi = spread * rng.standard_normal(n)
        self.shift = rng.random(n)
        self.inn = self.back * np.exp(self.phi[columns] - self.phi[rows])
        self.diagonal = self.rates.sum(axis=1) + self.shift
        self.rows = rows

    def dense(self, values):
        """Matrix with the common diagonal and minus ``values`` outside of it."""
        M = np.diag(self.diagonal)
        M[self.rows, self.indices] = -values
        return M

    def lumped(self, aggregate, count):
        """Results of members, shares and lump."""
        start, cells = np.full(count + 1, -7, np.int32), np.full(self.n, -7, np.int32)
        kernels.members(aggregate, start, cells)
        share, phi, shift = np.empty(self.n), np.empty(count), np.empty(count)
        kernels.shares(start, cells, self.phi, self.shift, share, phi, shift)
        m = self.indices.size
        indptr, indices = np.empty(count + 1, np.int32), np.empty(m, np.int32)
        out, back = np.full((2, m), np.nan)
        k = kernels.lump(
            start, cells, share, aggregate, self.indptr, self.indices, self.out, self.back,
            indptr, indices, out, back,
        )  # fmt: skip
        rows = np.repeat(np.arange(count), np.diff(indptr))
        assert k == indptr[-1] == rows.size
        coarse_out, coarse_back = np.zeros((2, count, count))
        np.add.at(coarse_out, (rows, indices[:k]), out[:k])
        np.add.at(coarse_back, (rows, indices[:k]), back[:k])
        assert np.unique(rows * count + indices[:k]).size == k
        return start, cells, share, phi, shift, coarse_out, coarse_back


def aggregates(rng, n, count):
    """Random map onto 0 .. count - 1, all of them hit."""
    aggregate = np.concatenate([np.arange(count), rng.integers(0, count, n - count)])
    return rng.permutation(aggregate).astype(np.int32)


SIZES = [2, 5, 40, 97]


@pytest.mark.parametrize("n", SIZES)
def test_rows_and_diagonals(n, rng):
    chain = Chain(rng, n, one_way=0.3)
    inn, diagonal = np.full_like(chain.out, np.nan), np.full(n, np.nan)
    kernels.ratio_rows(chain.indptr, chain.indices, chain.back, chain.phi, inn)
    kernels.diagonals(chain.indptr, chain.out, chain.shift, diagonal)
    np.testing.assert_allclose(inn, chain.inn, rtol=1e-12)
    np.testing.assert_allclose(diagonal, chain.diagonal, rtol=1e-12)


def test_ratios_stay_in_the_range_of_doubles(rng):
    chain = Chain(rng, 5)
    phi = np.array([0.0, 5000.0, -5000.0, 0.0, 1.0])
    inn = np.empty_like(chain.out)
    kernels.ratio_rows(chain.indptr, chain.indices, chain.back, phi, inn)
    step = np.clip(phi[chain.indices] - phi[chain.rows], -600, 600)
    np.testing.assert_allclose(inn, chain.back * np.exp(step), rtol=1e-12)
    assert np.isfinite(inn).all()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("form", ["inn", "out", "back"])
def test_residuals_and_sweeps_are_dense_algebra(n, form, rng):
    chain = Chain(rng, n, spread=0.5)
    M = chain.dense(getattr(chain, form))
    rows = chain.indptr, chain.indices, getattr(chain, form), chain.diagonal
    r, u = rng.standard_normal((2, n))
    results = np.full((2, n), np.nan)
    kernels.residual(*rows, r, u, results[0])
    kernels.residual_threads(*rows, r, u, results[1])
    scale = np.abs(M) @ np.abs(u) + np.abs(r)
    assert (np.abs(results[0] - (r - M @ u)) <= 1e-12 * scale).all()
    np.testing.assert_array_equal(*results)
    for is_forward, part in ((True, np.tril), (False, np.triu)):
        new = u.copy()
        kernels.sweep(is_forward, *rows, r, new)
        twin = u + np.linalg.solve(part(M), r - M @ u)
        np.testing.assert_allclose(new, twin, rtol=0, atol=1e-12 * max(1, np.abs(twin).max()))


@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("n", [5, 40, 97, 300])
def test_threaded_sweep_is_gauss_seidel_in_blocks(n, is_forward, rng):
    chain = Chain(rng, n, spread=0.5)
    M, (r, u) = chain.dense(chain.inn), rng.standard_normal((2, n))
    first = np.arange(kernels.BLOCKS + 1) * n // kernels.BLOCKS
    block = np.searchsorted(first, np.arange(n), "right")
    part = (np.tril if is_forward else np.triu)(M) * (block[:, None] == block)
    twin = u + np.linalg.solve(part, r - M @ u)
    results = []
    threads = numba.get_num_threads()
    try:
        for number in (1, threads):
            numba.set_num_threads(number)
            new = u.copy()
            kernels.sweep_threads(
                is_forward, chain.indptr, chain.indices, chain.inn, chain.diagonal, r, new
            )
            results.append(new)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_allclose(results[0], twin, rtol=0, atol=1e-12 * max(1, np.abs(twin).max()))
    np.testing.assert_array_equal(*results)


def test_threads_give_the_same_bits_on_a_long_chain(rng):
    n = 20_001
    indptr = np.append(0, np.cumsum(np.r_[1, np.full(n - 2, 2), 1]))
    indices = np.ravel(np.stack([np.arange(n) - 1, np.arange(n) + 1], 1))[1:-1].astype(np.int32)
    value, diagonal = rng.random(indices.size), 2 + rng.random(n)
    r, u = rng.standard_normal((2, n))
    one, many = np.empty(n), np.empty(n)
    kernels.residual(indptr, indices, value, diagonal, r, u, one)
    kernels.residual_threads(indptr, indices, value, diagonal, r, u, many)
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("count", [1, 3])
def test_log_sweep_balances_cell_by_cell(n, count, rng):
    chain = Chain(rng, n, spread=30.0, one_way=0.3)
    phi, twin = chain.phi.copy(), chain.phi.copy()
    kernels.log_sweep(chain.indptr, chain.indices, chain.out, chain.back, phi, count)
    with np.errstate(divide="ignore"):
        log_rates = np.log(chain.rates)
    for sweep in range(2 * count):
        for x in range(n)[:: 1 if sweep % 2 == 0 else -1]:
            inflow = np.logaddexp.reduce(log_rates[:, x] + twin)
            if np.isfinite(inflow):
                twin[x] = inflow - math.log(chain.rates[x].sum())
    np.testing.assert_allclose(phi, twin, rtol=1e-12, atol=1e-12)


def test_log_sweep_reaches_cells_that_are_astronomically_wrong(rng):
    chain = Chain(rng, 6)
    exact = stationary(chain)
    phi = exact.copy()
    phi[3] += 5000.0
    kernels.log_sweep(chain.indptr, chain.indices, chain.out, chain.back, phi, 300)
    np.testing.assert_allclose(phi - phi[0], exact - exact[0], atol=1e-10)


def test_log_sweep_leaves_a_cell_without_inflow_alone():
    # 0 <-> 1 -> 2: nothing flows into a cell 3 that only leaks into 2.
    indptr, indices = np.array([0, 1, 3, 5, 6]), np.array([1, 0, 2, 1, 3, 2], np.int32)
    out = np.array([1.0, 2.0, 0.5, 0.5, 0.0, 3.0])
    back = np.array([2.0, 1.0, 0.5, 0.5, 3.0, 0.0])
    phi = np.array([0.0, 0.0, 0.0, -4.0])
    kernels.log_sweep(indptr, indices, out, back, phi, 2)
    assert phi[3] == -4.0
    assert np.isfinite(phi).all()
    assert phi[0] != 0.0


def strengths(chain):
    """Dense matrix c_xy (1/d_x + 1/d_y), zero where no edge is."""
    flow = np.zeros((chain.n, chain.n))
    flow[chain.rows, chain.indices] = 0.5 * (chain.out + chain.inn)
    scaled = flow / chain.diagonal[:, None]
    return scaled + scaled.T


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("strength", [0.0, 0.25, 0.8, 5.0])
def test_pairs_are_strong_edges(n, strength, rng):
    # Balanced rows, as pairing is meant for.
    chain = Chain(rng, n)
    chain.shift[:] = 0.0
    chain.diagonal = chain.rates.sum(axis=1)
    chain.phi = stationary(chain)
    chain.inn = chain.back * np.exp(chain.phi[chain.indices] - chain.phi[chain.rows])
    aggregate = np.full(n, 99, np.int32)
    rows = chain.indptr, chain.indices, chain.out, chain.inn, chain.diagonal
    count = kernels.pair(*rows, strength, aggregate)
    sizes = np.bincount(aggregate)
    assert aggregate.min() == 0
    assert sizes.size == count
    assert set(sizes) <= {1, 2}
    S = strengths(chain)
    assert S.max() <= 2 + 1e-12
    pairs = [np.flatnonzero(aggregate == i) for i in np.flatnonzero(sizes == 2)]
    assert all(chain.joined[x, y] and S[x, y] > strength for x, y in pairs)
    alone = np.flatnonzero(sizes[aggregate] == 1)
    assert S[np.ix_(alone, alone)].max(initial=0.0) <= strength * (1 + 1e-12)
    # In order, every cell takes the strongest that is free.
    free = np.ones(n, bool)
    for x in range(n):
        if free[x]:
            free[x] = False
            other = np.flatnonzero((aggregate == aggregate[x]) & free)
            best = S[x, free].max(initial=0.0)
            if other.size:
                assert S[x, other[0]] == pytest.approx(best, rel=1e-12)
                free[other] = False
            else:
                assert best <= strength * (1 + 1e-12)
    if strength == 5.0:
        assert count == n
    if strength == 0.0 and n > 2:
        assert count < 0.75 * n


@pytest.mark.parametrize(("n", "count"), [(2, 1), (5, 2), (40, 13), (97, 97)])
def test_members_shares_and_lumped_rates(n, count, rng):
    chain = Chain(rng, n, one_way=0.3)
    aggregate = aggregates(rng, n, count)
    start, cells, share, phi, shift, out, back = chain.lumped(aggregate, count)
    for i in range(count):
        own = np.flatnonzero(aggregate == i)
        np.testing.assert_array_equal(cells[start[i] : start[i + 1]], own)
        assert phi[i] == pytest.approx(np.logaddexp.reduce(chain.phi[own]), rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(share[own], np.exp(chain.phi[own] - phi[i]), rtol=1e-12)
        assert shift[i] == pytest.approx(share[own] @ chain.shift[own], rel=1e-12)
    R = (aggregate == np.arange(count)[:, None]).astype(float)
    P = (R * share).T
    A = chain.rates.T - np.diag(chain.rates.sum(axis=1))
    coarse = R @ A @ P
    outside = ~np.eye(count, dtype=bool)
    np.testing.assert_allclose(back[outside], coarse[outside], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(out.T[outside], coarse[outside], rtol=1e-12, atol=1e-14)
    assert not out.diagonal().any()
    # What the diagonal has to be: columns of the lumped generator sum to zero.
    np.testing.assert_allclose(-coarse.diagonal(), out.sum(axis=1), rtol=0, atol=1e-12 * A.max())


def test_shares_of_masses_that_underflow(rng):
    chain = Chain(rng, 4)
    chain.phi = np.array([-3000.0, -3000.0 + np.log(3.0), -5000.0, 7000.0])
    aggregate = np.array([0, 0, 0, 1], np.int32)
    _, _, share, phi, *_ = chain.lumped(aggregate, 2)
    np.testing.assert_allclose(share, [0.25, 0.75, 0.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(phi, [-3000.0 + np.log(4.0), 7000.0], rtol=1e-15)


def stationary(chain):
    """Log of the stationary masses, dense."""
    A = chain.rates.T - np.diag(chain.rates.sum(axis=1))
    p = null_space(A, rcond=1e-14)[:, 0]
    return np.log(np.abs(p))


@pytest.mark.parametrize(("n", "count"), [(5, 2), (40, 13), (97, 30)])
def test_stationary_masses_lump_to_stationary_masses(n, count, rng):
    chain = Chain(rng, n)
    chain.phi = stationary(chain)
    aggregate = aggregates(rng, n, count)
    *_, phi, _, out, back = chain.lumped(aggregate, count)
    mass = np.exp(phi)
    np.testing.assert_allclose(mass, np.bincount(aggregate, np.exp(chain.phi)), rtol=1e-13)
    inflow, outflow = back @ mass, out.sum(axis=1) * mass
    assert np.abs(inflow - outflow).max() <= 1e-12 * outflow.max()
    # Columns of the lumped generator: what leaves one lump arrives in another.
    np.testing.assert_allclose(back.sum(axis=0), out.sum(axis=1), rtol=1e-13)
    # It is the guess that makes it so: any other is not stationary for its lumped chain.
    chain.phi = chain.phi + rng.standard_normal(n)
    *_, phi, _, out, back = chain.lumped(aggregate, count)
    wrong = back @ np.exp(phi) - out.sum(axis=1) * np.exp(phi)
    assert np.abs(wrong).max() > 1e-3 * (out.sum(axis=1) * np.exp(phi)).max()


def test_transfers(rng):
    n, count = 50, 17
    aggregate = aggregates(rng, n, count)
    start, cells = np.empty(count + 1, np.int32), np.empty(n, np.int32)
    kernels.members(aggregate, start, cells)
    weight, r, u = rng.standard_normal((3, n))
    coarse_u, coarse_r = rng.standard_normal(count), np.full(count, np.nan)
    kernels.restrict(start, cells, weight, r, coarse_r)
    np.testing.assert_allclose(coarse_r, np.bincount(aggregate, weight * r), rtol=0, atol=1e-13)
    threads = np.full(count, np.nan)
    kernels.restrict_threads(start, cells, weight, r, threads)
    np.testing.assert_array_equal(threads, coarse_r)
    new = u.copy()
    kernels.prolong_add(aggregate, weight, coarse_u, new)
    np.testing.assert_allclose(new, u + weight * coarse_u[aggregate], rtol=0, atol=1e-14)
    # Adjoint to each other.
    assert coarse_u @ coarse_r == pytest.approx((new - u) @ r, rel=1e-10)


def test_sums_of_the_minimal_residual_steps(rng):
    v, q, r, rest = rng.standard_normal((4, 101))
    w = 0.1 + rng.random(101)
    s = w**-2.0
    twin = [(s * a * b).sum() for a, b in ((v, v), (v, r), (v, q), (q, q), (q, rest))]
    np.testing.assert_allclose(kernels.two_step(w, v, q, r, rest), twin, rtol=1e-12, atol=1e-10)
    twin = [(s * a * b).sum() for a, b in ((v, v), (v, r), (r, r))]
    np.testing.assert_allclose(kernels.one_step(w, v, r), twin, rtol=1e-12, atol=1e-10)
