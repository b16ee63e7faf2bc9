r"""Currents of underdamped motion that leave its Maxwell-Boltzmann state alone, on any grid.

With :math:`u=\rho/\pi` the current of the Klein-Kramers equation is the stationary one times u, and
friction,

.. math:: J = \frac{kT}m\,(-\partial_v\pi,\ \partial_x\pi)\,u
    - \Big(0,\ \frac{\gamma kT}{m^2}\,\pi\,\partial_vu\Big).

The stationary currents through faces are differences of one array at corners
(``maxwell_boltzmann``). At a face u comes from the cells on the side that the current comes from,
with weights (2, -13, 47, 27, -3)/60, (-1, 5, 2)/6 or 1; friction is :math:`d^T\pi\,d\,u` with the
differences d = (1, -27, 27, -1)/24 or (-1, 1). All of this vanishes for u = 1, so that :math:`\pi`
is stationary to rounding however coarse the grid is. What is interpolated is the smooth u, and no
steep density: there is no condition on :math:`mvh/kT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.grid import Grid, Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.cells import neighbours
from fokkerplanck.scheme.maxwell_boltzmann import (
    STEEP,
    Profile,
    known,
    profiles,
    smooth,
    velocities,
)

#: Offsets from the cell below a face of the cells that its stencils may read.
OFFSETS = np.arange(-2, 4)
#: Weights of u at a face, of the cells at OFFSETS, where the current comes from below.
WEIGHTS = {
    5: np.array([2, -13, 47, 27, -3, 0]) / 60,
    3: np.array([0, -1, 5, 2, 0, 0]) / 6,
    1: np.array([0.0, 0, 1, 0, 0, 0]),
}
#: Differences of u at a face, in cells: second and fourth order.
NARROW = np.array([0.0, 0, -1, 1, 0, 0])
WIDE = np.array([0, 1, -27, 27, -1, 0]) / 24
#: Largest change of log pi from cell to cell.
LARGEST = 600.0


class PhaseSpaceFlux:
    r"""Mass currents through the faces of the phase plane, and their balance.

    Parameters
    ----------
    problem : Problem
        Made by ``Problem.langevin``, on uniform axes (``order=1``: on any).
    label : int array (n,), optional
        Number of the set that a cell belongs to, in which mass ends; -1 for free cells.
    part : array (n_faces,), optional
        Share of the distance between the centres of a face that lies outside of such a set; half
        of it where left out.
    order : {5, 3, 1}
        Largest order of the interpolation of u. 5 and 3: friction of fourth order. 1: the generator
        of a Markov chain, with friction of second order.

    Attributes
    ----------
    grid : Grid
    lower, upper, axis : int arrays (n_faces,)
        Cells on both sides of every face, and the axis that it is across.
    currents : csr_array (n_faces, n)
        From masses to mass currents, lower to upper, 1/time.
    exits : csr_array (n_ends + 1, n)
        Rates of mass into each set; in the last row through absorbing sides, of which there are
        none. Not only the cells at the set have entries, and entries may be negative.
    matrix : csr_array (n, n)
        :math:`\dot p=Ap` of masses: columns sum to zero, or to minus those of ``exits``.
    backward : csr_array (n, n)
        Operator B of the backward equation, :math:`\dot t=Bt`, by reversal of time:
        :math:`B=R\pi^{-1}A'\pi R` with R turning velocities round, A' with ends turned round. Mean
        passage times solve :math:`Bt=-1`, committors :math:`Bq=-` ``arrivals``. The transpose of A
        is another such operator; B has the better tails, since it interpolates t itself.
    arrivals : csr_array (n_ends + 1, n)
        Rates into the ends that go with ``backward``: its rows sum to minus theirs.

    Raises
    ------
    ValueError
        If the problem is not of this kind, the grid has absorbing sides or graded axes, or
        (``backward``) the velocity axis is not symmetric.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.phase_space_flux import PhaseSpaceFlux
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 16)
    >>> problem = fp.Problem.langevin(grid, lambda x: x**2 / 2, gamma=0.1, kT=0.2)
    >>> flux = PhaseSpaceFlux(problem)
    >>> bool(abs(flux.matrix @ fp.steady_state(problem).rho.ravel()).max() < 1e-13)
    True
    """

    def __init__(
        self,
        problem: Problem,
        label: Integers | None = None,
        part: Array | None = None,
        order: int = 5,
    ) -> None:
        self.problem, self.grid, self.order = problem, _checked(problem, order), order
        n = self.grid.size
        self.label = np.full(n, -1) if label is None else np.asarray(label)
        cells = np.arange(n).reshape(self.grid.shape)
        pairs = [[cells[i].ravel() for i in neighbours(self.grid, k)] for k in range(2)]
        self.lower, self.upper = (np.concatenate(c) for c in zip(*pairs, strict=True))
        self.axis = np.repeat(np.arange(2), [len(lower) for lower, _ in pairs])
        self.part = np.full(self.lower.size, 0.5) if part is None else np.asarray(part, float)
        self._profiles = profiles(problem)
        for profile, name in zip(self._profiles, ("x", "v"), strict=True):
            if np.abs(profile.step).max() > LARGEST:
                raise ValueError(
                    f"the energy changes by {np.abs(profile.step).max():.3g} kT from cell to cell "
                    f"along {name}, beyond floating point; refine the grid or shrink the box"
                )
        self._speeds = velocities(problem, *self._profiles)
        self._axes = [self._axis(k) for k in range(2)]
        self.currents = sparse.csr_array(sparse.vstack([axis.rows() for axis in self._axes]))

    @cached_property
    def balance(self) -> sparse.csr_array:
        """Net inflow of cells (n, n_faces), from mass currents."""
        m, n = self.currents.shape
        faces = np.arange(m)
        signs = np.concatenate([-np.ones(m), np.ones(m)])
        where = np.concatenate([self.lower, self.upper]), np.concatenate([faces, faces])
        return sparse.csr_array((signs, where), shape=(n, m))

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Balance of the currents, and what ends."""
        return sparse.csr_array(self.balance @ self.currents - self._ended.by_cell)

    @property
    def side_exits(self) -> dict[Side, Array]:
        """Rates (n,) through absorbing sides, of which there are none."""
        return {}

    @property
    def exits(self) -> sparse.csr_array:
        """Rates into the sets."""
        return self._ended.by_end

    @cached_property
    def backward(self) -> sparse.csr_array:
        """Operator of the backward equation, by reversal of time."""
        turned = self._reversed
        rows = sparse.coo_array(turned.matrix)
        log_pi = np.add.outer(*(profile.log_pi for profile in self._profiles)).ravel()
        log_mass = log_pi + np.log(self.grid.volumes.ravel())
        i, k = rows.row, rows.col
        values = rows.data * np.exp(log_mass[k] - log_mass[i])
        other = self._turned(np.arange(self.grid.size))
        return sparse.csr_array((values, (other[i], other[k])), shape=rows.shape)

    @cached_property
    def arrivals(self) -> sparse.csr_array:
        """Rates into the ends that go with ``backward``."""
        arrivals = self._reversed._ended.arrivals
        return sparse.csr_array(arrivals[:, self._turned(np.arange(self.grid.size))])

    @cached_property
    def _reversed(self) -> PhaseSpaceFlux:
        """The flux with the ends at turned velocities."""
        faces = self.grid.faces[1]
        if np.abs(faces + faces[::-1]).max() > 1e-9 * (faces[-1] - faces[0]):
            low, high = self.grid.box[1]
            raise ValueError(
                f"the velocity axis goes from {low:g} to {high:g}; the backward operator needs one "
                "that is symmetric, as it turns velocities round"
            )
        if (self.label < 0).all():
            return self
        part = self.part.copy()
        for k in range(2):
            mine, shape = self.axis == k, (self.grid.shape[0], -1)
            part[mine] = (
                part[mine].reshape(shape if k else (-1, self.grid.shape[1]))[:, ::-1].ravel()
            )
        return PhaseSpaceFlux(self.problem, self._turned(self.label), part, self.order)

    def _turned(self, values: Integers) -> Integers:
        """Values (n,) of the cells at turned velocities."""
        return values.reshape(self.grid.shape)[:, ::-1].ravel()

    def _axis(self, k: int) -> _Axis:
        """Faces across axis k."""
        shape, mine = self.grid.shape, self.axis == k
        cells = np.arange(self.grid.size).reshape(shape)
        label, faces = self.label.reshape(shape), np.arange(np.count_nonzero(mine))
        wide = (-1, shape[1]) if k == 0 else (shape[0], -1)
        arrays = [cells, label, faces.reshape(wide), self.part[mine].reshape(wide)]
        cell, label, number, part = arrays if k == 0 else [a.T for a in arrays]
        friction = self.problem.kT * known(self.problem).D[k]
        profile, speed = self._profiles[k], self._speeds[k]
        return _Axis(profile, speed, cell, label, number, part, self.order, friction)

    @cached_property
    def _ended(self) -> _Ended:
        """Rates into ends."""
        n, n_ends = self.grid.size, int(self.label.max(initial=-1)) + 1
        parts = [c for axis in self._axes for sign in (1, -1) for c in axis.crossings(sign)]
        end, near, column, rate, given = (
            np.concatenate([c[i] for c in parts] or [np.empty(0)]) for i in range(5)
        )
        shape = (n_ends + 1, n)
        return _Ended(
            sparse.csr_array((rate, (end, column)), shape=shape),
            sparse.csr_array((rate, (near, column)), shape=(n, n)),
            sparse.csr_array((given, (end, near)), shape=shape),
        )


