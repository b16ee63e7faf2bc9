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
def bernoulli_and_slope(z, value, slope):
    """Fill value = B(z) and slope = B'(z) = 1/(e^z - 1) - B(z) (1 + 1/(e^z - 1))."""
    for i in range(z.size):
        b = bernoulli(z[i])
        value[i] = b
        if abs(z[i]) < 1e-3:
            slope[i] = -0.5 + z[i] / 6.0 - z[i] ** 3 / 180.0
        elif z[i] > 700.0:
            slope[i] = -b
        else:
            e = 1.0 / math.expm1(z[i])
            slope[i] = e - b * (1.0 + e)
