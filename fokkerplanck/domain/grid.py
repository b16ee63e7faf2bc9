"""Cell-centred Cartesian grids in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe, frozen, is_whole, one_of, real_array
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array

WALLS = ("reflecting", "periodic", "absorbing")
AXES, ENDS = "xyz", ("lower", "upper")
#: Largest difference of cell widths, over their mean, of an axis that does not count as graded.
EVEN = 1e-10
#: Cells of a periodic axis at least: on two, both neighbours of a cell are one and the same.
LEAST_RING = 3


@dataclass(frozen=True)
class Side:
    """A side of the box; absorbing ones are ends of passages.

    Attributes
    ----------
    axis : int
    end : {"lower", "upper"}
    """

    axis: int
    end: str

    def __repr__(self) -> str:
        return f"side({AXES[self.axis]!r}, {self.end!r})"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Grid(Portable):
    r"""Cells :math:`x_i` of volume :math:`V_i` filling a box, with walls of a stated kind.

    Parameters
    ----------
    box : sequence of d entries, d = 1, 2, 3
        For each axis ``(lo, hi)``, or a one-dimensional increasing array of cell faces
        (a graded axis; at least three faces).
    shape : int or sequence of int, optional
        Number of cells per axis (at least 2, on periodic axes 3); may be left out if every axis
        lists its faces.
    sides : str or sequence, default "reflecting"
        ``"reflecting"`` (no flux), ``"periodic"`` or ``"absorbing"`` (density zero at the wall):
        one word, one word per axis, or one ``(lo, hi)`` pair of words per axis.

    Attributes
    ----------
    x : array, shape (d, \*shape)
        Cell centres, ``indexing="ij"``; ``x, y = grid.x``.
    h : tuple
        Cell width of each axis: a float, or an array of widths on a graded axis.
    volume : float, or array of shape (\*shape)
        Volume of the cells.
    faces, centers : tuple of arrays
        Faces (n + 1) and centres (n) of the cells along each axis.

    Raises
    ------
    ValueError
        If the box is empty or not finite, a shape does not fit, a wall is unknown, or a periodic
        axis has two cells.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-2, 2), (0, 1)], (8, 4), sides=["reflecting", "periodic"])
    >>> grid
    Grid([(-2, 2), (0, 1)], shape=(8, 4), sides=['reflecting', 'periodic'])
    >>> float(grid.integrate(1.0))
    4.0
    """

    box: tuple[tuple[float, float], ...]
    shape: tuple[int, ...]
    sides: tuple[tuple[str, str], ...]
    faces: tuple[Array, ...] = field(compare=False)

    def __init__(
        self,
        box: Sequence[ArrayLike],
        shape: int | Sequence[int] | None = None,
        sides: str | Sequence[str | Sequence[str]] = "reflecting",
    ) -> None:
        axes = _check_box(box)
        shape = _check_shape(shape, axes)
        faces = tuple(_faces(axis, n) for axis, n in zip(axes, shape, strict=True))
        words = _check_sides(sides, len(axes))
        _check_rings(shape, words)
        object.__setattr__(self, "box", tuple((float(F[0]), float(F[-1])) for F in faces))
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "sides", words)
        object.__setattr__(self, "faces", faces)

    @property
    def dim(self) -> int:
        """Number of axes d."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of cells."""
        return prod(self.shape)

    @property
    def periodic(self) -> tuple[bool, ...]:
        """True for each periodic axis."""
        return tuple(lo == "periodic" for lo, _ in self.sides)

    @property
    def has_absorbing_sides(self) -> bool:
        """True if mass can leave through a wall."""
        return bool(self.sides_of("absorbing"))

    def sides_of(self, word: str) -> tuple[Side, ...]:
        """Sides of one kind: lower before upper, axis by axis.

        Parameters
        ----------
        word : {"reflecting", "periodic", "absorbing"}

        Raises
        ------
        ValueError
            For another word.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> fp.Grid([(0, 1)], 4, sides=[("reflecting", "absorbing")]).sides_of("absorbing")
        (side('x', 'upper'),)
        """
        one_of(word, "word", WALLS)
        return tuple(
            Side(k, end)
            for k, pair in enumerate(self.sides)
            for end, kind in zip(ENDS, pair, strict=True)
            if kind == word
        )

    @cached_property
    def graded(self) -> tuple[bool, ...]:
        """True for each axis whose cells are not all of one width."""
        return tuple(_is_graded(F) for F in self.faces)

    @property
    def is_uniform(self) -> bool:
        """True if no axis is graded."""
        return not any(self.graded)

    @cached_property
    def widths(self) -> tuple[Array, ...]:
        """Cell widths along each axis, as arrays (n,)."""
        return tuple(
            frozen(np.diff(F) if g else np.full(n, (F[-1] - F[0]) / n))
            for F, g, n in zip(self.faces, self.graded, self.shape, strict=True)
        )

    @cached_property
    def h(self) -> tuple[Any, ...]:
        """Cell width of each axis: a float, or an array of widths on a graded axis."""
        return tuple(w if g else float(w[0]) for w, g in zip(self.widths, self.graded, strict=True))

    @cached_property
    def centers(self) -> tuple[Array, ...]:
        """Cell centres along each axis."""
        return tuple(frozen(0.5 * (F[1:] + F[:-1])) for F in self.faces)

    @cached_property
    def x(self) -> Array:
        r"""Cell centres, shape (d, \*shape)."""
        return frozen(np.stack(np.meshgrid(*self.centers, indexing="ij")))

    @cached_property
    def volume(self) -> Any:
        r"""Cell volume: a float on a uniform grid, else an array of shape (\*shape)."""
        if self.is_uniform:
            return float(prod(w[0] for w in self.widths))
        volume = np.ones(self.shape)
        for k, w in enumerate(self.widths):
            volume = volume * along(w, k, self.dim)
        return frozen(volume)

    @cached_property
    def volumes(self) -> Array:
        r"""Volume of every cell, shape (\*shape), on any grid."""
        return np.broadcast_to(self.volume, self.shape)

    def integrate(
        self,
        u: ArrayLike | Callable[..., ArrayLike],
        axis: int | str | Sequence[int | str] | None = None,
    ) -> Any:
        r"""Midpoint rule :math:`\int u\,dx = \sum_i u_i V_i` over the last d axes, or some of them.

        Parameters
        ----------
        u : array, shape (..., \*shape), number, or callable ``u(x, y)`` of the cell centres
            Leading axes (components, time) pass through.
        axis : int, {"x", "y", "z"} or a sequence of these, optional
            Axes of the grid to integrate over; all of them by default.

        Returns
        -------
        array, shape (...), followed by the cells of the axes that are left
            In units of u times length along each axis integrated over.

        Raises
        ------
        ValueError
            For values that do not fit the grid, and axes that it does not have.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 4)
        >>> float(grid.integrate(grid.x[0]))
        0.5
        >>> fp.Grid([(0, 1), (0, 3)], 2).integrate(lambda x, y: x * y, axis="y")
        array([1.125, 3.375])
        """
        over = range(self.dim) if axis is None else axis_numbers(axis, self, "axis")
        if callable(u):
            try:
                u = u(*self.x)
            except TypeError as error:
                raise ValueError(
                    f"u could not be called: {error}; give a function of {self.dim} arrays, one "
                    "per axis"
                ) from error
        if np.ma.is_masked(u) or getattr(getattr(u, "dtype", None), "kind", "") == "O":
            u = real_array(u, "u", "numbers over the grid")
        u = np.asarray(u)
        if u.dtype.kind == "f":
            u = u.astype(float, copy=False)  # sums of float32 lose digits
        if u.dtype.kind not in "biufc":
            raise ValueError(f"integrate received {describe(u)}; give numbers over the grid")
        if u.ndim == 0:
            u = np.broadcast_to(u, self.shape)
        if u.shape[u.ndim - self.dim :] != self.shape:
            raise ValueError(
                f"integrate received an array of shape {u.shape}; its last {self.dim} axes must "
                f"be the grid's {self.shape}"
            )
        if len(over) == self.dim:
            return np.sum(u * self.volume, axis=tuple(range(-self.dim, 0)))
        for k in over:
            u = u * along(self.widths[k], k, self.dim)
        return np.sum(u, axis=tuple(k - self.dim for k in over))

    def refined(self, k: int = 2) -> Grid:
        """Return the same box with every cell cut into k equal parts along every axis.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> fp.Grid([(0, 1)], 4).refined().shape
        (8,)
        """
        if not is_whole(k) or k < 1:
            raise ValueError(f"refined received k = {k!r}; give a whole number, at least 1")
        parts = np.arange(k) / k
        axes = []
        for F, w, g, pair in zip(self.faces, self.widths, self.graded, self.box, strict=True):
            axes.append(
                np.append((F[:-1, None] + w[:, None] * parts).ravel(), F[-1]) if g else pair
            )
        return Grid(axes, tuple(n * k for n in self.shape), self.sides)

    def coarsened(self) -> Grid:
        """Return the same box with half as many cells along every axis.

        At least 2 are left, and 3 on periodic axes.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> fp.Grid([(0, 1)], 9).coarsened().shape
        (5,)
        """
        least = [LEAST_RING if wraps else 2 for wraps in self.periodic]
        shape = [max(m, (n + 1) // 2) for m, n in zip(least, self.shape, strict=True)]
        axes: list[Any] = list(self.box)
        for k, F in enumerate(self.faces):
            if self.graded[k]:
                halved = np.append(F[:-1:2], F[-1])
                axes[k] = F if halved.size <= least[k] else halved
                shape[k] = axes[k].size - 1
        return Grid(axes, tuple(shape), self.sides)

    def __eq__(self, other: object) -> bool:
        """Whether the cells and the walls are the same, to the last bit."""
        if not isinstance(other, Grid):
            return NotImplemented
        return self is other or self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        """What grids are compared by; + 0.0 makes one zero of the two."""
        return self.sides, tuple((F + 0.0).tobytes() for F in self.faces)

    def __repr__(self) -> str:
        """Short form, as it would be typed (save for the faces of graded axes)."""
        axes = [
            f"{len(F) - 1} graded cells on {_pair(lo, hi)}" if g else _pair(lo, hi)
            for F, g, (lo, hi) in zip(self.faces, self.graded, self.box, strict=True)
        ]
        words = [lo if lo == hi else (lo, hi) for lo, hi in self.sides]
        sides = words[0] if isinstance(words[0], str) and len(set(words)) == 1 else words
        return f"Grid([{', '.join(axes)}], shape={self.shape}, sides={sides!r})"


def shortest(steps: Array, grid: Grid) -> Array:
    """Ways (d, ...) between points of the box, around periodic axes where that is shorter."""
    out = np.array(steps)
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        if wraps:
            out[k] -= (hi - lo) * np.round(out[k] / (hi - lo))
    return out


def check_grid(grid: object) -> Grid:
    """Return grid if it is a Grid."""
    if not isinstance(grid, Grid):
        given = f"the class {grid.__name__}" if isinstance(grid, type) else describe(grid)
        raise ValueError(f"grid is {given}; give a Grid, e.g. Grid([(-1, 1)], 64)")
    return grid


def axis_numbers(axes: Any, grid: Grid, name: str = "axes") -> tuple[int, ...]:
    """Numbers of axes of the grid, from numbers or letters, one or a sequence without repeats."""
    given = [axes] if isinstance(axes, str) or not np.iterable(axes) else list(axes)
    numbers = []
    for axis in given:
        k = AXES.find(axis) if isinstance(axis, str) and len(axis) == 1 else axis
        if not is_whole(k) or not 0 <= k < grid.dim:
            letters = ", ".join(repr(letter) for letter in AXES[: grid.dim])
            raise ValueError(
                f"{name} has {describe(axis)}, which is no axis of this grid; give {letters} or "
                f"numbers from 0 to {grid.dim - 1}"
            )
        numbers.append(int(k))
    if not numbers or len(set(numbers)) < len(numbers):
        came = "is empty" if not numbers else f"is {given}, which names an axis twice"
        raise ValueError(f"{name} {came}; give each axis once, and at least one")
    return tuple(numbers)


def along(a: Array, axis: int, d: int) -> Array:
    """Reshape numbers (n,) so that they run along one of d axes."""
    return a.reshape([-1 if k == axis else 1 for k in range(d)])


def _is_graded(F: Array) -> bool:
    """True if the faces F are not evenly spaced, up to rounding."""
    rounding = 8 * np.finfo(float).eps * max(abs(F[0]), abs(F[-1]))
    return bool(np.ptp(np.diff(F)) > EVEN * (F[-1] - F[0]) / (len(F) - 1) + rounding)


def _pair(lo: float, hi: float) -> str:
    """(lo, hi) with all digits that matter and no others."""
    return f"({repr(lo).removesuffix('.0')}, {repr(hi).removesuffix('.0')})"


def _check_box(box: Any) -> list[Array]:
    """One float array per axis: (lo, hi) or the faces of a graded axis."""
    if not isinstance(box, (Sequence, np.ndarray)) or isinstance(box, str):
        raise ValueError(f"box is {box!r}; give one (lo, hi) pair per axis, e.g. [(-1, 1), (0, 2)]")
    if len(box) == 2 and not any(np.iterable(b) for b in box):
        raise ValueError(f"box is {box!r}; a one-dimensional box is [(lo, hi)], a list of one pair")
    if not 1 <= len(box) <= 3:
        is_flat = len(box) and not np.iterable(box[0])
        hint = "; the faces of one graded axis are given as [faces]" if is_flat else ""
        raise ValueError(f"box has {len(box)} axes; only 1, 2 and 3 dimensions are supported{hint}")
    axes = []
    for k, entry in enumerate(box):
        axis = np.array(real_array(entry, f"box[{k}]", "(lo, hi) or an array of faces"))
        if axis.ndim != 1 or axis.size < 2:
            given = f"has shape {axis.shape}" if axis.ndim else f"is {entry!r}"
            raise ValueError(f"box[{k}] {given}; give (lo, hi) or an array of faces")
        if not np.all(np.isfinite(axis)):
            raise ValueError(f"box[{k}] = {entry!r:.80} is not finite; give finite numbers")
        if not np.all(np.diff(axis) > 0):
            order = "lo < hi" if axis.size == 2 else "increasing faces"
            raise ValueError(f"box[{k}] = {entry!r:.80} does not increase; give {order}")
        axes.append(axis)
    return axes


def _check_shape(shape: Any, axes: list[Array]) -> tuple[int, ...]:
    """Number of cells per axis, checked against graded axes."""
    d = len(axes)
    if shape is None:
        if any(axis.size == 2 for axis in axes):
            raise ValueError("shape is missing; give the number of cells per axis, e.g. shape=128")
        shape = tuple(axis.size - 1 for axis in axes)
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        shape = (shape,) * d
    if len(shape) != d:
        raise ValueError(f"shape has {len(shape)} entries for a box of {d} axes; give one per axis")
    for k, (n, axis) in enumerate(zip(shape, axes, strict=True)):
        if not is_whole(n) or n < 2:
            raise ValueError(f"shape[{k}] = {n!r}; give a whole number of cells, at least 2")
        if axis.size > 2 and axis.size != n + 1:
            raise ValueError(
                f"shape[{k}] = {n} but box[{k}] lists {axis.size} faces, that is {axis.size - 1} "
                "cells; make them agree"
            )
    return tuple(int(n) for n in shape)


def _check_rings(shape: tuple[int, ...], sides: tuple[tuple[str, str], ...]) -> None:
    """Raise for periodic axes of two cells."""
    for k, (n, (lo, _)) in enumerate(zip(shape, sides, strict=True)):
        if lo == "periodic" and n < LEAST_RING:
            raise ValueError(
                f"shape[{k}] = {n} on a periodic axis, whose cells would have one and the same "
                f"neighbour on both sides; give at least {LEAST_RING} cells, or reflecting sides"
            )


def _faces(axis: Array, n: int) -> Array:
    """Faces of the cells of one axis."""
    faces = np.linspace(axis[0], axis[1], n + 1) if axis.size == 2 else axis
    if not np.all(np.diff(faces) > 0):
        raise ValueError(
            f"{_pair(float(axis[0]), float(axis[-1]))} is too narrow for {n} cells: "
            "neighbouring faces round to the same number; shift the origin into the box"
        )
    return frozen(faces)


def _check_sides(sides: Any, d: int) -> tuple[tuple[str, str], ...]:
    """One (lo, hi) pair of words per axis."""
    if isinstance(sides, str):
        sides = (sides,) * d
    sides = sides.tolist() if isinstance(sides, np.ndarray) else sides
    if not isinstance(sides, Sequence) or len(sides) != d:
        hint = ""
        if d == 1 and isinstance(sides, Sequence) and len(sides) == 2:
            hint = "; two ends of one axis are given as [(lo, hi)]"
        raise ValueError(
            f"sides is {sides!r}; give one word, or one entry per axis ({d} here){hint}"
        )
    pairs = []
    for k, entry in enumerate(sides):
        pair = (entry, entry) if isinstance(entry, str) else entry
        is_pair = isinstance(pair, Sequence) and len(pair) == 2
        if not is_pair or any(not isinstance(w, str) or w not in WALLS for w in pair):
            raise ValueError(
                f"sides[{k}] is {entry!r}; choose from {', '.join(WALLS)}, or a (lo, hi) pair of "
                "these"
            )
        lo, hi = str(pair[0]), str(pair[1])
        if (lo == "periodic") != (hi == "periodic"):
            raise ValueError(f"sides[{k}] is {entry!r}; a periodic axis is periodic at both ends")
        pairs.append((lo, hi))
    return tuple(pairs)
