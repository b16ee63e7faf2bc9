"""Noise that vanishes at a wall: Wright-Fisher, log-normal and Heston-like diffusions."""

import math
from typing import Any

import numpy as np
from scipy.special import betaln

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, still, tensor, zero

#: Degrees of the polynomials whose eigenvalues are listed.
DEGREES = 8


def wright_fisher(mutation: float = 0.1, migration: float = 0.2, demes: int = 2) -> Exact:
    """Two alleles in one or two demes: b_i = u(1 − 2 x_i) + m(x_k − x_i), D_ii = x_i(1 − x_i).

    With one deme a Beta(u, u) density, infinite at both walls for u < 1; with two moments and
    eigenvalues from polynomials, on which the generator closes. The heterozygosity is <2 x(1 − x)>.

    Parameters
    ----------
    mutation, migration : float
        Rates u > 0, the same in both directions, and m >= 0, in units of 1/kT = 1.
    demes : {1, 2}

    References
    ----------
    W. J. Ewens, Mathematical Population Genetics (2004), ch. 4 and 5; S. Karlin and H. M. Taylor, A
    Second Course in Stochastic Processes (1981), ch. 15.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> pair = zoo.wright_fisher()
    >>> round(pair.moments["heterozygosity"], 5), pair.eigenvalues[:2].round(9).tolist()
    (0.11538, [-0.2, -0.6])
    """
    check_numbers(mutation=mutation, migration=migration)
    if demes not in (1, 2) or mutation <= 0 or migration < 0:
        raise ValueError(
            f"wright_fisher received mutation = {mutation}, migration = {migration}, demes = "
            f"{demes}; give mutation > 0, migration >= 0 and 1 or 2 demes"
        )
    u, m = float(mutation), float(migration) if demes == 2 else 0.0
    if demes == 2:
        # Stationarity of x^2 and of xy.
        square, product = np.linalg.solve(
            [[4 * u + 2 * m + 2, -2 * m], [-2 * m, 4 * u + 2 * m]], [u + 1, u]
        )
    else:
        square, product = (u + 1) / (4 * u + 2), 0.25
    words = "Wright-Fisher diffusion with mutation" + (", two demes" if demes == 2 else "")
    exact: dict[str, Any] = {
        "code": "R33" if demes == 2 else "R33b",
        "name": "wright_fisher",
        "title": words,
        "source": "Ewens, Mathematical Population Genetics (2004)",
        "kT": 1.0,
        "box": [(0.0, 1.0)] * demes,
        "walls_exact": True,
        "notes": "D = 0 at every wall",
        "eigenvalues": _polynomial_eigenvalues(u, m, demes),
        "moments": {
            "mean": np.full(demes, 0.5),
            "heterozygosity": float(1 - 2 * square),
            "product": float(product),
        },
    }
    if demes == 1:
        return Exact(
            **exact,
            D=lambda x: tensor([[x * (1 - x)]]),
            g=lambda x: fill(-u * (1 - 2 * x)),
            Phi=lambda x: (1 - u) * (np.log(x) + np.log1p(-x)),
            j=still,
            div_j=zero,
            reversible=True,
            closed_forms={"log_Z": float(betaln(u, u))},
        )
    return Exact(
        **exact,
        D=lambda x, y: tensor([[x * (1 - x), 0 * x], [0 * y, y * (1 - y)]]),
        g=lambda x, y: fill(-u * (1 - 2 * x) - m * (y - x), -u * (1 - 2 * y) - m * (x - y)),
    )


def _polynomial_eigenvalues(u: float, m: float, demes: int) -> Array:
    """Slowest eigenvalues: of the leading parts x^i y^j, degree by degree."""
    found = []
    for n in range(1, DEGREES + 1):
        i = np.arange(n + 1) if demes == 2 else np.array([n])
        k = n - i
        block = np.diag(-(2 * u + m) * n - i * (i - 1.0) - k * (k - 1.0))
        if demes == 2:
            block += np.diag(m * i[1:], 1) + np.diag(m * k[:-1], -1)
        found.append(np.linalg.eigvals(block).real)
    values = -np.sort(-np.concatenate(found))
    return values[-values < 2 * u * (DEGREES + 1)][:DEGREES]  # none of a higher degree is slower


