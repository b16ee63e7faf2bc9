"""Eigenvalues of underdamped motion by Galerkin's method, with no cells at all."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigs, splu


def slowest(slope, gamma, kT, half, n_x, n_v, count=3, shift=1e-5):
    """Eigenvalues of the Klein-Kramers operator of unit mass, by decreasing real part.

    In the frame sqrt(pi) the operator is K - gamma N, with the number operator N of Hermite
    functions of v and the antisymmetric K = -v d_x + U' d_v, where v = sqrt(kT) (A + A^T) and
    d_v = (A - A^T) / 2 sqrt(kT); x by sinc functions on (-half, half).
    """
    h = 2 * half / (n_x - 1)
    x, k = -half + h * np.arange(n_x), np.subtract.outer(np.arange(n_x), np.arange(n_x))
    off = k != 0
    d_x = np.zeros((n_x, n_x))
    d_x[off] = (-1.0) ** k[off] / (k[off] * h)
    lower = sparse.diags_array(np.sqrt(np.arange(1.0, n_v)), offsets=1)
    v, d_v = np.sqrt(kT) * (lower + lower.T), (lower - lower.T) / (2 * np.sqrt(kT))
    K = sparse.kron(d_v, sparse.diags_array(slope(x))) - sparse.kron(v, sparse.csr_array(d_x))
    number = sparse.kron(sparse.diags_array(np.arange(float(n_v))), sparse.eye_array(n_x))
    operator = sparse.csc_array(K - gamma * number)
    lu = splu(sparse.csc_array(operator - shift * sparse.eye_array(n_x * n_v)))
    inverse = LinearOperator(operator.shape, matvec=lu.solve, dtype=float)
    start = np.ones(n_x * n_v)
    mu = eigs(inverse, k=count, which="LM", return_eigenvectors=False, v0=start, tol=1e-10)
    values = shift + 1 / mu
    return values[np.argsort(-values.real)]
