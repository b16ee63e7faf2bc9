"""Exponential fitting: the Bernoulli function and its slope.

Scharfetter and Gummel, IEEE Trans. Electron Devices 16 (1969); Chang and Cooper, J. Comput. Phys. 6
(1970).
"""

import math

from numba import njit


@njit(cache=True)
def bernoulli(z):
    """B(z) = z / (e^z - 1), with B(0) = 1."""
    if z == 0.0:
        return 1.0
    if z > 700.0:
        return z * math.exp(-z)
    return z / math.expm1(z)


@njit(cache=True)
def slope_of(z, b):
    """B'(z) = 1/(e^z - 1) - B(z) (1 + 1/(e^z - 1)), from b = B(z)."""
    if abs(z) < 1e-3:
        return -0.5 + z / 6.0 - z**3 / 180.0
    if z > 700.0:
        return -b
    e = b / z
    return e - b * (1.0 + e)


@njit(cache=True)
def bernoulli_values(z, value):
    """Fill value = B(z)."""
    for i in range(z.size):
        value[i] = bernoulli(z[i])


@njit(cache=True)
def both_sides(z, value, opposite):
    """Fill value = B(z) and opposite = B(-z), by B(-z) = B(z) + z for z > 0: one exponential."""
    for i in range(z.size):
        small = bernoulli(abs(z[i]))
        large = small + abs(z[i])
        value[i] = small if z[i] > 0.0 else large
        opposite[i] = large if z[i] > 0.0 else small


@njit(cache=True)
def slopes_of_both_sides(z, slope, opposite):
    """Fill slope = B'(z) and opposite = B'(-z), by B'(-z) = -1 - B'(z)."""
    for i in range(z.size):
        size = abs(z[i])
        flat = slope_of(size, bernoulli(size))
        steep = -1.0 - flat
        slope[i] = flat if z[i] > 0.0 else steep
        opposite[i] = steep if z[i] > 0.0 else flat
