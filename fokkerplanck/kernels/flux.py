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
def edge_velocities(tail, head, weight, tilt, log_rho, current_tail, current_head):
    """Fill J_e / rho_tail and J_e / rho_head, from differences of log rho alone.

    J / rho_x = w (B(-z) - B(z) e^(phi_y - phi_x)), evaluated as w B(-z) (1 - e^(dphi - z)) so that
    it vanishes to rounding in equilibrium and never under- or overflows by rho itself.
    """
    for e in range(weight.size):
        z = tilt[e]
        g = log_rho[head[e]] - log_rho[tail[e]]
        b = bernoulli(-z) if z < 0.0 else bernoulli(z) + z
        back = bernoulli(z) if z >= 0.0 else bernoulli(-z) - z
        current_tail[e] = -weight[e] * b * math.expm1(g - z)
        current_head[e] = weight[e] * back * math.expm1(z - g)


@njit(cache=True)
def bernoulli_and_slope(z, value, slope):
    """Fill value = B(z) and slope = B'(z) = 1/(e^z - 1) - B(z) (1 + 1/(e^z - 1))."""
    for i in range(z.size):
        b = bernoulli(z[i])
        value[i] = b
        if abs(z[i]) < 1e-3:
            slope[i] = -0.5 + z[i] / 6.0
        elif z[i] > 700.0:
            slope[i] = -b
        else:
            e = 1.0 / math.expm1(z[i])
            slope[i] = e - b * (1.0 + e)