def log_normal(kappa: float = 1.0, kT: float = 0.0625) -> Exact:
    """Geometric Ornstein-Uhlenbeck process: log x is Ornstein-Uhlenbeck, D = x², a natural wall.

    g = x(κ log x − kT): Φ = κ(log x)²/2 + kT log x, generator eigenvalues −κ n. The transient
    starts with log x normal, mean 0.3 and variance 0.01.

    References
    ----------
    Schwartz, J. Finance 52 (1997) 923; Gardiner, Stochastic Methods (2009), sec. 4.5.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(float(zoo.log_normal().moments["mean"][0]), 6)
    1.031743
    """
    check_positive(kappa=kappa, kT=kT)
    variance = kT / kappa

    def rho_t(t: float, x: Array) -> Array:
        decay = math.exp(-kappa * t)
        spread = variance + (0.01 - variance) * decay**2
        y = np.log(x)
        return np.exp(-((y - 0.3 * decay) ** 2) / (2 * spread)) / (np.sqrt(2 * np.pi * spread) * x)

    return Exact(
        code="R34",
        name="log_normal",
        title="log-normal density, D = x² at a natural wall",
        source="Schwartz, J. Finance 52 (1997) 923",
        kT=kT,
        box=[(0.0, math.exp(6.5 * math.sqrt(variance)))],
        D=lambda x: tensor([[x**2]]),
        g=lambda x: fill(x * (kappa * np.log(x) - kT)),
        Phi=lambda x: kappa * np.log(x) ** 2 / 2 + kT * np.log(x),
        j=still,
        div_j=zero,
        rho_t=rho_t,
        eigenvalues=-kappa * np.arange(1.0, 9.0),
        moments={
            "mean": np.array([math.exp(variance / 2)]),
            "cov": np.array([[math.exp(variance) * math.expm1(variance)]]),
        },
        closed_forms={"log_Z": 0.5 * math.log(2 * math.pi * variance)},
        reversible=True,
        walls_exact=True,
        notes="D = 0 at the wall x = 0, which is never reached",
    )


def heston(feller: float = 0.3, rate: float = 1.0) -> Exact:
    """Variance v as in the Heston model, and x = −λx dt + √v dW: D = diag(v/F, v/2), kT = 1.

    b = (1 − v, −λx). v is a Cox-Ingersoll-Ross process of mean 1 with Feller's ratio F, which
    reaches v = 0 for F < 1; moments of x follow from those of v.

    Parameters
    ----------
    feller, rate : float
        F and λ, both > 0.

    References
    ----------
    Heston, Rev. Financ. Stud. 6 (1993) 327.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> {name: round(value, 4) for name, value in zoo.heston().moments.items() if name != "mean"}
    {'v2': 4.3333, 'x2': 0.5, 'vx2': 1.6111, 'x4': 2.4167}
    """
    check_numbers(feller=feller, rate=rate)
    if feller <= 0 or rate <= 0:
        raise ValueError(f"heston received feller = {feller}, rate = {rate}; give positive numbers")
    v2, x2 = 1 + 1 / feller, 1 / (2 * rate)
    vx2 = (x2 + v2) / (1 + 2 * rate)
    return Exact(
        code="R35",
        name="heston",
        title="Heston-like: noise of x by a variance that reaches 0",
        source="Heston, Rev. Financ. Stud. 6 (1993) 327",
        kT=1.0,
        box=[(0.0, 30.0), (-9.0, 9.0)],
        D=lambda v, x: tensor([[v / feller, 0 * v], [0 * x, v / 2]]),
        g=lambda v, x: fill(v - 1, rate * x),
        moments={
            "mean": np.array([1.0, 0.0]),
            "v2": v2,
            "x2": x2,
            "vx2": vx2,
            "x4": 6 * vx2 / (4 * rate),
        },
        eigenvalues=-np.sort([1.0, rate]),
        walls_exact=True,
        notes="moments of the half plane; eigenvalues of v and x",
    )


def neutral_fixation() -> Exact:
    """Neutral Wright-Fisher diffusion, D = x(1 − x), kT = 1: absorbed at both walls, by exits.

    Mean time −x log x − (1 − x) log(1 − x) to the loss of an allele, chance x to win; generator
    eigenvalues −n(n + 1). ``data`` holds both as functions.

    References
    ----------
    Kimura, Proc. Natl. Acad. Sci. 41 (1955) 144; Ewens (2004), ch. 5.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(float(zoo.neutral_fixation().data["mean_time"](0.05)), 6)
    0.198515
    """
    n = np.arange(1.0, 9.0)
    return Exact(
        code="R36",
        name="neutral_fixation",
        title="neutral drift to the loss of an allele",
        source="Kimura, Proc. Natl. Acad. Sci. 41 (1955) 144",
        kT=1.0,
        box=[(0.0, 1.0)],
        sides="absorbing",
        D=lambda x: tensor([[x * (1 - x)]]),
        g=still,
        eigenvalues=-n * (n + 1),
        data={
            "mean_time": lambda x: -x * np.log(x) - (1 - x) * np.log1p(-x),
            "chance_to_win": lambda x: x,
        },
        notes="D = 0 at both walls, which keep what arrives",
    )
