"""A small network on the iris data, with per-flower gradients and its exact Hessian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fokkerplanck.data import load_iris

_STEP = 1e-30  # of complex-step derivatives, which lose no digits


@dataclass(frozen=True, eq=False)
class Net:
    """Cross entropy of softmax(V tanh(W x + a) + c) on standardised flowers.

    Weights are one vector theta (d,), which may be complex.
    """

    hidden: int

    @cached_property
    def data(self):
        """Measurements (150, 4) of mean 0 and variance 1, and one-hot species (150, 3)."""
        flowers = load_iris()
        x = flowers.measurements
        names = np.unique(flowers.species)
        return (x - x.mean(axis=0)) / x.std(axis=0), (flowers.species[:, None] == names) * 1.0

    @property
    def shapes(self):
        """Shapes of W, a, V, c."""
        return (self.hidden, 4), (self.hidden,), (3, self.hidden), (3,)

    @property
    def d(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def start(self, rng):
        """Random weights of the usual size."""
        scales = (0.5, 0.1, 1 / np.sqrt(self.hidden), 0.1)
        parts = [s * rng.normal(size=shape) for s, shape in zip(scales, self.shapes, strict=True)]
        return np.concatenate([part.ravel() for part in parts])

    def _parts(self, theta):
        """W, a, V, c."""
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])[:-1]
        return [
            part.reshape(shape)
            for part, shape in zip(np.split(theta, ends), self.shapes, strict=True)
        ]

    def loss(self, theta):
        """Mean loss."""
        return float(np.mean(-np.log(np.sum(self._forward(theta)[1] * self.data[1], axis=1))))

    def _forward(self, theta):
        """Hidden activities (150, hidden) and probabilities (150, 3)."""
        W, a, V, c = self._parts(theta)
        z = np.tanh(self.data[0] @ W.T + a)
        scores = z @ V.T + c
        scores = np.exp(scores - scores.real.max(axis=1, keepdims=True))
        return z, scores / scores.sum(axis=1, keepdims=True)

    def gradients(self, theta):
        """Gradient of the loss of every flower, (150, d)."""
        _, _, V, _ = self._parts(theta)
        x, y = self.data
        z, p = self._forward(theta)
        error = p - y
        back = error @ V * (1 - z**2)
        parts = (back[:, :, None] * x[:, None], back, error[:, :, None] * z[:, None], error)
        return np.concatenate([part.reshape(len(x), -1) for part in parts], axis=1)

    def hessian(self, theta):
        """Second derivatives of the mean loss (d, d), by complex steps of the gradient."""
        rows = []
        for k in range(self.d):
            shifted = theta.astype(complex)
            shifted[k] += 1j * _STEP
            rows.append(self.gradients(shifted).mean(axis=0).imag / _STEP)
        H = np.array(rows)
        return (H + H.T) / 2

    def trained(self, rng, steps, batch=150, rate=0.01):
        """Weights after so many steps of Adam (Kingma, Ba, 2015) on random batches."""
        theta = self.start(rng)
        first, second = np.zeros(self.d), np.zeros(self.d)
        for k in range(1, steps + 1):
            chosen = rng.choice(150, batch, replace=False)
            g = self.gradients(theta)[chosen].mean(axis=0)
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
            size = np.sqrt(second / (1 - 0.999**k)) + 1e-8
            theta = theta - rate * first / (1 - 0.9**k) / size
        return theta
