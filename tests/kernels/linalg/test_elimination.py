"""Elimination kernels against exact rational arithmetic and plain Python twins."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from fokkerplanck.kernels.linalg import dissection, elimination
from fokkerplanck.linalg.null_vector import balance_residual

NO_EXPONENTS = np.empty(0), np.empty(0)


def exact_log_stationary(Q):
    """Logarithm of the stationary vector of rates Q[i, j], i -> j, by GTH on exact fractions."""
    n = len(Q)
    q = [[Fraction(float(x)) for x in row] for row in Q]
    exits = [Fraction(0)] * n
    for k in range(n - 1):
        exits[k] = sum(q[k][k + 1 :])
        for i in range(k + 1, n):
            if q[i][k]:
                for j in range(k + 1, n):
                    if j != i:
                        q[i][j] += q[i][k] * q[k][j] / exits[k]
    pi = [Fraction(0)] * n
    pi[n - 1] = Fraction(1)
    for k in reversed(range(n - 1)):
        pi[k] = sum(pi[i] * q[i][k] for i in range(k + 1, n)) / exits[k]
    total = sum(pi)
    return np.array([_log(x / total) for x in pi])


def _log(x):
    """log of a Fraction of any size, without the rounding of two huge logarithms."""
    k = x.numerator.bit_length() - x.denominator.bit_length()
    return math.log(x / Fraction(2) ** k) + k * math.log(2)


def lattice(shape, offsets, periodic=False):
    """Symmetric pattern of a grid with the given offsets, and its coordinates."""
    cells = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)
    neighbours = []
    for x in cells:
        near = set()
        for e in [*offsets, *(tuple(-k for k in e) for e in offsets)]:
            y = (x + e) % shape if periodic else x + e
            if np.all(y >= 0) and np.all(y < shape):
                near.add(int(np.ravel_multi_index(tuple(y), shape)))
        neighbours.append(sorted(near))
    indptr = np.cumsum([0, *map(len, neighbours)]).astype(np.int32)
    return indptr, np.concatenate(neighbours).astype(np.int32), cells.astype(np.int32)


def random_rates(indptr, neighbours, rng, spread):
    """Dense Q with log-uniform rates e^(-spread) to 1 on the pattern, and its two lists."""
    n = indptr.size - 1
    rows = np.repeat(np.arange(n), np.diff(indptr))
    Q = np.zeros((n, n))
    Q[rows, neighbours] = np.exp(-spread * rng.random(rows.size))
    return Q, Q[rows, neighbours], Q[neighbours, rows]


def tree_of(indptr, neighbours, cells, leaf):
    """Dissection along the axes and its symbolic factorisation."""
    directions = np.eye(cells.shape[1], dtype=np.int32)
    reach, is_far = np.full(len(directions), 1, np.int32), np.ones(len(cells), dtype=bool)
    order, starts, children = dissection.dissect(
        indptr, neighbours, cells, directions, reach, is_far, leaf
    )
    position, *bound = dissection.boundaries(order, starts, children, indptr, neighbours)
    return order, position, starts, children, *bound


def log_stationary(tree, indptr, neighbours, out, back, is_wide):
    """The two kernels in a row; also the bound of what underflow took."""
    order, _, starts, _, bound_ptr, bound = tree
    *factor, ended = elimination.eliminate(
        *tree, indptr, neighbours, out, back, *NO_EXPONENTS, is_wide
    )
    assert ended
    pi, e, lost = elimination.back_substitute(starts, bound_ptr, bound, *factor)
    log_pi = np.empty(order.size)
    log_pi[order] = np.log(pi) + e * 512 * np.log(2)
    top = log_pi.max()
    return log_pi - top - np.log(np.exp(log_pi - top).sum()), lost


AXES = [(1, 0), (0, 1)]
GRIDS = {
    "path": ((30,), [(1,)], False),
    "ring": ((30,), [(1,)], True),
    "plane": ((5, 8), AXES, False),
    "torus": ((5, 7), AXES, True),
    "wide": ((6, 7), [(2, 1), (3, -1), (1, 0)], False),
    "box": ((3, 4, 4), [(1, 0, 0), (0, 1, 0), (0, 0, 1)], False),
    "cell": ((1,), [(1,)], False),
}


@pytest.mark.parametrize("leaf", [1, 5])
@pytest.mark.parametrize("name", GRIDS)
def test_order_and_boundaries_are_those_of_elimination_on_a_dense_pattern(name, leaf):
    shape, offsets, periodic = GRIDS[name]
    indptr, neighbours, cells = lattice(shape, offsets, periodic)
    n = len(cells)
    order, position, starts, _, bound_ptr, bound = tree_of(indptr, neighbours, cells, leaf)
    assert np.array_equal(np.sort(order), np.arange(n))
    assert np.array_equal(order[position], np.arange(n))
    assert (starts[0], starts[-1]) == (0, n)
    filled = np.zeros((n, n), dtype=bool)
    filled[position[np.repeat(np.arange(n), np.diff(indptr))], position[neighbours]] = True
    for t, (a, b) in enumerate(pairwise(starts)):
        rest = np.sort(bound[bound_ptr[t] : bound_ptr[t + 1]])
        touched = np.flatnonzero(filled[a:b].any(axis=0))
        assert set(touched[touched >= b]) <= set(rest)
        block = np.r_[a:b, rest]
        filled[np.ix_(block, block)] = True


def test_dissection_of_a_plane_fills_little():
    indptr, neighbours, cells = lattice((48, 48), AXES)
    _, _, starts, _, bound_ptr, _ = tree_of(indptr, neighbours, cells, 8)
    pivots, rest = np.diff(starts), np.diff(bound_ptr)
    fill = np.sum(pivots * (pivots - 1) // 2 + pivots * rest)
    # 31 n log2 n / 4 + O(n) for a square (George 1973); a band would need 48 n.
    assert fill < 25 * 48**2


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("name", GRIDS)
def test_irreversible_chains_agree_with_exact_fractions(name, is_wide, rng):
    shape, offsets, periodic = GRIDS[name]
    indptr, neighbours, cells = lattice(shape, offsets, periodic)
    Q, out, back = random_rates(indptr, neighbours, rng, spread=20.0)
    tree = tree_of(indptr, neighbours, cells, 4)
    log_pi, lost = log_stationary(tree, indptr, neighbours, out, back, is_wide)
    assert np.abs(log_pi - exact_log_stationary(Q)).max() < 5e-14
    assert lost < math.log(elimination.NEGLIGIBLE)


def test_wide_exponents_hold_where_doubles_underflow(rng):
    # Rates down to e^-600: several in a row leave the range of doubles, in both directions.
    indptr, neighbours, cells = lattice((5, 6), AXES)
    Q, out, back = random_rates(indptr, neighbours, rng, spread=600.0)
    tree = tree_of(indptr, neighbours, cells, 2)
    exact = exact_log_stationary(Q)
    assert np.ptp(exact) > 700
    log_pi, _ = log_stationary(tree, indptr, neighbours, out, back, True)
    assert np.abs(log_pi - exact).max() < 2e-12
    *factor, ended = elimination.eliminate(
        *tree, indptr, neighbours, out, back, *NO_EXPONENTS, False
    )
    if ended:
        *_, lost = elimination.back_substitute(tree[2], *tree[4:], *factor)
    assert not ended or lost > math.log(elimination.NEGLIGIBLE)


def test_plain_fronts_equal_their_python_twin(rng):
    for p, m in [(1, 1), (3, 3), (5, 12), (9, 20), (20, 41), (17, 17)]:
        F = rng.random((m, m + 1))
        twin = F.copy()
        exits, loss = np.empty(p), np.empty(p)
        elimination._eliminate_plain(F, p, exits, loss)
        for k in range(p):
            s = twin[k, k + 1 : m].sum()
            assert exits[k] == pytest.approx(s, rel=1e-13)
            if s > 0:
                twin[k + 1 :, k] /= s
                twin[k + 1 :, k + 1 :] += np.outer(twin[k + 1 :, k], twin[k, k + 1 :])
            # A loss as large as these stops the elimination, and should.
            F[k, m] = twin[k, m] = 0.0
        if m == p:
            continue
        F = rng.random((m, m + 1))
        F[:, m] = 1e-300
        twin = F.copy()
        assert elimination._eliminate_plain(F, p, exits, loss)
        for k in range(p):
            twin[k + 1 :, k] /= twin[k, k + 1 : m].sum()
            twin[k + 1 :, k + 1 :] += np.outer(twin[k + 1 :, k], twin[k, k + 1 :])
        np.fill_diagonal(F, 0.0)
        np.fill_diagonal(twin, 0.0)
        assert np.allclose(F, twin, rtol=1e-13, atol=0.0)


def test_pairs_add_like_fractions(rng):
    n, radix = 400, Fraction(2) ** 512

    def pairs():
        f, e = 2.0 ** rng.uniform(-256, 255.99, n), rng.integers(-2, 3, n).astype(float)
        zero = rng.random(n) < 0.1
        f[zero], e[zero] = 0.0, elimination.ZERO_EXPONENT
        return f, e

    def exact(f, e):
        return [
            Fraction(a) * radix ** int(b) if a else Fraction(0) for a, b in zip(f, e, strict=True)
        ]

    f, e = pairs()
    u, v = pairs()
    factor = elimination._normalised(2.0**-300, 0.0)
    expected = [a + Fraction(2) ** -300 * b for a, b in zip(exact(f, e), exact(u, v), strict=True)]
    elimination._add_row_wide(f, e, *factor, u, v)
    for got, x in zip(exact(f, e), expected, strict=True):
        assert abs(got - x) <= x * Fraction(1, 2**50)
    assert ((f == 0) | ((f >= elimination.LOWER) & (f < elimination.UPPER))).all()
    total = Fraction(elimination._sum_wide(f, e)[0]) * radix ** int(elimination._sum_wide(f, e)[1])
    assert abs(total - sum(expected)) <= sum(expected) * Fraction(1, 2**45)


def test_flow_imbalance_equals_its_numpy_twin(rng):
    indptr, neighbours, _ = lattice((5, 6), AXES)
    Q, _, _ = random_rates(indptr, neighbours, rng, spread=3.0)
    log_mass = rng.normal(size=30)
    inflow = (np.exp(log_mass) @ Q) / np.exp(log_mass)
    expected = np.max(np.abs(inflow - Q.sum(axis=1)) / Q.sum(axis=1))
    got = balance_residual(csr_array(Q.T), log_mass)
    assert got == pytest.approx(expected, rel=1e-12)
    log_mass[3] = -np.inf  # flow into a cell without mass
    assert balance_residual(csr_array(Q.T), log_mass) == np.inf
