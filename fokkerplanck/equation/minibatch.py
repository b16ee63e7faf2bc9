"""Loss, gradient and minibatch covariance of a model with per-sample losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import positive_number, real_array
from fokkerplanck.domain.fields import mistaken, takes

# Largest number of floats (samples x components x points) evaluated at once.
CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Minibatch:
    r"""Mean loss f, its gradient g and :math:`D=\frac1N\sum_kg_kg_k^T-gg^T` as callables.

    Parameters
    ----------
    losses : callable
        ``losses(theta, data)`` -> (N, m) for m points theta (d, m), whatever m is.
    data : object
        Passed through.
    grad_losses : callable or None
        ``grad_losses(theta, data)`` -> (N, d, m); by central differences where None.
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
        return self._chunked(points, lambda theta: self.gradients(theta).mean(axis=0))

    def covariance(self, *points):
        r"""Covariance D of the per-sample gradients, shape (d, d, \*shape)."""
        d = len(points)

        def chunk(theta):
            g = self.gradients(theta)
            g = g - g.mean(axis=0)
            return np.einsum("ni...,nk...->ik...", g, g).reshape(d * d, -1) / len(g)

        return self._chunked(points, chunk).reshape(d, d, *np.shape(points[0]))

    def count(self, grid):
        """Number of samples N, with what the functions return for a few points checked."""
        theta = grid.x.reshape(grid.dim, -1)[:, :5]
        n = len(self._losses(theta))
        rows = len(self.gradients(theta))
        if rows != n:
            raise ValueError(
                f"losses returned {n} samples and grad_losses {rows}; return one row per sample"
            )
        return n

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
        out = self._call("losses", theta)
        if out.ndim != theta.ndim or out.shape[1:] != theta.shape[1:] or len(out) < 2:
            raise ValueError(
                f"losses(theta, data) returned shape {out.shape} for theta of shape {theta.shape}; "
                f"return (N, {theta.shape[1]}), one row per sample, N >= 2"
            )
        return out

    def _call(self, name, theta):
        """Float array returned by one of the functions of theta (d, m)."""
        return evaluate_rows(getattr(self, name), name, theta, self.data)

    def gradients(self, theta):
        """Per-sample gradients (N, d, m), given or by fourth-order differences."""
        if self.grad_losses is not None:
            out = self._call("grad_losses", theta)
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


def evaluate_rows(function, name, theta, data):
    """Float array that a user's function of (theta, data) returns, one row per sample."""
    call = f"{name}(theta, data)"
    try:
        with np.errstate(all="ignore"):
            value = function(theta, data)
    except (TypeError, ValueError) as error:
        if not takes(function, 2):
            raise ValueError(f"{call} could not be called: {error}") from error
        if not isinstance(error, TypeError) and not mistaken(error):
            raise
        raise ValueError(
            f"{call} failed for theta of shape {theta.shape} and data of type "
            f"{type(data).__name__}: {error}"
        ) from error
    return real_array(value, f"what {call} returned", "one row of numbers per sample")


def temperature(eta, b, n, replacement):
    r"""Temperature :math:`T = \eta/2b`, times :math:`(1-b/N)\,N/(N-1)` without replacement."""
    eta = positive_number(eta, "eta")
    if isinstance(b, bool) or not isinstance(b, (int, np.integer)) or b < 1:
        raise ValueError(f"b is {b!r}; give a whole number of samples per batch, at least 1")
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
