"""Spectra of the increments of SGD near a minimum, exactly: plain, and with a heavy ball."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import minimize_scalar

from fokkerplanck.domain.arguments import finite_array, finite_number, one_of, real_array
from fokkerplanck.domain.types import Array, Function
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, check_positive
from fokkerplanck.zoo.linear_drift import gyrator, spiral

_MODELS = {"gyrator": ("R5", gyrator), "spiral": ("R5s", spiral)}


def increment_psd(A: ArrayLike, C: ArrayLike, omega: ArrayLike) -> np.ndarray:
    """S(ω) = |e^(iω) − 1|² (e^(iω) − A)⁻¹ C (e^(−iω) − Aᵀ)⁻¹ of increments of x' = A x + noise.

    Parameters
    ----------
    A, C : arrays, shape (d, d)
        Matrix of the step, covariance of its noise.
    omega : array, shape (*shape)
        Radians per step.

    Returns
    -------
    complex array, shape (d, d, *shape)
        Two-sided: the covariance of an increment is the mean of S over −π..π.

    Examples
    --------
    Increments of white noise are not white, they vanish at ω = 0:

    >>> from fokkerplanck import zoo
    >>> zoo.increment_psd([[0.0]], [[1.0]], [0.0, 3.141592653589793]).real.round(12).tolist()
    [[[0.0, 4.0]]]
    """
    A, C = _square_pair(A=A, C=C)
    z = np.exp(1j * finite_array(omega, "omega", "frequencies, radians per step"))[..., None, None]
    G = np.linalg.inv(z * np.eye(len(A)) - A)
    S = np.abs(z - 1) ** 2 * (G @ C @ np.conj(np.swapaxes(G, -1, -2)))
    return np.moveaxis(S, (-2, -1), (0, 1))


def autoregressive_psd(phi: float, s2: float, omega: ArrayLike) -> np.ndarray:
    """S(ω) = s² 2(1 − cos ω)/(1 + φ² − 2φ cos ω): increments of x' = φ x + s ξ, without any cycle.

    The right null hypothesis for increments of a stationary path: zero at ω = 0 and increasing.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> bool((np.diff(zoo.autoregressive_psd(0.9, 1.0, np.linspace(0, np.pi, 50))) > 0).all())
    True
    """
    if not -1 < finite_number(phi, "phi") < 1:
        raise ValueError(f"phi is {phi:g}; give a number between -1 and 1, so that x is stationary")
    check_positive(s2=s2)
    c = np.cos(finite_array(omega, "omega", "frequencies, radians per step"))
    return s2 * 2 * (1 - c) / (1 + phi**2 - 2 * phi * c)


def sgd_increments(model: str = "gyrator", eta: float = 0.05, *, d2: float | None = None) -> Exact:
    """Spectrum of SGD increments x' = (1 − ηF) x + noise of covariance 2 kT η D, exactly.

    For the gyrator (a true loss) the power spectra along eigenvectors of H are those of AR(1)
    processes, increasing and without a peak, whatever D is. Along other directions the cross terms
    of D can make a hump; if D and H commute, no direction has one, so that a hump implies j ≠ 0,
    and no hump implies nothing. What shows j at any D are the imaginary part of the cross spectrum
    and the Lévy area. For the spiral the power spectra peak near abs(Im λ(F)).

    Parameters
    ----------
    model : {"gyrator", "spiral"}
        R2 or R3, whose problem is taken over.
    eta : float
        Learning rate.
    d2 : float, optional
        Second eigenvalue of D of the gyrator, 0.2 if not given.

    Returns
    -------
    Exact
        ``data``: eta, A, C and the covariance of the iteration. ``moments`` in time t = kη:
        levy_rate_discrete; peaks, rows (frequency, height) of the largest S_11 and S_22 (frequency
        infinite where the largest value is at the end ω = π: no peak); quadrature, the extremum
        (frequency, value) of Im S_12.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> frequency, value = zoo.sgd_increments("spiral").moments["quadrature"]
    >>> print(round(frequency, 3), round(value, 7))
    2.184 -0.0180172
    """
    check_numbers(eta=eta)
    one_of(model, "model", _MODELS)
    code, build = _MODELS[model]
    if d2 is not None and model != "gyrator":
        raise ValueError(f"d2 is {d2!r}, but the {model} has no d2; leave it out")
    exact = build() if d2 is None else gyrator(d2=d2)
    F, D = exact.data["F"], exact.diffusion(*np.zeros(2))
    A, C = np.eye(2) - eta * F, 2 * exact.kT * eta * D
    _check_stable(A, f"eta = {eta}")
    cov = solve_discrete_lyapunov(A, C)

    def entry(i: int, k: int, part: Function) -> Function:
        return lambda w: part(increment_psd(A, C, w)[i, k])

    peaks = [_summit(entry(k, k, np.real), eta) for k in range(2)]
    sign = np.sign(entry(0, 1, np.imag)(0.01))
    where, height = _summit(lambda w: sign * entry(0, 1, np.imag)(w), eta)
    levy = 0.5 * (F @ cov - cov @ F.T)[0, 1]
    return replace(
        exact, code=code, name="sgd_increments", title=f"spectrum of SGD increments, {exact.name}",
        source="VAR(1) spectra, e.g. Brockwell, Davis, Time Series (1991), ch. 11",
        data={**exact.data, "eta": eta, "A": A, "C": C, "cov_discrete": cov},
        moments={
            **exact.moments, "levy_rate_discrete": float(levy), "peaks": np.array(peaks),
            "quadrature": np.array([where, sign * height]),
        },
    )  # fmt: skip


def _summit(S: Function, eta: float) -> tuple[float, float]:
    """Place ω/η and height of the largest inner maximum of S on (0, π); (inf, S(π)) without one."""
    omega = np.linspace(0, np.pi, 4001)[1:]
    values = S(omega)
    k = int(np.argmax(values))
    if k in (0, omega.size - 1):
        return math.inf, float(values[-1])
    found = minimize_scalar(
        lambda w: -S(w), bounds=(omega[k - 1], omega[k + 1]), options={"xatol": 1e-10},
        method="bounded",
    )  # fmt: skip
    return found.x / eta, float(-found.fun)


def heavy_ball(
    H: ArrayLike, D: ArrayLike, eta: float, momentum: float, b: float = 1
) -> tuple[Array, Array]:
    """Step matrix and noise covariance of v' = μv − η(Hx + ξ), x' = x + v', with cov ξ = D/b.

    Parameters
    ----------
    H, D : arrays, shape (d, d)
        Hessian at the minimum, covariance of the per-sample gradients.
    eta, momentum : float
    b : int
        Batch size.

    Returns
    -------
    M, N : arrays, shape (2d, 2d)
        Of the state (x, v). Angles of the eigenvalues of M are frequencies in radians per step;
        ``increment_psd(M, N, omega)[:d, :d]`` is the spectrum of the increments of x.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> data = zoo.gyrator()
    >>> M, N = zoo.heavy_ball(data.data["F"], data.diffusion(0.0, 0.0), 0.1, 0.9)
    >>> np.unique(abs(np.angle(np.linalg.eigvals(M))).round(12) / (2 * np.pi)).round(7)
    array([0.0431442, 0.0868312])
    """
    H, D = _square_pair(H=H, D=D)
    check_positive(eta=eta, b=b)
    if not 0 <= finite_number(momentum, "momentum") < 1:
        raise ValueError(f"momentum is {momentum:g}; give a number from 0 to below 1")
    one = np.eye(len(H))
    M = np.block([[one - eta * H, momentum * one], [-eta * H, momentum * one]])
    return M, np.tile(eta**2 / b * D, (2, 2))


def heavy_ball_covariance(
    H: ArrayLike, D: ArrayLike, eta: float, momentum: float, b: float = 1
) -> np.ndarray:
    """Exact stationary covariance of x under SGD with a heavy ball, no diffusion limit.

    Solves (1 − μ)(HS + SH) − (1 + μ²)/(1 − μ²) η HSH + μ/(1 − μ²) η (H²S + SH²) = η D/b.

    Parameters
    ----------
    H, D, eta, momentum, b
        As in `heavy_ball`.

    Returns
    -------
    array, shape (d, d)

    Raises
    ------
    ValueError
        If the iteration is not stable.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> data = zoo.gyrator()
    >>> zoo.heavy_ball_covariance(data.data["F"], data.diffusion(0.0, 0.0), 0.1, 0.9)[0, 0].round(
    ...     10
    ... )
    np.float64(0.2349987903)
    """
    M, N = heavy_ball(H, D, eta, momentum, b)
    _check_stable(M, f"eta = {eta}, momentum = {momentum}")
    d = len(M) // 2
    return solve_discrete_lyapunov(M, N)[:d, :d]


def _check_stable(A: Array, where: str) -> None:
    """Refuse a step matrix whose iteration has no stationary state."""
    radius = np.abs(np.linalg.eigvals(A)).max()
    if not radius < 1:
        raise ValueError(f"the iteration grows by {radius:g} a step at {where}; take eta smaller")


def _square_pair(**matrices: ArrayLike) -> tuple[Array, Array]:
    """Two named finite matrices (d, d) of one size; numbers count as (1, 1)."""
    arrays = []
    for name, value in matrices.items():
        array = np.atleast_2d(real_array(value, name, "a matrix (d, d)"))
        if array.ndim != 2 or len(array) != array.shape[1] or not np.isfinite(array).all():
            raise ValueError(f"{name} has shape {array.shape}; give a finite matrix (d, d)")
        arrays.append(array)
    if arrays[0].shape != arrays[1].shape:
        (one, a), (other, b) = zip(matrices, arrays, strict=True)
        raise ValueError(f"{one} is {a.shape} and {other} is {b.shape}; give one size")
    return arrays[0], arrays[1]
