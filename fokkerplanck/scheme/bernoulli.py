"""The Bernoulli function of exponential fitting, for arrays: B(z) = z / (e^z - 1)."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.scheme import flux


def bernoulli(z: Array) -> Array:
    """B(z)."""
    return bernoulli_and_slope(z)[0]


def bernoulli_and_slope(z: Array) -> tuple[Array, Array]:
    """B(z) and B'(z)."""
    z = np.ascontiguousarray(z)
    value, slope = np.empty_like(z), np.empty_like(z)
    flux.bernoulli_and_slope(z.ravel(), value.ravel(), slope.ravel())  # views
    return value, slope


def bernoulli_pair(z: Array) -> tuple[Array, Array]:
    """B(-z) and B(z), the larger from the smaller, so that their ratio is e^z to rounding."""
    smaller = bernoulli(np.abs(z))
    return smaller + np.maximum(z, 0.0), smaller + np.maximum(-z, 0.0)
