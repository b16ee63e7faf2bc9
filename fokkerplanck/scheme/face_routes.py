"""Currents along oblique edges, sent through the faces of the cells."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Integers
from fokkerplanck.scheme.currents import edge_offsets
from fokkerplanck.scheme.edges import Edges


def staircases(edges: Edges, lower: Integers, axis: Integers) -> sparse.csr_array:
    """Matrix (n_faces, n_edges) that sends currents along edges through faces.

    Each oblique edge goes along its two axis-parallel routes (the order of the axes and its
    reverse), half along each: in every cell the balance of face currents is that of edge currents.

    Parameters
    ----------
    edges : Edges
    lower, axis : int arrays (n_faces,)
        Lower cell of every face, and the axis that it is across.
    """
    grid = edges.grid
    d, offset = grid.dim, edge_offsets(edges)
    faces = np.arange(lower.size)
    face_above = np.full((d, grid.size), -1)
    face_above[axis, lower] = faces
    rows, columns, values = [], [], []
    for order in (range(d), range(d - 1, -1, -1)):
        place = np.stack(np.unravel_index(edges.tail, grid.shape))
        for k in order:
            for m in range(int(np.abs(offset[:, k]).max())):
                moving = np.flatnonzero(np.abs(offset[:, k]) > m)
                sign = np.sign(offset[moving, k])
                here = place[:, moving]
                there = here.copy()
                there[k] = (there[k] + sign) % grid.shape[k]
                below = np.where(sign > 0, here, there)
                rows.append(face_above[k, np.ravel_multi_index(tuple(below), grid.shape)])
                columns.append(moving)
                values.append(0.5 * sign)
                place[:, moving] = there
    where = np.concatenate(rows), np.concatenate(columns)
    shape = (len(faces), len(edges.tail))
    return sparse.csr_array((np.concatenate(values), where), shape=shape)
