"""Steady states that turn: a limit cycle with noise, a true loss on the torus, chaotic orbits."""

import math

import numpy as np
from scipy.special import erfc, erfcx

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact, with_moments
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, zero


def abc_flow(
    A: float = 1.0, B: float = (2 / 3) ** 0.5, C: float = (1 / 3) ** 0.5, kT: float = 1.0
) -> Exact:
    """Arnold-Beltrami-Childress flow on the torus, D = 1: ρ_ss uniform, Φ = 0, orbits of j chaotic.

    j = −g = (A sin z + C cos y, B sin x + A cos z, C sin y + B cos x), curl j = j, so a = j/kT.
    div j = 0 and j·grad Φ = 0 although orbits of j do not close (Lyapunov exponent about 0.07 from
    (0.1, 0.2, 3)): closed orbits belong to two dimensions.

    References
    ----------
    Dombre, Frisch, Greene, Hénon, Mehr, Soward, J. Fluid Mech. 167 (1986) 353.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.abc_flow().entropy_production, 12)
    2.0
    """
    check_numbers(A=A, B=B, C=C, kT=kT)

    def j(x: Array, y: Array, z: Array) -> Array:
        return fill(
            A * np.sin(z) + C * np.cos(y) + 0 * x,
            B * np.sin(x) + A * np.cos(z) + 0 * y,
            C * np.sin(y) + B * np.cos(x) + 0 * z,
        )

    return Exact(
        code="R17", name="abc_flow", title="ABC flow on the torus, chaotic orbits of j",
        source="Dombre et al., J. Fluid Mech. 167 (1986) 353",
        kT=kT, box=[(0.0, 2 * np.pi)] * 3, sides="periodic", g=lambda *x: -j(*x), Phi=zero, j=j,
        div_j=zero, a=lambda *x: j(*x) / kT,
        closed_forms={
            "log_Z": 3 * math.log(2 * np.pi), "entropy_production": (A**2 + B**2 + C**2) / kT,
        },
        reference={"lyapunov_exponent": 0.07}, walls_exact=True,
    )  # fmt: skip


def stuart_landau(mu: float = 1.0, w0: float = 1.0, w1: float = 0.5, kT: float = 0.1) -> Exact:
    """Noisy limit cycle: Φ = −μ r²/2 + r⁴/4, D = 1, j = (w0 + w1 r²)(−y, x), g = grad Φ − j.

    The drift −g has a true limit cycle r = sqrt(μ) with frequency w0 + w1 μ; div j = 0.

    Parameters
    ----------
    mu, w0, w1 : float
        Growth rate μ > 0, frequency at the origin, its increase with r².
    kT : float
        Temperature.

    References
    ----------
    Risken, The Fokker-Planck Equation (1989), ch. 12 (laser).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> cycle = zoo.stuart_landau(mu=1.0, w0=1.0, w1=0.5, kT=0.1)
    >>> cycle.reference["cycle_frequency"]
    1.5
    """
    check_numbers(w0=w0, w1=w1)
    check_positive(mu=mu, kT=kT)
    root = math.sqrt(kT)
    edge = -mu / (2 * root)
    # r^2 has the density of a normal with mean mu and variance 2 kT, cut at 0.
    r2 = mu + 2 * root / (math.sqrt(np.pi) * erfcx(edge))
    log_Z = math.log(np.pi * math.sqrt(np.pi * kT) * erfc(edge)) + mu**2 / (4 * kT)

    def turn(x: Array, y: Array) -> Array:
        return w0 + w1 * (x**2 + y**2)

    def q(x: Array, y: Array) -> Array:
        z = (x**2 + y**2 - mu) / (2 * root)
        return ((w0 + w1 * mu) * math.sqrt(np.pi * kT) * erfcx(z) + 2 * kT * w1) / (2 * kT)

    def g(x: Array, y: Array) -> Array:
        radial, angular = x**2 + y**2 - mu, turn(x, y)
        return fill(radial * x + angular * y, radial * y - angular * x)

    half = math.sqrt(mu + math.sqrt(148 * kT))
    exact = Exact(
        code="R24", name="stuart_landau", title="Stuart-Landau oscillator, a noisy limit cycle",
        source="Risken, The Fokker-Planck Equation (1989), ch. 12",
        kT=kT, box=[(-half, half)] * 2, g=g,
        Phi=lambda x, y: -mu * (x**2 + y**2) / 2 + (x**2 + y**2) ** 2 / 4,
        j=lambda x, y: turn(x, y) * fill(-y, x), div_j=zero, q=q,
        moments={"r2": float(r2), "omega": float(w0 + w1 * r2)}, closed_forms={"log_Z": log_Z},
        reference={"cycle_radius": math.sqrt(mu), "cycle_frequency": w0 + w1 * mu},
        reversible=w0 == 0 and w1 == 0, walls_exact=w0 == 0 and w1 == 0,
    )  # fmt: skip
    return with_moments(exact, levy_rate=lambda x, y: turn(x, y) * (x**2 + y**2) / 2)


def torus_loss(s: float = 0.5, alpha: float = 0.5, kT: float = 1.0) -> Exact:
    """Torus with constant D = diag(1 + s, 1 − s) and f = −kT log(1 + α cos(x + y)): Φ = f, j ≠ 0.

    ρ_ss = (1 + α cos(x + y))/4π², j = s kT α sin(x + y)/(1 + α cos(x + y)) (1, −1), div j = 0. A
    true loss, constant non-isotropic D, and yet Φ = f; entropy production
    2 s² kT (1 − sqrt(1 − α²))/(1 − s²).

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.torus_loss().entropy_production, 12)
    0.089316397477
    """
    check_numbers(s=s, alpha=alpha, kT=kT)
    if not -1 < s < 1:
        raise ValueError(f"s is {s:g}; give a number between -1 and 1")

    def wave(x: Array, y: Array) -> Array:
        return 1 + alpha * np.cos(x + y)

    def f(x: Array, y: Array) -> Array:
        return -kT * np.log(wave(x, y))

    def g(x: Array, y: Array) -> Array:
        slope = kT * alpha * np.sin(x + y) / wave(x, y)
        return fill(slope, slope)

    return Exact(
        code="R27b", name="torus_loss", title="Φ = f although D is not isotropic and j ≠ 0",
        source="counterexample to Chaudhari, Soatto, arXiv:1710.11029, Lemma 6",
        kT=kT, box=[(0.0, 2 * np.pi)] * 2, sides="periodic", D=(1 + s, 1 - s), f=f, g=g, Phi=f,
        j=lambda x, y: s * fill(g(x, y)[0], -g(x, y)[1]),
        div_j=zero, q=lambda x, y: -s * alpha * np.cos(x + y) / wave(x, y),
        closed_forms={
            "log_Z": 2 * math.log(2 * np.pi),
            "entropy_production": 2 * s**2 * kT * (1 - math.sqrt(1 - alpha**2)) / (1 - s**2),
        },
        walls_exact=True, notes="q is fixed up to a constant times 1/ρ_ss on the torus",
    )  # fmt: skip
