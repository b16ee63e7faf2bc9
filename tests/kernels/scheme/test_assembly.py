"""Edges of nearest neighbours and rows of the generator against plain numpy twins."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import sparse

from fokkerplanck.kernels.scheme import assembly

SHAPES = [(9,), (5, 7), (2, 3), (4, 3, 6)]
UPWIND = 800.0


def read_only(a):
    a = np.ascontiguousarray(a, dtype=float)
    a.flags.writeable = False
    return a


def axis_problem(rng, shape, periodic):
    """Arguments of axis_edges: widths, D (d d, n), share, potential, drift, v."""
    d, n = len(shape), math.prod(shape)
    widths = np.zeros((d, max(shape)))
    for k, m in enumerate(shape):
        widths[k, :m] = rng.uniform(0.5, 2.0, m)
    D = rng.uniform(0.5, 2.0, (d * d, n))
    return widths, read_only(D), read_only(rng.standard_normal(n)), rng.standard_normal((d, n))


def axis_twin(shape, wraps, widths, D, kT, share, metric, U, drift):
    """Edges cell by cell: (tail, head, weight, tilt)."""
    d, out = len(shape), []
    for x, index in enumerate(product(*map(range, shape))):
        for k in range(d):
            other = list(index)
            other[k] += 1
            if other[k] == shape[k]:
                if not wraps[k]:
                    continue
                other[k] = 0
            y = int(np.ravel_multi_index(other, shape))
            a, b = widths[k, index[k]], widths[k, other[k]]
            area = math.prod(widths[t, index[t]] for t in range(d) if t != k)
            Dx, Dy = D[k * (d + 1), x], D[k * (d + 1), y]
            face = (Dx * b + Dy * a) / (a + b)
            cut = (a + b) / 2
            z = -share * math.log(Dy / Dx)
            if U.size:
                z += (U[x] - U[y]) / kT * ((1 / Dx + 1 / Dy) / 2 if metric else 1.0)
            if drift.size:
                z += cut / kT * (drift[k, x] / Dx + drift[k, y] / Dy) / 2
            out.append((x, y, area * kT * face / cut, z))
    return [np.array(column) for column in zip(*out, strict=True)]


def axis_edges(shape, wraps, widths, D, kT, share, metric, U, drift, v, parts=1, known=False):
    shape = np.array(shape)
    starts = np.empty(math.prod(shape[:-1]) + 1, np.int64)
    assembly.line_starts(shape, np.array(wraps), starts)
    m = starts[-1]
    arrays = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m), np.empty(m)
    missing = np.empty(parts, np.int64)
    for part in range(parts):
        assembly.axis_edges(
            part, parts, shape, np.array(wraps), starts, widths, D, kT, share, metric,
            read_only(np.empty(0)), known, U, read_only(drift), read_only(v), UPWIND, *arrays,
            missing,
        )  # fmt: skip
    return arrays, missing.sum()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(
    ("share", "metric", "force"),
    [(0.0, False, "U"), (0.5, True, "U"), (1.0, True, "b"), (0.0, False, "Ub")],
)
def test_axis_edges_against_the_twin(rng, shape, periodic, share, metric, force):
    wraps = [periodic and n > 2 for n in shape]
    widths, D, U, drift = axis_problem(rng, shape, periodic)
    U = U if "U" in force else read_only(np.empty(0))
    drift = drift if "b" in force else np.empty((len(shape), 0))
    terms = shape, wraps, widths, D, 0.7, share, metric, U, drift
    ours, missing = axis_edges(*terms, np.empty((len(shape), 0)))
    assert missing == 0
    for mine, other in zip(ours, axis_twin(*terms), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-13)
    for parts in (2, 3):
        again, _ = axis_edges(*terms, np.empty((len(shape), 0)), parts)
        for mine, other in zip(ours, again, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_faces_without_noise_are_counted_and_then_upwinded():
    shape, D = (6,), np.array([[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]])
    widths, none = np.full((1, 6), 0.5), np.empty((1, 0))
    v = np.array([[1.0, 2.0, 3.0, -1.0, 1.0, 4.0]])
    terms = shape, [False], widths, read_only(D), 1.0, 0.0, True, read_only(np.empty(0)), v
    assert axis_edges(*terms, none)[1] == 4  # two without noise, two beside them without tilt
    (_, _, weight, tilt), missing = axis_edges(*terms, v)
    assert missing == 0
    np.testing.assert_allclose(tilt, [0.75, 2 * 0.5 * 2.5 / 1, UPWIND, 0, 2 * 0.5 * 2.5])
    np.testing.assert_allclose(weight, [2, 1, 1 / UPWIND, 0, 1])
    (_, _, _, tilt), _ = axis_edges(*terms, v, known=True)
    np.testing.assert_allclose(tilt, [0.75, 0, UPWIND, 0, 0])


def random_edges(rng, n, m, near=0):
    """Edges between random cells, or between cells near each other, in the order of their tails."""
    tail = np.sort(rng.integers(0, n, m))
    head = (tail + rng.integers(1, near + 1, m)) % n if near else rng.integers(0, n, m)
    keep = tail != head
    tail, head = tail[keep].astype(np.int32), head[keep].astype(np.int32)
    return tail, head, rng.random(tail.size), 5 * rng.standard_normal(tail.size)


def rows(n, tail, head, weight, tilt, volume, exits, parts=1):
    """CSR arrays from the kernels and whether two edges join the same cells."""
    bounds = np.empty((-(-tail.size // assembly.CHUNK), 2), tail.dtype)
    indptr, clash = np.zeros(n + 1, np.int32), np.zeros(parts, bool)
    for part in range(parts):
        assembly.chunk_bounds(part, parts, tail, head, bounds)
    for part in range(parts):
        assembly.count_rows(part, parts, tail, head, bounds, indptr)
    indptr = np.cumsum(indptr).astype(np.int32)
    cursor, indices, data = (
        np.empty(n, np.int32),
        np.empty(indptr[-1], np.int32),
        np.empty(indptr[-1]),
    )
    for part in range(parts):
        assembly.fill_rows(
            part, parts, tail, head, weight, tilt, volume, exits, bounds, indptr, cursor, indices,
            data, clash,
        )  # fmt: skip
    return (data, indices, indptr), clash.any()


@pytest.mark.parametrize("near", [0, 40])
@pytest.mark.parametrize("even", [False, True])
def test_rows_against_the_twin(rng, near, even):
    n = 700
    tail, head, weight, tilt = random_edges(rng, n, 9000, near)
    volume = np.array([0.3]) if even else rng.uniform(0.5, 2, n)
    exits = np.empty(0) if even else rng.random(n)
    csr, clash = rows(n, tail, head, weight, tilt, volume, exits)
    assert clash == (len(set(map(frozenset, zip(tail, head, strict=True)))) < tail.size)
    forward, backward = np.empty_like(weight), np.empty_like(weight)
    assembly.rates(0, 1, weight, tilt, forward, backward)
    size = np.broadcast_to(volume, n)
    twin = np.zeros((n, n))
    np.add.at(twin, (head, tail), forward / size[tail])
    np.add.at(twin, (tail, head), backward / size[head])
    out = twin.sum(axis=0) + (0.0 if even else exits / size)
    twin[np.arange(n), np.arange(n)] -= out
    A = sparse.csr_array(csr, shape=(n, n))
    np.testing.assert_allclose(A.toarray(), twin, rtol=1e-12, atol=1e-12)
    if not clash:
        assert A.has_canonical_format
    for parts in (2, 5):
        for one, other in zip(csr, rows(n, tail, head, weight, tilt, volume, exits, parts)[0],
                              strict=True):  # fmt: skip
            np.testing.assert_array_equal(one, other)


def test_rates_do_not_depend_on_parts(rng):
    weight, tilt = rng.random(50), 300 * rng.standard_normal(50)
    tilt[:3] = 0.0, 1e-9, -900.0
    ours, theirs = np.empty((2, 50)), np.empty((2, 50))
    for part in range(3):
        assembly.rates(part, 3, weight, tilt, ours[0], ours[1])
    assembly.rates(0, 1, weight, tilt, theirs[0], theirs[1])
    np.testing.assert_array_equal(ours, theirs)
