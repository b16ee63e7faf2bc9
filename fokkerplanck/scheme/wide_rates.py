r"""Rates of a chain as logarithms, where the drift makes some of them too small for doubles.

Between cells whose equilibrium log densities differ by z the rates are in the ratio e^z, and beyond
z = 700 or so the smaller one underflows: it is no zero, and a cell that is entered by it alone has
a stationary mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.scheme.bernoulli import log_bernoulli
from fokkerplanck.scheme.edges import Edges

#: Rates below this have lost digits to underflow, or may lose them in sums.
LEAST = 1e-290
#: Largest difference of log rates that exponents of two bytes can tell.
WIDEST = 5e6


@dataclass(frozen=True, eq=False)
class WideRates:
    r"""Rates q between cells as logarithms, each pair of cells once.

    Attributes
    ----------
    n : int
        Cells.
    source, target : int arrays (m,)
    log_rate : array (m,)
        log q of the jumps from source to target, 1/time. Jumps that are impossible, against the
        drift where there is no noise, are left out.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.wide_rates import WideRates
    >>> problem = fp.Problem(fp.Grid([(0, 2)], 2), f=lambda x: x, beta=1e4)
    >>> WideRates.of(fp.Edges.from_problem(problem)).log_rate.tolist()
    [-10000.0, 0.0]
    """

    n: int
    source: Integers
    target: Integers
    log_rate: Array

    @classmethod
    def of(cls, edges: Edges) -> WideRates:
        """Rates of an edge list."""
        n, volume = edges.grid.size, edges.grid.volumes.ravel()
        small = np.log(edges.weight) + log_bernoulli(np.abs(edges.tilt))
        forward = small + np.maximum(edges.tilt, 0.0)
        backward = small - np.minimum(edges.tilt, 0.0)
        if edges.one_way is not None:  # nothing goes back
            forward = np.where(edges.one_way & (edges.tilt < 0), -np.inf, forward)
            backward = np.where(edges.one_way & (edges.tilt > 0), -np.inf, backward)
        source = np.concatenate([edges.tail, edges.head]).astype(np.int64)
        target = np.concatenate([edges.head, edges.tail]).astype(np.int64)
        log_rate = np.concatenate([forward, backward]) - np.log(volume[source])
        keep = log_rate > -np.inf
        key, log_rate = (source * n + target)[keep], log_rate[keep]
        order = np.argsort(key, kind="stable")
        key, log_rate = key[order], log_rate[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        key, log_rate = key[first], np.logaddexp.reduceat(log_rate, first)
        return cls(n, key // n, key % n, log_rate)

    @property
    def pattern(self) -> sparse.csr_array:
        """Matrix (n, n) with a one for every possible jump, from column to row."""
        ones = np.ones(self.source.size)
        return sparse.csr_array((ones, (self.target, self.source)), shape=(self.n, self.n))

    def pairs(self) -> tuple[Integers, Integers, Array, Array]:
        """Rows of the symmetric pattern (indptr, neighbours), and log rates out and in, or -inf."""
        both = (self.pattern + self.pattern.T).tocsr()
        both.sort_indices()
        row = np.repeat(np.arange(self.n), np.diff(both.indptr))
        out = self._looked_up(row, both.indices)
        back = self._looked_up(both.indices, row)
        return both.indptr, both.indices, out, back

    def _looked_up(self, source: Integers, target: Integers) -> Array:
        """Log rates of jumps, -inf where there are none."""
        known = self.source * self.n + self.target
        wanted = source.astype(np.int64) * self.n + target
        at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
        return np.where(known[at] == wanted, self.log_rate[at], -np.inf)

    def within(self, cells: Integers) -> WideRates:
        """Jumps among some of the cells, which are numbered anew."""
        place = np.full(self.n, -1)
        place[cells] = np.arange(cells.size)
        inside = (place[self.source] >= 0) & (place[self.target] >= 0)
        source, target = place[self.source[inside]], place[self.target[inside]]
        order = np.argsort(source * cells.size + target)
        log_rate = self.log_rate[inside][order]
        return WideRates(cells.size, source[order], target[order], log_rate)

    def faster_than(self, log_rate: float) -> WideRates:
        """Jumps of a larger rate alone."""
        keep = self.log_rate > log_rate
        return WideRates(self.n, self.source[keep], self.target[keep], self.log_rate[keep])

    def imbalance(self, log_mass: Array) -> float:
        r"""Largest \|inflow - outflow\| / outflow of a cell, for log masses (n,).

        Where there are masses that elimination cannot tell from none, the jumps that it leaves out
        are left out here too.
        """
        if np.isneginf(log_mass).any() and np.ptp(self.log_rate) > WIDEST:
            return self.faster_than(float(self.log_rate.max()) - WIDEST).imbalance(log_mass)
        top = np.full(self.n, -np.inf)
        np.maximum.at(top, self.source, self.log_rate)
        outflow = np.bincount(self.source, np.exp(self.log_rate - top[self.source]), self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_out = np.log(outflow) + top
            step = self.log_rate + log_mass[self.source] - log_mass[self.target]
            step = np.where(np.isneginf(log_mass[self.source]), -np.inf, step)
            share = np.exp(np.minimum(step - log_out[self.target], 700.0))
        inflow = np.bincount(self.target, share, self.n)
        held = log_mass > -np.inf
        if held.sum() == 1 and not outflow[held].any():
            return 0.0  # all mass in a cell that nothing leaves
        if inflow[~held].any() or np.isneginf(log_out[held]).any():
            return float("inf")
        return float(np.abs(inflow[held] - 1.0).max(initial=0.0))


def wide_rates(edges: Edges) -> WideRates | None:
    """Logarithms of the rates, if some of them are too small for doubles; None if none is."""
    weight, z = edges.weight, np.abs(edges.tilt)
    if edges.one_way is not None:
        weight, z = weight[~edges.one_way], z[~edges.one_way]
    if not weight.size or np.log(weight.min()) + log_bernoulli(z.max()) > np.log(LEAST):
        return None  # most lists: nothing of the size of the edges is made
    small = np.log(weight) + log_bernoulli(z)
    return WideRates.of(edges) if small.min() < np.log(LEAST) else None
