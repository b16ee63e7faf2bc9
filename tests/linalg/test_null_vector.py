"""Stationary vectors against closed forms: Gibbs weights, well weights, rings with a current."""

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from fokkerplanck.linalg.null_vector import balance_residual, null_vector


def bernoulli(z):
    """B(z) = z / (e^z - 1), elementwise, for z != 0 also where it underflows."""
    z = np.where(np.abs(z) < 1e-300, 1e-300, z)
    return np.where(z > 700, z * np.exp(-np.minimum(z, 745)), z / np.expm1(np.minimum(z, 700)))


def from_rates(n, tail, head, forward, backward):
    """Generator on masses with the given edges and rates."""
    rows, cols = np.concatenate([head, tail]), np.concatenate([tail, head])
    rates = np.concatenate([forward, backward])
    A = coo_array((rates, (rows, cols)), shape=(n, n)).tocsr()
    return A - diags_array(A.sum(axis=0))


def edges(shape, offsets, periodic=False):
    """Tails and heads of all edges x -> x + offset."""
    x = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape))
    tails, heads = [], []
    for e in offsets:
        y = x + np.array(e)[:, None]
        if periodic:
            y %= np.array(shape)[:, None]
        keep = np.all((y >= 0) & (y < np.array(shape)[:, None]), axis=0)
        tails.append(np.flatnonzero(keep))
        heads.append(np.ravel_multi_index(tuple(y[:, keep]), shape))
    return np.concatenate(tails), np.concatenate(heads)


def gibbs_chain(U, offsets=None, periodic=False):
    """Reversible chain whose stationary masses are e^-U, and log of these."""
    offsets = np.eye(U.ndim, dtype=int) if offsets is None else offsets
    tail, head = edges(U.shape, offsets, periodic)
    u = U.ravel()
    z = u[tail] - u[head]
    A = from_rates(u.size, tail, head, 50 * bernoulli(-z), 50 * bernoulli(z))
    low = u.min()
    return A, low - u - np.log(np.exp(low - u).sum())


def double_well(n, d, barrier, tilt=0.0):
    """U of a double well along the first axis of [-1.5, 1.5]^d, a parabola along the others."""
    x = np.meshgrid(*[(np.arange(n) + 0.5) * 3 / n - 1.5] * d, indexing="ij")
    return barrier * (x[0] ** 2 - 1) ** 2 + tilt * x[0] + sum((4 * y**2 for y in x[1:]), 0 * x[0])


@pytest.mark.parametrize("d", [1, 2])
def test_log_range_2000_is_accurate_in_every_cell(d):
    x = np.meshgrid(*[np.linspace(-1, 1, {1: 400, 2: 64}[d])] * d, indexing="ij")
    U = sum(0.8 * y**2 + 0.2 * y + 0.05 * np.sin(9 * y) for y in x)
    U *= 2000 / np.ptp(U)
    A, exact = gibbs_chain(U)
    answer = null_vector(A, U.shape)
    assert np.ptp(exact) == pytest.approx(2000)
    assert np.abs(answer.log_mass - exact).max() < 2e-12  # 2000 has an ulp of 2e-13
    assert answer.residual < 2e-12
    assert "wide" in answer.message


def test_wells_behind_a_barrier_of_1000_get_their_weights():
    U = double_well(48, 2, 1000.0, tilt=0.5)
    A, exact = gibbs_chain(U)
    assert np.abs(null_vector(A, U.shape).log_mass - exact).max() < 2e-12


