"""Inverse design: the drift whose steady state is a given density."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fokkerplanck.domain.arguments import frozen, real_array
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.fields import (
    Places,
    at,
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
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.equation.calculus import ARRAY

# Largest relative divergence of j exp(-beta Phi), in the mean, of callables that leave the density.
DIVERGENCE_CALLABLE = 1e-3


class Design(NamedTuple):
    """Parts of the drift v = -D grad(potential) + circulation, both known exactly."""

    potential: Array
    circulation: Array | None
    v: Array


def design(
    Phi: Field, Q: Field | None, j: Field | None, D: Array, grid: Grid, beta: float
) -> Design:
    """Drift v of the divergence form that leaves exp(-beta Phi), with D (d, d, *shape)."""
    potential = scalar_field(Phi, grid, "Phi").copy()
    check_periodic(Phi, potential, grid, "Phi")
    grad = gradient(Phi if callable(Phi) else potential, grid, "Phi")
    circulation = None
    if Q is not None:
        circulation = leftover_field(Q, grad, grid, 1 / beta)
    elif j is not None:
        circulation = vector_field(j, grid, "j")
        check_divergence(j, Phi, potential, circulation, grid, beta)
    v = -np.einsum("ik...,k...->i...", D, grad)
    if circulation is None:
        return Design(frozen(potential), None, v)
    return Design(frozen(potential), frozen(circulation), v + circulation)


def antisymmetric_field(Q: Field, grid: Places) -> Field:
    """Q as a matrix field or a callable of one, from Q itself or, in two dimensions, from q."""
    d = grid.dim
    sample = evaluate(Q, grid.x, "Q")
    if not isinstance(sample, (tuple, list)):
        sample = real_array(sample, "Q", "an antisymmetric matrix, or q in two dimensions")
        if sample.shape in ((), grid.x.shape[1:]):
            if d != 2:
                raise ValueError(
                    f"Q {gave(Q)} one number per cell on a {d}-dimensional grid; that is for two "
                    + ("dimensions, give a 3 x 3 matrix" if d == 3 else "dimensions, use j= in one")
                )
            if not callable(Q):
                return _turning(sample)
            if isinstance(Q, Formula):  # with exact derivatives
                return Q.turning()

            return lambda *points: _turning(scalar_field(Q, grid, "Q", np.stack(points)))
    full = matrix_field(Q, grid, "Q")
    defect = np.abs(full + np.swapaxes(full, 0, 1)).max(axis=(0, 1))
    if (defect > 1e-10 * max(np.abs(full).max(), 1e-300)).any():
        cell = first_cell(defect == defect.max())
        raise ValueError(
            f"Q is not antisymmetric at {cell_text(grid, cell)}: "
            f"{np.round(full[at(cell)], 6).tolist()}; give Q = -Q^T"
        )
    return Q


def _turning(q: Array) -> Any:
    """Rows of the antisymmetric matrix of a number or field q, in two dimensions."""
    return [[0.0, q], [-q, 0.0]]


def leftover_field(Q: Field, grad: Array, grid: Places, kT: float) -> Array:
    """Field j = -Q grad Phi + kT div Q (row divergence), shape (d, *shape)."""
    Q = antisymmetric_field(Q, grid)
    values = matrix_field(Q, grid, "Q")
    if isinstance(grid, Grid):
        check_periodic(Q, values, grid, "Q", matrix_field)
    j = -np.einsum("ik...,k...->i...", values, grad)
    return j + kT * row_divergence(Q, grid, "Q")


def check_divergence(
    j: Field, Phi: Field, potential: Array, leftover: Array, grid: Grid, beta: float
) -> None:
    """Raise unless div(j exp(-beta Phi)) vanishes: exactly for callables, roughly for arrays."""
    lowest, smooth = potential.min(), callable(j) and callable(Phi)
    weight = np.exp(-beta * (potential - lowest))

    def weighted(k: int) -> Field:
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
