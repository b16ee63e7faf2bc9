"""Calculus at the door: noise matrices, conversion to the Ito form, checks of what was derived."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.arguments import positive_number, real_array
from fokkerplanck.domain.fields import (
    STEP,
    cell_text,
    check_periodic,
    derivative,
    evaluate,
    first_cell,
    gave,
    gradient,
    matrix_field,
    row_divergence,
    scalar_field,
    vector_field,
)

#: Share of kT div D between the given drift b and the drift v = b - share kT div D of the form
#: J = v rho - kT D grad rho. The Stratonovich share holds where each D_ii is paired with its own
#: symmetric root, that is for diagonal D; full tensors go through ``stratonovich_correction``.
SHARE = {"ito": 1.0, "stratonovich": 0.5, "klimontovich": 0.0}
# Relative errors in the mean that still count as right: differences of callables are accurate to
# many digits (but their functions may have kinks), those of arrays are rough on a coarse grid.
CALLABLE, ARRAY = 0.1, 0.5
DIVERGENCE_CALLABLE = 1e-3


def inverse_temperature(beta, kT) -> float:
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


def diffusion_from_noise(sigma, grid, beta):
    r"""Matrix :math:`D = \beta\sigma\sigma^T/2` of dx = b dt + sigma dW, as field or callable."""
    if callable(sigma):
        return lambda *points: _outer(
            matrix_field(sigma, grid, "sigma", np.stack(points), columns=True), beta
        )
    return _outer(matrix_field(sigma, grid, "sigma", columns=True), beta)


def _outer(s, beta):
    """beta s s^T / 2 for s (d, m, *shape); a broadcast view of one matrix stays one."""
    if not any(s.strides[2:]):
        one = s[(..., *(slice(1),) * (s.ndim - 2))]
        D = 0.5 * beta * np.einsum("im...,km...->ik...", one, one)
        return np.broadcast_to(D, D.shape[:2] + s.shape[2:])
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


def antisymmetric_field(Q, grid):
    """Q as a matrix field or a callable of one, from Q itself or, in two dimensions, from q."""
    d = grid.dim
    sample = evaluate(Q, grid.x, "Q")
    if not isinstance(sample, (tuple, list)):
        sample = real_array(sample, "Q", "an antisymmetric matrix, or q in two dimensions")
        if sample.shape in ((), grid.shape):
            if d != 2:
                raise ValueError(
                    f"Q {gave(Q)} one number per cell on a {d}-dimensional grid; that is for two "
                    + ("dimensions, give a 3 x 3 matrix" if d == 3 else "dimensions, use j= in one")
                )
            if not callable(Q):
                return [[0.0, sample], [-sample, 0.0]]

            def matrix(*points):
                q = scalar_field(Q, grid, "Q", np.stack(points))
                return [[0.0, q], [-q, 0.0]]

            return matrix
    full = matrix_field(Q, grid, "Q")
    defect = np.abs(full + np.swapaxes(full, 0, 1)).max(axis=(0, 1))
    if (defect > 1e-10 * max(np.abs(full).max(), 1e-300)).any():
        cell = first_cell(defect == defect.max())
        raise ValueError(
            f"Q is not antisymmetric at {cell_text(grid, cell)}: "
            f"{np.round(full[(slice(None), slice(None), *cell)], 6).tolist()}; give Q = -Q^T"
        )
    return Q


def leftover_field(Q, grad, grid, kT):
    """Field j = -Q grad Phi + kT div Q (row divergence), shape (d, *shape)."""
    Q = antisymmetric_field(Q, grid)
    values = matrix_field(Q, grid, "Q")
    check_periodic(Q, values, grid, "Q", matrix_field)
    j = -np.einsum("ik...,k...->i...", values, grad)
    return j + kT * row_divergence(Q, grid, "Q")


def check_gradient(f, grad_f, grid, name="grad_f", of="f"):
    """Raise if a given gradient is not that of f: exactly at some points, roughly for arrays."""
    if callable(f) and callable(grad_f):
        flat = grid.x.reshape(grid.dim, -1)
        points = flat[:, :: max(1, flat.shape[1] // 64)]
        given, bound = vector_field(grad_f, grid, name, points), CALLABLE
        found, values = np.empty_like(given), scalar_field(f, grid, of, points)
        for k, width in enumerate(grid.widths):
            step = np.zeros((grid.dim, 1))
            step[k] = STEP * width.min()
            near, far = (
                scalar_field(f, grid, of, points + m * step)
                - scalar_field(f, grid, of, points - m * step)
                for m in (1, 2)
            )
            found[k] = (8 * near - far) / (12 * step[k])
    else:
        points, values = grid.x, scalar_field(f, grid, of)
        given, bound = vector_field(grad_f, grid, name), ARRAY
        found = gradient(values, grid, of)
    wrong = np.abs(given - found)
    rounding = 1e-9 * np.abs(values).max() / min(width.min() for width in grid.widths)
    if wrong.mean() > bound * np.abs(found).mean() + rounding:
        k, *cell = first_cell(wrong == wrong.max())
        x = ", ".join(f"{c:.6g}" for c in points[(slice(None), *cell)])
        raise ValueError(
            f"{name} is not the gradient of {of}: component {k} is {given[(k, *cell)]:.6g} at "
            f"x = ({x}), where differences of {of} give {found[(k, *cell)]:.6g}; correct it or "
            "leave it out"
        )


def check_divergence(j, Phi, potential, leftover, grid, beta):
    """Raise unless div(j exp(-beta Phi)) vanishes: exactly for callables, roughly for arrays."""
    lowest, smooth = potential.min(), callable(j) and callable(Phi)
    weight = np.exp(-beta * (potential - lowest))

    def weighted(k):
        return lambda *points: (
            vector_field(j, grid, "j", np.stack(points))[k]
            * np.exp(-beta * (scalar_field(Phi, grid, "Phi", np.stack(points)) - lowest))
        )

    terms = [
        derivative(weighted(k) if smooth else leftover[k] * weight, grid, k, "j")
        for k in range(grid.dim)
    ]
    defect = grid.integrate(np.abs(sum(terms)))
    size = grid.integrate(sum(np.abs(term) for term in terms))
    rounding = 1e-6 * grid.integrate(weight * np.abs(leftover).max(axis=0))
    bound = DIVERGENCE_CALLABLE if smooth else ARRAY
    if defect > bound * size + rounding / max(hi - lo for lo, hi in grid.box):
        raise ValueError(
            f"div(j exp(-beta Phi)) is not zero (relative size {defect / size:.2g}), so that "
            "exp(-beta Phi) is no steady state; correct j, or give Q in place of it"
        )
