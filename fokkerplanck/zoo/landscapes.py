"""Sharp and wide minima: the local entropy of a landscape, and a binary perceptron in full."""

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from fokkerplanck.domain.arguments import describe, frozen, is_whole, positive_number, whole_number
from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, fill, still, zero

#: A sharp and deep well, and a wide one that is less deep: e^(-f) is the sum of two Gaussians.
CENTRES, CURVATURES, WEIGHTS = np.array([-1.0, 1.0]), np.array([100.0, 4.0]), np.array([1.0, 0.6])
#: Largest N of a perceptron: all 2^N weights are listed.
MOST_WEIGHTS = 20


class _Smoothed:
    """f_γ = −log Σ w_i (1 + γ k_i)^(−1/2) e^(−κ_i (x − c_i)²/2), κ_i = k_i/(1 + γ k_i)."""

    def __init__(self, gamma: float) -> None:
        self.spread = 1 + gamma * CURVATURES
        self.curvatures = CURVATURES / self.spread
        self.log_weights = np.log(WEIGHTS) - np.log(self.spread) / 2

    def terms(self, x: Array) -> tuple[Array, ...]:
        """Logs of the two Gaussians, stacked in front."""
        x = np.asarray(x, dtype=float)
        shape = (-1, *([1] * x.ndim))
        away = x - CENTRES.reshape(shape)
        logs = self.log_weights.reshape(shape) - self.curvatures.reshape(shape) * away**2 / 2
        return logs, self.curvatures.reshape(shape) * away

    def f(self, x: Array) -> Array:
        """Local entropy with the sign of a loss."""
        return -logsumexp(self.terms(x)[0], axis=0)

    def slope(self, x: Array) -> Array:
        """Its derivative."""
        logs, pulls = self.terms(x)
        return np.sum(np.exp(logs - logsumexp(logs, axis=0)) * pulls, axis=0)

    def critical_points(self) -> Array:
        """Zeros of the slope between the centres, minima at even places."""
        x = np.linspace(CENTRES[0] - 0.01, CENTRES[1] + 0.01, 4001)
        at = np.flatnonzero(np.diff(np.sign(self.slope(x))))
        return np.array([brentq(self.slope, x[k], x[k + 1], xtol=1e-15) for k in at])


@cache
def local_entropy_jump() -> float:
    """γ* at which the argmin of f_γ jumps from the sharp minimum to the wide one, by root finding.

    The minima lie beside the centres, by the pull of the other well; compared at the centres
    themselves the two wells are level at 0.02004104.

    Examples
    --------
    >>> from fokkerplanck.zoo.landscapes import local_entropy_jump
    >>> round(local_entropy_jump(), 8)
    0.02004107
    """

    def advantage(gamma: float) -> float:
        smoothed = _Smoothed(gamma)
        minima = smoothed.critical_points()[::2]
        return float(np.subtract(*smoothed.f(minima)))

    return brentq(advantage, 0.0, 0.1, xtol=1e-15)


