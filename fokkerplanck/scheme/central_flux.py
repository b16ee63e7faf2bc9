r"""The nine-point flux for the density itself: linear, central, second order for any anisotropy.

On the face between cells x and y along axis d, in index units,

.. math:: J_f = v_f\,\overline{\rho} - D_{dd}(\rho_y-\rho_x)
          - \sum_{t\ne d}\overline{D_{dt}\,G_t\rho},

the flux of ``nine_point`` without its logarithm. Next to a reflecting wall the normal slope in the
cross terms is closed by the vanishing of the current through the wall. Mass is exact; the matrix is
no M-matrix, and densities may become negative where the grid does not resolve them.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fokkerplanck.scheme.nine_point import NinePoint, cell_widths, index_units


class CentralFlux:
    r"""Mass currents through the faces of a problem's grid, and their balance.

    Parameters
    ----------
    problem : Problem
        Without absorbing sides.

    Attributes
    ----------
    lower, upper : int arrays (n_faces,)
        Cells on both sides of every face.
    axis : int array (n_faces,)
        Axis that every face is across.
    currents : sparse matrix (n_faces, n)
        From masses to mass currents, lower to upper, mass/time.
    matrix : sparse matrix (n, n)
        :math:`\dot p=Hp` of masses; columns sum to zero.

    Raises
    ------
    ValueError
        For absorbing sides.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.central_flux import CentralFlux
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 16)
    >>> flux = CentralFlux(fp.Problem(grid, f=lambda x, y: x**2 + y**2, D=[[1, 0.9], [0.9, 1]]))
    >>> bool(abs(flux.matrix.sum(axis=0)).max() < 1e-12)
    True
    """

    def __init__(self, problem):
        grid = problem.grid
        if grid.has_absorbing_sides:
            raise ValueError(
                "the nine-point flux is for reflecting and periodic sides, and this grid has "
                "absorbing ones; use Implicit() or Exponential()"
            )
        if problem.walls:
            raise ValueError(
                "the nine-point flux does not know walls where D vanishes or the drift is singular "
                f"({'; '.join(wall.words for wall in problem.walls)}); use Implicit() or "
                "Exponential()"
            )
        D, v = index_units(problem)
        scheme = NinePoint(grid, D, np.zeros_like(v))
        self.lower, self.upper, self.axis = scheme.lower, scheme.upper, scheme.axis
        n, m = grid.size, len(scheme.lower)
        faces, width = np.arange(m), cell_widths(grid)
        lower = width[scheme.axis, scheme.lower]
        upper = width[scheme.axis, scheme.upper]
        distance = 0.5 * (lower + upper)
        near = 0.5 * upper / distance  # weight of the lower cell
        drift = near * v[scheme.axis, scheme.lower] * lower
        drift = (drift + (1 - near) * v[scheme.axis, scheme.upper] * upper) / distance
        rows, columns = np.concatenate([faces, faces]), np.concatenate([self.lower, self.upper])
        values = np.concatenate([drift * near, drift * (1 - near)])
        flux = sparse.csr_array((values, (rows, columns)), shape=(m, n)) - scheme.slope
        walls = _wall_terms(grid, D, v, scheme)
        flux = flux if walls is None else flux - walls
        volume = grid.volumes.ravel()
        # In index units a flux is density times distance over time; across a face of this area:
        area = volume[self.lower] / lower
        flux = sparse.diags_array(area * distance) @ flux @ sparse.diags_array(1 / volume)
        self.currents = sparse.csr_array(flux)
        signs = np.concatenate([-np.ones(m), np.ones(m)])
        balance = sparse.csr_array((signs, (columns, rows)), shape=(n, m))
        self.matrix = sparse.csr_array(balance @ self.currents)


def _wall_terms(grid, D, v, scheme):
    """What the closure n.J = 0 adds to the cross terms: slopes v_t rho / D_tt at walls, or None."""
    d, n = grid.dim, grid.size
    if not any(D[i, k].any() for i in range(d) for k in range(i)):
        return None
    cells = np.arange(n).reshape(grid.shape)
    slopes = []
    for t in range(d):
        slope = sparse.csr_array((n, n))
        for side in () if grid.periodic[t] else (0, -1):
            wall = np.take(cells, side, axis=t).ravel()
            inner = np.take(cells, 1 if side == 0 else -2, axis=t).ravel()
            for row, weight in ((wall, 0.75), (inner, -0.25)):
                noise = D[t, t, row]
                free = np.divide(v[t, row], noise, out=np.zeros_like(noise), where=noise > 0)
                slope = slope + sparse.csr_array((weight * free, (wall, row)), shape=(n, n))
        slopes.append(sparse.csr_array(slope))
    parts = []
    for k in range(d):
        mine = scheme.axis == k
        part = sparse.csr_array((int(mine.sum()), n))
        for t in range(d):
            if t == k or not D[k, t].any():
                continue
            for x in (scheme.lower[mine], scheme.upper[mine]):
                part = part + sparse.diags_array(0.5 * D[k, t, x]) @ slopes[t][x]
        parts.append(part)
    return sparse.csr_array(sparse.vstack(parts))
