"""What an energy is, and how energies add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import finite_array, positive_number
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError

#: Steps of the pointwise equation of a proximal map; every second one at least halves the bracket.
MAX_STEPS = 200
#: Relative step at which the equation is solved to rounding.
ROUNDING = 2e-15
#: Log density from which on exponentials may overflow.
LARGE = 700.0


class Energy:
    r"""Base of all energies; one of your own overrides what it has of U, V and W.

    Methods to override: ``internal``, ``d_internal``, ``dd_internal`` (:math:`U,U',U''` of a
    density; U convex), ``potential`` (V on a grid) and ``interaction`` (:math:`W*\rho`).

    Notes
    -----
    ``proximal`` solves the pointwise equation of an entropic step by a safeguarded Newton method,
    for any convex U; override it where there is a formula.

    References
    ----------
    Ambrosio, Gigli and Savaré, Gradient Flows (2008), section 9.3; Peyré, SIAM J. Imaging Sci. 8
    (2015), for proximal maps in relative entropy.

    Examples
    --------
    An energy of one's own, :math:`\int\rho^3/6`, and its value:

    >>> import fokkerplanck as fp
    >>> class Cubic(fp.energies.Energy):
    ...     def internal(self, rho: Array) -> Array:
    ...         return rho**3 / 6
    ...
    ...     def d_internal(self, rho: Array) -> Array:
    ...         return rho**2 / 2
    ...
    ...     def dd_internal(self, rho: Array) -> Array:
    ...         return rho
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> round(float(Cubic().value(fp.uniform(grid), grid)), 6)
    0.041667
    """

    #: Largest density allowed.
    limit: float = np.inf

    def internal(self, rho: Array) -> Array:
        """U(rho), energy/volume."""
        return np.zeros_like(rho)

    def d_internal(self, rho: Array) -> Array:
        """U'(rho), energy."""
        return np.zeros_like(rho)

    def dd_internal(self, rho: Array) -> Array:
        """U''(rho) >= 0, energy times volume."""
        return np.zeros_like(rho)

    def potential(self, grid: Grid) -> Array:
        r"""V at the cells, array (\*shape), energy."""
        return np.zeros(grid.shape)

    def interaction(self, rho: Array, grid: Grid) -> Array:
        r"""W * rho, array (\*shape), energy."""
        return np.zeros(grid.shape)

    def value(self, rho: ArrayLike, grid: Grid) -> float:
        r"""E of a density (\*shape) >= 0."""
        rho = on_grid(rho, grid)
        if (rho < 0).any():
            raise ValueError(
                f"rho is negative in {np.count_nonzero(rho < 0)} cells, least {rho.min():g}; give "
                "a density, which is >= 0"
            )
        field_of_all = self.potential(grid) + 0.5 * self.interaction(rho, grid)
        return float(grid.integrate(self.internal(rho) + rho * field_of_all))

    def first_variation(self, rho: ArrayLike, grid: Grid) -> Array:
        r"""delta E/delta rho of a density (\*shape)."""
        rho = on_grid(rho, grid)
        return self.d_internal(rho) + self.potential(grid) + self.interaction(rho, grid)

    def proximal(self, log_q: Array, weight: float, V: Array | float = 0.0) -> Array:
        r"""Log density y with :math:`y+w\,(U'(e^y)+V)=\log q`, pointwise.

        It minimises :math:`w\int(U(\rho)+V\rho)+\int\rho\log(\rho/q)-\rho` over densities.

        Parameters
        ----------
        log_q : array
            Log density.
        weight : float
            w > 0, 1/energy.
        V : array or float
            Energy; the potential, and whatever stands in for an interaction.
        """
        c = np.asarray(log_q - positive_number(weight, "weight") * V, float)
        if np.isnan(c).any():
            raise ValueError("log_q or V is nan; give a log density and a potential")
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is bisected
            return self._newton(c, weight, *self._bracket(c, weight))

    def _bracket(self, c: Array, weight: float) -> tuple[Array, Array]:
        """Bounds of the root, found by doubling: U' may be of any sign and size."""
        low, high = c - 1.0, c + 1.0
        for bound, sign in ((low, -1.0), (high, 1.0)):
            step = np.ones_like(c)
            wrong = sign * self._defect(bound, weight, c) < 0
            while wrong.any() and np.isfinite(step).all():
                step[wrong] *= 2
                bound[wrong] += sign * step[wrong]
                wrong = sign * self._defect(bound, weight, c) < 0
        return low, high

    def _newton(self, c: Array, weight: float, low: Array, high: Array) -> Array:
        """Newton's method, or bisection wherever it would leave the bracket."""
        y = np.clip(c, low, high)
        for k in range(MAX_STEPS):
            rho = np.exp(np.minimum(y, LARGE))
            curvature = self.dd_internal(rho)
            if (curvature < 0).any():
                i = np.unravel_index(np.nanargmin(curvature), curvature.shape)
                raise ValueError(
                    f"{self!r} is not convex, dd_internal({rho[i]:g}) = {curvature[i]:g}; "
                    "proximal maps need U'' >= 0"
                )
            defect = self._defect(y, weight, c)
            low, high = np.where(defect < 0, y, low), np.where(defect < 0, high, y)
            slope = 1 + weight * curvature * rho
            step = np.where(np.isfinite(slope), defect / slope, np.inf)
            new = y - step
            done = np.abs(step) <= ROUNDING * (1 + np.abs(y) + np.abs(c) / slope)
            # Far on the right of the root Newton's method takes steps of about one only: while the
            # bracket is wider, every other step bisects it.
            inside = (new > low) & (new < high) & ((k % 2 == 0) | (high - low < 1))
            y = np.where(done | inside, new, 0.5 * (low + high))
            if done.all():
                return y
        raise ConvergenceError(
            f"the proximal map of {self!r} did not converge in {MAX_STEPS} steps; is dd_internal "
            "the derivative of d_internal?",
            iterate=y,
            residual=float(np.abs(defect).max()),
        )

    def _defect(self, y: Array, weight: float, c: Array) -> Array:
        """Left side less right side of the pointwise equation."""
        return y + weight * self.d_internal(np.exp(np.minimum(y, LARGE))) - c

    def __add__(self, other: Energy) -> Sum:
        """Sum of two energies."""
        if not isinstance(other, Energy):
            return NotImplemented
        return Sum((self, other))


