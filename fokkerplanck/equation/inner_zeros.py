r"""Points between the walls at which the noise along an axis vanishes, and what passes them.

At such a point :math:`x_0` of a line, with noise :math:`a\sim|x-x_0|^q` and Ito drift b, each side
is classified as a wall is (`equation.walls`). Paths pass only from a side on which they arrive to
one on which they do not: where the drift pulls through, one way; where neither side arrives, not
at all; where both do, what arrives stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import AXES
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.equation.medium import Cloud, Equation, Lines, Medium
from fokkerplanck.equation.walls import ESSENTIAL

#: Noise in one of two neighbours over that in the cells beside them, up to which there may be a
#: zero between: a third, for noise that falls like the distance.
DIPS = 0.45
#: Points between two cells at a time, and how often the space between the best is looked at.
POINTS, ROUNDS = 9, 16
#: Least noise found, over that in the cells around, that counts as none.
NONE = 1e-6
#: Distances from the zero at which exponents are measured, over the width of the cells and, at
#: least, over the spacing of floating-point numbers.
NEAR, CLEARANCE = 2.0**-20, 2.0**14
#: Exponents up to here count as zero; those of noise this close to one count as one.
ZERO, SNAP = 1e-3, 0.1
#: Distance from the upper cell, over that of the cells, up to which a zero is at its centre.
SAME = 1e-7
#: Coordinates over the length of the box that are zero but for rounding.
ROUNDING = 1e-14
#: Exponent of a drift towards the zero from which on it does not arrive.
SLOW = 0.99


class Inside(Equation, Protocol):
    """What of a Problem is asked for here besides."""

    @property
    def D_kind(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class InnerZero:
    """A point at which the noise along an axis vanishes between the walls.

    Attributes
    ----------
    axis : int
    at : float
        Its coordinate; the first one where it differs from line to line.
    lower : int
        Number along the axis of the cell below it, whose centre is not above it.
    kind : {"barrier", "upwards", "downwards", "sticky", "mixed", "open", "unknown"}
        Nothing passes; passed one way; what arrives stays; the sides differ otherwise; passed both
        ways; not classified (in more than one dimension).
    gathers : bool
        Whether mass gathers there: the density has no integral on one side at least.
    speed : float
        Rate of flow per density there, for points that are passed one way.
    lines : int
        Lines on which there is such a point.
    """

    axis: int
    at: float
    lower: int
    kind: str
    gathers: bool = False
    speed: float = 0.0
    lines: int = 1

    @property
    def place(self) -> str:
        """Equation of the point, e.g. x=0."""
        return f"{AXES[self.axis]}={self.at:.6g}"

    @property
    def words(self) -> str:
        """The point in words, for messages."""
        if self.kind == "unknown":
            name = AXES[self.axis] * 2
            return f"D_{name} vanishes inside on {self.lines} lines, first at {self.place}"
        passes = {
            "barrier": "nothing passes",
            "upwards": "passed upwards only",
            "downwards": "passed downwards only",
            "sticky": "what arrives stays",
            "mixed": "the exponents of both sides differ",
        }[self.kind]
        return f"D vanishes inside at {self.place}: {passes}"

    def check_density(self) -> None:
        """Raise where no density stands for what happens."""
        if self.kind == "sticky":
            raise ValueError(
                f"D vanishes inside at {self.place} and what arrives there stays, which has no "
                "density; cut the box there, with an absorbing side"
            )
        if self.kind == "mixed":
            raise ValueError(
                f"D vanishes inside at {self.place} with exponents that differ from side to side, "
                "so that it is not known what passes; cut the box there"
            )


def find_inner_zeros(equation: Inside) -> tuple[InnerZero, ...]:
    """Points at which noise along an axis vanishes between walls, for diagonal D."""
    if equation.D_constant or equation.D_kind == "tensor":
        return ()
    grid, found = equation.grid, []
    for k in range(grid.dim):
        index, cells = _dips(np.moveaxis(equation.D[k, k], k, -1), grid.periodic[k])
        if not cells.size:
            continue
        at, zero = _places(equation, k, index, cells)
        index, cells, at = index[:, zero], cells[zero], at[zero]
        if grid.dim > 1 and cells.size:
            first = float(at[0])
            found.append(InnerZero(k, first, int(cells[0]), "unknown", lines=cells.size))
        elif grid.dim == 1:
            points = [_classified(equation, *pair) for pair in zip(at, cells, strict=True)]
            found.extend(point for point in points if point.kind != "open")
    return tuple(found)


def _dips(D: Array, wraps: bool) -> tuple[Integers, Integers]:
    """Lines (d - 1, m) and lower cells (m,) of neighbours with much less noise than beside them.

    Cells without noise count where there is some on both sides; longer stretches do not.
    """
    n = D.shape[-1]
    if n < 4:
        return np.empty((D.ndim - 1, 0), int), np.empty(0, int)
    if wraps:
        beside = np.minimum(np.roll(D, 1, -1), np.roll(D, -2, -1))
        pair = np.minimum(D, np.roll(D, -1, -1))
        most = np.maximum(D, np.roll(D, -1, -1))
    else:
        rim = np.full((*D.shape[:-1], 1), np.inf)
        beside = np.minimum(
            np.concatenate([rim, D[..., :-2]], -1), np.concatenate([D[..., 2:], rim], -1)
        )
        pair = np.minimum(D[..., :-1], D[..., 1:])
        most = np.maximum(D[..., :-1], D[..., 1:])
    with np.errstate(invalid="ignore"):
        dips = (pair < DIPS * beside) & (most > 0) & (beside > 0)
    *index, cells = np.nonzero(dips)
    return np.array(index, int).reshape(D.ndim - 1, cells.size), cells


def _places(equation: Inside, k: int, index: Integers, cells: Integers) -> tuple[Array, Flags]:
    """Coordinates (m,) of the least noise between two cells, and whether it is none."""
    grid, x = equation.grid, equation.grid.centers[k]
    others = [j for j in range(grid.dim) if j != k]
    upper = (cells + 1) % grid.shape[k]
    lo = x[cells]
    hi = np.where(upper > cells, x[upper], x[upper] + grid.box[k][1] - grid.box[k][0])
    values = np.moveaxis(equation.D[k, k], k, -1)
    ends = np.array([values[(*index, c)] for c in (cells, upper)])
    most = ends.max(axis=0)
    if not callable(equation.given.D):
        # At the centre of the upper cell the next pair says so.
        return lo, ends[0] == 0
    points = np.empty((grid.dim, cells.size, POINTS))
    for j, i in zip(others, index, strict=True):
        points[j] = grid.centers[j][i][:, None]
    at, least = lo, ends[0]
    for _ in range(ROUNDS):
        points[k] = lo[:, None] + (hi - lo)[:, None] * np.linspace(0, 1, POINTS)
        noise = _noise(equation, k, points)
        best = noise.argmin(axis=1)
        row = np.arange(cells.size)
        at, least = points[k][row, best], noise[row, best]
        lo = points[k][row, np.maximum(best - 1, 0)]
        hi = points[k][row, np.minimum(best + 1, POINTS - 1)]
    at = np.where(np.abs(at) < ROUNDING * np.ptp(x), 0.0, at)
    end = np.where(upper > cells, x[upper], x[upper] + grid.box[k][1] - grid.box[k][0])
    inside = at < end - SAME * (end - x[cells])  # else it is of the next pair
    return at, (least <= NONE * most) & inside


def _noise(equation: Inside, k: int, points: Array) -> Array:
    """D along axis k at points (d, m, POINTS), wrapped into the box; infinite where not known."""
    grid = equation.grid
    lo, hi = grid.box[k]
    if grid.periodic[k]:
        points = points.copy()
        points[k] = lo + np.mod(points[k] - lo, hi - lo)
    flat = points.reshape(grid.dim, -1)
    widths = tuple(np.array([w.min()]) for w in grid.widths)
    cloud = Cloud(flat.reshape(flat.shape + (1,) * (grid.dim - 1)), widths)
    try:
        D = fields.matrix_field(equation.given.D, cloud, "D")[k, k]
    except (ValueError, TypeError, IndexError):
        return np.full(points.shape[1:], np.inf)  # a function for the cells of the grid alone
    return np.asarray(D, dtype=float).reshape(points.shape[1:])


def _classified(equation: Inside, at: Any, lower: Any) -> InnerZero:
    """What passes a point of a line at which the noise vanishes."""
    at, lower = float(at), int(lower)
    kinds, gathers, flows = [], False, []
    for sign in (-1.0, 1.0):
        found = _beside(equation, at, lower, sign)
        if found is None:
            return InnerZero(0, at, lower, "open")  # values that follow no power law tell nothing
        d, b, a = found
        if not ((a > 0).all() and np.isfinite(b).all()):
            return InnerZero(0, at, lower, "mixed")
        q = float(np.log(a[1] / a[0]) / np.log(d[1] / d[0]))
        p = float(sign * b[0] * d[0] / a[0])
        kinds.append(_side(p, q, sign * b, d))
        gathers |= not 1 + p - q > ZERO
        flows.append(float(-sign * b[0] + (a[0] / d[0] if q < 1 + SNAP else 0.0)))
    arrives = [kind == "arrives" for kind in kinds]
    if kinds == ["open", "open"]:
        return InnerZero(0, at, lower, "open")
    if all(arrives) or (any(arrives) and "closed" in kinds):
        return InnerZero(0, at, lower, "sticky", True)
    if any(arrives):
        kind = "upwards" if arrives[0] else "downwards"
        return InnerZero(0, at, lower, kind, False, max(flows[0 if arrives[0] else 1], 0.0))
    return InnerZero(0, at, lower, "mixed" if "open" in kinds else "barrier", gathers)


def _beside(
    equation: Inside, at: float, lower: int, sign: float
) -> tuple[Array, Array, Array] | None:
    """Two distances from a zero on one of its sides, and drift and noise there; None if unknown."""
    grid, medium = equation.grid, Medium(equation)
    h = float(grid.widths[0].min())
    least = max(NEAR * h, CLEARANCE * float(np.spacing(abs(at))))
    x = at + sign * np.array([1.0, 4.0]) * least
    d = np.abs(x - at)
    if medium.knows_D and medium.knows_drift:
        lines = Lines(0, (np.zeros(1, int),), np.zeros((1, 1, grid.size)))
        cell = np.clip(np.searchsorted(grid.faces[0], x) - 1, 0, grid.size - 1)
        try:
            with np.errstate(all="ignore"):
                (b,), (a,) = medium.along(lines, x, cell)
        except (ValueError, TypeError, IndexError):
            pass  # a function for the cells of the grid alone: its values there have to tell
        else:
            return d, b, a
    # A power law of the noise and a straight line of the drift through the cells on this side.
    n, centers, step = grid.size, grid.centers[0], int(sign)
    first = lower if sign < 0 else lower + 1
    first += step if 0 <= first < n and centers[first] == at else 0
    cells = first + step * np.arange(3)
    if cells.min() < 0 or cells.max() >= n:
        return None
    near, noise, drift = np.abs(centers[cells] - at), equation.D[0, 0][cells], equation.drift[0]
    if not (noise > 0).all():
        return None
    powers = np.diff(np.log(noise)) / np.diff(np.log(near))
    q = float(np.round(powers[0]))
    if not (np.abs(powers - q) < SNAP).all() or q < 1:
        return None
    slope = (drift[cells[1]] - drift[cells[0]]) / (near[1] - near[0])
    at_zero = drift[lower] if centers[lower] == at else drift[cells[0]] - slope * near[0]
    return d, at_zero + slope * d, equation.kT * noise[0] * (d / near[0]) ** q


def _side(p: float, q: float, inward: Array, d: Array) -> str:
    """What a side of a zero does: "arrives", "open" (regular), "away" or "closed" (no density)."""
    if abs(p) > ESSENTIAL:
        if p > 0:
            return "away"
        power = np.log(inward[1] / inward[0]) / np.log(d[1] / d[0])
        return "arrives" if power < SLOW else "closed"
    al, sg = 1 + p - q, 1 - p
    if al > ZERO:
        return "open" if sg > ZERO else "away"
    return "arrives" if sg > ZERO and al + sg > ZERO else "closed"
