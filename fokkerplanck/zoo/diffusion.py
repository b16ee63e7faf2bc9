"""Diffusion and advection-diffusion: uniform steady states, single modes that decay exactly."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, still, zero

_SOURCE = "Crank, The Mathematics of Diffusion (1975), ch. 2"


def heat(
    dim: int = 2,
    kT: float = 0.5,
    *,
    D: ArrayLike | None = None,
    modes: Sequence[int] | None = None,
    length: float = 1.0,
    amplitude: float = 0.8,
) -> Exact:
    """Heat equation in a reflecting box: ρ = (1 + A Π cos(n_i π x_i/L) e^(−λt))/L^d.

    λ = kT Σ D_ii (n_i π/L)², with constant diagonal D and no drift. Both ½∫|grad ρ|² and
    ∫ρ log ρ decrease along it.

    Parameters
    ----------
    dim : {1, 2, 3}
        Dimension.
    kT : float
        Temperature.
    D : number or (d,) array, optional
        Diagonal of D; default 1, 1/2, 1/4 along the axes.
    modes : sequence of d int, optional
        n_i; default 1, 2, 1.
    length, amplitude : float
        Side L of the box, A with |A| < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> heat = zoo.heat(dim=1)
    >>> round(float(heat.kl(0.1) / heat.kl(0.0)), 6)
    0.348141
    """
    check_numbers(dim=dim, kT=kT, length=length, amplitude=amplitude)
    numbers = np.asarray((1, 2, 1)[:dim] if modes is None else modes)
    D = np.array((1.0, 0.5, 0.25)[:dim]) if D is None else np.asarray(D, dtype=float)
    wave = numbers * np.pi / length
    rate = kT * float(np.sum(D * wave**2))

    def rho_t(t: float, *x: Array) -> Array:
        shape = np.ones(())
        for k, u in zip(wave, x, strict=True):
            shape = shape * np.cos(k * u)
        return (1 + amplitude * math.exp(-rate * t) * shape) / length**dim

    return Exact(
        code="R18", name="heat", title=f"heat equation in a box, {dim}D", source=_SOURCE,
        kT=kT, box=[(0.0, length)] * dim, g=still, f=zero, D=D if D.ndim else float(D),
        Phi=zero, j=still, div_j=zero, q=zero if dim == 2 else None, rho_t=rho_t,
        kl=lambda t: _kl_of_modes(amplitude * np.exp(-rate * np.asarray(t, float)),
                                  int(np.count_nonzero(numbers))),
        eigenvalues=_box_eigenvalues(kT * D * np.ones(dim), length),
        moments={"rate": rate}, closed_forms={"log_Z": dim * math.log(length)},
        reversible=True, walls_exact=True,
    )  # fmt: skip


def advection_diffusion(
    dim: int = 2,
    kT: float = 0.1,
    *,
    D: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    modes: Sequence[int] | None = None,
    amplitude: float = 0.8,
) -> Exact:
    """Advection-diffusion on the torus: ρ = (1 + A cos(k·(x − ct)) e^(−kT k·Dk t))/(2π)^d.

    Constant full tensor D and constant velocity c = −g. Φ = 0, j = c everywhere: a harmonic
    current, without any stream function (q = None) as long as c ≠ 0.

    Parameters
    ----------
    dim : {1, 2, 3}
        Dimension.
    kT : float
        Temperature.
    D : number, (d,) or (d, d) array, optional
        Default the leading block of a fixed full 3 x 3 tensor.
    velocity : sequence of d numbers, optional
        c; default 1, −0.5, 0.3.
    modes : sequence of d int, optional
        Wave numbers k; default 1, 2, 1.
    amplitude : float
        A with |A| < 1.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.advection_diffusion(dim=1).entropy_production, 12)
    10.0
    """
    check_numbers(dim=dim, kT=kT, amplitude=amplitude)
    full = np.array([[1.0, 0.3, 0.1], [0.3, 0.5, -0.2], [0.1, -0.2, 0.8]])
    D = full[:dim, :dim] if D is None else np.asarray(D, dtype=float)
    matrix = D * np.eye(dim) if D.ndim == 0 else np.diag(D) if D.ndim == 1 else D
    c = np.asarray((1.0, -0.5, 0.3)[:dim] if velocity is None else velocity, dtype=float)
    k = np.asarray((1, 2, 1)[:dim] if modes is None else modes)
    rate = kT * float(k @ matrix @ k)

    def j(*x: Array) -> Array:
        shape = np.broadcast_shapes(*map(np.shape, x))
        return np.stack([np.full(shape, value) for value in c])

    def rho_t(t: float, *x: Array) -> Array:
        phase = sum(k_i * (u - c_i * t) for k_i, u, c_i in zip(k, x, c, strict=True))
        return (1 + amplitude * math.exp(-rate * t) * np.cos(phase)) / (2 * np.pi) ** dim

    return Exact(
        code="R18b", name="advection_diffusion", title=f"advection-diffusion on the torus, {dim}D",
        source=_SOURCE, kT=kT, box=[(0.0, 2 * np.pi)] * dim, sides="periodic",
        g=lambda *x: -j(*x), D=D if D.ndim else float(D), Phi=zero, j=j, div_j=zero, rho_t=rho_t,
        kl=lambda t: _kl_of_modes(amplitude * np.exp(-rate * np.asarray(t, float)), 1),
        eigenvalues=_torus_eigenvalues(kT * matrix, c),
        moments={"rate": rate},
        closed_forms={
            "log_Z": dim * math.log(2 * np.pi),
            "entropy_production": float(c @ np.linalg.solve(matrix, c)) / kT,
        },
        reversible=not c.any(), walls_exact=True,
    )  # fmt: skip


def _kl_of_modes(A: Array, factors: int) -> Array:
    """Mean of (1 + A w) log(1 + A w) for w a product of `factors` cosines."""
    if factors <= 1:
        # One cosine: 1 - s + log((1 + s)/2), s = sqrt(1 - A^2).
        gap = A**2 / (1 + np.sqrt(1 - A**2)) if factors else 0 * A
        return gap + np.log1p(-gap / 2)
    node = np.cos(np.pi * (np.arange(32) + 0.5) / 32)
    w = node
    for _ in range(factors - 1):
        w = np.multiply.outer(w, node)
    z = np.multiply.outer(A, w.ravel())
    # The mean of A w vanishes, so (1 + z) log(1 + z) - z has the same mean and no cancellation.
    small = np.abs(z) < 1e-4
    series = z * z * (0.5 - z * (1 / 6 - z / 12))
    return np.mean(np.where(small, series, (1 + z) * np.log1p(z) - z), axis=-1)


def _box_eigenvalues(diagonal: Array, length: float, count: int = 12) -> Array:
    """Slowest non-zero −Σ kT D_ii (n_i π/L)²."""
    n = np.stack(np.meshgrid(*[np.arange(2 * count)] * len(diagonal), indexing="ij"))
    values = np.tensordot(diagonal * (np.pi / length) ** 2, n.astype(float) ** 2, axes=1)
    return -np.sort(values.ravel())[1 : count + 1]


def _torus_eigenvalues(matrix: Array, velocity: Array, count: int = 12, reach: int = 6) -> Array:
    """Slowest non-zero −k·(kT D) k − i k·c."""
    axes = [np.arange(-reach, reach + 1)] * len(velocity)
    k = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    values = -np.einsum("ni,ij,nj->n", k, matrix, k) - 1j * (k @ velocity)
    order = np.lexsort((values.imag, np.round(-values.real, 10)))
    return values[order][1 : count + 1]