def on_grid(rho: ArrayLike, grid: Grid) -> Array:
    """Float array (*shape) of a density."""
    rho = finite_array(rho, "rho", f"a density of shape {check_grid(grid).shape}")
    if rho.shape != grid.shape:
        raise ValueError(f"rho has shape {rho.shape}, expected the grid's {grid.shape}")
    return rho


@dataclass(frozen=True)
class Sum(Energy):
    """Sum of energies, written ``a + b``; at most one of them may have a limit."""

    parts: tuple[Energy, ...]
    limit: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", min(part.limit for part in self.parts))

    def internal(self, rho: Array) -> Array:
        """Sum of the internal energies."""
        return _total(part.internal(rho) for part in self.parts)

    def d_internal(self, rho: Array) -> Array:
        """Sum of their derivatives."""
        return _total(part.d_internal(rho) for part in self.parts)

    def dd_internal(self, rho: Array) -> Array:
        """Sum of their second derivatives."""
        return _total(part.dd_internal(rho) for part in self.parts)

    def potential(self, grid: Grid) -> Array:
        """Sum of the potentials."""
        return _total(part.potential(grid) for part in self.parts)

    def interaction(self, rho: Array, grid: Grid) -> Array:
        """Sum of the interactions."""
        return _total(part.interaction(rho, grid) for part in self.parts)

    def proximal(self, log_q: Array, weight: float, V: Array | float = 0.0) -> Array:
        """By the part with internal energy if there is but one, cut at the limit."""
        inner = [part for part in self.parts if overrides(part, "d_internal")]
        if len(inner) == 1:
            y = inner[0].proximal(log_q, weight, V)
        else:
            y = super().proximal(log_q, weight, V)
        return np.minimum(y, np.log(self.limit)) if np.isfinite(self.limit) else y


def _total(arrays: Iterable[Array]) -> Array:
    """Sum of arrays; without the pass over one that a start at 0 costs."""
    return reduce(add, arrays)


def terms_of(energy: Energy) -> list[Energy]:
    """Terms of a sum of energies, and of the sums in it, as a flat list."""
    if isinstance(energy, Sum):
        return [term for part in energy.parts for term in terms_of(part)]
    return [energy]


def overrides(energy: Energy, name: str) -> bool:
    """Whether an energy has a method of its own in place of the base's."""
    return getattr(type(energy), name) is not getattr(Energy, name)
