"""Stacked fields, and the drift and current that belong to a given Φ, D and Q."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import finite_number, positive_number
from fokkerplanck.domain.types import Array, Function


class Balance(NamedTuple):
    """Observable φ and 𝓛φ = b·grad φ + kT D:Hess φ, whose stationary average is 0.

    Exactly so where walls add nothing: φ has no slope there, or no density comes near.
    """

    phi: Function
    rate: Function


def fill(*components: ArrayLike) -> Array:
    """Stack components that broadcast against each other: vector (d, *shape)."""
    return np.stack(np.broadcast_arrays(*components))


def tensor(rows: Sequence[Sequence[ArrayLike]]) -> Array:
    """Stack a d x d nested list whose entries broadcast: tensor (d, d, *shape)."""
    d = len(rows)
    flat = np.stack(np.broadcast_arrays(*[entry for row in rows for entry in row]))
    return flat.reshape(d, d, *flat.shape[1:])


def zero(*x: Array) -> Array:
    """Return 0 with the shape of the coordinates."""
    return np.zeros(np.broadcast_shapes(*(np.shape(u) for u in x)))


def still(*x: Array) -> Array:
    """Return a vanishing circulation j = 0."""
    return np.zeros((len(x), *np.broadcast_shapes(*(np.shape(u) for u in x))))


def designed(grad_Phi: Function, D: Function, div_D: Function, j: Function, kT: float) -> Function:
    """Return the field g = D grad Φ − kT div D − j that has e^(−Φ/kT) as its steady state."""

    def g(*x: Array) -> Array:
        return np.einsum("ik...,k...->i...", D(*x), grad_Phi(*x)) - kT * div_D(*x) - j(*x)

    return g


def plane_current(
    grad_Phi: Function, q: Function, grad_q: Function, kT: float
) -> tuple[Function, Function]:
    """Return j = −Q grad Φ + kT div Q and div j = (div Q)·grad Φ for Q = [[0, q], [−q, 0]]."""

    def j(x: Array, y: Array) -> Array:
        (Phi_x, Phi_y), (q_x, q_y) = grad_Phi(x, y), grad_q(x, y)
        q_here = q(x, y)
        return fill(kT * q_y - q_here * Phi_y, q_here * Phi_x - kT * q_x)

    def div_j(x: Array, y: Array) -> Array:
        (Phi_x, Phi_y), (q_x, q_y) = grad_Phi(x, y), grad_q(x, y)
        return q_y * Phi_x - q_x * Phi_y

    return j, div_j


def space_current(
    grad_Phi: Function, a: Function, curl_a: Function, kT: float
) -> tuple[Function, Function]:
    """Return j = a × grad Φ + kT curl a and div j = (curl a)·grad Φ, for Q_ik = ε_ikm a_m."""

    def j(x: Array, y: Array, z: Array) -> Array:
        return np.cross(a(x, y, z), grad_Phi(x, y, z), axis=0) + kT * curl_a(x, y, z)

    def div_j(x: Array, y: Array, z: Array) -> Array:
        return np.sum(curl_a(x, y, z) * grad_Phi(x, y, z), axis=0)

    return j, div_j


def check_numbers(**numbers: Any) -> None:
    """Refuse kT <= 0, a dim other than 1, 2 or 3, and any other number that is not finite."""
    for name, value in numbers.items():
        if name == "kT":
            positive_number(value, name)
        elif name == "dim":
            if isinstance(value, bool) or value not in (1, 2, 3):
                raise ValueError(f"dim is {value!r}; give 1, 2 or 3")
        else:
            finite_number(value, name)


def check_positive(**numbers: Any) -> None:
    """Refuse any number that is not finite and positive."""
    for name, value in numbers.items():
        positive_number(value, name)
