r"""Sets of a grid's box: targets of passages, ends of transitions.

A set is a boolean array over the grid, a function ``inside(x, y)`` that returns booleans, or what
one of the helpers here returns. Its cells are those whose centres are inside. Its boundary is where
the function changes between two cell centres (found by bisection along the edge); that of an array
is the faces of its cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe, finite_number, is_whole, real_array
from fokkerplanck.domain.fields import evaluate
from fokkerplanck.domain.grid import AXES, ENDS, Grid, Side, check_grid
from fokkerplanck.domain.types import Array, Flags

#: A set as a person gives it: booleans over the grid, or a function of the coordinates.
Set: TypeAlias = ArrayLike | Callable[..., Any]
#: Halvings of an edge that locate a boundary on it.
HALVINGS = 45
#: Least part of an edge between a cell outside of a set and its boundary.
NEAREST = 1e-6


@dataclass(frozen=True, eq=False)
class Region:
    """A set given by a function; ``|``, ``&`` and ``~`` join, intersect and complement.

    Attributes
    ----------
    inside : callable
        ``inside(x, y)``, one array per axis, returns booleans.
    words : str

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> ring = sets.ball((0, 0), 2) & ~sets.ball((0, 0), 1)
    >>> bool(ring(1.5, 0.0)), ring
    (True, ball((0, 0), 2) & ~ball((0, 0), 1))
    """

    inside: Callable[..., Any]
    words: str

    def __call__(self, *x: ArrayLike) -> Any:
        """Booleans at the points x."""
        return self.inside(*x)

    def __or__(self, other: Callable[..., Any]) -> Region:
        that = _region(other)
        return Region(_Union(self, that), f"{self.words} | {that.words}")

    def __and__(self, other: Callable[..., Any]) -> Region:
        that = _region(other)
        return Region(_Intersection(self, that), f"{self.words} & {that.words}")

    def __invert__(self) -> Region:
        return Region(_Complement(self), f"~{self.words}")

    def __repr__(self) -> str:
        return self.words


# Objects and not functions inside of functions, which cannot be pickled.


@dataclass(frozen=True, eq=False)
class _Union:
    """Points of either."""

    one: Region
    other: Region

    def __call__(self, *x: ArrayLike) -> Any:
        return self.one(*x) | self.other(*x)


@dataclass(frozen=True, eq=False)
class _Intersection:
    """Points of both."""

    one: Region
    other: Region

    def __call__(self, *x: ArrayLike) -> Any:
        return self.one(*x) & self.other(*x)


@dataclass(frozen=True, eq=False)
class _Complement:
    """All other points."""

    region: Region

    def __call__(self, *x: ArrayLike) -> Any:
        return ~np.asarray(self.region(*x), dtype=bool)


@dataclass(frozen=True, eq=False)
class _Ball:
    """Points within a radius of a centre (d,)."""

    center: Array
    radius: float

    def __call__(self, *x: Any) -> Any:
        _match(x, self.center, "center")
        squares = ((u - m) ** 2 for u, m in zip(x, self.center, strict=True))
        return sum(squares) <= self.radius * self.radius


@dataclass(frozen=True, eq=False)
class _Box:
    """Points between pairs (d, 2)."""

    pairs: Array

    def __call__(self, *x: Any) -> Any:
        _match(x, self.pairs, "box")
        within = ((u >= a) & (u <= b) for u, (a, b) in zip(x, self.pairs, strict=True))
        return np.logical_and.reduce(np.broadcast_arrays(*within))


@dataclass(frozen=True, eq=False)
class _HalfSpace:
    """Points beyond a plane of normal (d,)."""

    normal: Array
    offset: float

    def __call__(self, *x: Any) -> Any:
        _match(x, self.normal, "normal")
        return sum(u * m for u, m in zip(x, self.normal, strict=True)) >= self.offset


@dataclass(frozen=True, eq=False)
class _Sublevel:
    """Points where a function is at most a level."""

    f: Callable[..., ArrayLike]
    level: float

    def __call__(self, *x: ArrayLike) -> Any:
        return np.asarray(self.f(*x)) <= self.level


def ball(center: ArrayLike, radius: float) -> Region:
    r"""Ball :math:`|x-c|\le r`.

    Parameters
    ----------
    center : number or sequence (d,)
    radius : float, > 0

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        For a radius that is not positive, or a centre that is no point.

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> bool(sets.ball((1, 0), 0.5)(1.2, 0.3))
    True
    """
    c = _vector(center, "center")
    r = finite_number(radius, "radius", "a positive number")
    if not r > 0:
        raise ValueError(f"radius is {radius!r}; give a positive number")
    return Region(_Ball(c, r), f"ball({_text(c)}, {r:g})")


def box(*sides: tuple[float, float]) -> Region:
    r"""Box :math:`a_k\le x_k\le b_k`.

    Parameters
    ----------
    *sides : pairs (a, b)
        One for each axis.

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        For a pair that is not in order, or other than one pair for each axis.

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> bool(sets.box((0, 1), (0, 2))(0.5, 3.0))
    False
    """
    pairs = np.array([real_array(side, f"sides[{k}]", "(lo, hi)") for k, side in enumerate(sides)])
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.all(pairs[:, 0] < pairs[:, 1]):
        raise ValueError(f"box received {sides!r}; give a pair (lo, hi) with lo < hi for each axis")
    words = ", ".join(f"({a:g}, {b:g})" for a, b in pairs)
    return Region(_Box(pairs), f"box({words})")


def half_space(normal: ArrayLike, offset: float) -> Region:
    r"""Half-space :math:`n\cdot x\ge c`; on a line the half-line from c in the direction of n.

    Parameters
    ----------
    normal : number or sequence (d,)
    offset : float

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        For a normal that is zero or no vector, or an offset that is no number.

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> sets.half_space(1, 0.5)(np.array([0.4, 0.6]))
    array([False,  True])
    >>> sets.half_space(-1, 0.5)(np.array([-0.4, -0.6]))
    array([False,  True])
    """
    n = _vector(normal, "normal")
    c = finite_number(offset, "offset")
    if not n.any():
        raise ValueError(f"normal is {n.tolist()}; give a normal that is not zero")
    return Region(_HalfSpace(n, c), f"half_space({_text(n)}, {c:g})")


def sublevel(f: Callable[..., ArrayLike], level: float) -> Region:
    r"""Sublevel set :math:`f(x)\le c`, e.g. a well of a loss.

    Parameters
    ----------
    f : callable
        ``f(x, y)``.
    level : float

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        For a level that is no number, or a function that cannot be called.

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> well = sets.sublevel(lambda x: (x**2 - 1) ** 2, 0.25) & sets.half_space(1, 0)
    >>> well(np.array([-1.0, 0.0, 1.0]))
    array([False, False,  True])
    """
    if not callable(f):
        raise ValueError(f"f is {describe(f)}; give a function f(x, y), or the array f <= level")
    c = finite_number(level, "level")
    return Region(_Sublevel(f, c), f"sublevel(f, {c:g})")


def side(axis: str | int, end: str) -> Side:
    """Absorbing side of the box.

    Parameters
    ----------
    axis : {"x", "y", "z"} or int
    end : {"lower", "upper"}

    Returns
    -------
    Side

    Raises
    ------
    ValueError
        For an axis or an end that does not exist.

    Examples
    --------
    >>> from fokkerplanck import sets
    >>> sets.side("x", "lower")
    side('x', 'lower')
    """
    number = AXES.find(axis) if isinstance(axis, str) and len(axis) == 1 else axis
    if not is_whole(number) or number not in (0, 1, 2):
        raise ValueError(f"axis is {axis!r}; give 'x', 'y' or 'z', or a number from 0 to 2")
    if end not in ENDS:
        raise ValueError(f"end is {end!r}; give 'lower' or 'upper'")
    return Side(int(number), end)


def mask_of(region: Set, grid: Grid, name: str = "set") -> Flags:
    r"""Cells (\*shape) whose centres are in a set; some, but not all of them.

    Raises
    ------
    ValueError
        If the set is not one, has no cell or has them all.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import sets
    >>> sets.mask_of(lambda x: x > 0.7, fp.Grid([(0, 1)], 4))
    array([False, False, False,  True])
    """
    if isinstance(region, Side):
        raise ValueError(f"{name} is {region!r}, which holds no cells; give a region or a mask")
    value = np.asarray(evaluate(region, check_grid(grid).x, name))
    verb = "returned" if callable(region) else "is"
    if value.dtype != bool:
        given = describe(value) if value.ndim else describe(value.item())
        raise ValueError(
            f"{name} {verb} {given}; give a boolean array, a function that returns one, "
            "e.g. lambda x, y: x > 1, or a helper of fokkerplanck.sets"
        )
    if value.ndim == 0 and callable(region):
        value = np.broadcast_to(value, grid.shape)
    if value.shape != grid.shape:
        raise ValueError(f"{name} {verb} of shape {value.shape}, expected the grid's {grid.shape}")
    if not value.any():
        raise ValueError(f"{name} holds no cell centre; enlarge it or refine the grid")
    if value.all():
        raise ValueError(f"{name} is the whole box; leave some cells to start from")
    return np.array(value)


def fractions(region: Set, mask: Flags, grid: Grid, start: Array, step: Array) -> Array:
    """Parts (m,) of steps (d, m) from cell centres outside of a set to cells in it, up to the set.

    The boundary of a function is found by bisection, that of an array lies at faces of cells.
    """
    inside = region if callable(region) else _lookup(mask, grid)
    low, high = np.zeros(start.shape[1]), np.ones(start.shape[1])
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        x = start + middle * step
        for k, (lo, hi) in enumerate(grid.box):
            if grid.periodic[k]:
                x[k] = lo + np.mod(x[k] - lo, hi - lo)
        is_in = np.broadcast_to(np.asarray(evaluate(inside, x, "set"), dtype=bool), high.shape)
        low, high = np.where(is_in, low, middle), np.where(is_in, middle, high)
    return np.clip(high, NEAREST, 1.0)


def _lookup(mask: Flags, grid: Grid) -> Callable[..., Flags]:
    """Function that is true in the cells of a mask."""

    def inside(*x: Any) -> Any:
        at = [
            np.clip(np.searchsorted(F, u, side="right") - 1, 0, F.size - 2)
            for F, u in zip(grid.faces, x, strict=True)
        ]
        return mask[tuple(at)]

    return inside


def _region(other: Callable[..., Any]) -> Region:
    """Region of what stands beside an operator."""
    if isinstance(other, Region):
        return other
    if callable(other):
        return Region(other, getattr(other, "__name__", "function"))
    raise ValueError(f"a region was joined with {describe(other)}; give regions or functions")


def _vector(value: ArrayLike, name: str) -> Array:
    """Finite vector of one to three numbers."""
    vector = np.atleast_1d(real_array(value, name, "one number per axis"))
    if vector.ndim != 1 or not 1 <= vector.size <= 3 or not np.isfinite(vector).all():
        raise ValueError(
            f"{name} of shape {vector.shape} is {vector.ravel().tolist()!r:.60}; give one finite "
            "number per axis"
        )
    return vector


def _match(x: tuple[Any, ...], vector: Array, name: str) -> None:
    """Raise if the points have another dimension."""
    if len(x) != len(vector):
        raise ValueError(f"{name} has {len(vector)} entries for points of {len(x)} coordinates; "
                         "give one per axis")  # fmt: skip


def _text(vector: Array) -> str:
    """Numbers as they would be typed."""
    words = ", ".join(f"{c:g}" for c in vector)
    return words if vector.size == 1 else f"({words})"
