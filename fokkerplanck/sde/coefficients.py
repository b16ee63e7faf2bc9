"""Ito drift and noise matrix of a problem, at any points or as arrays on its grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.calculus import symmetric_root
from fokkerplanck.equation.medium import Cloud, ito_drift
from fokkerplanck.equation.problem import Problem


def root(D: Array) -> Array:
    r"""Symmetric square root of D (d, d, \*shape) >= 0, also where D is singular."""
    d = len(D)
    if d == 1:
        return np.sqrt(np.maximum(D, 0))
    if d > 2:
        return symmetric_root(D)
    # By Cayley and Hamilton: sqrt(D) = (D + sqrt(det D)) / sqrt(tr D + 2 sqrt(det D)).
    det = np.sqrt(np.maximum(D[0, 0] * D[1, 1] - D[0, 1] * D[1, 0], 0))
    scale = np.sqrt(np.maximum(D[0, 0] + D[1, 1] + 2 * det, np.finfo(float).tiny))
    R = np.array(D)
    R[0, 0] += det
    R[1, 1] += det
    return R / scale


def unknown_between_cells(problem: Problem) -> list[str]:
    """Names of what was given as arrays, and is known at the cell centres only."""
    known = ("D", "sigma") if problem.D_constant else ()
    return [name for name in problem.given.arrays(problem.grid.shape) if name not in known]


class Callables:
    r"""Drift and noise matrix :math:`s=\sqrt{2T}D^{1/2}` by the problem's own functions.

    Points outside of the box count as the nearest ones in it; where a derivative has to be found by
    differences, as the nearest one whose neighbours are in the box.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, grid = problem, problem.grid
        self.constant_noise = problem.D_constant
        given = problem.given
        differences = given.Phi is not None
        differences |= given.f is not None and given.grad_f is None
        differences |= given.langevin is not None and given.langevin.grad_U is None
        differences |= problem.calculus != "ito" and not problem.D_constant
        self._widths = tuple(np.array([w.min()]) for w in grid.widths)
        margin = 2 * fields.STEP if differences else 0.0
        self._box = [
            (lo, hi) if wraps else (lo + margin * w[0], hi - margin * w[-1])
            for (lo, hi), wraps, w in zip(grid.box, grid.periodic, grid.widths, strict=True)
        ]
        if self.constant_noise:
            D = problem.D[fields.at((slice(1),) * grid.dim)].reshape(grid.dim, grid.dim, 1)
            self._root = np.sqrt(2 * problem.kT) * root(D)

    def _cloud(self, x: Array, box: Sequence[tuple[float, float]]) -> Cloud:
        points = np.empty_like(x)
        for k, ((lo, hi), wraps) in enumerate(zip(box, self.problem.grid.periodic, strict=True)):
            points[k] = lo + np.mod(x[k] - lo, hi - lo) if wraps else np.clip(x[k], lo, hi)
        points = points.reshape(x.shape + (1,) * (len(x) - 1))
        return Cloud(points, self._widths)

    def root(self, x: Array) -> Array:
        """Noise matrix s at the points x (d, n), (d, d, n)."""
        if self.constant_noise:
            return self._root
        cloud = self._cloud(x, self.problem.grid.box)
        D = fields.matrix_field(self.problem.given.D, cloud, "D")
        return np.sqrt(2 * self.problem.kT) * root(D.reshape(len(x), len(x), -1))

    def drift(self, x: Array) -> Array:
        """Ito drift b at the points x (d, n), (d, n)."""
        return ito_drift(self.problem, self._cloud(x, self._box))


def tabulated(problem: Problem) -> tuple[Array, Array, Integers]:
    """Drift and noise matrix as one array with a layer of ghost cells, for the kernel.

    Returns
    -------
    table : array, shape (prod(n + 2), d + d^2)
        Per node the drift, then the rows of s.
    nodes : array, shape (d, max(n) + 2)
        Centres along each axis, the last ones repeated.
    counts : array of int, shape (d,)
    """
    grid, d = problem.grid, problem.grid.dim
    s = np.sqrt(2 * problem.kT) * root(problem.D)
    values = np.concatenate([problem.drift, s.reshape(d * d, *grid.shape)])
    counts = np.array(grid.shape, dtype=np.int64) + 2
    nodes = np.empty((d, counts.max()))
    for k, (centers, (lo, hi), wraps) in enumerate(
        zip(grid.centers, grid.box, grid.periodic, strict=True)
    ):
        first, second, last, before = (np.take(values, [i], axis=k + 1) for i in (0, 1, -1, -2))
        if wraps:
            ends, outer = (last, first), (centers[-1] - (hi - lo), centers[0] + (hi - lo))
        else:
            # Straight on through the half cell before the wall.
            ends = 2 * first - second, 2 * last - before
            outer = 2 * centers[0] - centers[1], 2 * centers[-1] - centers[-2]
        values = np.concatenate([ends[0], values, ends[1]], axis=k + 1)
        nodes[k] = outer[1]
        nodes[k, : counts[k] - 1] = np.concatenate([outer[:1], centers])
    table = np.ascontiguousarray(np.moveaxis(values, 0, -1).reshape(-1, d + d * d))
    return table, nodes, counts
