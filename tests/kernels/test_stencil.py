"""The stencil builder against plain Python twins, and the conductances it must add up to."""

import math
from itertools import product

import numpy as np
import pytest

from fokkerplanck.kernels import stencil

SHAPES = [(7, 5), (4, 6, 5)]


def bernoulli(z):
    return 1.0 if z == 0 else z / math.expm1(z) if z < 700 else z * math.exp(-z)


def edges_twin(shape, periodic, absorbing, weights, offsets, W):
    """Edges [(tail, head, weight, tilt)] and exit rates, written down cell by cell."""
    edges, exits = [], np.zeros(weights.shape[0])
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
                    side = min(rooms, key=rooms.get)
                    if absorbing[side]:
                        z = sign * (e @ W[x])
                        exits[x] += w * bernoulli(-rooms[side] * z) / rooms[side]
                    continue
                y = int(np.ravel_multi_index(target, shape))
                if y != x:
                    tail, head = (x, y) if sign == 1 else (y, x)
                    edges.append((tail, head, 0.5 * w, 0.5 * e @ (W[x] + W[y])))
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
    n, d = math.prod(shape), len(shape)
    m = 3 if d == 2 else 6
    weights = rng.random((n, m))
    weights[rng.random((n, m)) < 0.2] = 0.0
    offsets = rng.integers(-reach, reach + 1, (n, m, d))
    offsets[np.abs(offsets).sum(axis=2) == 0, 0] = 1
    root = rng.standard_normal((n, d, d))
    D = np.einsum("nij,nkj->nik", root, root) + 0.1 * np.eye(d)
    return weights, offsets, rng.standard_normal((n, d)), D


def build(shape, periodic, absorbing, weights, offsets, W):
    size = 2 * weights.size
    tail, head = np.empty(size, np.int32), np.empty(size, np.int32)
    weight, tilt, exits = np.empty(size), np.empty(size), np.zeros(len(weights))
    count = stencil.tensor_edges(
        np.array(shape), np.array(periodic), np.array(absorbing), weights, offsets, W,
        tail, head, weight, tilt, exits,
    )  # fmt: skip
    return (tail[:count], head[:count], weight[:count], tilt[:count]), exits


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
    for mine, other in zip(ours, zip(*theirs, strict=True), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(exits, exits_twin, rtol=1e-12)
    assert (exits > 0).any() == (kind == "mixed")


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
        stencil.wall_tensors(np.array(shape), reflecting, axis, weights, offsets, D, out)
        twin = walls_twin(shape, reflecting, axis, weights, offsets, D)
        np.testing.assert_allclose(out, twin, rtol=1e-12, atol=1e-12)
        matrices = out.reshape(-1, d - 1, d - 1)
        assert np.linalg.eigvalsh(matrices).min() > -1e-12  # hence edges of weight >= 0


def test_no_energy_is_lost_where_the_stencil_does_not_leave(rng):
    weights, offsets, _, D = random_stencil(rng, (12, 12), reach=1)
    out = np.zeros((144, 1))
    stencil.wall_tensors(np.array((12, 12)), np.ones(4, bool), 0, weights, offsets, D, out)
    lost = out.reshape(12, 12)
    assert np.all(lost[1:-1] == 0)
    assert np.count_nonzero(lost[[0, -1]]) > 12
