"""Stochastic calculus at the door: noise matrices and the conversion of drifts to the Ito form."""

from __future__ import annotations

import numpy as np

from fokkerplanck.fields import derivative, matrix_field

#: Share of kT div D between the given drift b and the drift v = b - share kT div D of the form
#: J = v rho - kT D grad rho. The Stratonovich share holds where each D_ii is paired with its own
#: symmetric root, that is for diagonal D; full tensors go through ``stratonovich_correction``.
SHARE = {"ito": 1.0, "stratonovich": 0.5, "klimontovich": 0.0}


def diffusion_from_noise(sigma, grid, beta):
    r"""Matrix :math:`D = \beta\sigma\sigma^T/2` of dx = b dt + sigma dW, as field or callable."""
    if callable(sigma):
        return lambda *points: _outer(
            matrix_field(sigma, grid, "sigma", np.stack(points), columns=True), beta
        )
    return _outer(matrix_field(sigma, grid, "sigma", columns=True), beta)


def _outer(s, beta):
    """beta s s^T / 2 for s (d, m, *shape)."""
    return 0.5 * beta * np.einsum("im...,km...->ik...", s, s)


def symmetric_root(D):
    """Symmetric square root of the field D (d, d, *shape)."""
    values, vectors = np.linalg.eigh(np.moveaxis(D, (0, 1), (-2, -1)))
    root = np.einsum("...ij,...j,...kj->...ik", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    return np.moveaxis(root, (-2, -1), (0, 1))


def stratonovich_correction(D, sigma, grid, kT):
    r"""Drift :math:`c_i = T s_{kj}\,\partial_k s_{ij}` that turns Stratonovich into Ito.

    Here :math:`s s^T = D`; s is the given noise matrix (scaled) or, where only D is known, its
    symmetric root.
    """

    def root(points=None):
        if sigma is None:
            return symmetric_root(matrix_field(D, grid, "D", points))
        return np.sqrt(0.5 / kT) * matrix_field(sigma, grid, "sigma", points, columns=True)

    given = D if sigma is None else sigma
    source = (lambda *points: root(np.stack(points))) if callable(given) else root()

    def sample(u, _, name, points=None):
        return u(*(grid.x if points is None else points)) if callable(u) else u

    s = sample(source, grid, "s")
    slope = np.stack([derivative(source, grid, k, "s", sample) for k in range(grid.dim)])
    return kT * np.einsum("kj...,kij...->i...", s, slope)
