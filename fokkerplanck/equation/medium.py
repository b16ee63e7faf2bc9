"""Ito drift and noise along the axes, between cell centres and right up to the walls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.calculus import stratonovich_correction
from fokkerplanck.equation.given import Given
from fokkerplanck.equation.inverse_design import leftover_field
from fokkerplanck.equation.tables import Table

#: Step of difference quotients over the distance to the nearest wall: a power law keeps 9 digits.
STEP = 0.005

#: Exponent of noise above which it counts as falling faster than the distance to a wall.
FAST = 1.25


class Equation(Protocol):
    """What of a Problem is asked for here."""

    @property
    def grid(self) -> Grid: ...  # noqa: D102
    @property
    def given(self) -> Given: ...  # noqa: D102
    @property
    def kT(self) -> float: ...  # noqa: D102
    @property
    def calculus(self) -> str: ...  # noqa: D102
    @property
    def D(self) -> Array: ...  # noqa: D102
    @property
    def D_constant(self) -> bool: ...  # noqa: D102
    @property
    def drift(self) -> Array: ...  # noqa: D102


@dataclass(frozen=True)
class Cloud:
    """Points in place of cell centres: what functions of a grid need to evaluate callables."""

    x: np.ndarray  # (d, n, 1, ...)
    widths: tuple[Array, ...]

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.x)


@dataclass(frozen=True)
class Lines:
    """Lines of cells along one axis, and where across the other axes each of their cells is.

    Attributes
    ----------
    axis : int
    index : tuple of int arrays (L,)
        Cells of the lines along every axis; the entry of ``axis`` is not used.
    across : array (d, L, n)
        Coordinates of the cells; the row of ``axis`` is not used.
    """

    axis: int
    index: tuple[Integers, ...]
    across: Array

    def part(self, chosen: slice) -> Lines:
        """Return some of the lines."""
        index = tuple(i[chosen] for i in self.index)
        return Lines(self.axis, index, self.across[:, chosen])


def ito_drift(equation: Equation, cloud: Cloud) -> Array:
    """Ito drift (d, n) of a problem given by functions, at a cloud of points."""
    given = equation.given
    varies = not equation.D_constant
    if given.Phi is not None:
        return _inverse_drift(equation, cloud).reshape(cloud.dim, -1)
    if given.f is None:
        drift = np.zeros(cloud.dim) if given.drift is None else given.drift
        b = fields.vector_field(drift, cloud, "drift")
    elif callable(given.grad_f):
        b = -fields.vector_field(given.grad_f, cloud, "grad_f")
    elif callable(given.f):
        b = -fields.gradient(given.f, cloud, "f")
    else:
        b = np.zeros(cloud.x.shape)
    if equation.calculus == "klimontovich" and varies:
        b = b + equation.kT * fields.row_divergence(given.D, cloud, "D")
    elif equation.calculus == "stratonovich" and varies:
        b = b + stratonovich_correction(given.D, given.sigma, cloud, equation.kT)
    return fields.check_finite(b, cloud.x, "drift").reshape(cloud.dim, -1)


def _inverse_drift(equation: Equation, cloud: Cloud) -> Array:
    """Drift of ``Problem.from_potential``: -D grad Phi + kT div D + j."""
    given = equation.given
    grad = fields.gradient(given.Phi, cloud, "Phi")  # type: ignore[arg-type]
    b = -np.einsum("ik...,k...->i...", fields.matrix_field(given.D, cloud, "D"), grad)
    if not equation.D_constant:
        b = b + equation.kT * fields.row_divergence(given.D, cloud, "D")
    if given.Q is not None:
        b = b + leftover_field(given.Q, grad, cloud, equation.kT)
    elif given.j is not None:
        b = b + fields.vector_field(given.j, cloud, "j")
    return b


class Medium:
    r"""Ito drift :math:`b_k` and noise :math:`a_k=kT\,D_{kk}` at any points of lines along axis k.

    What was given as functions is evaluated, what was given as arrays is interpolated (`Table`).
    """

    def __init__(self, equation: Equation) -> None:
        self.equation, self.grid = equation, equation.grid
        given, arrays = equation.given, set(equation.given.arrays(equation.grid.shape))
        self.knows_D = callable(given.D) or equation.D_constant
        if given.Phi is not None:
            known = not arrays & {"Phi", "Q", "j"} and self.knows_D
        elif given.f is not None:
            known = "f" not in arrays or callable(given.grad_f)
        else:
            known = "drift" not in arrays
        self.knows_drift = known and (equation.calculus == "ito" or self.knows_D)
        differs = given.Phi is not None or (given.f is not None and not callable(given.grad_f))
        self._differs = differs or (equation.calculus != "ito" and not equation.D_constant)
        self._widths = [np.array([w.min()]) for w in self.grid.widths]

    def along(self, lines: Lines, y: Array, cell: Integers) -> tuple[Array, Array]:
        """Drift and noise (L, N) along the axis of lines, at coordinates y (N,) in cells (N,)."""
        axis = lines.axis
        x = np.array(lines.across[:, :, cell])
        x[axis] = y
        points = x.reshape(self.grid.dim, -1)
        shape = x.shape[1:]
        if self.knows_D:
            D = fields.matrix_field(self.equation.given.D, self._cloud(points), "D")[axis, axis]
            noise = np.asarray(D).reshape(shape)
        else:
            noise = Table(self.grid, self.equation.D[axis, axis], axis).noise(
                lines.index, lines.across, y
            )
        if self.knows_drift:
            drift = self._drift(points, axis).reshape(shape)
        else:
            drift = Table(self.grid, self.equation.drift[axis], axis).drift(
                lines.index, lines.across, y
            )
            drift = self._kept_in_scale(lines, drift, noise, y)
        return drift, self.equation.kT * noise

    def _kept_in_scale(self, lines: Lines, drift: Array, noise: Array, y: Array) -> Array:
        """Drift of arrays between a wall and the first centre, where noise falls faster than d.

        What a straight line leaves at the wall would be infinite against such noise: there b d/D
        keeps its value at the centre in place of that.
        """
        k = lines.axis
        if self.grid.periodic[k]:
            return drift
        D, b = (Table(self.grid, u, k) for u in (self.equation.D[k, k], self.equation.drift[k]))
        x = self.grid.centers[k]
        for wall, first, sign in zip(self.grid.box[k], (0, -1), (1, -1), strict=True):
            at = x[[first, first + sign]]
            D0, D1 = D.noise(lines.index, lines.across, at).T
            d0, d1 = sign * (at - wall)
            b0 = b.drift(lines.index, lines.across, at)[:, :1]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                fast = np.log(D1 / D0) > FAST * np.log(d1 / d0)
                scale = np.minimum(noise / D0[:, None] * (d0 / np.abs(y - wall)), 1.0)
            here = fast[:, None] & (np.abs(y - wall) < d0)
            drift = np.where(here, b0 * scale, drift)
        return drift

    def _cloud(self, points: Array, axis: int | None = None) -> Cloud:
        """Cloud of points (d, n); for differences along an axis, with steps that stay inside."""
        widths = self._widths
        if axis is not None:
            # Powers of two, so that points move by exactly that much however near to a wall.
            left = [STEP * self._left(k, x).min() for k, x in enumerate(points)]
            widths = [np.array([2.0 ** np.floor(np.log2(step)) / fields.STEP]) for step in left]
        return Cloud(points.reshape(points.shape + (1,) * (len(points) - 1)), tuple(widths))

    def _left(self, k: int, x: Array) -> Array:
        """Distance to the nearest wall of an axis, a cell width at most."""
        lo, hi = self.grid.box[k]
        width = float(self.grid.widths[k].min())
        if self.grid.periodic[k]:
            return np.full(x.shape, width)
        return np.clip(np.minimum(x - lo, hi - x), np.finfo(float).tiny, width)

    def _drift(self, points: Array, axis: int) -> Array:
        """Component of the drift at points (d, n): at once, or for all of one scale at a time."""
        if not self._differs:
            return ito_drift(self.equation, self._cloud(points))[axis]
        b = np.empty(points.shape[1])
        scale = np.floor(np.log2(self._left(axis, points[axis])))
        for octave in np.unique(scale):
            mine = scale == octave
            b[mine] = ito_drift(self.equation, self._cloud(points[:, mine], axis))[axis]
        return b
