"""How long it takes: escape over a barrier, and circulation that speeds relaxation up."""

import math
from dataclasses import replace

import numpy as np

from fokkerplanck.domain.types import Array, Function
from fokkerplanck.zoo.exact import Exact, legendre
from fokkerplanck.zoo.forms import check_numbers, fill, still, zero
from fokkerplanck.zoo.linear_drift import ornstein_uhlenbeck

#: Spectral gap of the double well by beta, to the digits written: Galerkin's method with Legendre
#: polynomials for the Schroedinger form of the generator, 90 of them on two intervals.
_GAPS = {5.0: 0.134777984, 10.0: 0.0335452873, 20.0: 0.00277614064, 40.0: 1.9589273e-5}


def kramers_well(kT: float = 0.05) -> Exact:
    r"""Double well V = (x² − 1)²/4 on a line, D = 1: mean passage time from −1 to 1, and the gap.

    τ = β ∫₋₁¹ e^(βV(y)) ∫_(−∞)^y e^(−βV) dx dy, Kramers' rate k = √2/2π e^(−β/4); τk → 1 as
    kT → 0, and the gap tends to 2k.

    Parameters
    ----------
    kT : float
        Temperature; the gap is listed for 1/kT = 5, 10, 20 and 40.

    Returns
    -------
    Exact
        ``moments["mfpt"]`` by quadrature to rounding, ``moments["kramers_rate"]``.

    References
    ----------
    Kramers, Physica 7 (1940) 284; Hänggi, Talkner, Borkovec, Rev. Mod. Phys. 62 (1990) 251.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.kramers_well(kT=0.1).moments["mfpt"], 8)
    66.26862636
    """
    check_numbers(kT=kT)
    beta = 1 / kT
    half = math.sqrt(1 + math.sqrt(160 * kT))

    def V(x: Array) -> Array:
        return (x**2 - 1) ** 2 / 4

    rate = math.sqrt(2) / (2 * math.pi) * math.exp(-beta / 4)
    gap = next((g for b, g in _GAPS.items() if math.isclose(b, beta, rel_tol=1e-12)), None)
    return Exact(
        code="R22", name="kramers_well", title="escape over a barrier, exact passage time",
        source="Hänggi, Talkner, Borkovec, Rev. Mod. Phys. 62 (1990) 251",
        kT=kT, box=[(-half, half)], f=V, g=lambda x: fill(x**3 - x), Phi=V, j=still, div_j=zero,
        eigenvalues=None if gap is None else np.array([-gap]),
        moments={"mfpt": passage_time(V, -1.0, 1.0, -half, beta), "kramers_rate": rate},
        points={"minima": np.array([[-1.0], [1.0]]), "saddles": np.array([[0.0]])},
        reference={} if gap is None else {"gap": gap}, reversible=True, walls_exact=True,
        notes="eigenvalues and gap are known to the digits of reference['gap']",
    )  # fmt: skip


def passage_time(
    V: Function,
    start: float,
    end: float,
    bottom: float,
    beta: float,
    panels: int = 60,
    nodes: int = 12,
) -> float:
    r"""Mean time from start to end > start, D = 1, no flux at the bottom, by quadrature.

    β ∫ e^(βV(y)) ∫_bottom^y e^(−βV(x)) dx dy over (start, end), both integrals by Gauss-Legendre
    rules on panels.

    Parameters
    ----------
    V : callable
        Potential on a line.
    start, end, bottom : float
    beta : float

    Examples
    --------
    >>> from fokkerplanck.zoo.escape import passage_time
    >>> round(passage_time(lambda x: 0 * x, 0.0, 1.0, 0.0, 1.0), 12)
    0.5
    """

    def rule(low: float, high: float, count: int) -> tuple[Array, Array]:
        node, weight = legendre(nodes)
        edges = np.linspace(low, high, count + 1)
        half = 0.5 * np.diff(edges)[:, None]
        return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()

    y, w = rule(start, end, panels)
    x, u = rule(bottom, start, panels)
    below = np.sum(u * np.exp(-beta * V(x)))
    # Inner integral up to every outer node, from panel to panel.
    inner, last = np.empty_like(y), start
    for k, top in enumerate(y):
        s, v = rule(last, top, 1)
        below += np.sum(v * np.exp(-beta * V(s)))
        inner[k], last = below, top
    return float(beta * np.sum(w * np.exp(beta * V(y)) * inner))


def accelerated(q: float = 1.0, kT: float = 1.0) -> Exact:
    """Acceleration by circulation: g = (D + Q) U x, U = diag(1, 10), D = 1, Q = [[0, q], [−q, 0]].

    The steady state e^(−x·Ux/2kT) does not depend on q, the spectral gap does: 1, 2.2984379, 5.5,
    5.5 for q = 0, 1, 2, 3, the last two being tr(DU)/d, the optimum.

    Parameters
    ----------
    q, kT : float

    References
    ----------
    Lelièvre, Nier, Pavliotis, J. Stat. Phys. 152 (2013) 237.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> [round(-float(zoo.accelerated(q).eigenvalues[0].real), 7) for q in (0, 1, 2, 3)]
    [1.0, 2.2984379, 5.5, 5.5]
    """
    check_numbers(q=q, kT=kT)
    U, Q = np.diag([1.0, 10.0]), np.array([[0.0, q], [-q, 0.0]])
    exact = ornstein_uhlenbeck((np.eye(2) + Q) @ U, 1.0, kT)
    gap = float(np.linalg.eigvals((np.eye(2) + Q) @ U).real.min())
    return replace(
        exact, code="R29", name="accelerated", title="circulation that speeds relaxation up",
        source="Lelièvre, Nier, Pavliotis, J. Stat. Phys. 152 (2013) 237",
        moments={**exact.moments, "gap": gap, "best_gap": 5.5},
    )  # fmt: skip
