"""Models of stochastic gradient descent: multiplicative noise, and linear regression exactly."""

import math
from typing import Any

import numpy as np
from scipy.linalg import expm
from scipy.special import betainc, gammaln

from fokkerplanck.domain.types import Array, Function
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, still, tensor, zero
from fokkerplanck.zoo.spectra import heavy_ball_covariance

#: Six rows a_i and targets y_i of the linear regression; f = Σ (a_i·x − y_i)²/12.
REGRESSION_ROWS = np.array(
    [[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [1.0, 0.0], [2.0, 1.0]]
)
REGRESSION_TARGETS = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
for _array in (REGRESSION_ROWS, REGRESSION_TARGETS):
    _array.flags.writeable = False

# Finite-volume values on a box of +-3 and +-7; about six digits because of the power-law tails.
_REGRESSION_REFERENCE = {
    0.05: {"mode": (0.170967, -0.049526), "entropy_production": 0.060415, "rms_div_j": 0.22043},
    0.1: {"mode": (0.18799, -0.06056), "entropy_production": 0.12579},
}


def multiplicative_noise(
    h: float = 1.0, s0: float = 1.0, s1: float = 1.0, kT: float = 0.25, half: float = 20.0
) -> Exact:
    """Linear g = h x with D = s0² + s1² x²: ρ_ss ∝ D^(−1 − h/(2 kT s1²)), a Student density.

    Tails P(|x| > t) ~ t^(−α), α = 1 + h/(kT s1²): Gaussian noise makes power laws once D grows
    like x². Normalised on the box, where J = 0 makes it exact.

    Parameters
    ----------
    h, s0, s1 : float
        Curvature of f = h x²/2, additive and multiplicative noise, s0 > 0.
    kT : float
        Temperature.
    half : float
        Half width of the box.

    References
    ----------
    Forman, Sørensen, Scand. J. Stat. 35 (2008); Hodgkinson, Mahoney, ICML 2021.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.multiplicative_noise(h=1.0, s1=1.0, kT=0.25).moments["tail_exponent"]
    5.0
    """
    check_positive(h=h, s0=s0, s1=s1, kT=kT, half=half)
    power = 1 + h / (2 * kT * s1**2)
    u = (s1 * half / s0) ** 2
    log_Z = (
        0.5 * math.log(np.pi) + gammaln(power - 0.5) - gammaln(power)
        + (1 - 2 * power) * math.log(s0) - math.log(s1)
        + math.log(betainc(0.5, power - 0.5, u / (1 + u)))
    )  # fmt: skip
    return Exact(
        code="R25", name="multiplicative_noise", title="multiplicative noise, power-law tails",
        source="Forman, Sørensen, Scand. J. Stat. 35 (2008)",
        kT=kT, box=[(-half, half)], D=lambda x: tensor([[s0**2 + s1**2 * x**2]]),
        f=lambda x: h * x**2 / 2, g=lambda x: fill(h * x),
        Phi=lambda x: kT * power * np.log(s0**2 + s1**2 * x**2), j=still, div_j=zero,
        moments={"tail_exponent": 1 + h / (kT * s1**2)}, closed_forms={"log_Z": float(log_Z)},
        reversible=True, walls_exact=True,
    )  # fmt: skip


class _Regression:
    """f = Σ (a·x − y)²/2N with its exact minibatch covariance D(x) and closed second moments."""

    def __init__(self, rows: Array, targets: Array) -> None:
        self.rows, self.targets, self.n = rows, targets, len(targets)
        self.H = rows.T @ rows / self.n
        self.minimum = np.linalg.solve(self.H, rows.T @ targets / self.n)
        self.errors = rows @ self.minimum - targets

    def residuals(self, *x: Array) -> Array:
        """a_i·x − y_i, shape (N, *shape)."""
        product = np.tensordot(self.rows, fill(*x), axes=1)
        return product - self.targets.reshape(-1, *[1] * (product.ndim - 1))

    def f(self, *x: Array) -> Array:
        """Mean loss."""
        return np.mean(self.residuals(*x) ** 2, axis=0) / 2

    def g(self, *x: Array) -> Array:
        """Gradient of the mean loss."""
        return np.tensordot(self.rows.T, self.residuals(*x), axes=1) / self.n

    def D(self, *x: Array) -> Array:
        """Covariance of the per-sample gradients, (1/N) Σ a aᵀ r² − g gᵀ."""
        r, g = self.residuals(*x), self.g(*x)
        second = np.einsum("ki,kj,k...->ij...", self.rows, self.rows, r**2) / self.n
        return second - g[:, None] * g[None, :]

    def div_D(self, *x: Array) -> Array:
        """Row divergence of D: (2/N) Σ a |a|² r − H g − tr(H) g."""
        weights = self.rows * np.sum(self.rows**2, axis=1, keepdims=True)
        g = self.g(*x)
        turned = np.tensordot(self.H + np.trace(self.H) * np.eye(len(self.H)), g, axes=1)
        return 2 * np.tensordot(weights.T, self.residuals(*x), axes=1) / self.n - turned

    def mean_diffusion(self, M: Array, m: Array | float = 0.0, one: Array | float = 1.0) -> Array:
        """E[D] for second moments M and mean m about the minimum: linear in (1, m, M)."""
        quadratic = np.einsum("ki,ij,kj->k", self.rows, M, self.rows)
        linear = 2 * self.errors * (self.rows @ np.broadcast_to(m, self.minimum.shape))
        weights = quadratic + linear + one * self.errors**2
        return np.einsum("ki,kj,k->ij", self.rows, self.rows, weights) / self.n - (
            self.H @ M @ self.H
        )

    def covariance(self, kT: float) -> Array:
        """Stationary covariance: H S + S H = 2 kT E[D], closed because D is quadratic."""
        H = self.H
        return _solve_linear(
            lambda S, one: H @ S + S @ H - 2 * kT * self.mean_diffusion(S, one=one)
        )

    def moments(self, t: float, kT: float, mean0: Array, cov0: Array) -> tuple[Array, Array]:
        """Mean (..., 2) and covariance (..., 2, 2) at times t, by one matrix exponential."""
        m0 = mean0 - self.minimum
        start = np.concatenate([[1.0], m0, (cov0 + np.outer(m0, m0)).ravel()])
        columns = [self._rate(unit, kT) for unit in np.eye(7)]
        state = expm(np.multiply.outer(np.asarray(t, float), np.array(columns).T)) @ start
        m, M = state[..., 1:3], state[..., 3:].reshape(*state.shape[:-1], 2, 2)
        return self.minimum + m, M - m[..., :, None] * m[..., None, :]

    def _rate(self, state: Array, kT: float) -> Array:
        """Time derivative of (1, m, M)."""
        m, M, H = state[1:3], state[3:].reshape(2, 2), self.H
        growth = 2 * kT * self.mean_diffusion(M, m, state[0]) - H @ M - M @ H
        return np.concatenate([[0.0], -H @ m, growth.ravel()])


_REGRESSION = _Regression(REGRESSION_ROWS, REGRESSION_TARGETS)


def linear_regression_sgd(kT: float = 0.05) -> Exact:
    """Minibatch SGD on a linear regression: f = Σ (a_i·x − y_i)²/12 and D(x) exactly.

    D(x) is the covariance of the per-sample gradients, a quadratic polynomial, and kT = η/(2b).
    Φ and j are not known in closed form, mean and covariance are, at all times: the mean relaxes
    to the minimum (8/55, −2/55) of f, while the mode of ρ_ss does not sit there. Start
    N((0.6, −0.4), 0.01).

    Parameters
    ----------
    kT : float
        Temperature η/(2b).

    Notes
    -----
    Power-law tails: on the default box, moments of the truncated problem agree to about five
    digits at kT = 0.05. ``data`` holds the rows and targets; `regression_covariance` the exact
    covariance of the discrete iteration.

    References
    ----------
    Chaudhari, Soatto, arXiv:1710.11029, Definition 1 and Lemma 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> np.round(zoo.linear_regression_sgd(kT=0.05).moments["cov"], 7)
    array([[0.0495667, 0.0024466],
           [0.0024466, 0.0470712]])
    """
    check_numbers(kT=kT)
    model = _REGRESSION
    mean0, cov0 = np.array([0.6, -0.4]), 0.01 * np.eye(2)
    half = max(3.0 * (kT / 0.05) ** 1.2, 1.5)  # power-law tails, the heavier the hotter
    return Exact(
        code="R26", name="linear_regression_sgd", title="minibatch SGD on a linear regression",
        source="Chaudhari, Soatto, arXiv:1710.11029, Definition 1; six rows chosen here",
        kT=kT, box=[(-half, half)] * 2, f=model.f, g=model.g, D=model.D,
        mean_t=lambda t: model.moments(t, kT, mean0, cov0)[0],
        cov_t=lambda t: model.moments(t, kT, mean0, cov0)[1],
        moments={"mean": model.minimum, "cov": model.covariance(kT)},
        points={"minimum": model.minimum[None, :]},
        reference=_REGRESSION_REFERENCE.get(kT, {}),
        data={"rows": REGRESSION_ROWS, "targets": REGRESSION_TARGETS, "H": model.H,
              "mean0": mean0, "cov0": cov0},
        notes="Φ and j have no closed form; Assumption 4 fails",
    )  # fmt: skip


def regression_losses(theta: Array, data: Any = None) -> np.ndarray:
    """Per-sample losses (a_i·θ − y_i)²/2 of the linear regression, for ``Problem.from_samples``.

    Parameters
    ----------
    theta : array, shape (2, *shape)
        Parameters.
    data : tuple (rows, targets), optional
        Other rows and targets; default the six of `linear_regression_sgd`.

    Returns
    -------
    array, shape (N, *shape)

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.regression_losses([0.0, 0.0])
    array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    """
    rows, targets = (REGRESSION_ROWS, REGRESSION_TARGETS) if data is None else data
    return _Regression(rows, targets).residuals(*theta) ** 2 / 2


def regression_covariance(
    eta: float, b: int, replacement: bool = True, momentum: float = 0.0
) -> np.ndarray:
    """Exact covariance of the iteration: S = (I − ηH) S (I − ηH) + (η²/b) κ E[D].

    κ = 1 with replacement, (N − b)/(N − 1) for fresh batches without. No diffusion limit.

    Parameters
    ----------
    eta : float
        Learning rate.
    b : int
        Batch size, at most 6 without replacement.
    replacement : bool
        How a batch is drawn.
    momentum : float
        Of a heavy ball v' = μv − η grad f_b, x' = x + v'; then as `heavy_ball_covariance`, E[D].

    Returns
    -------
    array, shape (2, 2)

    Raises
    ------
    ValueError
        If the batch does not fit the six rows, or the iteration has no finite covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> np.round(zoo.regression_covariance(eta=0.1, b=3, replacement=False), 7)
    array([[0.0104029, 0.0007364],
           [0.0007364, 0.0086801]])
    """
    model, n = _REGRESSION, _REGRESSION.n
    check_positive(eta=eta)
    check_numbers(b=b, momentum=momentum)
    if b < 1 or (not replacement and b > n):
        raise ValueError(
            f"b is {b}; give a batch size of at least 1 (at most {n} without replacement)"
        )
    share = 1.0 if replacement else (n - b) / (n - 1)
    step = np.eye(2) - eta * model.H

    def balance(S: Array, one: Array) -> Array:
        if momentum:
            noise = share * model.mean_diffusion(S, one=one)
            return S - heavy_ball_covariance(model.H, noise, eta, momentum, b)
        return S - step @ S @ step - eta**2 / b * share * model.mean_diffusion(S, one=one)

    S = _solve_linear(balance)
    if np.linalg.eigvalsh(S).min() < 0:
        raise ValueError(
            f"eta is {eta}; at b = {b} the covariance of the iteration grows, take less"
        )
    return S


def _solve_linear(balance: Function) -> Array:
    """Symmetric 2 x 2 S with balance(S, 1) = 0, for a map linear in (S, one)."""
    zero_S = np.zeros((2, 2))
    columns = [balance(unit.reshape(2, 2), 0.0).ravel() for unit in np.eye(4)]
    S = np.linalg.solve(np.array(columns).T, -balance(zero_S, 1.0).ravel()).reshape(2, 2)
    return (S + S.T) / 2
