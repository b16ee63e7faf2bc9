"""Passes over rows and edges: irreducibility, imbalance, potentials, against plain twins."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from fokkerplanck.kernels.linalg import graph
from fokkerplanck.linalg import null_vector


def chain(rng, n, chords=0):
    """Generator of a path with rates both ways and some chords, as a dense matrix."""
    A = np.diag(rng.random(n - 1) + 0.1, 1) + np.diag(rng.random(n - 1) + 0.1, -1)
    A[rng.integers(0, n, chords), rng.integers(0, n, chords)] = 1.0
    np.fill_diagonal(A, 0.0)
    return A - np.diag(A.sum(axis=0))


def csr(A):
    A = sparse.csr_array(A)
    return A.indptr, A.indices, A.data


def test_a_chain_is_proved_and_what_is_not_one_class_never(rng):
    assert graph.is_chained(*csr(chain(rng, 30)))
    proved = 0
    for _ in range(300):
        A = (rng.random((6, 6)) < 0.35) * rng.random((6, 6))
        n_classes, _ = connected_components(sparse.csr_array(A), connection="strong")
        is_proved = graph.is_chained(*csr(A))
        assert n_classes == 1 or not is_proved
        proved += is_proved
    assert 3 < proved < 250


def test_a_rate_of_zero_is_no_rate(rng):
    A = sparse.csr_array(chain(rng, 8))
    A.data[A.indices > np.repeat(np.arange(8), np.diff(A.indptr))] = 0.0
    assert not graph.is_chained(A.indptr, A.indices, A.data)
    with pytest.raises(AssertionError):  # the first cell only: nothing flows back up
        np.testing.assert_array_equal(null_vector.closed_class(A, (8,)), np.arange(8))


def test_imbalance_against_its_numpy_twin(rng):
    n = 40
    A = chain(rng, n, chords=60)
    for log_mass in (rng.standard_normal(n), 400 * rng.standard_normal(n)):
        off = A - np.diag(np.diag(A))
        with np.errstate(divide="ignore"):
            logs = np.log(off) + log_mass - log_mass[:, None]
        inflow, outflow = np.exp(np.minimum(logs, 700.0)).sum(axis=1), off.sum(axis=0)
        twin = np.max(np.abs(inflow - outflow) / outflow)
        out, worst = np.empty(n), np.empty(3)
        graph.column_sums(*csr(A), out)
        np.testing.assert_allclose(out, -np.diag(A), rtol=1e-13)
        for part in range(3):
            graph.imbalance(part, 3, *csr(A), out, log_mass, worst)
        assert worst.max() == pytest.approx(twin, rel=1e-12)
        assert null_vector.balance_residual(sparse.csr_array(A), log_mass) == worst.max()


def test_mass_that_flows_into_empty_cells_is_an_infinite_imbalance(rng):
    A, log_mass = chain(rng, 10), np.zeros(10)
    log_mass[4] = -np.inf
    assert null_vector.balance_residual(sparse.csr_array(A), log_mass) == np.inf


def tree_edges(rng, n, extra):
    """Edges in which every cell has a lower neighbour, in random order and direction."""
    high = np.concatenate([np.arange(1, n), rng.integers(1, n, extra)])
    low = (rng.random(high.size) * high).astype(int)
    turn = rng.random(high.size) < 0.5
    order = rng.permutation(high.size)
    return (np.where(turn, high, low)[order].astype(np.int32),
            np.where(turn, low, high)[order].astype(np.int32))  # fmt: skip


def test_tilts_of_a_potential_give_it_back_and_others_are_found_out(rng):
    n = 300
    tail, head = tree_edges(rng, n, 500)
    exact = rng.standard_normal(n)
    tilt, phi = exact[head] - exact[tail], np.empty(n)
    assert graph.sum_tilts(tail, head, tilt, np.empty(n, np.int64), phi)
    np.testing.assert_allclose(phi, exact - exact[0], atol=1e-13)
    for bad, found in ((0.0, False), (1e-3, True)):
        tilt[17] += bad
        worst = np.empty(2)
        for part in range(2):
            graph.tilt_defect(part, 2, tail, head, tilt, exact, 1e-9, worst)
        twin = np.abs(tilt - (exact[head] - exact[tail])).max()
        assert (worst.max() > 1e-9) == found
        assert worst.max() == pytest.approx(twin)


def test_a_cell_without_a_lower_neighbour_is_said():
    tail, head = np.array([0, 2], np.int32), np.array([2, 1], np.int32)
    assert not graph.sum_tilts(tail, head, np.zeros(2), np.empty(3, np.int64), np.empty(3))
