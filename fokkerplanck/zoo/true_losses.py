"""True losses whose steady state has no closed form: references by fourth-order solutions.

How the numbers were found: ``steady_state(problem, accuracy=4)`` on 128², 192², 256² and 384² cells
(128², 192² and 256² for R30, in two boxes), extrapolated from neighbouring grids at the observed
order, four. Written are the digits on which the last two extrapolations agree, less one. Rates are
those of ``spectrum`` on 96², 192² and 384² cells, of observed order two, extrapolated with two
terms; ``kramers_rate`` takes potential and Hessians from the fourth-order states.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import check_numbers, fill, tensor

_MOVING = {
    0.125: {
        "entropy_production": 0.2081174216, "rms_div_j": 0.1451057129, "x2": 1.122688747,
        "xy": -0.5440012554, "y2": 0.3032506277, "barrier": 0.473990,
        "mode": (-1.117190, 0.544493), "gap": 0.0138252, "kramers_rate": 0.0071556,
        "eigenvalues": (-0.0138252, -0.69384, -0.85792, -1.21580),
    },
    0.25: {
        "entropy_production": 0.2632448615, "rms_div_j": 0.2112922962, "x2": 1.038588385,
        "xy": -0.4754200489, "y2": 0.3002100244, "barrier": 0.471782,
        "mode": (-1.117020, 0.527135), "gap": 0.0829733, "kramers_rate": 0.04405,
        "eigenvalues": (-0.0829733, -0.77789, -1.00132, -1.58826),
    },
    0.5: {
        "entropy_production": 0.2766911984, "rms_div_j": 0.2312624564, "x2": 1.0308816255,
        "xy": -0.4232104133, "y2": 0.3366052066, "barrier": 0.452164,
        "mode": (-1.115742, 0.490537), "gap": 0.2367630, "kramers_rate": 0.109955,
        "eigenvalues": (-0.2367630, -0.97466, -1.15743, -1.82651),
    },
}  # fmt: skip
_SCALAR = {
    0.25: {
        "entropy_production": 0.015747718, "rms_div_j": 0.06736542, "rms_j": 0.060456432,
        "x2": 0.331185352, "xy": 0.165592676, "y2": 0.331185352, "levy_rate": 0.0,
        "mode": (-0.21963, -0.12259), "eigenvalues": (-0.5, -1.01064, -1.5, -1.53737),
    },
}  # fmt: skip


def moving_potential(kT: float = 0.125) -> Exact:
    """True loss f = (x² − 1)²/4 + y²/2 + xy/2 with constant D = diag(1, 1/4): Φ moves with kT.

    Minima of f at ±(√5/2, −√5/4), barrier 25/64. div j ≠ 0, so that Assumption 4 of the paper
    fails for a true loss with constant noise, and entropy is produced.

    Parameters
    ----------
    kT : float
        ``reference`` is known for 1/8, 1/4 and 1/2.

    Returns
    -------
    Exact
        ``reference``: entropy_production, rms_div_j, x2, xy, y2, barrier and mode of Φ (the left
        one), gap, eigenvalues, kramers_rate; to the digits written. Exactly, ⟨x f_x⟩ = kT and
        ⟨y f_y⟩ = kT/4.

    References
    ----------
    Chaudhari, Soatto, arXiv:1710.11029, Assumption 4; Kwon, Ao, arXiv:1107.5864.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.moving_potential(kT=0.25).reference["entropy_production"]
    0.2632448615
    """
    check_numbers(kT=kT)
    x0 = math.sqrt(5) / 2
    half = (12 * (kT / 0.125)) ** 0.25 + 0.65
    return Exact(
        code="R31", name="moving_potential", title="true loss, constant D: Φ moves with kT",
        source="Chaudhari, Soatto, arXiv:1710.11029, Assumption 4",
        kT=kT, box=[(-half, half)] * 2, D=np.array([1.0, 0.25]),
        f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2,
        g=lambda x, y: fill(x**3 - x + y / 2, y + x / 2),
        points={"minima": np.array([[-x0, x0 / 2], [x0, -x0 / 2]]), "saddles": np.zeros((1, 2))},
        moments={"barrier_f": 25 / 64}, reference=_reference(_MOVING, kT),
        notes="Φ and j by fourth-order solutions: see reference and the module",
    )  # fmt: skip


def scalar_noise(kT: float = 0.25) -> Exact:
    """Loss f = (x² + y² − xy)/2 with D = d(x) I, d = 1 + sin(x)/2: isotropic noise that circulates.

    The drift is linear, so ⟨xy⟩ = ⟨x²⟩/2, the mean is 0 and −1/2, −3/2 are eigenvalues of the
    generator; the mode of ρ_ss is displaced, j ≠ 0 although D is a scalar, div j ≠ 0, and the Levy
    area vanishes.

    Parameters
    ----------
    kT : float
        ``reference`` is known for 1/4.

    Returns
    -------
    Exact

    References
    ----------
    Chaudhari, Soatto, arXiv:1710.11029, Lemma 6.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> zoo.scalar_noise().reference["mode"]
    array([-0.21963, -0.12259])
    """
    check_numbers(kT=kT)
    half = 10 * math.sqrt(kT)
    return Exact(
        code="R30", name="scalar_noise", title="D = d(x) I, a loss, and yet a circulation",
        source="Chaudhari, Soatto, arXiv:1710.11029, Lemma 6",
        kT=kT, box=[(-half, half)] * 2,
        D=lambda x, y: tensor([[1 + np.sin(x) / 2, 0 * x * y], [0 * x * y, 1 + np.sin(x) / 2]]),
        f=lambda x, y: (x**2 + y**2 - x * y) / 2,
        g=lambda x, y: fill(x - y / 2, y - x / 2),
        points={"minima": np.zeros((1, 2))}, reference=_reference(_SCALAR, kT),
        notes="Φ and j by fourth-order solutions: see reference and the module",
    )  # fmt: skip


def _reference(table: Mapping[float, Mapping[str, Any]], kT: float) -> dict[str, Any]:
    """Entry of a table for a temperature, tuples as arrays; empty for others."""
    row: Mapping[str, Any] = next(
        (r for T, r in table.items() if math.isclose(T, kT, rel_tol=1e-12)), {}
    )
    return {k: np.array(v) if isinstance(v, tuple) else v for k, v in row.items()}
