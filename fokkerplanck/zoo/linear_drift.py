"""Ornstein-Uhlenbeck processes: linear g = F x and constant D, everything in closed form."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov

from fokkerplanck.domain.arguments import SYMMETRIC, asymmetry, finite_array
from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, check_positive, still

_STANDARD_DEVIATIONS = 7.0  # half width of the default boxes


def ornstein_uhlenbeck(
    F: ArrayLike = 2.0,
    D: ArrayLike = 0.5,
    kT: float = 0.25,
    *,
    mean0: ArrayLike | None = None,
    cov0: ArrayLike | None = None,
) -> Exact:
    r"""Ornstein-Uhlenbeck process g = F x: ρ_ss = N(0, Σ), F Σ + Σ Fᵀ = 2 kT D, j = −Q U x.

    U = kT Σ⁻¹ gives Φ = x·Ux/2, and Q = β F Σ − D is antisymmetric, F = (D + Q) U. The start
    N(m₀, S₀) stays Gaussian: m = e^(−Ft) m₀, S = Σ + e^(−Ft) (S₀ − Σ) e^(−Fᵀt), and
    KL = ½ [tr(Σ⁻¹S) + m·Σ⁻¹m − d − log det(Σ⁻¹S)].

    Parameters
    ----------
    F : number or (d, d) array, 1/time
        Drift matrix, all eigenvalues with positive real part. Symmetric F is the true loss
        f = x·Fx/2 and is handed on as such.
    D : number, (d,) or (d, d) array
        Constant diffusion matrix, positive semi-definite.
    kT : float
        Temperature 1/β.
    mean0, cov0 : array (d,), array (d, d) or number, optional
        Start; default four standard deviations out along the first axis, 0.16 Σ.

    Returns
    -------
    Exact
        div j = 0 always, entropy production −tr(Q D⁻¹ Q U), generator eigenvalues
        −Σ n_i λ_i(F), whatever D and kT.

    Raises
    ------
    ValueError
        If F is not square, not stable, or D does not fit it.

    References
    ----------
    Risken, The Fokker-Planck Equation (1989), sec. 6.5; Kwon, Ao, Thouless, PNAS 102 (2005) 13029;
    Chaudhari, Soatto, arXiv:1710.11029, Lemma 20.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> relaxation = zoo.ornstein_uhlenbeck()
    >>> relaxation.moments["cov"]
    array([[0.0625]])
    >>> round(float(relaxation.kl(1.0)), 10)
    0.1465849008
    """
    check_numbers(kT=kT)
    F, D_matrix = _check_matrices(F, D)
    reversible_by_symmetry = np.array_equal(F, F.T)
    return _gaussian(
        F, D, D_matrix, kT, mean0, cov0,
        code="R1", name="ornstein_uhlenbeck", title="Ornstein-Uhlenbeck process",
        source="Risken, The Fokker-Planck Equation (1989), sec. 6.5",
        is_loss=reversible_by_symmetry,
    )  # fmt: skip


def gyrator(kT: float = 0.1, *, d2: float = 0.2, angle: float = 0.0) -> Exact:
    """Brownian gyrator: f = x·Hx/2 and D = diag(1, d2); q = h12 (d2 − 1)/(h11 + h22).

    The smallest model of SGD whose noise is not isotropic: a true quadratic loss. It circulates
    where D and H do not commute, here as soon as d2 differs from 1. With D turned by the angle
    that an eigenvector of H has, 0.908 (52 degrees) or that and a right angle, nothing circulates,
    whatever d2 is. Start N((1, 1), 0.01).

    Parameters
    ----------
    kT : float
    d2 : float
        Second eigenvalue of D, the first is 1.
    angle : float
        Radians by which D is turned: R diag(1, d2) Rᵀ, R the rotation by it.

    References
    ----------
    Filliger, Reimann, Phys. Rev. Lett. 99 (2007) 230602.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> round(zoo.gyrator().moments["levy_rate"], 10)
    0.0228571429
    >>> aligned = zoo.gyrator(angle=np.arctan2(1, (np.sqrt(17) - 1) / 4))
    >>> round(aligned.entropy_production, 12)
    0.0
    """
    check_numbers(kT=kT, d2=d2, angle=angle)
    if d2 < 0:
        raise ValueError(f"d2 is {d2:g}; give a temperature ratio, at least 0")
    H = np.array([[2.0, -1.0], [-1.0, 1.5]])
    c, s = math.cos(angle), math.sin(angle)
    D = np.array([[c * c + d2 * s * s, (1 - d2) * c * s], [(1 - d2) * c * s, s * s + d2 * c * c]])
    return _gaussian(
        H, (1.0, d2) if angle == 0 else D, D, kT, (1.0, 1.0), 0.01,
        code="R2", name="gyrator", title="Brownian gyrator, a true loss with constant D",
        source="Filliger, Reimann, Phys. Rev. Lett. 99 (2007) 230602", is_loss=True,
        notes="eigenvalues of F are real although j circulates",
    )  # fmt: skip


def spiral(kT: float = 0.1) -> Exact:
    """Two-dimensional spiral: non-symmetric F with complex eigenvalues, full constant D.

    Start N((1, 0), 0.02).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(float(zoo.spiral().q(0.0, 0.0)), 10)
    -1.2444444444
    """
    check_numbers(kT=kT)
    F = np.array([[1.0, -2.0], [1.5, 0.8]])
    D = np.array([[1.0, 0.3], [0.3, 0.4]])
    return _gaussian(
        F, D, D, kT, (1.0, 0.0), 0.02,
        code="R3", name="spiral", title="spiral sink, drift without a potential",
        source="Kwon, Ao, Thouless, PNAS 102 (2005) 13029", is_loss=False,
    )  # fmt: skip


def spiral_3d(kT: float = 0.1) -> Exact:
    """Three-dimensional spiral: non-symmetric F, full constant D; start N((1, 0, −0.5), 0.02).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.spiral_3d().entropy_production, 10)
    6.5277812344
    """
    check_numbers(kT=kT)
    F = np.array([[1.0, -2.0, 0.5], [1.5, 1.2, -0.3], [0.2, 0.4, 0.8]])
    D = np.array([[1.0, 0.2, 0.0], [0.2, 0.6, 0.1], [0.0, 0.1, 0.3]])
    return _gaussian(
        F, D, D, kT, (1.0, 0.0, -0.5), 0.02,
        code="R4", name="spiral_3d", title="spiral sink in space",
        source="Kwon, Ao, Thouless, PNAS 102 (2005) 13029", is_loss=False,
    )  # fmt: skip


def gyrator_3d(kT: float = 0.1) -> Exact:
    """Brownian gyrator in space: true loss f = x·Hx/2, D = diag(1, 0.3, 0.1).

    Start N((1, 0, −0.5), 0.02).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.gyrator_3d().f is not None
    True
    """
    check_numbers(kT=kT)
    H = np.array([[2.0, -0.5, 0.3], [-0.5, 1.5, -0.4], [0.3, -0.4, 1.0]])
    return _gaussian(
        H, (1.0, 0.3, 0.1), np.diag([1.0, 0.3, 0.1]), kT, (1.0, 0.0, -0.5), 0.02,
        code="R4b", name="gyrator_3d", title="Brownian gyrator in space, a true loss",
        source="Filliger, Reimann, Phys. Rev. Lett. 99 (2007) 230602", is_loss=True,
    )  # fmt: skip


def langevin(h: float = 1.0, gamma: float = 0.5, kT: float = 0.25) -> Exact:
    """Underdamped oscillator x' = v, dv = −(h x + γ v) dt + sqrt(2 γ kT) dW: D = diag(0, γ).

    Φ = h x²/2 + v²/2, j = (v, −h x), generator eigenvalues from γ/2 ± sqrt(γ²/4 − h). Noise in
    v alone: D is singular, so the entropy production β⟨j·D⁻¹j⟩ is infinite.

    References
    ----------
    Risken, The Fokker-Planck Equation (1989), sec. 10.2.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.langevin().entropy_production
    inf
    """
    check_positive(h=h, gamma=gamma, kT=kT)
    F = np.array([[0.0, -1.0], [h, gamma]])
    cov = kT * np.diag([1.0 / h, 1.0])
    return _gaussian(
        F, (0.0, gamma), np.diag([0.0, gamma]), kT, (2.0 * math.sqrt(kT / h), 0.0), 0.36 * cov,
        code="R23", name="langevin", title="underdamped oscillator, rank-one D",
        source="Risken, The Fokker-Planck Equation (1989), sec. 10.2", is_loss=False,
        notes="D has rank 1; dKL/dt may vanish at isolated times",
    )  # fmt: skip


def _check_matrices(F: ArrayLike, D: ArrayLike) -> tuple[Array, Array]:
    """F and D as matrices of one size, F stable."""
    F = np.atleast_2d(finite_array(F, "F", "a number or a (d, d) matrix"))
    d = len(F)
    if F.shape != (d, d) or not 1 <= d <= 3:
        raise ValueError(f"F has shape {F.shape}; give a number or a (d, d) matrix, d = 1, 2, 3")
    D = finite_array(D, "D", f"a number, ({d},) or a symmetric ({d}, {d})")
    matrix = D * np.eye(d) if D.ndim == 0 else np.diag(D) if D.ndim == 1 else D
    if matrix.shape != (d, d) or asymmetry(matrix) > SYMMETRIC:
        raise ValueError(f"D has shape {D.shape}; give a number, ({d},) or a symmetric ({d}, {d})")
    slowest = np.linalg.eigvals(F).real.min()
    if slowest <= 0:
        raise ValueError(
            f"F has an eigenvalue with real part {slowest:.6g}; all must be positive for a steady "
            "state to exist"
        )
    return F, matrix


def _gaussian(
    F: Array,
    D: ArrayLike,
    D_matrix: Array,
    kT: float,
    mean0: ArrayLike | None,
    cov0: ArrayLike | None,
    *,
    is_loss: bool,
    notes: str = "",
    **words: Any,
) -> Exact:
    """Assemble the reference from the matrices."""
    d = len(F)
    Sigma = solve_continuous_lyapunov(F, 2 * kT * D_matrix)
    Sigma = (Sigma + Sigma.T) / 2
    U = kT * np.linalg.inv(Sigma)
    Q = F @ Sigma / kT - D_matrix
    Q = (Q - Q.T) / 2
    reversible = bool(np.abs(Q).max() < 1e-13 * np.abs(D_matrix).max())
    Q = np.zeros((d, d)) if reversible else Q
    QU = Q @ U
    mean0 = 4 * math.sqrt(Sigma[0, 0]) * np.eye(d)[0] if mean0 is None else np.atleast_1d(mean0)
    cov0 = 0.16 * Sigma if cov0 is None else np.asarray(cov0, float)
    cov0 = cov0 * np.eye(d) if cov0.ndim == 0 else cov0
    flow = _Relaxation(F, Sigma, np.asarray(mean0, float), cov0)
    return Exact(
        **words,
        kT=kT,
        box=flow.box(),
        D=D,
        g=lambda *x: _times(F, x),
        f=(lambda *x: _quadratic(F, x)) if is_loss else None,
        Phi=lambda *x: _quadratic(U, x),
        j=still if reversible else lambda *x: -_times(QU, x),
        div_j=lambda *x: np.zeros(np.broadcast_shapes(*map(np.shape, x))),
        q=(lambda x, y: np.full(np.broadcast_shapes(np.shape(x), np.shape(y)), Q[0, 1]))
        if d == 2
        else None,
        a=(lambda *x: _constant((Q[1, 2], Q[2, 0], Q[0, 1]), x)) if d == 3 else None,
        rho_t=flow.density,
        mean_t=flow.mean,
        cov_t=flow.cov,
        kl=flow.kl,
        eigenvalues=generator_eigenvalues(F),
        moments={
            "mean": np.zeros(d),
            "cov": Sigma,
            "levy": kT * Q,
            **({"levy_rate": float(kT * Q[0, 1])} if d == 2 else {}),
            "j2": abs(float(kT * np.trace(QU @ Q))),
        },
        data={"F": F, "U": U, "Q": Q, "mean0": flow.mean0, "cov0": flow.cov0},
        closed_forms={
            "log_Z": 0.5 * np.linalg.slogdet(2 * np.pi * Sigma)[1],
            "entropy_production": _entropy_production(Q, QU, D_matrix),
        },
        reversible=reversible,
        walls_exact=reversible,
        notes=notes or "normalised on the whole space",
    )


class _Relaxation:
    """Gaussian relaxation of N(m0, S0) under dm = −F m dt towards N(0, Σ)."""

    def __init__(self, F: Array, Sigma: Array, mean0: Array, cov0: Array) -> None:
        self.F, self.Sigma, self.mean0, self.cov0 = F, Sigma, mean0, cov0

    def mean(self, t: float) -> Array:
        """e^(−Ft) m0, shape (..., d)."""
        return self._propagator(t) @ self.mean0

    def cov(self, t: float) -> Array:
        """Σ + e^(−Ft)(S0 − Σ)e^(−Fᵀt), shape (..., d, d)."""
        return self.Sigma + self._excess(t)

    def kl(self, t: float) -> Array:
        """KL(ρ_t‖ρ_ss), shape (...); no cancellation as S approaches Σ."""
        root = np.linalg.inv(np.linalg.cholesky(self.Sigma))
        z = np.linalg.eigvalsh(root @ self._excess(t) @ root.T)
        shift = self.mean(t) @ root.T
        return 0.5 * (np.sum(_minus_log(z), axis=-1) + np.sum(shift**2, axis=-1))

    def density(self, t: float, *x: Array) -> Array:
        """N(m(t), S(t)) at x, one time."""
        S, m = self.cov(t), self.mean(t)
        offset = [u - m_i for u, m_i in zip(x, m, strict=True)]
        return np.exp(-_quadratic(np.linalg.inv(S), offset)) / math.sqrt(
            np.linalg.det(2 * np.pi * S)
        )

    def box(self) -> tuple[tuple[float, float], ...]:
        """Symmetric box that holds the whole relaxation."""
        step = expm(-0.05 * self.F / np.linalg.eigvals(self.F).real.min())
        mean, excess = self.mean0, self.cov0 - self.Sigma
        half = np.zeros(len(self.F))
        for _ in range(100):
            spread = np.sqrt(np.diag(self.Sigma + excess))
            half = np.maximum(half, np.abs(mean) + _STANDARD_DEVIATIONS * spread)
            mean, excess = step @ mean, step @ excess @ step.T
        return tuple((-w, w) for w in half)

    def _propagator(self, t: float) -> Array:
        return expm(-np.multiply.outer(np.asarray(t, float), self.F))

    def _excess(self, t: float) -> Array:
        P = self._propagator(t)
        return P @ (self.cov0 - self.Sigma) @ np.swapaxes(P, -1, -2)


def _minus_log(z: NDArray[np.floating]) -> Array:
    """Return z − log(1 + z), accurate for small z."""
    small = np.abs(z) < 1e-4
    series = z * z * (0.5 - z * (1 / 3 - z * (0.25 - 0.2 * z)))
    return np.where(small, series, z - np.log1p(np.where(small, 0.0, z)))


def _entropy_production(Q: Array, QU: Array, D: Array) -> float:
    """−tr(Q D⁻¹ Q U), infinite where j leaves the range of a singular D."""
    if not Q.any():
        return 0.0
    if np.linalg.matrix_rank(D) < len(D):
        return math.inf
    return float(-np.trace(Q @ np.linalg.solve(D, QU)))


def generator_eigenvalues(F: ArrayLike, count: int = 12) -> Array:
    """Return the `count` slowest non-zero −Σ n_i λ_i(F), by decreasing real part.

    Examples
    --------
    >>> from fokkerplanck.zoo.linear_drift import generator_eigenvalues
    >>> generator_eigenvalues([[1.0, 0.0], [0.0, 2.5]], count=3).real
    array([-1. , -2. , -2.5])
    """
    rates = np.linalg.eigvals(np.atleast_2d(np.asarray(F, float))).astype(complex)
    powers = itertools.product(range(count + 1), repeat=len(rates))
    values = np.array([-np.dot(n, rates) for n in powers if 0 < sum(n) <= count])
    order = np.lexsort((values.imag, np.round(-values.real, 10)))
    return values[order][:count] + 0.0  # no negative zeros


def _times(A: NDArray[np.floating], x: Sequence[Array]) -> Array:
    """Matrix times coordinates, A x, shape (d, *shape)."""
    return np.tensordot(A, np.stack(np.broadcast_arrays(*x)), axes=1)


def _quadratic(A: NDArray[np.floating], x: Sequence[Array]) -> Array:
    """Quadratic form x·A x/2."""
    return 0.5 * np.sum(_times(A, x) * np.stack(np.broadcast_arrays(*x)), axis=0)


def _constant(values: Sequence[float], x: Sequence[Array]) -> Array:
    """Constant vector field."""
    shape = np.broadcast_shapes(*map(np.shape, x))
    return np.stack([np.full(shape, value) for value in values])
