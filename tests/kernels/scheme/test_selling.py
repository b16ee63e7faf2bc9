"""Selling's decomposition against a Python twin, and what a non-negative stencil must obey."""

from itertools import combinations

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import selling

ANISOTROPY = [1.0, 10.0, 100.0, 1000.0]


def twin(D):
    """{offset: weight} by Selling's algorithm on the canonical superbase (Conway, Sloane 1992)."""
    d = len(D)
    base = [*np.eye(d, dtype=int), -np.ones(d, dtype=int)]
    while True:
        pair = next(((i, j) for i, j in combinations(range(d + 1), 2)
                     if base[i] @ D @ base[j] > 0), None)  # fmt: skip
        if pair is None:
            break
        i, j = pair
        u, v = base[i], base[j]
        rest = [base[k] for k in range(d + 1) if k not in pair]
        base = [-u, v, rest[0] + 2 * u] if d == 2 else [-u, v, *(w + u for w in rest)]
        if d == 2:
            base[2] = u - v
    out = {}
    for i, j in combinations(range(d + 1), 2):
        others = [base[k] for k in range(d + 1) if k not in (i, j)]
        e = np.array([-others[0][1], others[0][0]]) if d == 2 else np.cross(*others)
        first = e[np.flatnonzero(e)[0]]
        out[tuple(int(x) for x in (e if first > 0 else -e))] = -float(base[i] @ D @ base[j])
    return out


def random_tensors(rng, d, kappa, n):
    """Tensors of condition number kappa, eigenvectors at random, the others in between."""
    axes, _ = np.linalg.qr(rng.standard_normal((n, d, d)))
    middle = kappa ** rng.random((n, d - 2))
    values = np.concatenate([np.ones((n, 1)), middle, np.full((n, 1), kappa)], axis=1)
    D = np.einsum("nij,nj,nkj->nik", axes, values, axes)
    return 0.5 * (D + np.swapaxes(D, 1, 2))


def decomposed(D, parts=1):
    """First row that failed or -1, weights (n, m) and offsets (n, m, d) from the kernels."""
    n, d = len(D), D.shape[1]
    rows, columns = np.triu_indices(d)
    weights, offsets = np.empty((n, rows.size)), np.empty((n, rows.size, d), np.int16)
    kernel = selling.selling2 if d == 2 else selling.selling3
    failed = np.empty(parts, np.int64)
    packed = np.ascontiguousarray(D[:, rows, columns])
    for part in range(parts):
        kernel(part, parts, packed, weights, offsets, failed)
    bad = failed[failed >= 0]
    return (bad[0] if bad.size else -1), weights, offsets.astype(np.int64)


@pytest.mark.parametrize("kappa", ANISOTROPY)
@pytest.mark.parametrize("d", [2, 3])
def test_kernels_agree_with_the_twin(rng, d, kappa):
    D = random_tensors(rng, d, kappa, 60)
    failed, weights, offsets = decomposed(D)
    assert failed == -1
    for x in range(len(D)):
        tolerance = 1e-12 * kappa
        ours = {tuple(map(int, e)): w for e, w in zip(offsets[x], weights[x], strict=True)
                if w > tolerance}  # fmt: skip
        theirs = {e: w for e, w in twin(D[x]).items() if w > tolerance}
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(
            [ours[e] for e in theirs], list(theirs.values()), rtol=0, atol=tolerance
        )


@pytest.mark.parametrize("kappa", [*ANISOTROPY, 1e4, 1e6])
@pytest.mark.parametrize("d", [2, 3])
def test_weights_are_not_negative_and_give_the_tensor_back(rng, d, kappa):
    # One unrelated tensor after another: a superbase carried along must not spoil the next.
    D = random_tensors(rng, d, kappa, 2000)
    failed, weights, offsets = decomposed(D)
    assert failed == -1
    assert weights.min() >= 0.0
    back = np.einsum("nm,nmi,nmk->nik", weights, offsets, offsets)
    assert np.abs(back - D).max() <= 1e-9 * kappa
    # Offsets are irreducible, and their length grows like the root of the anisotropy.
    assert np.all(np.gcd.reduce(offsets, axis=2) == 1)
    assert np.abs(offsets[weights > 1e-12 * kappa]).max() <= 1.5 * np.sqrt(kappa)


@pytest.mark.parametrize("d", [2, 3])
def test_diagonal_tensors_need_neighbours_only(d):
    D = np.array([np.diag(np.arange(1.0, d + 1) ** k) for k in range(5)])
    _, weights, offsets = decomposed(D)
    used = weights > 0
    assert np.all(used.sum(axis=1) == d)
    assert np.all(np.abs(offsets[used]).sum(axis=1) == 1)


def test_a_fixed_stencil_of_nearest_neighbours_fails_where_selling_does_not(rng):
    """Counterexample: eight neighbours carry |D01| <= min(D00, D11) only."""
    D = random_tensors(rng, 2, 10.0, 500)
    cross = np.abs(D[:, 0, 1])
    fixed = np.minimum(D[:, 0, 0] - cross, D[:, 1, 1] - cross)
    assert np.count_nonzero(fixed < 0) > 100
    assert decomposed(D)[1].min() >= 0


def test_what_has_no_decomposition_is_reported():
    good = np.eye(2)
    for bad in ([[1.0, 2.0], [2.0, 1.0]], [[1.0, np.nan], [np.nan, 1.0]]):
        assert decomposed(np.array([good, good, bad, good]))[0] == 2
    space = np.stack([np.eye(3), np.eye(3)])
    space[1, 0, 1] = space[1, 1, 0] = 3.0
    assert decomposed(space)[0] == 1


@pytest.mark.parametrize("d", [2, 3])
def test_the_number_of_parts_changes_no_bit(rng, d):
    D = random_tensors(rng, d, 300.0, 3 * selling.BLOCK + 17)
    first = decomposed(D)
    for parts in (2, 3, 7):
        for ours, theirs in zip(decomposed(D, parts)[1:], first[1:], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kappa", [1e4, 1e6])
@pytest.mark.parametrize("d", [2, 3])
def test_a_superbase_from_an_extreme_tensor_does_not_spoil_the_next(rng, d, kappa):
    """The sum is checked at every row, and the canonical superbase tried where it is wrong."""
    D = random_tensors(rng, d, 50.0, 400)
    wild = random_tensors(rng, d, kappa, 400)
    mixed = np.empty((800, d, d))
    mixed[0::2], mixed[1::2] = wild, D
    failed, weights, offsets = decomposed(mixed)
    assert failed == -1
    back = np.einsum("nm,nmi,nmk->nik", weights, offsets, offsets)
    trace = np.trace(mixed, axis1=1, axis2=2)
    assert (np.abs(back - mixed).max(axis=(1, 2)) <= 1e-8 * trace).all()
    assert np.abs(back - mixed)[1::2].max() <= 1e-9 * 50
    # Each tame tensor alone, hence from the canonical superbase: the same terms.
    for x in range(0, 400, 7):
        _, alone, e = decomposed(D[x : x + 1])
        ours = {tuple(map(int, f)): w for f, w in zip(offsets[2 * x + 1], weights[2 * x + 1],
                                                       strict=True) if w > 1e-9}  # fmt: skip
        theirs = {tuple(map(int, f)): w for f, w in zip(e[0], alone[0], strict=True) if w > 1e-9}
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_offsets_too_long_to_store_are_a_failure_not_an_overflow():
    n = np.array([1.0, 1e-6])
    D = 1e-13 * np.eye(2) + np.outer(n, n)
    assert decomposed(D[None])[0] == 0
