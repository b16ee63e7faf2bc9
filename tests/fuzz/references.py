"""Dense references without subtractions, and in many digits: slow, short, independent."""

import mpmath
import numpy as np


def bernoulli(z):
    """z / (e^z - 1) by its definition, in 40 digits."""
    with mpmath.workdps(40):
        z = mpmath.mpf(float(z))
        return float(z / mpmath.expm1(z)) if z else 1.0


def rates(edges):
    """Rates (n, n) from the column's cell to the row's, edge by edge, and (n,) out of the box."""
    n, V = edges.grid.size, np.broadcast_to(edges.grid.volume, edges.grid.shape).ravel()
    A = np.zeros((n, n))
    for i, k, w, z in zip(edges.tail, edges.head, edges.weight, edges.tilt, strict=True):
        A[k, i] += w * bernoulli(-z) / V[i]
        A[i, k] += w * bernoulli(z) / V[k]
    return A, np.zeros(n) if edges.exit_rate is None else edges.exit_rate / V


def dense_generator(edges):
    """A (n, n) of an edge list."""
    A, exits = rates(edges)
    A[np.diag_indices(len(A))] -= A.sum(axis=0) + exits
    return A


def exact_generator(edges):
    """The same with diagonals that are sums of rates to the last of many digits."""
    A, exits = rates(edges)
    matrix = mpmath.matrix(A.tolist())
    for k, column in enumerate(A.T):
        matrix[k, k] = -mpmath.fsum(map(mpmath.mpf, [*column.tolist(), float(exits[k])]))
    return matrix


def closed_classes(A):
    """Sets of cells that cannot be left: one means that the steady state is unique."""
    n = len(A)
    reach = (A - np.diag(np.diag(A)) > 0).T | np.eye(n, dtype=bool)
    for _ in range(int(np.ceil(np.log2(max(n, 2))))):
        reach = reach.astype(int) @ reach.astype(int) > 0
    sets = {tuple(np.flatnonzero(row & reach.T[i])) for i, row in enumerate(reach)}
    return [cells for cells in sets if all(not reach[i, k] for i in cells for k in range(n)
                                           if k not in cells)]  # fmt: skip


def stationary(A):
    """Stationary masses by elimination after Grassmann, Taksar and Heyman (1985).

    No subtractions: every mass has its leading digits. Cells outside the closed class get zero.
    """
    (cells,) = closed_classes(A)
    rates = np.array(A[np.ix_(cells, cells)], dtype=np.longdouble)
    np.fill_diagonal(rates, 0)
    n = len(cells)
    scale = np.ones(n, np.longdouble)
    # Column k holds the rates out of cell k; the last cells are eliminated first.
    for k in range(n - 1, 0, -1):
        scale[k] = rates[:k, k].sum()
        rates[:k, :k] += np.outer(rates[:k, k] / scale[k], rates[k, :k])
        np.fill_diagonal(rates, 0)
    p = np.zeros(n, np.longdouble)
    p[0] = 1
    for k in range(1, n):
        p[k] = rates[k, :k] @ p[:k] / scale[k]
    out = np.zeros(len(A))
    out[list(cells)] = p / p.sum()
    return out


def propagator(A, t):
    """exp(tA) by Taylor sums of a nonnegative matrix, and squarings: no subtractions."""
    n = len(A)
    fastest = max(-A.diagonal().min(), 1e-300)
    squarings = max(int(np.ceil(np.log2(max(fastest * t, 1e-300)))), 0)
    h = np.longdouble(t) / 2**squarings
    jump = h * A.astype(np.longdouble)
    jump[np.diag_indices(n)] += h * fastest
    total = term = np.eye(n, dtype=np.longdouble)
    for k in range(1, 40):
        term = jump @ term / k
        total = total + term
    total = total * np.exp(-h * fastest)
    for _ in range(squarings):
        total = total @ total
    return total


def solved(matrix, right):
    """Solution (n,) of a system in many digits."""
    return mpmath.lu_solve(matrix, mpmath.matrix(list(right)))


def numbers(values):
    """Doubles (n,)."""
    return np.array([float(value) for value in values])


def decay_rates_on_a_line(edges):
    """Eigenvalues of -A of a chain, smallest first: A is similar to a symmetric matrix."""
    A = exact_generator(edges)
    for k in range(A.rows - 1):
        middle = mpmath.sqrt(A[k, k + 1] * A[k + 1, k])
        A[k, k + 1] = A[k + 1, k] = middle
    return numbers(sorted(-value for value in mpmath.eigsy(A, eigvals_only=True)))
