"""Chaos with noise: Lorenz's system, and averages that balance exactly on it."""

import math

from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import Balance, check_numbers, fill

#: Rates of Lorenz's system: sigma, r and b.
SIGMA, RAYLEIGH, DAMPING = 10.0, 28.0, 8 / 3

#: Averages over paths, and their standard errors.
REFERENCE = {"z": 24.507, "var_z": 62.37, "x2": 66.346, "y2": 81.90}
STANDARD_ERRORS = {"z": 0.002, "var_z": 0.04, "x2": 0.006, "y2": 0.01}


def lorenz(kT: float = 10.0) -> Exact:
    r"""Lorenz's system with noise: b = (σ(y − x), x(r − z) − y, xy − bz), D = 1.

    σ = 10, r = 28, b = 8/3. Moments are tied to each other exactly: ⟨xy⟩ = b⟨z⟩,
    ⟨x²⟩ = b⟨z⟩ + kT/σ, ⟨y²⟩ = b(r⟨z⟩ − ⟨z²⟩) + 2 kT, ⟨xyz⟩ = b⟨z²⟩ − kT, and
    ⟨x²z⟩ = σ⟨y²⟩ − (σ + 1) b⟨z⟩ + r⟨x²⟩, so that two averages give them all.

    Parameters
    ----------
    kT : float
        Temperature; moments are listed for 10.

    Returns
    -------
    Exact
        ``reference``: ⟨z⟩, var z, ⟨x²⟩, ⟨y²⟩, of 400 paths of length 4500 by Heun's method, steps
        of 0.004 and 0.002, which agree; ``data["standard_errors"]`` of them.
        ``data["balances"]``: observables φ with 𝓛φ, whose average is 0.

    References
    ----------
    Lorenz, J. Atmos. Sci. 20 (1963) 130.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> exact = zoo.lorenz()
    >>> abs(8 / 3 * exact.reference["z"] + exact.kT / 10 - exact.reference["x2"]) < 0.01
    True
    """
    check_numbers(kT=kT)
    known = math.isclose(kT, 10.0, rel_tol=1e-12)
    return Exact(
        code="N6",
        name="lorenz",
        title="Lorenz's attractor with noise",
        source="Lorenz, J. Atmos. Sci. 20 (1963) 130",
        kT=kT,
        box=[(-25.0, 25.0), (-32.0, 32.0), (-5.0, 55.0)],
        g=_against,
        reference=REFERENCE if known else {},
        data={"balances": _balances(kT), "standard_errors": STANDARD_ERRORS if known else {}},
        notes="x and y vanish on average, by symmetry",
    )


def _against(x: Array, y: Array, z: Array) -> Array:
    """Field g, against the flow."""
    return fill(SIGMA * (x - y), y - x * (RAYLEIGH - z), DAMPING * z - x * y)


def _balances(kT: float) -> dict[str, Balance]:
    """Polynomials and what the generator makes of them."""
    s, r, b = SIGMA, RAYLEIGH, DAMPING
    return {
        "z": Balance(lambda x, y, z: z + 0 * x * y, lambda x, y, z: x * y - b * z),
        "x2": Balance(
            lambda x, y, z: x**2 / 2 + 0 * y * z, lambda x, y, z: s * x * (y - x) + kT + 0 * z
        ),
        "y2": Balance(
            lambda x, y, z: y**2 / 2 + 0 * x * z, lambda x, y, z: x * y * (r - z) - y**2 + kT
        ),
        "z2": Balance(
            lambda x, y, z: z**2 / 2 + 0 * x * y, lambda x, y, z: x * y * z - b * z**2 + kT
        ),
        "xy": Balance(
            lambda x, y, z: x * y + 0 * z,
            lambda x, y, z: s * (y - x) * y + x**2 * (r - z) - x * y,
        ),
        "x2z": Balance(
            lambda x, y, z: x**2 * z,
            lambda x, y, z: 2 * s * x * (y - x) * z + 2 * kT * z + x**2 * (x * y - b * z),
        ),
        "energy": Balance(
            lambda x, y, z: (x**2 + y**2 + (z - s - r) ** 2) / 2,
            lambda x, y, z: 3 * kT - s * x**2 - y**2 - b * z**2 + b * (s + r) * z,
        ),
    }
