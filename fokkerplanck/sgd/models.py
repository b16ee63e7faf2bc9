"""Models whose per-sample losses are known in closed form: linear and logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, frozen, real_array
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.particles import minibatch as kernels

__all__ = ["LeastSquares", "Logistic"]


@dataclass(frozen=True, eq=False)
class _LinearModel:
    """Per-sample losses of z = a theta, with weight decay."""

    a: Array
    y: Array
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Check the data and keep read-only copies."""
        name = type(self).__name__
        a = real_array(self.a, f"{name}: a", "an array (N, d), one row per sample")
        y = real_array(self.y, f"{name}: y", "an array (N,), one number per row of a")
        a, y = np.array(a, order="C"), np.array(y, order="C")
        if a.ndim != 2 or a.size == 0:
            raise ValueError(f"{name}: a has shape {a.shape}, expected (N, d), one row per sample")
        if y.shape != a.shape[:1]:
            raise ValueError(
                f"{name}: y has shape {y.shape}, expected ({len(a)},), one per row of a"
            )
        for label, v in (("a", a), ("y", y)):
            if not np.isfinite(v).all():
                raise ValueError(
                    f"{name}: {label} has {np.sum(~np.isfinite(v))} values that are not finite"
                )
        decay = real_array(self.weight_decay, f"{name}: weight_decay", "a number >= 0")
        if decay.ndim or not 0 <= decay < np.inf:
            raise ValueError(
                f"{name}: weight_decay is {describe(self.weight_decay)}; give a number >= 0"
            )
        for key, value in (("a", frozen(a)), ("y", frozen(y)), ("weight_decay", float(decay))):
            object.__setattr__(self, key, value)

    def losses(self, theta: Array, data: Any = None) -> Array:
        r"""Per-sample losses :math:`f_k(\theta)`, shape (N, \*shape), for theta (d, \*shape)."""
        decay = 0.5 * self.weight_decay * np.square(theta).sum(axis=0)
        return self._loss(*self._scores(theta)) + decay

    def grad_losses(self, theta: Array, data: Any = None) -> Array:
        r"""Per-sample gradients :math:`\nabla f_k(\theta)`, shape (N, d, \*shape)."""
        slope = self._slope(*self._scores(theta))
        a = self.a.reshape(self.a.shape + (1,) * (slope.ndim - 1))
        return slope[:, None] * a + self.weight_decay * np.asarray(theta)

    def _scores(self, theta: Array) -> tuple[Array, Array]:
        """Scores z = a theta (N, *shape), and y, shaped to broadcast with them."""
        z = np.tensordot(self.a, theta, axes=1)
        return z, self.y.reshape(self.y.shape + (1,) * (z.ndim - 1))

    def _loss(self, z: Array, y: Array) -> Array:
        """Loss of a sample, without weight decay."""
        raise NotImplementedError

    def _slope(self, z: Array, y: Array) -> Array:
        """Derivative of the loss with respect to z."""
        raise NotImplementedError


class LeastSquares(_LinearModel):
    r"""Linear regression :math:`f_k(x) = \frac12 (a_k \cdot x - y_k)^2 + \frac\lambda2 |x|^2`.

    Parameters
    ----------
    a : array, shape (N, d)
        One row of features per sample (append a column of ones for an intercept).
    y : array, shape (N,)
    weight_decay : float, >= 0
        The lambda above.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or weight_decay is negative.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> model = fp.sgd.LeastSquares([[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> model.losses(np.zeros(2))
    array([0.5, 0.5])
    >>> model.grad_losses(np.zeros(2))
    array([[-2.,  0.],
           [ 0., -1.]])
    """

    kind = kernels.LEAST_SQUARES

    def _loss(self, z: Array, y: Array) -> Array:
        return 0.5 * (z - y) ** 2

    def _slope(self, z: Array, y: Array) -> Array:
        return z - y


class Logistic(_LinearModel):
    r"""Logistic regression :math:`f_k(x)=\log(1+e^{-y_k a_k\cdot x})+\frac\lambda2|x|^2`.

    Parameters
    ----------
    a : array, shape (N, d)
        One row of features per sample (append a column of ones for an intercept).
    y : array, shape (N,)
        Labels -1 or +1.
    weight_decay : float, >= 0
        The lambda above. With lambda = 0 and separable classes f has no minimum and the steady
        state does not exist.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, a label is not -1 or +1, or weight_decay is
        negative.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> model = fp.sgd.Logistic([[2.0, 0.0], [0.0, 1.0]], [1.0, -1.0], weight_decay=0.1)
    >>> model.losses(np.zeros(2)).round(3)
    array([0.693, 0.693])
    >>> model.grad_losses(np.zeros(2))
    array([[-1. ,  0. ],
           [ 0. ,  0.5]])
    """

    kind = kernels.LOGISTIC

    def __post_init__(self) -> None:
        """Check the labels too."""
        super().__post_init__()
        odd = np.setdiff1d(self.y, (-1.0, 1.0))
        if odd.size:
            raise ValueError(
                f"y holds the label {odd[0]:g}; logistic regression takes -1 and +1 "
                "(2*y - 1 turns labels 0 and 1 into these)"
            )

    def _loss(self, z: Array, y: Array) -> Array:
        return np.logaddexp(0.0, -y * z)

    def _slope(self, z: Array, y: Array) -> Array:
        # -y / (1 + e^m) with m = y z; the logarithm keeps e^m from overflowing.
        return -y * np.exp(-np.logaddexp(0.0, y * z))
