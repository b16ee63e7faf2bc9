"""Reversible references: the steady state is Gibbs in f, or in a potential that differs from f."""

import math

import numpy as np
from scipy.special import ive

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact, with_moments
from fokkerplanck.zoo.forms import check_numbers, check_positive, fill, still, tensor, zero


def _well(x: Array, y: Array) -> Array:
    """Double well (x² − 1)²/4 + y²/2: minima (±1, 0), saddle 0, barrier 1/4."""
    return (x**2 - 1) ** 2 / 4 + y**2 / 2


def _grad_well(x: Array, y: Array) -> Array:
    """Gradient of the double well."""
    return fill(x**3 - x, y)


def double_well_partition(kT: float) -> float:
    """Partition function Z = ∫ exp(−[(x² − 1)²/4 + y²/2]/kT) dx dy, by Bessel functions.

    The x part is (π/2) e^(−z) [I_{1/4}(z) + I_{−1/4}(z)], z = 1/(8 kT).

    Examples
    --------
    >>> from fokkerplanck.zoo.gibbs import double_well_partition
    >>> round(double_well_partition(1.0), 12)
    7.623468444673
    """
    z = 1 / (8 * kT)
    return float(np.pi / 2 * (ive(0.25, z) + ive(-0.25, z)) * math.sqrt(2 * np.pi * kT))


