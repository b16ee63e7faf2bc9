"""Exact Wasserstein transport on a line, by quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import finite_number, frozen, real_array
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.transport import quantiles

#: Relative difference of the two total masses that is taken for rounding.
SAME_MASS = 1e-8


@dataclass(frozen=True, eq=False)
class LineTransport(Portable):
    r"""The monotone rearrangement of one density on a line into another.

    Attributes
    ----------
    cost : float
        :math:`W_2^2=\int_0^1(Q_1(u)-Q_0(u))^2\,du`, Q the quantile functions; for a mass other than
        1 times that mass.
    faces : array (n + 1,)
    x0, x1, y0, y1, mass : arrays (k,)
        Pieces of mass, from left to right: each goes from [x0, x1] to [y0, y1] linearly.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.transport.one_dimension import line_transport
    >>> grid = fp.Grid([(-8, 8)], 400)
    >>> p, q = (fp.gaussian(grid, m, 1) * grid.volume for m in (-1, 1))
    >>> plan = line_transport(grid.faces[0], p, q)
    >>> round(plan.cost, 6), round(float(plan.map(0.0)), 6)
    (4.0, 2.0)
    """

    faces: Array
    cost: float
    x0: Array
    x1: Array
    y0: Array
    y1: Array
    mass: Array

    @property
    def distance(self) -> float:
        """W2, a length."""
        return float(np.sqrt(self.cost))

    def map(self, x: ArrayLike) -> Array:
        r"""T(x), where mass at x goes; nearest mass where there is none.

        T is piecewise linear and does not decrease. It jumps where the second density has a gap.
        """
        return np.interp(np.asarray(x, float), *self._knots)

    def interpolation(self, s: float, faces: ArrayLike | None = None) -> Array:
        r"""Masses of the cells at s on the geodesic, :math:`((1-s)\,\mathrm{id}+s\,T)_\#\rho_0`.

        Parameters
        ----------
        s : float
            Between 0 and 1.
        faces : array, optional
            Other cells than those of the two densities; mass beyond them is left out.

        Returns
        -------
        array (n,)
            Each cell holds what falls into it, in all exactly the mass there is.
        """
        s = finite_number(s, "s", "a number from 0 to 1")
        if not 0 <= s <= 1:
            raise ValueError(f"s is {s:g}; give a number from 0 to 1, the place on the geodesic")
        faces = self.faces if faces is None else check_faces(faces)
        z = np.column_stack(
            [(1 - s) * self.x0 + s * self.y0, (1 - s) * self.x1 + s * self.y1],
        ).ravel()
        z = np.maximum.accumulate(z)
        median = z[2 * int(np.searchsorted(np.cumsum(self.mass), 0.5 * self.mass.sum()))]
        from_left = np.append(0.0, np.cumsum(self.mass))
        from_right = np.append(np.cumsum(self.mass[::-1])[::-1], 0.0)
        left = np.interp(faces, z, np.column_stack([from_left[:-1], from_left[1:]]).ravel())
        right = np.interp(faces, z, np.column_stack([from_right[:-1], from_right[1:]]).ravel())
        return np.where(faces[1:] <= median, np.diff(left), -np.diff(right))

    @cached_property
    def _knots(self) -> tuple[Array, Array]:
        """Knots of T without those that repeat."""
        x = np.column_stack([self.x0, self.x1]).ravel()
        y = np.column_stack([self.y0, self.y1]).ravel()
        new = np.append(True, (np.diff(x) > 0) | (np.diff(y) > 0))
        return np.maximum.accumulate(x[new]), np.maximum.accumulate(y[new])


def line_transport(faces: ArrayLike, p: ArrayLike, q: ArrayLike) -> LineTransport:
    r"""Optimal transport for the squared distance between densities constant in cells of a line.

    Parameters
    ----------
    faces : array (n + 1,)
        Increasing, of any widths.
    p, q : arrays (n,)
        Masses of the cells, >= 0, of one total (to 1e-8; q is then scaled to that of p).

    Returns
    -------
    LineTransport

    Raises
    ------
    ValueError
        Naming the array, and the first bad cell or the two masses.

    Notes
    -----
    Exact for such densities up to rounding, at a cost of O(n): masses are matched from both ends to
    the median, tails to an accuracy relative to themselves.

    References
    ----------
    Santambrogio, Optimal Transport for Applied Mathematicians (2015), section 2.1.

    Examples
    --------
    >>> from fokkerplanck.transport.one_dimension import line_transport
    >>> line_transport([0, 1, 2, 3], [1, 0, 0], [0, 0, 1]).cost
    4.0
    """
    faces = check_faces(faces)
    n = faces.size - 1
    p, q = _masses(p, "p", n), _masses(q, "q", n)
    total, other = float(p.sum()), float(q.sum())
    if not total > 0 or abs(other - total) > SAME_MASS * total:
        raise ValueError(
            f"p has mass {total:.12g} and q has {other:.12g}; give two densities of one mass > 0"
        )
    q = q * (total / other)
    x0, x1, y0, y1, mass = np.empty((5, 2 * n + 2))
    k = quantiles.match(faces, p, q, x0, x1, y0, y1, mass)
    x0, x1, y0, y1, mass = (frozen(row[:k].copy()) for row in (x0, x1, y0, y1, mass))
    d0, d1 = y0 - x0, y1 - x1
    cost = float(np.sum(mass * (d0 * d0 + d0 * d1 + d1 * d1))) / 3
    return LineTransport(faces, cost, x0, x1, y0, y1, mass)


def check_faces(faces: ArrayLike) -> Array:
    """Float array of increasing faces."""
    faces = real_array(faces, "faces", "increasing positions, one more than there are cells")
    if faces.ndim != 1 or faces.size < 2:
        raise ValueError(f"faces has shape {faces.shape}; give one row of at least two positions")
    if not (np.isfinite(faces).all() and (np.diff(faces) > 0).all()):
        raise ValueError("faces are not finite or do not increase; give increasing positions")
    return np.ascontiguousarray(faces)


def _masses(p: ArrayLike, name: str, n: int) -> Array:
    """Float array of n masses >= 0."""
    p = real_array(p, name, f"an array of {n} masses")
    if p.shape != (n,):
        raise ValueError(f"{name} has shape {p.shape}, but there are {n} cells; give ({n},)")
    bad = ~(np.isfinite(p) & (p >= 0))
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"{name} is negative or not finite in {np.count_nonzero(bad)} of {n} cells, first "
            f"{name}[{k}] = {p[k]:g}; give masses >= 0"
        )
    return np.ascontiguousarray(p)
