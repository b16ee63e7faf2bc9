"""The circulating example of Chaudhari and Soatto, its repair, and true losses that circulate."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfc, erfcx

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact, with_moments
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, still, tensor, zero
from fokkerplanck.zoo.gibbs import double_well_partition

_NOH_LEE = "Noh, Lee, J. Korean Phys. Soc. 66 (2015) 544, arXiv:1411.3211"
_CRITICAL = math.exp(-0.25)  # from here on the origin is the only zero of g

# Slowest generator eigenvalues by eighth-order differences on two grids, to about seven digits.
_WELL_EIGENVALUES = {
    0.0: np.array([-0.792088427, -1.0, -1.792088427, -2.0]),
    0.5: np.array(
        [-0.9120399 + 0.1997163j, -0.9120399 - 0.1997163j, -1.9318764 + 0.1162623j,
         -1.9318764 - 0.1162623j]
    ),
    1.5: np.array(
        [-1.0386007 + 0.6699755j, -1.0386007 - 0.6699755j, -2.1881787 + 0.3281783j,
         -2.1881787 - 0.3281783j]
    ),
}  # fmt: skip


def _well(x: Array, y: Array) -> Array:
    """Potential Φ = (x² − 1)²/4 + y²/2."""
    return (x**2 - 1) ** 2 / 4 + y**2 / 2


def _grad_well(x: Array, y: Array) -> Array:
    """Gradient of Φ."""
    return fill(x**3 - x, y)


def example_19(lam: float = 0.5) -> Exact:
    """Double well Φ with D = 1 and j = λ e^(Φ − r⁴/4)(−y, x): Example 19 of Chaudhari and Soatto.

    g = grad Φ − j is not a gradient. div j = λ e x y (2 − x²) with
    e = exp(1/4 − x²/2 + y²/2 − x²y²/2 − y⁴/4): the paper's own example violates its Assumption 4.
    Orbits of j are circles; ψ = λ (√π/2) erfc(r²/2)/Z. Modes of ρ_ss stay at (±1, 0) for all λ,
    zeros of g wander from there to the origin, which they reach at λ = e^(−1/4) = 0.7788.

    Parameters
    ----------
    lam : float
        Strength λ of the circulation; the paper draws 0, 0.5 and 1.5.

    References
    ----------
    Chaudhari, Soatto, arXiv:1710.11029, Example 19; Noh, Lee, arXiv:1411.3211. Here kT = 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> np.round(zoo.example_19(lam=0.5).points["zeros_of_g"][1], 7)
    array([0.9024283, 0.3888022])
    """
    check_numbers(lam=lam)
    Z = double_well_partition(1.0)

    def swirl(x: Array, y: Array) -> Array:
        # e^(Φ - r^4/4), written so that nothing overflows.
        return lam * np.exp(0.25 - x**2 / 2 + y**2 / 2 - x**2 * y**2 / 2 - y**4 / 4)

    def j(x: Array, y: Array) -> Array:
        strength = swirl(x, y)
        return fill(-y * strength, x * strength)

    def q(x: Array, y: Array) -> Array:
        # erfc(s) = e^(-s^2) erfcx(s) with s = r^2/2.
        return np.sqrt(np.pi) / 2 * swirl(x, y) * erfcx((x**2 + y**2) / 2)

    def div_j(x: Array, y: Array) -> Array:
        return swirl(x, y) * x * y * (2 - x**2)

    def g(x: Array, y: Array) -> Array:
        return _grad_well(x, y) - j(x, y)

    exact = Exact(
        code="E1", name="example_19", title=f"Example 19, λ = {lam:g}",
        source=f"Chaudhari, Soatto, arXiv:1710.11029, Example 19; {_NOH_LEE}",
        kT=1.0, box=[(-5.0, 5.0), (-7.0, 7.0)], g=g,
        Phi=_well, j=j, q=q, div_j=div_j,
        eigenvalues=_WELL_EIGENVALUES.get(abs(lam)),
        moments={"omega": lam * np.pi**1.5 / Z, "levy_rate": lam * np.pi / Z},
        points={
            "modes": np.array([[-1.0, 0.0], [1.0, 0.0]]), "saddle": np.array([[0.0, 0.0]]),
            "zeros_of_g": example_19_zeros(lam),
        },
        closed_forms={"log_Z": math.log(Z)}, reversible=lam == 0, walls_exact=lam == 0,
        notes="no limit cycle of −g is known; j n at the walls is below 1e-5, ρ_ss below 1e-10",
    )  # fmt: skip
    return with_moments(
        exact,
        div_j2=lambda x, y: div_j(x, y) ** 2,
        g2=lambda x, y: np.sum(g(x, y) ** 2, axis=0),
    )


def example_19_zeros(lam: float) -> np.ndarray:
    """Zeros of g of `example_19`: x² = 1 − s², y = s x, λ = s e^(−s²/2 + s⁴/4 + (1 − s⁴)²/4).

    Returns
    -------
    array, shape (n, 2)
        The two wandering zeros and the origin; from λ = e^(−1/4) on the origin alone.

    Examples
    --------
    >>> from fokkerplanck.zoo.examples import example_19_zeros
    >>> len(example_19_zeros(0.7)), len(example_19_zeros(0.78))
    (3, 1)
    """
    origin = np.zeros((1, 2))
    if abs(lam) >= _CRITICAL:
        return origin
    s = brentq(
        lambda s: s * math.exp(-(s**2) / 2 + s**4 / 4 + (1 - s**4) ** 2 / 4) - abs(lam),
        0.0, 1.0, xtol=1e-15,
    )  # fmt: skip
    x = math.sqrt(1 - s**2)
    y = math.copysign(s * x, lam)
    return np.array([[-x, -y], [x, y], [0.0, 0.0]]) + 0.0


def repaired_example(lam: float = 0.5, kT: float = 1.0) -> Exact:
    """Double well Φ with D = 1 and j = λ(−y, x³ − x): circulation along the level sets of Φ.

    q = λ is constant, so div j = 0 and j ⊥ grad Φ. Orbits: two families around the minima and one
    around both, parted by the level set Φ = 1/4 through the saddle. Entropy production 3λ²⟨x²⟩.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.repaired_example(lam=1.0).entropy_production, 10)
    3.1253918895
    """
    check_numbers(lam=lam, kT=kT)
    Z = double_well_partition(kT)
    half_x, half_y = math.sqrt(1 + math.sqrt(160 * kT)), math.sqrt(80 * kT)
    exact = Exact(
        code="E2", name="repaired_example", title="double well with closed loops, div j = 0",
        source="Gibbsian repair of Chaudhari, Soatto, arXiv:1710.11029, Example 19",
        kT=kT, box=[(-half_x, half_x), (-half_y, half_y)], Phi=_well, div_j=zero,
        g=lambda x, y: fill(x**3 - x + lam * y, y - lam * (x**3 - x)),
        j=lambda x, y: lam * fill(-y, x**3 - x), q=lambda x, y: lam + zero(x, y),
        points={"modes": np.array([[-1.0, 0.0], [1.0, 0.0]]), "saddle": np.array([[0.0, 0.0]])},
        closed_forms={"log_Z": math.log(Z)}, reversible=lam == 0, walls_exact=lam == 0,
    )  # fmt: skip
    return with_moments(exact, x2=lambda x, y: x * x)


def _ring_diffusion(x: Array, y: Array, a: float, c: float) -> Array:
    """I + (a + c²r²) r² e_θ e_θᵀ + c r² (e_r e_θᵀ + e_θ e_rᵀ), polynomial in x and y."""
    tangential = a + c**2 * (x**2 + y**2)
    cross = -tangential * x * y + c * (x**2 - y**2)
    return tensor(
        [[1 + tangential * y**2 - 2 * c * x * y, cross],
         [cross, 1 + tangential * x**2 + 2 * c * x * y]]
    )  # fmt: skip


# Slowest generator eigenvalues, by Chebyshev collocation in r² for angular numbers ±1, ±2, 0.
_RING_EIGENVALUES = {
    (0.1, 0.5, 1.0): np.array(
        [-0.2798029566 + 0.1806745256j, -0.2798029566 - 0.1806745256j,
         -1.0365731796 + 0.3282404580j, -1.0365731796 - 0.3282404580j, -1.5647191924]
    ),
    (0.2, 0.5, 1.0): np.array(
        [-0.5891801465 + 0.3334800733j, -0.5891801465 - 0.3334800733j,
         -2.0443415979 + 0.6051031014j, -2.0443415979 - 0.6051031014j, -2.0739526494]
    ),
}  # fmt: skip


def ring(kT: float = 0.1, a: float = 0.5, c: float = 1.0) -> Exact:
    """Ring, a true loss that circulates: Φ = (r² − 1)²/4, f = Φ + kT(a r²/2 + c²r⁴/4).

    D = I + (a + c²r²)[[y², −xy], [−xy, x²]] + c[[−2xy, x² − y²], [x² − y², 2xy]], det D = 1 + a r²;
    j = c (r²(r² − 1) − 4 kT)(−y, x), div j = 0, mean rotation −2 c kT. Gradient flow of f is
    radial; the steady state of its SGD turns.

    Parameters
    ----------
    kT : float
        Temperature.
    a, c : float
        Tangential noise (≥ 0) and radial-tangential correlation; c = 0 is reversible.

    References
    ----------
    Constructed from the decomposition of Kwon, Ao, Thouless, PNAS 102 (2005) 13029.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> ring = zoo.ring(kT=0.1)
    >>> round(ring.entropy_production, 8), round(float(ring.q(0.0, 0.0)), 8)
    (2.30511723, -13.48347581)
    """
    check_numbers(kT=kT, a=a, c=c)
    root = math.sqrt(kT)

    def j(x: Array, y: Array) -> Array:
        r2 = x**2 + y**2
        return c * (r2 * (r2 - 1) - 4 * kT) * fill(-y, x)

    def pull(x: Array, y: Array) -> Array:
        # (grad f)/x, radial.
        r2 = x**2 + y**2
        return r2 - 1 + kT * (a + c**2 * r2)

    def q(x: Array, y: Array) -> Array:
        r2 = x**2 + y**2
        return c * r2 - c * math.sqrt(np.pi * kT) * erfcx((r2 - 1) / (2 * root))

    half = math.sqrt(1 + math.sqrt(148 * kT))
    exact = Exact(
        code="E3", name="ring", title="ring (R14), a true loss whose steady state turns",
        source="decomposition of Kwon, Ao, Thouless, PNAS 102 (2005) 13029",
        kT=kT, box=[(-half, half)] * 2, D=lambda x, y: _ring_diffusion(x, y, a, c),
        f=lambda x, y: (x**2 + y**2 - 1) ** 2 / 4
        + kT * (a / 2 + c**2 * (x**2 + y**2) / 4) * (x**2 + y**2),
        g=lambda x, y: pull(x, y) * fill(x, y), Phi=lambda x, y: (x**2 + y**2 - 1) ** 2 / 4,
        j=j, div_j=zero, q=q,
        eigenvalues=_RING_EIGENVALUES.get((kT, a, c)),
        moments={
            "omega": -2 * c * kT, "levy_rate": 0.0,
            "r2": float(1 + 2 * root / (math.sqrt(np.pi) * erfcx(-1 / (2 * root)))),
        },
        data={"radius_of_rho": 1.0, "radius_of_f": _critical_radius(kT, a, c)},
        closed_forms={"log_Z": math.log(np.pi * math.sqrt(np.pi * kT) * erfc(-1 / (2 * root)))},
        reversible=c == 0, walls_exact=c == 0,
    )  # fmt: skip
    return with_moments(exact, j2=lambda x, y: np.sum(j(x, y) ** 2, axis=0))


def _critical_radius(kT: float, a: float, c: float) -> float:
    """Radius of the ring of minima of f; 0 when it has closed on the origin."""
    return math.sqrt(max(1 - kT * a, 0.0) / (1 + kT * c**2))


def ring_3d(kT: float = 0.25, c: float = 0.5, h: float = 0.25) -> Exact:
    """Ring in space, a true loss that circulates: Φ = u²/4 + z²/2 + h u z, u = x² + y² − 1.

    With R² = x² + y²: D = I + c²R²[[y², −xy, 0], [−xy, x², 0], 0] + c[[−2xy, x² − y², 0],
    [x² − y², 2xy, 0], 0] (det D = 1), f = Φ + kT c²R⁴/4, j = c(x Φ_x + y Φ_y − 4 kT)(−y, x, 0),
    div j = 0.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> float(zoo.ring_3d().div_j(0.3, 0.2, 0.1))
    0.0
    """
    check_numbers(c=c)
    check_positive(kT=kT, h=h)

    def Phi(x: Array, y: Array, z: Array) -> Array:
        u = x**2 + y**2 - 1
        return u**2 / 4 + z**2 / 2 + h * u * z

    def g(x: Array, y: Array, z: Array) -> Array:
        r2 = x**2 + y**2
        radial = r2 - 1 + 2 * h * z + kT * c**2 * r2
        return fill(radial * x, radial * y, z + h * (r2 - 1))

    def j(x: Array, y: Array, z: Array) -> Array:
        r2 = x**2 + y**2
        turn = c * (r2 * (r2 - 1 + 2 * h * z) - 4 * kT)
        return fill(-turn * y, turn * x, 0 * turn)

    def D(x: Array, y: Array, z: Array) -> Array:
        (xx, xy), (_, yy) = _ring_diffusion(x, y, 0.0, c)
        none = 0 * (x + y + z)
        return tensor([[xx, xy, none], [xy, yy, none], [none, none, 1 + none]])

    half = math.sqrt(1 + math.sqrt(36 * kT / (0.25 - h**2 / 2)))
    height = math.sqrt(36 * kT / (0.5 - h**2))
    return Exact(
        code="E4", name="ring_3d", title="ring in space, a true loss whose steady state turns",
        source="decomposition of Kwon, Ao, Thouless, PNAS 102 (2005) 13029",
        kT=kT, box=[(-half, half), (-half, half), (-height, height)], D=D,
        f=lambda x, y, z: Phi(x, y, z) + kT * c**2 * (x**2 + y**2) ** 2 / 4, g=g,
        Phi=Phi, j=j, div_j=zero, reversible=c == 0, walls_exact=c == 0,
    )  # fmt: skip


def shell(kT: float = 0.25, a: float = 0.5, dim: int = 3) -> Exact:
    """Shell, a true loss with full D(x) and no current: Φ = (r² − 1)²/4, f = Φ + kT (d − 1) a r²/2.

    D = I + a (r² I − x xᵀ): radial noise 1, tangential noise 1 + a r².

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.shell(dim=2).entropy_production
    0.0
    """
    check_numbers(dim=dim, kT=kT, a=a)

    def r2(*x: Array) -> Array:
        return np.asarray(sum(u**2 for u in x))

    def D(*x: Array) -> Array:
        eye = np.eye(dim)
        return tensor(
            [[eye[i, k] * (1 + a * r2(*x)) - a * x[i] * x[k] for k in range(dim)]
             for i in range(dim)]
        )  # fmt: skip

    half = math.sqrt(1 + math.sqrt(160 * kT))
    return Exact(
        code="E4b", name="shell", title="shell, a true loss with full D(x) and no current",
        source="radial Gibbs state; Horsthemke, Lefever (1984) for one dimension",
        kT=kT, box=[(-half, half)] * dim, D=D,
        f=lambda *x: (r2(*x) - 1) ** 2 / 4 + kT * (dim - 1) * a * r2(*x) / 2,
        g=lambda *x: (r2(*x) - 1 + kT * (dim - 1) * a) * fill(*x),
        Phi=lambda *x: (r2(*x) - 1) ** 2 / 4, j=still, div_j=zero, q=zero if dim == 2 else None,
        reversible=True, walls_exact=True,
    )  # fmt: skip
