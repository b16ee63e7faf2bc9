"""Dense references without subtractions, and in many digits: slow, short, independent."""

import mpmath
import numpy as np
from hypothesis import assume


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
    Cases with several closed classes, by rates that are zero in doubles, are not counted.
    """
    found = closed_classes(A)
    assume(len(found) == 1)
    (cells,) = found
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


def stationary_logs(edges):
    """Stationary log masses (n,) by elimination without subtractions, in numbers of any size.

    Rates that are zero in doubles are not zero here; -inf off the closed class, None if there are
    several.
    """
    n, V = edges.grid.size, np.broadcast_to(edges.grid.volume, edges.grid.shape).ravel()
    zero = mpmath.mpf(0)
    R = [[zero] * n for _ in range(n)]
    silent = np.zeros(edges.tail.size, bool) if edges.one_way is None else edges.one_way
    with mpmath.workdps(30):
        for i, k, w, z, is_silent in zip(
            edges.tail, edges.head, edges.weight, edges.tilt, silent, strict=True
        ):
            z, w = mpmath.mpf(float(z)), mpmath.mpf(float(w))
            small = abs(z) / mpmath.expm1(abs(z)) if z else mpmath.mpf(1)
            large, small = small + abs(z), zero if is_silent else small
            up, down = (large, small) if z > 0 else (small, large)
            R[k][i] += w * up / mpmath.mpf(float(V[i]))
            R[i][k] += w * down / mpmath.mpf(float(V[k]))
        found = closed_classes(np.array([[float(bool(r)) for r in row] for row in R]))
        if len(found) > 1:
            return None
        cells = found[0]
        Q = [[R[i][k] for k in cells] for i in cells]
        m, out = len(cells), [zero] * len(cells)
        for k in range(m - 1, 0, -1):
            out[k] = mpmath.fsum(Q[i][k] for i in range(k))
            for i in range(k):
                share = Q[i][k] / out[k]
                for j in range(k):
                    if j != i and Q[k][j]:
                        Q[i][j] += share * Q[k][j]
        p = [mpmath.mpf(1)]
        for k in range(1, m):
            p.append(mpmath.fsum(Q[k][j] * p[j] for j in range(k)) / out[k])
        total = mpmath.fsum(p)
        logs = np.full(n, -np.inf)
        logs[list(cells)] = [float(mpmath.log(value / total)) for value in p]
    return logs
