"""A box seen coarser and coarser: how densities go down and potentials come up again."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array

#: Lagrange weights of the cubic through four coarse cells at a quarter cell right of the second.
QUARTER = np.array([-7.0, 105.0, 35.0, -5.0]) / 128


def can_halve(shape: tuple[int, ...], periodic: tuple[bool, ...], least: int) -> bool:
    """Whether a box still has enough cells to be halved; periodic axes need an even number."""
    return all(n >= 2 * least and not (p and n % 2) for n, p in zip(shape, periodic, strict=True))


def halved(values: Array, periodic: tuple[bool, ...], empty: float | None = None) -> Array:
    """Values at the centres of 2 x 2 x ... cells, by cubics that stay between their neighbours.

    An odd number of cells is filled up by one: a copy of the last, or ``empty``.
    """
    for k, p in enumerate(periodic):
        u = np.moveaxis(values, k, 0)
        if len(u) % 2:
            u = np.concatenate([u, u[-1:] if empty is None else np.full_like(u[-1:], empty)])
        before = np.roll(u[1::2], 1, 0)
        after = np.roll(u[::2], -1, 0)
        if not p:
            before[0], after[-1] = u[0], u[-1]
        low, high = u[::2], u[1::2]
        middle = 0.5625 * (low + high) - 0.0625 * (before + after)
        middle = np.clip(middle, np.minimum(low, high), np.maximum(low, high))
        values = np.moveaxis(middle, 0, k)
    return np.ascontiguousarray(values)


def doubled(values: Array, shape: tuple[int, ...], periodic: tuple[bool, ...]) -> Array:
    """Values on cells half as wide, by cubics; beyond walls they go on as parabolas."""
    for k, (n, p) in enumerate(zip(shape, periodic, strict=True)):
        u = np.moveaxis(values, k, 0)
        m = len(u)
        if p:
            ends = np.concatenate([u[-2:], u, u[:2]])
        else:
            low, high = 3 * (u[:1] - u[1:2]) + u[2:3], 3 * (u[-1:] - u[-2:-1]) + u[-3:-2]
            low2 = 3 * (low - u[:1]) + u[1:2]
            high2 = 3 * (high - u[-1:]) + u[-2:-1]
            ends = np.concatenate([low2, low, u, high, high2])
        fine = np.empty((2 * m, *u.shape[1:]))
        piece = [ends[j : j + m] for j in range(5)]
        a, b, c, d = QUARTER
        fine[1::2] = a * piece[1] + b * piece[2] + c * piece[3] + d * piece[4]
        fine[::2] = a * piece[3] + b * piece[2] + c * piece[1] + d * piece[0]
        values = np.moveaxis(fine[:n], 0, k)
    return np.ascontiguousarray(values)
