"""Transition paths and passages to sets of random problems, against many digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fokkerplanck as fp
from fokkerplanck.scheme.currents import edge_offsets
from tests.fuzz.references import numbers, solved, stationary_logs
from tests.fuzz.strategies import few, setups

MILD = {"cells": 16, "decades": 3.0, "peclet": 1.5, "beta": (-2, 2), "condition": 4.0}
WIDE = MILD | {"decades": 12.0, "peclet": 2.0, "beta": (-3, 3), "condition": 100.0}
DIGITS = 80


def two_sets(problem, edges, seed):
    """Masks of random sets that no edge joins, with cells in between."""
    rng, n = np.random.default_rng(seed), problem.grid.size
    order, chance = rng.permutation(n), rng.uniform(0.05, 0.5)
    label = np.full(n, -1)
    label[order[0]], label[order[-1]] = 0, 1
    for cell in order[1:-1]:
        if rng.random() < chance:
            label[cell] = rng.integers(2)
    touching = (label[edges.tail] >= 0) & (label[edges.head] >= 0)
    touching &= label[edges.tail] != label[edges.head]
    assume(not touching.any() and (label < 0).any())
    return [(label == k).reshape(problem.grid.shape) for k in (0, 1)]


def shares(edges):
    """Part of every edge that lies in the cell of its tail: faces halve edges of even cells.

    Longer steps, of very anisotropic D, cross cells in between and are not counted.
    """
    grid = edges.grid
    assume(np.abs(edge_offsets(edges)).max() <= 1)
    tail, head = (np.array(np.unravel_index(a, grid.shape)) for a in (edges.tail, edges.head))
    out = np.full(edges.tail.size, 0.5)
    for k in range(grid.dim):
        along = (tail != head).sum(axis=0) == 1
        along &= tail[k] != head[k]
        own, other = grid.widths[k][tail[k]], grid.widths[k][head[k]]
        out[along] = (own / (own + other))[along]
    return out


def cut(edges, inside):
    """Generator with a node on the face of every edge that enters a set, and who is inside.

    Nodes hold next to nothing; eliminated they give the edge back.
    """
    n, V = edges.grid.size, np.broadcast_to(edges.grid.volume, edges.grid.shape).ravel()
    enters = inside[edges.tail] != inside[edges.head]
    size = n + int(enters.sum())
    volume = [mpmath.mpf(float(v)) for v in V] + [mpmath.mpf(10) ** -30 * V.min()] * (size - n)
    G, node = mpmath.matrix(size, size), n
    for i, k, w, z, s, is_cut in zip(
        edges.tail.tolist(), edges.head.tolist(), edges.weight, edges.tilt, shares(edges), enters,
        strict=True,
    ):  # fmt: skip
        pieces, s = [(i, k, mpmath.mpf(1))], mpmath.mpf(float(s))
        if is_cut:
            pieces, node = [(i, node, s), (node, k, 1 - s)], node + 1
        for a, b, part in pieces:
            z_part, w_part = mpmath.mpf(float(z)) * part, mpmath.mpf(float(w)) / part
            back = z_part / mpmath.expm1(z_part) if z_part else mpmath.mpf(1)
            G[b, a] += w_part * (back + z_part) / volume[a]
            G[a, b] += w_part * back / volume[b]
    for k in range(size):
        G[k, k] = -mpmath.fsum(G[i, k] for i in range(size) if i != k)
    return G


def chances(G, ends, goal):
    """Chance (size,) to be in the goal when first in any of the ends."""
    free = [k for k in range(G.rows) if k not in ends]
    M = mpmath.matrix([[G[i, k] for i in free] for k in free])
    right = [-mpmath.fsum(G[i, k] for i in goal) for k in free]
    out = [mpmath.mpf(k in goal) for k in range(G.rows)]
    for k, value in zip(free, solved(M, right), strict=True):
        out[k] = value
    return out


def reference(edges, A, B):
    """Committors (n,), flux, rates and mean duration, in many digits."""
    n = edges.grid.size
    inside = A | B
    G = cut(edges, inside)
    size = G.rows
    null = G.copy()
    for k in range(size):
        null[size - 1, k] = mpmath.mpf(1)
    p = solved(null, [0] * (size - 1) + [1])
    enters = np.flatnonzero(inside[edges.tail] != inside[edges.head])
    sets = [set(np.flatnonzero(mask).tolist()) for mask in (A, B)]
    for node, e in enumerate(enters.tolist(), n):
        cell = edges.tail[e] if inside[edges.tail[e]] else edges.head[e]
        sets[int(B[cell])].add(node)
    turned = mpmath.matrix(size, size)
    for i in range(size):
        for k in range(size):
            turned[i, k] = p[i] * G[k, i] / p[k]
    ends = sets[0] | sets[1]
    plus, minus = chances(G, ends, sets[1]), chances(turned, ends, sets[0])
    flux = mpmath.fsum(
        p[k] * G[i, k] * plus[i] for k in sets[0] for i in range(size) if i not in sets[0]
    )
    from_A = mpmath.fsum(p[k] * minus[k] for k in range(size))
    from_B = mpmath.fsum(p[k] * (1 - minus[k]) for k in range(size))
    way = mpmath.fsum(p[k] * minus[k] * plus[k] for k in range(size))
    values = flux, flux / from_A, flux / from_B, way / flux
    return numbers(plus[:n]), numbers(minus[:n]), numbers(values)


@few
@given(setups(absorbing=False, **MILD), st.integers(0, 2**32 - 1))
def test_committors_and_rates(setup, seed):
    """Both committors, flux, both rates; what is exchanged is the same from either end."""
    problem = setup.problem()
    edges = fp.Edges.from_problem(problem)
    A, B = two_sets(problem, edges, seed)
    logs = stationary_logs(edges)
    assume(logs is not None and np.isfinite(logs).all() and np.ptp(logs) < 60)
    ours = fp.committor(problem, A, B, scheme="markov")
    with mpmath.workdps(DIGITS):
        plus, minus, right = reference(edges, A.ravel(), B.ravel())
    found = [ours.flux, ours.rate, ours.rate_back, ours.mean_duration]
    np.testing.assert_allclose(found, right, rtol=1e-8)
    np.testing.assert_allclose(ours.forward.ravel(), plus, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(ours.backward.ravel(), minus, rtol=1e-9, atol=1e-14)
    for q in (ours.forward, ours.backward):
        assert q.min() >= 0
        assert q.max() <= 1 + 1e-14
    grown = A | (np.random.default_rng(seed).random(A.shape) < 0.5) & ~B
    assert abs(ours.flux_through(grown) / ours.flux - 1) < 1e-8
    turned = fp.committor(problem, B, A, scheme="markov")
    np.testing.assert_allclose(turned.rate, ours.rate_back, rtol=1e-9)
    np.testing.assert_allclose(turned.rate_back, ours.rate, rtol=1e-9)


@pytest.mark.parametrize("solver", ["direct", "multilevel"])
@few
@given(setups(absorbing=False, **MILD), st.integers(0, 2**32 - 1))
def test_passages_to_sets(solver, setup, seed):
    """Means and variances to any mask, by both solvers."""
    problem = setup.problem()
    target = np.random.default_rng(seed).random(problem.grid.shape) < 0.3
    assume(target.any() and not target.all())
    right = passages(fp.Edges.from_problem(problem), target.ravel())
    try:
        times = fp.mfpt(problem, target, solver, scheme="markov")
    except fp.ConvergenceError:  # times so long that rounding matters in multigrid
        assert solver == "multilevel"
        return
    digits = 1e-9 if solver == "direct" else 1e-6
    np.testing.assert_allclose(times.mean.ravel(), right[0], rtol=digits)
    np.testing.assert_allclose(times.variance.ravel(), right[1], rtol=10 * digits)


@few
@given(setups(absorbing=False, **WIDE), st.integers(0, 2**32 - 1))
def test_passages_over_wide_rates(setup, seed):
    """The same where rates lie twenty powers of ten apart."""
    problem = setup.problem()
    target = np.random.default_rng(seed).random(problem.grid.shape) < 0.3
    assume(target.any() and not target.all())
    edges = fp.Edges.from_problem(problem)
    assume(np.abs(edges.tilt).max(initial=0) < 500)
    times = fp.mfpt(problem, target, scheme="markov")
    mean, variance = passages(edges, target.ravel(), 800)
    np.testing.assert_allclose(times.mean.ravel(), mean, rtol=1e-9)
    np.testing.assert_allclose(times.variance.ravel(), variance, rtol=1e-8)


def passages(edges, inside, digits=DIGITS):
    """Means and variances (n,) of the time to a set that begins at the faces of its cells."""
    n, V = edges.grid.size, np.broadcast_to(edges.grid.volume, edges.grid.shape).ravel()
    keep = np.flatnonzero(~inside)
    place = {int(k): i for i, k in enumerate(keep)}
    with mpmath.workdps(digits):
        M = mpmath.matrix(keep.size, keep.size)
        for i, k, w, z, s in zip(
            edges.tail.tolist(), edges.head.tolist(), edges.weight, edges.tilt, shares(edges),
            strict=True,
        ):  # fmt: skip
            part = 1.0 if inside[i] == inside[k] else 1 - s if inside[i] else s
            z_part, w_part = mpmath.mpf(float(z)) * part, mpmath.mpf(float(w)) / part
            back = z_part / mpmath.expm1(z_part) if z_part else mpmath.mpf(1)
            for a, b, B in ((i, k, back + z_part), (k, i, back)):
                if a not in place:
                    continue
                rate = w_part * B / mpmath.mpf(float(V[a]))
                M[place[a], place[a]] -= rate
                if b in place:
                    M[place[a], place[b]] += rate
        tau = solved(M, [-1] * M.rows)
        second = solved(M, [-2 * mean for mean in tau])
        out = np.zeros((2, n))
        out[0, keep] = numbers(tau)
        out[1, keep] = numbers(s - m * m for s, m in zip(second, tau, strict=True))
    return out
