"""Elimination of chains that end, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.linalg import elimination
from fokkerplanck.linalg.dissection import nested_dissection
from fokkerplanck.linalg.killed import DirectSolver, KilledChain
from fokkerplanck.scheme.flows import Flows


def exact_matrix(Q, kill):
    """Matrix with (M x)_i = sum_j Q_ij (x_i - x_j) + kill_i x_i, in fractions."""
    n = len(kill)
    M = [[-Fraction(float(q)) for q in row] for row in Q]
    for i in range(n):
        M[i][i] = sum(Fraction(float(Q[i, j])) for j in range(n)) + Fraction(float(kill[i]))
    return M


def exact_solution(Q, kill, b):
    """x with sum_j Q_ij (x_i - x_j) + kill_i x_i = b_i."""
    return gauss(exact_matrix(Q, kill), b)


def exact_masses(Q, kill, b):
    """p with sum_j (Q_ij p_i - Q_ji p_j) + kill_i p_i = b_i."""
    return gauss([list(row) for row in zip(*exact_matrix(Q, kill), strict=True)], b)


def gauss(M, b):
    """Solution of M x = b by Gauss elimination on fractions."""
    n = len(b)
    M = [[*row, Fraction(float(v))] for row, v in zip(M, b, strict=True)]
    for k in range(n):
        for i in range(k + 1, n):
            factor = M[i][k] / M[k][k]
            if factor:
                M[i] = [a - factor * c for a, c in zip(M[i], M[k], strict=True)]
    x = [Fraction(0)] * n
    for k in reversed(range(n)):
        x[k] = (M[k][n] - sum(M[k][j] * x[j] for j in range(k + 1, n))) / M[k][k]
    return np.array([float(v) for v in x])


def lattice(shape, wide=False):
    """Symmetric pattern of a grid, its coordinates and its rows."""
    n = int(np.prod(shape))
    cells = np.stack(np.unravel_index(np.arange(n), shape), axis=1)
    reach = np.abs(cells[:, None] - cells[None])
    near = reach.max(axis=2) <= 2 if wide else reach.sum(axis=2) <= 1
    near &= ~np.eye(n, dtype=bool)
    indptr = np.append(0, np.cumsum(near.sum(axis=1))).astype(np.int32)
    rows, columns = np.nonzero(near)
    return indptr, columns.astype(np.int32), cells.astype(np.int32), rows


@pytest.mark.parametrize(("shape", "wide"), [((23,), False), ((6, 7), False), ((5, 6), True)])
@pytest.mark.parametrize("spread", [3.0, 60.0])
def test_every_entry_is_accurate(shape, wide, spread, rng):
    indptr, indices, cells, rows = lattice(shape, wide)
    n = len(cells)
    Q = np.zeros((n, n))
    Q[rows, indices] = np.exp(-spread * rng.random(rows.size))
    if len(shape) > 1:  # some edges lead one way only
        Q[rng.integers(n, size=n // 3), rng.integers(n, size=n // 3)] = 0.0
    kill = np.zeros(n)
    kill[rng.integers(n)] = np.exp(-spread)  # the only way out, and a slow one
    b = rng.random(n) * (rng.random(n) < 0.5)
    off = (Q[rows, indices], Q[indices, rows])
    chain = KilledChain(Flows(indptr, indices, off[1], off[0], kill), cells)
    x = DirectSolver(chain).solve(b)
    exact = exact_solution(Q, kill, b)
    assert np.abs(x / exact - 1).max() < 1e-13
    assert chain.residual(x, b) < 1e-13
    masses = DirectSolver(chain).solve_masses(b)
    exact = exact_masses(Q, kill, b)
    assert np.abs(masses / exact - 1).max() < 1e-13


def test_plain_factorisation_loses_what_elimination_keeps():
    """The reason for this kernel: LU of the same matrix is wrong by far."""
    n = 60
    up = np.exp(-np.where(np.arange(n - 1) < 30, 2.0, 0.0))
    Q = np.diag(up, 1) + np.diag(np.ones(n - 1), -1)
    kill = np.zeros(n)
    kill[-1] = 1.0
    indptr, indices, cells, rows = lattice((n,))
    flows = Flows(indptr, indices, Q[indices, rows], Q[rows, indices], kill)
    x = DirectSolver(KilledChain(flows, cells)).solve(np.ones(n))
    exact = exact_solution(Q, kill, np.ones(n))
    plain = np.linalg.solve(np.diag(Q.sum(axis=1) + kill) - Q, np.ones(n))
    assert np.abs(x / exact - 1).max() < 1e-13
    assert np.abs(plain / exact - 1).max() > 1e-3


def test_parts_without_connection_are_solved_each():
    flows = Flows(
        np.array([0, 1, 2, 2]), np.array([1, 0]), np.array([2.0, 1.0]), np.array([1.0, 2.0]),
        np.array([0.0, 0.5, 4.0]),
    )  # fmt: skip
    chain = KilledChain(flows, np.array([[0], [1], [3]]))
    x = DirectSolver(chain).solve(np.ones(3))
    Q = np.array([[0, 1.0, 0], [2.0, 0, 0], [0, 0, 0]])
    assert np.allclose(x, exact_solution(Q, flows.exits, np.ones(3)), rtol=1e-14)


def test_underflow_is_an_error():
    flows = Flows(
        np.array([0, 1, 2]), np.array([1, 0]), np.array([1.0, 1e-290]), np.array([1e-290, 1.0]),
        np.array([0.0, 1e-290]),
    )  # fmt: skip
    with pytest.raises(ConvergenceError, match="out of reach"):
        DirectSolver(KilledChain(flows, np.array([[0], [1]])))


def test_the_cell_without_exit_is_named():
    indptr, indices, cells, rows = lattice((4, 4))
    tree = nested_dissection(indptr, indices, cells)
    *_, bad = elimination.eliminate_ending(
        tree.order, tree.position, tree.starts, tree.n_children, tree.bound_ptr, tree.bound,
        indptr, indices, np.ones(rows.size), np.ones(rows.size), np.zeros(16),
    )  # fmt: skip
    assert bad == tree.order[-1]
