"""The stencil builder against plain Python twins, and the conductances it must add up to."""

import math
from itertools import product

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import stencil

SHAPES = [(7, 5), (4, 6, 5)]


def bernoulli(z):
    return 1.0 if z == 0 else z / math.expm1(z) if z < 700 else z * math.exp(-z)


def edges_twin(shape, periodic, absorbing, weights, offsets, W):
    """Edges {(tail, head, offset): [weight, tilt]} and exit rates, written down cell by cell."""
    edges, exits = {}, np.zeros(weights.shape[0])
    for x, index in enumerate(product(*map(range, shape))):
        for w, e in zip(weights[x], offsets[x], strict=True):
            for sign in (1, -1) if w > 0 else ():
                target = [i + sign * k for i, k in zip(index, e, strict=True)]
                rooms = {}
                for k, (i, n) in enumerate(zip(target, shape, strict=True)):
                    if periodic[k]:
                        target[k] = i % n
                    elif not 0 <= i < n:
                        room = index[k] + 0.5 if i < 0 else n - index[k] - 0.5
                        rooms[2 * k + (i >= n)] = room / abs(e[k])
                if rooms:
                    room = min(rooms.values())
                    first = [absorbing[side] for side in rooms if rooms[side] == room]
                    if any(first):
                        z = sign * (e @ W[x])
                        exits[x] += np.mean(first) * w * bernoulli(-room * z) / room
                    continue
                y = int(np.ravel_multi_index(target, shape))
                if y != x:
                    tail, head = (x, y) if sign == 1 else (y, x)
                    edge = edges.setdefault((tail, head, tuple(map(int, e))), [0.0, 0.0])
                    edge[0] += 0.5 * w
                    edge[1] = 0.5 * e @ (W[x] + W[y])
    return edges, exits


def walls_twin(shape, reflecting, axis, weights, offsets, D):
    d, n = len(shape), weights.shape[0]
    tangents = [k for k in range(d) if k != axis]
    out = np.zeros((n, d - 1, d - 1))
    for x, index in enumerate(product(*map(range, shape))):
        for side in range(2):
            row = index[axis] if side == 0 else shape[axis] - 1 - index[axis]
            for w, e in zip(weights[x], offsets[x], strict=True):
                share = np.clip(0.5 * abs(e[axis]) - row, 0, 1) * reflecting[2 * axis + side]
                q = np.array([e[k] - e[axis] * D[x, axis, k] / D[x, axis, axis] for k in tangents])
                out[x] += share * w * np.outer(q, q)
    return out.reshape(n, -1)


def random_stencil(rng, shape, reach=3):
    """Weights and different offsets, the first entry of each that is not zero positive."""
    n, d = math.prod(shape), len(shape)
    m = 3 if d == 2 else 6
    weights = rng.random((n, m))
    weights[rng.random((n, m)) < 0.2] = 0.0
    every = np.array([e for e in product(range(-reach, reach + 1), repeat=d)
                      if any(e) and next(k for k in e if k) > 0])  # fmt: skip
    # Few of them, so that neighbours share some.
    few = every[rng.choice(len(every), min(2 * m, len(every)), replace=False)]
    offsets = np.stack([few[rng.choice(len(few), m, replace=False)] for _ in range(n)])
    root = rng.standard_normal((n, d, d))
    D = np.einsum("nij,nkj->nik", root, root) + 0.1 * np.eye(d)
    return weights, offsets, rng.standard_normal((n, d)), D


def packed(D):
    """Upper triangles of D (n, d, d)."""
    rows, columns = np.triu_indices(D.shape[1])
    return np.ascontiguousarray(D[:, rows, columns])


def padded(offsets):
    """Offsets as the kernels take them, and as one integer each."""
    out = np.zeros((*offsets.shape[:2], 4), np.int16)
    out[..., : offsets.shape[2]] = offsets
    return out, out.view(np.int64).reshape(offsets.shape[:2])


def build(shape, periodic, absorbing, weights, offsets, W, parts=1, more=None, volume=1.0):
    """Edges (tail, head, weight, tilt) and exit rates from the kernels."""
    n, d = len(weights), len(shape)
    e, keys = padded(offsets)
    if more is None:
        more = np.empty(0, np.int32), np.empty((0, 1)), np.empty((0, 1, d), int)
    slot, more_weights, more_offsets = more
    terms = np.array(shape), np.array(periodic), weights, e, keys, slot, more_weights
    counts = np.empty(parts, np.int64)
    terms = (*terms, *padded(more_offsets), counts)
    for part in range(parts):
        stencil.count_edges(part, parts, *terms)
    m = counts.sum()
    arrays = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m), np.empty(m)
    exits = np.empty(n)
    for part in range(parts):
        stencil.fill_edges(part, parts, *terms, volume, W, np.empty(0), *arrays)
        stencil.wall_exits(
            part, parts, *terms[:2], np.array(absorbing), weights, e, volume, W, exits
        )
    return arrays, exits


