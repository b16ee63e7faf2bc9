"""Cell-centred Cartesian grids in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

WALLS = ("reflecting", "periodic", "absorbing")


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Grid:
    r"""Cells :math:`x_i` of volume :math:`V_i` filling a box, with walls of a stated kind.

    Parameters
    ----------
    box : sequence of d entries, d = 1, 2, 3
        For each axis ``(lo, hi)``, or a one-dimensional increasing array of cell faces
        (a graded axis; at least three faces, and ``shape`` may then be left out).
    shape : int or sequence of int
        Number of cells per axis (at least 2).
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
        If the box is empty or not finite, a shape does not fit, or a wall is unknown.

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
    faces: tuple[np.ndarray, ...] = field(compare=False)

    def __init__(self, box, shape=None, sides="reflecting"):
        axes = _check_box(box)
        shape = _check_shape(shape, axes)
        faces = tuple(_faces(axis, n) for axis, n in zip(axes, shape, strict=True))
        words = _check_sides(sides, len(axes))
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
        return any("absorbing" in pair for pair in self.sides)

    @cached_property
    def graded(self) -> tuple[bool, ...]:
        """True for each axis whose cells are not all of one width."""
        return tuple(
            bool(np.ptp(np.diff(F)) > 1e-12 * (F[-1] - F[0]) / (len(F) - 1)) for F in self.faces
        )

    @property
    def is_uniform(self) -> bool:
        """True if no axis is graded."""
        return not any(self.graded)

    @cached_property
    def widths(self) -> tuple[np.ndarray, ...]:
        """Cell widths along each axis, as arrays (n,)."""
        return tuple(
            _read_only(np.diff(F) if g else np.full(n, (F[-1] - F[0]) / n))
            for F, g, n in zip(self.faces, self.graded, self.shape, strict=True)
        )

    @cached_property
    def h(self) -> tuple:
        """Cell width of each axis: a float, or an array of widths on a graded axis."""
        return tuple(
            w if g else float(w[0]) for w, g in zip(self.widths, self.graded, strict=True)
        )

    @cached_property
    def centers(self) -> tuple[np.ndarray, ...]:
        """Cell centres along each axis."""
        return tuple(_read_only(0.5 * (F[1:] + F[:-1])) for F in self.faces)

    @cached_property
    def x(self) -> np.ndarray:
        r"""Cell centres, shape (d, \*shape)."""
        return _read_only(np.stack(np.meshgrid(*self.centers, indexing="ij")))

    @cached_property
    def volume(self):
        r"""Cell volume: a float on a uniform grid, else an array of shape (\*shape)."""
        if self.is_uniform:
            return float(prod(w[0] for w in self.widths))
        volume = np.ones(self.shape)
        for k, w in enumerate(self.widths):
            volume = volume * w.reshape([-1 if i == k else 1 for i in range(self.dim)])
        return _read_only(volume)

    def integrate(self, u):
        r"""Midpoint rule :math:`\int u\,dx = \sum_i u_i V_i` over the last d axes.

        Parameters
        ----------
        u : array, shape (..., \*shape), or a number
            Leading axes (components, time) pass through.

        Returns
        -------
        array, shape (...)

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(0, 1)], 4)
        >>> float(grid.integrate(grid.x[0]))
        0.5
        """
        u = np.asarray(u)
        if u.ndim == 0:
            u = np.broadcast_to(u, self.shape)
        if u.shape[u.ndim - self.dim :] != self.shape:
            raise ValueError(
                f"integrate received an array of shape {u.shape}; its last {self.dim} axes must "
                f"be the grid's {self.shape}"
            )
        return np.sum(u * self.volume, axis=tuple(range(-self.dim, 0)))

    def refined(self, k=2):
        """Return the same box with every cell cut into k equal parts along every axis.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> fp.Grid([(0, 1)], 4).refined().shape
        (8,)
        """
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"refined received k = {k!r}; give a whole number, at least 1")
        parts = np.arange(k) / k
        axes = []
        for F, w, g, pair in zip(self.faces, self.widths, self.graded, self.box, strict=True):
            axes.append(np.append((F[:-1, None] + w[:, None] * parts).ravel(), F[-1]) if g else pair)
        return Grid(axes, tuple(n * k for n in self.shape), self.sides)

    def __repr__(self):
        """Short form, as it would be typed."""
        axes = [
            f"{len(F) - 1} graded cells on ({lo:g}, {hi:g})" if g else f"({lo:g}, {hi:g})"
            for F, g, (lo, hi) in zip(self.faces, self.graded, self.box, strict=True)
        ]
        words = [lo if lo == hi else (lo, hi) for lo, hi in self.sides]
        same = all(word == words[0] for word in words)
        return f"Grid([{', '.join(axes)}], shape={self.shape}, sides={words[0] if same else words!r})"


