r"""Gaussians thinner than a cell: masses on cells with the moments that were asked for.

Values at cell centres have the mean and the covariance of the Gaussian up to
:math:`e^{-2\pi^2k\cdot Sk/h^2}`, k whole numbers: exactly, unless it is thinner than a cell. Then
the masses are those of most entropy among all with these moments,
:math:`p_i\propto V_i\,e^{\theta\cdot T(x_i)}`, T the linear and quadratic monomials, which is
the same family. It holds all moments that any masses on the cells have.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from fokkerplanck.domain.types import Array

#: Steps of Newton's method, and halvings of a step.
MAX_STEPS, MAX_HALVINGS = 400, 40
#: Part of the descent that the slope promises, which a step has to make.
DESCENT = 1e-4
#: Error of the moments, in units of cells, up to which they are those asked for.
CLOSE = 1e-9
#: Gradient at which Newton's method ends.
ROUNDING = 1e-14


def is_thin(cov: Array, h: Array) -> bool:
    """Whether values at cell centres of widths h (d,) miss the moments: shorter than a cell."""
    ways = np.array([k for k in product((-2, -1, 0, 1, 2), repeat=len(h)) if any(k)]) / h
    return bool(np.min(np.einsum("ki,ij,kj->k", ways, cov, ways)) < 1)


def fitted(z: Array, volume: Array, cov: Array, h: Array) -> Array | None:
    r"""Masses (n,) with mean zero and covariance S on points z (d, n), or None if there are none.

    Parameters
    ----------
    z : array (d, n)
        Cell centres, from the mean on.
    volume : array (n,)
    cov : array (d, d)
    h : array (d,)
        Cell widths at the mean.
    """
    d = len(z)
    u = z / h[:, None]
    S = cov / np.multiply.outer(h, h)
    i, k = np.triu_indices(d)
    features = np.concatenate([u, u[i] * u[k]])
    target = np.concatenate([np.zeros(d), S[i, k]])
    inverse = np.linalg.inv(S + 0.1 * np.eye(d))
    theta = np.concatenate([np.zeros(d), -np.where(i == k, 0.5, 1.0) * inverse[i, k]])
    log_volume = np.log(volume)

    def state(theta: Array) -> tuple[float, Array]:
        """Log of the partition function, less the linear part; masses."""
        log_p = log_volume + theta @ features
        top = float(log_p.max())
        p = np.exp(log_p - top)
        total = float(p.sum())
        return top + np.log(total) - float(theta @ target), p / total

    value, p = state(theta)
    gradient = features @ p - target
    for _ in range(MAX_STEPS):
        if np.abs(gradient).max() < ROUNDING:
            break
        off = features - (features @ p)[:, None]
        curvature = (off * p) @ off.T
        scale = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
        regular = curvature + 1e-13 * np.diag(scale**2) + 1e-300 * np.eye(len(scale))
        step = np.linalg.solve(regular / np.multiply.outer(scale, scale), gradient / scale) / scale
        for _ in range(MAX_HALVINGS):
            new_value, new_p = state(theta - step)
            new_gradient = features @ new_p - target
            # Near the end rounding of the value hides what the gradient still shows.
            nearer = np.abs(new_gradient).max() < 0.5 * np.abs(gradient).max()
            if nearer or new_value < value - DESCENT * float(step @ gradient):
                break
            step = 0.5 * step
        else:
            break
        theta, value, p, gradient = theta - step, new_value, new_p, new_gradient
    is_close = np.abs(gradient).max() < CLOSE * max(1.0, float(np.abs(target).max()))
    return p if is_close else None
