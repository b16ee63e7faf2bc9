"""Random points of a density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.distributions.checks import (
    Atoms,
    at_wall,
    atoms_of,
    chances,
    frames,
    with_mass,
    without_atoms,
)
from fokkerplanck.distributions.interpolation import Line, Stencil, parabola
from fokkerplanck.domain.arguments import describe, one_of, whole_number
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Integers

#: Points that are drawn from the interpolant at once.
CHUNK = 2**18


def sample(
    rho: ArrayLike,
    grid: Grid,
    n: int,
    rng: int | np.random.Generator = 0,
    *,
    within: str = "uniform",
    atoms: Atoms | None = None,
) -> Any:
    r"""Independent points :math:`x\sim\rho/\int\rho\,dx`: a cell by its mass, a point in the cell.

    Parameters
    ----------
    rho : array, shape (..., \*shape)
        Density >= 0, or several of them.
    grid : Grid
    n : int
        Points of each density.
    rng : int or numpy.random.Generator
        Seed, or a generator, which goes on from where it is.
    within : {"uniform", "interpolant"}
        How points lie in a cell: evenly, or as the positive interpolant of `at`.
    atoms : dict of arrays by `Side`, optional
        Mass that sits on walls, of the cells along them; such points lie on the wall.

    Returns
    -------
    array, shape (..., n, d)
        Length.

    Raises
    ------
    ValueError
        If rho does not fit the grid, is negative, not finite or without mass, or n is no whole
        number.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 64)
    >>> points = fp.sample(fp.gaussian(grid, (1, 0), 0.25), grid, 10_000, rng=1)
    >>> points.shape, bool(abs(points.mean(axis=0) - [1, 0]).max() < 0.03)
    ((10000, 2), True)
    """
    rho = with_mass(rho, grid)
    n = whole_number(n, "n", 0)
    one_of(within, "within", ("uniform", "interpolant"))
    random = _generator(rng)
    all_frames = frames(rho, grid)
    out = np.empty((len(all_frames), n, grid.dim))
    for frame, p, points in zip(all_frames, chances(rho, grid), out, strict=True):
        held = atoms_of(atoms, frame, grid)
        total = np.cumsum(p)
        flat = np.searchsorted(total, random.random(n) * total[-1], side="right")
        cells = np.stack(np.unravel_index(flat, grid.shape), axis=1)
        if within == "uniform":
            for k, (F, w) in enumerate(zip(grid.faces, grid.widths, strict=True)):
                i = cells[:, k]
                points[:, k] = F[i] + w[i] * random.random(n)
        else:
            rest = without_atoms(frame, grid, held)
            _from_interpolant(points, rest, grid, cells, random)
        for side, mass in held.items():
            wall = at_wall(side, grid)
            share = np.zeros(grid.shape)
            share[wall] = mass / np.maximum(frame[wall] * grid.volumes[wall], 1e-300)
            on = random.random(n) < share.ravel()[flat]
            points[on, side.axis] = grid.box[side.axis][0 if side.end == "lower" else 1]
    return out.reshape(*rho.shape[: rho.ndim - grid.dim], n, grid.dim)


def _generator(rng: Any) -> np.random.Generator:
    """Random generator of a seed, or the one that was given."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (bool, np.bool_)) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(
            f"rng is {describe(rng)}; give a seed, a whole number >= 0, or a numpy.random.Generator"
        )
    return np.random.default_rng(int(rng))


def _from_interpolant(
    points: Array, rho: Array, grid: Grid, cells: Integers, random: np.random.Generator
) -> None:
    """Fill points (m, d) in cells (m, d) by the density of the interpolant there.

    The last coordinate by the parabola of its row, which is the marginal of the cell; then, at this
    value, the one before by the parabola across, and so on.
    """
    stencil = Stencil.of(grid)
    step = max(1, CHUNK // stencil.size * 5)
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        here = cells[part]
        v = stencil.windows(rho, here)
        for k in reversed(range(grid.dim)):
            line, i = stencil.lines[k], here[:, k]
            rows = v.reshape(len(here), -1, v.shape[-1])
            knots = line.parabolas(rows, i)
            middle = _middle(stencil.lines[:k], here)
            mine = [np.take_along_axis(u, middle[:, None], axis=1)[:, 0] for u in knots]
            s = _rejection(mine, random)
            v = parabola(*knots, s[:, None]).reshape(v.shape[:-1])
            points[part, k] = line.faces[i] + line.widths[i] * s


def _middle(lines: tuple[Line, ...], cells: Integers) -> Integers:
    """Place (m,) of the cell itself among the rows of its window over some axes."""
    place = np.zeros(len(cells), np.int64)
    for k, line in enumerate(lines):
        place = place * line.window.shape[1] + line.own[cells[:, k]]
    return place


def _rejection(knots: list[Array], random: np.random.Generator) -> Array:
    """Numbers (m,) in [0, 1) by the densities of parabolas."""
    lower, mean, upper = knots
    bound = np.maximum(lower, upper) + 1.5 * np.maximum(mean - 0.5 * (lower + upper), 0.0)
    s, left = np.empty(mean.shape), np.arange(mean.size)
    left_out = bound <= 0  # an atom that is all of its cell: any place will do
    s[left_out] = random.random(np.count_nonzero(left_out))
    left = left[~left_out]
    while left.size:
        tries = random.random(left.size)
        s[left] = tries
        density = parabola(lower[left], mean[left], upper[left], tries)
        left = left[random.random(left.size) * bound[left] >= density]
    return s