def local_entropy(gamma: float = 0.1, kT: float = 1.0) -> Exact:
    """Local entropy f_γ = −log(G_γ * e^(−f)) of f = −log(e^(−50(x+1)²) + 0.6 e^(−2(x−1)²)), D = 1.

    G_γ is the Gaussian of variance γ, so f_γ solves ∂_γ f = f″/2 − f′²/2 (Hamilton-Jacobi with
    viscosity). At γ = γ* = 0.02004107 its argmin jumps from the sharp well to the wide one.

    Parameters
    ----------
    gamma : float
        Variance γ ≥ 0 of the smoothing.
    kT : float
        Temperature of the density ρ ∝ e^(−f_γ/kT).

    References
    ----------
    Chaudhari et al., ICLR 2017, arXiv:1611.01838 (Entropy-SGD), eq. (4).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> exact = zoo.local_entropy(gamma=0.03)
    >>> exact.points["argmin"].round(6), round(exact.reference["gamma_jump"], 7)
    (array([[1.]]), 0.0200411)
    """
    check_numbers(gamma=gamma, kT=kT)
    if gamma != 0:
        gamma = positive_number(gamma, "gamma")
    smoothed = _Smoothed(gamma)
    minima = smoothed.critical_points()[::2]
    reach = math.sqrt(60 * kT / smoothed.curvatures.min())
    closed = {"log_Z": math.log(np.sum(WEIGHTS * np.sqrt(2 * np.pi / CURVATURES)))}
    return Exact(
        code="R28", name="local_entropy", title="local entropy f_γ of a sharp and a wide well",
        source="Chaudhari et al., arXiv:1611.01838, eq. (4)",
        kT=kT, box=[(CENTRES[0] - reach, CENTRES[1] + reach)],
        f=smoothed.f, g=lambda x: fill(smoothed.slope(x)), Phi=smoothed.f, j=still, div_j=zero,
        reversible=True, walls_exact=True,
        points={
            "minima": minima[:, None],
            "argmin": minima[[np.argmin(smoothed.f(minima))], None],
        },
        reference={"gamma_jump": local_entropy_jump()},
        data={
            "gamma": gamma, "centres": CENTRES, "curvatures": CURVATURES, "weights": WEIGHTS,
        },
        # A convolution keeps the integral of e^(-f), whatever γ.
        closed_forms=closed if kT == 1 else {},
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Perceptron:
    """Binary perceptron: weights w in {−1, 1}^N that classify P random patterns, ξ_μ·w > 0.

    No diffusion, so no ``Exact``: a landscape on the corners of a cube, known in full.

    Attributes
    ----------
    code, name, title, source : str
        As of an ``Exact``.
    patterns : array (P, N)
    weights : array (2^N, N)
        All of them.
    errors : array (2^N,)
        Number of patterns that each of them gets wrong.
    """

    code: str
    name: str
    title: str
    source: str
    patterns: np.ndarray

    def __repr__(self) -> str:
        return f"Perceptron({self.code}, N={self.n_weights}, P={len(self.patterns)})"

    @property
    def n_weights(self) -> int:
        """Dimension N."""
        return self.patterns.shape[1]

    @cached_property
    def weights(self) -> np.ndarray:
        """All corners of the cube."""
        bits = np.arange(2**self.n_weights)[:, None] >> np.arange(self.n_weights) & 1
        return frozen(1 - 2 * bits)

    @cached_property
    def errors(self) -> np.ndarray:
        """Wrongly classified patterns of every corner."""
        return frozen(
            np.sum(self.weights.astype(float) @ self.patterns.T.astype(float) <= 0, axis=1)
        )

    @cached_property
    def solutions(self) -> np.ndarray:
        """Corners without an error (n, N)."""
        return frozen(self.weights[self.errors == 0])

    @cached_property
    def is_isolated(self) -> np.ndarray:
        """Solutions (n,) without another one a single flip away: sharp minima."""
        return frozen(self.within(1, self.solutions) == 1)

    def within(self, distance: int, centres: Any | None = None) -> Array:
        """Number of solutions within a Hamming distance; its log is the local entropy.

        Parameters
        ----------
        distance : int
            0 to N.
        centres : array (m, N), optional
            Default: all corners, in the order of ``weights``.

        Returns
        -------
        array (m,)

        Examples
        --------
        >>> from fokkerplanck import zoo
        >>> perceptron = zoo.binary_perceptron()
        >>> perceptron.within(1, perceptron.solutions).tolist().count(2)
        2
        """
        if isinstance(distance, bool) or distance not in range(self.n_weights + 1):
            raise ValueError(
                f"distance is {describe(distance)}; give a number of flips, 0 to {self.n_weights}"
            )
        centres = self.weights if centres is None else np.asarray(centres)
        overlap = centres.astype(float) @ self.solutions.T.astype(float)  # exact, and fast
        flips = (self.n_weights - overlap) / 2
        return np.sum(flips <= distance, axis=1)


def binary_perceptron(n_weights: int = 15, n_patterns: int = 9, seed: int = 0) -> Perceptron:
    """Binary perceptron in full: all 2^N weights against P random patterns of ±1.

    With the defaults 24 of 32768 weights make no error; 22 of them are isolated, sharp minima.

    Parameters
    ----------
    n_weights : int
        N, odd, so that no pattern is undecided; at most 19.
    n_patterns : int
        P.
    seed : int
        The patterns are ``numpy.random.default_rng(seed).choice([-1, 1], (P, N))``.

    References
    ----------
    Baldassi et al., Phys. Rev. Lett. 115 (2015) 128101: few wide regions among many isolated ones.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> perceptron = zoo.binary_perceptron()
    >>> len(perceptron.solutions), int(perceptron.is_isolated.sum())
    (24, 22)
    """
    if n_weights not in range(1, MOST_WEIGHTS, 2) or isinstance(n_weights, bool):
        raise ValueError(
            f"n_weights is {describe(n_weights)}; give an odd number up to {MOST_WEIGHTS - 1}, "
            "since all corners are listed and ties have no sign"
        )
    if not is_whole(n_patterns) or n_patterns < 1:
        raise ValueError(f"n_patterns is {describe(n_patterns)}; give a number of patterns >= 1")
    seed = whole_number(seed, "seed", 0)
    patterns = np.random.default_rng(seed).choice([-1, 1], (int(n_patterns), int(n_weights)))
    return Perceptron(
        "R32", "binary_perceptron", "binary perceptron, sharp and wide solutions",
        "Baldassi et al., Phys. Rev. Lett. 115 (2015) 128101", frozen(patterns),
    )  # fmt: skip
