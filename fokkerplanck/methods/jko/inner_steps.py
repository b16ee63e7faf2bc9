r"""JKO steps over discrete paths, by Newton's method and sparse factors: for small grids."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.errors import ConvergenceError

#: Newton steps, halvings of a step, and the largest relative residual that ends them.
MAX_NEWTON, MAX_HALVINGS, TOLERANCE = 60, 40, 1e-11


def minimal_path(flows, log_pi, p, tau, n_inner, implicit):
    r"""Masses at the end of the best path of n inner steps, and Newton steps taken.

    .. math:: \min\; KL(\rho_N|\pi)+\sum_{i=1}^N\frac{N}{2\tau}\sum_e\frac{J_{i,e}^2}{\kappa_e
              \theta_e(u_i)}, \qquad \rho_i-\rho_{i-1}+\nabla\cdot J_i=0

    whose conditions are, with potentials :math:`\varphi_i` and :math:`c=\tau/N`,
    :math:`\pi u_i+c\,L_{\theta(u_i)}\varphi_i=\pi u_{i-1}` and :math:`\varphi_i+\frac c2\sum_e
    \frac{\kappa_e}{\pi_x}\partial_1\theta_e(\varphi_x-\varphi_y)^2=\varphi_{i+1}`, which for i = N
    is log u_N.

    Parameters
    ----------
    flows : Flows
        Of the reversible chain.
    log_pi, p : arrays (n,)
    tau : float
    n_inner : int
    implicit : callable
        ``implicit(p, tau)``, a backward Euler step: where Newton's method starts from.
    """
    path, q = [], p
    for _ in range(n_inner):
        q = implicit(q, tau / n_inner)
        path.append(q)
    with np.errstate(divide="ignore"):
        v = np.log(np.array(path)) - log_pi
    if not np.isfinite(v).all():
        raise ConvergenceError(
            "a cell is empty to double precision, and paths need its logarithm; use "
            'variant="frozen"', iterate=q, residual=np.inf,
        )  # fmt: skip
    equations = _Equations(flows, log_pi, p, tau / n_inner)
    x = np.stack([v, np.broadcast_to(v, v.shape)], axis=1)
    r = equations.residual(x)
    for k in range(MAX_NEWTON):
        size = np.abs(r).max()
        if size < TOLERANCE:
            return np.exp(x[-1, 0] + log_pi), k
        d = equations.direction(x, r)
        t = min(1.0, 4.0 / max(np.abs(d[:, 0]).max(), 1e-300))
        for _ in range(MAX_HALVINGS):
            new = equations.residual(x + t * d)
            if np.linalg.norm(new) < (1 - 0.1 * t) * np.linalg.norm(r) or np.abs(new).max() < 1e-9:
                break
            t *= 0.5
        x, r = x + t * d, new
    raise ConvergenceError(
        f"Newton's method for the path stopped at a relative residual of {size:.1e}; take a "
        'smaller tau, or variant="frozen"', iterate=x, residual=float(size),
    )  # fmt: skip


class _Equations:
    """Residual (N, 2, n), over the masses of cells, and Newton's direction."""

    def __init__(self, flows, log_pi, p, c):
        n = log_pi.size
        self.n, self.c = n, c
        self.rows, self.columns = np.repeat(np.arange(n), np.diff(flows.indptr)), flows.indices
        self.rate = flows.outflow
        with np.errstate(divide="ignore"):
            self.before = np.log(p) - log_pi

    def _edges(self, v, phi):
        """Differences of v and phi along edges, from the cell of the row."""
        x, y = self.rows, self.columns
        return v[y] - v[x], phi[x] - phi[y]

    def _sum(self, values):
        """Sum over the edges of every cell."""
        return np.bincount(self.rows, values, self.n)

    def residual(self, x):
        """What the equations miss."""
        r = np.empty_like(x)
        last = len(x) - 1
        for i, (v, phi) in enumerate(x):
            s, jump = self._edges(v, phi)
            before = x[i - 1, 0] if i else self.before
            mean, slope, _ = _log_mean(s)
            ratio = np.exp(np.minimum(before - v, 600.0))
            r[i, 0] = 1 + self.c * self._sum(self.rate * mean * jump) - ratio
            after = v if i == last else x[i + 1, 1]
            r[i, 1] = phi + 0.5 * self.c * self._sum(self.rate * slope * jump**2) - after
        return r

    def _matrix(self, values):
        """Sparse matrix with values on the edges and minus their row sums on the diagonal."""
        off = sparse.csr_array((values, (self.rows, self.columns)), shape=(self.n, self.n))
        return off - sparse.diags_array(self._sum(values))

    def direction(self, x, r):
        """Solve the linearised equations."""
        N, c = len(x), self.c
        one = sparse.eye_array(self.n)
        blocks = [[None] * (2 * N) for _ in range(2 * N)]
        for i, (v, phi) in enumerate(x):
            s, jump = self._edges(v, phi)
            mean, slope, bend = _log_mean(s)
            # d mean/ds = e^s d_1 theta(1, e^-s) and mean = slope + d mean/ds (homogeneity).
            by_v = c * self._matrix(self.rate * (mean - slope) * jump)
            ratio = np.exp(np.minimum((x[i - 1, 0] if i else self.before) - v, 600.0))
            blocks[2 * i][2 * i] = by_v + sparse.diags_array(ratio)
            blocks[2 * i][2 * i + 1] = -c * self._matrix(self.rate * mean)
            if i:
                blocks[2 * i][2 * i - 2] = -sparse.diags_array(ratio)
            by_v = 0.5 * c * self._matrix(self.rate * bend * jump**2)
            blocks[2 * i + 1][2 * i] = by_v - one if i == N - 1 else by_v
            blocks[2 * i + 1][2 * i + 1] = one - c * self._matrix(self.rate * slope * jump)
            if i < N - 1:
                blocks[2 * i + 1][2 * i + 3] = -one
        J = sparse.block_array(blocks, format="csc")
        return splu(J).solve(-r.ravel()).reshape(x.shape)


def _log_mean(s):
    """theta(1, e^s), its derivative in the first argument, and the s-derivative of that."""
    s = np.clip(s, -500.0, 500.0)
    small = np.abs(s) < 1e-2
    z = np.where(small, 1.0, s)
    e = np.expm1(z)
    mean = np.where(small, 1 + s / 2 * (1 + s / 3 * (1 + s / 4 * (1 + s / 5))), e / z)
    slope = np.where(small, 0.5 + s / 6 * (1 + s / 4 * (1 + s / 5 * (1 + s / 6))), (e - z) / z**2)
    series = 1 / 6 + s / 12 + s**2 / 40 + s**3 / 180 + s**4 / 1008
    bend = np.where(small, series, (z * (e + 2) - 2 * e) / z**3)
    return mean, slope, bend
