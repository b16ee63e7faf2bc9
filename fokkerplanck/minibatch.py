"""Loss, gradient and minibatch covariance of a model with per-sample losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Largest number of floats (samples x components x points) evaluated at once.
CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Minibatch:
    r"""Mean loss :math:`f`, its gradient and :math:`D = \frac1N\sum_k g_k g_k^T - g g^T` as callables.

    Parameters
    ----------
    losses : callable
        ``losses(theta, data)`` -> (N, \*shape) for theta of shape (d, \*shape).
    data : object
        Passed through.
    grad_losses : callable or None
        ``grad_losses(theta, data)`` -> (N, d, \*shape); by central differences where None.
    steps : array, shape (d,)
        Steps of those differences.
    """

    losses: Any
    data: Any
    grad_losses: Any
    steps: np.ndarray

    def loss(self, *points):
        r"""Mean loss f, shape (\*shape)."""
        return self._chunked(points, lambda theta: self._losses(theta).mean(axis=0)[None])[0]

    def gradient(self, *points):
        r"""Gradient of the mean loss, shape (d, \*shape)."""
        return self._chunked(points, lambda theta: self._gradients(theta).mean(axis=0))

    def covariance(self, *points):
        r"""Covariance D of the per-sample gradients, shape (d, d, \*shape)."""
        d = len(points)

        def chunk(theta):
            g = self._gradients(theta)
            g = g - g.mean(axis=0)
            return np.einsum("ni...,nk...->ik...", g, g).reshape(d * d, -1) / len(g)

        return self._chunked(points, chunk).reshape(d, d, *np.shape(points[0]))

    def count(self, grid):
        """Number of samples N, with the shape of what ``losses`` returns checked."""
        return len(self._losses(grid.x.reshape(grid.dim, -1)[:, :2]))

    def _chunked(self, points, function):
        """Apply function to pieces of the points (d, m), so that memory stays bounded."""
        theta = np.stack(np.broadcast_arrays(*points)).astype(float)
        flat = theta.reshape(len(theta), -1)
        n = len(self._losses(flat[:, :1]))
        step = max(1, CHUNK // (n * len(theta)))
        pieces = [function(flat[:, i : i + step]) for i in range(0, flat.shape[1], step)]
        return np.concatenate(pieces, axis=-1).reshape(-1, *theta.shape[1:])

    def _losses(self, theta):
        """Per-sample losses (N, m), checked."""
        out = np.asarray(self.losses(theta, self.data), dtype=float)
        if out.ndim != theta.ndim or out.shape[1:] != theta.shape[1:] or len(out) < 2:
            raise ValueError(
                f"losses(theta, data) returned shape {out.shape} for theta of shape {theta.shape}; "
                f"return (N, {', '.join(map(str, theta.shape[1:]))}), one row per sample, N >= 2"
            )
        return out

    def _gradients(self, theta):
        """Per-sample gradients (N, d, m), given or by fourth-order differences."""
        if self.grad_losses is not None:
            out = np.asarray(self.grad_losses(theta, self.data), dtype=float)
            if out.ndim != theta.ndim + 1 or out.shape[1:] != theta.shape:
                raise ValueError(
                    f"grad_losses(theta, data) returned shape {out.shape} for theta of shape "
                    f"{theta.shape}; return (N, {', '.join(map(str, theta.shape))})"
                )
            return out
        columns = []
        for k, step in enumerate(self.steps):
            shift = np.zeros((len(theta), 1))
            shift[k] = step
            near = self._losses(theta + shift) - self._losses(theta - shift)
            far = self._losses(theta + 2 * shift) - self._losses(theta - 2 * shift)
            columns.append((8 * near - far) / (12 * step))
        return np.stack(columns, axis=1)


def temperature(eta, b, n, replacement):
    r"""Temperature :math:`T = \eta/2b`, times :math:`(1-b/N)\,N/(N-1)` without replacement."""
    if not (np.ndim(eta) == 0 and np.isfinite(eta) and eta > 0):
        raise ValueError(f"eta is {eta!r}; the learning rate is a finite positive number")
    if isinstance(b, bool) or not isinstance(b, (int, np.integer)) or b < 1:
        raise ValueError(f"b is {b!r}; the batch size is a whole number, at least 1")
    if not isinstance(replacement, (bool, np.bool_)):
        raise ValueError(f"replacement is {replacement!r}; give True or False")
    if replacement:
        return eta / (2 * b)
    if b >= n:
        raise ValueError(
            f"b = {b} of N = {n} samples without replacement is full-batch gradient descent, which "
            "has no noise; give b < N"
        )
    return eta / (2 * b) * (1 - b / n) * n / (n - 1)
