"""Exponential fitting: the Bernoulli function and the rates of an edge list.

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
def edge_rates(weight, tilt, forward, backward):
    """Fill forward = w B(-z), backward = w B(z) of J = forward rho_x - backward rho_y."""
    for e in range(weight.size):
        z = tilt[e]
        # The larger of the two from the smaller, so that their ratio is e^z to rounding.
        if z >= 0.0:
            b = bernoulli(z)
            forward[e] = weight[e] * (b + z)
            backward[e] = weight[e] * b
        else:
            b = bernoulli(-z)
            forward[e] = weight[e] * b
            backward[e] = weight[e] * (b - z)


@njit(cache=True)
def edge_velocities(tail, head, weight, tilt, log_rho, over_denser):
    """Fill J_e over the density of the denser of its two cells, from differences of log rho alone.

    J / rho_x = w (B(-z) - B(z) e^g) with g = phi_y - phi_x; near equilibrium, g = z, as
    -w B(-z) expm1(g - z), which vanishes to rounding. Neither form over- or underflows with rho.
    """
    for e in range(weight.size):
        z = tilt[e]
        g = log_rho[head[e]] - log_rho[tail[e]]
        sign = 1.0
        if g > 0.0:  # seen from the head, the denser cell: both signs turn
            z, g, sign = -z, -g, -1.0
        back = bernoulli(z)
        out = bernoulli(-z)
        if abs(g - z) < 1.0:
            over_denser[e] = -sign * weight[e] * out * math.expm1(g - z)
        else:
            over_denser[e] = sign * weight[e] * (out - back * math.exp(g))


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
