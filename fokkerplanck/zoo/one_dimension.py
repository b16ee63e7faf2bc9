"""One dimension: noise-induced transitions, the tilted ring, and two Pearson diffusions."""

import math
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, ive

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact, legendre, with_moments
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, still, tensor, zero


def _line(**words: Any) -> Exact:
    """Reversible problem on an interval: J = 0, so the walls never matter."""
    return Exact(j=still, div_j=zero, reversible=True, walls_exact=True, **words)


def noise_induced_transition(kT: float = 0.25) -> Exact:
    """Loss f = (x² − 1)²/4 with D = 1 + x²: Φ = x²/2 − (1 − kT) log(1 + x²).

    Modes x² = 1 − 2 kT for kT < 1/2; from kT = 1/2 on, the single mode is x = 0, a maximum of f.
    Φ depends on kT.

    References
    ----------
    Horsthemke, Lefever, Noise-Induced Transitions (1984), ch. 6.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.noise_induced_transition(kT=0.5).points["modes"]
    array([[0.]])
    """
    check_numbers(kT=kT)
    half = math.sqrt(80 * kT + 8)
    mode = math.sqrt(max(1 - 2 * kT, 0.0))
    exact = _line(
        code="R9", name="noise_induced_transition", title="D = 1 + x² moves the modes inwards",
        source="Horsthemke, Lefever, Noise-Induced Transitions (1984), ch. 6",
        kT=kT, box=[(-half, half)], D=lambda x: tensor([[1 + x**2]]),
        f=lambda x: (x**2 - 1) ** 2 / 4, g=lambda x: fill(x**3 - x),
        Phi=lambda x: x**2 / 2 - (1 - kT) * np.log1p(x**2),
        points={"modes": np.array([[-mode], [mode]]) if mode else np.array([[0.0]])},
    )  # fmt: skip
    return with_moments(exact, Z=lambda x: math.exp(exact.log_Z) + zero(x), x2=lambda x: x * x)


def noise_repelled_modes(kT: float = 0.25) -> Exact:
    """Loss f = (x² − 1)²/4 with D = 1/(1 + x²): Φ = x⁶/6 − x²/2 − kT log(1 + x²).

    Modes: u = x² solves (u − 1)(u + 1)² = 2 kT, so x = 1 + kT/4 + O(kT²).

    References
    ----------
    Horsthemke, Lefever, Noise-Induced Transitions (1984), ch. 6.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(float(zoo.noise_repelled_modes(kT=0.25).points["modes"][1, 0]), 10)
    1.0545543777
    """
    check_numbers(kT=kT)
    half = (6 * (40 * kT + 4)) ** (1 / 6)
    # (u - 1)(u + 1)^2 = u^3 + u^2 - u - 1
    roots = np.roots([1.0, 1.0, -1.0, -1.0 - 2 * kT])
    mode = math.sqrt(roots[np.argmin(np.abs(roots.imag))].real)
    return _line(
        code="R9b", name="noise_repelled_modes", title="D = 1/(1 + x²) moves the modes outwards",
        source="Horsthemke, Lefever, Noise-Induced Transitions (1984), ch. 6",
        kT=kT, box=[(-half, half)], D=lambda x: tensor([[1 / (1 + x**2)]]),
        f=lambda x: (x**2 - 1) ** 2 / 4, g=lambda x: fill(x**3 - x),
        Phi=lambda x: x**6 / 6 - x**2 / 2 - kT * np.log1p(x**2),
        points={"modes": np.array([[-mode], [mode]])},
    )  # fmt: skip


class _Ring:
    """ρ(x) ∝ ∫₀^L exp(β[V(x + s) − V(x) − F s]) ds for V = V0 cos x on (0, 2π)."""

    def __init__(self, V0: float, F: float, kT: float) -> None:
        self.V0, self.F, self.kT = V0, F, kT
        node, weight = legendre(400)
        self.s, self.weight = np.pi * (node + 1), np.pi * weight
        x = 2 * np.pi * np.arange(400) / 400
        self.Z = 1.0
        self.Z = float(np.mean(self.rho(x)) * 2 * np.pi)  # the midpoint rule on a ring

    def rho(self, x: Array) -> Array:
        """Density, normalised."""
        x = np.asarray(x, dtype=float)[..., None]
        exponent = self.V0 * (np.cos(x + self.s) - np.cos(x)) - self.F * self.s
        return np.sum(self.weight * np.exp(exponent / self.kT), axis=-1) / self.Z

    def current(self) -> float:
        """J = (1 − e^(−βFL)) kT/Z, from the integration constant of J = −g ρ − kT ρ'."""
        return self.kT * -math.expm1(-2 * np.pi * self.F / self.kT) / self.Z


