r"""Walls where the noise vanishes or the drift is singular, classified as Feller did.

Along the normal of a wall, at a distance d, with noise :math:`a=kT\,D_{nn}` and inward Ito drift b,
the speed measure goes like :math:`m\sim d^{\alpha-1}` and the scale like :math:`s\sim
d^{\sigma-1}`, where :math:`\alpha=1+p-q`, :math:`\sigma=1-p`, with :math:`q=d\log a/d\log d` and
:math:`p=b\,d/a` at the wall. Paths come and go in finite times where :math:`\alpha+\sigma=2-q>0`.

Where p grows without bound towards the wall, both exponents are infinite, and the drift alone
decides how long it takes: :math:`\int dx/|b|`, finite where :math:`1-d\log|b|/d\log d>0`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from fokkerplanck.domain.grid import AXES, ENDS, Grid, Side
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.medium import Lines, Medium

#: Halvings of the wall cell down to where exponents are measured, if rounding of x allows it.
LEVELS = 24
#: Distance at which these are measured, at least, over the spacing of floating-point numbers.
CLEARANCE = 2.0**18
#: Exponents up to here count as zero.
TOLERANCE = 1e-6
#: Noise this close to a wall, over the cell width, at which it has to have fallen to VANISHED.
CLOSE, VANISHED = 1e-6, 0.01
#: Drift over noise times distance, near a wall, that is none; and its least ratio over two octaves
#: of ten if it does not tend to zero.
NO_PULL, STEADY_PULL = 1e-4, 0.3
#: Pull beyond which no power law is left: B has an essential singularity.
ESSENTIAL = 50.0
#: Exponent with which the pull grows or falls towards a wall, at the least, and the part of it by
#: which it may fall over ten octaves, for it to be a power of the distance and no logarithm.
GROWS, LASTS = 0.01, 0.9
#: Pulls and their ratios beyond which none is told from another.
LARGEST = 1e300
#: Stretches of a wall that are named.
MOST_RUNS = 4
KINDS = ("regular", "entrance", "exit", "natural")


class Powers(NamedTuple):
    """Exponents at one wall, of L lines.

    Attributes
    ----------
    al, sg : arrays (L,)
        Of mass and scale; infinite at essential singularities.
    log_noise : array (L,)
        log a at the distance ``depth``, from which on power laws are taken to hold.
    depth : float
    special : bool array (L,)
        Where the noise vanishes or the drift is singular.
    vanishing : bool array (L,)
        Where it is the noise that vanishes.
    tolerance : float
    reach : array (L,)
        How fast the wall is reached: time and distance go like :math:`d^{reach}`, so that it is
        positive where the way there takes a finite time, with the drift or without.
    """

    al: Array
    sg: Array
    log_noise: Array
    depth: float
    special: Flags
    vanishing: Flags
    tolerance: float
    reach: Array

    def kinds(self) -> Integers:
        """Numbers (L,) of the classes in KINDS."""
        tol, al, sg = self.tolerance, self.al, self.sg
        entrance = (al > tol) & (sg <= tol) & (self.reach > tol)
        exits = (al <= tol) & (sg > tol) & (self.reach > tol)
        regular = (al > tol) & (sg > tol)
        return np.select([regular, entrance, exits], [0, 1, 2], default=3)


def levels(grid: Grid, side: Side) -> int:
    """Halvings of the cells at a wall between which the quadrature has panels."""
    k, i = side.axis, -1 if side.end == "upper" else 0
    octaves = np.log2(grid.widths[k][i]) - np.log2(np.spacing(abs(grid.box[k][i])) * CLEARANCE)
    return int(np.clip(np.floor(octaves), 6, LEVELS))


def powers(medium: Medium, lines: Lines, side: Side) -> Powers | None:
    """Exponents at a wall; None where the noise is zero next to it, or no number comes back."""
    grid, k, upper = medium.grid, side.axis, side.end == "upper"
    wall, h = grid.box[k][upper], grid.widths[k][-1 if upper else 0]
    depth = float(h * 0.5 ** levels(grid, side))
    sign = -1.0 if upper else 1.0
    x = wall + sign * np.array([depth, 2 * depth, h * CLOSE, 100 * h * CLOSE, h / 2])
    d = sign * (x - wall)  # as rounded
    cell = np.full(x.size, grid.shape[k] - 1 if upper else 0)
    try:
        b, a = medium.along(lines, x, cell)
    except (ValueError, TypeError, IndexError):
        # No number there, or a function for the cells of the grid alone: as far as anybody can
        # tell a wall like any other.
        return None
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (a > 0).all()):
        return None
    with np.errstate(over="ignore"):
        pull = sign * b * d / a
    # Exponents of noise and pull next to the wall (first two places) and farther from it.
    q = np.log(a[:, 1] / a[:, 0]) / np.log(d[1] / d[0])
    far = np.log(a[:, 3] / a[:, 2]) / np.log(d[3] / d[2])
    growth = [_exponent(pull[:, i], d[i]) for i in (slice(0, 2), slice(2, 4))]
    if d[0] > d[2]:  # far from zero rounding of x keeps the first two places farther away
        growth.reverse()
    is_power = np.abs(growth[0]) > np.maximum(GROWS, LASTS * np.abs(growth[1]))
    grows, falls = is_power & (growth[0] < 0), is_power & (growth[0] > 0)
    p = np.where(falls, 0.0, pull[:, 0])
    essential = grows | (np.abs(p) > ESSENTIAL)
    # Where the pull grows without bound the drift alone decides how long it takes: dx/b.
    times = 2 - np.where(essential, np.stack([q, far]) + np.stack(growth), q)
    ends = np.abs(times[0]) > LASTS * np.abs(times[1])
    reach = np.where(essential & ~ends, 0.0, times[0])
    vanishing = a[:, 2] < VANISHED * a[:, 4]
    pulled = (np.abs(pull[:, 2]) > NO_PULL) & (
        np.abs(pull[:, 2]) > STEADY_PULL * np.abs(pull[:, 3])
    )
    return Powers(
        al=np.where(essential, np.copysign(np.inf, p), 1 + p - q),
        sg=np.where(essential, -np.copysign(np.inf, p), 1 - p),
        reach=reach,
        log_noise=np.log(a[:, 0]),
        depth=float(d[0]),
        special=vanishing | pulled,
        vanishing=vanishing,
        tolerance=max(TOLERANCE, 16 * float(np.spacing(abs(wall))) / float(d[0])),
    )


def _exponent(u: Array, d: Array) -> Array:
    """Exponent (L,) of u (L, 2) as a power of distances d (2,); 0 where u is 0 or changes sign."""
    one, two = np.clip(u.T, -LARGEST, LARGEST)
    same = np.sign(one) * np.sign(two) > 0  # the product may be out of range where they are not
    with np.errstate(over="ignore"):
        ratio = np.where(same, two, 1.0) / np.where(same, one, 1.0)
    # Powers beyond the range are as good as any essential growth.
    ratio = np.clip(ratio, 1 / LARGEST, LARGEST)
    return np.asarray(np.log(ratio) / np.log(d[1] / d[0]))


def lines_at(grid: Grid, side: Side) -> Lines:
    """Lines that end at a side, at the cell centres across it."""
    return lines_along(grid, side.axis, [np.arange(n) for n in grid.shape], grid.x)


def lines_along(grid: Grid, axis: int, cells: list[Integers], places: Array) -> Lines:
    """Lines along an axis over chosen cells of the other axes, with cells at places (d, *shape)."""
    chosen = [np.zeros(1, int) if k == axis else c for k, c in enumerate(cells)]
    index = tuple(i.ravel() for i in np.meshgrid(*chosen, indexing="ij"))
    turned = np.moveaxis(places, axis + 1, -1)
    others: list[Any] = [index[k] for k in range(grid.dim) if k != axis]
    across = turned[(slice(None), *others)]
    return Lines(axis, index, across.reshape(grid.dim, index[0].size, -1))


@dataclass(frozen=True)
class Wall:
    r"""A wall where the noise vanishes, or the drift is singular, and what that makes of it.

    Attributes
    ----------
    side : Side
    kind : {"regular", "entrance", "exit", "natural"}
        Feller's class; where it changes along the wall, that of the least ``al``.
    al, sg : float
        Exponents of speed measure and scale, :math:`m\sim d^{\alpha-1}`, :math:`s\sim
        d^{\sigma-1}` at the distance d; infinite where no power law holds.
    asked : {"reflecting", "absorbing"}
        Word of the grid.
    vanishing : bool
        Whether it is the noise that vanishes; else the drift is singular.
    everywhere : bool
        Whether all of the wall is of this class.
    at : float
        Coordinate of the wall.
    lines : str
        Where along the wall, in words; empty for all of it.
    parts : tuple of Wall
        Where the class changes along the wall: one for each; the lines not named are ordinary.

    References
    ----------
    W. Feller, Ann. Math. 55 (1952) 468; S. Karlin and H. M. Taylor, A Second Course in Stochastic
    Processes (1981), section 15.6.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 50)
    >>> problem = fp.Problem(grid, drift=lambda x: 0.1 * (1 - 2 * x), D=lambda x: x * (1 - x))
    >>> problem.walls[0]
    Wall(side('x', 'lower'): regular, reflecting as asked)
    >>> [round(wall.al, 6) for wall in problem.walls]
    [0.1, 0.1]
    """

    side: Side
    kind: str
    al: float
    sg: float
    asked: str
    vanishing: bool = True
    everywhere: bool = True
    at: float = 0.0
    lines: str = ""
    parts: tuple[Wall, ...] = ()

    @property
    def is_reached(self) -> bool:
        """Whether paths get there: regular and exit walls."""
        return self.kind in ("regular", "exit")

    @property
    def is_shut(self) -> bool:
        """Whether no path gets to any place of it."""
        known = self.everywhere or bool(self.parts)
        return known and not any(part.is_reached for part in self.parts or (self,))

    @property
    def gathers(self) -> bool:
        """Whether mass gathers at the wall, and no density is left in the end."""
        return self.kind == "natural" and not self.al > TOLERANCE

    @property
    def acts(self) -> str:
        """Word for what happens there."""
        if self.is_reached:
            return f"{self.asked} as asked"
        if self.gathers:
            return "never reached, but mass gathers there"
        if self.asked == "absorbing":
            return "never reached, so treated as reflecting"
        return "never reached, reflecting by itself"

    @property
    def place(self) -> str:
        """Equation of the wall, e.g. x=0."""
        return f"{AXES[self.side.axis]}={self.at:g}"

    @property
    def words(self) -> str:
        """The wall in words, for messages."""
        where = f"{self.side.end} {AXES[self.side.axis]} wall"
        cause = "D vanishes" if self.vanishing else "singular drift"
        parts = (f"{part.kind}{part.lines}, {part.acts}" for part in self.parts or (self,))
        return f"{where} ({cause}): {'; '.join(parts)}"

    def __repr__(self) -> str:
        """Side, class and what it does."""
        return f"Wall({self.side!r}: {self.kind}, {self.acts})"


def find_walls(medium: Medium) -> tuple[Wall, ...]:
    """Walls of a problem where the noise vanishes or the drift is singular."""
    grid, found = medium.grid, []
    for k in (k for k in range(grid.dim) if not grid.periodic[k]):
        for i, end in enumerate(ENDS):
            side = Side(k, end)
            at = powers(medium, lines_at(grid, side), side)
            if at is None or not at.special.any():
                continue
            kinds, worst = at.kinds(), int(np.argmin(np.where(at.special, at.al, np.inf)))
            if not at.special[worst]:  # all of them infinite
                worst = int(np.argmax(at.special))
            wall = Wall(
                side=side,
                kind=KINDS[kinds[worst]],
                al=float(at.al[worst]),
                sg=float(at.sg[worst]),
                asked=grid.sides[k][i],
                vanishing=bool(at.vanishing[worst]),
                everywhere=bool((at.special & (kinds == kinds[worst])).all()),
                at=grid.box[k][i],
            )
            if not wall.everywhere:
                wall = replace(wall, parts=_parts(grid, wall, at, kinds))
            found.append(wall)
    return tuple(found)


def _parts(grid: Grid, wall: Wall, at: Powers, kinds: Integers) -> tuple[Wall, ...]:
    """The classes along a wall, and where they are."""
    index, parts = lines_at(grid, wall.side).index, []
    ordinary = ~at.special
    for kind in range(len(KINDS)):
        mine = at.special & (kinds == kind)
        if mine.any():
            worst = int(np.argmin(np.where(mine, at.al, np.inf)))
            worst = worst if mine[worst] else int(np.argmax(mine))
            numbers = float(at.al[worst]), float(at.sg[worst])
            lines = on_lines(grid, wall.side.axis, index, mine)
            given = wall.side, KINDS[kind], *numbers, wall.asked, bool(at.vanishing[worst])
            parts.append(Wall(*given, everywhere=False, at=wall.at, lines=lines))
    if ordinary.any() and wall.asked == "absorbing":
        lines = on_lines(grid, wall.side.axis, index, ordinary)
        given = wall.side, "regular", 1.0, 1.0, wall.asked, False
        parts.append(Wall(*given, everywhere=False, at=wall.at, lines=lines))
    return tuple(parts)


def on_lines(grid: Grid, axis: int, index: tuple[Integers, ...], chosen: Flags) -> str:
    """Where lines (L,) along an axis are that are chosen, in words; empty if all are."""
    count = int(np.count_nonzero(chosen))
    if count == chosen.size:
        return ""
    if grid.dim != 2:
        return f" on {count} of {chosen.size} lines"
    other = 1 - axis
    x, cells = grid.centers[other], np.sort(index[other][chosen])
    runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1)
    spans = [f"{x[run[0]]:.4g}..{x[run[-1]]:.4g}" for run in runs[:MOST_RUNS]]
    more = ", ..." if len(runs) > MOST_RUNS else ""
    return f" on lines {AXES[other]}={', '.join(spans)}{more}"


def nothing_to_reflect(side: Side, at: float, vanishing: bool, lines: str = "") -> str:
    """Message for a reflecting wall at which what arrives stays."""
    cause = "D vanishes" if vanishing else "the drift is singular"
    return (
        f"{cause} at {AXES[side.axis]}={at:g}{lines} and nothing pushes back: what arrives stays. "
        "There is nothing to reflect; use sides='absorbing'"
    )


def carried_out(side: Side, at: float, lines: str = "") -> str:
    """Message for an absorbing wall into which the drift alone carries what comes near."""
    axis = AXES[side.axis]
    return (
        f"close to {axis}={at:g}{lines} the drift alone carries everything into the wall, in a "
        "finite time and against no noise to speak of, for which there are no rates; end the box "
        f"a little before {axis}={at:g}, where D > 0, with sides='absorbing'"
    )
