"""Gradient flows of other kinds, and geodesics: porous medium, Gaussians in Wasserstein space."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import sqrtm

from fokkerplanck.domain.arguments import SYMMETRIC, asymmetry, finite_array
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import PorousMedium
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_positive, still, zero
from fokkerplanck.zoo.linear_drift import ornstein_uhlenbeck


def barenblatt(dim: int = 1, m: float = 2.0, *, t0: float = 1.0, t_end: float = 2.0) -> Exact:
    r"""Barenblatt's solution of ρ_t = Δρ^m, the flow of ``energies.PorousMedium(m)``.

    ρ = t^(−α) (C − k r² t^(−2α/d))₊^(1/(m−1)), α = d/(d(m−1) + 2), k = α(m−1)/(2md), of mass 1.

    Parameters
    ----------
    dim : {1, 2, 3}
    m : float
        Exponent > 1.
    t0 : float
        Time of ``rho_t(0.0, ...)`` on the clock of the formula.
    t_end : float
        Until then the front stays within the box.

    Returns
    -------
    Exact
        ``energy`` is the energy whose flow ``rho_t`` is; the problem itself has neither drift nor
        circulation. ``moments``: C, front (radius at time 1), r2 (⟨r²⟩ at time 1).

    References
    ----------
    Barenblatt, Prikl. Mat. Mekh. 16 (1952) 67; Otto, Comm. PDE 26 (2001) 101.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> line = zoo.barenblatt()
    >>> round(line.moments["C"], 12), round(line.moments["front"], 9)
    (0.360562392577, 2.080083823)
    """
    check_positive(m=m, t0=t0, t_end=t_end)
    if dim not in (1, 2, 3):
        raise ValueError(f"dim is {dim!r}; choose from 1, 2, 3")
    energy = PorousMedium(m)
    alpha = dim / (dim * (m - 1) + 2)
    k, p = alpha * (m - 1) / (2 * m * dim), 1 / (m - 1)
    ball = math.pi ** (dim / 2)
    mass = ball * math.gamma(p + 1) / math.gamma(p + 1 + dim / 2) * k ** (-dim / 2)
    C = mass ** (-1 / (p + dim / 2))
    second = ball * dim / 2 * math.gamma(p + 1) / math.gamma(p + 2 + dim / 2)
    second *= C ** (p + 1 + dim / 2) * k ** (-dim / 2 - 1)
    front = math.sqrt(C / k)

    def rho_t(t: float, *x: Array) -> Array:
        time = t0 + t
        r2 = sum(u**2 for u in x)
        profile = np.maximum(C - k * r2 * time ** (-2 * alpha / dim), 0.0)
        return time**-alpha * profile**p

    half = 1.2 * front * t_end ** (alpha / dim)
    return Exact(
        code="R19", name="barenblatt", title=f"porous medium ρ_t = Δρ^{m:g}, a front",
        source="Barenblatt, Prikl. Mat. Mekh. 16 (1952) 67",
        kT=1.0, box=[(-half, half)] * dim, g=still, f=zero, Phi=zero, j=still, div_j=zero,
        q=zero if dim == 2 else None, rho_t=rho_t, solves=False, energy=energy,
        moments={"C": C, "front": front, "r2": second, "alpha": alpha, "t0": t0},
        closed_forms={"log_Z": dim * math.log(2 * half)}, reversible=True, walls_exact=True,
        notes="rho_t is the flow of `energy`; Φ, j and build() are those of the heat equation",
    )  # fmt: skip


def bures_geodesic(A: Array | None = None, B: Array | None = None) -> Exact:
    r"""Displacement interpolation between N(0, A) and N(0, B): covariance M A M, M = (1−t)I + tT.

    T = A^(−1/2) (A^(1/2) B A^(1/2))^(1/2) A^(−1/2), W₂² = tr(A + B − 2 (A^(1/2) B A^(1/2))^(1/2)).

    Parameters
    ----------
    A, B : arrays (2, 2), optional
        Covariances at t = 0 and t = 1.

    Returns
    -------
    Exact
        ``rho_t``, ``cov_t`` for 0 ≤ t ≤ 1; ``data``: A, B, map T; ``moments["W2_squared"]``.

    References
    ----------
    McCann, Adv. Math. 128 (1997) 153; Takatsu, Osaka J. Math. 48 (2011) 1005.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.bures_geodesic().moments["W2_squared"], 10)
    0.7484888256
    """
    A = np.array([[1.0, 0.5], [0.5, 0.6]]) if A is None else finite_array(A, "A")
    B = np.array([[0.3, -0.2], [-0.2, 1.5]]) if B is None else finite_array(B, "B")
    for name, C in (("A", A), ("B", B)):
        is_good = (
            C.shape == (2, 2) and asymmetry(C) <= SYMMETRIC and np.linalg.eigvalsh(C).min() > 0
        )
        if not is_good:
            raise ValueError(f"{name} is {C.tolist()}; give a positive definite 2 x 2 matrix")
    root = np.real(sqrtm(A))
    middle = np.real(sqrtm(root @ B @ root))
    T = np.linalg.solve(root, np.linalg.solve(root, middle).T)

    def cov_t(t: float) -> Array:
        M = (1 - np.asarray(t, float))[..., None, None] * np.eye(2)
        M = M + np.asarray(t, float)[..., None, None] * T
        return M @ A @ M

    def rho_t(t: float, x: Array, y: Array) -> Array:
        S = cov_t(t)
        P = np.linalg.inv(S)
        form = P[0, 0] * x**2 + 2 * P[0, 1] * x * y + P[1, 1] * y**2
        return np.exp(-form / 2) / (2 * math.pi * math.sqrt(np.linalg.det(S)))

    half = 6.5 * math.sqrt(max(np.diag(A).max(), np.diag(B).max()))
    return Exact(
        code="R20", name="bures_geodesic", title="geodesic between two Gaussians",
        source="McCann, Adv. Math. 128 (1997) 153",
        kT=1.0, box=[(-half, half)] * 2, g=still, f=zero, Phi=zero, j=still, div_j=zero, q=zero,
        rho_t=rho_t, mean_t=lambda t: np.zeros((*np.shape(t), 2)), cov_t=cov_t,
        solves=False,
        moments={"W2_squared": float(np.trace(A + B - 2 * middle))},
        data={"A": A, "B": B, "map": T}, closed_forms={"log_Z": 2 * math.log(2 * half)},
        reversible=True, walls_exact=True, notes="rho_t is the geodesic, t from 0 to 1",
    )  # fmt: skip


def jko_gaussian(
    H: ArrayLike = 2.0,
    kT: float = 0.25,
    tau: float = 0.1,
    *,
    mean0: ArrayLike = 1.0,
    cov0: ArrayLike = 0.09,
    steps: int = 3,
) -> Exact:
    r"""JKO steps of a Gaussian under f = x·Hx/2, D = 1: Gaussians with closed forms.

    m' = (I + τH)⁻¹ m; with A = I + τH and c = τ kT the covariance S' solves
    S = A S' A − 2cA + c² S'⁻¹, so that X = A^(1/2) S' A^(1/2) has the eigenvectors of
    s = A^(−1/2) S A^(−1/2) and the eigenvalues (s + 2c + √(s² + 4cs))/2. The fixed point kT H⁻¹
    is exact for every τ; the flow itself is ``mean_t``, ``cov_t``.

    Parameters
    ----------
    H : number or symmetric (d, d) array
        Positive semi-definite; 0 is the heat equation on a line, which has no steady state and
        therefore no `Exact`: ask ``jko_step``.
    kT, tau : float
    mean0, cov0 : number or arrays (d,), (d, d)
    steps : int

    Returns
    -------
    Exact
        The Ornstein-Uhlenbeck process with the same start; ``data``: tau, means (steps + 1, d),
        covariances (steps + 1, d, d).

    References
    ----------
    Jordan, Kinderlehrer, Otto, SIAM J. Math. Anal. 29 (1998) 1; Wibisono, COLT (2018), sec. 3.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> deviations = zoo.jko_gaussian().data["covariances"][:, 0, 0] ** 0.5
    >>> deviations.round(12).tolist()
    [0.3, 0.315940653956, 0.326995294574, 0.334734466084]
    """
    check_positive(kT=kT, tau=tau)
    for name, value in (("H", H), ("mean0", mean0), ("cov0", cov0)):
        finite_array(value, name)
    H = np.atleast_2d(np.asarray(H, dtype=float))
    d = len(H)
    mean, cov = np.ones(d) * np.asarray(mean0), np.asarray(cov0, dtype=float)
    cov = cov * np.eye(d) if cov.ndim == 0 else cov
    exact = ornstein_uhlenbeck(H, 1.0, kT, mean0=mean, cov0=cov)
    means, covariances = [mean], [cov]
    for _ in range(steps):
        mean, cov = jko_step(H, kT, tau, mean, cov)
        means.append(mean)
        covariances.append(cov)
    return replace(
        exact, code="R21", name="jko_gaussian", title="JKO steps of a Gaussian",
        source="Jordan, Kinderlehrer, Otto, SIAM J. Math. Anal. 29 (1998) 1",
        data={**exact.data, "tau": tau, "means": np.array(means),
              "covariances": np.array(covariances)},
    )  # fmt: skip


def jko_step(
    H: ArrayLike, kT: float, tau: float, mean: ArrayLike, cov: ArrayLike
) -> tuple[Array, Array]:
    """Mean (d,) and covariance (d, d) after one JKO step of length tau under f = x·Hx/2, D = 1.

    Examples
    --------
    >>> from fokkerplanck.zoo.movements import jko_step
    >>> mean, cov = jko_step([[0.0]], 1.0, 0.1, [0.0], [[1.0]])
    >>> round(float(cov[0, 0]) ** 0.5, 10)  # the heat equation itself: 1.0954451150
    1.0916079783
    """
    H, cov = np.atleast_2d(np.asarray(H, dtype=float)), np.atleast_2d(np.asarray(cov, dtype=float))
    A, c = np.eye(len(H)) + tau * H, tau * kT
    root = np.real(sqrtm(A))
    back = np.linalg.inv(root)
    s, V = np.linalg.eigh(back @ cov @ back)
    X = V * ((s + 2 * c + np.sqrt(s**2 + 4 * c * s)) / 2) @ V.T
    return np.linalg.solve(A, np.asarray(mean, dtype=float)), back @ X @ back