class _Ended(NamedTuple):
    """Rates into ends, by end and by the cell that loses the mass; those of reversed time."""

    by_end: sparse.csr_array
    by_cell: sparse.csr_array
    arrivals: sparse.csr_array


@dataclass(frozen=True, eq=False)
class _Axis:
    """Faces across one axis: arrays (n, n_other) of cells, (m, n_other) of faces, this axis first.

    ``speed`` (n_other,) is the velocity of the stationary current along the axis, ``number`` counts
    its faces in the order of the grid, ``friction`` is kT D.
    """

    profile: Profile
    speed: Array
    cell: Integers
    label: Integers
    number: Integers
    part: Array
    order: int
    friction: float

    def rows(self) -> sparse.csr_array:
        """Currents (m n_other, n) through the faces, of masses."""
        profile = self.profile
        interpolation, (narrow, wide) = self._interpolation(), self._slopes()
        is_wide = self._fits(-2, 3)
        inner = self._free(0) & self._free(1)
        faces, columns, values = [], [], []
        for i, offset in enumerate(OFFSETS):
            at, _ = self._at(offset)
            carried = _ratio(profile.log_face, profile.log_pi[at]) / profile.widths[at]
            value = interpolation[i] * np.multiply.outer(carried, self.speed)
            if self.friction:
                rubbed = np.where(is_wide, wide[i][:, None], narrow[i][:, None])
                value = value - self.friction * rubbed
            used = inner & (value != 0)
            faces.append(self.number[used])
            columns.append(self.cell[at][used])
            values.append(value[used])
        where = np.concatenate(faces), np.concatenate(columns)
        shape = (self.number.size, self.cell.size)
        return sparse.csr_array((np.concatenate(values), where), shape=shape)

    def _at(self, offset: int | np.integer) -> tuple[Integers, Flags]:
        """Cells (m,) at an offset from those below the faces, and whether they exist."""
        n, m = self.profile.log_pi.size, self.profile.step.size
        at = self.profile.lower + offset
        return at % n, (at >= 0) & (at < n) | (m == n)

    def _free(self, offset: int | np.integer) -> Flags:
        """Faces (m, n_other) whose cell at an offset is there and free."""
        at, inside = self._at(offset)
        return inside[:, None] & (self.label[at] < 0)

    def _fits(self, first: int, last: int) -> Flags:
        """Faces (m, n_other) with free cells at these offsets, among which pi is not steep."""
        profile = self.profile
        flat = smooth(profile.step, profile.lower, first, last, profile.log_pi.size)
        if self.order == 1:
            flat = np.zeros_like(flat)
        return (
            np.logical_and.reduce([self._free(o) for o in range(first, last + 1)], axis=0)
            & (flat[:, None])
        )

    def _interpolation(self) -> Array:
        """Weights (6, m, n_other) of the cells at OFFSETS in u at the faces."""
        weights = np.zeros((OFFSETS.size, *self.number.shape))
        todo = np.ones(self.number.shape, bool)
        from_below = np.broadcast_to(self.speed >= 0, todo.shape)
        for order, stencil in WEIGHTS.items():
            if order > self.order:
                continue
            for side, row in ((from_below, stencil), (~from_below, stencil[::-1])):
                used = OFFSETS[row != 0]
                chosen = todo & side
                if order > 1:
                    chosen = chosen & self._fits(used[0], used[-1])
                weights[:, chosen] = row[:, None]
                todo = todo & ~chosen
        return weights

    def _slopes(self) -> tuple[Array, Array]:
        """Weights (6, m) of masses in pi du/ds at the faces, second and fourth order."""
        profile = self.profile
        m, n = profile.step.size, profile.log_pi.size
        distance = 0.5 * (profile.widths[self._at(0)[0]] + profile.widths[self._at(1)[0]])
        narrow, wide = np.zeros((6, m)), np.zeros((6, m))
        around = [profile.log_pi[self._at(o)[0]] for o in (-1, 0, 1, 2)]
        middle = (9 * (around[1] + around[2]) - (around[0] + around[3])) / 16
        for i, offset in enumerate(OFFSETS):
            at, _ = self._at(offset)
            scale = 1 / (distance * profile.widths[at])
            narrow[i] = NARROW[i] * _ratio(profile.log_mean, profile.log_pi[at]) * scale
            for e, weight in ((-1, -1 / 24), (0, 26 / 24), (1, -1 / 24)):
                if 0 <= i - e < OFFSETS.size and WIDE[i - e]:
                    face = (
                        np.clip(profile.lower + e, 0, m - 1) if m < n else (profile.lower + e) % m
                    )
                    ratio = _ratio(middle[face], profile.log_pi[at])
                    wide[i] += weight * WIDE[i - e] * ratio * scale
        return narrow, wide

    def crossings(self, sign: int) -> Iterator[tuple[NDArray, ...]]:
        """Entries (end, near cell, cell read, its rate, rate of the backward equation).

        Of faces with the set above (sign 1) or below. With the set at the part s of the distance,
        u at the face is extrapolated where the current leaves; where it comes in, it lies on the
        line through the boundary, where u has a value of its own.
        """
        near, behind, beyond = (0, -1, 1) if sign > 0 else (1, 2, 0)
        at, _ = self._at(near)
        after, _ = self._at(behind)
        other, _ = self._at(beyond)
        here = self._free(near) & (self.label[other] >= 0)
        face, column = np.nonzero(here)
        profile, s = self.profile, self.part[face, column]
        near_cell, end = self.cell[at[face], column], self.label[other[face], column]
        far_cell = self.cell[after[face], column]
        out = sign * self.speed[column]
        gentle = np.abs(profile.log_pi[at] - profile.log_pi[after]) <= STEEP
        has_far = (self._free(behind) & gentle[:, None])[here] & (self.order > 1)
        by_near = (_ratio(profile.log_face, profile.log_pi[at]) / profile.widths[at])[face]
        by_far = (_ratio(profile.log_face, profile.log_pi[after]) / profile.widths[after])[face]
        leaves, is_low = out >= 0, self.order == 1
        # Weights in u at the face of the near cell, the one behind it and the boundary.
        far = np.where(leaves, -0.5, np.where(s < 0.5, (s - 0.5) / (1 + s), 0.0)) * has_far
        close = np.where(leaves, 1 - far, 0.0 if is_low else np.maximum(s - 0.5, 0.0) / s)
        given = np.where(leaves, 0.0, 1 - close - far)
        rate = close * out * by_near
        arrival = -given * out * by_near
        if self.friction:
            rubbed = self._rubbed(sign, face, s, at)
            rate, arrival = rate + rubbed, arrival + rubbed
        yield end, near_cell, near_cell, rate, arrival
        far_rate = far * out * by_far
        yield end, near_cell, far_cell, far_rate, np.zeros(far_rate.size)

    def _rubbed(self, sign: int, face: Integers, s: Array, at: Integers) -> Array:
        """Rates at which friction carries mass into a set at the part s of the distance."""
        profile = self.profile
        widths = profile.widths
        distance = 0.5 * (widths[self._at(0)[0]] + widths[self._at(1)[0]])[face]
        climb = s * sign * profile.step[face]
        return self.friction / (s * distance * widths[at[face]]) * bernoulli(-climb)


def _ratio(log_a: Array, log_b: Array) -> Array:
    """Ratio a/b from logarithms, finite."""
    return np.exp(np.clip(log_a - log_b, -LARGEST, LARGEST))


def _checked(problem: Problem, order: int) -> Grid:
    """Grid of a problem that this flux is for."""
    grid = check_problem(problem, "PhaseSpaceFlux").grid
    if order not in WEIGHTS:
        raise ValueError(f"order is {describe(order)}; choose from 5, 3, 1")
    if grid.has_absorbing_sides:
        raise ValueError(
            "the phase-space flux is for reflecting and periodic sides, and this grid has "
            "absorbing ones; give what absorbs as a set of cells"
        )
    if order > 1 and not grid.is_uniform:
        raise ValueError(
            f"the grid is graded, and order={order} is for uniform axes; give uniform axes, or "
            "order=1"
        )
    return grid