@pytest.mark.parametrize(("n", "d"), [(400, 1), (64, 2)])
def test_symmetric_wells_40_apart_hold_half_each(n, d):
    U = double_well(n, d, 40.0)
    A, exact = gibbs_chain(U)
    answer = null_vector(A, U.shape)
    left = np.exp(answer.log_mass).reshape(U.shape)[: n // 2].sum()
    assert left == pytest.approx(0.5, abs=1e-12)
    assert np.abs(answer.log_mass - exact).max() < 1e-12
    assert "plain" in answer.message


def test_lu_of_the_same_chain_loses_the_wells():
    # Why this module exists: the residual of LU is small, its weights are arbitrary.
    U = double_well(400, 1, 40.0)
    A, _ = gibbs_chain(U)
    pinned = A.tolil()
    pinned[200] = 0.0
    pinned[200, 200] = 1.0
    p = splu(pinned.tocsc()).solve(np.eye(400)[200])
    p /= p.sum()
    assert np.linalg.norm(A @ p) / np.linalg.norm(A.diagonal() * p) < 1e-12
    assert abs(p[:200].sum() - 0.5) > 1e-4


def test_tilted_wells_have_the_ratio_of_their_gibbs_weights():
    U = double_well(64, 2, 40.0, tilt=1.5)
    A, exact = gibbs_chain(U)
    mass = np.exp(null_vector(A, U.shape).log_mass).reshape(U.shape)
    weight = np.exp(exact).reshape(U.shape)
    ratio = weight[32:].sum() / weight[:32].sum()
    assert mass[32:].sum() / mass[:32].sum() == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("offsets", [[(1, 0), (0, 1)], [(2, 1), (3, -1), (1, 0)]])
def test_random_irreversible_chain_is_the_null_space(offsets, periodic, rng):
    shape = (11, 10)
    tail, head = edges(shape, offsets, periodic)
    A = from_rates(110, tail, head, rng.uniform(0.1, 3, tail.size), rng.uniform(0.1, 3, tail.size))
    p = null_space(A.toarray())[:, 0]
    answer = null_vector(A, shape)
    assert np.allclose(np.exp(answer.log_mass), p / p.sum(), rtol=1e-11, atol=0)
    assert answer.residual < 1e-13


def test_wide_stencil_with_gibbs_weights_and_slanted_cuts():
    x, y = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 36), indexing="ij")
    A, exact = gibbs_chain(30 * (x**2 + y**2 + x * y), [(2, 1), (3, -1), (1, 0)])
    assert np.abs(null_vector(A, (40, 36)).log_mass - exact).max() < 1e-12


def test_box_in_three_dimensions(rng):
    A, exact = gibbs_chain(10 * rng.random((9, 8, 7)))
    assert np.abs(null_vector(A, (9, 8, 7)).log_mass - exact).max() < 1e-12


def test_ring_with_a_constant_current():
    # Constant rates 3 and 1 around the ring: uniform masses, and a current that never ends.
    tail, head = edges((97,), [(1,)], periodic=True)
    A = from_rates(97, tail, head, np.full(97, 3.0), np.full(97, 1.0))
    assert np.abs(null_vector(A, (97,)).log_mass + np.log(97)).max() < 1e-14
    # Rates a_x forward only: the current a_x p_x is the same everywhere.
    a = np.exp(np.linspace(-300, 300, 97))
    answer = null_vector(from_rates(97, tail, head, a, np.zeros(97)), (97,))
    current = answer.log_mass[tail] + np.log(a[tail])
    assert np.ptp(current) < 1e-12


def test_one_cell():
    assert null_vector(csr_array((1, 1)), (1,)).log_mass == 0.0


def test_transient_cells_have_no_mass():
    # Everything drains from 0, 1, 2 into the pair 3, 4.
    tail, head = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4])
    A = from_rates(5, tail, head, np.array([1.0, 1, 1, 2]), np.array([1.0, 1, 0, 6]))
    answer = null_vector(A, (5,))
    assert np.array_equal(answer.log_mass[:3], [-np.inf] * 3)
    assert np.allclose(np.exp(answer.log_mass[3:]), [0.75, 0.25], rtol=1e-15)
    assert (answer.n_transient, answer.residual) == (3, pytest.approx(0, abs=1e-15))


def test_disconnected_wells_have_no_unique_steady_state():
    tail, head = edges((4, 6), [(1, 0), (0, 1)])
    keep = (tail % 6 < 3) == (head % 6 < 3)
    ones = np.ones(np.count_nonzero(keep))
    A = from_rates(24, tail[keep], head[keep], ones, ones)
    with pytest.raises(ValueError, match=r"2 sets of cells .*\(0, 0\), \(0, 3\)\)"):
        null_vector(A, (4, 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((1, 0, -5.0), "off-diagonal entry"),
        ((0, 0, -7.0), r"do not sum to zero, the first at cell \(0,\)"),
        ((0, 0, np.nan), "not finite"),
    ],
)
def test_what_is_no_generator_is_refused(change, message):
    A = gibbs_chain(np.zeros(5))[0].tolil()
    A[change[:2]] = change[2]
    with pytest.raises(ValueError, match=message):
        null_vector(A.tocsr(), (5,))


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"needs \(6, 6\)"):
        null_vector(gibbs_chain(np.zeros(5))[0], (2, 3))


def test_balance_residual_sees_a_wrong_cell_in_the_tail():
    A, exact = gibbs_chain(np.linspace(0, 1500, 200))
    assert balance_residual(A, exact + 7.0) < 2e-12  # any normalisation
    wrong = exact.copy()
    wrong[-1] += 1e-3
    assert balance_residual(A, wrong) == pytest.approx(1e-3, rel=0.01)
    assert balance_residual(A, np.where(np.arange(200) > 100, -np.inf, exact)) == np.inf
