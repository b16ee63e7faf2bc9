"""What an energy is, and how energies add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.arguments import positive_number, real_array
from fokkerplanck.domain.grid import check_grid
from fokkerplanck.errors import ConvergenceError

# Pointwise equations of proximal maps are solved to rounding; each step at least halves a bracket.
MAX_STEPS = 200
# Logarithms above this overflow.
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
    ...     def internal(self, rho):
    ...         return rho**3 / 6
    ...
    ...     def d_internal(self, rho):
    ...         return rho**2 / 2
    ...
    ...     def dd_internal(self, rho):
    ...         return rho
    >>> grid = fp.Grid([(0, 2)], 16)
    >>> round(float(Cubic().value(fp.uniform(grid), grid)), 6)
    0.041667
    """

    #: Largest density allowed.
    limit = np.inf

    def internal(self, rho):
        """U(rho), energy/volume."""
        return np.zeros_like(rho)

    def d_internal(self, rho):
        """U'(rho), energy."""
        return np.zeros_like(rho)

    def dd_internal(self, rho):
        """U''(rho) >= 0, energy times volume."""
        return np.zeros_like(rho)

    def potential(self, grid):
        r"""V at the cells, array (\*shape), energy."""
        return np.zeros(grid.shape)

    def interaction(self, rho, grid):
        r"""W * rho, array (\*shape), energy."""
        return np.zeros(grid.shape)

    def value(self, rho, grid) -> float:
        r"""E of a density (\*shape) >= 0."""
        rho = on_grid(rho, grid)
        if (rho < 0).any():
            raise ValueError(
                f"rho is negative in {np.count_nonzero(rho < 0)} cells, least {rho.min():g}; give "
                "a density, which is >= 0"
            )
        field_of_all = self.potential(grid) + 0.5 * self.interaction(rho, grid)
        return float(grid.integrate(self.internal(rho) + rho * field_of_all))

    def first_variation(self, rho, grid):
        r"""delta E/delta rho of a density (\*shape)."""
        rho = on_grid(rho, grid)
        return self.d_internal(rho) + self.potential(grid) + self.interaction(rho, grid)

    def proximal(self, log_q, weight, V=0.0):
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

    def _bracket(self, c, weight):
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

    def _newton(self, c, weight, low, high):
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
            done = np.abs(step) <= 2e-15 * (1 + np.abs(y) + np.abs(c) / slope)
            # From far on the right Newton's method takes steps of one.
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

    def _defect(self, y, weight, c):
        """Left side less right side of the pointwise equation."""
        return y + weight * self.d_internal(np.exp(np.minimum(y, LARGE))) - c

    def __add__(self, other):
        """Sum of two energies."""
        if not isinstance(other, Energy):
            return NotImplemented
        return Sum((self, other))


def on_grid(rho, grid):
    """Float array (*shape) of a density."""
    rho = real_array(rho, "rho", f"a density of shape {check_grid(grid).shape}")
    if rho.shape != grid.shape:
        raise ValueError(f"rho has shape {rho.shape}, expected the grid's {grid.shape}")
    return rho


@dataclass(frozen=True)
class Sum(Energy):
    """Sum of energies, written ``a + b``; at most one of them may have a limit."""

    parts: tuple

    @property
    def limit(self):
        """Largest density allowed by any part."""
        return min(part.limit for part in self.parts)

    def _total(self, values):
        """Sum without a start that would cost a pass."""
        first, *others = values
        for other in others:
            first = first + other
        return first

    def internal(self, rho):
        """Sum of the internal energies."""
        return self._total([part.internal(rho) for part in self.parts])

    def d_internal(self, rho):
        """Sum of their derivatives."""
        return self._total([part.d_internal(rho) for part in self.parts])

    def dd_internal(self, rho):
        """Sum of their second derivatives."""
        return self._total([part.dd_internal(rho) for part in self.parts])

    def potential(self, grid):
        """Sum of the potentials."""
        return self._total([part.potential(grid) for part in self.parts])

    def interaction(self, rho, grid):
        """Sum of the interactions."""
        return self._total([part.interaction(rho, grid) for part in self.parts])

    def proximal(self, log_q, weight, V=0.0):
        """By the part with internal energy if there is but one, cut at the limit."""
        inner = [p for p in self.parts if type(p).d_internal is not Energy.d_internal]
        if len(inner) == 1:
            y = inner[0].proximal(log_q, weight, V)
        else:
            y = super().proximal(log_q, weight, V)
        return np.minimum(y, np.log(self.limit)) if np.isfinite(self.limit) else y