def tilted_ring(V0: float = 1.0, F: float = 0.5, kT: float = 1.0) -> Exact:
    r"""Overdamped ring g = −V0 sin x − F, D = 1: J = kT sinh(πβF)/(2π² |I_{iβF}(βV0)|²).

    The plainest non-equilibrium steady state. No single-valued potential and no Q exist (the
    current is harmonic), and div j = β j Φ' ≠ 0. Entropy production 2πβ F J.

    Parameters
    ----------
    V0, F : float
        Height of V = V0 cos x and constant force, energy and energy/length.
    kT : float
        Temperature.

    References
    ----------
    Stratonovich (1958); Reimann, Phys. Rep. 361 (2002) 57, sec. 2.4.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.tilted_ring().moments["current"], 12)
    0.053866742022
    """
    check_numbers(V0=V0, F=F, kT=kT)
    ring = _Ring(V0, F, kT)
    J = ring.current()

    def drift_field(x: Array) -> Array:
        return fill(-V0 * np.sin(x) - F)

    def div_j(x: Array) -> Array:
        # rho' = (-g rho - J)/kT, hence (J/rho)' = J (g rho + J)/(kT rho^2).
        rho = ring.rho(x)
        return J * (drift_field(x)[0] * rho + J) / (kT * rho**2)

    return Exact(
        code="R10", name="tilted_ring", title="tilted ring, a current without a potential",
        source="Reimann, Phys. Rep. 361 (2002) 57, sec. 2.4",
        kT=kT, box=[(0.0, 2 * np.pi)], sides="periodic", g=drift_field,
        Phi=lambda x: -kT * np.log(ring.rho(x)), j=lambda x: fill(J / ring.rho(x)), div_j=div_j,
        moments={"current": J},
        closed_forms={"log_Z": 0.0, "entropy_production": 2 * np.pi * F * J / kT},
        walls_exact=True, notes="Q = 0 on a ring although J ≠ 0",
    )  # fmt: skip


def square_root_diffusion(
    kappa: float = 1.0, theta: float = 1.0, sigma: float = 0.5, kT: float = 0.5
) -> Exact:
    """Cox-Ingersoll-Ross: g = κ(x − θ), D = σ x on x > 0: a Gamma density.

    ρ_ss ∝ x^(βκθ/σ − 1) e^(−βκx/σ), generator eigenvalues −κ n. D vanishes at the wall x = 0, which
    is reached if Feller's ratio βκθ/σ < 1. The transient has been at 2θ a time 1/4κ before t = 0: a
    noncentral chi-square law.

    References
    ----------
    Cox, Ingersoll, Ross, Econometrica 53 (1985) 385; Forman, Sørensen, Scand. J. Stat. 35 (2008).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.square_root_diffusion().moments["mean"]
    array([1.])
    """
    check_positive(kappa=kappa, theta=theta, sigma=sigma, kT=kT)
    scale = sigma * kT / kappa
    shape = theta / scale
    top = scale * (shape + 8 * math.sqrt(shape) + 20)

    def Phi(x: Array) -> Array:
        return -kT * ((shape - 1) * np.log(x) - x / scale)

    def rho_t(t: float, x: Array) -> Array:
        decay = math.exp(-kappa * (t + 0.25 / kappa))
        c = 1 / (scale * (1 - decay))
        u, v = c * 2 * theta * decay, c * np.asarray(x)
        # With ive, Bessel's function over e^(2 √uv).
        bessel = ive(shape - 1, 2 * np.sqrt(u * v))
        return c * np.exp(-((np.sqrt(u) - np.sqrt(v)) ** 2)) * (v / u) ** ((shape - 1) / 2) * bessel

    return _line(
        code="R11", name="square_root_diffusion", title="Cox-Ingersoll-Ross process, Gamma density",
        source="Cox, Ingersoll, Ross, Econometrica 53 (1985) 385",
        kT=kT, box=[(0.0, top)], D=lambda x: tensor([[sigma * x]]),
        g=lambda x: fill(kappa * (x - theta)), Phi=Phi, rho_t=rho_t,
        eigenvalues=-kappa * np.arange(1.0, 9.0),
        moments={"mean": np.array([theta]), "cov": np.array([[theta * scale]])},
        closed_forms={"log_Z": float(gammaln(shape) + shape * math.log(scale))},
        data={"shape": shape, "scale": scale}, notes="D = 0 at the wall x = 0",
    )  # fmt: skip


def jacobi(A: float = 3.0, B: float = 2.0, kT: float = 1.0) -> Exact:
    """Jacobi (Wright-Fisher) diffusion: g = −A(1 − x) + B x, D = x(1 − x): Beta(βA, βB).

    Generator eigenvalues −n(A + B) − kT n(n − 1). D vanishes at both walls.

    References
    ----------
    Karlin, Taylor, A Second Course in Stochastic Processes (1981), ch. 15; Forman, Sørensen,
    Scand. J. Stat. 35 (2008).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.jacobi().eigenvalues[:3]
    array([ -5., -12., -21.])
    """
    check_positive(A=A, B=B, kT=kT)
    p, q = A / kT, B / kT
    n = np.arange(1.0, 9.0)
    return _line(
        code="R12", name="jacobi", title="Jacobi diffusion, Beta density",
        source="Karlin, Taylor, A Second Course in Stochastic Processes (1981), ch. 15",
        kT=kT, box=[(0.0, 1.0)], D=lambda x: tensor([[x * (1 - x)]]),
        g=lambda x: fill(B * x - A * (1 - x)),
        Phi=lambda x: -kT * ((p - 1) * np.log(x) + (q - 1) * np.log1p(-x)),
        eigenvalues=-n * (A + B) - kT * n * (n - 1),
        moments={"mean": np.array([p / (p + q)]),
                 "cov": np.array([[p * q / ((p + q) ** 2 * (p + q + 1))]])},
        closed_forms={"log_Z": float(betaln(p, q))}, notes="D = 0 at both walls",
    )  # fmt: skip
