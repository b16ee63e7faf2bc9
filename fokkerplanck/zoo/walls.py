"""Manufactured problems whose walls matter: J·n = 0 on the box, density of order one there.

Φ, D and the circulation are sums of plane waves on the unit box, so that every derivative is in
closed form; the steady state is e^(−Φ/kT)/Z with kT = 1, whatever the anisotropy of D.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from fokkerplanck.domain.types import Array, Function
from fokkerplanck.zoo.exact import Exact
from fokkerplanck.zoo.forms import (
    check_numbers,
    designed,
    plane_current,
    space_current,
    still,
    zero,
)

# Amplitude a, wave vector w and phase p of a sin(w.x + p).
Wave: TypeAlias = tuple[float, tuple[float, ...], float]


class _Waves:
    """Smooth function c + s·x + Σ a_m sin(w_m·x + p_m)."""

    def __init__(
        self, constant: float = 0.0, slope: Sequence[float] = (), waves: Sequence[Wave] = ()
    ) -> None:
        self.constant, self.slope, self.waves = constant, slope, waves

    def __call__(self, *x: Array) -> Array:
        total: Array | float = self.constant + sum(
            s * u for s, u in zip(self.slope, x, strict=False)
        )
        for a, w, p in self.waves:
            total = total + a * np.sin(self._phase(w, p, x))
        return total + zero(*x)

    def gradient(self, *x: Array) -> Array:
        """Gradient, shape (d, *shape)."""
        slope = [*self.slope, 0.0, 0.0, 0.0][: len(x)]
        total = np.stack([s + zero(*x) for s in slope])
        for a, w, p in self.waves:
            wave = a * np.cos(self._phase(w, p, x))
            total = total + np.stack([w_i * wave for w_i in w[: len(x)]])
        return total

    @staticmethod
    def _phase(w: Sequence[float], p: float, x: Sequence[Array]) -> Array:
        return np.asarray(p + sum(w_i * u for w_i, u in zip(w, x, strict=False)))


_TURN = 2 * np.pi

# Shapes of Φ, and their ranges on the unit box.
_PHI = {
    (2, False): _Waves(0.0, (0.9, -0.6), [(1.3, (3.1, 1.7), 0.4), (0.8, (-1.9, 3.7), 1.1)]),
    (2, True): _Waves(
        0.0, (), [(0.95, (_TURN, 0.0), 0.3), (0.7, (0.0, _TURN), 1.0), (0.5, (_TURN, _TURN), 0.2)]
    ),
    (3, False): _Waves(
        0.0, (0.7, -0.5, 0.6), [(1.0, (2.9, 1.4, -1.0), 0.4), (0.7, (-1.5, 3.1, 2.0), 1.1)]
    ),
    (3, True): _Waves(
        0.0,
        (),
        [
            (0.8, (_TURN, 0.0, 0.0), 0.3),
            (0.6, (0.0, _TURN, 0.0), 1.0),
            (0.4, (_TURN, 0.0, _TURN), 0.2),
            (0.4, (0.0, _TURN, -_TURN), 0.7),
        ],
    ),
}
_RANGE = {(2, False): 3.6258, (2, True): 3.5462, (3, False): 3.5748, (3, True): 4.3690}
# Size of D, and the angles of its strong direction n; n and -n are the same, so half a turn of the
# azimuth across a periodic box is seamless in the plane.
_SIZE = {
    False: _Waves(1.0, (), [(0.25, (2.2, -1.6, 1.2), 0.5)]),
    True: _Waves(1.0, (), [(0.25, (_TURN, -_TURN, 0.0), 0.5)]),
}
_AZIMUTH = {
    (2, False): _Waves(0.35, (1.3, -0.8), [(0.3, (2.0, 3.0), 0.2)]),
    (2, True): _Waves(0.35, (np.pi,), [(0.4, (0.0, _TURN), 0.2)]),
    (3, False): _Waves(0.35, (1.3, -0.8, 0.6)),
    (3, True): _Waves(0.35, (_TURN,), [(0.4, (0.0, _TURN, 0.0), 0.2)]),
}
_POLAR = {
    2: _Waves(np.pi / 2),
    (3, False): _Waves(0.8, (0.6, 0.4, -0.7)),
    (3, True): _Waves(1.0, (), [(0.4, (0.0, _TURN, _TURN), 0.0)]),
}
# Circulations: q in the plane, the three components of a in space; with walls they are multiplied
# by sines that vanish where J·n must.
_Q = {
    False: _Waves(0.6, (), [(0.28, (3.0, 1.0), 0.3), (0.16, (-1.0, 4.0), 0.0)]),
    True: _Waves(0.0, (), [(0.5, (_TURN, 0.0), 0.0), (0.5, (_TURN, -_TURN), 1.0)]),
}
_A = {
    False: (
        _Waves(0.6, (), [(0.4, (2.0, 1.0, 1.0), 0.3)]),
        _Waves(-0.5, (), [(0.5, (1.0, -2.0, 1.0), 0.7)]),
        _Waves(0.7, (), [(0.3, (1.0, 1.0, 3.0), 0.1)]),
    ),
    True: (
        _Waves(0.0, (), [(0.6, (0.0, _TURN, 0.0), 0.0), (0.4, (_TURN, 0.0, _TURN), 0.5)]),
        _Waves(0.0, (), [(0.6, (0.0, 0.0, _TURN), 0.4), (0.4, (_TURN, _TURN, 0.0), 0.0)]),
        _Waves(0.0, (), [(0.6, (_TURN, 0.0, 0.0), 0.2), (0.4, (0.0, _TURN, -_TURN), 0.9)]),
    ),
}


def manufactured_wall(
    kappa: float = 10.0,
    reversible: bool = False,
    periodic: bool = False,
    *,
    dim: int = 2,
    circulation: float = 3.0,
    contrast: float = 4.0,
) -> Exact:
    r"""Steady state e^(−Φ)/Z with large density on walls that carry no current, D tilted to them.

    D(x) = s(x) [λ₋ I + (λ₊ − λ₋) n nᵀ] with λ± = κ^(±1/2) and a direction n(x) that turns through
    the box; kT = 1 on the unit box. Given through the drift −g, g = D grad Φ − div D − j, with
    j = −Q grad Φ + div Q and Q = 0 (plane) or its tangential part = 0 (space) on the walls.

    Parameters
    ----------
    kappa : float
        Condition number of D(x), at least 1; at 1 D = s(x) I.
    reversible : bool
        j = 0 when True.
    periodic : bool
        The same on the torus, with periodic Φ, D and Q.
    dim : {2, 3}
        Dimension.
    circulation : float
        About the largest \|Q\|.
    contrast : float
        Range of Φ over the box (to four digits).

    Returns
    -------
    Exact
        Exact in every cell of the box, walls included; div j ≠ 0 when not reversible.

    Raises
    ------
    ValueError
        If kappa < 1 or dim is not 2 or 3.

    References
    ----------
    Manufactured; Mirebeau, Numer. Math. 126 (2014), for discretisations of such tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck import zoo
    >>> wall = zoo.manufactured_wall(kappa=100.0)
    >>> round(float(np.linalg.cond(wall.diffusion(0.2, 0.7))), 6)
    100.0
    >>> float(abs(wall.J(0.0, 0.3)[0])) < 1e-15
    True
    """
    check_numbers(kappa=kappa, circulation=circulation, contrast=contrast)
    if kappa < 1 or dim not in (2, 3):
        raise ValueError(f"kappa = {kappa}, dim = {dim}; give kappa >= 1 and dim 2 or 3")
    shape, scale = _PHI[dim, periodic], contrast / _RANGE[dim, periodic]

    def Phi(*x: Array) -> Array:
        return scale * shape(*x)

    def slope(*x: Array) -> Array:
        return scale * shape.gradient(*x)

    D = _Tensor(kappa, dim, periodic)
    j, div_j, q, a = still, zero, zero if dim == 2 else None, None
    if not reversible and dim == 2:
        q, grad_q = _plane_stream(circulation, periodic)
        j, div_j = plane_current(slope, q, grad_q, 1.0)
    elif not reversible:
        a, curl_a = _space_stream(circulation, periodic)
        j, div_j = space_current(slope, a, curl_a, 1.0)
    words = ("reversible" if reversible else "circulating", "torus" if periodic else "walls")
    kind = ("r" if reversible else "c") + ("p" if periodic else "")
    return Exact(
        code=f"W{dim}{kind}-{kappa:g}", name="manufactured_wall",
        title=f"manufactured, cond D = {kappa:g}, {words[0]}, {words[1]}",
        source="manufactured from Φ, D and Q with J·n = 0 on the walls",
        kT=1.0, box=[(0.0, 1.0)] * dim, sides="periodic" if periodic else "reflecting",
        D=D, Phi=Phi, j=j, div_j=div_j, q=q, a=a, g=designed(slope, D, D.divergence, j, 1.0),
        reversible=reversible, walls_exact=True,
    )  # fmt: skip


class _Tensor:
    """D = s [λ₋ I + (λ₊ − λ₋) n nᵀ] and its row divergence."""

    def __init__(self, kappa: float, dim: int, periodic: bool) -> None:
        self.weak, self.excess = kappa**-0.5, kappa**0.5 - kappa**-0.5
        self.dim, self.size = dim, _SIZE[periodic]
        self.azimuth = _AZIMUTH[dim, periodic]
        self.polar = _POLAR[2] if dim == 2 else _POLAR[3, periodic]

    def __call__(self, *x: Array) -> Array:
        return self.size(*x) * self._shape(self._direction(*x)[0])

    def divergence(self, *x: Array) -> Array:
        """Row divergence: s (λ₊ − λ₋) [(n·∇) n + n div n] + (shape) ∇s."""
        n, slopes = self._direction(*x)
        along = np.einsum("k...,ik...->i...", n, slopes)
        spread = np.einsum("kk...->...", slopes)
        bend = self.size(*x) * self.excess * (along + n * spread)
        return bend + np.einsum("ik...,k...->i...", self._shape(n), self.size.gradient(*x))

    def _shape(self, n: Array) -> Array:
        """λ₋ I + (λ₊ − λ₋) n nᵀ."""
        eye = np.eye(self.dim).reshape(self.dim, self.dim, *[1] * (n.ndim - 1))
        return self.weak * eye + self.excess * n[:, None] * n[None, :]

    def _direction(self, *x: Array) -> tuple[Array, Array]:
        """Direction n = (sin α cos β, sin α sin β, cos α) and ∂_k n_i at [i, k]."""
        alpha, beta = self.polar(*x), self.azimuth(*x)
        sa, ca, sb, cb = np.sin(alpha), np.cos(alpha), np.sin(beta), np.cos(beta)
        n = np.stack([sa * cb, sa * sb, ca])[: self.dim]
        by_alpha = np.stack([ca * cb, ca * sb, -sa])[: self.dim]
        by_beta = np.stack([-sa * sb, sa * cb, 0 * sa])[: self.dim]
        slopes = by_alpha[:, None] * self.polar.gradient(*x)[None, :]
        return n, slopes + by_beta[:, None] * self.azimuth.gradient(*x)[None, :]


def _bump(u: Array) -> tuple[Array, Array]:
    """sin(π u) and its derivative: zero on the walls of the unit interval."""
    return np.sin(np.pi * u), np.pi * np.cos(np.pi * u)


def _plane_stream(circulation: float, periodic: bool) -> tuple[Function, Function]:
    """Return q, zero on reflecting walls, and its gradient."""
    wave = _Q[periodic]

    def q(x: Array, y: Array) -> Array:
        window = 1.0 if periodic else _bump(x)[0] * _bump(y)[0]
        return circulation * window * wave(x, y)

    def grad_q(x: Array, y: Array) -> Array:
        if periodic:
            return circulation * wave.gradient(x, y)
        (sx, dx), (sy, dy) = _bump(x), _bump(y)
        slope = np.stack(np.broadcast_arrays(dx * sy, sx * dy))
        return circulation * (slope * wave(x, y) + sx * sy * wave.gradient(x, y))

    return q, grad_q


def _space_stream(circulation: float, periodic: bool) -> tuple[Function, Function]:
    """Return a, without tangential part on reflecting walls, and its curl."""
    waves = _A[periodic]

    def component(i: int, *x: Array) -> tuple[Array, Array]:
        """a_i and its gradient: a_i vanishes on the walls along axis i."""
        window, slope = 1.0 + zero(*x), np.zeros((3, *zero(*x).shape))
        if not periodic:
            (s1, d1), (s2, d2) = (_bump(x[k]) for k in range(3) if k != i)
            first, second = (k for k in range(3) if k != i)
            window = window * s1 * s2
            slope[first], slope[second] = d1 * s2, s1 * d2
        value = waves[i](*x)
        gradient = slope * value + window * waves[i].gradient(*x)
        return circulation * window * value, circulation * gradient

    def a(x: Array, y: Array, z: Array) -> Array:
        return np.stack([component(i, x, y, z)[0] for i in range(3)])

    def curl_a(x: Array, y: Array, z: Array) -> Array:
        slopes = [component(i, x, y, z)[1] for i in range(3)]
        return np.stack([slopes[(i + 2) % 3][(i + 1) % 3] - slopes[(i + 1) % 3][(i + 2) % 3]
                         for i in range(3)])  # fmt: skip

    return a, curl_a
