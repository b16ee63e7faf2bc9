r"""The slowest decay of a chain that ends, between bounds that hold.

With :math:`M=-A^T`, of which the off-diagonal rates and the rates to the end are the data, and any
x > 0,

.. math:: \min_i\frac{(Mx)_i}{x_i}\le\lambda\le\max_i\frac{(Mx)_i}{x_i}

(Collatz and Wielandt; Barta for the continuum). M x of a given x is a difference, of which nothing
is left where the rate is tiny; but x is made from b = M x by elimination without subtractions, so
that b/x is known to rounding in every cell (A. Alfa, J. Xue, Q. Ye, Math. Comp. 71, 2002). The same
for masses with :math:`-A`. Where steps are slow, because the next decay is close, they go on with
:math:`M-\sigma`, sigma just below the lower bound: in the chain scaled by x the rates to the end
are then :math:`b/x-\sigma>0` (J. Xue, SIAM J. Matrix Anal. Appl. 17, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.killed import DirectSolver, KilledChain, restricted

#: Part of its width by which the shift stays below the interval, and the least of the rate.
BELOW, LEAST_BELOW = 0.1, 1e-9
#: Factor by which the width must fall in a step, or the shift is moved.
SLOW = 0.2
#: Steps without progress after which the width is rounding.
PATIENCE = 12
#: Width, over the rate, above which an interval is no answer.
TRUSTED = 1e-8


@dataclass(frozen=True, eq=False)
class SlowestDecay:
    """Rate with bounds (1/time), masses (n,) of sum 1, and the steps that were taken."""

    rate: float
    low: float
    high: float
    masses: Array
    steps: int


@dataclass(eq=False)
class _Inverse:
    """Solves with M - shift of a chain, for functions and masses."""

    chain: KilledChain
    shift: float = 0.0
    scale: Array = field(default_factory=lambda: np.ones(1))

    def __post_init__(self) -> None:
        self._solver = DirectSolver(self.chain)

    def function(self, b: Array) -> Array:
        """Solution x (n,) of (M - shift) x = b."""
        return self.scale * self._solver.solve(b / self.scale)

    def masses(self, b: Array) -> Array:
        """Solution p (n,) of (M^T - shift) p = b."""
        return self._solver.solve_masses(b * self.scale) / self.scale

    def moved(self, plain: KilledChain, x: Array, ratio: Array, shift: float) -> _Inverse:
        """Solves with another shift, from x with M x = ratio x."""
        flows, step = plain.flows, x[plain.flows.indices] / x[plain.rows]
        scaled = replace(
            flows, inflow=flows.inflow / step, outflow=flows.outflow * step, exits=ratio - shift
        )
        return _Inverse(KilledChain(scaled, plain.coordinates), shift, x)


def slowest_decay(chain: KilledChain, tol: float, max_steps: int) -> SlowestDecay:
    """Least decay rate of a chain that ends, and the masses that decay with it.

    Raises
    ------
    ConvergenceError
        If the bounds are not within tol, relative, after so many steps, and do not come closer; or
        if the rate is out of reach of double precision.
    """
    pattern = csr_array((chain.flows.outflow, chain.flows.indices, chain.flows.indptr))
    pattern = pattern.tocoo().tocsr()  # a copy: what was given keeps its zeros
    pattern.eliminate_zeros()
    count, label = connected_components(pattern, directed=True, connection="strong")
    if count > 1:
        return _of_parts(chain, label, tol, max_steps)
    n = chain.flows.exits.size
    rounding = float(np.finfo(float).eps * (8 + 4 * np.sqrt(n)))
    inverse, u, p = _Inverse(chain), np.ones(n), np.full(n, 1.0 / n)
    low, high, best, waited, stalled = 0.0, np.inf, np.inf, 0, False
    for steps in range(1, max_steps + 1):  # noqa: B007
        x, q = inverse.function(u), inverse.masses(p)
        if not (x.min() > 0 and q.min() > 0 and np.isfinite(x.max() + q.max())):
            raise ConvergenceError(
                "the slowest mode ranges over more than double precision holds; lower beta times "
                "the barrier, or take a smaller box"
            )
        ratio, share = u / x + inverse.shift, p / q + inverse.shift
        low = max(low, ratio.min(), share.min())
        high = min(high, ratio.max(), share.max())
        rate = float(p.sum() / q.sum() + inverse.shift)
        u, p = x / x.max(), q / q.sum()
        width = max(float(np.ptp(ratio)), float(np.ptp(share))) / high
        if width <= max(tol, rounding):
            break
        slow, waited = width > SLOW * best, waited + 1 if width > 0.9 * best else 0
        best = min(best, width)
        stalled = waited >= PATIENCE and width <= TRUSTED
        if stalled:
            break
        shift = ratio.min() - max(BELOW * np.ptp(ratio), LEAST_BELOW * ratio.min())
        if slow and shift > inverse.shift + 1e-3 * (ratio.min() - inverse.shift):
            inverse = inverse.moved(chain, x / x.max(), ratio, float(shift))
    if not (stalled or width <= max(tol, rounding)):
        raise ConvergenceError(
            f"after {steps} steps the decay rate is between {low:.6g} and {high:.6g}; raise "
            "max_iterations or tol",
            iterate=p,
            residual=width,
        )
    low, high = min(low, rate), max(high, rate)
    return SlowestDecay(rate, float(low) * (1 - rounding), float(high) * (1 + rounding), p, steps)


def _of_parts(chain: KilledChain, label: Integers, tol: float, max_steps: int) -> SlowestDecay:
    """The same where parts of the chain are left for good: the slowest part decides."""
    total = chain.sums(chain.flows.outflow) + chain.flows.exits
    sizes = np.bincount(label)
    alone = total[sizes[label] == 1]
    found = [(float(alone.min()),) * 3] if alone.size else []
    inside = label[chain.rows] == label[chain.flows.indices]
    leaving = chain.sums(np.where(inside, 0.0, chain.flows.outflow)) + chain.flows.exits
    for part in np.flatnonzero(sizes > 1):
        cells = np.flatnonzero(label == part)
        own = KilledChain(restricted(chain.flows, cells, leaving[cells]), chain.coordinates[cells])
        one = slowest_decay(own, tol, max_steps)
        found.append((one.rate, one.low, one.high))
    rate, low, high = map(min, zip(*found, strict=True))
    solver, p = DirectSolver(chain), np.full(label.size, 1.0 / label.size)
    for steps in range(1, max_steps + 1):
        q = solver.solve_masses(p)
        q /= q.sum()
        change = float(np.abs(q - p).sum())
        p = q
        if change <= max(tol, 1e-14):
            return SlowestDecay(rate, low, high, p, steps)
    raise ConvergenceError(
        f"the slowest mode was not found in {max_steps} steps (two slow modes may be close); raise "
        "max_iterations or tol",
        iterate=p,
        residual=change,
    )
