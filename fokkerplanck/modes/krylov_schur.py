"""Slow invariant subspaces of generators by a Krylov-Schur method."""

from __future__ import annotations

import numpy as np
from scipy.linalg import schur

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.linalg import projection

#: Relative distance of rates up to which they count as one multiple eigenvalue.
CLUSTER = 1e-6
#: Least gap between the decay rates in a subspace and the next one outside, relative to the rate.
CUT = 1e-3
#: Residual of the first mode beyond the slowest below which a new start has been followed far
#: enough: another slow mode in it would have come out before that one.
FOLLOWED = 1e-2
#: Length left over by orthogonalisation, relative to the matrix, that is rounding.
NOTHING_NEW = 1e-13
#: Error of rates by rounding, over the shift, at the most.
NOISE = 1e-11
#: Part of its length that a vector must keep in orthogonalisation, or it is done once more.
TWICE = 0.7


class SlowSpace:
    r"""Span of the slowest modes of A from products with :math:`B=(s-A)^{-1}`.

    Krylov-Schur iteration (Stewart, SIAM J. Matrix Anal. Appl. 23, 2001) with full
    orthogonalisation in the inner product of a weight. If the weight is the stationary mass, A is
    dissipative in it, so that every Ritz value of B lies in the disc on (0, 1/s) and belongs to a
    rate :math:`\lambda=s-1/\theta` with :math:`\mathrm{Re}\lambda\le0`: the slowest can be chosen
    by their decay, however fast they turn. A Krylov space holds one vector of each eigenspace only,
    so the iteration starts again, beside what it has found, with vectors of noise: once more than
    the largest multiplicity among the slowest.

    Parameters
    ----------
    apply : callable
        B times a vector (n,).
    shift : float
        s.
    weight : array (n,)
        Positive; of the inner product.
    removed : (array (n,), array (n,)) or None
        Vector z and functional f of a known mode, f(z) = 1; the space searched is f(x) = 0.
    start : array (m, n)
        Vectors of norm 1 to start from; noise is added to them.
    is_symmetric : bool
        Whether B is self-adjoint in this inner product.
    tol : float
        Of the residuals, relative to the eigenvalue of B.
    max_products : int
    """

    def __init__(self, apply, shift, weight, removed, start, is_symmetric, tol, max_products):
        self.apply, self.shift = apply, shift
        zeros = np.zeros(weight.size)
        self.removed: tuple[Array, Array] = (zeros, zeros) if removed is None else removed
        self.is_symmetric, self.tol, self.max_products = is_symmetric, tol, max_products
        self.n_left = weight.size - (removed is not None)
        self.weight = weight / weight.sum()
        self.products = self.starts = self.m = 0
        self.pending = False  # whether row m of the basis holds the vector to go on from
        self._start = start
        self._rng = np.random.default_rng(20011)
        self._basis = np.empty((0, weight.size))
        self._H = np.zeros((0, 0))

    def converge(self, count, expected=None):
        """Iterate until the `count` slowest modes, and those at equal decay, have converged.

        Parameters
        ----------
        count : int
        expected : array, optional
            Rates that must be among those found, as often as they are here, where they are known;
            else the iteration looks for multiple ones by itself.

        Returns
        -------
        (vectors, rates) : arrays (r, n) and (r,), r >= count
            Orthonormal basis of an invariant subspace, and eigenvalues of A, slowest first.
        """
        count = min(count, self.n_left)
        capacity = min(2 * count + 24, self.n_left)
        self._grow(capacity + 2)
        while True:
            theta, _, residual = self._ritz()
            rates = self.shift - 1 / theta
            size = _cut(rates.real, count)
            converged = self.m >= count and (residual[:size] <= self.tol).all()
            if converged and self._is_complete(rates[:size], expected):
                Q, _ = self._leading(size)
                return Q.T @ self._basis[: self.m], rates[: Q.shape[1]]
            if self.products >= self.max_products or (converged and self.m == self.n_left):
                self._give_up(rates, residual, converged)
            is_new_start_due = converged and self._is_followed(residual, size)
            if is_new_start_due:
                self._compress(size)
            elif self.m >= capacity and self.pending:
                self._compress((size + self.m) // 2)
            if is_new_start_due or not self.pending:
                self._inject()
            self._expand()

    def _is_followed(self, residual, size):
        """Whether any slow mode in the vector started from last has been found by now."""
        return self.starts == 1 or (self.m > size and residual[size] <= FOLLOWED)

    def _is_complete(self, rates, expected):
        """Whether all expected rates are there; if none are given, whether no copy is missing."""
        if expected is not None:
            return _includes(rates, expected, NOISE * self.shift)
        if self.m == self.n_left:
            return True
        # Each start finds one copy of a multiple rate: with as many copies as starts, one more
        # start may find another copy.
        residual = self._ritz()[2]
        return self._is_followed(residual, rates.size) and _multiplicity(rates) < self.starts

    def _grow(self, rows):
        """Make room for basis vectors."""
        old = self._H.shape[0]
        if rows > old:
            self._basis = np.concatenate([self._basis, np.empty((rows - old, self.weight.size))])
            H = np.zeros((rows, rows))
            H[:old, :old] = self._H
            self._H = H

    def _inject(self):
        """Start again from a new vector: the given ones with noise at first, then noise alone."""
        x = self._rng.standard_normal(self.weight.size)
        if not self.starts and len(self._start):
            x = 0.3 * x + self._rng.standard_normal(len(self._start)) @ self._start
        elif self.starts:
            # As much of each cell, in the norm of the weight: modes of wells with next to no mass
            # are lost in the rounding of the others otherwise.
            x = x / np.sqrt(self.weight)
        self.starts += 1
        self._grow(self.m + 2)
        self._H[self.m :] = 0.0
        self._basis[self.m] = x / self._orthogonalise(x, self.m)[2]
        self.pending = True

    def _expand(self):
        """Multiply the pending vector by B and orthogonalise what comes."""
        m = self.m
        x = np.array(self.apply(self._basis[m]))
        self.products += 1
        self._grow(m + 2)
        self._H[: m + 1, m], size, norm = self._orthogonalise(x, m + 1)
        self._H[m + 1 :, m] = 0.0
        self.m = m + 1
        largest = max(size, float(np.abs(self._H).max()))
        self.pending = self.m < self.n_left and norm > NOTHING_NEW * largest
        if self.pending:
            self._H[m + 1, m] = norm
            self._basis[m + 1] = x / norm

    def _orthogonalise(self, x, m):
        """Make x orthogonal to the first m basis vectors, in place.

        Returns coefficients (m,) and the norms before and after.
        """
        part, dots, total = np.zeros(m + 1), np.zeros(m + 1), np.zeros(m)
        arrays = (self._basis, m, self.weight, *self.removed)
        first = before = projection.project(*arrays, part, x, dots)
        for _ in range(3):
            part, dots = dots, part
            total += part[:m]
            after = projection.project(*arrays, part, x, dots)
            if after > TWICE**2 * before:
                break
            before = after
        return total, np.sqrt(first), np.sqrt(after)

    def _ritz(self):
        """Ritz values of B (slowest first), vectors, and residuals relative to the values."""
        m = self.m
        T = self._H[:m, :m]
        theta, Z = np.linalg.eigh((T + T.T) / 2) if self.is_symmetric else np.linalg.eig(T)
        theta = np.where(np.abs(theta) > 1e-300, theta, 1e-300)
        rate = self.shift - 1 / theta
        order = np.lexsort((-rate.imag, -rate.real))
        theta, Z = theta[order], Z[:, order]
        if not self.pending:
            return theta, Z, np.zeros(m)
        return theta, Z, np.abs(self._H[m, :m] @ Z) / np.abs(theta)

    def _compress(self, size):
        """Keep a basis of the slowest Ritz vectors, about `size` of them, and what is pending."""
        Q, T = self._leading(size)
        m, q = self.m, Q.shape[1]
        last = self._H[m, :m] @ Q if self.pending else np.zeros(q)
        self._basis[:q] = Q.T @ self._basis[:m]
        if self.pending:
            self._basis[q] = self._basis[m]
        self._H[:] = 0.0
        self._H[:q, :q], self._H[q, :q] = T, last
        self.m = q

    def _leading(self, size):
        """Orthonormal basis (m, q) of the slowest Ritz vectors, q close to size, and T on it."""
        T = self._H[: self.m, : self.m]
        theta, Z, _ = self._ritz()
        if self.is_symmetric:
            return Z[:, :size], np.diag(theta[:size])
        rate = (self.shift - 1 / theta).real
        size = _cut(rate, size, 1e-9)
        limit = -np.inf if size == self.m else 0.5 * (rate[size - 1] + rate[size])
        T, Q, q = schur(
            T, output="real", sort=lambda x, y: (self.shift - x / (x * x + y * y)) > limit
        )
        return Q[:, :q], T[:q, :q]

    def _give_up(self, rates, residual, converged):
        """Raise with the rates that have converged."""
        good = residual <= self.tol
        what = f"{np.count_nonzero(good)} eigenvalues have converged after {self.products} solves"
        if converged:
            what += ", but not as often as their transposed ones: one is defective (drift without "
            what += "noise does that); add a little noise, or ask for fewer modes"
        else:
            what += " (they are in .iterate); raise max_solves or tol, or ask for fewer modes"
        worst = float(residual[~good].min(initial=np.inf))
        raise ConvergenceError(what, iterate=rates[good], residual=worst)


def _cut(decay, size, gap=CUT):
    """Least r >= size behind which the real parts of the rates (falling) leave a gap."""
    r = min(size, decay.size)
    while 0 < r < decay.size and decay[r - 1] - decay[r] <= gap * abs(decay[r - 1]):
        r += 1
    return r


def _multiplicity(rates):
    """How many rates coincide, at most."""
    near = np.abs(np.subtract.outer(rates, rates)) <= CLUSTER * np.abs(rates)
    return int(near.sum(axis=0).max(initial=0))


def _includes(rates, expected, noise=0.0):
    """Whether every expected rate is among the others, as often as it is expected."""
    left, limit = list(rates), CLUSTER * np.abs(expected).max(initial=0) + noise
    for rate in expected:
        nearest = min(range(len(left)), key=lambda i: abs(left[i] - rate), default=None)
        if nearest is None or abs(left.pop(nearest) - rate) > limit:
            return False
    return True
