r"""The bilinear form of a generator as a sum over edges, without subtraction of large numbers.

.. math:: u^TAp=\sum_e(u_{head}-u_{tail})\,J_e(p)-\sum_i\kappa_iu_ip_i

A rate of :math:`10^{-8}` is a difference of terms of size :math:`10^5` on the left, so that twelve
digits are lost in it; on the right :math:`u_{head}-u_{tail}` is as small as it should be in the
interior of wells, and what counts is summed where it happens, on the barriers.
"""

from __future__ import annotations

import numpy as np

#: Edges that are summed at a time.
CHUNK = 1 << 18


class EdgeForm:
    r"""Forms :math:`u^TA(\omega v)` and :math:`u^T(\omega v)` for given masses :math:`\omega`.

    Parameters
    ----------
    generator : Generator
    log_mass : array (n,)
        :math:`\log\omega`; if these are stationary, :math:`v` is an eigenfunction of the reversed
        process where :math:`\omega v` is a mode of A.
    is_reversible : bool
        Whether :math:`\omega` is in detailed balance; then the form is symmetric exactly.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> from fokkerplanck.modes.edge_form import EdgeForm
    >>> generator = fp.Generator(fp.Problem(fp.Grid([(0, 1)], 4)))
    >>> form = EdgeForm(generator, np.zeros(4), True)
    >>> u = np.array([[1.0, 1.0, -1.0, -1.0]])
    >>> form.rates(u, u), float(generator.matrix.toarray()[1, 2])
    (array([[-64.]]), 16.0)
    """

    def __init__(self, generator, log_mass, is_reversible):
        edges, grid = generator.edges, generator.grid
        log_density = log_mass - np.log(grid.volumes.ravel())
        forward, backward = generator.edge_rates
        self.tail, self.head, self.is_reversible = edges.tail, edges.head, is_reversible
        self.mass = np.exp(log_mass)
        self.forth = forward * np.exp(log_density[edges.tail])
        self.back = backward * np.exp(log_density[edges.head])
        self.exits = None
        if edges.exit_rate is not None:
            self.exits = edges.exit_rate * np.exp(log_density)

    def rates(self, U, V):
        """Form with A, shape (a, b), of real functions U (a, n) and V (b, n)."""
        total = np.zeros((len(U), len(V)))
        for start in range(0, self.tail.size, CHUNK):
            part = slice(start, start + CHUNK)
            tail, head = self.tail[part], self.head[part]
            slope = U[:, head] - U[:, tail]
            if self.is_reversible:
                # One and the same number for both directions of an edge: symmetric to the last bit.
                current = 0.5 * (self.forth[part] + self.back[part]) * (V[:, tail] - V[:, head])
            else:
                current = self.forth[part] * V[:, tail] - self.back[part] * V[:, head]
            total += slope @ current.T
        if self.exits is not None:
            total -= (U * self.exits) @ V.T
        return total

    def products(self, U, V):
        """Form without A."""
        return (U * self.mass) @ V.T


def graded_eigh(K):
    """Eigenvalues (ascending) and vectors of a non-negative matrix, small ones to all digits too.

    Jacobi's method: for a matrix whose rows and columns are of very different size, but which is
    well conditioned once its diagonal is scaled to one, every eigenvalue is accurate relative to
    itself (Demmel and Veselic, SIAM J. Matrix Anal. Appl. 13, 1992).

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.modes.edge_form import graded_eigh
    >>> values, _ = graded_eigh(np.array([[1.0, 1e-11], [1e-11, 2e-20]]))
    >>> bool(abs(values[0] / 1.99e-20 - 1) < 1e-12)
    True
    """
    K = np.array(K, dtype=float)
    n, Z = len(K), np.eye(len(K))
    for _ in range(60):
        done = True
        for i in range(n):
            for j in range(i + 1, n):
                if abs(K[i, j]) <= 1e-16 * np.sqrt(abs(K[i, i] * K[j, j])):
                    continue
                done = False
                half = (K[j, j] - K[i, i]) / (2 * K[i, j])
                t = np.copysign(1.0, half) / (abs(half) + np.hypot(1.0, half))
                c = 1 / np.hypot(1.0, t)
                rotation = np.array([[c, t * c], [-t * c, c]])
                di, dj, off = K[i, i] - t * K[i, j], K[j, j] + t * K[i, j], [i, j]
                K[:, off] = K[:, off] @ rotation
                K[off] = rotation.T @ K[off]
                Z[:, off] = Z[:, off] @ rotation
                K[i, i], K[j, j], K[i, j], K[j, i] = di, dj, 0.0, 0.0
        if done:
            break
    order = np.argsort(np.diag(K), kind="stable")
    return np.diag(K)[order], Z[:, order]


def symmetric_modes(form, X):
    """Rates, slowest first, and modes in the span of X (r, n), orthonormal in the masses."""
    # Orthonormal to rounding first: what is left over then does no harm to small eigenvalues.
    root = np.linalg.cholesky(form.products(X, X))
    X = np.linalg.solve(root, X)
    K = -form.rates(X, X)
    decay, Z = graded_eigh((K + K.T) / 2)
    return -decay, Z.T @ X


def two_sided_modes(form, X, Y):
    r"""Rates, left modes (r, n) in the span of X and right modes in that of Y, biorthonormal.

    Stationary values of :math:`u^TA(\omega v)/u^T(\omega v)` over both spans: rates are as accurate
    as the product of the errors of left and right modes. Groups of much smaller rates are solved
    once more by themselves, for rounding in the small matrices is relative to the largest.
    """
    rates, D, C = _pencil(form, X, Y)
    slow = np.abs(rates) < 1e-3 * np.abs(rates).max()
    if slow.any():
        P, R = _real_rows(D[slow]), _real_rows(C.T[slow])
        rates[slow], left, right = two_sided_modes(form, P @ X, R @ Y)
        U, V = D @ X, C.T @ Y
        U[slow], V[slow] = left, right
        return rates, U, V
    return rates, D @ X, C.T @ Y


def _pencil(form, X, Y):
    """Eigenvalues and the coefficients of left (rows) and right modes (columns)."""
    products = form.products(X, Y)
    rates, C = np.linalg.eig(np.linalg.solve(products, form.rates(X, Y)))
    rates, C = rates.astype(complex), C.astype(complex)
    return rates, np.linalg.inv(products @ C), C


def _real_rows(rows):
    """Orthonormal real rows with the span of complex rows that come in conjugate pairs."""
    _, _, Vh = np.linalg.svd(np.concatenate([rows.real, rows.imag]))
    return Vh[: len(rows)]
