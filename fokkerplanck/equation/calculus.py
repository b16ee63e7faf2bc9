"""Calculus at the door: noise matrices, conversion to the Ito form, checks of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.fields import (
    STEP,
    Places,
    at,
    derivative,
    first_cell,
    gradient,
    matrix_field,
    quotient,
    scalar_field,
    vector_field,
)
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field

#: Share of kT div D between the given drift b and the drift v = b - share kT div D of the form
#: J = v rho - kT D grad rho. The Stratonovich share holds where each D_ii is paired with its own
#: symmetric root, that is for diagonal D; full tensors go through ``stratonovich_correction``.
SHARE = {"ito": 1.0, "stratonovich": 0.5, "klimontovich": 0.0}
#: Largest relative error, in the mean, of a gradient that counts as right. For callables:
#: differences are accurate to many digits, but the functions may have kinks.
CALLABLE = 0.1
#: The same for arrays, whose differences are rough on a coarse grid.
ARRAY = 0.5


def inverse_temperature(beta: float | None, kT: float | None) -> float:
    """Inverse temperature from beta or kT, 1 where both are None."""
    if beta is not None and kT is not None:
        raise ValueError("beta and kT are both given; give one (kT = 1/beta)")
    name, value = ("beta", 1.0 if beta is None else beta) if kT is None else ("kT", kT)
    number = positive_number(value, name)
    if not 1e-300 < number < 1e300:
        raise ValueError(
            f"{name} is {number:g}, beyond floating point; give f and D in other units"
        )
    return number if kT is None else 1 / number


def diffusion_from_noise(sigma: Field, grid: Grid, beta: float) -> Field:
    r"""Matrix :math:`D = \beta\sigma\sigma^T/2` of dx = b dt + sigma dW, as field or callable."""
    if isinstance(sigma, Formula):  # D is a formula too, with exact derivatives
        matrix_field(sigma, grid, "sigma", columns=True)
        return sigma.times_transposed(0.5 * beta)
    if callable(sigma):
        return lambda *points: _outer(
            matrix_field(sigma, grid, "sigma", np.stack(points), columns=True), beta
        )
    return _outer(matrix_field(sigma, grid, "sigma", columns=True), beta)


def _outer(s: Array, beta: float) -> Array:
    """beta s s^T / 2 for s (d, m, *shape); a broadcast view of one matrix stays one."""
    if not any(s.strides[2:]):
        one = s[at((slice(1),) * (s.ndim - 2))]
        D = 0.5 * beta * np.einsum("im...,km...->ik...", one, one)
        return np.broadcast_to(D, D.shape[:2] + s.shape[2:])
    return 0.5 * beta * np.einsum("im...,km...->ik...", s, s)


def symmetric_root(D: Array) -> Array:
    """Symmetric square root of the field D (d, d, *shape)."""
    values, vectors = np.linalg.eigh(np.moveaxis(D, (0, 1), (-2, -1)))
    root = np.einsum("...ij,...j,...kj->...ik", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    return np.moveaxis(root, (-2, -1), (0, 1))


def _root_slopes(D: Formula, grid: Places) -> list[Array]:
    r"""Derivatives along the axes of the symmetric root s of a formula D, exact.

    From :math:`s\,\partial s + \partial s\,s = \partial D` in the eigenvectors of D. Directions
    without noise take no part in :math:`s\,\partial s`: there the derivative is set to zero.
    """
    values, vectors = np.linalg.eigh(np.moveaxis(matrix_field(D, grid, "D"), (0, 1), (-2, -1)))
    root = np.sqrt(np.maximum(values, 0))
    both = root[..., :, None] + root[..., None, :]
    slopes = []
    for k in range(grid.dim):
        slope = np.moveaxis(matrix_field(D.partial(k), grid, "D", grid.x), (0, 1), (-2, -1))
        turned = np.einsum("...ai,...ab,...bk->...ik", vectors, slope, vectors)
        turned = np.divide(turned, both, out=np.zeros_like(turned), where=both > 0)
        back = np.einsum("...ai,...ik,...bk->...ab", vectors, turned, vectors)
        slopes.append(np.moveaxis(back, (-2, -1), (0, 1)))
    return slopes


def stratonovich_correction(D: Field, sigma: Field | None, grid: Places, kT: float) -> Array:
    r"""Drift :math:`c_i = T s_{kj}\,\partial_k s_{ij}` that turns Stratonovich into Ito.

    Here :math:`s s^T = D`; s is the given noise matrix (scaled) or, where only D is known, its
    symmetric root.
    """

    def root(points: Array | None = None) -> Array:
        if sigma is None:
            return symmetric_root(matrix_field(D, grid, "D", points))
        return np.sqrt(0.5 / kT) * matrix_field(sigma, grid, "sigma", points, columns=True)

    given = D if sigma is None else sigma
    source = (lambda *points: root(np.stack(points))) if callable(given) else root()

    def sample(u: Any, _: Places, name: str, points: Array | None = None) -> Array:
        return u(*(grid.x if points is None else points)) if callable(u) else u

    s = sample(source, grid, "s")
    if isinstance(sigma, Formula):
        slopes = [sigma.partial(k) for k in range(grid.dim)]
        fine = [matrix_field(u, grid, "sigma", grid.x, columns=True) for u in slopes]
        slope = np.sqrt(0.5 / kT) * np.stack(fine)
    elif sigma is None and isinstance(D, Formula):
        slope = np.stack(_root_slopes(D, grid))
    else:
        slope = np.stack([derivative(source, grid, k, "s", sample) for k in range(grid.dim)])
    return kT * np.einsum("kj...,kij...->i...", s, slope)


def check_gradient(
    f: Field, grad_f: Field, grid: Grid, name: str = "grad_f", of: str = "f"
) -> None:
    """Raise if a given gradient is not that of f: exactly at some points, roughly for arrays."""
    if callable(f) and callable(grad_f):
        flat = grid.x.reshape(grid.dim, -1)
        points = flat[:, :: max(1, flat.shape[1] // 64)]
        given, bound = vector_field(grad_f, grid, name, points), CALLABLE
        values = scalar_field(f, grid, of, points)
        found = np.stack(
            [
                quotient(lambda x: scalar_field(f, grid, of, x), points, k, STEP * width.min())
                for k, width in enumerate(grid.widths)
            ]
        )
    else:
        points, values = grid.x, scalar_field(f, grid, of)
        given, bound = vector_field(grad_f, grid, name), ARRAY
        found = gradient(values, grid, of)
    wrong = np.abs(given - found)
    rounding = 1e-9 * np.abs(values).max() / min(width.min() for width in grid.widths)
    if wrong.mean() > bound * np.abs(found).mean() + rounding:
        k, *cell = first_cell(wrong == wrong.max())
        x = ", ".join(f"{c:.6g}" for c in points[at(cell)])
        raise ValueError(
            f"{name} is not the gradient of {of}: component {k} is {given[(k, *cell)]:.6g} at "
            f"x = ({x}), where differences of {of} give {found[(k, *cell)]:.6g}; correct it or "
            "leave it out"
        )
