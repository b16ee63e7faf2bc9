"""Manufactured triples (Φ, D, Q): the drift is computed from the answer, closed forms throughout.

The boxes are wide enough for the walls not to matter inside; see ``Exact.interior``. Problems whose
density is large at the walls are in the module ``walls``.
"""

import numpy as np

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import (
    check_numbers,
    designed,
    fill,
    plane_current,
    space_current,
    tensor,
)

_SOURCE = "manufactured from Φ, D and Q; Kwon, Ao, Thouless, PNAS 102 (2005) 13029, for the form"


def _potential_plane(x: Array, y: Array) -> Array:
    """(x² − 1)²/4 + y²/2 + 0.3 x y."""
    return (x**2 - 1) ** 2 / 4 + y**2 / 2 + 0.3 * x * y


def _slope_plane(x: Array, y: Array) -> Array:
    """Gradient of the potential of the plane."""
    return fill(x**3 - x + 0.3 * y, y + 0.3 * x)


def _diffusion_plane(x: Array, y: Array) -> Array:
    """[[1 + sin²(x)/2, 0.3 cos(x + y)], [., 0.6 + 0.2 cos y]]."""
    cross = 0.3 * np.cos(x + y)
    return tensor([[1 + 0.5 * np.sin(x) ** 2, cross], [cross, 0.6 + 0.2 * np.cos(y)]])


def _div_diffusion_plane(x: Array, y: Array) -> Array:
    """Row divergence of D."""
    slope = -0.3 * np.sin(x + y)
    return fill(np.sin(x) * np.cos(x) + slope, slope - 0.2 * np.sin(y))


def _q_flat(x: Array, y: Array) -> tuple[Array, Array]:
    """e^(−Φ)/2 and its gradient."""
    q = np.exp(-_potential_plane(x, y)) / 2
    return q, -q * _slope_plane(x, y)


def _q_mixed(x: Array, y: Array) -> tuple[Array, Array]:
    """(1 + x) cos(y)/2 and its gradient."""
    return (1 + x) * np.cos(y) / 2, fill(np.cos(y) / 2, -(1 + x) * np.sin(y) / 2)


def _q_steep(x: Array, y: Array) -> tuple[Array, Array]:
    """Φ/2 and its gradient."""
    return _potential_plane(x, y) / 2, _slope_plane(x, y) / 2


_PLANE_CURRENTS = {
    "flat": ("R13a", _q_flat, "q = e^(−Φ)/2, div j = 0"),
    "mixed": ("R13b", _q_mixed, "q = (1 + x) cos(y)/2, div j ≠ 0"),
    "steep": ("R13c", _q_steep, "q = Φ/2, div j = 0"),
}


def manufactured_plane(current: str = "flat", kT: float = 0.5) -> Exact:
    """Double well with coupling, full D(x) and a chosen circulation q(x) in the plane.

    Φ = (x² − 1)²/4 + y²/2 + 0.3 x y; D = [[1 + sin²(x)/2, 0.3 cos(x + y)], [., 0.6 + 0.2 cos y]];
    g = D grad Φ − kT div D − j, j = −Q grad Φ + kT div Q.

    Parameters
    ----------
    current : {"flat", "mixed", "steep"}
        q = e^(−Φ)/2 (div j = 0), (1 + x) cos(y)/2 (div j ≠ 0) or Φ/2 (div j = 0).
    kT : float
        Temperature; the values quoted in the tests are at 1/2.

    Raises
    ------
    ValueError
        If `current` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> np.round(zoo.manufactured_plane("mixed").j(0.3, -0.4), 7)
    array([ 0.3121548, -0.4655503])
    """
    check_numbers(kT=kT)
    one_of(current, "current", _PLANE_CURRENTS)
    code, q_and_grad, title = _PLANE_CURRENTS[current]
    j, div_j = plane_current(
        _slope_plane, lambda x, y: q_and_grad(x, y)[0], lambda x, y: q_and_grad(x, y)[1], kT
    )
    return Exact(
        code=code, name="manufactured_plane", title=title, source=_SOURCE, kT=kT,
        box=[(-3.0, 3.0), (-6.0, 6.0)], D=_diffusion_plane, Phi=_potential_plane, j=j, div_j=div_j,
        q=lambda x, y: q_and_grad(x, y)[0],
        g=designed(_slope_plane, _diffusion_plane, _div_diffusion_plane, j, kT),
    )  # fmt: skip


