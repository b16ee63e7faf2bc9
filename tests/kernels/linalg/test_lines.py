"""Tridiagonal solves along the lines of a box against dense ones."""

import numpy as np
import pytest

from fokkerplanck.kernels.linalg.lines import along_lines

BOXES = {
    "line": ((19,), 0),
    "first of two": ((9, 7), 0),
    "last of two": ((9, 7), 1),
    "first of three": ((5, 4, 6), 0),
    "middle of three": ((4, 6, 5), 1),
    "last of three": ((4, 3, 7), 2),
    "one cell": ((4, 1), 1),
    "two cells": ((4, 2), 1),
    "three cells": ((3, 5), 0),
}


def random_rates(rng, shape, axis, ring, leak):
    up, down = 10 ** rng.uniform(-3, 1, shape), 10 ** rng.uniform(-3, 1, shape)
    if not ring:
        last = (*(slice(None),) * axis, -1)
        up[last] = down[last] = 0.0
    return up, down, leak * rng.random(shape)


def dense(shape, axis, up, down, exits):
    """The part of the generator along one axis, face by face."""
    n = up.size
    A = -np.diag(exits.ravel())
    for index in np.ndindex(*shape):
        there = list(index)
        there[axis] = (there[axis] + 1) % shape[axis]
        i, j = np.ravel_multi_index(index, shape), np.ravel_multi_index(tuple(there), shape)
        if up[index] or down[index]:
            A[j, i] += up[index]
            A[i, i] -= up[index]
            A[i, j] += down[index]
            A[j, j] -= down[index]
    assert A.shape == (n, n)
    return A


def run(shape, axis, ring, c, weights, rates, p, width=4):
    up, down, exits = rates
    q = p.copy()
    inner = int(np.prod(shape[axis + 1 :]))
    out = exits.ravel() if exits.any() else np.zeros(0)
    along_lines(width, shape[axis], inner, ring, c, weights, up.ravel(), down.ravel(), out, q)
    return q


@pytest.mark.parametrize("leak", [0.0, 1.0])
@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("box", BOXES)
def test_sums_of_resolvents(box, ring, leak, rng):
    shape, axis = BOXES[box]
    if ring and shape[axis] < 3:
        return
    rates = random_rates(rng, shape, axis, ring, leak)
    A = dense(shape, axis, *rates)
    p, weights = rng.random(len(A)), np.array([0.5, -2.0, 3.0])
    for c in (1e-3, 0.3, 1e3):
        got = run(shape, axis, ring, c, weights, rates, p)
        X = np.linalg.inv(np.eye(len(A)) - c * A)
        expected = sum(w * np.linalg.matrix_power(X, j + 1) @ p for j, w in enumerate(weights))
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
        for width in (1, 3, 100):
            np.testing.assert_array_equal(run(shape, axis, ring, c, weights, rates, p, width), got)


@pytest.mark.parametrize("ring", [False, True])
def test_mass_and_positivity_at_any_step(ring, rng):
    """Elimination without subtraction: c times the largest rate up to 1e12; plain one loses."""
    shape, axis = (3, 40), 1
    rates = random_rates(rng, shape, axis, ring, 0.0)
    A = dense(shape, axis, *rates)
    p = rng.random(120) ** 8
    p /= p.sum()
    for c in (1.0, 1e6, 1e11):
        q = run(shape, axis, ring, c, np.ones(1), rates, p)
        assert q.min() > 0
        assert abs(q.sum() - 1) < 2e-15
    plain = np.linalg.solve(np.eye(120) - 1e11 * A, p)
    assert abs(plain.sum() - 1) > 1e-10


def test_detailed_balance_is_kept(rng):
    shape = (4, 30)
    phi = 20 * rng.random(shape)
    up, down = np.zeros(shape), np.zeros(shape)
    step = np.diff(phi, axis=1)
    up[:, :-1], down[:, :-1] = np.exp(-step / 2), np.exp(step / 2)
    pi = np.exp(-phi).ravel()
    rates = (up, down, np.zeros(shape))
    for c in (0.1, 1e5):
        q = run(shape, 1, False, c, np.array([-1.0, 2.0]), rates, pi)
        np.testing.assert_allclose(q, pi, rtol=1e-13)