def _well_box(kT: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Box on whose walls the double well stands 40 kT high."""
    x, y = math.sqrt(1 + math.sqrt(160 * kT)), math.sqrt(80 * kT)
    return (-x, x), (-y, y)


_WELL_POINTS = {"minima": np.array([[-1.0, 0.0], [1.0, 0.0]]), "saddle": np.array([[0.0, 0.0]])}


def double_well(kT: float = 1.0) -> Exact:
    """Double well f = (x² − 1)²/4 + y²/2 with D = 1: Φ = f, ρ_ss = e^(−f/kT)/Z, J = 0.

    References
    ----------
    Risken, The Fokker-Planck Equation (1989), sec. 5.2; the potential of Noh and Lee,
    arXiv:1411.3211.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(zoo.double_well(kT=0.25).moments["x2"], 12)
    0.832745487128
    """
    check_numbers(kT=kT)
    exact = Exact(
        code="R6", name="double_well", title="double well with D = 1, Gibbs",
        source="Risken, The Fokker-Planck Equation (1989), sec. 5.2",
        kT=kT, box=_well_box(kT), g=_grad_well, f=_well, Phi=_well, j=still, div_j=zero, q=zero,
        closed_forms={"log_Z": math.log(double_well_partition(kT))},
        points=_WELL_POINTS, reversible=True, walls_exact=True,
        notes="⟨x f_x⟩ = kT; J must vanish to rounding",
    )  # fmt: skip
    return with_moments(exact, x2=lambda x, y: x * x, x4=lambda x, y: x**4, f=_well)


def scaled_diffusion(c: float = 2.0, kT: float = 0.5) -> Exact:
    """Double well f with D = c I: Φ = f/c, j = 0. Isotropic noise changes temperature only.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> float(zoo.scaled_diffusion(c=2.0).Phi(0.0, 0.0))
    0.125
    """
    check_positive(c=c, kT=kT)
    return Exact(
        code="R7", name="scaled_diffusion", title="double well with D = c I",
        source="Chaudhari, Soatto, arXiv:1710.11029, Lemma 6", kT=kT, box=_well_box(c * kT),
        g=_grad_well, f=_well, D=float(c), Phi=lambda x, y: _well(x, y) / c,
        j=still, div_j=zero, q=zero,
        closed_forms={"log_Z": math.log(double_well_partition(c * kT))},
        points=_WELL_POINTS, reversible=True, walls_exact=True,
    )  # fmt: skip


def commuting_diffusion(kT: float = 0.25) -> Exact:
    """Quadratic f = x² + 0.75 y² with D = diag(1, 0.2): Φ = x² + 3.75 y² ≠ f, j = 0.

    D and Hess f commute, so there is no circulation; Φ = Σ f_i/D_ii.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.commuting_diffusion().entropy_production
    0.0
    """
    check_numbers(kT=kT)
    cov = kT * np.diag([1 / 2, 1 / 7.5])
    half = 9 * np.sqrt(np.diag(cov))
    return Exact(
        code="R8", name="commuting_diffusion", title="diagonal D that commutes with Hess f",
        source="Risken, The Fokker-Planck Equation (1989), sec. 6.4",
        kT=kT, box=[(-w, w) for w in half], D=(1.0, 0.2),
        f=lambda x, y: x**2 + 0.75 * y**2, g=lambda x, y: fill(2 * x, 1.5 * y),
        Phi=lambda x, y: x**2 + 3.75 * y**2, j=still, div_j=zero, q=zero,
        moments={"mean": np.zeros(2), "cov": cov},
        closed_forms={"log_Z": 0.5 * math.log(np.linalg.det(2 * np.pi * cov))},
        reversible=True, walls_exact=True,
    )  # fmt: skip


def invisible_noise(C: float = 1.0, kT: float = 0.5, *, dim: int = 1) -> Exact:
    r"""Isotropic noise that varies, with Φ = f and j = 0: D = 1 + C e^(f/kT), for any f and C ≥ 0.

    D e^(−f/kT) = e^(−f/kT) + C has the gradient of e^(−f/kT), so that J = 0 for the Gibbs density
    of f. The simplest proof that Φ = f does not make the noise uniform. Here f = (x² − 1)²/4, and
    with y²/2 in the plane, in a box on whose walls f = 8 kT.

    Parameters
    ----------
    C : float
        At least 0; D = 1 for C = 0.
    kT : float
    dim : {1, 2}

    Returns
    -------
    Exact

    Raises
    ------
    ValueError
        For a negative C, a kT that is not positive, another number of dimensions.

    References
    ----------
    A counterexample to Chaudhari, Soatto, arXiv:1710.11029, Lemma 6.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> exact = zoo.invisible_noise(C=2.0)
    >>> exact.diffusion(1.0).tolist()  # f = 0 there
    [[3.0]]
    """
    check_numbers(C=C, kT=kT)
    if C < 0:
        raise ValueError(f"C is {C:g}; give at least 0, so that 1 + C e^(f/kT) is positive")
    if dim not in (1, 2):
        raise ValueError(f"dim is {dim!r}; give 1 or 2")
    half = math.sqrt(1 + math.sqrt(32 * kT)), math.sqrt(16 * kT)

    def f(*x: Array) -> Array:
        return (x[0] ** 2 - 1) ** 2 / 4 + sum(y**2 for y in x[1:]) / 2

    return Exact(
        code="R27c",
        name="invisible_noise",
        title="Φ = f and j = 0 although D = d(x) I varies",
        source="counterexample to Chaudhari, Soatto, arXiv:1710.11029, Lemma 6",
        kT=kT,
        box=[(-w, w) for w in half[:dim]],
        D=lambda *x: 1 + C * np.exp(f(*x) / kT),
        f=f,
        g=lambda *x: fill(x[0] ** 3 - x[0], *x[1:]),
        Phi=f,
        j=still,
        div_j=zero,
        q=zero if dim == 2 else None,
        reversible=True,
        walls_exact=True,
    )


def _hidden_diffusion(x: Array, y: Array) -> Array:
    """D = I + e^f cof(Hess ψ), ψ = 0.1 e^(−x² − y²)(1 + x y), f = (x² + y²)/2."""
    p = 1 + x * y
    weight = 0.1 * np.exp(-(x**2 + y**2) / 2)
    xx = (4 * x**2 - 2) * p - 4 * x * y
    yy = (4 * y**2 - 2) * p - 4 * x * y
    xy = 1 - 2 * x**2 - 2 * y**2 + 4 * x * y * p
    return tensor([[1 + weight * yy, -weight * xy], [-weight * xy, 1 + weight * xx]])


def hidden_anisotropy() -> Exact:
    r"""Non-isotropic D(x) with Φ = f and j = 0: D = I + e^(f/kT) cof(Hess ψ), kT = 1.

    Rows of cof(Hess ψ) are free of divergence, so div((D − I) e^(−f/kT)) = 0 and the Gibbs density
    of f stays stationary without current: "Φ = f only if D is isotropic" does not hold.
    Here f = (x² + y²)/2, ψ = 0.1 e^(−x² − y²)(1 + x y), eigenvalues of D in [0.7, 1.36920].

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> np.round(zoo.hidden_anisotropy().diffusion(0.0, 0.0), 3)
    array([[ 0.8, -0.1],
           [-0.1,  0.8]])
    """

    def f(x: Array, y: Array) -> Array:
        return (x**2 + y**2) / 2

    return Exact(
        code="R27a", name="hidden_anisotropy", title="Φ = f and j = 0 although D is not isotropic",
        source="counterexample to Chaudhari, Soatto, arXiv:1710.11029, Lemma 6",
        kT=1.0, box=[(-8.5, 8.5), (-8.5, 8.5)], D=_hidden_diffusion, f=f, g=lambda x, y: fill(x, y),
        Phi=f, j=still, div_j=zero, q=zero,
        moments={"mean": np.zeros(2), "cov": np.eye(2)},
        closed_forms={"log_Z": math.log(2 * np.pi)},
        reference={"eigenvalues_of_D": (0.7, 1.36920)}, reversible=True, walls_exact=True,
    )  # fmt: skip
