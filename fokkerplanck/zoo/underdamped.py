"""Noise in some directions only: motion with inertia, filters, oscillators, with known numbers."""

import math
from dataclasses import replace

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, zero
from fokkerplanck.zoo.linear_drift import ornstein_uhlenbeck

#: Spectral gap of the double well at kT = 0.05 by friction, to the digits written: Galerkin's
#: method, Hermite functions of v and sinc functions of x.
GAPS = {5.0: 5.38066e-4, 1.0: 1.785350e-3, 0.1: 1.49195e-3, 0.02: 4.4718e-4}
#: Mean time from (-1, 0) to x > 0.9 at kT = 0.05 by friction: limits of grids, good to the digits
#: written; 10 000 paths gave 3702 +- 36, 1136 +- 11, 1074 +- 11 and 2830 +- 27.
PASSAGES = {5.0: 3761.0, 1.0: 1134.1, 0.1: 1071.6, 0.02: 2825.0}


def kramers_plane(gamma: float = 0.1, kT: float = 0.05) -> Exact:
    r"""Kramers' problem: a double well U = x⁴/4 − x²/2 with inertia, dv = (−U' − γv) dt + noise.

    ρ_ss is Maxwell-Boltzmann, Φ = U + v²/2, and j = (v, −U'). Escape is slow at both ends of the
    friction: at γ = 0.02 energy diffuses slowly, at γ = 5 positions do (Kramers' turnover).

    Parameters
    ----------
    gamma : float
        Friction; gap and passage time are listed for 5, 1, 0.1 and 0.02.
    kT : float
        Temperature; they are listed for 0.05, a barrier of five kT.

    Returns
    -------
    Exact
        ``reference["gap"]``; ``reference["mfpt"]``, mean time from (−1, 0) to x > 0.9;
        ``moments["kramers_rate"]``, (sqrt(γ²/4 + 1) − γ/2) √2/2π e^(−β/4), good for large γ.
        ``data["U"]`` and ``data["gamma"]`` are what ``Problem.langevin`` takes.

    References
    ----------
    Kramers, Physica 7 (1940) 284; Hänggi, Talkner, Borkovec, Rev. Mod. Phys. 62 (1990) 251.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> exact = fp.zoo.kramers_plane(gamma=0.1)
    >>> grid = fp.Grid(exact.box, 80)
    >>> problem = fp.Problem.langevin(grid, exact.data["U"], exact.data["gamma"], exact.kT)
    >>> fp.steady_state(problem).stats.scheme, exact.reference["gap"]
    ('exact', 0.00149195)
    """
    check_numbers(gamma=gamma, kT=kT)
    known = math.isclose(kT, 0.05, rel_tol=1e-12)
    key = next((g for g in GAPS if math.isclose(g, gamma, rel_tol=1e-12)), None)
    gap = GAPS[key] if known and key is not None else None
    rate = (math.hypot(gamma / 2, 1) - gamma / 2) * math.sqrt(2) / (2 * math.pi)
    half = math.sqrt(1 + math.sqrt(180 * kT)), math.sqrt(51.2 * kT)
    return Exact(
        code="N1",
        name="kramers_plane",
        title="escape with inertia, Kramers' turnover",
        source="Kramers, Physica 7 (1940) 284",
        kT=kT,
        box=[(-half[0], half[0]), (-half[1], half[1])],
        D=(0.0, gamma),
        g=lambda x, v: fill(-v, x**3 - x + gamma * v),
        Phi=lambda x, v: x**4 / 4 - x**2 / 2 + v**2 / 2,
        j=lambda x, v: fill(v, x - x**3),
        div_j=zero,
        q=lambda x, v: zero(x, v) - 1.0,
        eigenvalues=None if gap is None else np.array([-gap]),
        moments={"v2": kT, "kramers_rate": rate * math.exp(-0.25 / kT)},
        points={"minima": np.array([[-1.0, 0.0], [1.0, 0.0]]), "saddles": np.zeros((1, 2))},
        reference={} if gap is None or key is None else {"gap": gap, "mfpt": PASSAGES[key]},
        data={"U": _double_well, "gamma": gamma},
        closed_forms={"entropy_production": math.inf},
        notes="all of j changes sign with time: the entropy production of motion with inertia is 0",
    )


def _double_well(x: Array) -> Array:
    """Potential x^4/4 - x^2/2."""
    return x**4 / 4 - x**2 / 2


def leaky_integrator(leak: float = 0.5, rate: float = 1.0, kT: float = 0.5) -> Exact:
    """Noise of a finite memory, integrated with a leak: x' = y − a x, y' = −b y + white noise.

    var y = kT/b, cov = kT/b(a + b), var x = kT/(a b (a + b)); eigenvalues −n a − m b.

    Parameters
    ----------
    leak, rate : float
        a and b, 1/time.
    kT : float

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.leaky_integrator(leak=0.5, rate=1.0, kT=0.75).moments["cov"].round(12).tolist()
    [[1.0, 0.5], [0.5, 0.75]]
    """
    check_positive(leak=leak, rate=rate, kT=kT)
    exact = ornstein_uhlenbeck([[leak, -1.0], [0.0, rate]], (0.0, 1.0), kT)
    return replace(
        exact,
        code="N2",
        name="leaky_integrator",
        title="leaky integral of noise with a memory",
        source="Risken, The Fokker-Planck Equation (1989), sec. 3.2",
        notes="D has rank 1",
    )


def one_noise(angle: float = 0.5, kT: float = 0.5) -> Exact:
    """Two coordinates driven by one noise, D = e eᵀ with e at an angle, and a stable drift.

    F = [[1, −0.5], [0.8, 0.6]]; the covariance solves F Σ + Σ Fᵀ = 2 kT D.

    Parameters
    ----------
    angle : float
        Of e, in radians.
    kT : float

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> import numpy as np
    >>> bool(np.linalg.matrix_rank(zoo.one_noise().D) == 1)
    True
    """
    check_numbers(angle=angle, kT=kT)
    e = np.array([math.cos(angle), math.sin(angle)])
    exact = ornstein_uhlenbeck([[1.0, -0.5], [0.8, 0.6]], np.outer(e, e), kT)
    return replace(
        exact,
        code="N3",
        name="one_noise",
        title="linear drift and a tensor of rank one",
        source="Risken, The Fokker-Planck Equation (1989), sec. 6.5",
        notes="D has rank 1",
    )
