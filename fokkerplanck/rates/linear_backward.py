"""Expectations by the exact transpose of the fifth-order upwind flux."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import CentralFactor, CentralFactors
from fokkerplanck.linalg.semigroup.rational_krylov import krylov_action
from fokkerplanck.linalg.semigroup.taylor import TaylorSeries
from fokkerplanck.steady.operator_choice import LinearOperator

#: Best error that is asked of Krylov spaces, relative to the largest value of u.
KRYLOV_TOLERANCE = 1e-13
#: Error of a Krylov step, over what was asked for, above which it counts as failed.
FAILED = 1e3
#: Products of the series below which a failed Krylov step is not halved again.
FEW = 2000


class LinearBackward:
    """Steps backward in time, with the work counted.

    Parameters
    ----------
    linear : LinearOperator
    kind : {"auto", "krylov"}
    tolerance : float
        Largest error in time of one step.
    """

    def __init__(self, linear: LinearOperator, kind: str, tolerance: float) -> None:
        self._grid, self._kind, self._tolerance = linear.flux.grid, kind, tolerance
        self._scheme = linear.scheme
        # Densities relax to these masses exactly: the mean under them stays as it is.
        self._rest = linear.mass if linear.scheme == "well_balanced" else None
        self.matrix = sparse.csr_array(linear.flux.matrix.T)
        self._factors = CentralFactors(self.matrix)
        self._taylor = TaylorSeries(self.matrix, is_of_functions=True)
        self._products = self._solves = 0
        self._bound = self._over = 0.0
        self._kinds: set[str] = set()

    def run(self, u: Array, times: Array) -> tuple[Array, dict[str, str | int | float]]:
        """Functions (n_t, n) at the times, from u at 0, and what to report."""
        low, high = float(u.min()), float(u.max())
        # Constants stay to the last bit where nothing leaves.
        middle = 0.0 if self._grid.has_absorbing_sides else 0.5 * (low + high)
        if self._grid.has_absorbing_sides:
            low, high = min(low, 0.0), max(high, 0.0)
        out, now, x = np.empty((times.size, u.size)), 0.0, u - middle
        for k, time in enumerate(times):
            if time > now and x.any():
                x = self._step(x, time - now)
            out[k], now = middle + x if time > 0 else u, time
            if self._rest is not None:
                out[k] += float(self._rest @ (u - out[k]))
            self._over = max(self._over, float(out[k].max()) - high, low - float(out[k].min()))
        stats: dict[str, str | int | float] = {
            "kind": " and ".join(sorted(self._kinds)) or "none",
            "products": self._products,
            "solves": self._solves,
            "error_bound": self._bound,
            "overshoot": self._over / (high - low) if high > low else 0.0,
            "scheme": self._scheme,
        }
        return out, stats

    def _step(self, u: Array, span: float) -> Array:
        """Function a span of time earlier."""
        d, n = self._grid.dim, self._grid.size
        is_long = self._taylor.products(span) > sizes.KRYLOV_FROM_PRODUCTS[d]
        if self._kind != "krylov" and not (is_long and n <= sizes.LINEAR_FLUX_FACTORISED[d]):
            return self._series(u, span)
        done, piece = 0.0, span
        while done < span:
            piece = min(piece, span - done)
            v = self._krylov(u, piece)
            if v is None:
                piece /= 2
                if self._taylor.products(piece) < FEW:
                    return self._series(u, span - done)
                continue
            u, done = v, done + piece if piece < span - done else span
            piece *= 2
        return u

    def _series(self, u: Array, span: float) -> Array:
        """Taylor series."""
        self._kinds.add("taylor")
        size = float(np.abs(u).max())
        action = self._taylor.act(u, span, self._tolerance / size)
        self._products += action.n_products
        self._bound += action.bound * size
        return action.p

    def _krylov(self, u: Array, span: float) -> Array | None:
        """Krylov step, or None if the span is too long for it."""
        size = float(np.abs(u).sum())
        wanted = max(self._tolerance, KRYLOV_TOLERANCE * float(np.abs(u).max())) / size
        factor = _Functions(self._factors.get(2.0 ** round(math.log2(span / 10))))
        action = krylov_action(factor, u, span, wanted)
        if action is None or action.error > FAILED * wanted:
            return None
        self._kinds.add("krylov")
        self._solves += action.dimension
        self._bound += action.error * size
        return np.asarray(action.p)


@dataclass(frozen=True)
class _Functions:
    """Factors in the form in which Krylov spaces take them; the sum of a function is no mass."""

    factor: CentralFactor
    conserves_mass = False

    @property
    def flows(self) -> _Functions:
        """What is asked whether there is a mass to keep."""
        return self

    @property
    def dt(self) -> float:
        """Step of the factors."""
        return self.factor.dt

    def solve(self, b: Array) -> Any:
        """Solve (I - dt A^T) x = b."""
        return self.factor.solve(b)