def _potential_space(x: Array, y: Array, z: Array) -> Array:
    """(x² − 1)²/4 + (y² + z²)/2 + x y/4."""
    return (x**2 - 1) ** 2 / 4 + (y**2 + z**2) / 2 + x * y / 4


def _slope_space(x: Array, y: Array, z: Array) -> Array:
    """Gradient of the potential of space."""
    return fill(x**3 - x + y / 4, y + x / 4, z)


def _diffusion_space(x: Array, y: Array, z: Array) -> Array:
    """[[1 + sin²(y)/4, cos(z)/5, 0], [., 0.8 + cos(x)/5, sin(x)/10], [., ., 0.5 + sin²(z)/5]]."""
    xy, yz, none = np.cos(z) / 5, np.sin(x) / 10, 0 * (x + y + z)
    return tensor(
        [
            [1 + np.sin(y) ** 2 / 4, xy, none],
            [xy, 0.8 + np.cos(x) / 5, yz],
            [none, yz, 0.5 + np.sin(z) ** 2 / 5],
        ]
    )


def _div_diffusion_space(x: Array, y: Array, z: Array) -> Array:
    """Row divergence of D: only ∂_z D_zz survives."""
    return fill(0 * x, 0 * y, 0.4 * np.sin(z) * np.cos(z) + 0 * (x + y))


def _a_gradient(x: Array, y: Array, z: Array) -> Array:
    """e^(−Φ) grad(z + x²/4)."""
    weight = np.exp(-_potential_space(x, y, z))
    return fill(weight * x / 2, 0 * weight, weight)


def _curl_a_gradient(x: Array, y: Array, z: Array) -> Array:
    """−grad Φ × a, because the curl of a gradient vanishes."""
    return -np.cross(_slope_space(x, y, z), _a_gradient(x, y, z), axis=0)


def _a_mixed(x: Array, y: Array, z: Array) -> Array:
    """(sin y, x z/4, cos x)."""
    return fill(np.sin(y) + 0 * x, x * z / 4, np.cos(x) + 0 * y)


def _curl_a_mixed(x: Array, y: Array, z: Array) -> Array:
    """(−x/4, sin x, z/4 − cos y)."""
    return fill(-x / 4 + 0 * y, np.sin(x) + 0 * y, z / 4 - np.cos(y))


_SPACE_CURRENTS = {
    "gradient": ("R15", _a_gradient, _curl_a_gradient, "a = e^(−Φ) grad(z + x²/4), div j = 0"),
    "mixed": ("R16", _a_mixed, _curl_a_mixed, "a = (sin y, x z/4, cos x), div j ≠ 0"),
}


def manufactured_space(current: str = "gradient", kT: float = 0.5) -> Exact:
    """Double well with coupling, full D(x) and a chosen vector potential a(x) in space.

    Φ = (x² − 1)²/4 + (y² + z²)/2 + x y/4, smallest eigenvalue of D 0.456,
    g = D grad Φ − kT div D − j, j = a × grad Φ + kT curl a.

    Parameters
    ----------
    current : {"gradient", "mixed"}
        a = e^(−Φ) grad(z + x²/4) (div j = 0) or (sin y, x z/4, cos x) (div j ≠ 0).
    kT : float
        Temperature; the values quoted in the tests are at 1/2.

    Raises
    ------
    ValueError
        If `current` is none of these.

    Examples
    --------
    >>> from fokkerplanck import zoo
    >>> round(float(zoo.manufactured_space("mixed").div_j(0.3, -0.4, 0.5)), 12)
    -0.466099564166
    """
    check_numbers(kT=kT)
    one_of(current, "current", _SPACE_CURRENTS)
    code, a, curl_a, title = _SPACE_CURRENTS[current]
    j, div_j = space_current(_slope_space, a, curl_a, kT)
    return Exact(
        code=code, name="manufactured_space", title=title, source=_SOURCE, kT=kT,
        box=[(-3.0, 3.0), (-5.5, 5.5), (-5.0, 5.0)], D=_diffusion_space, Phi=_potential_space,
        j=j, div_j=div_j, a=a,
        g=designed(_slope_space, _diffusion_space, _div_diffusion_space, j, kT),
    )  # fmt: skip