def as_dict(arrays):
    """Edges {(tail, head, rounded tilt): weight}; raises if one comes twice."""
    keys = [(int(x), int(y), round(float(z), 9)) for x, y, z in zip(*arrays[:2], arrays[3])]  # noqa: B905
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, arrays[2], strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["walls", "torus", "mixed"])
def test_edges_against_the_twin(rng, shape, kind):
    d = len(shape)
    periodic = [kind == "torus" or (kind == "mixed" and k == 1) for k in range(d)]
    absorbing = [kind == "mixed" and not periodic[k] and side == 1 for k in range(d)
                 for side in range(2)]  # fmt: skip
    weights, offsets, W, _ = random_stencil(rng, shape)
    ours, exits = build(shape, periodic, absorbing, weights, offsets, W)
    theirs, exits_twin = edges_twin(shape, periodic, absorbing, weights, offsets, W)
    twin = [(*key[:2], *value) for key, value in theirs.items()]
    expected = as_dict([np.array(column) for column in zip(*twin, strict=True)])
    assert as_dict(ours) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(exits, exits_twin, rtol=1e-12)
    assert (exits > 0).any() == (kind == "mixed")
    for parts in (2, 5):
        again, exits_again = build(shape, periodic, absorbing, weights, offsets, W, parts)
        for one, other in zip((*ours, exits), (*again, exits_again), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_terms_of_walls_join_those_of_the_cells(rng, shape):
    """Added to weights whose offset is there, put beside them where it is not."""
    d, n = len(shape), math.prod(shape)
    weights, offsets, W, _ = random_stencil(rng, shape)
    W[:] = 0.0
    cells = np.sort(rng.choice(n, n // 3, replace=False))
    w, e = rng.random((cells.size, 2)), np.zeros((cells.size, 2, d), int)
    e[:, 0], e[:, 1, -1] = offsets[cells, 1], 1
    w[::4, 1] = 0.0
    both = np.concatenate([weights, np.zeros((n, 2))], axis=1)
    every = np.concatenate([offsets, np.zeros((n, 2, d), int)], axis=1)
    both[cells, -2:], every[cells, -2:] = w, e
    expected, _ = edges_twin(shape, (False,) * d, (False,) * 2 * d, both, every, W)
    slot = np.full(n, -1, np.int32)
    slot[cells] = np.arange(cells.size)
    more_weights, more = np.zeros((cells.size, 2)), padded(np.zeros((cells.size, 2, d), int))
    own = weights.copy()
    stencil.add_terms(
        cells, w, padded(e)[0], padded(e)[1], own, padded(offsets)[1], slot, more_weights, *more
    )
    assert np.all(own[cells, 1] == weights[cells, 1] + w[:, 0])
    ours, _ = build(
        shape, (False,) * d, (False,) * 2 * d, own, offsets, W,
        more=(slot, more_weights, more[0][..., :d].astype(int)),
    )  # fmt: skip
    total = np.zeros((n, n))
    np.add.at(total, (ours[0], ours[1]), ours[2])
    twin = np.zeros((n, n))
    for (tail, head, _), (weight, _) in expected.items():
        twin[tail, head] += weight
    np.testing.assert_allclose(total, twin, rtol=1e-12, atol=1e-15)
    assert len(ours[0]) == len(expected)  # each edge once


def test_dirichlet_energy_of_a_linear_function_is_that_of_the_tensor(rng):
    """On a torus the sum over edges of w (e.q)^2 is q.Dq per cell: consistency of the stencil."""
    shape, q = (9, 8), np.array([0.7, -1.3])
    weights, offsets, W, _ = random_stencil(rng, shape)
    weights[:], offsets[:] = weights[0], offsets[0]
    weight = build(shape, (True, True), (False,) * 4, weights, offsets, W)[0][2]
    D = np.einsum("m,mi,mk->ik", weights[0], offsets[0], offsets[0])
    used = np.einsum("mk,k->m", offsets[0], q) ** 2
    # Every edge is met twice, each time with half of its weight.
    energy = np.sum(weights[0] * used) * len(weights)
    assert energy == pytest.approx(len(weights) * q @ D @ q, rel=1e-12)
    assert weight.sum() == pytest.approx(weights.sum(), rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_wall_tensors_against_the_twin(rng, shape):
    d = len(shape)
    weights, offsets, _, D = random_stencil(rng, shape)
    for axis in range(d):
        reflecting = np.array([(axis + side) % 3 != 0 for _ in range(d) for side in range(2)])
        out = np.zeros((len(weights), (d - 1) ** 2))
        some = np.arange(len(weights))
        stencil.wall_tensors(
            np.array(shape), reflecting, axis, some, weights, padded(offsets)[0], packed(D), out
        )
        twin = walls_twin(shape, reflecting, axis, weights, offsets, D)
        np.testing.assert_allclose(out, twin, rtol=1e-12, atol=1e-12)
        matrices = out.reshape(-1, d - 1, d - 1)
        assert np.linalg.eigvalsh(matrices).min() > -1e-12  # hence edges of weight >= 0


def test_no_energy_is_lost_where_the_stencil_does_not_leave(rng):
    weights, offsets, _, D = random_stencil(rng, (12, 12), reach=1)
    out = np.zeros((144, 1))
    stencil.wall_tensors(
        np.array((12, 12)), np.ones(4, bool), 0, np.arange(144), weights, padded(offsets)[0],
        packed(D), out,
    )  # fmt: skip
    lost = out.reshape(12, 12)
    assert np.all(lost[1:-1] == 0)
    assert np.count_nonzero(lost[[0, -1]]) > 12


def test_rounding_is_trimmed_and_the_reach_is_of_what_is_left(rng):
    weights, offsets, _, D = random_stencil(rng, (6, 7))
    weights[:, 2] = 1e-15
    offsets[:, 2] = 30
    twin = np.where(weights < 1e-13 * np.trace(D, axis1=1, axis2=2)[:, None], 0.0, weights)
    reach = np.empty((2, 2), np.int64)
    for part in range(2):
        stencil.trim(
            part, 2, packed(D), np.array([0, 2]), 1e-13, weights, padded(offsets)[0], reach
        )
    np.testing.assert_array_equal(weights, twin)
    expected = np.abs(offsets[twin > 0]).max(axis=0)
    assert np.all(reach.max(axis=0) >= expected)
    assert reach.max() < 30
