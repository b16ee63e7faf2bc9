"""Uniformised chain, implicit residual and entropy rates against plain numpy twins."""

import numpy as np
import pytest

from fokkerplanck.kernels.linalg import evolution as kernels
from fokkerplanck.kernels.scheme import assembly


def random_chain(rng, n, leak=0.0):
    """Pattern, jump chances there and back, exits, and the dense P, of a random sparse chain."""
    mask = np.triu(rng.random((n, n)) < 0.3, 1)
    mask[np.arange(n - 1), np.arange(1, n)] = True
    mask = mask | mask.T
    jumps = np.where(mask, rng.random((n, n)) ** 4, 0.0)  # jumps[i, k]: from k to i
    exits = leak * rng.random(n)
    jumps *= 0.98 / (jumps.sum(axis=0) + exits).max()
    exits = exits * 0.98 / max((jumps.sum(axis=0) + exits).max(), 0.98)
    rows, columns = np.nonzero(mask)
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int32)
    lists = (indptr, columns.astype(np.int32), jumps[rows, columns], jumps[columns, rows], exits)
    dense = jumps + np.diag(1 - jumps.sum(axis=0) - exits)
    return lists, dense


def run(kernel, lists, weights, p):
    state, total = np.zeros((4, p.size)), np.zeros(p.size)
    state[0] = p
    kernel(*lists, np.asarray(weights, dtype=float), state, total)
    return state[0] + state[1], total


@pytest.mark.parametrize("kernel", [kernels.chain, kernels.chain_threads], ids=["one", "threads"])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_chain_is_a_weighted_sum_of_powers(kernel, count, leak, rng):
    lists, P = random_chain(rng, 40, leak)
    weights, p = rng.random(count), rng.random(40)
    last, total = run(kernel, lists, weights, p)
    powers = [np.linalg.matrix_power(P, k + 1) @ p for k in range(count)]
    np.testing.assert_allclose(last, powers[-1] if count else p, rtol=1e-13)
    expected = sum((w * q for w, q in zip(weights, powers, strict=True)), np.zeros(40))
    np.testing.assert_allclose(total, expected, rtol=1e-13, atol=1e-300)


def test_threads_give_the_same_bits(rng):
    lists, _ = random_chain(rng, 100)
    weights, p = rng.random(33), rng.random(100)
    for a, b in zip(
        run(kernels.chain, lists, weights, p),
        run(kernels.chain_threads, lists, weights, p),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_mass_is_kept_over_many_products(rng):
    lists, _ = random_chain(rng, 60)
    p = rng.random(60)
    p /= p.sum()
    last, _ = run(kernels.chain, lists, np.zeros(100_000), p)
    assert abs(last.sum() - 1) < 5e-15


def test_remainders_carry_what_is_smaller_than_rounding():
    """Two cells so near to balance that one product changes neither mass by a rounding unit."""
    indptr, indices = np.array([0, 1, 2], np.int32), np.array([1, 0], np.int32)
    chance = np.array([1e-5, 1e-5])
    p = np.array([0.5 + 2e-12, 0.5 - 2e-12])
    gain = 1e-5 * (p[1] - p[0])
    assert p[0] + gain == p[0]
    lists = (indptr, indices, chance, chance, np.zeros(2))
    last, _ = run(kernels.chain, lists, np.zeros(200_000), p)
    np.testing.assert_allclose(last[0] - 0.5, 2e-12 * np.exp(-4.0), atol=2e-15)


def test_implicit_residual_matches_the_matrix(rng):
    lists, P = random_chain(rng, 40, 0.2)
    A, b, x, residual = P - np.eye(40), rng.random(40), rng.random(40), np.empty(40)
    kernels.implicit_residual(*lists, 3.0, b, x, residual)
    np.testing.assert_allclose(residual, b - x + 3.0 * (A @ x), rtol=1e-12, atol=1e-13)


def test_implicit_residual_conserves_mass_at_long_steps(rng):
    """At a circulating steady state the currents of 1e10 cancel in every row, to rounding."""
    lists, P = random_chain(rng, 60)
    x, residual, dt = np.linalg.matrix_power(P, 2**12) @ rng.random(60), np.empty(60), 1e10
    kernels.implicit_residual(*lists, dt, x, x, residual)
    plain = dt * ((P - np.eye(60)) @ x)
    assert np.abs(residual).sum() < 1e-15 * dt * x.sum()
    assert abs(residual.sum()) < 1e-5 * np.abs(residual).sum()
    assert abs(plain.sum()) > 1e-3 * np.abs(residual).sum()


def random_edges(rng, n):
    tail = rng.integers(0, n, 3 * n)
    head = (tail + rng.integers(1, n, 3 * n)) % n
    weight, tilt = rng.random(3 * n), rng.normal(size=3 * n) * 3
    forward, backward = np.empty(3 * n), np.empty(3 * n)
    assembly.rates(0, 1, weight, tilt, forward, backward)
    return tail, head, forward, backward, tilt


def twin_rates(tail, head, forward, backward, tilt, rho, log_inf, log_u):
    def phi(s):
        return s - 1 - np.log(s)

    ratio = np.exp(log_u[head] - log_u[tail])
    there, back = forward * rho[tail], backward * rho[head]
    steady = np.exp(tilt + log_inf[tail] - log_inf[head])
    return (
        np.sum(there * phi(ratio) + back * phi(1 / ratio)),
        np.sum(there * phi(1 / steady) + back * phi(steady)),
    )


@pytest.mark.parametrize("spread", [0.3, 3.0, 30.0])
def test_entropy_rates_match_the_formula(spread, rng):
    edges = random_edges(rng, 30)
    log_inf, log_u = spread * rng.normal(size=30), spread * rng.normal(size=30)
    rho = np.exp(log_inf + log_u)
    got = kernels.entropy_rates(*edges, rho, log_inf, log_u)
    np.testing.assert_allclose(got, twin_rates(*edges, rho, log_inf, log_u), rtol=1e-12)


def test_entropy_rates_near_equilibrium_are_not_lost_in_rounding(rng):
    """Deviations of 1e-9 give rates of 1e-18, where s - 1 - log s as written is rounding."""
    edges = random_edges(rng, 30)
    log_inf, z = rng.normal(size=30), rng.normal(size=30)
    got = []
    for size in (1e-3, 1e-9):
        log_u = np.log1p(size * z)
        got.append(kernels.entropy_rates(*edges, np.exp(log_inf + log_u), log_inf, log_u)[0])
    assert got[1] == pytest.approx(got[0] * 1e-12, rel=2e-2)


def test_entropy_rates_survive_full_upwinding_and_underflow():
    tail, head = np.array([0, 1]), np.array([1, 2])
    tilt = np.array([900.0, 40.0])  # the backward rate of the first edge underflows
    forward, backward = np.empty(2), np.empty(2)
    assembly.rates(0, 1, np.ones(2), tilt, forward, backward)
    log_inf = np.array([-1500.0, -600.0, -1.0])
    rho = np.array([1e-300, 1e-200, 1.0])
    log_u = np.log(rho) - log_inf
    rates = kernels.entropy_rates(tail, head, forward, backward, tilt, rho, log_inf, log_u)
    assert np.all(np.isfinite(rates))
    assert min(rates) >= 0
