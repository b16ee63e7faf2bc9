"""The Bernoulli function of exponential fitting, for arrays: B(z) = z / (e^z - 1)."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.scheme import flux

#: Argument from which on B(z) is z e^-z to rounding.
FAR = 40.0


def bernoulli(z: Array) -> Array:
    """B(z)."""
    z = np.ascontiguousarray(z)
    value = np.empty_like(z)
    flux.bernoulli_values(z.ravel(), value.ravel())  # views
    return value


def both_sides(z: Array) -> tuple[Array, Array]:
    """B(z) and B(-z) of a vector, the larger from the smaller: their ratio is e^-z to rounding."""
    z = np.ascontiguousarray(z)
    value, opposite = np.empty_like(z), np.empty_like(z)
    flux.both_sides(z, value, opposite)
    return value, opposite


def slopes_of_both_sides(z: Array) -> tuple[Array, Array]:
    """B'(z) and B'(-z) of a vector."""
    z = np.ascontiguousarray(z)
    slope, opposite = np.empty_like(z), np.empty_like(z)
    flux.slopes_of_both_sides(z, slope, opposite)
    return slope, opposite


def log_bernoulli(z: Array) -> Array:
    """Logarithm of B(z), z >= 0, where B(z) underflows too."""
    far = z > FAR
    return np.where(far, np.log(np.where(far, z, 1.0)) - z, np.log(bernoulli(np.minimum(z, FAR))))