def _read_only(a: np.ndarray) -> np.ndarray:
    """Array that refuses to be written to."""
    a.flags.writeable = False
    return a


def _check_box(box) -> list[np.ndarray]:
    """One float array per axis: (lo, hi) or the faces of a graded axis."""
    if not isinstance(box, (Sequence, np.ndarray)) or isinstance(box, str):
        raise ValueError(f"box is {box!r}; give one (lo, hi) pair per axis, e.g. [(-1, 1), (0, 2)]")
    if len(box) == 2 and all(np.ndim(b) == 0 for b in box):
        raise ValueError(f"box is {box!r}; a one-dimensional box is [(lo, hi)], a list of one pair")
    if not 1 <= len(box) <= 3:
        raise ValueError(f"box has {len(box)} axes; only 1, 2 and 3 dimensions are supported")
    axes = []
    for k, entry in enumerate(box):
        try:
            axis = np.array(entry, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"box[{k}] is {entry!r}; give (lo, hi) or an array of faces") from None
        if axis.ndim != 1 or axis.size < 2:
            raise ValueError(f"box[{k}] has shape {axis.shape}; give (lo, hi) or an array of faces")
        if not np.all(np.isfinite(axis)):
            raise ValueError(f"box[{k}] = {entry!r} is not finite; give finite numbers")
        if not np.all(np.diff(axis) > 0):
            raise ValueError(f"box[{k}] = {entry!r} does not increase; give lo < hi")
        axes.append(axis)
    return axes


def _check_shape(shape, axes) -> tuple[int, ...]:
    """Number of cells per axis, checked against graded axes."""
    d = len(axes)
    if shape is None:
        if any(axis.size == 2 for axis in axes):
            raise ValueError("shape is missing; give the number of cells per axis, e.g. shape=128")
        shape = tuple(axis.size - 1 for axis in axes)
    if np.ndim(shape) == 0:
        shape = (shape,) * d
    if len(shape) != d:
        raise ValueError(f"shape has {len(shape)} entries for a box of {d} axes; give one per axis")
    for k, (n, axis) in enumerate(zip(shape, axes, strict=True)):
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 2:
            raise ValueError(f"shape[{k}] = {n!r}; give a whole number of cells, at least 2")
        if axis.size > 2 and axis.size != n + 1:
            raise ValueError(
                f"shape[{k}] = {n} but box[{k}] lists {axis.size} faces, that is {axis.size - 1} cells; "
                "make them agree"
            )
    return tuple(int(n) for n in shape)


def _faces(axis, n) -> np.ndarray:
    """Faces of the cells of one axis."""
    return _read_only(np.linspace(axis[0], axis[1], n + 1) if axis.size == 2 else axis)


def _check_sides(sides, d) -> tuple[tuple[str, str], ...]:
    """One (lo, hi) pair of words per axis."""
    if isinstance(sides, str):
        sides = (sides,) * d
    if not isinstance(sides, Sequence) or len(sides) != d:
        raise ValueError(f"sides is {sides!r}; give one word, or one entry per axis ({d} here)")
    pairs = []
    for k, entry in enumerate(sides):
        pair = (entry, entry) if isinstance(entry, str) else tuple(entry)
        if len(pair) != 2 or any(word not in WALLS for word in pair):
            raise ValueError(f"sides[{k}] is {entry!r}; choose from {', '.join(WALLS)}")
        if (pair[0] == "periodic") != (pair[1] == "periodic"):
            raise ValueError(f"sides[{k}] is {entry!r}; a periodic axis is periodic at both ends")
        pairs.append(pair)
    return tuple(pairs)
