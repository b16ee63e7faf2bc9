"""Loss, gradient and minibatch covariance of a model with per-sample losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from fokkerplanck.domain.arguments import (
    describe,
    is_whole,
    positive_number,
    real_array,
    true_or_false,
)
from fokkerplanck.domain.fields import STEP, mistaken, quotient, scalar_field, takes
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.calculus import check_gradient

#: A person's function of (theta, data) that returns one row per sample.
Rows: TypeAlias = Callable[[Array, Any], Any]

#: Largest number of floats (samples x components x points) evaluated at once.
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

    losses: Rows
    data: Any
    grad_losses: Rows | None
    steps: Array

    def loss(self, *points: Array) -> Array:
        r"""Mean loss f, shape (\*shape)."""
        return self._chunked(points, lambda theta: self._losses(theta).mean(axis=0)[None])[0]

    def gradient(self, *points: Array) -> Array:
        r"""Gradient of the mean loss, shape (d, \*shape)."""
        return self._chunked(points, lambda theta: self.gradients(theta).mean(axis=0))

    def covariance(self, *points: Array) -> Array:
        r"""Covariance D of the per-sample gradients, shape (d, d, \*shape)."""
        d = len(points)

        def chunk(theta: Array) -> Array:
            g = self.gradients(theta)
            g = g - g.mean(axis=0)
            return np.einsum("ni...,nk...->ik...", g, g).reshape(d * d, -1) / len(g)

        return self._chunked(points, chunk).reshape(d, d, *np.shape(points[0]))

    def count(self, grid: Grid) -> int:
        """Number of samples N, with what the functions return for a few points checked."""
        theta = grid.x.reshape(grid.dim, -1)[:, :5]
        n = len(self._losses(theta))
        rows = len(self.gradients(theta))
        if rows != n:
            raise ValueError(
                f"losses returned {n} samples and grad_losses {rows}; return one row per sample"
            )
        return n

    def _chunked(self, points: tuple[Array, ...], function: Callable[[Array], Array]) -> Array:
        """Apply function to pieces of the points (d, m), so that memory stays bounded."""
        theta = np.stack(np.broadcast_arrays(*points)).astype(float)
        flat = theta.reshape(len(theta), -1)
        n = len(self._losses(flat[:, :1]))
        step = max(1, CHUNK // (n * len(theta)))
        pieces = [function(flat[:, i : i + step]) for i in range(0, flat.shape[1], step)]
        return np.concatenate(pieces, axis=-1).reshape(-1, *theta.shape[1:])

    def _losses(self, theta: Array) -> Array:
        """Per-sample losses (N, m), checked."""
        out = evaluate_rows(self.losses, "losses", theta, self.data)
        if out.ndim != theta.ndim or out.shape[1:] != theta.shape[1:] or len(out) < 2:
            raise ValueError(
                f"losses(theta, data) returned shape {out.shape} for theta of shape {theta.shape}; "
                f"return (N, {theta.shape[1]}), one row per sample, N >= 2"
            )
        return out

    def gradients(self, theta: Array) -> Array:
        """Per-sample gradients (N, d, m), given or by fourth-order differences."""
        if self.grad_losses is not None:
            out = evaluate_rows(self.grad_losses, "grad_losses", theta, self.data)
            if out.ndim != theta.ndim + 1 or out.shape[1:] != theta.shape:
                raise ValueError(
                    f"grad_losses(theta, data) returned shape {out.shape} for theta of shape "
                    f"{theta.shape}; return (N, {', '.join(map(str, theta.shape))})"
                )
            return out
        columns = [quotient(self._losses, theta, k, step) for k, step in enumerate(self.steps)]
        return np.stack(columns, axis=1)


class Sampling(NamedTuple):
    """Minibatch SGD of step eta, batches of some of the samples, and its model."""

    eta: float
    batch_size: int
    n_samples: int
    minibatch: Minibatch


def sampled(
    grid: Grid,
    losses: Rows,
    data: Any,
    eta: float,
    b: int,
    replacement: bool,
    grad_losses: Rows | None,
) -> tuple[Sampling, float]:
    """Minibatch SGD on a grid of weights, checked, and its temperature kT."""
    for name, function in (("losses", losses), ("grad_losses", grad_losses)):
        if not callable(function) and not (function is None and name == "grad_losses"):
            raise ValueError(f"{name} is {describe(function)}; give a function of (theta, data)")
    steps = np.array([STEP * w.min() for w in grid.widths])
    model = Minibatch(losses, data, grad_losses, steps)
    n = model.count(grid)
    kT = temperature(eta, b, n, replacement)
    words = "the mean of grad_losses", "the mean of losses"
    scalar_field(model.loss, grid, words[1])
    if grad_losses is not None:
        check_gradient(model.loss, model.gradient, grid, *words)
    return Sampling(float(eta), int(b), n, model), kT


def evaluate_rows(function: Rows, name: str, theta: Array, data: Any) -> Array:
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


def temperature(eta: float, b: int, n: int, replacement: bool) -> float:
    r"""Temperature :math:`T = \eta/2b`, times :math:`(1-b/N)\,N/(N-1)` without replacement."""
    eta = positive_number(eta, "eta")
    if not is_whole(b) or b < 1:
        raise ValueError(f"b is {b!r}; give a whole number of samples per batch, at least 1")
    if true_or_false(replacement, "replacement"):
        return eta / (2 * b)
    if b >= n:
        raise ValueError(
            f"b = {b} of N = {n} samples without replacement is full-batch gradient descent, which "
            "has no noise; give b < N"
        )
    return eta / (2 * b) * (1 - b / n) * n / (n - 1)
