r"""Rates between wells: slow eigenvalues and modes without subtractions, however slow.

One cell of each well, its core, is watched. With :math:`h_l` the chance to reach core l first from
outside of the cores, G the mean times spent there before (both by elimination without
subtractions), and :math:`u=\sum_la_lh_l+w`, w = 0 on the cores, :math:`-A^Tu=\lambda u` is

.. math:: \sum_ls_{kl}(a_k-a_l)+s_{k0}a_k=\lambda\sum_lM_{kl}(\lambda)a_l,\qquad
   M(\lambda)=1+qG(1-\lambda G)^{-1}h,

where :math:`s_{kl}` are the rates of the chain that is watched on the cores, :math:`s_{k0}` those
to the end, and q the rates out of cores. All of these are sums of non-negative numbers. No
eigenvalue with :math:`|\lambda|\max G1<1` is missing from this problem: there
:math:`1-\lambda G` is regular.

The small problem is graded as steeply. Eigenvalue number j from below is taken from a chain on so
few of the cores that all rates out of them are at most `WINDOW` times as fast: the others are
eliminated in the same way, fastest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import eig, eigh
from scipy.sparse import csr_array

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.linalg.killed import DirectSolver, KilledChain, restricted
from fokkerplanck.scheme.flows import Flows

#: Largest product of a rate and the longest mean time to a core, for a rate to be taken from here.
SLOW = 1e-8
#: Largest ratio of rates within one small eigenvalue problem.
WINDOW = 1e4
#: Iterations for the dependence on the eigenvalue: each is a factor of SLOW, or of 1 / WINDOW.
OUTER, INNER = 2, 5
#: Ratio of rates that count as about equal.
ALIKE = 1.01


@dataclass(frozen=True, eq=False)
class SmallChain:
    """Rates (m, m) off the diagonal, those (m,) to the end, and M (m, m) as times + rate slope."""

    rates: Array
    kill: Array
    times: Array
    slope: Array

    def without(self, gone: Integers, kept: Integers, rate: complex) -> Lumped:
        """The chain on the kept states, for eigenvalues near a rate."""
        out, back = self.rates[np.ix_(kept, gone)], self.rates[np.ix_(gone, kept)]
        inside, kill = self.rates[np.ix_(gone, gone)], self.kill[gone] + back.sum(axis=1)
        inverse = solve_dense(inside, kill, np.eye(gone.size))
        chances, end = inverse @ back, inverse @ self.kill[gone]
        rates = self.rates[np.ix_(kept, kept)] + out @ chances
        np.fill_diagonal(rates, 0.0)
        shift = rate if rate.imag else rate.real
        M = self.times + shift * self.slope
        extended = np.zeros((self.kill.size, kept.size), complex if rate.imag else float)
        occupied = np.zeros_like(extended.T)
        extended[kept] = occupied[:, kept] = np.eye(kept.size)
        extended[gone], occupied[:, gone] = chances, out @ inverse
        for _ in range(INNER if gone.size else 0):
            extended[gone] = chances + shift * (inverse @ (M[gone] @ extended))
            occupied[:, gone] = (out + shift * (occupied @ M)[:, gone]) @ inverse
        spent = M @ extended
        times = spent[kept] + out @ (inverse @ spent[gone])
        return Lumped(rates, self.kill[kept] + out @ end, times, extended, occupied)


@dataclass(frozen=True, eq=False)
class Lumped:
    """A chain on fewer states; functions on all are ``extended`` (m, r), masses ``occupied`` (r, m)."""  # noqa: E501

    rates: Array
    kill: Array
    times: np.ndarray
    extended: np.ndarray
    occupied: np.ndarray

    def modes(self, log_mass: Array, is_reversible: bool) -> Pairs:
        """Eigenvalues from below, with functions and masses, for log masses of the states."""
        root = np.exp(0.5 * (log_mass - log_mass.max()))
        scale = root[:, None] / root
        K = np.diag(self.rates.sum(axis=1) + self.kill) - self.rates * scale
        M = self.times * scale
        if is_reversible:
            values, right = eigh(0.5 * (K + K.T), 0.5 * (M + M.T).real)
            left = right
        else:
            values, left, right = eig(K, M, left=True)
            order = np.lexsort((-values.imag, np.abs(values.imag), values.real))
            values, left, right = values[order], left[:, order].conj(), right[:, order]
        return Pairs(values, right / root[:, None], left * root[:, None])


class Pairs(NamedTuple):
    """Eigenvalues (r,), functions and masses in columns."""

    values: np.ndarray
    functions: np.ndarray
    masses: np.ndarray


def solve_dense(rates: Array, kill: Array, b: Array) -> Array:
    """Solutions x (n, m) of sum_j rates_ij (x_i - x_j) + kill_i x_i = b_i >= 0, no subtraction."""
    n = kill.size
    Q = np.array(rates)
    np.fill_diagonal(Q, 0.0)
    c, x, exits = np.array(kill), np.array(b, dtype=float), np.empty(n)
    for k in range(n):
        exits[k] = c[k] + Q[k, k + 1 :].sum()
        factor = Q[k + 1 :, k] / exits[k]
        c[k + 1 :] += factor * c[k]
        x[k + 1 :] += factor[:, None] * x[k]
        Q[k + 1 :, k + 1 :] += factor[:, None] * Q[k, k + 1 :]
    for k in reversed(range(n)):
        x[k] = (x[k] + Q[k, k + 1 :] @ x[k + 1 :]) / exits[k]
    return x


def small_modes(chain: SmallChain, log_mass: Array, is_reversible: bool) -> Pairs:
    """All eigenvalues from below, each accurate relative to itself, with functions and masses.

    Rates and times may range over hundreds of orders of magnitude.
    """
    m = chain.kill.size
    order = _fastest_last(chain)

    def solved(r: int, rate: complex) -> tuple[Lumped, Pairs]:
        lumped = chain.without(order[r:], order[:r], rate)
        return lumped, lumped.modes(log_mass[order[:r]], is_reversible)

    estimates = np.array([solved(r, 0j)[1].values.real.max() for r in range(1, m + 1)])
    estimates = np.maximum.accumulate(np.maximum(estimates, 0.0))
    found = Pairs(np.zeros(m, complex), np.zeros((m, m), complex), np.zeros((m, m), complex))
    for j in range(m):
        # Rates that are equal but for rounding are to come from one problem.
        near = estimates[estimates <= ALIKE * estimates[j]].max()
        r = int(np.flatnonzero(estimates <= WINDOW * near)[-1]) + 1
        value = complex(estimates[j])
        for _ in range(INNER):
            lumped, pairs = solved(r, value)
            value = complex(pairs.values[j])
        found.values[j] = value
        found.functions[:, j] = lumped.extended @ pairs.functions[:, j]
        found.masses[:, j] = pairs.masses[:, j] @ lumped.occupied
    if not chain.kill.any():
        found.values[0], found.functions[:, 0] = 0.0, 1.0
    _pair_conjugates(found)
    return found


def _pair_conjugates(pairs: Pairs) -> None:
    """Make conjugates of values that are so but for rounding, and real what is real, in place."""
    values, j = pairs.values, 0
    while j < values.size:
        if abs(values[j].imag) <= SLOW * abs(values[j]):
            values[j] = values[j].real
        elif j + 1 < values.size and abs(values[j + 1] - values[j].conjugate()) < SLOW * abs(
            values[j]
        ):
            for array in pairs:
                array[..., j + 1] = array[..., j].conj()
            j += 1
        j += 1


def _fastest_last(chain: SmallChain) -> Integers:
    """States in an order from whose end they are eliminated, at each time the one left fastest."""
    order: list[int] = []
    left = np.arange(chain.kill.size)
    rates, kill, times = chain.rates.copy(), chain.kill.copy(), chain.times.diagonal().copy()
    np.fill_diagonal(rates, 0.0)
    while left.size > 1:
        exits = rates.sum(axis=1) + kill
        k = int(np.argmax(exits / times))
        share = rates[:, k] / exits[k]
        rates = rates + share[:, None] * rates[k]
        kill, times = kill + share * kill[k], times + share * times[k]
        np.fill_diagonal(rates, 0.0)
        order.append(int(left[k]))
        rates = np.delete(np.delete(rates, k, 0), k, 1)
        kill, times, left = np.delete(kill, k), np.delete(times, k), np.delete(left, k)
    return np.array([*left, *reversed(order)])


class WellChain:
    """A chain watched on one core for each well.

    Parameters
    ----------
    flows : Flows
        Rates between cells, and to the end.
    coordinates : int array (n, d)
    cores : int array (m,)

    Raises
    ------
    ConvergenceError
        If rates between cores are below 1e-280.
    """

    def __init__(self, flows: Flows, coordinates: Integers, cores: Integers) -> None:
        n, m = flows.exits.size, cores.size
        self.cores, self.free = cores, np.delete(np.arange(n), cores)
        out = csr_array((flows.outflow, flows.indices, flows.indptr), shape=(n, n))
        self.from_core = out[cores][:, self.free]
        into = np.asarray(out[:, cores].todense())
        rim = into[self.free]
        exits = flows.exits[self.free]
        chain = KilledChain(
            restricted(flows, self.free, exits + rim.sum(axis=1)), coordinates[self.free]
        )
        self._solver = DirectSolver(chain)
        solve = self._solver.solve
        self.chances = np.stack([solve(rim[:, k]) for k in range(m)], axis=1)
        self.longest = float(solve(np.ones(self.free.size)).max())
        rates = into[cores] + self.from_core @ self.chances
        np.fill_diagonal(rates, 0.0)
        kill = flows.exits[cores].astype(float)
        if exits.any():
            kill = kill + self.from_core @ solve(exits)
        self._rates, self._kill = rates, kill

    def small(self) -> SmallChain:
        """Chain on the cores."""
        solve, cores = self._solver.solve, self.cores.size
        once = np.stack([solve(h) for h in self.chances.T], axis=1)
        twice = np.stack([solve(h) for h in once.T], axis=1)
        times = np.eye(cores) + self.from_core @ once
        return SmallChain(self._rates, self._kill, times, self.from_core @ twice)

    def functions(self, a: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Functions (r, n) with given values (m, r) on the cores, of eigenvalues (r,)."""
        out = np.empty((a.shape[1], self.cores.size + self.free.size), a.dtype)
        out[:, self.cores] = a.T
        for row, values, rate in zip(out, a.T, rates, strict=True):
            start = self.chances @ values
            row[self.free] = start
            for _ in range(OUTER if rate else 0):
                row[self.free] = start + rate * self._applied(row[self.free])
        return out

    def masses(self, d: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Masses (r, n) with given values (m, r) on the cores, of eigenvalues (r,)."""
        out = np.empty((d.shape[1], self.cores.size + self.free.size), d.dtype)
        out[:, self.cores] = d.T
        for row, values, rate in zip(out, d.T, rates, strict=True):
            start = self.from_core.T @ values
            row[self.free] = self._applied(start, True)
            for _ in range(OUTER if rate else 0):
                row[self.free] = self._applied(start + rate * row[self.free], True)
        return out

    def _applied(self, b: np.ndarray, to_masses: bool = False) -> np.ndarray:
        """G b, or its transpose, for b of any sign."""
        solve = self._solver.solve_masses if to_masses else self._solver.solve
        parts = [(1, b.real)] + ([(1j, b.imag)] if np.iscomplexobj(b) else [])
        out = np.zeros_like(b)
        for factor, u in parts:
            out += factor * (solve(np.maximum(u, 0.0)) - solve(np.maximum(-u, 0.0)))
        return out
