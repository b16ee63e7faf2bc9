"""Level sets of a function on a 3D grid, by marching tetrahedra: triangles for `isosurface`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from fokkerplanck.domain.types import Array

#: The six tetrahedra of a cube, each a path of edges from corner 000 to corner 111 (Kuhn). Cubes
#: side by side cut their common face the same way, so that surfaces have no cracks.
PATHS = [
    np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(order)]], axis=0)
    for order in permutations(range(3))
]


def level_triangles(centers: Sequence[Array], u: Array, level: float) -> Array:
    """Triangles of the set u = level, linear on tetrahedra between the cell centres.

    Parameters
    ----------
    centers : three arrays
        Places along the axes.
    u : array (nx, ny, nz)
    level : float

    Returns
    -------
    array (n, 3, 3)
        n triangles of 3 corners; seen from the side where u is larger, they run clockwise.
    """
    places = np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1)
    found = [np.empty((0, 3, 3))]
    for path in PATHS:
        corners = [
            tuple(slice(o, n - 1 + o) for o, n in zip(c, u.shape, strict=True)) for c in path
        ]
        values = np.stack([u[c].ravel() for c in corners], axis=-1) - level
        crossed = (values.min(axis=1) < 0) & (values.max(axis=1) >= 0)
        points = np.stack([places[c].reshape(-1, 3)[crossed] for c in corners], axis=1)
        found += _cut(points, values[crossed])
    triangles = np.concatenate(found)
    sides = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return triangles[np.linalg.norm(sides, axis=1) > 0]


def _cut(points: Array, values: Array) -> list[Array]:
    """Triangles of tetrahedra (n, 4, 3) whose corner values (n, 4) change sign."""
    order = np.argsort(values, axis=1, kind="stable")
    points = np.take_along_axis(points, order[..., None], axis=1)
    values = np.take_along_axis(values, order, axis=1)
    below = (values < 0).sum(axis=1)
    triangles = []
    for count, edges in (
        (1, [(0, 1), (0, 2), (0, 3)]), (3, [(0, 3), (1, 3), (2, 3)]),
        (2, [(0, 2), (0, 3), (1, 3), (1, 2)]),
    ):  # fmt: skip
        p, v = points[below == count], values[below == count]
        ring = np.stack([_crossing(p, v, i, k) for i, k in edges], axis=1)
        triangles += [ring[:, [0, k, k + 1]] for k in range(1, len(edges) - 1)]
        # The corners of each triangle are ordered so that its normal points down the slope.
        up = p[:, 3] - p[:, 0]
        for k in range(-(len(edges) - 2), 0):
            triangles[k] = _turned(triangles[k], up)
    return triangles


def _crossing(points: Array, values: Array, i: int, k: int) -> Array:
    """Where the edge from corner i to corner k crosses zero."""
    share = values[:, i] / (values[:, i] - values[:, k])
    return points[:, i] + share[:, None] * (points[:, k] - points[:, i])


def _turned(triangles: Array, up: Array) -> Array:
    """Triangles whose normals point against `up`."""
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    wrong = np.sum(normal * up, axis=1) > 0
    triangles = triangles.copy()
    triangles[wrong] = triangles[wrong][:, ::-1]
    return triangles
