"""Products on a box, several a sweep, against plain numpy and against rows with indices."""

import numpy as np
import pytest

from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import evolution
from fokkerplanck.kernels.linalg import sweeps as kernels

NONE = np.zeros((0, 0, 0))
BOXES = {
    "line": ((17,), (False,)),
    "ring": ((17,), (True,)),
    "two cells": ((2,), (False,)),
    "plane": ((12, 7), (False, False)),
    "cylinder": ((12, 7), (True, False)),
    "torus": ((13, 5), (True, True)),
    "column": ((9, 1), (False, False)),
    "slab": ((12, 4, 5), (False, True, False)),
    "3-torus": ((12, 3, 6), (True, True, True)),
}


def random_rates(rng, shape, periodic, leak=0.0):
    """Rates (axes, *shape) there and back, exits (*shape), at most 0.96 out of a cell."""
    axes = len(shape)
    up, down = rng.random((axes, *shape)) ** 3, rng.random((axes, *shape)) ** 3
    for k in range(axes):
        if not periodic[k] or shape[k] < 3:
            last = (k, *(slice(None),) * k, -1)
            up[last] = down[last] = 0.0
    exits = leak * rng.random(shape)
    return up * 0.12, down * 0.12, exits * 0.2


def dense(up, down, exits):
    """The generator as a dense matrix, face by face."""
    shape = exits.shape
    n = exits.size
    A = np.zeros((n, n))
    for index in np.ndindex(*shape):
        i = np.ravel_multi_index(index, shape)
        A[i, i] -= exits[index]
        for k in range(len(shape)):
            there = list(index)
            there[k] = (there[k] + 1) % shape[k]
            j = np.ravel_multi_index(tuple(there), shape)
            u, d = up[(k, *index)], down[(k, *index)]
            A[j, i] += u
            A[i, i] -= u
            A[i, j] += d
            A[j, j] -= d
    return A


def layout(up, down, exits, periodic, leaks):
    """Arguments of the kernel for a box."""
    shape = exits.shape
    axes = len(shape)
    n0 = shape[0] if axes > 1 else 1
    box = (axes, n0, exits.size // n0)
    ring = bool(axes > 1 and periodic[0] and n0 > 2)
    lost = exits.reshape(box[1:]) if leaks else np.zeros((0, 0))
    return ring, shape[1] if axes == 3 else 1, up.reshape(box), down.reshape(box), lost


def run(arguments, p, weights, compensated, tiles=1, depth=1, level=0, before=None):
    ring, n1, up, down, exits = arguments
    masses = np.empty((2, *up.shape[1:]))
    masses[level % 2] = p.reshape(up.shape[1:])
    masses[(level + 1) % 2] = masses[level % 2] if before is None else before.reshape(up.shape[1:])
    rest = np.zeros_like(masses) if compensated else NONE
    total = np.zeros(up.shape[1:])
    kernels.sweeps(tiles, depth, level, ring, n1, up, down, exits, masses, rest, total, weights)
    return masses[(level + weights.size) % 2].ravel(), total.ravel()


@pytest.mark.parametrize("leak", [0.0, 1.0])
@pytest.mark.parametrize("box", BOXES)
def test_levels_are_powers_or_chebyshev_polynomials(box, leak, rng):
    shape, periodic = BOXES[box]
    rates = random_rates(rng, shape, periodic, leak)
    A = dense(*rates)
    arguments = layout(*rates, periodic, leak > 0)
    p, weights = rng.random(len(A)), rng.random(6)
    last, total = run(arguments, p, weights, True)
    powers = [np.linalg.matrix_power(np.eye(len(A)) + A, k + 1) @ p for k in range(6)]
    np.testing.assert_allclose(last, powers[-1], rtol=1e-13)
    np.testing.assert_allclose(total, weights @ powers, rtol=1e-13)

    before = rng.random(len(A))
    last, total = run(arguments, p, weights, False, before=before)
    terms = [before, p]
    for _ in range(6):
        terms.append(2 * terms[-1] + A @ terms[-1] - terms[-2])
    np.testing.assert_allclose(last, terms[-1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(total, weights @ terms[2:], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("compensated", [True, False])
@pytest.mark.parametrize("box", ["plane", "cylinder", "torus", "slab", "3-torus"])
def test_tiles_and_depth_do_not_change_a_bit(box, compensated, rng):
    shape, periodic = BOXES[box]
    arguments = layout(*random_rates(rng, shape, periodic, 1.0), periodic, True)
    p, weights = rng.random(int(np.prod(shape))), rng.random(11)
    expected = run(arguments, p, weights, compensated)
    for tiles in (1, 2, 3):
        for depth in (1, 2, 3, 6):
            if 2 * depth * tiles > shape[0] and depth > 1:
                continue
            for level in (0, 1):
                got = run(arguments, p, weights, compensated, tiles, depth, level)
                np.testing.assert_array_equal(got, expected)


def test_the_same_chain_by_rows(rng):
    shape, periodic = BOXES["torus"]
    rates = random_rates(rng, shape, periodic)
    A = dense(*rates)
    p, weights = rng.random(len(A)), rng.random(9)
    off = A - np.diag(A.diagonal())
    rows, columns = np.nonzero(off)
    indptr = np.concatenate([[0], np.cumsum((off > 0).sum(axis=1))]).astype(np.int32)
    lists = (
        indptr, columns.astype(np.int32), off[rows, columns], off[columns, rows], np.zeros(len(A))
    )  # fmt: skip
    state, total = np.zeros((4, p.size)), np.zeros(p.size)
    state[0] = p
    evolution.chain(*lists, weights, state, total)
    arguments = layout(*rates, periodic, False)
    np.testing.assert_allclose(run(arguments, p, weights, True)[1], total, rtol=1e-14)

    state, total = np.stack([p, p]), np.zeros(p.size)
    evolution.chebyshev_threads(*lists, weights, 0, state, total)
    last, expected = run(arguments, p, weights, False)
    np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(state[weights.size % 2], last, rtol=1e-12, atol=1e-14)
    for level in (0, 1):
        again, sums = np.stack([p, p]), np.zeros(p.size)
        evolution.chebyshev_threads(*lists, weights, level, again, sums)
        np.testing.assert_array_equal(sums, total)


def test_mass_is_kept_over_many_products(rng):
    shape, periodic = BOXES["plane"]
    arguments = layout(*random_rates(rng, shape, periodic), periodic, False)
    p = rng.random(int(np.prod(shape)))
    p /= p.sum()
    last, _ = run(arguments, p, np.zeros(20_000), True, depth=6)
    assert abs(last.sum() - 1) < 5e-15


def test_overlapping_tiles_would_show(rng):
    """More levels a sweep than the rows of a tile allow: the bits differ, so the test above can."""
    shape, periodic = (8, 5), (False, False)
    arguments = layout(*random_rates(rng, shape, periodic), periodic, False)
    p, weights = rng.random(40), rng.random(12)
    expected = run(arguments, p, weights, True)
    assert not np.array_equal(run(arguments, p, weights, True, tiles=4, depth=6), expected)


def test_threads_are_given_back():
    before = threads.parts(threads.LARGE)
    seen = []
    with threads.AtMost(1):
        seen.append(threads.parts(threads.LARGE))
    with pytest.raises(ZeroDivisionError), threads.AtMost(1):
        _ = 1 / 0
    assert seen == [1]
    assert threads.parts(threads.LARGE) == before
