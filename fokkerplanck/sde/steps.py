"""One step of a stochastic differential equation dx = b dt + s dW, for all particles at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fokkerplanck.domain.types import Array


class Coefficients(Protocol):
    """Drift b (d, n) and noise matrix s (d, d, n) of the equation at points x (d, n)."""

    constant_noise: bool

    def drift(self, x: Array) -> Array: ...  # noqa: D102

    def root(self, x: Array) -> Array: ...  # noqa: D102


def euler_maruyama(
    field: Coefficients, x: Array, dt: float, z: Array, signs: Array | None = None
) -> tuple[Array, Array]:
    r"""Step :math:`x + b\,dt + s\sqrt{dt}\,z`, of weak order 1 (Kloeden and Platen 1992, (14.1.2)).

    Parameters
    ----------
    field : Coefficients
    x : array, shape (d, n)
    dt : float
    z : array, shape (d, n)
        Standard normal numbers, or others with the same first moments.
    signs : None
        Not used.

    Returns
    -------
    y, s : arrays, shape (d, n) and (d, d, n)
        New positions, and the noise matrix at x.
    """
    s = field.root(x)
    return x + dt * field.drift(x) + np.sqrt(dt) * _times(s, z), s


def weak_second_order(
    field: Coefficients, x: Array, dt: float, z: Array, signs: Array
) -> tuple[Array, Array]:
    r"""Step of weak order 2 for noise of any dimension, without derivatives.

    Platen's explicit scheme (Kloeden and Platen 1992, (15.1.3)).

    Parameters
    ----------
    field, x, dt, z
        As in `euler_maruyama`.
    signs : array, shape (d (d - 1) / 2, n)
        Independent signs :math:`\pm1`, one for each pair of noises.

    Returns
    -------
    y, s : arrays
        As in `euler_maruyama`.
    """
    h = np.sqrt(dt)
    b, s = field.drift(x), field.root(x)
    w, d = h * z, len(x)
    s = np.broadcast_to(s, (d, d, x.shape[1]))
    ahead = x + dt * b
    y = x + 0.5 * dt * (field.drift(ahead + _times(s, w)) + b) + _times(s, w)
    if field.constant_noise:
        return y, s
    pair = 0
    for j in range(d):
        # Differences of column j along itself.
        up, down = (field.root(ahead + sign * h * s[:, j])[:, j] for sign in (1, -1))
        y = y + 0.25 * (up + down - 2 * s[:, j]) * w[j]
        y = y + 0.25 / h * (up - down) * (w[j] ** 2 - dt)
        if d == 1:
            continue
        up, down = (field.root(x + sign * h * s[:, j]) for sign in (1, -1))
        for r in range(d):
            if r == j:
                continue
            # The double integrals of w_j and w_r: symmetric part w_j w_r, antisymmetric part +-dt.
            low, high = min(j, r), max(j, r)
            pair = low * d - low * (low + 1) // 2 + high - low - 1
            twist = signs[pair] * dt * (1 if j < r else -1)
            y = y + 0.25 * (up[:, r] + down[:, r] - 2 * s[:, r]) * w[r]
            y = y + 0.25 / h * (up[:, r] - down[:, r]) * (w[j] * w[r] + twist)
    return y, s


def _times(s: Array, z: Array) -> Array:
    """Matrix times vector at every particle."""
    return np.einsum("ijn,jn->in", np.broadcast_to(s, s.shape[:2] + z.shape[1:]), z)
